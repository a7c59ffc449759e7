/*
 * tls.h - TLS 1.2 and 1.3 (RFC 5246, RFC 8446) on OpenSSL, both sides, between two byte streams
 * that the caller moves: records on one side, plain octets on the other.
 *
 * What it does not do: sockets, client certificates, session resumption, renegotiation.
 */
#ifndef RTCKIT_TLS_TLS_H
#define RTCKIT_TLS_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	TLS_PAIRS_MAX = 16, /* certificates of one listener */
	TLS_NAMES_MAX = 32, /* of a certificate that is made here */
	TLS_WORDS_SIZE = 512,
	TLS_RECORD_MAX = 16384 + 2048 /* octets of one record, RFC 5246 s.6.2.3 */
};

/* ---- certificates ---- */

/* PEM files: the chain, the server's own first; its key. Borrowed for the call. */
struct tls_pair {
	const char *cert, *key;
};

struct tls_ctx; /* counted: connections that began with it keep it */

/*
 * Read the pairs and check that each key fits its certificate. Of several, a connection gets the
 * first that covers the name its client asks for (RFC 6066 s.3), else the first of all. alpn is the
 * one protocol that is spoken (RFC 7301), such as "http/1.1"; NULL: none is negotiated. NULL with a
 * sentence in words, which names the file.
 */
struct tls_ctx *tls_ctx_load(const struct tls_pair *pairs, size_t count, const char *alpn,
			     char words[static TLS_WORDS_SIZE]);
/*
 * For clients: certificates are verified against those of ca_file (PEM; NULL: the system's), or not
 * at all if insecure. NULL with a sentence in words.
 */
struct tls_ctx *tls_ctx_client(const char *ca_file, bool insecure,
			       char words[static TLS_WORDS_SIZE]);
struct tls_ctx *tls_ctx_ref(struct tls_ctx *ctx);
void tls_ctx_unref(struct tls_ctx *ctx); /* takes NULL */
/* Seconds until the first of its certificates expires; negative: it has. */
int64_t tls_ctx_left_s(const struct tls_ctx *ctx);

/*
 * Make a pair: P-256, self-signed, for these names and addresses, valid for TLS_SELF_DAYS. Both
 * files are written aside and renamed, the key with mode 0600. 0 or -errno (-EINVAL: a name is
 * none, -EIO: OpenSSL).
 */
enum { TLS_SELF_DAYS = 397 }; /* browsers take no longer ones even by hand */
int tls_make_pair(const struct tls_pair *pair, const char *const *names, size_t count);

/* ---- a connection ---- */

struct tls;
/* Takes a reference of ctx. NULL without memory. */
struct tls *tls_new(struct tls_ctx *ctx);
/* The client's side: host is the name, or the address, that the certificate must be for. The first
 * tls_read() begins the handshake. */
struct tls *tls_new_client(struct tls_ctx *ctx, const char *host);
void tls_free(struct tls *t);

/* Octets from the peer. Copies. 0 or -ENOMEM. Take them with tls_read() before giving more. */
int tls_input(struct tls *t, const uint8_t *buf, size_t size);
/*
 * Plain octets: their count; 0 after the peer's close_notify; -EAGAIN: more input is needed;
 * -EPROTO: the handshake or a record failed (tls_words() says why; an alert may wait in the
 * output). Answers of the handshake are put into the output on the way.
 */
int tls_read(struct tls *t, void *out, size_t cap);
/* Encrypts all of it into the output. 0, -ENOTCONN before the handshake is done, -EPROTO. */
int tls_write(struct tls *t, const void *buf, size_t size);
/* Puts close_notify into the output. */
void tls_shutdown(struct tls *t);
/* Records for the peer: their count and *out, borrowed until the next call with this t. */
size_t tls_output(struct tls *t, const uint8_t **out);
void tls_output_taken(struct tls *t);

bool tls_established(const struct tls *t);
const char *tls_version(const struct tls *t); /* "TLSv1.3" */
/* The name that the client asked for, or "". */
const char *tls_server_name(const struct tls *t);
/* Why -EPROTO came. */
const char *tls_words(const struct tls *t);

#endif
