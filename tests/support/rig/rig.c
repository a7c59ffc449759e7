#include "rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "ice/ice_msg.h"

enum {
	STEP_US = 1000,
	SECOND = 1000000,
	PUBLISHER = 1, /* serials */
	VIEWER = 2,
	CHANNEL_SIZE = 1 << 20,
	STALL_MAX_US = 120000,
	STRANGER_PORT = 1000,
	TAG_SIZE = 16 /* of AEAD_AES_128_GCM */
};

static uint64_t virtual_us;
static struct prng noise;

/* ---- instead of the clock, of randomness and of sockets ---- */

uint64_t
clock_now_us(void)
{
	return virtual_us;
}

uint64_t
clock_unix_ms(void)
{
	return 1700000000000 + virtual_us / 1000;
}

uint64_t
clock_ntp(void)
{
	return (3900000000ull << 32) + clock_us_to_ntp(virtual_us);
}

void
random_bytes(void *buf, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((uint8_t *)buf)[i] = (uint8_t)prng_next(&noise);
}

uint32_t
random_u32(void)
{
	return (uint32_t)prng_next(&noise);
}

uint64_t
random_u64(void)
{
	return prng_next(&noise);
}

void
udp_close(struct udp *u)
{
	(void)u;
}

int
udp_fd(const struct udp *u)
{
	(void)u;
	return -1;
}

int
udp_family(const struct udp *u)
{
	(void)u;
	return AF_INET;
}

const struct udp_counters *
udp_counters(const struct udp *u)
{
	return &u->counters;
}

int
udp_receive(struct udp *u, const struct udp_in **in)
{
	(void)u;
	*in = NULL;
	return 0;
}

uint8_t *
udp_reserve(struct udp *u, size_t cap)
{
	assert_true(cap <= sizeof(u->room));
	return u->room;
}

void
udp_flush(struct udp *u)
{
	(void)u;
}

/* A protected packet of parameter sets: of all packets they alone have that payload's size. */
static bool
is_sets(const uint8_t *buf, size_t size)
{
	size_t block = (buf[0] & 0x10) != 0 ? EXT_BLOCK_SIZE : 0;

	return rtp_accepts(buf, size) && (buf[1] & 0x7f) == ENDS_PT &&
	       size == RTP_HEADER_SIZE + block + ENDS_SETS_SIZE + TAG_SIZE;
}

static bool
is_lost(struct rig *r, enum rig_way way, const uint8_t *buf, size_t size)
{
	if (r->lose_sets[way] && is_sets(buf, size)) {
		r->lose_sets[way] = false;
		return true;
	}
	return r->lossy && prng_below(&r->rng, 1000) < r->params.loss_permille;
}

/* Two packets under one index give the key stream away, and more with GCM (RFC 7714 s.9.1). */
static void
look_at_index(struct rig *r, const uint8_t *buf, size_t size)
{
	uint64_t h = 0xcbf29ce484222325u, *slot;

	if (!rtp_accepts(buf, size))
		return;
	slot = &r->digests[(be32(buf + 8) != ENDS_OUT_SSRC) << 16 | be16(buf + 2)];
	if (r->rtx_first < 0 && be32(buf + 8) != ENDS_OUT_SSRC)
		r->rtx_first = be16(buf + 2);
	for (size_t i = 0; i < size; i++)
		h = (h ^ buf[i]) * 0x100000001b3u;
	r->reused += *slot != 0 && *slot != h;
	*slot = h;
}

/* The ends answer checks as soon as they come. */
static void
answer_check(struct rig *r, int i, const uint8_t *buf, size_t size)
{
	uint8_t answer[STUN_MESSAGE_MAX];
	struct stun_msg msg;
	int n;

	if (stun_parse(&msg, buf, size) < 0 || msg.class != STUN_REQUEST)
		return;
	n = ice_write_success(answer, sizeof(answer), msg.txid, &r->tuples[i].local, r->ends.pwd);
	assert_true(n > 0);
	link_send(r->in[i], virtual_us, answer, (size_t)n);
}

void
udp_commit(struct udp *u, const struct ice_tuple *to, size_t size)
{
	struct rig *r = u->rig;
	int i = addr_equal(&to->remote, &r->tuples[1].remote);

	r->to_stranger += addr_port(&to->remote) == STRANGER_PORT;
	if (i == 1)
		look_at_index(r, u->room, size);
	else if (!addr_equal(&to->remote, &r->tuples[0].remote))
		return; /* nobody is there */
	if (is_lost(r, RIG_DOWN, u->room, size) || (i == 0 && r->lossy && r->params.deaf))
		return;
	if (stun_accepts(u->room, size))
		answer_check(r, i, u->room, size);
	else
		link_send(r->out[i], virtual_us, u->room, size);
}

/* ---- the relay ---- */

static void
tell(struct rig *r, int worker, void (*fn)(struct worker *, const struct chan_msg *),
     const void *data, size_t size)
{
	struct chan_msg msg = {0, data, size};

	fn(r->workers[worker], &msg);
}

static void
session_init(struct rig *r, int i, const char *tracks)
{
	struct session *session = &r->sessions[i];
	json_t *json = json_loads(tracks, 0, NULL);
	char detail[128] = "";

	*session = (struct session){.serial = i == 0 ? PUBLISHER : VIEWER,
				    .stream = RIG_STREAM,
				    .epoch = 1,
				    .kind = i == 0 ? SESSION_PUBLISH : SESSION_PLAY,
				    .nack = true,
				    .twcc = true,
				    .lanes = i == 0 ? r->lanes : NULL,
				    .has_remote = true,
				    .local = &r->creds[i],
				    .remote = &r->ends,
				    .stun_timeout_us = UINT32_MAX,
				    .first_timeout_us = UINT32_MAX,
				    .owner = -1};
	snprintf(session->id, sizeof(session->id), "s-%d", i);
	snprintf(session->cname, sizeof(session->cname), "sim");
	snprintf(r->creds[i].ufrag, sizeof(r->creds[i].ufrag), "ufrag%d", i);
	snprintf(r->creds[i].pwd, sizeof(r->creds[i].pwd), "password-of-the-simulation");
	if (tracks_parse(&session->tracks, json, detail, sizeof(detail)) != 0)
		fail_msg("%s", detail);
	json_decref(json);
	for (int w = 0; w < 2; w++)
		tell(r, w, ws_add, &session, sizeof(session));
}

/* The session's first check makes it the worker's; then it has its keys, as after a handshake. */
static void
session_connect(struct rig *r, int i, const struct ends_keys *local, const struct ends_keys *remote)
{
	static const uint8_t txid[STUN_TXID_SIZE] = {1};
	struct ice_check check = {.txid = txid,
				  .remote_ufrag = r->creds[i].ufrag,
				  .remote_pwd = r->creds[i].pwd,
				  .local_ufrag = r->ends.ufrag,
				  .priority = 1,
				  .controlling = true,
				  .use_candidate = true};
	struct msg_keys keys = {.serial = r->sessions[i].serial,
				.keys = {.profile = DTLS_SRTP_AEAD_AES_128_GCM}};
	uint8_t buf[STUN_MESSAGE_MAX];
	int n = ice_write_check(buf, sizeof(buf), &check);

	assert_true(n > 0);
	ingress_datagram(r->workers[i], &r->tuples[i], buf, (size_t)n);
	assert_int_equal(r->sessions[i].owner, i);
	memcpy(&keys.keys.local, local, sizeof(*local));
	memcpy(&keys.keys.remote, remote, sizeof(*remote));
	tell(r, i, ws_keys, &keys, sizeof(keys));
}

static void
workers_init(struct rig *r)
{
	uv_loop_init(&r->loop);
	uv_async_init(&r->loop, &r->wake, NULL);
	for (unsigned i = 0; i < 2; i++) {
		char host[] = "192.0.2.1";

		r->sockets[i].rig = r;
		r->workers[i] = worker_new(i, 2);
		r->workers[i]->udp[0] = &r->sockets[i];
		r->workers[i]->udp_count = 1;
		r->workers[i]->from_control = r->from_control[i] =
		    chan_new(CHANNEL_SIZE, &r->workers[i]->wake);
		r->workers[i]->to_control = r->to_control[i] = chan_new(CHANNEL_SIZE, &r->wake);
		host[8] = (char)('1' + i);
		addr_parse(&r->tuples[i].remote, host, (uint16_t)(2000 + i));
		addr_parse(&r->tuples[i].local, "192.0.2.9", 8000);
		r->entry[i] = i;
	}
	for (unsigned i = 0; i < 2; i++) {
		r->chans[i][!i] = chan_new(CHANNEL_SIZE, &r->workers[!i]->wake);
		r->workers[i]->to[!i] = r->workers[!i]->from[i] = r->chans[i][!i];
	}
}

#define VIDEO(codec, more)                                                                         \
	"[{\"mid\":\"0\",\"kind\":\"video\",\"codecs\":[{\"name\":\"H264\",\"clock_rate\":90000,"  \
	"\"pt\":96," codec "}]" more "}]"
#define NACK	 "\"nack\",\"nack pli\""
#define TWCC_URI "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"

static const char publishes[] =
    VIDEO("\"rtx_pt\":97,\"fb\":[" NACK "]", ",\"ssrcs\":[4096],\"rtx_ssrcs\":[4097]");
static const char plays[] = VIDEO("\"rtx_pt\":97,\"fb\":[" NACK ",\"transport-cc\"]",
				  ",\"ext\":[{\"id\":3,\"uri\":\"" TWCC_URI "\"}]");
static const char plays_plain[] = VIDEO("\"fb\":[" NACK "]", "");

/* What the control thread says when a publisher and a viewer came. */
static void
stream_init(struct rig *r, const struct ends_keys keys[4])
{
	struct msg_publish publish = {.stream = RIG_STREAM, .epoch = 1};
	struct msg_mask mask = {.stream = RIG_STREAM, .mask = 1u << 1, .home = 0};
	struct msg_bind bind = {.serial = VIEWER, .epoch = 1};

	session_init(r, 0, publishes);
	session_init(r, 1, r->params.plain ? plays_plain : plays);
	r->sessions[1].tracks.list[0].out_ssrc = ENDS_OUT_SSRC;
	r->sessions[1].tracks.list[0].out_rtx_ssrc = r->params.plain ? 0 : ENDS_OUT_SSRC + 1;
	publish.lanes[0].present = true;
	publish.lanes[0].kind = TRACK_VIDEO;
	publish.lanes[0].owner = PUBLISHER;
	publish.lanes[0].clock_rate = 90000;
	publish.lanes[1] = publish.lanes[0];
	publish.lanes[1].present = r->params.layers;
	for (int w = 0; w < 2; w++)
		tell(r, w, stream_publish, &publish, sizeof(publish));
	session_connect(r, 0, &keys[0], &keys[1]);
	assert_int_equal(tracks_bind(&bind.binding, &r->sessions[0].tracks, &r->sessions[1].tracks),
			 1);
	session_connect(r, 1, &keys[2], &keys[3]);
	tell(r, 1, ws_bind, &bind, sizeof(bind));
	for (int w = 0; w < 2; w++)
		tell(r, w, stream_mask, &mask, sizeof(mask));
}

static void
send_up(struct rig *r, int i, const uint8_t *buf, size_t size)
{
	if (!is_lost(r, RIG_UP, buf, size))
		link_send(r->in[i], virtual_us, buf, size);
}

static void
from_publisher(void *arg, uint8_t *buf, size_t size)
{
	send_up(arg, 0, buf, size);
}

static void
from_viewer(void *arg, uint8_t *buf, size_t size)
{
	send_up(arg, 1, buf, size);
}

void
rig_init(struct rig *r, const struct rig_params *params)
{
	static const struct link_params way = {.delay_us = 5000};
	struct ends_keys keys[4];

	memset(r, 0, sizeof(*r));
	r->params = *params;
	r->rng.state = params->seed;
	r->rtx_first = -1;
	noise.state = params->seed ^ 0x5eed;
	virtual_us = 10 * SECOND;
	snprintf(r->ends.ufrag, sizeof(r->ends.ufrag), "end");
	snprintf(r->ends.pwd, sizeof(r->ends.pwd), "password-of-both-of-its-ends");
	random_bytes(keys, sizeof(keys));
	r->digests = calloc(2 << 16, sizeof(*r->digests));
	assert_non_null(r->digests);
	for (int i = 0; i < 2; i++) {
		r->in[i] = link_new(&way, 1);
		r->out[i] = link_new(&way, 1);
	}
	publisher_end_init(&r->publisher, &keys[1], &keys[0], from_publisher, r);
	viewer_end_init(&r->viewer, &keys[3], &keys[2], from_viewer, r);
	r->publisher.pace_us = params->pace_us;
	r->publisher.key_packets = params->key_packets;
	workers_init(r);
	stream_init(r, keys);
}

static void
close_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	uv_close(handle, NULL);
}

void
rig_fini(struct rig *r)
{
	for (int i = 0; i < 2; i++) {
		r->workers[i]->stopping = true;
		worker_free(r->workers[i]);
		tracks_free(&r->sessions[i].tracks);
		chan_free(r->chans[i][!i]);
		chan_free(r->from_control[i]);
		chan_free(r->to_control[i]);
		link_free(r->in[i]);
		link_free(r->out[i]);
	}
	uv_walk(&r->loop, close_handle, NULL);
	uv_run(&r->loop, UV_RUN_DEFAULT);
	uv_loop_close(&r->loop);
	publisher_end_fini(&r->publisher);
	viewer_end_fini(&r->viewer);
	free(r->digests);
}

/* A datagram from an end, and its copy; of both, whatever comes first is decrypted in place. */
static void
arrive(struct rig *r, unsigned end, struct worker *w, uint8_t *buf, size_t size)
{
	struct ice_tuple stranger = r->tuples[end];
	uint8_t copy[LINK_DATAGRAM_MAX];

	addr_set_port(&stranger.remote, STRANGER_PORT);
	memcpy(copy, buf, size);
	r->copied += r->copy[end] != RIG_NO_COPY;
	if (r->copy[end] == RIG_COPY_BEFORE)
		ingress_datagram(w, &stranger, copy, size);
	ingress_datagram(w, &r->tuples[end], buf, size);
	if (r->copy[end] == RIG_COPY_AFTER)
		ingress_datagram(w, &stranger, copy, size);
}

void
rig_rebind(struct rig *r, unsigned end, unsigned entry)
{
	addr_set_port(&r->tuples[end].remote, (uint16_t)(addr_port(&r->tuples[end].remote) + 10));
	r->entry[end] = entry;
}

/* One turn of a worker: what came, what the other one posted, its timer. */
static void
worker_step(struct rig *r, unsigned i)
{
	struct worker *w = r->workers[i];
	uint8_t buf[LINK_DATAGRAM_MAX];
	struct chan_msg msg;
	size_t size;

	if (r->params.stalls && r->stalled_us[i] <= virtual_us && prng_below(&r->rng, 100) == 0)
		r->stalled_us[i] = virtual_us + prng_below(&r->rng, STALL_MAX_US);
	if (r->stalled_us[i] > virtual_us)
		return;
	w->now_us = virtual_us;
	for (unsigned end = 0; end < 2; end++)
		while (r->entry[end] == i && (size = link_recv(r->in[end], virtual_us, buf)) > 0)
			arrive(r, end, w, buf, size);
	worker_settle(w);
	w->wake.async_cb(&w->wake);
	if (w->timer_us <= virtual_us)
		w->timer.timer_cb(&w->timer);
	while (chan_next(r->to_control[i], &msg))
		chan_done(r->to_control[i]);
}

void
rig_run(struct rig *r, uint64_t duration_us)
{
	uint8_t buf[LINK_DATAGRAM_MAX];
	size_t size;

	for (uint64_t end = virtual_us + duration_us; virtual_us < end; virtual_us += STEP_US) {
		publisher_end_step(&r->publisher, virtual_us);
		for (unsigned i = 0; i < 2; i++)
			worker_step(r, i);
		while ((size = link_recv(r->out[0], virtual_us, buf)) > 0)
			publisher_end_input(&r->publisher, buf, size);
		while ((size = link_recv(r->out[1], virtual_us, buf)) > 0)
			viewer_end_input(&r->viewer, virtual_us, buf, size);
		viewer_end_step(&r->viewer, virtual_us);
	}
	r->now_us = virtual_us;
}
