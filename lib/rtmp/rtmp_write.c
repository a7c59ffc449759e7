/* rtmp_write.c - what we send: chunks with whole headers, control messages, commands. */
#include "rtmp/rtmp_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

enum { EXTENDED = 0xffffff, CONTINUES = 0xc0, OUT_MIN = 8192, PEER_BANDWIDTH_DYNAMIC = 2 };

static int
make_room(struct rtmp *r, size_t size)
{
	size_t need, cap = MAX_OF((size_t)OUT_MIN, r->out_cap);
	uint8_t *grown;

	if (r->out_used > 0) {
		memmove(r->out, r->out + r->out_used, r->out_size - r->out_used);
		r->out_size -= r->out_used;
		r->out_used = 0;
	}
	need = r->out_size + size;
	if (need > RTMP_OUTPUT_MAX)
		return -ENOBUFS;
	if (need <= r->out_cap)
		return 0;
	while (cap < need)
		cap *= 2;
	grown = realloc(r->out, cap);
	if (grown == NULL)
		return -ENOMEM;
	r->out = grown;
	r->out_cap = cap;
	return 0;
}

int
rtmp_put(struct rtmp *r, const uint8_t *buf, size_t size)
{
	int rc = make_room(r, size);

	if (rc < 0)
		return rc;
	if (size > 0)
		memcpy(r->out + r->out_size, buf, size);
	r->out_size += size;
	return 0;
}

/* All or nothing: the room for the whole message is made first. */
int
rtmp_put_message(struct rtmp *r, uint8_t cs, const struct rtmp_message *m)
{
	/* Ours is told to the peer in the first message after the handshake. */
	size_t chunk = RTMP_CHUNK_OUT, chunks = m->size / chunk + 1, at = 0;
	uint8_t head[RTMP_HEADER_MAX], extended[4];
	bool is_extended = m->ts_ms >= EXTENDED;
	size_t head_size = 12;
	int rc = make_room(r, m->size + chunks * 5 + RTMP_HEADER_MAX);

	if (rc < 0)
		return rc;
	head[0] = cs;
	put_be24(head + 1, is_extended ? EXTENDED : m->ts_ms);
	put_be24(head + 4, (uint32_t)m->size);
	head[7] = m->type;
	for (unsigned i = 0; i < 4; i++)
		head[8 + i] = (uint8_t)(m->stream_id >> 8 * i);
	put_be32(extended, m->ts_ms);
	if (is_extended) {
		memcpy(head + head_size, extended, 4);
		head_size += 4;
	}
	rtmp_put(r, head, head_size);
	for (;;) {
		size_t n = MIN_OF(chunk, m->size - at);

		rtmp_put(r, m->data + at, n);
		at += n;
		if (at >= m->size)
			return 0;
		head[0] = CONTINUES | cs;
		rtmp_put(r, head, 1);
		if (is_extended)
			rtmp_put(r, extended, 4);
	}
}

int
rtmp_put_control(struct rtmp *r, uint8_t type, uint32_t value)
{
	uint8_t data[5];
	struct rtmp_message m = {.type = type, .data = data, .size = 4};

	put_be32(data, value);
	if (type == RTMP_PEER_BANDWIDTH) {
		data[4] = PEER_BANDWIDTH_DYNAMIC;
		m.size = 5;
	}
	return rtmp_put_message(r, RTMP_CS_CONTROL, &m);
}

int
rtmp_put_user(struct rtmp *r, uint16_t event, uint32_t value)
{
	uint8_t data[6];
	struct rtmp_message m = {.type = RTMP_USER_CONTROL, .data = data, .size = sizeof(data)};

	put_be16(data, event);
	put_be32(data + 2, value);
	return rtmp_put_message(r, RTMP_CS_CONTROL, &m);
}

void
rtmp_begin_command(struct rtmp_command *c, const char *name, double transaction)
{
	amf_writer_init(&c->w, c->buf, sizeof(c->buf));
	amf_add_string(&c->w, name);
	amf_add_number(&c->w, transaction);
}

int
rtmp_put_command(struct rtmp *r, struct rtmp_command *c, uint32_t stream_id)
{
	int n = amf_finish(&c->w);
	const struct rtmp_message m = {.type = RTMP_COMMAND,
				       .stream_id = stream_id,
				       .data = c->buf,
				       .size = n > 0 ? (size_t)n : 0};

	return n < 0 ? -ENOBUFS : rtmp_put_message(r, RTMP_CS_COMMAND, &m);
}

int
rtmp_put_status(struct rtmp *r, uint32_t stream_id, const char *level, const char *code,
		const char *description)
{
	struct rtmp_command c;

	rtmp_begin_command(&c, "onStatus", 0);
	amf_add_null(&c.w);
	amf_begin_object(&c.w);
	amf_add_key(&c.w, "level");
	amf_add_string(&c.w, level);
	amf_add_key(&c.w, "code");
	amf_add_string(&c.w, code);
	amf_add_key(&c.w, "description");
	amf_add_string(&c.w, description);
	amf_add_key(&c.w, "clientid");
	amf_add_string(&c.w, "1");
	amf_end_object(&c.w);
	return rtmp_put_command(r, &c, stream_id);
}
