/* rtmp.c - one connection: octets to messages to events, and the clock. */
#include "rtmp/rtmp_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"

enum { IN_MIN = 4096, IN_MAX = RTMP_INPUT_MAX + 2 * RTMP_HANDSHAKE_SIZE, WINDOW_MIN = 4096 };

struct rtmp *
rtmp_new(const struct rtmp_role *role, enum rtmp_state state, uint64_t seed, uint64_t now_us)
{
	struct rtmp *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->role = role;
	r->state = state;
	r->random.state = seed;
	r->begun_us = r->heard_us = now_us;
	r->chunks.chunk_size = RTMP_CHUNK_DEFAULT;
	r->window = RTMP_WINDOW_OUT;
	return r;
}

void
rtmp_free(struct rtmp *r)
{
	if (r == NULL)
		return;
	rtmp_chunk_fini(&r->chunks);
	free(r->in);
	free(r->out);
	free(r);
}

int
rtmp_input(struct rtmp *r, uint64_t now_us, const uint8_t *buf, size_t size)
{
	r->heard_us = now_us;
	if (size == 0)
		return 0;
	if (r->in_used > 0) {
		memmove(r->in, r->in + r->in_used, r->in_size - r->in_used);
		r->in_size -= r->in_used;
		r->in_used = 0;
	}
	if (size > RTMP_INPUT_MAX || size > IN_MAX - r->in_size)
		return -EBADMSG; /* the events were not taken */
	if (r->in_size + size > r->in_cap) {
		size_t cap = MAX_OF((size_t)IN_MIN, r->in_cap);
		uint8_t *grown;

		while (cap < r->in_size + size)
			cap *= 2;
		grown = realloc(r->in, cap);
		if (grown == NULL)
			return -ENOMEM;
		r->in = grown;
		r->in_cap = cap;
	}
	memcpy(r->in + r->in_size, buf, size);
	r->in_size += size;
	r->received += size;
	return 0;
}

size_t
rtmp_output(struct rtmp *r, const uint8_t **buf)
{
	*buf = r->out + r->out_used;
	return r->out_size - r->out_used;
}

void
rtmp_sent(struct rtmp *r, size_t size)
{
	r->out_used += MIN_OF(size, r->out_size - r->out_used);
}

uint64_t
rtmp_deadline(const struct rtmp *r)
{
	if (r->activity != RTMP_ACTIVE)
		return r->begun_us + RTMP_SETUP_TIMEOUT_US;
	if (r->role == &rtmp_role_server && r->publishing)
		return r->heard_us + RTMP_SILENCE_TIMEOUT_US;
	return CLOCK_NEVER;
}

int
rtmp_timeout(struct rtmp *r, uint64_t now_us)
{
	return now_us >= rtmp_deadline(r) ? -ETIMEDOUT : 0;
}

/* ---- messages ---- */

static int
on_chunk_size(struct rtmp *r, const struct rtmp_message *m, struct rtmp_event *event)
{
	uint32_t v = m->size >= 4 ? be32(m->data) : 0;

	(void)event;
	if (v == 0 || v >> 31 != 0) /* s.5.4.1: the first bit is 0, the value at least 1 */
		return -EBADMSG;
	r->chunks.chunk_size = v;
	return 0;
}

static int
on_abort(struct rtmp *r, const struct rtmp_message *m, struct rtmp_event *event)
{
	(void)event;
	if (m->size >= 4)
		rtmp_chunk_abort(&r->chunks, be32(m->data));
	return 0;
}

static int
on_window(struct rtmp *r, const struct rtmp_message *m, struct rtmp_event *event)
{
	(void)event;
	if (m->size >= 4)
		r->window = MAX_OF(be32(m->data), (uint32_t)WINDOW_MIN);
	return 0;
}

static int
on_user_control(struct rtmp *r, const struct rtmp_message *m, struct rtmp_event *event)
{
	uint16_t type = m->size >= 6 ? be16(m->data) : UINT16_MAX;

	if (type == RTMP_PING)
		return rtmp_put_user(r, RTMP_PONG, be32(m->data + 2));
	if (type != RTMP_STREAM_EOF || r->role != &rtmp_role_client || r->activity != RTMP_ACTIVE)
		return 0;
	r->activity = RTMP_OVER;
	*event = (struct rtmp_event){.type = RTMP_STOPPED};
	return 1;
}

static int
on_media(struct rtmp *r, const struct rtmp_message *m, struct rtmp_event *event)
{
	/* What comes before the publication was accepted is nobody's; so is an empty message,
	 * with which some encoders probe. */
	if (r->activity != RTMP_ACTIVE || m->size == 0 ||
	    r->publishing != (r->role == &rtmp_role_server))
		return 0;
	*event = (struct rtmp_event){
	    .type = RTMP_MEDIA,
	    .tag = {.type = m->type, .ts_ms = m->ts_ms, .data = m->data, .size = m->size}};
	return 1;
}

static int
on_data(struct rtmp *r, const struct rtmp_message *m, struct rtmp_event *event)
{
	struct rtmp_message plain = *m;

	if (m->type == RTMP_DATA_AMF3 && m->size > 0 && m->data[0] == 0) {
		plain.data++;
		plain.size--;
	}
	plain.type = FLV_SCRIPT;
	return on_media(r, &plain, event);
}

static int
on_aggregate(struct rtmp *r, const struct rtmp_message *m, struct rtmp_event *event)
{
	(void)event;
	if (m->size < FLV_TAG_HEAD_SIZE)
		return 0;
	r->aggregate = *m;
	r->aggregate_at = 0;
	/* The parts count from the first of them (s.7.1.6). */
	r->aggregate_shift = m->ts_ms - ((uint32_t)m->data[7] << 24 | be24(m->data + 4));
	return 0;
}

static int
on_command(struct rtmp *r, const struct rtmp_message *m, struct rtmp_event *event)
{
	size_t skip = m->type == RTMP_COMMAND_AMF3 && m->size > 0 && m->data[0] == 0;
	struct amf_reader args;
	struct amf_value name, transaction;
	int rc;

	amf_reader_init(&args, m->data + skip, m->size - skip);
	if (amf_read(&args, &name) != 1 || name.type != AMF_STRING)
		return -EBADMSG;
	rc = amf_read(&args, &transaction);
	if (rc < 0)
		return rc;
	return r->role->command(r, event, m->stream_id, &name.text,
				rc > 0 && transaction.type == AMF_NUMBER ? transaction.number : 0,
				&args);
}

/* 1 an event, 0, -errno. Types without a handler are passed over. */
static int
handle(struct rtmp *r, const struct rtmp_message *m, struct rtmp_event *event)
{
	static int (*const handlers[])(struct rtmp * r, const struct rtmp_message *m,
				       struct rtmp_event *event) = {
	    [RTMP_SET_CHUNK_SIZE] = on_chunk_size,
	    [RTMP_ABORT] = on_abort,
	    [RTMP_USER_CONTROL] = on_user_control,
	    [RTMP_WINDOW_SIZE] = on_window,
	    [RTMP_AUDIO] = on_media,
	    [RTMP_VIDEO] = on_media,
	    [RTMP_DATA] = on_data,
	    [RTMP_DATA_AMF3] = on_data,
	    [RTMP_COMMAND] = on_command,
	    [RTMP_COMMAND_AMF3] = on_command,
	    [RTMP_AGGREGATE] = on_aggregate,
	};

	if (m->type >= ARRAY_COUNT(handlers) || handlers[m->type] == NULL)
		return 0;
	return handlers[m->type](r, m, event);
}

/* The next part of an aggregate: 1 with *m set, 0 at the end. A part that runs over the end ends
 * it. */
static int
next_part(struct rtmp *r, struct rtmp_message *m)
{
	const struct rtmp_message *a = &r->aggregate;
	const uint8_t *p = a->data + r->aggregate_at;
	size_t left = a->size - r->aggregate_at, size;

	size = left >= FLV_TAG_HEAD_SIZE ? be24(p + 1) : 0;
	if (left < FLV_TAG_HEAD_SIZE || size > left - FLV_TAG_HEAD_SIZE) {
		r->aggregate.data = NULL;
		return 0;
	}
	*m = (struct rtmp_message){.type = p[0],
				   .ts_ms =
				       ((uint32_t)p[7] << 24 | be24(p + 4)) + r->aggregate_shift,
				   .stream_id = a->stream_id,
				   .data = p + FLV_TAG_HEAD_SIZE,
				   .size = size};
	r->aggregate_at += MIN_OF(left, FLV_TAG_HEAD_SIZE + size + FLV_TAG_TAIL_SIZE);
	return 1;
}

static int
acknowledge(struct rtmp *r)
{
	if (r->received - r->acknowledged < r->window)
		return 0;
	r->acknowledged = r->received;
	return rtmp_put_control(r, RTMP_ACKNOWLEDGEMENT, (uint32_t)r->received);
}

/* One step: 1 a message, 0 again, -EAGAIN more octets are needed, or another error. */
static int
next_message(struct rtmp *r, struct rtmp_message *m)
{
	size_t used = 0;
	int rc;

	if (r->aggregate.data != NULL)
		return next_part(r, m);
	if (r->state != RTMP_OPEN) {
		rc = rtmp_handshake_input(r, r->in + r->in_used, r->in_size - r->in_used);
		r->in_used += rc > 0 ? (size_t)rc : 0;
		return rc > 0 ? 0 : rc < 0 ? rc : -EAGAIN;
	}
	rc = rtmp_chunk_input(&r->chunks, r->in + r->in_used, r->in_size - r->in_used, &used, m);
	r->in_used += used;
	return rc == 0 && used == 0 ? -EAGAIN : rc;
}

int
rtmp_poll(struct rtmp *r, struct rtmp_event *event)
{
	struct rtmp_message m;
	int rc = acknowledge(r);

	while (rc == 0) {
		rc = next_message(r, &m);
		if (rc > 0)
			rc = handle(r, &m, event);
	}
	return rc == -EAGAIN ? 0 : rc;
}

/* ---- media out ---- */

int
rtmp_send(struct rtmp *r, const struct flv_tag *tag)
{
	const struct rtmp_message m = {.type = tag->type,
				       .ts_ms = tag->ts_ms,
				       .stream_id = r->stream_id,
				       .data = tag->data,
				       .size = tag->size};
	uint8_t cs = tag->type == FLV_AUDIO   ? RTMP_CS_AUDIO
		     : tag->type == FLV_VIDEO ? RTMP_CS_VIDEO
					      : RTMP_CS_DATA;

	if (r->activity != RTMP_ACTIVE || r->publishing != (r->role == &rtmp_role_client) ||
	    tag->size > FLV_TAG_MAX)
		return -EINVAL;
	return rtmp_put_message(r, cs, &m);
}
