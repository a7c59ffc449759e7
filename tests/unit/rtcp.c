/* Unit tests of RTCP: the getters on vectors, the writers through the getters. */
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
#include "base/random.h"
#include "rtp/rtcp.h"

struct seqs {
	size_t count;
	uint16_t seq[64];
};

static void
note_seq(void *arg, uint16_t seq)
{
	struct seqs *s = arg;

	if (s->count < ARRAY_COUNT(s->seq))
		s->seq[s->count] = seq;
	s->count++;
}

/* The i-th packet of a compound. */
static struct rtcp_packet
packet_at(const uint8_t *buf, size_t size, size_t i)
{
	struct rtcp_packet p;
	size_t at = 0;

	for (size_t n = 0; n <= i; n++)
		assert_int_equal(rtcp_next(buf, size, &at, &p), 1);
	return p;
}

static void
sender_report_and_description(void **state)
{
	size_t size;
	uint8_t *buf = support_load("rtcp/sr-sdes.hex", &size);
	struct rtcp_packet p = packet_at(buf, size, 0);
	struct rtcp_report r;
	struct rtcp_sr sr;
	uint32_t ssrc;

	(void)state;
	assert_int_equal(rtcp_get_sr(&p, &sr), 0);
	assert_int_equal(sr.ssrc, 0x11223344);
	assert_true(sr.ntp == 0xe93c8a0080000000u);
	assert_int_equal(sr.rtp_ts, 90000);
	assert_int_equal(sr.packets, 100);
	assert_int_equal(sr.octets, 100000);
	assert_int_equal(rtcp_get_report(&p, 0, &r), 0);
	assert_int_equal(r.ssrc, 0x55667788);
	assert_int_equal(r.fraction_lost, 64);
	assert_int_equal(r.lost, -1);
	assert_int_equal(r.highest_seq, 0x10005);
	assert_int_equal(r.jitter, 42);
	assert_int_equal(r.lsr, 0x8a008000);
	assert_int_equal(r.dlsr, 0x8000);
	assert_int_equal(rtcp_get_report(&p, 1, &r), -ENOENT);
	assert_int_equal(rtcp_get_rr_ssrc(&p, &ssrc), -ENOMSG);
	p = packet_at(buf, size, 1);
	assert_int_equal(p.type, RTCP_SDES);
	assert_int_equal(p.count, 1);
	assert_int_equal(p.body_size, 12);
	assert_int_equal(rtcp_get_sr(&p, &sr), -ENOMSG);
	free(buf);
}

static void
receiver_report_and_remb(void **state)
{
	size_t size;
	uint8_t *buf = support_load("rtcp/rr-remb.hex", &size);
	struct rtcp_packet p = packet_at(buf, size, 0);
	struct rtcp_report r;
	uint32_t ssrc;
	uint64_t bps;

	(void)state;
	assert_int_equal(rtcp_get_rr_ssrc(&p, &ssrc), 0);
	assert_int_equal(ssrc, 1);
	assert_int_equal(rtcp_get_report(&p, 1, &r), 0);
	assert_int_equal(r.ssrc, 11);
	assert_int_equal(r.fraction_lost, 128);
	assert_int_equal(r.lost, 16);
	p = packet_at(buf, size, 1);
	assert_int_equal(rtcp_get_remb(&p, &bps), 0);
	assert_int_equal(bps, 750000);
	free(buf);
}

static void
nack_pairs_are_read_in_order(void **state)
{
	static const uint16_t want[] = {65533, 65535, 0, 300};
	size_t size;
	uint8_t *buf = support_load("rtcp/nack.hex", &size);
	struct rtcp_packet p = packet_at(buf, size, 0);
	struct seqs s = {0};
	uint32_t sender, media;

	(void)state;
	assert_int_equal(rtcp_get_nack(&p, note_seq, &s), 4);
	assert_memory_equal(s.seq, want, sizeof(want));
	assert_int_equal(rtcp_get_feedback(&p, &sender, &media), 0);
	assert_int_equal(sender, 1);
	assert_int_equal(media, 2);
	free(buf);
}

static void
keyframe_requests_and_bye(void **state)
{
	size_t size;
	uint8_t *buf = support_load("rtcp/pli-fir-bye.hex", &size), seq;
	struct rtcp_packet p = packet_at(buf, size, 0);
	uint32_t ssrc, sender;

	(void)state;
	assert_int_equal(p.type, RTCP_PSFB);
	assert_int_equal(p.count, RTCP_FB_PLI);
	assert_int_equal(rtcp_get_feedback(&p, &sender, &ssrc), 0);
	assert_int_equal(ssrc, 2);
	assert_int_equal(rtcp_get_fir(&p, 0, &ssrc, &seq), -ENOMSG);
	p = packet_at(buf, size, 1);
	assert_int_equal(rtcp_get_fir(&p, 1, &ssrc, &seq), 0);
	assert_int_equal(ssrc, 3);
	assert_int_equal(seq, 8);
	assert_int_equal(rtcp_get_fir(&p, 2, &ssrc, &seq), -ENOENT);
	p = packet_at(buf, size, 2);
	assert_int_equal(rtcp_get_bye(&p, 1, &ssrc), 0);
	assert_int_equal(ssrc, 2);
	assert_int_equal(rtcp_get_bye(&p, 2, &ssrc), -ENOENT);
	free(buf);
}

static void
extended_reports(void **state)
{
	size_t size;
	uint8_t *buf = support_load("rtcp/xr.hex", &size);
	struct rtcp_packet p = packet_at(buf, size, 0);
	uint32_t ssrc, lrr, dlrr;
	uint64_t ntp;

	(void)state;
	assert_int_equal(rtcp_get_xr_rrtr(&p, &ntp), 0);
	assert_true(ntp == 0xe93c8a0080000000u);
	assert_int_equal(rtcp_get_xr_dlrr(&p, 1, &ssrc, &lrr, &dlrr), 0);
	assert_int_equal(ssrc, 11);
	assert_int_equal(lrr, 0x22222222);
	assert_int_equal(dlrr, 0x20);
	assert_int_equal(rtcp_get_xr_dlrr(&p, 2, &ssrc, &lrr, &dlrr), -ENOENT);
	free(buf);
}

struct statuses {
	size_t count;
	uint16_t seq[16];
	int64_t delta_us[16];
};

static void
note_status(void *arg, uint16_t seq, int64_t delta_us)
{
	struct statuses *s = arg;

	if (s->count < ARRAY_COUNT(s->seq)) {
		s->seq[s->count] = seq;
		s->delta_us[s->count] = delta_us;
	}
	s->count++;
}

static void
transport_feedback(void **state)
{
	static const int64_t want[] = {1000,  3000,	 2000,	    INT64_MIN, 6000,
				       14000, INT64_MIN, INT64_MIN, INT64_MIN};
	size_t size;
	uint8_t *buf = support_load("rtcp/twcc-mixed.hex", &size);
	struct rtcp_packet p = packet_at(buf, size, 0);
	struct rtcp_twcc_head head;
	struct statuses s = {0};

	(void)state;
	assert_int_equal(rtcp_get_twcc(&p, &head, note_status, &s), 9);
	assert_int_equal(head.base_seq, 10);
	assert_int_equal(head.reference_64ms, 5);
	assert_int_equal(head.feedback_count, 1);
	assert_int_equal(s.seq[8], 18);
	assert_memory_equal(s.delta_us, want, sizeof(want));
	free(buf);
}

static void
malformed_packets_are_refused(void **state)
{
	uint8_t reserved[] = {0x8f, 205, 0, 5, 0, 0, 0, 1, 0,	 0, 0, 2,
			      0,    1,	 0, 1, 0, 0, 0, 0, 0x60, 1, 0, 0};
	uint8_t remb[] = {0x8f, 206, 0,	  4,   0,   0,	 0, 1,	  0,	0,
			  0,	0,   'R', 'E', 'M', 'B', 0, 0xff, 0xff, 0xff};
	struct rtcp_packet p;
	struct rtcp_twcc_head head;
	struct statuses s = {0};
	uint64_t bps;
	size_t at = 0;

	(void)state;
	p = packet_at(reserved, sizeof(reserved), 0);
	assert_int_equal(rtcp_get_twcc(&p, &head, note_status, &s), -EBADMSG);
	reserved[15] = 0; /* no statuses at all */
	assert_int_equal(rtcp_get_twcc(&p, &head, note_status, &s), -EBADMSG);
	assert_int_equal(s.count, 0);
	p = packet_at(remb, sizeof(remb), 0);
	assert_int_equal(rtcp_get_remb(&p, &bps), -EBADMSG);
	remb[12] = 'X';
	assert_int_equal(rtcp_get_remb(&p, &bps), -ENOMSG);
	remb[0] = 0xaf; /* padding of 255 in a body of 16 */
	assert_int_equal(rtcp_next(remb, sizeof(remb), &at, &p), -EBADMSG);
	remb[0] = 0x4f;
	assert_int_equal(rtcp_next(remb, sizeof(remb), &at, &p), -EBADMSG);
	assert_int_equal(at, 0);
}

static void
unknown_types_are_passed_over(void **state)
{
	size_t size, at = 0, count = 0;
	uint8_t *buf = support_load("rtcp/app-unknown.hex", &size);
	struct rtcp_packet p;

	(void)state;
	while (rtcp_next(buf, size, &at, &p) == 1)
		count++;
	assert_int_equal(count, 3);
	assert_int_equal(at, size);
	free(buf);
}

static void
same_report(const struct rtcp_report *a, const struct rtcp_report *b)
{
	assert_int_equal(a->ssrc, b->ssrc);
	assert_int_equal(a->fraction_lost, b->fraction_lost);
	assert_int_equal(a->lost, b->lost);
	assert_int_equal(a->highest_seq, b->highest_seq);
	assert_int_equal(a->jitter, b->jitter);
	assert_int_equal(a->lsr, b->lsr);
	assert_int_equal(a->dlsr, b->dlsr);
}

static void
reports_round_trip(void **state)
{
	struct rtcp_report in[2] = {{1, 2, -3, 4, 5, 6, 7}, {8, 9, 0x7fffff, 11, 12, 13, 14}}, out;
	struct rtcp_sr sr = {21, 0x123456789abcdef0u, 23, 24, 25}, sr_out;
	struct rtcp_writer w;
	struct rtcp_packet p;
	uint8_t buf[256];
	uint32_t ssrc;
	int size;

	(void)state;
	rtcp_start(&w, buf, sizeof(buf));
	assert_int_equal(rtcp_finish(&w), 0);
	rtcp_add_sr(&w, &sr, in, 2);
	rtcp_add_rr(&w, 77, in + 1, 1);
	rtcp_add_sdes_cname(&w, 21, "ab"); /* 4 + 2 + 2 + NUL: padded to 12 */
	rtcp_add_sdes_cname(&w, 21, "a");  /* the NUL fills the word */
	rtcp_add_bye(&w, 99);
	size = rtcp_finish(&w);
	assert_int_equal(size, 4 + 24 + 48 + 4 + 4 + 24 + 4 + 12 + 4 + 8 + 4 + 4);
	p = packet_at(buf, (size_t)size, 0);
	assert_int_equal(rtcp_get_sr(&p, &sr_out), 0);
	assert_int_equal(sr_out.ssrc, 21);
	assert_true(sr_out.ntp == sr.ntp);
	assert_int_equal(sr_out.rtp_ts, 23);
	assert_int_equal(sr_out.packets, 24);
	assert_int_equal(sr_out.octets, 25);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(rtcp_get_report(&p, i, &out), 0);
		same_report(&in[i], &out);
	}
	p = packet_at(buf, (size_t)size, 1);
	assert_int_equal(rtcp_get_rr_ssrc(&p, &ssrc), 0);
	assert_int_equal(ssrc, 77);
	p = packet_at(buf, (size_t)size, 2);
	assert_memory_equal(p.body,
			    "\0\0\0\x15\x01\x02"
			    "ab\0\0\0\0",
			    12);
	p = packet_at(buf, (size_t)size, 4);
	assert_int_equal(rtcp_get_bye(&p, 0, &ssrc), 0);
	assert_int_equal(ssrc, 99);
}

static void
nacks_are_joined(void **state)
{
	static const uint16_t seqs[] = {65530, 65531, 65531, 10, 11, 27, 500};
	static const uint16_t want[] = {65530, 65531, 10, 11, 27, 500};
	struct rtcp_writer w;
	struct rtcp_packet p;
	struct seqs s = {0};
	uint8_t buf[64];
	int size;

	(void)state;
	rtcp_start(&w, buf, sizeof(buf));
	rtcp_add_nack(&w, 1, 2, seqs, 0);
	assert_int_equal(rtcp_finish(&w), 0);
	rtcp_add_nack(&w, 1, 2, seqs, ARRAY_COUNT(seqs));
	size = rtcp_finish(&w);
	/* 65530 reaches 10 (16 later); 11 reaches 27; 500 stands alone. */
	assert_int_equal(size, 12 + 3 * 4);
	p = packet_at(buf, (size_t)size, 0);
	assert_int_equal(rtcp_get_nack(&p, note_seq, &s), ARRAY_COUNT(want));
	assert_memory_equal(s.seq, want, sizeof(want));
}

static void
nack_random_sets_round_trip(void **state)
{
	struct prng rng = {support_seed()};
	struct rtcp_writer w;
	struct rtcp_packet p;
	uint8_t buf[RTCP_COMPOUND_MAX];
	uint16_t seqs[64];

	(void)state;
	for (size_t run = 0; run < 2000; run++) {
		struct seqs s = {0};
		size_t count = prng_below(&rng, 60) + 1;
		uint16_t seq = (uint16_t)prng_next(&rng);

		for (size_t i = 0; i < count; i++) {
			seq = (uint16_t)(seq + 1 + prng_below(&rng, 24));
			seqs[i] = seq;
		}
		rtcp_start(&w, buf, sizeof(buf));
		rtcp_add_nack(&w, 1, 2, seqs, count);
		p = packet_at(buf, (size_t)rtcp_finish(&w), 0);
		assert_int_equal(rtcp_get_nack(&p, note_seq, &s), count);
		assert_memory_equal(s.seq, seqs, count * sizeof(seqs[0]));
	}
}

static void
feedback_round_trips(void **state)
{
	static const uint32_t ssrcs[] = {5, 6};
	static const uint64_t rates[] = {0, 1, 0x3ffff, 0x40000, 1500000, 1000000007, UINT64_MAX};
	struct rtcp_writer w;
	struct rtcp_packet p;
	uint8_t buf[256], seq;
	uint32_t sender, ssrc, lrr, dlrr;
	uint64_t value;
	int size;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rates); i++) {
		rtcp_start(&w, buf, sizeof(buf));
		rtcp_add_remb(&w, 1, ssrcs, 2, rates[i]);
		p = packet_at(buf, (size_t)rtcp_finish(&w), 0);
		assert_int_equal(rtcp_get_remb(&p, &value), 0);
		assert_true(value <= rates[i] && rates[i] - value <= rates[i] >> 17);
	}
	rtcp_start(&w, buf, sizeof(buf));
	rtcp_add_pli(&w, 1, 2);
	rtcp_add_fir(&w, 3, 4, 200);
	rtcp_add_xr_rrtr(&w, 5, 0x0102030405060708u);
	rtcp_add_xr_dlrr(&w, 5, 6, 7, 8);
	size = rtcp_finish(&w);
	p = packet_at(buf, (size_t)size, 0);
	assert_int_equal(rtcp_get_feedback(&p, &sender, &ssrc), 0);
	assert_int_equal(ssrc, 2);
	p = packet_at(buf, (size_t)size, 1);
	assert_int_equal(rtcp_get_fir(&p, 0, &ssrc, &seq), 0);
	assert_int_equal(ssrc, 4);
	assert_int_equal(seq, 200);
	p = packet_at(buf, (size_t)size, 2);
	assert_int_equal(rtcp_get_xr_rrtr(&p, &value), 0);
	assert_true(value == 0x0102030405060708u);
	assert_int_equal(rtcp_get_xr_dlrr(&p, 0, &ssrc, &lrr, &dlrr), -ENOENT);
	p = packet_at(buf, (size_t)size, 3);
	assert_int_equal(rtcp_get_xr_dlrr(&p, 0, &ssrc, &lrr, &dlrr), 0);
	assert_int_equal(ssrc, 6);
	assert_int_equal(lrr, 7);
	assert_int_equal(dlrr, 8);
	assert_int_equal(rtcp_get_xr_rrtr(&p, &value), -ENOENT);
}

/* Every capacity short of the whole: reported, and never a partial packet. */
static void
overflow_is_remembered(void **state)
{
	static const uint16_t seqs[] = {1, 100};

	(void)state;
	for (size_t cap = 0; cap <= 12 + 20; cap++) {
		uint8_t *buf = malloc(cap > 0 ? cap : 1);
		struct rtcp_writer w;

		rtcp_start(&w, buf, cap);
		rtcp_add_pli(&w, 1, 2);
		rtcp_add_nack(&w, 1, 2, seqs, 2);
		assert_int_equal(rtcp_finish(&w), cap == 32 ? 32 : -ENOSPC);
		assert_int_equal(w.size, cap == 32 ? 32 : cap >= 12 ? 12 : 0);
		free(buf);
	}
}

static void
use_all(void *arg, const uint8_t *buf, size_t size)
{
	struct rtcp_packet p;
	struct rtcp_twcc_head head;
	struct rtcp_report r;
	struct rtcp_sr sr;
	struct seqs s = {0};
	struct statuses t = {0};
	size_t at = 0;
	uint32_t a, b, c;
	uint64_t v;
	uint8_t seq;

	(void)arg;
	while (rtcp_next(buf, size, &at, &p) == 1) {
		rtcp_get_sr(&p, &sr);
		rtcp_get_rr_ssrc(&p, &a);
		for (size_t i = 0; i < 32; i++) {
			rtcp_get_report(&p, i, &r);
			rtcp_get_bye(&p, i, &a);
			rtcp_get_fir(&p, i, &a, &seq);
			rtcp_get_xr_dlrr(&p, i, &a, &b, &c);
		}
		rtcp_get_feedback(&p, &a, &b);
		rtcp_get_nack(&p, note_seq, &s);
		rtcp_get_remb(&p, &v);
		rtcp_get_xr_rrtr(&p, &v);
		rtcp_get_twcc(&p, &head, note_status, &t);
	}
}

/* The same with the length field made to fit, so that the getters see short bodies. */
static void
use_all_refitted(void *arg, const uint8_t *buf, size_t size)
{
	uint8_t *copy;

	use_all(arg, buf, size);
	if (size < 4 || size % 4 != 0)
		return;
	copy = malloc(size);
	memcpy(copy, buf, size);
	put_be16(copy + 2, (uint16_t)(size / 4 - 1));
	use_all(arg, copy, size);
	free(copy);
}

static void
every_truncation_is_safe(void **state)
{
	static const char *const names[] = {"rtcp/sr-sdes.hex",	   "rtcp/rr-remb.hex",
					    "rtcp/nack.hex",	   "rtcp/pli-fir-bye.hex",
					    "rtcp/xr.hex",	   "rtcp/twcc-mixed.hex",
					    "rtcp/app-unknown.hex"};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		size_t size;
		uint8_t *buf = support_load(names[i], &size);

		support_truncations(buf, size, use_all_refitted, NULL);
		free(buf);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sender_report_and_description),
	    cmocka_unit_test(receiver_report_and_remb),
	    cmocka_unit_test(nack_pairs_are_read_in_order),
	    cmocka_unit_test(keyframe_requests_and_bye),
	    cmocka_unit_test(extended_reports),
	    cmocka_unit_test(transport_feedback),
	    cmocka_unit_test(malformed_packets_are_refused),
	    cmocka_unit_test(unknown_types_are_passed_over),
	    cmocka_unit_test(reports_round_trip),
	    cmocka_unit_test(nacks_are_joined),
	    cmocka_unit_test(nack_random_sets_round_trip),
	    cmocka_unit_test(feedback_round_trips),
	    cmocka_unit_test(overflow_is_remembered),
	    cmocka_unit_test(every_truncation_is_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
