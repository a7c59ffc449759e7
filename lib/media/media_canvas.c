#include "media/media_canvas.h"

#include <errno.h>
#include <libavfilter/avfilter.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/imgutils.h>
#include <libswscale/swscale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "media/media_ff.h"

enum { PLANES = 3 };

struct media_canvas {
	struct media_encoder *encoder;
	AVFrame *own; /* the canvas if there is a filter, else the encoder's frame is */
	AVFilterGraph *graph;
	AVFilterContext *source, *sink;
	AVFrame *filtered;
	struct {
		struct SwsContext *scaler;
		AVFrame *frame; /* NULL until used; swscale writes past the end of narrow rows,
				   so never into the canvas itself */
	} places[MEDIA_CANVAS_PLACES];
};

static AVFrame *
new_frame(unsigned width, unsigned height)
{
	AVFrame *f = av_frame_alloc();

	if (f == NULL)
		return NULL;
	f->width = (int)width;
	f->height = (int)height;
	f->format = AV_PIX_FMT_YUV420P;
	if (av_frame_get_buffer(f, 0) < 0)
		av_frame_free(&f);
	return f;
}

/* ---- the filter ---- */

static int
parse_filter(struct media_canvas *c, const struct media_canvas_config *config)
{
	char args[160], text[2048];
	AVFilterInOut *ins = avfilter_inout_alloc(), *outs = avfilter_inout_alloc();
	int r = AVERROR(ENOMEM);

	snprintf(args, sizeof(args),
		 "video_size=%ux%u:pix_fmt=%d:time_base=1/1000000:"
		 "pixel_aspect=1/1:frame_rate=%u",
		 config->width, config->height, AV_PIX_FMT_YUV420P, config->fps);
	if ((size_t)snprintf(text, sizeof(text), "%s,scale=%u:%u,format=yuv420p", config->filter,
			     config->width, config->height) >= sizeof(text))
		r = AVERROR(ENAMETOOLONG);
	else if (ins != NULL && outs != NULL)
		r = avfilter_graph_create_filter(&c->source, avfilter_get_by_name("buffer"), "in",
						 args, NULL, c->graph);
	if (r >= 0)
		r = avfilter_graph_create_filter(&c->sink, avfilter_get_by_name("buffersink"),
						 "out", NULL, NULL, c->graph);
	if (r >= 0) {
		*outs = (AVFilterInOut){av_strdup("in"), c->source, 0, NULL};
		*ins = (AVFilterInOut){av_strdup("out"), c->sink, 0, NULL};
		r = avfilter_graph_parse_ptr(c->graph, text, &ins, &outs, NULL);
	}
	if (r >= 0)
		r = avfilter_graph_config(c->graph, NULL);
	avfilter_inout_free(&ins);
	avfilter_inout_free(&outs);
	return r;
}

static int
make_filter(struct media_canvas *c, const struct media_canvas_config *config,
	    struct media_words *words)
{
	int r;

	c->own = new_frame(config->width, config->height);
	c->filtered = av_frame_alloc();
	c->graph = avfilter_graph_alloc();
	if (c->own == NULL || c->filtered == NULL || c->graph == NULL)
		return media_fail(words, -ENOMEM, "out of memory");
	c->graph->nb_threads = 1;
	r = parse_filter(c, config);
	return r < 0 ? media_fail_av(words, config->filter, r) : 0;
}

/* ---- life ---- */

struct media_canvas *
media_canvas_new(const struct media_canvas_config *config, struct media_words *words)
{
	const struct media_encoder_config encoder = {.width = config->width,
						     .height = config->height,
						     .fps_num = config->fps,
						     .fps_den = 1,
						     .bitrate_bps = config->bitrate_bps,
						     .gop_count =
							 config->fps * config->gop_seconds};
	struct media_canvas *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		media_fail(words, 0, "out of memory");
		return NULL;
	}
	c->encoder = media_encoder_new(&encoder, words);
	if (c->encoder == NULL || (config->filter != NULL && make_filter(c, config, words) < 0)) {
		media_canvas_free(c);
		return NULL;
	}
	return c;
}

void
media_canvas_free(struct media_canvas *c)
{
	if (c == NULL)
		return;
	for (unsigned i = 0; i < MEDIA_CANVAS_PLACES; i++) {
		sws_freeContext(c->places[i].scaler);
		av_frame_free(&c->places[i].frame);
	}
	avfilter_graph_free(&c->graph);
	av_frame_free(&c->filtered);
	av_frame_free(&c->own);
	media_encoder_free(c->encoder);
	free(c);
}

/* ---- drawing ---- */

/* The frame to draw in, NULL without memory. */
static AVFrame *
canvas_of(struct media_canvas *c)
{
	if (c->own == NULL)
		return media_encoder_frame(c->encoder);
	return av_frame_make_writable(c->own) < 0 ? NULL : c->own;
}

void
media_canvas_fill(struct media_canvas *c, unsigned x, unsigned y, unsigned width, unsigned height,
		  const uint8_t yuv[static 3])
{
	AVFrame *f = canvas_of(c);

	for (unsigned p = 0; f != NULL && p < PLANES; p++) {
		unsigned shift = p > 0;
		uint8_t *row = f->data[p] + (ptrdiff_t)(y >> shift) * f->linesize[p] + (x >> shift);

		for (unsigned i = 0; i < height >> shift; i++, row += f->linesize[p])
			memset(row, yuv[p], width >> shift);
	}
}

int
media_canvas_scale(struct media_canvas *c, unsigned place, const struct media_image *image,
		   unsigned width, unsigned height)
{
	const AVFrame *in = (const AVFrame *)image;
	AVFrame *out = c->places[place].frame;

	if (out == NULL || out->width != (int)width || out->height != (int)height) {
		av_frame_free(&c->places[place].frame);
		out = c->places[place].frame = new_frame(width, height);
	}
	c->places[place].scaler = sws_getCachedContext(
	    c->places[place].scaler, in->width, in->height, in->format, (int)width, (int)height,
	    AV_PIX_FMT_YUV420P, SWS_BILINEAR, NULL, NULL, NULL);
	if (out == NULL || c->places[place].scaler == NULL)
		return -ENOMEM;
	sws_scale(c->places[place].scaler, (const uint8_t *const *)in->data, in->linesize, 0,
		  in->height, out->data, out->linesize);
	return 0;
}

void
media_canvas_paste(struct media_canvas *c, unsigned place, unsigned x, unsigned y)
{
	const AVFrame *in = c->places[place].frame;
	AVFrame *f = canvas_of(c);

	for (unsigned p = 0; f != NULL && in != NULL && p < PLANES; p++) {
		int shift = p > 0;

		av_image_copy_plane(f->data[p] + (ptrdiff_t)(y >> shift) * f->linesize[p] +
					(x >> shift),
				    f->linesize[p], in->data[p], in->linesize[p],
				    in->width >> shift, in->height >> shift);
	}
}

int
media_canvas_encode(struct media_canvas *c, int64_t time_us, bool keyframe, struct media_unit *out)
{
	AVFrame *f = canvas_of(c);
	int r;

	if (f == NULL)
		return -ENOMEM;
	if (c->graph == NULL)
		return media_encoder_encode(c->encoder, f, time_us, keyframe, out);
	f->pts = time_us;
	r = av_buffersrc_add_frame_flags(c->source, f, AV_BUFFERSRC_FLAG_KEEP_REF);
	if (r >= 0)
		r = av_buffersink_get_frame(c->sink, c->filtered);
	if (r < 0)
		return r == AVERROR(EAGAIN) ? 0 : media_fail_av(NULL, "", r);
	r = media_encoder_encode(c->encoder, c->filtered, time_us, keyframe, out);
	av_frame_unref(c->filtered);
	return r;
}
