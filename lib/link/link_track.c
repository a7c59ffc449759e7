#include "link/link_track.h"

#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/random.h"
#include "rtp/rtcp.h"
#include "rtp/rtp.h"

enum { /* rtc-control(5), Local header extension */
       EXT_ID = 14,
       EXT_DISCONTINUITY = 1,
       EXT_DISPOSABLE = 2,
       EXT_DTS = 4,
       EXT_ROOM = 16,
       DTS_MAX = 0xffffff,
       REPORT_INTERVAL_US = 1000000
};

void
link_track_init(struct link_track *t, uint8_t pt, uint32_t clock_rate, uint64_t ntp_base,
		const char *cname)
{
	*t = (struct link_track){.pt = pt,
				 .clock_rate = clock_rate,
				 .ntp_base = ntp_base,
				 .cname = cname,
				 .ssrc = random_u32(),
				 .seq = (uint16_t)(random_u32() & 0x7fff),
				 .ts_base = random_u32()};
}

uint32_t
link_track_ts(const struct link_track *t, int64_t time_us)
{
	return t->ts_base + (uint32_t)(time_us * (int64_t)t->clock_rate / 1000000);
}

static size_t
write_note(uint8_t *out, const struct link_track *t, const struct link_note *note)
{
	uint8_t data[4] = {0};
	struct rtp_ext ext = {.id = EXT_ID, .data = data, .size = 1};
	int64_t dts = note->dts_offset_us * (int64_t)t->clock_rate / 1000000;
	int n;

	if (note->discontinuity)
		data[0] |= EXT_DISCONTINUITY;
	if (note->disposable)
		data[0] |= EXT_DISPOSABLE;
	if (dts > 0) {
		data[0] |= EXT_DTS;
		put_be24(data + 1, (uint32_t)MIN_OF(dts, (int64_t)DTS_MAX));
		ext.size = 4;
	}
	if (data[0] == 0)
		return 0;
	n = rtp_ext_write(out, EXT_ROOM, &ext, 1);
	return n > 0 ? (size_t)n : 0;
}

void
link_track_send(struct link_track *t, const uint8_t *payload, size_t size, bool marker, uint32_t ts,
		const struct link_note *note)
{
	uint8_t buf[RTP_HEADER_SIZE + EXT_ROOM + LINK_PAYLOAD_MAX];
	size_t at = RTP_HEADER_SIZE;

	if (t->link == NULL || size > LINK_PAYLOAD_MAX)
		return;
	at += write_note(buf + at, t, note);
	rtp_write_header(buf, t->pt, marker, at > RTP_HEADER_SIZE, t->seq++, ts, t->ssrc);
	memcpy(buf + at, payload, size);
	link_send(t->link, buf, at + size);
	t->packets++;
	t->octets += (uint32_t)size;
}

void
link_track_report(struct link_track *t, uint64_t now_us, int64_t time_us)
{
	const struct rtcp_sr sr = {.ssrc = t->ssrc,
				   .ntp = t->ntp_base + clock_us_to_ntp((uint64_t)time_us),
				   .rtp_ts = link_track_ts(t, time_us),
				   .packets = t->packets,
				   .octets = t->octets};
	uint8_t buf[RTCP_COMPOUND_MAX];
	struct rtcp_writer w;
	int n;

	if (t->link == NULL || t->packets == 0 || time_us < 0 ||
	    (t->reported_us != 0 && now_us - t->reported_us < REPORT_INTERVAL_US))
		return;
	t->reported_us = now_us;
	rtcp_start(&w, buf, sizeof(buf));
	rtcp_add_sr(&w, &sr, NULL, 0);
	rtcp_add_sdes_cname(&w, t->ssrc, t->cname);
	n = rtcp_finish(&w);
	if (n > 0)
		link_send(t->link, buf, (size_t)n);
}
