/* Unit tests of the full agent with TCP and relayed pairs, on virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "ice/ice_agent.h"
#include "ice/ice_msg.h"

#define SECOND_US 1000000ull

enum { UDP_PRIORITY = 126 << 24, TCP_PRIORITY = 90 << 24 };

static const struct ice_creds server = {"6pk11386", "l91z529147ri9163933p51c4"};

static struct ice_agent *
new_agent(void)
{
	struct ice_agent *ice = ice_agent_new(0, 10 * SECOND_US, 7);

	assert_non_null(ice);
	assert_int_equal(ice_agent_set_remote(ice, &server, true), 0);
	return ice;
}

static struct ice_tuple
tuple_of(enum ice_proto proto, uint32_t channel)
{
	struct ice_tuple t;

	memset(&t, 0, sizeof(t));
	assert_int_equal(addr_parse(&t.remote, "192.0.2.7:8000", 0), 0);
	t.proto = (uint8_t)proto;
	t.channel = channel;
	return t;
}

static struct ice_tuple
add(struct ice_agent *ice, enum ice_proto proto, uint32_t channel)
{
	struct ice_tuple t = tuple_of(proto, channel);

	assert_true(ice_agent_add_pair(ice, &t, proto == ICE_TCP ? TCP_PRIORITY : UDP_PRIORITY) >=
		    0);
	return t;
}

/* Let it be now; the last check to a tuple is kept in out; count of checks to it. */
static unsigned
run(struct ice_agent *ice, uint64_t now_us, const struct ice_tuple *to, struct ice_datagram *out)
{
	struct ice_datagram d;
	unsigned count = 0;

	ice_agent_timeout(ice, now_us);
	while (ice_agent_poll(ice, &d) > 0)
		if (d.to.proto == to->proto && d.to.channel == to->channel) {
			*out = d;
			count++;
		}
	return count;
}

static void
answer(struct ice_agent *ice, uint64_t now_us, const struct ice_datagram *check)
{
	uint8_t buf[STUN_MESSAGE_MAX];
	struct stun_msg msg;
	int size;

	assert_int_equal(stun_parse(&msg, check->buf, check->size), 0);
	size = ice_write_success(buf, sizeof(buf), msg.txid, &check->to.remote, server.pwd);
	assert_int_equal(ice_agent_input(ice, now_us, &check->to, buf, (size_t)size), 0);
}

static void
a_check_over_tcp_is_sent_once(void **state)
{
	struct ice_agent *ice = new_agent();
	struct ice_tuple tcp = add(ice, ICE_TCP, 1);
	struct ice_datagram out;
	unsigned count = 0;

	(void)state;
	for (uint64_t now = 0; now < 9 * SECOND_US; now += 20000)
		count += run(ice, now, &tcp, &out);
	assert_int_equal(count, 1);
	answer(ice, 9 * SECOND_US, &out);
	assert_int_equal(ice_agent_state(ice), ICE_AGENT_CONNECTED);
	assert_int_equal(ice_agent_selected(ice)->proto, ICE_TCP);
	ice_agent_free(ice);
}

/* UDP is silent; TCP comes half a second later and is taken; a late answer over UDP wins it back.
 */
static void
tcp_is_taken_while_udp_is_silent(void **state)
{
	struct ice_agent *ice = new_agent();
	struct ice_tuple udp = add(ice, ICE_UDP, 0), tcp;
	struct ice_datagram on_udp, on_tcp;
	uint64_t now = 0;

	(void)state;
	assert_int_equal(run(ice, now, &udp, &on_udp), 1);
	for (; now < SECOND_US / 2; now += 20000)
		run(ice, now, &udp, &on_udp);
	tcp = add(ice, ICE_TCP, 1);
	assert_int_equal(run(ice, now += 20000, &tcp, &on_tcp), 1);
	answer(ice, now, &on_tcp);
	assert_int_equal(ice_agent_state(ice), ICE_AGENT_CHECKING);
	assert_int_equal(run(ice, now += 100000, &tcp, &on_tcp), 1); /* nominated */
	answer(ice, now, &on_tcp);
	assert_int_equal(ice_agent_state(ice), ICE_AGENT_CONNECTED);
	assert_int_equal(ice_agent_selected(ice)->proto, ICE_TCP);
	answer(ice, now + SECOND_US, &on_udp);
	assert_int_equal(ice_agent_selected(ice)->proto, ICE_UDP);
	ice_agent_free(ice);
}

static void
lost_connections_fail_their_pairs(void **state)
{
	struct ice_agent *ice = new_agent();
	struct ice_tuple first = add(ice, ICE_TCP, 1), second = add(ice, ICE_TCP, 2),
			 stranger = tuple_of(ICE_TCP, 3);
	struct ice_agent_pair pair;
	struct ice_datagram out;

	(void)state;
	run(ice, 0, &first, &out);
	ice_agent_lose_pair(ice, &stranger, -ECONNREFUSED);
	ice_agent_lose_pair(ice, &first, -ECONNREFUSED);
	assert_int_equal(ice_agent_state(ice), ICE_AGENT_CHECKING);
	ice_agent_pair(ice, 0, &pair);
	assert_int_equal(pair.error, -ECONNREFUSED);
	ice_agent_lose_pair(ice, &second, -ECONNREFUSED);
	assert_int_equal(ice_agent_state(ice), ICE_AGENT_FAILED);
	ice_agent_free(ice);
}

static void
the_selected_connection_is_the_session(void **state)
{
	struct ice_agent *ice = new_agent();
	struct ice_tuple tcp = add(ice, ICE_TCP, 1);
	struct ice_datagram out;

	(void)state;
	run(ice, 0, &tcp, &out);
	answer(ice, 1000, &out);
	assert_int_equal(ice_agent_state(ice), ICE_AGENT_CONNECTED);
	ice_agent_lose_pair(ice, &tcp, -ECONNRESET);
	assert_int_equal(ice_agent_state(ice), ICE_AGENT_EXPIRED);
	ice_agent_lose_pair(ice, &tcp, -ECONNRESET);
	ice_agent_free(ice);
}

/* The relayed pair is checked last, and taken a moment after it is the only one that answers. */
static void
relayed_pairs_come_last(void **state)
{
	struct ice_agent *ice = new_agent();
	struct ice_tuple relayed, udp;
	struct ice_datagram check;
	uint64_t at = 20000;

	(void)state;
	relayed = tuple_of(ICE_RELAYED, 0);
	assert_true(ice_agent_add_pair(ice, &relayed, UINT32_MAX) >= 0); /* whatever theirs is */
	udp = add(ice, ICE_UDP, 0);
	assert_int_equal(run(ice, 0, &relayed, &check), 0); /* UDP first */
	assert_int_equal(run(ice, at, &relayed, &check), 1);
	answer(ice, at, &check);
	assert_null(ice_agent_selected(ice)); /* UDP may yet answer */
	assert_int_equal(run(ice, at + 100000, &relayed, &check), 1);
	answer(ice, at + 100000, &check);
	assert_int_equal(ice_agent_selected(ice)->proto, ICE_RELAYED);
	assert_int_equal(run(ice, at + 300000, &udp, &check), 1);
	answer(ice, at + 300000, &check);
	assert_int_equal(ice_agent_selected(ice)->proto, ICE_UDP); /* it did */
	ice_agent_free(ice);
}

/* The priority that a check names is that of a peer-reflexive candidate, lower than any socket's.
 */
static void
relayed_checks_name_a_lower_priority(void **state)
{
	struct ice_agent *ice = new_agent();
	struct ice_tuple relayed = tuple_of(ICE_RELAYED, 0);
	struct ice_datagram check;
	struct stun_msg msg;
	uint32_t priority;

	(void)state;
	assert_true(ice_agent_add_pair(ice, &relayed, UDP_PRIORITY) >= 0);
	assert_int_equal(run(ice, 0, &relayed, &check), 1);
	assert_int_equal(stun_parse(&msg, check.buf, check.size), 0);
	assert_int_equal(stun_get_u32(&msg, STUN_PRIORITY, &priority), 0);
	assert_int_equal(priority >> 24, 110);
	assert_true((priority >> 8 & 0xffff) < 0x8000);
	ice_agent_free(ice);
}

static void
more_pairs_are_waited_for(void **state)
{
	struct ice_agent *ice = new_agent();
	struct ice_tuple tcp = add(ice, ICE_TCP, 1);

	(void)state;
	ice_agent_expect(ice, true);
	ice_agent_lose_pair(ice, &tcp, -ECONNREFUSED);
	assert_int_equal(ice_agent_state(ice), ICE_AGENT_CHECKING);
	ice_agent_expect(ice, false);
	assert_int_equal(ice_agent_state(ice), ICE_AGENT_FAILED);
	ice_agent_free(ice);

	ice = new_agent();
	ice_agent_expect(ice, true);
	ice_agent_timeout(ice, 0);
	ice_agent_timeout(ice, 10 * SECOND_US);
	assert_int_equal(ice_agent_state(ice), ICE_AGENT_FAILED); /* not for ever */
	ice_agent_free(ice);
}

static void
pairs_have_the_priority_of_the_standard(void **state)
{
	const uint32_t host = ice_priority(ICE_HOST, 65535, 1),
		       relay = ice_priority(ICE_RELAY, 65535, 1);

	(void)state;
	assert_true(ice_pair_priority(host, relay) ==
		    ((uint64_t)relay << 32) + 2 * (uint64_t)host + 1);
	assert_true(ice_pair_priority(relay, host) == ((uint64_t)relay << 32) + 2 * (uint64_t)host);
	assert_true(ice_pair_priority(host, host) > ice_pair_priority(host, relay));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_check_over_tcp_is_sent_once),
	    cmocka_unit_test(tcp_is_taken_while_udp_is_silent),
	    cmocka_unit_test(lost_connections_fail_their_pairs),
	    cmocka_unit_test(the_selected_connection_is_the_session),
	    cmocka_unit_test(relayed_pairs_come_last),
	    cmocka_unit_test(relayed_checks_name_a_lower_priority),
	    cmocka_unit_test(more_pairs_are_waited_for),
	    cmocka_unit_test(pairs_have_the_priority_of_the_standard),
	};

	return cmocka_run_group_tests_name("ice_agent_tcp", tests, NULL, NULL);
}
