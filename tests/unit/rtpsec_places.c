/* Unit tests of lib/rtpsec: whose indices it keeps, of more inbound SSRCs than have places. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "rtpsec/rtpsec.h"
#include "rtpsec/rtpsec_internal.h" /* how many there are */

#include "rtpsec.inc"

static int
protect_report(struct rtpsec *tx, uint32_t ssrc, uint8_t *buf)
{
	memset(buf, 0, 32);
	memcpy(buf, (const uint8_t[]){0x81, 201, 0, 7}, 4);
	put_be32(buf + 4, ssrc);
	return rtpsec_protect_rtcp(tx, buf, 32, PACKET);
}

static int
protect_of(struct rtpsec *tx, uint32_t ssrc, uint16_t seq, uint8_t *out)
{
	uint8_t hdr[12] = {0x80, 96}, payload[20];

	put_be16(hdr + 2, seq);
	put_be32(hdr + 8, ssrc);
	memset(payload, seq & 0xff, sizeof(payload));
	return rtpsec_protect(tx, hdr, sizeof(hdr), payload, sizeof(payload), out, PACKET);
}

/* As many others as have places, each of which sends something; first is the first SSRC. */
static void
others_come(struct rtpsec *tx, struct rtpsec *rx, uint32_t first)
{
	uint8_t buf[PACKET];

	for (uint32_t n = 0; n < RTPSEC_SSRC_MAX; n++) {
		int size = n % 2 == 0 ? protect_of(tx, first + n, 1, buf)
				      : protect_report(tx, first + n, buf);

		assert_int_equal(n % 2 == 0 ? rtpsec_unprotect(rx, buf, (size_t)size)
					    : rtpsec_unprotect_rtcp(rx, buf, (size_t)size),
				 32);
	}
}

struct record {
	uint8_t rtp[100][PACKET], rtcp[20][PACKET];
	size_t rtp_size, rtcp_size;
};

/* All of what was recorded is refused, what never arrived included. */
static void
nothing_is_replayed(const struct record *r, struct rtpsec *rx)
{
	uint8_t buf[PACKET];
	int rc;

	for (size_t i = 0; i < ARRAY_COUNT(r->rtp); i++) {
		memcpy(buf, r->rtp[i], PACKET);
		rc = rtpsec_unprotect(rx, buf, r->rtp_size);
		assert_true(rc == -ESTALE || rc == -EALREADY);
	}
	for (size_t i = 0; i < ARRAY_COUNT(r->rtcp); i++) {
		memcpy(buf, r->rtcp[i], PACKET);
		rc = rtpsec_unprotect_rtcp(rx, buf, r->rtcp_size);
		assert_true(rc == -ESTALE || rc == -EALREADY);
	}
}

/* What SSRC sends from there on, over a wrap; every tenth is lost. */
static void
sends_on(struct record *r, struct rtpsec *tx, struct rtpsec *rx, uint16_t seq)
{
	uint8_t buf[PACKET];

	for (size_t i = 0; i < ARRAY_COUNT(r->rtp); i++) {
		r->rtp_size = (size_t)protect_of(tx, SSRC, (uint16_t)(seq + i), r->rtp[i]);
		memcpy(buf, r->rtp[i], PACKET);
		if (i % 10 != 5)
			assert_int_equal(rtpsec_unprotect(rx, buf, r->rtp_size), 32);
	}
	for (size_t i = 0; i < ARRAY_COUNT(r->rtcp); i++) {
		r->rtcp_size = (size_t)protect_report(tx, SSRC, r->rtcp[i]);
		memcpy(buf, r->rtcp[i], PACKET);
		if (i % 10 != 5)
			assert_int_equal(rtpsec_unprotect_rtcp(rx, buf, r->rtcp_size), 32);
	}
}

/* An SSRC that was silent for longest gives its place to a new one. It may go on where it was, any
 * number of times, but nothing of what it sent before is taken any more. */
static void
who_lost_his_place_is_not_replayed(void **state)
{
	static struct record first, second;
	uint8_t late[PACKET];

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(profiles); i++) {
		struct rtpsec *tx = make(profiles[i], RTPSEC_SEND);
		struct rtpsec *rx = make(profiles[i], RTPSEC_RECEIVE);
		uint32_t roc;
		int size;

		sends_on(&first, tx, rx, 65500);
		others_come(tx, rx, 1000);
		assert_int_equal(rtpsec_get_roc(rx, SSRC, &roc), -ENOENT);
		nothing_is_replayed(&first, rx);
		assert_int_equal(rtpsec_get_roc(rx, SSRC, &roc), -ENOENT);
		size = protect_of(tx, SSRC, 64, late); /* 36 to 63 came last */
		sends_on(&second, tx, rx, 65);
		assert_int_equal(rtpsec_get_roc(rx, SSRC, &roc), 0);
		assert_int_equal(roc, 1);
		nothing_is_replayed(&first, rx);
		assert_int_equal(rtpsec_unprotect(rx, late, (size_t)size), 32);
		others_come(tx, rx, 2000);
		nothing_is_replayed(&first, rx);
		nothing_is_replayed(&second, rx);
		/* Back with packets alone, then with reports alone. */
		size = protect_of(tx, SSRC, 165, late);
		assert_int_equal(rtpsec_unprotect(rx, late, (size_t)size), 32);
		others_come(tx, rx, 3000);
		nothing_is_replayed(&second, rx);
		size = protect_report(tx, SSRC, late);
		assert_int_equal(rtpsec_unprotect_rtcp(rx, late, (size_t)size), 32);
		others_come(tx, rx, 4000);
		nothing_is_replayed(&second, rx);
		rtpsec_free(tx);
		rtpsec_free(rx);
	}
}

/* Reports alone keep a place, and so does a late packet; and what goes on is not touched. */
static void
who_is_heard_keeps_his_place(void **state)
{
	struct rtpsec *tx = make(DTLS_SRTP_AEAD_AES_128_GCM, RTPSEC_SEND);
	struct rtpsec *rx = make(DTLS_SRTP_AEAD_AES_128_GCM, RTPSEC_RECEIVE);
	uint8_t late[40][PACKET], buf[PACKET];
	int size;

	(void)state;
	for (uint16_t seq = 0; seq < 40; seq++)
		size = protect_of(tx, SSRC, seq, late[seq]);
	size = protect_of(tx, SSRC, 40, buf);
	assert_int_equal(rtpsec_unprotect(rx, buf, (size_t)size), 32);
	for (uint32_t n = 0; n < 40; n++) {
		for (uint32_t k = 0; k < RTPSEC_SSRC_MAX / 4; k++) {
			size = protect_of(tx, 1000 + 100 * n + k, 1, buf);
			assert_int_equal(rtpsec_unprotect(rx, buf, (size_t)size), 32);
		}
		if (n % 2 == 0) {
			size = protect_report(tx, SSRC, buf);
			assert_int_equal(rtpsec_unprotect_rtcp(rx, buf, (size_t)size), 32);
		} else {
			assert_int_equal(rtpsec_unprotect(rx, late[n], 48), 32);
			assert_int_equal(rtpsec_unprotect(rx, late[n], 48), -EALREADY);
		}
	}
	rtpsec_free(tx);
	rtpsec_free(rx);
}

/* Only what authenticated takes a place in the table, and the table is bounded. */
static void
ssrcs_are_bounded(void **state)
{
	struct rtpsec *tx = make(DTLS_SRTP_AEAD_AES_128_GCM, RTPSEC_SEND);
	struct rtpsec *rx = make(DTLS_SRTP_AEAD_AES_128_GCM, RTPSEC_RECEIVE);
	const uint32_t known = RTPSEC_SSRC_MAX + RTPSEC_PAST_MAX, step = 0x9e3779b1; /* no order */
	uint8_t out[PACKET];

	(void)state;
	for (uint32_t n = 0; n < 1000; n++) {
		memset(out, (int)n, sizeof(out));
		memcpy(out, (const uint8_t[]){0x80, 96, 0, 1}, 4);
		put_be32(out + 8, n);
		assert_int_equal(rtpsec_unprotect(rx, out, 60), -EACCES);
	}
	for (uint32_t n = 0; n < known + 5; n++)
		for (int again = 0; again < 2; again++) {
			int size = protect_of(tx, n * step, 1, out);
			int want = again ? -EALREADY : 32;

			assert_int_equal(rtpsec_unprotect(rx, out, (size_t)size),
					 n < known ? want : -ENOSPC);
		}
	/* Each of them is known, and who goes on changes places with another. */
	for (uint32_t n = 0; n < known; n++)
		for (uint16_t seq = 1; seq <= 2; seq++) {
			int size = protect_of(tx, n * step, seq, out);
			int rc = rtpsec_unprotect(rx, out, (size_t)size);

			assert_true(seq == 1 ? rc == -ESTALE || rc == -EALREADY : rc == 32);
		}
	assert_int_equal(rx->stream_count, RTPSEC_SSRC_MAX);
	assert_int_equal(rx->past_count, RTPSEC_PAST_MAX);
	rtpsec_free(tx);
	rtpsec_free(rx);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(who_lost_his_place_is_not_replayed),
	    cmocka_unit_test(who_is_heard_keeps_his_place),
	    cmocka_unit_test(ssrcs_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
