/* Fuzz target: the STUN view, every accessor on whatever parses, and its authentication. */
#include <errno.h>
#include <stdlib.h>

#include "stun/stun.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

static void
read_everything(const struct stun_msg *msg)
{
	static char left[257], right[257];
	struct addr a;
	uint32_t v32;
	uint64_t v64;
	size_t n;
	int code;

	for (uint32_t type = 0; type <= 0x2f; type++)
		stun_attr(msg, (uint16_t)type, &n);
	stun_get_u32(msg, STUN_PRIORITY, &v32);
	stun_get_u64(msg, STUN_ICE_CONTROLLING, &v64);
	stun_get_address(msg, STUN_XOR_MAPPED_ADDRESS, &a);
	stun_get_address(msg, STUN_MAPPED_ADDRESS, &a);
	stun_get_error(msg, &code);
	stun_get_username(msg, left, right, sizeof(left));
	stun_unknown_attr(msg);
	if (stun_verify_fingerprint(msg) == -ENOENT)
		stun_verify_integrity(msg, "VOkJxbRl1RmTxUk/WvJxBt");
	stun_verify_integrity(msg, "VOkJxbRl1RmTxUk/WvJxBt");
}

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	struct stun_msg msg;
	int err = stun_parse(&msg, buf, size);

	if (err == 0)
		read_everything(&msg);
	if (stun_accepts(buf, size) != (err != -ENOMSG))
		abort();
	return 0;
}
