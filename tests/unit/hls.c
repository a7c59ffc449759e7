/* Unit tests of what is kept for live consumers: lib/hls/reel.h, lib/hls/hls.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "hls/hls.h"

enum { SECOND = 1000000 };

static void
add(struct reel *r, int64_t time_us, bool keyframe, size_t size)
{
	uint8_t *buf = calloc(1, size);

	assert_non_null(buf);
	assert_int_equal(reel_add(r, buf, size, time_us, keyframe), 0);
	free(buf);
}

static void
test_reel_begins_at_the_newest_keyframe(void **state)
{
	struct reel r;

	(void)state;
	reel_init(&r);
	assert_null(reel_get(&r, 0));
	add(&r, 0, true, 10);
	add(&r, 1, false, 10);
	add(&r, 2, true, 10);
	add(&r, 3, false, 10);
	assert_int_equal(r.key_number, 3);
	assert_int_equal(reel_get(&r, r.key_number)->number, 3);
	assert_int_equal(reel_get(&r, 4)->number, 4);
	assert_null(reel_get(&r, 5));
	assert_int_equal(reel_get(&r, 0)->number, 3);
	reel_fini(&r);
}

static void
test_reel_lets_old_ones_go(void **state)
{
	struct reel r;
	struct piece *held;

	(void)state;
	reel_init(&r);
	add(&r, 0, true, 10);
	held = piece_hold(reel_get(&r, 1));
	for (int i = 1; i < 30; i++)
		add(&r, (int64_t)i * SECOND, i % 2 == 0, 10);
	assert_in_range(r.first->time_us, 18 * SECOND, 20 * SECOND);
	assert_int_equal(reel_get(&r, 2)->number, r.key_number); /* it skips */
	assert_int_equal(held->number, 1);
	piece_drop(held);
	reel_fini(&r);
}

/* A GOP that outgrows what is kept: consumers wait for the next keyframe. */
static void
test_reel_is_bounded(void **state)
{
	struct reel r;

	(void)state;
	reel_init(&r);
	add(&r, 0, true, 100);
	for (int i = 1; i < 80; i++)
		add(&r, i, false, 1 << 20);
	assert_true(r.octets <= REEL_OCTETS_MAX);
	assert_null(reel_get(&r, 1));
	assert_int_equal(reel_get(&r, r.first->number)->number, r.first->number);
	add(&r, 80, true, 100);
	assert_int_equal(reel_get(&r, 1)->number, r.key_number);
	reel_fini(&r);
}

/* By number, whatever came and went. */
static void
test_reel_finds_each(void **state)
{
	struct reel r;

	(void)state;
	reel_init(&r);
	for (int i = 0; i < 3000; i++) {
		add(&r, (int64_t)i * SECOND / 50, i % 50 == 0, 10);
		for (uint64_t n = r.first->number; n < r.next_number; n += 97)
			assert_int_equal(reel_get(&r, n)->number, n);
		assert_ptr_equal(reel_get(&r, r.last->number), r.last);
		assert_null(reel_get(&r, r.next_number));
	}
	reel_fini(&r);
}

static void
test_reel_header(void **state)
{
	struct reel r;

	(void)state;
	reel_init(&r);
	assert_int_equal(reel_set_header(&r, (const uint8_t *)"FLV", 3), 0);
	assert_int_equal(r.header->size, 3);
	assert_int_equal(reel_set_header(&r, NULL, 0), 0);
	assert_null(r.header);
	reel_fini(&r);
}

/* ---- a strict reader of playlists (RFC 8216 s.4, s.6.2) ---- */

enum { ENTRIES_MAX = 128 };

struct entry {
	unsigned long long number;
	double duration_s, wall_s;
	bool discontinuity, has_map;
	unsigned long long map;
};

struct playlist {
	int version, target_s;
	unsigned long long sequence, discontinuities;
	bool ended;
	struct entry entries[ENTRIES_MAX];
	size_t count;
};

static const struct hls_names names = {"a.ts?segment=", "", "a.m4s?init=", ""};

static double
wall_of(const char *text)
{
	struct tm tm = {0};
	int ms;

	assert_int_equal(sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ", &tm.tm_year, &tm.tm_mon,
				&tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &ms),
			 7);
	assert_int_equal(strlen(text), 24);
	tm.tm_year -= 1900;
	tm.tm_mon--;
	return (double)timegm(&tm) + ms / 1000.0;
}

/* A tag of a segment. */
static void
read_tag(struct entry *e, const char *line)
{
	if (strncmp(line, "#EXTINF:", 8) == 0) {
		assert_int_equal(line[strlen(line) - 1], ',');
		assert_true(e->duration_s == 0);
		e->duration_s = strtod(line + 8, NULL);
		assert_true(e->duration_s > 0);
	} else if (strcmp(line, "#EXT-X-DISCONTINUITY") == 0) {
		assert_false(e->discontinuity);
		e->discontinuity = true;
	} else if (strncmp(line, "#EXT-X-MAP:URI=\"a.m4s?init=", 27) == 0) {
		e->map = strtoull(line + 27, NULL, 10);
		e->has_map = true;
	} else if (strncmp(line, "#EXT-X-PROGRAM-DATE-TIME:", 25) == 0) {
		e->wall_s = wall_of(line + 25);
	} else {
		fail_msg("an unknown tag: %s", line);
	}
}

static void
read_playlist(struct playlist *p, const char *text)
{
	char copy[HLS_PLAYLIST_SIZE], *rest = copy, *line;
	struct entry e = {0};
	int n = 0;

	memset(p, 0, sizeof(*p));
	snprintf(copy, sizeof(copy), "%s", text);
	assert_int_equal(text[strlen(text) - 1], '\n');
	assert_int_equal(
	    sscanf(text,
		   "#EXTM3U\n#EXT-X-VERSION:%d\n#EXT-X-TARGETDURATION:%d\n"
		   "#EXT-X-MEDIA-SEQUENCE:%llu\n#EXT-X-DISCONTINUITY-SEQUENCE:%llu\n%n",
		   &p->version, &p->target_s, &p->sequence, &p->discontinuities, &n),
	    4);
	rest += n;
	while ((line = strsep(&rest, "\n")) != NULL && rest != NULL) {
		assert_false(p->ended); /* nothing after the end */
		if (strcmp(line, "#EXT-X-ENDLIST") == 0) {
			p->ended = true;
		} else if (line[0] == '#') {
			read_tag(&e, line);
		} else {
			assert_int_equal(strncmp(line, names.segment, 13), 0);
			e.number = strtoull(line + 13, NULL, 10);
			p->entries[p->count++] = e;
			e = (struct entry){.map = e.map, .has_map = e.has_map};
		}
	}
	assert_true(e.duration_s == 0);
}

/* What must hold of a playlist by itself. */
static void
check_playlist(const struct playlist *p)
{
	assert_true(p->count > 0);
	assert_int_equal(p->entries[0].number, p->sequence);
	assert_true(p->version >= (p->entries[0].has_map ? 6 : 3));
	for (size_t i = 0; i < p->count; i++) {
		const struct entry *e = &p->entries[i], *last = e - 1;

		assert_int_equal(e->number, p->sequence + i);
		assert_true((int)(e->duration_s + 0.5) <= p->target_s);
		assert_true(e->wall_s > 0);
		if (i == 0)
			continue;
		if (!e->discontinuity) { /* the dates agree with the durations */
			double off_s = e->wall_s - last->wall_s - last->duration_s;

			assert_true(off_s > -0.0025 && off_s < 0.0025);
			assert_int_equal(e->map, last->map);
		}
	}
}

/* What must hold between two of the same presentation (s.6.2.1, s.6.2.2). */
static void
check_follows(const struct playlist *a, const struct playlist *b)
{
	unsigned long long left = b->sequence - a->sequence, discontinuities = a->discontinuities;

	assert_true(b->sequence >= a->sequence);
	assert_int_equal(b->target_s, a->target_s);
	assert_int_equal(b->version, a->version);
	assert_false(a->ended && !b->ended);
	for (size_t i = 0; i < a->count; i++) {
		if (i < left)
			discontinuities += a->entries[i].discontinuity;
		else
			assert_memory_equal(&a->entries[i], &b->entries[i - left],
					    sizeof(struct entry));
	}
	assert_true(left <= a->count); /* nobody who asks in time misses one */
	assert_int_equal(b->discontinuities, discontinuities);
}

static int64_t wall_zero_us; /* at time 0 */
static struct playlist seen;
static bool has_seen;

/* Reads, and checks all. */
static const struct playlist *
look(struct hls *h)
{
	char text[HLS_PLAYLIST_SIZE];
	struct playlist p;

	if (hls_playlist(h, text, &names) < 0)
		return NULL;
	read_playlist(&p, text);
	check_playlist(&p);
	if (has_seen)
		check_follows(&seen, &p);
	for (size_t i = 0; i < p.count; i++) { /* all that is named is there */
		assert_non_null(hls_find(h, p.entries[i].number));
		assert_true(!p.entries[i].has_map || hls_find_map(h, p.entries[i].map) != NULL);
	}
	for (size_t i = 0; i < seen.count && has_seen; i++) /* and so is what has just left */
		assert_non_null(hls_find(h, seen.entries[i].number));
	seen = p;
	has_seen = true;
	return &seen;
}

static int
forget_playlist(void **state)
{
	(void)state;
	has_seen = false;
	wall_zero_us = 0;
	return 0;
}

/* ---- segments ---- */

enum { WALL = 1764352800 }; /* seconds */

static int64_t
wall_at(int64_t time_us)
{
	return (int64_t)WALL * SECOND + wall_zero_us + time_us;
}

/* Pieces each step_us, keyframes every gop of them, from time begin_us. */
static int64_t
roll_by(struct hls *h, struct reel *r, int count, int gop, int64_t begin_us, int64_t step_us)
{
	for (int i = 0; i < count; i++, begin_us += step_us) {
		add(r, begin_us, i % gop == 0, 188);
		assert_int_equal(hls_add(h, r->last, wall_at(begin_us)), 0);
		(void)look(h);
	}
	return begin_us;
}

static int64_t
roll(struct hls *h, struct reel *r, int count, int gop, int64_t begin_us)
{
	return roll_by(h, r, count, gop, begin_us, SECOND / 4);
}

static void
test_segments(void **state)
{
	char text[HLS_PLAYLIST_SIZE];
	struct reel r;
	struct hls h;

	(void)state;
	reel_init(&r);
	hls_init(&h, 2 * SECOND, 6 * SECOND, 100);
	assert_int_equal(hls_playlist(&h, text, &names), -ENODATA);
	roll(&h, &r, 5, 4, 0); /* the first is short */
	assert_true(hls_playlist(&h, text, &names) > 0);
	assert_string_equal(text, "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n"
				  "#EXT-X-MEDIA-SEQUENCE:100\n#EXT-X-DISCONTINUITY-SEQUENCE:0\n"
				  "#EXT-X-PROGRAM-DATE-TIME:2025-11-28T18:00:00.000Z\n"
				  "#EXTINF:1.000,\na.ts?segment=100\n");
	assert_int_equal(hls_find(&h, 100)->size, 4 * 188);
	assert_null(hls_find(&h, 101));
	reel_fini(&r);
	hls_fini(&h);
}

static void
test_window_and_end(void **state)
{
	struct reel r;
	struct hls h;
	int64_t end_us;

	(void)state;
	reel_init(&r);
	hls_init(&h, 2 * SECOND, 6 * SECOND, 1);
	end_us = roll(&h, &r, 200, 4, 0);
	assert_in_range(seen.count, 3, 5);
	assert_true(seen.entries[2].duration_s == 2);
	assert_true(h.count < 14); /* what left goes after a while */
	hls_cut(&h, end_us);
	hls_end(&h);
	assert_true(look(&h)->ended);
	/* Another publisher: the ended playlist is not gone on with. */
	has_seen = false;
	hls_break(&h);
	assert_null(look(&h));
	assert_non_null(hls_find(&h, seen.entries[0].number));
	roll(&h, &r, 20, 4, 0);
	assert_false(seen.ended);
	assert_false(seen.entries[0].discontinuity);
	reel_fini(&r);
	hls_fini(&h);
}

/* A publisher that comes again before its end was told: the same playlist, a discontinuity. */
static void
test_takeover(void **state)
{
	struct reel r;
	struct hls h;
	int64_t end_us;
	bool found = false;

	(void)state;
	reel_init(&r);
	hls_init(&h, 2 * SECOND, 20 * SECOND, 1);
	end_us = roll(&h, &r, 30, 8, 0);
	hls_cut(&h, end_us);
	hls_break(&h);
	wall_zero_us = end_us; /* times begin anew */
	for (int i = 0; i < 60; i += 4) {
		roll(&h, &r, 4, 4, (int64_t)i * SECOND / 4);
		for (size_t k = 1; k < seen.count; k++)
			found |= seen.entries[k].discontinuity;
	}
	assert_true(found);
	roll(&h, &r, 200, 8, 60 * SECOND / 4);
	assert_int_equal(seen.discontinuities, 1);
	reel_fini(&r);
	hls_fini(&h);
}

/* Nothing for longer than a player would bridge. */
static void
test_hole(void **state)
{
	struct reel r;
	struct hls h;
	int64_t at_us;

	(void)state;
	reel_init(&r);
	hls_init(&h, 2 * SECOND, 20 * SECOND, 1);
	at_us = roll(&h, &r, 21, 8, 0);
	at_us = roll(&h, &r, 21, 8, at_us + 5 * SECOND);
	(void)roll(&h, &r, 1, 8, at_us + SECOND / 4);
	size_t marks = 0;

	for (size_t i = 0; i < seen.count; i++)
		marks += seen.entries[i].discontinuity;
	assert_int_equal(marks, 1);
	reel_fini(&r);
	hls_fini(&h);
}

/* Keyframes that come early, late, hardly ever, or evenly at an odd interval: the target holds. */
static void
test_the_target_holds(void **state)
{
	static const struct {
		int gop;
		int64_t step_us;
	} rows[] = {{1, 40000},	  {46, 40000},	{52, 40000},   {61, 40000},	 {75, 40000},
		    {100, 40000}, {250, 40000}, {9999, 40000}, {3, SECOND},	 {1, 700000},
		    {99, 700000}, {50, 1000},	{7, 333333},   {25, SECOND / 60}};
	struct reel r;
	struct hls h;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		has_seen = false;
		reel_init(&r);
		hls_init(&h, 2 * SECOND, 6 * SECOND, 1);
		(void)roll_by(&h, &r, 700, rows[i].gop, 0, rows[i].step_us);
		for (size_t k = 0; k < seen.count; k++)
			assert_false(seen.entries[k].discontinuity);
		reel_fini(&r);
		hls_fini(&h);
	}
	/* The length of a GOP changes once the target is told. */
	has_seen = false;
	reel_init(&r);
	hls_init(&h, 2 * SECOND, 6 * SECOND, 1);
	(void)roll_by(&h, &r, 1000, 250, roll_by(&h, &r, 500, 50, 0, 40000), 40000);
	assert_int_equal(seen.target_s, 2);
	reel_fini(&r);
	hls_fini(&h);
}

/* Fragmented MP4: octets come at the cut; other initialisation sections are discontinuities. */
static void
test_initialisation_sections(void **state)
{
	struct hls h;
	uint64_t first;

	(void)state;
	hls_init(&h, 2 * SECOND, 20 * SECOND, 7);
	assert_int_equal(hls_set_map(&h, (const uint8_t *)"one", 3), 0);
	for (int i = 0; i < 400; i++) {
		int64_t at_us = (int64_t)i * SECOND / 4;

		if (i == 100) {
			hls_cut(&h, at_us);
			assert_int_equal(hls_set_map(&h, (const uint8_t *)"three", 5), 0);
		}
		if (hls_cuts_at(&h, at_us, i % 4 == 0, 100)) {
			assert_int_equal(hls_append(&h, (const uint8_t *)"moofmdat", 8), 0);
			hls_cut(&h, at_us);
		}
		hls_note(&h, at_us, i % 4 == 0, wall_at(at_us));
		if (look(&h) == NULL || i != 108)
			continue;
		assert_true(seen.entries[seen.count - 1].discontinuity);
		first = seen.entries[0].map;
		assert_int_equal(hls_find_map(&h, first)->size, 3);
		assert_int_equal(hls_find_map(&h, seen.entries[seen.count - 1].map)->size, 5);
	}
	assert_null(hls_find_map(&h, first)); /* no segment has it any more */
	assert_int_equal(seen.version, 7);
	hls_fini(&h);
}

/* A source without keyframes, or a huge GOP: segments stay bounded. */
static void
test_segments_are_bounded(void **state)
{
	struct reel r;
	struct hls h;

	(void)state;
	reel_init(&r);
	hls_init(&h, 2 * SECOND, 6 * SECOND, 1);
	for (int i = 0; i < 200; i++) {
		add(&r, i, i == 0, 1 << 20);
		assert_int_equal(hls_add(&h, r.last, wall_at(i)), 0);
		assert_true(h.open.size <= HLS_SEGMENT_MAX);
	}
	assert_true(h.octets <= HLS_OCTETS_MAX + HLS_SEGMENT_MAX);
	reel_fini(&r);
	hls_fini(&h);
}

static void
test_the_longest_playlist_fits(void **state)
{
	char text[HLS_PLAYLIST_SIZE], name[160];
	const struct hls_names longest = {name, ".m4s", name, ".mp4"};
	struct hls h;

	(void)state;
	memset(name, 'n', sizeof(name));
	memcpy(name + 128, ".ts?segment=", 13);
	hls_init(&h, SECOND / 2, 3600ll * SECOND, 1795442029);
	for (int i = 0; i < 1000; i++) {
		int64_t at_us = (int64_t)i * SECOND / 2;

		hls_cut(&h, at_us);
		assert_int_equal(hls_set_map(&h, (const uint8_t *)"map", 3), 0);
		hls_note(&h, at_us, true, wall_at(at_us));
	}
	assert_int_equal(h.count - h.listed, HLS_LISTED_MAX);
	assert_in_range(h.count, HLS_LISTED_MAX, HLS_SEGMENTS_MAX);
	assert_true(hls_playlist(&h, text, &longest) > 0);
	hls_fini(&h);
}

/* RFC 8216 s.4.3.4.2: the peak is that of a segment, the average that of all. */
static void
test_master(void **state)
{
	static const struct {
		struct hls_variant variant;
		const char *text;
	} rows[] = {
	    {{"a.m3u8?format=ts", "avc1.42e01f,mp4a.40.2", 640, 360},
	     "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=8000,AVERAGE-BANDWIDTH=5000,"
	     "CODECS=\"avc1.42e01f,mp4a.40.2\",RESOLUTION=640x360\na.m3u8?format=ts\n"},
	    {{"a", "", 0, 0},
	     "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=8000,AVERAGE-BANDWIDTH=5000\na\n"},
	};
	static const uint8_t octets[4000];
	char text[HLS_MASTER_SIZE], uri[HLS_MASTER_SIZE + 1];
	struct hls h;

	(void)state;
	hls_init(&h, 2 * SECOND, 10 * SECOND, 1);
	assert_int_equal(hls_master(&h, text, &rows[0].variant), -ENODATA);
	hls_note(&h, 0, true, 0);
	assert_int_equal(hls_append(&h, octets, 1000), 0);
	hls_note(&h, 2 * SECOND, false, 2 * SECOND);
	hls_cut(&h, 4 * SECOND); /* 2000 bit/s */
	hls_note(&h, 4 * SECOND, true, 4 * SECOND);
	hls_note(&h, 6 * SECOND, false, 6 * SECOND);
	assert_int_equal(hls_append(&h, octets, 4000), 0);
	hls_cut(&h, 8 * SECOND);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		assert_int_equal(hls_master(&h, text, &rows[i].variant), strlen(rows[i].text));
		assert_string_equal(text, rows[i].text);
	}
	assert_false(h.is_announced); /* only a media playlist says how long segments may be */
	memset(uri, 'u', sizeof(uri) - 1);
	uri[sizeof(uri) - 1] = '\0';
	assert_int_equal(hls_master(&h, text, &(struct hls_variant){uri, "", 0, 0}), -ENODATA);
	hls_fini(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_reel_begins_at_the_newest_keyframe),
	    cmocka_unit_test(test_reel_lets_old_ones_go),
	    cmocka_unit_test(test_reel_is_bounded),
	    cmocka_unit_test(test_reel_finds_each),
	    cmocka_unit_test(test_reel_header),
	    cmocka_unit_test_setup(test_segments, forget_playlist),
	    cmocka_unit_test_setup(test_window_and_end, forget_playlist),
	    cmocka_unit_test_setup(test_takeover, forget_playlist),
	    cmocka_unit_test_setup(test_hole, forget_playlist),
	    cmocka_unit_test_setup(test_the_target_holds, forget_playlist),
	    cmocka_unit_test_setup(test_initialisation_sections, forget_playlist),
	    cmocka_unit_test(test_segments_are_bounded),
	    cmocka_unit_test(test_the_longest_playlist_fits),
	    cmocka_unit_test(test_master),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
