/*
 * fuzz_gather.c - the packets of a local subscription: two octets of size before each, of which the
 * highest bit lets time pass; video of three codecs, Opus, AAC.
 */
#include <jansson.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "gather/gather.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

static const char tracks[] =
    "{\"event\":\"tracks\",\"tracks\":[{\"kind\":\"video\",\"codecs\":[{\"name\":\"H264\","
    "\"clock_rate\":90000,\"pt\":96},{\"name\":\"VP9\",\"clock_rate\":90000,\"pt\":98},{\"name\":"
    "\"AV1\",\"clock_rate\":90000,\"pt\":45}]},{\"kind\":\"audio\",\"codecs\":[{\"name\":\"opus\","
    "\"clock_rate\":48000,\"pt\":111}]},{\"kind\":\"audio\",\"codecs\":[{\"name\":"
    "\"mpeg4-generic\",\"clock_rate\":44100,\"pt\":97,\"fmtp\":\"mode=AAC-hbr;sizelength=13;"
    "indexlength=3;indexdeltalength=3;config=1210\"}]}]}";

static void
on_unit(void *arg, const struct gather_unit *u)
{
	(void)arg;
	if (u->size == 0 || u->data == NULL)
		abort();
}

static void
on_wish(void *arg, unsigned track)
{
	(void)arg;
	if (track != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	static const struct gather_events events = {.unit = on_unit, .keyframe_wanted = on_wish};
	struct gather *g = gather_new(&events, NULL);
	json_t *event = json_loads(tracks, 0, NULL);
	uint64_t now_us = 1000000;

	if (g == NULL || event == NULL)
		abort();
	gather_event(g, now_us, event);
	for (size_t at = 0; size - at >= 2;) {
		size_t n = be16(buf + at) & 0x7ff;

		now_us += (buf[at] & 0x80) != 0 ? GATHER_WAIT_US : 1000;
		at += 2;
		n = MIN_OF(n, size - at);
		gather_packet(g, now_us, buf + at, n);
		gather_timeout(g, now_us);
		at += n;
	}
	gather_timeout(g, now_us + GATHER_DECIDE_US); /* what was kept for a report */
	gather_free(g);
	json_decref(event);
	return 0;
}
