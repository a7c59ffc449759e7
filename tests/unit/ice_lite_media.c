/* Unit tests of the lite agent that is told where media comes from, on virtual time: a NAT gives
 * the peer another port, a stranger copies what it sends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "../support/support.h"
#include "ice/ice_lite.h"
#include "ice/ice_msg.h"

#define SECOND_US 1000000ull

enum { PACKET = 60, FAR_US = 20000 }; /* octets of RTCP; a round trip */

static const struct ice_creds server = {"6pk11386", "l91z529147ri9163933p51c4"};
static const struct ice_creds client = {"J8X7", "Dpq7/fW/osYcPeLsCW2Ek1JH"};
static const uint8_t request_txid[STUN_TXID_SIZE] = "abcdefghijk";
static const char home[] = "192.0.2.7:4000", moved[] = "192.0.2.7:5000";

static struct ice_tuple
tuple_of(const char *remote)
{
	return support_tuple("198.51.100.1:8000", remote);
}

static int
check(struct ice_lite *ice, uint64_t now_us, const char *from, bool nominated)
{
	struct ice_tuple t = tuple_of(from);
	struct ice_check c = {.txid = request_txid,
			      .remote_ufrag = server.ufrag,
			      .remote_pwd = server.pwd,
			      .local_ufrag = client.ufrag,
			      .tie = 1,
			      .priority = 0x6e7f1eff,
			      .controlling = true,
			      .use_candidate = nominated};
	uint8_t buf[STUN_MESSAGE_MAX];
	int size = ice_write_check(buf, sizeof(buf), &c);

	return ice_lite_input(ice, now_us, &t, buf, (size_t)size);
}

/* The next check of ours, passing over answers. */
static bool
next_check(struct ice_lite *ice, struct ice_datagram *out)
{
	struct stun_msg msg;

	while (ice_lite_poll(ice, out) == 1)
		if (stun_parse(&msg, out->buf, out->size) == 0 && msg.class == STUN_REQUEST)
			return true;
	return false;
}

static int
answer(struct ice_lite *ice, uint64_t now_us, const struct ice_datagram *out, const char *from,
       const char *pwd)
{
	struct ice_tuple t = tuple_of(from);
	uint8_t buf[STUN_MESSAGE_MAX];
	int size = ice_write_success(buf, sizeof(buf), out->buf + 8, &t.local, pwd);

	return ice_lite_input(ice, now_us, &t, buf, (size_t)size);
}

/* A peer that is connected, nominated, and has sent media just now. */
static struct ice_lite *
speaking(uint64_t now_us)
{
	struct ice_lite *ice = ice_lite_new(&server, &client, 0, 15 * SECOND_US, 30 * SECOND_US, 7);
	struct ice_tuple t = tuple_of(home);
	struct ice_datagram out;

	assert_non_null(ice);
	assert_int_equal(check(ice, 0, home, true), ICE_LITE_SELECTED);
	assert_true(next_check(ice, &out));
	assert_int_equal(answer(ice, 0, &out, home, client.pwd), ICE_LITE_NONE);
	assert_int_equal(ice_lite_media(ice, ice_lite_path(ice, &t), now_us), ICE_LITE_NONE);
	return ice;
}

static struct ice_path *
path_of(struct ice_lite *ice, const char *remote)
{
	struct ice_tuple t = tuple_of(remote);

	return ice_lite_path(ice, &t);
}

static struct ice_path *
media_from(struct ice_lite *ice, uint64_t now_us, const char *remote)
{
	struct ice_tuple t = tuple_of(remote);
	struct ice_path *path = ice_lite_moved(ice, now_us, &t, PACKET);

	assert_non_null(path);
	assert_int_equal(ice_lite_media(ice, path, now_us), ICE_LITE_NONE);
	return path;
}

static void
assert_selected(const struct ice_lite *ice, const char *remote)
{
	struct ice_tuple t = tuple_of(remote);

	assert_true(ice_tuple_equal(&ice_lite_selected(ice)->tuple, &t));
}

static void
media_from_elsewhere_is_asked_and_followed(void **state)
{
	struct ice_lite *ice = speaking(SECOND_US);
	uint64_t now = SECOND_US + ICE_LITE_MOVED_US;
	struct ice_tuple t = tuple_of(moved);
	struct ice_datagram out;
	struct ice_path *path;

	(void)state;
	assert_null(ice_lite_path(ice, &t));
	path = media_from(ice, now, moved);
	assert_int_equal(path->state, ICE_PATH_NEW);
	assert_true(next_check(ice, &out));
	assert_true(ice_tuple_equal(&out.to, &t));
	assert_selected(ice, home);
	assert_int_equal(answer(ice, now + FAR_US, &out, moved, client.pwd), ICE_LITE_SELECTED);
	assert_int_equal(path->state, ICE_PATH_VALID);
	assert_selected(ice, moved);
	/* Consent runs from the answer. */
	assert_int_equal(ice_lite_deadline(ice), now + FAR_US + 30 * SECOND_US);
	/* The next check there nominates it; an old one of the port before it takes nothing. */
	assert_int_equal(check(ice, now + SECOND_US, moved, true), ICE_LITE_NONE);
	assert_int_equal(check(ice, now + SECOND_US, home, true), ICE_LITE_NONE);
	assert_selected(ice, moved);
	ice_lite_free(ice);
}

/* The answer comes before the time is over: the next packet decides. */
static void
a_short_silence_is_waited_for(void **state)
{
	struct ice_lite *ice = speaking(SECOND_US);
	uint64_t now = SECOND_US + ICE_LITE_QUIET_US;
	struct ice_datagram out;
	struct ice_path *path = media_from(ice, now, moved);

	(void)state;
	assert_true(next_check(ice, &out));
	assert_int_equal(answer(ice, now + 1000, &out, moved, client.pwd), ICE_LITE_NONE);
	now = SECOND_US + ICE_LITE_MOVED_US;
	assert_int_equal(ice_lite_media(ice, path, now - 1), ICE_LITE_NONE);
	assert_selected(ice, home);
	assert_int_equal(ice_lite_media(ice, path, now), ICE_LITE_SELECTED);
	assert_selected(ice, moved);
	ice_lite_free(ice);
}

/* A player that is sent nothing has nothing to say: its first packet must do, and time. */
static void
one_packet_is_enough(void **state)
{
	struct ice_lite *ice = speaking(SECOND_US);
	uint64_t now = SECOND_US + 1000;
	struct ice_datagram out;

	(void)state;
	media_from(ice, now, moved);
	assert_true(next_check(ice, &out));
	assert_int_equal(answer(ice, now + 1000, &out, moved, client.pwd), ICE_LITE_NONE);
	assert_int_equal(ice_lite_deadline(ice), SECOND_US + ICE_LITE_MOVED_US);
	assert_int_equal(ice_lite_timeout(ice, SECOND_US + ICE_LITE_MOVED_US - 1), ICE_LITE_NONE);
	assert_int_equal(ice_lite_timeout(ice, SECOND_US + ICE_LITE_MOVED_US), ICE_LITE_SELECTED);
	assert_selected(ice, moved);
	assert_int_equal(ice_lite_deadline(ice), now + 1000 + 30 * SECOND_US);
	ice_lite_free(ice);
}

static void
who_cannot_answer_takes_nothing(void **state)
{
	struct ice_lite *ice = speaking(SECOND_US);
	uint64_t now = 2 * SECOND_US, sent = 0, checks = 0;
	struct ice_datagram out;
	struct ice_path *path = media_from(ice, now, moved);

	(void)state;
	assert_true(next_check(ice, &out));
	assert_int_equal(answer(ice, now, &out, moved, server.pwd), -EBADMSG);
	assert_int_equal(answer(ice, now, &out, "192.0.2.66:1", client.pwd), -EBADMSG);
	sent += out.size;
	for (unsigned i = 1; i < 1000; i++, now += 50000) {
		assert_int_equal(ice_lite_media(ice, path, now), ICE_LITE_NONE);
		ice_path_received(path, PACKET);
		if (ice_lite_deadline(ice) <= now)
			ice_lite_timeout(ice, now);
		while (next_check(ice, &out)) {
			sent += out.size;
			checks++;
		}
		while (ice_path_may_send(path, 1200))
			sent += 1200;
		assert_true(sent <= (uint64_t)ICE_LITE_AMPLIFY * PACKET * (i + 1));
	}
	assert_int_equal(checks, ICE_LITE_PROBES - 1);
	assert_selected(ice, home);
	ice_lite_free(ice);
}

/* Whoever relays our check to the peer and its answer back has a VALID path: he takes nothing as
 * long as the peer speaks. */
static void
who_goes_on_speaking_keeps_the_media(void **state)
{
	struct ice_lite *ice = speaking(SECOND_US);
	uint64_t now = SECOND_US + ICE_LITE_QUIET_US;
	struct ice_datagram out;
	struct ice_path *path = media_from(ice, now, "192.0.2.66:1");

	(void)state;
	assert_int_equal(ice_lite_media(ice, path_of(ice, home), now), ICE_LITE_NONE);
	assert_true(next_check(ice, &out));
	assert_int_equal(answer(ice, now + FAR_US, &out, "192.0.2.66:1", client.pwd),
			 ICE_LITE_NONE);
	for (int i = 0; i < 100; i++, now += ICE_LITE_MOVED_US - 1) {
		assert_int_equal(ice_lite_media(ice, path_of(ice, home), now), ICE_LITE_NONE);
		assert_int_equal(ice_lite_media(ice, path, now + FAR_US), ICE_LITE_NONE);
	}
	/* A check is a sign of life as media is. */
	assert_int_equal(check(ice, now, home, true), ICE_LITE_NONE);
	assert_int_equal(ice_lite_media(ice, path, now + FAR_US), ICE_LITE_NONE);
	assert_selected(ice, home);
	ice_lite_free(ice);
}

/* And who was left, but is there, comes back, by media or by a check. */
static void
who_was_left_comes_back(void **state)
{
	(void)state;
	for (int by_check = 0; by_check < 2; by_check++) {
		struct ice_lite *ice = speaking(SECOND_US);
		uint64_t now = 2 * SECOND_US;
		struct ice_datagram out;

		media_from(ice, now, moved);
		assert_true(next_check(ice, &out));
		assert_int_equal(answer(ice, now, &out, moved, client.pwd), ICE_LITE_SELECTED);
		now += ICE_LITE_MOVED_US;
		assert_int_equal(by_check ? check(ice, now, home, true)
					  : ice_lite_media(ice, path_of(ice, home), now),
				 ICE_LITE_SELECTED);
		assert_selected(ice, home);
		ice_lite_free(ice);
	}
}

/* Paths that checks made are chosen by checks alone, as ever. */
static void
other_paths_do_not_follow_media(void **state)
{
	struct ice_lite *ice = speaking(SECOND_US);
	uint64_t now = 2 * SECOND_US;
	struct ice_datagram out;

	(void)state;
	assert_int_equal(check(ice, now, moved, false), ICE_LITE_NONE);
	assert_true(next_check(ice, &out));
	assert_int_equal(answer(ice, now, &out, moved, client.pwd), ICE_LITE_NONE);
	assert_int_equal(ice_lite_media(ice, path_of(ice, moved), now + SECOND_US), ICE_LITE_NONE);
	assert_selected(ice, home);
	ice_lite_free(ice);
}

static void
quiet_is_who_was_not_heard_of_on_its_path(void **state)
{
	struct ice_lite *ice = ice_lite_new(&server, &client, 0, SECOND_US, SECOND_US, 7);
	struct ice_tuple tcp = tuple_of(home);

	(void)state;
	assert_false(ice_lite_is_quiet(ice, SECOND_US)); /* nothing is selected */
	ice_lite_free(ice);
	ice = speaking(SECOND_US);
	assert_false(ice_lite_is_quiet(ice, SECOND_US + ICE_LITE_QUIET_US - 1));
	assert_true(ice_lite_is_quiet(ice, SECOND_US + ICE_LITE_QUIET_US));
	check(ice, 2 * SECOND_US, home, true);
	assert_false(ice_lite_is_quiet(ice, 2 * SECOND_US + 1));
	tcp.proto = ICE_TCP;
	ice_lite_prefer(ice, ice_lite_moved(ice, 2 * SECOND_US, &tcp, PACKET));
	assert_false(ice_lite_is_quiet(ice, 4 * SECOND_US)); /* no NAT moves a connection */
	ice_lite_free(ice);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(media_from_elsewhere_is_asked_and_followed),
	    cmocka_unit_test(a_short_silence_is_waited_for),
	    cmocka_unit_test(one_packet_is_enough),
	    cmocka_unit_test(who_cannot_answer_takes_nothing),
	    cmocka_unit_test(who_goes_on_speaking_keeps_the_media),
	    cmocka_unit_test(who_was_left_comes_back),
	    cmocka_unit_test(other_paths_do_not_follow_media),
	    cmocka_unit_test(quiet_is_who_was_not_heard_of_on_its_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
