/*
 * dtls.h - one DTLS 1.2 association for SRTP keys (RFC 6347, RFC 5764), on OpenSSL, both roles.
 * No sockets.  OpenSSL reads its own clock for retransmission: tests interpose gettimeofday().
 */
#ifndef RTCKIT_DTLS_DTLS_H
#define RTCKIT_DTLS_DTLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	DTLS_DATAGRAM_MAX = 1200,   /* octets sent at once; flights are split between records */
	DTLS_FINGERPRINT_SIZE = 96, /* text "AB:CD:..." of SHA-256 with its NUL */
	DTLS_KEY_MAX = 32,
	DTLS_SALT_MAX = 14
};

/* SRTP protection profiles by their wire numbers (RFC 5764 s.4.1.2, RFC 7714 s.14.2). */
enum dtls_srtp_profile {
	DTLS_SRTP_NONE = 0,
	DTLS_SRTP_AES128_CM_SHA1_80 = 0x0001,
	DTLS_SRTP_AES128_CM_SHA1_32 = 0x0002, /* never chosen; here for reports */
	DTLS_SRTP_AEAD_AES_128_GCM = 0x0007,
	DTLS_SRTP_AEAD_AES_256_GCM = 0x0008
};

enum dtls_role { DTLS_SERVER, DTLS_CLIENT };

enum dtls_state {
	DTLS_HANDSHAKE,
	DTLS_CONNECTED, /* fingerprint checked, keys ready */
	DTLS_CLOSED,	/* close_notify came or dtls_close() was called */
	DTLS_FAILED	/* dtls_error() says why */
};

/* Keys of both directions as the profile sizes them (key_size, salt_size octets are used). */
struct dtls_srtp_keys {
	enum dtls_srtp_profile profile;
	size_t key_size, salt_size;
	struct {
		uint8_t key[DTLS_KEY_MAX];
		uint8_t salt[DTLS_SALT_MAX];
	} local, remote; /* local protects what we send */
};

/* A process-wide context: a fresh self-signed P-256 certificate and an SSL_CTX. Shared by threads
 * only after it was made. NULL on failure. */
struct dtls_ctx *dtls_ctx_new(void);
/* The same with an RSA-2048 certificate, for peers without ECDSA. A handshake costs some 20 times
 * the time then (and this call some 100 ms). */
struct dtls_ctx *dtls_ctx_new_rsa(void);
/* What another stack offers, to be like it: lists as OpenSSL takes them, in order of preference,
 * borrowed for the call; NULL: our own. */
struct dtls_manner {
	const char *profiles; /* "SRTP_AES128_CM_SHA1_80" ... */
	const char *groups;   /* "P-256:X25519" */
};
struct dtls_ctx *dtls_ctx_new_like(const struct dtls_manner *manner);
void dtls_ctx_free(struct dtls_ctx *ctx);
const char *dtls_ctx_fingerprint(const struct dtls_ctx *ctx); /* SHA-256, upper case, colons */

struct dtls;

/*
 * fingerprint: the peer's, from SDP ("AB:CD:.."), with its hash name ("sha-256", "sha-384",
 * "sha-512", any case; sha-1 is refused). Copied. As client the first flight is queued at once.
 * Returns NULL without memory or on an unusable hash or text.
 */
struct dtls *dtls_new(struct dtls_ctx *ctx, enum dtls_role role, const char *hash,
		      const char *fingerprint);
void dtls_free(struct dtls *d);

/* True for the first octet of a DTLS record (RFC 7983: 20..63). */
bool dtls_accepts(const uint8_t *buf, size_t size);
/*
 * One datagram from the path. Returns 0; -ENOMSG not DTLS; -EBADMSG nothing usable in it (the
 * association goes on: anyone can send garbage); -ECONNABORTED the association failed.
 * A ClientHello may come in fragments of any size and order.
 */
int dtls_input(struct dtls *d, uint64_t now_us, const uint8_t *buf, size_t size);
void dtls_timeout(struct dtls *d, uint64_t now_us);
uint64_t dtls_deadline(const struct dtls *d, uint64_t now_us); /* CLOCK_NEVER if none */
/* Copies the next datagram to send into buf (cap >= DTLS_DATAGRAM_MAX). Its size, or 0 if none. */
int dtls_poll(struct dtls *d, uint8_t *buf, size_t cap);

enum dtls_state dtls_state(const struct dtls *d);
/* 0 once CONNECTED; -EAGAIN before. */
int dtls_keys(const struct dtls *d, struct dtls_srtp_keys *out);
/* Why it failed, in words for a log or a user: borrowed, "" if it did not. */
const char *dtls_error(const struct dtls *d);
/* "DTLSv1.2" and OpenSSL's name of the cipher; "none" before the end of the handshake. */
const char *dtls_version(const struct dtls *d);
const char *dtls_cipher(const struct dtls *d);
const char *dtls_group(const struct dtls *d);		       /* "X25519", "prime256v1"; static */
const char *dtls_profile_name(enum dtls_srtp_profile profile); /* "AEAD_AES_128_GCM" ... */
/* Queue a close_notify. */
void dtls_close(struct dtls *d);
/*
 * After CONNECTED: give OpenSSL's objects back (some 70 KB; about 0.5 KB stays). The association
 * still repeats its last flight when asked, sees close_notify and can send its own.
 */
void dtls_shrink(struct dtls *d);

#endif
