/* Unit tests of lib/stun: RFC 5769's vectors, truncations, writer, hostile input. */
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
#include "stun/stun.h"

#define RFC_PASSWORD "VOkJxbRl1RmTxUk/WvJxBt"

static const uint8_t rfc_txid[STUN_TXID_SIZE] = {0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34,
						 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae};
static const char *const vectors[] = {"stun/rfc5769-request.hex", "stun/rfc5769-ipv4-response.hex",
				      "stun/rfc5769-ipv6-response.hex"};

static void
rfc5769_long_term(void **state)
{
	/* MD5 of the user name, the realm and the password, with colons between. */
	static const uint8_t key[16] = {0xe8, 0xca, 0x7a, 0xd5, 0x9d, 0x5e, 0xb0, 0x51,
					0x8e, 0x31, 0x29, 0x11, 0xd2, 0xda, 0xb2, 0xa9};
	struct stun_msg msg;
	size_t size;
	uint8_t *buf = support_load("stun/rfc5769-long-term.hex", &size);

	(void)state;
	assert_int_equal(stun_parse(&msg, buf, size), 0);
	assert_int_equal(stun_verify_integrity_key(&msg, key, sizeof(key)), 0);
	assert_int_equal(stun_verify_integrity_key(&msg, key, sizeof(key) - 1), -EACCES);
	free(buf);
}

static void
rfc5769_request(void **state)
{
	struct stun_msg msg;
	size_t size, n;
	uint8_t *buf = support_load(vectors[0], &size);
	char left[16], right[16];
	uint32_t priority;
	uint64_t tie;

	(void)state;
	assert_int_equal(stun_parse(&msg, buf, size), 0);
	assert_int_equal(msg.class, STUN_REQUEST);
	assert_int_equal(msg.method, STUN_BINDING);
	assert_memory_equal(msg.txid, rfc_txid, STUN_TXID_SIZE);
	assert_memory_equal(stun_attr(&msg, STUN_SOFTWARE, &n), "STUN test client", 16);
	assert_int_equal(n, 16);
	assert_int_equal(stun_get_u32(&msg, STUN_PRIORITY, &priority), 0);
	assert_int_equal(priority, 0x6e0001ff);
	assert_int_equal(stun_get_u64(&msg, STUN_ICE_CONTROLLED, &tie), 0);
	assert_true(tie == 0x932ff9b151263b36u);
	assert_int_equal(stun_get_u64(&msg, STUN_ICE_CONTROLLING, &tie), -ENOENT);
	assert_int_equal(stun_get_username(&msg, left, right, sizeof(left)), 0);
	assert_string_equal(left, "evtj");
	assert_string_equal(right, "h6vY");
	assert_int_equal(stun_get_username(&msg, left, right, 4), -EBADMSG);
	assert_int_equal(stun_unknown_attr(&msg), 0);
	assert_int_equal(stun_verify_integrity(&msg, RFC_PASSWORD), 0);
	assert_int_equal(stun_verify_integrity(&msg, "VOkJxbRl1RmTxUk/WvJxBu"), -EACCES);
	assert_int_equal(stun_verify_integrity(&msg, ""), -EACCES);
	assert_int_equal(stun_verify_fingerprint(&msg), 0);
	free(buf);
}

static void
rfc5769_responses(void **state)
{
	static const char *const mapped[] = {NULL, "192.0.2.1:32853",
					     "[2001:db8:1234:5678:11:2233:4455:6677]:32853"};

	(void)state;
	for (size_t i = 1; i < ARRAY_COUNT(vectors); i++) {
		struct stun_msg msg;
		struct addr a;
		char text[ADDR_TEXT_SIZE];
		size_t size;
		uint8_t *buf = support_load(vectors[i], &size);

		assert_int_equal(stun_parse(&msg, buf, size), 0);
		assert_int_equal(msg.class, STUN_SUCCESS);
		assert_int_equal(stun_get_address(&msg, STUN_XOR_MAPPED_ADDRESS, &a), 0);
		assert_string_equal(addr_format(&a, text), mapped[i]);
		assert_int_equal(stun_verify_integrity(&msg, RFC_PASSWORD), 0);
		assert_int_equal(stun_verify_fingerprint(&msg), 0);
		assert_int_equal(stun_get_address(&msg, STUN_MAPPED_ADDRESS, &a), -ENOENT);
		free(buf);
	}
}

static void
pasted_check_authenticates(void **state)
{
	struct stun_msg msg;
	char left[16], right[16];
	size_t size;
	uint8_t *buf = support_load("stun/recipe-request.hex", &size);

	(void)state;
	assert_int_equal(size, 100);
	assert_int_equal(stun_parse(&msg, buf, size), 0);
	assert_int_equal(stun_get_username(&msg, left, right, sizeof(left)), 0);
	assert_string_equal(left, "6pk11386");
	assert_string_equal(right, "J8X7");
	assert_int_equal(stun_unknown_attr(&msg), 0);
	assert_int_equal(stun_verify_integrity(&msg, "l91z529147ri9163933p51c4"), 0);
	assert_int_equal(stun_verify_fingerprint(&msg), 0);
	free(buf);
}

/* Our writer makes the RFC's response to the octet, but for the SOFTWARE padding it chose. */
static void
writer_reproduces_the_rfc(void **state)
{
	struct stun_writer w;
	struct stun_msg msg;
	struct addr a;
	uint8_t buf[STUN_MESSAGE_MAX];
	size_t size;
	uint8_t *want = support_load(vectors[1], &size);

	(void)state;
	assert_int_equal(addr_parse(&a, "192.0.2.1:32853", 0), 0);
	stun_start(&w, buf, sizeof(buf), STUN_SUCCESS, rfc_txid);
	stun_add(&w, STUN_SOFTWARE, "test vector", 11);
	stun_add_address(&w, STUN_XOR_MAPPED_ADDRESS, &a);
	assert_int_equal(stun_finish(&w, RFC_PASSWORD, true), (int)size);
	assert_memory_equal(buf, want, 35);
	assert_memory_equal(buf + 36, want + 36, 12);
	assert_int_equal(stun_parse(&msg, buf, size), 0);
	assert_int_equal(stun_verify_integrity(&msg, RFC_PASSWORD), 0);
	assert_int_equal(stun_verify_fingerprint(&msg), 0);
	free(want);
}

static void
written_message_reads_back(void **state)
{
	static const enum stun_class classes[] = {STUN_REQUEST, STUN_INDICATION, STUN_SUCCESS,
						  STUN_ERROR};
	struct stun_writer w;
	struct stun_msg msg;
	struct addr a, b;
	uint8_t buf[STUN_MESSAGE_MAX];
	char left[300], right[300];
	uint64_t tie;
	int code, size;

	(void)state;
	assert_int_equal(addr_parse(&a, "[2001:db8::9]:4444", 0), 0);
	for (size_t i = 0; i < ARRAY_COUNT(classes); i++) {
		stun_start(&w, buf, sizeof(buf), classes[i], rfc_txid);
		stun_add_username(&w, "remote", "local");
		stun_add_u64(&w, STUN_ICE_CONTROLLING, 0x0102030405060708u);
		stun_add_u32(&w, STUN_PRIORITY, 0x6e7f00ff);
		stun_add(&w, STUN_USE_CANDIDATE, NULL, 0);
		stun_add_address(&w, STUN_MAPPED_ADDRESS, &a);
		stun_add_address(&w, STUN_XOR_MAPPED_ADDRESS, &a);
		stun_add_error(&w, 487, "Role Conflict");
		size = stun_finish(&w, "a password of 22 chars", true);
		assert_true(size > 0);
		assert_int_equal(stun_parse(&msg, buf, (size_t)size), 0);
		assert_int_equal(msg.class, classes[i]);
		assert_int_equal(msg.method, STUN_BINDING);
		assert_int_equal(stun_get_username(&msg, left, right, sizeof(left)), 0);
		assert_string_equal(left, "remote");
		assert_string_equal(right, "local");
		assert_int_equal(stun_get_u64(&msg, STUN_ICE_CONTROLLING, &tie), 0);
		assert_true(tie == 0x0102030405060708u);
		assert_int_equal(stun_get_address(&msg, STUN_XOR_MAPPED_ADDRESS, &b), 0);
		assert_true(addr_equal(&a, &b));
		assert_int_equal(stun_get_address(&msg, STUN_MAPPED_ADDRESS, &b), 0);
		assert_true(addr_equal(&a, &b));
		assert_int_equal(stun_get_error(&msg, &code), 0);
		assert_int_equal(code, 487);
	}
}

/* Browsers' have 13 octets, GStreamer's 41, and two ufrags may have 256 each (RFC 8839 s.5.4). */
static void
names_may_be_long(void **state)
{
	static const struct {
		size_t left, right, cap;
		int result;
	} rows[] = {
	    {4, 4, 5, 0},
	    {8, 32, 33, 0},
	    {32, 8, 33, 0},
	    {9, 32, 33, 0},
	    {256, 32, 257, 0},
	    {32, 256, 257, 0},
	    {256, 256, 257, 0},
	    {8, 33, 33, -EBADMSG},
	    {33, 8, 33, -EBADMSG},
	    {256, 257, 300, -EBADMSG},
	    {257, 256, 300, -EBADMSG},
	};
	char left[300], right[300], wanted[2][300];
	uint8_t buf[STUN_MESSAGE_MAX];
	struct stun_writer w;
	struct stun_msg msg;
	size_t size;
	int n;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		memset(wanted, 0, sizeof(wanted));
		memset(wanted[0], 'l', rows[i].left);
		memset(wanted[1], 'r', rows[i].right);
		strcpy(left, "old");
		strcpy(right, "old");
		stun_start(&w, buf, sizeof(buf), STUN_REQUEST, rfc_txid);
		stun_add_username(&w, wanted[0], wanted[1]);
		n = stun_finish(&w, RFC_PASSWORD, true);
		assert_true(n > 0);
		assert_int_equal(stun_parse(&msg, buf, (size_t)n), 0);
		assert_int_equal(stun_verify_integrity(&msg, RFC_PASSWORD), 0);
		assert_non_null(stun_attr(&msg, STUN_USERNAME, &size));
		assert_int_equal(size, rows[i].left + 1 + rows[i].right);
		assert_int_equal(stun_get_username(&msg, left, right, rows[i].cap), rows[i].result);
		assert_string_equal(left, rows[i].result == 0 ? wanted[0] : "old");
		assert_string_equal(right, rows[i].result == 0 ? wanted[1] : "old");
	}
}

/* A reader of every attribute: the sanitizer watches it. */
static void
touch(void *arg, const uint8_t *buf, size_t size)
{
	struct stun_msg msg;
	char left[257], right[257];
	size_t full = *(size_t *)arg;
	int err = stun_parse(&msg, buf, size);

	assert_int_equal(err, size == full ? 0 : size < 8 ? -ENOMSG : -EBADMSG);
	if (err == 0)
		stun_get_username(&msg, left, right, sizeof(left));
}

static void
every_truncation_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(vectors); i++) {
		size_t size;
		uint8_t *buf = support_load(vectors[i], &size);

		support_truncations(buf, size, touch, &size);
		free(buf);
	}
}

/* Every flipped bit is seen by the fingerprint, and by the integrity where that covers it. */
static void
every_flipped_bit_is_seen(void **state)
{
	size_t size;
	uint8_t *buf = support_load(vectors[0], &size);

	(void)state;
	for (size_t bit = 0; bit < size * 8; bit++) {
		struct stun_msg msg;

		buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (stun_parse(&msg, buf, size) == 0) {
			assert_int_not_equal(stun_verify_fingerprint(&msg), 0);
			if (bit / 8 < size - 8)
				assert_int_not_equal(stun_verify_integrity(&msg, RFC_PASSWORD), 0);
		}
		buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	free(buf);
}

static void
what_follows_the_integrity_is_ignored(void **state)
{
	struct stun_writer w;
	struct stun_msg msg;
	uint8_t buf[STUN_MESSAGE_MAX];
	uint32_t v;
	int size;

	(void)state;
	stun_start(&w, buf, sizeof(buf), STUN_REQUEST, rfc_txid);
	assert_true(stun_finish(&w, RFC_PASSWORD, false) > 0);
	stun_add_u32(&w, STUN_PRIORITY, 7); /* smuggled in behind */
	stun_add_u32(&w, 0x0077, 7);
	size = stun_finish(&w, NULL, true);
	assert_int_equal(stun_parse(&msg, buf, (size_t)size), 0);
	assert_int_equal(stun_get_u32(&msg, STUN_PRIORITY, &v), -ENOENT);
	assert_int_equal(stun_unknown_attr(&msg), 0);
	assert_int_equal(stun_verify_integrity(&msg, RFC_PASSWORD), 0);
	assert_int_equal(stun_verify_fingerprint(&msg), 0);
}

static void
unknown_required_attributes_are_named(void **state)
{
	struct stun_writer w;
	struct stun_msg msg;
	uint8_t buf[STUN_MESSAGE_MAX];
	int size;

	(void)state;
	stun_start(&w, buf, sizeof(buf), STUN_REQUEST, rfc_txid);
	stun_add_u32(&w, 0xc057, 1); /* GOOG-NETWORK-INFO: optional */
	stun_add_u32(&w, 0x0033, 1);
	size = stun_finish(&w, NULL, false);
	assert_int_equal(stun_parse(&msg, buf, (size_t)size), 0);
	assert_int_equal(stun_unknown_attr(&msg), 0x0033);
}

static void
wrong_contents_are_malformed(void **state)
{
	static const uint8_t family[8] = {0, 3, 1, 2, 3, 4, 5, 6};
	static const uint8_t code_class[4] = {0, 0, 2, 0}, code_number[4] = {0, 0, 4, 100};
	struct stun_writer w;
	struct stun_msg msg;
	struct addr a;
	uint8_t buf[STUN_MESSAGE_MAX];
	char left[32], right[32];
	uint32_t v;
	int size, code;

	(void)state;
	stun_start(&w, buf, sizeof(buf), STUN_REQUEST, rfc_txid);
	stun_add(&w, STUN_PRIORITY, family, 3);
	stun_add(&w, STUN_XOR_MAPPED_ADDRESS, family, 8);
	stun_add(&w, STUN_MAPPED_ADDRESS, family, 7);
	stun_add(&w, STUN_USERNAME, "no colon", 8);
	stun_add(&w, STUN_ERROR_CODE, code_class, 4);
	size = stun_finish(&w, NULL, false);
	assert_int_equal(stun_parse(&msg, buf, (size_t)size), 0);
	assert_int_equal(stun_get_u32(&msg, STUN_PRIORITY, &v), -EBADMSG);
	assert_int_equal(stun_get_address(&msg, STUN_XOR_MAPPED_ADDRESS, &a), -EBADMSG);
	assert_int_equal(stun_get_address(&msg, STUN_MAPPED_ADDRESS, &a), -EBADMSG);
	assert_int_equal(stun_get_username(&msg, left, right, sizeof(left)), -EBADMSG);
	assert_int_equal(stun_get_error(&msg, &code), -EBADMSG);
	stun_start(&w, buf, sizeof(buf), STUN_REQUEST, rfc_txid);
	stun_add(&w, STUN_USERNAME, "a\0b:c", 5);
	stun_add(&w, STUN_ERROR_CODE, code_number, 4);
	size = stun_finish(&w, NULL, false);
	assert_int_equal(stun_parse(&msg, buf, (size_t)size), 0);
	assert_int_equal(stun_get_username(&msg, left, right, sizeof(left)), -EBADMSG);
	assert_int_equal(stun_get_error(&msg, &code), -EBADMSG);
}

static void
writer_reports_overflow(void **state)
{
	struct stun_writer w;
	uint8_t buf[64];

	(void)state;
	for (size_t cap = 0; cap <= sizeof(buf); cap++) {
		uint8_t *exact = malloc(cap > 0 ? cap : 1);
		int size;

		assert_non_null(exact);
		stun_start(&w, exact, cap, STUN_REQUEST, rfc_txid);
		stun_add_u64(&w, STUN_ICE_CONTROLLED, 1);
		size = stun_finish(&w, RFC_PASSWORD, true);
		assert_int_equal(size, cap < 64 ? -ENOSPC : 64);
		free(exact);
	}
}

static void
other_protocols_are_not_ours(void **state)
{
	static const uint8_t dtls[24] = {22, 0xfe, 0xff}, rtp[24] = {0x80, 96};
	struct stun_msg msg;

	(void)state;
	assert_int_equal(stun_parse(&msg, dtls, sizeof(dtls)), -ENOMSG);
	assert_int_equal(stun_parse(&msg, rtp, sizeof(rtp)), -ENOMSG);
	assert_false(stun_accepts(NULL, 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rfc5769_request),
	    cmocka_unit_test(rfc5769_long_term),
	    cmocka_unit_test(rfc5769_responses),
	    cmocka_unit_test(pasted_check_authenticates),
	    cmocka_unit_test(writer_reproduces_the_rfc),
	    cmocka_unit_test(written_message_reads_back),
	    cmocka_unit_test(names_may_be_long),
	    cmocka_unit_test(every_truncation_is_refused),
	    cmocka_unit_test(every_flipped_bit_is_seen),
	    cmocka_unit_test(what_follows_the_integrity_is_ignored),
	    cmocka_unit_test(unknown_required_attributes_are_named),
	    cmocka_unit_test(wrong_contents_are_malformed),
	    cmocka_unit_test(writer_reports_overflow),
	    cmocka_unit_test(other_protocols_are_not_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
