/* RTP packet, header extensions both ways, RTX. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "rtp/rtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

/* What was read can be written again, and reads the same. */
static void
rewrite_extensions(const struct rtp_packet *p)
{
	struct rtp_ext in[64], e;
	struct rtp_packet q;
	uint8_t out[4096];
	size_t count = 0, at = 0;
	int written;

	while (count < 64 && rtp_ext_next(p, &at, &in[count]) == 1)
		count++;
	rtp_write_header(out, p->pt, p->marker, true, p->seq, p->ts, p->ssrc);
	written = rtp_ext_write(out + RTP_HEADER_SIZE, sizeof(out) - RTP_HEADER_SIZE, in, count);
	if (written < 0)
		return;
	if (p->marker && p->pt >= 64 && p->pt < 96)
		return; /* reads as RTCP */
	assert(rtp_parse(&q, out, RTP_HEADER_SIZE + (size_t)written) == 0);
	at = 0;
	for (size_t i = 0; i < count; i++) {
		assert(rtp_ext_next(&q, &at, &e) == 1);
		assert(e.id == in[i].id && e.size == in[i].size);
		assert(e.size == 0 || memcmp(e.data, in[i].data, e.size) == 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	struct rtp_packet p;
	uint8_t *copy;
	int plain;

	if (rtp_parse(&p, buf, size) != 0)
		return 0;
	assert(rtp_accepts(buf, size));
	assert((size_t)(p.payload - buf) + p.payload_size + p.padding_size == size);
	rewrite_extensions(&p);
	copy = malloc(size);
	if (copy == NULL)
		abort();
	memcpy(copy, buf, size);
	plain = rtp_rtx_unwrap(copy, size, 96, 1);
	if (plain >= 0) {
		assert(rtp_parse(&p, copy, (size_t)plain) == 0);
		assert(p.pt == 96 && p.ssrc == 1 && p.padding_size == 0);
	}
	free(copy);
	return 0;
}
