/* media_codec.c - the codecs of lib/payload by FFmpeg's names. */
#include "media/media_ff.h"

#include "base/bytes.h"

static const struct {
	enum AVCodecID id;
	const char *encoder;
} rows[PAYLOAD_CODECS] = {
    [PAYLOAD_NONE] = {AV_CODEC_ID_NONE, ""},
    [PAYLOAD_H264] = {AV_CODEC_ID_H264, "libx264"},
    [PAYLOAD_H265] = {AV_CODEC_ID_HEVC, "libx265"},
    [PAYLOAD_VP8] = {AV_CODEC_ID_VP8, "libvpx"},
    [PAYLOAD_VP9] = {AV_CODEC_ID_VP9, "libvpx-vp9"},
    [PAYLOAD_AV1] = {AV_CODEC_ID_AV1, "libaom-av1"},
};

enum AVCodecID
media_codec_id(enum payload_codec codec)
{
	return rows[codec].id;
}

const char *
media_codec_encoder(enum payload_codec codec)
{
	return rows[codec].encoder;
}

enum payload_codec
media_codec_of(enum AVCodecID id)
{
	for (unsigned i = PAYLOAD_NONE + 1; i < PAYLOAD_CODECS; i++)
		if (rows[i].id == id)
			return (enum payload_codec)i;
	return PAYLOAD_NONE;
}

enum AVPixelFormat
media_codec_pixels(unsigned depth, unsigned chroma)
{
	static const enum AVPixelFormat formats[][4] = {
	    {AV_PIX_FMT_GRAY8, AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUV422P, AV_PIX_FMT_YUV444P},
	    {AV_PIX_FMT_GRAY10, AV_PIX_FMT_YUV420P10, AV_PIX_FMT_YUV422P10, AV_PIX_FMT_YUV444P10},
	    {AV_PIX_FMT_GRAY12, AV_PIX_FMT_YUV420P12, AV_PIX_FMT_YUV422P12, AV_PIX_FMT_YUV444P12},
	};
	unsigned row = depth > 10 ? 2 : depth > 8 ? 1 : 0;

	return formats[row][MIN_OF(chroma, 3u)];
}
