/*
 * worker_moved.c - media from a tuple that is nobody's: a NAT gave a peer another port. Whose it is
 * the keys tell: those of the sessions of the same host that have just fallen silent are tried, few
 * for each packet and so many packets a second, so that a stranger's flood costs little.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "worker.h"

/* The sessions of this worker whose media goes to one address, whatever the port. */
struct whost {
	struct addr host;	   /* its port is 0; zero-padded: hashed as octets */
	struct wsession *sessions; /* a ring; those looked at last come last */
	unsigned count;
	UT_hash_handle hh;
};

static struct addr
host_of(const struct ice_tuple *tuple)
{
	struct addr host = tuple->remote;

	addr_set_port(&host, 0);
	return host;
}

static struct whost *
host_find(struct worker *w, const struct ice_tuple *tuple)
{
	struct addr host = host_of(tuple);
	struct whost *h;

	HASH_FIND(hh, w->hosts, &host, sizeof(host), h);
	return h;
}

void
moved_forget(struct wsession *ws)
{
	struct whost *h = ws->host;

	if (h == NULL)
		return;
	ws->host = NULL;
	if (ws->host_next == ws) {
		HASH_DELETE(hh, ws->worker->hosts, h);
		free(h);
		return;
	}
	h->count--;
	ws->host_next->host_prev = ws->host_prev;
	ws->host_prev->host_next = ws->host_next;
	if (h->sessions == ws)
		h->sessions = ws->host_next;
}

static void
join(struct wsession *ws, struct whost *h)
{
	if (h->sessions == NULL) {
		h->sessions = ws->host_next = ws->host_prev = ws;
	} else {
		ws->host_next = h->sessions;
		ws->host_prev = h->sessions->host_prev;
		ws->host_prev->host_next = ws->host_next->host_prev = ws;
	}
	ws->host = h;
	h->count++;
}

void
moved_index(struct wsession *ws)
{
	struct worker *w = ws->worker;
	struct whost *h;

	moved_forget(ws);
	if (ws->path.proto != ICE_UDP)
		return;
	h = host_find(w, &ws->path);
	if (h == NULL) {
		h = calloc(1, sizeof(*h));
		if (h == NULL)
			return; /* it is followed at its checks */
		h->host = host_of(&ws->path);
		HASH_ADD(hh, w->hosts, host, sizeof(h->host), h);
	}
	join(ws, h);
}

/* Who has moved goes on with the sources that it had, and is silent where it was: if there are
 * many, that leaves few. */
static bool
may_be_of(const struct wsession *ws, const uint8_t *buf, bool rtcp)
{
	return ws->receive != NULL && !ws->ended && (rtcp || pub_has_ssrc(ws, be32(buf + 8))) &&
	       (ws->host->count <= MOVED_TRIES_MAX ||
		ice_lite_is_quiet(ws->ice, ws->worker->now_us));
}

/* The session whose keys fit; the packet, unprotected, is in plain then. NULL: none was found. */
static struct wsession *
claimant(struct worker *w, const struct ice_tuple *from, const uint8_t *buf, size_t size,
	 uint8_t *plain, int *plain_size)
{
	struct whost *h = host_find(w, from);
	bool rtcp = rtcp_accepts(buf, size);
	const struct wsession *first;

	if (h == NULL || !bucket_take(&w->tries, w->now_us, MOVED_RATE, MOVED_BURST))
		return NULL;
	first = h->sessions;
	for (unsigned looks = 0, tries = 0; looks < MOVED_LOOKS_MAX && tries < MOVED_TRIES_MAX;
	     looks++) {
		struct wsession *ws = h->sessions;

		h->sessions = ws->host_next;
		if (may_be_of(ws, buf, rtcp)) {
			tries++;
			memcpy(plain, buf, size);
			*plain_size = rtcp ? rtpsec_unprotect_rtcp(ws->receive, plain, size)
					   : rtpsec_unprotect(ws->receive, plain, size);
			if (*plain_size > 0)
				return ws;
		}
		if (h->sessions == first)
			break;
	}
	return NULL;
}

static struct wsession *
claim(struct worker *w, const struct ice_tuple *from, const uint8_t *buf, size_t size)
{
	uint8_t plain[UDP_DATAGRAM_MAX];
	struct ice_path *path;
	int n;
	struct wsession *ws =
	    size <= sizeof(plain) ? claimant(w, from, buf, size, plain, &n) : NULL;

	if (ws == NULL)
		return NULL;
	path = ice_lite_moved(ws->ice, w->now_us, from, size);
	path_learn(w, ws->known, from);
	ingress_flush_ice(ws);
	STAT_ADD(w->stats.paths_moved, 1);
	STAT_SET(ws->session->stats.paths, ws->known->path_count + ws->conn_count);
	ingress_media(ws, path, plain, (size_t)n, rtcp_accepts(buf, size));
	ws_arm(ws);
	return ws;
}

void
moved_input(struct worker *w, const struct ice_tuple *from, const uint8_t *buf, size_t size)
{
	struct msg_raw raw = {.tuple = *from, .from = w->index};
	bool media = rtp_accepts(buf, size) || rtcp_accepts(buf, size);

	if (media && claim(w, from, buf, size) != NULL)
		return;
	STAT_ADD(w->stats.unknown_packets, 1);
	/* The kernel deals tuples out anew: the session may be another worker's. */
	if (!media || w->count < 2 || !bucket_take(&w->strays, w->now_us, MOVED_RATE, MOVED_BURST))
		return;
	for (unsigned i = 0; i < w->count; i++)
		if (w->to[i] != NULL)
			chan_post(w->to[i], M_STRAY, &raw, sizeof(raw), buf, size);
}

void
moved_stray(struct worker *w, const struct chan_msg *msg)
{
	struct msg_path moved;
	struct msg_raw raw;
	uint8_t buf[UDP_DATAGRAM_MAX];
	size_t size = msg->size - sizeof(raw);
	struct known *k;
	struct wsession *ws;

	memcpy(&raw, msg->data, sizeof(raw));
	if (size > sizeof(buf))
		return;
	memcpy(buf, msg->data + sizeof(raw), size);
	k = path_find(w, &raw.tuple);
	ws = k != NULL ? k->ws : claim(w, &raw.tuple, buf, size);
	if (ws == NULL)
		return;
	if (k != NULL) /* the one before it was claimed */
		ingress_session(ws, &raw.tuple, buf, size);
	moved = (struct msg_path){ws->session->serial, raw.tuple};
	chan_post(w->to[raw.from], M_MOVED, &moved, sizeof(moved), NULL, 0);
}
