/*
 * media_audio.h - coded audio of a stream, packet by packet, into Opus: 48 kHz stereo, 20 ms,
 * in-band FEC.
 */
#ifndef RTCKIT_MEDIA_MEDIA_AUDIO_H
#define RTCKIT_MEDIA_MEDIA_AUDIO_H

#include "media/media.h"

enum media_audio_codec { MEDIA_AAC, MEDIA_MP3, MEDIA_PCMA, MEDIA_PCMU };

struct media_audio_config {
	enum media_audio_codec codec;
	const uint8_t *config; /* AudioSpecificConfig of AAC, else NULL; copied */
	size_t config_size;
	unsigned rate_hz, channel_count; /* of PCMA and PCMU */
	unsigned opus_bps;
};

struct media_audio;
/* emit gets Opus packets; its time_us counts like that of media_audio_push(). NULL with *words. */
struct media_audio *media_audio_new(const struct media_audio_config *config, media_emit_fn *emit,
				    void *arg, struct media_words *words);
void media_audio_free(struct media_audio *a);
/* One packet. Damaged ones are skipped. 0, -ENOMEM, or what emit returned. */
int media_audio_push(struct media_audio *a, const uint8_t *data, size_t size, int64_t time_us);

#endif
