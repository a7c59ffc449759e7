#include "ingest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/text.h"
#include "flv/flv_timeline.h"
#include "log/log.h"

enum {
	HELD_MAX = 2048,	    /* tags, */
	HELD_OCTETS_MAX = 16 << 20, /* and octets that are kept until the tracks are known, */
	HELD_MS = 1000,		    /* and time of the source */
	RENEWALS_MAX = 100,	    /* changes of codec in one stream */
	CREDENTIAL_SIZE = 33,
	TRACK_NONE = 255
};

static const char CNAME[] = "rtmp2rtc";

struct held {
	uint8_t *data; /* owned */
	struct flv_tag tag;
};

struct ingest {
	struct ingest_config config;
	const struct ingest_events *events;
	void *arg;
	char credential[256];
	struct link *link, *former; /* former: until the new one is taken */
	bool live, ended;
	unsigned renewals;
	uint64_t ntp_base;
	struct flv_timeline line;
	struct video video;
	struct audio audio;
	bool published;	    /* the tracks are told; else tags are held */
	uint8_t opus_index; /* of the tracks, TRACK_NONE if there is none */
	uint8_t twin_index;
	bool held_frame;      /* of video is among the tags that are held, */
	bool held_reordering; /* and it is shown later than it was decoded */
	struct flv_metadata metadata;
	bool has_metadata, told_video, told_audio, told_multitrack;
	struct held held[HELD_MAX];
	size_t held_count, held_octets;
};

/* ---- the relay ---- */

static void
use_link(struct ingest *in, struct link *link)
{
	in->link = link;
	in->video.track.link = in->video.twin.track.link = in->audio.original.link =
	    in->audio.opus.link = link;
}

static void
on_state(void *arg, struct link *link, enum link_state state, const char *words)
{
	struct ingest *in = arg;

	if (in->ended)
		return;
	if (link == in->former) /* taken over by the new one, which answers for itself */
		return;
	if (state == LINK_LIVE) {
		link_free(in->former);
		in->former = NULL;
		if (in->live)
			return;
		in->live = true;
	} else
		in->ended = true;
	in->events->state(in->arg, state, words);
}

static void
on_wanted(void *arg, struct link *link, unsigned track, bool wanted)
{
	struct ingest *in = arg;

	if (link != in->link || !in->published)
		return;
	if (track == in->opus_index)
		audio_want(&in->audio, wanted);
	else if (track == in->twin_index)
		twin_want(&in->video.twin, wanted);
}

static void
on_keyframe(void *arg, struct link *link, unsigned track)
{
	struct ingest *in = arg;

	if (link == in->link && in->published && track == in->twin_index)
		twin_keyframe(&in->video.twin);
}

static void
on_drained(void *arg, struct link *link)
{
	struct ingest *in = arg;

	if (link == in->link)
		in->events->drained(in->arg);
}

static const struct link_events link_events = {
    .state = on_state, .wanted = on_wanted, .keyframe = on_keyframe, .drained = on_drained};

static int
ask_relay(struct ingest *in, json_t *tracks, const char **words)
{
	const struct link_config config = {.path = in->config.media_socket,
					   .stream = in->config.stream,
					   .credential = in->credential,
					   .client = in->config.client,
					   .protocol = "rtmp",
					   .tracks = tracks};
	struct link *link = link_new(in->config.loop, &config, &link_events, in, words);

	if (link == NULL)
		return -ECONNREFUSED;
	link_free(in->former);
	in->former = in->link;
	use_link(in, link);
	return 0;
}

static json_t *
video_track(enum payload_codec codec, uint8_t pt, const char *fmtp, bool on_demand)
{
	return json_pack("{s:s, s:s, s:[{s:s, s:i, s:i, s:s}]}", "kind", "video", "mode",
			 on_demand ? "on-demand" : "live", "codecs", "name", payload_name(codec),
			 "clock_rate", PAYLOAD_RATE, "pt", pt, "fmtp", fmtp);
}

static json_t *
aac_track(const struct audio *a)
{
	char fmtp[AAC_FMTP_SIZE];

	aac_fmtp_write(fmtp, sizeof(fmtp), a->config, a->config_size);
	return json_pack("{s:s, s:[{s:s, s:i, s:i, s:i, s:s}]}", "kind", "audio", "codecs", "name",
			 AAC_RTP_NAME, "clock_rate", (int)a->aac.rate_hz, "channels",
			 MAX_OF((int)a->aac.channel_count, 1), "pt", AUDIO_AAC_PT, "fmtp", fmtp);
}

static json_t *
opus_track(bool on_demand)
{
	return json_pack("{s:s, s:s, s:[{s:s, s:i, s:i, s:i, s:s}]}", "kind", "audio", "mode",
			 on_demand ? "on-demand" : "live", "codecs", "name", "opus", "clock_rate",
			 48000, "channels", 2, "pt", AUDIO_OPUS_PT, "fmtp",
			 "minptime=10;stereo=1;sprop-stereo=1;useinbandfec=1");
}

/* Before the tracks are known: the two that every player of the stream will find. */
static json_t *
first_tracks(void)
{
	return json_pack("[o, o]",
			 video_track(PAYLOAD_H264, VIDEO_PT,
				     "packetization-mode=1;profile-level-id=42e01f", false),
			 opus_track(true));
}

static json_t *
known_tracks(struct ingest *in)
{
	json_t *tracks = json_array();
	char fmtp[PAYLOAD_FMTP_SIZE];
	size_t i;
	json_t *track;

	in->opus_index = in->twin_index = TRACK_NONE;
	if (in->video.codec != PAYLOAD_NONE)
		json_array_append_new(tracks, video_track(in->video.codec, VIDEO_PT,
							  video_fmtp(&in->video, fmtp), false));
	if (in->video.twin.active) {
		/* WebRTC players take the first that they can, local ones what is live: H.265
		 * goes to those that have it, a picture with B-frames to no player. */
		in->twin_index = in->video.codec == PAYLOAD_H265 && !in->video.has_bframes;
		json_array_insert_new(
		    tracks, in->twin_index,
		    video_track(PAYLOAD_H264, TWIN_PT, video_twin_fmtp(&in->video, fmtp), true));
	}
	/* The picture alone need not wait for anything. */
	json_array_foreach(tracks, i, track) if (in->audio.codec != FLV_CODEC_NONE)
	    json_object_set_new(track, "playout_delay_ms",
				json_integer((json_int_t)in->config.playout_delay_ms));
	if (in->audio.codec == FLV_AAC)
		json_array_append_new(tracks, aac_track(&in->audio));
	if (in->audio.codec != FLV_CODEC_NONE) {
		in->opus_index = (uint8_t)json_array_size(tracks);
		json_array_append_new(tracks, opus_track(in->audio.codec != FLV_OPUS));
	}
	return tracks;
}

static void
log_tracks(const struct ingest *in)
{
	log_info("source", "%s: video %s, audio %s", in->config.stream,
		 in->video.codec != PAYLOAD_NONE ? payload_name(in->video.codec) : "none",
		 in->audio.codec != FLV_CODEC_NONE ? flv_codec_name(in->audio.codec) : "none");
}

/* Tell the relay the tracks, for the first time or anew. */
static int
publish(struct ingest *in)
{
	const char *words = "";

	if (in->renewals++ == RENEWALS_MAX)
		return -EBADMSG;
	audio_want(&in->audio, false); /* the new publication says anew who wants it */
	twin_want(&in->video.twin, false);
	in->video.has_bframes |= in->held_reordering;
	in->held_reordering = false;
	in->video.twin.active = video_wants_twin(&in->video);
	link_track_init(&in->video.twin.track, TWIN_PT, 90000, in->ntp_base, CNAME);
	link_track_init(&in->video.track, VIDEO_PT, 90000, in->ntp_base, CNAME);
	link_track_init(&in->audio.opus, AUDIO_OPUS_PT, 48000, in->ntp_base, CNAME);
	link_track_init(&in->audio.original, AUDIO_AAC_PT, MAX_OF(in->audio.aac.rate_hz, 1u),
			in->ntp_base, CNAME);
	in->audio.has_next = false;
	in->published = true;
	log_tracks(in);
	if (ask_relay(in, known_tracks(in), &words) == 0)
		return 0;
	in->ended = true;
	in->events->state(in->arg, LINK_FAILED, words);
	return 0;
}

/* ---- tags ---- */

static void
complain(bool *told, const char *kind, enum flv_codec codec, const char *fourcc, const char *cure)
{
	if (*told)
		return;
	*told = true;
	log_warn("source", "%s codec %s is not carried: %s", kind,
		 codec == FLV_CODEC_NONE && fourcc[0] != '\0' ? fourcc : flv_codec_name(codec),
		 cure);
}

static void
tell_multitrack(struct ingest *in, bool multitrack)
{
	if (!multitrack || in->told_multitrack)
		return;
	in->told_multitrack = true;
	log_warn("source", "the encoder sends several tracks of a kind: only track 0 is taken");
}

/* Is this, as flv_video_parse() has it, of a track that is carried? What is not is told of. */
static bool
is_video(struct ingest *in, int rc, const struct flv_video *v)
{
	tell_multitrack(in, v->multitrack);
	if (rc == 0 && v->codec == FLV_CODEC_NONE) /* no track 0 */
		return false;
	if (rc == 0 && video_codec_of(v->codec) != PAYLOAD_NONE)
		return true;
	complain(&in->told_video, "video", v->codec, v->fourcc, "set the encoder to H.264");
	return false;
}

static bool
is_audio(struct ingest *in, int rc, const struct flv_audio *a)
{
	tell_multitrack(in, a->multitrack);
	if (rc == -ENOMSG)
		complain(&in->told_audio, "audio", a->codec, a->fourcc, "set the encoder to AAC");
	return rc == 0 && a->codec != FLV_CODEC_NONE;
}

/* 1 the tracks change, 0, -errno. */
static int
take_video(struct ingest *in, const struct flv_tag *tag, int64_t time_us, uint64_t now_us,
	   bool jump)
{
	struct flv_video v;
	int rc = flv_video_parse(&v, tag->data, tag->size);
	enum payload_codec codec;

	if (rc == -EBADMSG || (rc == 0 && v.codec != FLV_CODEC_NONE && v.kind > FLV_FRAME))
		return 0;
	if (!is_video(in, rc, &v))
		return 0;
	codec = video_codec_of(v.codec);
	in->video.jump |= jump;
	if (v.kind == FLV_SEQUENCE_HEADER) {
		enum payload_codec before = in->video.codec;

		/* New parameter sets go in band; a track that comes late, or another codec, is
		 * news. */
		rc = video_configure(&in->video, codec, v.data, v.size);
		return rc == 1 && codec != before;
	}
	if (!in->published || codec != in->video.codec)
		return 0;
	rc = video_frame(&in->video, &v, time_us, now_us);
	return rc == -ENOMEM ? rc : video_wants_twin(&in->video) && !in->video.twin.active;
}

static int
take_audio(struct ingest *in, const struct flv_tag *tag, int64_t time_us, uint64_t now_us,
	   bool jump)
{
	struct flv_audio a;
	int rc = flv_audio_parse(&a, tag->data, tag->size);

	if (rc == -EBADMSG || !is_audio(in, rc, &a))
		return 0;
	in->audio.jump |= jump;
	rc = audio_configure(&in->audio, &a);
	if (rc == 1)
		return 1;
	if (!in->published || a.kind != FLV_FRAME)
		return 0;
	rc = audio_frame(&in->audio, &a, time_us, now_us);
	return rc == -ENOMEM ? rc : 0;
}

/* Publish it: its time on the line, its media out. */
static int
take(struct ingest *in, const struct flv_tag *tag, uint64_t now_us)
{
	bool jump = false;
	int64_t time_us;
	int rc;

	if (tag->type != FLV_AUDIO && tag->type != FLV_VIDEO)
		return 0;
	time_us = flv_timeline_map(&in->line, tag->ts_ms, now_us, &jump) * 1000;
	if (jump)
		log_info("source", "timestamps jump; bridged");
	if (in->ntp_base == 0)
		in->ntp_base = clock_ntp();
	rc = tag->type == FLV_VIDEO ? take_video(in, tag, time_us, now_us, jump)
				    : take_audio(in, tag, time_us, now_us, jump);
	if (rc != 1)
		return rc;
	rc = publish(in);
	/* The tag that brought the news may be media itself. */
	if (rc == 0 && tag->type == FLV_AUDIO)
		rc = take_audio(in, tag, time_us, now_us, false);
	return rc;
}

/* ---- until the tracks are known ---- */

static int
hold(struct ingest *in, const struct flv_tag *tag)
{
	struct held *h = &in->held[in->held_count];

	h->data = malloc(MAX_OF(tag->size, (size_t)1));
	if (h->data == NULL)
		return -ENOMEM;
	if (tag->size > 0)
		memcpy(h->data, tag->data, tag->size);
	h->tag = *tag;
	h->tag.data = h->data;
	in->held_count++;
	in->held_octets += tag->size;
	return 0;
}

static void
note_video(struct ingest *in, const struct flv_tag *tag)
{
	struct flv_video v;
	int rc = flv_video_parse(&v, tag->data, tag->size);

	if (rc == -EBADMSG || !is_video(in, rc, &v))
		return;
	if (v.kind == FLV_SEQUENCE_HEADER)
		video_configure(&in->video, video_codec_of(v.codec), v.data, v.size);
	if (v.kind != FLV_FRAME)
		return;
	in->held_frame = true;
	in->held_reordering |= v.keyframe && v.cts_ms > 0;
}

static void
note_audio(struct ingest *in, const struct flv_tag *tag)
{
	struct flv_audio a;
	int rc = flv_audio_parse(&a, tag->data, tag->size);

	if (rc != -EBADMSG && is_audio(in, rc, &a))
		audio_configure(&in->audio, &a);
}

static void
note_codecs(struct ingest *in, const struct flv_tag *tag)
{
	if (tag->type == FLV_SCRIPT && flv_metadata_parse(&in->metadata, tag->data, tag->size) == 0)
		in->has_metadata = true;
	else if (tag->type == FLV_VIDEO)
		note_video(in, tag);
	else if (tag->type == FLV_AUDIO)
		note_audio(in, tag);
}

/* Everything that was announced is there, or it was waited for long enough. */
static bool
tracks_are_known(const struct ingest *in)
{
	bool audio = in->audio.codec != FLV_CODEC_NONE;
	bool video = in->video.codec != PAYLOAD_NONE &&
		     (in->held_frame || (in->video.settings.bframes != VIDEO_TRANSCODE_BFRAMES &&
					 !in->video.settings.h265_to_h264));
	const struct flv_tag *first = &in->held[0].tag;

	if (video && audio)
		return true;
	if (in->has_metadata && (in->metadata.video != FLV_CODEC_NONE || in->metadata.audio != 0) &&
	    (video || in->metadata.video == FLV_CODEC_NONE) &&
	    (audio || in->metadata.audio == FLV_CODEC_NONE))
		return true;
	return in->held_count + 1 >= HELD_MAX || in->held_octets > HELD_OCTETS_MAX ||
	       (int32_t)(in->held[in->held_count - 1].tag.ts_ms - first->ts_ms) > HELD_MS;
}

int
ingest_flush(struct ingest *in, uint64_t now_us)
{
	int rc = 0;

	if (in->published || in->held_count == 0)
		return 0;
	in->ntp_base = clock_ntp();
	if (in->video.codec != PAYLOAD_NONE || in->audio.codec != FLV_CODEC_NONE)
		rc = publish(in);
	for (size_t i = 0; i < in->held_count; i++) {
		if (rc == 0 && in->published)
			rc = take(in, &in->held[i].tag, now_us);
		free(in->held[i].data);
	}
	in->held_count = in->held_octets = 0;
	return rc;
}

int
ingest_tag(struct ingest *in, const struct flv_tag *tag, uint64_t now_us)
{
	int rc;

	if (in->ended)
		return 0;
	if (in->published)
		return take(in, tag, now_us);
	note_codecs(in, tag);
	rc = hold(in, tag);
	return rc == 0 && tracks_are_known(in) ? ingest_flush(in, now_us) : rc;
}

bool
ingest_is_published(const struct ingest *in)
{
	return in->published;
}

bool
ingest_is_full(const struct ingest *in)
{
	return in->link != NULL && link_is_full(in->link);
}

struct ingest *
ingest_new(const struct ingest_config *config, const struct ingest_events *events, void *arg,
	   const char **words)
{
	struct ingest *in = calloc(1, sizeof(*in));

	if (in == NULL) {
		*words = "out of memory";
		return NULL;
	}
	in->config = *config;
	in->events = events;
	in->arg = arg;
	in->opus_index = in->twin_index = TRACK_NONE;
	if (config->credential != NULL && config->credential[0] != '\0')
		text_copy(in->credential, sizeof(in->credential), config->credential);
	else
		random_text(in->credential, CREDENTIAL_SIZE - 1);
	video_init(&in->video, &config->video);
	audio_init(&in->audio, config->opus_bps);
	if (ask_relay(in, first_tracks(), words) < 0) {
		ingest_free(in);
		return NULL;
	}
	return in;
}

void
ingest_free(struct ingest *in)
{
	if (in == NULL)
		return;
	in->ended = true;
	link_free(in->link);
	link_free(in->former);
	video_fini(&in->video);
	audio_fini(&in->audio);
	for (size_t i = 0; i < in->held_count; i++)
		free(in->held[i].data);
	free(in);
}
