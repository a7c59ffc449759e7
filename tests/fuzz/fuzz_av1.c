/* fuzz_av1.c - lib/av1 by way of lib/payload. */
#include "fuzz_codec.h"

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	return fuzz_codec(PAYLOAD_AV1, buf, size);
}
