#include "client/turn_conn.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/text.h"

enum {
	READS_PER_TURN = 64, /* datagrams, or pieces of a stream */
	READ_SIZE = 16384,
	SOCKET_BUFFER = 1 << 20,
	IN_SIZE = TURN_FRAME_MAX + READ_SIZE
};

struct turn_conn {
	struct turn *turn;
	int fd;
	bool stream, connecting;
	struct tls *tls; /* NULL: plain */
	/* Streams only: what came of a message that is not whole; what the kernel did not take. */
	uint8_t *in, *out;
	size_t in_size, out_size;
	bool turning; /* inside turn_conn_turn(): one write at its end */
	char words[TURN_CONN_WORDS_SIZE];
};

/* ---- life ---- */

static int
open_socket(struct turn_conn *c, const struct addr *at)
{
	static const int size = SOCKET_BUFFER, on = 1;
	int type = c->stream ? SOCK_STREAM : SOCK_DGRAM;

	c->fd = socket(at->sa.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return -errno;
	if (c->stream) {
		(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	} else { /* best effort: the kernel caps them at its own limit */
		(void)setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
		(void)setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	}
	if (connect(c->fd, &at->sa, addr_size(at)) == 0)
		return 0;
	c->connecting = errno == EINPROGRESS;
	return c->connecting ? 0 : -errno;
}

static int
open_all(struct turn_conn *c, const struct turn_conn_config *config, uint64_t now_us)
{
	const struct turn_server *s = config->server;
	const struct turn_config tc = {.username = turn_server_relays(s) ? s->username : NULL,
				       .credential = s->credential,
				       .family = config->family,
				       .stream = c->stream,
				       .lifetime_s = config->lifetime_s,
				       .timeout_us = config->timeout_us,
				       .seed = random_u64()};

	c->turn = turn_new(&tc, now_us);
	if (c->turn == NULL)
		return -ENOMEM;
	if (c->stream) {
		c->in = malloc(IN_SIZE);
		c->out = malloc(TURN_CONN_QUEUE_MAX);
		if (c->in == NULL || c->out == NULL)
			return -ENOMEM;
	}
	if (s->scheme == TURN_TURNS || s->scheme == TURN_STUNS) {
		c->tls =
		    c->stream && config->tls != NULL ? tls_new_client(config->tls, s->host) : NULL;
		if (c->tls == NULL)
			return -EPROTONOSUPPORT; /* DTLS to the server: nobody uses it */
	}
	return open_socket(c, &config->at);
}

struct turn_conn *
turn_conn_new(const struct turn_conn_config *config, uint64_t now_us)
{
	struct turn_conn *c = calloc(1, sizeof(*c));
	int r;

	if (c == NULL)
		return NULL;
	c->fd = -1;
	c->stream = config->server->tcp;
	r = open_all(c, config, now_us);
	if (r == 0)
		return c;
	turn_conn_free(c);
	errno = -r;
	return NULL;
}

void
turn_conn_free(struct turn_conn *c)
{
	if (c == NULL)
		return;
	if (c->fd >= 0)
		close(c->fd);
	tls_free(c->tls);
	turn_free(c->turn);
	free(c->in);
	free(c->out);
	free(c);
}

/* words: "" for those of the error. */
static void
lose(struct turn_conn *c, int error, const char *words)
{
	if (turn_state(c->turn) == TURN_ENDED)
		return;
	text_copy(c->words, sizeof(c->words), words);
	turn_lose(c->turn, error);
}

/* ---- writing ---- */

/* Octets for the wire of a stream, all or nothing. */
static void
queue(struct turn_conn *c, const void *buf, size_t size)
{
	if (size > TURN_CONN_QUEUE_MAX - c->out_size) { /* a hole would be the end */
		lose(c, -ENOBUFS, "does not keep up with what is sent");
		return;
	}
	memcpy(c->out + c->out_size, buf, size);
	c->out_size += size;
}

/* Is there a connection, and room in its queue for a message with what TLS adds? */
static bool
takes(const struct turn_conn *c, size_t size)
{
	return !c->connecting && (c->tls == NULL || tls_established(c->tls)) &&
	       size + TLS_RECORD_MAX <= TURN_CONN_QUEUE_MAX - c->out_size;
}

static void
take_records(struct turn_conn *c)
{
	const uint8_t *records;
	size_t size = tls_output(c->tls, &records);

	if (size > 0)
		queue(c, records, size);
	tls_output_taken(c->tls);
}

/* The message in pieces, whole. */
static void
write_stream(struct turn_conn *c, const struct iovec *vecs, int count)
{
	size_t size = 0;

	for (int i = 0; i < count; i++)
		size += vecs[i].iov_len;
	if (!takes(c, size))
		return; /* lost, like a datagram */
	for (int i = 0; i < count; i++)
		if (c->tls == NULL)
			queue(c, vecs[i].iov_base, vecs[i].iov_len);
		else if (tls_write(c->tls, vecs[i].iov_base, vecs[i].iov_len) < 0)
			lose(c, -EPROTO, tls_words(c->tls));
	if (c->tls != NULL)
		take_records(c);
}

static void
write_out(struct turn_conn *c)
{
	ssize_t n;

	if (c->out_size == 0 || c->connecting)
		return;
	n = send(c->fd, c->out, c->out_size, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		lose(c, -errno, "");
	if (n <= 0)
		return;
	c->out_size -= (size_t)n;
	memmove(c->out, c->out + n, c->out_size);
}

void
turn_conn_send(struct turn_conn *c, const struct addr *peer, const void *buf, size_t size)
{
	static uint8_t zeros[4];
	struct turn_head head;
	struct iovec vecs[3];
	struct msghdr m = {.msg_iov = vecs, .msg_iovlen = 3};

	if (turn_head(c->turn, peer, size, &head) < 0)
		return;
	vecs[0] = (struct iovec){head.buf, head.size};
	vecs[1] = (struct iovec){(void *)(uintptr_t)buf, size};
	vecs[2] = (struct iovec){zeros, head.padding};
	if (c->stream)
		write_stream(c, vecs, 3);
	else
		(void)sendmsg(c->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void
turn_conn_flush(struct turn_conn *c)
{
	uint8_t buf[TURN_MESSAGE_MAX];
	struct iovec vec = {buf, 0};

	while (takes(c, sizeof(buf))) { /* over a stream requests are not repeated: none is lost */
		vec.iov_len = turn_poll(c->turn, buf, sizeof(buf));
		if (vec.iov_len == 0)
			break;
		if (c->stream)
			write_stream(c, &vec, 1);
		else
			(void)send(c->fd, buf, vec.iov_len, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	if (c->stream && !c->turning)
		write_out(c);
}

/* ---- reading ---- */

static void
take_message(struct turn_conn *c, uint64_t now_us, uint8_t *buf, size_t size, turn_conn_fn *fn,
	     void *arg)
{
	struct turn_data data;

	/* Over UDP what is not understood may be anybody's; over a stream framing vouches. */
	if (turn_input(c->turn, now_us, buf, size, &data) == 1)
		fn(arg, &data.peer, data.buf, data.size);
}

/* Cut the whole messages off what came. */
static void
cut(struct turn_conn *c, uint64_t now_us, turn_conn_fn *fn, void *arg)
{
	size_t at = 0;

	while (at < c->in_size && turn_state(c->turn) != TURN_ENDED) {
		int size = turn_frame_size(c->in + at, c->in_size - at);

		if (size < 0) {
			lose(c, -EBADMSG, "");
			break;
		}
		if (size == 0 || (size_t)size > c->in_size - at)
			break;
		take_message(c, now_us, c->in + at, (size_t)size, fn, arg);
		at += (size_t)size;
	}
	c->in_size -= at;
	memmove(c->in, c->in + at, c->in_size);
}

/* What TLS has, all of it: else it would wait for the next event of the socket. */
static void
drain_tls(struct turn_conn *c, uint64_t now_us, turn_conn_fn *fn, void *arg)
{
	int n;

	do {
		n = tls_read(c->tls, c->in + c->in_size, IN_SIZE - c->in_size);
		if (n > 0) {
			c->in_size += (size_t)n;
			cut(c, now_us, fn, arg);
		}
	} while (n > 0);
	take_records(c); /* of the handshake; or the alert that says what is wrong */
	if (n == -EPROTO)
		lose(c, n, tls_words(c->tls));
	else if (n == 0)
		lose(c, -ECONNRESET, "closed the connection");
}

static void
read_stream(struct turn_conn *c, uint64_t now_us, turn_conn_fn *fn, void *arg)
{
	uint8_t buf[READ_SIZE];
	ssize_t n = 1;

	if (c->tls != NULL)
		drain_tls(c, now_us, fn, arg); /* the first time: it begins */
	for (unsigned i = 0; i < READS_PER_TURN && turn_state(c->turn) != TURN_ENDED; i++) {
		if (c->tls != NULL)
			n = recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT);
		else
			n = recv(c->fd, c->in + c->in_size, IN_SIZE - c->in_size, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		if (c->tls == NULL) {
			c->in_size += (size_t)n;
			cut(c, now_us, fn, arg);
		} else if (tls_input(c->tls, buf, (size_t)n) == 0) {
			drain_tls(c, now_us, fn, arg);
		}
	}
	if (n == 0)
		lose(c, -ECONNRESET, "closed the connection");
	else if (n < 0 && errno != EAGAIN)
		lose(c, -errno, "");
}

static void
read_datagrams(struct turn_conn *c, uint64_t now_us, turn_conn_fn *fn, void *arg)
{
	uint8_t buf[4096];

	for (unsigned i = 0; i < READS_PER_TURN; i++) {
		ssize_t n = recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT);

		if (n >= 0)
			take_message(c, now_us, buf, (size_t)n, fn, arg);
		else if (errno == ECONNREFUSED && turn_state(c->turn) == TURN_ASKING)
			lose(c, -errno, "");
		else if (errno != EINTR && errno != ECONNREFUSED)
			return;
	}
}

/* TCP connects: is it done? */
static void
finish_connect(struct turn_conn *c)
{
	struct addr peer;
	socklen_t size = sizeof(peer), error_size = sizeof(int);
	int error = 0;

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &error_size) < 0 || error != 0)
		lose(c, -error, "");
	else
		c->connecting = getpeername(c->fd, &peer.sa, &size) < 0;
}

void
turn_conn_turn(struct turn_conn *c, uint64_t now_us, turn_conn_fn *fn, void *arg)
{
	if (c->connecting)
		finish_connect(c);
	if (c->connecting || turn_state(c->turn) == TURN_ENDED)
		return;
	c->turning = true;
	if (c->stream)
		read_stream(c, now_us, fn, arg);
	else
		read_datagrams(c, now_us, fn, arg);
	c->turning = false;
	turn_conn_flush(c);
}

/* ---- the rest ---- */

int
turn_conn_fd(const struct turn_conn *c)
{
	return c->fd;
}

bool
turn_conn_wants_write(const struct turn_conn *c)
{
	return c->connecting || c->out_size > 0;
}

void
turn_conn_timeout(struct turn_conn *c, uint64_t now_us)
{
	turn_timeout(c->turn, now_us);
	turn_conn_flush(c);
}

uint64_t
turn_conn_deadline(const struct turn_conn *c)
{
	return turn_deadline(c->turn);
}

struct turn *
turn_conn_turn_of(const struct turn_conn *c)
{
	return c->turn;
}

const char *
turn_conn_explain(struct turn_conn *c)
{
	if (c->words[0] == '\0')
		turn_explain(c->turn, c->words, sizeof(c->words));
	return c->words;
}
