/*
 * The conversations of DTLS that the reference's regression tests hold on a network that drops what
 * they choose: each flight in turn, several in a row, everything from one on, an alert that comes
 * twice. Here both ends are ours, on virtual time; the ends shrink as the relay's do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "../support/support.h"
#include "../support/vclock.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "dtls/dtls.h"

enum {
	START_US = 1000000,
	TIME_MAX_US = 120000000,
	STEP_US = 5000, /* of the link, one way */
	DATAGRAM = 1500,
	RECORDS_MAX = 1024,
	HEADER_SIZE = 13, /* RFC 6347 s.4.1 */
	/* What a datagram begins with: a handshake message (RFC 5246 s.7.4), or */
	CLIENT_HELLO = 1,
	SERVER_HELLO = 2,
	CERTIFICATE = 11,
	CHANGE_CIPHER_SPEC = 256,
	OTHER = 257
};

/* So many datagrams of this role that begin so do not arrive. */
struct rule {
	enum dtls_role from;
	int what;
	unsigned drops;
};

struct net {
	struct dtls_ctx *ctx[2];
	struct dtls *end[2]; /* by enum dtls_role */
	uint64_t now_us;
	struct rule rules[2];
	int deaf_from; /* from the first datagram that begins so on nothing arrives; 0: none */
	bool deaf;
	unsigned dropped;
	uint64_t seen[2][RECORDS_MAX]; /* epoch and sequence number of each record that was sent */
	size_t seen_count[2];
};

static int
what_is(const uint8_t *buf)
{
	if (buf[0] == 20)
		return CHANGE_CIPHER_SPEC;
	return buf[0] == 22 && be16(buf + 3) == 0 ? buf[HEADER_SIZE] : OTHER;
}

/* No number stands on two records: a peer that saw the first would drop the second (s.4.1.2.6). */
static void
check_numbers(struct net *n, int from, const uint8_t *buf, size_t size)
{
	size_t at = 0;

	while (at + HEADER_SIZE <= size) {
		uint64_t number = be64(buf + at + 3);

		for (size_t i = 0; i < n->seen_count[from]; i++)
			if (n->seen[from][i] == number)
				fail_msg("role %d: record %llx is sent twice", from,
					 (unsigned long long)number);
		assert_true(n->seen_count[from] < RECORDS_MAX);
		n->seen[from][n->seen_count[from]++] = number;
		at += HEADER_SIZE + be16(buf + at + 11);
	}
	assert_int_equal(at, size);
}

static bool
is_dropped(struct net *n, int from, const uint8_t *buf)
{
	int what = what_is(buf);

	n->deaf |= n->deaf_from != 0 && what == n->deaf_from;
	for (size_t i = 0; i < ARRAY_COUNT(n->rules); i++)
		if (n->rules[i].drops > 0 && (int)n->rules[i].from == from &&
		    n->rules[i].what == what) {
			n->rules[i].drops--;
			return true;
		}
	return n->deaf;
}

/* What the end has to say arrives, or not. Returns the datagrams that did. */
static unsigned
move(struct net *n, int from)
{
	uint8_t buf[DATAGRAM];
	unsigned moved = 0;
	int size;

	while ((size = dtls_poll(n->end[from], buf, sizeof(buf))) > 0) {
		check_numbers(n, from, buf, (size_t)size);
		if (is_dropped(n, from, buf)) {
			n->dropped++;
			continue;
		}
		dtls_input(n->end[!from], n->now_us, buf, (size_t)size);
		if (dtls_state(n->end[!from]) == DTLS_CONNECTED)
			dtls_shrink(n->end[!from]);
		moved++;
	}
	return moved;
}

static bool
is_over(const struct net *n)
{
	return dtls_state(n->end[DTLS_CLIENT]) != DTLS_HANDSHAKE &&
	       dtls_state(n->end[DTLS_SERVER]) != DTLS_HANDSHAKE;
}

/* Until neither end is in the handshake any more, or time is over. */
static void
run(struct net *n)
{
	while (!is_over(n) && n->now_us < TIME_MAX_US) {
		uint64_t next;

		n->now_us += STEP_US;
		vclock_set(n->now_us);
		if (move(n, DTLS_CLIENT) + move(n, DTLS_SERVER) > 0)
			continue;
		next = MIN_OF(dtls_deadline(n->end[DTLS_CLIENT], n->now_us),
			      dtls_deadline(n->end[DTLS_SERVER], n->now_us));
		if (next == CLOCK_NEVER)
			return;
		n->now_us = MAX_OF(next, n->now_us);
		vclock_set(n->now_us);
		for (int i = 0; i < 2; i++)
			if (dtls_deadline(n->end[i], n->now_us) <= n->now_us)
				dtls_timeout(n->end[i], n->now_us);
	}
}

static void
net_init(struct net *n)
{
	memset(n, 0, sizeof(*n));
	n->now_us = START_US;
	vclock_set(n->now_us);
	for (int i = 0; i < 2; i++) {
		n->ctx[i] = dtls_ctx_new();
		assert_non_null(n->ctx[i]);
	}
	for (int i = 0; i < 2; i++) {
		n->end[i] = dtls_new(n->ctx[i], (enum dtls_role)i, "sha-256",
				     dtls_ctx_fingerprint(n->ctx[!i]));
		assert_non_null(n->end[i]);
	}
}

static void
net_fini(struct net *n)
{
	for (int i = 0; i < 2; i++) {
		dtls_free(n->end[i]);
		dtls_ctx_free(n->ctx[i]);
	}
}

static void
lost_flights_are_sent_again(void **state)
{
	static const struct {
		const char *name;
		struct rule rules[2];
	} rows[] = {
	    {"nothing lost", {{DTLS_CLIENT, OTHER, 0}}},
	    {"ClientHello", {{DTLS_CLIENT, CLIENT_HELLO, 1}}},
	    {"ServerHello", {{DTLS_SERVER, SERVER_HELLO, 1}}},
	    {"Certificate", {{DTLS_CLIENT, CERTIFICATE, 1}}},
	    {"ChangeCipherSpec", {{DTLS_SERVER, CHANGE_CIPHER_SPEC, 1}}},
	    {"ChangeCipherSpec, often", {{DTLS_SERVER, CHANGE_CIPHER_SPEC, 4}}},
	    {"two ClientHellos and a Certificate",
	     {{DTLS_CLIENT, CLIENT_HELLO, 2}, {DTLS_CLIENT, CERTIFICATE, 1}}},
	    {"a very bad network", {{DTLS_CLIENT, CLIENT_HELLO, 4}, {DTLS_CLIENT, CERTIFICATE, 5}}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		unsigned drops = rows[i].rules[0].drops + rows[i].rules[1].drops;
		struct dtls_srtp_keys a, b;
		struct net n;

		net_init(&n);
		memcpy(n.rules, rows[i].rules, sizeof(n.rules));
		run(&n);
		if (dtls_keys(n.end[0], &a) < 0 || dtls_keys(n.end[1], &b) < 0)
			fail_msg("%s: %s%s", rows[i].name, dtls_error(n.end[0]),
				 dtls_error(n.end[1]));
		assert_memory_equal(&a.local, &b.remote, sizeof(a.local));
		assert_int_equal(n.dropped, drops);
		net_fini(&n);
	}
}

/* The regression tests of the reference give it, and three reports of a second each, 5 s in all. */
static void
a_very_bad_network_costs_little(void **state)
{
	struct net n;

	(void)state;
	net_init(&n);
	n.rules[0] = (struct rule){DTLS_CLIENT, CLIENT_HELLO, 4};
	n.rules[1] = (struct rule){DTLS_CLIENT, CERTIFICATE, 5};
	run(&n);
	assert_int_equal(dtls_state(n.end[DTLS_CLIENT]), DTLS_CONNECTED);
	assert_true(n.now_us - START_US < 2500000);
	net_fini(&n);
}

static void
a_dead_link_is_given_up(void **state)
{
	static const int from[] = {CLIENT_HELLO, SERVER_HELLO, CERTIFICATE, CHANGE_CIPHER_SPEC};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(from); i++) {
		struct net n;

		net_init(&n);
		n.deaf_from = from[i];
		run(&n);
		assert_int_equal(dtls_state(n.end[DTLS_CLIENT]), DTLS_FAILED);
		assert_string_not_equal(dtls_error(n.end[DTLS_CLIENT]), "");
		assert_true(n.dropped >= 5); /* it tried so often */
		assert_true(n.now_us < TIME_MAX_US);
		net_fini(&n);
	}
}

/* An end that goes repeats its close_notify: the first ends the other, the rest change nothing. */
static void
an_alert_may_come_twice(void **state)
{
	uint8_t buf[DATAGRAM];
	struct net n;
	int size;

	(void)state;
	for (int closer = 0; closer < 2; closer++) {
		net_init(&n);
		run(&n);
		assert_int_equal(dtls_state(n.end[!closer]), DTLS_CONNECTED);
		dtls_close(n.end[closer]);
		size = dtls_poll(n.end[closer], buf, sizeof(buf));
		assert_true(size > 0);
		for (int i = 0; i < 3; i++) {
			dtls_input(n.end[!closer], n.now_us, buf, (size_t)size);
			assert_int_equal(dtls_state(n.end[!closer]), DTLS_CLOSED);
		}
		assert_string_equal(dtls_error(n.end[!closer]), "");
		net_fini(&n);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lost_flights_are_sent_again),
	    cmocka_unit_test(a_very_bad_network_costs_little),
	    cmocka_unit_test(a_dead_link_is_given_up),
	    cmocka_unit_test(an_alert_may_come_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
