/*
 * mix.h - the arithmetic of a mixer of live streams: where each picture goes, when each is due,
 * ticks of the output, samples of several sources added up.  Sans-IO and free of codecs; times are
 * microseconds of the caller's monotonic clock.
 */
#ifndef RTCKIT_MIX_MIX_H
#define RTCKIT_MIX_MIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MIX_MEMBERS_MAX = 16, /* pictures of a layout */
	MIX_RATE = 48000,     /* samples a second */
	MIX_CHANNELS = 2,
	MIX_BLOCK = 960,	/* samples of 20 ms: what is mixed at once */
	MIX_RING = 65536,	/* samples of a source that wait; 1.36 s; a power of two */
	MIX_SLIP_US = 30000,	/* sound further off its time than this jumps there */
	MIX_GLIDE_PPM = 4000,	/* below, it is stretched by so much */
	MIX_WINDOW_BUCKETS = 4, /* seconds over which the fastest arrival is remembered */
	MIX_RESYNC_US = 100000	/* a time line off by more than this is taken as it is */
};

/* ---- layout ---- */

enum mix_layout { MIX_GRID, MIX_PIP };

/* A rectangle of the canvas; all four are even, so that chroma can be halved. */
struct mix_rect {
	unsigned x, y, width, height;
};

/*
 * Places of `count` (0..MIX_MEMBERS_MAX) pictures on a canvas. Grid: as many columns as rows or
 * one more (1, 2x1, 2x2, 3x2, 3x3, ...), the last row centred. Picture in picture: the first fills
 * the canvas, the others lie over it in rows of three from the lower right corner, each a quarter
 * of the width (above nine: rows of four, a fifth). Returns count, or 0 where the canvas is too
 * small (a cell below 16x16).
 */
unsigned mix_places(enum mix_layout layout, unsigned count, unsigned width, unsigned height,
		    struct mix_rect out[static MIX_MEMBERS_MAX]);

/* The largest place in `cell` with the shape of a picture, centred; even. A picture without a size
 * gets the whole cell. */
struct mix_rect mix_fit(const struct mix_rect *cell, unsigned width, unsigned height);

/* ---- when is it due ---- */

/*
 * One source: its units have times of its own line and arrive when they do. The fastest arrival
 * of the last seconds says where the line lies on ours; what comes later has delay_us to make up
 * for it. Sound and picture of a source share one of these and so stay together.
 */
struct mix_sync {
	bool begun;
	int64_t offset_us;			/* from the source's line to our clock */
	int64_t fastest_us[MIX_WINDOW_BUCKETS]; /* arrival minus time; INT64_MAX: none */
	uint64_t second, moved_us;
	uint64_t resyncs;
};
void mix_sync_reset(struct mix_sync *s); /* another line begins */
void mix_sync_arrived(struct mix_sync *s, uint64_t now_us, int64_t time_us);
/* When a unit is to be seen or heard; 0 before the first arrival. */
uint64_t mix_sync_due(const struct mix_sync *s, int64_t time_us, int64_t delay_us);

/* ---- ticks of the output ---- */

/* Tick n is due at start_us + n / rate seconds, however late the one before it was. */
struct mix_ticks {
	uint64_t start_us, next, skipped;
	unsigned rate;	   /* per second */
	unsigned late_max; /* ticks that are made up for; more are left out and counted */
};
uint64_t mix_ticks_deadline(const struct mix_ticks *t);
/* Is a tick due? Then its number. */
bool mix_ticks_take(struct mix_ticks *t, uint64_t now_us, uint64_t *number);
/* The time of a tick from the start. */
int64_t mix_ticks_time_us(const struct mix_ticks *t, uint64_t number);

/* ---- sound ---- */

/* Samples of one source by their place on the output's line (sample numbers). */
struct mix_ring {
	int16_t pcm[MIX_RING * MIX_CHANNELS];
	uint64_t head; /* one past the last written */
	bool begun;
	uint64_t jumps, late, early; /* counted in calls */
};
void mix_ring_reset(struct mix_ring *r);
/*
 * Write count (0..MIX_RING / 2) samples that belong at `at`; `played` is where the output is. They
 * follow the samples before them without a seam and are shortened or stretched a little to come
 * nearer to their place; off by more than MIX_SLIP_US they jump there. What would lie before
 * `played` is dropped, so is what lies more than the ring ahead of it.
 */
void mix_ring_write(struct mix_ring *r, uint64_t at, const int16_t *pcm, size_t count,
		    uint64_t played);
/* Add the samples from `at` on to sum; nothing is added where there are none. Returns whether there
 * were any. */
bool mix_ring_add(const struct mix_ring *r, uint64_t at, int32_t *sum, size_t count);

/* A sum of several sources into 16 bits: turned down at once where it is too loud, and up again
 * within a second. */
struct mix_limiter {
	float gain; /* 0: begin with 1 */
};
void mix_limit(struct mix_limiter *l, const int32_t *sum, int16_t *out, size_t count);

#endif
