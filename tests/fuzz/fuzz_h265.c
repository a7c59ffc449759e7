/* fuzz_h265.c - lib/h265 by way of lib/payload. */
#include "fuzz_codec.h"

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	return fuzz_codec(PAYLOAD_H265, buf, size);
}
