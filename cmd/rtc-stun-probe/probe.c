#include "probe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/random.h"
#include "stun/stun.h"

enum {
	RTO_US = 500000,   /* RFC 8489 s.6.2.1 */
	TRANSMISSIONS = 7, /* Rc */
	LAST_WAIT = 16,	   /* Rm */
	ANSWER_MAX = 2048
};

static void
on_closed(uv_handle_t *handle)
{
	struct probe *p = handle->data;

	p->open_handles--;
	if (p->open_handles == 0) {
		if (p->fd >= 0)
			close(p->fd);
		p->fd = -1;
		p->done(p->arg, p);
	}
}

static void
finish(struct probe *p, enum verdict verdict, int error)
{
	if (p->finished)
		return;
	p->finished = true;
	p->verdict = verdict;
	p->error = error;
	uv_close((uv_handle_t *)&p->timer, on_closed);
	if (p->fd >= 0)
		uv_close((uv_handle_t *)&p->poll, on_closed);
}

static void
finish_errno(struct probe *p, int error)
{
	finish(p, verdict_of_errno(error), error);
}

/* Time is over, or a signal came: what is known decides. */
static void
conclude(struct probe *p, enum verdict unanswered)
{
	if (p->answered > 0)
		finish(p, VERDICT_OK, 0);
	else
		finish(p, p->garbage ? VERDICT_GARBAGE : unanswered, 0);
}

void
probe_stop(struct probe *p)
{
	conclude(p, VERDICT_INTERRUPTED);
}

static int
write_request(const struct probe *p, unsigned number, uint8_t *buf, size_t cap)
{
	const struct ice_creds *creds = &p->options->creds;
	bool known = creds->ufrag[0] != '\0';
	struct stun_writer w;
	uint8_t txid[STUN_TXID_SIZE];

	memcpy(txid, p->txid, sizeof(p->txid));
	put_be32(txid + sizeof(p->txid), number);
	stun_start(&w, buf, cap, STUN_REQUEST, txid);
	if (known) {
		stun_add_username(&w, creds->ufrag, p->options->remote);
		stun_add_u32(&w, STUN_PRIORITY, ice_priority(ICE_PRFLX, UINT16_MAX, 1));
		stun_add_u64(&w, STUN_ICE_CONTROLLING, be64(p->txid));
	}
	return stun_finish(&w, known ? creds->pwd : NULL, true);
}

static void
transmit(struct probe *p, unsigned number)
{
	uint8_t buf[FRAME_HEAD_SIZE + 2 * ICE_UFRAG_MAX + STUN_MESSAGE_MAX], *at = buf;
	size_t head = p->tcp ? FRAME_HEAD_SIZE : 0;
	int size = write_request(p, number, at + head, sizeof(buf) - head);
	ssize_t n;

	p->tries[number].sent_us = clock_now_us();
	p->transmissions++;
	if (p->tcp)
		frame_write_head(buf, (size_t)size);
	n = send(p->fd, buf, head + (size_t)size, MSG_NOSIGNAL);
	/* A full queue of the network card is loss like any other. */
	if (n < 0 && errno != EAGAIN && errno != ENOBUFS && errno != EINTR)
		finish_errno(p, errno);
}

static void on_timer(uv_timer_t *timer);

static void
arm(struct probe *p)
{
	uint64_t now_us = clock_now_us();
	uint64_t wait_us = p->next_us > now_us ? p->next_us - now_us : 0;

	if (!p->finished)
		uv_timer_start(&p->timer, on_timer, (wait_us + 999) / 1000, 0);
}

/* One request, repeated as RFC 8489 s.6.2.1 says until the time is over; over TCP it is not. */
static void
repeat(struct probe *p, uint64_t now_us)
{
	uint64_t end_us = p->start_us + p->options->timeout_us;
	uint64_t wait_us;

	if (p->transmissions == TRANSMISSIONS || now_us >= end_us) {
		conclude(p, p->tcp ? VERDICT_MUTE : VERDICT_SILENT);
		return;
	}
	p->sent = 1;
	transmit(p, 0);
	if (p->tcp) {
		p->next_us = end_us;
		return;
	}
	wait_us = p->transmissions < TRANSMISSIONS ? (uint64_t)RTO_US << (p->transmissions - 1)
						   : (uint64_t)RTO_US * LAST_WAIT;
	p->next_us = MIN_OF(p->next_us + wait_us, end_us);
}

/* One of many requests, each sent once, so that loss shows. */
static void
count_on(struct probe *p)
{
	if (p->sent == p->options->count) {
		conclude(p, p->tcp ? VERDICT_MUTE : VERDICT_SILENT);
		return;
	}
	transmit(p, p->sent++);
	p->next_us +=
	    p->sent < p->options->count ? p->options->interval_us : p->options->timeout_us;
}

static void
on_timer(uv_timer_t *timer)
{
	struct probe *p = timer->data;
	uint64_t now_us = clock_now_us();

	if (now_us >= p->next_us) {
		if (p->tcp && !p->connected)
			conclude(p, VERDICT_SILENT);
		else if (p->options->counting)
			count_on(p);
		else
			repeat(p, now_us);
	}
	arm(p);
}

/* What is wrong with a success response, or VERDICT_OK. */
static enum verdict
judge_success(struct probe *p, const struct stun_msg *msg)
{
	int fingerprint = stun_verify_fingerprint(msg), integrity;

	p->fingerprint = fingerprint == 0;
	if (fingerprint == -EBADMSG)
		return VERDICT_WRONG_FINGERPRINT;
	if (p->options->creds.ufrag[0] != '\0') {
		integrity = stun_verify_integrity(msg, p->options->creds.pwd);
		p->integrity = integrity == 0;
		if (integrity == -ENOENT)
			return VERDICT_NO_INTEGRITY;
		if (integrity != 0)
			return VERDICT_WRONG_INTEGRITY;
	}
	p->has_mapped = stun_get_address(msg, STUN_XOR_MAPPED_ADDRESS, &p->mapped) == 0 ||
			stun_get_address(msg, STUN_MAPPED_ADDRESS, &p->mapped) == 0; /* RFC 3489 */
	return p->has_mapped ? VERDICT_OK : VERDICT_NO_ADDRESS;
}

static enum verdict
judge_error(const struct probe *p, const struct stun_msg *msg, int *code)
{
	bool known = p->options->creds.ufrag[0] != '\0';

	if (stun_get_error(msg, code) != 0)
		return VERDICT_GARBAGE;
	if (!known && (*code == 400 || *code == 401))
		return VERDICT_WANTS_CREDENTIALS;
	return known && *code == 401 ? VERDICT_AUTH : VERDICT_ERROR;
}

/* An answer to one of our requests came. */
static void
take_answer(struct probe *p, const struct stun_msg *msg, struct probe_try *try, uint64_t now_us)
{
	enum verdict verdict;
	int code = 0;

	verdict = msg->class == STUN_SUCCESS ? judge_success(p, msg) : judge_error(p, msg, &code);
	if (verdict == VERDICT_OK || verdict == VERDICT_WANTS_CREDENTIALS) {
		try->rtt_us = MAX_OF(now_us - try->sent_us, 1);
		p->answered++;
	}
	if (verdict != VERDICT_OK || p->answered == p->options->count)
		finish(p, verdict, code);
}

static void
take(struct probe *p, const uint8_t *buf, size_t size, uint64_t now_us)
{
	struct stun_msg msg;
	uint32_t number;

	if (stun_parse(&msg, buf, size) < 0 ||
	    (msg.class != STUN_SUCCESS && msg.class != STUN_ERROR) ||
	    memcmp(msg.txid, p->txid, sizeof(p->txid)) != 0) {
		p->garbage = true;
		return;
	}
	number = be32(msg.txid + sizeof(p->txid));
	if (number >= p->sent)
		p->garbage = true;
	else if (p->tries[number].rtt_us == 0) /* else it is a second answer */
		take_answer(p, &msg, &p->tries[number], now_us);
}

static void
take_frames(struct probe *p, uint8_t *data, size_t size)
{
	uint8_t *packet;
	size_t packet_size;
	int n;

	while (!p->finished &&
	       (n = frame_next(&p->reader, &data, &size, &packet, &packet_size)) != 0) {
		if (n > 0)
			take(p, packet, packet_size, clock_now_us());
		else
			p->garbage = true;
	}
}

/* What was received; nothing, over TCP: the other side has closed. */
static void
take_received(struct probe *p, uint8_t *buf, size_t size)
{
	if (!p->tcp)
		take(p, buf, size, clock_now_us());
	else if (size > 0)
		take_frames(p, buf, size);
	else /* HTTP servers, for one, say something first, of which no frame can be made */
		conclude(p,
			 p->reader.have + p->reader.skip > 0 ? VERDICT_GARBAGE : VERDICT_HANG_UP);
}

static void
on_readable(uv_poll_t *poll, int status, int events)
{
	struct probe *p = poll->data;
	uint8_t buf[ANSWER_MAX];

	(void)events;
	while (!p->finished) {
		ssize_t n = recv(p->fd, buf, sizeof(buf), 0);

		if (n >= 0)
			take_received(p, buf, (size_t)n);
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			break;
		else if (errno != EINTR)
			finish_errno(p, errno);
	}
	/* libuv calls every error EBADF; what it was, recv() has told. */
	if (status < 0)
		finish_errno(p, -status);
}

/* The connection is there, or failed. */
static void
on_connected(uv_poll_t *poll, int status, int events)
{
	struct probe *p = poll->data;
	int error = 0;
	socklen_t size = sizeof(error);

	(void)events;
	getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &size);
	if (error == 0 && status < 0)
		error = -status;
	if (error == 0)
		error = -uv_poll_start(poll, UV_READABLE, on_readable);
	if (error != 0) {
		finish_errno(p, error);
		return;
	}
	p->connected = true;
	p->next_us = clock_now_us();
	arm(p);
}

/* Connected, so that the kernel reports ICMP errors and drops what others send. 0 or -errno. */
static int
open_socket(struct probe *p)
{
	struct sockaddr_storage name;
	socklen_t size = sizeof(name);
	int type = p->tcp ? SOCK_STREAM : SOCK_DGRAM;
	int fd = socket(p->to.sa.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	if ((connect(fd, &p->to.sa, addr_size(&p->to)) < 0 && errno != EINPROGRESS) ||
	    getsockname(fd, (struct sockaddr *)&name, &size) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	addr_from_sockaddr(&p->local, (const struct sockaddr *)&name);
	p->fd = fd;
	return 0;
}

void
probe_start(struct probe *p, uv_loop_t *loop, const struct options *options, const struct addr *to,
	    probe_done_fn *done, void *arg)
{
	int err;

	*p = (struct probe){.options = options,
			    .loop = loop,
			    .done = done,
			    .arg = arg,
			    .to = *to,
			    .tcp = options->tcp,
			    .fd = -1,
			    .open_handles = 1,
			    .verdict = VERDICT_SILENT};
	random_bytes(p->txid, sizeof(p->txid));
	uv_timer_init(loop, &p->timer);
	p->timer.data = p->poll.data = p;
	p->tries = calloc(options->count, sizeof(*p->tries));
	err = p->tries != NULL ? open_socket(p) : -ENOMEM;
	if (err == 0) {
		err = uv_poll_init(loop, &p->poll, p->fd);
		p->open_handles = 2;
	}
	if (err == 0)
		err = p->tcp ? uv_poll_start(&p->poll, UV_WRITABLE, on_connected)
			     : uv_poll_start(&p->poll, UV_READABLE, on_readable);
	p->start_us = p->next_us = clock_now_us();
	if (p->tcp) /* the connection has as long as an answer */
		p->next_us += options->timeout_us;
	if (err < 0)
		finish_errno(p, -err);
	else
		arm(p);
}

void
probe_fini(struct probe *p)
{
	free(p->tries);
	p->tries = NULL;
}

static int
compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

bool
probe_rtt(const struct probe *p, struct probe_rtt *rtt)
{
	uint64_t *sorted = calloc(p->answered + 1, sizeof(*sorted));
	unsigned n = 0;

	for (unsigned i = 0; sorted != NULL && i < p->sent; i++)
		if (p->tries[i].rtt_us != 0)
			sorted[n++] = p->tries[i].rtt_us;
	if (n > 0) {
		qsort(sorted, n, sizeof(*sorted), compare_u64);
		/* Nearest rank. */
		rtt->min_us = sorted[0];
		rtt->median_us = sorted[(n - 1) / 2];
		rtt->p99_us = sorted[(99 * n + 99) / 100 - 1];
	}
	free(sorted);
	return n > 0;
}
