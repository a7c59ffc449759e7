/*
 * media_opus.h - Opus by libopus: 48 kHz stereo, 16-bit interleaved samples, 20 ms packets out, any
 * packet in.
 */
#ifndef RTCKIT_MEDIA_MEDIA_OPUS_H
#define RTCKIT_MEDIA_MEDIA_OPUS_H

#include "media/media.h"

enum {
	MEDIA_OPUS_PACKET_MAX = 1275, /* octets; RFC 6716 s.3.2.1 */
	MEDIA_OPUS_FRAME_MAX = 5760,  /* samples of 120 ms, the longest packet */
	MEDIA_OPUS_HEAD_SIZE = 19     /* octets of media_opus_head */
};

/* RFC 7845 s.5.1: the identification header of what comes by RTP; no pre-skip, since a recording
 * joins in the middle. */
extern const uint8_t media_opus_head[MEDIA_OPUS_HEAD_SIZE];

struct media_opus_encoder;
struct media_opus_encoder *media_opus_encoder_new(unsigned bitrate_bps); /* NULL without memory */
void media_opus_encoder_free(struct media_opus_encoder *e);
/* MEDIA_AUDIO_FRAME samples per channel into one packet. Its octets or -EINVAL. */
int media_opus_encode(struct media_opus_encoder *e, const int16_t *pcm,
		      uint8_t out[static MEDIA_OPUS_PACKET_MAX]);

struct media_opus_decoder;
struct media_opus_decoder *media_opus_decoder_new(void);
void media_opus_decoder_free(struct media_opus_decoder *d);
/* One packet into out (room for MEDIA_OPUS_FRAME_MAX stereo samples). Samples per channel,
 * -EBADMSG. */
int media_opus_decode(struct media_opus_decoder *d, const uint8_t *packet, size_t size,
		      int16_t *out);

/* Samples (at 48 kHz) of a packet by its TOC and frame count (RFC 6716 s.3.1, 3.2), -EBADMSG. */
int media_opus_samples(const uint8_t *packet, size_t size);

#endif
