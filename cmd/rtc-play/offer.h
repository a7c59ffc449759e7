/* offer.h - which video codecs are asked for: those that were named, and that the container holds.
 */
#ifndef RTC_PLAY_OFFER_H
#define RTC_PLAY_OFFER_H

#include <stdbool.h>
#include <stddef.h>

#include "payload/payload.h"
#include "sdp/sdp_negotiate.h"

enum { OFFER_CODECS_MAX = 16 };

struct offer {
	const char *path, *format;	     /* of the recording; path NULL: there is none */
	bool codecs[PAYLOAD_CODECS], chosen; /* chosen: by name */
};

/* "vp9,av1". 0, or -EINVAL: it was logged. */
int offer_choose(struct offer *o, const char *list);
/* A codec that was named and cannot be written: -EINVAL, it was logged. */
int offer_check(const struct offer *o);
/* The codecs to offer. If none is left (a file of sound alone), all. Their count. */
size_t offer_codecs(const struct offer *o, struct sdp_codec video[static OFFER_CODECS_MAX]);
/* The names of those, if some are left out: "VP8, VP9". Returns text; "" if all are offered. */
char *offer_names(const struct offer *o, char *text, size_t size);

#endif
