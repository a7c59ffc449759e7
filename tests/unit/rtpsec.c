/* Unit tests of lib/rtpsec. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/crypto.h>

#include "../support/support.h"
#include "base/bytes.h"
#include "base/random.h"
#include "rtpsec/rtpsec.h"
#include "rtpsec/rtpsec_internal.h" /* session keys */

#include "rtpsec.inc"

/* A packet with CSRCs and an extension as the seed wills; returns the header's size. */
static size_t
packet_make(struct prng *rng, uint16_t seq, uint32_t ssrc, uint8_t *hdr)
{
	size_t csrc = prng_below(rng, 3), words = prng_below(rng, 3), size = 12 + 4 * csrc;

	hdr[0] = (uint8_t)(0x80 | csrc | (words > 0 ? 0x10 : 0));
	hdr[1] = 96;
	put_be16(hdr + 2, seq);
	put_be32(hdr + 4, 3000u * seq);
	put_be32(hdr + 8, ssrc);
	for (size_t i = 0; i < csrc; i++)
		put_be32(hdr + 12 + 4 * i, (uint32_t)prng_next(rng));
	if (words > 0) {
		put_be16(hdr + size, 0xbede);
		put_be16(hdr + size + 2, (uint16_t)words);
		size += 4;
		for (size_t i = 0; i < 4 * words; i++)
			hdr[size++] = (uint8_t)prng_next(rng);
	}
	return size;
}

static void
plain_packet(uint8_t *hdr, uint16_t seq)
{
	memset(hdr, 0, 12);
	hdr[0] = 0x80;
	hdr[1] = 96;
	put_be16(hdr + 2, seq);
	put_be32(hdr + 8, SSRC);
}

static int
protect(struct rtpsec *s, uint16_t seq, uint8_t *out)
{
	uint8_t hdr[12], payload[100];

	plain_packet(hdr, seq);
	memset(payload, seq & 0xff, sizeof(payload));
	return rtpsec_protect(s, hdr, sizeof(hdr), payload, sizeof(payload), out, PACKET);
}

static void
derivation_is_that_of_rfc3711(void **state)
{
	size_t size;
	uint8_t *v = support_load("rtpsec/rfc3711-b3.hex", &size);
	struct rtpsec_keys keys;
	const struct rtpsec_profile *p = rtpsec_profile_find(DTLS_SRTP_AES128_CM_SHA1_80);

	(void)state;
	assert_int_equal(size, 16 + 14 + 16 + 14 + 20);
	assert_int_equal(rtpsec_derive(&keys, p, false, v, v + 16), 0);
	assert_memory_equal(keys.key, v + 30, 16);
	assert_memory_equal(keys.salt, v + 46, 14);
	assert_memory_equal(keys.auth, v + 60, 20);
	free(v);
}

static void
key_stream_is_that_of_rfc3711(void **state)
{
	static const uint8_t hdr[12] = {0x80}, zeros[48];
	size_t size;
	uint8_t *v = support_load("rtpsec/rfc3711-b2.hex", &size), out[PACKET];
	struct rtpsec_keys keys = {0};
	struct rtpsec_crypt *s;

	(void)state;
	assert_int_equal(size, 16 + 14 + 48);
	memcpy(keys.key, v, 16);
	memcpy(keys.salt, v + 16, 14);
	s = rtpsec_crypt_new(rtpsec_profile_find(DTLS_SRTP_AES128_CM_SHA1_80), RTPSEC_SEND, &keys);
	assert_int_equal(rtpsec_crypt_seal(s, 0, hdr, 12, zeros, 48, out), 70);
	assert_memory_equal(out + 12, v + 30, 48);
	rtpsec_crypt_free(s);
	free(v);
}

static void
gcm_is_that_of_rfc7714(void **state)
{
	static const struct {
		const char *file;
		enum dtls_srtp_profile profile;
	} rows[] = {
	    {"rtpsec/rfc7714-16-1.hex", DTLS_SRTP_AEAD_AES_128_GCM},
	    {"rtpsec/rfc7714-16-2.hex", DTLS_SRTP_AEAD_AES_256_GCM},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		const struct rtpsec_profile *p = rtpsec_profile_find(rows[i].profile);
		size_t size, at = p->key_size + 12;
		uint8_t *v = support_load(rows[i].file, &size), out[PACKET];
		struct rtpsec_keys keys = {0};
		struct rtpsec_crypt *s;

		assert_int_equal(size, at + 50 + 66);
		memcpy(keys.key, v, p->key_size);
		memcpy(keys.salt, v + p->key_size, 12);
		s = rtpsec_crypt_new(p, RTPSEC_SEND, &keys);
		assert_int_equal(rtpsec_crypt_seal(s, 0, v + at, 12, v + at + 12, 38, out), 66);
		assert_memory_equal(out, v + at + 50, 66);
		rtpsec_crypt_free(s);
		free(v);
	}
}

static void
rtcp_gcm_is_that_of_rfc7714(void **state)
{
	const struct rtpsec_profile *p = rtpsec_profile_find(DTLS_SRTP_AEAD_AES_128_GCM);
	size_t size;
	uint8_t *v = support_load("rtpsec/rfc7714-17-1.hex", &size);
	uint8_t buf[PACKET];
	struct rtpsec_keys keys = {0};
	struct rtpsec_crypt *tx, *rx;

	(void)state;
	assert_int_equal(size, 16 + 12 + 52 + 72);
	memcpy(keys.key, v, 16);
	memcpy(keys.salt, v + 16, 12);
	tx = rtpsec_crypt_new(p, RTPSEC_SEND, &keys);
	rx = rtpsec_crypt_new(p, RTPSEC_RECEIVE, &keys);
	memcpy(buf, v + 28, 52);
	assert_int_equal(rtpsec_crypt_seal_rtcp(tx, 0x5d4, buf, 52), 72);
	assert_memory_equal(buf, v + 80, 72);
	assert_int_equal(rtpsec_crypt_rtcp_index(p, buf, 72), 0x5d4);
	assert_int_equal(rtpsec_crypt_open_rtcp(rx, 0x5d4, buf, 72), 52);
	assert_memory_equal(buf, v + 28, 52);
	rtpsec_crypt_free(tx);
	rtpsec_crypt_free(rx);
	free(v);
}

static void
packets_pass_over_wraps(void **state)
{
	struct prng rng = {support_seed()};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(profiles); i++) {
		struct rtpsec *tx = make(profiles[i], RTPSEC_SEND);
		struct rtpsec *rx = make(profiles[i], RTPSEC_RECEIVE);
		uint32_t roc;

		assert_int_equal(rtpsec_get_roc(tx, SSRC, &roc), -ENOENT);
		assert_int_equal(rtpsec_get_roc(rx, SSRC, &roc), -ENOENT);
		for (uint32_t n = 0; n < 140000; n += 1 + prng_below(&rng, 200)) {
			uint8_t hdr[64], payload[50] = {(uint8_t)n}, out[PACKET];
			size_t hdr_size = packet_make(&rng, (uint16_t)(60000 + n), SSRC, hdr);
			int size = rtpsec_protect(tx, hdr, hdr_size, payload, 50, out, sizeof(out));

			assert_true(size > (int)(hdr_size + 50));
			assert_memory_not_equal(out + hdr_size, payload, 50);
			assert_int_equal(rtpsec_unprotect(rx, out, (size_t)size), hdr_size + 50);
			assert_memory_equal(out, hdr, hdr_size);
			assert_memory_equal(out + hdr_size, payload, 50);
		}
		assert_int_equal(rtpsec_get_roc(tx, SSRC, &roc), 0);
		assert_int_equal(roc, 3);
		assert_int_equal(rtpsec_get_roc(rx, SSRC, &roc), 0);
		assert_int_equal(roc, 3);
		rtpsec_free(tx);
		rtpsec_free(rx);
	}
}

/* Late, replayed, too late; and a resend is the same octets again. */
static void
window_takes_late_packets(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(profiles); i++) {
		static uint8_t sent[4000][PACKET];
		struct rtpsec *tx = make(profiles[i], RTPSEC_SEND);
		struct rtpsec *rx = make(profiles[i], RTPSEC_RECEIVE);
		uint8_t copy[PACKET];
		int size = 0;

		for (int n = 0; n < 4000; n++)
			size = protect(tx, (uint16_t)(64000 + n), sent[n]); /* wraps on the way */
		for (int n = 0; n < 4000; n++) {
			if (n >= 1000 && n < 2600)
				continue; /* lost */
			memcpy(copy, sent[n], PACKET);
			assert_int_equal(rtpsec_unprotect(rx, copy, (size_t)size), 112);
		}
		for (int n = 2000; n < 2600; n++) { /* 1400 to 2000 late */
			assert_int_equal(protect(tx, (uint16_t)(64000 + n), copy), size);
			assert_memory_equal(copy, sent[n], (size_t)size);
			assert_int_equal(rtpsec_unprotect(rx, copy, (size_t)size), 112);
			memcpy(copy, sent[n], PACKET);
			assert_int_equal(rtpsec_unprotect(rx, copy, (size_t)size), -EALREADY);
		}
		memcpy(copy, sent[1500], PACKET); /* 2500 late */
		assert_int_equal(rtpsec_unprotect(rx, copy, (size_t)size), -ESTALE);
		rtpsec_free(tx);
		rtpsec_free(rx);
	}
}

static void
tampering_is_seen(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(profiles); i++) {
		struct rtpsec *tx = make(profiles[i], RTPSEC_SEND);
		struct rtpsec *rx = make(profiles[i], RTPSEC_RECEIVE);
		uint8_t sent[PACKET], copy[PACKET];
		int size = protect(tx, 5, sent);

		for (int bit = 0; bit < 8 * size; bit++) {
			memcpy(copy, sent, PACKET);
			copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
			int rc = rtpsec_unprotect(rx, copy, (size_t)size);

			assert_true(rc == -EACCES || (bit < 8 && rc == -EBADMSG));
		}
		assert_int_equal(rtpsec_unprotect(rx, sent, (size_t)size), 112);
		rtpsec_free(tx);
		rtpsec_free(rx);
	}
}

struct cut {
	struct rtpsec *rx;
	size_t whole;
	bool rtcp;
};

static void
cut_is_refused(void *arg, const uint8_t *buf, size_t size)
{
	struct cut *c = arg;
	int rc;

	if (size == c->whole)
		return;
	rc = c->rtcp ? rtpsec_unprotect_rtcp(c->rx, (uint8_t *)(uintptr_t)buf, size)
		     : rtpsec_unprotect(c->rx, (uint8_t *)(uintptr_t)buf, size);
	assert_true(rc == -EACCES || rc == -EBADMSG);
}

static int
protect_report(struct rtpsec *tx, uint32_t ssrc, uint8_t *buf)
{
	memset(buf, 0, 32);
	memcpy(buf, (const uint8_t[]){0x81, 201, 0, 7}, 4);
	put_be32(buf + 4, ssrc);
	return rtpsec_protect_rtcp(tx, buf, 32, PACKET);
}

static void
truncations_are_refused(void **state)
{
	struct prng rng = {7};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(profiles); i++) {
		struct rtpsec *tx = make(profiles[i], RTPSEC_SEND);
		struct cut c = {make(profiles[i], RTPSEC_RECEIVE), 0, false};
		uint8_t hdr[64], payload[40] = {1}, out[PACKET];

		for (uint16_t n = 0; n < 20; n++) {
			size_t hdr_size = packet_make(&rng, n, SSRC, hdr);

			c.whole =
			    (size_t)rtpsec_protect(tx, hdr, hdr_size, payload, 40, out, PACKET);
			support_truncations(out, c.whole, cut_is_refused, &c);
		}
		c.rtcp = true;
		c.whole = (size_t)protect_report(tx, 1, out);
		support_truncations(out, c.whole, cut_is_refused, &c);
		rtpsec_free(tx);
		rtpsec_free(c.rx);
	}
}

static void
rtcp_passes_and_is_guarded(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(profiles); i++) {
		struct rtpsec *tx = make(profiles[i], RTPSEC_SEND);
		struct rtpsec *rx = make(profiles[i], RTPSEC_RECEIVE);
		uint8_t buf[PACKET], copy[PACKET];

		for (int n = 0; n < 300; n++) {
			int size = protect_report(tx, 0x11223344, buf);

			assert_true(size > 32 && size <= 32 + RTPSEC_OVERHEAD_MAX);
			memcpy(copy, buf, PACKET);
			copy[n % size] ^= 0x04;
			assert_true(rtpsec_unprotect_rtcp(rx, copy, (size_t)size) < 0);
			memcpy(copy, buf, PACKET);
			assert_int_equal(rtpsec_unprotect_rtcp(rx, copy, (size_t)size), 32);
			assert_int_equal(be32(copy + 4), 0x11223344);
			memcpy(copy, buf, PACKET);
			assert_int_equal(rtpsec_unprotect_rtcp(rx, copy, (size_t)size), -EALREADY);
		}
		assert_int_equal(rtpsec_protect_rtcp(tx, buf, 32, 40), -ENOSPC);
		assert_int_equal(rtpsec_protect_rtcp(tx, buf, 7, PACKET), -EINVAL);
		assert_int_equal(rtpsec_protect_rtcp(rx, buf, 32, PACKET), -EINVAL);
		rtpsec_free(tx);
		rtpsec_free(rx);
	}
}

/* A successor takes over in the middle: both ends get new contexts and the counter. */
static void
roll_over_counter_can_be_handed_over(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(profiles); i++) {
		struct rtpsec *tx = make(profiles[i], RTPSEC_SEND);
		struct rtpsec *rx = make(profiles[i], RTPSEC_RECEIVE);
		uint8_t out[PACKET], copy[PACKET];
		uint32_t roc;
		int size = 0;

		for (uint32_t n = 0; n < 200000; n += 50)
			size = protect(tx, (uint16_t)n, out);
		memcpy(copy, out, PACKET);
		assert_int_equal(rtpsec_unprotect(rx, copy, (size_t)size), -EACCES);
		assert_int_equal(rtpsec_get_roc(tx, SSRC, &roc), 0);
		assert_int_equal(roc, 3);
		assert_int_equal(rtpsec_set_roc(rx, SSRC, roc, (uint16_t)199950), 0);
		assert_int_equal(rtpsec_unprotect(rx, out, (size_t)size), 112);
		rtpsec_free(tx);
		tx = make(profiles[i], RTPSEC_SEND);
		assert_int_equal(rtpsec_set_roc(tx, SSRC, roc, (uint16_t)199950), 0);
		size = protect(tx, (uint16_t)199951, out);
		assert_int_equal(rtpsec_unprotect(rx, out, (size_t)size), 112);
		rtpsec_free(tx);
		rtpsec_free(rx);
	}
}

static void
callers_mistakes_are_refused(void **state)
{
	struct rtpsec *tx = make(DTLS_SRTP_AES128_CM_SHA1_80, RTPSEC_SEND);
	struct rtpsec *rx = make(DTLS_SRTP_AES128_CM_SHA1_80, RTPSEC_RECEIVE);
	uint8_t hdr[PACKET], payload[20] = {9};
	int size;

	(void)state;
	assert_null(rtpsec_new(DTLS_SRTP_NONE, RTPSEC_SEND, key, salt));
	assert_null(rtpsec_new(DTLS_SRTP_AES128_CM_SHA1_32, RTPSEC_SEND, key, salt));
	plain_packet(hdr, 1);
	assert_int_equal(rtpsec_protect(tx, hdr, 11, payload, 20, hdr, PACKET), -EINVAL);
	assert_int_equal(rtpsec_protect(tx, hdr, 12, payload, 20, hdr, 41), -ENOSPC);
	assert_int_equal(rtpsec_protect(rx, hdr, 12, payload, 20, hdr, PACKET), -EINVAL);
	size = rtpsec_protect(tx, hdr, 12, payload, 20, hdr, 42); /* header in place */
	assert_int_equal(size, 42);
	assert_int_equal(rtpsec_unprotect(tx, hdr, 42), -EINVAL);
	assert_int_equal(rtpsec_unprotect(rx, hdr, 42), 32);
	rtpsec_free(tx);
	rtpsec_free(rx);
	rtpsec_free(NULL);
}

static uint64_t allocations; /* that OpenSSL made */

static void *
count_malloc(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	allocations++;
	return malloc(size);
}

static void *
count_realloc(void *p, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	allocations++;
	return realloc(p, size);
}

static void
count_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

static void
packets_take_no_memory(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(profiles); i++) {
		struct rtpsec *tx = make(profiles[i], RTPSEC_SEND);
		struct rtpsec *rx = make(profiles[i], RTPSEC_RECEIVE);
		uint8_t out[PACKET];
		uint64_t before = 0;

		for (uint32_t n = 0; n < 100000; n++) {
			int size = protect(tx, (uint16_t)n, out);

			assert_int_equal(rtpsec_unprotect(rx, out, (size_t)size), 112);
			if (n == 0)
				before = allocations;
		}
		assert_true(before > 0);
		assert_int_equal(allocations, before);
		rtpsec_free(tx);
		rtpsec_free(rx);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(derivation_is_that_of_rfc3711),
	    cmocka_unit_test(key_stream_is_that_of_rfc3711),
	    cmocka_unit_test(gcm_is_that_of_rfc7714),
	    cmocka_unit_test(rtcp_gcm_is_that_of_rfc7714),
	    cmocka_unit_test(packets_pass_over_wraps),
	    cmocka_unit_test(window_takes_late_packets),
	    cmocka_unit_test(tampering_is_seen),
	    cmocka_unit_test(truncations_are_refused),
	    cmocka_unit_test(rtcp_passes_and_is_guarded),
	    cmocka_unit_test(roll_over_counter_can_be_handed_over),
	    cmocka_unit_test(packets_take_no_memory),
	    cmocka_unit_test(callers_mistakes_are_refused),
	};
	struct prng rng = {42};

	if (CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free) != 1)
		return 1;
	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)prng_next(&rng);
	for (size_t i = 0; i < sizeof(salt); i++)
		salt[i] = (uint8_t)prng_next(&rng);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
