/*
 * rtpsec_past.c - inbound SSRCs that lost their places: the newest indices of each, so that what
 * was recorded of it is not taken when its replay window is gone.
 */
#include "rtpsec/rtpsec_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PAST_FIRST = 16 }; /* entries of the table before it grows */

/* Where the SSRC is in the table, or would be. */
static size_t
past_index(const struct rtpsec *s, uint32_t ssrc)
{
	size_t low = 0, high = s->past_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (s->past[middle].ssrc < ssrc)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool
is_at(const struct rtpsec *s, size_t at, uint32_t ssrc)
{
	return at < s->past_count && s->past[at].ssrc == ssrc;
}

bool
rtpsec_past_recall(const struct rtpsec *s, uint32_t ssrc, struct rtpsec_stream *out)
{
	size_t at = past_index(s, ssrc);

	if (!is_at(s, at, ssrc) && s->stream_count >= RTPSEC_SSRC_MAX &&
	    s->past_count >= RTPSEC_PAST_MAX)
		return false;
	memset(out, 0, sizeof(*out));
	out->ssrc = ssrc;
	if (!is_at(s, at, ssrc))
		return true;
	out->floor = s->past[at].floor;
	out->rtcp_floor = s->past[at].rtcp_floor;
	if (out->floor > 0) {
		out->started = true;
		out->roc = (uint32_t)((out->floor - 1) >> 16);
		out->seq = (uint16_t)(out->floor - 1);
	}
	if (out->rtcp_floor > 0)
		out->rtcp_index = out->rtcp_floor - 1;
	return true;
}

void
rtpsec_past_forget(struct rtpsec *s, uint32_t ssrc)
{
	size_t at = past_index(s, ssrc);

	if (!is_at(s, at, ssrc))
		return;
	s->past_count--;
	memmove(&s->past[at], &s->past[at + 1], (s->past_count - at) * sizeof(*s->past));
}

int
rtpsec_past_keep(struct rtpsec *s, const struct rtpsec_stream *stream)
{
	size_t want = s->past_cap > 0 ? 2 * s->past_cap : PAST_FIRST, at;
	struct rtpsec_past *p;

	if (s->past_count == s->past_cap) {
		p = realloc(s->past, want * sizeof(*p));
		if (p == NULL)
			return -ENOMEM;
		s->past = p;
		s->past_cap = want;
	}
	at = past_index(s, stream->ssrc);
	p = &s->past[at];
	memmove(p + 1, p, (s->past_count - at) * sizeof(*p));
	s->past_count++;
	p->ssrc = stream->ssrc;
	p->floor = stream->started ? ((uint64_t)stream->roc << 16 | stream->seq) + 1 : 0;
	p->rtcp_floor = stream->rtcp_seen != 0 ? stream->rtcp_index + 1 : stream->rtcp_floor;
	return 0;
}
