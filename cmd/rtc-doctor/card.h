/* card.h - the test picture and its tone into a peer: of the media stage, and for those who play
 * from --listen. */
#ifndef RTC_DOCTOR_CARD_H
#define RTC_DOCTOR_CARD_H

#include "media/media_source.h"
#include "peer/peer.h"
#include "sdp/sdp_negotiate.h"

struct card {
	struct media_source *source;
	int track[MEDIA_KINDS]; /* m-line; -1: not agreed */
	uint8_t pt[MEDIA_KINDS];
	uint32_t ts_base[MEDIA_KINDS];
	uint64_t start_us;
	unsigned frames;
	uint64_t video_packets, audio_packets;
};

/* For the tracks of the plan that we send as H.264 and Opus. 0, or -EINVAL with words. */
int card_init(struct card *c, const struct sdp_plan *plan, uint64_t now_us,
	      struct media_words *words);
void card_fini(struct card *c); /* zeroed is fine */
/* Queue what is due into the peer. */
void card_send(struct card *c, struct peer *peer, uint64_t now_us);
uint64_t card_due_us(const struct card *c); /* clock of the next unit */
void card_keyframe(struct card *c);

#endif
