/* Unit tests of lib/rtmp: both ends against each other, and what clients in use send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../support/support.h"
#include "amf/amf.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "rtmp/rtmp.h"

enum { HANDSHAKE = 1 + 2 * 1536, SCRIPT_MAX = 1 << 20 };

/* What a side saw, with copies of what events borrow. */
struct seen {
	unsigned count[RTMP_STOPPED + 1];
	char app[64], stream[64], query[128], code[64], words[128];
	uint32_t ts_ms;
	size_t media;
	uint8_t first, last;
	bool paused;
};

/* Take all events; answer requests with verdict: -1 accept, -2 nothing, else refuse. */
static int
drain(struct rtmp *r, struct seen *s, int verdict)
{
	struct rtmp_event e;
	int rc;

	while ((rc = rtmp_poll(r, &e)) == 1) {
		s->count[e.type]++;
		if (e.type == RTMP_PUBLISH || e.type == RTMP_PLAY) {
			strncpy(s->app, e.app, sizeof(s->app) - 1);
			strncpy(s->stream, e.stream, sizeof(s->stream) - 1);
			strncpy(s->query, e.query, sizeof(s->query) - 1);
			if (verdict == -1)
				assert_int_equal(rtmp_accept(r), 0);
			else if (verdict >= 0)
				assert_int_equal(
				    rtmp_refuse(r, (enum rtmp_refusal)verdict, "because"), 0);
		}
		if (e.type == RTMP_REFUSED || e.type == RTMP_STARTED) {
			strncpy(s->code, e.code, sizeof(s->code) - 1);
			strncpy(s->words, e.words, sizeof(s->words) - 1);
		}
		if (e.type == RTMP_MEDIA) {
			s->ts_ms = e.tag.ts_ms;
			s->media += e.tag.size;
			s->first = e.tag.data[0];
			s->last = e.tag.data[e.tag.size - 1];
		}
		s->paused = e.type == RTMP_PAUSE ? e.paused : s->paused;
	}
	return rc;
}

/* Octets from one to the other in pieces. Returns whether any moved. */
static bool
move(struct rtmp *from, struct rtmp *to, struct seen *seen, size_t piece, int verdict)
{
	const uint8_t *out;
	size_t n = rtmp_output(from, &out);

	if (n == 0)
		return false;
	n = MIN_OF(n, piece);
	assert_int_equal(rtmp_input(to, 0, out, n), 0);
	rtmp_sent(from, n);
	assert_int_equal(drain(to, seen, verdict), 0);
	return true;
}

static void
settle(struct rtmp *server, struct rtmp *client, struct seen *s, struct seen *c, size_t piece,
       int verdict)
{
	while (move(client, server, s, piece, verdict) | move(server, client, c, piece, verdict))
		;
}

static void
publish_in_pieces(void **state)
{
	static const size_t pieces[] = {1, 7, 100, 1537, 65536};
	static uint8_t body[200000];
	struct flv_tag tag = {FLV_VIDEO, 5, body, sizeof(body)};

	(void)state;
	body[0] = 0x17;
	body[sizeof(body) - 1] = 0x99;
	for (size_t i = 0; i < 2 * ARRAY_COUNT(pieces); i++) {
		const struct rtmp_client_config config = {.app = "live?a=1",
							  .stream = "x?secret=k",
							  .tc_url = "rtmp://h/live",
							  .publish = true,
							  .plain = i % 2 == 0};
		struct rtmp *server = rtmp_server_new(1, 0),
			    *client = rtmp_client_new(&config, 2, 0);
		struct seen s = {0}, c = {0};

		assert_int_equal(rtmp_send(client, &tag), -EINVAL);
		settle(server, client, &s, &c, pieces[i / 2], -1);
		assert_int_equal(s.count[RTMP_PUBLISH], 1);
		assert_string_equal(s.app, "live");
		assert_string_equal(s.stream, "x");
		assert_string_equal(s.query, "secret=k&a=1");
		assert_int_equal(c.count[RTMP_STARTED], 1);
		for (unsigned k = 0; k < 3; k++) {
			tag.ts_ms = k == 0 ? 5 : 0xfffffe + k; /* the second and third extended */
			assert_int_equal(rtmp_send(client, &tag), 0);
		}
		settle(server, client, &s, &c, pieces[i / 2], -1);
		assert_int_equal(s.media, 3 * sizeof(body));
		assert_int_equal(s.ts_ms, 0x1000000);
		assert_int_equal(s.first, 0x17);
		assert_int_equal(s.last, 0x99);
		assert_int_equal(rtmp_stop(client), 0);
		settle(server, client, &s, &c, pieces[i / 2], -1);
		assert_int_equal(s.count[RTMP_STOPPED], 1);
		rtmp_free(server);
		rtmp_free(client);
	}
}

static void
play(void **state)
{
	static const struct rtmp_client_config config = {
	    .app = "live", .stream = "y", .tc_url = "rtmp://h/live"};
	static const uint8_t body[] = {0xaf, 1, 2};
	const struct flv_tag tag = {FLV_AUDIO, 7, body, sizeof(body)};
	struct rtmp *server = rtmp_server_new(1, 0), *client = rtmp_client_new(&config, 2, 0);
	struct seen s = {0}, c = {0};

	(void)state;
	settle(server, client, &s, &c, 1000, -1);
	assert_int_equal(s.count[RTMP_PLAY], 1);
	assert_int_equal(c.count[RTMP_STARTED], 1);
	assert_int_equal(rtmp_send(server, &tag), 0);
	settle(server, client, &s, &c, 1000, -1);
	assert_int_equal(c.ts_ms, 7);
	assert_int_equal(rtmp_stop(server), 0);
	settle(server, client, &s, &c, 1000, -1);
	assert_int_equal(c.count[RTMP_STOPPED], 1);
	rtmp_free(server);
	rtmp_free(client);
}

static void
refusals(void **state)
{
	static const struct {
		bool publish;
		enum rtmp_refusal why;
		const char *code;
	} rows[] = {
	    {true, RTMP_BAD_NAME, "NetStream.Publish.BadName"},
	    {true, RTMP_DENIED, "NetStream.Publish.Denied"},
	    {true, RTMP_UNAVAILABLE, "NetStream.Publish.Failed"},
	    {false, RTMP_NOT_FOUND, "NetStream.Play.StreamNotFound"},
	    {false, RTMP_DENIED, "NetStream.Play.Failed"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		const struct rtmp_client_config config = {.app = "live",
							  .stream = "y",
							  .tc_url = "rtmp://h/live",
							  .publish = rows[i].publish};
		struct rtmp *server = rtmp_server_new(1, 0),
			    *client = rtmp_client_new(&config, 2, 0);
		struct seen s = {0}, c = {0};

		settle(server, client, &s, &c, 5000, (int)rows[i].why);
		assert_int_equal(c.count[RTMP_REFUSED], 1);
		assert_string_equal(c.code, rows[i].code);
		assert_string_equal(c.words, "because");
		assert_int_equal(rtmp_accept(server), -EINVAL);
		rtmp_free(server);
		rtmp_free(client);
	}
}

/* ---- scripts: what a client sends after the handshake, octet for octet ---- */

struct script {
	uint8_t *buf;
	size_t size;
	uint32_t chunk_size;
};

static void
script_begin(struct script *s)
{
	*s = (struct script){.buf = calloc(1, SCRIPT_MAX), .size = HANDSHAKE, .chunk_size = 128};
	s->buf[0] = 3;
}

static void
script_put(struct script *s, const void *buf, size_t size)
{
	assert_true(s->size + size <= SCRIPT_MAX);
	memcpy(s->buf + s->size, buf, size);
	s->size += size;
}

/* A message with a header of type fmt, cut to chunks. extended: 1 as the standard has it, 2
 * without repetition in later chunks. */
static void
script_message(struct script *s, unsigned fmt, uint8_t cs, uint8_t type, uint32_t ts, int extended,
	       uint32_t stream, const uint8_t *data, size_t size)
{
	static const size_t head_sizes[] = {12, 8, 4, 1};
	uint8_t head[16] = {(uint8_t)(fmt << 6 | cs)}, next = (uint8_t)(0xc0 | cs), ext[4];

	put_be24(head + 1, extended ? 0xffffff : ts);
	put_be24(head + 4, (uint32_t)size);
	head[7] = type;
	head[8] = (uint8_t)stream;
	put_be32(ext, ts);
	script_put(s, head, head_sizes[fmt]);
	if (extended)
		script_put(s, ext, 4);
	for (size_t at = 0; at < size || at == 0;) {
		size_t n = MIN_OF((size_t)s->chunk_size, size - at);

		script_put(s, data + at, n);
		at += n;
		if (at >= size)
			break;
		script_put(s, &next, 1);
		if (extended == 1)
			script_put(s, ext, 4);
	}
}

static void
script_chunk_size(struct script *s, uint32_t value)
{
	uint8_t data[4];

	put_be32(data, value);
	script_message(s, 0, 2, 1, 0, 0, 0, data, 4);
	s->chunk_size = value;
}

/* A command: fields are written by fill. amf3 adds the octet that type 17 begins with. */
static void
script_command(struct script *s, unsigned fmt, uint8_t cs, uint32_t stream, bool amf3,
	       const char *name, double transaction, const char *argument)
{
	uint8_t buf[1024] = {0};
	struct amf_writer w;

	amf_writer_init(&w, buf + amf3, sizeof(buf) - 1);
	amf_add_string(&w, name);
	amf_add_number(&w, transaction);
	if (strcmp(name, "connect") == 0) {
		amf_begin_object(&w);
		amf_add_key(&w, "app");
		amf_add_string(&w, argument);
		amf_add_key(&w, "type");
		amf_add_string(&w, "nonprivate");
		amf_add_key(&w, "flashVer");
		amf_add_string(&w, "FMLE/3.0 (compatible; FMSc/1.0)");
		amf_add_key(&w, "tcUrl");
		amf_add_string(&w, "rtmp://localhost/live");
		amf_add_key(&w, "objectEncoding");
		amf_add_number(&w, amf3 ? 3 : 0);
		amf_end_object(&w);
	} else {
		amf_add_null(&w);
		if (argument != NULL)
			amf_add_string(&w, argument);
	}
	script_message(s, fmt, cs, amf3 ? 17 : 20, 0, 0, stream, buf,
		       (size_t)amf_finish(&w) + amf3);
}

static void
script_connect_and_publish(struct script *s, bool amf3, bool chunk_size_first)
{
	script_begin(s);
	if (chunk_size_first)
		script_chunk_size(s, 4096);
	script_command(s, 0, 3, 0, amf3, "connect", 1, "live");
	script_command(s, 1, 3, 0, amf3, "releaseStream", 2, "obs");
	script_command(s, 1, 3, 0, amf3, "FCPublish", 3, "obs");
	script_command(s, 1, 3, 0, amf3, "createStream", 4, NULL);
	script_command(s, 0, 4, 1, amf3, "publish", 5, "obs");
}

/* Feed a script in pieces; events into *seen. The first error, or 0. */
static int
run_script(const struct script *s, struct seen *seen, size_t piece)
{
	struct rtmp *r = rtmp_server_new(3, 0);
	const uint8_t *out;
	int rc = 0;

	for (size_t at = 0; at < s->size && rc == 0; at += piece) {
		rc = rtmp_input(r, 0, s->buf + at, MIN_OF(piece, s->size - at));
		if (rc == 0)
			rc = drain(r, seen, -1);
		rtmp_sent(r, rtmp_output(r, &out));
	}
	rtmp_free(r);
	return rc;
}

static void
run_all(struct script *s, struct seen *seen)
{
	static const size_t pieces[] = {1, 13, 4096, 65536};

	for (size_t i = 0; i < ARRAY_COUNT(pieces); i++) {
		memset(seen, 0, sizeof(*seen));
		assert_int_equal(run_script(s, seen, pieces[i]), 0);
	}
	free(s->buf);
}

/* OBS and librtmp: the chunk size after connect, media with full headers first, then deltas,
 * audio on the same chunk stream as video. */
static void
librtmp_sequence(void **state)
{
	uint8_t video[5000] = {0x17}, audio[300] = {0xaf};
	struct script s;
	struct seen seen;

	(void)state;
	script_connect_and_publish(&s, false, true);
	script_message(&s, 0, 4, FLV_VIDEO, 0, 0, 1, video, sizeof(video));
	script_message(&s, 1, 4, FLV_AUDIO, 10, 0, 1, audio, sizeof(audio));
	script_message(&s, 1, 4, FLV_VIDEO, 23, 0, 1, video, sizeof(video));
	script_message(&s, 2, 4, FLV_VIDEO, 33, 0, 1, video, sizeof(video));
	script_message(&s, 3, 4, FLV_VIDEO, 0, 0, 1, video, sizeof(video));
	script_command(&s, 1, 3, 0, false, "FCUnpublish", 6, "obs");
	script_command(&s, 1, 3, 0, false, "deleteStream", 7, NULL);
	run_all(&s, &seen);
	assert_string_equal(seen.stream, "obs");
	assert_int_equal(seen.count[RTMP_MEDIA], 5);
	assert_int_equal(seen.ts_ms, 10 + 23 + 33 + 33);
	assert_int_equal(seen.count[RTMP_STOPPED], 1);
}

/* FFmpeg: extended timestamps, with and without repetition; a change of the chunk size between. */
static void
extended_timestamps(void **state)
{
	static uint8_t video[20000] = {0x27};
	struct script s;
	struct seen seen;

	(void)state;
	for (int extended = 1; extended <= 2; extended++) {
		script_connect_and_publish(&s, false, false);
		script_chunk_size(&s, 60000);
		script_message(&s, 0, 6, FLV_VIDEO, 0x01000010, extended, 1, video, sizeof(video));
		script_chunk_size(&s, 1000);
		script_message(&s, 0, 6, FLV_VIDEO, 0xfffffff0, extended, 1, video, sizeof(video));
		script_message(&s, 2, 6, FLV_VIDEO, 0x20, 0, 1, video, sizeof(video));
		run_all(&s, &seen);
		assert_int_equal(seen.count[RTMP_MEDIA], 3);
		assert_int_equal(seen.media, 3 * sizeof(video));
		assert_int_equal(seen.ts_ms, 0x10); /* wrapped */
	}
}

/* Chunks of two messages in turn, an abort of a third, AMF3 commands, a ping, an aggregate. */
static void
interleaved(void **state)
{
	static const uint8_t abort_six[] = {2, 0, 0, 0, 0, 0, 4, 2, 0, 0, 0, 0, 0, 0, 0, 6};
	static const uint8_t ping[] = {0, 6, 0, 0, 0, 9};
	uint8_t a[300] = {0xaf, 1}, v[200] = {0x17}, head[12] = {6}, parts[64];
	struct script s;
	struct seen seen;
	int n;

	(void)state;
	script_connect_and_publish(&s, true, false);
	put_be24(head + 4, sizeof(v));
	head[7] = FLV_VIDEO;
	head[8] = 1;
	script_put(&s, head, 12); /* half a video message on chunk stream 6 ... */
	script_put(&s, v, 128);
	script_message(&s, 0, 4, FLV_AUDIO, 50, 0, 1, a, sizeof(a));
	script_put(&s, "\xc6", 1); /* ... its other half */
	script_put(&s, v, 72);
	script_put(&s, head, 12);
	script_put(&s, v, 128);
	script_put(&s, abort_six, sizeof(abort_six));
	script_message(&s, 0, 2, 4, 0, 0, 0, ping, sizeof(ping));
	n = flv_write_tag(parts, sizeof(parts), &(struct flv_tag){FLV_AUDIO, 100, a, 3});
	n += flv_write_tag(parts + n, sizeof(parts) - (size_t)n,
			   &(struct flv_tag){FLV_VIDEO, 140, v, 4});
	script_message(&s, 0, 5, 22, 1000, 0, 1, parts, (size_t)n);
	run_all(&s, &seen);
	assert_int_equal(seen.count[RTMP_MEDIA], 4);
	assert_int_equal(seen.media, 300 + 200 + 3 + 4);
	assert_int_equal(seen.ts_ms, 1040);
}

static void
truncated(void *arg, const uint8_t *buf, size_t size)
{
	struct script s = {.buf = (uint8_t *)(uintptr_t)buf, .size = size};
	struct seen seen = {0};

	(void)arg;
	assert_int_equal(run_script(&s, &seen, RTMP_INPUT_MAX), 0);
}

static void
truncations(void **state)
{
	static const uint8_t video[100] = {0x17};
	struct script s;

	(void)state;
	script_connect_and_publish(&s, false, false);
	script_message(&s, 0, 6, FLV_VIDEO, 0x01000010, 1, 1, video, sizeof(video));
	support_truncations(s.buf, s.size, truncated, NULL);
	free(s.buf);
}

static void
hostile(void **state)
{
	static const uint8_t rows[][20] = {
	    {0xc3},						 /* nothing to refer to */
	    {0x83, 0, 0, 0},					 /* the same */
	    {2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0},	 /* chunk size 0 */
	    {2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0xff, 0, 0, 0}, /* chunk size over 2^31 */
	    {3, 0, 0, 0, 0xff, 0xff, 0xff, 9, 0, 0, 0, 0},	 /* message too large */
	    {3, 0, 0, 0, 0, 0, 1, 20, 0, 0, 0, 0, 0xff},	 /* no AMF */
	    {3, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 0},		 /* empty command */
	    {3, 0, 0, 0, 0, 0, 2, 17, 0, 0, 0, 0, 0, 5},	 /* command without a name */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct script s;
		struct seen seen = {0};

		script_begin(&s);
		script_put(&s, rows[i], sizeof(rows[i]));
		assert_int_equal(run_script(&s, &seen, 1000), -EBADMSG);
		free(s.buf);
	}
	for (unsigned version = 0; version < 256; version++) {
		struct script s;
		struct seen seen = {0};

		script_begin(&s);
		s.buf[0] = (uint8_t)version;
		assert_int_equal(run_script(&s, &seen, 1), version == 3 ? 0 : -EBADMSG);
		free(s.buf);
	}
}

/* More chunk streams than anybody needs, and more unfinished octets. */
static void
bounded(void **state)
{
	struct script s;
	struct seen seen = {0};
	uint8_t head[12] = {0};
	unsigned id;

	(void)state;
	script_begin(&s);
	for (id = 3; id < 40; id++) {
		head[0] = (uint8_t)id;
		head[6] = 0xff;
		script_put(&s, head, 12);
		script_put(&s, s.buf, 128);
	}
	assert_int_equal(run_script(&s, &seen, 1000), -EBADMSG);
	free(s.buf);
}

static void
deadlines(void **state)
{
	struct rtmp *r = rtmp_server_new(1, 1000);

	(void)state;
	assert_int_equal(rtmp_deadline(r), 1000 + RTMP_SETUP_TIMEOUT_US);
	assert_int_equal(rtmp_timeout(r, 2000), 0);
	assert_int_equal(rtmp_timeout(r, 1000 + RTMP_SETUP_TIMEOUT_US), -ETIMEDOUT);
	rtmp_free(r);
}

/* Acknowledgements: at least one per window of the peer. */
static void
acknowledgements(void **state)
{
	static uint8_t video[400000] = {0x17};
	struct script s;
	struct rtmp *r = rtmp_server_new(3, 0);
	struct seen seen = {0};
	const uint8_t *out;
	size_t n;

	(void)state;
	script_connect_and_publish(&s, false, false);
	script_message(&s, 0, 2, 5, 0, 0, 0, (const uint8_t[]){0, 4, 0, 0}, 4); /* 262144 */
	assert_int_equal(rtmp_input(r, 0, s.buf, s.size), 0);
	assert_int_equal(drain(r, &seen, -1), 0);
	rtmp_sent(r, rtmp_output(r, &out));
	s.size = 0;
	script_chunk_size(&s, 500000);
	script_message(&s, 0, 6, FLV_VIDEO, 0, 0, 1, video, sizeof(video));
	for (size_t at = 0; at < s.size; at += n) {
		n = MIN_OF((size_t)60000, s.size - at);
		assert_int_equal(rtmp_input(r, 0, s.buf + at, n), 0);
		assert_int_equal(drain(r, &seen, -1), 0);
	}
	n = rtmp_output(r, &out);
	assert_int_equal(n, 16);
	assert_int_equal(out[7], 3);
	assert_in_range(be32(out + 12), 262144, 400000 + HANDSHAKE + 1000);
	free(s.buf);
	rtmp_free(r);
}

static void
urls(void **state)
{
	static const struct {
		const char *text, *host, *app, *stream, *tc_url;
		unsigned port;
	} rows[] = {
	    {"rtmp://h/live/x", "h", "live", "x", "rtmp://h/live", 1935},
	    {"rtmp://1.2.3.4:99/live/x?k=/a", "1.2.3.4", "live", "x?k=/a", "rtmp://1.2.3.4:99/live",
	     99},
	    {"rtmps://[::1]:5/a/b/c", "::1", "a/b", "c", "rtmps://[::1]:5/a/b", 5},
	    {"RTMPS://h/a/b", "h", "a", "b", "RTMPS://h/a", 443},
	};
	static const char *const bad[] = {"",
					  "http://h/a/b",
					  "rtmp://h",
					  "rtmp://h/",
					  "rtmp://h/a",
					  "rtmp:///a/b",
					  "rtmp://h:/a/b",
					  "rtmp://h:0/a/b",
					  "rtmp://h:70000/a/b",
					  "rtmp://h:x/a/b",
					  "rtmp://[::1/a/b",
					  "rtmp://h/a/",
					  "rtmp://h/a/?x",
					  "rtmp://h//b",
					  "rtmp://h/a/b c"};
	struct rtmp_url u;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		assert_int_equal(rtmp_url_parse(&u, rows[i].text), 0);
		assert_string_equal(u.host, rows[i].host);
		assert_string_equal(u.app, rows[i].app);
		assert_string_equal(u.stream, rows[i].stream);
		assert_string_equal(u.tc_url, rows[i].tc_url);
		assert_int_equal(u.port, rows[i].port);
	}
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_int_equal(rtmp_url_parse(&u, bad[i]), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(publish_in_pieces),
	    cmocka_unit_test(play),
	    cmocka_unit_test(refusals),
	    cmocka_unit_test(librtmp_sequence),
	    cmocka_unit_test(extended_timestamps),
	    cmocka_unit_test(interleaved),
	    cmocka_unit_test(truncations),
	    cmocka_unit_test(hostile),
	    cmocka_unit_test(bounded),
	    cmocka_unit_test(deadlines),
	    cmocka_unit_test(acknowledgements),
	    cmocka_unit_test(urls),
	};

	return cmocka_run_group_tests_name("rtmp", tests, NULL, NULL);
}
