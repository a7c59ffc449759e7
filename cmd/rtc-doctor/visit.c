#include "visit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/text.h"
#include "client/plan.h"

/* ---- what the peer tells ---- */

static void
on_connected(void *arg, const struct peer_info *info)
{
	struct visit *v = arg;
	struct media_words words = {""};

	addr_format(&info->path.remote, v->name);
	printf("%s connected, %s, %s\n", v->name, info->dtls_version, info->profile_name);
	if (v->sends && card_init(&v->card, v->plan, clock_now_us(), &words) < 0)
		printf("%s gets no picture: %s\n", v->name, words.text);
	fflush(stdout);
}

static void
on_failed(void *arg, enum peer_stage stage, const char *words)
{
	struct visit *v = arg;

	(void)stage;
	printf("%s %s\n", v->name[0] != '\0' ? v->name : "a session:", words);
	fflush(stdout);
	v->over = true;
}

static void
on_closed(void *arg, const char *words)
{
	(void)words;
	on_failed(arg, PEER_STAGE_MEDIA, "has left");
}

static void
on_packet(void *arg, const struct peer_packet *packet)
{
	struct visit *v = arg;

	(void)packet;
	v->packets++;
}

static void
on_keyframe(void *arg, unsigned track)
{
	struct visit *v = arg;

	(void)track;
	card_keyframe(&v->card);
}

static const struct peer_events events = {
    .connected = on_connected,
    .failed = on_failed,
    .closed = on_closed,
    .packet = on_packet,
    .keyframe = on_keyframe,
};

/* ---- the beginning ---- */

static int
start_peer(struct visit *v, struct dtls_ctx *dtls, struct sdp_local *local)
{
	uint64_t now_us = clock_now_us();
	const struct peer_config config = {.dtls = dtls,
					   .events = &events,
					   .arg = v,
					   .ice = PEER_ICE_LITE,
					   .seed = random_u64(),
					   .ntp_base = clock_ntp() - clock_us_to_ntp(now_us)};
	size_t count = MIN_OF(v->plan->track_count, (size_t)PEER_TRACKS_MAX);
	struct peer_track *tracks = calloc(PEER_TRACKS_MAX, sizeof(*tracks));
	struct peer_remote r;
	int error = -ENOMEM;

	v->peer = tracks != NULL ? peer_new(&config, now_us) : NULL;
	if (v->peer != NULL)
		error = client_plan_remote(&r, v->plan);
	for (size_t i = 0; error == 0 && i < count; i++) {
		client_plan_track(&tracks[i], &v->plan->tracks[i]);
		if ((tracks[i].direction & PEER_SEND) != 0)
			local->tracks[i].ssrc = tracks[i].ssrc = random_u32() | 1;
	}
	r.tracks = tracks;
	r.track_count = count;
	if (error == 0)
		error = peer_start(v->peer, now_us, &r);
	free(tracks);
	return error;
}

static int
write_answer(struct visit *v, struct dtls_ctx *dtls, struct sdp_local *local,
	     const struct whip_candidates *candidates, char *out, size_t cap)
{
	const struct ice_creds *ice = peer_local(v->peer);
	struct sdp *answer;
	int r = -ENOMEM;

	local->session_id = random_u64();
	local->ice_lite = true;
	local->ufrag = ice->ufrag;
	local->pwd = ice->pwd;
	local->fingerprint_hash = "sha-256";
	local->fingerprint = dtls_ctx_fingerprint(dtls);
	local->cname = "rtc-doctor";
	local->candidate_count = candidates->count;
	local->candidates = candidates->list;
	answer = sdp_answer(v->offer, v->plan, local);
	if (answer != NULL)
		r = sdp_write(answer, out, cap) > 0 ? 0 : -ENOMEM;
	sdp_free(answer);
	return r;
}

static int
negotiate(struct visit *v, const char *offer, size_t size, bool play, struct sdp_problem *problem)
{
	const struct sdp_policy policy = {.role = play ? SDP_PLAY : SDP_PUBLISH};

	v->offer = sdp_parse(offer, size, problem);
	v->plan = calloc(1, sizeof(*v->plan));
	if (v->plan == NULL)
		return -ENOMEM;
	if (v->offer == NULL)
		return -EPROTO;
	return sdp_negotiate_offer(v->plan, v->offer, &policy, problem);
}

int
visit_begin(struct visit *v, struct dtls_ctx *dtls, const char *offer, size_t size, bool play,
	    const struct whip_candidates *candidates, char *out, size_t cap,
	    struct sdp_problem *problem)
{
	struct sdp_local *local = calloc(1, sizeof(*local));
	int r;

	memset(v, 0, sizeof(*v));
	r = local != NULL ? negotiate(v, offer, size, play, problem) : -ENOMEM;
	if (r == 0)
		r = start_peer(v, dtls, local);
	if (r == 0)
		r = write_answer(v, dtls, local, candidates, out, cap);
	free(local);
	v->sends = play;
	random_text(v->secret, VISIT_SECRET_COUNT);
	if (r < 0)
		visit_end(v);
	return r;
}

void
visit_end(struct visit *v)
{
	if (v->peer != NULL && v->name[0] != '\0' && !v->sends)
		printf("%s sent %ju packets\n", v->name, (uintmax_t)v->packets);
	fflush(stdout);
	peer_free(v->peer);
	card_fini(&v->card);
	free(v->plan);
	sdp_free(v->offer);
	memset(v, 0, sizeof(*v));
}

/* ---- time ---- */

static bool
is_sending(const struct visit *v)
{
	return v->card.source != NULL && peer_state(v->peer) == PEER_CONNECTED;
}

void
visit_timeout(struct visit *v, uint64_t now_us)
{
	peer_timeout(v->peer, now_us);
	if (is_sending(v))
		card_send(&v->card, v->peer, now_us);
}

uint64_t
visit_deadline(const struct visit *v)
{
	uint64_t at_us = peer_deadline(v->peer);

	return is_sending(v) ? MIN_OF(at_us, card_due_us(&v->card)) : at_us;
}
