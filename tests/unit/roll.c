/* Unit tests of lib/hls/roll.h: who watches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "hls/roll.h"

enum { SECOND = 1000000, SEGMENT = 2 * SECOND };

static const struct roll_origin someone = {"live/a", "192.0.2.1", "player/1"};

static unsigned kicked;

static void
on_kick(struct roll_entry *e)
{
	(void)e;
	kicked++;
}

static void
test_a_consumer_is_listed_while_it_is_there(void **state)
{
	struct roll r = {0};
	struct roll_entry a = {.kick = on_kick}, b = {.kick = on_kick};

	(void)state;
	roll_add(&r, &a, ROLL_FLV, &someone, 1);
	roll_add(&r, &b, ROLL_RTMP, &(struct roll_origin){"live/b", "", ""}, 2);
	assert_int_equal(r.count, 2);
	assert_int_equal(r.counts[ROLL_FLV], 1);
	assert_int_equal(r.counts[ROLL_RTMP], 1);
	assert_memory_equal(a.id, "l-", 2);
	assert_int_equal(strlen(a.id), ROLL_ID_SIZE - 1);
	assert_string_not_equal(a.id, b.id);
	assert_ptr_equal(roll_find(&r, b.id), &b);
	assert_null(roll_find(&r, "l-nobody.."));
	assert_string_equal(a.address, "192.0.2.1");
	kicked = 0;
	roll_find(&r, a.id)->kick(&a);
	assert_int_equal(kicked, 1);
	roll_remove(&r, &a);
	assert_int_equal(r.counts[ROLL_FLV], 0);
	assert_ptr_equal(r.entries, &b);
	roll_remove(&r, &b);
	assert_int_equal(r.count, 0);
	assert_int_equal(r.total, 2);
	roll_fini(&r);
}

static void
test_what_strangers_say_is_printable(void **state)
{
	struct roll r = {0};
	struct roll_entry e = {0};
	char agent[3 * ROLL_AGENT_SIZE];

	(void)state;
	memset(agent, 0xe2, sizeof(agent) - 1);
	agent[sizeof(agent) - 1] = '\0';
	agent[0] = '\n';
	agent[1] = 'x';
	roll_add(&r, &e, ROLL_TS, &(struct roll_origin){"live/a", "", agent}, 1);
	assert_int_equal(strlen(e.agent), ROLL_AGENT_SIZE - 1);
	assert_memory_equal(e.agent, "?x??", 4);
	assert_int_equal(strspn(e.agent, "?x"), strlen(e.agent));
	roll_remove(&r, &e);
}

/* Stream, address and agent make a player; nothing else does. */
static void
test_hls_players_are_told_apart(void **state)
{
	static const struct roll_origin others[] = {{"live/b", "192.0.2.1", "player/1"},
						    {"live/a", "192.0.2.2", "player/1"},
						    {"live/a", "192.0.2.1", "player/2"}};
	struct roll r = {0};

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_true(roll_hls_playlist(&r, &someone, 100, SEGMENT, (uint64_t)i + 1));
	assert_true(roll_hls_part(&r, &someone, 5000));
	assert_int_equal(r.count, 1);
	assert_int_equal(r.counts[ROLL_HLS], 1);
	assert_int_equal(r.entries->octets, 5300);
	assert_int_equal(r.entries->since_us, 1);
	for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
		assert_true(roll_hls_part(&r, &others[i], 1)); /* without a playlist: served */
		assert_int_equal(r.count, i + 1);	       /* and not listed */
		assert_true(roll_hls_playlist(&r, &others[i], 1, SEGMENT, 2));
		assert_int_equal(r.count, i + 2);
	}
	roll_fini(&r);
	assert_int_equal(r.count, 0);
	assert_null(r.entries);
}

static void
test_hls_players_leave_without_a_word(void **state)
{
	struct roll r = {0};
	uint64_t now_us = SECOND;

	(void)state;
	for (; now_us < 60 * SECOND; now_us += SEGMENT) {
		roll_hls_playlist(&r, &someone, 1, SEGMENT, now_us);
		roll_tick(&r, now_us);
		assert_int_equal(r.count, 1);
	}
	now_us -= SEGMENT; /* its last playlist */
	roll_tick(&r, now_us + ROLL_HLS_MIN_US);
	assert_int_equal(r.count, 1);
	roll_tick(&r, now_us + ROLL_HLS_MIN_US + 1);
	assert_int_equal(r.count, 0);
	assert_int_equal(r.player_count, 0);
	/* Three segments, if these are long. */
	roll_hls_playlist(&r, &someone, 1, 6 * SECOND, now_us);
	roll_tick(&r, now_us + 18 * SECOND);
	assert_int_equal(r.count, 1);
	roll_tick(&r, now_us + 18 * SECOND + 1);
	assert_int_equal(r.count, 0);
	assert_int_equal(r.total, 2);
	roll_fini(&r);
}

static void
test_an_hls_player_that_was_kicked(void **state)
{
	struct roll r = {0};
	uint64_t now_us = SECOND;

	(void)state;
	roll_hls_playlist(&r, &someone, 1, SEGMENT, now_us);
	r.entries->kick(r.entries);
	assert_int_equal(r.count, 0);
	assert_null(r.entries);
	assert_false(roll_hls_playlist(&r, &someone, 1, SEGMENT, now_us));
	assert_false(roll_hls_part(&r, &someone, 1));
	assert_true(roll_hls_playlist(&r, &(struct roll_origin){"live/a", "192.0.2.9", ""}, 1,
				      SEGMENT, now_us));
	assert_int_equal(r.count, 1);
	roll_tick(&r, now_us);
	for (; now_us <= SECOND + ROLL_REFUSE_US; now_us += SECOND) {
		roll_tick(&r, now_us); /* that it asks on does not make it longer */
		assert_false(roll_hls_playlist(&r, &someone, 1, SEGMENT, now_us));
	}
	roll_tick(&r, now_us);
	assert_true(roll_hls_playlist(&r, &someone, 1, SEGMENT, now_us));
	assert_int_equal(r.counts[ROLL_HLS], 1);
	roll_fini(&r);
}

static void
test_no_more_players_than_the_limit(void **state)
{
	struct roll r = {0};
	char agent[16];
	struct roll_origin from = {"live/a", "192.0.2.1", agent};

	(void)state;
	for (unsigned i = 0; i < ROLL_HLS_MAX + 10; i++) {
		snprintf(agent, sizeof(agent), "%u", i);
		assert_true(roll_hls_playlist(&r, &from, 1, SEGMENT, SECOND));
	}
	assert_int_equal(r.count, ROLL_HLS_MAX);
	assert_int_equal(r.unlisted, 10);
	roll_tick(&r, SECOND + ROLL_HLS_MIN_US + 1);
	assert_int_equal(r.count, 0);
	assert_true(roll_hls_playlist(&r, &from, 1, SEGMENT, SECOND));
	assert_int_equal(r.count, 1);
	roll_fini(&r);
}

static void
test_rates(void **state)
{
	struct roll r = {0};
	struct roll_entry e = {0};
	struct meter_rates rates;

	(void)state;
	roll_add(&r, &e, ROLL_FLV, &someone, SECOND);
	for (uint64_t s = 2; s <= 31; s++) {
		e.octets += 1000;
		roll_tick(&r, s * SECOND);
	}
	rates = meter_read(&e.meter, 31 * SECOND, e.octets, 0);
	assert_int_equal((int)(rates.long_term[0] + 0.5), 1000);
	roll_remove(&r, &e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_consumer_is_listed_while_it_is_there),
	    cmocka_unit_test(test_what_strangers_say_is_printable),
	    cmocka_unit_test(test_hls_players_are_told_apart),
	    cmocka_unit_test(test_hls_players_leave_without_a_word),
	    cmocka_unit_test(test_an_hls_player_that_was_kicked),
	    cmocka_unit_test(test_no_more_players_than_the_limit),
	    cmocka_unit_test(test_rates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
