/* answer_stream.c - endless answers: FLV and MPEG-TS as they come, to consumers that are listed. */
#include "answer.h"

#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"

/* Is it rtmp2rtc that asks, for a player by RTMP? A gate's clients cannot say so. */
static bool
is_for_rtmp(const struct http_request *req)
{
	const char *proto = http_header(req, "X-Forwarded-Proto");

	return http_peer_is_unix(req) && proto != NULL && strcmp(proto, "rtmp") == 0;
}

void
answer_unlist(struct viewer *v)
{
	if (v->is_listed)
		roll_remove(&v->live->hub->roll, &v->entry);
	v->is_listed = false;
}

/* The connection ends behind what is under way. */
static void
kick(struct roll_entry *e)
{
	struct viewer *v = (struct viewer *)((char *)e - offsetof(struct viewer, entry));

	answer_unlist(v);
	v->is_kicked = true;
	http_stream_wake(v->stream);
}

static void
enlist(struct viewer *v, const struct http_request *req)
{
	char address[ADDR_TEXT_SIZE];
	const struct roll_origin from = answer_origin(req, v->live->name, address);
	enum roll_type type = v->form == HLS_TS ? ROLL_TS : is_for_rtmp(req) ? ROLL_RTMP : ROLL_FLV;

	if (strcmp(http_method(req), "HEAD") == 0)
		return;
	v->entry.kick = kick;
	v->is_listed = true;
	roll_add(&v->live->hub->roll, &v->entry, type, &from, clock_now_us());
}

static ssize_t
read_some(void *arg, uint8_t *buf, size_t cap)
{
	struct viewer *v = arg;
	const struct reel *reel = &v->live->mux[v->form == HLS_FLV ? LIVE_FLV : LIVE_TS].reel;
	size_t used = 0;

	while (used < cap) {
		size_t n;

		if (v->piece == NULL) {
			struct piece *p = v->generation == v->live->generation && !v->is_kicked
					      ? reel_get(reel, v->number)
					      : NULL;

			if (p == NULL)
				break;
			v->number = p->number + 1;
			v->piece = piece_hold(p);
			v->offset = 0;
		}
		n = MIN_OF(cap - used, v->piece->size - v->offset);
		memcpy(buf + used, v->piece->data + v->offset, n);
		used += n;
		v->offset += n;
		if (v->offset == v->piece->size) {
			piece_drop(v->piece);
			v->piece = NULL;
		}
	}
	if (used == 0 &&
	    (v->is_kicked || v->live->state != LIVE_ON || v->generation != v->live->generation))
		return -1; /* enough of it; the publisher is gone, or another one came */
	v->entry.octets += used;
	live_count_sent(v->live, used);
	return (ssize_t)used;
}

static void
on_stream_closed(void *arg)
{
	answer_free(arg);
}

static const struct http_source source = {read_some, on_stream_closed};

void
answer_stream(struct viewer *v)
{
	const struct http_header headers[] = {
	    {"Content-Type", answer_types[v->form]}, {"Cache-Control", "no-store"}, {NULL, NULL}};
	const struct reel *reel = &v->live->mux[v->form == HLS_FLV ? LIVE_FLV : LIVE_TS].reel;
	struct http_request *req = v->req;

	v->req = NULL;
	v->generation = v->live->generation;
	v->number = reel->key_number;
	if (reel->header != NULL)
		v->piece = piece_hold(reel->header);
	enlist(v, req);
	v->stream = http_reply_stream(req, 200, headers, &source, v); /* failed: v is gone */
}
