/*
 * publisher.h - a source with the traffic of a browser's: 25 frames per second of H264-like video
 * with a keyframe every 2 s, 50 Opus-like packets per second; 1.09 Mbit/s, 168 packets per second
 * of 815 octets on average.  A pacer lets video out every 5 ms at 2.5 times its rate, so that 1 to
 * 3 packets leave per wake.  What it sends is well-formed RTP payload, not decodable pictures.
 */
#ifndef RTCKIT_RTC_BENCH_PUBLISHER_H
#define RTCKIT_RTC_BENCH_PUBLISHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/random.h"
#include "client/session.h"
#include "prepared.h"

enum {
	PUBLISHER_QUEUE = 256,	     /* video packets waiting in the pacer: ten keyframes */
	PUBLISHER_PAYLOAD_MAX = 1102 /* octets: FU-A header and 1100 */
};

struct publisher_count {
	uint64_t packets, octets, wakes; /* wakes: of the pacer, with something to send */
};

/* Every payload ends with when it was given to the socket: see publisher_sent_us(). */
enum { PUBLISHER_STAMP = 8 /* octets */ };

struct publisher_packet {
	size_t size;
	bool marker, keyframe;
	uint32_t ts;
	uint64_t capture_us;
	uint8_t payload[PUBLISHER_PAYLOAD_MAX];
};

struct publisher {
	struct client_session *session;
	uv_timer_t timer;
	bool connected, ended, want_keyframe;
	enum client_code code;
	char words[WHIP_WORDS_SIZE];
	uint64_t begin_us, next_video_us, next_audio_us, last_us;
	uint64_t gop_index;
	const struct prepared *file; /* what is sent instead of generated packets; NULL: those */
	size_t file_index;	     /* its next frame */
	uint64_t file_us;	     /* when this round of it began */
	int64_t budget;		     /* octets the pacer may send */
	size_t head, count;	     /* ring */
	struct publisher_packet queue[PUBLISHER_QUEUE];
	struct publisher_count sent;
	struct prng rng;
};

/* Connects and publishes until publisher_stop(), a file (NULL: none) in a loop. Borrows everything
 * but the URL. 0 or -errno. */
int publisher_start(struct publisher *p, uv_loop_t *loop, struct whip_http *http,
		    struct dtls_ctx *dtls, const struct whip_options *whip, const char *url,
		    const struct prepared *file);
void publisher_stop(struct publisher *p, void (*stopped)(void *arg, enum client_code code,
							 const char *words)); /* arg is p */

/* clock_now_us() of when a packet with this payload left a publisher of this process; 0 if it is
 * none of theirs. */
uint64_t publisher_sent_us(const uint8_t *payload, size_t size);

/* All publishers of a run. */
struct publishers {
	struct publisher *all;
	unsigned count, started;
	bool stopping;
};

/* count publishers, none of them started. 0 or -ENOMEM. */
int publishers_init(struct publishers *ps, unsigned count);
/* Of those that were started. */
unsigned publishers_connected(const struct publishers *ps);
/* The first that ended, or NULL. */
const struct publisher *publishers_ended(const struct publishers *ps);
void publishers_sum(const struct publishers *ps, struct publisher_count *out);
/* The worst loss that the server's receiver reports told last, in percent. */
double publishers_loss(const struct publishers *ps);
void publishers_stop(struct publishers *ps); /* again: ignored */
bool publishers_stopped(const struct publishers *ps);
void publishers_free(struct publishers *ps);

#endif
