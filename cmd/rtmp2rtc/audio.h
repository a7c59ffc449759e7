/*
 * audio.h - a source's audio into RTP: AAC as it is (RFC 3640) for players of RTMP, FLV and HLS,
 * and an Opus twin for WebRTC, which is made only while somebody wants it. Opus goes through.
 */
#ifndef RTMP2RTC_AUDIO_H
#define RTMP2RTC_AUDIO_H

#include "aac/aac.h"
#include "flv/flv.h"
#include "media/media_audio.h"
#include "link/link_track.h"

enum { AUDIO_AAC_PT = 97, AUDIO_OPUS_PT = 111 };

struct audio {
	enum flv_codec codec; /* FLV_CODEC_NONE until it is known */
	uint8_t config[AAC_CONFIG_MAX];
	size_t config_size;
	struct aac_config aac;
	uint32_t rate_hz;
	uint8_t channel_count;
	unsigned opus_bps;

	struct link_track original; /* AAC */
	bool has_next;		    /* the next unit's time is expected to be */
	uint32_t next_ts;

	struct link_track opus;
	bool wanted, jump;
	struct media_audio *encoder; /* NULL while not wanted */
	int64_t last_us;	     /* never goes back */
	uint64_t now_us;
	uint64_t frames;
};

void audio_init(struct audio *a, unsigned opus_bps);
void audio_fini(struct audio *a);
/* What a body says of the codec: 1 it is new, 0 as before, -EBADMSG, -ENOMSG (not carried). */
int audio_configure(struct audio *a, const struct flv_audio *body);
void audio_want(struct audio *a, bool wanted);
/* A frame at time_us on the timeline. */
int audio_frame(struct audio *a, const struct flv_audio *body, int64_t time_us, uint64_t now_us);

#endif
