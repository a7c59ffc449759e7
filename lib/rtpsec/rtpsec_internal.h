/* rtpsec_internal.h - what the files of this module share.  Not for others. */
#ifndef RTCKIT_RTPSEC_INTERNAL_H
#define RTCKIT_RTPSEC_INTERNAL_H

#include <stdbool.h>

#include <openssl/evp.h>
#include <srtp2/srtp.h>

#include "rtpsec/rtpsec.h"

/* Builds with a sanitizer remember what they sent under each index and assert on a difference. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RTPSEC_CHECK_RESENDS 1
#endif

enum {
	RTPSEC_KEY_MAX = 32,	/* session encryption key, octets */
	RTPSEC_AUTH_SIZE = 20,	/* HMAC-SHA1 key; RFC 3711 s.5.2 */
	RTPSEC_SALT_MAX = 14,
	RTPSEC_HEADER_SIZE = 12	/* of RTP; RFC 3550 s.5.1 */
};

/* What a profile fixes. Sizes in octets. */
struct rtpsec_profile {
	enum dtls_srtp_profile	profile;
	bool			aead;
	size_t			key_size, salt_size, tag_size;
	const EVP_CIPHER	*(*packet)(void), *(*derive)(void);
	void			(*policy)(srtp_crypto_policy_t *policy);
};
const struct rtpsec_profile *rtpsec_profile_find(enum dtls_srtp_profile profile);

/* Session keys of one direction for RTP. */
struct rtpsec_keys {
	uint8_t key[RTPSEC_KEY_MAX], auth[RTPSEC_AUTH_SIZE], salt[RTPSEC_SALT_MAX];
};

/* RFC 3711 s.4.3 (key derivation rate 0) and RFC 7714 s.11. 0 or -EINVAL. */
int rtpsec_derive(struct rtpsec_keys *out, const struct rtpsec_profile *profile, const uint8_t *key,
    const uint8_t *salt);

/* The sending path on OpenSSL: the keys are scheduled once. NULL without memory. */
struct rtpsec_sealer;
struct rtpsec_sealer *rtpsec_sealer_new(const struct rtpsec_profile *profile,
    const struct rtpsec_keys *keys);
void rtpsec_sealer_free(struct rtpsec_sealer *s);
/* One packet under an explicit roll-over counter. Octets written (cap was checked) or -EINVAL. */
int rtpsec_sealer_seal(struct rtpsec_sealer *s, uint32_t roc, const uint8_t *hdr, size_t hdr_size,
    const uint8_t *payload, size_t payload_size, uint8_t *out);

/* Index of one outbound SSRC. */
struct rtpsec_out {
	uint32_t ssrc, roc;
	uint16_t seq;	/* highest sent under roc */
	bool	 started;
#ifdef RTPSEC_CHECK_RESENDS
	uint64_t *digests;	/* of what was sent under the last indices, modulo the window */
#endif
};

struct rtpsec {
	const struct rtpsec_profile *profile;
	enum rtpsec_direction	 direction;
	srtp_t			 srtp;	/* receiving, and SRTCP of both directions */
	uint8_t			 master[RTPSEC_KEY_MAX + RTPSEC_SALT_MAX];	/* for set_roc */
	struct rtpsec_sealer	*sealer;	/* SEND */
	struct rtpsec_out	*outs;	/* SEND; grows */
	size_t			 out_count, out_cap;
	uint32_t		*ssrcs;	/* RECEIVE: known ones; grows */
	size_t			 ssrc_count, ssrc_cap;
};

/* libsrtp2's way of rtpsec_protect(): the reference that tests compare with. */
int rtpsec_protect_by_libsrtp(struct rtpsec *s, const uint8_t *hdr, size_t hdr_size,
    const uint8_t *payload, size_t payload_size, uint8_t *out, size_t cap);

#endif
