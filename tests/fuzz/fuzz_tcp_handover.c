/* What a front door passes on, and the first octets by which it knows that it should: the first
 * octet of the input chooses. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tcp/tcp_handover.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

/* Octet by octet it is the same, and a refusal stands. */
static void
check_judge(const uint8_t *buf, size_t size)
{
	int whole = tcp_handover_judge(buf, size), before = 0;

	for (size_t i = 0; i <= size; i++) {
		int now = tcp_handover_judge(buf, i);

		assert(now == 0 || now == 1 || now == -ENOMSG);
		assert(before == 0 || now == before);
		assert(i < 10 || now != 0 || i < 1502);
		before = now;
	}
	assert(before == whole);
}

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	uint8_t again[TCP_HANDOVER_SIZE_MAX];
	struct tcp_handover h;

	if (size == 0)
		return 0;
	if (buf[0] == 'J') {
		check_judge(buf + 1, size - 1);
		return 0;
	}
	if (tcp_handover_parse(&h, buf + 1, size - 1) != 0)
		return 0;
	assert(h.octets > buf && h.octets + h.size == buf + size);
	assert(tcp_handover_write(again, &h) == (int)(size - 1));
	/* The octets beside an IPv4 address are not kept. */
	if (buf[2] == 6)
		assert(memcmp(again, buf + 1, size - 1) == 0);
	return 0;
}
