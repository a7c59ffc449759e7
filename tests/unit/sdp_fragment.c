/* Fragments of descriptions (RFC 8840): a row per rule, every truncation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../support/support.h"
#include "base/bytes.h"
#include "sdp/sdp_fragment.h"

#define LOGIN "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n"
#define MEDIA "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
#define HOST  "a=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host\r\n"

static const struct {
	const char *why, *text;
	bool good;
	size_t candidates;
} rows[] = {
    {"credentials alone", LOGIN, true, 0},
    {"bare line feeds", "a=ice-ufrag:EsAw\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1", true, 0},
    {"a candidate", LOGIN MEDIA HOST, true, 1},
    {"a candidate without credentials", MEDIA HOST, true, 1},
    {"the end of candidates", MEDIA "a=end-of-candidates\r\n", true, 0},
    {"a name instead of an address", MEDIA "a=candidate:a+/ 2 UDP 1 x-y.local 9 typ host\r\n", true,
     1},
    {"pairs after the type",
     MEDIA "a=candidate:1 1 tcp 1 2001:db8::1 9 typ srflx raddr 0.0.0.0 rport 0 tcptype active\r\n",
     true, 1},
    {"unknown attributes", LOGIN "a=ice-options:trickle\r\na=x\r\n", true, 0},
    {"the same credentials twice", LOGIN MEDIA LOGIN, true, 0},
    {"nothing", "", false, 0},
    {"no line that counts", "a=x\r\n", false, 0},
    {"a whole description", "v=0\r\n" LOGIN, false, 0},
    {"words", "hello", false, 0},
    {"a candidate outside of a section", LOGIN HOST, false, 0},
    {"a mid outside of a section", LOGIN "a=mid:0\r\n", false, 0},
    {"other credentials", LOGIN "a=ice-ufrag:EsAx\r\n", false, 0},
    {"a short ufrag", "a=ice-ufrag:EsA\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n", false, 0},
    {"a short pwd", "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4\r\n", false, 0},
    {"a pwd without an ufrag", "a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n", false, 0},
    {"a ufrag with a quote", "a=ice-ufrag:Es\"w\r\n", false, 0},
    {"a candidate of 7 words", MEDIA "a=candidate:1 1 udp 1 192.0.2.1 9 typ\r\n", false, 0},
    {"a port over 65535", MEDIA "a=candidate:1 1 udp 1 192.0.2.1 65536 typ host\r\n", false, 0},
    {"a priority over 32 bits", MEDIA "a=candidate:1 1 udp 4294967296 h 1 typ host\r\n", false, 0},
    {"an unknown type", MEDIA "a=candidate:1 1 udp 1 192.0.2.1 9 typ best\r\n", false, 0},
    {"a control character", LOGIN "a=x:\x01\r\n", false, 0},
    {"an m= line that is none", LOGIN "m=audio\r\n", false, 0},
};

static void
each_rule_holds(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct sdp_problem problem = {.code = SDP_FINE};
		struct sdp_fragment f = {.candidate_count = 77};
		int r = sdp_fragment_parse(&f, rows[i].text, strlen(rows[i].text), &problem);

		if ((r == 0) != rows[i].good || (r == 0 && f.candidate_count != rows[i].candidates))
			fail_msg("%s: %d %s", rows[i].why, r, problem.detail);
		if (r < 0 &&
		    (r != -EBADMSG || problem.code != SDP_MALFORMED || f.candidate_count != 77))
			fail_msg("%s: the failure is told badly", rows[i].why);
	}
}

static void
limits_hold(void **state)
{
	static char text[SDP_SIZE_MAX + 2];
	struct sdp_fragment f;
	size_t at = 0;

	(void)state;
	memset(text, 'a', sizeof(text));
	text[1] = '=';
	assert_int_equal(sdp_fragment_parse(&f, text, 2000, NULL), -EBADMSG);
	assert_int_equal(sdp_fragment_parse(&f, text, sizeof(text), NULL), -EBADMSG);
	for (int i = 0; i <= SDP_MEDIA_MAX; i++, at += 6)
		memcpy(text + at, "m=a 0\n", 6);
	assert_int_equal(sdp_fragment_parse(&f, text, at, NULL), -EBADMSG);
	assert_int_equal(sdp_fragment_parse(&f, "a=end-of-candidates\0\n", 21, NULL), -EBADMSG);
}

static void
what_is_written_is_read(void **state)
{
	static const char ufrag[] = "abcd+/12", pwd[] = "0123456789abcdefghijklmn";
	struct sdp_fragment f;
	static const char more[] =
	    "a=group:BUNDLE 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n"
	    "a=candidate:1 1 udp 2130706431 192.0.2.1 8000 typ host\r\n"
	    "a=end-of-candidates\r\n";
	char text[512];
	int n = sdp_fragment_write(text, sizeof(text), ufrag, pwd, more);

	(void)state;
	assert_true(n > 0 && strlen(text) == (size_t)n);
	assert_int_equal(sdp_fragment_parse(&f, text, (size_t)n, NULL), 0);
	assert_string_equal(f.ufrag, ufrag);
	assert_string_equal(f.pwd, pwd);
	assert_true(f.candidate_count == 1 && f.end_of_candidates);
	assert_int_equal(sdp_fragment_write(text, (size_t)n, ufrag, pwd, more), -ENOSPC);
}

static void
truncated(void *arg, const uint8_t *buf, size_t size)
{
	struct sdp_fragment f;

	(void)arg;
	(void)sdp_fragment_parse(&f, (const char *)buf, size, NULL);
}

static void
truncations_stay_inside(void **state)
{
	static const char *const names[] = {"sdp_fragment/trickle", "sdp_fragment/restart",
					    "sdp_fragment/media"};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		struct sdp_fragment f;
		size_t size;
		uint8_t *buf = support_load(names[i], &size);

		assert_int_equal(sdp_fragment_parse(&f, (const char *)buf, size, NULL), 0);
		support_truncations(buf, size, truncated, NULL);
		free(buf);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_rule_holds),
	    cmocka_unit_test(limits_hold),
	    cmocka_unit_test(what_is_written_is_read),
	    cmocka_unit_test(truncations_stay_inside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
