#include "rtp/rtp_recv.h"

#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "rtp/rtp.h"

enum {
	MAX_JUMP = 3000,   /* RFC 3550 A.1, MAX_DROPOUT */
	TRANSIT_JUMP_S = 5 /* a step of the source's timestamps, not jitter */
};

void
rtp_recv_init(struct rtp_recv *r, uint32_t ssrc, uint32_t clock_rate)
{
	*r = (struct rtp_recv){.ssrc = ssrc,
			       .clock_rate = clock_rate,
			       .reorder_us = RTP_RECV_REORDER_US,
			       .max_age_us = RTP_RECV_MAX_AGE_US};
}

static uint64_t *
seen_word(struct rtp_recv *r, uint64_t seq)
{
	return &r->seen[seq % RTP_RECV_HISTORY / 64];
}

static bool
is_seen(struct rtp_recv *r, uint64_t seq)
{
	return *seen_word(r, seq) >> (seq % 64) & 1;
}

static void
set_seen(struct rtp_recv *r, uint64_t seq)
{
	*seen_word(r, seq) |= (uint64_t)1 << (seq % 64);
}

static void
begin(struct rtp_recv *r, uint64_t ext)
{
	memset(r->seen, 0, sizeof(r->seen));
	r->started = true;
	r->suspect = false;
	r->base_seq = r->max_seq = ext;
	r->received = 0;
	r->expected_prior = r->received_prior = 0;
	r->missing_count = 0;
	r->jitter_q4 = 0;
	set_seen(r, ext);
}

/* The numbers from..to (both included) did not come: wait for them, or own up to a hole. */
static void
add_missing(struct rtp_recv *r, uint64_t now_us, uint64_t from, uint64_t to)
{
	uint64_t gap = to - from + 1;
	size_t surplus;

	if (gap > RTP_RECV_MISSING_MAX) {
		r->missing_count = 0;
		r->hole = true;
		return;
	}
	if (r->missing_count + gap > RTP_RECV_MISSING_MAX) {
		surplus = (size_t)(r->missing_count + gap - RTP_RECV_MISSING_MAX);
		r->missing_count = (uint16_t)(r->missing_count - surplus);
		memmove(r->missing, r->missing + surplus, r->missing_count * sizeof(r->missing[0]));
		r->hole = true;
	}
	for (uint64_t seq = from; seq <= to; seq++)
		r->missing[r->missing_count++] =
		    (struct rtp_recv_missing){.seq = seq,
					      .due_us = now_us + r->reorder_us,
					      .seen_ms = (uint32_t)(now_us / 1000)};
}

static void
remove_missing(struct rtp_recv *r, uint64_t seq)
{
	size_t low = 0, high = r->missing_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (r->missing[middle].seq < seq)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == r->missing_count || r->missing[low].seq != seq)
		return;
	r->missing_count--;
	memmove(r->missing + low, r->missing + low + 1,
		(r->missing_count - low) * sizeof(r->missing[0]));
}

static uint32_t
transit_of(const struct rtp_recv *r, uint64_t now_us, uint32_t ts)
{
	uint64_t units =
	    now_us / 1000000 * r->clock_rate + now_us % 1000000 * r->clock_rate / 1000000;

	return (uint32_t)units - ts;
}

/* RFC 3550 A.8. Only packets in order: a resent one says nothing about the network's jitter. */
static void
update_jitter(struct rtp_recv *r, uint64_t now_us, uint32_t ts, bool first)
{
	uint32_t transit = transit_of(r, now_us, ts);
	int32_t d = rtp_ts_diff(transit, r->transit);
	uint32_t step = d < 0 ? 0u - (uint32_t)d : (uint32_t)d;

	r->transit = transit;
	if (!first && step < (uint64_t)r->clock_rate * TRANSIT_JUMP_S)
		r->jitter_q4 += step - ((r->jitter_q4 + 8) >> 4);
}

static void
count_in(struct rtp_recv *r, size_t size)
{
	r->received++;
	r->octets += size;
	r->suspect = false;
}

static enum rtp_recv_result
advance(struct rtp_recv *r, uint64_t now_us, uint64_t ext, uint32_t ts, size_t size)
{
	uint64_t gap = ext - r->max_seq - 1;

	if (gap >= RTP_RECV_HISTORY) {
		memset(r->seen, 0, sizeof(r->seen));
	} else {
		for (uint64_t seq = r->max_seq + 1; seq <= ext; seq++)
			*seen_word(r, seq) &= ~((uint64_t)1 << (seq % 64));
	}
	set_seen(r, ext);
	if (gap > 0)
		add_missing(r, now_us, r->max_seq + 1, ext - 1);
	r->max_seq = ext;
	update_jitter(r, now_us, ts, false);
	count_in(r, size);
	return RTP_RECV_NEW;
}

static enum rtp_recv_result
fill(struct rtp_recv *r, uint64_t ext, size_t size)
{
	if (r->max_seq - ext >= RTP_RECV_HISTORY || is_seen(r, ext)) {
		r->duplicates++;
		return RTP_RECV_DUPLICATE;
	}
	set_seen(r, ext);
	remove_missing(r, ext);
	r->base_seq = ext < r->base_seq ? ext : r->base_seq;
	count_in(r, size);
	return RTP_RECV_LATE;
}

static void
start(struct rtp_recv *r, uint64_t now_us, uint64_t ext, uint32_t ts, size_t size)
{
	begin(r, ext);
	update_jitter(r, now_us, ts, true);
	count_in(r, size);
}

/* More than MAX_JUMP off: the second in a row begins anew above everything given so far. */
static enum rtp_recv_result
stray(struct rtp_recv *r, uint64_t now_us, uint16_t seq, uint32_t ts, size_t size,
      uint64_t *ext_seq)
{
	uint64_t ext;

	if (!r->suspect || seq != r->next_suspect) {
		r->suspect = true;
		r->next_suspect = (uint16_t)(seq + 1);
		return RTP_RECV_DUPLICATE;
	}
	ext = (r->max_seq & ~(uint64_t)0xffff) + seq;
	if (ext <= r->max_seq)
		ext += 0x10000;
	r->octets = 0;
	start(r, now_us, ext, ts, size);
	r->hole = true; /* the first one is gone, and whatever came before it */
	*ext_seq = ext;
	return RTP_RECV_RESTART;
}

enum rtp_recv_result
rtp_recv_packet(struct rtp_recv *r, uint64_t now_us, uint16_t seq, uint32_t ts, size_t size,
		uint64_t *ext_seq)
{
	enum rtp_recv_result result;
	uint64_t ext;
	int64_t distance;

	if (!r->started) {
		*ext_seq = (uint64_t)seq + 65536;
		start(r, now_us, *ext_seq, ts, size);
		return RTP_RECV_NEW;
	}
	ext = rtp_seq_extend(r->max_seq, seq);
	distance = (int64_t)(ext - r->max_seq);
	if (distance > MAX_JUMP || distance < -MAX_JUMP)
		return stray(r, now_us, seq, ts, size, ext_seq);
	result = distance > 0 ? advance(r, now_us, ext, ts, size) : fill(r, ext, size);
	if (result != RTP_RECV_DUPLICATE)
		*ext_seq = ext;
	return result;
}

void
rtp_recv_sender_report(struct rtp_recv *r, uint64_t now_us, const struct rtcp_sr *sr)
{
	r->sr = *sr;
	r->sr_us = now_us;
}

uint64_t
rtp_recv_lost(const struct rtp_recv *r)
{
	uint64_t expected = r->max_seq - r->base_seq + 1;

	return r->started && expected > r->received ? expected - r->received : 0;
}

/* RFC 3550 A.3. */
void
rtp_recv_report(struct rtp_recv *r, uint64_t now_us, struct rtcp_report *out)
{
	uint64_t expected = r->started ? r->max_seq - r->base_seq + 1 : 0;
	int64_t lost = (int64_t)(expected - r->received);
	uint64_t expected_now = expected - r->expected_prior;
	int64_t lost_now = (int64_t)(expected_now - (r->received - r->received_prior));
	uint64_t fraction = 0;

	if (expected_now > 0 && lost_now > 0)
		fraction = ((uint64_t)lost_now << 8) / expected_now;
	r->expected_prior = expected;
	r->received_prior = r->received;
	*out = (struct rtcp_report){.ssrc = r->ssrc,
				    .fraction_lost = (uint8_t)MIN_OF(fraction, 255u),
				    .lost = (int32_t)MAX_OF(MIN_OF(lost, 0x7fffff), -0x800000),
				    .highest_seq = r->started ? (uint32_t)(r->max_seq - 65536) : 0,
				    .jitter = r->jitter_q4 >> 4};
	if (r->sr.ntp != 0) {
		out->lsr = (uint32_t)(r->sr.ntp >> 16);
		out->dlsr = (uint32_t)(clock_us_to_ntp(now_us - r->sr_us) >> 16);
	}
}

static bool
is_given_up(const struct rtp_recv *r, const struct rtp_recv_missing *m, uint64_t now_us)
{
	uint32_t age_ms = (uint32_t)(now_us / 1000) - m->seen_ms;

	return (m->tries >= RTP_RECV_NACK_TRIES && m->due_us <= now_us) ||
	       age_ms >= r->max_age_us / 1000;
}

/* Who does not answer several asks may think that the answer is under way: time is what helps. */
static uint64_t
interval_us(uint64_t rtt_us, unsigned tries)
{
	uint64_t us = MAX_OF(rtt_us, (uint64_t)RTP_RECV_RETRY_US);

	for (unsigned i = RTP_RECV_NACK_EVEN; i < tries; i++)
		us += us / 2;
	return us;
}

size_t
rtp_recv_nack(struct rtp_recv *r, uint64_t now_us, uint64_t rtt_us, uint16_t *seqs, size_t cap)
{
	size_t kept = 0, count = 0;

	for (size_t i = 0; i < r->missing_count; i++) {
		struct rtp_recv_missing m = r->missing[i];

		if (is_given_up(r, &m, now_us)) {
			r->hole = true;
			continue;
		}
		if (m.due_us <= now_us && count < cap) {
			seqs[count++] = (uint16_t)m.seq;
			m.tries++;
			m.due_us = now_us + interval_us(rtt_us, m.tries);
		}
		r->missing[kept++] = m;
	}
	r->missing_count = (uint16_t)kept;
	return count;
}

uint64_t
rtp_recv_nack_deadline(const struct rtp_recv *r)
{
	uint64_t due = r->hole ? 0 : CLOCK_NEVER;

	for (size_t i = 0; i < r->missing_count; i++)
		due = MIN_OF(due, r->missing[i].due_us);
	return due;
}
