#include "front.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

enum {
	CHUNK = 4096, /* octets of one read: all of them fit what ICE-TCP takes over */
	BACKLOG = 64,
	SWEEP_MS = 500,
	ICE_BELOW = 0x10,    /* high octet of a frame's length; no HTTP and no TLS begins so */
	TLS_HANDSHAKE = 0x16 /* RFC 8446 s.5.1 */
};

/* One connection; handles of a free place: 0. */
struct door {
	struct front *front;
	uv_tcp_t client, inner;
	uv_connect_t connecting;
	struct tls *tls; /* NULL: plain, or not known yet */
	unsigned handles;
	bool known, led_in, ending, closed;
	uint64_t until_us; /* CLOCK_NEVER: the inner server has its own limits */
};

struct front {
	uv_loop_t *loop;
	uv_tcp_t listener;
	uv_timer_t sweep;
	struct addr inner;
	struct tls_ctx *tls;
	front_ice_fn *ice;
	bool full; /* somebody waits for a place */
	struct door doors[FRONT_DOORS_MAX];
	char chunk[CHUNK]; /* between an allocation and its read, which follow each other */
};

struct parcel {
	uv_write_t request;
	struct door *door;
	uint8_t octets[];
};

static void on_connection(uv_stream_t *listener, int status);

static void
on_closed(uv_handle_t *handle)
{
	struct door *d = handle->data;
	struct front *f = d->front;

	if (--d->handles > 0)
		return;
	tls_free(d->tls);
	d->tls = NULL;
	if (f->full && !uv_is_closing((uv_handle_t *)&f->listener)) {
		f->full = false;
		on_connection((uv_stream_t *)&f->listener, 0);
	}
}

/* At the end of the loop they are closed already, and what waited calls back. */
static void
shut(struct door *d)
{
	d->closed = true;
	if (!uv_is_closing((uv_handle_t *)&d->client))
		uv_close((uv_handle_t *)&d->client, on_closed);
	if (d->led_in && !uv_is_closing((uv_handle_t *)&d->inner))
		uv_close((uv_handle_t *)&d->inner, on_closed);
}

/* ---- octets on their way ---- */

static void
on_written(uv_write_t *request, int status)
{
	struct parcel *p = request->data;
	struct door *d = p->door;

	free(p);
	if (status < 0 ||
	    (d->ending && uv_stream_get_write_queue_size((uv_stream_t *)&d->client) == 0))
		shut(d);
}

static void
put(struct door *d, uv_tcp_t *to, const void *octets, size_t size)
{
	uv_stream_t *stream = (uv_stream_t *)to;
	struct parcel *p;
	uv_buf_t buf;

	if (size == 0 || d->closed)
		return;
	p = uv_stream_get_write_queue_size(stream) + size <= FRONT_QUEUE_MAX
		? malloc(sizeof(*p) + size)
		: NULL;
	if (p == NULL) {
		shut(d);
		return;
	}
	memcpy(p->octets, octets, size);
	p->door = d;
	p->request.data = p;
	buf = uv_buf_init((char *)p->octets, (unsigned)size);
	if (uv_write(&p->request, stream, &buf, 1, on_written) < 0) {
		free(p);
		shut(d);
	}
}

static void
put_records(struct door *d)
{
	const uint8_t *records;
	size_t size = tls_output(d->tls, &records);

	put(d, &d->client, records, size);
	tls_output_taken(d->tls);
}

/* What waits for the client still leaves. */
static void
end(struct door *d)
{
	if (d->closed || d->ending)
		return;
	d->ending = true;
	d->until_us = clock_now_us() + FRONT_FIRST_MS * 1000;
	uv_read_stop((uv_stream_t *)&d->client);
	if (d->tls != NULL) {
		tls_shutdown(d->tls);
		put_records(d);
	}
	if (uv_stream_get_write_queue_size((uv_stream_t *)&d->client) == 0)
		shut(d);
}

static void
on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
	struct door *d = handle->data;

	(void)size;
	*buf = uv_buf_init(d->front->chunk, CHUNK);
}

/* ---- the inner server ---- */

static void
on_answer(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct door *d = stream->data;

	if (n < 0) {
		end(d);
		return;
	}
	if (d->tls == NULL) {
		put(d, &d->client, buf->base, (size_t)n);
		return;
	}
	if (tls_write(d->tls, buf->base, (size_t)n) < 0)
		shut(d);
	else
		put_records(d);
}

static void
on_led_in(uv_connect_t *request, int status)
{
	struct door *d = request->data;

	if (status < 0 || d->closed ||
	    uv_read_start((uv_stream_t *)&d->inner, on_alloc, on_answer) < 0)
		shut(d);
}

static void
pass_in(struct door *d, const void *octets, size_t size)
{
	if (d->closed)
		return;
	if (!d->led_in) {
		uv_tcp_init(d->front->loop, &d->inner);
		d->inner.data = d->connecting.data = d;
		d->handles++;
		d->led_in = true;
		d->until_us = CLOCK_NEVER;
		if (uv_tcp_connect(&d->connecting, &d->inner, &d->front->inner.sa, on_led_in) < 0) {
			shut(d);
			return;
		}
	}
	put(d, &d->inner, octets, size); /* waits for the connection */
}

/* ---- the client ---- */

static void
take_records(struct door *d, const uint8_t *octets, size_t size)
{
	uint8_t plain[CHUNK];
	int n = tls_input(d->tls, octets, size);

	if (n == 0)
		n = tls_read(d->tls, plain, sizeof(plain));
	while (n > 0) {
		pass_in(d, plain, (size_t)n);
		n = tls_read(d->tls, plain, sizeof(plain));
	}
	if (d->closed)
		return;
	put_records(d);
	if (n != -EAGAIN)
		end(d);
}

/* The descriptor lives on as a copy, for libuv closes its own. */
static void
give_away(struct door *d, const uint8_t *octets, size_t size)
{
	struct ice_tuple tuple;
	struct sockaddr_storage remote, local;
	int remote_size = sizeof(remote), local_size = sizeof(local), fd;
	uv_os_fd_t own;

	memset(&tuple, 0, sizeof(tuple));
	if (uv_tcp_getpeername(&d->client, (struct sockaddr *)&remote, &remote_size) == 0 &&
	    uv_tcp_getsockname(&d->client, (struct sockaddr *)&local, &local_size) == 0 &&
	    addr_from_sockaddr(&tuple.remote, (struct sockaddr *)&remote) == 0 &&
	    addr_from_sockaddr(&tuple.local, (struct sockaddr *)&local) == 0 &&
	    uv_fileno((uv_handle_t *)&d->client, &own) == 0) {
		fd = dup(own);
		if (fd >= 0)
			d->front->ice(fd, &tuple, octets, size);
	}
	shut(d);
}

static void
on_octets(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct door *d = stream->data;
	const uint8_t *octets = (const uint8_t *)buf->base;

	if (n < 0)
		shut(d);
	if (n <= 0)
		return;
	if (!d->known && octets[0] < ICE_BELOW) {
		give_away(d, octets, (size_t)n);
		return;
	}
	if (!d->known && octets[0] == TLS_HANDSHAKE) {
		d->tls = d->front->tls != NULL ? tls_new(d->front->tls) : NULL;
		if (d->tls == NULL) {
			shut(d);
			return;
		}
	}
	d->known = true;
	if (d->tls != NULL)
		take_records(d, octets, (size_t)n);
	else
		pass_in(d, octets, (size_t)n);
}

static void
on_connection(uv_stream_t *listener, int status)
{
	struct front *f = listener->data;
	struct door *d = NULL;

	for (unsigned i = 0; status == 0 && i < FRONT_DOORS_MAX && d == NULL; i++)
		if (f->doors[i].handles == 0)
			d = &f->doors[i];
	if (d == NULL) {
		f->full = status == 0; /* libuv asks no more until it was accepted */
		return;
	}
	*d = (struct door){.front = f, .until_us = clock_now_us() + FRONT_FIRST_MS * 1000};
	uv_tcp_init(f->loop, &d->client);
	d->client.data = d;
	d->handles = 1;
	if (uv_accept(listener, (uv_stream_t *)&d->client) < 0 ||
	    uv_read_start((uv_stream_t *)&d->client, on_alloc, on_octets) < 0)
		shut(d);
}

static void
on_sweep(uv_timer_t *timer)
{
	struct front *f = timer->data;
	uint64_t now_us = clock_now_us();

	for (unsigned i = 0; i < FRONT_DOORS_MAX; i++)
		if (f->doors[i].handles > 0 && now_us >= f->doors[i].until_us)
			shut(&f->doors[i]);
}

struct front *
front_new(uv_loop_t *loop, const struct addr *inner, struct tls_ctx *tls, front_ice_fn *ice)
{
	struct front *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->loop = loop;
	f->inner = *inner;
	f->tls = tls != NULL ? tls_ctx_ref(tls) : NULL;
	f->ice = ice;
	uv_timer_init(loop, &f->sweep);
	uv_tcp_init(loop, &f->listener);
	f->sweep.data = f->listener.data = f;
	return f;
}

int
front_listen(struct front *f, int fd)
{
	int r = uv_tcp_open(&f->listener, fd);

	if (r < 0) {
		close(fd);
		return r;
	}
	uv_timer_start(&f->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
	return uv_listen((uv_stream_t *)&f->listener, BACKLOG, on_connection);
}

void
front_free(struct front *f)
{
	if (f == NULL)
		return;
	for (unsigned i = 0; i < FRONT_DOORS_MAX; i++)
		tls_free(f->doors[i].tls);
	tls_ctx_unref(f->tls);
	free(f);
}
