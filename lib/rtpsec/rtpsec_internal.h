/* rtpsec_internal.h - what the files of this module share.  Not for others. */
#ifndef RTCKIT_RTPSEC_INTERNAL_H
#define RTCKIT_RTPSEC_INTERNAL_H

#include <stdbool.h>

#include <openssl/evp.h>

#include "rtpsec/rtpsec.h"

/* Builds with a sanitizer remember what they sent under each index and assert on a difference. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RTPSEC_CHECK_RESENDS 1
#endif

enum {
	RTPSEC_KEY_MAX = 32,   /* session encryption key, octets */
	RTPSEC_AUTH_SIZE = 20, /* HMAC-SHA1 key; RFC 3711 s.5.2 */
	RTPSEC_SALT_MAX = 14,
	RTPSEC_TAG_MAX = 16,
	RTPSEC_HEADER_SIZE = 12,     /* of RTP; RFC 3550 s.5.1 */
	RTPSEC_RTCP_HEADER_SIZE = 8, /* header and SSRC, which stay clear; RFC 3711 s.3.4 */
	RTPSEC_RTCP_INDEX_SIZE = 4,  /* E flag and index behind the packet */
	RTPSEC_RTCP_WINDOW = 64	     /* SRTCP indices told apart; RFC 3711 s.3.3.2 wants 64 */
};

/* What a profile fixes. Sizes in octets. */
struct rtpsec_profile {
	enum dtls_srtp_profile profile;
	bool aead;
	size_t key_size, salt_size, tag_size;
	const EVP_CIPHER *(*packet)(void), *(*derive)(void);
};
const struct rtpsec_profile *rtpsec_profile_find(enum dtls_srtp_profile profile);

/* Session keys of one direction, for RTP or for RTCP. */
struct rtpsec_keys {
	uint8_t key[RTPSEC_KEY_MAX], auth[RTPSEC_AUTH_SIZE], salt[RTPSEC_SALT_MAX];
};

/* RFC 3711 s.4.3 (key derivation rate 0) and RFC 7714 s.11. 0 or -EINVAL. */
int rtpsec_derive(struct rtpsec_keys *out, const struct rtpsec_profile *profile, bool rtcp,
		  const uint8_t *key, const uint8_t *salt);

/* ---- rtpsec_crypt.c: packets under given keys and indices ---- */

struct rtpsec_crypt;

/* NULL without memory. */
struct rtpsec_crypt *rtpsec_crypt_new(const struct rtpsec_profile *profile,
				      enum rtpsec_direction direction,
				      const struct rtpsec_keys *keys);
void rtpsec_crypt_free(struct rtpsec_crypt *c);
/* One RTP packet. Octets written (cap was checked) or -EINVAL. */
int rtpsec_crypt_seal(struct rtpsec_crypt *c, uint32_t roc, const uint8_t *hdr, size_t hdr_size,
		      const uint8_t *payload, size_t payload_size, uint8_t *out);
/* In place; size holds header and tag at least. Octets of the plain packet or -EACCES. */
int rtpsec_crypt_open(struct rtpsec_crypt *c, uint32_t roc, uint8_t *buf, size_t hdr_size,
		      size_t size);
/* RTCP in place: index of 31 bits; the E flag is always set, and required. */
int rtpsec_crypt_seal_rtcp(struct rtpsec_crypt *c, uint32_t index, uint8_t *buf, size_t size);
int rtpsec_crypt_open_rtcp(struct rtpsec_crypt *c, uint32_t index, uint8_t *buf, size_t size);
/* The index that a protected packet names, or -EBADMSG. size was checked. */
int64_t rtpsec_crypt_rtcp_index(const struct rtpsec_profile *profile, const uint8_t *buf,
				size_t size);

/* ---- rtpsec_stream.c: indices of one SSRC ---- */

struct rtpsec_stream {
	uint32_t ssrc, roc;
	uint16_t seq; /* highest under roc */
	bool started;
	uint32_t rtcp_index; /* highest sent or received; 0 none */
	uint64_t rtcp_seen;  /* bit n: rtcp_index - n was received */
	uint64_t floor; /* RTP indices, and SRTCP's, below which nothing is taken: it had lost */
	uint32_t rtcp_floor; /* its place; 0: it never had */
	uint64_t used;	     /* RECEIVE: when it was heard, by the count of all packets */
	uint64_t *seen; /* RECEIVE: bit per index modulo the window; NULL before the first RTP */
#ifdef RTPSEC_CHECK_RESENDS
	uint64_t *digests; /* of what was sent under the last indices, modulo the window */
#endif
};

/* Roll-over counter of a sequence number by the guess of RFC 3711 s.3.3.1. */
uint32_t rtpsec_stream_guess(const struct rtpsec_stream *s, uint16_t seq);
/* Move the highest index on. */
void rtpsec_stream_advance(struct rtpsec_stream *s, uint32_t roc, uint16_t seq);
/* Was it not received yet? 0, -EALREADY, -ESTALE. */
int rtpsec_stream_check(const struct rtpsec_stream *s, uint32_t roc, uint16_t seq);
/* Note an authentic packet, after rtpsec_stream_check(). 0 or -ENOMEM. */
int rtpsec_stream_note(struct rtpsec_stream *s, uint32_t roc, uint16_t seq);
int rtpsec_stream_check_rtcp(const struct rtpsec_stream *s, uint32_t index);
void rtpsec_stream_note_rtcp(struct rtpsec_stream *s, uint32_t index);
void rtpsec_stream_fini(struct rtpsec_stream *s);

/* ---- rtpsec_past.c: inbound SSRCs that lost their places ---- */

struct rtpsec_past {
	uint64_t floor; /* above the newest RTP index; 0: none came */
	uint32_t ssrc, rtcp_floor;
};

/* The stream that the SSRC goes on with; one that was never there begins. False: a new one, and
 * there is no room to remember another. */
bool rtpsec_past_recall(const struct rtpsec *s, uint32_t ssrc, struct rtpsec_stream *out);
/* It has a place again. */
void rtpsec_past_forget(struct rtpsec *s, uint32_t ssrc);
/* The stream loses its place. 0 or -ENOMEM; not after rtpsec_past_forget() of another. */
int rtpsec_past_keep(struct rtpsec *s, const struct rtpsec_stream *stream);

struct rtpsec {
	const struct rtpsec_profile *profile;
	enum rtpsec_direction direction;
	uint8_t key[RTPSEC_KEY_MAX], salt[RTPSEC_SALT_MAX]; /* master */
	struct rtpsec_crypt *rtp, *rtcp;		    /* made on first use */
	struct rtpsec_stream *streams;			    /* grows */
	size_t stream_count, stream_cap;
	uint64_t uses;		  /* authentic packets */
	struct rtpsec_past *past; /* by SSRC; grows */
	size_t past_count, past_cap;
};

#endif
