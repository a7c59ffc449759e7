/* Unit tests of the message that passes a connection on. */
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
#include "tcp/tcp_handover.h"

static const uint8_t head_ipv4[TCP_HANDOVER_HEAD_SIZE] = {
    1, 4, 0, 30, 0x12, 0x34, 0x1f, 0x90, 192, 0, 2, 7, [24] = 198, 51, 100, 1};
static const uint8_t head_ipv6[TCP_HANDOVER_HEAD_SIZE] = {
    1,	  6,	0,    30,	0x12,	     0x34, 0x1f, 0x90, 0x20,
    0x01, 0x0d, 0xb8, [23] = 7, [24] = 0x20, 0x01, 0x0d, 0xb8, [39] = 1};

/* Parse a copy of exact size. */
static int
parse(struct tcp_handover *h, const uint8_t *buf, size_t size)
{
	static uint8_t *copy;

	free(copy);
	copy = malloc(size > 0 ? size : 1);
	assert_non_null(copy);
	memcpy(copy, buf, size);
	return tcp_handover_parse(h, copy, size);
}

static void
addresses_and_octets_are_read(void **state)
{
	static const struct {
		const uint8_t *head;
		const char *remote, *local;
	} rows[] = {{head_ipv4, "192.0.2.7:4660", "198.51.100.1:8080"},
		    {head_ipv6, "[2001:db8::7]:4660", "[2001:db8::1]:8080"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		uint8_t buf[TCP_HANDOVER_HEAD_SIZE + 30], again[TCP_HANDOVER_SIZE_MAX];
		struct tcp_handover h;
		char text[ADDR_TEXT_SIZE];

		memcpy(buf, rows[i].head, TCP_HANDOVER_HEAD_SIZE);
		for (int k = 0; k < 30; k++)
			buf[TCP_HANDOVER_HEAD_SIZE + k] = (uint8_t)k;
		assert_int_equal(parse(&h, buf, sizeof(buf)), 0);
		assert_string_equal(addr_format(&h.tuple.remote, text), rows[i].remote);
		assert_string_equal(addr_format(&h.tuple.local, text), rows[i].local);
		assert_int_equal(h.tuple.proto, ICE_TCP);
		assert_int_equal(h.size, 30);
		assert_int_equal(h.octets[0], 0);
		assert_int_equal(h.octets[29], 29);
		assert_int_equal(tcp_handover_write(again, &h), sizeof(buf));
		assert_memory_equal(again, buf, sizeof(buf));
	}
}

static void
every_other_size_is_refused(void **state)
{
	static uint8_t buf[TCP_HANDOVER_SIZE_MAX + 2];
	struct tcp_handover h;

	(void)state;
	memcpy(buf, head_ipv4, sizeof(head_ipv4));
	for (size_t size = 0; size <= sizeof(buf); size++)
		assert_int_equal(parse(&h, buf, size),
				 size == TCP_HANDOVER_HEAD_SIZE + 30 ? 0 : -EBADMSG);
	/* Every count with the size that it says. */
	for (unsigned n = 0; n <= TCP_HANDOVER_OCTETS_MAX + 2; n++) {
		put_be16(buf + 2, (uint16_t)n);
		assert_int_equal(
		    parse(&h, buf, TCP_HANDOVER_HEAD_SIZE + n),
		    n >= TCP_HANDOVER_OCTETS_MIN && n <= TCP_HANDOVER_OCTETS_MAX ? 0 : -EBADMSG);
	}
}

static void
other_versions_and_families_are_refused(void **state)
{
	uint8_t buf[TCP_HANDOVER_HEAD_SIZE + 30] = {0};
	struct tcp_handover h;

	(void)state;
	for (unsigned v = 0; v < 256; v++) {
		memcpy(buf, head_ipv4, sizeof(head_ipv4));
		buf[0] = (uint8_t)v;
		assert_int_equal(parse(&h, buf, sizeof(buf)), v == 1 ? 0 : -EBADMSG);
		memcpy(buf, head_ipv4, sizeof(head_ipv4));
		buf[1] = (uint8_t)v;
		assert_int_equal(parse(&h, buf, sizeof(buf)), v == 4 || v == 6 ? 0 : -EBADMSG);
	}
	parse(&h, buf, 0); /* the last copy */
}

static void
others_are_not_written(void **state)
{
	static const uint8_t octets[TCP_HANDOVER_OCTETS_MAX + 1];
	uint8_t buf[TCP_HANDOVER_SIZE_MAX];
	struct tcp_handover h = {.octets = octets, .size = 30};

	(void)state;
	assert_int_equal(tcp_handover_write(buf, &h), -EINVAL);
	assert_int_equal(addr_parse(&h.tuple.remote, "192.0.2.1", 1), 0);
	assert_int_equal(addr_parse(&h.tuple.local, "2001:db8::1", 1), 0);
	assert_int_equal(tcp_handover_write(buf, &h), -EINVAL);
	h.tuple.local = h.tuple.remote;
	for (h.size = 0; h.size <= sizeof(octets); h.size++)
		assert_int_equal(tcp_handover_write(buf, &h) > 0,
				 h.size >= TCP_HANDOVER_OCTETS_MIN &&
				     h.size <= TCP_HANDOVER_OCTETS_MAX);
}

static void
judge_beginning(void *arg, const uint8_t *buf, size_t size)
{
	assert_int_equal(tcp_handover_judge(buf, size), size >= *(size_t *)arg);
}

/* A whole frame at the end of it, whatever follows; every beginning of it waits. */
static void
a_first_frame_is_known(void **state)
{
	size_t size, whole;
	uint8_t *buf = support_load("tcp_handover/frame-more.hex", &size);

	(void)state;
	whole = 2 + (size_t)be16(buf + 1);
	support_truncations(buf + 1, size - 1, judge_beginning, &whole);
	free(buf);
}

/* Each octet of the ten that are judged, with every other value. */
static void
other_beginnings_are_refused(void **state)
{
	size_t size;
	uint8_t *buf = support_load("tcp_handover/frame.hex", &size);

	(void)state;
	for (size_t i = 0; i < 10; i++) {
		uint8_t was = buf[1 + i];

		for (unsigned v = 0; v < 256; v++) {
			buf[1 + i] = (uint8_t)v;
			assert_int_equal(tcp_handover_judge(buf + 1, size - 1),
					 v == was ? 1 : -ENOMSG);
		}
		buf[1 + i] = was;
	}
	free(buf);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(addresses_and_octets_are_read),
	    cmocka_unit_test(every_other_size_is_refused),
	    cmocka_unit_test(a_first_frame_is_known),
	    cmocka_unit_test(other_beginnings_are_refused),
	    cmocka_unit_test(others_are_not_written),
	    cmocka_unit_test(other_versions_and_families_are_refused),
	};

	return cmocka_run_group_tests_name("tcp_handover", tests, NULL, NULL);
}
