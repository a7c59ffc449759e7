/*
 * ends.h - a publisher and a viewer of one H264 track as browsers are, on virtual time, with SRTP
 * keys that are given: for simulations of what is between them.  The viewer has libwebrtc's
 * manners: a keyframe is shown as soon as the packets that came of it have no gap, even if the
 * parameter sets before them are missing; any other frame when nothing is missing before it.
 */
#ifndef RTCKIT_TESTS_ENDS_H
#define RTCKIT_TESTS_ENDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rtpsec/rtpsec.h"

enum {
	ENDS_PT = 96,
	ENDS_RTX_PT = 97,
	ENDS_SSRC = 0x1000, /* the publisher's; its RTX has the next */
	ENDS_OUT_SSRC = 0x2000,
	ENDS_FRAME_US = 40000,
	ENDS_HISTORY = 4096, /* packets; a power of two */
	ENDS_SETS_SIZE =
	    39, /* octets of the payload of parameter sets: of no other, padded or not */
	ENDS_PAYLOAD_MAX = 40
};

/* Where a packet goes that an end sends. */
typedef void ends_send_fn(void *arg, uint8_t *buf, size_t size);

struct ends_packet {
	uint64_t seq; /* extended; 0: none */
	uint32_t ts;
	uint16_t size;
	bool marker;
	uint8_t payload[ENDS_PAYLOAD_MAX];
};

struct ends_keys {
	uint8_t key[DTLS_KEY_MAX], salt[DTLS_SALT_MAX];
};

struct publisher_end {
	struct rtpsec *send, *receive;
	ends_send_fn *fn;
	void *arg;
	struct ends_packet history[ENDS_HISTORY];
	uint64_t next_seq, sent_seq; /* to be made; to be sent */
	uint64_t next_frame_us, next_send_us, keyframe_us;
	uint64_t pace_us;     /* between two packets */
	unsigned key_packets; /* slices of a keyframe */
	uint32_t frame;
	uint16_t rtx_seq;
	uint64_t now_us,
	    rtt_us; /* it resends no packet again within what it takes for a round trip */
	uint64_t resent_us[ENDS_HISTORY];
	bool wanted;
	uint8_t size; /* 0 or 1: of the picture, which the parameter sets tell */
	unsigned plis, keyframes;
};

struct viewer_end {
	struct rtpsec *send, *receive;
	ends_send_fn *fn;
	void *arg;
	struct ends_packet kept[ENDS_HISTORY];
	struct {
		uint64_t seq, next_us;
		unsigned tries;
	} missing[ENDS_HISTORY];
	size_t missing_count;
	uint64_t newest, shown_seq; /* extended numbers: that came; the last of what was shown */
	uint64_t shown_us, pli_us, next_tick_us;
	uint64_t report_us,
	    next_report_us;	/* it speaks so often with nothing to say, too; 0: not */
	bool patient;		/* asks for no keyframe */
	bool need_key, garbled; /* garbled: shown by other parameter sets than its own */
	int size;		/* of the sets it has; -1 none */
	unsigned shown, shown_well, plis, nacks;
	uint64_t well_us; /* when a picture was shown well for the last time */
};

/* Keys: of what the end sends, and of what it receives. Profile AEAD_AES_128_GCM. */
void publisher_end_init(struct publisher_end *p, const struct ends_keys *send,
			const struct ends_keys *receive, ends_send_fn *fn, void *arg);
void publisher_end_fini(struct publisher_end *p);
void publisher_end_step(struct publisher_end *p, uint64_t now_us);
void publisher_end_input(struct publisher_end *p, uint8_t *buf, size_t size);
void publisher_end_resize(struct publisher_end *p); /* the next frame is a keyframe of that size */

void viewer_end_init(struct viewer_end *v, const struct ends_keys *send,
		     const struct ends_keys *receive, ends_send_fn *fn, void *arg);
void viewer_end_fini(struct viewer_end *v);
void viewer_end_step(struct viewer_end *v, uint64_t now_us);
void viewer_end_input(struct viewer_end *v, uint64_t now_us, uint8_t *buf, size_t size);

#endif
