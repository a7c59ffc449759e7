#include "mix.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "ipc/ipc.h"
#include "log/log.h"
#include "loop/loop.h"
#include "media/media_canvas.h"
#include "media/media_opus.h"
#include "report.h"
#include "roster.h"

enum {
	SECOND_US = 1000000,
	GOP_SECONDS = 4,
	LATE_FRAMES_MAX = 4,  /* made up for; more are left out */
	LATE_BLOCKS_MAX = 25, /* sound is cheap, and a hole in it is heard */
	OPUS_LEAD = 312,      /* samples by which libopus is late (OPUS_GET_LOOKAHEAD) */
	PATH_SIZE = 108,      /* sun_path of unix(7) */
	CARD_BORDER = 4
};
static const uint8_t BLACK[3] = {16, 128, 128}, CARD[3] = {48, 132, 124},
		     CARD_EDGE[3] = {64, 132, 124};

static struct mix {
	const struct mix_config *config;
	uv_loop_t loop;
	uv_timer_t tick, second, end;
	char media[PATH_SIZE], admin[PATH_SIZE];
	struct out *out;
	struct roster *roster;
	struct member_time time;
	struct member *members[MIX_MEMBERS_MAX];
	bool seen[MIX_MEMBERS_MAX]; /* in the list that is coming */
	bool full_told;
	unsigned count;
	struct mix_rect places[MIX_MEMBERS_MAX];
	bool repaint;
	struct mix_ticks frames, blocks;
	struct media_canvas *canvas;
	struct media_opus_encoder *opus;
	struct mix_limiter limiter;
	struct report_last last;
	uint64_t keyframe_us;
	int code;
} m;

static void
finish(int code)
{
	m.code = code;
	uv_stop(&m.loop);
}

/* ---- members ---- */

static void
lay_out(void)
{
	m.repaint = true;
	mix_places(m.config->layout, m.count, m.config->width, m.config->height, m.places);
	/* A place has another picture in it, or another size: all are scaled anew. */
}

static int
add_member(const char *stream)
{
	struct member *member = member_new(&m.loop, stream, &m.time);

	if (member == NULL)
		return -ENOMEM;
	m.seen[m.count] = true;
	m.members[m.count++] = member;
	lay_out();
	return 0;
}

static void
remove_member(unsigned i)
{
	member_free(m.members[i]);
	m.count--;
	memmove(&m.members[i], &m.members[i + 1], (m.count - i) * sizeof(m.members[0]));
	memmove(&m.seen[i], &m.seen[i + 1], (m.count - i) * sizeof(m.seen[0]));
	lay_out();
}

static int
find_member(const char *stream)
{
	for (unsigned i = 0; i < m.count; i++)
		if (strcmp(member_stream(m.members[i]), stream) == 0)
			return (int)i;
	return -1;
}

static void
on_joined(void *arg, const char *stream)
{
	int i = find_member(stream);

	(void)arg;
	if (strcmp(stream, m.config->output) == 0)
		return;
	if (i >= 0)
		m.seen[i] = true;
	else if (m.count < MIX_MEMBERS_MAX)
		(void)add_member(stream);
	else if (!m.full_told) {
		m.full_told = true;
		log_warn("room", "%s: only %d members are mixed", stream, MIX_MEMBERS_MAX);
	}
}

static void
on_left(void *arg, const char *stream)
{
	int i = find_member(stream);

	(void)arg;
	if (i >= 0)
		remove_member((unsigned)i);
}

static void
on_list_begins(void *arg)
{
	(void)arg;
	memset(m.seen, 0, sizeof(m.seen));
}

static void
on_list_ends(void *arg)
{
	(void)arg;
	for (unsigned i = m.count; i-- > 0;)
		if (!m.seen[i])
			remove_member(i);
}

static const struct roster_events roster_events = {on_joined, on_left, on_list_begins,
						   on_list_ends};

/* ---- pictures ---- */

static void
paint_card(const struct mix_rect *r)
{
	unsigned edge = CARD_BORDER;

	media_canvas_fill(m.canvas, r->x, r->y, r->width, r->height, CARD_EDGE);
	if (r->width > 2 * edge && r->height > 2 * edge)
		media_canvas_fill(m.canvas, r->x + edge, r->y + edge, r->width - 2 * edge,
				  r->height - 2 * edge, CARD);
}

static void
paint_member(unsigned i, bool anew)
{
	const struct media_image *image = member_image(m.members[i]);
	const struct mix_rect *cell = &m.places[i];
	struct mix_rect r;

	if (image == NULL) {
		paint_card(cell);
		return;
	}
	r = mix_fit(cell, media_image_width(image), media_image_height(image));
	if (anew && media_canvas_scale(m.canvas, i, image, r.width, r.height) < 0)
		return;
	if (m.config->layout == MIX_GRID || i == 0) /* bars; others lie on a picture */
		media_canvas_fill(m.canvas, cell->x, cell->y, cell->width, cell->height, BLACK);
	media_canvas_paste(m.canvas, i, r.x, r.y);
}

/* Bring the canvas up to date, if anything changed. */
static void
paint(uint64_t now_us)
{
	bool anew[MIX_MEMBERS_MAX], any = m.repaint;

	for (unsigned i = 0; i < m.count; i++) {
		anew[i] = member_advance(m.members[i], now_us) || m.repaint;
		any |= anew[i];
	}
	if (m.repaint)
		media_canvas_fill(m.canvas, 0, 0, m.config->width, m.config->height,
				  m.count > 0 ? BLACK : CARD);
	m.repaint = false;
	for (unsigned i = 0; i < m.count && any; i++)
		paint_member(i, anew[i]);
}

/* Players' wishes are met at once, but not one after the other. */
static bool
takes_keyframe(uint64_t now_us)
{
	if (!out_wants_keyframe(m.out) || now_us - m.keyframe_us < SECOND_US / 2)
		return false;
	m.keyframe_us = now_us;
	return true;
}

static void
make_frame(uint64_t number, uint64_t now_us)
{
	struct media_unit u;
	int n;

	paint(m.time.start_us + (uint64_t)mix_ticks_time_us(&m.frames, number));
	if (!out_takes(m.out))
		return;
	n = media_canvas_encode(m.canvas, mix_ticks_time_us(&m.frames, number),
				takes_keyframe(now_us), &u);
	if (n > 0)
		out_send(m.out, &u, now_us);
	else if (n < 0) {
		log_error("encoder", "%s", strerror(-n));
		finish(EX_SOFTWARE);
	}
}

/* ---- sound ---- */

static void
make_block(uint64_t number, uint64_t now_us)
{
	static int32_t sum[MIX_BLOCK * MIX_CHANNELS];
	int16_t pcm[MIX_BLOCK * MIX_CHANNELS];
	uint8_t packet[MEDIA_OPUS_PACKET_MAX];
	struct media_unit u = {.kind = MEDIA_AUDIO, .keyframe = true, .data = packet};
	uint64_t at = number * MIX_BLOCK;
	int n;

	memset(sum, 0, sizeof(sum));
	for (unsigned i = 0; i < m.count; i++)
		member_add_sound(m.members[i], at + OPUS_LEAD, sum, MIX_BLOCK);
	m.time.played = at + OPUS_LEAD + MIX_BLOCK;
	mix_limit(&m.limiter, sum, pcm, MIX_BLOCK);
	n = media_opus_encode(m.opus, pcm, packet);
	if (n <= 0 || !out_takes(m.out))
		return;
	u.size = (size_t)n;
	u.time_us = mix_ticks_time_us(&m.blocks, number);
	out_send(m.out, &u, now_us);
}

/* ---- time ---- */

static void
on_tick(uv_timer_t *timer)
{
	uint64_t now_us = clock_now_us(), number, next_us;

	(void)timer;
	while (mix_ticks_take(&m.blocks, now_us, &number))
		make_block(number, now_us);
	if (mix_ticks_take(&m.frames, now_us, &number))
		make_frame(number, now_us);
	next_us = MIN_OF(mix_ticks_deadline(&m.blocks), mix_ticks_deadline(&m.frames));
	now_us = clock_now_us();
	uv_update_time(&m.loop);
	uv_timer_start(&m.tick, on_tick, next_us > now_us ? (next_us - now_us + 999) / 1000 : 0, 0);
}

static struct report
report_now(void)
{
	return (struct report){.media_s =
				   (double)mix_ticks_time_us(&m.frames, m.frames.next) / SECOND_US,
			       .out = out_counts(m.out),
			       .skipped = m.frames.skipped,
			       .members = m.members,
			       .member_count = m.count};
}

static void
on_second(uv_timer_t *timer)
{
	const struct report r = report_now();

	(void)timer;
	report_line(&r, &m.last);
}

static void
on_time_over(uv_timer_t *timer)
{
	(void)timer;
	finish(EX_OK);
}

static void
on_signal(void *arg, int signum)
{
	(void)arg;
	(void)signum;
	finish(EX_OK);
}

/* ---- the beginning ---- */

static void
on_began(void *arg, bool live, bool busy, const char *words)
{
	(void)arg;
	if (!live) {
		log_error("output", "%s: %s", m.config->output, words);
		finish(busy ? EX_TEMPFAIL : EX_UNAVAILABLE);
		return;
	}
	m.time.start_us = m.frames.start_us = m.blocks.start_us = clock_now_us();
	uv_timer_start(&m.tick, on_tick, 0, 0);
	if (m.config->stats)
		uv_timer_start(&m.second, on_second, 1000, 1000);
	if (m.config->duration_s > 0)
		uv_timer_start(&m.end, on_time_over, (uint64_t)(m.config->duration_s * 1000), 0);
	loop_ready(m.config->ready_fd);
}

static int
open_codecs(void)
{
	const struct media_canvas_config canvas = {.width = m.config->width,
						   .height = m.config->height,
						   .fps = m.config->fps,
						   .bitrate_bps = m.config->video_bps,
						   .gop_seconds = GOP_SECONDS,
						   .filter = m.config->filter};
	struct media_words words = {""};

	m.opus = media_opus_encoder_new(m.config->audio_bps);
	m.canvas = media_canvas_new(&canvas, &words);
	if (m.canvas != NULL && m.opus != NULL)
		return EX_OK;
	log_error("encoder", "%s", words.text[0] != '\0' ? words.text : "out of memory");
	return m.config->filter != NULL && m.canvas == NULL ? EX_USAGE : EX_SOFTWARE;
}

static int
open_relay(void)
{
	const struct out_config out = {.path = m.media,
				       .stream = m.config->output,
				       .width = m.config->width,
				       .height = m.config->height,
				       .fps = m.config->fps};
	int rc = ipc_run_path(m.media, sizeof(m.media), "relay/media.sock");

	if (rc == 0)
		rc = ipc_run_path(m.admin, sizeof(m.admin), "relay/admin.sock");
	if (rc < 0) {
		log_error("relay", "%s: %s", m.media, ipc_words(rc));
		return EX_UNAVAILABLE;
	}
	for (unsigned i = 0; i < m.config->stream_count && rc == 0; i++)
		rc = add_member(m.config->streams[i]);
	if (m.config->room != NULL)
		m.roster = roster_new(&m.loop, m.admin, m.config->room, &roster_events, NULL);
	m.out = out_new(&m.loop, &out, on_began, NULL);
	if (rc == 0 && m.out != NULL && (m.roster != NULL) == (m.config->room != NULL))
		return EX_OK;
	log_error("relay", "out of memory");
	return EX_OSERR;
}

static void
tear_down(void)
{
	roster_free(m.roster);
	out_free(m.out);
	while (m.count > 0)
		remove_member(m.count - 1);
	loop_finish(&m.loop);
	media_canvas_free(m.canvas);
	media_opus_encoder_free(m.opus);
}

int
mix_run(const struct mix_config *config)
{
	m.config = config;
	m.frames = (struct mix_ticks){.rate = config->fps, .late_max = LATE_FRAMES_MAX};
	m.blocks = (struct mix_ticks){.rate = MIX_RATE / MIX_BLOCK, .late_max = LATE_BLOCKS_MAX};
	m.time = (struct member_time){.delay_us = (int64_t)config->delay_ms * 1000,
				      .half_us = SECOND_US / (int64_t)config->fps / 2,
				      .hold_us = (uint64_t)(config->hold_s * SECOND_US)};
	m.repaint = true;
	uv_loop_init(&m.loop);
	uv_timer_init(&m.loop, &m.tick);
	uv_timer_init(&m.loop, &m.second);
	uv_timer_init(&m.loop, &m.end);
	loop_on_signal(&m.loop, SIGINT, on_signal, NULL);
	loop_on_signal(&m.loop, SIGTERM, on_signal, NULL);
	m.code = open_codecs();
	if (m.code == EX_OK)
		m.code = open_relay();
	if (m.code == EX_OK)
		uv_run(&m.loop, UV_RUN_DEFAULT);
	if (config->json && m.out != NULL) {
		const struct report r = report_now();

		report_line(&r, &m.last);
	}
	tear_down();
	return m.code;
}
