/* Simulation: the relay's workers between a publisher and a viewer on a bad network. RTC_SEED
 * replays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "../support/rig/rig.h"
#include "../support/support.h"
#include "base/bytes.h"

enum {
	SECOND = 1000000,
	RUNS = 200,
	WELL = 10,	       /* pictures by which it is back */
	REPORT_US = 75000,     /* between what a viewer says, as browsers do */
	MOVED_MAX_US = 400000, /* until the picture goes on after a port changed */
	CHECKS_MAX = 10,       /* of ours to a stranger */
	BACK_MAX_US =
	    12 * SECOND /* of a keyframe that takes 1.5 s to send, lost on the way twice */
};

/* What a run is like follows from its seed. */
static struct rig_params
drawn(uint64_t seed)
{
	static const uint64_t paces_us[] = {1000, 5000, 15000, 19000};
	static const unsigned sizes[] = {4, 8, 30, 80};
	struct prng draw = {seed};

	return (struct rig_params){.seed = seed,
				   .loss_permille = 300,
				   .stalls = prng_below(&draw, 2) == 0,
				   .deaf = prng_below(&draw, 4) == 0,
				   .plain = prng_below(&draw, 4) == 0,
				   .pace_us = paces_us[prng_below(&draw, ARRAY_COUNT(paces_us))],
				   .key_packets = sizes[prng_below(&draw, ARRAY_COUNT(sizes))]};
}

/* How long it takes until that many more pictures are shown well. */
static uint64_t
back_after(struct rig *r)
{
	uint64_t began = r->now_us;
	unsigned before = r->viewer.shown_well;

	while (r->viewer.shown_well < before + WELL && r->now_us < began + 2 * BACK_MAX_US)
		rig_run(r, SECOND / 50);
	return r->now_us - began;
}

static struct rig *
started(const struct rig_params *params)
{
	struct rig *r = malloc(sizeof(*r));

	assert_non_null(r);
	rig_init(r, params);
	rig_run(r, 3 * SECOND);
	assert_true(r->viewer.shown_well > 0);
	return r;
}

static void
ended(struct rig *r)
{
	rig_fini(r);
	free(r);
}

/* Thirty in a hundred are lost both ways for two seconds, in the midst of which, every other time,
 * the picture gets another size: the viewer sees it again soon, and well. */
static void
the_picture_comes_back(void **state)
{
	uint64_t seed = support_seed(), longest_us = 0;

	(void)state;
	for (unsigned i = 0; i < RUNS; i++, seed++) {
		struct rig_params p = drawn(seed);
		struct rig *r = started(&p);
		uint64_t back_us;

		r->lossy = true;
		rig_run(r, SECOND);
		if (seed % 2 == 0)
			publisher_end_resize(&r->publisher);
		rig_run(r, SECOND);
		r->lossy = false;
		back_us = back_after(r);
		if (back_us > BACK_MAX_US || r->viewer.garbled || r->reused > 0)
			fail_msg("RTC_SEED=%llu (%s): %.1f s, %s, %u indices used twice",
				 (unsigned long long)seed,
				 seed % 2 == 0 ? "another size" : "one size",
				 (double)back_us / SECOND,
				 r->viewer.garbled ? "by stale parameter sets" : "well", r->reused);
		/* RFC 3711 s.3.3.1: a receiver would not see that it wraps among the first. */
		assert_true(r->rtx_first < 0x8000);
		longest_us = MAX_OF(longest_us, back_us);
		ended(r);
	}
	print_message("# %u runs, back within %.1f s\n", RUNS, (double)longest_us / SECOND);
}

/*
 * A publisher that hears nothing gives no keyframe: it is taken for one whose keyframes come by its
 * own clock, and the other worker gets what came since the last one again. The viewer has it
 * already.
 */
static void
no_index_is_used_twice_by_a_replay(void **state)
{
	(void)state;
	for (int plain = 0; plain < 2; plain++)
		for (unsigned i = 0; i < RUNS / 10; i++) {
			struct rig_params p = {.seed = support_seed() + i,
					       .loss_permille = 200,
					       .deaf = true,
					       .plain = plain != 0,
					       .pace_us = 1000,
					       .key_packets = 8};
			struct rig *r = started(&p);

			r->lossy = true;
			rig_run(r, 4 * SECOND);
			r->lossy = false;
			rig_run(r, 2 * SECOND);
			assert_int_equal(r->reused, 0);
			ended(r);
		}
}

/* A keyframe of the better layer comes to the viewer's worker, and the viewer changes to it. */
static void
change_layer(struct rig *r, struct wstream *s, const struct sink *sink)
{
	static const uint8_t payload[ENDS_PAYLOAD_MAX] = {0x65};
	struct rtp_ring_slot slot = {.seq = 70000,
				     .arrival_us = r->now_us,
				     .ts = 5,
				     .payload_size = sizeof(payload),
				     .pt = ENDS_PT,
				     .marker = 1,
				     .flags = RTP_RING_KEYFRAME};
	struct worker *w = r->workers[1];

	assert_int_equal(sink->source, 0);
	s->tracks[0].area = 1;
	s->tracks[1].area = 2;
	w->now_us = r->now_us;
	stream_append(s, w, 1, &slot, payload);
	worker_settle(w);
	assert_int_equal(sink->source, 1);
	assert_int_equal(sink->prev.source, 0);
	assert_false(sink->waiting);
}

/* Ask for the last numbers again, one by one. How many were resent. */
static uint64_t
ask_again(struct rig *r, struct wsession *ws, unsigned count)
{
	const struct sink *sink = &ws->play->sinks[0];
	uint64_t newest = rtp_rewrite_newest(&sink->rw), before = ws->session->stats.tx_packets;

	for (unsigned i = 0; i < count; i++) {
		uint8_t nack[16] = {0x80 | RTCP_FB_NACK, RTCP_RTPFB, 0, 3};

		put_be32(nack + 8, ENDS_OUT_SSRC);
		put_be16(nack + 12, (uint16_t)(newest - i));
		play_rtcp(ws, nack, sizeof(nack));
	}
	worker_settle(r->workers[1]);
	return ws->session->stats.tx_packets - before;
}

/*
 * A viewer without RTX asks for what it got of the layer before: of a replay, with other timestamps
 * than the source's, or of a copy of the ring that began anew since, with other paddings.
 */
static void
no_index_is_used_twice_after_a_change_of_layer(void **state)
{
	enum { ANEW, REPLAYED, WAYS };
	uint64_t resent[WAYS] = {0};

	(void)state;
	for (int way = 0; way < WAYS; way++)
		for (unsigned i = 0; i < RUNS / 10; i++) {
			struct rig_params p = {.seed = support_seed() + i,
					       .plain = true,
					       .layers = true,
					       .pace_us = 1000,
					       .key_packets = 8};
			struct rig *r = started(&p);
			struct wstream *home = stream_get(r->workers[0], RIG_STREAM);
			struct wstream *copy = stream_get(r->workers[1], RIG_STREAM);
			struct wsession *ws = ws_find(r->workers[1], r->sessions[1].serial);

			r->publisher.wanted = true;
			rig_run(r, SECOND / 2);
			stream_set_periodic(home, r->workers[0], 0, true);
			rig_run(r, SECOND / 10);
			if (way == REPLAYED) {
				assert_true(copy->tracks[0].periodic);
				play_join(ws);
				rig_run(r, SECOND / 5);
				assert_true(ws->play->sinks[0].replay_seq != 0);
				assert_int_equal(ws->play->sinks[0].replay_to, 0);
			} else {
				assert_true(ws->play->sinks[0].same_from != 0);
			}
			change_layer(r, copy, &ws->play->sinks[0]);
			resent[way] += ask_again(r, ws, 60);
			assert_int_equal(r->reused, 0);
			ended(r);
		}
	print_message("# resent: %llu of rings that began anew, %llu of replays\n",
		      (unsigned long long)resent[ANEW], (unsigned long long)resent[REPLAYED]);
	assert_true(resent[ANEW] > 0 && resent[REPLAYED] > 0);
}

/* The first packet of a keyframe of another size is lost, on the way up or down, and no other: what
 * a browser shows then is no picture until the next keyframe, and it does not ask for one. */
static void
lost_parameter_sets_bring_a_keyframe(void **state)
{
	(void)state;
	for (int way = 0; way < RIG_WAYS; way++)
		for (int stalls = 0; stalls < 2; stalls++) {
			struct rig_params p = {.seed = support_seed(),
					       .stalls = stalls != 0,
					       .pace_us = 1000,
					       .key_packets = 8};
			struct rig *r = started(&p);
			unsigned keyframes = r->publisher.keyframes;

			r->lose_sets[way] = true;
			publisher_end_resize(&r->publisher);
			rig_run(r, 2 * SECOND);
			assert_false(r->lose_sets[way]);
			assert_false(r->viewer.garbled);
			assert_int_equal(r->publisher.keyframes, keyframes + 2);
			/* Of the same size they are known: the loss costs nobody a keyframe. */
			r->lose_sets[RIG_DOWN] = true;
			rig_run(r, 2 * SECOND);
			r->publisher.wanted = true;
			rig_run(r, 2 * SECOND);
			assert_false(r->lose_sets[RIG_DOWN]);
			assert_false(r->viewer.garbled);
			assert_int_equal(r->publisher.keyframes, keyframes + 3);
			ended(r);
		}
}

/* Who begins at a keyframe whose sets come behind it cannot be given them any more: they have no
 * number before its first one. */
static void
who_began_without_parameter_sets_gets_a_keyframe(void **state)
{
	struct rig_params p = {.seed = support_seed(), .pace_us = 10000, .key_packets = 8};
	struct rig *r = malloc(sizeof(*r));

	(void)state;
	assert_non_null(r);
	rig_init(r, &p);
	r->viewer.patient = true;
	r->publisher.wanted = false; /* but by the relay */
	r->lose_sets[RIG_UP] = true;
	rig_run(r, 2 * SECOND);
	assert_false(r->lose_sets[RIG_UP]);
	assert_true(r->viewer.shown_well > 0);
	ended(r);
}

/* Chromium does not resend a packet again within what it takes for a round trip, and that is too
 * long after a moment without the processor: there is still time for another ask before a keyframe
 * is. */
static void
a_sender_that_waits_is_asked_again(void **state)
{
	unsigned plis = 0, nacks = 0;

	(void)state;
	for (unsigned i = 0; i < RUNS / 10; i++) {
		struct rig_params p = {.seed = support_seed() + i,
				       .loss_permille = 50,
				       .pace_us = 1000,
				       .key_packets = 8};
		struct rig *r = started(&p);

		plis -= r->publisher.plis;
		r->publisher.rtt_us = 3 * SECOND / 10;
		median_add(&ws_find(r->workers[0], r->sessions[0].serial)->pub->rtts_us, 1000);
		r->lossy = true;
		rig_run(r, 10 * SECOND);
		plis += r->publisher.plis;
		nacks += r->viewer.nacks;
		ended(r);
	}
	print_message("# %u NACKs, %u keyframes asked for\n", nacks, plis);
	assert_true(plis < RUNS / 10 / 2);
}

/* Longest time between two pictures shown well. */
static uint64_t
gap_in(struct rig *r, uint64_t duration_us)
{
	uint64_t longest_us = 0, last_us = r->now_us, end = r->now_us + duration_us;

	while (r->now_us < end) {
		unsigned before = r->viewer.shown_well;

		rig_run(r, 5000);
		if (r->viewer.shown_well > before)
			last_us = r->now_us;
		longest_us = MAX_OF(longest_us, r->now_us - last_us);
	}
	return longest_us;
}

static struct rig *
talking(void)
{
	struct rig_params p = {.seed = support_seed(), .pace_us = 5000, .key_packets = 8};
	struct rig *r = started(&p);

	r->viewer.report_us = REPORT_US;
	rig_run(r, SECOND);
	return r;
}

static void
assert_path(struct rig *r, unsigned end)
{
	const struct wsession *ws = ws_find(r->workers[end], r->sessions[end].serial);

	assert_non_null(ws);
	assert_true(ice_tuple_equal(&ws->path, &r->tuples[end]));
}

/* Nobody sends a check: media alone shows where an end is, whichever worker gets it. */
static void
a_new_port_is_followed_by_its_media(void **state)
{
	(void)state;
	for (unsigned end = 0; end < 2; end++)
		for (unsigned entry = 0; entry < 2; entry++) {
			struct rig *r = talking();
			uint64_t gap_us;

			for (int again = 0; again < 3; again++) {
				rig_rebind(r, end, (entry + (unsigned)again) % 2);
				gap_us = gap_in(r, SECOND);
				assert_true(gap_us < MOVED_MAX_US);
				assert_path(r, end);
				print_message("# end %u by worker %u: %.0f ms\n", end,
					      r->entry[end], (double)gap_us / 1000);
			}
			assert_false(r->viewer.garbled);
			ended(r);
		}
}

/* Somebody copies what the ends send, and sends it from another port of their hosts, even before
 * it: he cannot answer, so he takes nothing, and gets little. */
static void
copies_from_elsewhere_move_nobody(void **state)
{
	(void)state;
	for (enum rig_copy copy = RIG_COPY_AFTER; copy <= RIG_COPY_BEFORE; copy++)
		for (unsigned end = 0; end < 2; end++) {
			struct rig *r = talking();

			r->copy[end] = copy;
			assert_true(gap_in(r, 10 * SECOND) < MOVED_MAX_US);
			assert_path(r, end);
			assert_true(r->copied > 100);
			assert_true(r->to_stranger <= (copy == RIG_COPY_AFTER ? 0 : CHECKS_MAX));
			if (copy == RIG_COPY_BEFORE)
				assert_true(r->to_stranger > 0);
			assert_int_equal(r->viewer.nacks, 0);
			ended(r);
		}
}

static void
strays(struct rig *r, struct prng *draw, unsigned count)
{
	uint8_t buf[200];

	for (unsigned i = 0; i < count; i++) {
		unsigned end = (unsigned)prng_below(draw, 2);
		struct ice_tuple from = r->tuples[end];

		for (size_t k = 0; k < sizeof(buf); k++)
			buf[k] = (uint8_t)prng_next(draw);
		buf[0] = 0x80;
		buf[1] = prng_below(draw, 2) == 0 ? 201 : ENDS_PT;
		put_be32(buf + (buf[1] == 201 ? 4 : 8), buf[1] == 201 ? 1 : ENDS_SSRC);
		addr_set_port(&from.remote, (uint16_t)(3000 + prng_below(draw, 60000)));
		ingress_datagram(r->workers[prng_below(draw, 2)], &from, buf, sizeof(buf));
	}
}

/* A hundred thousand packets that look like media come from the hosts of both ends: nothing of
 * theirs is lost, and they are followed as soon as the flood is over. */
static void
a_flood_of_strays_costs_nothing(void **state)
{
	struct rig *r = talking();
	struct prng draw = {support_seed()};

	(void)state;
	for (int i = 0; i < 2000; i++) {
		strays(r, &draw, 50);
		rig_run(r, 1000);
	}
	assert_path(r, 0);
	assert_path(r, 1);
	assert_int_equal(r->viewer.nacks, 0);
	assert_int_equal(STAT_GET(r->workers[0]->stats.paths_moved), 0);
	assert_true(gap_in(r, SECOND) < MOVED_MAX_US);
	rig_rebind(r, 1, 0);
	assert_true(gap_in(r, SECOND) < MOVED_MAX_US);
	assert_path(r, 1);
	ended(r);
}

/* The publisher loses nothing and hears nothing; the viewer asks for nothing of its own. */
static struct rig *
unheard(void)
{
	struct rig_params p = {
	    .seed = support_seed(), .deaf = true, .pace_us = 1000, .key_packets = 8};
	struct rig *r = started(&p);

	r->viewer.patient = true;
	r->lossy = true;
	return r;
}

static void
ask_keyframe(struct rig *r)
{
	r->workers[0]->now_us = r->now_us;
	pub_ask_keyframe(ws_find(r->workers[0], r->sessions[0].serial), 0);
}

/* Is its source taken for one that makes keyframes by its own clock alone, on both workers? */
static bool
is_periodic(struct rig *r)
{
	bool home = stream_get(r->workers[0], r->sessions[0].stream)->tracks[0].periodic;

	assert_int_equal(stream_get(r->workers[1], r->sessions[0].stream)->tracks[0].periodic,
			 home);
	return home;
}

static void
a_publisher_that_stalled_was_not_asked(void **state)
{
	struct rig *r = unheard();

	(void)state;
	r->publisher.next_frame_us = r->now_us + 3 * SECOND;
	ask_keyframe(r);
	rig_run(r, 3 * SECOND);
	assert_false(is_periodic(r));
	rig_run(r, SECOND * 3 / 10); /* it sends again, and hears nothing yet */
	r->lossy = false;
	rig_run(r, SECOND);
	assert_int_equal(r->publisher.keyframes, 2);
	assert_false(is_periodic(r));
	ended(r);
}

/* Its keyframe takes longer than others' for being asked, but comes at no time of its own. */
static void
a_slow_answer_is_an_answer(void **state)
{
	struct rig *r = unheard();

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		rig_run(r, (1 + 5 * i) * SECOND);
		r->lossy = true;
		ask_keyframe(r);
		rig_run(r, 13 * SECOND / 10);
		assert_true(is_periodic(r));
		r->lossy = false;
		rig_run(r, SECOND);
		assert_int_equal(r->publisher.keyframes, 2 + i);
		assert_int_equal(is_periodic(r), i == 0); /* of one alone it cannot be said */
	}
	ended(r);
}

static void
a_clock_of_its_own_stays_one(void **state)
{
	struct rig *r = unheard();

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		r->publisher.wanted = true;
		rig_run(r, SECOND / 10);
		assert_int_equal(r->publisher.keyframes, 2 + i);
		assert_int_equal(is_periodic(r), i > 0);
		ask_keyframe(r);
		rig_run(r, (12 + i % 3) * SECOND / 10);
		assert_true(is_periodic(r));
		rig_run(r, (6 - i % 3) * SECOND / 10);
	}
	ended(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_picture_comes_back),
	    cmocka_unit_test(no_index_is_used_twice_by_a_replay),
	    cmocka_unit_test(no_index_is_used_twice_after_a_change_of_layer),
	    cmocka_unit_test(lost_parameter_sets_bring_a_keyframe),
	    cmocka_unit_test(who_began_without_parameter_sets_gets_a_keyframe),
	    cmocka_unit_test(a_sender_that_waits_is_asked_again),
	    cmocka_unit_test(a_publisher_that_stalled_was_not_asked),
	    cmocka_unit_test(a_slow_answer_is_an_answer),
	    cmocka_unit_test(a_clock_of_its_own_stays_one),
	    cmocka_unit_test(a_new_port_is_followed_by_its_media),
	    cmocka_unit_test(copies_from_elsewhere_move_nobody),
	    cmocka_unit_test(a_flood_of_strays_costs_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
