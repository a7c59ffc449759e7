/* Unit tests of lib/media's encoders, decoders, sources and writers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "flv/flv.h"
#include "h264/h264.h"
#include "media/media_decoder.h"
#include "media/media_opus.h"
#include "media/media_source.h"
#include "media/media_writer.h"
#include "media/testcard.h"

enum { FRAMES = 75, FPS = 25, SECOND_US = 1000000, NUMBERS_MAX = 256 };

/* What came out of a source, looked at as rtc-play does. */
static struct seen {
	unsigned frame_count, picture_count, packet_count, keyframes;
	int numbers[NUMBERS_MAX];
	int64_t times_us[NUMBERS_MAX];
	unsigned tones[TESTCARD_TONES];
	unsigned width, height;
	int64_t audio_first_us, audio_end_us;
	struct media_decoder *decoder;
	struct media_opus_decoder *opus;
} seen;

static struct media_words words;

static void
see_picture(void *arg, const struct media_picture *p)
{
	(void)arg;
	assert_false(p->damaged);
	assert_in_range(seen.picture_count, 0, NUMBERS_MAX - 1);
	seen.times_us[seen.picture_count] = p->time_us;
	seen.numbers[seen.picture_count++] = testcard_read(p->luma, p->stride, p->width, p->height);
	seen.width = p->width;
	seen.height = p->height;
}

static void
see_audio(const struct media_unit *u)
{
	static int16_t pcm[MEDIA_OPUS_FRAME_MAX * MEDIA_AUDIO_CHANNELS];
	int n = media_opus_decode(seen.opus, u->data, u->size, pcm), step;

	assert_int_equal(n, MEDIA_AUDIO_FRAME);
	if (seen.packet_count++ == 0)
		seen.audio_first_us = u->time_us;
	else
		assert_in_range(u->time_us - seen.audio_end_us + 2000, 0, 4000); /* no gap */
	seen.audio_end_us = u->time_us + u->duration_us;
	step = testcard_tone_read(pcm, (size_t)n, MEDIA_AUDIO_CHANNELS, MEDIA_AUDIO_RATE);
	if (step >= 0)
		seen.tones[step]++;
}

static void
see(const struct media_unit *u)
{
	if (u->kind == MEDIA_AUDIO) {
		see_audio(u);
		return;
	}
	seen.frame_count++;
	seen.keyframes += u->keyframe;
	assert_true(
	    media_decoder_push(seen.decoder, u->data, u->size, u->time_us, see_picture, NULL) >= 0);
}

static int
setup(void **state)
{
	(void)state;
	media_init();
	memset(&seen, 0, sizeof(seen));
	seen.decoder = media_decoder_new();
	seen.opus = media_opus_decoder_new();
	return seen.decoder != NULL && seen.opus != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	media_decoder_free(seen.decoder);
	media_opus_decoder_free(seen.opus);
	return 0;
}

static struct media_source *
open_test(unsigned width, unsigned height)
{
	const struct media_test_config config = {.width = width, .height = height, .fps = FPS};
	struct media_source *s = media_source_test(&config, &words);

	assert_non_null(s);
	return s;
}

static void
the_test_source_counts_its_frames(void **state)
{
	struct media_source *s = open_test(0, 0);
	struct media_unit u;
	int64_t due_us;

	(void)state;
	while (seen.frame_count < FRAMES) {
		due_us = media_source_due_us(s);
		if (seen.frame_count == 40)
			media_source_keyframe(s);
		assert_int_equal(media_source_next(s, &u, &words), 1);
		assert_int_equal(u.time_us, due_us);
		see(&u);
	}
	assert_int_equal(seen.picture_count, FRAMES);
	assert_int_equal(seen.width, 640);
	assert_int_equal(seen.height, 360);
	for (int i = 0; i < FRAMES; i++) {
		assert_int_equal(seen.numbers[i], i);
		assert_int_equal(seen.times_us[i], i * SECOND_US / FPS);
	}
	assert_int_equal(seen.keyframes, 2); /* the first, and the one asked for */
	for (unsigned i = 0; i < 3; i++)
		assert_in_range(seen.tones[i], 45, 50);
	assert_int_equal(seen.tones[3], 0);
	media_source_free(s);
}

/* Every IDR has its parameter sets, nothing but one slice per picture, no B-frames: WebRTC's form.
 */
static void
encoded_units_suit_webrtc(void **state)
{
	struct media_source *s = open_test(320, 180);
	struct media_unit u;
	struct h264_sps sps;

	(void)state;
	for (unsigned frame = 0; frame < 20;) {
		unsigned slices = 0, sets = 0;
		const uint8_t *nalu;
		size_t size, at = 0, step;

		assert_int_equal(media_source_next(s, &u, &words), 1);
		if (u.kind == MEDIA_AUDIO)
			continue;
		for (; (step = h264_annexb_next(u.data + at, u.size - at, &nalu, &size)) > 0;
		     at += step) {
			slices += (nalu[0] & 0x1f) == H264_SLICE || (nalu[0] & 0x1f) == H264_IDR;
			sets += (nalu[0] & 0x1f) == H264_SPS || (nalu[0] & 0x1f) == H264_PPS;
			if ((nalu[0] & 0x1f) != H264_SPS)
				continue;
			assert_int_equal(h264_sps_parse(&sps, nalu, size), 0);
			assert_int_equal(sps.profile_idc, 66);
			assert_true((sps.constraints & 0x40) != 0); /* constrained */
			assert_int_equal(sps.width, 320);
		}
		assert_int_equal(slices, 1);
		assert_int_equal(sets, u.keyframe ? 2 : 0);
		assert_int_equal(u.keyframe, frame++ == 0);
	}
	media_source_free(s);
}

static void
impossible_test_pictures_are_refused(void **state)
{
	static const struct media_test_config bad[] = {
	    {.width = 641}, {.height = 88}, {.width = 100000}, {.fps = 1000}};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		words.text[0] = '\0';
		assert_null(media_source_test(&bad[i], &words));
		assert_string_not_equal(words.text, "");
	}
}

/* ---- files ---- */

static char dir[] = "/tmp/rtckit-media-XXXXXX";

static void
write_unit(struct media_writer **w, const char *path, const char *format,
	   const struct media_unit *u)
{
	if (*w == NULL && u->kind == MEDIA_VIDEO) {
		const struct media_writer_config config = {.path = path,
							   .format = format,
							   .has = {true, true},
							   .keyframe = u->data,
							   .keyframe_size = u->size};

		*w = media_writer_open(&config, &words);
		if (*w == NULL)
			fail_msg("%s: %s", path, words.text);
	}
	if (*w != NULL)
		assert_int_equal(media_writer_write(*w, u, &words), 0);
}

/* Three seconds of the test card in a file. */
static void
record(const char *path, const char *format)
{
	struct media_source *s = open_test(320, 180);
	struct media_writer *w = NULL;
	struct media_unit u;

	while (media_source_due_us(s) < 3 * SECOND_US) {
		assert_int_equal(media_source_next(s, &u, &words), 1);
		write_unit(&w, path, format, &u);
	}
	assert_int_equal(media_writer_close(w, &words), 0);
	media_source_free(s);
}

/* ---- fragments of MP4 for live consumers ---- */

static struct {
	uint8_t octets[1 << 20];
	size_t size;
} made;

enum { LATE_MAX = 1801 /* 20 ms of 90 kHz and one unit: units of 40 ms come each 20 */ };

static int
take_made(void *arg, const uint8_t *buf, size_t size)
{
	(void)arg;
	assert_true(size <= sizeof(made.octets) - made.size);
	memcpy(made.octets + made.size, buf, size);
	made.size += size;
	return 0;
}

/* The decoding time (90 kHz) that the first track of a fragment has. */
static uint64_t
fragment_time(void)
{
	assert_memory_equal(made.octets + 4, "moof", 4);
	for (size_t at = 8; at + 16 <= made.size; at++)
		if (memcmp(made.octets + at, "tfdt", 4) == 0)
			return be64(made.octets + at + 8);
	fail_msg("no tfdt");
	return 0;
}

/*
 * Pictures after a long one come sooner than the muxer expects: it does not mind, and each fragment
 * has the time of its first picture, or of the guessed end of the one before if that is later.
 */
static void
test_live_fragments(void **state)
{
	struct media_source *s = open_test(320, 180);
	struct media_writer *w = NULL;
	struct media_unit u;
	int64_t time_us = 0, first_us = 0;

	(void)state;
	for (unsigned i = 0; i < 60;) {
		assert_int_equal(media_source_next(s, &u, &words), 1);
		if (u.kind != MEDIA_VIDEO)
			continue;
		u.time_us = time_us;
		time_us += i % 10 == 8 ? 400000 : 20000;
		if (w == NULL) {
			const struct media_writer_config config = {.path = "-",
								   .format = "mp4",
								   .has = {[MEDIA_VIDEO] = true},
								   .keyframe = u.data,
								   .keyframe_size = u.size,
								   .sink = take_made,
								   .live = true};

			w = media_writer_open(&config, &words);
			assert_non_null(w);
			assert_memory_equal(made.octets + 4, "ftyp", 4);
			made.size = 0;
		}
		assert_int_equal(media_writer_write(w, &u, &words), 0);
		if (++i % 10 != 0)
			continue;
		assert_int_equal(media_writer_flush(w, &words), 0);
		assert_in_range(fragment_time(), first_us * 9 / 100, first_us * 9 / 100 + LATE_MAX);
		made.size = 0;
		first_us = time_us;
	}
	assert_int_equal(media_writer_close(w, &words), 0);
	assert_int_equal(made.size, 0);
	media_source_free(s);
}

static struct media_source *
open_file(const char *path, bool loop)
{
	const struct media_file_config config = {.path = path, .loop = loop, .no_transcode = true};
	struct media_source *s = media_source_file(&config, &words);

	if (s == NULL)
		fail_msg("%s: %s", path, words.text);
	return s;
}

static void
recordings_play_back(void **state)
{
	static const struct {
		const char *name, *format;
		bool video, audio;
	} rows[] = {
	    {"a.mkv", NULL, true, true},   {"a.mp4", NULL, true, true},
	    {"a.ts", NULL, true, true},	   {"a.flv", NULL, true, false},
	    {"a.h264", NULL, true, false}, {"a.ogg", NULL, false, true},
	    {"a.bin", "mkv", true, true},
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		char path[64];
		struct media_source *s;
		struct media_unit u;
		int r;

		snprintf(path, sizeof(path), "%s/%s", dir, rows[i].name);
		record(path, rows[i].format);
		setup(state);
		s = open_file(path, false);
		assert_int_equal(media_source_has(s, MEDIA_VIDEO), rows[i].video);
		assert_int_equal(media_source_has(s, MEDIA_AUDIO), rows[i].audio);
		assert_int_equal(strstr(media_source_note(s), "left out") != NULL,
				 strcmp(rows[i].name, "a.flv") == 0); /* its sound is Opus */
		assert_null(strstr(media_source_note(s), "re-encoded"));
		while ((r = media_source_next(s, &u, &words)) == 1)
			see(&u);
		assert_int_equal(r, 0);
		assert_int_equal(seen.picture_count, rows[i].video ? FRAMES : 0);
		for (unsigned k = 0; k < seen.picture_count; k++)
			assert_int_equal(seen.numbers[k], k);
		assert_in_range(seen.packet_count, rows[i].audio ? 149 : 0,
				rows[i].audio ? 151 : 0);
		media_source_free(s);
		unlink(path);
		teardown(state);
	}
	setup(state);
}

static void
push_file(struct flv_reader *r, const char *path)
{
	static uint8_t buf[4 << 20];
	FILE *file = fopen(path, "rb");
	size_t size;

	assert_non_null(file);
	size = fread(buf, 1, sizeof(buf), file);
	fclose(file);
	assert_in_range(size, FLV_HEADER_SIZE, sizeof(buf) - 1);
	assert_int_equal(flv_reader_push(r, buf, size), 0);
}

/* What this FFmpeg cannot write and not read: by our own reader. H264 stays in the old form. */
static void
flv_holds_opus(void **state)
{
	unsigned frames[2] = {0}, headers[2] = {0};
	uint32_t last_ms[2] = {0};
	struct flv_reader r;
	struct flv_tag tag;
	char path[64];

	(void)state;
	snprintf(path, sizeof(path), "%s/opus.flv", dir);
	record(path, NULL);
	flv_reader_init(&r);
	push_file(&r, path);
	while (flv_reader_next(&r, &tag) == 1) {
		bool audio = tag.type == FLV_AUDIO;
		struct flv_audio a = {0};
		struct flv_video v = {0};

		if (tag.type == FLV_SCRIPT)
			continue;
		assert_int_equal(audio ? flv_audio_parse(&a, tag.data, tag.size)
				       : flv_video_parse(&v, tag.data, tag.size),
				 0);
		assert_int_equal(audio ? a.codec : v.codec, audio ? FLV_OPUS : FLV_AVC);
		assert_int_equal(audio ? a.enhanced : v.enhanced, audio);
		frames[audio] += (audio ? a.kind : v.kind) == FLV_FRAME;
		headers[audio] += (audio ? a.kind : v.kind) == FLV_SEQUENCE_HEADER;
		if (audio && a.kind == FLV_SEQUENCE_HEADER) {
			assert_int_equal(a.size, MEDIA_OPUS_HEAD_SIZE);
			assert_memory_equal(a.data, media_opus_head, a.size);
		}
		assert_in_range(tag.ts_ms, last_ms[audio], last_ms[audio] + 1000 / FPS + 1);
		last_ms[audio] = tag.ts_ms;
	}
	flv_reader_fini(&r);
	unlink(path);
	assert_int_equal(frames[0], FRAMES);
	assert_in_range(frames[1], 149, 151);
	assert_int_equal(headers[0], 1);
	assert_int_equal(headers[1], 1);
}

static void
a_looped_file_goes_on_in_time(void **state)
{
	char path[64];
	struct media_source *s;
	struct media_unit u;

	(void)state;
	snprintf(path, sizeof(path), "%s/loop.mkv", dir);
	record(path, NULL);
	s = open_file(path, true);
	while (seen.picture_count < 2 * FRAMES) {
		assert_int_equal(media_source_next(s, &u, &words), 1);
		see(&u);
	}
	for (int i = 0; i < 2 * FRAMES; i++) {
		assert_int_equal(seen.numbers[i], i % FRAMES);
		assert_in_range(seen.times_us[i] - (int64_t)i * SECOND_US / FPS + 25000, 0, 50000);
	}
	media_source_interrupt(s);
	while (media_source_next(s, &u, &words) == 1)
		see(&u);
	media_source_free(s);
	unlink(path);
}

static void
what_cannot_be_read_or_written_is_said(void **state)
{
	const struct media_file_config missing = {.path = "/nonexistent/file.mp4"};
	struct media_file_config odd = {.path = "/proc/self/exe"};
	bool takes[MEDIA_KINDS];

	(void)state;
	assert_null(media_source_file(&missing, &words));
	assert_non_null(strstr(words.text, "No such file"));
	assert_null(media_source_file(&odd, &words));
	odd.format = "nosuch";
	assert_null(media_source_file(&odd, &words));
	assert_non_null(strstr(words.text, "nosuch"));
	assert_int_equal(media_writer_check("x.nosuch", NULL, takes, &words), -EINVAL);
	assert_int_equal(media_writer_check("x.wav", NULL, takes, &words), -EINVAL);
	assert_int_equal(media_writer_check("x.flv", NULL, takes, &words), 0);
	assert_true(takes[MEDIA_VIDEO]);
	assert_true(takes[MEDIA_AUDIO]);
}

static void
a_full_disk_is_noticed(void **state)
{
	struct media_source *s = open_test(320, 180);
	struct media_writer *w = NULL;
	struct media_unit u;
	int r = 0;

	(void)state;
	while (r == 0 && media_source_due_us(s) < 30 * SECOND_US) {
		assert_int_equal(media_source_next(s, &u, &words), 1);
		if (w == NULL)
			write_unit(&w, "/dev/full", "matroska", &u);
		else
			r = media_writer_write(w, &u, &words);
	}
	r = media_writer_close(w, &words) < 0 || r < 0;
	assert_int_equal(r, 1);
	assert_non_null(strstr(words.text, "No space left"));
	media_source_free(s);
}

static void
opus_packets_are_measured(void **state)
{
	static const uint8_t celt_20ms[] = {0xfc, 0xff, 0xfe}, two[] = {0xfd, 1, 2}, bad[] = {0xff};

	(void)state;
	assert_int_equal(media_opus_samples(celt_20ms, sizeof(celt_20ms)), 960);
	assert_int_equal(media_opus_samples(two, sizeof(two)), 1920);
	assert_int_equal(media_opus_samples(bad, sizeof(bad)), -EBADMSG);
	assert_int_equal(media_opus_samples(bad, 0), -EBADMSG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_live_fragments),
	    cmocka_unit_test_setup_teardown(the_test_source_counts_its_frames, setup, teardown),
	    cmocka_unit_test_setup_teardown(encoded_units_suit_webrtc, setup, teardown),
	    cmocka_unit_test(impossible_test_pictures_are_refused),
	    cmocka_unit_test_teardown(recordings_play_back, teardown),
	    cmocka_unit_test_setup_teardown(flv_holds_opus, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_looped_file_goes_on_in_time, setup, teardown),
	    cmocka_unit_test(what_cannot_be_read_or_written_is_said),
	    cmocka_unit_test(a_full_disk_is_noticed),
	    cmocka_unit_test(opus_packets_are_measured),
	};
	int failed;

	if (mkdtemp(dir) == NULL)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(dir);
	return failed;
}
