/* Unit tests of lib/client/whip_api.h: the older JSON interface as a client speaks it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "client/whip_api.h"

static void
the_path_tells(void **state)
{
	static const char *const yes[] = {"http://h/rtc/v1/publish/", "http://h:1985/rtc/v1/play",
					  "https://h/rtc/v1/play/?app=a&stream=b"};
	static const char *const no[] = {"http://h/rtc/v1/whip/",
					 "http://h/rtc/v1/whip-play/",
					 "http://h/rtc/v1/play/x",
					 "http://h/x?/rtc/v1/play/",
					 "http://h/",
					 "",
					 "nonsense:"};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(yes); i++)
		assert_true(whip_api_is(yes[i]));
	for (size_t i = 0; i < ARRAY_COUNT(no); i++)
		assert_false(whip_api_is(no[i]));
}

static void
a_request_names_the_stream(void **state)
{
	static const struct {
		const char *url, *stream;
	} rows[] = {
	    {"http://h/rtc/v1/play/", "webrtc://h/live/livestream"},
	    {"http://h:1985/rtc/v1/play/?app=a&stream=b&secret=1",
	     "webrtc://h:1985/a/b?app=a&stream=b&secret=1"},
	    {"http://[::1]:1985/rtc/v1/publish/?stream=b", "webrtc://[::1]:1985/live/b?stream=b"},
	    {"http://h/rtc/v1/play/?streams=c&astream=d&stream=",
	     "webrtc://h/live/?streams=c&astream=d&stream="},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		char *text = whip_api_request(rows[i].url, "v=0\r\n");
		json_t *root = json_loads(text, 0, NULL);

		assert_string_equal(json_string_value(json_object_get(root, "streamurl")),
				    rows[i].stream);
		assert_string_equal(json_string_value(json_object_get(root, "api")), rows[i].url);
		assert_string_equal(json_string_value(json_object_get(root, "sdp")), "v=0\r\n");
		assert_true(json_is_null(json_object_get(root, "clientip")));
		json_decref(root);
		free(text);
	}
	assert_null(whip_api_request("nonsense:", "v=0\r\n"));
}

/* A copy of exactly its octets and the NUL. */
static int
answer(const char *text, size_t size, char **body, size_t *left, long *code)
{
	*body = malloc(size + 1);
	memcpy(*body, text, size);
	(*body)[size] = '\0';
	*left = size;
	*code = 0;
	return whip_api_answer(*body, left, code);
}

static void
an_answer_gives_its_sdp(void **state)
{
	static const char good[] = "{\"code\":0,\"server\":\"s\",\"sdp\":\"v=0\\r\\n\"}";
	char *body;
	size_t size;
	long code;

	(void)state;
	assert_int_equal(answer(good, sizeof(good) - 1, &body, &size, &code), 0);
	assert_string_equal(body, "v=0\r\n");
	assert_int_equal(size, 5);
	free(body);
	for (size_t n = 0; n < sizeof(good) - 1; n++) {
		assert_int_equal(answer(good, n, &body, &size, &code), -EBADMSG);
		assert_int_equal(size, n);
		free(body);
	}
}

static void
a_refusal_has_a_code(void **state)
{
	static const char *const bad[] = {"[]",
					  "{}",
					  "{\"code\":0}",
					  "{\"code\":\"0\",\"sdp\":\"v\"}",
					  "{\"code\":0,\"sdp\":1}",
					  "<html>"};
	char *body;
	size_t size;
	long code;

	(void)state;
	assert_int_equal(answer("{\"code\":400}", 12, &body, &size, &code), -EPROTO);
	assert_int_equal(code, 400);
	free(body);
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		assert_int_equal(answer(bad[i], strlen(bad[i]), &body, &size, &code), -EBADMSG);
		assert_string_equal(body, bad[i]);
		free(body);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_path_tells),
	    cmocka_unit_test(a_request_names_the_stream),
	    cmocka_unit_test(an_answer_gives_its_sdp),
	    cmocka_unit_test(a_refusal_has_a_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
