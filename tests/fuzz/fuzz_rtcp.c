/* RTCP compounds: every getter on every packet. */
#include <assert.h>

#include "rtp/rtcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

static void
count_seq(void *arg, uint16_t seq)
{
	int *count = arg;

	(void)seq;
	(*count)++;
}

static void
count_status(void *arg, uint16_t seq, int64_t delta_us)
{
	(void)delta_us;
	count_seq(arg, seq);
}

static bool
is_same(const struct rtcp_report *a, const struct rtcp_report *b)
{
	return a->ssrc == b->ssrc && a->fraction_lost == b->fraction_lost && a->lost == b->lost &&
	       a->highest_seq == b->highest_seq && a->jitter == b->jitter && a->lsr == b->lsr &&
	       a->dlsr == b->dlsr;
}

static void
reports(const struct rtcp_packet *p)
{
	struct rtcp_report in[RTCP_REPORTS_MAX], out;
	struct rtcp_writer w;
	struct rtcp_packet q;
	struct rtcp_sr sr;
	uint8_t buf[RTCP_COMPOUND_MAX];
	size_t count = 0, at = 0;
	uint32_t ssrc;

	while (count < RTCP_REPORTS_MAX && rtcp_get_report(p, count, &in[count]) == 0)
		count++;
	rtcp_start(&w, buf, sizeof(buf));
	if (rtcp_get_sr(p, &sr) == 0)
		rtcp_add_sr(&w, &sr, in, count);
	else if (rtcp_get_rr_ssrc(p, &ssrc) == 0)
		rtcp_add_rr(&w, ssrc, in, count);
	if (rtcp_finish(&w) <= 0)
		return;
	assert(rtcp_next(buf, w.size, &at, &q) == 1);
	for (size_t i = 0; i < count; i++)
		assert(rtcp_get_report(&q, i, &out) == 0 && is_same(&in[i], &out));
}

static void
feedback(const struct rtcp_packet *p)
{
	struct rtcp_twcc_head head;
	uint32_t a, b, c;
	uint64_t value;
	uint8_t seq;
	int called = 0, count;

	rtcp_get_feedback(p, &a, &b);
	count = rtcp_get_nack(p, count_seq, &called);
	assert(count < 0 ? called == 0 : count == called);
	called = 0;
	count = rtcp_get_twcc(p, &head, count_status, &called);
	assert(count < 0 ? called == 0 : count == called && count == head.status_count);
	for (size_t i = 0; rtcp_get_fir(p, i, &a, &seq) == 0; i++)
		;
	for (size_t i = 0; rtcp_get_bye(p, i, &a) == 0; i++)
		;
	for (size_t i = 0; rtcp_get_xr_dlrr(p, i, &a, &b, &c) == 0; i++)
		;
	rtcp_get_remb(p, &value);
	rtcp_get_xr_rrtr(p, &value);
}

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	struct rtcp_packet p;
	size_t at = 0;

	while (rtcp_next(buf, size, &at, &p) == 1) {
		assert(p.body + p.body_size <= buf + size);
		reports(&p);
		feedback(&p);
	}
	return 0;
}
