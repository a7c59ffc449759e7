/* gather_audio.c - Opus packets (RFC 7587) and AAC units (RFC 3640) out of RTP payloads. */
#include "gather/gather_impl.h"

#include <errno.h>
#include <string.h>

enum { OPUS_RATE = 48000, OPUS_SAMPLES_MAX = 5760 /* 120 ms; RFC 6716 s.3.2.5 */ };

/* Samples at 48 kHz of one frame, by the configuration number of the TOC (RFC 6716 s.3.1). */
static int
opus_frame_samples(unsigned config)
{
	static const uint16_t silk[] = {480, 960, 1920, 2880}, celt[] = {120, 240, 480, 960};

	if (config < 12)
		return silk[config & 3];
	if (config < 16)
		return silk[config & 1];
	return celt[config & 3];
}

int
gather_opus_samples(const uint8_t *packet, size_t size)
{
	unsigned frames;
	int samples;

	if (size == 0)
		return -EBADMSG;
	switch (packet[0] & 3) {
	case 0:
		frames = 1;
		break;
	case 1:
	case 2:
		frames = 2;
		break;
	default:
		if (size < 2)
			return -EBADMSG;
		frames = packet[1] & 0x3f;
	}
	samples = (int)frames * opus_frame_samples(packet[0] >> 3);
	return samples > 0 && samples <= OPUS_SAMPLES_MAX ? samples : -EBADMSG;
}

static void
take_opus(struct gather *g, const struct rtp_packet *p, uint64_t now_us)
{
	struct gather_source *s = &g->sources[GATHER_AUDIO];
	int samples = gather_opus_samples(p->payload, p->payload_size);
	struct gather_unit u = {.data = p->payload, .size = p->payload_size};

	u.pts_us = u.dts_us = gather_clock_time(g, &s->clock, p->ts, 0, now_us);
	if (samples < 0) {
		s->counts.damaged++;
		return;
	}
	u.duration_us = (int64_t)samples * SECOND_US / OPUS_RATE;
	gather_give(g, GATHER_AUDIO, &u);
}

struct aac_call {
	struct gather *g;
	int64_t pts_us, unit_us;
};

static void
on_aac_unit(void *arg, const uint8_t *unit, size_t size, unsigned index)
{
	struct aac_call *call = arg;
	struct gather_unit u = {.data = unit, .size = size, .duration_us = call->unit_us};

	u.pts_us = u.dts_us = call->pts_us + index * call->unit_us;
	gather_give(call->g, GATHER_AUDIO, &u);
}

static void
take_aac(struct gather *g, const struct rtp_packet *p, uint64_t now_us)
{
	struct gather_source *s = &g->sources[GATHER_AUDIO];
	struct aac_config c = {.rate_hz = s->format.clock_rate, .unit_samples = 1024};
	struct aac_call call = {.g = g};

	(void)aac_config_parse(&c, s->format.config, s->format.config_size);
	call.pts_us = gather_clock_time(g, &s->clock, p->ts, 0, now_us);
	call.unit_us =
	    (int64_t)c.unit_samples * SECOND_US / (int64_t)(c.rate_hz > 0 ? c.rate_hz : 1);
	if (aac_depack_push(&g->aac, p->payload, p->payload_size, p->ts, on_aac_unit, &call) < 0)
		s->counts.damaged++;
}

void
gather_audio_take(struct gather *g, const struct rtp_packet *p, bool hole, uint64_t now_us)
{
	if (hole)
		memset(&g->aac, 0, sizeof(g->aac));
	if (p->payload_size == 0)
		return;
	if (g->sources[GATHER_AUDIO].format.codec == GATHER_AAC)
		take_aac(g, p, now_us);
	else
		take_opus(g, p, now_us);
}
