/* aac_pack.c - access units into RTP payloads and out of them (RFC 3640 s.3.2, mode AAC-hbr). */
#include "aac/aac.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

enum {
	LENGTH_SIZE = 2,    /* AU-headers-length, in bits on the wire (s.3.2.1) */
	AU_HEADER_SIZE = 2, /* 13 bits of size, 3 of index (s.3.3.6) */
	AU_HEADER_BITS = 16,
	AU_INDEX_BITS = 3,
	AU_INDEX_MASK = 7
};

static bool
unit_fits(const struct aac_unit *u)
{
	return u->size >= 1 && u->size <= AAC_UNIT_MAX;
}

int
aac_pack_units(uint8_t *out, size_t cap, const struct aac_unit *units, size_t count)
{
	size_t total = LENGTH_SIZE + count * AU_HEADER_SIZE;
	uint8_t *at;

	if (count == 0 || count > AAC_UNITS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < count; i++) {
		if (!unit_fits(&units[i]))
			return -EINVAL;
		total += units[i].size;
	}
	if (cap < total)
		return -ENOSPC;
	put_be16(out, (uint16_t)(count * AU_HEADER_BITS));
	at = out + LENGTH_SIZE + count * AU_HEADER_SIZE;
	for (size_t i = 0; i < count; i++) {
		put_be16(out + LENGTH_SIZE + i * AU_HEADER_SIZE,
			 (uint16_t)(units[i].size << AU_INDEX_BITS));
		memcpy(at, units[i].p, units[i].size);
		at += units[i].size;
	}
	return (int)total;
}

int
aac_pack_start(struct aac_pack *p, const struct aac_unit *unit, size_t max_payload)
{
	if (!unit_fits(unit) || max_payload <= LENGTH_SIZE + AU_HEADER_SIZE)
		return -EINVAL;
	*p = (struct aac_pack){.unit = *unit, .max_payload = max_payload};
	return 0;
}

int
aac_pack_next(struct aac_pack *p, uint8_t *out, size_t cap, bool *last)
{
	size_t head = LENGTH_SIZE + AU_HEADER_SIZE;
	size_t size = MIN_OF(p->unit.size - p->offset, p->max_payload - head);

	if (size == 0)
		return 0;
	if (cap < head + size)
		return -ENOSPC;
	put_be16(out, AU_HEADER_BITS);
	put_be16(out + LENGTH_SIZE, (uint16_t)(p->unit.size << AU_INDEX_BITS));
	memcpy(out + head, p->unit.p + p->offset, size);
	p->offset += size;
	*last = p->offset == p->unit.size;
	return (int)(head + size);
}

/* A unit larger than its payload: the first of its fragments, or the next. */
static int
push_fragment(struct aac_depack *d, size_t whole, const uint8_t *data, size_t size, uint32_t ts,
	      aac_unit_fn *fn, void *arg)
{
	if (d->expected != whole || d->ts != ts) {
		d->size = 0;
		d->expected = whole;
		d->ts = ts;
	}
	if (size > d->expected - d->size || size == 0) {
		d->expected = 0;
		return -EBADMSG;
	}
	memcpy(d->buf + d->size, data, size);
	d->size += size;
	if (d->size < d->expected)
		return 0;
	d->expected = 0;
	fn(arg, d->buf, d->size, 0);
	return 1;
}

/* Sizes and indexes of whole units against what is there. */
static int
check_units(const uint8_t *headers, size_t count, size_t data_size)
{
	size_t total = 0;

	if (count > AAC_UNITS_MAX)
		return -EBADMSG;
	for (size_t i = 0; i < count; i++) {
		uint16_t h = be16(headers + i * AU_HEADER_SIZE);

		if ((h & AU_INDEX_MASK) != 0 || h >> AU_INDEX_BITS == 0)
			return -EBADMSG;
		total += h >> AU_INDEX_BITS;
	}
	return total <= data_size ? 0 : -EBADMSG;
}

static int
give_units(const uint8_t *headers, size_t count, const uint8_t *data, aac_unit_fn *fn, void *arg)
{
	for (size_t i = 0; i < count; i++) {
		size_t size = be16(headers + i * AU_HEADER_SIZE) >> AU_INDEX_BITS;

		fn(arg, data, size, (unsigned)i);
		data += size;
	}
	return (int)count;
}

int
aac_depack_push(struct aac_depack *d, const uint8_t *payload, size_t size, uint32_t ts,
		aac_unit_fn *fn, void *arg)
{
	const uint8_t *headers = payload + LENGTH_SIZE, *data;
	size_t bits, count, data_size, first;

	if (size < LENGTH_SIZE + AU_HEADER_SIZE)
		goto bad;
	bits = be16(payload);
	count = bits / AU_HEADER_BITS;
	if (bits % AU_HEADER_BITS != 0 || count == 0 || count * AU_HEADER_SIZE > size - LENGTH_SIZE)
		goto bad;
	data = headers + count * AU_HEADER_SIZE;
	data_size = size - LENGTH_SIZE - count * AU_HEADER_SIZE;
	first = be16(headers) >> AU_INDEX_BITS;
	if (count == 1 && (be16(headers) & AU_INDEX_MASK) == 0 && first > data_size)
		return push_fragment(d, first, data, data_size, ts, fn, arg);
	d->expected = 0;
	if (check_units(headers, count, data_size) < 0)
		goto bad;
	return give_units(headers, count, data, fn, arg);
bad:
	d->expected = 0;
	return -EBADMSG;
}
