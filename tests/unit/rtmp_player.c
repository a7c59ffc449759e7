/* Unit tests of lib/rtmp's server with messages by hand: aggregates, pauses, user control. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "amf/amf.h"
#include "base/bytes.h"
#include "rtmp/rtmp.h"

enum {
	HELLO = 1 + 2 * 1536, /* C0 to C2 */
	HEAD = 12,	      /* of a chunk of format 0 */
	CHUNK = 60000,	      /* so that a message is one chunk */
	STREAM = 1,
	SEEN_MAX = 64,
	SET_CHUNK_SIZE = 1,
	USER_CONTROL = 4,
	COMMAND = 20,
	AGGREGATE = 22
};

/* A connection to the server and what came of it. */
struct it {
	struct rtmp *rtmp;
	struct {
		enum rtmp_event_type type;
		uint8_t kind, first;
		uint32_t ts_ms;
		size_t size;
		bool paused;
	} seen[SEEN_MAX];
	size_t count;
	int rc; /* of the last poll */
};

static void
send_octets(struct it *it, const uint8_t *buf, size_t size)
{
	struct rtmp_event e;

	assert_int_equal(rtmp_input(it->rtmp, 0, buf, size), 0);
	while ((it->rc = rtmp_poll(it->rtmp, &e)) == 1) {
		assert_true(it->count < SEEN_MAX);
		it->seen[it->count].type = e.type;
		it->seen[it->count].paused = e.paused;
		if (e.type == RTMP_MEDIA) {
			it->seen[it->count].kind = e.tag.type;
			it->seen[it->count].first = e.tag.data[0];
			it->seen[it->count].ts_ms = e.tag.ts_ms;
			it->seen[it->count].size = e.tag.size;
		}
		it->count++;
		if (e.type == RTMP_PUBLISH || e.type == RTMP_PLAY)
			assert_int_equal(rtmp_accept(it->rtmp), 0);
	}
}

static void
send_message(struct it *it, uint8_t kind, uint32_t ts_ms, const uint8_t *body, size_t size)
{
	uint8_t *buf = calloc(1, HEAD + size);

	assert_non_null(buf);
	buf[0] = kind < COMMAND ? 2 : 3; /* the chunk stream */
	put_be24(buf + 1, ts_ms);
	put_be24(buf + 4, (uint32_t)size);
	buf[7] = kind;
	buf[8] = STREAM; /* little-endian */
	memcpy(buf + HEAD, body, size);
	send_octets(it, buf, HEAD + size);
	free(buf);
}

/* name, transaction, null, and a string or a boolean and a number. */
static void
send_command(struct it *it, const char *name, const char *text, int boolean)
{
	uint8_t buf[256];
	struct amf_writer w;

	amf_writer_init(&w, buf, sizeof(buf));
	amf_add_string(&w, name);
	amf_add_number(&w, 4);
	if (strcmp(name, "connect") == 0) {
		amf_begin_object(&w);
		amf_add_key(&w, "app");
		amf_add_string(&w, text);
		amf_end_object(&w);
	} else
		amf_add_null(&w);
	if (text != NULL)
		amf_add_string(&w, text);
	if (boolean >= 0) {
		amf_add_boolean(&w, boolean);
		amf_add_number(&w, 1234);
	}
	send_message(it, COMMAND, 0, buf, (size_t)amf_finish(&w));
}

/* How often text is in what the server would send; that is taken. */
static unsigned
answered(struct it *it, const void *text, size_t size)
{
	const uint8_t *out;
	size_t n = rtmp_output(it->rtmp, &out);
	unsigned found = 0;

	for (size_t i = 0; i + size <= n; i++)
		found += memcmp(out + i, text, size) == 0;
	rtmp_sent(it->rtmp, n);
	return found;
}

static struct it
begun(const char *verb)
{
	static const uint8_t hello[HELLO] = {3};
	struct it it = {.rtmp = rtmp_server_new(1, 0)};
	uint8_t chunk[4];

	assert_non_null(it.rtmp);
	send_octets(&it, hello, sizeof(hello));
	put_be32(chunk, CHUNK);
	send_message(&it, SET_CHUNK_SIZE, 0, chunk, sizeof(chunk));
	send_command(&it, "connect", "live", -1);
	send_command(&it, "createStream", NULL, -1);
	if (verb != NULL) {
		send_command(&it, verb, "x", -1);
		assert_int_equal(it.count, 1);
	}
	answered(&it, "", 1);
	it.count = 0;
	return it;
}

/* ---- aggregates (s.7.1.6) ---- */

static size_t
put_part(uint8_t *at, uint8_t kind, uint32_t ts_ms, uint8_t first, size_t size)
{
	memset(at, 0, FLV_TAG_HEAD_SIZE + size + FLV_TAG_TAIL_SIZE);
	at[0] = kind;
	put_be24(at + 1, (uint32_t)size);
	put_be24(at + 4, ts_ms & 0xffffff);
	at[7] = (uint8_t)(ts_ms >> 24);
	if (size > 0)
		at[FLV_TAG_HEAD_SIZE] = first;
	return FLV_TAG_HEAD_SIZE + size + FLV_TAG_TAIL_SIZE;
}

/* Its parts' times count from the message's. */
static void
aggregates_are_taken_apart(void **state)
{
	struct it it = begun("publish");
	uint8_t buf[1000];
	size_t size = put_part(buf, FLV_VIDEO, 500, 0x17, 100);

	(void)state;
	size += put_part(buf + size, FLV_AUDIO, 510, 0xaf, 20);
	size += put_part(buf + size, FLV_VIDEO, 540, 0x27, 50);
	send_message(&it, AGGREGATE, 7000, buf, size);
	assert_int_equal(it.count, 3);
	assert_int_equal(it.seen[0].kind, FLV_VIDEO);
	assert_int_equal(it.seen[0].ts_ms, 7000);
	assert_int_equal(it.seen[0].first, 0x17);
	assert_int_equal(it.seen[0].size, 100);
	assert_int_equal(it.seen[1].kind, FLV_AUDIO);
	assert_int_equal(it.seen[1].ts_ms, 7010);
	assert_int_equal(it.seen[2].ts_ms, 7040);
	assert_int_equal(it.seen[2].size, 50);
	rtmp_free(it.rtmp);
}

static void
aggregates_wrap(void **state)
{
	struct it it = begun("publish");
	uint8_t buf[200];
	size_t size = put_part(buf, FLV_VIDEO, 0xfffffff0, 1, 10);

	(void)state;
	size += put_part(buf + size, FLV_VIDEO, 0x10, 2, 10);
	send_message(&it, AGGREGATE, 100, buf, size);
	assert_int_equal(it.count, 2);
	assert_int_equal(it.seen[0].ts_ms, 100);
	assert_int_equal(it.seen[1].ts_ms, 132);
	rtmp_free(it.rtmp);
}

/* Every truncation: whole parts come, nothing more, and the connection goes on. */
static void
aggregates_cut_off(void **state)
{
	uint8_t buf[200];
	size_t first = put_part(buf, FLV_VIDEO, 0, 1, 30), size;

	(void)state;
	size = first + put_part(buf + first, FLV_AUDIO, 0, 2, 40);
	for (size_t cut = 0; cut <= size; cut++) {
		struct it it = begun("publish");
		size_t whole =
		    (cut >= FLV_TAG_HEAD_SIZE + 30) + (cut >= first + FLV_TAG_HEAD_SIZE + 40);

		send_message(&it, AGGREGATE, 0, buf, cut);
		assert_int_equal(it.count, whole);
		assert_int_equal(it.rc, 0);
		send_message(&it, FLV_AUDIO, 0, buf, 5);
		assert_int_equal(it.count, whole + 1);
		rtmp_free(it.rtmp);
	}
}

/* Empty parts are nobody's; aggregates in aggregates are taken apart in their turn; commands in
 * them are commands. */
static void
aggregates_of_other_things(void **state)
{
	struct it it = begun("publish");
	uint8_t inner[100], buf[300];
	size_t n = put_part(inner, FLV_VIDEO, 0, 7, 10), size = put_part(buf, FLV_VIDEO, 0, 0, 0);
	struct amf_writer w;

	(void)state;
	size += put_part(buf + size, AGGREGATE, 0, 0, n);
	memcpy(buf + size - n - FLV_TAG_TAIL_SIZE, inner, n);
	send_message(&it, AGGREGATE, 0, buf, size);
	assert_int_equal(it.count, 1);
	assert_int_equal(it.seen[0].first, 7);
	amf_writer_init(&w, inner, sizeof(inner));
	amf_add_string(&w, "deleteStream");
	amf_add_number(&w, 0);
	n = (size_t)amf_finish(&w);
	size = put_part(buf, COMMAND, 0, 0, n);
	memcpy(buf + FLV_TAG_HEAD_SIZE, inner, n);
	send_message(&it, AGGREGATE, 0, buf, size);
	assert_int_equal(it.count, 2);
	assert_int_equal(it.seen[1].type, RTMP_STOPPED);
	rtmp_free(it.rtmp);
}

/* ---- players ---- */

static void
pauses(void **state)
{
	static const char pause[] = "NetStream.Pause.Notify",
			  unpause[] = "NetStream.Unpause.Notify";
	struct it it = begun("play");

	(void)state;
	send_command(&it, "pause", NULL, true);
	assert_int_equal(it.count, 1);
	assert_int_equal(it.seen[0].type, RTMP_PAUSE);
	assert_true(it.seen[0].paused);
	assert_int_equal(answered(&it, pause, sizeof(pause) - 1), 1);
	send_command(&it, "pause", NULL, false);
	assert_false(it.seen[1].paused);
	assert_int_equal(answered(&it, unpause, sizeof(unpause) - 1), 1);
	send_command(&it, "pause", "true", -1); /* no boolean */
	send_command(&it, "pause", NULL, -1);
	assert_int_equal(it.count, 2);
	send_command(&it, "seek", NULL, -1);
	assert_int_equal(it.count, 2);
	send_command(&it, "closeStream", NULL, -1);
	assert_int_equal(it.seen[2].type, RTMP_STOPPED);
	send_command(&it, "pause", NULL, true); /* of what is over */
	assert_int_equal(it.count, 3);
	rtmp_free(it.rtmp);
}

static void
publishers_do_not_pause(void **state)
{
	struct it it = begun("publish");

	(void)state;
	send_command(&it, "pause", NULL, true);
	assert_int_equal(it.count, 0);
	rtmp_free(it.rtmp);
	it = begun(NULL);
	send_command(&it, "pause", NULL, true);
	assert_int_equal(it.count, 0);
	rtmp_free(it.rtmp);
}

/* What a player sends as media is nobody's. */
static void
players_send_no_media(void **state)
{
	static const uint8_t body[] = {0xaf, 1, 2, 3};
	struct it it = begun("play");

	(void)state;
	send_message(&it, FLV_AUDIO, 0, body, sizeof(body));
	assert_int_equal(it.count, 0);
	rtmp_free(it.rtmp);
}

/* ---- user control (s.7.1.7) ---- */

static void
pings_are_answered(void **state)
{
	static const uint8_t ping[] = {0, 6, 0xde, 0xad, 0xbe, 0xef},
			     pong[] = {0, 7, 0xde, 0xad, 0xbe, 0xef};
	struct it it = begun(NULL); /* before there is a stream as well */

	(void)state;
	send_message(&it, USER_CONTROL, 0, ping, sizeof(ping));
	assert_int_equal(answered(&it, pong, sizeof(pong)), 1);
	for (size_t cut = 0; cut < sizeof(ping); cut++)
		send_message(&it, USER_CONTROL, 0, ping, cut);
	assert_int_equal(answered(&it, pong, 2), 0);
	assert_int_equal(it.count, 0);
	assert_int_equal(it.rc, 0);
	rtmp_free(it.rtmp);
}

/* SetBufferLength, which every player sends, and the rest: taken, without an answer. */
static void
other_user_control_is_passed_over(void **state)
{
	static const uint8_t buffer[] = {0, 3, 0, 0, 0, 1, 0, 0, 0x0b, 0xb8};
	static const char *const verbs[] = {"play", "publish", NULL};
	const uint8_t *out;

	(void)state;
	for (size_t v = 0; v < ARRAY_COUNT(verbs); v++) {
		struct it it = begun(verbs[v]);

		send_message(&it, USER_CONTROL, 0, buffer, sizeof(buffer));
		for (uint8_t type = 0; type < 64; type++) {
			const uint8_t event[] = {0, type, 0, 0, 0, 1};

			if (type != 6)
				send_message(&it, USER_CONTROL, 0, event, sizeof(event));
		}
		assert_int_equal(it.count, 0);
		assert_int_equal(it.rc, 0);
		assert_int_equal(rtmp_output(it.rtmp, &out), 0);
		rtmp_free(it.rtmp);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(aggregates_are_taken_apart),
	    cmocka_unit_test(aggregates_wrap),
	    cmocka_unit_test(aggregates_cut_off),
	    cmocka_unit_test(aggregates_of_other_things),
	    cmocka_unit_test(pauses),
	    cmocka_unit_test(publishers_do_not_pause),
	    cmocka_unit_test(players_send_no_media),
	    cmocka_unit_test(pings_are_answered),
	    cmocka_unit_test(other_user_control_is_passed_over),
	};

	return cmocka_run_group_tests_name("rtmp_player", tests, NULL, NULL);
}
