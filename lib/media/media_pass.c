#include "media/media_pass.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "media/media_ff.h"

/* What WebRTC receivers can take: no reordering, 8 bits, 4:2:0; and the codec asked for. */
const char *
media_pass_why_not(const AVCodecParameters *p, enum payload_codec wanted)
{
	static const char *const to[PAYLOAD_CODECS] = {
	    [PAYLOAD_NONE] = "to H.264", [PAYLOAD_H264] = "to H.264", [PAYLOAD_H265] = "to H.265",
	    [PAYLOAD_VP8] = "to VP8",	 [PAYLOAD_VP9] = "to VP9",    [PAYLOAD_AV1] = "to AV1",
	};
	enum payload_codec codec = media_codec_of(p->codec_id);

	if (p->codec_type == AVMEDIA_TYPE_AUDIO)
		return p->codec_id == AV_CODEC_ID_OPUS && p->ch_layout.nb_channels <= 2 ? NULL
											: "to Opus";
	if (codec == PAYLOAD_NONE || (wanted != PAYLOAD_NONE && codec != wanted))
		return to[wanted];
	if (p->video_delay > 0)
		return "B-frames (bframes=0 at the source avoids it)";
	if (p->format != AV_PIX_FMT_YUV420P && p->format != AV_PIX_FMT_YUVJ420P)
		return "to 8-bit 4:2:0";
	return NULL;
}

/* Parameter sets before each keyframe, from the container's header or from the stream's own. */
static int
open_bsf(struct media_pass *pass, const AVStream *stream, const char *annexb,
	 struct media_words *words)
{
	const AVCodecParameters *p = stream->codecpar;
	bool stored = p->extradata_size > 0 && p->extradata[0] == 1;
	int r = av_bsf_list_parse_str(stored ? annexb : "dump_extra=freq=keyframe", &pass->bsf);

	if (r >= 0)
		r = avcodec_parameters_copy(pass->bsf->par_in, p);
	if (r >= 0) {
		pass->bsf->time_base_in = stream->time_base;
		r = av_bsf_init(pass->bsf);
	}
	return r < 0 ? media_fail_av(words, annexb, r) : 0;
}

int
media_pass_open(struct media_pass *pass, const AVStream *stream, struct media_words *words)
{
	const AVCodecParameters *p = stream->codecpar;
	int n;

	pass->codec = media_codec_of(p->codec_id);
	if (pass->codec == PAYLOAD_H264)
		return open_bsf(pass, stream, "h264_mp4toannexb", words);
	if (pass->codec == PAYLOAD_H265)
		return open_bsf(pass, stream, "hevc_mp4toannexb", words);
	if (pass->codec != PAYLOAD_AV1 || p->extradata_size <= 0)
		return 0;
	n = payload_config_headers(pass->codec, pass->headers, sizeof(pass->headers), p->extradata,
				   (size_t)p->extradata_size, NULL);
	pass->headers_size = n > 0 ? (size_t)n : 0;
	return 0;
}

void
media_pass_close(struct media_pass *pass)
{
	av_bsf_free(&pass->bsf);
	free(pass->joined);
	pass->joined = NULL;
}

int
media_pass_look(struct media_pass *pass, struct media_unit *unit)
{
	struct payload_facts facts;
	uint8_t *joined;

	unit->codec = pass->codec;
	if (payload_look(unit->codec, unit->data, unit->size, &facts) < 0)
		return 0; /* the container's flag, then */
	unit->keyframe |= facts.keyframe;
	if (!facts.keyframe || facts.headers || pass->headers_size == 0)
		return 0;
	joined = realloc(pass->joined, pass->headers_size + unit->size);
	if (joined == NULL)
		return -ENOMEM;
	memcpy(joined, pass->headers, pass->headers_size);
	memcpy(joined + pass->headers_size, unit->data, unit->size);
	pass->joined = joined;
	unit->data = joined;
	unit->size += pass->headers_size;
	return 0;
}
