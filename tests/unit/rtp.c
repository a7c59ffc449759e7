/* Unit tests of RTP packets, header extensions and RTX: lib/rtp/rtp.h. */
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
#include "rtp/rtp.h"

static struct rtp_packet
load(const char *name, uint8_t **buf)
{
	struct rtp_packet p;
	size_t size;

	*buf = support_load(name, &size);
	assert_int_equal(rtp_parse(&p, *buf, size), 0);
	return p;
}

static void
one_byte_elements(void **state)
{
	uint8_t *buf;
	struct rtp_packet p = load("rtp/one-byte-ext.hex", &buf);
	struct rtp_ext e;
	size_t at = 0;

	(void)state;
	assert_false(p.marker);
	assert_int_equal(p.pt, 96);
	assert_int_equal(p.seq, 0x1234);
	assert_int_equal(p.ts, 0x1000);
	assert_int_equal(p.ssrc, 0x11223344);
	assert_int_equal(p.payload_size, 1);
	assert_int_equal(p.payload[0], 0x99);
	assert_int_equal(rtp_ext_next(&p, &at, &e), 1);
	assert_int_equal(e.id, 1);
	assert_int_equal(e.size, 1);
	assert_int_equal(e.data[0], 0xaa);
	assert_int_equal(rtp_ext_next(&p, &at, &e), 1);
	assert_int_equal(e.id, 2);
	assert_int_equal(e.size, 2);
	assert_int_equal(rtp_ext_next(&p, &at, &e), 1);
	assert_int_equal(e.id, 3);
	assert_memory_equal(e.data, "\xc0\xc1\xc2\xc3", 4);
	assert_int_equal(rtp_ext_next(&p, &at, &e), 0);
	assert_int_equal(rtp_ext_find(&p, 4, &e), -ENOENT);
	free(buf);
}

static void
two_byte_elements(void **state)
{
	uint8_t *buf;
	struct rtp_packet p = load("rtp/two-byte-ext.hex", &buf);
	struct rtp_ext e;
	size_t at = 0;

	(void)state;
	assert_true(p.marker);
	assert_int_equal(rtp_ext_next(&p, &at, &e), 1);
	assert_int_equal(e.id, 1);
	assert_int_equal(e.size, 0);
	assert_int_equal(rtp_ext_next(&p, &at, &e), 1);
	assert_int_equal(e.id, 2);
	assert_int_equal(e.data[0], 0xb0);
	assert_int_equal(rtp_ext_next(&p, &at, &e), 1);
	assert_int_equal(e.id, 3);
	assert_int_equal(e.size, 4);
	assert_int_equal(rtp_ext_next(&p, &at, &e), 0);
	free(buf);
	p = load("rtp/two-byte-appbits.hex", &buf);
	assert_int_equal(rtp_ext_find(&p, 200, &e), 0);
	assert_int_equal(e.size, 2);
	assert_int_equal(p.payload_size, 0);
	free(buf);
}

static void
reserved_ids_end_the_block(void **state)
{
	static const char *const names[] = {"rtp/id15-ends.hex", "rtp/id0-length-ends.hex"};
	uint8_t *buf;
	struct rtp_packet p;
	struct rtp_ext e;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		p = load(names[i], &buf);
		assert_int_equal(rtp_ext_find(&p, 1, &e), 0);
		assert_int_equal(rtp_ext_find(&p, 2, &e), -ENOENT);
		free(buf);
	}
	p = load("rtp/foreign-ext.hex", &buf);
	assert_int_equal(p.ext_profile, 0xabac);
	assert_int_equal(rtp_ext_find(&p, 1, &e), -ENOENT);
	assert_int_equal(p.payload_size, 1);
	free(buf);
	p = load("rtp/ext-overrun.hex", &buf);
	assert_int_equal(rtp_ext_find(&p, 1, &e), -EBADMSG);
	free(buf);
}

static void
csrcs_and_padding(void **state)
{
	uint8_t *buf;
	struct rtp_packet p = load("rtp/csrc-padding.hex", &buf);

	(void)state;
	assert_int_equal(p.csrc_count, 2);
	assert_int_equal(p.pt, 111);
	assert_true(p.marker);
	assert_int_equal(p.padding_size, 4);
	assert_int_equal(p.payload_size, 3);
	assert_int_equal(p.payload[2], 3);
	assert_int_equal(p.size, 27);
	free(buf);
	p = load("rtp/padding-only.hex", &buf);
	assert_int_equal(p.payload_size, 0);
	assert_int_equal(p.padding_size, 12);
	buf[23] = 13;
	assert_int_equal(rtp_parse(&p, buf, 24), -EBADMSG);
	buf[23] = 0;
	assert_int_equal(rtp_parse(&p, buf, 24), -EBADMSG);
	free(buf);
}

static void
the_port_is_shared(void **state)
{
	uint8_t buf[16] = {0x80, 96};
	struct rtp_packet p;

	(void)state;
	assert_true(rtp_accepts(buf, 12));
	assert_false(rtp_accepts(buf, 11));
	assert_false(rtcp_accepts(buf, 12));
	for (unsigned octet = 0; octet < 256; octet++) {
		bool rtcp = octet >= 192 && octet <= 223;

		buf[1] = (uint8_t)octet;
		assert_int_equal(rtp_accepts(buf, sizeof(buf)), !rtcp);
		assert_int_equal(rtcp_accepts(buf, sizeof(buf)), rtcp);
		assert_int_equal(rtp_parse(&p, buf, sizeof(buf)), rtcp ? -ENOMSG : 0);
	}
	buf[0] = 0x40;
	buf[1] = 96;
	assert_false(rtp_accepts(buf, sizeof(buf)));
	assert_int_equal(rtp_parse(&p, buf, sizeof(buf)), -ENOMSG);
}

static void
headers_are_written(void **state)
{
	uint8_t buf[RTP_HEADER_SIZE];
	struct rtp_packet p;

	(void)state;
	rtp_write_header(buf, 102, true, false, 0xfffe, 0x89abcdef, 0xdeadbeef);
	assert_int_equal(rtp_parse(&p, buf, sizeof(buf)), 0);
	assert_int_equal(p.pt, 102);
	assert_true(p.marker);
	assert_int_equal(p.seq, 0xfffe);
	assert_int_equal(p.ts, 0x89abcdef);
	assert_int_equal(p.ssrc, 0xdeadbeef);
	assert_int_equal(p.ext_profile, 0);
	rtp_write_header(buf, 102, false, true, 1, 2, 3);
	assert_int_equal(rtp_parse(&p, buf, sizeof(buf)), -EBADMSG); /* the block is missing */
}

/* Write elements behind a header and read them back. */
static int
write_and_compare(const struct rtp_ext *in, size_t count, uint16_t profile)
{
	uint8_t buf[1500];
	struct rtp_packet p;
	struct rtp_ext e;
	size_t at = 0;
	int size;

	rtp_write_header(buf, 96, false, true, 1, 2, 3);
	size = rtp_ext_write(buf + 12, sizeof(buf) - 12, in, count);
	assert_true(size >= 4 && size % 4 == 0);
	assert_int_equal(rtp_parse(&p, buf, 12 + (size_t)size), 0);
	assert_int_equal(p.ext_profile, profile);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(rtp_ext_next(&p, &at, &e), 1);
		assert_int_equal(e.id, in[i].id);
		assert_int_equal(e.size, in[i].size);
		if (e.size > 0)
			assert_memory_equal(e.data, in[i].data, e.size);
	}
	assert_int_equal(rtp_ext_next(&p, &at, &e), 0);
	return size;
}

static void
blocks_take_the_smaller_form(void **state)
{
	static const uint8_t data[255] = {7, 0, 9, 0, 0, 1};
	struct rtp_ext e[3] = {{1, data, 1}, {14, data, 16}, {5, data, 3}};
	uint8_t out[64];

	(void)state;
	assert_int_equal(write_and_compare(e, 3, RTP_EXT_PROFILE_ONE_BYTE), 4 + 24);
	assert_int_equal(write_and_compare(e, 0, RTP_EXT_PROFILE_ONE_BYTE), 4);
	e[1].size = 17;
	write_and_compare(e, 3, RTP_EXT_PROFILE_TWO_BYTE);
	e[1].size = 0;
	write_and_compare(e, 3, RTP_EXT_PROFILE_TWO_BYTE);
	e[1] = (struct rtp_ext){15, data, 1};
	write_and_compare(e, 3, RTP_EXT_PROFILE_TWO_BYTE);
	e[1] = (struct rtp_ext){255, data, 255};
	write_and_compare(e, 3, RTP_EXT_PROFILE_TWO_BYTE);
	assert_int_equal(rtp_ext_write(out, sizeof(out), e, 3), -ENOSPC);
	e[0].id = 0;
	assert_int_equal(rtp_ext_write(out, sizeof(out), e, 1), -EINVAL);
}

static void
sequence_arithmetic(void **state)
{
	(void)state;
	assert_int_equal(rtp_seq_diff(0, 65535), 1);
	assert_int_equal(rtp_seq_diff(65535, 0), -1);
	assert_int_equal(rtp_seq_extend(65536 + 65535, 0), 2 * 65536);
	assert_int_equal(rtp_seq_extend(2 * 65536, 65535), 65536 + 65535);
	assert_int_equal(rtp_seq_extend(100000, (uint16_t)100001), 100001);
	assert_int_equal(rtp_ts_diff(5, 0xfffffff0), 21);
}

static void
rtx_is_unwrapped(void **state)
{
	size_t size;
	uint8_t *buf = support_load("rtp/rtx.hex", &size);
	struct rtp_packet p;
	struct rtp_ext e;
	int plain = rtp_rtx_unwrap(buf, size, 96, 0x01020304);

	(void)state;
	assert_int_equal(plain, (int)size - 2 - 2);
	assert_int_equal(rtp_parse(&p, buf, (size_t)plain), 0);
	assert_int_equal(p.pt, 96);
	assert_true(p.marker);
	assert_int_equal(p.seq, 0xabcd);
	assert_int_equal(p.ssrc, 0x01020304);
	assert_int_equal(p.ts, 90000);
	assert_int_equal(p.padding_size, 0);
	assert_int_equal(p.payload_size, 5);
	assert_memory_equal(p.payload, "hello", 5);
	assert_int_equal(rtp_ext_find(&p, 4, &e), 0);
	assert_int_equal(e.data[0], '1');
	free(buf);
	buf = support_load("rtp/padding-only.hex", &size);
	assert_int_equal(rtp_rtx_unwrap(buf, size, 96, 1), -ENODATA);
	rtp_write_header(buf, 97, false, false, 1, 2, 3);
	assert_int_equal(rtp_rtx_unwrap(buf, 13, 96, 1), -EBADMSG);
	assert_int_equal(rtp_rtx_unwrap(buf, 14, 96, 1), 12);
	assert_int_equal(rtp_rtx_unwrap(buf, 3, 96, 1), -EBADMSG);
	free(buf);
}

static void
use_all(void *arg, const uint8_t *buf, size_t size)
{
	struct rtp_packet p;
	struct rtp_ext e;
	size_t at = 0, *whole = arg;
	uint8_t *copy;

	if (rtp_parse(&p, buf, size) != 0)
		return;
	assert_true(p.payload + p.payload_size + p.padding_size == buf + size);
	while (rtp_ext_next(&p, &at, &e) == 1)
		assert_true(e.data + e.size <= p.payload);
	copy = malloc(size);
	memcpy(copy, buf, size);
	rtp_rtx_unwrap(copy, size, 96, 1);
	free(copy);
	(*whole)++;
}

static void
every_truncation_is_safe(void **state)
{
	static const char *const names[] = {"rtp/one-byte-ext.hex",	"rtp/two-byte-ext.hex",
					    "rtp/two-byte-appbits.hex", "rtp/csrc-padding.hex",
					    "rtp/padding-only.hex",	"rtp/rtx.hex",
					    "rtp/id15-ends.hex",	"rtp/id0-length-ends.hex",
					    "rtp/ext-overrun.hex",	"rtp/foreign-ext.hex"};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		size_t size, parsed = 0;
		uint8_t *buf = support_load(names[i], &size);

		support_truncations(buf, size, use_all, &parsed);
		assert_true(parsed >= 1);
		free(buf);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_byte_elements),
	    cmocka_unit_test(two_byte_elements),
	    cmocka_unit_test(reserved_ids_end_the_block),
	    cmocka_unit_test(csrcs_and_padding),
	    cmocka_unit_test(the_port_is_shared),
	    cmocka_unit_test(headers_are_written),
	    cmocka_unit_test(blocks_take_the_smaller_form),
	    cmocka_unit_test(sequence_arithmetic),
	    cmocka_unit_test(rtx_is_unwrapped),
	    cmocka_unit_test(every_truncation_is_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
