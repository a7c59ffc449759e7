/* rtpsec_stream.c - indices of one SSRC: roll-over counter and replay windows (RFC 3711 s.3.3). */
#include "rtpsec/rtpsec_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

enum { WORD_BITS = 64 };

static uint64_t
index_of(uint32_t roc, uint16_t seq)
{
	return (uint64_t)roc << 16 | seq;
}

uint32_t
rtpsec_stream_guess(const struct rtpsec_stream *s, uint16_t seq)
{
	int32_t ahead = (int16_t)(uint16_t)(seq - s->seq);

	if (!s->started)
		return s->roc;
	if (ahead > 0 && seq < s->seq)
		return s->roc + 1;
	if (ahead < 0 && seq > s->seq && s->roc > 0)
		return s->roc - 1;
	return s->roc;
}

void
rtpsec_stream_advance(struct rtpsec_stream *s, uint32_t roc, uint16_t seq)
{
	if (s->started && index_of(roc, seq) <= index_of(s->roc, s->seq))
		return;
	s->started = true;
	s->roc = roc;
	s->seq = seq;
}

static uint64_t *
seen_word(const struct rtpsec_stream *s, uint64_t index)
{
	return &s->seen[index % RTPSEC_REPLAY_WINDOW / WORD_BITS];
}

int
rtpsec_stream_check(const struct rtpsec_stream *s, uint32_t roc, uint16_t seq)
{
	uint64_t index = index_of(roc, seq), highest = index_of(s->roc, s->seq);

	if (index < s->floor)
		return -ESTALE;
	if (!s->started || index > highest)
		return 0;
	if (highest - index >= RTPSEC_REPLAY_WINDOW)
		return -ESTALE;
	if (s->seen == NULL)
		return 0;
	return (*seen_word(s, index) >> index % WORD_BITS & 1) != 0 ? -EALREADY : 0;
}

int
rtpsec_stream_note(struct rtpsec_stream *s, uint32_t roc, uint16_t seq)
{
	uint64_t index = index_of(roc, seq), highest = index_of(s->roc, s->seq);

	if (s->seen == NULL)
		s->seen = calloc(RTPSEC_REPLAY_WINDOW / WORD_BITS, sizeof(*s->seen));
	if (s->seen == NULL)
		return -ENOMEM;
	if (s->started && index > highest) {
		if (index - highest >= RTPSEC_REPLAY_WINDOW)
			memset(s->seen, 0, RTPSEC_REPLAY_WINDOW / 8);
		else
			for (uint64_t i = highest + 1; i < index; i++)
				*seen_word(s, i) &= ~((uint64_t)1 << i % WORD_BITS);
	}
	*seen_word(s, index) |= (uint64_t)1 << index % WORD_BITS;
	rtpsec_stream_advance(s, roc, seq);
	return 0;
}

int
rtpsec_stream_check_rtcp(const struct rtpsec_stream *s, uint32_t index)
{
	uint32_t age = s->rtcp_index - index;

	if (index < s->rtcp_floor)
		return -ESTALE;
	if (index > s->rtcp_index || s->rtcp_seen == 0)
		return 0;
	if (age >= RTPSEC_RTCP_WINDOW)
		return -ESTALE;
	return (s->rtcp_seen >> age & 1) != 0 ? -EALREADY : 0;
}

void
rtpsec_stream_note_rtcp(struct rtpsec_stream *s, uint32_t index)
{
	uint32_t ahead = index - s->rtcp_index;

	if (index <= s->rtcp_index && s->rtcp_seen != 0) {
		s->rtcp_seen |= (uint64_t)1 << (s->rtcp_index - index);
		return;
	}
	s->rtcp_seen = ahead < RTPSEC_RTCP_WINDOW ? s->rtcp_seen << ahead | 1 : 1;
	s->rtcp_index = index;
}

void
rtpsec_stream_fini(struct rtpsec_stream *s)
{
	free(s->seen);
#ifdef RTPSEC_CHECK_RESENDS
	free(s->digests);
#endif
}
