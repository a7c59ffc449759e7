/* Simulation: media between two peers over bad links on virtual time. RTC_SEED replays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../support/peers.h"
#include "../support/support.h"
#include "base/clock.h"

enum { SECOND = 1000000, TAIL_VIDEO = 60, TAIL_AUDIO = 25 }; /* packets that may be in flight */

static const struct link_params clean = {.delay_us = 20000};
static const struct link_params fair = {.delay_us = 30000,
					.reorder_us = 40000,
					.loss_permille = 50,
					.duplicate_permille = 20,
					.reorder_permille = 50};
static const struct link_params bad = {.delay_us = 30000,
				       .reorder_us = 60000,
				       .loss_permille = 200,
				       .duplicate_permille = 50,
				       .reorder_permille = 100};
static const struct link_params lossy_far = {.delay_us = 150000, .loss_permille = 50};
static const struct link_params tenth_lost = {.delay_us = 100, .loss_permille = 100};
static const struct link_params far_tenth_lost = {.delay_us = 100000, .loss_permille = 100};
static const struct link_params slightly_lossy = {.delay_us = 10000, .loss_permille = 5};

static void
print_seed(const char *what, uint64_t seed)
{
	print_message("# %s: RTC_SEED=%llu\n", what, (unsigned long long)seed);
}

/* Connect, send for so long, settle. */
static void
play(struct peers *s, const struct peers_params *params, uint64_t duration_us)
{
	print_seed("scenario", params->seed);
	peers_init(s, params);
	if (!peers_connect(s, 15 * SECOND))
		fail_msg("no connection: \"%s\" and \"%s\"", s->seen[0].words, s->seen[1].words);
	s->sending = true;
	peers_run(s, duration_us);
	assert_int_equal(s->seen[1].wrong, 0);
	assert_int_equal(s->seen[0].failed + s->seen[1].failed, 0);
}

/* Everything but what may still be in flight came, in order. */
static void
assert_complete(const struct peers *s, uint64_t video_tail, uint64_t audio_tail)
{
	assert_int_equal(s->seen[1].skipped[PEERS_VIDEO], 0);
	assert_int_equal(s->seen[1].skipped[PEERS_AUDIO], 0);
	assert_in_range(s->seen[1].in_order[PEERS_VIDEO], s->sent[PEERS_VIDEO] - video_tail,
			s->sent[PEERS_VIDEO]);
	assert_in_range(s->seen[1].in_order[PEERS_AUDIO], s->sent[PEERS_AUDIO] - audio_tail,
			s->sent[PEERS_AUDIO]);
}

static void
clean_link_delivers_everything(void **state)
{
	(void)state;
	for (int role = 0; role < 2; role++) {
		struct peers_params p = {.seed = support_seed(),
					 .link = {clean, clean},
					 .role = role == 0 ? DTLS_CLIENT : DTLS_SERVER,
					 .nack = true,
					 .twcc = true};
		struct peers s;
		struct peer_stats tx, rx;

		play(&s, &p, 5 * SECOND);
		assert_complete(&s, 8, 3);
		peer_stats(s.end[0], &tx);
		peer_stats(s.end[1], &rx);
		assert_int_equal(rx.rx_lost, 0);
		assert_int_equal(rx.nacks_sent, 0);
		assert_int_equal(tx.tx_resent, 0);
		assert_int_equal(tx.tx_dropped, 0);
		assert_int_equal(tx.twcc_lost, 0);
		assert_true(tx.twcc_received > 50);
		assert_in_range(tx.rtt_us, 39000, 42000);
		assert_in_range(s.seen[0].info.ice_us, 40000, 60000); /* one round trip */
		assert_string_equal(s.seen[0].info.profile_name, "AEAD_AES_128_GCM");
		peers_fini(&s);
	}
}

static void
fair_link_is_repaired(bool rtx, enum dtls_role role)
{
	struct peers_params p = {.seed = support_seed() + rtx,
				 .link = {fair, fair},
				 .role = role,
				 .nack = true,
				 .rtx = rtx,
				 .twcc = true};
	struct peers s;
	struct peer_stats tx, rx;

	play(&s, &p, 20 * SECOND);
	assert_complete(&s, TAIL_VIDEO, TAIL_AUDIO);
	peer_stats(s.end[0], &tx);
	peer_stats(s.end[1], &rx);
	assert_true(rx.rx_repaired > 50);
	assert_true(tx.tx_resent > 50);
	assert_int_equal(tx.tx_not_found, 0);
	assert_int_equal(rx.rx_auth_failed, 0);
	assert_int_equal(s.seen[1].holes, 0);
	peers_fini(&s);
}

static void
five_percent_are_repaired_by_rtx(void **state)
{
	(void)state;
	fair_link_is_repaired(true, DTLS_CLIENT);
	fair_link_is_repaired(true, DTLS_SERVER);
}

static void
five_percent_are_repaired_by_identical_resends(void **state)
{
	(void)state;
	fair_link_is_repaired(false, DTLS_CLIENT);
	fair_link_is_repaired(false, DTLS_SERVER);
}

static void
twenty_percent_leave_almost_everything(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 4; i++) {
		struct peers_params p = {.seed = support_seed() + 100 * i,
					 .link = {bad, bad},
					 .role = i % 2 == 0 ? DTLS_CLIENT : DTLS_SERVER,
					 .nack = true,
					 .rtx = i >= 2};
		struct peers s;

		play(&s, &p, 20 * SECOND);
		assert_true(s.seen[1].in_order[PEERS_VIDEO] * 1000 >=
			    (s.sent[PEERS_VIDEO] - 2 * TAIL_VIDEO) * 990);
		assert_true(s.seen[1].in_order[PEERS_AUDIO] * 1000 >=
			    (s.sent[PEERS_AUDIO] - 2 * TAIL_AUDIO) * 990);
		peers_fini(&s);
	}
}

static void
without_nack_losses_stay(void **state)
{
	struct peers_params p = {.seed = support_seed(),
				 .link = {fair, clean},
				 .role = DTLS_CLIENT,
				 .max_wait_us = 200000};
	struct peers s;
	struct peer_stats rx;
	uint64_t lost;

	(void)state;
	play(&s, &p, 20 * SECOND);
	peer_stats(s.end[1], &rx);
	assert_int_equal(rx.nacks_sent, 0);
	lost = s.sent[0] + s.sent[1] - s.seen[1].packets[0] - s.seen[1].packets[1];
	assert_in_range(lost, rx.rx_lost, rx.rx_lost + TAIL_VIDEO);
	assert_true(rx.rx_lost > 50);
	assert_true(s.seen[1].holes > 0); /* each asked for a keyframe */
	assert_true(s.seen[0].keyframes > 0);
	peers_fini(&s);
}

/* 1500 packets a second and 300 ms of round trip: what is asked for lies hundreds of packets back.
 */
static void
old_packets_are_resent(void **state)
{
	(void)state;
	for (int rtx = 0; rtx < 2; rtx++) {
		struct peers_params p = {.seed = support_seed(),
					 .link = {lossy_far, clean},
					 .role = DTLS_CLIENT,
					 .nack = true,
					 .rtx = rtx,
					 .frame_packets = 50};
		struct peers s;
		struct peer_stats tx;

		play(&s, &p, 10 * SECOND);
		peer_stats(s.end[0], &tx);
		assert_complete(&s, 1500, TAIL_AUDIO + 20);
		assert_int_equal(tx.tx_not_found, 0);
		assert_true(tx.tx_resent > 400);
		peers_fini(&s);
	}
}

/* Two roll-overs of the sequence number, the first within the first losses. */
static void
sequence_numbers_wrap(void **state)
{
	(void)state;
	for (int rtx = 0; rtx < 2; rtx++) {
		struct peers_params p = {.seed = support_seed(),
					 .role = DTLS_CLIENT,
					 .nack = true,
					 .link = {slightly_lossy, slightly_lossy},
					 .rtx = rtx,
					 .first_seq = 65500,
					 .frame_packets = 100};
		struct peers s;
		struct peer_stats rx;

		play(&s, &p, 24 * SECOND);
		assert_true(s.sent[PEERS_VIDEO] > 65536 + 100);
		assert_complete(&s, 1000, TAIL_AUDIO);
		peer_stats(s.end[1], &rx);
		assert_int_equal(rx.rx_auth_failed, 0);
		peers_fini(&s);
	}
}

static void
two_full_agents_find_each_other(void **state)
{
	(void)state;
	for (int role = 0; role < 2; role++) {
		struct peers_params p = {.seed = support_seed() + (uint64_t)role,
					 .link = {fair, fair},
					 .role = role == 0 ? DTLS_CLIENT : DTLS_SERVER,
					 .nack = true,
					 .both_full = true};
		struct peers s;

		play(&s, &p, 3 * SECOND);
		assert_complete(&s, TAIL_VIDEO, TAIL_AUDIO);
		peers_fini(&s);
	}
}

/* One check, 4 s after the selection, is answered late: losses are asked for as before. */
static void
one_slow_answer_spaces_no_asks(void **state)
{
	static const struct link_params near = {.delay_us = 100}, slow = {.delay_us = 200000};
	struct peers_params p = {.seed = support_seed(),
				 .link = {near, near},
				 .role = DTLS_CLIENT,
				 .nack = true,
				 .rtx = true,
				 .both_full = true,
				 .max_wait_us = 300000};
	struct peers s;
	struct peer_stats rx;

	(void)state;
	play(&s, &p, 38 * SECOND / 10);
	for (int i = 0; i < 2; i++)
		link_become(s.link[i], &slow);
	peers_run(&s, SECOND / 2);
	for (int i = 0; i < 2; i++)
		link_become(s.link[i], &near);
	peers_run(&s, SECOND / 2);
	for (int i = 0; i < 2; i++)
		link_become(s.link[i], &tenth_lost);
	peers_run(&s, 3 * SECOND);
	peer_stats(s.end[1], &rx);
	assert_true(rx.rx_repaired > 20);
	assert_int_equal(s.seen[1].skipped[PEERS_VIDEO], 0);
	peers_fini(&s);
}

/* A round trip of 200 ms and a tenth lost each way: there is time to ask more than once. */
static void
far_senders_are_waited_for(void **state)
{
	struct peers_params p = {.seed = support_seed(),
				 .link = {far_tenth_lost, far_tenth_lost},
				 .role = DTLS_CLIENT,
				 .nack = true,
				 .rtx = true,
				 .both_full = true,
				 .min_wait_us = 300000,
				 .max_wait_us = SECOND};
	struct peers s;
	struct peer_stats rx;

	(void)state;
	play(&s, &p, 30 * SECOND);
	peer_stats(s.end[1], &rx);
	print_message("# of %llu packets %llu were repaired, %llu were not\n",
		      (unsigned long long)s.sent[PEERS_VIDEO], (unsigned long long)rx.rx_repaired,
		      (unsigned long long)s.seen[1].skipped[PEERS_VIDEO]);
	assert_true(rx.rx_repaired > 300);
	assert_true(s.seen[1].skipped[PEERS_VIDEO] < rx.rx_repaired / 50);
	peers_fini(&s);
}

/* A load generator reads the clear headers: the same counts, nothing decrypted. */
static void
headers_alone_count_losses(void **state)
{
	struct peers_params p = {.seed = support_seed(),
				 .link = {fair, clean},
				 .role = DTLS_CLIENT,
				 .nack = true,
				 .rtx = true,
				 .twcc = true,
				 .decrypt = PEER_DECRYPT_NONE};
	struct peers s;
	struct peer_stats rx;

	(void)state;
	play(&s, &p, 10 * SECOND);
	peer_stats(s.end[1], &rx);
	assert_true(s.seen[1].undecrypted > s.sent[0] / 2);
	assert_in_range(s.seen[1].packets[0], s.sent[0] - TAIL_VIDEO, s.sent[0]);
	assert_true(rx.rx_repaired > 20);
	assert_int_equal(rx.rx_auth_failed, 0);
	peers_fini(&s);
}

static void
a_sample_is_decrypted(void **state)
{
	struct peers_params p = {.seed = support_seed(),
				 .link = {clean, clean},
				 .role = DTLS_CLIENT,
				 .decrypt = PEER_DECRYPT_SAMPLE};
	struct peers s;

	(void)state;
	play(&s, &p, 10 * SECOND);
	assert_true(s.seen[1].undecrypted * 100 > (s.sent[0] + s.sent[1]) * 97);
	assert_true(s.seen[1].undecrypted < s.seen[1].packets[0] + s.seen[1].packets[1]);
	peers_fini(&s);
}

static void
reports_map_the_clock(void **state)
{
	struct peers_params p = {
	    .seed = support_seed(), .link = {clean, clean}, .role = DTLS_CLIENT};
	struct peers s;
	uint64_t ntp, expected;

	(void)state;
	play(&s, &p, 3 * SECOND);
	assert_true(s.seen[1].reports >= 4); /* both tracks, once a second */
	assert_int_equal(
	    peer_track_ntp(s.end[1], PEERS_VIDEO, (uint32_t)(s.now_us * 9 / 100), &ntp), 0);
	expected = (3900000000ull << 32) + clock_us_to_ntp(s.now_us);
	assert_in_range(clock_ntp_to_us(ntp - expected + (1ull << 32)), SECOND - 1000,
			SECOND + 1000);
	peers_fini(&s);
}

/* The first ones are close together, so that a lost one is made up for before anybody waits for it.
 */
static void
first_reports_are_close_together(void **state)
{
	struct peers_params p = {
	    .seed = support_seed(), .link = {clean, clean}, .role = DTLS_CLIENT};
	struct peers s;
	unsigned early;

	(void)state;
	play(&s, &p, SECOND);
	early = s.seen[1].reports;
	assert_in_range(early, 2 * 4, 2 * 6); /* of both tracks */
	peers_run(&s, SECOND);
	early = s.seen[1].reports;
	peers_run(&s, 5 * SECOND);
	assert_in_range(s.seen[1].reports - early, 2 * 4, 2 * 6);
	peers_fini(&s);
}

/* Every packet of a layer says so, the resent ones in their own extension (RFC 8852). */
static void
layers_are_named(void **state)
{
	struct peers_params p = {.seed = support_seed(),
				 .link = {fair, clean},
				 .role = DTLS_CLIENT,
				 .nack = true,
				 .rtx = true,
				 .rid = "h"};
	struct peers s;
	struct peer_stats rx;

	(void)state;
	play(&s, &p, 10 * SECOND);
	peer_stats(s.end[1], &rx);
	assert_true(s.seen[1].layered[1] > 20);
	assert_in_range(s.seen[1].layered[1], 20, rx.rx_repaired);
	assert_int_equal(s.seen[1].layered[0] + s.seen[1].layered[1],
			 s.seen[1].packets[PEERS_VIDEO]);
	peers_fini(&s);
}

/* A quiet link lets the rate grow; a bad one takes it down. */
static void
the_rate_follows_the_link(void **state)
{
	struct peers_params p = {.seed = support_seed(),
				 .link = {clean, clean},
				 .role = DTLS_CLIENT,
				 .nack = true,
				 .rtx = true,
				 .twcc = true,
				 .rate_max_bps = 1000000};
	struct peers s;

	(void)state;
	play(&s, &p, 10 * SECOND);
	assert_in_range(s.seen[0].bitrate_bps, 500000, 1000000);
	peers_fini(&s);
	p.link[0] = bad;
	play(&s, &p, 10 * SECOND);
	assert_in_range(s.seen[0].bitrate_bps, 100000, 400000);
	peers_fini(&s);
	p.rate_max_bps = 0;
	play(&s, &p, 5 * SECOND);
	assert_int_equal(s.seen[0].bitrate_bps, 0);
	peers_fini(&s);
}

static void
requests_reach_the_sender(void **state)
{
	struct peers_params p = {
	    .seed = support_seed(), .link = {clean, clean}, .role = DTLS_CLIENT};
	struct peers s;

	(void)state;
	play(&s, &p, SECOND);
	assert_int_equal(s.seen[0].keyframes, 0);
	for (int i = 0; i < 10; i++) { /* 10 within 100 ms: one now, one 200 ms later */
		assert_int_equal(peer_request_keyframe(s.end[1], s.now_us, PEERS_VIDEO), 0);
		peers_run(&s, 10000);
	}
	assert_int_equal(peer_request_keyframe(s.end[1], s.now_us, PEERS_AUDIO), -95);
	assert_int_equal(peer_set_remb(s.end[1], 1234000), 0);
	peers_run(&s, 2 * SECOND);
	assert_int_equal(s.seen[0].keyframes, 2);
	assert_in_range(s.seen[0].bitrate_bps, 1230000, 1234000);
	peers_fini(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(clean_link_delivers_everything),
	    cmocka_unit_test(five_percent_are_repaired_by_rtx),
	    cmocka_unit_test(five_percent_are_repaired_by_identical_resends),
	    cmocka_unit_test(twenty_percent_leave_almost_everything),
	    cmocka_unit_test(without_nack_losses_stay),
	    cmocka_unit_test(old_packets_are_resent),
	    cmocka_unit_test(sequence_numbers_wrap),
	    cmocka_unit_test(two_full_agents_find_each_other),
	    cmocka_unit_test(one_slow_answer_spaces_no_asks),
	    cmocka_unit_test(far_senders_are_waited_for),
	    cmocka_unit_test(headers_alone_count_losses),
	    cmocka_unit_test(a_sample_is_decrypted),
	    cmocka_unit_test(reports_map_the_clock),
	    cmocka_unit_test(first_reports_are_close_together),
	    cmocka_unit_test(layers_are_named),
	    cmocka_unit_test(the_rate_follows_the_link),
	    cmocka_unit_test(requests_reach_the_sender),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
