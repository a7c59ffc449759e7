/*
 * track.h - what a session's media sections are, as rtc-whip and rtc-whep described them
 * (session.create in rtc-control.5).  Made by the control thread, immutable afterwards, read by
 * workers.
 */
#ifndef RTCKIT_TRACK_TRACK_H
#define RTCKIT_TRACK_TRACK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	TRACKS_MAX = 8,	     /* media sections of a session */
	CODECS_MAX = 24,     /* codecs of a track; Chromium offers 15 for video, RTX not counted */
	TRACK_SSRCS_MAX = 8, /* SSRCs that SDP announces for a track */
	TRACK_RIDS_MAX = 4,
	LANES_MAX = 16, /* what a stream forwards: a lane per track, more per simulcast layer */
	TRACK_MID_SIZE = 33, /* a mid of at most 32 characters */
	TRACK_RID_SIZE = 17,
	CODEC_NAME_SIZE = 17,
	CODEC_FMTP_MAX = 512,
	CODEC_WORDS_SIZE = 80, /* track_codec_name() */
	RED_PRIMARY = 254,
	PLAYOUT_DELAY_MAX_MS = 10000,
	PT_NONE = 255
};

enum track_kind { TRACK_AUDIO, TRACK_VIDEO };

enum codec_feedback {
	FEEDBACK_NACK = 1,
	FEEDBACK_PLI = 2,
	FEEDBACK_FIR = 4,
	FEEDBACK_TWCC = 8,
	FEEDBACK_REMB = 16
};

struct codec {
	char name[CODEC_NAME_SIZE]; /* as SDP wrote it; compared without case */
	char *fmtp;		    /* owned; NULL if none */
	uint32_t clock_rate;	    /* Hz */
	uint8_t channels;
	uint8_t pt, rtx_pt; /* rtx_pt PT_NONE if there is none */
	uint8_t feedback;   /* enum codec_feedback */
	uint8_t format;	    /* enum payload_codec, by the name; NONE of audio */
	uint8_t red_pt;	    /* of RED (RFC 2198): payload type of its blocks; PT_NONE: no RED */
};

struct track {
	char mid[TRACK_MID_SIZE];
	uint8_t kind; /* enum track_kind */
	uint8_t codec_count, ssrc_count, rtx_ssrc_count, rid_count;
	uint8_t ext_mid, ext_rid, ext_repaired_rid, ext_twcc; /* ids; 0 not negotiated */
	uint8_t ext_playout_delay;
	uint16_t playout_delay_ms;	 /* a publisher's wish to WebRTC players: show no sooner */
	bool on_demand;			 /* a contributor's track */
	struct codec *codecs;		 /* owned */
	uint32_t ssrcs[TRACK_SSRCS_MAX]; /* a publisher's, from SDP */
	uint32_t rtx_ssrcs[TRACK_SSRCS_MAX]; /* rtx_ssrcs[i] repairs ssrcs[i]; 0: nothing does */
	char rids[TRACK_RIDS_MAX][TRACK_RID_SIZE];
	uint32_t out_ssrc, out_rtx_ssrc; /* a player's: what the relay sends with; 0 no RTX */
};

struct tracks {
	struct track *list; /* owned */
	size_t count;
};

/*
 * From the "tracks" member. Returns 0, or -EINVAL with words in detail (naming the member),
 * -ENOMEM. *out is untouched on error.
 */
int tracks_parse(struct tracks *out, const json_t *array, char *detail, size_t detail_size);
void tracks_free(struct tracks *t);
/*
 * The lane of a stream that carries a simulcast layer (index of its rid; 0 without simulcast) of a
 * track: the first layer's is the track's own number, the others follow above TRACKS_MAX. PT_NONE
 * if there is no room or no such layer.
 */
uint8_t tracks_lane(const struct tracks *t, unsigned track, unsigned layer);
/* As in stream.get: track (its place), kind, codecs; no SSRC. A track without codecs is a free
 * place and is left out. New reference. */
json_t *tracks_json(const struct tracks *t);
/* The same for a local subscriber, which gets what RED wraps and so does not see RED. */
json_t *tracks_local_json(const struct tracks *t);

/*
 * A player's binding to a publisher: for each track of the player, the publisher's track it shows
 * and, per codec of that track, the player's own payload types (PT_NONE: not understood).
 */
struct binding {
	struct bound {
		uint8_t source; /* publisher's track; PT_NONE: nothing matches */
		uint8_t pt[CODECS_MAX], rtx_pt[CODECS_MAX];
		/* Of RED, the payload type that its blocks are to have; RED_PRIMARY: the primary
		 * block goes alone, as pt. PT_NONE: the payload goes as it is. */
		uint8_t red[CODECS_MAX];
	} tracks[TRACKS_MAX];
};

/* Number of the player's tracks that got a source with at least one common codec. */
size_t tracks_bind(struct binding *out, const struct tracks *publisher,
		   const struct tracks *player);
/*
 * A local subscriber's binding: every track as it is, RED unwrapped, if its codec is in the
 * NULL-terminated list of names, or, without a list, if it is live (not on demand). Of pt and red
 * only what concerns RED is set.
 */
void tracks_choose(struct binding *out, const struct tracks *publisher, char *const *codecs);
/*
 * A codec for people, with what tracks_bind() tells it by from others of that name: "H264 42e01f",
 * "H264 42e01f mode 0", "VP9 profile 2". CODEC_WORDS_SIZE is always enough. Returns text.
 */
char *track_codec_name(const struct codec *c, char *text, size_t size);
/* The same of all: "VP9 profile 2, opus" - for errors that name both lists. Returns text. */
char *tracks_codec_names(const struct tracks *t, char *text, size_t size);
/* The same of one kind. */
char *tracks_kind_names(const struct tracks *t, enum track_kind kind, char *text, size_t size);
/* Both have tracks of the kind, and the binding has none for the player. */
bool tracks_miss(const struct binding *b, const struct tracks *publisher,
		 const struct tracks *player, enum track_kind kind);

#endif
