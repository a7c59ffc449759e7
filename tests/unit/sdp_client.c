/* Our own offers, answered by our own server half and by answers of others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "../support/offer.h"
#include "base/bytes.h"
#include "sdp/sdp_negotiate.h"

static const struct sdp_local client = {
    .session_id = 7,
    .ufrag = "clie",
    .pwd = "clientpasswordclientpas",
    .fingerprint_hash = "sha-256",
    .fingerprint = PRINT,
    .cname = "me",
    .tracks = {{111, 0}, {222, 223}},
};

static const struct sdp_candidate host = {
    .foundation = "1",
    .component = 1,
    .priority = 2130706431,
    .address = "192.0.2.9",
    .port = 8000,
};

static const struct sdp_local server = {
    .session_id = 8,
    .ice_lite = true,
    .ufrag = "serv",
    .pwd = "serverpasswordserverpas",
    .fingerprint_hash = "sha-256",
    .fingerprint = PRINT,
    .cname = "srv",
    .candidate_count = 1,
    .candidates = &host,
    .tracks = {{1000, 0}, {2000, 2001}},
};

static struct sdp *
make_offer(enum sdp_direction direction)
{
	struct sdp_codec audio[8], video[16];
	struct sdp_ext exts[4];
	struct sdp_offer_track tracks[2] = {
	    {.kind = SDP_AUDIO, .direction = direction, .codecs = audio, .exts = exts},
	    {.kind = SDP_VIDEO, .direction = direction, .codecs = video, .exts = exts},
	};
	static char text[16384];
	struct sdp *made, *read;
	int n;

	tracks[0].codec_count = sdp_default_codecs(SDP_AUDIO, true, audio, ARRAY_COUNT(audio));
	tracks[1].codec_count = sdp_default_codecs(SDP_VIDEO, true, video, ARRAY_COUNT(video));
	tracks[0].ext_count = tracks[1].ext_count = sdp_default_exts(true, exts, ARRAY_COUNT(exts));
	made = sdp_offer(&client, tracks, 2);
	assert_non_null(made);
	n = sdp_write(made, text, sizeof(text));
	assert_true(n > 0);
	sdp_free(made);
	read = sdp_parse(text, (size_t)n, NULL);
	assert_non_null(read);
	assert_int_equal(read->ignored, 0);
	return read;
}

static struct sdp *
make_answer(const struct sdp *offer, enum sdp_role role, struct sdp_plan *plan)
{
	struct sdp_policy policy = {.role = role};
	struct sdp_problem problem = {.detail = ""};
	static char text[16384];
	struct sdp *made, *read;
	int n;

	if (sdp_negotiate_offer(plan, offer, &policy, &problem) < 0)
		fail_msg("%s", problem.detail);
	made = sdp_answer(offer, plan, &server);
	n = sdp_write(made, text, sizeof(text));
	assert_true(n > 0);
	sdp_free(made);
	read = sdp_parse(text, (size_t)n, NULL);
	assert_non_null(read);
	return read;
}

static void
both_halves_agree_on_playing(void **state)
{
	struct sdp *offer = make_offer(SDP_RECVONLY), *answer;
	struct sdp_plan served, plan;

	(void)state;
	assert_string_equal(offer->bundle, "0 1");
	assert_int_equal(offer->media[0].transport.setup, SDP_ACTPASS);
	answer = make_answer(offer, SDP_PLAY, &served);
	assert_int_equal(sdp_negotiate_answer(&plan, offer, answer, NULL), 0);
	assert_true(plan.remote_lite);
	assert_true(plan.dtls_client);
	assert_false(served.dtls_client);
	assert_string_equal(plan.remote.ufrag, "serv");
	assert_string_equal(served.remote.ufrag, "clie");
	assert_string_equal(plan.remote.fingerprint, PRINT);
	assert_int_equal(plan.candidate_count, 1);
	assert_string_equal(plan.candidates[0].address, "192.0.2.9");
	assert_int_equal(plan.tracks[1].direction, SDP_RECVONLY);
	assert_int_equal(served.tracks[1].direction, SDP_SENDONLY);
	assert_int_equal(plan.tracks[1].codec_count, served.tracks[1].codec_count);
	assert_int_equal(plan.tracks[1].codec_count, 8);
	assert_int_equal(plan.tracks[1].codecs[0].pt, 102);
	assert_int_equal(plan.tracks[1].codecs[0].rtx_pt, 103);
	assert_true((plan.tracks[1].codecs[0].fb & SDP_FB_TRANSPORT_CC) != 0);
	assert_int_equal(plan.tracks[1].ssrcs[0], 2000);
	assert_int_equal(plan.tracks[1].rtx_ssrcs[0], 2001);
	assert_int_equal(plan.tracks[0].ssrcs[0], 1000);
	assert_int_equal(plan.tracks[0].rtx_ssrc_count, 0);
	assert_int_equal(sdp_track_ext_id(&plan.tracks[1], SDP_EXT_MID), 1);
	assert_int_equal(sdp_track_ext_id(&plan.tracks[1], SDP_EXT_TRANSPORT_CC), 3);
	assert_int_equal(sdp_track_ext_id(&plan.tracks[1], SDP_EXT_RID), 0);
	sdp_free(answer);
	sdp_free(offer);
}

static void
both_halves_agree_on_publishing(void **state)
{
	struct sdp *offer = make_offer(SDP_SENDONLY), *answer;
	struct sdp_plan served, plan;

	(void)state;
	answer = make_answer(offer, SDP_PUBLISH, &served);
	assert_int_equal(sdp_negotiate_answer(&plan, offer, answer, NULL), 0);
	assert_int_equal(plan.tracks[1].direction, SDP_SENDONLY);
	assert_int_equal(served.tracks[1].ssrcs[0], 222);
	assert_int_equal(served.tracks[1].rtx_ssrcs[0], 223);
	assert_int_equal(plan.tracks[0].codecs[0].pt, 111);
	assert_string_equal(plan.tracks[0].mid, "0");
	sdp_free(answer);
	sdp_free(offer);
}

#define TRANSPORT                                                                                  \
	"a=ice-ufrag:serv\r\na=ice-pwd:serverpasswordserverpas\r\na=fingerprint:sha-256 " PRINT    \
	"\r\n"

/* Answers of others, with what comes of them. */
static void
answers_of_others(void **state)
{
	static const struct {
		const char *text, *words; /* words NULL: it is taken */
		bool dtls_client;
		const char *outcome; /* r receives, s sends, . inactive, - rejected */
	} rows[] = {
	    {"v=0\r\na=group:BUNDLE 0 1\r\n" TRANSPORT
	     "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n"
	     "a=setup:passive\r\na=sendonly\r\na=rtcp-mux\r\na=rtpmap:111 OPUS/48000/2\r\n"
	     "m=video 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:1\r\n",
	     NULL, true, "r-"},
	    {"v=0\r\na=group:BUNDLE 0 1\r\n" TRANSPORT
	     "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n"
	     "a=setup:active\r\na=inactive\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n"
	     "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\na=mid:1\r\na=sendrecv\r\na=rtcp-mux\r\n"
	     "a=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n",
	     NULL, false, ".r"},
	    {"v=0\r\n" TRANSPORT "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n", "1 media sections", false,
	     ""},
	    {"v=0\r\n" TRANSPORT
	     "m=audio 0 UDP/TLS/RTP/SAVPF 111\r\nm=video 0 UDP/TLS/RTP/SAVPF 96\r\n",
	     "accepts no media section", false, ""},
	    {"v=0\r\na=ice-ufrag:serv\r\na=ice-pwd:serverpasswordserverpas\r\n"
	     "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-mux\r\n"
	     "m=video 0 UDP/TLS/RTP/SAVPF 0\r\n",
	     "no a=fingerprint line", false, ""},
	    {"v=0\r\n" TRANSPORT "m=audio 9 UDP/TLS/RTP/SAVPF 99\r\na=rtpmap:99 opus/48000/2\r\n"
	     "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 H264/90000\r\n",
	     "accepts no media section", false, ""},
	    {"v=0\r\n" TRANSPORT "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:q0\r\n"
	     "a=setup:passive\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n"
	     "m=video 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:1\r\n",
	     "a=mid:q0 where the offer has 0", false, ""},
	    {"v=0\r\n" TRANSPORT "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=setup:actpass\r\n"
	     "a=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\nm=video 0 UDP/TLS/RTP/SAVPF 0\r\n",
	     "neither active nor passive", false, ""},
	    {"v=0\r\n" TRANSPORT "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtcp-mux\r\n"
	     "a=rtpmap:111 opus/48000/2\r\nm=video 0 UDP/TLS/RTP/SAVPF 0\r\n",
	     "neither active nor passive", false, ""},
	};
	struct sdp *offer = make_offer(SDP_RECVONLY);

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct sdp *answer = sdp_parse(rows[i].text, strlen(rows[i].text), NULL);
		struct sdp_problem problem = {.detail = ""};
		struct sdp_plan plan;
		char got[3] = "";
		int r;

		assert_non_null(answer);
		r = sdp_negotiate_answer(&plan, offer, answer, &problem);
		if (rows[i].words != NULL) {
			assert_int_equal(r, -EPROTO);
			if (strstr(problem.detail, rows[i].words) == NULL)
				fail_msg("row %zu: %s", i, problem.detail);
			sdp_free(answer);
			continue;
		}
		if (r < 0)
			fail_msg("row %zu: %s", i, problem.detail);
		assert_int_equal(plan.dtls_client, rows[i].dtls_client);
		for (size_t k = 0; k < 2; k++)
			got[k] = !plan.tracks[k].accepted ? '-' : ".srb"[plan.tracks[k].direction];
		assert_string_equal(got, rows[i].outcome);
		sdp_free(answer);
	}
	sdp_free(offer);
}

/* Layers are offered by name, without SSRCs, and those that the answer names are agreed. */
static void
simulcast_layers(void **state)
{
	static const char *const rids[] = {"f", "h", "q"};
	struct sdp_codec video[1];
	struct sdp_ext exts[2] = {{.id = 1, .direction = SDP_SENDRECV, .uri = SDP_EXT_MID},
				  {.id = 10, .direction = SDP_SENDRECV, .uri = SDP_EXT_RID}};
	struct sdp_offer_track track = {.kind = SDP_VIDEO,
					.direction = SDP_SENDONLY,
					.codec_count = 1,
					.codecs = video,
					.ext_count = 2,
					.exts = exts,
					.rids = rids,
					.rid_count = 3};
	static char text[16384];
	struct sdp *offer, *read, *answer;
	struct sdp_plan served, plan;
	int n;

	(void)state;
	sdp_default_codecs(SDP_VIDEO, true, video, 1);
	offer = sdp_offer(&client, &track, 1);
	n = sdp_write(offer, text, sizeof(text));
	assert_true(n > 0);
	assert_non_null(strstr(text, "a=simulcast:send f;h;q\r\n"));
	assert_non_null(strstr(text, "a=rid:h send\r\n"));
	assert_null(strstr(text, "a=ssrc"));
	read = sdp_parse(text, (size_t)n, NULL);
	answer = make_answer(read, SDP_PUBLISH, &served);
	assert_int_equal(served.tracks[0].rid_count, 3);
	assert_int_equal(sdp_negotiate_answer(&plan, offer, answer, NULL), 0);
	assert_int_equal(plan.tracks[0].rid_count, 3);
	assert_string_equal(plan.tracks[0].rids[2], "q");
	assert_int_equal(sdp_track_ext_id(&plan.tracks[0], SDP_EXT_RID), 10);
	/* A server that takes two of them, and one that knows none. */
	answer->media[0].simulcast_recv = "f;q";
	assert_int_equal(sdp_negotiate_answer(&plan, offer, answer, NULL), 0);
	assert_int_equal(plan.tracks[0].rid_count, 2);
	assert_string_equal(plan.tracks[0].rids[1], "q");
	answer->media[0].simulcast_recv = "";
	assert_int_equal(sdp_negotiate_answer(&plan, offer, answer, NULL), 0);
	assert_int_equal(plan.tracks[0].rid_count, 0);
	sdp_free(offer);
	sdp_free(read);
	sdp_free(answer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(both_halves_agree_on_playing),
	    cmocka_unit_test(both_halves_agree_on_publishing),
	    cmocka_unit_test(simulcast_layers),
	    cmocka_unit_test(answers_of_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
