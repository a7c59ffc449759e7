#include "wire.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/bytes.h"

enum { PLAIN_MAX = 16384 }; /* octets of one record, RFC 8446 s.5.1 */

int
wire_init(struct wire *w, int fd, struct tls_ctx *ctx)
{
	*w = (struct wire){.fd = fd};
	if (ctx == NULL)
		return 0;
	w->tls = tls_new(ctx);
	return w->tls != NULL ? 0 : -ENOMEM;
}

void
wire_fini(struct wire *w)
{
	tls_free(w->tls);
	w->tls = NULL;
}

/* Records to the socket, as many as it takes. 0 or -errno. */
static int
flush(struct wire *w)
{
	const uint8_t *out;
	size_t size;

	if (w->tls == NULL)
		return 0;
	while ((size = tls_output(w->tls, &out)) > w->sent) {
		ssize_t n = send(w->fd, out + w->sent, size - w->sent, MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		w->sent += (size_t)n;
	}
	if (size > 0)
		tls_output_taken(w->tls);
	w->sent = 0;
	return 0;
}

ssize_t
wire_more(struct wire *w, void *out, size_t cap)
{
	ssize_t n;
	int rc;

	if (w->tls == NULL)
		return -EAGAIN;
	n = tls_read(w->tls, out, cap);
	rc = flush(w); /* the handshake's answers, or an alert */
	return n > 0 || n == -EPROTO || rc == 0 ? n : rc;
}

ssize_t
wire_recv(struct wire *w, void *out, size_t cap)
{
	ssize_t n = recv(w->fd, out, cap, 0);
	int rc;

	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	if (n == 0 || w->tls == NULL)
		return n;
	rc = tls_input(w->tls, out, (size_t)n);
	return rc < 0 ? rc : wire_more(w, out, cap);
}

ssize_t
wire_send(struct wire *w, const void *buf, size_t size)
{
	ssize_t n;
	int rc;

	if (w->tls == NULL) {
		n = send(w->fd, buf, size, MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		return n;
	}
	rc = flush(w);
	if (rc < 0 || wire_waits(w) || !wire_is_open(w))
		return rc;
	size = MIN_OF(size, (size_t)PLAIN_MAX);
	rc = tls_write(w->tls, buf, size);
	if (rc == 0)
		rc = flush(w);
	return rc < 0 ? rc : (ssize_t)size;
}

bool
wire_waits(const struct wire *w)
{
	const uint8_t *out;

	return w->tls != NULL && tls_output(w->tls, &out) > w->sent;
}

bool
wire_is_open(const struct wire *w)
{
	return w->tls == NULL || tls_established(w->tls);
}

void
wire_shutdown(struct wire *w)
{
	if (w->tls != NULL) {
		tls_shutdown(w->tls);
		(void)flush(w);
	}
	shutdown(w->fd, SHUT_WR); /* the peer closes when it has read all */
}

const char *
wire_words(const struct wire *w)
{
	return w->tls != NULL ? tls_words(w->tls) : "";
}
