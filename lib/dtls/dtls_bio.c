/* dtls_bio.c - the BIO between OpenSSL and our queues: keeps datagram boundaries both ways. */
#include "dtls/dtls_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

enum { RECORD_HEADER_SIZE = 13 }; /* RFC 6347 s.4.1 */

void
dtls_queue_push(struct dtls *d, const uint8_t *buf, size_t size)
{
	struct dtls_out *o;

	if (d->out_count >= DTLS_QUEUE_MAX)
		return;
	o = malloc(sizeof(*o) + size);
	if (o == NULL)
		return;
	o->next = NULL;
	o->size = size;
	memcpy(o->buf, buf, size);
	*d->out_tail = o;
	d->out_tail = &o->next;
	d->out_count++;
}

void
dtls_queue_clear(struct dtls *d)
{
	while (d->out_head != NULL) {
		struct dtls_out *o = d->out_head;

		d->out_head = o->next;
		free(o);
	}
	d->out_tail = &d->out_head;
	d->out_count = 0;
}

/* Octets of whole records from the front of buf that fit a datagram; at least the first record. */
static size_t
datagram_span(const uint8_t *buf, size_t size)
{
	size_t span = 0;

	while (size - span >= RECORD_HEADER_SIZE) {
		size_t record = RECORD_HEADER_SIZE + be16(buf + span + 11);

		if (record > size - span || (span > 0 && span + record > DTLS_DATAGRAM_MAX))
			break;
		span += record;
	}
	return span > 0 ? span : size;
}

static int
bio_write(BIO *bio, const char *data, int size)
{
	struct dtls *d = BIO_get_data(bio);
	const uint8_t *buf = (const uint8_t *)data;
	size_t left = size > 0 ? (size_t)size : 0;

	BIO_clear_retry_flags(bio);
	while (left > 0) {
		size_t span = datagram_span(buf, left);

		dtls_queue_push(d, buf, span);
		buf += span;
		left -= span;
	}
	return size;
}

static int
bio_read(BIO *bio, char *buf, int cap)
{
	struct dtls *d = BIO_get_data(bio);
	size_t size;

	BIO_clear_retry_flags(bio);
	if (d->in == NULL || cap <= 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	size = MIN_OF(d->in_size, (size_t)cap); /* the rest of a datagram is lost, as with recv */
	memcpy(buf, d->in, size);
	d->in = NULL;
	return (int)size;
}

static long
bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
	(void)bio;
	(void)num;
	(void)ptr;
	switch (cmd) {
	case BIO_CTRL_FLUSH:
	case BIO_CTRL_DUP:
		return 1;
	case BIO_CTRL_DGRAM_QUERY_MTU:
	case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
	case BIO_CTRL_DGRAM_GET_MTU:
		return DTLS_DATAGRAM_MAX;
	default:
		return 0;
	}
}

BIO_METHOD *
dtls_bio_method_new(void)
{
	int type = BIO_get_new_index() | BIO_TYPE_SOURCE_SINK;
	BIO_METHOD *m = BIO_meth_new(type, "rtckit datagrams");

	if (m == NULL)
		return NULL;
	BIO_meth_set_write(m, bio_write);
	BIO_meth_set_read(m, bio_read);
	BIO_meth_set_ctrl(m, bio_ctrl);
	return m;
}

BIO *
dtls_bio_new(struct dtls *d)
{
	BIO *bio = BIO_new(d->ctx->method);

	if (bio == NULL)
		return NULL;
	BIO_set_data(bio, d);
	BIO_set_init(bio, 1);
	return bio;
}
