/* lib/rtpsec against libsrtp2: the same octets, and what a packet costs either way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include <srtp2/srtp.h>

#include "../support/support.h"
#include "base/bytes.h"
#include "base/random.h"
#include "rtpsec/rtpsec.h"
#include "rtpsec/rtpsec_internal.h" /* sizes of the profiles */

enum { PACKET = 1500, SSRC = 0xcafebabe };

static const enum dtls_srtp_profile profiles[] = {
    DTLS_SRTP_AES128_CM_SHA1_80, DTLS_SRTP_AEAD_AES_128_GCM, DTLS_SRTP_AEAD_AES_256_GCM};

static uint8_t key[32], salt[14];

static struct rtpsec *
make(enum dtls_srtp_profile profile, enum rtpsec_direction direction)
{
	struct rtpsec *s = rtpsec_new(profile, direction, key, salt);

	assert_non_null(s);
	return s;
}

/* The reference: what libsrtp2 makes of the same packets. */
static srtp_t
reference_new(enum dtls_srtp_profile profile)
{
	const struct rtpsec_profile *p = rtpsec_profile_find(profile);
	uint8_t master[RTPSEC_KEY_MAX + RTPSEC_SALT_MAX];
	srtp_policy_t policy;
	srtp_t srtp;

	memset(&policy, 0, sizeof(policy));
	memcpy(master, key, p->key_size);
	memcpy(master + p->key_size, salt, p->salt_size);
	if (!p->aead)
		srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtp);
	else if (p->key_size == 16)
		srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
	else
		srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtp);
	policy.rtcp = policy.rtp;
	policy.ssrc.type = ssrc_any_outbound;
	policy.key = master;
	policy.window_size = RTPSEC_REPLAY_WINDOW;
	policy.allow_repeat_tx = 1;
	assert_int_equal(srtp_create(&srtp, &policy), srtp_err_status_ok);
	return srtp;
}

static int
reference_protect(srtp_t srtp, const uint8_t *hdr, size_t hdr_size, const uint8_t *payload,
		  size_t payload_size, uint8_t *out)
{
	int size = (int)(hdr_size + payload_size);

	memcpy(out, hdr, hdr_size);
	memcpy(out + hdr_size, payload, payload_size);
	assert_int_equal(srtp_protect(srtp, out, &size), srtp_err_status_ok);
	return size;
}

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

/* Two implementations, one result: octet by octet, over a wrap and with resends. */
static void
sealing_equals_libsrtp(void **state)
{
	struct prng rng = {support_seed()};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(profiles); i++) {
		struct rtpsec *ours = make(profiles[i], RTPSEC_SEND);
		srtp_t reference = reference_new(profiles[i]);

		for (uint32_t n = 0; n < 3000; n++) {
			uint32_t back = n > 40 && n % 10 == 0 ? prng_below(&rng, 40) : 0;
			uint32_t index = 64000 + n - back;
			struct prng content = {index}; /* a resend is identical */
			uint8_t hdr[64], payload[1200], a[PACKET], b[PACKET];
			size_t size = prng_below(&content, sizeof(payload) + 1), hdr_size;
			int size_a, size_b;

			hdr_size = packet_make(&content, (uint16_t)index, SSRC + index % 3, hdr);
			for (size_t j = 0; j < size; j++)
				payload[j] = (uint8_t)prng_next(&content);
			size_a = rtpsec_protect(ours, hdr, hdr_size, payload, size, a, PACKET);
			size_b = reference_protect(reference, hdr, hdr_size, payload, size, b);
			assert_int_equal(size_a, size_b);
			assert_int_equal(size_a, hdr_size + size +
						     rtpsec_profile_find(profiles[i])->tag_size);
			assert_memory_equal(a, b, (size_t)size_a);
		}
		rtpsec_free(ours);
		srtp_dealloc(reference);
	}
}

static void
rtcp_equals_libsrtp(void **state)
{
	struct prng rng = {support_seed()};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(profiles); i++) {
		struct rtpsec *ours = make(profiles[i], RTPSEC_SEND);
		srtp_t reference = reference_new(profiles[i]);

		for (uint32_t n = 0; n < 1000; n++) {
			uint8_t a[PACKET], b[PACKET];
			size_t words = 2 + prng_below(&rng, 200);
			int size_a, size_b = (int)(4 * words);

			for (size_t j = 0; j < 4 * words; j++)
				a[j] = (uint8_t)prng_next(&rng);
			memcpy(a, (const uint8_t[]){0x81, 201}, 2);
			put_be16(a + 2, (uint16_t)(words - 1));
			put_be32(a + 4, SSRC + n % 3);
			memcpy(b, a, 4 * words);
			size_a = rtpsec_protect_rtcp(ours, a, 4 * words, sizeof(a));
			assert_int_equal(srtp_protect_rtcp(reference, b, &size_b), 0);
			assert_int_equal(size_a, size_b);
			assert_memory_equal(a, b, (size_t)size_a);
		}
		rtpsec_free(ours);
		srtp_dealloc(reference);
	}
}

static uint64_t
cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Printed, not asserted: what a packet costs in processor time. */
static void
cost_of_a_packet(void **state)
{
	enum { ROUNDS = 10000 };
	static uint8_t hdr[12], payload[1188], out[ROUNDS][1232], copy[PACKET];

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(profiles); i++) {
		struct rtpsec *tx = make(profiles[i], RTPSEC_SEND);
		struct rtpsec *rx = make(profiles[i], RTPSEC_RECEIVE);
		srtp_t reference = reference_new(profiles[i]);
		uint64_t t[4];
		int size = 0;

		t[0] = cpu_us();
		for (uint32_t n = 0; n < ROUNDS; n++) {
			plain_packet(hdr, (uint16_t)n);
			size = rtpsec_protect(tx, hdr, 12, payload, sizeof(payload), out[n], 1232);
		}
		t[1] = cpu_us();
		for (uint32_t n = 0; n < ROUNDS; n++)
			assert_true(rtpsec_unprotect(rx, out[n], (size_t)size) > 0);
		t[2] = cpu_us();
		for (uint32_t n = 0; n < ROUNDS; n++) {
			plain_packet(hdr, (uint16_t)n);
			reference_protect(reference, hdr, 12, payload, sizeof(payload), copy);
		}
		t[3] = cpu_us();
		print_message(
		    "# %s, 1200 octets: protect %.2f us (libsrtp2 %.2f), unprotect %.2f\n",
		    dtls_profile_name(profiles[i]), (double)(t[1] - t[0]) / ROUNDS,
		    (double)(t[3] - t[2]) / ROUNDS, (double)(t[2] - t[1]) / ROUNDS);
		srtp_dealloc(reference);
		rtpsec_free(tx);
		rtpsec_free(rx);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sealing_equals_libsrtp),
	    cmocka_unit_test(rtcp_equals_libsrtp),
	    cmocka_unit_test(cost_of_a_packet),
	};
	struct prng rng = {42};

	if (srtp_init() != srtp_err_status_ok)
		return 1;
	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)prng_next(&rng);
	for (size_t i = 0; i < sizeof(salt); i++)
		salt[i] = (uint8_t)prng_next(&rng);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
