/* session_sdp.c - the offer of a client session, and what the answer makes of it. */
#include "client/session_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/text.h"
#include "client/plan.h"

/* ---- the offer ---- */

/* Our own addresses: of interfaces that are up, loopback and IPv6 link-local ones left out. */
struct hosts {
	struct sdp_candidate candidates[SESSION_HOSTS_MAX];
	char text[SESSION_HOSTS_MAX][ADDR_TEXT_SIZE];
	char foundation[SESSION_HOSTS_MAX][12];
	size_t count;
};

static void
add_host(struct hosts *h, const struct client_session *s, const struct addr *a)
{
	size_t i = h->count;
	unsigned family = a->sa.sa_family == AF_INET6;
	uint16_t port = session_socket_port(s, family);

	if (port == 0 || i == SESSION_HOSTS_MAX || addr_is_loopback(a) ||
	    (family == 1 && IN6_IS_ADDR_LINKLOCAL(&a->v6.sin6_addr)))
		return;
	addr_format_host(a, h->text[i]);
	snprintf(h->foundation[i], sizeof(h->foundation[i]), "%zu", i + 1);
	h->candidates[i] =
	    (struct sdp_candidate){.foundation = h->foundation[i],
				   .component = 1,
				   .proto = SDP_UDP,
				   .priority = ice_priority(ICE_HOST, (uint16_t)(65535 - i), 1),
				   .address = h->text[i],
				   .port = port,
				   .type = SDP_HOST};
	h->count++;
}

static void
list_hosts(struct hosts *h, struct client_session *s)
{
	uv_interface_address_t *list;
	struct addr a;
	int count;

	for (unsigned family = 0; family < SESSION_FAMILIES; family++)
		(void)session_socket_open(s, family); /* a host without IPv6 has none */
	if (uv_interface_addresses(&list, &count) < 0)
		return;
	for (int i = 0; i < count; i++)
		if (addr_from_sockaddr(&a, (struct sockaddr *)&list[i].address) == 0)
			add_host(h, s, &a);
	uv_free_interface_addresses(list, count);
}

/* SSRCs of what we send, so that a receiver can expect them. */
static void
choose_ssrcs(struct client_session *s, struct sdp_local *local)
{
	for (size_t i = 0; i < s->cfg.track_count; i++) {
		const struct sdp_offer_track *t = &s->offered[i];

		if ((t->direction & SDP_SENDONLY) == 0)
			continue;
		s->ours[i].ssrc = random_u32() | 1; /* 0 means none */
		if (t->codec_count > 0 && t->codecs[0].rtx_pt >= 0)
			s->ours[i].rtx_ssrc = s->ours[i].ssrc ^ 0x80000000u;
		local->tracks[i].ssrc = s->ours[i].ssrc;
		local->tracks[i].rtx_ssrc = s->ours[i].rtx_ssrc;
	}
}

char *
session_make_offer(struct client_session *s)
{
	const struct ice_creds *ice = peer_local(s->peer);
	struct sdp_local *local = calloc(1, sizeof(*local));
	struct hosts *hosts = calloc(1, sizeof(*hosts));
	char *text = malloc(SDP_SIZE_MAX), cname[17];

	if (local == NULL || hosts == NULL || text == NULL)
		goto fail;
	if (!s->cfg.no_candidates && !s->cfg.relay_only && s->cfg.protocol != CLIENT_PROTOCOL_TCP)
		list_hosts(hosts, s);
	random_text(cname, sizeof(cname) - 1);
	local->session_id = random_u64();
	local->ufrag = ice->ufrag;
	local->pwd = ice->pwd;
	local->fingerprint_hash = "sha-256";
	local->fingerprint = dtls_ctx_fingerprint(s->cfg.dtls);
	local->cname = cname;
	local->candidate_count = hosts->count;
	local->candidates = hosts->candidates;
	choose_ssrcs(s, local);
	s->offer = sdp_offer(local, s->offered, s->cfg.track_count);
	if (s->offer == NULL || sdp_write(s->offer, text, SDP_SIZE_MAX) < 0)
		goto fail;
	for (size_t i = 0; i < s->offer->media_count; i++) /* their texts go with hosts */
		s->offer->media[i].candidate_count = s->offer->media[i].ssrc_count = 0;
	goto out;
fail:
	free(text);
	text = NULL;
out:
	free(hosts);
	free(local);
	return text;
}

/* ---- the answer ---- */

/* Simulcast: a track for each layer but the first, which is the m-line's own. */
static void
add_layers(struct client_session *s, unsigned track, const struct sdp_track *t)
{
	if (t->rid_count < 2)
		return;
	text_copy(s->tracks[track].rid, sizeof(s->tracks[track].rid), t->rids[0]);
	for (size_t i = 1; i < t->rid_count && s->track_count < PEER_TRACKS_MAX; i++) {
		struct peer_track *layer = &s->tracks[s->track_count++];

		*layer = s->tracks[track];
		layer->ssrc = layer->rtx_ssrc = 0; /* the peer makes them */
		text_copy(layer->rid, sizeof(layer->rid), t->rids[i]);
	}
}

static int
start_peer(struct client_session *s, const struct sdp_plan *plan)
{
	struct peer_remote r;
	int error = client_plan_remote(&r, plan);

	if (error < 0)
		return error;
	s->remote_lite = plan->remote_lite;
	s->track_count = MIN_OF(plan->track_count, s->cfg.track_count);
	for (size_t i = 0; i < s->track_count; i++) {
		client_plan_track(&s->tracks[i], &plan->tracks[i]);
		s->tracks[i].ssrc = s->ours[i].ssrc;
		s->tracks[i].rtx_ssrc = s->ours[i].rtx_ssrc;
	}
	for (unsigned i = 0, count = (unsigned)s->track_count; i < count; i++)
		add_layers(s, i, &plan->tracks[i]);
	r.tracks = s->tracks;
	r.track_count = s->track_count;
	return peer_start(s->peer, clock_now_us(), &r);
}

/* May we use this candidate? Of TCP those to which we connect (RFC 6544 s.4.5). */
static bool
is_usable(const struct client_session *s, const struct sdp_candidate *c)
{
	if (c->component > 1 || c->port == 0)
		return false;
	if (c->proto == SDP_TCP)
		return s->cfg.protocol != CLIENT_PROTOCOL_UDP && !s->cfg.relay_only &&
		       c->tcp_type == SDP_TCP_PASSIVE;
	/* TURN servers send UDP, however we come to them. */
	return s->cfg.protocol != CLIENT_PROTOCOL_TCP || s->relay != NULL;
}

static enum client_code
no_candidate(const struct client_session *s, const struct sdp_plan *plan, char *words, size_t size)
{
	size_t tcp_count = 0;

	for (size_t i = 0; i < plan->candidate_count; i++)
		tcp_count += plan->candidates[i].proto == SDP_TCP;
	if (s->cfg.relay_only) {
		text_copy(
		    words, size,
		    s->relay == NULL
			? "the answer names no TURN server, and none was given"
			: "no TURN server can be used, or no candidate of the answer with it");
		return CLIENT_TURN;
	}
	if (tcp_count > 0 && s->cfg.protocol == CLIENT_PROTOCOL_UDP) {
		text_copy(words, size, "the answer has TCP candidates only");
		return CLIENT_TCP_ONLY;
	}
	snprintf(words, size, "none of the %zu candidates in the answer can be used from here%s",
		 plan->candidate_count,
		 s->cfg.protocol == CLIENT_PROTOCOL_TCP && tcp_count == 0 ? ": they are UDP" : "");
	return CLIENT_CANDIDATE;
}

static enum client_code
pair_candidates(struct client_session *s, const struct sdp_plan *plan, char *words, size_t size)
{

	for (size_t i = 0; i < plan->candidate_count; i++) {
		const struct sdp_candidate *c = &plan->candidates[i];
		size_t length = strlen(c->address);
		struct addr a;

		if (!is_usable(s, c))
			continue;
		if (addr_parse(&a, c->address, c->port) < 0) {
			if (length < 6 || strcmp(c->address + length - 6, ".local") != 0)
				session_add_name(s, c->address, c->port, c->priority,
						 c->proto == SDP_TCP);
		} else if (c->proto == SDP_TCP) {
			session_tcp_add(s, &a, c->priority);
		} else {
			(void)session_add_address(s, &a, c->priority);
		}
	}
	session_relay_plan(s);
	if (s->pair_count + s->target_count == 0 && !session_names_pending(s) &&
	    !session_relay_hopes(s))
		return no_candidate(s, plan, words, size);
	session_tcp_plan(s);
	return CLIENT_OK;
}

static enum client_code
use_plan(struct client_session *s, const struct sdp_plan *plan, char *words, size_t size)
{
	int r = start_peer(s, plan);

	if (r == 0)
		return pair_candidates(s, plan, words, size);
	text_copy(words, size,
		  r == -EINVAL ? "the answer's credentials, fingerprint or tracks are unusable"
			       : "out of memory");
	return r == -EINVAL ? CLIENT_SDP : CLIENT_INTERNAL;
}

enum client_code
session_take_answer(struct client_session *s, const char *text, size_t size, char *words,
		    size_t words_size)
{
	struct sdp_problem problem = {SDP_NO_MEMORY, "out of memory"};
	struct sdp *answer = sdp_parse(text, size, &problem);
	struct sdp_plan *plan = calloc(1, sizeof(*plan));
	enum client_code code = CLIENT_SDP;

	if (answer != NULL && plan != NULL &&
	    sdp_negotiate_answer(plan, s->offer, answer, &problem) == 0)
		code = use_plan(s, plan, words, words_size);
	else
		text_copy(words, words_size, problem.detail);
	free(plan);
	sdp_free(answer);
	sdp_free(s->offer);
	s->offer = NULL;
	return code;
}
