/*
 * Fuzz target: framed packets. The first octet says how the rest is cut into reads; whatever the
 * cut, the packets are those of one read.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "frame/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

/* A sum over all packets, their sizes and the frames that were too long. */
static uint64_t
digest(const uint8_t *octets, size_t size, size_t step)
{
	static struct frame_reader r;
	uint64_t sum = 0;

	frame_reader_init(&r);
	for (size_t at = 0; at < size; at += step) {
		size_t n = MIN_OF(step, size - at), left = n, packet_size;
		uint8_t *block = malloc(n), *data = block, *packet;
		int rc;

		if (block == NULL)
			abort();
		memcpy(block, octets + at, n);
		while ((rc = frame_next(&r, &data, &left, &packet, &packet_size)) != 0) {
			if (rc < 0 && rc != -EMSGSIZE)
				abort();
			sum = sum * 31 + (rc < 0 ? 1 : packet_size + 2);
			for (size_t i = 0; rc > 0 && i < packet_size; i++)
				sum = sum * 31 + packet[i];
			if (rc > 0 && (packet_size == 0 || packet_size > FRAME_PACKET_MAX))
				abort();
		}
		if (left != 0 || data != block + n)
			abort();
		free(block);
	}
	return sum;
}

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	if (size < 2)
		return 0;
	if (digest(buf + 1, size - 1, size) != digest(buf + 1, size - 1, buf[0] + 1u))
		abort();
	return 0;
}
