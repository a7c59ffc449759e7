/* fuzz_vp8.c - lib/vp8 by way of lib/payload. */
#include "fuzz_codec.h"

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	return fuzz_codec(PAYLOAD_VP8, buf, size);
}
