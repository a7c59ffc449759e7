/* dtls_internal.h - what the files of this module share.  Not for others. */
#ifndef RTCKIT_DTLS_INTERNAL_H
#define RTCKIT_DTLS_INTERNAL_H

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "dtls/dtls.h"

enum {
	DTLS_HASH_MAX = 64, /* octets of a SHA-512 digest */
	DTLS_ERROR_SIZE = 160,
	DTLS_FLIGHT_MAX = 256, /* octets of the server's last flight: 75 with AES-GCM */
	DTLS_CLOSE_SIZE = 64,  /* room for a close_notify */
	DTLS_QUEUE_MAX = 32    /* datagrams waiting; more are lost, as on the wire */
};

struct dtls_ctx {
	SSL_CTX *ssl[2]; /* by enum dtls_role */
	BIO_METHOD *method;
	X509 *cert;
	EVP_PKEY *key;
	char fingerprint[DTLS_FINGERPRINT_SIZE];
};

/* One datagram of ours waiting for dtls_poll(). */
struct dtls_out {
	struct dtls_out *next;
	size_t size;
	uint8_t buf[];
};

/* Record protection of epoch 1 by itself, for dtls_shrink(). */
struct dtls_record {
	uint8_t suite;
	struct dtls_record_side {
		uint8_t key[32], iv[12];
	} local, remote;
};

enum dtls_record_event {
	DTLS_RECORD_NOTHING,
	DTLS_RECORD_FINISHED, /* the other side repeats its last flight */
	DTLS_RECORD_CLOSED,
	DTLS_RECORD_FATAL
};

struct dtls {
	struct dtls_ctx *ctx;	   /* borrowed */
	SSL *ssl;		   /* NULL after dtls_shrink() */
	struct dtls_record record; /* then */
	uint8_t *flight;	   /* server: the last flight, owned; repeated when asked */
	size_t flight_size;
	unsigned repeats; /* records of it that were repeated after dtls_shrink() */
	enum dtls_role role;
	enum dtls_state state;
	bool checked;	   /* the peer's certificate matched */
	bool heard;	   /* a ClientHello came (server) */
	const uint8_t *in; /* the datagram being read; NULL between calls */
	size_t in_size;
	struct dtls_out *out_head, **out_tail;
	unsigned out_count;
	const EVP_MD *md;
	uint8_t digest[DTLS_HASH_MAX]; /* expected */
	size_t digest_size;
	struct dtls_srtp_keys keys;
	const char *version, *cipher, *group; /* static strings of OpenSSL */
	char *error;			      /* owned; NULL: none */
};

/* A BIO whose every write is one datagram and every read at most one; its data is a struct dtls. */
BIO_METHOD *dtls_bio_method_new(void);
BIO *dtls_bio_new(struct dtls *d);
void dtls_queue_push(struct dtls *d, const uint8_t *buf, size_t size); /* copies */
void dtls_queue_clear(struct dtls *d);

/* Takes the keys out of a finished handshake. 0, -ENOTSUP (cipher), -EINVAL. */
int dtls_record_init(struct dtls_record *r, SSL *ssl, enum dtls_role role);
/* What an authentic record of the datagram says. */
enum dtls_record_event dtls_record_input(const struct dtls_record *r, const uint8_t *buf,
					 size_t size);
/*
 * Gives each record of our last flight a number that was not used (RFC 6347 s.4.1): a peer that saw
 * a part of it would drop the rest as replayed. Counts in *repeats. 0 or -EINVAL.
 */
int dtls_record_renumber(const struct dtls_record *r, uint8_t *flight, size_t size,
			 unsigned *repeats);
/* Writes a close_notify into out (DTLS_CLOSE_SIZE octets). Its size or -EINVAL. */
int dtls_record_close_notify(const struct dtls_record *r, uint8_t *out);

/*
 * Whole records of known types and versions only, none too short for its cipher, no handshake
 * message that says it is longer than any is, and first a ClientHello (server).
 */
bool dtls_is_sane(const struct dtls *d, const uint8_t *buf, size_t size);

/* Certificate verification: presence and fingerprint. For SSL_CTX_set_cert_verify_callback(). */
int dtls_verify(X509_STORE_CTX *store, void *arg);

/* "sha-256" and its stronger kin in any case; NULL for others, SHA-1 among them. */
const EVP_MD *dtls_hash_find(const char *hash);
/* "AB:CD:..": exactly size octets. */
bool dtls_fingerprint_parse(uint8_t *digest, size_t size, const char *text);
/* Text of a digest as SDP writes it; text has room for 3 * size. */
void dtls_fingerprint_format(char *text, const uint8_t *digest, size_t size);

/* Remember the reason (the first one stays) and enter DTLS_FAILED. */
void dtls_fail(struct dtls *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
