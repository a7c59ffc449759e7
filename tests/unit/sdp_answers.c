/* The offers of real clients get the right answers, attribute by attribute. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../support/support.h"
#include "base/bytes.h"
#include "sdp/sdp_negotiate.h"

#define FINGERPRINT                                                                                \
	"00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:"  \
	"DD:EE:FF"

static const struct sdp_candidate candidates[] = {
    {.foundation = "1",
     .component = 1,
     .proto = SDP_UDP,
     .priority = 2130706431,
     .address = "192.0.2.1",
     .port = 8000,
     .type = SDP_HOST},
    {.foundation = "2",
     .component = 1,
     .proto = SDP_TCP,
     .priority = 1671430143,
     .address = "192.0.2.1",
     .port = 8000,
     .type = SDP_HOST,
     .tcp_type = SDP_TCP_PASSIVE},
};

static const struct sdp_local server = {
    .session_id = 42,
    .ice_lite = true,
    .ufrag = "srvU",
    .pwd = "0123456789abcdef012345",
    .fingerprint_hash = "sha-256",
    .fingerprint = FINGERPRINT,
    .cname = "cn",
    .msid_stream = "live",
    .candidate_count = 2,
    .candidates = candidates,
    .tracks = {{1000, 1001}, {2000, 0}},
};

/*
 * What an m-line of the answer says, on one line: kind, direction, payload types with "+rtx", ids
 * of extensions with their direction, feedback of the first codec, rids, ssrcs.
 */
static void
summarise(const struct sdp_media *m, char *out, size_t cap)
{
	FILE *f = fmemopen(out, cap, "w");

	assert_non_null(f);
	fprintf(f, "%s %s", m->kind_name,
		m->port == 0 ? "rejected" : sdp_direction_name(m->direction));
	for (size_t i = 0; m->port != 0 && i < m->codec_count; i++) {
		const struct sdp_codec *c = &m->codecs[i];

		if (sdp_codec_is(c, "rtx"))
			continue;
		fprintf(f, " %u", c->pt);
		if (c->rtx_pt >= 0)
			fprintf(f, "+%d", c->rtx_pt);
	}
	for (size_t i = 0; i < m->ext_count; i++)
		fprintf(f, " #%u%s", m->exts[i].id,
			m->exts[i].direction == SDP_SENDRECV   ? ""
			: m->exts[i].direction == SDP_SENDONLY ? "s"
							       : "r");
	for (uint32_t b = 1; m->codec_count > 0 && b < SDP_FB_END; b <<= 1)
		if ((m->codecs[0].fb & b) != 0)
			fprintf(f, " [%s]", sdp_fb_name((enum sdp_fb)b));
	if (m->simulcast_recv[0] != '\0')
		fprintf(f, " simulcast:%s", m->simulcast_recv);
	for (size_t i = 0; i < m->ssrc_count; i++)
		fprintf(f, " ssrc:%" PRIu32, m->ssrcs[i].ssrc);
	fclose(f);
}

static struct sdp *
load(const char *name)
{
	char path[256];
	struct sdp_problem problem;
	struct sdp *sdp;
	uint8_t *text;
	size_t size;

	snprintf(path, sizeof(path), "sdp/%s", name);
	text = support_load(path, &size);
	sdp = sdp_parse((char *)text, size, &problem);
	if (sdp == NULL)
		fail_msg("%s: %s", name, problem.detail);
	free(text);
	return sdp;
}

static struct sdp *
parse_again(const struct sdp *answer, char *text, size_t cap)
{
	struct sdp_problem problem;
	struct sdp *again;
	int n = sdp_write(answer, text, cap);

	assert_true(n > 0);
	assert_int_equal(strlen(text), n);
	assert_string_equal(text + n - 2, "\r\n");
	for (int i = 0; i < n; i++)
		assert_true(text[i] != '\n' || text[i - 1] == '\r');
	again = sdp_parse(text, (size_t)n, &problem);
	assert_non_null(again);
	assert_int_equal(again->ignored, 0);
	return again;
}

/* The codec of the offer with this payload type. */
static const struct sdp_codec *
offered_codec(const struct sdp_media *m, uint8_t pt)
{
	for (size_t i = 0; i < m->codec_count; i++)
		if (m->codecs[i].pt == pt)
			return &m->codecs[i];
	return NULL;
}

/* What holds for every accepted m-line of every answer. */
static void
check_media(const struct sdp_media *offer, const struct sdp_media *answer, const char *setup)
{
	static const char *const setups[] = {"", "actpass", "active", "passive"};

	assert_string_equal(answer->mid, offer->mid);
	assert_string_equal(answer->kind_name, offer->kind_name);
	assert_string_equal(answer->proto, offer->proto);
	assert_true(answer->direction_said);
	if (answer->port == 0)
		return;
	assert_int_equal(answer->port, 9);
	assert_string_equal(answer->transport.ufrag, "srvU");
	assert_string_equal(answer->transport.pwd, "0123456789abcdef012345");
	assert_string_equal(answer->transport.fingerprint, FINGERPRINT);
	assert_string_equal(setups[answer->transport.setup], setup);
	assert_true(answer->rtcp_mux);
	assert_int_equal(answer->rtcp_rsize, offer->rtcp_rsize);
	assert_int_equal(answer->candidate_count, 2);
	assert_string_equal(answer->candidates[0].address, "192.0.2.1");
	assert_int_equal(answer->candidates[0].proto, SDP_UDP);
	assert_int_equal(answer->candidates[1].tcp_type, SDP_TCP_PASSIVE);
	assert_true(answer->end_of_candidates);
	for (size_t i = 0; i < answer->codec_count; i++) {
		const struct sdp_codec *c = &answer->codecs[i], *o = offered_codec(offer, c->pt);

		assert_non_null(o);
		assert_true(sdp_codec_is(c, o->name));
		assert_int_equal(c->clock_rate, o->clock_rate);
		assert_int_equal(c->channels, o->channels);
		assert_string_equal(c->fmtp, o->fmtp);
		assert_int_equal(c->fb & ~o->fb, 0);
	}
	for (size_t i = 0; i < answer->ext_count; i++) {
		bool found = false;

		for (size_t k = 0; k < offer->ext_count; k++)
			found = found || (offer->exts[k].id == answer->exts[i].id &&
					  strcmp(offer->exts[k].uri, answer->exts[i].uri) == 0);
		assert_true(found);
	}
}

struct row {
	const char *file;
	enum sdp_role role;
	const char *codec; /* ?codec= */
	const char *setup, *bundle;
	const char *media[2];
};

static const struct row rows[] = {
#include "sdp_answers.inc"
};

static void
answer_row(const struct row *row)
{
	struct sdp *offer = load(row->file), *answer, *again;
	struct sdp_policy policy = {
	    .role = row->role,
	    .codec = row->codec,
	    .allow_bare = strstr(row->file, "recipe") != NULL,
	};
	struct sdp_problem problem = {.detail = ""};
	struct sdp_plan plan;
	char text[32768], line[1024];

	if (sdp_negotiate_offer(&plan, offer, &policy, &problem) < 0)
		fail_msg("%s: %s", row->file, problem.detail);
	answer = sdp_answer(offer, &plan, &server);
	assert_non_null(answer);
	again = parse_again(answer, text, sizeof(text));
	assert_true(again->ice_lite);
	assert_string_equal(again->bundle, row->bundle);
	assert_int_equal(again->media_count, 2);
	for (size_t i = 0; i < 2; i++) {
		summarise(&again->media[i], line, sizeof(line));
		if (strcmp(line, row->media[i]) != 0)
			fail_msg("%s:\n is     \"%s\"\n wanted \"%s\"", row->file, line,
				 row->media[i]);
		check_media(&offer->media[i], &again->media[i], row->setup);
	}
	assert_int_equal(plan.dtls_client, strcmp(row->setup, "active") == 0);
	sdp_free(again);
	sdp_free(answer);
	sdp_free(offer);
}

static void
clients_get_the_right_answer(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		answer_row(&rows[i]);
}

/* What the relay is told of publishers: the remote's SSRCs, RTX SSRCs and layers. */
static void
publishers_senders_are_known(void **state)
{
	static const struct {
		const char *file;
		size_t media;
		const char *senders;
	} expected[] = {
	    {"chromium-whip-offer.sdp", 0, " 1255721723+546845459"},
	    {"chromium-whip-offer.sdp", 1, " 206667221"},
	    {"chromium-simulcast-whip-offer.sdp", 0, " rid=l rid=m rid=h"},
	    {"firefox-whip-offer.sdp", 0, " 3406717014+751235373"},
	    {"firefox-simulcast-whip-offer.sdp", 0,
	     " 1133116614+3746595316 2029100199+834871546 3040674243+765807 rid=l rid=m rid=h"},
	    {"ffmpeg8-whip-offer.sdp", 1, " 1363443291"},
	    {"ffmpeg81-whip-offer.sdp", 1, " 1374200134+1374200135"},
	    {"obs-like-simulcast-whip-offer.sdp", 1, " rid=0 rid=1 rid=2"},
	    {"obs-like-simulcast-whip-offer.sdp", 0, " 2625229123"},
	    {"gst-whip-offer.sdp", 0, " 528810843"},
	    {"aiortc-whip-offer.sdp", 0, " 800304500+2356549133"},
	    {"werift-whip-offer.sdp", 0, " 318496596"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(expected); i++) {
		struct sdp *offer = load(expected[i].file);
		struct sdp_policy policy = {.role = SDP_PUBLISH};
		struct sdp_plan plan;
		const struct sdp_track *t = &plan.tracks[expected[i].media];
		char line[256] = "", *at = line;

		assert_int_equal(sdp_negotiate_offer(&plan, offer, &policy, NULL), 0);
		for (size_t k = 0; k < t->ssrc_count; k++) {
			at += sprintf(at, " %" PRIu32, t->ssrcs[k]);
			if (k < t->rtx_ssrc_count)
				at += sprintf(at, "+%" PRIu32, t->rtx_ssrcs[k]);
		}
		for (size_t k = 0; k < t->rid_count; k++)
			at += sprintf(at, " rid=%s", t->rids[k]);
		assert_string_equal(line, expected[i].senders);
		sdp_free(offer);
	}
}

/* Transport of a bundle: whose ufrag counts, role by setup, candidates. */
static void
transports_are_the_bundles(void **state)
{
	static const struct {
		const char *file, *ufrag, *pwd;
		size_t candidates;
	} expected[] = {
	    {"aiortc-whip-offer.sdp", "KhBe", "bseQXipEPU5VI8fPaXsKiY", 1},
	    {"firefox-whip-offer.sdp", "c735757a", "adba3215702ce67385fc85fbd18f8fc5", 4},
	    {"obs-like-whip-offer.sdp", "QbvL", "ZxOs8nEubsZK1dgJItuXn1", 0},
	    {"gst-whip-offer.sdp", "98tU7tAfmBPy98oM8L+1Kq30o0x02E4n",
	     "cSDFcWaHIMPw+vJlbJsLfEJItp3T0YhG", 9},
	    {"wrtc-whip-offer.sdp", "TLoS", "vwfY5g1lgWOoOT1vP3+/3ngl", 6},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(expected); i++) {
		struct sdp *offer = load(expected[i].file);
		struct sdp_policy policy = {.role = SDP_PUBLISH};
		struct sdp_plan plan;

		assert_int_equal(sdp_negotiate_offer(&plan, offer, &policy, NULL), 0);
		assert_string_equal(plan.remote.ufrag, expected[i].ufrag);
		assert_string_equal(plan.remote.pwd, expected[i].pwd);
		assert_string_equal(plan.remote.fingerprint_hash, "sha-256");
		assert_int_equal(strlen(plan.remote.fingerprint), 95);
		assert_int_equal(plan.candidate_count, expected[i].candidates);
		sdp_free(offer);
	}
}

static void
write_lines(const char *file, enum sdp_role role, char *text, size_t cap)
{
	struct sdp *offer = load(file), *answer;
	struct sdp_policy policy = {.role = role};
	struct sdp_plan plan;

	assert_int_equal(sdp_negotiate_offer(&plan, offer, &policy, NULL), 0);
	answer = sdp_answer(offer, &plan, &server);
	assert_true(sdp_write(answer, text, cap) > 0);
	sdp_free(answer);
	sdp_free(offer);
}

/* Lines whose exact spelling clients depend on. */
static void
lines_are_spelt_as_clients_read_them(void **state)
{
	static const struct {
		const char *file;
		enum sdp_role role;
		const char *line;
	} lines[] = {
	    {"obs-like-simulcast-whip-offer.sdp", SDP_PUBLISH, "\r\na=simulcast:recv 0;1;2\r\n"},
	    {"obs-like-simulcast-whip-offer.sdp", SDP_PUBLISH, "\r\na=rid:1 recv\r\n"},
	    {"chromium-simulcast-whip-offer.sdp", SDP_PUBLISH, "\r\na=simulcast:recv l;m;h\r\n"},
	    {"chromium-whip-offer.sdp", SDP_PUBLISH, "\r\na=group:BUNDLE 0 1\r\n"},
	    {"chromium-whip-offer.sdp", SDP_PUBLISH, "\r\na=ice-lite\r\n"},
	    {"chromium-whip-offer.sdp", SDP_PUBLISH, "\r\na=fmtp:109 apt=108\r\n"},
	    {"chromium-whip-offer.sdp", SDP_PUBLISH, "\r\na=extmap-allow-mixed\r\n"},
	    {"firefox-whip-offer.sdp", SDP_PUBLISH,
	     "\r\na=fmtp:109 maxplaybackrate=48000;stereo=1;useinbandfec=1\r\n"},
	    {"firefox-simulcast-whip-offer.sdp", SDP_PUBLISH,
	     "\r\na=extmap:9/recvonly urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n"},
	    {"gst-whip-offer.sdp", SDP_PUBLISH, "sprop-stereo=1"},
	    {"chromium-whep-offer.sdp", SDP_PLAY, "\r\na=ssrc-group:FID 1000 1001\r\n"},
	    {"chromium-whep-offer.sdp", SDP_PLAY, "\r\na=ssrc:1001 cname:cn\r\n"},
	    {"chromium-whep-offer.sdp", SDP_PLAY, "\r\na=ssrc:2000 msid:live audio\r\n"},
	    {"chromium-whep-offer.sdp", SDP_PLAY, "\r\na=msid:live video\r\n"},
	    {"obs-like-hevc-whip-offer.sdp", SDP_PUBLISH, "\r\na=rtpmap:96 H265/90000\r\n"},
	    {"obs-like-hevc-whip-offer.sdp", SDP_PUBLISH,
	     "\r\na=fmtp:96 profile-id=1;level-id=93;tier-flag=0;tx-mode=SRST\r\n"},
	    {"gst-like-h265-whip-offer.sdp", SDP_PUBLISH, "\r\na=rtpmap:103 H265/90000\r\n"},
	    {"gst-like-h265-whip-offer.sdp", SDP_PUBLISH,
	     "\r\na=fmtp:103 profile-id=1;tier-flag=0;level-id=120;sprop-vps="},
	    {"obs-like-av1-whip-offer.sdp", SDP_PUBLISH, "\r\na=rtpmap:96 AV1/90000\r\n"},
	    {"obs-like-av1-whip-offer.sdp", SDP_PUBLISH,
	     "\r\na=fmtp:96 profile=0;level-idx=8;tier=0\r\n"},
	    {"ffmpeg8-whip-offer.sdp", SDP_PUBLISH,
	     "\r\na=candidate:1 1 udp 2130706431 192.0.2.1 8000 typ host\r\n"
	     "a=candidate:2 1 tcp 1671430143 192.0.2.1 8000 typ host tcptype passive\r\n"
	     "a=end-of-candidates\r\n"},
	};
	char text[32768];

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(lines); i++) {
		write_lines(lines[i].file, lines[i].role, text, sizeof(text));
		if (strstr(text, lines[i].line) == NULL)
			fail_msg("%s: no \"%s\" in\n%s", lines[i].file, lines[i].line, text);
	}
}

static void
a_short_buffer_is_reported(void **state)
{
	struct sdp *offer = load("chromium-whep-offer.sdp");
	char *text = malloc(65536);
	int whole = sdp_write(offer, text, 65536);

	(void)state;
	assert_true(whole > 0);
	for (int n = 0; n <= whole; n += 97) {
		char *exact = malloc((size_t)n + 1);

		assert_true(sdp_write(offer, exact, (size_t)n) < 0);
		free(exact);
	}
	free(text);
	sdp_free(offer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(clients_get_the_right_answer),
	    cmocka_unit_test(publishers_senders_are_known),
	    cmocka_unit_test(transports_are_the_bundles),
	    cmocka_unit_test(lines_are_spelt_as_clients_read_them),
	    cmocka_unit_test(a_short_buffer_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
