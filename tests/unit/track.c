/* Unit tests of tracks: the "tracks" member, and what of a publisher a player can carry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "../support/support.h"
#include "base/bytes.h"
#include "payload/payload.h"
#include "track/track.h"

#define OPUS  "{\"name\":\"opus\",\"clock_rate\":48000,\"channels\":2,\"pt\":111}"
#define VP8   "{\"name\":\"VP8\",\"clock_rate\":90000,\"pt\":96}"
#define AUDIO "{\"kind\":\"audio\",\"codecs\":[" OPUS "]}"

/* Tracks from JSON text; the test fails if they do not parse. */
static struct tracks
parsed(const char *text)
{
	json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
	struct tracks t = {0};
	char detail[128] = "";

	if (tracks_parse(&t, json, detail, sizeof(detail)) != 0)
		print_error("%s: %s\n", text, detail);
	json_decref(json);
	assert_true(t.count > 0);
	return t;
}

/* One video section of one codec. */
static struct tracks
video(const char *name, int pt, const char *fmtp)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "[{\"kind\":\"video\",\"codecs\":[{\"name\":\"%s\",\"clock_rate\":90000,\"pt\":%d,"
		 "\"fmtp\":\"%s\"}]}]",
		 name, pt, fmtp);
	return parsed(text);
}

static void
every_member_is_read(void **state)
{
	struct tracks t = parsed(
	    "[" AUDIO ",{\"mid\":\"v0\",\"kind\":\"video\",\"mode\":\"on-demand\",\"codecs\":["
	    "{\"name\":\"h264\",\"clock_rate\":90000,\"pt\":96,\"rtx_pt\":97,\"fmtp\":\"a=1\","
	    "\"fb\":[\"nack\",\"nack pli\",\"ccm fir\",\"transport-cc\",\"goog-remb\",\"x\"]},"
	    "{\"name\":\"vp8\",\"clock_rate\":90000,\"pt\":0,\"fb\":[\"nack\",7]}],"
	    "\"ext\":[{\"id\":1,\"uri\":\"urn:ietf:params:rtp-hdrext:sdes:mid\"},"
	    "{\"id\":2,\"uri\":\"urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\"},"
	    "{\"id\":3,\"uri\":\"urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\"},"
	    "{\"id\":255,\"uri\":\"http://www.ietf.org/id/"
	    "draft-holmer-rmcat-transport-wide-cc-extensions-01\"},{\"id\":9,\"uri\":\"urn:x\"},"
	    "{\"id\":5,\"uri\":\"http://www.webrtc.org/experiments/rtp-hdrext/playout-delay\"}],"
	    "\"playout_delay_ms\":10000,"
	    "\"ssrcs\":[1,4294967295,0,-1,4294967296,\"5\",2,3,4,5,6,7,8,9],"
	    "\"rtx_ssrcs\":[77,0,78],\"rids\":[\"hi\",\"lo\"]}]");
	const struct track *v = &t.list[1];

	(void)state;
	assert_int_equal(t.count, 2);
	assert_int_equal(t.list[0].kind, TRACK_AUDIO);
	assert_string_equal(t.list[0].mid, "");
	assert_int_equal(t.list[0].codecs[0].channels, 2);
	assert_int_equal(t.list[0].codecs[0].rtx_pt, PT_NONE);
	assert_int_equal(t.list[0].codecs[0].format, PAYLOAD_NONE);
	assert_int_equal(v->kind, TRACK_VIDEO);
	assert_string_equal(v->mid, "v0");
	assert_true(v->on_demand);
	assert_int_equal(v->codec_count, 2);
	assert_string_equal(v->codecs[0].name, "h264");
	assert_string_equal(v->codecs[0].fmtp, "a=1");
	assert_int_equal(v->codecs[0].pt, 96);
	assert_int_equal(v->codecs[0].rtx_pt, 97);
	assert_int_equal(v->codecs[0].channels, 1);
	assert_int_equal(v->codecs[0].format, PAYLOAD_H264);
	assert_int_equal(v->codecs[0].feedback, 31);
	assert_int_equal(v->codecs[1].format, PAYLOAD_VP8);
	assert_int_equal(v->codecs[1].feedback, FEEDBACK_NACK);
	assert_null(v->codecs[1].fmtp);
	assert_int_equal(v->ext_mid, 1);
	assert_int_equal(v->ext_rid, 2);
	assert_int_equal(v->ext_repaired_rid, 3);
	assert_int_equal(v->ext_twcc, 255);
	assert_int_equal(v->ext_playout_delay, 5);
	assert_int_equal(v->playout_delay_ms, 10000);
	assert_int_equal(t.list[0].playout_delay_ms, 0);
	assert_int_equal(v->ssrc_count, TRACK_SSRCS_MAX); /* the rest is learnt from packets */
	assert_int_equal(v->ssrcs[1], UINT32_MAX);
	assert_int_equal(v->ssrcs[2], 2);
	assert_int_equal(v->rtx_ssrc_count, 3);
	assert_int_equal(v->rtx_ssrcs[0], 77);
	assert_int_equal(v->rtx_ssrcs[1], 0); /* a place for the one without: they stay pairs */
	assert_int_equal(v->rtx_ssrcs[2], 78);
	assert_int_equal(v->rid_count, 2);
	assert_string_equal(v->rids[1], "lo");
	tracks_free(&t);
	assert_null(t.list);
	assert_int_equal(t.count, 0);
}

#define WITH_CODEC(text) "[{\"kind\":\"video\",\"codecs\":[{" text "}]}]"
#define WITH_TRACK(text) "[{\"kind\":\"video\"," text "}]"
#define CODECS		 "\"codecs\":[" OPUS "]"

static void
a_layer_has_a_lane_of_its_own(void **state)
{
	struct tracks t =
	    parsed("[" AUDIO ",{\"kind\":\"video\",\"rids\":[\"a\",\"b\",\"c\"],\"codecs\":[" VP8
		   "]},{\"kind\":\"video\",\"rids\":[\"x\"],\"codecs\":[" VP8
		   "]},{\"kind\":\"video\",\"rids\":[\"0\",\"1\",\"2\",\"3\"],\"codecs\":[" VP8
		   "]},{\"kind\":\"video\",\"rids\":[\"0\",\"1\",\"2\",\"3\"],\"codecs\":[" VP8
		   "]},{\"kind\":\"video\",\"rids\":[\"0\",\"1\"],\"codecs\":[" VP8 "]}]");
	unsigned used = 0;

	(void)state;
	for (unsigned i = 0; i < t.count; i++)
		for (unsigned k = 0; k < 6; k++) {
			uint8_t lane = tracks_lane(&t, i, k);

			if (k >= 1 && k >= t.list[i].rid_count)
				assert_int_equal(lane, PT_NONE);
			else if (k == 0)
				assert_int_equal(lane, i);
			if (lane == PT_NONE)
				continue;
			assert_true(lane < LANES_MAX);
			assert_false(used >> lane & 1); /* no two share one */
			used |= 1u << lane;
		}
	assert_int_equal(tracks_lane(&t, 1, 1), TRACKS_MAX);
	assert_int_equal(tracks_lane(&t, 3, 3), TRACKS_MAX + 4);
	assert_int_equal(tracks_lane(&t, 4, 3), TRACKS_MAX + 7);
	assert_int_equal(tracks_lane(&t, 5, 1), PT_NONE); /* no room is left */
	assert_int_equal(tracks_lane(&t, 6, 0), PT_NONE);
	tracks_free(&t);
}

static void
what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *text, *named;
	} rows[] = {
	    {"null", "tracks"},
	    {"{}", "tracks"},
	    {"[]", "tracks"},
	    {"[1]", "tracks.kind"},
	    {"[null]", "tracks.kind"},
	    {"[" AUDIO "," AUDIO "," AUDIO "," AUDIO "," AUDIO "," AUDIO "," AUDIO "," AUDIO
	     "," AUDIO "]",
	     "tracks: 1 to 8"},
	    {"[{\"kind\":\"text\"," CODECS "}]", "tracks.kind"},
	    {WITH_TRACK("\"mid\":\"a b\"," CODECS), "tracks.mid"},
	    {WITH_TRACK("\"mid\":\"123456789012345678901234567890123\"," CODECS), "tracks.mid"},
	    {WITH_TRACK("\"mode\":\"later\"," CODECS), "tracks.mode"},
	    {WITH_TRACK("\"playout_delay_ms\":10001," CODECS), "tracks.playout_delay_ms"},
	    {WITH_TRACK("\"playout_delay_ms\":-1," CODECS), "tracks.playout_delay_ms"},
	    {WITH_TRACK("\"playout_delay_ms\":\"1\"," CODECS), "tracks.playout_delay_ms"},
	    {WITH_TRACK("\"codecs\":[]"), "tracks.codecs"},
	    {WITH_TRACK("\"codecs\":7"), "tracks.codecs"},
	    {WITH_CODEC("\"clock_rate\":90000,\"pt\":96"), "tracks.codecs.name"},
	    {WITH_CODEC("\"name\":\"12345678901234567\",\"clock_rate\":90000,\"pt\":96"),
	     "tracks.codecs.name"},
	    {WITH_CODEC("\"name\":\"H264\",\"clock_rate\":90000"), "tracks.codecs.pt"},
	    {WITH_CODEC("\"name\":\"H264\",\"clock_rate\":90000,\"pt\":-1"), "tracks.codecs.pt"},
	    {WITH_CODEC("\"name\":\"H264\",\"clock_rate\":90000,\"pt\":128"), "tracks.codecs.pt"},
	    {WITH_CODEC("\"name\":\"H264\",\"clock_rate\":90000,\"pt\":1.5"), "tracks.codecs.pt"},
	    {WITH_CODEC("\"name\":\"H264\",\"clock_rate\":90000,\"pt\":1,\"rtx_pt\":128"),
	     "tracks.codecs.rtx_pt"},
	    {WITH_CODEC("\"name\":\"H264\",\"pt\":1"), "tracks.codecs.clock_rate"},
	    {WITH_CODEC("\"name\":\"H264\",\"pt\":1,\"clock_rate\":999"),
	     "tracks.codecs.clock_rate"},
	    {WITH_CODEC("\"name\":\"H264\",\"pt\":1,\"clock_rate\":90000,\"channels\":9"),
	     "tracks.codecs.channels"},
	    {WITH_CODEC("\"name\":\"H264\",\"pt\":1,\"clock_rate\":90000,\"fmtp\":\"\\u0001\""),
	     "tracks.codecs.fmtp"},
	    {WITH_CODEC("\"name\":\"H264\",\"pt\":1,\"clock_rate\":90000,\"fmtp\":\"\\u00e9\""),
	     "tracks.codecs.fmtp"},
	    {WITH_TRACK(CODECS ",\"ext\":[{\"id\":0,\"uri\":\"u\"}]"), "tracks.ext"},
	    {WITH_TRACK(CODECS ",\"ext\":[{\"id\":256,\"uri\":\"u\"}]"), "tracks.ext"},
	    {WITH_TRACK(CODECS ",\"ext\":[{\"id\":1}]"), "tracks.ext"},
	    {WITH_TRACK(CODECS ",\"rids\":[\"a\",\"b\",\"c\",\"d\",\"e\"]"), "tracks.rids"},
	    {WITH_TRACK(CODECS ",\"rids\":[\"\"]"), "tracks.rids"},
	    {WITH_TRACK(CODECS ",\"rids\":[1]"), "tracks.rids"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		json_t *json = json_loads(rows[i].text, JSON_DECODE_ANY, NULL);
		struct tracks t = {.count = 4711};
		char detail[128] = "";
		int rc = tracks_parse(&t, json, detail, sizeof(detail));

		json_decref(json);
		if (rc != -EINVAL || strncmp(detail, rows[i].named, strlen(rows[i].named)) != 0)
			fail_msg("%s: %d %s", rows[i].text, rc, detail);
		assert_int_equal(t.count, 4711); /* untouched */
	}
}

static void
what_is_written_reads_back_the_same(void **state)
{
	struct tracks a = parsed("[" AUDIO ",{\"kind\":\"video\",\"mid\":\"1\","
				 "\"playout_delay_ms\":120,\"codecs\":[{"
				 "\"name\":\"H264\",\"clock_rate\":90000,\"pt\":96,"
				 "\"fmtp\":\"profile-level-id=42e01f\"}]}]");
	json_t *written = tracks_json(&a), *again;
	struct tracks b;
	char detail[128];

	(void)state;
	assert_int_equal(tracks_parse(&b, written, detail, sizeof(detail)), 0);
	again = tracks_json(&b);
	assert_true(json_equal(written, again));
	assert_int_equal(b.list[1].playout_delay_ms, 120);
	json_decref(written);
	json_decref(again);
	tracks_free(&a);
	tracks_free(&b);
}

/* Codec and fmtp of a publisher, of a player, and whether the player can carry it. */
static void
codecs_match_by_what_a_decoder_needs(void **state)
{
	static const struct {
		const char *name, *fmtp, *player_name, *player_fmtp;
		int matches;
	} rows[] = {
	    {"H264", "packetization-mode=1", "h264", "packetization-mode=1", 1},
	    {"H264", "packetization-mode=1", "H264", "packetization-mode=0", 0},
	    {"H264", "packetization-mode=1", "H264", "", 0}, /* absent is 0 */
	    {"H264", "", "H264", "packetization-mode=1", 1}, /* RFC 6184 s.5.4 */
	    {"H264", "profile-level-id=64001f;packetization-mode=1", "H264",
	     "packetization-mode=1;profile-level-id=42e01f", 1}, /* OBS sends what it likes */
	    {"H264", "x=1; packetization-mode=1", "H264", "PACKETIZATION-MODE=1 ", 1},
	    {"VP9", "profile-id=0", "VP9", "", 1},
	    {"VP9", "profile-id=2", "VP9", "profile-id=0", 0},
	    {"AV1", "", "AV1", "profile=0", 1},
	    {"AV1", "profile=1", "AV1", "", 0},
	    {"AV1", "profile-id=1", "AV1", "", 1}, /* not the key of AV1 */
	    {"VP8", "", "VP8", "", 1},
	    {"VP8", "", "VP9", "", 0},
	    {"H265", "level-id=93;profile-id=1;tier-flag=0", "H265", "", 1},
	    {"H265", "profile-id=2", "H265", "level-id=93", 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct tracks pub = video(rows[i].name, 96, rows[i].fmtp);
		struct tracks play = video(rows[i].player_name, 103, rows[i].player_fmtp);
		struct binding b;

		if (tracks_bind(&b, &pub, &play) != (size_t)rows[i].matches)
			fail_msg("row %zu: %s %s", i, rows[i].name, rows[i].fmtp);
		assert_int_equal(b.tracks[0].source, rows[i].matches ? 0 : PT_NONE);
		assert_int_equal(b.tracks[0].pt[0], rows[i].matches ? 103 : PT_NONE);
		assert_int_equal(b.tracks[0].pt[1], PT_NONE);
		assert_int_equal(b.tracks[1].source, PT_NONE);
		tracks_free(&pub);
		tracks_free(&play);
	}
}

static void
clock_rate_and_channels_count_but_for_opus(void **state)
{
	static const struct {
		const char *pub, *play;
		int matches;
	} rows[] = {
	    {"\"name\":\"opus\",\"clock_rate\":48000,\"channels\":2",
	     "\"name\":\"OPUS\",\"clock_rate\":48000", 1},
	    {"\"name\":\"L16\",\"clock_rate\":48000,\"channels\":2",
	     "\"name\":\"L16\",\"clock_rate\":48000", 0},
	    {"\"name\":\"L16\",\"clock_rate\":44100", "\"name\":\"L16\",\"clock_rate\":48000", 0},
	    {"\"name\":\"PCMU\",\"clock_rate\":8000", "\"name\":\"pcmu\",\"clock_rate\":8000", 1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		char text[256];
		struct tracks pub, play;
		struct binding b;

		snprintf(text, sizeof(text), "[{\"kind\":\"audio\",\"codecs\":[{\"pt\":0,%s}]}]",
			 rows[i].pub);
		pub = parsed(text);
		snprintf(text, sizeof(text), "[{\"kind\":\"audio\",\"codecs\":[{\"pt\":9,%s}]}]",
			 rows[i].play);
		play = parsed(text);
		assert_int_equal(tracks_bind(&b, &pub, &play), rows[i].matches);
		tracks_free(&pub);
		tracks_free(&play);
	}
}

#define H264(pt, fmtp)                                                                             \
	"{\"name\":\"H264\",\"clock_rate\":90000,\"pt\":" pt ",\"rtx_pt\":1" pt                    \
	",\"fmtp\":\"" fmtp "\"}"

static void
the_nearest_of_several_is_taken(void **state)
{
	static const char offer[] = "[{\"kind\":\"video\",\"codecs\":[" H264(
	    "10",
	    "packetization-mode=0;profile-level-id="
	    "42e01f") "," H264("11",
			       "packetization-"
			       "mode=1;"
			       "profile-level-"
			       "id=640c1f") "," H264("12",
						     "packetization-mode=1;profile-level-id="
						     "42001f") "," H264("13", "packetization-mode="
									      "1;profile-level-id="
									      "42e034") "]}]";
	struct tracks play = parsed(offer);
	static const struct {
		const char *fmtp;
		int pt;
	} rows[] = {
	    {"packetization-mode=1;profile-level-id=42e01f", 13}, /* the same but for the level */
	    {"packetization-mode=1;profile-level-id=42f01f", 11 + 1}, /* the same profile_idc */
	    {"packetization-mode=1;profile-level-id=64001f", 11},
	    {"packetization-mode=1;profile-level-id=4d001f", 11}, /* none: the first wanted */
	    {"packetization-mode=0;profile-level-id=64001f", 10}, /* the mode before the profile */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct tracks pub = video("H264", 96, rows[i].fmtp);
		struct binding b;

		assert_int_equal(tracks_bind(&b, &pub, &play), 1);
		if (b.tracks[0].pt[0] != rows[i].pt)
			fail_msg("%s: %d", rows[i].fmtp, b.tracks[0].pt[0]);
		assert_int_equal(b.tracks[0].rtx_pt[0], 100 + rows[i].pt);
		tracks_free(&pub);
	}
	tracks_free(&play);
}

static void
a_source_of_several_codecs_is_bound_codec_by_codec(void **state)
{
	struct tracks pub = parsed("[{\"kind\":\"video\",\"codecs\":[" H264(
	    "16",
	    "packetization-mode=1") ","
				    "{\"name\":\"VP8\",\"clock_rate\":90000,\"pt\":98},"
				    "{\"name\":\"AV1\",\"clock_rate\":90000,\"pt\":45}]}," AUDIO
				    "]");
	struct tracks play =
	    parsed("[" AUDIO ",{\"kind\":\"video\",\"codecs\":["
		   "{\"name\":\"AV1\",\"clock_rate\":90000,\"pt\":41,\"rtx_pt\":42},"
		   "{\"name\":\"vp8\",\"clock_rate\":90000,\"pt\":100}]}," AUDIO "]");
	struct binding b;

	(void)state;
	assert_int_equal(tracks_bind(&b, &pub, &play), 2);
	assert_int_equal(b.tracks[0].source, 1);
	assert_int_equal(b.tracks[0].pt[0], 111);
	assert_int_equal(b.tracks[1].source, 0);
	assert_int_equal(b.tracks[1].pt[0], PT_NONE);
	assert_int_equal(b.tracks[1].pt[1], 100);
	assert_int_equal(b.tracks[1].rtx_pt[1], PT_NONE);
	assert_int_equal(b.tracks[1].pt[2], 41);
	assert_int_equal(b.tracks[1].rtx_pt[2], 42);
	assert_int_equal(b.tracks[2].source, PT_NONE); /* a source is shown once */
	tracks_free(&pub);
	tracks_free(&play);
}

static void
a_local_subscriber_gets_live_tracks_or_what_it_names(void **state)
{
	struct tracks pub =
	    parsed("[" AUDIO ",{\"kind\":\"audio\",\"mode\":\"on-demand\",\"codecs\":["
		   "{\"name\":\"MPEG4-GENERIC\",\"clock_rate\":44100,\"pt\":97}]}]");
	char aac[] = "mpeg4-generic", none[] = "VP8";
	char *const one[] = {aac, NULL}, *const other[] = {none, NULL};
	struct binding b;

	(void)state;
	tracks_choose(&b, &pub, NULL);
	assert_int_equal(b.tracks[0].source, 0);
	assert_int_equal(b.tracks[1].source, PT_NONE);
	tracks_choose(&b, &pub, one);
	assert_int_equal(b.tracks[0].source, PT_NONE);
	assert_int_equal(b.tracks[1].source, 1);
	tracks_choose(&b, &pub, other);
	assert_int_equal(b.tracks[0].source, PT_NONE);
	assert_int_equal(b.tracks[1].source, PT_NONE);
	tracks_free(&pub);
}

static void
a_kind_without_a_common_codec_is_told(void **state)
{
	struct tracks pub = parsed("[{\"kind\":\"video\",\"codecs\":[{\"name\":\"AV1\","
				   "\"clock_rate\":90000,\"pt\":45}]}," AUDIO "]");
	struct tracks play = parsed("[{\"kind\":\"video\",\"codecs\":[{\"name\":\"VP8\","
				    "\"clock_rate\":90000,\"pt\":96}]}," AUDIO "]");
	struct tracks sound = parsed("[" AUDIO "]");
	struct binding b;
	char text[64];

	(void)state;
	assert_int_equal(tracks_bind(&b, &pub, &play), 1);
	assert_true(tracks_miss(&b, &pub, &play, TRACK_VIDEO));
	assert_false(tracks_miss(&b, &pub, &play, TRACK_AUDIO));
	assert_string_equal(tracks_kind_names(&pub, TRACK_VIDEO, text, sizeof(text)), "AV1");
	assert_string_equal(tracks_kind_names(&play, TRACK_VIDEO, text, sizeof(text)), "VP8");
	tracks_bind(&b, &pub, &sound); /* it wants no picture */
	assert_false(tracks_miss(&b, &pub, &sound, TRACK_VIDEO));
	tracks_bind(&b, &sound, &play); /* there is none */
	assert_false(tracks_miss(&b, &sound, &play, TRACK_VIDEO));
	tracks_free(&pub);
	tracks_free(&play);
	tracks_free(&sound);
}

#define RED(pt, fmtp)                                                                              \
	"{\"name\":\"red\",\"clock_rate\":48000,\"channels\":2,\"pt\":" pt ",\"fmtp\":\"" fmtp "\"}"
#define OPUS_AS(pt)   "{\"name\":\"opus\",\"clock_rate\":48000,\"channels\":2,\"pt\":" pt "}"
#define SOUND(codecs) "[{\"kind\":\"audio\",\"codecs\":[" codecs "]}]"

/* A publisher of RED (63 of 111) and Opus, whatever a player takes of it. */
static void
red_goes_to_those_that_take_it(void **state)
{
	static const struct {
		const char *player;
		int red_pt, red, opus_pt;
	} rows[] = {
	    {SOUND(RED("63", "111/111") "," OPUS), 63, PT_NONE, 111},
	    {SOUND(OPUS_AS("96") "," RED("97", "96/96")), 97, 96, 96},
	    {SOUND(OPUS_AS("109")), 109, RED_PRIMARY, 109},
	    /* RED of another codec, or of none, is not RED of this one */
	    {SOUND(OPUS_AS("109") "," RED("63", "0/0") ",{\"name\":\"PCMU\",\"clock_rate\":8000,"
						       "\"pt\":0}"),
	     109, RED_PRIMARY, 109},
	    {SOUND(OPUS_AS("109") "," RED("63", "x")), 109, RED_PRIMARY, 109},
	    {SOUND("{\"name\":\"PCMU\",\"clock_rate\":8000,\"pt\":0}"), PT_NONE, PT_NONE, PT_NONE},
	};
	struct tracks pub = parsed(SOUND(RED("63", "111/111") "," OPUS));

	(void)state;
	assert_int_equal(pub.list[0].codecs[0].red_pt, 111);
	assert_int_equal(pub.list[0].codecs[1].red_pt, PT_NONE);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct tracks play = parsed(rows[i].player);
		struct binding b;

		tracks_bind(&b, &pub, &play);
		if (b.tracks[0].pt[0] != rows[i].red_pt || b.tracks[0].red[0] != rows[i].red ||
		    b.tracks[0].pt[1] != rows[i].opus_pt || b.tracks[0].red[1] != PT_NONE)
			fail_msg("row %zu: %u %u %u", i, b.tracks[0].pt[0], b.tracks[0].red[0],
				 b.tracks[0].pt[1]);
		tracks_free(&play);
	}
	tracks_free(&pub);
}

/* Opus to a player of both stays Opus. Without Opus beside it RED cannot be unwrapped. */
static void
red_is_never_made(void **state)
{
	struct tracks opus = parsed(SOUND(OPUS)), red = parsed(SOUND(RED("63", "111/111")));
	struct tracks both = parsed(SOUND(RED("63", "96/96") "," OPUS_AS("96")));
	struct binding b;

	(void)state;
	assert_int_equal(tracks_bind(&b, &opus, &both), 1);
	assert_int_equal(b.tracks[0].pt[0], 96);
	assert_int_equal(b.tracks[0].red[0], PT_NONE);
	assert_int_equal(tracks_bind(&b, &red, &both), 0);
	assert_int_equal(tracks_bind(&b, &both, &red), 0);
	tracks_free(&opus);
	tracks_free(&red);
	tracks_free(&both);
}

static void
a_local_subscriber_does_not_see_red(void **state)
{
	struct tracks pub = parsed(SOUND(RED("63", "111/111") "," OPUS));
	json_t *all = tracks_json(&pub), *seen = tracks_local_json(&pub), *local;
	struct binding b;

	(void)state;
	assert_int_equal(json_array_size(json_object_get(json_array_get(all, 0), "codecs")), 2);
	local = json_object_get(json_array_get(seen, 0), "codecs");
	assert_int_equal(json_array_size(local), 1);
	assert_string_equal(json_string_value(json_object_get(json_array_get(local, 0), "name")),
			    "opus");
	tracks_choose(&b, &pub, NULL);
	assert_int_equal(b.tracks[0].source, 0);
	assert_int_equal(b.tracks[0].pt[0], 111);
	assert_int_equal(b.tracks[0].red[0], RED_PRIMARY);
	assert_int_equal(b.tracks[0].red[1], PT_NONE);
	json_decref(all);
	json_decref(seen);
	tracks_free(&pub);
}

static void
names_fit_their_room(void **state)
{
	struct tracks t = video("H264", 96, "profile-level-id=42e01f");
	char text[64];

	(void)state;
	assert_string_equal(tracks_codec_names(&t, text, sizeof(text)), "H264 42e01f mode 0");
	for (size_t size = 1; size < 24; size++)
		assert_true(strlen(tracks_codec_names(&t, text, size)) < size);
	tracks_free(&t);
	t = video("VP9", 98, "profile-id=2");
	assert_string_equal(tracks_codec_names(&t, text, sizeof(text)), "VP9 profile 2");
	tracks_free(&t);
	t = video("VP8", 97, "");
	assert_string_equal(tracks_codec_names(&t, text, sizeof(text)), "VP8");
	tracks_free(&t);
}

/* What keeps two codecs of one name apart stands in their names, or the error would say that the
 * player takes what the publisher sends. */
static void
names_tell_what_keeps_codecs_apart(void **state)
{
	static const struct {
		const char *name, *fmtp, *text;
	} rows[] = {
	    {"H264", "packetization-mode=1;profile-level-id=42e01f", "H264 42e01f"},
	    {"H264", "packetization-mode=0;profile-level-id=42e01f", "H264 42e01f mode 0"},
	    {"H264", "profile-level-id=42e01f", "H264 42e01f mode 0"},
	    {"h264", "", "h264 mode 0"},
	    {"VP9", "profile-id=2", "VP9 profile 2"},
	    {"H265", "profile-id=2;tier-flag=0", "H265 profile 2"},
	    {"AV1", "level-idx=5;profile=1;tier=0", "AV1 profile 1"},
	    {"AV1", "", "AV1"},
	};
	char text[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct tracks t = video(rows[i].name, 96, rows[i].fmtp);

		assert_string_equal(tracks_codec_names(&t, text, sizeof(text)), rows[i].text);
		tracks_free(&t);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_member_is_read),
	    cmocka_unit_test(what_is_wrong_is_named),
	    cmocka_unit_test(a_layer_has_a_lane_of_its_own),
	    cmocka_unit_test(what_is_written_reads_back_the_same),
	    cmocka_unit_test(codecs_match_by_what_a_decoder_needs),
	    cmocka_unit_test(clock_rate_and_channels_count_but_for_opus),
	    cmocka_unit_test(the_nearest_of_several_is_taken),
	    cmocka_unit_test(a_source_of_several_codecs_is_bound_codec_by_codec),
	    cmocka_unit_test(a_local_subscriber_gets_live_tracks_or_what_it_names),
	    cmocka_unit_test(a_kind_without_a_common_codec_is_told),
	    cmocka_unit_test(red_goes_to_those_that_take_it),
	    cmocka_unit_test(red_is_never_made),
	    cmocka_unit_test(a_local_subscriber_does_not_see_red),
	    cmocka_unit_test(names_fit_their_room),
	    cmocka_unit_test(names_tell_what_keeps_codecs_apart),
	};

	return cmocka_run_group_tests_name("track", tests, NULL, NULL);
}
