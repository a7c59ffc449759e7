#include "base/bits.h"

#include <string.h>

void
bits_init(struct bits *b, const uint8_t *p, size_t size, bool escaped)
{
	memset(b, 0, sizeof(*b));
	b->p = p;
	b->end = p + size;
	b->escaped = escaped;
}

static void
refill(struct bits *b)
{
	if (b->escaped && b->zeros >= 2 && b->p < b->end && *b->p == 3) {
		b->p++;
		b->zeros = 0;
	}
	if (b->p == b->end) {
		b->overrun = true;
		b->octet = 0;
	} else {
		b->octet = *b->p++;
	}
	b->zeros = b->octet == 0 ? b->zeros + 1 : 0;
	b->left = 8;
}

uint32_t
bits_u(struct bits *b, unsigned count)
{
	uint32_t v = 0;

	while (count-- > 0 && !b->overrun) {
		if (b->left == 0)
			refill(b);
		b->left--;
		v = v << 1 | (b->octet >> b->left & 1u);
	}
	return b->overrun ? 0 : v;
}

void
bits_skip(struct bits *b, unsigned count)
{
	for (; count > 32 && !b->overrun; count -= 32)
		bits_u(b, 32);
	bits_u(b, count);
}

uint32_t
bits_ue(struct bits *b)
{
	unsigned zeros = 0;

	while (!b->overrun && bits_u(b, 1) == 0)
		if (++zeros > 31)
			b->overrun = true;
	return b->overrun ? 0 : (uint32_t)((UINT64_C(1) << zeros) - 1 + bits_u(b, zeros));
}

int32_t
bits_se(struct bits *b)
{
	uint32_t v = bits_ue(b);

	return (v & 1) != 0 ? (int32_t)(v / 2 + 1) : -(int32_t)(v / 2);
}
