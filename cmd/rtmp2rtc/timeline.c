#include "timeline.h"

int64_t
timeline_map(struct timeline *t, uint32_t ts_ms, uint64_t now_us, bool *jump)
{
	int32_t step = t->begun ? (int32_t)(ts_ms - t->ts_ms) : 0;
	int64_t passed_ms = t->begun ? (int64_t)(now_us - t->now_us) / 1000 : 0;

	*jump = step < -TIMELINE_BACK_MS || step > TIMELINE_AHEAD_MS + 2 * passed_ms;
	t->line_ms += *jump ? TIMELINE_BRIDGE_MS : step;
	t->ts_ms = ts_ms;
	t->now_us = now_us;
	t->begun = true;
	return t->line_ms;
}
