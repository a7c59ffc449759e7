#include "base/median.h"

void
median_add(struct median *m, uint64_t value)
{
	m->last[m->next] = value;
	m->next = (uint8_t)((m->next + 1) % MEDIAN_VALUES);
	m->count = (uint8_t)(m->count + (m->count < MEDIAN_VALUES));
}

uint64_t
median_of(const struct median *m)
{
	uint64_t sorted[MEDIAN_VALUES];

	for (unsigned i = 0; i < m->count; i++) {
		unsigned at = i;

		for (; at > 0 && sorted[at - 1] > m->last[i]; at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = m->last[i];
	}
	return m->count > 0 ? sorted[(m->count - 1u) / 2] : 0;
}
