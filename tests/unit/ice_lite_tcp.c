/* Unit tests of the lite agent with TCP connections among its paths, on virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "../support/support.h"
#include "ice/ice_lite.h"
#include "ice/ice_msg.h"

#define SECOND_US 1000000ull

static const struct ice_creds server = {"6pk11386", "l91z529147ri9163933p51c4"};
static const struct ice_creds client = {"J8X7", "Dpq7/fW/osYcPeLsCW2Ek1JH"};
static const uint8_t request_txid[STUN_TXID_SIZE] = "abcdefghijk";

static struct ice_lite *
new_lite(void)
{
	struct ice_lite *ice = ice_lite_new(&server, &client, 0, 15 * SECOND_US, 30 * SECOND_US, 7);

	assert_non_null(ice);
	return ice;
}

static struct ice_tuple
tuple_of(enum ice_proto proto, uint32_t channel)
{
	struct ice_tuple t = support_tuple("198.51.100.1:8000", "192.0.2.7:4000");

	t.proto = (uint8_t)proto;
	t.channel = channel;
	return t;
}

static int
check(struct ice_lite *ice, uint64_t now_us, const struct ice_tuple *from)
{
	static const struct ice_check usual = {.txid = request_txid,
					       .remote_ufrag = "6pk11386",
					       .remote_pwd = "l91z529147ri9163933p51c4",
					       .local_ufrag = "J8X7",
					       .tie = 1,
					       .priority = 0x6e7f1eff,
					       .controlling = true};
	uint8_t buf[STUN_MESSAGE_MAX];
	int size = ice_write_check(buf, sizeof(buf), &usual);

	return ice_lite_input(ice, now_us, from, buf, (size_t)size);
}

static int
check_on(struct ice_lite *ice, uint64_t now_us, uint32_t channel)
{
	struct ice_tuple t = tuple_of(ICE_TCP, channel);

	return check(ice, now_us, &t);
}

static void
a_closed_connection_gives_way(void **state)
{
	struct ice_lite *ice = new_lite();
	struct ice_tuple first = tuple_of(ICE_TCP, 1), second = tuple_of(ICE_TCP, 2),
			 third = tuple_of(ICE_TCP, 3);

	(void)state;
	assert_int_equal(ice_lite_drop(ice, &first), ICE_LITE_NONE);
	assert_int_equal(check_on(ice, 0, 1), ICE_LITE_SELECTED);
	check_on(ice, SECOND_US, 2);
	check_on(ice, SECOND_US / 2, 3);
	assert_int_equal(ice_lite_drop(ice, &first), ICE_LITE_SELECTED);
	assert_true(ice_tuple_equal(&ice_lite_selected(ice)->tuple, &second));
	assert_int_equal(ice_lite_drop(ice, &third), ICE_LITE_NONE);
	assert_null(ice_lite_path(ice, &third));
	/* The last one: consent runs on, and another one may come. */
	check_on(ice, 20 * SECOND_US, 2);
	assert_int_equal(ice_lite_drop(ice, &second), ICE_LITE_SELECTED);
	assert_null(ice_lite_selected(ice));
	assert_int_equal(ice_lite_timeout(ice, 49 * SECOND_US), ICE_LITE_NONE);
	assert_int_equal(ice_lite_deadline(ice), 50 * SECOND_US);
	assert_int_equal(check_on(ice, 49 * SECOND_US, 4), ICE_LITE_SELECTED);
	assert_int_equal(ice_lite_timeout(ice, 51 * SECOND_US), ICE_LITE_NONE);
	ice_lite_free(ice);
}

static void
without_another_one_the_session_expires(void **state)
{
	struct ice_lite *ice = new_lite();
	struct ice_tuple t = tuple_of(ICE_TCP, 1);

	(void)state;
	check_on(ice, 0, 1);
	ice_lite_drop(ice, &t);
	assert_int_equal(ice_lite_timeout(ice, 30 * SECOND_US), ICE_LITE_EXPIRED);
	ice_lite_free(ice);
}

/* One that was not heard of lately is no place to send media to. */
static void
a_stale_path_is_no_successor(void **state)
{
	struct ice_lite *ice = new_lite();
	struct ice_tuple t = tuple_of(ICE_TCP, 1);

	(void)state;
	check_on(ice, 0, 1);
	check_on(ice, 0, 2);
	check_on(ice, 10 * SECOND_US, 1);
	assert_int_equal(ice_lite_drop(ice, &t), ICE_LITE_SELECTED);
	assert_null(ice_lite_selected(ice));
	ice_lite_free(ice);
}

/* Whoever knows the password may have his check come from another's address: nothing goes there. */
static void
after_a_closed_connection_an_address_is_proven_first(void **state)
{
	struct ice_lite *ice = new_lite();
	struct ice_tuple tcp = tuple_of(ICE_TCP, 1), udp = tuple_of(ICE_UDP, 0);
	struct ice_datagram out;
	uint8_t buf[STUN_MESSAGE_MAX];
	int size;

	(void)state;
	check(ice, 0, &tcp);
	assert_int_equal(ice_lite_drop(ice, &tcp), ICE_LITE_SELECTED);
	assert_int_equal(check(ice, SECOND_US, &udp), ICE_LITE_NONE);
	assert_null(ice_lite_selected(ice));
	do
		assert_int_equal(ice_lite_poll(ice, &out), 1);
	while (!ice_tuple_equal(&out.to, &udp) || (out.buf[0] | (out.buf[1] & 0x10)) != 0);
	size = ice_write_success(buf, sizeof(buf), out.buf + 8, &out.to.local, client.pwd);
	assert_int_equal(ice_lite_input(ice, SECOND_US, &udp, buf, (size_t)size),
			 ICE_LITE_SELECTED);
	assert_int_equal(ice_lite_selected(ice)->state, ICE_PATH_VALID);
	ice_lite_free(ice);
}

static void
the_path_of_the_handshake_is_preferred(void **state)
{
	struct ice_lite *ice = new_lite();
	struct ice_tuple udp = tuple_of(ICE_UDP, 0), tcp = tuple_of(ICE_TCP, 1);
	struct ice_path *path;

	(void)state;
	assert_int_equal(check(ice, 0, &udp), ICE_LITE_SELECTED);
	assert_int_equal(check(ice, SECOND_US / 2, &tcp), ICE_LITE_NONE);
	path = ice_lite_path(ice, &tcp);
	assert_int_equal(ice_lite_prefer(ice, path), ICE_LITE_SELECTED);
	assert_ptr_equal(ice_lite_selected(ice), path);
	assert_int_equal(ice_lite_prefer(ice, path), ICE_LITE_NONE);
	/* One that has not shown that it receives is not. */
	path = ice_lite_path(ice, &udp);
	assert_int_equal(ice_lite_prefer(ice, path), ICE_LITE_NONE);
	ice_path_validate(path);
	assert_int_equal(ice_lite_prefer(ice, path), ICE_LITE_SELECTED);
	ice_lite_free(ice);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_closed_connection_gives_way),
	    cmocka_unit_test(without_another_one_the_session_expires),
	    cmocka_unit_test(a_stale_path_is_no_successor),
	    cmocka_unit_test(after_a_closed_connection_an_address_is_proven_first),
	    cmocka_unit_test(the_path_of_the_handshake_is_preferred),
	};

	return cmocka_run_group_tests_name("ice_lite_tcp", tests, NULL, NULL);
}
