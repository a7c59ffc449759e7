#include "media/media_opus.h"

#include <errno.h>
#include <opus.h>
#include <stdlib.h>

enum { EXPECTED_LOSS_PERCENT = 2 }; /* what in-band FEC is spent for */

const uint8_t media_opus_head[MEDIA_OPUS_HEAD_SIZE] = {
    'O', 'p', 'u',  's',  'H', 'e', 'a', 'd', 1, MEDIA_AUDIO_CHANNELS,
    0,	 0,   0x80, 0xbb, 0,   0,   0,	 0,   0};

/* The structures are libopus's own under our name. */
static OpusEncoder *
encoder_of(struct media_opus_encoder *e)
{
	return (OpusEncoder *)e;
}

static OpusDecoder *
decoder_of(struct media_opus_decoder *d)
{
	return (OpusDecoder *)d;
}

struct media_opus_encoder *
media_opus_encoder_new(unsigned bitrate_bps)
{
	OpusEncoder *e = opus_encoder_create(MEDIA_AUDIO_RATE, MEDIA_AUDIO_CHANNELS,
					     OPUS_APPLICATION_AUDIO, NULL);

	if (e != NULL) {
		opus_encoder_ctl(e, OPUS_SET_BITRATE((opus_int32)bitrate_bps));
		opus_encoder_ctl(e, OPUS_SET_INBAND_FEC(1));
		opus_encoder_ctl(e, OPUS_SET_PACKET_LOSS_PERC(EXPECTED_LOSS_PERCENT));
	}
	return (struct media_opus_encoder *)e;
}

void
media_opus_encoder_free(struct media_opus_encoder *e)
{
	if (e != NULL)
		opus_encoder_destroy(encoder_of(e));
}

int
media_opus_encode(struct media_opus_encoder *e, const int16_t *pcm,
		  uint8_t out[static MEDIA_OPUS_PACKET_MAX])
{
	int n = opus_encode(encoder_of(e), pcm, MEDIA_AUDIO_FRAME, out, MEDIA_OPUS_PACKET_MAX);

	return n > 0 ? n : -EINVAL;
}

struct media_opus_decoder *
media_opus_decoder_new(void)
{
	return (struct media_opus_decoder *)opus_decoder_create(MEDIA_AUDIO_RATE,
								MEDIA_AUDIO_CHANNELS, NULL);
}

void
media_opus_decoder_free(struct media_opus_decoder *d)
{
	if (d != NULL)
		opus_decoder_destroy(decoder_of(d));
}

int
media_opus_decode(struct media_opus_decoder *d, const uint8_t *packet, size_t size, int16_t *out)
{
	int n;

	if (media_opus_samples(packet, size) < 0)
		return -EBADMSG;
	n = opus_decode(decoder_of(d), packet, (opus_int32)size, out, MEDIA_OPUS_FRAME_MAX, 0);
	return n > 0 ? n : -EBADMSG;
}

int
media_opus_samples(const uint8_t *packet, size_t size)
{
	int n;

	if (size == 0 || size > INT32_MAX)
		return -EBADMSG;
	n = opus_packet_get_nb_samples(packet, (opus_int32)size, MEDIA_AUDIO_RATE);
	return n > 0 && n <= MEDIA_OPUS_FRAME_MAX ? n : -EBADMSG;
}
