/* Unit tests of the limit on answers to plain STUN. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "stun/stun_limit.h"

enum { SECOND_US = 1000000 };

static struct stun_limit limit;

static struct addr
address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(&a, text, 1), 0);
	return a;
}

/* Answers within so many seconds of 1000 questions each. */
static unsigned
answers(const char *text, uint64_t *now_us, unsigned seconds)
{
	struct addr a = address(text);
	unsigned n = 0;

	for (unsigned i = 0; i < seconds * 1000; i++, *now_us += 1000)
		n += stun_limit_allow(&limit, &a, *now_us);
	return n;
}

static void
a_network_gets_its_burst_then_its_rate(void **state)
{
	uint64_t now = 77;
	unsigned n;

	(void)state;
	stun_limit_init(&limit, now);
	n = answers("192.0.2.7", &now, 10);
	assert_in_range(n, STUN_LIMIT_NET_BURST + 10 * STUN_LIMIT_NET_RATE - 1,
			STUN_LIMIT_NET_BURST + 10 * STUN_LIMIT_NET_RATE + 1);
	/* Another host of the same /24 shares it; a neighbour does not. */
	assert_in_range(answers("192.0.2.200", &now, 1), 0, STUN_LIMIT_NET_RATE + 1);
	assert_true(answers("192.0.3.7", &now, 1) >= STUN_LIMIT_NET_BURST);
	/* An IPv6 /64 likewise. */
	assert_true(answers("2001:db8:0:1::1", &now, 1) >= STUN_LIMIT_NET_BURST);
	assert_in_range(answers("2001:db8:0:1:ffff::1", &now, 1), 0, STUN_LIMIT_NET_RATE + 1);
	assert_true(answers("2001:db8:0:2::1", &now, 1) >= STUN_LIMIT_NET_BURST);
}

static void
everybody_together_is_limited(void **state)
{
	uint64_t now = 5 * SECOND_US, end = now + 3 * SECOND_US;
	unsigned n = 0, i = 0;

	(void)state;
	stun_limit_init(&limit, now);
	for (; now < end; now += 20, i++) {
		char text[32];
		struct addr a;

		snprintf(text, sizeof(text), "%u.%u.%u.1", 1 + i % 200, i / 200 % 250, i / 50000);
		a = address(text);
		n += stun_limit_allow(&limit, &a, now);
	}
	assert_in_range(n, STUN_LIMIT_ALL_RATE, 4 * STUN_LIMIT_ALL_RATE + 1);
}

static void
idle_time_fills_no_more_than_a_burst(void **state)
{
	uint64_t now = 5;

	(void)state;
	stun_limit_init(&limit, now);
	answers("192.0.2.7", &now, 10);
	now += 30ull * 86400 * SECOND_US;
	assert_in_range(answers("192.0.2.7", &now, 1), STUN_LIMIT_NET_BURST,
			STUN_LIMIT_NET_BURST + STUN_LIMIT_NET_RATE + 1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_network_gets_its_burst_then_its_rate),
	    cmocka_unit_test(everybody_together_is_limited),
	    cmocka_unit_test(idle_time_fills_no_more_than_a_burst),
	};

	return cmocka_run_group_tests_name("stun_limit", tests, NULL, NULL);
}
