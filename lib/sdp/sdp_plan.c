/* An offer becomes a plan: which m-lines, codecs and extensions are served (RFC 9429 s.5.3). */
#include "sdp/sdp_negotiate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "red/red.h"
#include "sdp/sdp_bundle.h"

/* What the relay forwards, most wanted of a publisher first. */
static const struct {
	const char *name, *alias; /* alias: the other name that ?codec= may use */
	enum sdp_kind kind;
	uint32_t clock_rate;
} forwarded[] = {
    {"H264", "avc", SDP_VIDEO, 90000},	{"VP8", "", SDP_VIDEO, 90000},
    {"VP9", "", SDP_VIDEO, 90000},	{"AV1", "", SDP_VIDEO, 90000},
    {"H265", "hevc", SDP_VIDEO, 90000}, {"opus", "", SDP_AUDIO, 48000},
    {"PCMU", "", SDP_AUDIO, 8000},	{"PCMA", "", SDP_AUDIO, 8000},
    {"G722", "", SDP_AUDIO, 8000},
};

enum { EXT_PUBLISH = 1, EXT_PLAY = 2 };

/*
 * Extensions that the relay reads from a publisher, or writes for a player (MID alone is only
 * answered there: a bundle is expected to have it, and a=ssrc lines say the same). Others would
 * cost a publisher octets that nobody reads. Without video-orientation a sender turns the picture
 * itself, and so does every player see it upright.
 */
static const struct {
	const char *uri;
	unsigned roles;
} known_exts[] = {
    {SDP_EXT_MID, EXT_PUBLISH | EXT_PLAY},
    {SDP_EXT_TRANSPORT_CC, EXT_PUBLISH | EXT_PLAY},
    {SDP_EXT_RID, EXT_PUBLISH},
    {SDP_EXT_REPAIRED_RID, EXT_PUBLISH},
    {SDP_EXT_PLAYOUT_DELAY, EXT_PLAY},
};

/* Index in forwarded[], or -1. */
static int
rank_of(const struct sdp_codec *c, enum sdp_kind kind)
{
	if (c->channels > SDP_TRACK_CHANNELS_MAX || strlen(c->fmtp) > SDP_TRACK_FMTP_MAX)
		return -1;
	for (size_t i = 0; i < ARRAY_COUNT(forwarded); i++)
		if (forwarded[i].kind == kind && forwarded[i].clock_rate == c->clock_rate &&
		    sdp_codec_is(c, forwarded[i].name))
			return (int)i;
	return -1;
}

/* Index in forwarded[] of a ?codec= value, or -1. */
static int
rank_of_filter(const char *codec)
{
	for (size_t i = 0; i < ARRAY_COUNT(forwarded); i++)
		if (strcasecmp(codec, forwarded[i].name) == 0 ||
		    (forwarded[i].alias[0] != '\0' && strcasecmp(codec, forwarded[i].alias) == 0))
			return (int)i;
	return -1;
}

/* RED (RFC 2198) of Opus alone that the section has, too; else its blocks could not be unwrapped.
 */
static bool
is_red(const struct sdp_media *m, const struct sdp_codec *c)
{
	int pt = red_fmtp_pt(c->fmtp);

	if (m->kind != SDP_AUDIO || !sdp_codec_is(c, "red") || c->clock_rate != 48000 ||
	    c->channels != 2 || strlen(c->fmtp) > SDP_TRACK_FMTP_MAX)
		return false;
	for (size_t i = 0; i < m->codec_count; i++)
		if (m->codecs[i].pt == pt && sdp_codec_is(&m->codecs[i], "opus") &&
		    rank_of(&m->codecs[i], m->kind) >= 0)
			return true;
	return false;
}

/*
 * Lower is more wanted of a publisher: the codec, then what most players can decode. RED is as
 * wanted as Opus: a browser sends it if its offer, and so the answer, has it before Opus.
 */
static unsigned
wanted_order(const struct sdp_codec *c, enum sdp_kind kind)
{
	static const struct sdp_codec baseline = {
	    .name = "H264",
	    .clock_rate = 90000,
	    .channels = 1,
	    .fmtp = "packetization-mode=1;profile-level-id=42e01f",
	};
	int rank = sdp_codec_is(c, "red") ? rank_of_filter("opus") : rank_of(c, kind);
	unsigned order = (unsigned)rank * 8;
	char text[16] = "", mode[4] = "0";

	if (!sdp_codec_is(c, "H264"))
		return order;
	sdp_fmtp_get(c->fmtp, "packetization-mode", mode, sizeof(mode));
	if (strcmp(mode, "1") != 0)
		return order + 3;
	if (!sdp_codec_matches(c, &baseline))
		return order + 2;
	/* 42e0.. and 42c0.. before plain 4200..: strict receivers tell them apart. */
	if (sdp_fmtp_get(c->fmtp, "profile-level-id", text, sizeof(text)) &&
	    strncasecmp(text, "4200", 4) == 0)
		return order + 1;
	return order;
}

/* Stable insertion by wanted_order. */
static void
sort_codecs(struct sdp_track *t)
{
	for (size_t i = 1; i < t->codec_count; i++) {
		struct sdp_codec c = t->codecs[i];
		unsigned order = wanted_order(&c, t->kind);
		size_t k = i;

		for (; k > 0 && wanted_order(&t->codecs[k - 1], t->kind) > order; k--)
			t->codecs[k] = t->codecs[k - 1];
		t->codecs[k] = c;
	}
}

static bool
has_ext(const struct sdp_track *t, const char *uri)
{
	return sdp_track_ext_id(t, uri) != 0;
}

/* The feedback that is answered: what is offered, without REMB where transport-cc works. */
static uint32_t
answered_fb(uint32_t offered, const struct sdp_track *t, const struct sdp_policy *policy)
{
	uint32_t fb = offered & (SDP_FB_NACK | SDP_FB_NACK_PLI | SDP_FB_CCM_FIR |
				 SDP_FB_TRANSPORT_CC | SDP_FB_GOOG_REMB);

	if (policy->no_twcc || !has_ext(t, SDP_EXT_TRANSPORT_CC))
		fb &= ~(uint32_t)SDP_FB_TRANSPORT_CC;
	if ((fb & SDP_FB_TRANSPORT_CC) != 0)
		fb &= ~(uint32_t)SDP_FB_GOOG_REMB;
	if (policy->no_nack)
		fb &= ~(uint32_t)SDP_FB_NACK;
	return fb;
}

static void
choose_codecs(struct sdp_track *t, const struct sdp_media *m, const struct sdp_policy *policy)
{
	int only = policy->codec != NULL ? rank_of_filter(policy->codec) : -1;
	bool filtered = only >= 0 && forwarded[only].kind == m->kind;

	for (size_t i = 0; i < m->codec_count && t->codec_count < SDP_TRACK_CODECS_MAX; i++) {
		struct sdp_codec c = m->codecs[i];
		int rank = rank_of(&c, m->kind);

		if (filtered ? rank != only : rank < 0 && !is_red(m, &c))
			continue;
		c.fb = answered_fb(c.fb, t, policy);
		if ((c.fb & SDP_FB_NACK) == 0)
			c.rtx_pt = -1;
		t->codecs[t->codec_count++] = c;
	}
	if (policy->role == SDP_PUBLISH)
		sort_codecs(t);
}

/*
 * The offered extensions that are of use, each URI once. Players: ids of the one-byte form only,
 * since the relay writes a block of fixed size.
 */
static void
choose_exts(struct sdp_track *t, const struct sdp_media *m, const struct sdp_policy *policy)
{
	unsigned role = policy->role == SDP_PUBLISH ? EXT_PUBLISH : EXT_PLAY;
	enum sdp_direction needed = policy->role == SDP_PUBLISH ? SDP_SENDONLY : SDP_RECVONLY;

	for (size_t i = 0; i < ARRAY_COUNT(known_exts); i++) {
		if ((known_exts[i].roles & role) == 0 ||
		    (policy->no_twcc && strcmp(known_exts[i].uri, SDP_EXT_TRANSPORT_CC) == 0))
			continue;
		for (size_t k = 0; k < m->ext_count && t->ext_count < SDP_TRACK_EXTS_MAX; k++) {
			struct sdp_ext e = m->exts[k];

			if (strcmp(e.uri, known_exts[i].uri) != 0 || has_ext(t, e.uri) ||
			    (e.direction & needed) == 0 || e.id > (role == EXT_PLAY ? 14 : 255))
				continue;
			e.direction = sdp_direction_reverse(e.direction);
			t->exts[t->ext_count++] = e;
		}
	}
}

void
sdp_track_init(struct sdp_track *t, const struct sdp_media *m, size_t index)
{
	memset(t, 0, sizeof(*t));
	t->kind = m->kind;
	t->direction = SDP_INACTIVE;
	snprintf(t->index_text, sizeof(t->index_text), "%zu", index);
	t->mid = m->mid;
}

static bool
may_accept(const struct sdp *offer, const struct sdp_media *m)
{
	if (m->kind == SDP_OTHER || strstr(m->proto, "RTP/") == NULL)
		return false;
	if (m->port == 0 && !m->bundle_only)
		return false;
	return !offer->has_bundle || sdp_in_bundle(offer->bundle, m->mid);
}

static void
plan_track(struct sdp_track *t, const struct sdp *offer, size_t index,
	   const struct sdp_policy *policy, bool kinds_taken[static 2])
{
	const struct sdp_media *m = &offer->media[index];
	enum sdp_direction needed = policy->role == SDP_PUBLISH ? SDP_SENDONLY : SDP_RECVONLY;

	sdp_track_init(t, m, index);
	if (!may_accept(offer, m) || kinds_taken[m->kind])
		return;
	choose_exts(t, m, policy);
	choose_codecs(t, m, policy);
	if (t->codec_count == 0)
		return;
	t->accepted = true;
	if ((m->direction & needed) == 0)
		return;
	kinds_taken[m->kind] = true;
	t->direction = sdp_direction_reverse(needed);
	if (policy->role == SDP_PUBLISH) {
		sdp_track_take_rids(t, m, m->simulcast_send, SDP_SENDONLY);
		if (t->rid_count == 0)
			sdp_track_take_layers(t, m);
		sdp_track_take_ssrcs(t, m);
	}
}

/* The names of the codecs offered, for people. */
static void
list_codecs(const struct sdp *offer, char *out, size_t cap)
{
	size_t size = 0;

	out[0] = '\0';
	for (size_t i = 0; i < offer->media_count; i++)
		for (size_t k = 0; k < offer->media[i].codec_count; k++) {
			const char *name = offer->media[i].codecs[k].name;

			if (name[0] == '\0' || strcasecmp(name, "rtx") == 0 ||
			    strcasestr(out, name) != NULL || size + strlen(name) + 3 > cap)
				continue;
			size += (size_t)snprintf(out + size, cap - size, "%s%s",
						 size > 0 ? ", " : "", name);
		}
}

/* A codec was asked for, a section of its kind could be served without it, and none is with it. */
static bool
filter_emptied(const struct sdp_plan *plan, const struct sdp *offer,
	       const struct sdp_policy *policy)
{
	int only = policy->codec != NULL ? rank_of_filter(policy->codec) : -1;
	bool had = false;

	for (size_t i = 0; only >= 0 && i < plan->track_count; i++) {
		const struct sdp_media *m = &offer->media[i];

		if (m->kind != forwarded[only].kind)
			continue;
		if (plan->tracks[i].accepted)
			return false;
		for (size_t k = 0; k < m->codec_count && may_accept(offer, m); k++)
			had = had || rank_of(&m->codecs[k], m->kind) >= 0;
	}
	return had;
}

/* Why no track came out of it. */
static int
explain_no_track(const struct sdp_plan *plan, const struct sdp *offer,
		 const struct sdp_policy *policy, struct sdp_problem *problem)
{
	bool publish = policy->role == SDP_PUBLISH;
	char names[100];

	for (size_t i = 0; i < plan->track_count && !filter_emptied(plan, offer, policy); i++)
		if (plan->tracks[i].accepted) {
			sdp_problem_set(
			    problem, SDP_UNSUPPORTED,
			    publish
				? "no media section of the offer sends: a publisher says a=sendonly"
				: "no media section of the offer receives: a player says "
				  "a=recvonly");
			return -EPROTO;
		}
	list_codecs(offer, names, sizeof(names));
	if (names[0] == '\0')
		sdp_problem_set(problem, SDP_UNSUPPORTED,
				"the offer has no audio or video section that can be served");
	else if (policy->codec != NULL)
		sdp_problem_set(problem, SDP_NO_CODEC,
				"codec=%.16s leaves nothing of the codecs offered (%s)",
				policy->codec, names);
	else
		sdp_problem_set(problem, SDP_NO_CODEC,
				"none of the codecs offered (%s) can be forwarded: "
				"use H264, VP8, VP9, AV1 or H265, and opus, PCMU, PCMA or G722",
				names);
	return -EPROTO;
}

static int
check_codec_filter(const struct sdp_policy *policy, struct sdp_problem *problem)
{
	if (policy->codec == NULL || rank_of_filter(policy->codec) >= 0)
		return 0;
	sdp_problem_set(problem, SDP_UNSUPPORTED,
			"the codec asked for is unknown: use h264, hevc, av1, vp8, vp9, opus, "
			"pcmu, pcma or g722");
	return -EPROTO;
}

/* RFC 9725 s.4.4.2: of more tracks of a kind than one is served, none is. A player's are let go. */
static int
check_one_of_kind(const struct sdp *offer, const struct sdp_policy *policy,
		  struct sdp_problem *problem)
{
	unsigned sent[2] = {0, 0};

	for (size_t i = 0; i < offer->media_count && policy->role == SDP_PUBLISH; i++) {
		const struct sdp_media *m = &offer->media[i];

		if (!may_accept(offer, m) || (m->direction & SDP_SENDONLY) == 0 ||
		    ++sent[m->kind] == 1)
			continue;
		sdp_problem_set(problem, SDP_UNSUPPORTED,
				"the offer sends more than one %s track: publish the others as "
				"streams of their own",
				m->kind_name);
		return -EPROTO;
	}
	return 0;
}

int
sdp_negotiate_offer(struct sdp_plan *plan, const struct sdp *offer, const struct sdp_policy *policy,
		    struct sdp_problem *problem)
{
	struct sdp_plan p;
	bool taken[2] = {false, false}, active = false;
	int r = check_codec_filter(policy, problem);

	if (r == 0)
		r = check_one_of_kind(offer, policy, problem);
	if (r < 0)
		return r;
	memset(&p, 0, sizeof(p));
	p.track_count = offer->media_count;
	for (size_t i = 0; i < offer->media_count; i++) {
		plan_track(&p.tracks[i], offer, i, policy, taken);
		active = active || p.tracks[i].direction != SDP_INACTIVE;
	}
	if (!active || filter_emptied(&p, offer, policy))
		return explain_no_track(&p, offer, policy, problem);
	r = sdp_plan_transport(&p, offer, policy->allow_bare, problem);
	if (r < 0)
		return r;
	if (offer->ice_lite && !policy->allow_bare) {
		sdp_problem_set(problem, SDP_UNSUPPORTED,
				"the offer says a=ice-lite, and so does this "
				"server: one side must run full ICE");
		return -EPROTO;
	}
	p.dtls_client = p.remote.setup == SDP_PASSIVE ||
			(policy->prefer_client && p.remote.setup != SDP_ACTIVE);
	*plan = p;
	sdp_plan_own_mids(plan);
	return 0;
}

uint16_t
sdp_track_ext_id(const struct sdp_track *t, const char *uri)
{
	for (size_t i = 0; i < t->ext_count; i++)
		if (strcmp(t->exts[i].uri, uri) == 0)
			return t->exts[i].id;
	return 0;
}
