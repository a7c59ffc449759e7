#include "report.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/clock.h"

static uint64_t
cpu_us(void)
{
	struct rusage u;

	if (getrusage(RUSAGE_SELF, &u) < 0)
		return 0;
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static json_t *
member_json(const struct member *m)
{
	static const char *const states[] = {
	    [MEMBER_WAITING] = "waiting", [MEMBER_LIVE] = "live", [MEMBER_STALLED] = "stalled"};
	const struct media_image *image = member_image(m);
	struct member_counts c = member_counts(m);

	return json_pack("{ss ss ss ss si si sI sI sI sI sI sI sI sI}", "stream", member_stream(m),
			 "state", states[member_state(m)], "video", member_codec(m, MEDIA_VIDEO),
			 "audio", member_codec(m, MEDIA_AUDIO), "width",
			 image != NULL ? (int)media_image_width(image) : 0, "height",
			 image != NULL ? (int)media_image_height(image) : 0, "pictures",
			 (json_int_t)c.pictures, "shown", (json_int_t)c.shown, "dropped",
			 (json_int_t)c.dropped, "damaged", (json_int_t)c.damaged, "lost",
			 (json_int_t)c.lost, "audio_late", (json_int_t)c.late, "audio_jumps",
			 (json_int_t)c.jumps, "resyncs", (json_int_t)c.resyncs);
}

static json_t *
report_json(const struct report *r)
{
	json_t *members = json_array();

	for (unsigned i = 0; i < r->member_count; i++)
		json_array_append_new(members, member_json(r->members[i]));
	return json_pack("{sf sI sI sI sI sI sI sI so}", "media_s", r->media_s, "frames",
			 (json_int_t)r->out.frames, "keyframes", (json_int_t)r->out.keyframes,
			 "skipped", (json_int_t)r->skipped, "refused", (json_int_t)r->out.refused,
			 "reconnects", (json_int_t)r->out.reconnects, "packets",
			 (json_int_t)r->out.packets, "octets", (json_int_t)r->out.octets, "members",
			 members);
}

void
report_line(const struct report *r, struct report_last *last)
{
	uint64_t now_us = clock_now_us(), cpu = cpu_us();
	double seconds = (double)(now_us - last->time_us) / 1e6;
	json_t *o = report_json(r);
	char *text;

	if (o != NULL && last->time_us != 0 && seconds > 0) {
		json_object_set_new(
		    o, "fps", json_real((double)(r->out.frames - last->out.frames) / seconds));
		json_object_set_new(
		    o, "bitrate_bps",
		    json_integer(
			(json_int_t)((double)(r->out.octets - last->out.octets) * 8 / seconds)));
		json_object_set_new(o, "cpu_percent",
				    json_real((double)(cpu - last->cpu_us) / 1e4 / seconds));
	}
	*last = (struct report_last){now_us, cpu, r->out};
	text = o != NULL ? json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
	if (text != NULL)
		puts(text);
	fflush(stdout);
	free(text);
	json_decref(o);
}
