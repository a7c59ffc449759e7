/*
 * child.c - one RTMP connection: octets between the socket and lib/rtmp, what it publishes to the
 * relay. Whatever it does wrong ends this process and nothing else.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/text.h"
#include "ingest.h"
#include "log/log.h"
#include "loop/loop.h"
#include "modes.h"
#include "permit.h"
#include "play.h"
#include "rtmp/rtmp.h"
#include "whip/whip_auth.h"
#include "wire.h"

enum {
	DESCRIPTORS_MAX = 64,
	TRACKS_WAIT_US = 2000000, /* for the second track's header */
	LINGER_MS = 2000,	  /* for the peer to read why it was refused */
	BEHIND = 1 << 20	  /* octets that wait for a player: nothing more is read for it */
};

static struct {
	const struct options *options;
	const char *media_socket, *live_socket;
	uv_loop_t loop;
	uv_poll_t socket;
	uv_timer_t timer;
	int fd;
	struct wire wire;
	struct rtmp *rtmp;
	struct ingest *ingest;
	struct play *play;
	bool player_paused, wait_keyframe; /* of a player */
	struct whip_auth auth;
	char stream[TEXT_STREAM_SIZE], credential[256];
	char peer[ADDR_TEXT_SIZE], host[ADDR_TEXT_SIZE]; /* its address with the port, and alone */
	uint64_t published_us;				 /* 0: not yet */
	bool asked, ending, paused, closed;
	uint64_t octets;
} c;

static void settle(void);

static void
stop_loop(uv_timer_t *timer)
{
	(void)timer;
	uv_stop(&c.loop);
}

static void
end_ingest(void)
{
	if (c.ingest != NULL && !c.asked) {
		ingest_flush(c.ingest, clock_now_us());
		if (!ingest_is_published(c.ingest))
			log_warn("source", "%s has ended before a codec was known: nobody saw it",
				 c.stream);
	}
	ingest_free(c.ingest);
	c.ingest = NULL;
}

/* End after what waits was sent, or after a while. */
static void
begin_end(void)
{
	if (c.ending)
		return;
	c.ending = true;
	end_ingest();
	play_free(c.play);
	c.play = NULL;
	uv_timer_start(&c.timer, stop_loop, LINGER_MS, 0);
}

static void
fail(const char *words)
{
	log_info("connection", "%s: %s", c.peer, words);
	uv_stop(&c.loop);
	c.ending = true;
}

static void
refuse(enum rtmp_refusal why, const char *words)
{
	log_info("connection", "%s: refused: %s", c.peer, words);
	rtmp_refuse(c.rtmp, why, words);
	begin_end();
}

/* ---- the publication ---- */

static void
on_state(void *arg, enum link_state state, const char *words)
{
	(void)arg;
	if (state == LINK_LIVE) {
		log_info("connection", "%s publishes %s", c.peer, c.stream);
		c.asked = false;
		rtmp_accept(c.rtmp);
	} else if (c.asked)
		refuse(state == LINK_BUSY ? RTMP_BAD_NAME : RTMP_UNAVAILABLE, words);
	else {
		log_warn("relay", "%s: %s", c.stream, words);
		rtmp_stop(c.rtmp);
		begin_end();
	}
	settle();
}

static void
on_drained(void *arg)
{
	(void)arg;
	c.paused = false;
	settle();
}

static const struct ingest_events ingest_events = {.state = on_state, .drained = on_drained};

/* The value of name= in a query, without escapes. */
static bool
query_value(const char *query, const char *name, char *out, size_t size)
{
	size_t n = strlen(name);

	for (const char *p = query; *p != '\0'; p += strcspn(p, "&"), p += *p == '&') {
		size_t length;

		if (strncmp(p, name, n) != 0 || p[n] != '=')
			continue;
		length = strcspn(p + n + 1, "&");
		if (length == 0 || length >= size)
			return false;
		memcpy(out, p + n + 1, length);
		out[length] = '\0';
		return true;
	}
	return false;
}

/* Does the query carry a token of the file? Without a file everybody may. */
static bool
is_allowed(const char *query)
{
	if (!query_value(query, "secret", c.credential, sizeof(c.credential)) &&
	    !query_value(query, "token", c.credential, sizeof(c.credential)))
		c.credential[0] = '\0';
	return c.options->token_file == NULL || whip_auth_knows(&c.auth, c.credential);
}

/* What is done once the hook, if there is one, has allowed it. */
static void (*begin)(void);

static void
on_verdict(const struct hook_verdict *verdict)
{
	if (c.ending)
		return;
	if (verdict->allowed)
		begin();
	else
		refuse(verdict->unavailable ? RTMP_UNAVAILABLE : RTMP_DENIED, verdict->words);
	settle();
}

static void
ask_hook(const struct rtmp_event *e, enum hook_action action)
{
	struct hook_client client = {.action = action,
				     .address = c.host,
				     .stream = c.stream,
				     .query = e->query,
				     .scheme = "rtmp"};

	if (!c.options->hook)
		begin();
	else if (permit_ask(&c.loop, &client, on_verdict) < 0)
		refuse(RTMP_UNAVAILABLE, hook_read(NULL).words);
}

static void
begin_publication(void)
{
	const struct ingest_config config = {.loop = &c.loop,
					     .media_socket = c.media_socket,
					     .stream = c.stream,
					     .credential = c.credential,
					     .client = c.host,
					     .opus_bps = c.options->opus_bps,
					     .playout_delay_ms = c.options->playout_delay_ms,
					     .video = c.options->video};
	const char *words = "";

	c.published_us = clock_now_us();
	c.ingest = ingest_new(&config, &ingest_events, NULL, &words);
	if (c.ingest == NULL)
		refuse(RTMP_UNAVAILABLE, "the relay does not run");
}

static void
on_publish(const struct rtmp_event *e)
{
	int n = snprintf(c.stream, sizeof(c.stream), "%s/%s", e->app, e->stream);

	if (n < 0 || (size_t)n >= sizeof(c.stream) || !text_is_stream(c.stream)) {
		refuse(RTMP_BAD_NAME,
		       "a stream's name is app/stream, of letters, digits and . _ ~ @ : -");
		return;
	}
	if (!is_allowed(e->query)) {
		refuse(RTMP_DENIED, "the stream key needs ?secret= or ?token= with a valid token");
		return;
	}
	c.asked = true;
	begin = begin_publication;
	ask_hook(e, HOOK_PUBLISH);
}

/* ---- the other way: a player ---- */

static void
on_play_started(void *arg)
{
	(void)arg;
	log_info("connection", "%s plays %s", c.peer, c.stream);
	c.asked = false;
	rtmp_accept(c.rtmp);
	settle();
}

static void
on_play_ended(void *arg, bool found, const char *words)
{
	(void)arg;
	if (c.asked)
		refuse(found ? RTMP_UNAVAILABLE : RTMP_NOT_FOUND, words);
	else {
		log_info("connection", "%s: %s: %s", c.peer, c.stream, words);
		rtmp_stop(c.rtmp);
		begin_end();
	}
	settle();
}

/* After a pause a player's picture begins at a keyframe. Parameter sets always go. */
static bool
is_for_player(const struct flv_tag *tag)
{
	struct flv_video v;

	if (tag->type != FLV_VIDEO || flv_video_parse(&v, tag->data, tag->size) < 0 ||
	    v.kind != FLV_FRAME)
		return tag->type != FLV_AUDIO || !c.player_paused;
	c.wait_keyframe = c.player_paused || (c.wait_keyframe && !v.keyframe);
	return !c.wait_keyframe;
}

static void
on_play_tag(void *arg, const struct flv_tag *tag)
{
	const uint8_t *out;

	(void)arg;
	if (c.ending || !is_for_player(tag))
		return;
	if (rtmp_send(c.rtmp, tag) == -ENOBUFS)
		fail("the player does not read");
	if (rtmp_output(c.rtmp, &out) > BEHIND)
		play_hold(c.play, true);
	settle();
}

static const struct play_events play_events = {
    .started = on_play_started, .ended = on_play_ended, .tag = on_play_tag};

static void
begin_playing(void)
{
	c.play = play_new(&c.loop, c.live_socket, c.stream, c.host, &play_events, NULL);
	if (c.play == NULL)
		refuse(RTMP_UNAVAILABLE, "rtc2rtmp, which plays streams, does not run");
}

static void
on_play(const struct rtmp_event *e)
{
	int n = snprintf(c.stream, sizeof(c.stream), "%s/%s", e->app, e->stream);

	if (n < 0 || (size_t)n >= sizeof(c.stream) || !text_is_stream(c.stream)) {
		refuse(RTMP_NOT_FOUND, "a stream's name is app/stream");
		return;
	}
	c.asked = true;
	begin = begin_playing;
	ask_hook(e, HOOK_PLAY);
}

static void
on_event(const struct rtmp_event *e)
{
	switch (e->type) {
	case RTMP_PUBLISH:
		on_publish(e);
		break;
	case RTMP_PLAY:
		on_play(e);
		break;
	case RTMP_PAUSE:
		c.player_paused = e->paused;
		break;
	case RTMP_MEDIA:
		if (c.ingest != NULL && ingest_tag(c.ingest, &e->tag, clock_now_us()) < 0)
			fail("out of memory, or tracks that change all the time");
		break;
	case RTMP_STOPPED:
		log_info("connection", "%s has ended %s", c.peer, c.stream);
		begin_end();
		break;
	default:
		break;
	}
}

/* ---- the socket ---- */

static void
take_octets(const uint8_t *buf, size_t size)
{
	struct rtmp_event e;
	int rc;

	c.octets += size;
	if (c.ending) /* only so that the peer can read to the end */
		return;
	rc = rtmp_input(c.rtmp, clock_now_us(), buf, size);
	while (rc == 0 && !c.ending) {
		rc = rtmp_poll(c.rtmp, &e);
		if (rc <= 0)
			break;
		on_event(&e);
		rc = 0;
	}
	if (rc < 0)
		fail(rc == -EBADMSG ? "this is no RTMP" : strerror(-rc));
	else if (c.ingest != NULL && ingest_is_full(c.ingest))
		c.paused = true;
}

static void
on_read_error(int rc)
{
	char words[TLS_WORDS_SIZE];

	if (rc == -EPROTO) {
		snprintf(words, sizeof(words), "TLS: %s", wire_words(&c.wire));
		fail(words);
	} else if (rc != -EAGAIN)
		fail(rc == 0 ? "the peer hung up" : strerror(-rc));
}

/* All that one read brought: of what TLS has decrypted the socket would not tell again. */
static void
read_socket(void)
{
	static uint8_t buf[RTMP_INPUT_MAX];
	ssize_t n = wire_recv(&c.wire, buf, sizeof(buf));

	while (n > 0) {
		take_octets(buf, (size_t)n);
		n = wire_more(&c.wire, buf, sizeof(buf));
	}
	on_read_error((int)n);
}

static void
write_socket(void)
{
	const uint8_t *out;
	size_t size;

	while ((size = rtmp_output(c.rtmp, &out)) > 0 || wire_waits(&c.wire)) {
		ssize_t n = wire_send(&c.wire, out, size);

		if (n < 0) {
			fail(strerror((int)-n));
			return;
		}
		if (n == 0 && (size > 0 || wire_waits(&c.wire)))
			return;
		rtmp_sent(c.rtmp, (size_t)n);
	}
	if (c.ending && !c.closed) {
		c.closed = true;
		wire_shutdown(&c.wire);
	}
}

static void
on_socket(uv_poll_t *poll, int status, int events)
{
	(void)poll;
	if (status < 0 || (events & UV_READABLE) != 0)
		read_socket();
	settle();
}

static void
on_timer(uv_timer_t *timer)
{
	uint64_t now = clock_now_us();

	(void)timer;
	if (rtmp_timeout(c.rtmp, now) < 0) {
		fail(wire_is_open(&c.wire) ? "silent for too long" : "no TLS handshake in time");
		return;
	}
	if (c.ingest != NULL && c.published_us != 0 && now - c.published_us > TRACKS_WAIT_US)
		ingest_flush(c.ingest, now);
	settle();
}

/* Send what waits, then wait for what comes next. */
static void
settle(void)
{
	const uint8_t *out;
	uint64_t now = clock_now_us(), at;
	int events;

	write_socket();
	if (c.play != NULL && rtmp_output(c.rtmp, &out) <= BEHIND / 2)
		play_hold(c.play, false);
	events = c.paused ? 0 : UV_READABLE;
	if (wire_waits(&c.wire) || (rtmp_output(c.rtmp, &out) > 0 && wire_is_open(&c.wire)))
		events |= UV_WRITABLE;
	if (events != 0)
		uv_poll_start(&c.socket, events, on_socket);
	else
		uv_poll_stop(&c.socket);
	if (c.ending)
		return;
	at = rtmp_deadline(c.rtmp);
	at = at < now + 1000000 ? at : now + 1000000;
	uv_timer_start(&c.timer, on_timer, at > now ? (at - now) / 1000 + 1 : 0, 0);
}

/* ---- the process ---- */

static void
on_signal(void *arg, int signum)
{
	(void)arg;
	(void)signum;
	rtmp_stop(c.rtmp);
	begin_end();
	settle();
}

static void
name_peer(void)
{
	struct sockaddr_storage ss;
	socklen_t size = sizeof(ss);
	struct addr a;

	text_copy(c.peer, sizeof(c.peer), "?");
	if (getpeername(c.fd, (struct sockaddr *)&ss, &size) == 0 &&
	    addr_from_sockaddr(&a, (struct sockaddr *)&ss) == 0) {
		addr_format(&a, c.peer);
		addr_format_host(&a, c.host);
	}
}

/* The certificates are read for each connection: renewed ones need no restart. */
static int
set_up_wire(void)
{
	const struct tls_pair pair = {.cert = c.options->cert, .key = c.options->key};
	char words[TLS_WORDS_SIZE];
	struct tls_ctx *ctx = NULL;
	int rc;

	if (pair.cert != NULL) {
		ctx = tls_ctx_load(&pair, 1, NULL, words);
		if (ctx == NULL) {
			log_error("tls", "%s", words);
			return EX_CONFIG;
		}
	}
	rc = wire_init(&c.wire, c.fd, ctx);
	tls_ctx_unref(ctx);
	return rc < 0 ? EX_OSERR : EX_OK;
}

static int
set_up(void)
{
	const struct rlimit descriptors = {DESCRIPTORS_MAX, DESCRIPTORS_MAX};
	int on = 1, rc = 0;

	if (c.options->token_file != NULL)
		rc = whip_auth_load(&c.auth, c.options->token_file);
	if (rc < 0) {
		log_error("options", "%s: %s", c.options->token_file, strerror(-rc));
		return EX_NOINPUT;
	}
	name_peer();
	setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	fcntl(c.fd, F_SETFL, fcntl(c.fd, F_GETFL) | O_NONBLOCK);
	fcntl(c.fd, F_SETFD, FD_CLOEXEC);
	setrlimit(RLIMIT_NOFILE, &descriptors);
	rc = set_up_wire();
	if (rc != EX_OK)
		return rc;
	loop_drop_privileges(NULL);
	c.rtmp = rtmp_server_new(random_u64(), clock_now_us());
	uv_loop_init(&c.loop);
	uv_timer_init(&c.loop, &c.timer);
	if (c.rtmp == NULL || uv_poll_init(&c.loop, &c.socket, c.fd) < 0) {
		log_error("connection", "descriptor %d is no connection", c.fd);
		return EX_OSERR;
	}
	loop_on_signal(&c.loop, SIGINT, on_signal, NULL);
	loop_on_signal(&c.loop, SIGTERM, on_signal, NULL);
	return EX_OK;
}

int
child_run(const struct options *o, const char *media_socket, const char *live_socket)
{
	int code;

	c.options = o;
	c.media_socket = media_socket;
	c.live_socket = live_socket;
	c.fd = o->connection_fd;
	code = set_up();
	if (code != EX_OK)
		return code;
	settle();
	uv_run(&c.loop, UV_RUN_DEFAULT);
	end_ingest();
	play_free(c.play);
	permit_end();
	rtmp_free(c.rtmp);
	wire_fini(&c.wire);
	whip_auth_fini(&c.auth);
	loop_finish(&c.loop);
	close(c.fd);
	return EX_OK;
}
