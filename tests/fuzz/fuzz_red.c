/* fuzz_red.c - lib/red: blocks lie in the payload and fill it; a copy reads the same. */
#include <stdlib.h>
#include <string.h>

#include "red/red.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

enum { PT = 96, COPY_MAX = 2048 };

static void
check_copy(const struct red *r, const uint8_t *payload, size_t size)
{
	uint8_t copy[COPY_MAX];
	struct red again;

	if (size > sizeof(copy))
		return;
	if (red_copy(copy, payload, size, PT) != (int)size || red_parse(&again, copy, size) < 0 ||
	    again.block_count != r->block_count || again.header_size != r->header_size)
		abort();
	for (size_t i = 0; i < r->block_count; i++)
		if (again.blocks[i].pt != PT || again.blocks[i].size != r->blocks[i].size ||
		    again.blocks[i].ts_before != r->blocks[i].ts_before ||
		    memcmp(again.blocks[i].data, r->blocks[i].data, r->blocks[i].size) != 0)
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	const uint8_t *at;
	struct red r;

	if (red_parse(&r, buf, size) < 0)
		return 0;
	at = buf + r.header_size;
	for (size_t i = 0; i < r.block_count; i++) {
		if (r.blocks[i].data != at)
			abort();
		at += r.blocks[i].size;
	}
	if (at != buf + size || r.blocks[r.block_count - 1].size == 0)
		abort();
	check_copy(&r, buf, size);
	return 0;
}
