/* hls_playlist.c - the text of a media playlist (RFC 8216 s.4.3). */
#include "hls/hls.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "base/bytes.h"

/* Protocol versions (RFC 8216 s.7): 3 has EXTINF with a fraction, 6 EXT-X-MAP; 7 is what fragmented
 * MP4 is commonly announced with. */
enum { VERSION_TS = 3, VERSION_MAP = 7, SECOND_US = 1000000 };

struct out {
	char *text;
	size_t used, cap;
};

static void put(struct out *o, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void
put(struct out *o, const char *format, ...)
{
	va_list args;
	int n;

	if (o->used >= o->cap)
		return;
	va_start(args, format);
	n = vsnprintf(o->text + o->used, o->cap - o->used, format, args);
	va_end(args);
	o->used += n > 0 ? (size_t)n : 0;
}

static void
put_wall(struct out *o, int64_t wall_us)
{
	time_t s = (time_t)(wall_us / SECOND_US);
	struct tm tm;

	gmtime_r(&s, &tm);
	put(o, "#EXT-X-PROGRAM-DATE-TIME:%04d-%02d-%02dT%02d:%02d:%02d.%03dZ\n", tm.tm_year + 1900,
	    tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
	    (int)(wall_us % SECOND_US / 1000));
}

static void
put_segment(struct out *o, const struct hls_segment *s, const struct piece *map,
	    const struct hls_names *n)
{
	if (s->discontinuity)
		put(o, "#EXT-X-DISCONTINUITY\n");
	if (s->map != map)
		put(o, "#EXT-X-MAP:URI=\"%s%" PRIu64 "%s\"\n", n->map, s->map->number, n->map_end);
	put_wall(o, s->wall_us);
	put(o, "#EXTINF:%" PRId64 ".%03d,\n%s%" PRIu64 "%s\n", s->duration_us / SECOND_US,
	    (int)(s->duration_us % SECOND_US / 1000), n->segment, s->number, n->segment_end);
}

int
hls_playlist(struct hls *h, char text[static HLS_PLAYLIST_SIZE], const struct hls_names *names)
{
	struct out o = {.text = text, .cap = HLS_PLAYLIST_SIZE};
	const struct piece *map = NULL;

	if (h->listed == h->count)
		return -ENODATA;
	h->is_announced = true;
	put(&o,
	    "#EXTM3U\n#EXT-X-VERSION:%d\n#EXT-X-TARGETDURATION:%u\n"
	    "#EXT-X-MEDIA-SEQUENCE:%" PRIu64 "\n#EXT-X-DISCONTINUITY-SEQUENCE:%" PRIu64 "\n",
	    h->segments[h->listed].map != NULL ? VERSION_MAP : VERSION_TS, h->target_s,
	    h->segments[h->listed].number, h->discontinuity_count);
	for (size_t i = h->listed; i < h->count; i++) {
		put_segment(&o, &h->segments[i], map, names);
		map = h->segments[i].map;
	}
	if (h->has_ended)
		put(&o, "#EXT-X-ENDLIST\n");
	return o.used < HLS_PLAYLIST_SIZE ? (int)o.used : -ENODATA;
}

int
hls_master(const struct hls *h, char text[static HLS_MASTER_SIZE],
	   const struct hls_variant *variant)
{
	struct out o = {.text = text, .cap = HLS_MASTER_SIZE};
	uint64_t peak_bps = 0, octets = 0, duration_us = 0;

	if (h->listed == h->count)
		return -ENODATA;
	for (size_t i = 0; i < h->count; i++) {
		const struct hls_segment *s = &h->segments[i];
		uint64_t bps = s->size * 8 * SECOND_US / (uint64_t)s->duration_us;

		peak_bps = MAX_OF(peak_bps, bps);
		octets += s->size;
		duration_us += (uint64_t)s->duration_us;
	}
	put(&o, "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=%" PRIu64 ",AVERAGE-BANDWIDTH=%" PRIu64,
	    peak_bps, octets * 8 * SECOND_US / duration_us);
	if (variant->codecs[0] != '\0')
		put(&o, ",CODECS=\"%s\"", variant->codecs);
	if (variant->width > 0)
		put(&o, ",RESOLUTION=%" PRIu32 "x%" PRIu32, variant->width, variant->height);
	put(&o, "\n%s\n", variant->uri);
	return o.used < HLS_MASTER_SIZE ? (int)o.used : -ENODATA;
}
