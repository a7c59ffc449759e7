/* What rtc-doctor knows: its causes and their fix lines, candidates seen from here, header fields,
 * answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../support/support.h"
#include "base/bytes.h"
#include "doctor/doctor_candidate.h"
#include "doctor/doctor_field.h"
#include "doctor/doctor_sdp.h"

/* ---- causes ---- */

static bool
is_known(enum client_code code)
{
	static const enum client_code codes[] = {
	    CLIENT_DNS,	    CLIENT_TCP,	     CLIENT_TLS,       CLIENT_HTTP,   CLIENT_AUTH,
	    CLIENT_HEADERS, CLIENT_SDP,	     CLIENT_CANDIDATE, CLIENT_UDP,    CLIENT_TCP_ONLY,
	    CLIENT_DTLS,    CLIENT_NO_MEDIA, CLIENT_BAD_MEDIA, CLIENT_DELETE, CLIENT_INTERNAL};

	for (size_t i = 0; i < ARRAY_COUNT(codes); i++)
		if (codes[i] == code)
			return true;
	return false;
}

static void
every_cause_has_a_line(void **state)
{
	(void)state;
	assert_null(doctor_row(DOCTOR_NO_CAUSE));
	assert_null(doctor_row(DOCTOR_CAUSES));
	for (int i = DOCTOR_NO_CAUSE + 1; i < DOCTOR_CAUSES; i++) {
		const struct doctor_row *row = doctor_row(i);

		if (row->name == NULL || row->fix == NULL || strlen(row->fix) < 30)
			fail_msg("cause %d has no name or no fix line", i);
		if (!is_known(row->code) || row->level == DOCTOR_FINE)
			fail_msg("%s: no exit status or level", row->name);
		if ((row->stops & ~(unsigned)DOCTOR_ALL) != 0)
			fail_msg("%s stops nobody that is known", row->name);
		if (row->level == DOCTOR_FAIL && row->stops == 0)
			fail_msg("%s fails and stops nobody", row->name);
		for (const char *p = row->name; *p != '\0'; p++)
			if (!islower((unsigned char)*p) && !isdigit((unsigned char)*p) && *p != '-')
				fail_msg("%s is no name", row->name);
		for (int k = DOCTOR_NO_CAUSE + 1; k < i; k++)
			if (strcmp(doctor_row(k)->name, row->name) == 0)
				fail_msg("%s stands twice", row->name);
	}
}

static void
fix_lines_are_filled_in(void **state)
{
	const struct doctor_facts facts = {"live.example.com", "203.0.113.7", 9000};
	const struct doctor_facts none = {"", "", 0};
	char text[DOCTOR_FIX_SIZE], small[16];

	(void)state;
	for (int i = DOCTOR_NO_CAUSE + 1; i < DOCTOR_CAUSES; i++) {
		doctor_fix(text, sizeof(text), i, &facts);
		if (strstr(text, "{host}") != NULL || strstr(text, "{address}") != NULL ||
		    strstr(text, "{port}") != NULL || strlen(text) + 1 >= sizeof(text))
			fail_msg("%s: %s", doctor_row(i)->name, text);
	}
	doctor_fix(text, sizeof(text), DOCTOR_CAND_PRIVATE, &facts);
	assert_non_null(strstr(text, "CANDIDATE=203.0.113.7 "));
	assert_non_null(strstr(text, "UDP 9000"));
	doctor_fix(text, sizeof(text), DOCTOR_CAND_PRIVATE, &none);
	assert_non_null(strstr(text, "CANDIDATE=ADDRESS "));
	assert_non_null(strstr(text, "UDP 8000"));
	doctor_fix(small, sizeof(small), DOCTOR_DNS_NONE, &facts);
	assert_string_equal(small, "nobody knows th");
	assert_string_equal(doctor_fix(text, sizeof(text), DOCTOR_NO_CAUSE, &facts), "");
}

static void
levels_are_those_of_the_client(void **state)
{
	(void)state;
	assert_int_equal(doctor_cause_level(DOCTOR_LOCATION_OBS, DOCTOR_ANYONE), DOCTOR_WARN);
	assert_int_equal(doctor_cause_level(DOCTOR_LOCATION_OBS, DOCTOR_OBS), DOCTOR_FAIL);
	assert_int_equal(doctor_cause_level(DOCTOR_LOCATION_OBS, DOCTOR_BROWSER), DOCTOR_WARN);
	assert_int_equal(doctor_cause_level(DOCTOR_TCP_ONLY, DOCTOR_ANYONE), DOCTOR_FAIL);
	assert_int_equal(doctor_cause_level(DOCTOR_TCP_ONLY, DOCTOR_BROWSER), DOCTOR_WARN);
	assert_int_equal(doctor_cause_level(DOCTOR_NO_CAUSE, DOCTOR_OBS), DOCTOR_FINE);
	for (int i = DOCTOR_NO_CAUSE + 1; i < DOCTOR_CAUSES; i++)
		assert_int_equal(doctor_cause_level(i, DOCTOR_ANYONE), doctor_row(i)->level);
}

static void
a_finding_keeps_its_worst_cause_first(void **state)
{
	struct doctor_finding f;

	(void)state;
	doctor_finding_init(&f, DOCTOR_HEADERS, DOCTOR_ANYONE);
	doctor_blame(&f, DOCTOR_CORS);
	doctor_blame(&f, DOCTOR_CONTENT_TYPE);
	doctor_blame(&f, DOCTOR_CORS);
	doctor_blame(&f, DOCTOR_LOCATION_MISSING);
	assert_int_equal(f.level, DOCTOR_FAIL);
	assert_int_equal(f.cause_count, 3);
	assert_int_equal(f.causes[0], DOCTOR_LOCATION_MISSING);
	assert_int_equal(f.causes[1], DOCTOR_CORS);
	for (int i = DOCTOR_HTTP_200; i < DOCTOR_HTTP_200 + 9; i++)
		doctor_blame(&f, i);
	assert_int_equal(f.cause_count, DOCTOR_CAUSES_MAX);
	assert_int_equal(f.causes[0], DOCTOR_LOCATION_MISSING);
	/* A late failure is kept even when the list is full of warnings. */
	doctor_finding_init(&f, DOCTOR_CANDIDATES, DOCTOR_ANYONE);
	for (int i = 0; i < DOCTOR_CAUSES; i++)
		if (doctor_cause_level(i, DOCTOR_ANYONE) == DOCTOR_WARN)
			doctor_blame(&f, i);
	assert_int_equal(f.cause_count, DOCTOR_CAUSES_MAX);
	doctor_blame(&f, DOCTOR_CAND_NONE);
	assert_int_equal(f.causes[0], DOCTOR_CAND_NONE);
	doctor_say(&f, "a\033[31m");
	doctor_say(&f, "%d", 2);
	assert_string_equal(f.detail, "a?[31m; 2");
	for (int i = 0; i < 100; i++)
		doctor_say(&f, "%0100d", i);
	assert_true(strlen(f.detail) < DOCTOR_DETAIL_SIZE);
}

static void
stages_have_names(void **state)
{
	(void)state;
	for (int i = 0; i < DOCTOR_STAGES; i++)
		assert_int_equal(doctor_stage_parse(doctor_stage_name(i)), i);
	assert_int_equal(doctor_stage_parse("ice"), -EINVAL);
}

/* ---- candidates ---- */

static struct addr
address(const char *text)
{
	struct addr a = {0};

	assert_int_equal(addr_parse(&a, text, 8000), 0);
	return a;
}

static void
addresses_have_classes(void **state)
{
	static const struct {
		const char *text;
		enum reach_class class;
	} rows[] = {
	    {"203.0.113.1", REACH_CLASS_PUBLIC},    {"2001:db8::1", REACH_CLASS_PUBLIC},
	    {"224.0.0.1", REACH_CLASS_ANY},	    {"255.255.255.255", REACH_CLASS_ANY},
	    {"ff02::1", REACH_CLASS_ANY},	    {"223.0.0.1", REACH_CLASS_PUBLIC},
	    {"0.0.0.0", REACH_CLASS_ANY},	    {"::", REACH_CLASS_ANY},
	    {"127.0.0.1", REACH_CLASS_LOOPBACK},    {"127.9.9.9", REACH_CLASS_LOOPBACK},
	    {"::1", REACH_CLASS_LOOPBACK},	    {"169.254.1.2", REACH_CLASS_LINK},
	    {"fe80::1", REACH_CLASS_LINK},	    {"172.17.0.2", REACH_CLASS_DOCKER},
	    {"172.17.255.255", REACH_CLASS_DOCKER}, {"172.18.0.2", REACH_CLASS_PRIVATE},
	    {"172.16.0.2", REACH_CLASS_PRIVATE},    {"10.0.0.1", REACH_CLASS_PRIVATE},
	    {"192.168.1.1", REACH_CLASS_PRIVATE},   {"100.64.0.1", REACH_CLASS_PRIVATE},
	    {"fd00::1", REACH_CLASS_PRIVATE},	    {"172.32.0.1", REACH_CLASS_PUBLIC},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct addr a = address(rows[i].text);

		if (reach_class_of(&a) != rows[i].class)
			fail_msg("%s is %s", rows[i].text, reach_class_name(reach_class_of(&a)));
	}
	assert_true(reach_is_mdns("f3a1.local"));
	assert_true(reach_is_mdns("f3a1.LOCAL."));
	assert_false(reach_is_mdns(".local"));
	assert_false(reach_is_mdns("local"));
	assert_false(reach_is_mdns("x.local.example.com"));
}

static void
candidates_are_seen_from_here(void **state)
{
	/* Where HTTP is, the candidate, whether there is a route, what is wrong with it. We are
	 * 192.168.1.20/24 and fd01::20/64. */
	static const struct {
		const char *reached, *candidate;
		bool routed;
		enum doctor_cause cause;
	} rows[] = {
	    {"203.0.113.5", "203.0.113.5", true, DOCTOR_NO_CAUSE},
	    {"203.0.113.5", "203.0.113.6", true, DOCTOR_CAND_OTHER},
	    {"203.0.113.5", "10.0.0.5", true, DOCTOR_CAND_PRIVATE},
	    {"203.0.113.5", "172.17.0.2", true, DOCTOR_CAND_DOCKER},
	    {"203.0.113.5", "172.18.0.2", true, DOCTOR_CAND_PRIVATE},
	    {"203.0.113.5", "127.0.0.1", true, DOCTOR_CAND_LOOPBACK},
	    {"203.0.113.5", "::1", true, DOCTOR_CAND_LOOPBACK},
	    {"203.0.113.5", "0.0.0.0", true, DOCTOR_CAND_ANY},
	    {"203.0.113.5", "169.254.7.7", true, DOCTOR_CAND_PRIVATE},
	    {"203.0.113.5", "2001:db8::9", false, DOCTOR_CAND_ROUTE},
	    {"203.0.113.5", "2001:db8::9", true, DOCTOR_CAND_OTHER},
	    {"203.0.113.5", "192.168.1.50", true, DOCTOR_CAND_OTHER}, /* seen by its own LAN */
	    {"203.0.113.5", "192.168.1.20", true, DOCTOR_CAND_OTHER}, /* ours, by chance */
	    {"192.168.1.5", "192.168.1.5", true, DOCTOR_NO_CAUSE},
	    {"192.168.1.5", "203.0.113.5", true, DOCTOR_CAND_OTHER},
	    {"192.168.1.5", "172.17.0.2", true, DOCTOR_CAND_DOCKER},
	    {"192.168.1.5", "10.7.0.1", true, DOCTOR_CAND_OTHER}, /* another net of the house */
	    {"192.168.1.5", "fd01::5", true, DOCTOR_CAND_OTHER},
	    {"127.0.0.1", "127.0.0.1", true, DOCTOR_NO_CAUSE},
	    {"127.0.0.1", "192.168.1.20", true, DOCTOR_NO_CAUSE},
	    {"192.168.1.20", "127.0.0.1", true, DOCTOR_NO_CAUSE},
	    {"127.0.0.1", "172.17.0.2", true, DOCTOR_CAND_DOCKER},
	    {NULL, "10.0.0.5", true, DOCTOR_NO_CAUSE},
	    {NULL, "203.0.113.5", false, DOCTOR_CAND_ROUTE},
	};
	struct reach_view view = {.interface_count = 3};

	(void)state;
	view.interfaces[0].addr = address("127.0.0.1");
	view.interfaces[0].prefix_bits = 8;
	view.interfaces[1].addr = address("192.168.1.20");
	view.interfaces[1].prefix_bits = 24;
	view.interfaces[2].addr = address("fd01::20");
	view.interfaces[2].prefix_bits = 64;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct addr a = address(rows[i].candidate);
		enum doctor_cause cause;

		memset(&view.reached, 0, sizeof(view.reached));
		if (rows[i].reached != NULL)
			view.reached = address(rows[i].reached);
		cause = doctor_candidate_cause(reach_judge(&view, &a, rows[i].routed));
		if (cause != rows[i].cause)
			fail_msg("%s of a server at %s: %s", rows[i].candidate, rows[i].reached,
				 cause != DOCTOR_NO_CAUSE ? doctor_row(cause)->name : "fine");
	}
}

/* ---- header fields ---- */

static void
fields_are_found(void **state)
{
	static const char head[] =
	    "HTTP/1.1 201 Created\r\nlocation:  /a b \t\r\nLink: 1\r\nX: Link: 9\r\n"
	    "LINK:2\r\nEmpty:\r\n\r\n";
	char v[8] = "old";
	bool space = false;

	(void)state;
	assert_true(doctor_field(head, "Location", 0, v, sizeof(v), &space));
	assert_string_equal(v, "/a b");
	assert_true(space);
	assert_true(doctor_field(head, "Link", 1, v, sizeof(v), &space));
	assert_string_equal(v, "2");
	assert_false(space);
	assert_false(doctor_field(head, "Link", 2, v, sizeof(v), NULL));
	assert_string_equal(v, "2");
	assert_true(doctor_field(head, "Empty", 0, v, sizeof(v), NULL));
	assert_string_equal(v, "");
	assert_true(doctor_field("A: 123456789", "a", 0, v, sizeof(v), NULL));
	assert_string_equal(v, "1234567");
	assert_false(doctor_field("", "A", 0, v, sizeof(v), NULL));
	assert_true(doctor_list_has("GET, post ,DELETE", "POST"));
	assert_true(doctor_list_has("*", "POST"));
	assert_false(doctor_list_has("POSTER, GET", "POST"));
	assert_false(doctor_list_has("", "POST"));
}

/* ---- answers ---- */

static const char offer_text[] =
    "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=rtpmap:111 opus/48000/2\r\n"
    "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=rtpmap:96 H264/90000\r\n";

/* A good answer with one text of it replaced (from: NULL for none); what is wrong with it. */
static void
check_answer(enum doctor_client as, const char *from, const char *to, enum doctor_cause cause)
{
	static const char part[] =
	    "m=%s 9 UDP/TLS/RTP/SAVPF %d\r\na=mid:%d\r\na=rtpmap:%d %s\r\n"
	    "a=recvonly\r\na=rtcp-mux\r\na=setup:passive\r\na=ice-ufrag:abcd\r\n"
	    "a=ice-pwd:0123456789012345678901\r\n"
	    "a=fingerprint:sha-256 AB:CD\r\n";
	char text[2048], changed[2048], *at;
	struct sdp *offer = sdp_parse(offer_text, sizeof(offer_text) - 1, NULL), *answer;
	struct doctor_finding f;
	size_t n;

	n = (size_t)snprintf(text, sizeof(text), "v=0\r\na=group:BUNDLE 0 1\r\n");
	n += (size_t)snprintf(text + n, sizeof(text) - n, part, "audio", 111, 0, 111,
			      "opus/48000/2");
	snprintf(text + n, sizeof(text) - n, part, "video", 96, 1, 96, "H264/90000");
	while (from != NULL && (at = strstr(text, from)) != NULL) {
		snprintf(changed, sizeof(changed), "%.*s%s%s", (int)(at - text), text, to,
			 at + strlen(from));
		memcpy(text, changed, sizeof(text));
	}
	doctor_finding_init(&f, DOCTOR_SDP, as);
	answer = doctor_sdp_judge(&f, offer, text, strlen(text));
	if (cause == DOCTOR_NO_CAUSE ? f.level != DOCTOR_FINE : f.causes[0] != cause)
		fail_msg("%s for %s: %s (%s)", to, from,
			 f.cause_count > 0 ? doctor_row(f.causes[0])->name : "fine", f.detail);
	sdp_free(answer);
	sdp_free(offer);
}

static void
answers_are_judged(void **state)
{
	(void)state;
	check_answer(DOCTOR_ANYONE, NULL, NULL, DOCTOR_NO_CAUSE);
	check_answer(DOCTOR_OBS, NULL, NULL, DOCTOR_NO_CAUSE);
	check_answer(DOCTOR_ANYONE, "a=fingerprint:sha-256 AB:CD\r\n", "", DOCTOR_SDP_FINGERPRINT);
	check_answer(DOCTOR_ANYONE, "sha-256", "sha-1", DOCTOR_SDP_HASH);
	check_answer(DOCTOR_ANYONE, "setup:passive", "setup:actpass", DOCTOR_SDP_SETUP);
	check_answer(DOCTOR_ANYONE, "a=setup:passive\r\n", "", DOCTOR_SDP_SETUP);
	check_answer(DOCTOR_ANYONE, "setup:passive", "setup:active", DOCTOR_NO_CAUSE);
	check_answer(DOCTOR_ANYONE, "a=ice-ufrag:abcd\r\n", "", DOCTOR_SDP_ICE);
	check_answer(DOCTOR_ANYONE, "0123456789012345678901", "01234", DOCTOR_SDP_LINE);
	check_answer(DOCTOR_ANYONE, "recvonly", "inactive", DOCTOR_SDP_INACTIVE);
	check_answer(DOCTOR_ANYONE, "a=recvonly\r\n", "", DOCTOR_SDP_DIRECTION);
	check_answer(DOCTOR_ANYONE, "a=rtcp-mux\r\n", "", DOCTOR_SDP_BUNDLE);
	check_answer(DOCTOR_ANYONE, "BUNDLE 0 1", "BUNDLE 10 1", DOCTOR_SDP_BUNDLE);
	check_answer(DOCTOR_ANYONE, "m=video 9", "m=video 0", DOCTOR_SDP_HALF);
	check_answer(DOCTOR_ANYONE, "H264", "VP8", DOCTOR_SDP_HALF);
	check_answer(DOCTOR_ANYONE, "a=mid:1", "a=mid:v", DOCTOR_SDP_MIDS);
	check_answer(DOCTOR_OBS, "a=mid:1\r\n", "", DOCTOR_SDP_MIDS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_cause_has_a_line),
	    cmocka_unit_test(fix_lines_are_filled_in),
	    cmocka_unit_test(levels_are_those_of_the_client),
	    cmocka_unit_test(a_finding_keeps_its_worst_cause_first),
	    cmocka_unit_test(stages_have_names),
	    cmocka_unit_test(addresses_have_classes),
	    cmocka_unit_test(candidates_are_seen_from_here),
	    cmocka_unit_test(fields_are_found),
	    cmocka_unit_test(answers_are_judged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
