/* fuzz_vp9.c - lib/vp9 by way of lib/payload. */
#include "fuzz_codec.h"

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	return fuzz_codec(PAYLOAD_VP9, buf, size);
}
