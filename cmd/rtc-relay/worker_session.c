/* worker_session.c - sessions on their worker: known, claimed, keyed, timed, forgotten. */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/text.h"
#include "log/log.h"
#include "worker.h"

static void
path_drop(struct worker *w, struct wpath *p)
{
	HASH_DELETE(hh, w->paths, p);
	free(p);
}

static void
path_key(struct wpath *p, const struct ice_tuple *tuple)
{
	memset(&p->key, 0, sizeof(p->key));
	p->key.remote = tuple->remote;
	p->key.local = tuple->local;
}

static struct wpath *
path_entry(struct worker *w, const struct ice_tuple *tuple)
{
	struct wpath probe, *found;

	path_key(&probe, tuple);
	HASH_FIND(hh, w->paths, &probe.key, sizeof(probe.key), found);
	return found;
}

struct known *
path_find(struct worker *w, const struct ice_tuple *tuple)
{
	struct wpath *p = path_entry(w, tuple);

	return p != NULL ? p->known : NULL;
}

static void
path_unlink(struct known *k, const struct wpath *p)
{
	for (size_t i = 0; i < k->path_count; i++)
		if (k->paths[i] == p) {
			k->paths[i] = k->paths[--k->path_count];
			return;
		}
}

/*
 * Somebody who receives there has the tuple, and was heard of: another session's checks, which may
 * come with a forged source, do not take it.
 */
static bool
is_held(const struct worker *w, const struct wpath *p, const struct ice_tuple *tuple)
{
	const struct wsession *ws = p->known->ws;
	const struct ice_path *path =
	    ws != NULL && ws->ice != NULL ? ice_lite_path(ws->ice, tuple) : NULL;

	if (ws == NULL)
		return w->now_us < p->held_us;
	return path != NULL && path->state == ICE_PATH_VALID &&
	       w->now_us < path->check_us + PATH_HOLD_US;
}

void
path_held(struct worker *w, const struct chan_msg *msg)
{
	struct msg_path m;
	struct wpath *p;

	memcpy(&m, msg->data, sizeof(m));
	p = path_entry(w, &m.tuple);
	if (p != NULL && p->known->session->serial == m.serial)
		p->held_us = w->now_us + PATH_HOLD_US;
}

void
path_moved(struct worker *w, const struct chan_msg *msg)
{
	struct msg_path m;
	struct known *k;

	memcpy(&m, msg->data, sizeof(m));
	HASH_FIND(by_serial, w->by_serial, &m.serial, sizeof(m.serial), k);
	if (k != NULL)
		path_learn(w, k, &m.tuple);
}

void
path_learn(struct worker *w, struct known *k, const struct ice_tuple *tuple)
{
	struct wpath *p = path_entry(w, tuple);

	if (p != NULL && (p->known == k || is_held(w, p, tuple)))
		return;
	if (p != NULL) { /* the tuple belongs to another session from now on */
		path_unlink(p->known, p);
		path_drop(w, p);
	}
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return;
	path_key(p, tuple);
	p->known = k;
	if (k->path_count == PATHS_PER_SESSION_MAX) {
		struct wpath *oldest = k->paths[k->path_next];

		k->paths[k->path_next] = p;
		k->path_next = (uint8_t)((k->path_next + 1) % PATHS_PER_SESSION_MAX);
		path_drop(w, oldest);
	} else {
		k->paths[k->path_count++] = p;
	}
	HASH_ADD(hh, w->paths, key, sizeof(p->key), p);
}

static struct known *
known_find(struct worker *w, uint64_t serial)
{
	struct known *k;

	HASH_FIND(by_serial, w->by_serial, &serial, sizeof(serial), k);
	return k;
}

struct wsession *
ws_find(struct worker *w, uint64_t serial)
{
	struct known *k = known_find(w, serial);

	return k != NULL ? k->ws : NULL;
}

static void
known_add_ufrag(struct worker *w, struct known *k, const struct ice_creds *local)
{
	text_copy(k->ufrag, sizeof(k->ufrag), local->ufrag);
	text_copy(k->pwd, sizeof(k->pwd), local->pwd);
	HASH_ADD_KEYPTR(by_ufrag, w->by_ufrag, k->ufrag, (unsigned)strlen(k->ufrag), k);
}

void
ws_add(struct worker *w, const struct chan_msg *msg)
{
	struct known *k = calloc(1, sizeof(*k));

	if (k == NULL)
		abort(); /* the control thread counts on every worker's word */
	memcpy(&k->session, msg->data, sizeof(k->session));
	HASH_ADD_KEYPTR(by_serial, w->by_serial, &k->session->serial, sizeof(k->session->serial),
			k);
	if (k->session->local != NULL)
		known_add_ufrag(w, k, k->session->local);
}

static void
ws_free(struct wsession *ws)
{
	wtcp_close_all(ws);
	moved_forget(ws);
	stream_detach(ws);
	wheel_clear(&ws->worker->wheel, &ws->timer);
	pub_free(ws);
	play_free(ws);
	local_free(ws);
	rtpsec_free(ws->send);
	rtpsec_free(ws->receive);
	ice_lite_free(ws->ice);
	free(ws);
}

static void
say_bye(struct wsession *ws)
{
	if (ws->play != NULL && ws->send != NULL && ws->has_path)
		play_bye(ws);
}

void
ws_del(struct worker *w, const struct chan_msg *msg)
{
	struct msg_session_del del;
	struct known *k;

	memcpy(&del, msg->data, sizeof(del));
	k = known_find(w, del.session->serial);
	if (k != NULL) {
		if (k->ws != NULL) {
			if (del.say_bye)
				say_bye(k->ws);
			ws_free(k->ws);
		}
		while (k->path_count > 0)
			path_drop(w, k->paths[--k->path_count]);
		if (k->session->local != NULL)
			HASH_DELETE(by_ufrag, w->by_ufrag, k);
		HASH_DELETE(by_serial, w->by_serial, k);
		free(k->remote);
		free(k);
	}
	if (!w->stopping)
		worker_post(w, M_FORGOTTEN, &del.session, sizeof(del.session));
}

struct wsession *
ws_claim(struct worker *w, struct known *k)
{
	struct session *s = k->session;
	struct wsession *ws;
	struct msg_path msg = {.serial = s->serial};
	const struct ice_creds *remote = NULL;
	struct ice_creds local;
	int nobody = -1;

	if (!atomic_compare_exchange_strong(&s->owner, &nobody, (int)w->index))
		return NULL;
	ws = calloc(1, sizeof(*ws));
	if (ws == NULL)
		abort();
	ws->worker = w;
	ws->known = k;
	ws->session = s;
	ws->report_ssrc = random_u32();
	ws->dtls = (struct bucket){w->now_us, DTLS_BURST};
	if (s->local != NULL) {
		text_copy(local.ufrag, sizeof(local.ufrag), k->ufrag);
		text_copy(local.pwd, sizeof(local.pwd), k->pwd);
		if (s->has_remote)
			remote = k->remote != NULL ? k->remote : s->remote;
		ws->ice = ice_lite_new(&local, remote, w->now_us, s->first_timeout_us,
				       s->stun_timeout_us, random_u64());
		if (ws->ice == NULL)
			abort();
	}
	if ((s->kind == SESSION_PUBLISH && pub_new(ws) < 0) ||
	    (s->kind == SESSION_PLAY && play_new(ws) < 0))
		abort();
	k->ws = ws;
	worker_post(w, M_CLAIMED, &msg, sizeof(msg));
	ws_arm(ws);
	return ws;
}

void
ws_end(struct wsession *ws, enum session_end reason)
{
	struct msg_ended msg = {ws->session->serial, reason};

	if (ws->ended)
		return;
	ws->ended = true;
	worker_post(ws->worker, M_ENDED, &msg, sizeof(msg));
}

void
ws_heard(struct wsession *ws)
{
	STAT_SET(ws->session->stats.heard_us, ws->worker->now_us);
}

void
ws_arm(struct wsession *ws)
{
	uint64_t at = ws->ice != NULL ? ice_lite_deadline(ws->ice) : CLOCK_NEVER;

	if (ws->pub != NULL)
		at = MIN_OF(at, pub_deadline(ws));
	if (ws->play != NULL)
		at = MIN_OF(at, play_deadline(ws));
	if (ws->local != NULL)
		at = MIN_OF(at, local_deadline(ws));
	if (at == CLOCK_NEVER || (ws->timer.prev != NULL && ws->timer.at_us <= at))
		return; /* an early one fires, finds nothing, and is set again */
	wheel_set(&ws->worker->wheel, &ws->timer, ws->worker->now_us, at);
}

void
ws_timeout(struct wsession *ws)
{
	uint64_t now = ws->worker->now_us;
	int events = ws->ice != NULL && ice_lite_deadline(ws->ice) <= now
			 ? ice_lite_timeout(ws->ice, now)
			 : 0;

	if (ws->ice != NULL)
		ingress_flush_ice(ws);
	if (events > 0 && (events & ICE_LITE_SELECTED))
		ingress_selected(ws);
	if (events > 0 && (events & ICE_LITE_EXPIRED))
		ws_end(ws, END_EXPIRED);
	if (!ws->ended && ws->pub != NULL)
		pub_timeout(ws);
	if (!ws->ended && ws->play != NULL)
		play_timeout(ws);
	if (!ws->ended && ws->local != NULL)
		local_timeout(ws);
	if (!ws->ended)
		ws_arm(ws);
}

/* The stream has this publisher from now on: what came before the keys was there is taken in. */
static void
publisher_ready(struct wsession *ws)
{
	struct publisher *pub = ws->pub;
	struct wstream *s = stream_get(ws->worker, ws->session->stream);

	if (s == NULL || s->epoch != ws->session->epoch)
		return; /* taken over meanwhile */
	ws->stream = s;
	s->publisher = ws;
	for (unsigned i = 0; ws->session->periodic && i < s->lane_end; i++)
		s->tracks[i].periodic = s->tracks[i].kind == TRACK_VIDEO;
	for (size_t i = 0; i < pub->early_count; i++) {
		bool rtcp = rtcp_accepts(pub->early[i].buf, pub->early[i].size);
		int n =
		    rtcp ? rtpsec_unprotect_rtcp(ws->receive, pub->early[i].buf, pub->early[i].size)
			 : rtpsec_unprotect(ws->receive, pub->early[i].buf, pub->early[i].size);

		if (n > 0 && rtcp)
			pub_rtcp(ws, pub->early[i].buf, (size_t)n);
		else if (n > 0)
			pub_rtp(ws, pub->early[i].buf, (size_t)n);
		free(pub->early[i].buf);
	}
	pub->early_count = 0;
	for (size_t i = 0; i < ws->session->tracks.count; i++)
		if (ws->session->tracks.list[i].kind == TRACK_VIDEO &&
		    (s->subscriber_count > 0 || s->mask != 0))
			pub_ask_keyframe(ws, (unsigned)i);
}

void
ws_keys(struct worker *w, const struct chan_msg *msg)
{
	struct msg_keys m;
	struct wsession *ws;
	struct ice_path *path;

	memcpy(&m, msg->data, sizeof(m));
	ws = ws_find(w, m.serial);
	if (ws == NULL || ws->send != NULL)
		return;
	ws->send = rtpsec_new(m.keys.profile, RTPSEC_SEND, m.keys.local.key, m.keys.local.salt);
	ws->receive =
	    rtpsec_new(m.keys.profile, RTPSEC_RECEIVE, m.keys.remote.key, m.keys.remote.salt);
	explicit_bzero(&m, sizeof(m));
	if (ws->send == NULL || ws->receive == NULL) {
		ws_end(ws, END_DTLS_FAILED);
		return;
	}
	/* A handshake needs both directions: whoever completed it receives at this address. */
	path = ws->has_path ? ice_lite_path(ws->ice, &ws->path) : NULL;
	if (path != NULL)
		ice_path_validate(path);
	if (ws->pub != NULL)
		publisher_ready(ws);
	else if (ws->play != NULL && stream_attach(ws) == 0)
		play_join(ws);
	ws_arm(ws);
}

void
ws_bind(struct worker *w, const struct chan_msg *msg)
{
	struct msg_bind m;
	struct wsession *ws;

	memcpy(&m, msg->data, sizeof(m));
	ws = ws_find(w, m.serial);
	if (ws != NULL && ws->play != NULL)
		play_bind(ws, &m);
	else if (ws != NULL && ws->local != NULL)
		local_bind(ws, &m);
}

void
ws_restart(struct worker *w, const struct chan_msg *msg)
{
	struct msg_restart m;
	struct known *k;

	memcpy(&m, msg->data, sizeof(m));
	k = known_find(w, m.serial);
	if (k == NULL)
		return;
	HASH_DELETE(by_ufrag, w->by_ufrag, k);
	known_add_ufrag(w, k, &m.local);
	if (k->ws != NULL && k->ws->ice != NULL) {
		ice_lite_restart(k->ws->ice, &m.local, &m.remote);
		return;
	}
	if (k->remote == NULL)
		k->remote = malloc(sizeof(*k->remote));
	if (k->remote == NULL)
		abort();
	*k->remote = m.remote;
}

void
ws_dtls_out(struct worker *w, const struct chan_msg *msg)
{
	struct msg_datagram m;
	struct wsession *ws;
	struct ice_path *path;
	struct wout o;
	size_t size = msg->size - sizeof(m);

	memcpy(&m, msg->data, sizeof(m));
	ws = ws_find(w, m.serial);
	if (ws == NULL || !ws->has_path)
		return;
	path = ice_lite_path(ws->ice, &ws->path);
	o = worker_out(w, &ws->path);
	if (path != NULL && ice_path_may_send(path, size))
		wout_send(&o, &ws->path, msg->data + sizeof(m), size);
}

void
ws_send_rtcp(struct wsession *ws, uint8_t *buf, size_t size, size_t cap)
{
	struct wout o;
	int n;

	if (!ws->has_path || ws->send == NULL || size == 0)
		return;
	n = rtpsec_protect_rtcp(ws->send, buf, size, cap);
	o = worker_out(ws->worker, &ws->path);
	if (n > 0)
		wout_send(&o, &ws->path, buf, (size_t)n);
}
