/*
 * flv.h - FLV tags and their bodies, which are RTMP's audio, video and data messages as well
 * (Adobe FLV 10.1 annex E; the enhanced RTMP specification for fourcc headers).  Sans-IO.
 *
 * What it does not do: RTMP chunks (lib/rtmp), seeking, encryption, RTP.
 */
#ifndef RTCKIT_FLV_FLV_H
#define RTCKIT_FLV_FLV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	FLV_HEADER_SIZE = 13,	/* file header of 9 octets and the first "previous tag size" */
	FLV_TAG_HEAD_SIZE = 11, /* E.4.1 */
	FLV_TAG_TAIL_SIZE = 4,	/* "previous tag size" */
	FLV_TAG_MAX = 8 << 20,	/* octets of a body: a keyframe and room to spare */
	FLV_BODY_HEAD_MAX = 8	/* what flv_write_video() and flv_write_audio() need at most */
};

enum flv_type { FLV_AUDIO = 8, FLV_VIDEO = 9, FLV_SCRIPT = 18 };

struct flv_tag {
	uint8_t type;	     /* enum flv_type; others may come and are to be skipped */
	uint32_t ts_ms;	     /* decoding time, wraps at 2^32 */
	const uint8_t *data; /* body, borrowed */
	size_t size;
};

/*
 * Reader of a byte stream that comes in pieces of any size. Caller's storage; grows with what it is
 * given up to one tag (FLV_TAG_MAX and its head).
 */
struct flv_reader {
	uint8_t *buf; /* owned */
	size_t size, cap, used;
	bool begun;	   /* the file header was read */
	uint8_t has_flags; /* of the file header: 4 audio, 1 video; only a hint */
};
void flv_reader_init(struct flv_reader *r);
void flv_reader_fini(struct flv_reader *r);
/* Copies. 0, -ENOMEM, -ENOSPC (more than one tag was pushed without taking tags). */
int flv_reader_push(struct flv_reader *r, const uint8_t *buf, size_t size);
/*
 * The next whole tag: 1 with *tag set (its body borrowed until the next push), 0 if more octets are
 * needed, -EBADMSG if this is no FLV or a tag is over FLV_TAG_MAX (the stream cannot go on).
 * "Previous tag size" is not checked: writers in use get it wrong.
 */
int flv_reader_next(struct flv_reader *r, struct flv_tag *tag);

/* The file header. Returns FLV_HEADER_SIZE or -ENOSPC. */
int flv_write_header(uint8_t *out, size_t cap, bool audio, bool video);
/* Head of a tag whose body has size octets: FLV_TAG_HEAD_SIZE octets. */
void flv_write_tag_head(uint8_t *out, uint8_t type, uint32_t ts_ms, size_t size);
/* The tail after such a body: FLV_TAG_TAIL_SIZE octets. */
void flv_write_tag_tail(uint8_t *out, size_t size);
/* Head, body and tail at once. Octets written or -ENOSPC. */
int flv_write_tag(uint8_t *out, size_t cap, const struct flv_tag *tag);

/* ---- bodies ---- */

enum flv_codec {
	FLV_CODEC_NONE, /* one that is not in this list */
	FLV_AVC,
	FLV_HEVC,
	FLV_AV1,
	FLV_VP9,
	FLV_AAC,
	FLV_MP3,
	FLV_PCMA,
	FLV_PCMU,
	FLV_OPUS
};
const char *flv_codec_name(enum flv_codec codec); /* "H264", "AAC" ...; "unknown" */

enum flv_kind {
	FLV_SEQUENCE_HEADER, /* AVCDecoderConfigurationRecord, AudioSpecificConfig, hvcC, av1C ...
			      */
	FLV_FRAME,	     /* one access unit; AVC and HEVC with length prefixes */
	FLV_SEQUENCE_END,
	FLV_OTHER /* seek marks, HDR metadata, multichannel configuration: to be skipped */
};

enum { FLV_FOURCC_SIZE = 5 /* terminated */ };

struct flv_video {
	enum flv_codec codec;
	enum flv_kind kind;
	bool keyframe;	/* as the header says */
	bool enhanced;	/* fourcc header (enhanced RTMP) */
	int32_t cts_ms; /* presentation minus decoding time */
	const uint8_t *data;
	size_t size;
	bool multitrack; /* track 0 of several; if there is none: codec NONE, kind OTHER */
	char fourcc[FLV_FOURCC_SIZE]; /* of a codec not listed, printable; "" if it has none */
};
/* The body of a video tag. 0; -ENOMSG (a codec not listed: *v has codec NONE and its fourcc);
 * -EBADMSG. An empty body is -EBADMSG. data borrows from body. */
int flv_video_parse(struct flv_video *v, const uint8_t *body, size_t size);
/*
 * What comes before v->data in a body; AVC in the old form unless v->enhanced. cts_ms is cut to 24
 * bits. Octets (<= FLV_BODY_HEAD_MAX) or -ENOSPC, -EINVAL (no video codec).
 */
int flv_write_video(uint8_t *out, size_t cap, const struct flv_video *v);

struct flv_audio {
	enum flv_codec codec;
	enum flv_kind kind;
	bool enhanced;
	uint32_t rate_hz; /* as the header says: meaningless for AAC and Opus */
	uint8_t channel_count;
	const uint8_t *data;
	size_t size;
	bool multitrack; /* as of video */
	char fourcc[FLV_FOURCC_SIZE];
};
int flv_audio_parse(struct flv_audio *a, const uint8_t *body, size_t size);
int flv_write_audio(uint8_t *out, size_t cap, const struct flv_audio *a);

/* ---- AVCDecoderConfigurationRecord (ISO/IEC 14496-15 s.5.3.3.1), length prefixes ---- */

enum { FLV_AVC_SETS_MAX = 32 }; /* SPS, and PPS, each; the wire allows 31 and 255 */

struct flv_avc_set {
	const uint8_t *p; /* a NALU, borrowed */
	size_t size;
};
struct flv_avc_config {
	uint8_t profile_idc, constraints, level_idc;
	uint8_t length_size; /* 1, 2 or 4 octets before each NALU */
	struct flv_avc_set sps[FLV_AVC_SETS_MAX], pps[FLV_AVC_SETS_MAX];
	size_t sps_count, pps_count;
};
/* 0, -EBADMSG. Sets beyond the maximum are skipped; what follows the sets is ignored. */
int flv_avc_config_parse(struct flv_avc_config *c, const uint8_t *buf, size_t size);
/* From the sets (profile and level are taken of the first SPS); length_size is 4. Octets, -ENOSPC,
 * -EINVAL without a usable SPS. */
int flv_avc_config_write(uint8_t *out, size_t cap, const struct flv_avc_config *c);
/* All its sets in Annex B form (4-octet start codes), SPS first. Octets or -ENOSPC. */
int flv_avc_config_annexb(uint8_t *out, size_t cap, const struct flv_avc_config *c);

/*
 * Next NALU of an access unit with length prefixes: 1 with *nalu set (never empty: empty ones are
 * passed over), 0 at the end, -EBADMSG if a length runs over the end. *offset starts at 0.
 */
int flv_avcc_next(const uint8_t *buf, size_t size, unsigned length_size, size_t *offset,
		  const uint8_t **nalu, size_t *nalu_size);
/* A whole unit to Annex B (4-octet start codes) and back (4-octet lengths). Octets, -ENOSPC,
 * -EBADMSG. An output of 4 * size + 4 octets is always enough. */
int flv_avcc_to_annexb(uint8_t *out, size_t cap, const uint8_t *buf, size_t size,
		       unsigned length_size);
int flv_annexb_to_avcc(uint8_t *out, size_t cap, const uint8_t *annexb, size_t size);

/* ---- onMetaData ---- */

struct flv_metadata { /* 0: unknown */
	double width, height, fps, video_kbps, audio_kbps, audio_rate_hz, duration_s;
	unsigned audio_channel_count;
	enum flv_codec video, audio;
	char encoder[64]; /* printable ASCII */
};
/* The body of a script tag, with or without a leading "@setDataFrame". 0; -ENOMSG (another event);
 * -EBADMSG. Unknown members are ignored. */
int flv_metadata_parse(struct flv_metadata *m, const uint8_t *body, size_t size);
/* The body of a script tag: what is not 0. Octets or -ENOSPC (640 are enough). */
int flv_metadata_write(uint8_t *out, size_t cap, const struct flv_metadata *m);

#endif
