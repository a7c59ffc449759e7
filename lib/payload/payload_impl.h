/* payload_impl.h - an output with a ceiling.  Private. */
#ifndef RTCKIT_PAYLOAD_PAYLOAD_IMPL_H
#define RTCKIT_PAYLOAD_PAYLOAD_IMPL_H

#include "payload/payload.h"

struct out {
	uint8_t *p;
	size_t size, cap;
	bool full; /* something did not fit */
};
void out_put(struct out *o, const uint8_t *p, size_t size);
/* Annex B of a NALU; an OBU with its size. */
void out_nalu(struct out *o, const uint8_t *nalu, size_t size);
void out_obu(struct out *o, const struct av1_obu *obu);
/* Octets or -ENOSPC. */
int out_result(const struct out *o);

/* Type of a NALU as one of the codec's own numbers. */
unsigned nalu_type(enum payload_codec codec, const uint8_t *nalu);
bool nalu_is_set(enum payload_codec codec, unsigned type); /* VPS, SPS, PPS */

#endif
