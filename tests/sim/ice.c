/*
 * The full agent against the lite one and against its like, on virtual time over a seeded lossy
 * network with a NAT: connecting, choosing, migrating, losing consent, settling roles.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "../support/support.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/random.h"
#include "ice/ice_agent.h"
#include "ice/ice_agent_impl.h"
#include "ice/ice_lite.h"

enum { FLIGHTS = 256, LATENCY_US = 20000, ADDRESSES = 2 };
#define SECOND_US 1000000ull

static const struct ice_creds server_creds = {"6pk11386", "l91z529147ri9163933p51c4"};

struct flight {
	uint64_t at;
	struct ice_tuple from; /* as the receiver sees it */
	bool to_server;
	uint16_t size;
	uint8_t buf[STUN_MESSAGE_MAX];
};

/* Left: the client's agent behind a NAT. Right: a lite agent, or (lite NULL) a full one. */
struct net {
	uint64_t now_us;
	struct prng rng;
	uint32_t loss_percent;
	uint64_t latency_us; /* one way */
	struct ice_agent *client, *peer;
	struct ice_lite *lite;
	struct addr base, outside; /* the client's address, and the NAT's for it */
	struct addr server[ADDRESSES];
	bool reachable[ADDRESSES];
	uint64_t connected_us;
	int lite_events;
	unsigned to_server, to_client;
	struct flight flight[FLIGHTS];
	size_t flight_count;
};

static struct addr
address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(&a, text, 0), 0);
	return a;
}

static void
net_init(struct net *net, uint64_t seed, uint32_t loss_percent)
{
	memset(net, 0, sizeof(*net));
	net->now_us = SECOND_US;
	net->rng.state = seed;
	net->loss_percent = loss_percent;
	net->latency_us = LATENCY_US;
	net->base = address("10.0.0.5:40000");
	net->outside = address("192.0.2.7:61000");
	net->server[0] = address("198.51.100.1:8000");
	net->server[1] = address("203.0.113.1:8000");
	net->reachable[0] = net->reachable[1] = true;
	net->client = ice_agent_new(net->now_us, 10 * SECOND_US, seed);
	assert_non_null(net->client);
}

static void
net_fini(struct net *net)
{
	ice_agent_free(net->client);
	ice_agent_free(net->peer);
	ice_lite_free(net->lite);
}

/* Server 0 is the better candidate; count of them are known to the client. */
static void
add_pairs(struct net *net, int count)
{
	for (int i = 0; i < count; i++) {
		struct ice_tuple t = {.remote = net->server[i], .local = net->base};

		assert_int_equal(
		    ice_agent_add_pair(net->client, &t,
				       ice_priority(ICE_HOST, (uint16_t)(1000 - i), 1)),
		    i);
	}
}

static void
against_lite(struct net *net, int count)
{
	net->lite = ice_lite_new(&server_creds, ice_agent_local(net->client), net->now_us,
				 15 * SECOND_US, 30 * SECOND_US, net->rng.state + 1);
	assert_non_null(net->lite);
	assert_int_equal(ice_agent_set_remote(net->client, &server_creds, true), 0);
	add_pairs(net, count);
}

static void
against_full(struct net *net)
{
	net->peer = ice_agent_new(net->now_us, 10 * SECOND_US, net->rng.state + 1);
	assert_non_null(net->peer);
	assert_int_equal(ice_agent_set_remote(net->client, ice_agent_local(net->peer), false), 0);
	assert_int_equal(ice_agent_set_remote(net->peer, ice_agent_local(net->client), false), 0);
	add_pairs(net, 1); /* the peer knows no candidate of ours: peer-reflexive */
}

static int
server_index(const struct net *net, const struct addr *a)
{
	for (int i = 0; i < ADDRESSES; i++)
		if (addr_equal(&net->server[i], a))
			return i;
	return -1;
}

static void
launch(struct net *net, const struct ice_datagram *d, bool to_server)
{
	struct flight *f = &net->flight[net->flight_count];
	int i = server_index(net, to_server ? &d->to.remote : &d->to.local);

	*(to_server ? &net->to_server : &net->to_client) += 1;
	if (prng_below(&net->rng, 100) < net->loss_percent || i < 0 || !net->reachable[i] ||
	    (!to_server && !addr_equal(&d->to.remote, &net->outside)))
		return;
	assert_true(net->flight_count < FLIGHTS);
	memset(f, 0, sizeof(*f));
	f->at = net->now_us + net->latency_us + prng_below(&net->rng, 5000); /* may overtake */
	f->from.remote = to_server ? net->outside : net->server[i];
	f->from.local = to_server ? net->server[i] : net->base;
	f->to_server = to_server;
	f->size = d->size;
	memcpy(f->buf, d->buf, d->size);
	net->flight_count++;
}

static void
drain(struct net *net)
{
	struct ice_datagram d;

	while (ice_agent_poll(net->client, &d) == 1)
		launch(net, &d, true);
	while (net->lite != NULL && ice_lite_poll(net->lite, &d) == 1)
		launch(net, &d, false);
	while (net->peer != NULL && ice_agent_poll(net->peer, &d) == 1)
		launch(net, &d, false);
	if (net->connected_us == 0 && ice_agent_state(net->client) == ICE_AGENT_CONNECTED)
		net->connected_us = net->now_us;
}

static void
land(struct net *net, size_t index)
{
	struct flight f = net->flight[index];
	int rc;

	net->flight[index] = net->flight[--net->flight_count];
	if (!f.to_server) {
		ice_agent_input(net->client, net->now_us, &f.from, f.buf, f.size);
	} else if (net->peer != NULL) {
		ice_agent_input(net->peer, net->now_us, &f.from, f.buf, f.size);
	} else {
		rc = ice_lite_input(net->lite, net->now_us, &f.from, f.buf, f.size);
		net->lite_events |= rc > 0 ? rc : 0;
	}
	drain(net);
}

static uint64_t
next_deadline(const struct net *net)
{
	uint64_t at = ice_agent_deadline(net->client);

	if (net->lite != NULL)
		at = MIN_OF(at, ice_lite_deadline(net->lite));
	if (net->peer != NULL)
		at = MIN_OF(at, ice_agent_deadline(net->peer));
	return MAX_OF(at, net->now_us);
}

static void
fire(struct net *net)
{
	if (ice_agent_deadline(net->client) <= net->now_us)
		ice_agent_timeout(net->client, net->now_us);
	if (net->lite != NULL && ice_lite_deadline(net->lite) <= net->now_us)
		net->lite_events |= ice_lite_timeout(net->lite, net->now_us);
	if (net->peer != NULL && ice_agent_deadline(net->peer) <= net->now_us)
		ice_agent_timeout(net->peer, net->now_us);
	drain(net);
}

static void
run(struct net *net, uint64_t duration_us)
{
	uint64_t end = net->now_us + duration_us;
	unsigned steps = 0;

	drain(net);
	for (;;) {
		uint64_t at = next_deadline(net);
		size_t first = net->flight_count;

		for (size_t i = 0; i < net->flight_count; i++) {
			if (net->flight[i].at <= at) {
				at = net->flight[i].at;
				first = i;
			}
		}
		if (at > end)
			break;
		net->now_us = at;
		if (first < net->flight_count)
			land(net, first);
		else
			fire(net);
		assert_true(++steps < 100000); /* a deadline that is never met would spin */
	}
	net->now_us = end;
}

static void
assert_connected_to(const struct net *net, int server)
{
	assert_int_equal(ice_agent_state(net->client), ICE_AGENT_CONNECTED);
	assert_true(addr_equal(&ice_agent_selected(net->client)->remote, &net->server[server]));
}

static void
lite_server_takes_one_round_trip(void **state)
{
	struct net net;
	struct ice_agent_pair pair;

	(void)state;
	net_init(&net, support_seed(), 0);
	against_lite(&net, 2);
	run(&net, SECOND_US);
	assert_connected_to(&net, 0);
	assert_true(net.connected_us - SECOND_US <= 2 * (LATENCY_US + 5000));
	assert_int_equal(ice_lite_selected(net.lite)->state, ICE_PATH_VALID);
	assert_true(ice_lite_selected(net.lite)->nominated);
	ice_agent_pair(net.client, 0, &pair);
	assert_true(pair.nominated);
	assert_true(addr_equal(&pair.mapped, &net.outside));
	assert_true(pair.rtt_us >= 2 * LATENCY_US && pair.rtt_us <= 2 * (LATENCY_US + 5000));
	assert_true(ice_agent_controlling(net.client));
	net_fini(&net);
}

static void
dead_candidate_is_passed_over(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, support_seed(), 0);
	net.reachable[0] = false;
	against_lite(&net, 2);
	run(&net, 12 * SECOND_US);
	assert_connected_to(&net, 1);
	assert_true(net.connected_us - SECOND_US <= 300000);
	assert_true(addr_equal(&ice_lite_selected(net.lite)->tuple.local, &net.server[1]));
	net_fini(&net);
}

static void
late_better_candidate_takes_over_on_both_sides(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, support_seed(), 0);
	net.reachable[0] = false;
	against_lite(&net, 2);
	run(&net, 500000);
	assert_connected_to(&net, 1);
	net.reachable[0] = true;
	run(&net, 5 * SECOND_US);
	assert_connected_to(&net, 0);
	assert_true(addr_equal(&ice_lite_selected(net.lite)->tuple.local, &net.server[0]));
	net_fini(&net);
}

static void
loss_delays_but_does_not_prevent(void **state)
{
	/* The 3x guard leaves the server some two tries for each check of the client's. */
	static const struct {
		uint32_t loss_percent, seconds;
		bool valid;
	} rows[] = {{5, 30, true}, {20, 60, true}, {30, 12, false}};

	(void)state;
	for (uint64_t n = 0; n < 50 * ARRAY_COUNT(rows); n++) {
		uint64_t seed = support_seed() + n;
		size_t i = n % ARRAY_COUNT(rows);
		struct net net;

		net_init(&net, seed, rows[i].loss_percent);
		against_lite(&net, 2);
		run(&net, rows[i].seconds * SECOND_US);
		if (ice_agent_state(net.client) != ICE_AGENT_CONNECTED ||
		    (rows[i].valid && ice_lite_selected(net.lite)->state != ICE_PATH_VALID))
			fail_msg(
			    "seed %llu, loss %u %%: agent %d, path %d", (unsigned long long)seed,
			    rows[i].loss_percent, ice_agent_state(net.client),
			    ice_lite_selected(net.lite) ? ice_lite_selected(net.lite)->state : -1);
		net_fini(&net);
	}
}

static void
consent_keeps_both_sides_alive_for_an_hour(void **state)
{
	struct net net;
	unsigned checks;

	(void)state;
	net_init(&net, support_seed(), 5);
	against_lite(&net, 1);
	run(&net, 60 * SECOND_US);
	checks = net.to_server;
	run(&net, 3600 * SECOND_US);
	assert_connected_to(&net, 0);
	assert_int_equal(net.lite_events & ICE_LITE_EXPIRED, 0);
	assert_in_range(net.to_server - checks, 3600 / 6, 3600 / 3); /* each 4 to 6 s */
	net_fini(&net);
}

/* A queue that fills up delays answers beyond the next check; they are consent all the same. */
static void
slow_answers_are_consent(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, support_seed(), 5);
	against_lite(&net, 1);
	run(&net, 10 * SECOND_US);
	net.latency_us = 2 * SECOND_US;
	run(&net, 120 * SECOND_US);
	assert_connected_to(&net, 0);
	assert_int_equal(net.lite_events & ICE_LITE_EXPIRED, 0);
	net_fini(&net);
}

static void
lost_consent_expires_on_both_sides(void **state)
{
	struct net net;

	(void)state;
	net_init(&net, support_seed(), 0);
	against_lite(&net, 1);
	run(&net, 10 * SECOND_US);
	net.loss_percent = 100;
	run(&net, 20 * SECOND_US);
	assert_int_equal(ice_agent_state(net.client), ICE_AGENT_CONNECTED);
	assert_int_equal(net.lite_events & ICE_LITE_EXPIRED, 0);
	run(&net, 15 * SECOND_US);
	assert_int_equal(ice_agent_state(net.client), ICE_AGENT_EXPIRED);
	assert_int_equal(net.lite_events & ICE_LITE_EXPIRED, ICE_LITE_EXPIRED);
	assert_true(ice_agent_deadline(net.client) == CLOCK_NEVER);
	net_fini(&net);
}

/* The NAT gives the client another port: the server follows after its own check was answered. */
static void
migration_is_followed_once_proven(void **state)
{
	struct net net;
	uint32_t id;

	(void)state;
	net_init(&net, support_seed(), 0);
	against_lite(&net, 1);
	run(&net, 10 * SECOND_US);
	id = ice_lite_selected(net.lite)->id;
	net.lite_events = 0;
	net.outside = address("192.0.2.7:62000");
	run(&net, 8 * SECOND_US);
	assert_int_equal(net.lite_events, ICE_LITE_SELECTED);
	assert_int_not_equal(ice_lite_selected(net.lite)->id, id);
	assert_true(addr_equal(&ice_lite_selected(net.lite)->tuple.remote, &net.outside));
	assert_int_equal(ice_lite_selected(net.lite)->state, ICE_PATH_VALID);
	assert_connected_to(&net, 0);
	net_fini(&net);
}

static void
wrong_password_is_told(void **state)
{
	static const struct ice_creds wrong = {"6pk11386", "another password, long"};
	struct net net;
	struct ice_agent_pair pair;

	(void)state;
	net_init(&net, support_seed(), 0);
	net.lite = ice_lite_new(&server_creds, ice_agent_local(net.client), net.now_us,
				15 * SECOND_US, 30 * SECOND_US, 1);
	assert_int_equal(ice_agent_set_remote(net.client, &wrong, true), 0);
	add_pairs(&net, 1);
	run(&net, 2 * SECOND_US);
	assert_int_equal(ice_agent_state(net.client), ICE_AGENT_FAILED);
	ice_agent_pair(net.client, 0, &pair);
	assert_int_equal(pair.error, 401);
	assert_int_equal(pair.sent, 1);
	assert_null(ice_lite_selected(net.lite));
	net_fini(&net);
}

static void
silence_fails_in_time(void **state)
{
	struct net net;
	struct ice_agent_pair pair;

	(void)state;
	net_init(&net, support_seed(), 100);
	against_lite(&net, 2);
	run(&net, 12 * SECOND_US);
	assert_int_equal(ice_agent_state(net.client), ICE_AGENT_FAILED);
	ice_agent_pair(net.client, 1, &pair);
	assert_int_equal(pair.error, -ETIMEDOUT);
	assert_int_equal(pair.sent, AGENT_TRIES);
	net_fini(&net);
}

/* Both begin as controlling and the peer learns the client's address from its check. */
static void
two_full_agents_settle_their_roles(void **state)
{
	unsigned controlling[2] = {0, 0};

	(void)state;
	for (uint64_t n = 0; n < 40; n++) {
		struct net net;

		net_init(&net, support_seed() + n, n < 20 ? 0 : 20);
		against_full(&net);
		run(&net, 12 * SECOND_US);
		if (ice_agent_state(net.client) != ICE_AGENT_CONNECTED ||
		    ice_agent_state(net.peer) != ICE_AGENT_CONNECTED)
			fail_msg("seed %llu", (unsigned long long)support_seed() + n);
		assert_true(addr_equal(&ice_agent_selected(net.peer)->remote, &net.outside));
		assert_int_not_equal(ice_agent_controlling(net.client),
				     ice_agent_controlling(net.peer));
		controlling[ice_agent_controlling(net.client)]++;
		net_fini(&net);
	}
	assert_true(controlling[0] > 0 && controlling[1] > 0);
}

static void
lite_conflict_switches_the_agent(void **state)
{
	struct net net;
	struct ice_agent_pair pair;

	(void)state;
	net_init(&net, support_seed(), 0);
	against_lite(&net, 1);
	net.client->controlling = false; /* as if a conflict had been settled wrongly */
	run(&net, SECOND_US);
	assert_connected_to(&net, 0);
	assert_true(ice_agent_controlling(net.client));
	ice_agent_pair(net.client, 0, &pair);
	assert_int_equal(pair.error, 0);
	net_fini(&net);
}

static int
feed(struct net *net, const struct ice_tuple *from, const uint8_t *buf, int size)
{
	return ice_agent_input(net->client, net->now_us, from, buf, (size_t)size);
}

static void
forged_answers_are_not_believed(void **state)
{
	struct net net;
	struct ice_datagram d;
	struct ice_agent_pair pair;
	struct stun_writer w;
	struct ice_tuple from;
	uint8_t buf[STUN_MESSAGE_MAX];
	int size;

	(void)state;
	net_init(&net, support_seed(), 0);
	against_lite(&net, 1);
	ice_agent_timeout(net.client, net.now_us);
	assert_int_equal(ice_agent_poll(net.client, &d), 1);
	from = d.to;
	stun_start(&w, buf, sizeof(buf), STUN_SUCCESS, d.buf + 8);
	stun_add_address(&w, STUN_XOR_MAPPED_ADDRESS, &net.outside);
	size = stun_finish(&w, "not the password at all", true);
	assert_int_equal(feed(&net, &from, buf, size), -EACCES);
	ice_agent_pair(net.client, 0, &pair);
	assert_int_equal(pair.error, -EACCES);
	buf[8] ^= 1; /* another transaction; the fingerprint is wrong now as well */
	assert_int_equal(feed(&net, &from, buf, size), -EBADMSG);
	/* An error from an address that was not asked. */
	from.remote = net.server[1];
	stun_start(&w, buf, sizeof(buf), STUN_ERROR, d.buf + 8);
	stun_add_error(&w, 401, "Unauthenticated");
	size = stun_finish(&w, NULL, true);
	assert_int_equal(feed(&net, &from, buf, size), -EBADMSG);
	assert_int_equal(ice_agent_state(net.client), ICE_AGENT_CHECKING);
	run(&net, SECOND_US);
	assert_connected_to(&net, 0); /* by the repetition */
	net_fini(&net);
}

static void
limits_and_misuse(void **state)
{
	static const struct ice_creds none = {"", ""};
	struct net net;
	struct ice_tuple t = {0};

	(void)state;
	net_init(&net, support_seed(), 0);
	assert_int_equal(strlen(ice_agent_local(net.client)->ufrag), AGENT_UFRAG_COUNT);
	assert_int_equal(strlen(ice_agent_local(net.client)->pwd), AGENT_PWD_COUNT);
	assert_int_equal(ice_agent_set_remote(net.client, &none, true), -EINVAL);
	assert_true(ice_agent_deadline(net.client) == CLOCK_NEVER);
	t.remote = net.server[0];
	for (int i = 0; i < ICE_AGENT_PAIRS_MAX; i++) {
		t.channel = (uint32_t)i;
		assert_int_equal(ice_agent_add_pair(net.client, &t, 1), i);
		assert_int_equal(ice_agent_add_pair(net.client, &t, 2), i);
	}
	t.channel = ICE_AGENT_PAIRS_MAX;
	assert_int_equal(ice_agent_add_pair(net.client, &t, 1), -ENOSPC);
	net_fini(&net);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lite_server_takes_one_round_trip),
	    cmocka_unit_test(dead_candidate_is_passed_over),
	    cmocka_unit_test(late_better_candidate_takes_over_on_both_sides),
	    cmocka_unit_test(loss_delays_but_does_not_prevent),
	    cmocka_unit_test(consent_keeps_both_sides_alive_for_an_hour),
	    cmocka_unit_test(slow_answers_are_consent),
	    cmocka_unit_test(lost_consent_expires_on_both_sides),
	    cmocka_unit_test(migration_is_followed_once_proven),
	    cmocka_unit_test(wrong_password_is_told),
	    cmocka_unit_test(silence_fails_in_time),
	    cmocka_unit_test(two_full_agents_settle_their_roles),
	    cmocka_unit_test(lite_conflict_switches_the_agent),
	    cmocka_unit_test(forged_answers_are_not_believed),
	    cmocka_unit_test(limits_and_misuse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
