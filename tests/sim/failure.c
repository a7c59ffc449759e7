/* Simulation: connections that fail, end, are attacked or change their address. RTC_SEED replays.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "../support/peers.h"
#include "../support/support.h"
#include "base/clock.h"

enum { SECOND = 1000000 };

static const struct link_params clean = {.delay_us = 20000};
static const struct link_params dead = {.loss_permille = 1000};

static void
start(struct peers *s, const struct peers_params *params)
{
	struct peers_params p = *params;

	p.seed = support_seed();
	p.link[0] = p.link[0].delay_us + p.link[0].loss_permille > 0 ? p.link[0] : clean;
	p.link[1] = p.link[1].delay_us + p.link[1].loss_permille > 0 ? p.link[1] : clean;
	print_message("# RTC_SEED=%llu\n", (unsigned long long)p.seed);
	peers_init(s, &p);
}

static void
start_connected(struct peers *s)
{
	struct peers_params p = {.role = DTLS_CLIENT, .nack = true};

	start(s, &p);
	assert_true(peers_connect(s, 5 * SECOND));
}

static void
wrong_fingerprint_fails_in_words(void **state)
{
	(void)state;
	for (int role = 0; role < 2; role++) {
		struct peers_params p = {.role = role == 0 ? DTLS_SERVER : DTLS_CLIENT,
					 .wrong_fingerprint = true};
		struct peers s;

		start(&s, &p);
		assert_false(peers_connect(&s, 20 * SECOND));
		peers_run(&s, SECOND);
		for (int i = 0; i < 2; i++) {
			assert_int_equal(s.seen[i].connected, 0);
			assert_int_equal(s.seen[i].failed, 1);
			assert_int_equal(s.seen[i].stage, PEER_STAGE_DTLS);
			assert_int_equal(peer_state(s.end[i]), PEER_FAILED);
			assert_true(peer_deadline(s.end[i]) == CLOCK_NEVER);
		}
		assert_true(strstr(s.seen[0].words, "fingerprint") != NULL ||
			    strstr(s.seen[1].words, "fingerprint") != NULL);
		peers_fini(&s);
	}
}

static void
wrong_password_fails_in_words(void **state)
{
	struct peers_params p = {.role = DTLS_CLIENT, .wrong_password = true};
	struct peers s;

	(void)state;
	start(&s, &p);
	assert_false(peers_connect(&s, 40 * SECOND));
	peers_run(&s, 40 * SECOND);
	assert_int_equal(s.seen[0].failed, 1);
	assert_int_equal(s.seen[0].stage, PEER_STAGE_ICE);
	assert_non_null(strstr(s.seen[0].words, "401"));
	assert_int_equal(s.seen[1].failed, 1); /* nobody came in time */
	assert_int_equal(s.seen[1].stage, PEER_STAGE_ICE);
	peers_fini(&s);
}

static void
silence_fails_in_words(void **state)
{
	struct peers_params p = {.role = DTLS_CLIENT, .link = {dead, dead}};
	struct peers s;
	char text[256];

	(void)state;
	start(&s, &p);
	peer_explain(s.end[0], text, sizeof(text));
	assert_non_null(strstr(text, "ICE"));
	assert_false(peers_connect(&s, 40 * SECOND));
	peers_run(&s, 20 * SECOND);
	assert_int_equal(s.seen[0].failed, 1);
	assert_non_null(strstr(s.seen[0].words, "none answered"));
	assert_non_null(strstr(s.seen[0].words, "192.0.2.2:2000"));
	peers_fini(&s);
}

static void
closing_is_told_to_the_other(void **state)
{
	(void)state;
	for (int closer = 0; closer < 2; closer++) {
		struct peers s;
		struct peer_media m = {
		    .pt = PEERS_VIDEO_PT, .payload = (const uint8_t *)"x", .payload_size = 1};

		start_connected(&s);
		s.sending = true;
		peers_run(&s, SECOND);
		s.sending = false;
		peer_close(s.end[closer], s.now_us);
		assert_int_equal(peer_state(s.end[closer]), PEER_CLOSED);
		assert_int_equal(peer_send(s.end[closer], s.now_us, 0, &m), -ENOTCONN);
		peers_run(&s, SECOND);
		assert_int_equal(s.seen[closer].closed, 0);
		assert_int_equal(s.seen[!closer].closed, 1);
		assert_int_equal(s.seen[!closer].failed, 0);
		assert_int_equal(peer_state(s.end[!closer]), PEER_CLOSED);
		assert_int_equal(s.seen[1].byes, closer == 0 ? 2 : 0); /* of both tracks */
		assert_true(peer_deadline(s.end[!closer]) == CLOCK_NEVER);
		peers_fini(&s);
	}
}

/* Both links die: each side notices by itself, the watcher by consent (RFC 7675). */
static void
a_dead_path_ends_both(void **state)
{
	struct peers s;
	uint64_t died_us;

	(void)state;
	start_connected(&s);
	s.sending = true;
	peers_run(&s, 2 * SECOND);
	died_us = s.now_us;
	for (int i = 0; i < 2; i++) {
		link_free(s.link[i]);
		s.link[i] = link_new(&dead, 1);
	}
	while (s.now_us < died_us + 60 * (uint64_t)SECOND &&
	       s.seen[0].failed + s.seen[1].failed < 2)
		peers_run(&s, SECOND / 10);
	assert_int_equal(s.seen[0].failed, 1);
	assert_int_equal(s.seen[1].failed, 1);
	assert_in_range(s.now_us - died_us, 25 * SECOND, 40 * SECOND);
	assert_non_null(strstr(s.seen[1].words, "consent"));
	peers_fini(&s);
}

/* A NAT gives the publisher another address: the lite end follows its next check. */
static void
a_new_address_is_followed(void **state)
{
	struct peers s;
	uint64_t before;

	(void)state;
	start_connected(&s);
	s.sending = true;
	peers_run(&s, 8 * SECOND);
	assert_int_equal(s.misdirected, 0);
	addr_parse(&s.addr[0], "192.0.2.99:4321", 0);
	before = s.seen[1].packets[PEERS_VIDEO];
	peers_run(&s, 20 * SECOND);
	assert_int_equal(s.seen[0].failed + s.seen[1].failed, 0);
	assert_true(s.seen[1].packets[PEERS_VIDEO] > before + 4 * 30 * 10);
	before = s.misdirected;
	peers_run(&s, 2 * SECOND);
	assert_int_equal(s.misdirected, before); /* nothing goes to the old one */
	assert_int_equal(s.seen[1].wrong, 0);
	peers_fini(&s);
}

/* Whatever a stranger throws in, from a good address or another, changes nothing. */
static void
garbage_is_survived(void **state)
{
	struct peers s;
	struct prng rng = {support_seed()};
	struct ice_tuple from;
	uint8_t buf[1500];

	(void)state;
	start_connected(&s);
	s.sending = true;
	memset(&from, 0, sizeof(from));
	for (int n = 0; n < 30000; n++) {
		int i = n % 2;
		size_t size = prng_below(&rng, 300);
		static const uint8_t first[] = {0, 1, 20, 22, 23, 63, 0x80, 0x81, 0x90, 0xbf};

		for (size_t j = 0; j < size; j++)
			buf[j] = (uint8_t)prng_next(&rng);
		if (size > 0 && n % 3 != 0)
			buf[0] = first[prng_below(&rng, sizeof(first))];
		if (size > 2 && buf[0] >> 6 == 2 && n % 5 != 0)
			buf[1] = (uint8_t)(200 + n % 8);
		from.remote = s.addr[!i];
		if (n % 7 == 0)
			addr_parse(&from.remote, "203.0.113.9:9", 0);
		assert_int_not_equal(peer_input(s.end[i], s.now_us, &from, buf, size), 1);
		if (n % 300 == 0)
			peers_run(&s, SECOND / 20);
	}
	peers_run(&s, SECOND);
	assert_int_equal(s.seen[0].failed + s.seen[1].failed, 0);
	assert_int_equal(s.seen[0].closed + s.seen[1].closed, 0);
	assert_int_equal(s.seen[1].wrong, 0);
	assert_int_equal(s.seen[1].skipped[0] + s.seen[1].skipped[1], 0);
	peers_fini(&s);
}

/* An eavesdropper plays everything once more, at once and later: nothing is delivered twice. */
static void
replays_deliver_nothing(void **state)
{
	static const struct link_params twice = {.delay_us = 20000,
						 .reorder_us = 300000,
						 .duplicate_permille = 1000,
						 .reorder_permille = 500};
	struct peers_params p = {.role = DTLS_CLIENT, .link = {twice, twice}};
	struct peers s;
	struct peer_stats rx;

	(void)state;
	start(&s, &p);
	assert_true(peers_connect(&s, 10 * SECOND));
	s.sending = true;
	peers_run(&s, 5 * SECOND);
	s.sending = false;
	peers_run(&s, 3 * SECOND);
	peer_stats(s.end[1], &rx);
	assert_int_equal(s.seen[1].packets[0], s.sent[0]);
	assert_int_equal(s.seen[1].packets[1], s.sent[1]);
	/* The first to arrive need not be the first: what came before it is late. */
	assert_in_range(s.seen[1].in_order[0], s.sent[0] - 50, s.sent[0]);
	assert_int_equal(s.seen[1].skipped[0], 0);
	assert_in_range(rx.rx_duplicates, s.sent[0] + s.sent[1], s.sent[0] + s.sent[1] + 100);
	assert_int_equal(s.seen[1].wrong, 0);
	peers_fini(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(wrong_fingerprint_fails_in_words),
	    cmocka_unit_test(wrong_password_fails_in_words),
	    cmocka_unit_test(silence_fails_in_words),
	    cmocka_unit_test(closing_is_told_to_the_other),
	    cmocka_unit_test(a_dead_path_ends_both),
	    cmocka_unit_test(a_new_address_is_followed),
	    cmocka_unit_test(garbage_is_survived),
	    cmocka_unit_test(replays_deliver_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
