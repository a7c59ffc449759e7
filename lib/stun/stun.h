/*
 * stun.h - STUN messages (RFC 8489) as ICE (RFC 8445) and TURN (RFC 8656) use them: a read-only
 * view, authentication, and a writer.  Sans-IO; never allocates, but for one OpenSSL HMAC context a
 * thread at its first use, which the thread's end frees.
 */
#ifndef RTCKIT_STUN_STUN_H
#define RTCKIT_STUN_STUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

enum {
	STUN_HEADER_SIZE = 20, /* octets; s.5 */
	STUN_TXID_SIZE = 12,
	STUN_MESSAGE_MAX = 576, /* octets that stun_writer messages never pass */
	STUN_USERNAME_MAX = 513 /* octets; s.14.3 says fewer than 509, libwebrtc accepts 513 */
};
#define STUN_MAGIC_COOKIE 0x2112a442u

/* RFC 8489 s.18.1; from Allocate on RFC 8656 s.17. */
enum stun_method {
	STUN_BINDING = 1,
	STUN_ALLOCATE = 3,
	STUN_REFRESH = 4,
	STUN_SEND = 6,
	STUN_DATA = 7,
	STUN_CREATE_PERMISSION = 8,
	STUN_CHANNEL_BIND = 9
};

enum stun_class { STUN_REQUEST, STUN_INDICATION, STUN_SUCCESS, STUN_ERROR };

enum stun_attr_type {
	STUN_MAPPED_ADDRESS = 0x0001,
	STUN_USERNAME = 0x0006,
	STUN_MESSAGE_INTEGRITY = 0x0008,
	STUN_ERROR_CODE = 0x0009,
	STUN_UNKNOWN_ATTRIBUTES = 0x000a,
	STUN_CHANNEL_NUMBER = 0x000c, /* RFC 8656 s.18, as far as 0x0019 */
	STUN_LIFETIME = 0x000d,
	STUN_XOR_PEER_ADDRESS = 0x0012,
	STUN_DATA_ATTR = 0x0013,
	STUN_REALM = 0x0014, /* RFC 8489 s.14.9 */
	STUN_NONCE = 0x0015, /* s.14.10 */
	STUN_XOR_RELAYED_ADDRESS = 0x0016,
	STUN_REQUESTED_FAMILY = 0x0017,
	STUN_REQUESTED_TRANSPORT = 0x0019,
	STUN_XOR_MAPPED_ADDRESS = 0x0020,
	STUN_PRIORITY = 0x0024,
	STUN_USE_CANDIDATE = 0x0025,
	STUN_PADDING = 0x0026, /* RFC 5780 s.7.6: path MTU probes */
	STUN_SOFTWARE = 0x8022,
	STUN_FINGERPRINT = 0x8028,
	STUN_ICE_CONTROLLED = 0x8029,
	STUN_ICE_CONTROLLING = 0x802a
};

/* Pointers borrow from the datagram given to stun_parse(): same lifetime, never freed. */
struct stun_msg {
	enum stun_class class;
	uint16_t method;    /* 0..0xfff; see enum stun_method */
	const uint8_t *buf; /* the whole message */
	size_t size;
	const uint8_t *txid;  /* STUN_TXID_SIZE octets */
	const uint8_t *attrs; /* attrs_size octets of verified TLVs */
	size_t attrs_size;    /* 0..65532, multiple of 4 */
};

/* True if the first octets look like STUN (RFC 7983: first octet 0..3, and the magic cookie). */
bool stun_accepts(const uint8_t *buf, size_t size);

/*
 * Parse exactly one datagram of size octets.  Returns 0; -ENOMSG if this is not STUN (the
 * demultiplexer may try another protocol, RFC 7983); -EBADMSG if it is STUN but malformed.
 * On error *msg is untouched.  Does not authenticate: see stun_verify_integrity().
 */
int stun_parse(struct stun_msg *msg, const uint8_t *buf, size_t size);

/*
 * First attribute of the type, before MESSAGE-INTEGRITY for all types but FINGERPRINT (s.14.5: what
 * follows the integrity is ignored). Returns its value and sets *size, or NULL.
 */
const uint8_t *stun_attr(const struct stun_msg *msg, uint16_t type, size_t *size);

/* Accessors over stun_attr: 0, -ENOENT if absent, -EBADMSG if its size or content is wrong. */
int stun_get_u32(const struct stun_msg *msg, uint16_t type, uint32_t *v); /* PRIORITY */
int stun_get_u64(const struct stun_msg *msg, uint16_t type, uint64_t *v); /* tie-breakers */
/* The address, its XOR undone if the type has one. */
int stun_get_address(const struct stun_msg *msg, uint16_t type, struct addr *a);
int stun_get_error(const struct stun_msg *msg, int *code); /* 300..699 */

/*
 * Split a USERNAME "left:right" (RFC 8445 s.7.2.2). left and right are copied with their NULs into
 * arrays of cap octets. Returns 0, -ENOENT or -EBADMSG.
 */
int stun_get_username(const struct stun_msg *msg, char *left, char *right, size_t cap);

/*
 * A required attribute (type < 0x8000) that this module does not know, or 0 (s.6.3.1: answer 420).
 */
uint16_t stun_unknown_attr(const struct stun_msg *msg);

/* MESSAGE-INTEGRITY under a short-term password (s.9.1, HMAC-SHA1). 0, -ENOENT, -EACCES (wrong). */
int stun_verify_integrity(const struct stun_msg *msg, const char *password);
/* The same under a key of size octets: of a long-term credential (s.9.2.2). */
int stun_verify_integrity_key(const struct stun_msg *msg, const void *key, size_t size);
/* FINGERPRINT (s.14.7). 0, -ENOENT, -EBADMSG (wrong). */
int stun_verify_fingerprint(const struct stun_msg *msg);

/* Writer: the caller stores it and the buffer. stun_finish() reports an overflow on the way. */
struct stun_writer {
	uint8_t *buf;
	size_t cap, size;
	bool overflow;
};

void stun_start(struct stun_writer *w, uint8_t *buf, size_t cap, enum stun_class class,
		const uint8_t txid[static STUN_TXID_SIZE]); /* of a Binding */
void stun_start_method(struct stun_writer *w, uint8_t *buf, size_t cap, enum stun_class class,
		       enum stun_method method, const uint8_t txid[static STUN_TXID_SIZE]);
void stun_add(struct stun_writer *w, uint16_t type, const void *value, size_t size);
void stun_add_u32(struct stun_writer *w, uint16_t type, uint32_t v);
void stun_add_u64(struct stun_writer *w, uint16_t type, uint64_t v);
void stun_add_address(struct stun_writer *w, uint16_t type, const struct addr *a);
void stun_add_error(struct stun_writer *w, int code, const char *reason);
void stun_add_username(struct stun_writer *w, const char *left, const char *right);
/*
 * Add MESSAGE-INTEGRITY if password is not NULL and FINGERPRINT if asked; set the length. Returns
 * the octets of the message, or -ENOSPC.
 */
int stun_finish(struct stun_writer *w, const char *password, bool fingerprint);
/* The same with a key of size octets; NULL: no MESSAGE-INTEGRITY. */
int stun_finish_key(struct stun_writer *w, const void *key, size_t size, bool fingerprint);

#endif
