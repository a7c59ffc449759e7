/* Unit tests of lib/peer: misuse, truncations, and which track a packet belongs to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "../support/peers.h"
#include "../support/support.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "peer/peer_impl.h" /* to look at bindings */

enum { SECOND = 1000000 };

static const struct link_params clean = {.delay_us = 10000};

static struct peer *
make(struct dtls_ctx *ctx, enum peer_ice ice)
{
	struct peer_config c = {.dtls = ctx, .ice = ice, .seed = 7, .cname = "tester"};
	struct peer *p = peer_new(&c, 1000);

	assert_non_null(p);
	return p;
}

static void
remote_make(struct peer_remote *r, const struct dtls_ctx *ctx, const struct peer_track *tracks,
	    size_t count)
{
	*r = (struct peer_remote){.lite = true,
				  .hash = "sha-256",
				  .role = DTLS_CLIENT,
				  .ice = {"abcdefgh", "abcdefghijklmnopqrstuvwx"},
				  .tracks = tracks,
				  .track_count = count};
	snprintf(r->fingerprint, sizeof(r->fingerprint), "%s", dtls_ctx_fingerprint(ctx));
}

static struct peer_track
video_track(const char *mid, uint8_t pt, uint8_t rtx_pt)
{
	struct peer_track t = {
	    .kind = PEER_VIDEO,
	    .direction = PEER_SEND,
	    .codec_count = 1,
	    .codecs = {{.name = "H264", .clock_rate = 90000, .pt = pt, .rtx_pt = rtx_pt}}};

	snprintf(t.mid, sizeof(t.mid), "%s", mid);
	return t;
}

static void
credentials_are_made_or_checked(void **state)
{
	static const struct ice_creds good = {"6pk11386", "l91z529147ri9163933p51c4"};
	static const struct ice_creds bad[] = {{"abc", "l91z529147ri9163933p51c4"},
					       {"6pk11386", "short"},
					       {"6pk\r\n386", "l91z529147ri9163933p51c4"}};
	struct dtls_ctx *ctx = dtls_ctx_new();
	struct peer_config c = {.dtls = ctx, .ice = PEER_ICE_LITE, .local = &good, .seed = 1};
	struct peer *p = peer_new(&c, 0);

	(void)state;
	assert_string_equal(peer_local(p)->ufrag, "6pk11386");
	peer_free(p);
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		c.local = &bad[i];
		assert_null(peer_new(&c, 0));
	}
	for (int ice = 0; ice < 2; ice++) {
		p = make(ctx, (enum peer_ice)ice);
		assert_in_range(strlen(peer_local(p)->ufrag), 4, 32);
		assert_in_range(strlen(peer_local(p)->pwd), 22, 64);
		peer_free(p);
	}
	peer_free(NULL);
	dtls_ctx_free(ctx);
}

static void
unusable_answers_are_refused(void **state)
{
	struct dtls_ctx *ctx = dtls_ctx_new();
	struct peer_track t[PEER_TRACKS_MAX + 1];
	struct peer_remote good, r;
	struct peer *p = make(ctx, PEER_ICE_FULL);

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(t); i++)
		t[i] = video_track("0", 96, 97);
	remote_make(&good, ctx, t, 1);
	r = good;
	snprintf(r.hash, sizeof(r.hash), "sha-1");
	assert_int_equal(peer_start(p, 2000, &r), -EINVAL);
	r = good;
	r.fingerprint[5] = 'x';
	assert_int_equal(peer_start(p, 2000, &r), -EINVAL);
	r = good;
	r.ice.ufrag[0] = '\0';
	assert_int_equal(peer_start(p, 2000, &r), -EINVAL);
	r = good;
	r.track_count = PEER_TRACKS_MAX + 1;
	assert_int_equal(peer_start(p, 2000, &r), -EINVAL);
	t[0].codecs[0].rtx_pt = 96; /* one payload type, two meanings */
	assert_int_equal(peer_start(p, 2000, &good), -EINVAL);
	t[0].codecs[0].rtx_pt = 200;
	assert_int_equal(peer_start(p, 2000, &good), -EINVAL);
	t[0].codecs[0].rtx_pt = 97;
	assert_int_equal(peer_start(p, 2000, &good), 0);
	assert_int_equal(peer_start(p, 2000, &good), -EALREADY);
	peer_free(p);
	dtls_ctx_free(ctx);
}

static void
callers_mistakes_are_refused(void **state)
{
	struct dtls_ctx *ctx = dtls_ctx_new();
	struct peer *p = make(ctx, PEER_ICE_FULL);
	struct peer_track t = video_track("0", 96, 97);
	struct peer_media m = {.pt = 96, .payload = (const uint8_t *)"", .payload_size = 0};
	struct ice_tuple from = {0};
	struct peer_datagram d;
	struct peer_remote r;
	struct peer_stats stats;
	struct peer_info info;
	uint8_t stun[20] = {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42};
	uint64_t ntp;

	(void)state;
	remote_make(&r, ctx, &t, 1);
	assert_int_equal(peer_state(p), PEER_NEW);
	assert_int_equal(peer_add_pair(p, &from, 1), -EINVAL);
	assert_int_equal(peer_input(p, 1, &from, stun, sizeof(stun)), -ENOMSG);
	assert_true(peer_deadline(p) == CLOCK_NEVER);
	assert_int_equal(peer_start(p, 1, &r), 0);
	assert_int_equal(peer_send(p, 2, 0, &m), -ENOTCONN);
	assert_int_equal(peer_request_keyframe(p, 2, 0), -EINVAL); /* we send that one */
	assert_int_equal(peer_request_keyframe(p, 2, 5), -EINVAL);
	assert_int_equal(peer_set_remb(p, 1), -ENOTSUP);
	assert_int_equal(peer_track_stats(p, 1, &stats), -EINVAL);
	assert_int_equal(peer_track_ntp(p, 0, 0, &ntp), -EAGAIN);
	assert_int_equal(peer_get_info(p, &info), -EAGAIN);
	assert_int_not_equal(peer_track_ssrc(p, 0, false), 0);
	assert_int_not_equal(peer_track_ssrc(p, 0, true), 0);
	assert_int_not_equal(peer_track_ssrc(p, 0, true), peer_track_ssrc(p, 0, false));
	assert_int_equal(peer_track_ssrc(p, 1, false), 0);
	peer_close(p, 3);
	assert_int_equal(peer_state(p), PEER_CLOSED);
	assert_int_equal(peer_poll(p, &d), 0);
	peer_timeout(p, 1000 * SECOND);
	assert_int_equal(peer_state(p), PEER_CLOSED);
	peer_free(p);
	dtls_ctx_free(ctx);
}

static void
demultiplexer_takes_its_kinds(void **state)
{
	static const struct {
		uint8_t buf[20];
		bool yes;
	} rows[] = {
	    {{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, true},
	    {{22, 0xfe, 0xfd}, true},
	    {{0x80, 96}, true},
	    {{0x80, 200}, true},
	    {{'G', 'E', 'T', ' '}, false},
	    {{0xc0}, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		assert_int_equal(peer_accepts(rows[i].buf, sizeof(rows[i].buf)), rows[i].yes);
	assert_false(peer_accepts(rows[0].buf, 0));
}

struct target {
	struct peers *s;
	int end;
	size_t whole;
};

static void
feed(void *arg, const uint8_t *buf, size_t size)
{
	struct target *t = arg;
	struct ice_tuple from;

	if (size == t->whole)
		return;
	memset(&from, 0, sizeof(from));
	from.remote = t->s->addr[!t->end];
	assert_true(peer_input(t->s->end[t->end], t->s->now_us, &from, (uint8_t *)(uintptr_t)buf,
			       size) <= 0);
}

/* Each datagram of a whole connection comes cut to every length before it comes whole. */
static void
truncations_change_nothing(void **state)
{
	struct peers_params p = {.seed = 5,
				 .link = {clean, clean},
				 .role = DTLS_CLIENT,
				 .nack = true,
				 .rtx = true,
				 .twcc = true};
	struct peers s;
	struct peer_datagram d;
	struct ice_tuple from;

	(void)state;
	peers_init(&s, &p);
	memset(&from, 0, sizeof(from));
	for (int round = 0; round < 400; round++) {
		for (int i = 0; i < 2; i++) {
			struct target t = {&s, !i, 0};

			peer_timeout(s.end[i], s.now_us);
			while (peer_poll(s.end[i], &d) > 0) {
				t.whole = d.size;
				support_truncations(d.buf, d.size, feed, &t);
				from.remote = s.addr[i];
				peer_input(s.end[!i], s.now_us, &from, d.buf, d.size);
			}
		}
		s.now_us += 10000;
		if (peer_state(s.end[0]) == PEER_CONNECTED) {
			uint8_t payload[100] = {0};
			struct peer_media m = {.pt = PEERS_VIDEO_PT,
					       .payload = payload,
					       .payload_size = sizeof(payload),
					       .capture_us = s.now_us};

			put_be64(payload, (uint64_t)round);
			assert_int_equal(peer_send(s.end[0], s.now_us, 0, &m), 0);
		}
	}
	assert_int_equal(peer_state(s.end[0]), PEER_CONNECTED);
	assert_int_equal(peer_state(s.end[1]), PEER_CONNECTED);
	assert_true(s.seen[1].packets[0] > 300);
	peers_fini(&s);
}

/* ---- which track ---- */

static size_t
rtp_make(uint8_t *buf, uint32_t ssrc, uint8_t pt, const char *mid)
{
	struct rtp_ext e = {3, (const uint8_t *)mid, mid != NULL ? strlen(mid) : 0};
	int size = 0;

	rtp_write_header(buf, pt, false, mid != NULL, 1, 2, ssrc);
	if (mid != NULL)
		size = rtp_ext_write(buf + RTP_HEADER_SIZE, 100, &e, 1);
	assert_true(size >= 0);
	return RTP_HEADER_SIZE + (size_t)size;
}

static int
track_of(struct peer *p, uint32_t ssrc, uint8_t pt, const char *mid, bool *rtx)
{
	uint8_t buf[128];
	struct rtp_packet packet;
	struct peer_line *line;

	*rtx = false;
	assert_int_equal(rtp_parse(&packet, buf, rtp_make(buf, ssrc, pt, mid)), 0);
	line = peer_line_of(p, &packet, rtx);
	return line != NULL ? (int)(line - p->lines) : -1;
}

static void
packets_find_their_track(void **state)
{
	struct dtls_ctx *ctx = dtls_ctx_new();
	struct peer *p = make(ctx, PEER_ICE_FULL);
	struct peer_track t[3] = {video_track("cam", 96, 97), video_track("screen", 96, 97),
				  video_track("other", 100, 0)};
	struct peer_remote r;
	bool rtx;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		t[i].direction = PEER_RECEIVE;
		t[i].ext.mid = 3;
	}
	t[1].remote_ssrc = 55;
	remote_make(&r, ctx, t, 3);
	assert_int_equal(peer_start(p, 1, &r), 0);
	assert_int_equal(track_of(p, 1, 96, NULL, &rtx), -1); /* two tracks have 96 */
	assert_int_equal(track_of(p, 1, 96, "nobody", &rtx), -1);
	assert_int_equal(track_of(p, 1, 96, "cam", &rtx), 0);
	assert_int_equal(track_of(p, 1, 96, NULL, &rtx), 0);   /* learnt */
	assert_int_equal(track_of(p, 55, 96, NULL, &rtx), 1);  /* declared */
	assert_int_equal(track_of(p, 55, 99, NULL, &rtx), -1); /* a payload type of nobody */
	assert_int_equal(track_of(p, 9, 97, "screen", &rtx), 1);
	assert_true(rtx);
	assert_int_equal(track_of(p, 9, 97, NULL, &rtx), 1);
	assert_true(rtx);
	assert_int_equal(track_of(p, 77, 100, NULL, &rtx), 2); /* only one track has 100 */
	assert_false(rtx);
	assert_false(p->lines[0].rx->restarted);
	assert_int_equal(track_of(p, 2, 96, "cam", &rtx), 0); /* a new publisher */
	assert_true(p->lines[0].rx->restarted);
	assert_int_equal(track_of(p, 1, 96, NULL, &rtx), -1); /* the old one is forgotten */
	peer_free(p);
	dtls_ctx_free(ctx);
}

/* A check of the other side by TCP or UDP; its answer is thrown away. */
static void
check_from(struct peer *p, const struct peer_remote *r, uint8_t proto, uint16_t port)
{
	static const uint8_t txid[STUN_TXID_SIZE] = {1};
	struct ice_tuple from;
	struct peer_datagram d;
	struct stun_writer w;
	uint8_t buf[256];
	int size;

	memset(&from, 0, sizeof(from));
	from.proto = proto;
	from.channel = proto == ICE_TCP;
	assert_int_equal(addr_parse(&from.remote, "192.0.2.1", port), 0);
	stun_start(&w, buf, sizeof(buf), STUN_REQUEST, txid);
	stun_add_username(&w, peer_local(p)->ufrag, r->ice.ufrag);
	stun_add_u32(&w, STUN_PRIORITY, 1);
	stun_add_u64(&w, STUN_ICE_CONTROLLING, 1);
	size = stun_finish(&w, peer_local(p)->pwd, true);
	assert_true(size > 0);
	assert_int_equal(peer_input(p, 1000, &from, buf, (size_t)size), 0);
	while (peer_poll(p, &d) > 0)
		;
}

/* The path of a connection that was closed is none; the next one that is proven takes its place. */
static void
a_lite_peer_loses_a_connection(void **state)
{
	struct dtls_ctx *ctx = dtls_ctx_new();
	struct peer *p = make(ctx, PEER_ICE_LITE);
	struct peer_track t = video_track("0", 96, 97);
	struct ice_tuple gone;
	struct peer_remote r;

	(void)state;
	remote_make(&r, ctx, &t, 1);
	assert_int_equal(peer_start(p, 1, &r), 0);
	peer_lose_pair(p, 500, &(struct ice_tuple){.proto = ICE_TCP}, -ECONNRESET); /* nobody's */
	check_from(p, &r, ICE_TCP, 5000);
	assert_true(peer_has_path(p));
	assert_int_equal(p->path.proto, ICE_TCP);
	gone = p->path;
	peer_lose_pair(p, 2000, &gone, -ECONNRESET);
	assert_false(peer_has_path(p));
	check_from(p, &r, ICE_UDP, 5001); /* it has not answered ours */
	assert_false(peer_has_path(p));
	check_from(p, &r, ICE_TCP, 5002);
	assert_true(peer_has_path(p));
	assert_int_equal(addr_port(&p->path.remote), 5002);
	peer_free(p);
	dtls_ctx_free(ctx);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(credentials_are_made_or_checked),
	    cmocka_unit_test(unusable_answers_are_refused),
	    cmocka_unit_test(callers_mistakes_are_refused),
	    cmocka_unit_test(demultiplexer_takes_its_kinds),
	    cmocka_unit_test(truncations_change_nothing),
	    cmocka_unit_test(packets_find_their_track),
	    cmocka_unit_test(a_lite_peer_loses_a_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
