/* What rtc-whip and rtc-whep decide by rules alone: If-Match, ICE servers, redirects, rates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../support/support.h"
#include "base/bytes.h"
#include "whip/whip_balance.h"
#include "whip/whip_etag.h"
#include "whip/whip_ice_server.h"
#include "whip/whip_json.h"

static void
if_match_is_compared_strongly(void **state)
{
	static const struct {
		const char *field;
		enum whip_match match;
	} rows[] = {
	    {"\"abc\"", WHIP_MATCH_TAG},   {" \"x\" , \"abc\"", WHIP_MATCH_TAG},
	    {"*", WHIP_MATCH_ANY},	   {" * ", WHIP_MATCH_ANY},
	    {"\"*\"", WHIP_MATCH_ANY},	   {"W/\"abc\"", WHIP_MATCH_NONE},
	    {"W/\"*\"", WHIP_MATCH_NONE},  {"abc", WHIP_MATCH_NONE},
	    {"\"abcd\"", WHIP_MATCH_NONE}, {"\"ab\"", WHIP_MATCH_NONE},
	    {"", WHIP_MATCH_NONE},	   {"\"abc", WHIP_MATCH_NONE},
	    {"**", WHIP_MATCH_NONE},	   {"\"x\" abc", WHIP_MATCH_NONE},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		if (whip_etag_match(rows[i].field, "abc") != rows[i].match)
			fail_msg("If-Match: %s", rows[i].field);
}

static void
ice_servers_are_held_to_their_grammar(void **state)
{
	static const struct {
		const char *uri, *username, *credential;
		int result;
	} rows[] = {
	    {"stun:stun.example.com", NULL, NULL, 0},
	    {"stuns:192.0.2.1:5349", NULL, NULL, 0},
	    {"turn:[2001:db8::1]:3478?transport=tcp", "u", "p", 0},
	    {"turns:turn.example.com", "u", "p", 0},
	    {"stun:stun.example.com", "u", "p", -EINVAL},
	    {"turn:turn.example.com", NULL, NULL, -EINVAL},
	    {"turn:turn.example.com", "u\"; x=\"", "p", -EINVAL},
	    {"turn:turn.example.com", "u", "p\r\nX: y", -EINVAL},
	    {"turn:turn.example.com?transport=sctp", "u", "p", -EINVAL},
	    {"stun:stun.example.com?transport=udp", NULL, NULL, -EINVAL},
	    {"stun:a>b", NULL, NULL, -EINVAL},
	    {"stun:", NULL, NULL, -EINVAL},
	    {"http://stun.example.com", NULL, NULL, -EINVAL},
	};
	struct whip_ice_servers servers = {.count = 0};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		if (whip_ice_server_add(&servers, rows[i].uri, rows[i].username,
					rows[i].credential) != rows[i].result)
			fail_msg("%s", rows[i].uri);
	assert_int_equal(servers.count, 4);
	assert_string_equal(servers.links[0], "<stun:stun.example.com>; rel=\"ice-server\"");
	while (servers.count < WHIP_ICE_SERVERS_MAX)
		assert_int_equal(whip_ice_server_add(&servers, "stun:x", NULL, NULL), 0);
	assert_int_equal(whip_ice_server_add(&servers, "stun:x", NULL, NULL), -ENOSPC);
}

/* A server that leaves the list takes only its own streams with it, whatever the order. */
static void
streams_stay_with_their_server(void **state)
{
	struct whip_balance three = {.count = 0}, two = {.count = 0};
	unsigned counts[2] = {0, 0};

	(void)state;
	assert_null(whip_balance_pick(&three, "live/a"));
	assert_int_equal(whip_balance_add(&three, "http://a:1985"), 0);
	assert_int_equal(whip_balance_add(&three, "self"), 0);
	assert_int_equal(whip_balance_add(&three, "https://b/x"), 0);
	assert_int_equal(whip_balance_add(&two, "self"), 0);
	assert_int_equal(whip_balance_add(&two, "http://a:1985"), 0);
	assert_int_equal(whip_balance_add(&two, "ftp://a"), -EINVAL);
	assert_int_equal(whip_balance_add(&two, "http://a/?x"), -EINVAL);
	for (unsigned i = 0; i < 3000; i++) {
		const char *was, *now;
		char name[32];

		snprintf(name, sizeof(name), "live/%u", i);
		was = whip_balance_pick(&three, name);
		now = whip_balance_pick(&two, name);
		if (was == NULL || strcmp(was, "https://b/x") != 0)
			assert_true(was == now || strcmp(was, now) == 0);
		counts[0] += was == NULL;
		counts[1] += was != NULL && strcmp(was, "https://b/x") == 0;
	}
	for (size_t i = 0; i < 2; i++)
		assert_in_range(counts[i], 800, 1200);
}

static void
the_rate_of_a_client_is_bounded(void **state)
{
	static struct whip_rate rate = {.per_second = 10, .seed = 7};
	struct addr a, b;
	unsigned passed = 0;

	(void)state;
	assert_int_equal(addr_parse(&a, "192.0.2.1", 0), 0);
	assert_int_equal(addr_parse(&b, "2001:db8::1", 0), 0);
	for (uint64_t now = 1000000; now < 3000000; now += 1000)
		passed += whip_rate_take(&rate, &a, now);
	assert_in_range(passed, 28, 31); /* ten at once and ten a second */
	assert_true(whip_rate_take(&rate, &b, 3000000));
	rate.per_second = 0;
	assert_true(whip_rate_take(&rate, &a, 3000000));
}

static void
json_requests_are_read(void **state)
{
	char words[WHIP_WORDS_SIZE];
	size_t size;
	uint8_t *buf = support_load("whip_json/short", &size);
	struct whip_json *j = whip_json_read((const char *)buf, size, words);

	(void)state;
	assert_non_null(j);
	assert_string_equal(whip_json_get(j, "app"), "a-b");
	assert_string_equal(whip_json_get(j, "stream"), "c");
	assert_string_equal(whip_json_get(j, "token"), "x");
	assert_null(whip_json_get(j, "action"));
	assert_null(whip_json_get(j, "eip"));
	assert_int_equal(j->sdp_size, 5);
	whip_json_free(j);
	free(buf);
}

/* The scheme says how a client speaks to the server, not which stream it means. */
static void
json_streams_are_named_by_any_scheme(void **state)
{
	static const struct {
		const char *url;
		bool is_fine;
	} rows[] = {
	    {"webrtc://h/live/s", true}, {"http://h:1985/live/s?a=b", true},
	    {"https://h/live/s", true},	 {"rtmp://h/live/s", true},
	    {"webrtc://h/live", false},	 {"webrtc://h/live/s/t", false},
	    {"http:///live/s", false},	 {"/live/s", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		char text[128], words[WHIP_WORDS_SIZE];
		struct whip_json *j;

		snprintf(text, sizeof(text), "{\"streamurl\":\"%s\",\"sdp\":\"v=0\"}", rows[i].url);
		j = whip_json_read(text, strlen(text), words);
		if ((j != NULL) != rows[i].is_fine)
			fail_msg("%s", rows[i].url);
		if (j != NULL)
			assert_string_equal(whip_json_get(j, "stream"), "s");
		whip_json_free(j);
	}
}

static void
json_truncated(void *arg, const uint8_t *buf, size_t size)
{
	char words[WHIP_WORDS_SIZE] = "";
	struct whip_json *j = whip_json_read((const char *)buf, size, words);

	(void)arg;
	assert_true(j != NULL || words[0] != '\0');
	whip_json_free(j);
}

static void
json_truncations_stay_inside(void **state)
{
	static const char *const names[] = {"whip_json/page", "whip_json/short"};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		size_t size;
		uint8_t *buf = support_load(names[i], &size);

		support_truncations(buf, size, json_truncated, NULL);
		free(buf);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(if_match_is_compared_strongly),
	    cmocka_unit_test(ice_servers_are_held_to_their_grammar),
	    cmocka_unit_test(streams_stay_with_their_server),
	    cmocka_unit_test(the_rate_of_a_client_is_bounded),
	    cmocka_unit_test(json_requests_are_read),
	    cmocka_unit_test(json_streams_are_named_by_any_scheme),
	    cmocka_unit_test(json_truncations_stay_inside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
