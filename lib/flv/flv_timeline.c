#include "flv/flv_timeline.h"

int64_t
flv_timeline_map(struct flv_timeline *t, uint32_t ts_ms, uint64_t now_us, bool *jump)
{
	int32_t step = t->begun ? (int32_t)(ts_ms - t->ts_ms) : 0;
	int64_t passed_ms = t->begun ? (int64_t)(now_us - t->now_us) / 1000 : 0;

	*jump = step < -FLV_TIMELINE_BACK_MS || step > FLV_TIMELINE_AHEAD_MS + 2 * passed_ms;
	t->line_ms += *jump ? FLV_TIMELINE_BRIDGE_MS : step;
	t->ts_ms = ts_ms;
	t->now_us = now_us;
	t->begun = true;
	return t->line_ms;
}
