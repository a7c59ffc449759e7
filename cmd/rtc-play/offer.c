#include "offer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "log/log.h"
#include "media/media_writer.h"

int
offer_choose(struct offer *o, const char *list)
{
	char name[16];

	o->chosen = true;
	while (*list != '\0') {
		size_t n = strcspn(list, ",");
		enum payload_codec codec;

		snprintf(name, sizeof(name), "%.*s", (int)MIN_OF(n, sizeof(name) - 1), list);
		codec = payload_codec_of(name);
		if (codec == PAYLOAD_NONE) {
			log_error("options", "--codec wants names of h264, h265, vp8, vp9, av1, "
					     "with commas between them");
			return -EINVAL;
		}
		o->codecs[codec] = true;
		list += n + (list[n] == ',');
	}
	return 0;
}

int
offer_check(const struct offer *o)
{
	for (unsigned i = PAYLOAD_NONE + 1; i < PAYLOAD_CODECS && o->path != NULL; i++) {
		if (!o->codecs[i] || media_writer_takes(o->path, o->format, i))
			continue;
		log_error("options", "%s does not hold %s (mkv does)",
			  o->format != NULL ? o->format : o->path, payload_name(i));
		return -EINVAL;
	}
	return 0;
}

static bool
is_wanted(const struct offer *o, enum payload_codec codec)
{
	if (codec == PAYLOAD_NONE || (o->chosen && !o->codecs[codec]))
		return false;
	return o->path == NULL || media_writer_takes(o->path, o->format, codec);
}

size_t
offer_codecs(const struct offer *o, struct sdp_codec video[static OFFER_CODECS_MAX])
{
	size_t all = sdp_default_codecs(SDP_VIDEO, true, video, OFFER_CODECS_MAX), count = 0;

	for (size_t i = 0; i < all; i++)
		if (is_wanted(o, payload_codec_of(video[i].name)))
			video[count++] = video[i];
	return count > 0 ? count : sdp_default_codecs(SDP_VIDEO, true, video, OFFER_CODECS_MAX);
}

char *
offer_names(const struct offer *o, char *text, size_t size)
{
	size_t used = 0;
	bool all = true;

	text[0] = '\0';
	for (unsigned i = PAYLOAD_NONE + 1; i < PAYLOAD_CODECS; i++) {
		all &= is_wanted(o, i);
		if (is_wanted(o, i) && used < size)
			used += (size_t)snprintf(text + used, size - used, "%s%s",
						 used > 0 ? ", " : "", payload_name(i));
	}
	if (all)
		text[0] = '\0';
	return text;
}
