/* media_layers.c - the encoders of simulcast layers. */
#include "media/media_ff.h"

#include <errno.h>

enum { SIDE_MIN = 32 };

/* The share of a layer: 1, 1/3, 1/9 ... of the largest's. */
static unsigned
share_of(unsigned total, unsigned layer, unsigned count)
{
	double weight = 1, sum = 0, mine = 0;

	for (unsigned i = 0; i < count; i++, weight /= 3) {
		sum += weight;
		mine = i == layer ? weight : mine;
	}
	return (unsigned)(total * mine / sum);
}

int
media_layers_open(struct media_layers *l, const struct media_encoder_config *config, unsigned count,
		  struct media_words *words)
{
	*l = (struct media_layers){.count = count > 0 ? count : 1};
	if (l->count > MEDIA_LAYERS_MAX || (config->height >> (l->count - 1)) < SIDE_MIN ||
	    (config->width >> (l->count - 1)) < SIDE_MIN) {
		l->count = 0;
		return media_fail(words, -EINVAL, "%ux%u is too small for %u layers", config->width,
				  config->height, count);
	}
	for (unsigned i = 0; i < l->count; i++) {
		struct media_encoder_config c = *config;

		c.width = (config->width >> i) & ~1u;
		c.height = (config->height >> i) & ~1u;
		c.bitrate_bps = share_of(config->bitrate_bps, i, l->count);
		l->encoders[i] = media_encoder_new(&c, words);
		if (l->encoders[i] == NULL) {
			media_layers_close(l);
			return -EIO;
		}
	}
	return 0;
}

void
media_layers_close(struct media_layers *l)
{
	for (unsigned i = 0; i < l->count; i++)
		media_encoder_free(l->encoders[i]);
	*l = (struct media_layers){0};
}

void
media_layers_bitrate(struct media_layers *l, unsigned bitrate_bps)
{
	for (unsigned i = 0; i < l->count; i++)
		(void)media_encoder_bitrate(l->encoders[i], share_of(bitrate_bps, i, l->count));
}
