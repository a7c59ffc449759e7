/* stage_dtls.c - dtls: the peer takes the way that the checks found, and shakes hands. */
#include "stage_dtls.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/text.h"
#include "client/plan.h"
#include "stage_media.h"

enum { DATAGRAM_MAX = 2048, BATCH = 64, HANDSHAKE = 22, CLIENT_HELLO = 1, RECORD_HEAD = 13 };

/* ---- callbacks of the peer ---- */

static void
on_connected(void *arg, const struct peer_info *info)
{
	struct exam *x = arg;

	x->connected = true;
	x->info = *info;
}

static void
on_failed(void *arg, enum peer_stage stage, const char *words)
{
	struct exam *x = arg;

	x->ended = true;
	x->ended_stage = stage;
	text_copy(x->ended_words, sizeof(x->ended_words), words);
}

static void
on_closed(void *arg, const char *words)
{
	on_failed(arg, PEER_STAGE_MEDIA, words);
}

static void
on_packet(void *arg, const struct peer_packet *packet)
{
	media_packet(arg, packet);
}

static void
on_keyframe(void *arg, unsigned track)
{
	(void)track;
	media_keyframe_asked(arg);
}

const struct peer_events dtls_events = {
    .connected = on_connected,
    .failed = on_failed,
    .closed = on_closed,
    .packet = on_packet,
    .keyframe = on_keyframe,
};

/* ---- the peer on its sockets ---- */

static void
send_by_tcp(struct exam *x, const struct peer_datagram *out)
{
	struct tcp_conn *c = x->tcp != NULL ? tcp_find(x->tcp, out->to.channel) : NULL;

	if (c == NULL)
		return;
	memcpy(tcp_reserve(c, out->size), out->buf, out->size);
	tcp_commit(c, out->size);
}

static void
send_all(struct exam *x)
{
	struct peer_datagram out;

	while (peer_poll(x->peer, &out) > 0) {
		int fd = out.to.channel < 2 ? x->udp_fd[out.to.channel] : -1;

		if (out.to.proto == ICE_TCP) {
			send_by_tcp(x, &out);
			continue;
		}
		/* What the kernel refuses is lost, as on any path. */
		(void)!sendto(fd, out.buf, out.size, MSG_DONTWAIT, &out.to.remote.sa,
			      addr_size(&out.to.remote));
	}
	if (x->tcp != NULL)
		tcp_flush(x->tcp, clock_now_us());
}

static void
note_dtls(struct exam *x, const uint8_t *buf, size_t size)
{
	if (!dtls_accepts(buf, size))
		return;
	x->dtls_seen++;
	if (size > RECORD_HEAD && buf[0] == HANDSHAKE && buf[RECORD_HEAD] == CLIENT_HELLO)
		x->hello_seen = true;
}

static void
receive(struct exam *x, unsigned channel)
{
	uint8_t buf[DATAGRAM_MAX];

	for (unsigned i = 0; i < BATCH; i++) {
		struct sockaddr_storage from;
		socklen_t from_size = sizeof(from);
		ssize_t n = recvfrom(x->udp_fd[channel], buf, sizeof(buf), MSG_DONTWAIT,
				     (struct sockaddr *)&from, &from_size);
		struct ice_tuple tuple;

		if (n < 0)
			return;
		memset(&tuple, 0, sizeof(tuple));
		tuple.proto = ICE_UDP;
		tuple.channel = channel;
		if (addr_from_sockaddr(&tuple.remote, (struct sockaddr *)&from) < 0)
			continue;
		note_dtls(x, buf, (size_t)n);
		/* What does not authenticate is dropped: anyone can send it. */
		(void)peer_input(x->peer, clock_now_us(), &tuple, buf, (size_t)n);
	}
}

static enum tcp_verdict
on_tcp_packet(void *arg, struct tcp_conn *c, uint8_t *buf, size_t size)
{
	struct exam *x = arg;

	note_dtls(x, buf, size);
	(void)peer_input(x->peer, clock_now_us(), tcp_conn_tuple(c), buf, size);
	return TCP_STAYS;
}

static void
on_tcp_closed(void *arg, struct tcp_conn *c)
{
	struct exam *x = arg;
	int error = tcp_conn_error(c);

	peer_lose_pair(x->peer, clock_now_us(), tcp_conn_tuple(c),
		       error != 0 ? error : -ECONNRESET);
}

/* hand_over is for what TCP_MOVES, which nothing here says. */
static const struct tcp_handlers tcp_handlers = {.packet = on_tcp_packet, .closed = on_tcp_closed};

static void
read_ready(struct exam *x, const struct pollfd *wait)
{
	for (unsigned i = 0; i < 2; i++)
		if (wait[i].revents != 0)
			receive(x, i);
	if (x->tcp != NULL && wait[2].revents != 0)
		tcp_turn(x->tcp, clock_now_us());
}

int
dtls_work(struct exam *x, uint64_t until_us, bool (*done)(struct exam *x))
{
	struct pollfd wait[3];

	while (true) {
		uint64_t now_us = clock_now_us();
		int r;

		peer_timeout(x->peer, now_us);
		send_all(x);
		if (done(x))
			return 1;
		if (now_us >= until_us)
			return 0;
		for (unsigned i = 0; i < 2; i++)
			wait[i] = (struct pollfd){.fd = x->udp_fd[i], .events = POLLIN};
		wait[2] =
		    (struct pollfd){.fd = x->tcp != NULL ? tcp_fd(x->tcp) : -1, .events = POLLIN};
		r = exam_wait(x, wait, 3, MIN_OF(peer_deadline(x->peer), until_us));
		if (r < 0)
			return r;
		read_ready(x, wait);
	}
}

void
dtls_farewell(struct exam *x)
{
	if (x->peer == NULL || !x->connected)
		return;
	peer_close(x->peer, clock_now_us());
	send_all(x);
	x->connected = false;
}

/* ---- the stage ---- */

static int
start(struct exam *x)
{
	struct peer_track tracks[PEER_TRACKS_MAX];
	struct peer_remote r;
	size_t count = MIN_OF(x->plan->track_count, (size_t)PEER_TRACKS_MAX);
	int error = client_plan_remote(&r, x->plan);

	for (size_t i = 0; i < count; i++) {
		const struct sdp_media *m = &x->offer->media[i];

		client_plan_track(&tracks[i], &x->plan->tracks[i]);
		if (m->ssrc_count > 0)
			tracks[i].ssrc = m->ssrcs[0].ssrc;
	}
	r.tracks = tracks;
	r.track_count = count;
	return error < 0 ? error : peer_start(x->peer, clock_now_us(), &r);
}

/* A connection that fails is told by on_tcp_closed(). */
static void
add_tcp_pair(struct exam *x, const struct exam_target *t)
{
	struct tcp_conn *c;

	if (x->tcp == NULL)
		x->tcp = tcp_new(&tcp_handlers, x);
	if (x->tcp != NULL && tcp_connect(x->tcp, clock_now_us(), &t->addr, x, &c) == 0)
		(void)peer_add_pair(x->peer, tcp_conn_tuple(c), t->priority);
}

static void
add_pair(struct exam *x, const struct exam_target *t)
{
	unsigned channel = t->addr.sa.sa_family == AF_INET6;
	struct ice_tuple tuple;

	if (x->udp_fd[channel] < 0)
		x->udp_fd[channel] =
		    socket(t->addr.sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	memset(&tuple, 0, sizeof(tuple));
	tuple.remote = t->addr;
	tuple.proto = ICE_UDP;
	tuple.channel = channel;
	(void)peer_add_pair(x->peer, &tuple, t->priority);
}

static bool
is_settled(struct exam *x)
{
	return x->connected || x->ended;
}

static void
say_connected(const struct exam *x, struct doctor_finding *f)
{
	doctor_say(f, "%s%s as %s, %s", x->info.dtls_version, x->tcp != NULL ? " by TCP" : "",
		   x->plan->dtls_client ? "client" : "server", x->info.cipher);
	doctor_say(f, "curve %s", x->info.group);
	doctor_say(f, "%s", x->info.profile_name);
	doctor_say(f, "the fingerprint is the SDP's");
}

static enum doctor_cause
cause_of(const struct exam *x)
{
	bool client = x->plan->dtls_client;

	if (x->ended && x->ended_stage == PEER_STAGE_ICE)
		return DOCTOR_DTLS_PATH;
	if (strstr(x->ended_words, "fingerprint") != NULL)
		return DOCTOR_DTLS_FINGERPRINT;
	if (strstr(x->ended_words, "SRTP protection profile") != NULL)
		return DOCTOR_DTLS_PROFILE;
	if (client && x->hello_seen) /* both begin */
		return DOCTOR_DTLS_ROLE;
	if (x->dtls_seen == 0)
		return client ? DOCTOR_DTLS_SILENT : DOCTOR_DTLS_ROLE;
	return DOCTOR_DTLS_FAILED;
}

void
stage_dtls(struct exam *x, struct doctor_finding *f)
{
	if (start(x) < 0) {
		doctor_say(f, "the answer's credentials or tracks are unusable");
		doctor_blame(f, DOCTOR_SDP_LINE);
		return;
	}
	for (size_t i = 0; i < x->target_count; i++) {
		const struct exam_target *t = &x->targets[i];

		if (!t->answered || t->tcp == ((x->have & EXAM_UDP) != 0))
			continue; /* TCP only where there is no UDP, as browsers do */
		if (t->tcp)
			add_tcp_pair(x, t);
		else
			add_pair(x, t);
	}
	if (dtls_work(x, x->deadline_us, is_settled) < 0)
		return;
	if (x->connected) {
		say_connected(x, f);
		x->have |= EXAM_DTLS;
		return;
	}
	if (x->ended_words[0] == '\0')
		peer_explain(x->peer, x->ended_words, sizeof(x->ended_words));
	doctor_say(f, "%s", x->ended_words);
	doctor_blame(f, cause_of(x));
}
