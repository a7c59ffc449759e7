/* Unit tests of what the TURN client relays; and of what the network may send it. */
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
#include "turn/turn.h"
#include "turn.inc"

static void
grant(struct turn *t, uint64_t now_us)
{
	start_answer(STUN_SUCCESS);
	assert_int_equal(finish_answer(t, now_us, true), 0);
}

static void
peers_get_permissions_and_channels(void **state)
{
	struct turn *t = allocated(&standard, 6000);
	const struct addr peer = address("192.0.2.7:8000"), v6 = address("[2001:db8::1]:8000");
	struct addr got;
	struct turn_head head;
	uint32_t number;

	(void)state;
	assert_int_equal(turn_add_peer(t, 0, &v6), -EINVAL);
	assert_int_equal(turn_add_peer(t, 0, &peer), 0);
	assert_int_equal(turn_add_peer(t, 0, &peer), 0);
	asked(t, 0, STUN_CREATE_PERMISSION);
	assert_keyed("nonce-1");
	assert_int_equal(stun_get_address(&server.msg, STUN_XOR_PEER_ADDRESS, &got), 0);
	assert_true(addr_equal(&got, &peer));
	assert_int_equal(turn_head(t, &peer, 100, &head), -ENOTCONN);
	assert_int_equal(turn_next_peer(t, &got), 0);
	grant(t, 0);
	assert_int_equal(turn_next_peer(t, &got), 1);
	assert_true(addr_equal(&got, &peer));
	assert_int_equal(turn_next_peer(t, &got), 0);
	assert_int_equal(turn_head(t, &peer, 100, &head), 0);
	assert_int_equal(head.size, 36);

	asked(t, 0, STUN_CHANNEL_BIND);
	assert_keyed("nonce-1");
	assert_int_equal(stun_get_u32(&server.msg, STUN_CHANNEL_NUMBER, &number), 0);
	assert_int_equal(number, 0x40000000);
	grant(t, 0);
	assert_int_equal(turn_head(t, &peer, 100, &head), 0);
	assert_int_equal(head.size, 4);
	asked(t, 239 * SECOND_US, 0);
	asked(t, 240 * SECOND_US, STUN_CREATE_PERMISSION);
	grant(t, 240 * SECOND_US);
	asked(t, 479 * SECOND_US, 0);
	asked(t, 480 * SECOND_US, STUN_CREATE_PERMISSION);
	grant(t, 480 * SECOND_US);
	asked(t, 480 * SECOND_US, STUN_CHANNEL_BIND);
	turn_free(t);
}

static void
peers_are_bounded(void **state)
{
	struct turn *t = allocated(&standard, 600);
	struct addr peer = address("192.0.2.7:8000");

	(void)state;
	for (unsigned i = 0; i < TURN_PEERS_MAX; i++) {
		addr_set_port(&peer, (uint16_t)(8000 + i));
		assert_int_equal(turn_add_peer(t, 0, &peer), 0);
	}
	addr_set_port(&peer, 9000);
	assert_int_equal(turn_add_peer(t, 0, &peer), -ENOSPC);
	turn_free(t);
}

static void
a_peer_may_be_refused(void **state)
{
	struct turn *t = allocated(&standard, 600);
	const struct addr peer = address("192.0.2.7:8000");
	char words[80];

	(void)state;
	assert_int_equal(turn_add_peer(t, 0, &peer), 0);
	assert_false(turn_is_refused(t));
	asked(t, 0, STUN_CREATE_PERMISSION);
	assert_int_equal(refuse(t, 0, 403, NULL), 0);
	assert_int_equal(turn_state(t), TURN_READY);
	assert_true(turn_is_refused(t));
	assert_int_equal(turn_peer_error(t), 403);
	assert_string_equal(turn_explain(t, words, sizeof(words)), "forbids it (403)");
	turn_free(t);
}

/* A Send indication made of a head, a payload and padding is one that STUN reads. */
static void
indications_are_whole(void **state)
{
	struct turn *t = allocated(&standard, 600);
	const struct addr peer = address("192.0.2.7:8000");
	struct turn_head head;
	struct stun_msg msg;
	struct addr got;
	size_t size;

	(void)state;
	assert_int_equal(turn_add_peer(t, 0, &peer), 0);
	asked(t, 0, STUN_CREATE_PERMISSION);
	grant(t, 0);
	for (size_t n = 0; n < 9; n++) {
		uint8_t buf[TURN_HEAD_MAX + 12] = {0};

		assert_int_equal(turn_head(t, &peer, n, &head), 0);
		memcpy(buf, head.buf, head.size);
		memset(buf + head.size, 0xaa, n);
		assert_int_equal(stun_parse(&msg, buf, head.size + n + head.padding), 0);
		assert_int_equal(msg.class, STUN_INDICATION);
		assert_int_equal(msg.method, STUN_SEND);
		assert_int_equal(stun_get_address(&msg, STUN_XOR_PEER_ADDRESS, &got), 0);
		assert_true(addr_equal(&got, &peer));
		assert_non_null(stun_attr(&msg, STUN_DATA_ATTR, &size));
		assert_int_equal(size, n);
	}
	assert_int_equal(turn_head(t, &peer, UINT16_MAX, &head), -EMSGSIZE);
	turn_free(t);
}

static void
channels_are_padded_on_a_stream_only(void **state)
{
	struct turn_config config = standard;
	const struct addr peer = address("192.0.2.7:8000");

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct turn_head head;
		struct turn *t;

		config.stream = i == 1;
		t = allocated(&config, 600);
		assert_int_equal(turn_add_peer(t, 0, &peer), 0);
		asked(t, 0, STUN_CREATE_PERMISSION);
		grant(t, 0);
		asked(t, 0, STUN_CHANNEL_BIND);
		grant(t, 0);
		assert_int_equal(turn_head(t, &peer, 101, &head), 0);
		assert_int_equal(be16(head.buf), 0x4000);
		assert_int_equal(be16(head.buf + 2), 101);
		assert_int_equal(head.padding, i == 1 ? 3 : 0);
		turn_free(t);
	}
}

static void
data_comes_from_peers_with_a_permission(void **state)
{
	struct turn *t = allocated(&standard, 600);
	const struct addr peer = address("192.0.2.7:8000"), other = address("192.0.2.7:9000"),
			  stranger = address("192.0.2.8:8000");
	uint8_t channel[] = {0x40, 0, 0, 3, 'a', 'b', 'c', 0}, *buf;
	struct turn_data data;
	size_t size;

	(void)state;
	assert_int_equal(turn_input(t, 0, channel, sizeof(channel), &data), -EACCES);
	assert_int_equal(turn_add_peer(t, 0, &peer), 0);
	asked(t, 0, STUN_CREATE_PERMISSION);
	grant(t, 0);
	assert_int_equal(turn_input(t, 0, channel, sizeof(channel), &data), 1);
	assert_true(addr_equal(&data.peer, &peer));
	assert_ptr_equal(data.buf, channel + 4);
	assert_int_equal(data.size, 3);
	assert_int_equal(turn_input(t, 0, channel, 6, &data), -EBADMSG); /* it says 3 */
	channel[1] = 1;
	assert_int_equal(turn_input(t, 0, channel, sizeof(channel), &data), -EACCES);

	buf = support_load("turn/data.hex", &size);
	assert_int_equal(turn_input(t, 0, buf, size, &data), 1);
	assert_true(addr_equal(&data.peer, &peer));
	assert_int_equal(data.size, 26);
	free(buf);
	for (unsigned i = 0; i < 2; i++) { /* another port of the host; another host */
		server.msg.method = STUN_DATA;
		start_answer(STUN_INDICATION);
		stun_add_address(&server.w, STUN_XOR_PEER_ADDRESS, i == 0 ? &other : &stranger);
		stun_add(&server.w, STUN_DATA_ATTR, "x", 1);
		assert_int_equal(finish_answer(t, 0, false), i == 0 ? 1 : -EACCES);
	}
	turn_free(t);
}

/* ---- what the network sends ---- */

static void
take_truncated(void *arg, const uint8_t *buf, size_t size)
{
	struct turn *t = arg;
	struct turn_data data;

	/* The block is ours to write to, as a datagram would be. */
	(void)turn_input(t, 0, (uint8_t *)(uintptr_t)buf, size, &data);
	(void)turn_frame_size(buf, size);
}

static void
truncations_do_no_harm(void **state)
{
	static const char *const names[] = {
	    "turn/allocated.hex", "turn/challenge.hex", "turn/refused.hex",
	    "turn/stale.hex",	  "turn/refreshed.hex", "turn/bound.hex",
	    "turn/data.hex",	  "turn/channel.hex",	"turn/mapped.hex"};
	const struct addr peer = address("192.0.2.7:8000");

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		struct turn *asking = begin(&standard), *ready = allocated(&standard, 600);
		size_t size;
		uint8_t *buf = support_load(names[i], &size);

		asked(asking, 0, STUN_ALLOCATE);
		memcpy(buf + 8, server.msg.txid, size >= 20 ? STUN_TXID_SIZE : 0);
		support_truncations(buf, size, take_truncated, asking);
		assert_int_equal(turn_add_peer(ready, 0, &peer), 0);
		asked(ready, 0, STUN_CREATE_PERMISSION);
		memcpy(buf + 8, server.msg.txid, size >= 20 ? STUN_TXID_SIZE : 0);
		support_truncations(buf, size, take_truncated, ready);
		free(buf);
		turn_free(asking);
		turn_free(ready);
	}
}

static void
streams_are_cut(void **state)
{
	static const uint8_t channel[] = {0x4f, 0xff, 0, 5},
			     stun[20] = {0, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42},
			     odd[20] = {0, 1, 0, 7, 0x21, 0x12, 0xa4, 0x42},
			     other[] = "SSH-2.0-OpenSSH";

	(void)state;
	assert_int_equal(turn_frame_size(channel, 0), 0);
	assert_int_equal(turn_frame_size(channel, 3), 0);
	assert_int_equal(turn_frame_size(channel, 4), 12);
	assert_int_equal(turn_frame_size(stun, 19), 0);
	assert_int_equal(turn_frame_size(stun, 20), 28);
	assert_int_equal(turn_frame_size(odd, 20), -EBADMSG);
	assert_int_equal(turn_frame_size(other, sizeof(other)), -EBADMSG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(peers_get_permissions_and_channels),
	    cmocka_unit_test(peers_are_bounded),
	    cmocka_unit_test(a_peer_may_be_refused),
	    cmocka_unit_test(indications_are_whole),
	    cmocka_unit_test(channels_are_padded_on_a_stream_only),
	    cmocka_unit_test(data_comes_from_peers_with_a_permission),
	    cmocka_unit_test(truncations_do_no_harm),
	    cmocka_unit_test(streams_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
