/* Unit tests of the packet ring: lib/rtp/rtp_ring.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../support/support.h"
#include "base/bytes.h"
#include "base/random.h"
#include "rtp/rtp_ring.h"

/* A payload that tells its sequence number and size in every octet. */
static void
fill(uint8_t *payload, uint64_t seq, size_t size)
{
	for (size_t i = 0; i < size; i++)
		payload[i] = (uint8_t)(seq * 31 + i * 7 + size);
}

static uint64_t
append(struct rtp_ring *ring, uint64_t seq, size_t size, uint8_t flags)
{
	uint8_t payload[65535];
	struct rtp_ring_slot meta = {
	    .seq = seq, .payload_size = (uint16_t)size, .flags = flags, .ts = (uint32_t)seq * 3};

	fill(payload, seq, size);
	return rtp_ring_append(ring, &meta, payload);
}

static void
check(const struct rtp_ring *ring, uint64_t position, uint64_t seq)
{
	uint8_t want[65535];
	const uint8_t *payload;
	const struct rtp_ring_slot *slot = rtp_ring_get(ring, position, &payload);

	assert_non_null(slot);
	assert_true(slot->seq == seq);
	assert_int_equal(slot->ts, (uint32_t)seq * 3);
	fill(want, seq, slot->payload_size);
	assert_memory_equal(payload, want, slot->payload_size);
}

static void
an_empty_ring_has_nothing(void **state)
{
	struct rtp_ring *ring = rtp_ring_new(100, 5000);
	const uint8_t *payload;

	(void)state;
	assert_true(rtp_ring_head(ring) == 0);
	assert_true(rtp_ring_tail(ring) == 1);
	assert_true(rtp_ring_keyframe(ring) == 0);
	assert_true(rtp_ring_find(ring, 0) == 0);
	assert_true(rtp_ring_find(ring, 65536) == 0);
	assert_null(rtp_ring_get(ring, 0, &payload));
	assert_null(rtp_ring_get(ring, 1, &payload));
	assert_null(rtp_ring_get(ring, UINT64_MAX, &payload));
	rtp_ring_free(ring);
	rtp_ring_free(NULL);
}

static void
slots_run_out_before_octets(void **state)
{
	struct rtp_ring *ring = rtp_ring_new(16, 1 << 16);
	const uint8_t *payload;

	(void)state;
	for (uint64_t seq = 65536; seq < 65536 + 40; seq++)
		assert_true(append(ring, seq, 20, 0) == seq - 65535);
	assert_true(rtp_ring_head(ring) == 40);
	assert_true(rtp_ring_tail(ring) == 25);
	for (uint64_t position = 25; position <= 40; position++)
		check(ring, position, position + 65535);
	assert_null(rtp_ring_get(ring, 24, &payload));
	assert_null(rtp_ring_get(ring, 41, &payload));
	assert_true(rtp_ring_find(ring, 65535 + 25) == 25);
	assert_true(rtp_ring_find(ring, 65535 + 24) == 0);
	assert_true(rtp_ring_find(ring, 65535 + 41) == 0);
	rtp_ring_free(ring);
}

static void
octets_run_out_before_slots(void **state)
{
	struct rtp_ring *ring = rtp_ring_new(1024, 4096);
	struct rtp_ring_slot big = {.payload_size = 4097};
	uint8_t payload[4097] = {0};

	(void)state;
	for (uint64_t seq = 65536; seq < 65536 + 10; seq++)
		append(ring, seq, 1000, 0);
	/* 1008 octets each: four lie in the arena, the fifth begins it anew. */
	assert_true(rtp_ring_head(ring) == 10);
	assert_true(rtp_ring_tail(ring) == 7);
	for (uint64_t position = 7; position <= 10; position++)
		check(ring, position, position + 65535);
	assert_true(rtp_ring_append(ring, &big, payload) == 0);
	assert_true(rtp_ring_head(ring) == 10);
	big.payload_size = 4096; /* exactly the arena: everything else goes */
	assert_true(rtp_ring_append(ring, &big, payload) == 11);
	assert_true(rtp_ring_tail(ring) == 11);
	append(ring, 65536 + 20, 1, 0);
	assert_true(rtp_ring_tail(ring) == 12);
	rtp_ring_free(ring);
}

/* Parameter sets, then the first slice of the same frame: the frame begins at the sets. */
static void
a_keyframe_begins_at_its_parameter_sets(void **state)
{
	static const uint8_t payload[10];
	struct rtp_ring *ring = rtp_ring_new(64, 4096);
	struct rtp_ring_slot meta = {
	    .seq = 100, .ts = 9, .payload_size = 10, .flags = RTP_RING_KEYFRAME};

	(void)state;
	assert_true(rtp_ring_append(ring, &meta, payload) == 1);
	meta.seq++;
	assert_true(rtp_ring_append(ring, &meta, payload) == 2);
	assert_true(rtp_ring_keyframe(ring) == 1);
	meta.seq++;
	meta.ts += 3000;
	assert_true(rtp_ring_append(ring, &meta, payload) == 3);
	assert_true(rtp_ring_keyframe(ring) == 3);
	rtp_ring_free(ring);
}

static void
the_newest_keyframe_is_known(void **state)
{
	struct rtp_ring *ring = rtp_ring_new(16, 1 << 16);

	(void)state;
	append(ring, 70000, 10, RTP_RING_KEYFRAME);
	assert_true(rtp_ring_keyframe(ring) == 1);
	for (uint64_t seq = 70001; seq < 70010; seq++)
		append(ring, seq, 10, 0);
	append(ring, 70010, 10, RTP_RING_KEYFRAME);
	assert_true(rtp_ring_keyframe(ring) == 11);
	append(ring, 69990, 10, RTP_RING_KEYFRAME | RTP_RING_LATE); /* of an older one */
	assert_true(rtp_ring_keyframe(ring) == 11);
	append(ring, 70020, 10, RTP_RING_KEYFRAME | RTP_RING_LATE); /* repaired, but newer */
	assert_true(rtp_ring_keyframe(ring) == 13);
	for (uint64_t seq = 70021; seq < 70036; seq++)
		append(ring, seq, 10, 0);
	assert_true(rtp_ring_keyframe(ring) == 13);
	append(ring, 70036, 10, 0); /* overwrites it */
	assert_true(rtp_ring_keyframe(ring) == 0);
	append(ring, 70010, 10, RTP_RING_KEYFRAME | RTP_RING_LATE); /* better than none */
	assert_true(rtp_ring_keyframe(ring) == rtp_ring_head(ring));
	rtp_ring_free(ring);
}

static void
find_gives_the_latest(void **state)
{
	struct rtp_ring *ring = rtp_ring_new(16, 1 << 16);

	(void)state;
	append(ring, 100, 4, 0);
	append(ring, 101, 5, 0);
	append(ring, 100, 6, RTP_RING_LATE);
	assert_true(rtp_ring_find(ring, 100) == 3);
	append(ring, 116, 7, 0); /* a multiple of the slots apart: the later one is found */
	assert_true(rtp_ring_find(ring, 100) == 0);
	assert_true(rtp_ring_find(ring, 116) == 4);
	check(ring, 1, 100);
	rtp_ring_free(ring);
}

/* A model: whatever the ring says is there must be whole, and the rest must be gone. */
static void
random_sizes_against_a_model(void **state)
{
	struct prng rng = {support_seed()};
	struct rtp_ring *ring = rtp_ring_new(64, 16384);
	uint64_t seq = 65536;

	(void)state;
	for (uint64_t n = 1; n <= 20000; n++) {
		seq += 1 + (prng_below(&rng, 50) == 0 ? prng_below(&rng, 5) : 0);
		assert_true(append(ring, seq, prng_below(&rng, 1400), 0) == n);
		assert_true(rtp_ring_head(ring) == n);
		assert_true(n - rtp_ring_tail(ring) < 64);
		if (n % 16 != 0)
			continue;
		for (uint64_t p = rtp_ring_tail(ring); p <= n; p++) {
			const uint8_t *payload;

			check(ring, p, rtp_ring_get(ring, p, &payload)->seq);
			assert_true(rtp_ring_find(ring, rtp_ring_get(ring, p, &payload)->seq) ==
					p ||
				    seq - rtp_ring_get(ring, p, &payload)->seq >= 64);
		}
	}
	/* 64 packets of 700 octets do not fit: it is the octets that bound this ring. */
	assert_true(rtp_ring_head(ring) - rtp_ring_tail(ring) >= 10);
	rtp_ring_free(ring);
}

static void
nearly_equal_packets_are_equalised(void **state)
{
	static const struct {
		uint16_t size;
		uint8_t pad;
	} rows[] = {
	    {1000, 1}, {1001, 0}, {1000, 1}, {700, 0}, {0, 0},	 {300, 16},
	    {316, 0},  {333, 0},  {100, 0},  {90, 10}, {100, 0},
	};
	static uint8_t payload[1100];
	struct rtp_ring *ring = rtp_ring_new(64, 1 << 16);
	const uint8_t *p;

	(void)state;
	assert_non_null(ring);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct rtp_ring_slot slot = {.seq = i, .payload_size = rows[i].size};

		rtp_ring_append(ring, &slot, payload);
		if (i == 8)
			rtp_ring_equalise(ring, 1); /* a batch ends here */
	}
	rtp_ring_equalise(ring, 10);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		assert_int_equal(rtp_ring_get(ring, i + 1, &p)->pad, rows[i].pad);
	rtp_ring_free(ring);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nearly_equal_packets_are_equalised),
	    cmocka_unit_test(an_empty_ring_has_nothing),
	    cmocka_unit_test(slots_run_out_before_octets),
	    cmocka_unit_test(octets_run_out_before_slots),
	    cmocka_unit_test(a_keyframe_begins_at_its_parameter_sets),
	    cmocka_unit_test(the_newest_keyframe_is_known),
	    cmocka_unit_test(find_gives_the_latest),
	    cmocka_unit_test(random_sizes_against_a_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
