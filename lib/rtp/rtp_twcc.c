#include "rtp/rtp_twcc.h"

#include <string.h>

#include "base/bytes.h"
#include "rtp/rtcp_room.h"
#include "rtp/rtp.h"

enum {
	FIXED_SIZE = 16,       /* SSRCs, base, count, reference time, feedback count */
	TICK_US = 250,	       /* s.3.1.5: unit of the deltas */
	REFERENCE_TICKS = 256, /* 64 ms */
	RUN_MAX = 0x1fff,      /* s.3.1.3 */
	STALE_MAX = 3,	       /* packets from behind the window before it is taken for a restart */
	CHUNKS_MAX = RTP_TWCC_WINDOW / 7 + 1,
	SYMBOL_NONE = 0,
	SYMBOL_SMALL = 1,
	SYMBOL_LARGE = 2
};

/* What one feedback packet will say: the status and delta of count packets. */
struct plan {
	size_t count, delta_size;
	int64_t reference; /* 64 ms units */
	uint8_t symbol[RTP_TWCC_WINDOW];
	int16_t delta[RTP_TWCC_WINDOW];
};

void
rtp_twcc_init(struct rtp_twcc *t)
{
	memset(t, 0, sizeof(*t));
}

static uint64_t *
arrival(struct rtp_twcc *t, uint64_t seq)
{
	return &t->arrival_us[seq % RTP_TWCC_WINDOW];
}

static void
restart(struct rtp_twcc *t, uint64_t seq)
{
	memset(t->arrival_us, 0, sizeof(t->arrival_us));
	t->next_seq = t->max_seq = seq;
	t->started = true;
	t->stale_count = 0;
}

/* seq lies ahead of everything seen: make its slot, and those skipped, new. */
static void
advance(struct rtp_twcc *t, uint64_t seq)
{
	if (seq - t->max_seq >= RTP_TWCC_WINDOW) {
		restart(t, seq);
		return;
	}
	for (uint64_t s = t->max_seq + 1; s <= seq; s++)
		*arrival(t, s) = 0;
	t->max_seq = seq;
	if (seq - t->next_seq >= RTP_TWCC_WINDOW && seq >= t->next_seq)
		t->next_seq = seq - RTP_TWCC_WINDOW + 1;
}

void
rtp_twcc_packet(struct rtp_twcc *t, uint64_t now_us, uint16_t seq)
{
	uint64_t ext = t->started ? rtp_seq_extend(t->max_seq, seq) : (uint64_t)seq + 65536;

	if (!t->started) {
		restart(t, ext);
	} else if (ext > t->max_seq) {
		advance(t, ext);
	} else if (t->max_seq - ext >= RTP_TWCC_WINDOW) {
		t->stale_count++;
		if (t->stale_count < STALE_MAX)
			return;
		restart(t, ext + 65536); /* numbers never go back: the sender's began anew */
		ext += 65536;
	} else if (*arrival(t, ext) != 0) {
		return; /* a duplicate: the first arrival counts */
	}
	t->stale_count = 0;
	*arrival(t, ext) = now_us != 0 ? now_us : 1;
	if (ext < t->next_seq)
		t->next_seq = ext;
}

bool
rtp_twcc_pending(const struct rtp_twcc *t)
{
	return t->started && t->next_seq <= t->max_seq;
}

/* Chunks never take more than one per seven statuses: each covers seven, or all that is left. */
static size_t
chunk_bound(size_t count)
{
	return (count + 6) / 7 * 2;
}

/* Statuses from next_seq on, as many as room octets and 16-bit deltas allow. */
static void
make_plan(struct rtp_twcc *t, size_t room, struct plan *plan)
{
	int64_t last = -1; /* ticks of the last received */

	plan->count = plan->delta_size = 0;
	plan->reference = 0;
	for (uint64_t seq = t->next_seq; seq <= t->max_seq; seq++) {
		uint64_t us = *arrival(t, seq);
		int64_t tick = (int64_t)(us / TICK_US), delta = 0;
		size_t symbol = SYMBOL_NONE;

		if (us != 0) {
			if (last < 0) {
				plan->reference = tick / REFERENCE_TICKS;
				last = plan->reference * REFERENCE_TICKS;
			}
			delta = tick - last;
			symbol = delta >= 0 && delta <= 255 ? SYMBOL_SMALL : SYMBOL_LARGE;
			last = tick;
		}
		if (delta < INT16_MIN || delta > INT16_MAX ||
		    chunk_bound(plan->count + 1) + plan->delta_size + symbol > room)
			break;
		plan->symbol[plan->count] = (uint8_t)symbol;
		plan->delta[plan->count++] = (int16_t)delta;
		plan->delta_size += symbol;
	}
}

/* Length of the run of equal symbols at i. */
static size_t
run_at(const struct plan *plan, size_t i)
{
	size_t n = 1;

	while (i + n < plan->count && n < RUN_MAX && plan->symbol[i + n] == plan->symbol[i])
		n++;
	return n;
}

/* s.3.1.4: a vector of n symbols, bits wide each, the first on the left. */
static uint16_t
vector(const uint8_t *symbol, size_t n, unsigned bits)
{
	unsigned shift = 14, chunk = bits == 2 ? 0xc000 : 0x8000;

	for (size_t i = 0; i < n; i++) {
		shift -= bits;
		chunk |= (unsigned)symbol[i] << shift;
	}
	return (uint16_t)chunk;
}

/* Fourteen one-bit symbols if none of them is large, else seven of two bits. */
static uint16_t
vector_at(const struct plan *plan, size_t i, size_t *taken)
{
	size_t n = MIN_OF(plan->count - i, 14u);

	if (memchr(plan->symbol + i, SYMBOL_LARGE, n) == NULL) {
		*taken = n;
		return vector(plan->symbol + i, n, 1);
	}
	*taken = MIN_OF(n, 7u);
	return vector(plan->symbol + i, *taken, 2);
}

static size_t
make_chunks(const struct plan *plan, uint16_t *chunks)
{
	size_t count = 0, taken;

	for (size_t i = 0; i < plan->count; i += taken) {
		taken = run_at(plan, i);
		/* A run pays from what a vector would hold, or when it is all that is left. */
		if (taken >= 14 || i + taken == plan->count ||
		    (plan->symbol[i] == SYMBOL_LARGE && taken >= 7))
			chunks[count++] = (uint16_t)(plan->symbol[i] << 13 | taken);
		else
			chunks[count++] = vector_at(plan, i, &taken);
	}
	return count;
}

static uint8_t *
put_deltas(uint8_t *p, const struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++) {
		if (plan->symbol[i] == SYMBOL_SMALL) {
			*p++ = (uint8_t)plan->delta[i];
		} else if (plan->symbol[i] == SYMBOL_LARGE) {
			put_be16(p, (uint16_t)plan->delta[i]);
			p += 2;
		}
	}
	return p;
}

size_t
rtp_twcc_write(struct rtp_twcc *t, struct rtcp_writer *w, uint32_t sender, uint32_t media)
{
	enum { OVERHEAD = 4 + FIXED_SIZE + 3 }; /* header, fixed part, padding */
	struct plan plan;
	uint16_t chunks[CHUNKS_MAX];
	size_t chunk_count, left = w->cap - w->size, size;
	uint8_t *p, *body;

	if (!rtp_twcc_pending(t))
		return 0;
	make_plan(t, left > OVERHEAD ? left - OVERHEAD : 0, &plan);
	if (plan.count == 0) {
		w->overflow = true;
		return 0;
	}
	chunk_count = make_chunks(&plan, chunks);
	/* Zeros fill the last word; the P bit is for the end of a compound only (RFC 3550 s.6.4.1).
	 */
	size = (FIXED_SIZE + chunk_count * 2 + plan.delta_size + 3) & ~(size_t)3;
	body = rtcp_room(w, RTCP_RTPFB, RTCP_FB_TWCC, size);
	if (body == NULL)
		return 0;
	put_be32(body, sender);
	put_be32(body + 4, media);
	put_be16(body + 8, (uint16_t)t->next_seq);
	put_be16(body + 10, (uint16_t)plan.count);
	put_be24(body + 12, (uint32_t)plan.reference & 0xffffff);
	body[15] = t->feedback_count++;
	p = body + FIXED_SIZE;
	for (size_t i = 0; i < chunk_count; i++, p += 2)
		put_be16(p, chunks[i]);
	p = put_deltas(p, &plan);
	memset(p, 0, (size_t)(body + size - p));
	t->next_seq += plan.count;
	return plan.count;
}
