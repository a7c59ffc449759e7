/* responder.c - the media of --listen: UDP and ICE-TCP for a few sessions. */
#include "responder.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "stun/stun.h"

enum { BATCHES = 8, CONNECTIONS_MAX = 64 };

static void
on_time(void *object, uint64_t now_us)
{
	(void)object;
	for (unsigned i = 0; i < RESPONDER_VISITS; i++)
		if (responder.visits[i].peer != NULL)
			visit_timeout(&responder.visits[i], now_us);
	tcp_timeout(responder.tcp, now_us);
}

static uint64_t
next_time(void *object, uint64_t now_us)
{
	uint64_t at_us = tcp_deadline(responder.tcp);

	(void)object;
	(void)now_us;
	for (unsigned i = 0; i < RESPONDER_VISITS; i++)
		if (responder.visits[i].peer != NULL)
			at_us = MIN_OF(at_us, visit_deadline(&responder.visits[i]));
	return at_us;
}

static void
send_by_tcp(const struct peer_datagram *out)
{
	struct tcp_conn *c = tcp_find(responder.tcp, out->to.channel);

	if (c == NULL)
		return;
	memcpy(tcp_reserve(c, out->size), out->buf, out->size);
	tcp_commit(c, out->size);
}

static void
send_all(struct peer *peer)
{
	struct peer_datagram out;

	while (peer_poll(peer, &out) > 0) {
		struct udp *u = responder.udp[out.to.remote.sa.sa_family == AF_INET6];

		if (out.to.proto == ICE_TCP)
			send_by_tcp(&out);
		if (u == NULL || out.to.proto == ICE_TCP)
			continue;
		memcpy(udp_reserve(u, out.size), out.buf, out.size);
		udp_commit(u, &out.to, out.size);
	}
}

/* The end of a session is taken note of here, outside its callbacks. */
static void
flush(void *object, uint64_t now_us)
{
	(void)object;
	for (unsigned i = 0; i < RESPONDER_VISITS; i++) {
		if (responder.visits[i].peer == NULL)
			continue;
		send_all(responder.visits[i].peer);
		if (responder.visits[i].over)
			responder_end(&responder.visits[i]);
	}
	tcp_flush(responder.tcp, now_us);
	for (unsigned i = 0; i < RESPONDER_FAMILIES; i++)
		if (responder.udp[i] != NULL)
			udp_flush(responder.udp[i]);
}

static const struct loop_driver_ops driver_ops = {on_time, next_time, flush};

/* The answer to a plain STUN question (rtc-stun-probe): no more octets than it has, but for the
 * address. 0: it is none. */
static size_t
answer_plain(uint8_t out[static STUN_MESSAGE_MAX], const struct ice_tuple *from, const uint8_t *buf,
	     size_t in_size)
{
	size_t size;
	struct stun_msg m;
	struct stun_writer w;
	int n;

	if (stun_parse(&m, buf, in_size) != 0 || m.class != STUN_REQUEST ||
	    m.method != STUN_BINDING || stun_attr(&m, STUN_USERNAME, &size) != NULL)
		return 0;
	stun_start(&w, out, STUN_MESSAGE_MAX, STUN_SUCCESS, m.txid);
	stun_add_address(&w, STUN_XOR_MAPPED_ADDRESS, &from->remote);
	n = stun_finish(&w, NULL, stun_attr(&m, STUN_FINGERPRINT, &size) != NULL);
	return n > 0 ? (size_t)n : 0;
}

/* Does a check name another session? That one would answer it with an error. */
static bool
is_for_another(const struct visit *v, const uint8_t *buf, size_t size)
{
	const char *ufrag = peer_local(v->peer)->ufrag;
	size_t length = strlen(ufrag), name_size;
	const uint8_t *name;
	struct stun_msg m;

	if (stun_parse(&m, buf, size) != 0 || m.class != STUN_REQUEST)
		return false;
	name = stun_attr(&m, STUN_USERNAME, &name_size); /* RFC 8445 s.7.2.2: "ours:theirs" */
	return name == NULL || name_size <= length || name[length] != ':' ||
	       memcmp(name, ufrag, length) != 0;
}

/* The session that a datagram is for: others' are refused before they are touched. */
static struct visit *
give(const struct ice_tuple *from, uint8_t *buf, size_t size, uint64_t now_us)
{
	for (unsigned i = 0; i < RESPONDER_VISITS; i++) {
		struct visit *v = &responder.visits[i];
		int r;

		if (v->peer == NULL || is_for_another(v, buf, size))
			continue;
		r = peer_input(v->peer, now_us, from, buf, size);
		if (r < 0) /* also an answer to a check that another sent */
			continue;
		send_all(v->peer);
		return v;
	}
	return NULL;
}

static void
take(struct udp *u, const struct udp_in *in, uint64_t now_us)
{
	uint8_t *out;
	size_t size;

	if (give(&in->tuple, in->buf, in->size, now_us) != NULL)
		return;
	out = udp_reserve(u, STUN_MESSAGE_MAX);
	size = answer_plain(out, &in->tuple, in->buf, in->size);
	if (size > 0)
		udp_commit(u, &in->tuple, size);
}

static void
on_readable(uv_poll_t *poll, int status, int events)
{
	struct udp *u = poll->data;
	const struct udp_in *in;
	uint64_t now_us = clock_now_us();
	int count = status < 0 ? 0 : UDP_BATCH;

	(void)events;
	for (unsigned i = 0; i < BATCHES && count == UDP_BATCH; i++) {
		count = udp_receive(u, &in);
		for (int k = 0; k < count; k++)
			take(u, &in[k], now_us);
	}
	responder_settle();
}

/* ---- TCP ---- */

/* A connection belongs to the session that its first packet authenticates for. */
static enum tcp_verdict
on_tcp_packet(void *arg, struct tcp_conn *c, uint8_t *buf, size_t size)
{
	const struct ice_tuple *from = tcp_conn_tuple(c);
	struct visit *v = tcp_conn_owner(c);

	(void)arg;
	if (v != NULL) {
		if (v->peer == NULL)
			return TCP_ENDS;
		(void)peer_input(v->peer, clock_now_us(), from, buf, size);
		return TCP_STAYS;
	}
	v = give(from, buf, size, clock_now_us());
	if (v != NULL && v->conn_count < VISIT_CONNS_MAX) {
		v->conns[v->conn_count++] = from->channel;
		tcp_conn_own(c, v);
		return TCP_STAYS;
	}
	size = v == NULL ? answer_plain(tcp_reserve(c, STUN_MESSAGE_MAX), from, buf, size) : 0;
	if (size > 0)
		tcp_commit(c, size);
	return TCP_ENDS;
}

static void
on_tcp_closed(void *arg, struct tcp_conn *c)
{
	struct visit *v = tcp_conn_owner(c);

	(void)arg;
	if (v != NULL && v->peer != NULL)
		peer_lose_pair(v->peer, clock_now_us(), tcp_conn_tuple(c), -ECONNRESET);
}

static const struct tcp_handlers tcp_handlers = {.packet = on_tcp_packet, .closed = on_tcp_closed};

static void
on_tcp_readable(uv_poll_t *poll, int status, int events)
{
	(void)poll;
	(void)events;
	if (status == 0)
		tcp_turn(responder.tcp, clock_now_us());
	responder_settle();
}

void
responder_take_tcp(int fd, const struct ice_tuple *tuple, const uint8_t *octets, size_t size)
{
	(void)tcp_adopt(responder.tcp, clock_now_us(), fd, tuple, octets, size);
	responder_settle();
}

/* ---- life ---- */

void
responder_end(struct visit *v)
{
	for (unsigned i = 0; i < v->conn_count; i++) {
		struct tcp_conn *c = tcp_find(responder.tcp, v->conns[i]);

		if (c != NULL)
			tcp_conn_close(c);
	}
	visit_end(v);
}

void
responder_settle(void)
{
	loop_driver_settle(&responder.driver, clock_now_us());
}

/* UDP beside the TCP port that was taken; a family that this machine lacks is left out. */
static int
open_udp(const struct addr *want)
{
	int error = -EADDRNOTAVAIL;

	for (unsigned i = 0; i < RESPONDER_FAMILIES; i++) {
		struct addr a = {0};

		a.sa.sa_family = i == 0 ? AF_INET : AF_INET6;
		if (want->sa.sa_family != 0 && want->sa.sa_family != a.sa.sa_family)
			continue;
		if (want->sa.sa_family != 0)
			a = *want;
		addr_set_port(&a, responder.port);
		responder.udp[i] = udp_open(&a, false, &error);
		if (responder.udp[i] == NULL)
			continue;
		uv_poll_init(&responder.loop, &responder.polls[i], udp_fd(responder.udp[i]));
		responder.polls[i].data = responder.udp[i];
		uv_poll_start(&responder.polls[i], UV_READABLE, on_readable);
	}
	return responder.udp[0] != NULL || responder.udp[1] != NULL ? 0 : error;
}

int
responder_open_media(const struct addr *want)
{
	int r;

	responder.tcp = tcp_new(&tcp_handlers, NULL);
	if (responder.tcp == NULL)
		return -ENOMEM;
	tcp_set_limit(responder.tcp, CONNECTIONS_MAX);
	loop_driver_init(&responder.driver, &responder.loop, &driver_ops, &responder);
	r = uv_poll_init(&responder.loop, &responder.tcp_poll, tcp_fd(responder.tcp));
	if (r == 0)
		r = uv_poll_start(&responder.tcp_poll, UV_READABLE, on_tcp_readable);
	return r < 0 ? r : open_udp(want);
}

void
responder_close_media(void)
{
	for (unsigned i = 0; i < RESPONDER_FAMILIES; i++)
		udp_close(responder.udp[i]);
	tcp_free(responder.tcp);
}
