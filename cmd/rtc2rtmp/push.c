#include "push.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "attach/attach.h"
#include "base/bytes.h"
#include "log/log.h"
#include "loop/loop.h"
#include "media/media_aac.h"
#include "media/media_video.h"
#include "output.h"

enum { EXIT_NOBODY = 1, SUCCESSOR_MS = 1000 /* a publisher that comes again so soon goes on */ };

static struct push {
	const struct push_config *config;
	uv_loop_t loop;
	uv_timer_t timer, successor;
	uv_async_t done;
	struct attach *attach;
	struct output *outputs[PUSH_OUTPUTS_MAX];
	bool takes_aac[PUSH_OUTPUTS_MAX];
	size_t count;
	struct media_aac *aac;
	struct media_video *video; /* makes H264; NULL: the pictures are taken as they are */
	enum payload_codec codec;  /* of what is written */
	enum gather_codec codecs[GATHER_KINDS]; /* of the publisher at the start */
	bool announced, began, ending;
	int64_t asked_us;
	int code;
	char trouble[160];
} p;

static void
finish(int code, const char *words)
{
	if (p.ending)
		return;
	p.ending = true;
	p.code = code;
	if (words[0] != '\0')
		log_error("push", "%s", words);
	attach_free(p.attach);
	p.attach = NULL;
	for (size_t i = 0; i < p.count; i++)
		output_finish(p.outputs[i]);
	uv_async_send(&p.done);
}

static void
on_time_over(uv_timer_t *timer)
{
	(void)timer;
	finish(EX_OK, "");
}

/* ---- media ---- */

static void
spread(const struct media_unit *u, bool is_aac)
{
	struct parcel *parcel = parcel_new(u);

	for (size_t i = 0; parcel != NULL && i < p.count; i++)
		if (u->kind == MEDIA_VIDEO || p.takes_aac[i] == is_aac)
			output_push(p.outputs[i], parcel);
	parcel_drop(parcel);
}

/* An output that begins (again) waits for a keyframe: ask, not too often. */
static void
ask_keyframe(int64_t time_us)
{
	bool wanted = false;

	if (time_us - p.asked_us < GATHER_ASK_US)
		return;
	for (size_t i = 0; i < p.count; i++)
		wanted |= output_wants_keyframe(p.outputs[i]);
	if (!wanted)
		return;
	p.asked_us = time_us;
	attach_keyframe(p.attach);
}

static void
on_aac(void *arg, const struct media_unit *u)
{
	(void)arg;
	spread(u, true);
}

static int
on_made_picture(void *arg, const struct media_unit *u)
{
	(void)arg;
	spread(u, false);
	return 0;
}

static void
transcode(const struct media_unit *u)
{
	struct media_words words = {""};

	for (size_t i = 0; i < p.count; i++)
		if (output_wants_keyframe(p.outputs[i]))
			media_video_keyframe(p.video);
	if (media_video_push(p.video, u->data, u->size, u->time_us, true, &words) == -EIO)
		finish(EX_SOFTWARE, words.text);
}

/* ---- the beginning ---- */

/* What is written of the publisher's pictures. 0, or the exit code with the reason in words. */
static int
choose_codec(const struct gather_format *video, char *words, size_t size)
{
	struct media_video_config config = {.bitrate_bps = MEDIA_VIDEO_BPS};

	p.codec = video->codec > GATHER_NONE && video->codec < GATHER_OPUS
		      ? (enum payload_codec)video->codec
		      : PAYLOAD_NONE;
	if (p.config->transcode && p.codec != PAYLOAD_NONE && p.codec != PAYLOAD_H264) {
		config.codec = p.codec;
		media_video_free(p.video);
		p.video = media_video_new(&config, on_made_picture, NULL);
		p.codec = PAYLOAD_H264;
		log_info("push", "H264 is made of %s", video->name);
		return p.video != NULL ? EX_OK : EX_SOFTWARE;
	}
	for (size_t i = 0; i < p.count && p.codec != PAYLOAD_NONE; i++) {
		if (output_takes(p.outputs[i], p.codec))
			continue;
		snprintf(words, size,
			 "%s: the publisher sends %s, which it cannot hold: mkv can, and "
			 "--transcode makes H264 of it",
			 output_name(p.outputs[i]), video->name);
		return EX_DATAERR;
	}
	return EX_OK;
}

static int
describe(struct output_stream *s, const struct gather_format *audio, bool as_aac)
{
	const struct media_aac_format *made = p.aac != NULL ? media_aac_format(p.aac) : NULL;

	if (audio->codec == GATHER_AAC) {
		struct aac_config c;

		if (aac_config_parse(&c, audio->config, audio->config_size) < 0)
			return -EBADMSG;
		s->aac = true;
		memcpy(s->config, audio->config, audio->config_size);
		s->config_size = audio->config_size;
		s->rate_hz = c.rate_hz;
		s->channel_count = c.channel_count;
	} else if (as_aac && made != NULL && made->config_size <= sizeof(s->config)) {
		s->aac = true;
		memcpy(s->config, made->config, made->config_size);
		s->config_size = made->config_size;
		s->rate_hz = made->rate_hz;
		s->channel_count = made->channel_count;
	}
	return 0;
}

/* With the first unit: what the publisher sends is certain. */
static int
start_outputs(void)
{
	const struct gather_format *audio = gather_format(attach_gather(p.attach), GATHER_AUDIO);
	struct media_words words = {""};
	bool wants_aac = false;

	for (size_t i = 0; i < p.count; i++)
		wants_aac |= output_wants_aac(p.outputs[i]);
	if (audio->codec == GATHER_OPUS && wants_aac) {
		p.aac = media_aac_new(p.config->aac_bps, &words);
		if (p.aac == NULL) {
			finish(EX_SOFTWARE, words.text);
			return -EIO;
		}
	}
	for (size_t i = 0; i < p.count; i++) {
		struct output_stream s = {.codec = p.codec,
					  .has = {[MEDIA_VIDEO] = p.codec != PAYLOAD_NONE,
						  [MEDIA_AUDIO] = audio->codec == GATHER_OPUS ||
								  audio->codec == GATHER_AAC}};

		p.takes_aac[i] = audio->codec == GATHER_AAC || output_wants_aac(p.outputs[i]);
		if (describe(&s, audio, p.takes_aac[i]) < 0 || output_start(p.outputs[i], &s) < 0) {
			finish(EX_OSERR, "an output cannot be started");
			return -EIO;
		}
	}
	return 0;
}

static void
on_unit(void *arg, const struct gather_unit *g)
{
	const struct media_unit u = {.kind = g->kind == GATHER_VIDEO ? MEDIA_VIDEO : MEDIA_AUDIO,
				     .keyframe = g->keyframe,
				     .time_us = g->pts_us,
				     .lead_us = g->pts_us - g->dts_us,
				     .duration_us = g->duration_us,
				     .data = g->data,
				     .size = g->size};

	(void)arg;
	if (p.ending || (!p.began && start_outputs() < 0))
		return;
	if (!p.began && p.config->duration_s > 0)
		uv_timer_start(&p.timer, on_time_over, (uint64_t)(p.config->duration_s * 1000), 0);
	else if (!p.began)
		uv_timer_stop(&p.timer);
	p.began = true;
	if (g->kind == GATHER_AUDIO || p.video == NULL)
		spread(&u, g->codec == GATHER_AAC);
	else
		transcode(&u);
	ask_keyframe(u.time_us);
	if (g->codec == GATHER_OPUS && p.aac != NULL)
		(void)media_aac_push(p.aac, &u, on_aac, NULL); /* what is no Opus is left out */
}

static void
on_changed(void *arg)
{
	const struct gather *g = attach_gather(p.attach);
	const struct gather_format *video = gather_format(g, GATHER_VIDEO);
	const struct gather_format *audio = gather_format(g, GATHER_AUDIO);
	char words[256] = "";
	int code;

	(void)arg;
	uv_timer_stop(&p.successor);
	if (p.began &&
	    (video->codec != p.codecs[GATHER_VIDEO] || audio->codec != p.codecs[GATHER_AUDIO])) {
		finish(EX_OK, "another publisher with other codecs took over: this is the end");
		return;
	}
	if (p.began || p.ending)
		return;
	code = choose_codec(video, words, sizeof(words));
	if (code != EX_OK) {
		finish(code, words);
		return;
	}
	if (video->codec == GATHER_OTHER || audio->codec == GATHER_OTHER) {
		snprintf(words, sizeof(words), "the publisher sends %s, which is not carried",
			 video->codec == GATHER_OTHER ? video->name : audio->name);
		if (p.codec == PAYLOAD_NONE &&
		    (audio->codec == GATHER_OTHER || audio->codec == GATHER_NONE)) {
			finish(EX_DATAERR, words);
			return;
		}
		log_warn("push", "%s", words);
	}
	p.codecs[GATHER_VIDEO] = video->codec;
	p.codecs[GATHER_AUDIO] = audio->codec;
	p.announced = true;
	p.trouble[0] = '\0';
}

static void
on_ended(void *arg)
{
	(void)arg;
	if (p.began)
		uv_timer_start(&p.successor, on_time_over, SUCCESSOR_MS, 0);
}

static void
on_trouble(void *arg, int error, const char *words)
{
	(void)arg;
	snprintf(p.trouble, sizeof(p.trouble), "%s: %s", words, strerror(-error));
	if (error == -EINVAL)
		finish(EX_DATAERR, words);
	else if (p.began)
		log_warn("push", "%s", p.trouble);
}

static const struct attach_events events = {on_unit, on_changed, on_ended, on_trouble};

static void
on_wait_over(uv_timer_t *timer)
{
	(void)timer;
	if (p.trouble[0] != '\0')
		finish(EX_UNAVAILABLE, p.trouble);
	else if (p.announced)
		finish(EXIT_NOBODY, "the publisher sends nothing");
	else
		finish(EXIT_NOBODY, "nobody publishes this stream (--wait says how long to wait)");
}

/* ---- the end ---- */

static void
on_close_late(uv_timer_t *timer)
{
	(void)timer;
	log_error("push", "an output does not take what is left: giving up");
	_exit(EX_IOERR);
}

/* Some output has ended: all of them, and so we? */
static void
on_done(uv_async_t *async)
{
	size_t ended = 0;

	(void)async;
	for (size_t i = 0; i < p.count; i++)
		ended += output_ended(p.outputs[i]);
	if (ended < p.count) {
		if (p.ending)
			uv_timer_start(&p.timer, on_close_late, PUSH_CLOSE_MS, 0);
		return;
	}
	finish(EX_OK, "");
	uv_stop(&p.loop);
}

static void
on_signal(void *arg, int signum)
{
	(void)arg;
	if (p.ending)
		_exit(128 + signum);
	finish(EX_OK, "");
}

static void
count_result(const struct output *o)
{
	if (p.code == EX_OK)
		p.code = output_result(o);
}

static void
tell_done(void *arg)
{
	(void)arg;
	uv_async_send(&p.done);
}

const char *
push_format(const struct push_config *config, size_t output)
{
	if (config->format == NULL && strcmp(config->paths[output], "-") == 0)
		return "flv";
	return config->format;
}

static int
set_up(const struct push_config *config)
{
	signal(SIGPIPE, SIG_IGN);
	uv_loop_init(&p.loop);
	uv_timer_init(&p.loop, &p.timer);
	uv_timer_init(&p.loop, &p.successor);
	uv_async_init(&p.loop, &p.done, on_done);
	for (size_t i = 0; i < config->path_count; i++) {
		p.outputs[i] = output_new(p.config->paths[i], push_format(config, i),
					  &config->output, tell_done, NULL);
		if (p.outputs[i] == NULL)
			return -ENOMEM;
		p.count++;
	}
	p.attach = attach_new(&p.loop, p.config->stream, ATTACH_CLIENT, &events, NULL);
	if (p.attach == NULL)
		return -ENOMEM;
	loop_on_signal(&p.loop, SIGINT, on_signal, NULL);
	loop_on_signal(&p.loop, SIGTERM, on_signal, NULL);
	uv_timer_start(&p.timer, on_wait_over, (uint64_t)(p.config->wait_s * 1000), 0);
	return 0;
}

int
push_run(const struct push_config *config)
{
	p.config = config;
	if (set_up(config) < 0) {
		log_error("push", "out of memory");
		p.code = EX_OSERR;
	} else {
		uv_run(&p.loop, UV_RUN_DEFAULT);
	}
	for (size_t i = 0; i < p.count; i++) {
		count_result(p.outputs[i]);
		output_free(p.outputs[i]);
	}
	attach_free(p.attach);
	media_aac_free(p.aac);
	media_video_free(p.video);
	loop_finish(&p.loop);
	return p.code;
}
