/* Unit tests of lib/hook/hook.h: questions, bodies of POSTs, verdicts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "hook/hook.h"

static const struct hook_client client = {.action = HOOK_PUBLISH,
					  .id = "s-12345678",
					  .address = "192.0.2.7",
					  .stream = "live/a",
					  .query = "app=live&secret=x",
					  .host = "example.org",
					  .page = "https://example.org/p"};

static void
text_is(const json_t *object, const char *name, const char *want)
{
	const char *text = json_string_value(json_object_get(object, name));

	assert_non_null(text);
	assert_string_equal(text, want);
}

static void
a_body_has_what_servers_of_hooks_read(void **state)
{
	json_t *question = hook_ask(&client), *body = hook_body(question, HOOK_PUBLISH, "srv");

	(void)state;
	text_is(body, "action", "on_publish");
	text_is(body, "client_id", "s-12345678");
	text_is(body, "ip", "192.0.2.7");
	text_is(body, "vhost", "__defaultVhost__");
	text_is(body, "app", "live");
	text_is(body, "stream", "a");
	text_is(body, "param", "?app=live&secret=x");
	text_is(body, "stream_url", "/live/a");
	text_is(body, "tcUrl", "webrtc://example.org/live");
	text_is(body, "server_id", "srv");
	text_is(body, "service_id", "srv");
	assert_non_null(json_object_get(body, "stream_id"));
	assert_null(json_object_get(body, "pageUrl"));
	json_decref(body);
	body = hook_body(question, HOOK_STOP, "srv");
	text_is(body, "action", "on_stop");
	text_is(body, "pageUrl", "https://example.org/p");
	json_decref(body);
	json_decref(question);
}

static void
names_may_begin_with_a_vhost(void **state)
{
	static const struct {
		const char *stream, *vhost, *app, *name;
	} rows[] = {{"example.net/live/a", "example.net", "live", "a"},
		    {"x/y", "__defaultVhost__", "x", "y"}};
	static const char *const bad[] = {"", "a", "a/b/c/d", "../a", "a/b\r\nc"};
	struct hook_client c = client;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		json_t *question, *body;

		c.stream = rows[i].stream;
		c.query = c.host = c.page = NULL;
		question = hook_ask(&c);
		body = hook_body(question, HOOK_PLAY, "srv");
		text_is(body, "vhost", rows[i].vhost);
		text_is(body, "app", rows[i].app);
		text_is(body, "stream", rows[i].name);
		text_is(body, "param", "");
		json_decref(body);
		json_decref(question);
	}
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		json_t *question;

		c.stream = bad[i];
		question = hook_ask(&c);
		assert_null(hook_body(question, HOOK_PLAY, "srv"));
		json_decref(question);
	}
}

/* Without each of its members, with a number for it, with one that is too long. */
static void
a_question_must_be_whole(void **state)
{
	json_t *question = hook_ask(&client), *value;
	const char *key;
	char *longer = malloc(HOOK_TEXT_MAX + 2);

	(void)state;
	memset(longer, 'a', HOOK_TEXT_MAX + 1);
	longer[HOOK_TEXT_MAX + 1] = '\0';
	json_object_foreach(question, key, value)
	{
		json_t *other = json_copy(question);

		if (!json_is_string(value) || strcmp(key, "op") == 0 ||
		    strcmp(key, "action") == 0) {
			json_decref(other);
			continue;
		}
		json_object_del(other, key);
		assert_null(hook_body(other, HOOK_PUBLISH, "srv"));
		json_object_set_new(other, key, json_integer(1));
		assert_null(hook_body(other, HOOK_PUBLISH, "srv"));
		json_object_set_new(other, key, json_string(longer));
		assert_null(hook_body(other, HOOK_PUBLISH, "srv"));
		json_decref(other);
	}
	assert_null(hook_body(NULL, HOOK_PUBLISH, "srv"));
	free(longer);
	json_decref(question);
}

static void
an_answer_accepts_with_zero(void **state)
{
	static const char *const good[] = {"0", " 0\r\n", "{\"code\":0}",
					   "{\"code\":0,\"data\":null}"};
	static const char *const bad[] = {"",	 "1",	"\"0\"", "{\"code\":1}", "{\"code\":\"0\"}",
					  "{}",	 "ok",	"0 0",	 "<html>",	 "{\"code\":0",
					  "[0]", "null"};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
		assert_true(hook_accepts(200, good[i], strlen(good[i])));
		assert_true(hook_accepts(201, good[i], strlen(good[i])));
		assert_false(hook_accepts(204, good[i], strlen(good[i])));
		assert_false(hook_accepts(403, good[i], strlen(good[i])));
		assert_false(hook_accepts(500, good[i], strlen(good[i])));
	}
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_false(hook_accepts(200, bad[i], strlen(bad[i])));
}

static void
verdicts(void **state)
{
	static const struct {
		const char *reply;
		bool allowed, unavailable;
	} rows[] = {{"{\"ok\":true}", true, false},
		    {"{\"ok\":false,\"error\":\"denied\",\"detail\":\"no\"}", false, false},
		    {"{\"ok\":false,\"error\":\"unavailable\",\"detail\":\"no\"}", false, true},
		    {"{}", false, true},
		    {NULL, false, true}};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		json_t *reply = rows[i].reply != NULL ? json_loads(rows[i].reply, 0, NULL) : NULL;
		struct hook_verdict v = hook_read(reply);

		assert_int_equal(v.allowed, rows[i].allowed);
		assert_int_equal(v.unavailable, rows[i].unavailable);
		assert_non_null(v.words);
		json_decref(reply);
	}
}

static void
ids_are_of_the_relays_grammar(void **state)
{
	char a[HOOK_ID_SIZE], b[HOOK_ID_SIZE];

	(void)state;
	hook_make_id(a, 0);
	hook_make_id(b, UINT64_MAX);
	assert_int_equal(strlen(a), HOOK_ID_SIZE - 1);
	assert_memory_equal(a, "s-", 2);
	assert_string_equal(a, "s-AAAAAAAA");
	assert_string_equal(b, "s-________");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_body_has_what_servers_of_hooks_read),
	    cmocka_unit_test(names_may_begin_with_a_vhost),
	    cmocka_unit_test(a_question_must_be_whole),
	    cmocka_unit_test(an_answer_accepts_with_zero),
	    cmocka_unit_test(verdicts),
	    cmocka_unit_test(ids_are_of_the_relays_grammar),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
