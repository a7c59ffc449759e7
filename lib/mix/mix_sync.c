/* mix_sync.c - a source's time line on our clock, and the ticks of the output. */
#include "mix/mix.h"

#include <stdlib.h>

#include "base/bytes.h"

enum { SECOND_US = 1000000 };

void
mix_sync_reset(struct mix_sync *s)
{
	uint64_t resyncs = s->resyncs;

	*s = (struct mix_sync){.resyncs = resyncs};
}

static void
enter_second(struct mix_sync *s, uint64_t second)
{
	uint64_t steps = MIN_OF(second - s->second, (uint64_t)MIX_WINDOW_BUCKETS);

	for (uint64_t i = 0; i < steps; i++)
		s->fastest_us[(second - i) % MIX_WINDOW_BUCKETS] = INT64_MAX;
	s->second = second;
}

/* Towards what the arrivals say: at once if it is far, else slower than anybody hears. */
static void
follow(struct mix_sync *s, uint64_t now_us, int64_t target_us)
{
	int64_t off_us = target_us - s->offset_us;
	int64_t step_us;

	if (llabs(off_us) > MIX_RESYNC_US) {
		s->offset_us = target_us;
		s->moved_us = now_us;
		s->resyncs++;
		return;
	}
	step_us =
	    (int64_t)MIN_OF(now_us - s->moved_us, (uint64_t)SECOND_US) * MIX_GLIDE_PPM / SECOND_US;
	if (step_us == 0)
		return;
	s->moved_us = now_us;
	s->offset_us += off_us < 0 ? MAX_OF(off_us, -step_us) : MIN_OF(off_us, step_us);
}

void
mix_sync_arrived(struct mix_sync *s, uint64_t now_us, int64_t time_us)
{
	int64_t transit_us = (int64_t)now_us - time_us, target_us = INT64_MAX;

	if (!s->begun) {
		for (unsigned i = 0; i < MIX_WINDOW_BUCKETS; i++)
			s->fastest_us[i] = INT64_MAX;
		s->begun = true;
		s->second = now_us / SECOND_US;
		s->moved_us = now_us;
		s->offset_us = transit_us;
	}
	if (now_us / SECOND_US > s->second)
		enter_second(s, now_us / SECOND_US);
	s->fastest_us[s->second % MIX_WINDOW_BUCKETS] =
	    MIN_OF(s->fastest_us[s->second % MIX_WINDOW_BUCKETS], transit_us);
	for (unsigned i = 0; i < MIX_WINDOW_BUCKETS; i++)
		target_us = MIN_OF(target_us, s->fastest_us[i]);
	follow(s, now_us, target_us);
}

uint64_t
mix_sync_due(const struct mix_sync *s, int64_t time_us, int64_t delay_us)
{
	int64_t due_us = time_us + s->offset_us + delay_us;

	return s->begun && due_us > 0 ? (uint64_t)due_us : 0;
}

/* ---- ticks ---- */

int64_t
mix_ticks_time_us(const struct mix_ticks *t, uint64_t number)
{
	return (int64_t)(number / t->rate * SECOND_US + number % t->rate * SECOND_US / t->rate);
}

uint64_t
mix_ticks_deadline(const struct mix_ticks *t)
{
	return t->start_us + (uint64_t)mix_ticks_time_us(t, t->next);
}

bool
mix_ticks_take(struct mix_ticks *t, uint64_t now_us, uint64_t *number)
{
	uint64_t newest;

	if (now_us < mix_ticks_deadline(t))
		return false;
	newest = (now_us - t->start_us) / SECOND_US * t->rate +
		 (now_us - t->start_us) % SECOND_US * t->rate / SECOND_US;
	if (newest > t->next + t->late_max) {
		t->skipped += newest - t->next;
		t->next = newest;
	}
	*number = t->next++;
	return true;
}
