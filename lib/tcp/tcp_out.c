/* tcp_out.c - what is sent: the batch of one connection, and the queues of those that are slow. */
#include "tcp/tcp_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/bytes.h"

enum {
	/* The first and the last chunk may be part empty; a queue may be over its limit by the rest
	 * of one packet that the kernel took in part. */
	IOV_MAX_COUNT = TCP_QUEUE_MAX / (TCP_CHUNK_SIZE - 16) + 8
};

static struct tcp_chunk *
chunk_get(struct tcp *t)
{
	struct tcp_chunk *k = t->spares;

	if (k != NULL) {
		t->spares = k->next;
		t->spare_count--;
	} else if (t->chunk_count < TCP_CHUNKS_MAX) {
		k = malloc(sizeof(*k));
		t->chunk_count += k != NULL;
	}
	if (k != NULL) {
		k->next = NULL;
		k->start = k->end = 0;
	}
	return k;
}

static void
chunk_put(struct tcp *t, struct tcp_chunk *k)
{
	if (t->spare_count >= TCP_CHUNKS_SPARE) {
		free(k);
		t->chunk_count--;
		return;
	}
	k->next = t->spares;
	t->spares = k;
	t->spare_count++;
}

void
tcp_chunks_free(struct tcp *t)
{
	while (t->spares != NULL) {
		struct tcp_chunk *k = t->spares;

		t->spares = k->next;
		free(k);
	}
}

/* Octets for which there are chunks, whosever. */
static size_t
pool_room(const struct tcp *t)
{
	return (t->spare_count + TCP_CHUNKS_MAX - t->chunk_count) *
	       sizeof(((struct tcp_chunk *)NULL)->buf);
}

static void
drop_first(struct tcp_conn *c)
{
	struct tcp_chunk *k = c->first;

	c->first = k->next;
	if (c->first == NULL)
		c->last = NULL;
	chunk_put(c->tcp, k);
}

void
tcp_queue_free(struct tcp_conn *c)
{
	while (c->first != NULL)
		drop_first(c);
	c->queued = 0;
}

/* All of it, or nothing and false. */
static bool
queue_append(struct tcp_conn *c, const uint8_t *data, size_t size)
{
	struct tcp *t = c->tcp;
	size_t tail = c->last != NULL ? sizeof(c->last->buf) - c->last->end : 0;
	size_t left = size;

	if (size > tail + pool_room(t))
		return false;
	while (left > 0) {
		size_t n;

		if (c->last == NULL || c->last->end == sizeof(c->last->buf)) {
			struct tcp_chunk *k = chunk_get(t);

			if (k == NULL) { /* no memory at all: what was taken goes, too */
				c->broken = true;
				return false;
			}
			if (c->last != NULL)
				c->last->next = k;
			else
				c->first = k;
			c->last = k;
		}
		n = MIN_OF(left, sizeof(c->last->buf) - c->last->end);
		memcpy(c->last->buf + c->last->end, data, n);
		c->last->end += (uint32_t)n;
		data += n;
		left -= n;
	}
	if (c->queued == 0)
		c->behind_us = t->now_us;
	c->queued += size;
	return true;
}

/* So many octets of the queue were sent. */
static void
queue_consume(struct tcp_conn *c, size_t size)
{
	c->queued -= size;
	while (size > 0) {
		struct tcp_chunk *k = c->first;
		size_t n = MIN_OF(size, (size_t)(k->end - k->start));

		k->start += (uint32_t)n;
		size -= n;
		if (k->start == k->end)
			drop_first(c);
	}
}

static void
break_down(struct tcp_conn *c, int error)
{
	c->broken = true;
	if (c->error == 0)
		c->error = error;
	tcp_queue_free(c);
	shutdown(c->source.fd, SHUT_RDWR); /* epoll reports it: it is closed outside of the batch */
}

static void
want_out(struct tcp_conn *c, bool on)
{
	struct epoll_event e = {.events = EPOLLIN | (on ? EPOLLOUT : 0), .data.ptr = c};

	if (c->wants_out == on)
		return;
	c->wants_out = on;
	epoll_ctl(c->tcp->epoll_fd, EPOLL_CTL_MOD, c->source.fd, &e);
}

/*
 * What the kernel did not take of the batch: sent is where it stopped. A packet that it took in
 * part must follow; whole ones follow as far as the queue's limit allows.
 */
static void
keep_rest(struct tcp_conn *c, size_t sent)
{
	struct tcp *t = c->tcp;
	size_t at = 0, end;

	while (at < t->out_used) {
		size_t frame = FRAME_HEAD_SIZE + be16(t->out + at);

		if (at + frame > sent)
			break;
		at += frame;
	}
	if (at < sent) { /* cut within a packet */
		end = at + FRAME_HEAD_SIZE + be16(t->out + at);
		if (!queue_append(c, t->out + sent, end - sent)) {
			break_down(c, -ENOBUFS);
			return;
		}
		at = end;
	}
	for (end = at; at < t->out_used; at = end) {
		end = at + FRAME_HEAD_SIZE + be16(t->out + at);
		if (c->queued + (end - at) > TCP_QUEUE_MAX ||
		    !queue_append(c, t->out + at, end - at)) {
			t->counters.dropped++;
			t->counters.packets--;
			t->counters.octets -= end - at - FRAME_HEAD_SIZE;
			if (c->broken) {
				break_down(c, -ENOBUFS);
				return;
			}
		}
	}
}

static int
collect(const struct tcp_conn *c, struct iovec *iov, size_t batch)
{
	int count = 0;

	for (struct tcp_chunk *k = c->first; k != NULL && count < IOV_MAX_COUNT; k = k->next)
		iov[count++] = (struct iovec){k->buf + k->start, k->end - k->start};
	if (batch > 0)
		iov[count++] = (struct iovec){c->tcp->out, batch};
	return count;
}

void
tcp_conn_flush(struct tcp_conn *c)
{
	struct tcp *t = c->tcp;
	size_t batch = t->current == c ? t->out_used : 0, queued = c->queued, sent = 0;
	struct iovec iov[IOV_MAX_COUNT + 1];
	struct msghdr m = {.msg_iov = iov};
	ssize_t n;

	if (c->source.fd < 0 || c->broken || batch + queued == 0) {
		t->out_used = t->current == c ? 0 : t->out_used;
		return;
	}
	m.msg_iovlen = (size_t)collect(c, iov, batch);
	n = sendmsg(c->source.fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR && errno != ENOBUFS && errno != ENOTCONN) {
		break_down(c, -errno);
		t->out_used = t->current == c ? 0 : t->out_used;
		return;
	}
	sent = n > 0 ? (size_t)n : 0;
	queue_consume(c, MIN_OF(sent, queued));
	if (batch > 0 && sent < queued + batch)
		keep_rest(c, sent > queued ? sent - queued : 0);
	if (batch > 0)
		t->out_used = 0;
	if (!c->broken)
		want_out(c, c->queued > 0);
}

void
tcp_flush(struct tcp *t, uint64_t now_us)
{
	t->now_us = now_us;
	if (t->current != NULL)
		tcp_conn_flush(t->current);
	t->current = NULL;
}

uint8_t *
tcp_reserve(struct tcp_conn *c, size_t cap)
{
	struct tcp *t = c->tcp;

	if (t->current != c) {
		if (t->current != NULL)
			tcp_conn_flush(t->current);
		t->current = c;
	} else if (t->out_used + FRAME_HEAD_SIZE + cap > TCP_OUT_SIZE) {
		tcp_conn_flush(c);
	}
	return t->out + t->out_used + FRAME_HEAD_SIZE;
}

void
tcp_commit(struct tcp_conn *c, size_t size)
{
	struct tcp *t = c->tcp;

	frame_write_head(t->out + t->out_used, size);
	t->out_used += FRAME_HEAD_SIZE + size;
	t->counters.packets++;
	t->counters.octets += size;
}

size_t
tcp_conn_room(struct tcp_conn *c)
{
	struct tcp *t = c->tcp;
	size_t used = c->queued + (t->current == c ? t->out_used : 0);

	if (used + TCP_QUEUE_BEHIND > TCP_QUEUE_MAX && t->current == c && t->out_used > 0) {
		tcp_conn_flush(c); /* the kernel may take it */
		used = c->queued;
	}
	return used < TCP_QUEUE_MAX ? MIN_OF(TCP_QUEUE_MAX - used, pool_room(t)) : 0;
}

bool
tcp_conn_behind(const struct tcp_conn *c, uint64_t now_us)
{
	return c->queued > TCP_QUEUE_BEHIND ||
	       (c->queued > 0 && now_us > c->behind_us + TCP_BEHIND_US);
}

size_t
tcp_conn_queued(const struct tcp_conn *c)
{
	return c->queued;
}
