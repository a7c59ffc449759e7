/* What becomes of an offer's layers and of its transport. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "../support/offer.h"
#include "base/bytes.h"
#include "sdp/sdp_negotiate.h"

/* The plan of an offer whose video section has these lines too; it borrows from what is returned.
 */
static struct sdp *
plan_of_video(const char *lines, struct sdp_plan *plan)
{
	static const struct sdp_policy policy = {.role = SDP_PUBLISH};
	char text[2048];
	struct sdp *sdp;

	snprintf(text, sizeof(text),
		 "%sm=video 9 UDP/TLS/RTP/SAVPF 96 97\r\na=mid:0\r\na=rtcp-mux\r\na=sendonly\r\n"
		 "a=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n%s",
		 HEAD, lines);
	sdp = sdp_parse(text, strlen(text), NULL);
	assert_non_null(sdp);
	assert_int_equal(sdp_negotiate_offer(plan, sdp, &policy, NULL), 0);
	return sdp;
}

/* Layers as they are answered: those with a rid line of the sender, each once, in its order. */
static void
layers_are_taken_once(void **state)
{
	static const struct {
		const char *lines, *taken;
	} rows[] = {
	    {"a=rid:0 send\r\na=rid:1 send\r\na=rid:2 send\r\na=simulcast:send 0;1;2\r\n", "0;1;2"},
	    {"a=simulcast:send h;l\r\na=rid:l send\r\na=rid:h send max-br=5\r\n", "h;l"},
	    {"a=rid:0 send\r\na=rid:1 send\r\na=simulcast:send ~0;1,0\r\n", "0;1"},
	    {"a=rid:0 send\r\na=simulcast:send 0;0;1\r\n", "0"},
	    {"a=rid:0 recv\r\na=rid:1 send\r\na=simulcast:recv 0 send 1\r\n", "1"},
	    {"a=rid:a send\r\na=rid:b send\r\na=simulcast: send rid=a;b\r\n", "a;b"},
	    {"a=rid:a send\r\na=rid:b send\r\n", ""}, /* named, but not sent side by side */
	    {"a=simulcast:send 0;1\r\n", ""},
	    {"a=rid:0 send\r\na=rid:1 send\r\na=rid:2 send\r\na=rid:3 send\r\na=rid:4 send\r\n"
	     "a=simulcast:send 0;1;2;3;4\r\n",
	     "0;1;2;3"}, /* SDP_TRACK_RIDS_MAX */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		char got[64] = "";
		struct sdp_plan plan;
		struct sdp *sdp = plan_of_video(rows[i].lines, &plan);

		for (size_t k = 0; k < plan.tracks[0].rid_count; k++)
			snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s",
				 k > 0 ? ";" : "", plan.tracks[0].rids[k]);
		assert_string_equal(got, rows[i].taken);
		sdp_free(sdp);
	}
}

/* Each row: lines of a video section, its SSRCs as they are taken with what repairs them; how many
 * of them are layers. */
static void
layers_by_ssrc_come_best_first(void **state)
{
#define SAY(n)	     "a=ssrc:" n " cname:c\r\na=ssrc:" n " msid:s t\r\n"
#define PAIR(n, rtx) "a=ssrc-group:FID " n " " rtx "\r\n" SAY(n) SAY(rtx)
#define THREE	     PAIR("1", "11") PAIR("2", "12") PAIR("3", "13")
#define RIDS	     "a=rid:l send\r\na=rid:m send\r\na=rid:h send\r\na=simulcast:send l;m;h\r\n"
	static const struct {
		const char *lines, *taken;
		size_t layers;
	} rows[] = {
	    {"a=ssrc-group:SIM 1 2 3\r\n" THREE, "3+13 2+12 1+11", 3},
	    {THREE "a=ssrc-group:SIM 2 1 3\r\n", "3+13 1+11 2+12", 3},
	    {"a=ssrc-group:SIM 1 2\r\n" THREE, "2+12 1+11 3+13", 2},
	    {"a=ssrc-group:SIM 1 2\r\n" SAY("1") PAIR("2", "12"), "2+12 1", 2},
	    {"a=ssrc-group:SIM 1 2\r\n" SAY("2") PAIR("1", "11"), "2 1+11", 2},
	    {"a=ssrc-group:SIM 1 1 2 0 9\r\n" SAY("1") SAY("2"), "1 2", 0}, /* too many: no group */
	    {"a=ssrc-group:SIM 2 2 1 9\r\n" SAY("1") SAY("2"), "1 2", 2},   /* 9 is said nowhere */
	    {"a=ssrc-group:SIM 1 11\r\n" THREE, "1+11 2+12 3+13", 0},	    /* RTX is no layer */
	    {"a=ssrc-group:SIM 1\r\n" SAY("2") SAY("1"), "1 2", 0},
	    {THREE, "1+11 2+12 3+13", 0},
	    {RIDS THREE, "1+11 2+12 3+13",
	     0}, /* as Firefox offers: rids name them, in their order */
	    {RIDS "a=ssrc-group:SIM 1 2 3\r\n" THREE, "1+11 2+12 3+13", 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct sdp_plan plan;
		struct sdp *sdp = plan_of_video(rows[i].lines, &plan);
		const struct sdp_track *t = &plan.tracks[0];
		char got[128] = "";

		for (size_t k = 0; k < t->ssrc_count; k++) {
			size_t n = strlen(got);

			n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%" PRIu32,
					      k > 0 ? " " : "", t->ssrcs[k]);
			if (k < t->rtx_ssrc_count && t->rtx_ssrcs[k] != 0)
				snprintf(got + n, sizeof(got) - n, "+%" PRIu32, t->rtx_ssrcs[k]);
		}
		assert_string_equal(got, rows[i].taken);
		assert_int_equal(t->ssrc_layer_count, rows[i].layers);
		sdp_free(sdp);
	}
}

/* RFC 8843 s.7.2.1: the first of the bundle speaks for its transport, wherever it stands; what it
 * does not say the others may. */
static void
the_tagged_section_has_the_transport(void **state)
{
	static const char text[] =
	    "v=0\r\na=group:BUNDLE b a\r\n"
	    "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:a\r\na=rtcp-mux\r\na=sendonly\r\n"
	    "a=ice-ufrag:aaaa\r\na=ice-pwd:aaaaaaaaaaaaaaaaaaaaaa\r\na=setup:passive\r\n"
	    "a=fingerprint:sha-256 " PRINT "\r\n"
	    "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:b\r\na=rtcp-mux\r\na=sendonly\r\n"
	    "a=ice-ufrag:bbbb\r\na=ice-pwd:bbbbbbbbbbbbbbbbbbbbbb\r\na=setup:active\r\n"
	    "a=rtpmap:96 VP8/90000\r\n";
	struct sdp *sdp = sdp_parse(text, strlen(text), NULL);
	struct sdp_policy policy = {.role = SDP_PUBLISH};
	struct sdp_plan plan;

	(void)state;
	assert_int_equal(sdp_negotiate_offer(&plan, sdp, &policy, NULL), 0);
	assert_string_equal(plan.remote.ufrag, "bbbb");
	assert_string_equal(plan.remote.pwd, "bbbbbbbbbbbbbbbbbbbbbb");
	assert_int_equal(plan.remote.setup, SDP_ACTIVE);
	assert_false(plan.dtls_client);
	assert_string_equal(plan.remote.fingerprint, PRINT);
	sdp_free(sdp);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(layers_are_taken_once),
	    cmocka_unit_test(layers_by_ssrc_come_best_first),
	    cmocka_unit_test(the_tagged_section_has_the_transport),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
