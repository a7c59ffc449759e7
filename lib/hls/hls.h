/*
 * hls.h - segments of MPEG-TS and their playlist (RFC 8216), in memory.  Pure: pieces of a reel in,
 * text and octets out.
 */
#ifndef RTCKIT_HLS_HLS_H
#define RTCKIT_HLS_HLS_H

#include "hls/reel.h"

enum {
	HLS_SEGMENTS_MAX = 64,
	HLS_SEGMENT_MAX = 32 << 20, /* octets; longer ones are cut between keyframes */
	HLS_OCTETS_MAX = 128 << 20, /* of all segments of a stream */
	HLS_PLAYLIST_SIZE = 16384
};

struct hls_segment {
	uint64_t number;
	int64_t duration_us;
	bool discontinuity; /* does not follow the one before */
	uint8_t *data;
	size_t size, cap;
};

struct hls {
	int64_t fragment_us, window_us;
	uint64_t next_number; /* grows with the wall clock, so that a restart repeats none */
	struct hls_segment segments[HLS_SEGMENTS_MAX];
	size_t count;
	struct hls_segment open; /* under way */
	bool is_open, ended, broken;
	int64_t begin_us;
	int64_t target_us; /* longest duration so far */
	size_t octets;
};

void hls_init(struct hls *h, int64_t fragment_us, int64_t window_us, uint64_t first_number);
void hls_fini(struct hls *h);
/* The next piece in order. 0 or -ENOMEM. */
int hls_add(struct hls *h, const struct piece *p);
/* The source has ended: the segment under way is closed at this time. */
void hls_end(struct hls *h, int64_t time_us);
/* Another source follows: the next segment is a discontinuity. */
void hls_restart(struct hls *h);
/* name: the URL of a segment before its number. Characters, or -ENODATA (no segment yet). */
int hls_playlist(const struct hls *h, char text[static HLS_PLAYLIST_SIZE], const char *name);
const struct hls_segment *hls_find(const struct hls *h, uint64_t number);

#endif
