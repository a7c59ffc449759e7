/* Unit tests of the TURN client's allocation, on virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../support/support.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "turn/turn.h"
#include "turn.inc"

static void
it_allocates(void **state)
{
	struct turn *t = begin(&standard);
	const struct addr relayed = address("10.97.9.1:50123"), mapped = address("10.97.1.2:40000");
	uint32_t transport, lifetime_s;
	size_t size;

	(void)state;
	asked(t, 0, STUN_ALLOCATE);
	assert_int_equal(stun_get_u32(&server.msg, STUN_REQUESTED_TRANSPORT, &transport), 0);
	assert_int_equal(transport, 17u << 24);
	assert_null(stun_attr(&server.msg, STUN_USERNAME, &size)); /* not to who did not ask */
	assert_int_equal(stun_get_u32(&server.msg, STUN_LIFETIME, &lifetime_s), 0);
	assert_int_equal(lifetime_s, 600);
	turn_free(t);

	t = allocated(&standard, 600);
	assert_true(addr_equal(turn_relayed(t), &relayed));
	assert_true(addr_equal(turn_mapped(t), &mapped));
	asked(t, 539 * SECOND_US, 0);
	assert_int_equal(turn_deadline(t), 540 * SECOND_US);
	turn_free(t);
}

static void
it_asks_for_a_family_and_a_lifetime(void **state)
{
	struct turn_config config = standard;
	struct turn *t;
	uint32_t v;

	(void)state;
	config.family = AF_INET6;
	config.lifetime_s = 77;
	t = begin(&config);
	asked(t, 0, STUN_ALLOCATE);
	assert_int_equal(stun_get_u32(&server.msg, STUN_REQUESTED_FAMILY, &v), 0);
	assert_int_equal(v, 2u << 24);
	assert_int_equal(stun_get_u32(&server.msg, STUN_LIFETIME, &v), 0);
	assert_int_equal(v, 77);
	start_allocated(600); /* of the other family */
	assert_int_equal(finish_answer(t, 0, false), 0);
	assert_int_equal(turn_error(t), -EBADMSG);
	turn_free(t);
}

static void
requests_are_repeated_and_given_up(void **state)
{
	static const unsigned at_ms[] = {0, 500, 1500, 3500};
	struct turn *t = begin(&standard);
	uint8_t txid[STUN_TXID_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(at_ms); i++) {
		if (i > 0)
			assert_int_equal(turn_deadline(t), at_ms[i] * 1000ull);
		asked(t, at_ms[i] * 1000ull, STUN_ALLOCATE);
		if (i > 0)
			assert_memory_equal(txid, server.msg.txid, sizeof(txid));
		memcpy(txid, server.msg.txid, sizeof(txid));
		asked(t, at_ms[i] * 1000ull + 1, 0);
	}
	assert_int_equal(turn_deadline(t), 5 * SECOND_US);
	asked(t, 5 * SECOND_US, 0);
	assert_int_equal(turn_state(t), TURN_ENDED);
	assert_int_equal(turn_error(t), -ETIMEDOUT);
	assert_int_equal(turn_deadline(t), CLOCK_NEVER);
	turn_free(t);
}

static void
over_a_stream_nothing_is_repeated(void **state)
{
	struct turn_config config = standard;
	struct turn *t;

	(void)state;
	config.stream = true;
	config.timeout_us = 60 * SECOND_US;
	t = begin(&config);
	asked(t, 0, STUN_ALLOCATE);
	asked(t, 39 * SECOND_US, 0);
	asked(t, 40 * SECOND_US, 0);
	assert_int_equal(turn_error(t), -ETIMEDOUT);
	turn_free(t);
}

static void
wrong_credentials_end_it(void **state)
{
	struct turn *t = begin(&standard);
	char words[80];

	(void)state;
	asked(t, 0, STUN_ALLOCATE);
	assert_int_equal(refuse(t, 0, 401, "nonce-1"), 0);
	asked(t, 0, STUN_ALLOCATE);
	assert_int_equal(refuse(t, 0, 401, "nonce-2"), 0);
	assert_int_equal(turn_state(t), TURN_ENDED);
	assert_int_equal(turn_error(t), 401);
	assert_string_equal(turn_explain(t, words, sizeof(words)),
			    "refuses the user name or the credential (401)");
	asked(t, SECOND_US, 0);
	turn_free(t);
}

static void
a_stale_nonce_is_replaced_a_few_times(void **state)
{
	struct turn *t = allocated(&standard, 600);
	uint64_t at = 540 * SECOND_US;

	(void)state;
	asked(t, at, STUN_REFRESH);
	assert_keyed("nonce-1");
	assert_int_equal(refuse(t, at, 438, "nonce-2"), 0);
	asked(t, at, STUN_REFRESH);
	assert_keyed("nonce-2");
	start_answer(STUN_SUCCESS);
	stun_add_u32(&server.w, STUN_LIFETIME, 600);
	assert_int_equal(finish_answer(t, at, true), 0);
	at += 540 * SECOND_US;
	for (unsigned i = 0; i < 3; i++) {
		asked(t, at, STUN_REFRESH);
		assert_int_equal(refuse(t, at, 438, "nonce-3"), 0);
	}
	asked(t, at, STUN_REFRESH);
	assert_int_equal(refuse(t, at, 438, "nonce-4"), 0);
	assert_int_equal(turn_error(t), 438);
	turn_free(t);
}

static void
unsigned_success_is_not_taken(void **state)
{
	struct turn *t = begin(&standard);

	(void)state;
	asked(t, 0, STUN_ALLOCATE);
	assert_int_equal(refuse(t, 0, 401, "nonce-1"), 0);
	asked(t, 0, STUN_ALLOCATE);
	start_allocated(600);
	assert_int_equal(finish_answer(t, 0, false), -EACCES);
	start_allocated(600);
	stun_add(&server.w, STUN_MESSAGE_INTEGRITY, key, 20 - 4); /* of the wrong size */
	assert_int_equal(finish_answer(t, 0, false), -EACCES);
	assert_int_equal(turn_state(t), TURN_ASKING);
	start_allocated(600);
	assert_int_equal(finish_answer(t, 0, true), 0);
	assert_int_equal(turn_state(t), TURN_READY);
	assert_int_equal(finish_answer(t, 0, true), -EBADMSG); /* nobody asked again */
	turn_free(t);
}

static void
what_lacks_something_is_no_allocation(void **state)
{
	const struct addr relayed = address("10.97.9.1:50123");

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct turn *t = begin(&standard);

		asked(t, 0, STUN_ALLOCATE);
		start_answer(STUN_SUCCESS);
		if (i != 0)
			stun_add_address(&server.w, STUN_XOR_RELAYED_ADDRESS, &relayed);
		if (i != 1)
			stun_add_u32(&server.w, STUN_LIFETIME, i == 2 ? 0 : 600);
		assert_int_equal(finish_answer(t, 0, false), 0);
		assert_int_equal(turn_error(t), -EBADMSG);
		turn_free(t);
	}
}

static void
it_gives_back(void **state)
{
	struct turn *t = allocated(&standard, 600);
	uint32_t lifetime_s = 1;

	(void)state;
	turn_close(t, SECOND_US);
	asked(t, SECOND_US, STUN_REFRESH);
	assert_int_equal(stun_get_u32(&server.msg, STUN_LIFETIME, &lifetime_s), 0);
	assert_int_equal(lifetime_s, 0);
	assert_int_equal(turn_state(t), TURN_CLOSING);
	start_answer(STUN_SUCCESS);
	stun_add_u32(&server.w, STUN_LIFETIME, 0);
	assert_int_equal(finish_answer(t, SECOND_US, true), 0);
	assert_int_equal(turn_state(t), TURN_ENDED);
	assert_int_equal(turn_error(t), 0);
	turn_free(t);

	t = allocated(&standard, 600);
	turn_close(t, SECOND_US);
	asked(t, SECOND_US, STUN_REFRESH);
	asked(t, SECOND_US + TURN_CLOSE_US, 0);
	assert_int_equal(turn_state(t), TURN_ENDED); /* of silence, too */
	turn_free(t);

	t = begin(&standard);
	turn_close(t, 0);
	assert_int_equal(turn_state(t), TURN_ENDED); /* there is nothing */
	turn_free(t);
}

static void
a_refresh_that_fails_ends_it(void **state)
{
	struct turn *t = allocated(&standard, 20);

	(void)state;
	asked(t, 9 * SECOND_US, 0);
	asked(t, 10 * SECOND_US, STUN_REFRESH); /* half of what is short */
	assert_int_equal(refuse(t, 10 * SECOND_US, 437, NULL), 0);
	assert_int_equal(turn_error(t), 437);
	turn_free(t);
}

static void
stun_alone_tells_our_address(void **state)
{
	const struct turn_config config = {.family = AF_INET, .seed = 3};
	const struct addr mapped = address("192.0.2.9:1234");
	struct turn *t = begin(&config);

	(void)state;
	asked(t, 0, STUN_BINDING);
	start_answer(STUN_SUCCESS);
	stun_add_address(&server.w, STUN_XOR_MAPPED_ADDRESS, &mapped);
	assert_int_equal(finish_answer(t, 0, false), 0);
	assert_int_equal(turn_state(t), TURN_READY);
	assert_null(turn_relayed(t));
	assert_true(addr_equal(turn_mapped(t), &mapped));
	assert_int_equal(turn_deadline(t), CLOCK_NEVER);
	turn_free(t);

	t = begin(&config);
	asked(t, 0, STUN_BINDING);
	assert_int_equal(refuse(t, 0, 401, "nonce-1"), 0);
	assert_int_equal(turn_error(t), -EACCES);
	turn_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_allocates),
	    cmocka_unit_test(it_asks_for_a_family_and_a_lifetime),
	    cmocka_unit_test(requests_are_repeated_and_given_up),
	    cmocka_unit_test(over_a_stream_nothing_is_repeated),
	    cmocka_unit_test(wrong_credentials_end_it),
	    cmocka_unit_test(a_stale_nonce_is_replaced_a_few_times),
	    cmocka_unit_test(unsigned_success_is_not_taken),
	    cmocka_unit_test(what_lacks_something_is_no_allocation),
	    cmocka_unit_test(it_gives_back),
	    cmocka_unit_test(a_refresh_that_fails_ends_it),
	    cmocka_unit_test(stun_alone_tells_our_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
