/* rtmp_chunk.c - messages out of chunks (s.5.3). Bounded: streams, message size, sum of all. */
#include "rtmp/rtmp_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

enum {
	TYPE_FULL,	   /* 11 octets of message header: all fields (s.5.3.1.2) */
	TYPE_SAME_STREAM,  /* 7: all but the stream id */
	TYPE_DELTA,	   /* 3: the timestamp's delta */
	TYPE_NONE,	   /* 0 */
	ID_TWO_OCTETS = 0, /* basic header (s.5.3.1.1) */
	ID_THREE_OCTETS = 1,
	EXTENDED = 0xffffff, /* the timestamp follows in 32 bits (s.5.3.1.3) */
	BUFFER_MIN = 1024
};

static const uint8_t header_sizes[] = {11, 7, 3, 0};

/* The fields of one chunk's header as they stand there. */
struct chunk_head {
	unsigned type;
	uint32_t id, field;
	bool extended;
	const uint8_t *body; /* message header */
	size_t size;	     /* of all that was read */
};

static struct rtmp_cstream *
find_stream(struct rtmp_chunks *c, uint32_t id, bool make)
{
	struct rtmp_cstream *spare = NULL;

	for (size_t i = 0; i < RTMP_CSTREAMS_MAX; i++) {
		if (c->streams[i].id == id)
			return &c->streams[i];
		if (spare == NULL && c->streams[i].id == 0)
			spare = &c->streams[i];
	}
	if (make && spare != NULL)
		spare->id = id;
	return make ? spare : NULL;
}

/* Octets of the basic header, 0 if there are too few. */
static size_t
read_basic(struct chunk_head *h, const uint8_t *in, size_t size)
{
	if (size == 0)
		return 0;
	h->type = in[0] >> 6;
	h->id = in[0] & 0x3f;
	if (h->id == ID_TWO_OCTETS) {
		h->id = size >= 2 ? 64 + in[1] : 0;
		return size >= 2 ? 2 : 0;
	}
	if (h->id == ID_THREE_OCTETS) {
		h->id = size >= 3 ? 64 + in[1] + 256 * in[2] : 0;
		return size >= 3 ? 3 : 0;
	}
	return 1;
}

/*
 * A chunk without header repeats the extended timestamp of the one before; some senders leave it
 * out there. It is one if it says the same (the chance that media does is one in 2^32).
 */
static int
read_repeated(struct chunk_head *h, const struct rtmp_cstream *s, const uint8_t *in, size_t size)
{
	h->field = s->field;
	h->extended = s->extended;
	if (!s->extended)
		return 1;
	if (size - h->size < 4)
		return 0;
	if (be32(in + h->size) == s->field)
		h->size += 4;
	return 1;
}

/* 1 with *h and *stream set, 0 if there are too few octets, -errno. */
static int
read_head(struct rtmp_chunks *c, const uint8_t *in, size_t size, struct chunk_head *h,
	  struct rtmp_cstream **stream)
{
	*h = (struct chunk_head){0};
	h->size = read_basic(h, in, size);
	if (h->size == 0 || size < h->size + header_sizes[h->type])
		return 0;
	*stream = find_stream(c, h->id, h->type == TYPE_FULL || h->type == TYPE_SAME_STREAM);
	/* Without a header before there is nothing to refer to. Of a first header only the stream
	 * id may be missing: librtmp begins so. */
	if (*stream == NULL || (h->type >= TYPE_DELTA && !(*stream)->seen))
		return -EBADMSG;
	h->body = in + h->size;
	h->size += header_sizes[h->type];
	if (h->type == TYPE_NONE)
		return read_repeated(h, *stream, in, size);
	h->field = be24(h->body);
	h->extended = h->field == EXTENDED;
	if (!h->extended)
		return 1;
	if (size - h->size < 4)
		return 0;
	h->field = be32(in + h->size);
	h->size += 4;
	return 1;
}

/* Room for a message of the stream's size, at most what all together may have. */
static int
make_room(struct rtmp_chunks *c, struct rtmp_cstream *s, size_t need)
{
	size_t cap = MAX_OF((size_t)BUFFER_MIN, s->cap);
	uint8_t *grown;

	if (need <= s->cap)
		return 0;
	while (cap < need)
		cap *= 2;
	if (c->partial - s->cap + cap > RTMP_PARTIAL_MAX)
		return -EBADMSG;
	grown = realloc(s->buf, cap);
	if (grown == NULL)
		return -ENOMEM;
	c->partial += cap - s->cap;
	s->buf = grown;
	s->cap = cap;
	return 0;
}

/* A header at the beginning of a message. */
static int
begin_message(struct rtmp_cstream *s, const struct chunk_head *h)
{
	s->field = h->field;
	s->extended = h->extended;
	s->ts_ms = h->type == TYPE_FULL ? h->field : s->ts_ms + h->field;
	if (h->type == TYPE_FULL || h->type == TYPE_SAME_STREAM) {
		s->size = be24(h->body + 3);
		s->type = h->body[6];
	}
	if (h->type == TYPE_FULL) /* the one little-endian field (s.5.3.1.2.1) */
		s->stream_id = (uint32_t)h->body[10] << 24 | (uint32_t)h->body[9] << 16 |
			       (uint32_t)h->body[8] << 8 | h->body[7];
	s->seen = true;
	return s->size > FLV_TAG_MAX ? -EBADMSG : 0;
}

/*
 * A header in the middle of a message: without fields it goes on; with fields the message that was
 * under way is given up (what senders do that lost their place; the standard is silent).
 */
static int
begin_chunk(struct rtmp_chunks *c, struct rtmp_cstream *s, const struct chunk_head *h)
{
	int rc = 0;

	if (s->have > 0 && h->type != TYPE_NONE)
		s->have = 0;
	if (s->have == 0)
		rc = begin_message(s, h);
	if (rc < 0)
		return rc;
	c->current = s;
	c->chunk_left = MIN_OF(s->size - s->have, (size_t)c->chunk_size);
	return 0;
}

static void
finish_message(struct rtmp_cstream *s, struct rtmp_message *m)
{
	*m = (struct rtmp_message){.type = s->type,
				   .ts_ms = s->ts_ms,
				   .stream_id = s->stream_id,
				   .data = s->buf,
				   .size = s->size};
	s->have = 0;
}

int
rtmp_chunk_input(struct rtmp_chunks *c, const uint8_t *in, size_t size, size_t *used,
		 struct rtmp_message *m)
{
	struct chunk_head h;
	struct rtmp_cstream *s = c->current;
	size_t take;
	int rc;

	*used = 0;
	if (s == NULL) {
		rc = read_head(c, in, size, &h, &s);
		if (rc <= 0)
			return rc;
		rc = begin_chunk(c, s, &h);
		if (rc < 0)
			return rc;
		*used = h.size;
	}
	take = MIN_OF(c->chunk_left, size - *used);
	rc = make_room(c, s, s->have + MAX_OF(take, (size_t)1));
	if (rc < 0)
		return rc;
	memcpy(s->buf + s->have, in + *used, take);
	*used += take;
	s->have += take;
	c->chunk_left -= take;
	if (c->chunk_left > 0)
		return 0;
	c->current = NULL;
	if (s->have < s->size)
		return 0;
	finish_message(s, m);
	return 1;
}

void
rtmp_chunk_abort(struct rtmp_chunks *c, uint32_t id)
{
	struct rtmp_cstream *s = find_stream(c, id, false);

	if (s != NULL && id != 0)
		s->have = 0;
}

void
rtmp_chunk_fini(struct rtmp_chunks *c)
{
	for (size_t i = 0; i < RTMP_CSTREAMS_MAX; i++)
		free(c->streams[i].buf);
}
