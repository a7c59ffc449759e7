/*
 * hls.h - segments of a live stream and their playlist (RFC 8216), in memory: MPEG-TS, or
 * fragmented MP4 with its initialisation section.  Pure: octets and times in, text and octets out.
 *
 * What a playlist promises is kept: its target duration never changes once it was read, segments
 * leave from its front only, a discontinuity stands where times or formats do not go on and is
 * counted when it leaves, and what left can be fetched as long as RFC 8216 s.6.2.2 wants it.
 */
#ifndef RTCKIT_HLS_HLS_H
#define RTCKIT_HLS_HLS_H

#include "hls/reel.h"

enum {
	HLS_LISTED_MAX = 64,	    /* segments of a playlist */
	HLS_SEGMENTS_MAX = 128,	    /* kept in all: those that left the playlist as well */
	HLS_SEGMENT_MAX = 32 << 20, /* octets; longer ones are cut between keyframes */
	HLS_OCTETS_MAX = 128 << 20, /* of all segments of a stream */
	HLS_PLAYLIST_SIZE = 49152,
	HLS_MASTER_SIZE = 1024
};

struct hls_segment {
	uint64_t number;
	int64_t duration_us, wall_us; /* wall: Unix time of its first picture */
	bool discontinuity;	      /* does not follow the one before */
	struct piece *map;	      /* held: its initialisation section; NULL: it needs none */
	uint8_t *data;
	size_t size, cap;
};

struct hls {
	int64_t fragment_us, window_us;
	uint64_t next_number; /* grows with the wall clock, so that a restart repeats none */
	uint64_t discontinuity_count; /* that left the playlist */
	struct hls_segment segments[HLS_SEGMENTS_MAX];
	size_t count, listed;	 /* listed: index of the first that the playlist has */
	struct hls_segment open; /* under way */
	struct piece *map;	 /* of the next one */
	bool is_open, is_broken, has_ended;
	bool is_announced;		   /* the target duration has been told */
	int64_t begin_us, last_us, key_us; /* of the open one; of the last unit; keyframe */
	int64_t next_wall_us;		   /* of what follows the last segment; 0: not known */
	unsigned target_s;
	size_t octets;
};

/* How segments and initialisation sections are called: before and after their numbers. */
struct hls_names {
	const char *segment, *segment_end, *map, *map_end;
};

void hls_init(struct hls *h, int64_t fragment_us, int64_t window_us, uint64_t first_number);
void hls_fini(struct hls *h);

/*
 * Before a unit of size octets that begins at time_us is added: must the segment under way be
 * closed, so that it begins another one?
 */
bool hls_cuts_at(const struct hls *h, int64_t time_us, bool keyframe, size_t size);
/* Close the segment under way, if there is one: what follows begins at time_us. After a hole the
 * next one is a discontinuity. */
void hls_cut(struct hls *h, int64_t time_us);
/* A unit comes: begins a segment if none is under way. wall_us: the Unix time of now. */
void hls_note(struct hls *h, int64_t time_us, bool keyframe, int64_t wall_us);
/* Octets of the segment under way. 0 or -ENOMEM. */
int hls_append(struct hls *h, const uint8_t *buf, size_t size);
/* All of these for one piece of a reel: the octets of one unit. Nothing is kept before the first
 * keyframe. 0 or -ENOMEM. */
int hls_add(struct hls *h, const struct piece *p, int64_t wall_us);

/* What follows does not go on from what was (another format, another clock): a discontinuity. The
 * segment under way must have been cut. */
void hls_break(struct hls *h);
/* The initialisation section of the next segments; a discontinuity if it replaces one. 0 or
 * -ENOMEM. */
int hls_set_map(struct hls *h, const uint8_t *buf, size_t size);
/* The playlist ends here. If more follows nevertheless, it is that of another presentation. */
void hls_end(struct hls *h);

/* Characters of the playlist, or -ENODATA (no segment yet). The target duration is fixed by it. */
int hls_playlist(struct hls *h, char text[static HLS_PLAYLIST_SIZE], const struct hls_names *names);
/* What a master playlist says of the one that there is; codecs by RFC 6381, "" if they are not
 * known; width 0: no picture, or not known. */
struct hls_variant {
	const char *uri, *codecs;
	uint32_t width, height;
};
/* Characters of a master playlist (s.4.3.4) with the rates of what h keeps, or -ENODATA (no segment
 * yet, or too long). */
int hls_master(const struct hls *h, char text[static HLS_MASTER_SIZE],
	       const struct hls_variant *variant);
/* Segments, listed or not, and initialisation sections; NULL: not there, or no more. */
const struct hls_segment *hls_find(const struct hls *h, uint64_t number);
const struct piece *hls_find_map(const struct hls *h, uint64_t number);

#endif
