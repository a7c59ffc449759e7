#include "doctor/doctor_sdp.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/text.h"

enum { UFRAG_MIN = 4, PWD_MIN = 22 }; /* RFC 8839 s.5.4 */

static bool
is_page(const char *body, size_t size)
{
	static const char *const heads[] = {"<!doctype", "<html", "<head", "<?xml", "<body"};

	while (size > 0 && isspace((unsigned char)*body))
		body++, size--;
	for (size_t i = 0; i < ARRAY_COUNT(heads); i++)
		if (size >= strlen(heads[i]) && strncasecmp(body, heads[i], strlen(heads[i])) == 0)
			return true;
	return false;
}

static struct sdp *
read_body(struct doctor_finding *f, const char *body, size_t size)
{
	struct sdp_problem problem = {SDP_NO_MEMORY, "out of memory"};
	struct sdp *sdp;

	if (size == 0) {
		doctor_say(f, "the answer has no body");
		doctor_blame(f, DOCTOR_SDP_EMPTY);
		return NULL;
	}
	if (is_page(body, size)) {
		doctor_say(f, "a web page of %zu octets in place of SDP", size);
		doctor_blame(f, DOCTOR_SDP_HTML);
		return NULL;
	}
	sdp = sdp_parse(body, size, &problem);
	if (sdp == NULL) {
		doctor_say(f, "%s", problem.detail);
		doctor_blame(f, size > 2 && memcmp(body, "v=", 2) == 0 ? DOCTOR_SDP_LINE
								       : DOCTOR_SDP_MALFORMED);
	}
	return sdp;
}

/* ---- sections ---- */

static bool
is_active(const struct sdp_media *m)
{
	return (m->port != 0 || m->bundle_only) && m->direction != SDP_INACTIVE;
}

/* Has the section a codec that the offer's has too? */
static bool
agrees(const struct sdp_media *offered, const struct sdp_media *answered)
{
	for (size_t i = 0; i < answered->codec_count; i++)
		for (size_t k = 0; k < offered->codec_count; k++)
			if (offered->codecs[k].pt == answered->codecs[i].pt &&
			    sdp_codec_is(&offered->codecs[k], answered->codecs[i].name) &&
			    !sdp_codec_is(&offered->codecs[k], "rtx"))
				return true;
	return false;
}

static void
say_section(struct doctor_finding *f, const struct sdp_media *m)
{
	const struct sdp_codec *c = m->codec_count > 0 ? &m->codecs[0] : NULL;
	char profile[16] = "";

	if (c != NULL && sdp_codec_is(c, "H264"))
		sdp_fmtp_get(c->fmtp, "profile-level-id", profile, sizeof(profile));
	doctor_say(f, "mid %.16s %.16s %s %.16s%s%s", m->mid[0] != '\0' ? m->mid : "(none)",
		   m->kind_name, sdp_direction_name(m->direction), c != NULL ? c->name : "no codec",
		   profile[0] != '\0' ? " " : "", profile);
}

static void
judge_section(struct doctor_finding *f, const struct sdp_media *offered, const struct sdp_media *m,
	      unsigned *taken)
{
	if (offered != NULL && m->mid[0] != '\0' && strcmp(m->mid, offered->mid) != 0) {
		doctor_say(f, "mid %.16s was offered, %.16s answered", offered->mid, m->mid);
		doctor_blame(f, DOCTOR_SDP_MIDS);
	}
	if (offered != NULL && f->as == DOCTOR_OBS && m->mid[0] == '\0')
		doctor_blame(f, DOCTOR_SDP_MIDS);
	if (m->port == 0 && !m->bundle_only) {
		doctor_say(f, "%.16s is refused", m->kind_name);
		return;
	}
	if (!m->direction_said)
		doctor_blame(f, DOCTOR_SDP_DIRECTION);
	if (offered != NULL && !agrees(offered, m)) {
		say_section(f, m);
		doctor_blame(f, DOCTOR_SDP_HALF);
		return;
	}
	say_section(f, m);
	*taken += is_active(m);
}

static void
judge_sections(struct doctor_finding *f, const struct sdp *offer, const struct sdp *answer)
{
	unsigned taken = 0, active = 0;

	if (offer != NULL && answer->media_count != offer->media_count) {
		doctor_say(f, "%zu m-lines answered of %zu", answer->media_count,
			   offer->media_count);
		doctor_blame(f, DOCTOR_SDP_SECTIONS);
		return;
	}
	for (size_t i = 0; i < answer->media_count; i++) {
		judge_section(f, offer != NULL ? &offer->media[i] : NULL, &answer->media[i],
			      &taken);
		active += is_active(&answer->media[i]);
	}
	if (taken == 0)
		doctor_blame(f, active > 0 || answer->media_count == 0 ? DOCTOR_SDP_CODEC
								       : DOCTOR_SDP_INACTIVE);
	else if (taken < answer->media_count)
		doctor_blame(f, DOCTOR_SDP_HALF);
}

/* ---- transport ---- */

static const struct sdp_media *
first_active(const struct sdp *answer)
{
	for (size_t i = 0; i < answer->media_count; i++)
		if (is_active(&answer->media[i]))
			return &answer->media[i];
	return answer->media_count > 0 ? &answer->media[0] : NULL;
}

static void
judge_ice(struct doctor_finding *f, const struct sdp *answer, const struct sdp_transport *t)
{
	size_t ufrag = strlen(t->ufrag), pwd = strlen(t->pwd);

	if (ufrag < UFRAG_MIN || pwd < PWD_MIN) {
		doctor_say(f, "ice-ufrag of %zu and ice-pwd of %zu characters", ufrag, pwd);
		doctor_blame(f, DOCTOR_SDP_ICE);
	} else {
		doctor_say(f, "ice-%s, ufrag %.12s", answer->ice_lite ? "lite" : "full", t->ufrag);
	}
}

static void
judge_dtls(struct doctor_finding *f, bool offer_known, const struct sdp_transport *t)
{
	static const char *const setups[] = {[SDP_SETUP_NONE] = "absent",
					     [SDP_ACTPASS] = "actpass",
					     [SDP_ACTIVE] = "active",
					     [SDP_PASSIVE] = "passive"};

	doctor_say(f, "setup %s", setups[t->setup]);
	if (t->fingerprint[0] == '\0') {
		doctor_say(f, "no fingerprint");
		doctor_blame(f, DOCTOR_SDP_FINGERPRINT);
	} else {
		doctor_say(f, "fingerprint %.12s", t->fingerprint_hash);
		if (strncasecmp(t->fingerprint_hash, "sha-", 4) != 0 ||
		    strcasecmp(t->fingerprint_hash, "sha-1") == 0)
			doctor_blame(f, DOCTOR_SDP_HASH);
	}
	if (t->setup != SDP_ACTIVE && t->setup != SDP_PASSIVE && offer_known)
		doctor_blame(f, DOCTOR_SDP_SETUP);
}

/* Is the mid one of the group's words? */
static bool
in_bundle(const struct sdp *sdp, const char *mid)
{
	size_t size = strlen(mid);

	for (const char *p = sdp->bundle; *p != '\0'; p += strspn(p, " ")) {
		size_t word = strcspn(p, " ");

		if (word == size && strncmp(p, mid, size) == 0)
			return true;
		p += word;
	}
	return false;
}

static void
judge_bundle(struct doctor_finding *f, const struct sdp *answer)
{
	unsigned outside = 0, unmuxed = 0, active = 0;

	for (size_t i = 0; i < answer->media_count; i++) {
		const struct sdp_media *m = &answer->media[i];

		if (!is_active(m))
			continue;
		active++;
		outside += !in_bundle(answer, m->mid);
		unmuxed += !m->rtcp_mux;
	}
	if (unmuxed > 0 || (active > 1 && outside > 0)) {
		doctor_say(f, "%s", unmuxed > 0 ? "no rtcp-mux" : "not bundled");
		doctor_blame(f, DOCTOR_SDP_BUNDLE);
	}
}

struct sdp *
doctor_sdp_judge(struct doctor_finding *f, const struct sdp *offer, const char *body, size_t size)
{
	struct sdp *answer = read_body(f, body, size);
	const struct sdp_media *m;

	if (answer == NULL)
		return NULL;
	judge_sections(f, offer, answer);
	m = first_active(answer);
	if (m == NULL)
		return answer;
	judge_ice(f, answer, &m->transport);
	judge_dtls(f, offer != NULL, &m->transport);
	judge_bundle(f, answer);
	return answer;
}
