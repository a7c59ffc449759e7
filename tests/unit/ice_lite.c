/* Unit tests of the lite agent on virtual time: answers, guard, migration, consent, restart. */
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
#include "base/clock.h"
#include "ice/ice_lite.h"
#include "ice/ice_lite_impl.h"
#include "ice/ice_msg.h"

#define SECOND_US 1000000ull

static const struct ice_creds server = {"6pk11386", "l91z529147ri9163933p51c4"};
static const struct ice_creds client = {"J8X7", "Dpq7/fW/osYcPeLsCW2Ek1JH"};
static const uint8_t request_txid[STUN_TXID_SIZE] = "abcdefghijk";

static struct ice_tuple
tuple_of(const char *remote)
{
	return support_tuple("198.51.100.1:0", remote);
}

static struct ice_lite *
new_lite(void)
{
	struct ice_lite *ice = ice_lite_new(&server, &client, 0, 15 * SECOND_US, 30 * SECOND_US, 7);

	assert_non_null(ice);
	return ice;
}

static const struct ice_check usual = {.txid = request_txid,
				       .remote_ufrag = "6pk11386",
				       .remote_pwd = "l91z529147ri9163933p51c4",
				       .local_ufrag = "J8X7",
				       .tie = 1,
				       .priority = 0x6e7f1eff,
				       .controlling = true};

static int
send_check(struct ice_lite *ice, uint64_t now_us, const char *from, const struct ice_check *check)
{
	struct ice_tuple t = tuple_of(from);
	uint8_t buf[STUN_MESSAGE_MAX];
	int size = ice_write_check(buf, sizeof(buf), check);

	assert_true(size > 0);
	return ice_lite_input(ice, now_us, &t, buf, (size_t)size);
}

static int
nominate(struct ice_lite *ice, uint64_t now_us, const char *from, uint32_t priority)
{
	struct ice_check check = usual;

	check.use_candidate = true;
	check.priority = priority;
	return send_check(ice, now_us, from, &check);
}

/* Next datagram of the class, or fail; everything before it is passed over. */
static void
expect_class(struct ice_lite *ice, enum stun_class class, struct ice_datagram *out,
	     struct stun_msg *msg)
{
	while (ice_lite_poll(ice, out) == 1) {
		assert_int_equal(stun_parse(msg, out->buf, out->size), 0);
		assert_int_equal(stun_verify_fingerprint(msg), 0);
		if (msg->class == class)
			return;
	}
	fail_msg("no message of class %d", (int)class);
}

static void
drain(struct ice_lite *ice)
{
	struct ice_datagram out;

	while (ice_lite_poll(ice, &out) == 1)
		;
}

/* Answer the own check in out from an address, under a password. */
static int
answer(struct ice_lite *ice, uint64_t now_us, const struct ice_datagram *out, const char *from,
       const char *pwd)
{
	struct ice_tuple t = tuple_of(from);
	struct addr mapped = out->to.local;
	uint8_t buf[STUN_MESSAGE_MAX];
	int size;

	size = ice_write_success(buf, sizeof(buf), out->buf + 8, &mapped, pwd);
	return ice_lite_input(ice, now_us, &t, buf, (size_t)size);
}

static int
answer_next(struct ice_lite *ice, uint64_t now_us, const char *from)
{
	struct ice_datagram out;
	struct stun_msg msg;

	expect_class(ice, STUN_REQUEST, &out, &msg);
	return answer(ice, now_us, &out, from, client.pwd);
}

static void
assert_selected(const struct ice_lite *ice, const char *remote)
{
	struct ice_tuple t = tuple_of(remote);
	const struct ice_path *path = ice_lite_selected(ice);

	assert_non_null(path);
	assert_true(ice_tuple_equal(&path->tuple, &t));
}

static void
first_check_is_answered_and_selected(void **state)
{
	struct ice_lite *ice = new_lite();
	struct ice_datagram out;
	struct stun_msg msg;
	struct addr mapped;
	struct ice_tuple t = tuple_of("192.0.2.7:4000");
	char left[16], right[16];
	uint64_t tie;

	(void)state;
	assert_null(ice_lite_selected(ice));
	assert_int_equal(send_check(ice, 1000, "192.0.2.7:4000", &usual), ICE_LITE_SELECTED);
	expect_class(ice, STUN_SUCCESS, &out, &msg);
	assert_memory_equal(msg.txid, request_txid, STUN_TXID_SIZE);
	assert_int_equal(stun_verify_integrity(&msg, server.pwd), 0);
	assert_int_equal(stun_get_address(&msg, STUN_XOR_MAPPED_ADDRESS, &mapped), 0);
	assert_true(addr_equal(&mapped, &t.remote));
	assert_true(addr_equal(&out.to.local, &t.local));
	expect_class(ice, STUN_REQUEST, &out, &msg);
	assert_int_equal(stun_verify_integrity(&msg, client.pwd), 0);
	assert_int_equal(stun_get_username(&msg, left, right, sizeof(left)), 0);
	assert_string_equal(left, "J8X7");
	assert_string_equal(right, "6pk11386");
	assert_int_equal(stun_get_u64(&msg, STUN_ICE_CONTROLLED, &tie), 0);
	assert_int_equal(ice_lite_selected(ice)->state, ICE_PATH_NEW);
	assert_int_equal(answer(ice, 2000, &out, "192.0.2.7:4000", client.pwd), ICE_LITE_NONE);
	assert_int_equal(ice_lite_selected(ice)->state, ICE_PATH_VALID);
	ice_lite_free(ice);
}

static int
input_writer(struct ice_lite *ice, struct stun_writer *w, const char *pwd)
{
	struct ice_tuple t = tuple_of("192.0.2.7:4000");
	int size = stun_finish(w, pwd, true);

	return ice_lite_input(ice, 0, &t, w->buf, (size_t)size);
}

static void
ffmpeg_8_is_accepted(void **state)
{
	struct ice_lite *ice = new_lite();
	struct stun_writer w;
	uint8_t buf[STUN_MESSAGE_MAX];

	(void)state;
	stun_start(&w, buf, sizeof(buf), STUN_REQUEST, request_txid);
	stun_add_username(&w, server.ufrag, client.ufrag);
	stun_add(&w, STUN_USE_CANDIDATE, NULL, 0);
	assert_int_equal(input_writer(ice, &w, server.pwd), ICE_LITE_SELECTED);
	assert_int_equal(ice_lite_selected(ice)->priority, 0);
	assert_true(ice_lite_selected(ice)->nominated);
	ice_lite_free(ice);
}

static void
expect_error(struct ice_lite *ice, int want, bool integrity)
{
	struct ice_datagram out;
	struct stun_msg msg;
	int code;

	expect_class(ice, STUN_ERROR, &out, &msg);
	assert_int_equal(stun_get_error(&msg, &code), 0);
	assert_int_equal(code, want);
	assert_int_equal(stun_verify_integrity(&msg, server.pwd), integrity ? 0 : -ENOENT);
	assert_null(ice_lite_selected(ice));
}

static void
bad_requests_are_refused(void **state)
{
	struct ice_lite *ice = new_lite();
	struct stun_writer w;
	struct ice_datagram out;
	struct stun_msg msg;
	struct ice_check bad[4] = {usual, usual, usual, usual};
	uint8_t buf[STUN_MESSAGE_MAX];
	const uint8_t *types;
	size_t size;

	(void)state;
	bad[0].remote_pwd = "another password, long";
	bad[1].remote_ufrag = "6pk11387";
	bad[2].local_ufrag = "J8X8";
	bad[3].controlling = false;
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		assert_int_equal(send_check(ice, 0, "192.0.2.7:4000", &bad[i]), -EACCES);
		expect_error(ice, i < 3 ? 401 : 487, i == 3);
	}
	stun_start(&w, buf, sizeof(buf), STUN_REQUEST, request_txid);
	assert_int_equal(input_writer(ice, &w, server.pwd), -EACCES);
	expect_error(ice, 400, false);
	stun_start(&w, buf, sizeof(buf), STUN_REQUEST, request_txid);
	stun_add_username(&w, server.ufrag, client.ufrag);
	assert_int_equal(input_writer(ice, &w, NULL), -EACCES);
	expect_error(ice, 400, false);
	stun_start(&w, buf, sizeof(buf), STUN_REQUEST, request_txid);
	stun_add_username(&w, server.ufrag, client.ufrag);
	stun_add_u32(&w, 0x0033, 1);
	assert_int_equal(input_writer(ice, &w, server.pwd), -EACCES);
	expect_class(ice, STUN_ERROR, &out, &msg);
	types = stun_attr(&msg, STUN_UNKNOWN_ATTRIBUTES, &size);
	assert_int_equal(size, 2);
	assert_int_equal(be16(types), 0x33);
	ice_lite_free(ice);
}

static void
damaged_messages_are_ignored(void **state)
{
	struct ice_lite *ice = new_lite();
	struct ice_tuple t = tuple_of("192.0.2.7:4000");
	struct ice_datagram out;
	uint8_t buf[STUN_MESSAGE_MAX];
	int size = ice_write_check(buf, sizeof(buf), &usual);

	(void)state;
	assert_int_equal(ice_lite_input(ice, 0, &t, (const uint8_t *)"hello world", 11), -ENOMSG);
	for (int i = 8; i < size; i++)
		assert_int_equal(ice_lite_input(ice, 0, &t, buf, (size_t)i), -EBADMSG);
	buf[size - 1] ^= 1;
	assert_int_equal(ice_lite_input(ice, 0, &t, buf, (size_t)size), -EBADMSG);
	assert_int_equal(ice_lite_poll(ice, &out), 0);
	ice_lite_free(ice);
}

/* The recipe: no remote credentials; pasted twice, from two ports. */
static void
pasted_check_is_answered_without_own_checks(void **state)
{
	struct ice_lite *ice = ice_lite_new(&server, NULL, 0, SECOND_US, SECOND_US, 1);
	struct ice_datagram out;
	struct stun_msg msg;
	size_t size;
	uint8_t *buf = support_load("ice/recipe-request.hex", &size);

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct ice_tuple t = tuple_of(i == 0 ? "192.0.2.7:4000" : "192.0.2.7:4001");

		assert_true(ice_lite_input(ice, 0, &t, buf, size) >= 0);
		expect_class(ice, STUN_SUCCESS, &out, &msg);
		assert_int_equal(stun_verify_integrity(&msg, server.pwd), 0);
		assert_int_equal(ice_lite_poll(ice, &out), 0);
	}
	assert_selected(ice, "192.0.2.7:4000");
	free(buf);
	ice_lite_free(ice);
}

static void
guard_bounds_what_an_unproven_path_gets(void **state)
{
	struct ice_lite *ice = new_lite();
	struct ice_tuple t = tuple_of("192.0.2.7:4000");
	struct ice_path *path;

	(void)state;
	send_check(ice, 0, "192.0.2.7:4000", &usual);
	drain(ice);
	path = ice_lite_path(ice, &t);
	assert_non_null(path);
	assert_true(path->tx_octets > 0 && path->tx_octets <= 3 * path->rx_octets);
	ice_path_received(path, 1000);
	assert_false(ice_path_may_send(path, 4000));
	while (ice_path_may_send(path, 100))
		assert_true(path->tx_octets <= 3 * path->rx_octets);
	assert_true(path->tx_octets + 100 > 3 * path->rx_octets);
	ice_path_validate(path); /* DTLS came through */
	assert_true(ice_path_may_send(path, 100000));
	ice_lite_free(ice);
}

/* A peer that sends checks alone from a victim's address: own checks stay within 3x, too. */
static void
own_checks_to_a_silent_address_are_bounded(void **state)
{
	struct ice_lite *ice = new_lite();
	struct ice_datagram out;
	size_t sent = 0, received = 0;

	(void)state;
	for (uint64_t now = 0; now < 20 * SECOND_US; now += 10000) {
		if (now % (2 * SECOND_US) == 0) {
			uint8_t buf[STUN_MESSAGE_MAX];

			received += (size_t)ice_write_check(buf, sizeof(buf), &usual);
			send_check(ice, now, "192.0.2.7:4000", &usual);
		}
		if (now >= ice_lite_deadline(ice))
			ice_lite_timeout(ice, now);
		while (ice_lite_poll(ice, &out) == 1)
			sent += out.size;
		assert_true(sent <= 3 * received);
	}
	assert_int_equal(ice_lite_selected(ice)->state, ICE_PATH_NEW);
	ice_lite_free(ice);
}

static void
own_check_is_repeated_then_given_up(void **state)
{
	struct ice_lite *ice = new_lite();
	struct ice_datagram out;
	struct stun_msg msg;
	struct ice_tuple t = tuple_of("192.0.2.7:4000");
	uint8_t txid[STUN_TXID_SIZE];
	uint64_t now = 0;

	(void)state;
	send_check(ice, 0, "192.0.2.7:4000", &usual);
	expect_class(ice, STUN_REQUEST, &out, &msg);
	memcpy(txid, msg.txid, sizeof(txid));
	ice_path_received(ice_lite_path(ice, &t), 10000);
	for (unsigned i = 1; i < ICE_LITE_PROBES; i++) {
		now += (uint64_t)ICE_LITE_PROBE_US << (i - 1);
		assert_true(ice_lite_deadline(ice) == now);
		assert_int_equal(ice_lite_timeout(ice, now), ICE_LITE_NONE);
		expect_class(ice, STUN_REQUEST, &out, &msg);
		assert_memory_equal(msg.txid, txid, sizeof(txid));
	}
	assert_true(ice_lite_deadline(ice) == 30 * SECOND_US);
	now += 10 * SECOND_US;
	send_check(ice, now, "192.0.2.7:4000", &usual); /* begins anew, with another id */
	expect_class(ice, STUN_REQUEST, &out, &msg);
	assert_memory_not_equal(msg.txid, txid, sizeof(txid));
	ice_lite_free(ice);
}

static struct ice_lite *
settled_on(const char *from)
{
	struct ice_lite *ice = new_lite();

	assert_int_equal(nominate(ice, 0, from, 100), ICE_LITE_SELECTED);
	assert_int_equal(answer_next(ice, 0, from), ICE_LITE_NONE);
	drain(ice);
	return ice;
}

static void
migration_waits_for_the_answer(void **state)
{
	struct ice_lite *ice = settled_on("192.0.2.7:4000");
	struct ice_datagram out;
	struct stun_msg msg;
	const char *there = "203.0.113.9:5000";

	(void)state;
	assert_int_equal(nominate(ice, 2 * SECOND_US, there, 90), ICE_LITE_NONE);
	expect_class(ice, STUN_REQUEST, &out, &msg);
	assert_selected(ice, "192.0.2.7:4000");
	/* Forged: wrong password; right one, from elsewhere; another transaction. */
	assert_int_equal(answer(ice, 2 * SECOND_US, &out, there, server.pwd), -EBADMSG);
	assert_int_equal(answer(ice, 2 * SECOND_US, &out, "192.0.2.7:4000", client.pwd), -EBADMSG);
	out.buf[12] ^= 1;
	assert_int_equal(answer(ice, 2 * SECOND_US, &out, there, client.pwd), -EBADMSG);
	assert_selected(ice, "192.0.2.7:4000");
	out.buf[12] ^= 1;
	assert_int_equal(answer(ice, 2 * SECOND_US, &out, there, client.pwd), ICE_LITE_SELECTED);
	assert_selected(ice, there);
	assert_int_equal(answer(ice, 2 * SECOND_US, &out, there, client.pwd), -EBADMSG);
	ice_lite_free(ice);
}

static void
error_answers_prove_nothing(void **state)
{
	struct ice_lite *ice = settled_on("192.0.2.7:4000");
	struct ice_datagram out;
	struct stun_msg msg;
	struct ice_tuple t = tuple_of("203.0.113.9:3478");
	uint8_t buf[STUN_MESSAGE_MAX];
	int size;

	(void)state;
	nominate(ice, 2 * SECOND_US, "203.0.113.9:3478", 200);
	expect_class(ice, STUN_REQUEST, &out, &msg);
	size = ice_write_error(buf, sizeof(buf), msg.txid, 401, 0, NULL);
	assert_int_equal(ice_lite_input(ice, 2 * SECOND_US, &t, buf, (size_t)size), -EBADMSG);
	assert_selected(ice, "192.0.2.7:4000");
	ice_lite_free(ice);
}

static void
paths_do_not_flap(void **state)
{
	struct ice_lite *ice = settled_on("192.0.2.7:4000");

	(void)state;
	/* A second path of lower priority, nominated too, as an aggressive peer does. */
	assert_int_equal(nominate(ice, 1000, "192.0.2.8:4000", 50), ICE_LITE_NONE);
	assert_int_equal(answer_next(ice, 1000, "192.0.2.8:4000"), ICE_LITE_NONE);
	assert_int_equal(nominate(ice, 500000, "192.0.2.7:4000", 100), ICE_LITE_NONE);
	assert_int_equal(nominate(ice, 600000, "192.0.2.8:4000", 50), ICE_LITE_NONE);
	/* A higher priority wins at once; a lower when the higher had no check for a second. */
	assert_int_equal(nominate(ice, 700000, "192.0.2.9:4000", 150), ICE_LITE_NONE);
	assert_int_equal(answer_next(ice, 700000, "192.0.2.9:4000"), ICE_LITE_SELECTED);
	assert_int_equal(nominate(ice, 1600000, "192.0.2.8:4000", 50), ICE_LITE_NONE);
	assert_int_equal(nominate(ice, 1800000, "192.0.2.8:4000", 50), ICE_LITE_SELECTED);
	ice_lite_free(ice);
}

static void
a_peer_that_stops_nominating_moves_at_once(void **state)
{
	struct ice_lite *ice = settled_on("192.0.2.7:4000");

	(void)state;
	assert_int_equal(send_check(ice, 1000, "192.0.2.8:4000", &usual), ICE_LITE_NONE);
	assert_int_equal(answer_next(ice, 1000, "192.0.2.8:4000"), ICE_LITE_NONE);
	assert_int_equal(send_check(ice, 2000, "192.0.2.7:4000", &usual), ICE_LITE_NONE);
	assert_int_equal(nominate(ice, 3000, "192.0.2.8:4000", 1), ICE_LITE_SELECTED);
	ice_lite_free(ice);
}

static void
silence_yields_without_nomination(void **state)
{
	struct ice_lite *ice = settled_on("192.0.2.7:4000");

	(void)state;
	assert_int_equal(send_check(ice, 1000, "192.0.2.8:4000", &usual), ICE_LITE_NONE);
	assert_int_equal(answer_next(ice, 1000, "192.0.2.8:4000"), ICE_LITE_NONE);
	assert_int_equal(send_check(ice, 5 * SECOND_US, "192.0.2.8:4000", &usual), ICE_LITE_NONE);
	assert_int_equal(send_check(ice, 9 * SECOND_US, "192.0.2.8:4000", &usual),
			 ICE_LITE_SELECTED);
	ice_lite_free(ice);
}

static void
consent_expires(void **state)
{
	struct ice_lite *ice = new_lite();

	(void)state;
	assert_true(ice_lite_deadline(ice) == 15 * SECOND_US);
	assert_int_equal(ice_lite_timeout(ice, 15 * SECOND_US - 1), ICE_LITE_NONE);
	assert_int_equal(ice_lite_timeout(ice, 15 * SECOND_US), ICE_LITE_EXPIRED);
	assert_int_equal(ice_lite_timeout(ice, 16 * SECOND_US), ICE_LITE_NONE);
	assert_true(ice_lite_deadline(ice) == CLOCK_NEVER);
	ice_lite_free(ice);
	ice = settled_on("192.0.2.7:4000");
	assert_true(ice_lite_deadline(ice) == 30 * SECOND_US);
	nominate(ice, 5 * SECOND_US, "192.0.2.7:4000", 100);
	assert_true(ice_lite_deadline(ice) == 35 * SECOND_US);
	/* Checks from a path that never proves itself do not keep media flowing to the old one. */
	for (uint64_t now = 6 * SECOND_US; now < 35 * SECOND_US; now += SECOND_US) {
		nominate(ice, now, "203.0.113.9:5000", 200);
		drain(ice);
		assert_int_equal(ice_lite_timeout(ice, now), ICE_LITE_NONE);
	}
	assert_int_equal(ice_lite_timeout(ice, 35 * SECOND_US), ICE_LITE_EXPIRED);
	ice_lite_free(ice);
}

static void
slots_are_reused_oldest_first(void **state)
{
	struct ice_lite *ice = settled_on("192.0.2.7:4000");
	static const char *const others[] = {"192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1",
					     "192.0.2.4:1"};
	struct ice_tuple t;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
		send_check(ice, 1000 * (i + 1), others[i], &usual);
		drain(ice);
	}
	t = tuple_of(others[0]);
	assert_null(ice_lite_path(ice, &t));
	for (size_t i = 1; i < ARRAY_COUNT(others); i++) {
		t = tuple_of(others[i]);
		assert_non_null(ice_lite_path(ice, &t));
		assert_int_equal(ice_lite_path(ice, &t)->id, i + 2);
	}
	assert_selected(ice, "192.0.2.7:4000");
	ice_lite_free(ice);
}

static void
tcp_paths_are_proven_by_their_handshake(void **state)
{
	struct ice_lite *ice = new_lite();
	struct ice_tuple t = tuple_of("192.0.2.7:4000");
	uint8_t buf[STUN_MESSAGE_MAX];
	int size = ice_write_check(buf, sizeof(buf), &usual);

	(void)state;
	t.proto = ICE_TCP;
	t.channel = 12;
	assert_int_equal(ice_lite_input(ice, 0, &t, buf, (size_t)size), ICE_LITE_SELECTED);
	assert_int_equal(ice_lite_selected(ice)->state, ICE_PATH_VALID);
	t.channel = 13; /* another connection of the same addresses is another path */
	assert_null(ice_lite_path(ice, &t));
	ice_lite_free(ice);
}

static void
restart_keeps_the_old_until_the_new_works(void **state)
{
	static const struct ice_creds server2 = {"newufrag", "newserverpassword22chars"};
	static const struct ice_creds client2 = {"J9X9", "newclientpassword22chars"};
	struct ice_lite *ice = settled_on("192.0.2.7:4000");
	struct ice_check fresh = usual;
	struct ice_datagram out;
	struct stun_msg msg;
	struct ice_creds local;

	(void)state;
	assert_int_equal(ice_lite_restart(ice, &server2, &client2), 0);
	assert_int_equal(ice_lite_restart(ice, &server2, &client2), 0);
	assert_true(ice_lite_restarting(ice));
	assert_string_equal(ice_lite_local(ice, &local)->ufrag, "newufrag");
	assert_int_equal(send_check(ice, 1000, "192.0.2.7:4000", &usual), ICE_LITE_NONE);
	expect_class(ice, STUN_SUCCESS, &out, &msg);
	assert_int_equal(stun_verify_integrity(&msg, server.pwd), 0);
	fresh.remote_ufrag = server2.ufrag;
	fresh.remote_pwd = server2.pwd;
	fresh.local_ufrag = client2.ufrag;
	assert_int_equal(send_check(ice, 2000, "192.0.2.7:4000", &fresh), ICE_LITE_NONE);
	expect_class(ice, STUN_SUCCESS, &out, &msg);
	assert_int_equal(stun_verify_integrity(&msg, server2.pwd), 0);
	assert_false(ice_lite_restarting(ice));
	assert_int_equal(send_check(ice, 3000, "192.0.2.7:4000", &usual), -EACCES);
	ice_lite_free(ice);
}

static void
too_long_or_too_big(void **state)
{
	struct ice_creds longer = server;

	(void)state;
	memset(longer.ufrag, 'a', ICE_LITE_UFRAG_MAX + 1);
	longer.ufrag[ICE_LITE_UFRAG_MAX + 1] = '\0';
	assert_null(ice_lite_new(&longer, NULL, 0, 1, 1, 1));
	ice_lite_free(NULL);
	assert_true(sizeof(struct ice_lite) < 1536);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(first_check_is_answered_and_selected),
	    cmocka_unit_test(ffmpeg_8_is_accepted),
	    cmocka_unit_test(bad_requests_are_refused),
	    cmocka_unit_test(damaged_messages_are_ignored),
	    cmocka_unit_test(pasted_check_is_answered_without_own_checks),
	    cmocka_unit_test(guard_bounds_what_an_unproven_path_gets),
	    cmocka_unit_test(own_checks_to_a_silent_address_are_bounded),
	    cmocka_unit_test(own_check_is_repeated_then_given_up),
	    cmocka_unit_test(migration_waits_for_the_answer),
	    cmocka_unit_test(error_answers_prove_nothing),
	    cmocka_unit_test(paths_do_not_flap),
	    cmocka_unit_test(a_peer_that_stops_nominating_moves_at_once),
	    cmocka_unit_test(silence_yields_without_nomination),
	    cmocka_unit_test(consent_expires),
	    cmocka_unit_test(slots_are_reused_oldest_first),
	    cmocka_unit_test(tcp_paths_are_proven_by_their_handshake),
	    cmocka_unit_test(restart_keeps_the_old_until_the_new_works),
	    cmocka_unit_test(too_long_or_too_big),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
