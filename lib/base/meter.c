#include "base/meter.h"

void
meter_note(struct meter *m, uint64_t now_us, uint64_t a, uint64_t b)
{
	if (m->count > 0 && now_us - m->at_us[m->newest] < METER_STEP_US)
		return;
	m->newest = (uint8_t)(m->count == 0 ? 0 : (m->newest + 1) % METER_POINTS);
	m->count += m->count < METER_POINTS;
	m->at_us[m->newest] = now_us;
	m->values[m->newest][0] = a;
	m->values[m->newest][1] = b;
}

static void
rate_since(const struct meter *m, unsigned point, uint64_t now_us, const uint64_t values[2],
	   double out[2])
{
	double seconds = (double)(now_us - m->at_us[point]) / 1000000;

	for (int i = 0; i < 2; i++)
		out[i] = seconds > 0 ? (double)(values[i] - m->values[point][i]) / seconds : 0;
}

struct meter_rates
meter_read(const struct meter *m, uint64_t now_us, uint64_t a, uint64_t b)
{
	struct meter_rates out = {{0}, {0}};
	const uint64_t values[2] = {a, b};
	unsigned point = m->newest;

	for (unsigned i = 0; i < m->count; i++) {
		point = (m->newest + METER_POINTS - i) % METER_POINTS;
		if (now_us - m->at_us[point] >= METER_RECENT_US)
			break;
	}
	if (m->count == 0)
		return out;
	rate_since(m, point, now_us, values, out.now);
	rate_since(m, (m->newest + METER_POINTS + 1 - m->count) % METER_POINTS, now_us, values,
		   out.long_term);
	return out;
}
