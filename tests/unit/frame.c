/* Unit tests of RFC 4571 framing: every way of cutting a stream gives the same packets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "frame/frame.h"

enum { STREAM_MAX = 70000 };

static uint8_t stream[STREAM_MAX];
static size_t stream_size;

static void
add(size_t size, int fill)
{
	assert_true(stream_size + FRAME_HEAD_SIZE + size <= sizeof(stream));
	frame_write_head(stream + stream_size, size);
	memset(stream + stream_size + FRAME_HEAD_SIZE, fill, size);
	stream_size += FRAME_HEAD_SIZE + size;
}

/* Packets as they come out: "1x20 2x2048 ! ..." with fill and size; ! for one that is too long. */
static char *
read_all(const uint8_t *octets, size_t size, size_t first, size_t step)
{
	static char text[512];
	static struct frame_reader r;
	size_t at = 0, used = 0;

	frame_reader_init(&r);
	text[0] = '\0';
	for (size_t n = first; at < size; at += n, n = step) {
		uint8_t *block, *data, *packet;
		size_t left, packet_size;
		int rc;

		n = MIN_OF(n, size - at);
		block = malloc(n > 0 ? n : 1); /* of its exact size, for the sanitizer */
		assert_non_null(block);
		memcpy(block, octets + at, n);
		data = block;
		left = n;
		while ((rc = frame_next(&r, &data, &left, &packet, &packet_size)) != 0) {
			if (rc < 0) {
				assert_int_equal(rc, -EMSGSIZE);
				used += (size_t)snprintf(text + used, sizeof(text) - used, "! ");
				continue;
			}
			assert_true(packet_size > 0 && packet_size <= FRAME_PACKET_MAX);
			assert_int_equal(packet[0], packet[packet_size - 1]);
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%ux%zu ",
						 packet[0], packet_size);
			packet[0] = 0; /* they may be written to */
		}
		assert_int_equal(left, 0);
		assert_true(data == block + n);
		free(block);
		if (n == 0)
			break;
	}
	return text;
}

static void
every_cut_gives_the_same_packets(void **state)
{
	static const char want[] = "1x20 2x2048 3x1 ! 4x300 ";

	(void)state;
	stream_size = 0;
	add(20, 1);
	add(0, 9);
	add(FRAME_PACKET_MAX, 2);
	add(1, 3);
	add(0, 9);
	add(FRAME_PACKET_MAX + 1, 9);
	add(300, 4);
	assert_string_equal(read_all(stream, stream_size, stream_size, 1), want);
	for (size_t step = 1; step < 400; step++)
		assert_string_equal(read_all(stream, stream_size, step, step), want);
	for (size_t first = 0; first < stream_size; first++)
		assert_string_equal(read_all(stream, stream_size, first + 1, stream_size), want);
}

static void
a_truncated_stream_gives_whole_packets_only(void **state)
{
	(void)state;
	stream_size = 0;
	add(10, 1);
	add(10, 2);
	for (size_t size = 1; size < stream_size; size++)
		assert_string_equal(read_all(stream, size, size, 1), size < 12 ? "" : "1x10 ");
}

static void
the_longest_frame_is_skipped_whole(void **state)
{
	(void)state;
	stream_size = 0;
	add(65535, 9);
	add(7, 1);
	assert_string_equal(read_all(stream, stream_size, 3, 1000), "! 1x7 ");
	assert_string_equal(read_all(stream, stream_size, stream_size, 1), "! 1x7 ");
	/* It says so once, and what never comes is waited for. */
	assert_string_equal(read_all(stream, 60000, 1, 500), "! ");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_cut_gives_the_same_packets),
	    cmocka_unit_test(a_truncated_stream_gives_whole_packets_only),
	    cmocka_unit_test(the_longest_frame_is_skipped_whole),
	};

	return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
