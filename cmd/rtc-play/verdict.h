/* verdict.h - what arrived, decoded and judged. */
#ifndef RTC_PLAY_VERDICT_H
#define RTC_PLAY_VERDICT_H

#include <jansson.h>
#include <stdio.h>

#include "media/media_decoder.h"
#include "media/media_opus.h"
#include "media/testcard.h"
#include "receiver.h"

enum {
	VERDICT_FREEZE_US = 150000,   /* over the mean interval, or three of them: a freeze */
	VERDICT_LATENCIES_MAX = 4096, /* samples kept, evenly over the run */
	VERDICT_STEPS_MAX = 1024,     /* steps of the tone remembered */
	VERDICT_LIVE_MS = 10000	      /* a card that is older was recorded */
};

/* What is wanted; a negative number or false: nothing. */
struct verdict_wants {
	double min_fps, max_loss_percent, max_first_frame_s, max_freeze_s;
	bool audio, video, card, opus; /* opus: silence will do */
	enum payload_codec codec;      /* of the picture; NONE: any */
};

/* The test card's numbers as they came. */
struct verdict_card {
	uint64_t count, unreadable, repeated, disordered;
	uint64_t restarts;	      /* the numbers began anew: a file that is repeated */
	int64_t first, last, missing; /* missing: between neighbours that came */
};

/* Of delays, for their median. */
struct verdict_samples {
	uint32_t us[VERDICT_LATENCIES_MAX];
	size_t count;
	uint64_t seen;
};

struct verdict {
	struct media_decoder *decoder; /* NULL before the first picture */
	enum payload_codec codec;      /* of decoder */
	struct media_opus_decoder *opus;
	media_picture_fn *picture; /* of the owner: each picture; may be NULL, as is its arg */
	uint64_t start_us;	   /* of the session */
	uint64_t first_packet_us, first_frame_us, last_frame_us; /* 0: none */
	uint64_t frames, keyframes, undecodable;
	uint64_t freezes, freeze_us, freeze_max_us;
	double interval_us; /* mean between frames, smoothed */
	unsigned width, height;
	struct verdict_card card;
	uint64_t audio_samples, loud_windows, windows;
	uint8_t steps[VERDICT_STEPS_MAX];
	size_t step_count;
	int step_candidate;
	struct verdict_samples arrival; /* capture to arrival, by the sender's clock */
	struct verdict_samples seeing;	/* drawn to decoded, by the test card's clock */
};

int verdict_init(struct verdict *v, uint64_t start_us); /* 0 or -ENOMEM */
void verdict_fini(struct verdict *v);
void verdict_packet(struct verdict *v, uint64_t now_us);
/* latency_us: from capture to now by the sender's clock; negative: unknown. */
void verdict_unit(struct verdict *v, const struct receiver_unit *unit, int64_t latency_us);

/* Everything that was seen, for JSON. peer may be NULL. */
json_t *verdict_json(const struct verdict *v, const struct peer *peer, uint64_t now_us);
void verdict_print(const struct verdict *v, const struct peer *peer, uint64_t now_us, FILE *out);
/* Compare with what is wanted: an array of lines that say what failed; empty: all is well. */
json_t *verdict_judge(const struct verdict *v, const struct verdict_wants *wants,
		      const struct peer *peer, uint64_t now_us);

#endif
