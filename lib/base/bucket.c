#include "base/bucket.h"

#include "base/bytes.h"

bool
bucket_take(struct bucket *b, uint64_t now_us, uint32_t rate, uint32_t burst)
{
	uint64_t add = (now_us - b->us) * rate / 1000000;

	if (add > 0) {
		b->tokens = (uint32_t)MIN_OF(b->tokens + add, (uint64_t)burst);
		b->us = now_us;
	}
	if (b->tokens == 0)
		return false;
	b->tokens--;
	return true;
}
