/* runs under: thread */
/* Unit tests of lib/chan: order, wrapping, fullness, what is kept, two threads at full speed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>
#include <cmocka.h>

#include "../support/support.h"
#include "base/bytes.h"
#include "base/random.h"
#include "chan/chan.h"

enum { RING_SIZE = 4096, MESSAGE_MAX = 300, RUN = 50000 };

static uv_loop_t loop;
static uv_async_t wake;
static unsigned wakes;

static void
on_wake(uv_async_t *handle)
{
	(void)handle;
	wakes++;
}

static int
open_loop(void **state)
{
	(void)state;
	wakes = 0;
	uv_loop_init(&loop);
	return uv_async_init(&loop, &wake, on_wake);
}

static int
close_loop(void **state)
{
	(void)state;
	uv_close((uv_handle_t *)&wake, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	return uv_loop_close(&loop);
}

static void
expect_message(struct chan *c, unsigned type, const char *text)
{
	struct chan_msg m;

	assert_true(chan_next(c, &m));
	assert_int_equal(m.type, type);
	assert_int_equal(m.size, strlen(text));
	assert_memory_equal(m.data, text, m.size);
	assert_int_equal((uintptr_t)m.data % 8, 0);
	chan_done(c);
}

static void
messages_keep_their_order(void **state)
{
	struct chan *c = chan_new(RING_SIZE, &wake);
	struct chan_msg m;

	(void)state;
	assert_false(chan_next(c, &m));
	assert_int_equal(chan_post(c, 1, "head", 4, "+body", 5), 0);
	chan_post_sure(c, 2, "sure", 4);
	assert_int_equal(chan_post(c, 3, NULL, 0, NULL, 0), 0);
	expect_message(c, 1, "head+body");
	expect_message(c, 2, "sure");
	expect_message(c, 3, "");
	assert_false(chan_next(c, &m));
	chan_free(c);
}

static void
one_wake_per_batch(void **state)
{
	struct chan *c = chan_new(RING_SIZE, &wake);

	(void)state;
	assert_false(chan_kick(c));
	uv_run(&loop, UV_RUN_NOWAIT);
	assert_int_equal(wakes, 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(chan_post(c, 1, "x", 1, NULL, 0), 0);
	assert_false(chan_kick(c));
	assert_false(chan_kick(c));
	uv_run(&loop, UV_RUN_NOWAIT);
	assert_int_equal(wakes, 1);
	chan_free(c);
}

/* A full ring drops media and keeps what must not be lost, and nothing overtakes what is kept. */
static void
full_rings_drop_or_keep(void **state)
{
	static const uint8_t body[512];
	struct chan *c = chan_new(RING_SIZE, &wake);
	struct chan_msg m;
	unsigned posted = 0, seen = 0;

	(void)state;
	while (chan_post(c, 7, body, sizeof(body), NULL, 0) == 0)
		posted++;
	assert_int_equal(posted, RING_SIZE / (sizeof(body) + 16));
	chan_post_sure(c, 8, body, sizeof(body));
	chan_post_sure(c, 9, "last", 4);
	assert_true(chan_kick(c));
	assert_true(chan_next(c, &m));
	chan_done(c);
	assert_int_equal(chan_post(c, 7, "x", 1, NULL, 0), -ENOBUFS);
	while (chan_next(c, &m) && m.type == 7) {
		chan_done(c);
		seen++;
	}
	assert_int_equal(seen, posted - 1);
	assert_false(chan_kick(c));
	assert_true(chan_next(c, &m));
	assert_int_equal(m.type, 8);
	chan_done(c);
	expect_message(c, 9, "last");
	assert_int_equal(chan_post(c, 7, "x", 1, NULL, 0), 0);
	chan_free(c);
}

static void
kept_messages_are_freed_with_it(void **state)
{
	static const uint8_t body[3000];
	struct chan *c = chan_new(RING_SIZE, &wake);

	(void)state;
	for (int i = 0; i < 5; i++)
		chan_post_sure(c, 1, body, sizeof(body));
	assert_true(chan_kick(c));
	chan_free(c);
	chan_free(NULL);
}

/* What both threads derive from a message's number. */
static size_t
fill(uint8_t *buf, uint32_t number, uint64_t seed)
{
	struct prng rng = {seed + number};
	size_t size = 4 + prng_below(&rng, MESSAGE_MAX - 4);

	memset(buf, (int)(number & 0xff), size);
	put_be32(buf, number);
	return size;
}

static void *
produce(void *arg)
{
	struct chan *c = arg;
	uint8_t buf[MESSAGE_MAX];

	for (uint32_t i = 0; i < RUN; i++) {
		size_t size = fill(buf, i, support_seed());

		if (i % 3 == 0)
			chan_post_sure(c, i % 5, buf, size);
		else
			while (chan_post(c, i % 5, buf, 4, buf + 4, size - 4) != 0)
				chan_kick(c);
		if (i % 64 == 0)
			chan_kick(c);
	}
	while (chan_kick(c))
		continue;
	return NULL;
}

static void
two_threads_lose_nothing(void **state)
{
	struct chan *c = chan_new(1 << 14, &wake);
	uint8_t expected[MESSAGE_MAX];
	pthread_t producer;

	(void)state;
	print_message("seed %llu\n", (unsigned long long)support_seed());
	alarm(60); /* a lost wake would wait for ever */
	assert_int_equal(pthread_create(&producer, NULL, produce, c), 0);
	for (uint32_t i = 0; i < RUN; i++) {
		size_t size = fill(expected, i, support_seed());
		struct chan_msg m;

		while (!chan_next(c, &m))
			uv_run(&loop, UV_RUN_ONCE);
		assert_int_equal(m.type, i % 5);
		assert_int_equal(m.size, size);
		assert_memory_equal(m.data, expected, size);
		chan_done(c);
	}
	pthread_join(producer, NULL);
	alarm(0);
	chan_free(c);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_loop, close_loop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(messages_keep_their_order), TEST(one_wake_per_batch),
	    TEST(full_rings_drop_or_keep),   TEST(kept_messages_are_freed_with_it),
	    TEST(two_threads_lose_nothing),
	};

	return cmocka_run_group_tests_name("chan", tests, NULL, NULL);
}
