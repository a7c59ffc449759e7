/* Names on a uv loop: cached, shared by those who wait, cancelled, bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "whip/whip_resolve.h"

struct fixture {
	uv_loop_t loop;
	struct whip_resolver *resolver;
	uv_timer_t guard;
	unsigned calls;
	bool late;
};

static void
count_call(void *arg)
{
	struct fixture *f = arg;

	f->calls++;
}

static void
on_guard(uv_timer_t *timer)
{
	struct fixture *f = timer->data;

	f->late = true;
}

/* Run the loop until fn was called `calls` times in all, at most 10 s. */
static void
run_until(struct fixture *f, unsigned calls)
{
	f->late = false;
	uv_timer_start(&f->guard, on_guard, 10000, 0);
	while (f->calls < calls && !f->late)
		uv_run(&f->loop, UV_RUN_ONCE);
	uv_timer_stop(&f->guard);
	assert_int_equal(f->calls, calls);
}

static void
start(struct fixture *f)
{
	assert_int_equal(uv_loop_init(&f->loop), 0);
	uv_timer_init(&f->loop, &f->guard);
	f->guard.data = f;
	f->calls = 0;
	f->resolver = whip_resolver_new(&f->loop);
	assert_non_null(f->resolver);
}

static void
stop(struct fixture *f)
{
	whip_resolver_free(f->resolver);
	uv_close((uv_handle_t *)&f->guard, NULL);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&f->loop), 0);
}

static struct whip_waiter
waiter_of(struct fixture *f)
{
	return (struct whip_waiter){.fn = count_call, .arg = f};
}

static void
a_name_is_resolved_once(void **state)
{
	struct fixture f;
	struct whip_waiter a = waiter_of(&f), b = waiter_of(&f), c = waiter_of(&f);
	struct addr found[WHIP_NAME_ADDRESSES_MAX];
	size_t count;

	(void)state;
	start(&f);
	assert_int_equal(whip_resolver_lookup(f.resolver, "localhost", found, 4), 0);
	assert_int_equal(whip_resolver_want(f.resolver, "localhost", &a), 1);
	assert_int_equal(whip_resolver_want(f.resolver, "LocalHost", &b), 1);
	run_until(&f, 2);
	count = whip_resolver_lookup(f.resolver, "localhost", found, ARRAY_COUNT(found));
	assert_true(count > 0);
	assert_true(addr_is_loopback(&found[0]));
	assert_int_equal(addr_port(&found[0]), 0);
	assert_int_equal(whip_resolver_lookup(f.resolver, "localhost", found, 1), 1);
	assert_int_equal(whip_resolver_want(f.resolver, "localhost", &c), 0);
	stop(&f);
}

static void
a_failure_is_remembered(void **state)
{
	struct fixture f;
	struct whip_waiter a = waiter_of(&f), b = waiter_of(&f);
	struct addr found[1];

	(void)state;
	start(&f);
	assert_int_equal(whip_resolver_want(f.resolver, "nothing.invalid", &a), 1);
	run_until(&f, 1);
	assert_int_equal(whip_resolver_lookup(f.resolver, "nothing.invalid", found, 1), 0);
	assert_int_equal(whip_resolver_want(f.resolver, "nothing.invalid", &b), 0);
	stop(&f);
}

static void
who_cancels_is_not_called(void **state)
{
	struct fixture f;
	struct whip_waiter a = waiter_of(&f), b = waiter_of(&f);

	(void)state;
	start(&f);
	assert_int_equal(whip_resolver_want(f.resolver, "localhost", &a), 1);
	assert_int_equal(whip_resolver_want(f.resolver, "localhost", &b), 1);
	whip_resolver_cancel(f.resolver, &a);
	whip_resolver_cancel(f.resolver, &a);
	run_until(&f, 1);
	stop(&f);
}

/* Addresses stand for names here: they need no server. */
static void
look_ups_are_bounded(void **state)
{
	struct fixture f;
	struct whip_waiter waiters[WHIP_RESOLVE_BUSY_MAX + 1];
	char name[32];

	(void)state;
	start(&f);
	for (unsigned i = 0; i <= WHIP_RESOLVE_BUSY_MAX; i++) {
		waiters[i] = waiter_of(&f);
		snprintf(name, sizeof(name), "10.0.0.%u", i);
		assert_int_equal(whip_resolver_want(f.resolver, name, &waiters[i]),
				 i < WHIP_RESOLVE_BUSY_MAX);
	}
	run_until(&f, WHIP_RESOLVE_BUSY_MAX);
	for (unsigned i = 0; i < 3 * WHIP_RESOLVE_CACHE; i++) {
		snprintf(name, sizeof(name), "10.0.1.%u", i);
		waiters[0] = waiter_of(&f);
		if (whip_resolver_want(f.resolver, name, &waiters[0]) == 1)
			run_until(&f, f.calls + 1);
	}
	stop(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_name_is_resolved_once),
	    cmocka_unit_test(a_failure_is_remembered),
	    cmocka_unit_test(who_cancels_is_not_called),
	    cmocka_unit_test(look_ups_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
