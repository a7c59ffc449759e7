/*
 * rtpsec.h - SRTP and SRTCP (RFC 3711, RFC 7714) for one direction of one association, on OpenSSL's
 * ciphers.  All SSRCs of the direction share one context; streams and ciphers are made on first
 * use.  Allocates when a new SSRC appears, never per packet otherwise.  An inbound SSRC that was
 * silent while RTPSEC_SSRC_MAX others came loses its place: it may go on, above what was newest of
 * it.  An outbound one never does: its indices would be used twice.
 */
#ifndef RTCKIT_RTPSEC_RTPSEC_H
#define RTCKIT_RTPSEC_RTPSEC_H

#include <stddef.h>
#include <stdint.h>

#include "dtls/dtls.h"

enum {
	RTPSEC_OVERHEAD_MAX = 36,    /* octets that protection may add; reserve 48 */
	RTPSEC_REPLAY_WINDOW = 2048, /* packets, both ways */
	RTPSEC_SSRC_MAX = 64,  /* inbound SSRCs of one association at a time: who was silent for
				  longest gives his place to a new one */
	RTPSEC_PAST_MAX = 1024 /* such ones, of which nothing is taken twice; more are refused */
};

enum rtpsec_direction { RTPSEC_SEND, RTPSEC_RECEIVE };

struct rtpsec;

/*
 * key and salt as the profile sizes them; copied. Returns NULL without memory or on an unknown
 * profile. RECEIVE contexts accept any SSRC; SEND contexts too.
 */
struct rtpsec *rtpsec_new(enum dtls_srtp_profile profile, enum rtpsec_direction direction,
			  const uint8_t *key, const uint8_t *salt);
void rtpsec_free(struct rtpsec *s);

/*
 * Protect one RTP packet: header (hdr_size octets, CSRCs and extension included) and payload are
 * read, the protected packet is written to out. hdr and payload are borrowed and untouched; they
 * may not overlap out, except that hdr == out is allowed (header written in place first).
 * Returns the octets written or -ENOSPC (cap too small), -EINVAL, -EALREADY (replayed index with
 * different content is a bug of the caller: an identical resend is allowed).
 */
int rtpsec_protect(struct rtpsec *s, const uint8_t *hdr, size_t hdr_size, const uint8_t *payload,
		   size_t payload_size, uint8_t *out, size_t cap);

/* In place. Returns the octets of the plain packet; -EACCES authentication failed; -EALREADY
 * replayed; -ESTALE older than the window, or than the newest of an SSRC that had lost its place;
 * -EBADMSG malformed; -ENOSPC too many SSRCs. */
int rtpsec_unprotect(struct rtpsec *s, uint8_t *buf, size_t size);

/* RTCP, in place; cap is the buffer's room for protect. Same returns. */
int rtpsec_protect_rtcp(struct rtpsec *s, uint8_t *buf, size_t size, size_t cap);
int rtpsec_unprotect_rtcp(struct rtpsec *s, uint8_t *buf, size_t size);

/* Roll-over counter of an SSRC (RFC 3711 s.3.3.1), for hand-over and tests. 0, -ENOENT. */
int rtpsec_get_roc(const struct rtpsec *s, uint32_t ssrc, uint32_t *roc);
int rtpsec_set_roc(struct rtpsec *s, uint32_t ssrc, uint32_t roc, uint16_t seq);

#endif
