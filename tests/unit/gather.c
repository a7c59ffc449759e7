/* Unit tests of the local subscriber's core: lib/gather/gather.h. */
#include "gather.inc"

static const char picture[] = "{\"event\":\"tracks\",\"tracks\":[" VIDEO_TRACK "]}";

static void
test_begins_at_a_keyframe(void **state)
{
	(void)state;
	start(picture);
	frame(0);
	assert_int_equal(t.count, 0);
	t.now_us += 100 * MS;
	frame(9000);
	assert_int_equal(t.wishes, 0); /* the relay has asked just now */
	t.now_us += 400 * MS;
	gather_timeout(t.g, t.now_us);
	assert_int_equal(t.wishes, 1);
	frame(9000);
	assert_int_equal(t.wishes, 1); /* not again so soon */
	keyframe(18000);
	frame(21600);
	assert_int_equal(t.count, 2);
	assert_true(t.units[0].keyframe);
	assert_int_equal(t.units[0].codec, GATHER_H264);
	assert_memory_equal(t.first[0] + 4, sps, sizeof(sps));
	assert_false(t.units[1].keyframe);
	assert_int_equal(t.units[1].pts_us - t.units[0].pts_us, 40 * MS);
	assert_int_equal(gather_deadline(t.g, t.now_us), CLOCK_NEVER);
}

static void
test_reorders_and_resumes(void **state)
{
	(void)state;
	start(picture);
	keyframe(0);
	packet(0, VIDEO_PT, true, 4, 7200, -1, slice, sizeof(slice));
	assert_int_equal(t.count, 1); /* it waits for packet 3 */
	assert_int_equal(gather_deadline(t.g, t.now_us), t.now_us + 4 * GATHER_REPAIR_US);
	t.now_us += 90 * MS;
	packet(0, VIDEO_PT, true, 3, 3600, -1, slice, sizeof(slice));
	assert_int_equal(t.count, 3);
	assert_int_equal(t.units[1].pts_us, 40 * MS);
	assert_int_equal(t.units[2].pts_us, 80 * MS);

	/* 5 never comes: what depends on it is left out until the next keyframe. */
	t.now_us += 40 * MS;
	packet(0, VIDEO_PT, true, 6, 14400, -1, slice, sizeof(slice));
	assert_int_equal(gather_deadline(t.g, t.now_us), t.now_us + GATHER_WAIT_US);
	t.now_us += GATHER_WAIT_US;
	gather_timeout(t.g, t.now_us);
	assert_int_equal(t.count, 3);
	assert_int_equal(t.wishes, 1);
	t.seq[0] = 7;
	frame(18000);
	assert_int_equal(t.count, 3);
	keyframe(21600);
	assert_int_equal(t.count, 4);
	assert_true(t.units[3].keyframe);
	assert_int_equal(t.units[3].pts_us, 240 * MS);
	assert_int_equal(gather_counts(t.g, GATHER_VIDEO)->lost, 1);
}

/* Repairs that take long are waited for so much longer; 1 s at most. */
static void
test_waits_for_a_far_publisher(void **state)
{
	static const struct {
		uint16_t seq;
		uint64_t repair_us, next_us;
	} rows[] = {
	    {4, 0, 4 * GATHER_REPAIR_US},      {6, 150 * MS, 600 * MS},	 {8, 50 * MS, 600 * MS},
	    {10, 50 * MS, GATHER_WAIT_US},     {12, 390 * MS, 600 * MS}, {14, 390 * MS, 600 * MS},
	    {16, 390 * MS, GATHER_WAIT_MAX_US}};

	(void)state;
	start(picture);
	keyframe(0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].repair_us > 0) {
			t.now_us += rows[i].repair_us;
			packet(0, VIDEO_PT, true, rows[i].seq - 3u, 3600u * (rows[i].seq - 3u), -1,
			       slice, sizeof(slice));
		}
		packet(0, VIDEO_PT, true, rows[i].seq, 3600u * rows[i].seq, -1, slice,
		       sizeof(slice));
		assert_int_equal(gather_deadline(t.g, t.now_us), t.now_us + rows[i].next_us);
	}
	assert_int_equal(gather_counts(t.g, GATHER_VIDEO)->lost, 0);
}

/* Who does not say that he resends is waited for as long as order takes to come about. */
static void
test_waits_less_without_nack(void **state)
{
	(void)state;
	start(both);
	packet(1, AUDIO_PT, true, 1, 0, -1, opus, sizeof(opus));
	packet(1, AUDIO_PT, true, 3, 1920, -1, opus, sizeof(opus));
	gather_timeout(t.g, t.now_us += GATHER_HOLD_US);
	packet(1, AUDIO_PT, true, 5, 3840, -1, opus, sizeof(opus));
	assert_int_equal(gather_deadline(t.g, t.now_us), t.now_us + GATHER_WAIT_PLAIN_US);
}

static void
test_empty_packets_do_not_stutter(void **state)
{
	(void)state;
	start(both);
	keyframe(0);
	packet(0, VIDEO_PT, false, t.seq[0]++, 3600, -1, NULL, 0);
	frame(3600);
	packet(0, VIDEO_PT, true, t.seq[0]++, 3600, -1, NULL, 0);
	frame(7200);
	packet(1, AUDIO_PT, false, t.seq[1]++, 0, -1, NULL, 0);
	sound(0);
	let_go();
	assert_int_equal(t.count, 4);
	assert_int_equal(gather_counts(t.g, GATHER_VIDEO)->damaged, 0);
}

static void
test_dts_offset(void **state)
{
	(void)state;
	start(picture);
	packet(0, VIDEO_PT, false, 0, 7200, 7200, sps, sizeof(sps));
	packet(0, VIDEO_PT, false, 1, 7200, 7200, pps, sizeof(pps));
	packet(0, VIDEO_PT, true, 2, 7200, 7200, idr, sizeof(idr));
	packet(0, VIDEO_PT, true, 3, 18000, 14400, slice, sizeof(slice));
	packet(0, VIDEO_PT, true, 4, 10800, 3600, slice, sizeof(slice));
	assert_int_equal(t.count, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(t.units[i].dts_us, (int64_t)i * 40 * MS);
	assert_int_equal(t.units[1].pts_us - t.units[1].dts_us, 160 * MS);
	assert_int_equal(t.units[2].pts_us, 120 * MS);
}

/* A keyframe without parameter sets gets the last ones; sets alone are no picture. */
static void
test_parameter_sets(void **state)
{
	(void)state;
	start(picture);
	packet(0, VIDEO_PT, false, 0, 0, -1, sps, sizeof(sps));
	packet(0, VIDEO_PT, true, 1, 0, -1, pps, sizeof(pps));
	packet(0, VIDEO_PT, true, 2, 3600, -1, idr, sizeof(idr));
	assert_int_equal(t.count, 1);
	assert_int_equal(t.units[0].size, sizeof(sps) + sizeof(pps) + sizeof(idr) + 12);
	assert_memory_equal(t.first[0] + 4, sps, sizeof(sps));
	assert_memory_equal(t.first[0] + 8 + sizeof(sps), pps, sizeof(pps));
}

static void
test_gap_and_end(void **state)
{
	(void)state;
	start(picture);
	keyframe(0);
	event("{\"event\":\"gap\",\"track\":0,\"lost\":100}");
	t.seq[0] = 500;
	frame(9000);
	assert_int_equal(t.count, 1);
	keyframe(12600);
	assert_int_equal(t.count, 2);
	assert_int_equal(t.units[1].pts_us, 140 * MS);
	event("{\"event\":\"end\"}");
	assert_int_equal(t.ends, 1);

	/* The next publisher's time goes on. */
	t.now_us += 3000 * MS;
	event(picture);
	assert_int_equal(t.changes, 2);
	t.seq[0] = 9000;
	keyframe(4000000000u);
	assert_int_equal(t.count, 3);
	assert_int_equal(t.units[2].pts_us, 3000 * MS);
}

static void
test_aac(void **state)
{
	/* RFC 3640 s.3.3.6: 32 bits of AU headers, two units of 3 and 2 octets. */
	static const uint8_t payload[] = {0, 32, 0, 3 << 3, 0, 2 << 3, 'a', 'b', 'c', 'd', 'e'};

	(void)state;
	start("{\"event\":\"tracks\",\"tracks\":[" OPUS_TRACK
	      ",{\"kind\":\"audio\",\"codecs\":[{\"name\":\"mpeg4-generic\",\"clock_rate\":44100,"
	      "\"channels\":2,\"pt\":97,\"fmtp\":\"streamtype=5;mode=AAC-hbr;sizelength=13;"
	      "indexlength=3;indexdeltalength=3;config=1210\"}]}]}");
	assert_int_equal(gather_format(t.g, GATHER_AUDIO)->codec, GATHER_AAC);
	assert_int_equal(gather_format(t.g, GATHER_AUDIO)->config_size, 2);
	assert_int_equal(gather_format(t.g, GATHER_VIDEO)->codec, GATHER_NONE);
	packet(0, AUDIO_PT, false, 1, 0, -1, opus, sizeof(opus)); /* not the chosen track */
	packet(1, AAC_PT, true, 1, 0, -1, payload, sizeof(payload));
	assert_int_equal(t.count, 2);
	assert_int_equal(t.units[0].size, 3);
	assert_memory_equal(t.first[1], "de", 2);
	assert_int_equal(t.units[1].pts_us, 1024 * 1000000ll / 44100);
}

static void
test_names_what_it_cannot_use(void **state)
{
	(void)state;
	start(
	    "{\"event\":\"tracks\",\"tracks\":[{\"kind\":\"video\",\"codecs\":[{\"name\":\"H263\","
	    "\"clock_rate\":90000,\"pt\":96}]}]}");
	assert_int_equal(gather_format(t.g, GATHER_VIDEO)->codec, GATHER_OTHER);
	assert_string_equal(gather_format(t.g, GATHER_VIDEO)->name, "H263");
	keyframe(0);
	assert_int_equal(t.count, 0);
}

/* What a browser lists: three codecs and two profiles of one. */
static const char several[] =
    "{\"event\":\"tracks\",\"epoch\":3,\"tracks\":[{\"kind\":\"video\",\"codecs\":["
    "{\"name\":\"H264\",\"clock_rate\":90000,\"pt\":96},"
    "{\"name\":\"VP8\",\"clock_rate\":90000,\"pt\":97},"
    "{\"name\":\"VP9\",\"clock_rate\":90000,\"pt\":98},"
    "{\"name\":\"H264\",\"clock_rate\":90000,\"pt\":99}]}," OPUS_TRACK "]}";

static const uint8_t vp8_key[] = {0x10, 0x30, 1, 0, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0, 7};
static const uint8_t vp8_inter[] = {0x10, 0x31, 1, 2};

static void
start_several(void)
{
	memset(&t, 0, sizeof(t));
	t.now_us = 5000 * MS;
	t.g = gather_new(&events, NULL);
	assert_non_null(t.g);
	event(several);
	assert_int_equal(t.changes, 0);
}

/* Nothing is given away before a picture says which codec it is, and nothing is lost. */
static void
test_packets_tell_the_codec(void **state)
{
	(void)state;
	start_several();
	sound(0);
	t.now_us += 20 * MS;
	sound(960);
	assert_int_equal(t.count, 0);
	assert_in_range(gather_deadline(t.g, t.now_us), t.now_us, 6000 * MS);
	packet(0, 97, true, t.seq[0]++, 0, -1, vp8_key, sizeof(vp8_key));
	assert_int_equal(t.changes, 1);
	assert_int_equal(gather_format(t.g, GATHER_VIDEO)->codec, GATHER_VP8);
	assert_int_equal(t.count, 0); /* nor before it is certain where they begin */
	let_go();
	packet(0, 97, true, t.seq[0]++, 3000, -1, vp8_inter, sizeof(vp8_inter));
	assert_int_equal(t.count, 4);
	for (size_t i = 0; i < t.count; i++) {
		bool sound_unit = t.units[i].kind == GATHER_AUDIO;

		assert_int_equal(t.units[i].codec, sound_unit ? GATHER_OPUS : GATHER_VP8);
		if (!sound_unit && t.units[i].keyframe) { /* it came 20 ms after the sound */
			assert_int_equal(t.units[i].pts_us, 20 * MS);
			assert_memory_equal(t.first[i], vp8_key + 1, sizeof(vp8_key) - 1);
		}
	}
	/* The same list again, for another reason, changes nothing. */
	event(several);
	assert_int_equal(t.changes, 1);
	/* Another profile of the other codec: a change. */
	packet(0, 99, false, t.seq[0]++, 6000, -1, sps, sizeof(sps));
	assert_int_equal(t.changes, 2);
	assert_int_equal(gather_format(t.g, GATHER_VIDEO)->codec, GATHER_H264);
	packet(0, 96, false, t.seq[0]++, 6000, -1, pps, sizeof(pps));
	packet(0, 96, true, t.seq[0]++, 6000, -1, idr, sizeof(idr));
	assert_int_equal(t.changes, 2);
	assert_int_equal(t.count, 5);
	assert_int_equal(t.units[4].codec, GATHER_H264);
	packet(0, 50, true, t.seq[0]++, 9000, -1, idr, sizeof(idr)); /* not in the list */
	assert_int_equal(t.changes, 2);
}

static void
test_no_picture_comes(void **state)
{
	(void)state;
	start_several();
	for (uint32_t i = 0; i < 60 && t.changes == 0; i++) {
		sound(i * 960);
		t.now_us += 20 * MS;
		gather_timeout(t.g, t.now_us);
	}
	assert_int_equal(t.changes, 1);
	assert_int_equal(gather_format(t.g, GATHER_VIDEO)->codec, GATHER_H264);
	assert_int_equal(t.now_us, 6000 * MS);
	assert_int_equal(t.count, 50); /* all that was kept */
	assert_int_equal(t.units[0].pts_us, 0);
}

/* The publisher ends before it is certain what it was. */
static void
test_end_before_the_codec(void **state)
{
	(void)state;
	start_several();
	sound(0);
	event("{\"event\":\"end\"}");
	assert_int_equal(t.changes, 1);
	assert_int_equal(t.count, 1);
	assert_int_equal(t.ends, 1);
}

/* Every codec of lib/payload: keyframes, of which the second is damaged. */
static void
test_all_codecs(void **state)
{
	static const struct {
		const char *name, *file;
		enum gather_codec codec;
	} rows[] = {{"H265", "h265/annexb-176x144.hex", GATHER_H265},
		    {"VP8", "vp8/key-176x144.hex", GATHER_VP8},
		    {"VP9", "vp9/key-176x144.hex", GATHER_VP9},
		    {"AV1", "av1/key-176x144.hex", GATHER_AV1}};
	static struct payload_pack p;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		char text[256];
		uint8_t payload[1000];
		size_t size;
		uint8_t *unit = support_load(rows[i].file, &size);
		bool last = false;
		int n;

		snprintf(text, sizeof(text),
			 "{\"event\":\"tracks\",\"tracks\":[{\"kind\":\"video\",\"codecs\":"
			 "[{\"name\":\"%s\",\"clock_rate\":90000,\"pt\":96}]}]}",
			 rows[i].name);
		start(text);
		payload_pack_init(&p, (enum payload_codec)rows[i].codec);
		for (uint32_t k = 0; k < 3; k++) {
			assert_int_equal(payload_pack_start(&p, unit, size, sizeof(payload)), 0);
			while ((n = payload_pack_next(&p, payload, sizeof(payload), &last)) > 0) {
				if (k != 1 || !last) /* the second one's end is lost */
					packet(0, 96, last, t.seq[0], k * 3000, -1, payload,
					       (size_t)n);
				t.seq[0]++;
			}
			t.now_us += GATHER_WAIT_MAX_US;
			gather_timeout(t.g, t.now_us);
		}
		assert_int_equal(t.count, 2);
		assert_int_equal(gather_counts(t.g, GATHER_VIDEO)->damaged, 1);
		assert_int_equal(t.units[0].codec, rows[i].codec);
		assert_true(t.units[0].keyframe);
		assert_int_equal(t.units[0].size, size - (rows[i].codec == GATHER_AV1 ? 2 : 0));
		gather_free(t.g);
		free(unit);
	}
}

static void
one_truncation(void *arg, const uint8_t *buf, size_t size)
{
	(void)arg;
	gather_packet(t.g, t.now_us, buf, size);
	gather_timeout(t.g, t.now_us + GATHER_WAIT_MAX_US);
}

static void
test_truncations(void **state)
{
	uint8_t buf[64];
	const uint8_t stap[] = {0x18, 0, 2, 0x67, 1, 0, 3, 0x65, 1, 2};

	(void)state;
	start(both);
	rtp_write_header(buf, VIDEO_PT, true, false, 1, 1, 1);
	memcpy(buf + RTP_HEADER_SIZE, stap, sizeof(stap));
	support_truncations(buf, RTP_HEADER_SIZE + sizeof(stap), one_truncation, NULL);
	rtp_write_header(buf, AUDIO_PT, true, false, 1, 1, 2);
	memcpy(buf + RTP_HEADER_SIZE, opus, sizeof(opus));
	support_truncations(buf, RTP_HEADER_SIZE + sizeof(opus), one_truncation, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(test_begins_at_a_keyframe, stop),
	    cmocka_unit_test_teardown(test_reorders_and_resumes, stop),
	    cmocka_unit_test_teardown(test_waits_for_a_far_publisher, stop),
	    cmocka_unit_test_teardown(test_waits_less_without_nack, stop),
	    cmocka_unit_test_teardown(test_empty_packets_do_not_stutter, stop),
	    cmocka_unit_test_teardown(test_dts_offset, stop),
	    cmocka_unit_test_teardown(test_parameter_sets, stop),
	    cmocka_unit_test_teardown(test_gap_and_end, stop),
	    cmocka_unit_test_teardown(test_aac, stop),
	    cmocka_unit_test_teardown(test_names_what_it_cannot_use, stop),
	    cmocka_unit_test_teardown(test_packets_tell_the_codec, stop),
	    cmocka_unit_test_teardown(test_no_picture_comes, stop),
	    cmocka_unit_test_teardown(test_end_before_the_codec, stop),
	    cmocka_unit_test(test_all_codecs),
	    cmocka_unit_test_teardown(test_truncations, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
