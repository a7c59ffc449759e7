/* The lite agent and peers whose ufrag is long: GStreamer's makes a USERNAME of 41 octets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "../support/support.h"
#include "base/bytes.h"
#include "ice/ice_lite.h"
#include "ice/ice_msg.h"

#define SECOND_US 1000000ull

static const struct ice_creds server = {"6pk11386", "l91z529147ri9163933p51c4"};

/* A check by the peer that has this ufrag. */
static int
check_from(struct ice_lite *ice, const char *ufrag)
{
	const struct ice_check check = {.txid = (const uint8_t *)"abcdefghijk",
					.remote_ufrag = server.ufrag,
					.remote_pwd = server.pwd,
					.local_ufrag = ufrag,
					.priority = 0x6e7f1eff,
					.controlling = true};
	struct ice_tuple t = support_tuple("198.51.100.1:0", "192.0.2.7:4000");
	uint8_t buf[STUN_MESSAGE_MAX];
	int size = ice_write_check(buf, sizeof(buf), &check);

	assert_true(size > 0);
	return ice_lite_input(ice, 0, &t, buf, (size_t)size);
}

/* The classes of all that it has to send; the name in its own check is split. */
static unsigned
poll_classes(struct ice_lite *ice, char *left, char *right, size_t cap)
{
	struct ice_datagram out;
	struct stun_msg msg;
	unsigned classes = 0;

	while (ice_lite_poll(ice, &out) == 1) {
		assert_int_equal(stun_parse(&msg, out.buf, out.size), 0);
		classes |= 1u << msg.class;
		if (msg.class == STUN_REQUEST)
			assert_int_equal(stun_get_username(&msg, left, right, cap), 0);
	}
	return classes;
}

static void
long_names_are_answered_and_used(void **state)
{
	static const size_t sizes[] = {4, 32, 33, ICE_UFRAG_MAX};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		struct ice_creds peer = {.pwd = "Dpq7/fW/osYcPeLsCW2Ek1JH"};
		char left[ICE_UFRAG_MAX + 1] = "", right[ICE_UFRAG_MAX + 1] = "";
		struct ice_lite *ice;

		memset(peer.ufrag, 'u', sizes[i]);
		ice = ice_lite_new(&server, &peer, 0, 15 * SECOND_US, 30 * SECOND_US, 7);
		assert_non_null(ice);
		assert_int_equal(check_from(ice, peer.ufrag), ICE_LITE_SELECTED);
		assert_int_equal(poll_classes(ice, left, right, sizeof(left)),
				 1u << STUN_SUCCESS | 1u << STUN_REQUEST);
		assert_string_equal(left, peer.ufrag);
		assert_string_equal(right, server.ufrag);
		peer.ufrag[sizes[i] - 1] = 'v'; /* the last octet counts, too */
		assert_int_equal(check_from(ice, peer.ufrag), -EACCES);
		assert_int_equal(poll_classes(ice, left, right, sizeof(left)), 1u << STUN_ERROR);
		ice_lite_free(ice);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(long_names_are_answered_and_used)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
