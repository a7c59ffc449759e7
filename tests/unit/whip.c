/* The pure half of rtc-whip and rtc-whep: candidates, parameters, control messages, tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "../support/offer.h"
#include "../support/support.h"
#include "base/bytes.h"
#include "whip/whip_auth.h"
#include "whip/whip_candidate.h"
#include "whip/whip_params.h"
#include "whip/whip_relay.h"

/* A resolver that knows two names. */
static size_t
lookup(void *arg, const char *name, struct addr *out, size_t cap)
{
	static const struct {
		const char *name, *addresses[3];
	} rows[] = {
	    {"live.example.com", {"198.51.100.7", "2001:db8::7", NULL}},
	    {"home", {"127.0.1.1", "10.0.0.9", NULL}},
	};
	size_t count = 0;

	(void)arg;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		for (size_t k = 0; strcmp(rows[i].name, name) == 0 && rows[i].addresses[k] != NULL;
		     k++)
			if (count < cap)
				assert_int_equal(addr_parse(&out[count++], rows[i].addresses[k], 0),
						 0);
	return count;
}

enum {
	NO_DETECT = 1,
	NO_API = 2,
	NO_RESOLVE = 4,
	KEEP = 8,
	TCP = 16,
	NO_UDP = 32,
	V6 = 64,
	RULE_UDP = 128,
	RULE_TCP = 256,
	GATE = 512,
	GATE_SAME = 1024
};

static const struct {
	const char *why, *entries, *eip, *host, *interfaces;
	enum whip_family family;
	unsigned flags;
	const char *result; /* "u1.2.3.4:8000 t1.2.3.4:8000": UDP and TCP, in order */
} candidate_rows[] = {
    {"interfaces without loopback", "", "", "", "127.0.0.1 192.0.2.1 10.0.0.1", WHIP_IPV4, 0,
     "u192.0.2.1:8000 u10.0.0.1:8000"},
    {"star is the same", "*", "", "", "127.0.0.1 192.0.2.1", WHIP_IPV4, 0, "u192.0.2.1:8000"},
    {"IPv6 interfaces, link-local ones apart", "", "", "", "192.0.2.1 fe80::1 2001:db8::1",
     WHIP_IPV6, V6, "u2001:db8::1:8006"},
    {"all families", "", "", "", "192.0.2.1 2001:db8::1", WHIP_IP_ALL, V6,
     "u192.0.2.1:8000 u2001:db8::1:8006"},
    {"failing others, the first IPv4", "", "", "", "::1 127.0.0.1 127.0.0.2", WHIP_IPV4, 0,
     "u127.0.0.1:8000"},
    {"failing that, the first", "", "", "", "::1 2001:db8::1", WHIP_IPV4, V6, "u::1:8006"},
    {"no interfaces", "", "", "", "", WHIP_IPV4, 0, ""},
    {"detection off", "*", "", "", "192.0.2.1", WHIP_IPV4, NO_DETECT, ""},
    {"eip comes first", "", "203.0.113.5", "", "192.0.2.1", WHIP_IPV4, 0,
     "u203.0.113.5:8000 u192.0.2.1:8000"},
    {"eip with a port", "", "203.0.113.5:18000", "", "192.0.2.1", WHIP_IPV4, 0,
     "u203.0.113.5:18000 u192.0.2.1:8000"},
    {"eip of an interface stands once", "", "192.0.2.1", "", "192.0.2.1", WHIP_IPV4, 0,
     "u192.0.2.1:8000"},
    {"a configured address ends the search", "203.0.113.9", "", "", "192.0.2.1", WHIP_IPV4, 0,
     "u203.0.113.9:8000"},
    {"several, with a port", "203.0.113.9:9000,203.0.113.8", "", "", "192.0.2.1", WHIP_IPV4, 0,
     "u203.0.113.9:9000 u203.0.113.8:8000"},
    {"configured and star", "203.0.113.9 *", "", "", "192.0.2.1", WHIP_IPV4, 0,
     "u203.0.113.9:8000 u192.0.2.1:8000"},
    {"a configured name", "live.example.com:7000", "", "", "192.0.2.1", WHIP_IPV4, 0,
     "u198.51.100.7:7000"},
    {"a configured name, all families", "live.example.com", "", "", "", WHIP_IP_ALL, V6,
     "u198.51.100.7:8000 u2001:db8::7:8006"},
    {"a name that does not resolve", "nowhere.example.com", "", "", "192.0.2.1", WHIP_IPV4, 0, ""},
    {"the host of the URL", "", "", "198.51.100.1", "192.0.2.1", WHIP_IPV4, 0,
     "u198.51.100.1:8000 u192.0.2.1:8000"},
    {"before a configured one, after eip", "203.0.113.9", "203.0.113.5", "198.51.100.1",
     "192.0.2.1", WHIP_IPV4, 0, "u203.0.113.5:8000 u198.51.100.1:8000 u203.0.113.9:8000"},
    {"the host is a name", "", "", "live.example.com", "192.0.2.1", WHIP_IPV4, 0,
     "u198.51.100.7:8000 u192.0.2.1:8000"},
    {"kept as it is", "", "", "live.example.com", "192.0.2.1", WHIP_IPV4, KEEP,
     "ulive.example.com:8000 u192.0.2.1:8000"},
    {"not resolved", "", "", "live.example.com", "192.0.2.1", WHIP_IPV4, NO_RESOLVE,
     "u192.0.2.1:8000"},
    {"a name of a loopback address", "", "", "home", "192.0.2.1", WHIP_IPV4, 0,
     "u10.0.0.9:8000 u192.0.2.1:8000"},
    {"localhost is left out", "", "", "localhost", "192.0.2.1", WHIP_IPV4, KEEP, "u192.0.2.1:8000"},
    {"so is x.localhost", "", "", "a.LocalHost", "192.0.2.1", WHIP_IPV4, KEEP, "u192.0.2.1:8000"},
    {"and loopback", "", "", "127.0.0.1", "192.0.2.1", WHIP_IPV4, 0, "u192.0.2.1:8000"},
    {"and any", "", "", "0.0.0.0", "192.0.2.1", WHIP_IPV4, 0, "u192.0.2.1:8000"},
    {"and what is no name", "", "", "a\"b", "192.0.2.1", WHIP_IPV4, KEEP, "u192.0.2.1:8000"},
    {"the host switched off", "", "", "198.51.100.1", "192.0.2.1", WHIP_IPV4, NO_API,
     "u192.0.2.1:8000"},
    {"an IPv6 host", "", "", "2001:db8::5", "192.0.2.1", WHIP_IPV4, V6,
     "u2001:db8::5:8006 u192.0.2.1:8000"},
    {"UDP above TCP", "", "203.0.113.5", "", "192.0.2.1", WHIP_IPV4, TCP,
     "u203.0.113.5:8000 u192.0.2.1:8000 t203.0.113.5:8001 t192.0.2.1:8001"},
    {"TCP alone", "", "", "", "192.0.2.1", WHIP_IPV4, TCP | NO_UDP, "t192.0.2.1:8001"},
    {"UDP only, by rule", "", "203.0.113.5", "", "192.0.2.1", WHIP_IPV4, TCP | RULE_UDP,
     "u203.0.113.5:8000 u192.0.2.1:8000"},
    {"TCP only, by rule, eip first", "203.0.113.9", "203.0.113.5", "", "192.0.2.1", WHIP_IPV4,
     TCP | RULE_TCP, "t203.0.113.5:8001 t203.0.113.9:8001"},
    {"TCP only, and the relay has none", "", "", "", "192.0.2.1", WHIP_IPV4, RULE_TCP, ""},
    {"TCP at the front door", "", "203.0.113.5:9000", "", "192.0.2.1", WHIP_IPV4, GATE,
     "u203.0.113.5:9000 u192.0.2.1:8000 t203.0.113.5:443 t192.0.2.1:443"},
    {"after that of the relay", "", "", "", "192.0.2.1 10.0.0.1", WHIP_IPV4, TCP | RULE_TCP | GATE,
     "t192.0.2.1:8001 t10.0.0.1:8001 t192.0.2.1:443 t10.0.0.1:443"},
    {"once if the port is the same", "", "", "", "192.0.2.1", WHIP_IPV4, TCP | GATE_SAME,
     "u192.0.2.1:8000 t192.0.2.1:8001"},
    {"not with UDP only", "", "", "", "192.0.2.1", WHIP_IPV4, GATE | RULE_UDP, "u192.0.2.1:8000"},
    {"a relay that listens nowhere", "203.0.113.9:9000", "", "", "192.0.2.1", WHIP_IPV4, NO_UDP,
     ""},
};

static size_t
read_addresses(const char *text, struct addr *out)
{
	char copy[256], *at = copy, *word;
	size_t count = 0;

	snprintf(copy, sizeof(copy), "%s", text);
	for (word = strsep(&at, " "); word != NULL; word = strsep(&at, " "))
		if (*word != '\0')
			assert_int_equal(addr_parse(&out[count++], word, 0), 0);
	return count;
}

static void
candidate_row(size_t i)
{
	unsigned flags = candidate_rows[i].flags;
	struct addr eip, interfaces[8];
	struct whip_rules rules;
	struct whip_candidates found;
	struct whip_question q = {.interfaces = interfaces, .lookup = lookup};
	char got[1024] = "", *at = got;
	uint32_t last = UINT32_MAX;

	whip_rules_init(&rules);
	rules.family = candidate_rows[i].family;
	if ((flags & (RULE_UDP | RULE_TCP)) != 0)
		rules.protocol = (flags & RULE_UDP) != 0 ? WHIP_UDP : WHIP_TCP;
	rules.detect = (flags & NO_DETECT) == 0;
	rules.api = (flags & NO_API) == 0;
	rules.resolve = (flags & NO_RESOLVE) == 0;
	rules.keep = (flags & KEEP) != 0;
	if (candidate_rows[i].entries[0] != '\0')
		assert_int_equal(whip_rules_add(&rules, candidate_rows[i].entries), 0);
	if (candidate_rows[i].eip[0] != '\0') {
		assert_int_equal(addr_parse(&eip, candidate_rows[i].eip, 0), 0);
		q.eip = &eip;
	}
	q.api_host = candidate_rows[i].host[0] != '\0' ? candidate_rows[i].host : NULL;
	q.interface_count = read_addresses(candidate_rows[i].interfaces, interfaces);
	q.ports.udp4 = (flags & NO_UDP) != 0 ? 0 : 8000;
	q.ports.udp6 = (flags & V6) != 0 ? 8006 : 0;
	q.gate_tcp = (flags & GATE) != 0 ? 443 : (flags & GATE_SAME) != 0 ? 8001 : 0;
	q.ports.tcp4 = (flags & TCP) != 0 ? 8001 : 0;
	whip_candidates_find(&found, &rules, &q);
	for (size_t k = 0; k < found.count; k++) {
		const struct sdp_candidate *c = &found.list[k];

		at += sprintf(at, "%s%c%s:%u", k > 0 ? " " : "", c->proto == SDP_TCP ? 't' : 'u',
			      c->address, c->port);
		assert_true(c->priority < last);
		last = c->priority;
		assert_int_equal(c->component, 1);
		for (size_t j = 0; j < k; j++)
			assert_string_not_equal(found.list[j].foundation, c->foundation);
	}
	if (strcmp(got, candidate_rows[i].result) != 0)
		fail_msg("%s: \"%s\", wanted \"%s\"", candidate_rows[i].why, got,
			 candidate_rows[i].result);
}

static void
candidates_follow_the_rules(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(candidate_rows); i++)
		candidate_row(i);
}

static void
candidate_values_have_a_grammar(void **state)
{
	static const char *const good[] = {"*",
					   "1.2.3.4",
					   "1.2.3.4:5",
					   "[2001:db8::1]:5",
					   "::1",
					   "a.example.com",
					   "a.example.com:9",
					   "1.2.3.4 5.6.7.8,*",
					   "$RTC_TEST_UNSET",
					   "$RTC_TEST_SET"};
	static const char *const bad[] = {
	    "",	  " ",	"a b\"c", "http://x", "a:b:c:d:e:f:g:h:i", "1.2.3.4:99999",
	    "-x", ".x", "a/b",	  "a\r\n",    "$RTC_TEST_BAD"};
	struct whip_rules rules;

	(void)state;
	setenv("RTC_TEST_SET", "203.0.113.1, 203.0.113.2", 1);
	setenv("RTC_TEST_BAD", "no/name", 1);
	unsetenv("RTC_TEST_UNSET");
	for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
		whip_rules_init(&rules);
		if (whip_rules_add(&rules, good[i]) != 0)
			fail_msg("%s is refused", good[i]);
	}
	assert_int_equal(rules.entry_count, 2);
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		whip_rules_init(&rules);
		if (whip_rules_add(&rules, bad[i]) != -EINVAL)
			fail_msg("\"%s\" is taken", bad[i]);
		assert_int_equal(rules.entry_count, 0);
	}
	whip_rules_init(&rules);
	for (int i = 0; i < WHIP_ENTRIES_MAX; i++)
		assert_int_equal(whip_rules_add(&rules, "1.2.3.4"), 0);
	assert_int_equal(whip_rules_add(&rules, "1.2.3.4"), -ENOSPC);
}

static void
names_to_resolve_are_known(void **state)
{
	const char *names[WHIP_NAMES_MAX];
	struct whip_rules rules;

	(void)state;
	whip_rules_init(&rules);
	assert_int_equal(whip_rules_names(&rules, "a.example.com", names), 1);
	assert_int_equal(whip_rules_names(&rules, "192.0.2.1", names), 0);
	assert_int_equal(whip_rules_names(&rules, "localhost", names), 0);
	assert_int_equal(whip_rules_names(&rules, NULL, names), 0);
	assert_int_equal(whip_rules_add(&rules, "b.example.com 1.2.3.4"), 0);
	assert_int_equal(whip_rules_names(&rules, "a.example.com", names), 2);
	assert_string_equal(names[1], "b.example.com");
	rules.keep = true;
	assert_int_equal(whip_rules_names(&rules, "a.example.com", names), 1);
}

/* Queries as flat lists of name, value. */
static const char *
get(const void *arg, const char *name)
{
	const char *const *pairs = arg;

	for (; pairs[0] != NULL; pairs += 2)
		if (strcmp(pairs[0], name) == 0)
			return pairs[1];
	return NULL;
}

static void
queries_pass_the_allow_lists(void **state)
{
	static const struct {
		const char *pairs[9];
		bool use_vhost;
		const char *stream; /* NULL: refused */
		const char *words;
	} rows[] = {
	    {{NULL}, false, "live/livestream", ""},
	    {{"app", "a", "stream", "b.c-d_e~f@g:h", NULL}, false, "a/b.c-d_e~f@g:h", ""},
	    {{"app", "", "stream", "", NULL}, false, "live/livestream", ""},
	    {{"vhost", "v", NULL}, false, "live/livestream", ""},
	    {{"vhost", "v", NULL}, true, "v/live/livestream", ""},
	    {{"vhost", "__defaultVhost__", NULL}, true, "live/livestream", ""},
	    {{"app", "a/b", NULL}, false, NULL, "parameter app"},
	    {{"stream", "..", NULL}, false, NULL, "parameter stream"},
	    {{"stream", "a\r\nb", NULL}, false, NULL, "parameter stream"},
	    {{"stream", "\xc3\xa9", NULL}, false, NULL, "parameter stream"},
	    {{"vhost", "a b", NULL}, false, NULL, "parameter vhost"},
	    {{"action", "steal", NULL}, false, NULL, "play or publish"},
	    {{"eip", "host", NULL}, false, NULL, "parameter eip"},
	    {{"eip", "0.0.0.0", NULL}, false, NULL, "parameter eip"},
	    {{"candidate", "1.2.3.4:0x", NULL}, false, NULL, "parameter candidate"},
	    {{"ice-ufrag", "abc", NULL}, false, NULL, "parameter ice-ufrag"},
	    {{"ice-ufrag", "012345678901234567890123456789012", NULL}, false, NULL, "4 to 32"},
	    {{"ice-pwd", "short", NULL}, false, NULL, "parameter ice-pwd"},
	    {{"ice-pwd", "0123456789012345678901\n", NULL}, false, NULL, "parameter ice-pwd"},
	    {{"encrypt", "false", NULL}, false, NULL, "parameter encrypt"},
	    {{"dtls", "off", NULL}, false, NULL, "parameter dtls"},
	    {{"encrypt", "TRUE", "dtls", "1", NULL}, false, "live/livestream", ""},
	    {{"codec", "h 264", NULL}, false, NULL, "parameter codec"},
	};
	static const char *const recipe[] = {
	    "ice-ufrag", "6pk11386", "ice-pwd",	  "l91z529147ri9163933p51c4",
	    "action",	 "play",     "candidate", "[2001:db8::1]:8000",
	    "secret",	 "s",	     NULL};
	static const char *const publish[] = {"action", "publish", NULL};
	char words[WHIP_WORDS_SIZE];
	struct whip_params p;

	(void)state;
	assert_int_equal(whip_params_read(&p, get, publish, SDP_PUBLISH, false, words), 0);
	assert_int_equal(whip_params_read(&p, get, publish, SDP_PLAY, false, words), -EINVAL);
	assert_non_null(strstr(words, "play here"));
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		int r =
		    whip_params_read(&p, get, rows[i].pairs, SDP_PUBLISH, rows[i].use_vhost, words);

		if (rows[i].stream == NULL) {
			assert_int_equal(r, -EINVAL);
			if (strstr(words, rows[i].words) == NULL)
				fail_msg("row %zu: %s", i, words);
		} else {
			assert_int_equal(r, 0);
			assert_string_equal(p.stream, rows[i].stream);
			assert_int_equal(p.role, SDP_PUBLISH);
		}
	}
	assert_int_equal(whip_params_read(&p, get, recipe, SDP_PUBLISH, false, words), 0);
	assert_int_equal(p.role, SDP_PLAY);
	assert_string_equal(p.ufrag, "6pk11386");
	assert_string_equal(p.secret, "s");
	assert_true(p.has_eip);
	assert_int_equal(addr_port(&p.eip), 8000);
}

static const char *
text_of(json_t *root, const char *a, const char *b)
{
	json_t *o = json_object_get(root, a);

	return json_string_value(b != NULL ? json_object_get(o, b) : o);
}

static struct sdp *
negotiate(const char *file, enum sdp_role role, bool bare, struct sdp_plan *plan)
{
	char *text = support_text(file);
	struct sdp_policy policy = {.role = role, .allow_bare = bare};
	struct sdp *offer = sdp_parse(text, strlen(text), NULL);

	assert_non_null(offer);
	assert_int_equal(sdp_negotiate_offer(plan, offer, &policy, NULL), 0);
	free(text);
	return offer;
}

static void
the_relay_is_told_the_tracks(void **state)
{
	struct whip_params params = {.role = SDP_PUBLISH, .stream = "live/a"};
	struct whip_session session = {.params = &params,
				       .credential = "tok",
				       .address = "192.0.2.7",
				       .agent = "OBS",
				       .no_twcc = true,
				       .stun_timeout_ms = 5000};
	struct sdp_plan plan;
	struct sdp *offer = negotiate("sdp/chromium-whip-offer.sdp", SDP_PUBLISH, false, &plan);
	json_t *msg = whip_relay_create(&plan, &session), *track, *codec;
	char *dump;

	(void)state;
	assert_non_null(msg);
	assert_string_equal(text_of(msg, "op", NULL), "session.create");
	assert_string_equal(text_of(msg, "kind", NULL), "publish");
	assert_string_equal(text_of(msg, "credential", NULL), "tok");
	assert_string_equal(text_of(msg, "client", "agent"), "OBS");
	assert_string_equal(text_of(msg, "ice", "ufrag"), "Z8+P");
	assert_null(text_of(msg, "ice", "local_ufrag"));
	assert_string_equal(text_of(msg, "dtls", "role"), "server");
	assert_false(json_is_true(json_object_get(json_object_get(msg, "options"), "twcc")));
	track = json_array_get(json_object_get(msg, "tracks"), 0);
	assert_string_equal(text_of(track, "mid", NULL), "0");
	assert_string_equal(text_of(track, "kind", NULL), "video");
	codec = json_array_get(json_object_get(track, "codecs"), 0);
	assert_string_equal(text_of(codec, "name", NULL), "H264");
	assert_int_equal(json_integer_value(json_object_get(codec, "pt")), 108);
	assert_int_equal(json_integer_value(json_object_get(codec, "rtx_pt")), 109);
	assert_int_equal(json_integer_value(json_array_get(json_object_get(track, "ssrcs"), 0)),
			 1255721723);
	assert_int_equal(json_integer_value(json_array_get(json_object_get(track, "rtx_ssrcs"), 0)),
			 546845459);
	dump = json_dumps(msg, JSON_COMPACT);
	assert_true(dump != NULL && strlen(dump) < 16384);
	free(dump);
	json_decref(msg);
	sdp_free(offer);
}

/* Layers that have no names get numbers, best first; the answer, which may not name what the offer
 * does not, says nothing of them. */
static void
layers_by_ssrc_are_numbered(void **state)
{
	static const char text[] =
	    HEAD "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=rtcp-mux\r\na=sendonly\r\n"
		 "a=rtpmap:96 VP8/90000\r\na=ssrc-group:SIM 5 6 7\r\na=ssrc:5 cname:c\r\n"
		 "a=ssrc:6 cname:c\r\na=ssrc:7 cname:c\r\n";
	struct whip_params params = {.role = SDP_PUBLISH, .stream = "live/a"};
	struct whip_session session = {.params = &params, .credential = "tok"};
	struct sdp_policy policy = {.role = SDP_PUBLISH};
	struct sdp_local local = {
	    .ufrag = "u", .pwd = "p", .fingerprint_hash = "sha-256", .fingerprint = PRINT};
	struct sdp *offer = sdp_parse(text, strlen(text), NULL), *answer;
	struct sdp_plan plan;
	json_t *msg, *track;

	(void)state;
	assert_non_null(offer);
	assert_int_equal(sdp_negotiate_offer(&plan, offer, &policy, NULL), 0);
	msg = whip_relay_create(&plan, &session);
	track = json_array_get(json_object_get(msg, "tracks"), 0);
	for (size_t i = 0; i < 3; i++) {
		const char name[] = {(char)('0' + i), '\0'};

		assert_string_equal(
		    json_string_value(json_array_get(json_object_get(track, "rids"), i)), name);
		assert_int_equal(
		    json_integer_value(json_array_get(json_object_get(track, "ssrcs"), i)), 7 - i);
	}
	assert_int_equal(json_array_size(json_object_get(track, "rids")), 3);
	answer = sdp_answer(offer, &plan, &local);
	assert_non_null(answer);
	assert_string_equal(answer->media[0].simulcast_recv, "");
	assert_int_equal(answer->media[0].rid_count, 0);
	sdp_free(answer);
	json_decref(msg);
	sdp_free(offer);
}

static void
a_bare_test_has_no_dtls(void **state)
{
	struct whip_params params = {.role = SDP_PUBLISH,
				     .stream = "live/a",
				     .ufrag = "6pk11386",
				     .pwd = "l91z529147ri9163933p51c4"};
	struct whip_session session = {.params = &params};
	struct sdp_plan plan;
	struct sdp *offer = negotiate("sdp/recipe-whip-offer.sdp", SDP_PUBLISH, true, &plan);
	json_t *msg = whip_relay_create(&plan, &session);

	(void)state;
	assert_null(json_object_get(msg, "dtls"));
	assert_null(json_object_get(msg, "credential"));
	assert_string_equal(text_of(msg, "ice", "local_ufrag"), "6pk11386");
	assert_string_equal(text_of(msg, "ice", "ufrag"), "J8X7");
	json_decref(msg);
	sdp_free(offer);
}

#define SECRET "0123456789012345678901234567890123456789_-A"

static void
the_relays_reply_is_taken(void **state)
{
	struct sdp_plan plan;
	struct sdp *offer = negotiate("sdp/chromium-whep-offer.sdp", SDP_PLAY, false, &plan);
	struct sdp_local local = {.session_id = 1};
	const char *secret, *id;
	json_t *reply =
	    json_pack("{s:b, s:s, s:s, s:s, s:{s:s, s:s}, s:{s:s, s:{s:s, s:s}},"
		      "s:[{s:s, s:i}, {s:s, s:i, s:i}, {s:s, s:i}]}",
		      "ok", 1, "session", "s-1", "secret", SECRET, "cname", "cn", "ice", "ufrag",
		      "uuuu", "pwd", "pppppppppppppppppppppp", "dtls", "role", "server",
		      "fingerprint", "hash", "sha-256", "value", "AB:CD", "tracks", "mid", "1",
		      "ssrc", 77, "mid", "0", "ssrc", 88, "rtx_ssrc", 89, "mid", "9", "ssrc", 1);

	(void)state;
	assert_non_null(reply);
	assert_int_equal(whip_relay_read(reply, &plan, &local, &secret, &id), 0);
	assert_string_equal(secret, SECRET);
	assert_string_equal(id, "s-1");
	assert_true(local.ice_lite);
	assert_string_equal(local.cname, "cn");
	assert_int_equal(local.tracks[0].ssrc, 88);
	assert_int_equal(local.tracks[0].rtx_ssrc, 89);
	assert_int_equal(local.tracks[1].ssrc, 77);
	json_object_set_new(reply, "secret", json_string("../x"));
	assert_int_equal(whip_relay_read(reply, &plan, &local, &secret, &id), -EBADMSG);
	json_object_set_new(reply, "secret", json_string(SECRET));
	json_object_del(reply, "dtls");
	assert_int_equal(whip_relay_read(reply, &plan, &local, &secret, &id), -EBADMSG);
	json_decref(reply);
	sdp_free(offer);
}

static void
hellos_and_failures(void **state)
{
	json_t *hello =
	    json_pack("{s:[{s:s,s:i,s:s},{s:s,s:i,s:s},{s:s,s:i,s:s}]}", "listen", "proto", "udp",
		      "port", 8000, "family", "ipv4", "proto", "udp", "port", 8001, "family",
		      "ipv6", "proto", "tcp", "port", 8002, "family", "ipv4");
	struct whip_ports ports = whip_relay_ports(hello), none = whip_relay_ports(NULL);
	json_t *reply = json_pack("{s:b,s:s}", "ok", 0, "error", "stream-busy");

	(void)state;
	assert_int_equal(ports.udp4, 8000);
	assert_int_equal(ports.udp6, 8001);
	assert_int_equal(ports.tcp4, 8002);
	assert_int_equal(ports.tcp6, 0);
	assert_int_equal(none.udp4, 0);
	assert_int_equal(whip_relay_failure(reply)->status, 409);
	assert_int_equal(whip_relay_failure(NULL)->status, 503);
	json_object_set_new(reply, "error", json_string("something-new"));
	assert_int_equal(whip_relay_failure(reply)->status, 503);
	assert_true(whip_relay_is_secret(SECRET));
	assert_false(whip_relay_is_secret(SECRET "x"));
	assert_false(whip_relay_is_secret("0123456789012345678901234567890123456789_-/"));
	json_decref(reply);
	json_decref(hello);
}

static void
write_file(const char *path, const char *text, size_t size)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, size, f), size);
	fclose(f);
}

static void
tokens_come_from_a_file(void **state)
{
	static const char text[] = "# tokens\n\n one \r\ntwo\nthree";
	struct whip_auth auth = {.count = 0};
	char path[] = "/tmp/rtckit-tokens-XXXXXX", longer[WHIP_CREDENTIAL_MAX + 2];
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	write_file(path, text, sizeof(text) - 1);
	assert_int_equal(whip_auth_load(&auth, path), 0);
	assert_int_equal(auth.count, 3);
	assert_true(whip_auth_knows(&auth, "one"));
	assert_true(whip_auth_knows(&auth, "three"));
	assert_false(whip_auth_knows(&auth, "# tokens"));
	assert_false(whip_auth_knows(&auth, ""));
	assert_false(whip_auth_knows(&auth, NULL));
	memset(longer, 'a', sizeof(longer));
	write_file(path, longer, sizeof(longer) - 1);
	assert_int_equal(whip_auth_load(&auth, path), -EINVAL);
	write_file(path, "# none\n", 7);
	assert_int_equal(whip_auth_load(&auth, path), -EINVAL);
	unlink(path);
	assert_int_equal(whip_auth_load(&auth, path), -ENOENT);
	assert_true(whip_auth_knows(&auth, "two"));
	whip_auth_fini(&auth);
	assert_false(whip_auth_knows(&auth, "two"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(candidates_follow_the_rules),
	    cmocka_unit_test(candidate_values_have_a_grammar),
	    cmocka_unit_test(names_to_resolve_are_known),
	    cmocka_unit_test(queries_pass_the_allow_lists),
	    cmocka_unit_test(the_relay_is_told_the_tracks),
	    cmocka_unit_test(layers_by_ssrc_are_numbered),
	    cmocka_unit_test(a_bare_test_has_no_dtls),
	    cmocka_unit_test(the_relays_reply_is_taken),
	    cmocka_unit_test(hellos_and_failures),
	    cmocka_unit_test(tokens_come_from_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
