/* Unit tests of rooms: lib/rooms/rooms.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "rooms/rooms.h"

enum { PEOPLE = 6, TEXT_SIZE = 4096, SECOND = 1000000 };

/* Somebody who keeps the last of what was sent to them. */
struct person {
	struct rooms_client *client;
	char last[TEXT_SIZE];
	unsigned count;
};

static struct rooms *rooms;
static struct person people[PEOPLE];
static uint64_t now_us = SECOND;

static void
on_send(void *client_arg, const char *text, size_t size)
{
	struct person *p = client_arg;

	assert_true(size < TEXT_SIZE);
	memcpy(p->last, text, size);
	p->last[size] = '\0';
	p->count++;
}

/* A message in an exact-size block. */
static int
say(unsigned i, const char *text)
{
	size_t size = strlen(text);
	char *copy = malloc(size > 0 ? size : 1);
	int rc;

	memcpy(copy, text, size);
	now_us += SECOND;
	rc = rooms_input(people[i].client, now_us, copy, size);
	free(copy);
	return rc;
}

static void
expect(unsigned i, const char *text)
{
	assert_string_equal(people[i].last, text);
	people[i].last[0] = '\0';
}

static void
join(unsigned i, const char *room, const char *display)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "{\"tid\":\"j\",\"msg\":{\"action\":\"join\",\"room\":\"%s\",\"display\":\"%s\"}}",
		 room, display);
	assert_int_equal(say(i, text), 0);
}

static int
setup(void **state)
{
	const struct rooms_config config = {.rooms_max = 2, .participants_max = 3, .send = on_send};

	(void)state;
	rooms = rooms_new(&config);
	for (unsigned i = 0; i < PEOPLE; i++) {
		memset(&people[i], 0, sizeof(people[i]));
		people[i].client = rooms_client_new(rooms, &people[i]);
	}
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < PEOPLE; i++)
		rooms_client_free(people[i].client);
	assert_int_equal(rooms_counts(rooms).rooms, 0);
	assert_int_equal(rooms_counts(rooms).participants, 0);
	rooms_free(rooms);
	return 0;
}

static void
test_join_publish_control_leave(void **state)
{
	(void)state;
	join(0, "r", "a");
	expect(
	    0,
	    "{\"tid\":\"j\",\"msg\":{\"action\":\"join\",\"room\":\"r\",\"self\":{\"display\":"
	    "\"a\","
	    "\"publishing\":false},\"participants\":[{\"display\":\"a\",\"publishing\":false}]}}");
	assert_int_equal(
	    say(0, "{\"tid\":7,\"msg\":{\"action\":\"publish\",\"room\":\"r\",\"display\":"
		   "\"a\"}}"),
	    0);
	expect(0, "{\"tid\":7,\"msg\":null}");
	join(1, "r", "b");
	expect(1,
	       "{\"tid\":\"j\",\"msg\":{\"action\":\"join\",\"room\":\"r\",\"self\":{\"display\":"
	       "\"b\","
	       "\"publishing\":false},\"participants\":[{\"display\":\"a\",\"publishing\":true},{"
	       "\"display\":\"b\",\"publishing\":false}]}}");
	expect(0, "{\"msg\":{\"action\":\"notify\",\"event\":\"join\",\"room\":\"r\",\"self\":{"
		  "\"display\":"
		  "\"a\",\"publishing\":true},\"peer\":{\"display\":\"b\",\"publishing\":false},"
		  "\"participants\":[{\"display\":\"a\",\"publishing\":true},{\"display\":\"b\","
		  "\"publishing\":false}]}}");
	assert_int_equal(
	    say(1,
		"{\"tid\":\"c\",\"msg\":{\"action\":\"control\",\"call\":\"chat\",\"data\":[1]}}"),
	    0);
	expect(1, "{\"tid\":\"c\",\"msg\":null}");
	expect(0, "{\"msg\":{\"action\":\"notify\",\"event\":\"control\",\"room\":\"r\",\"self\":{"
		  "\"display\":\"a\",\"publishing\":true},\"peer\":{\"display\":\"b\","
		  "\"publishing\":false},"
		  "\"participants\":[{\"display\":\"a\",\"publishing\":true},{\"display\":\"b\","
		  "\"publishing\":false}],\"param\":\"chat\",\"data\":[1]}}");
	assert_int_equal(say(0, "{\"tid\":\"l\",\"msg\":{\"action\":\"leave\"}}"), 0);
	expect(0, "{\"tid\":\"l\",\"msg\":null}");
	assert_string_equal(rooms_client_room(people[0].client), "");
	expect(1, "{\"msg\":{\"action\":\"notify\",\"event\":\"leave\",\"room\":\"r\",\"self\":{"
		  "\"display\":"
		  "\"b\",\"publishing\":false},\"peer\":{\"display\":\"a\",\"publishing\":false},"
		  "\"participants\":[{\"display\":\"b\",\"publishing\":false}]}}");
	join(0, "r", "a"); /* again */
	assert_int_equal(rooms_counts(rooms).participants, 2);
	rooms_client_free(people[0].client);
	people[0].client = rooms_client_new(rooms, &people[0]);
	assert_non_null(strstr(people[1].last, "\"leave\""));
}

static void
refused(unsigned i, const char *code)
{
	char want[64];

	snprintf(want, sizeof(want), "\"msg\":null,\"error\":{\"code\":\"%s\",\"detail\":\"", code);
	if (strstr(people[i].last, want) == NULL)
		fail_msg("want %s in %s", want, people[i].last);
	people[i].last[0] = '\0';
}

static void
test_refusals(void **state)
{
	(void)state;
	join(0, "r", "a");
	join(1, "r", "a");
	refused(1, "name-taken");
	join(1, "r", "b");
	join(1, "r", "c");
	refused(1, "joined-already");
	join(2, "r", "c");
	join(3, "r", "d");
	refused(3, "room-full");
	join(3, "s", "a"); /* the same name elsewhere */
	expect(
	    3,
	    "{\"tid\":\"j\",\"msg\":{\"action\":\"join\",\"room\":\"s\",\"self\":{\"display\":"
	    "\"a\","
	    "\"publishing\":false},\"participants\":[{\"display\":\"a\",\"publishing\":false}]}}");
	join(4, "t", "a");
	refused(4, "too-many-rooms");
	join(4, "../x", "a");
	refused(4, "bad-name");
	join(4, "s", "");
	refused(4, "bad-name");
	join(4, "s", "\\u00e4");
	refused(4, "bad-name");
	assert_int_equal(say(4, "{\"tid\":\"\",\"msg\":{\"action\":\"publish\"}}"), 0);
	refused(4, "not-joined");
	assert_int_equal(say(0, "{\"tid\":\"\",\"msg\":{\"action\":\"control\",\"room\":\"s\"}}"),
			 0);
	refused(0, "not-joined");
	assert_int_equal(
	    say(0, "{\"tid\":\"\",\"msg\":{\"action\":\"publish\",\"display\":\"b\"}}"), 0);
	refused(0, "not-joined");
	assert_int_equal(say(0, "{\"tid\":\"\",\"msg\":{\"action\":\"fly\"}}"), 0);
	refused(0, "unknown-action");
	assert_int_equal(say(0, "{\"tid\":\"\"}"), 0);
	refused(0, "bad-request");
	assert_int_equal(say(0, "{\"tid\":\"\",\"msg\":{\"action\":\"join\",\"room\":[]}}"), 0);
	refused(0, "bad-request");
	assert_int_equal(rooms_counts(rooms).participants, 4);
	assert_int_equal(rooms_counts(rooms).refused, 13);
}

static void
test_no_requests(void **state)
{
	static const char *const texts[] = {"",
					    "x",
					    "[]",
					    "{}",
					    "null",
					    "{\"tid\":",
					    "{\"msg\":{}}",
					    "{\"tid\":[],\"msg\":{}}",
					    "{\"tid\":null,\"msg\":{}}",
					    "{\"tid\":1,\"tid\":2,\"msg\":{}}",
					    "{\"tid\":1.5}",
					    "{\"tid\":\"a\\u0000b\"}",
					    "{\"tid\":\"\xff\"}"};
	static char big[ROOMS_MESSAGE_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(say(0, texts[i]), -EBADMSG);
	memset(big, '[', sizeof(big));
	assert_int_equal(rooms_input(people[0].client, now_us += SECOND, big, sizeof(big)),
			 -EMSGSIZE);
	assert_int_equal(rooms_input(people[0].client, now_us, big, sizeof(big) - 1), -EBADMSG);
	assert_int_equal(rooms_input(people[0].client, now_us, big, ROOMS_DEPTH_MAX + 1), -EBADMSG);
	assert_int_equal(people[0].count, 0);
}

static void
test_truncations(void **state)
{
	static const char text[] =
	    "{\"tid\":\"x\",\"msg\":{\"action\":\"join\",\"room\":\"r\",\"display\":\"a\\\"\"}}";

	(void)state;
	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		char *copy = malloc(n > 0 ? n : 1);

		memcpy(copy, text, n);
		assert_int_equal(rooms_input(people[0].client, now_us += SECOND, copy, n),
				 -EBADMSG);
		free(copy);
	}
	assert_int_equal(say(0, text), 0);
	refused(0, "bad-name");
}

static void
test_rate(void **state)
{
	static const char text[] = "{\"tid\":1,\"msg\":{\"action\":\"publish\"}}";
	unsigned taken = 0;

	(void)state;
	for (unsigned i = 0; i < 2 * ROOMS_BURST; i++)
		taken += rooms_input(people[0].client, now_us, text, strlen(text)) == 0;
	assert_int_equal(taken, ROOMS_BURST);
	now_us += SECOND;
	for (taken = 0; rooms_input(people[0].client, now_us, text, strlen(text)) == 0;)
		taken++;
	assert_int_equal(taken, ROOMS_RATE_PER_S);
	assert_int_equal(rooms_input(people[1].client, now_us, text, strlen(text)), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_join_publish_control_leave, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_no_requests, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_truncations, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_rate, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
