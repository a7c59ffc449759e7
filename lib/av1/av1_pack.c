/* av1_pack.c - temporal units into RTP payloads (payload format s.4.4 and 5). */
#include "av1/av1_impl.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

enum {
	HEADER_SIZE = 1,
	ELEMENTS_MAX = 3,    /* W has 2 bits; more would need a length each */
	MAX_PAYLOAD_MIN = 16 /* below this nothing sensible fits */
};

static bool
obu_is_sent(unsigned type)
{
	return type != AV1_TEMPORAL_DELIMITER && type != AV1_TILE_LIST && type != AV1_PADDING;
}

static size_t
obu_size(const struct av1_obu *obu)
{
	return obu->header_size + obu->body_size;
}

int
av1_pack_start(struct av1_pack *p, const uint8_t *unit, size_t size, size_t max_payload)
{
	size_t offset = 0, count = 0, total = 0, room, payloads;
	struct av1_obu obu;
	int rc;

	if (max_payload < MAX_PAYLOAD_MIN)
		return -ENOSPC;
	while ((rc = av1_obu_next(unit, size, &offset, &obu)) > 0) {
		if (!obu_is_sent(obu.type))
			continue;
		if (count == AV1_UNIT_OBUS_MAX)
			return -ENOSPC;
		p->obus[count++] = obu;
		total += obu_size(&obu) + av1_leb128_size(obu_size(&obu));
	}
	if (rc < 0 || count == 0)
		return -EBADMSG;
	/* The last OBU needs no length. */
	total -= av1_leb128_size(obu_size(&p->obus[count - 1]));
	room = max_payload - HEADER_SIZE;
	payloads = (total + room - 1) / room;
	p->target = HEADER_SIZE + (total + payloads - 1) / payloads;
	p->obu_count = count;
	p->obu_index = p->offset = 0;
	p->new_sequence = p->obus[0].type == AV1_SEQUENCE_HEADER;
	p->begun = false;
	return 0;
}

/* Octets of the OBU from offset on: the header, then the body. */
static void
copy_obu(uint8_t *out, const struct av1_obu *obu, size_t offset, size_t n)
{
	for (; n > 0 && offset < obu->header_size; n--)
		*out++ = obu->header[offset++];
	if (n > 0)
		memcpy(out, obu->body + (offset - obu->header_size), n);
}

/*
 * Elements are taken as long as they fit whole with a length and leave room for something behind
 * them; the one after them is the last: it has no length, and what does not fit goes on in the next
 * payload.
 */
int
av1_pack_next(struct av1_pack *p, uint8_t *out, size_t cap, bool *last)
{
	size_t at = HEADER_SIZE;
	unsigned count = 0;
	bool continues = p->offset > 0;

	if (p->obu_index >= p->obu_count)
		return 0;
	if (cap < p->target)
		return -ENOSPC;
	for (;;) {
		const struct av1_obu *obu = &p->obus[p->obu_index];
		size_t left = obu_size(obu) - p->offset, length = av1_leb128_size(left);
		bool is_last = ++count == ELEMENTS_MAX || p->obu_index + 1 == p->obu_count ||
			       at + length + left >= p->target;
		size_t n = is_last ? MIN_OF(left, p->target - at) : left;

		if (!is_last)
			at += av1_leb128_write(out + at, left);
		copy_obu(out + at, obu, p->offset, n);
		at += n;
		p->offset += n;
		if (n == left) {
			p->obu_index++;
			p->offset = 0;
		}
		if (is_last)
			break;
	}
	out[0] =
	    (uint8_t)((continues ? AGGREGATION_CONTINUES : 0) |
		      (p->offset > 0 ? AGGREGATION_GOES_ON : 0) | count << AGGREGATION_COUNT_SHIFT |
		      (p->new_sequence && !p->begun ? AGGREGATION_NEW_SEQUENCE : 0));
	p->begun = true;
	*last = p->obu_index == p->obu_count;
	return (int)at;
}
