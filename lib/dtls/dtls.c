/* dtls.c - one association: input, retransmission, keys, close. */
#include "dtls/dtls.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/srtp.h>
#include <sys/time.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "dtls/dtls_internal.h"

enum { RECORD_CHANGE_CIPHER_SPEC = 20, RETRANSMIT_FIRST_US = 50000, RETRANSMIT_MAX_US = 1000000 };

static const struct {
	enum dtls_srtp_profile profile;
	const char *name;
	size_t key_size, salt_size;
} profiles[] = {
    /* RFC 5764 s.4.1.2, RFC 7714 s.12 */
    {DTLS_SRTP_AES128_CM_SHA1_80, "AES128_CM_SHA1_80", 16, 14},
    {DTLS_SRTP_AES128_CM_SHA1_32, "AES128_CM_SHA1_32", 16, 14},
    {DTLS_SRTP_AEAD_AES_128_GCM, "AEAD_AES_128_GCM", 16, 12},
    {DTLS_SRTP_AEAD_AES_256_GCM, "AEAD_AES_256_GCM", 32, 12},
};

const char *
dtls_profile_name(enum dtls_srtp_profile profile)
{
	for (size_t i = 0; i < ARRAY_COUNT(profiles); i++)
		if (profiles[i].profile == profile)
			return profiles[i].name;
	return "none";
}

/* The one place where the state changes. */
static void
enter(struct dtls *d, enum dtls_state state)
{
	if (d->state == DTLS_FAILED || (d->state == DTLS_CLOSED && state != DTLS_FAILED))
		return;
	d->state = state;
}

void
dtls_fail(struct dtls *d, const char *format, ...)
{
	va_list ap;

	if (d->state == DTLS_FAILED)
		return;
	d->error = malloc(DTLS_ERROR_SIZE);
	if (d->error != NULL) {
		va_start(ap, format);
		vsnprintf(d->error, DTLS_ERROR_SIZE, format, ap);
		va_end(ap);
	}
	enter(d, DTLS_FAILED);
}

/* First retransmission after 50 ms (OpenSSL's own is 1 s), doubled, at most 1 s between two. */
static unsigned
retransmit_next(SSL *ssl, unsigned timer_us)
{
	(void)ssl;
	return timer_us == 0 ? RETRANSMIT_FIRST_US : MIN_OF(2 * timer_us, RETRANSMIT_MAX_US);
}

static bool
ssl_make(struct dtls *d)
{
	BIO *bio = dtls_bio_new(d);

	if (bio == NULL)
		return false;
	d->ssl = SSL_new(d->ctx->ssl[d->role]);
	if (d->ssl == NULL) {
		BIO_free(bio);
		return false;
	}
	SSL_set_bio(d->ssl, bio, bio);
	SSL_set_app_data(d->ssl, d);
	SSL_set_mtu(d->ssl, DTLS_DATAGRAM_MAX);
	DTLS_set_timer_cb(d->ssl, retransmit_next);
	if (d->role == DTLS_SERVER)
		SSL_set_accept_state(d->ssl);
	else
		SSL_set_connect_state(d->ssl);
	return true;
}

/* Words for what OpenSSL's error queue and SSL_get_error() say. */
static void
fail_by_ssl(struct dtls *d, int error)
{
	unsigned long code = ERR_peek_error();
	const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;
	const char *alert = "";

	if (ERR_GET_REASON(code) >= SSL_AD_REASON_OFFSET)
		alert = "the other side sent an alert: ";
	if (error == SSL_ERROR_ZERO_RETURN)
		reason = "the other side closed during the handshake";
	dtls_fail(d, "%s%s", alert, reason != NULL ? reason : "internal error of OpenSSL");
	ERR_clear_error();
}

static void
export_keys(struct dtls *d, size_t key_size, size_t salt_size)
{
	static const char label[] = "EXTRACTOR-dtls_srtp"; /* RFC 5764 s.4.2 */
	uint8_t raw[2 * (DTLS_KEY_MAX + DTLS_SALT_MAX)], *p = raw;
	bool server = d->role == DTLS_SERVER;

	if (SSL_export_keying_material(d->ssl, raw, 2 * (key_size + salt_size), label,
				       sizeof(label) - 1, NULL, 0, 0) != 1) {
		dtls_fail(d, "the keys could not be exported");
		return;
	}
	memcpy(server ? d->keys.remote.key : d->keys.local.key, p, key_size);
	memcpy(server ? d->keys.local.key : d->keys.remote.key, p + key_size, key_size);
	p += 2 * key_size;
	memcpy(server ? d->keys.remote.salt : d->keys.local.salt, p, salt_size);
	memcpy(server ? d->keys.local.salt : d->keys.remote.salt, p + salt_size, salt_size);
	d->keys.key_size = key_size;
	d->keys.salt_size = salt_size;
	OPENSSL_cleanse(raw, sizeof(raw));
	enter(d, DTLS_CONNECTED);
}

/* Static: the key exchange's curve. */
static const char *
group_name(SSL *ssl)
{
	int nid = (int)SSL_get_negotiated_group(ssl);

	return nid != NID_undef ? OBJ_nid2sn(nid) : "unknown";
}

static void
handshake_done(struct dtls *d)
{
	const SRTP_PROTECTION_PROFILE *chosen = SSL_get_selected_srtp_profile(d->ssl);

	d->version = SSL_get_version(d->ssl);
	d->cipher = SSL_get_cipher_name(d->ssl);
	d->group = group_name(d->ssl);
	if (!d->checked) {
		dtls_fail(d, "the other side showed no certificate");
		return;
	}
	for (size_t i = 0; chosen != NULL && i < ARRAY_COUNT(profiles); i++) {
		if (profiles[i].profile != (enum dtls_srtp_profile)chosen->id)
			continue;
		d->keys.profile = profiles[i].profile;
		export_keys(d, profiles[i].key_size, profiles[i].salt_size);
		return;
	}
	dtls_fail(d, "no SRTP protection profile in common");
}

/* Let OpenSSL work on what the BIO holds. */
static void
advance(struct dtls *d)
{
	uint8_t waste[2048]; /* application data: nobody here speaks SCTP */
	int rc, error;

	ERR_clear_error();
	if (d->state == DTLS_HANDSHAKE) {
		rc = SSL_do_handshake(d->ssl);
		error = rc == 1 ? SSL_ERROR_NONE : SSL_get_error(d->ssl, rc);
		if (rc == 1)
			handshake_done(d);
		else if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
			fail_by_ssl(d, error);
	}
	while (d->state == DTLS_CONNECTED) {
		rc = SSL_read(d->ssl, waste, sizeof(waste));
		if (rc > 0)
			continue;
		error = SSL_get_error(d->ssl, rc);
		if (error == SSL_ERROR_ZERO_RETURN)
			enter(d, DTLS_CLOSED);
		else if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
			fail_by_ssl(d, error);
		break;
	}
	ERR_clear_error();
}

struct dtls *
dtls_new(struct dtls_ctx *ctx, enum dtls_role role, const char *hash, const char *fingerprint)
{
	const EVP_MD *md = dtls_hash_find(hash);
	struct dtls *d;

	if (md == NULL)
		return NULL;
	d = calloc(1, sizeof(*d));
	if (d == NULL)
		return NULL;
	d->ctx = ctx;
	d->role = role;
	d->md = md;
	d->digest_size = (size_t)EVP_MD_get_size(md);
	d->version = d->cipher = d->group = "none";
	d->out_tail = &d->out_head;
	if (!dtls_fingerprint_parse(d->digest, d->digest_size, fingerprint) || !ssl_make(d)) {
		dtls_free(d);
		return NULL;
	}
	if (role == DTLS_CLIENT)
		advance(d);
	return d;
}

void
dtls_free(struct dtls *d)
{
	if (d == NULL)
		return;
	SSL_free(d->ssl);
	dtls_queue_clear(d);
	OPENSSL_cleanse(&d->keys, sizeof(d->keys));
	OPENSSL_cleanse(&d->record, sizeof(d->record));
	free(d->flight);
	free(d->error);
	free(d);
}

bool
dtls_accepts(const uint8_t *buf, size_t size)
{
	return size > 0 && buf[0] >= 20 && buf[0] <= 63; /* RFC 7983 s.7 */
}

/*
 * A server's last flight may get lost, and only the client notices: keep its octets (RFC 6347
 * s.4.2.4). They are what was queued by the input that finished the handshake, from
 * ChangeCipherSpec on: repeats of the flight before may precede it.
 */
static void
keep_flight(struct dtls *d, const struct dtls_out *queued)
{
	const struct dtls_out *first = NULL;
	size_t size = 0;

	for (const struct dtls_out *o = queued; o != NULL; o = o->next)
		if (o->buf[0] == RECORD_CHANGE_CIPHER_SPEC)
			first = o;
	for (const struct dtls_out *o = first; o != NULL; o = o->next)
		size += o->size;
	if (size == 0 || size > DTLS_FLIGHT_MAX)
		return;
	d->flight = malloc(size);
	if (d->flight == NULL)
		return;
	for (const struct dtls_out *o = first; o != NULL; o = o->next) {
		memcpy(d->flight + d->flight_size, o->buf, o->size);
		d->flight_size += o->size;
	}
}

/* Input after dtls_shrink(). */
static int
input_shrunk(struct dtls *d, const uint8_t *buf, size_t size)
{
	switch (dtls_record_input(&d->record, buf, size)) {
	case DTLS_RECORD_NOTHING:
		return -EBADMSG;
	case DTLS_RECORD_FINISHED:
		if (d->flight != NULL &&
		    dtls_record_renumber(&d->record, d->flight, d->flight_size, &d->repeats) == 0)
			dtls_queue_push(d, d->flight, d->flight_size);
		return 0;
	case DTLS_RECORD_CLOSED:
		enter(d, DTLS_CLOSED);
		return 0;
	case DTLS_RECORD_FATAL:
		dtls_fail(d, "the other side sent a fatal alert");
		return -ECONNABORTED;
	}
	return 0;
}

int
dtls_input(struct dtls *d, uint64_t now_us, const uint8_t *buf, size_t size)
{
	struct dtls_out **before;
	bool handshake;

	(void)now_us;
	if (!dtls_accepts(buf, size))
		return -ENOMSG;
	if (d->state == DTLS_FAILED)
		return -ECONNABORTED;
	if (d->state == DTLS_CLOSED || !dtls_is_sane(d, buf, size))
		return -EBADMSG;
	if (d->ssl == NULL)
		return input_shrunk(d, buf, size);
	d->heard = true;
	d->in = buf;
	d->in_size = size;
	handshake = d->state == DTLS_HANDSHAKE;
	before = d->out_tail;
	advance(d);
	d->in = NULL;
	if (handshake && d->state == DTLS_CONNECTED && d->role == DTLS_SERVER)
		keep_flight(d, *before);
	return d->state == DTLS_FAILED ? -ECONNABORTED : 0;
}

void
dtls_timeout(struct dtls *d, uint64_t now_us)
{
	(void)now_us;
	if (d->state != DTLS_HANDSHAKE)
		return;
	ERR_clear_error();
	if (DTLSv1_handle_timeout(d->ssl) < 0)
		dtls_fail(d, "the other side does not answer the DTLS handshake");
	ERR_clear_error();
}

uint64_t
dtls_deadline(const struct dtls *d, uint64_t now_us)
{
	struct timeval left;

	if (d->state != DTLS_HANDSHAKE || DTLSv1_get_timeout(d->ssl, &left) != 1)
		return CLOCK_NEVER;
	return now_us + (uint64_t)left.tv_sec * 1000000 + (uint64_t)left.tv_usec;
}

int
dtls_poll(struct dtls *d, uint8_t *buf, size_t cap)
{
	struct dtls_out *o = d->out_head;
	size_t size;

	if (o == NULL || cap < o->size)
		return 0;
	size = o->size;
	memcpy(buf, o->buf, size);
	d->out_head = o->next;
	d->out_count--;
	if (d->out_head == NULL)
		d->out_tail = &d->out_head;
	free(o);
	return (int)size;
}

enum dtls_state
dtls_state(const struct dtls *d)
{
	return d->state;
}

int
dtls_keys(const struct dtls *d, struct dtls_srtp_keys *out)
{
	if (d->state != DTLS_CONNECTED)
		return -EAGAIN;
	*out = d->keys;
	return 0;
}

const char *
dtls_error(const struct dtls *d)
{
	return d->error != NULL ? d->error : "";
}

const char *
dtls_version(const struct dtls *d)
{
	return d->version;
}

const char *
dtls_group(const struct dtls *d)
{
	return d->group;
}

const char *
dtls_cipher(const struct dtls *d)
{
	return d->cipher;
}

void
dtls_close(struct dtls *d)
{
	uint8_t buf[DTLS_CLOSE_SIZE];
	int size;

	if (d->state == DTLS_CONNECTED && d->ssl != NULL) {
		ERR_clear_error();
		SSL_shutdown(d->ssl);
		ERR_clear_error();
	} else if (d->state == DTLS_CONNECTED) {
		size = dtls_record_close_notify(&d->record, buf);
		if (size > 0)
			dtls_queue_push(d, buf, (size_t)size);
	}
	enter(d, DTLS_CLOSED);
}

/* A cipher that dtls_record.c does not know keeps OpenSSL's objects, less their buffers. */
void
dtls_shrink(struct dtls *d)
{
	if (d->state != DTLS_CONNECTED || d->ssl == NULL)
		return;
	if (dtls_record_init(&d->record, d->ssl, d->role) != 0) {
		SSL_free_buffers(d->ssl);
		return;
	}
	SSL_free(d->ssl);
	d->ssl = NULL;
}
