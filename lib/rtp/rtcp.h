/*
 * rtcp.h - RTCP (RFC 3550 s.6, RFC 4585, RFC 5104, RFC 3611, REMB draft, transport-wide congestion
 * control draft-holmer-rmcat-transport-wide-cc-extensions-01).  Views and writers; no allocation.
 */
#ifndef RTCKIT_RTP_RTCP_H
#define RTCKIT_RTP_RTCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rtcp_type {
	RTCP_SR = 200,
	RTCP_RR = 201,
	RTCP_SDES = 202,
	RTCP_BYE = 203,
	RTCP_APP = 204,
	RTCP_RTPFB = 205,
	RTCP_PSFB = 206,
	RTCP_XR = 207
};
enum rtcp_rtpfb_fmt { RTCP_FB_NACK = 1, RTCP_FB_TWCC = 15 };
enum rtcp_psfb_fmt { RTCP_FB_PLI = 1, RTCP_FB_FIR = 4, RTCP_FB_AFB = 15 }; /* AFB: REMB */

enum { RTCP_COMPOUND_MAX = 1200, RTCP_REPORTS_MAX = 31 };

/* One packet of a compound, borrowed. */
struct rtcp_packet {
	uint8_t type;	     /* enum rtcp_type */
	uint8_t count;	     /* RC, SC or FMT: the 5-bit field */
	const uint8_t *body; /* after the 4-octet header */
	size_t body_size;    /* without padding */
};
/*
 * Iterate over a compound (reduced-size allowed, RFC 5506): *offset starts at 0. 1 with *out set, 0
 * at the end, -EBADMSG.
 */
int rtcp_next(const uint8_t *buf, size_t size, size_t *offset, struct rtcp_packet *out);

struct rtcp_report { /* one report block; s.6.4.1 */
	uint32_t ssrc;
	uint8_t fraction_lost; /* 1/256 */
	int32_t lost;	       /* cumulative, 24 bits signed */
	uint32_t highest_seq;  /* extended */
	uint32_t jitter;       /* RTP clock units */
	uint32_t lsr, dlsr;    /* 1/65536 s */
};
struct rtcp_sr {
	uint32_t ssrc;
	uint64_t ntp;
	uint32_t rtp_ts, packets, octets;
};
/* Each returns 0, -ENOMSG (another type), -EBADMSG. */
int rtcp_get_sr(const struct rtcp_packet *p, struct rtcp_sr *out);
int rtcp_get_rr_ssrc(const struct rtcp_packet *p, uint32_t *ssrc);
/* Report block i of an SR or RR: 0, -ENOENT past the last, -ENOMSG, -EBADMSG. */
int rtcp_get_report(const struct rtcp_packet *p, size_t i, struct rtcp_report *out);
/* Any RTPFB or PSFB: SSRC of the packet's sender and of the media source. */
int rtcp_get_feedback(const struct rtcp_packet *p, uint32_t *sender, uint32_t *media);
/* NACK: calls fn for every lost sequence number, in order. Returns their count or an error. */
int rtcp_get_nack(const struct rtcp_packet *p, void (*fn)(void *arg, uint16_t seq), void *arg);
/* FIR entry i: its target SSRC and command sequence. */
int rtcp_get_fir(const struct rtcp_packet *p, size_t i, uint32_t *ssrc, uint8_t *seq);
int rtcp_get_remb(const struct rtcp_packet *p, uint64_t *bitrate_bps);
/* BYE: SSRC i. */
int rtcp_get_bye(const struct rtcp_packet *p, size_t i, uint32_t *ssrc);
/* XR blocks (RFC 3611): RRTR's NTP time; DLRR sub-block i. -ENOENT if absent. */
int rtcp_get_xr_rrtr(const struct rtcp_packet *p, uint64_t *ntp);
int rtcp_get_xr_dlrr(const struct rtcp_packet *p, size_t i, uint32_t *ssrc, uint32_t *lrr,
		     uint32_t *dlrr);
/*
 * TWCC feedback: calls fn per packet status. delta_us is the arrival relative to the feedback's
 * reference time (INT64_MIN if not received). Returns the statuses or an error. At most 65535.
 */
struct rtcp_twcc_head {
	uint16_t base_seq, status_count;
	uint32_t reference_64ms; /* 24 bits */
	uint8_t feedback_count;
};
int rtcp_get_twcc(const struct rtcp_packet *p, struct rtcp_twcc_head *head,
		  void (*fn)(void *arg, uint16_t seq, int64_t delta_us), void *arg);

/* Writers append to a buffer; an overflow is remembered and reported by rtcp_finish. */
struct rtcp_writer {
	uint8_t *buf;
	size_t cap, size;
	bool overflow;
};
void rtcp_start(struct rtcp_writer *w, uint8_t *buf, size_t cap);
void rtcp_add_sr(struct rtcp_writer *w, const struct rtcp_sr *sr, const struct rtcp_report *reports,
		 size_t count);
void rtcp_add_rr(struct rtcp_writer *w, uint32_t ssrc, const struct rtcp_report *reports,
		 size_t count);
void rtcp_add_sdes_cname(struct rtcp_writer *w, uint32_t ssrc, const char *cname);
void rtcp_add_bye(struct rtcp_writer *w, uint32_t ssrc);
/* seqs ascending (modulo 2^16); joined into PID + BLP pairs. */
void rtcp_add_nack(struct rtcp_writer *w, uint32_t sender, uint32_t media, const uint16_t *seqs,
		   size_t count);
void rtcp_add_pli(struct rtcp_writer *w, uint32_t sender, uint32_t media);
void rtcp_add_fir(struct rtcp_writer *w, uint32_t sender, uint32_t media, uint8_t seq);
void rtcp_add_remb(struct rtcp_writer *w, uint32_t sender, const uint32_t *ssrcs, size_t count,
		   uint64_t bitrate_bps);
void rtcp_add_xr_rrtr(struct rtcp_writer *w, uint32_t ssrc, uint64_t ntp);
void rtcp_add_xr_dlrr(struct rtcp_writer *w, uint32_t sender, uint32_t ssrc, uint32_t lrr,
		      uint32_t dlrr);
/* Octets of the compound, 0 if nothing was added, -ENOSPC. */
int rtcp_finish(struct rtcp_writer *w);

#endif
