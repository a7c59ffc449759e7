/* worker_ingress.c - what arrives on the port: told apart by the first octet (RFC 7983). */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "base/bytes.h"
#include "log/log.h"
#include "worker.h"

static void
send_stun(struct worker *w, const struct ice_tuple *to, const uint8_t *buf, int size)
{
	struct wout o = worker_out(w, to);

	if (size > 0)
		wout_send(&o, to, buf, (size_t)size);
}

/*
 * A request without credentials: answered with the mapped address alone, so that any STUN tool can
 * test the port. At most 32 octets for 20 (40 with FINGERPRINT): no SOFTWARE, and rate limits.
 */
void
ingress_plain(struct worker *w, const struct ice_tuple *from, const struct stun_msg *msg)
{
	uint8_t buf[STUN_MESSAGE_MAX];
	struct stun_writer out;
	int fingerprint = stun_verify_fingerprint(msg);

	if (msg->method != STUN_BINDING || fingerprint == -EBADMSG || stun_unknown_attr(msg) != 0)
		return;
	if (!stun_limit_allow(&w->limit, &from->remote, w->now_us)) {
		STAT_ADD(w->stats.stun_limited, 1);
		return;
	}
	stun_start(&out, buf, sizeof(buf), STUN_SUCCESS, msg->txid);
	stun_add_address(&out, STUN_XOR_MAPPED_ADDRESS, &from->remote);
	send_stun(w, from, buf, stun_finish(&out, NULL, fingerprint == 0));
	STAT_ADD(w->stats.stun_answered, 1);
}

/* Credentials of nobody, or a wrong password before anybody has claimed the session: 401, limited.
 */
void
ingress_unauthorized(struct worker *w, const struct ice_tuple *from, const struct stun_msg *msg)
{
	uint8_t buf[STUN_MESSAGE_MAX];
	struct stun_writer out;

	STAT_ADD(w->stats.auth_failed, 1);
	if (!stun_limit_allow(&w->limit, &from->remote, w->now_us)) {
		STAT_ADD(w->stats.stun_limited, 1);
		return;
	}
	stun_start(&out, buf, sizeof(buf), STUN_ERROR, msg->txid);
	stun_add_error(&out, 401, "");
	send_stun(w, from, buf, stun_finish(&out, NULL, true));
}

static void
forward(struct worker *w, struct known *k, int owner, const struct ice_tuple *from,
	const uint8_t *buf, size_t size)
{
	struct msg_raw raw = {k->session->serial, *from, w->index};

	if (owner < 0 || (unsigned)owner >= w->count || w->to[owner] == NULL)
		return;
	STAT_ADD(w->stats.crossed, 1);
	if (chan_post(w->to[owner], M_RAW, &raw, sizeof(raw), buf, size) < 0)
		STAT_ADD(w->stats.cross_dropped, 1);
}

void
ingress_flush_ice(struct wsession *ws)
{
	struct ice_datagram out;

	while (ice_lite_poll(ws->ice, &out) > 0)
		send_stun(ws->worker, &out.to, out.buf, out.size);
}

void
ingress_selected(struct wsession *ws)
{
	const struct ice_path *path = ice_lite_selected(ws->ice);
	struct msg_path msg = {.serial = ws->session->serial};

	if (path == NULL) { /* a connection was closed: the client may come back by another */
		if (ws->has_path)
			ws->lost_us = ws->worker->now_us;
		ws->has_path = false;
		moved_forget(ws);
		return;
	}
	if (ws->has_path && ice_tuple_equal(&path->tuple, &ws->path))
		return;
	ws->path = path->tuple;
	ws->has_path = true;
	moved_index(ws);
	wtcp_left(ws);
	if (ws->lost_us != 0 && ws->worker->now_us - ws->lost_us > PATHLESS_US &&
	    ws->play != NULL && ws->stream != NULL)
		play_join(ws); /* nobody wants to see what is past */
	ws->lost_us = 0;
	msg.tuple = path->tuple;
	worker_post(ws->worker, M_SELECTED, &msg, sizeof(msg));
}

/* An error answer, within the limits of those who have no credentials. */
static void
answer_refused(struct wsession *ws, const struct ice_tuple *from)
{
	struct worker *w = ws->worker;
	struct ice_datagram unsent;

	STAT_ADD(ws->session->stats.auth_failed, 1);
	if (stun_limit_allow(&w->limit, &from->remote, w->now_us)) {
		ingress_flush_ice(ws);
		return;
	}
	STAT_ADD(w->stats.stun_limited, 1);
	while (ice_lite_poll(ws->ice, &unsent) > 0)
		;
}

/* RFC 8489 s.5: class bits 01. It is never authenticated, so it proves no life (RFC 8445 s.11). */
static bool
is_indication(const uint8_t *buf)
{
	return (buf[0] & 0x01) == 0 && (buf[1] & 0x10) != 0;
}

static void
stun_input(struct wsession *ws, const struct ice_tuple *from, const uint8_t *buf, size_t size)
{
	struct worker *w = ws->worker;
	int events = ice_lite_input(ws->ice, w->now_us, from, buf, size);

	if (events == -EACCES) {
		answer_refused(ws, from);
		return;
	}
	ingress_flush_ice(ws);
	if (events < 0 || is_indication(buf))
		return;
	if (ws->last_check_us != 0 && w->now_us - ws->last_check_us > 1000)
		STAT_SET(ws->session->stats.check_interval_us, w->now_us - ws->last_check_us);
	ws->last_check_us = w->now_us;
	ws_heard(ws);
	if (from->proto == ICE_UDP) /* a connection knows its session */
		path_learn(w, ws->known, from);
	STAT_SET(ws->session->stats.paths, ws->known->path_count + ws->conn_count);
	STAT_ADD(w->stats.stun_answered, 1);
	if (events & ICE_LITE_SELECTED)
		ingress_selected(ws);
	if (events & ICE_LITE_EXPIRED)
		ws_end(ws, END_EXPIRED);
	ws_arm(ws);
}

/* The session that a STUN message names by its USERNAME, or, failing that, by its path. */
static struct known *
session_of(struct worker *w, const struct ice_tuple *from, const struct stun_msg *msg)
{
	char left[ICE_UFRAG_MAX + 1], right[ICE_UFRAG_MAX + 1];
	struct known *k = NULL;

	if (msg->class == STUN_REQUEST && stun_get_username(msg, left, right, sizeof(left)) == 0)
		HASH_FIND(by_ufrag, w->by_ufrag, left, (unsigned)strlen(left), k);
	return k != NULL ? k : path_find(w, from);
}

static void
ingress_stun(struct worker *w, const struct ice_tuple *from, const uint8_t *buf, size_t size)
{
	struct stun_msg msg;
	struct known *k;
	size_t name_size;
	int owner;

	if (stun_parse(&msg, buf, size) < 0) {
		STAT_ADD(w->stats.unknown_packets, 1);
		return;
	}
	if (msg.class == STUN_REQUEST && stun_attr(&msg, STUN_USERNAME, &name_size) == NULL) {
		ingress_plain(w, from, &msg);
		return;
	}
	k = session_of(w, from, &msg);
	if (k == NULL) {
		if (msg.class == STUN_REQUEST)
			ingress_unauthorized(w, from, &msg);
		return;
	}
	if (k->ws == NULL && msg.class == STUN_REQUEST) {
		if (stun_verify_integrity(&msg, k->pwd) == 0) {
			path_learn(w, k, from);
			if (atomic_load(&k->session->owner) < 0)
				ws_claim(w, k);
		} else if (path_find(w, from) != k) {
			ingress_unauthorized(w, from, &msg);
			return;
		} /* else the owner may still know older credentials (ICE restart) */
	}
	owner = atomic_load(&k->session->owner);
	if (k->ws != NULL)
		stun_input(k->ws, from, buf, size);
	else
		forward(w, k, owner, from, buf, size);
}

static void
dtls_input_datagram(struct wsession *ws, const uint8_t *buf, size_t size)
{
	struct msg_datagram head = {ws->session->serial};

	if (!bucket_take(&ws->dtls, ws->worker->now_us, DTLS_RATE, DTLS_BURST))
		return; /* one client does not keep the control thread from the others */
	/* The handshake lives on the control thread; a full channel drops, DTLS repeats. */
	chan_post(ws->worker->to_control, M_DTLS_IN, &head, sizeof(head), buf, size);
}

void
ingress_media(struct wsession *ws, struct ice_path *path, uint8_t *buf, size_t size, bool rtcp)
{
	ws_heard(ws);
	if ((ice_lite_media(ws->ice, path, ws->worker->now_us) & ICE_LITE_SELECTED) != 0)
		ingress_selected(ws);
	if (path != ice_lite_selected(ws->ice))
		ws_arm(ws); /* it may be soon */
	if (rtcp && ws->pub != NULL)
		pub_rtcp(ws, buf, size);
	else if (rtcp && ws->play != NULL)
		play_rtcp(ws, buf, size);
	else if (ws->pub != NULL)
		pub_rtp(ws, buf, size);
}

static void
media_input(struct wsession *ws, struct ice_path *path, uint8_t *buf, size_t size)
{
	bool rtcp = rtcp_accepts(buf, size);
	int n;

	if (ws->receive == NULL) {
		if (ws->pub != NULL)
			pub_keep_early(ws, buf, size);
		return;
	}
	n = rtcp ? rtpsec_unprotect_rtcp(ws->receive, buf, size)
		 : rtpsec_unprotect(ws->receive, buf, size);
	if (n < 0) {
		if (n == -EACCES || n == -ENOSPC) {
			STAT_ADD(ws->session->stats.auth_failed, 1);
			STAT_ADD(ws->worker->stats.auth_failed, 1);
		}
		return;
	}
	ingress_media(ws, path, buf, (size_t)n, rtcp);
}

void
ingress_session(struct wsession *ws, const struct ice_tuple *from, uint8_t *buf, size_t size)
{
	struct ice_path *path;

	if (stun_accepts(buf, size)) {
		stun_input(ws, from, buf, size);
		return;
	}
	path = ice_lite_path(ws->ice, from);
	if (path == NULL)
		return; /* only from where authenticated checks or media came */
	ice_path_received(path, size);
	if (dtls_accepts(buf, size)) {
		/* Where both UDP and TCP work, the handshake shows which one the client took. */
		if (ws->send == NULL && ice_lite_prefer(ws->ice, path) != 0)
			ingress_selected(ws);
		dtls_input_datagram(ws, buf, size);
	} else if (rtp_accepts(buf, size) || rtcp_accepts(buf, size))
		media_input(ws, path, buf, size);
}

void
ingress_datagram(struct worker *w, const struct ice_tuple *from, uint8_t *buf, size_t size)
{
	struct known *k;

	if (stun_accepts(buf, size)) {
		ingress_stun(w, from, buf, size);
		return;
	}
	k = path_find(w, from);
	if (k == NULL)
		moved_input(w, from, buf, size);
	else if (k->ws != NULL)
		ingress_session(k->ws, from, buf, size);
	else
		forward(w, k, atomic_load(&k->session->owner), from, buf, size);
}

/* Tell the worker to whose socket a proven path leads that it is taken: it asks nobody before it
 * gives a path to another session. */
static void
hold_path(struct wsession *ws, const struct msg_raw *raw)
{
	const struct worker *w = ws->worker;
	const struct ice_path *path = ice_lite_path(ws->ice, &raw->tuple);
	struct msg_path msg = {raw->serial, raw->tuple};

	if (path != NULL && path->state == ICE_PATH_VALID && path->check_us == w->now_us)
		chan_post(w->to[raw->from], M_HELD, &msg, sizeof(msg), NULL, 0);
}

void
ingress_forwarded(struct worker *w, const struct chan_msg *msg)
{
	struct msg_raw raw;
	uint8_t buf[UDP_DATAGRAM_MAX];
	size_t size = msg->size - sizeof(raw);
	struct wsession *ws;

	memcpy(&raw, msg->data, sizeof(raw));
	ws = ws_find(w, raw.serial);
	if (ws == NULL || size > sizeof(buf))
		return;
	memcpy(buf, msg->data + sizeof(raw), size);
	ingress_session(ws, &raw.tuple, buf, size);
	if (stun_accepts(buf, size))
		hold_path(ws, &raw);
}
