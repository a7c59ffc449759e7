/* worker_measure.c - what comes of a source: counters of each lane, and what its picture is. */
#include "worker.h"

void
measure_packet(struct wsession *ws, uint8_t lane, uint8_t track, uint8_t codec,
	       const struct rtp_packet *p)
{
	struct lane_stats *s =
	    ws->session->lanes != NULL && lane < LANES_MAX ? &ws->session->lanes[lane] : NULL;

	if (s == NULL)
		return;
	if (ws->session->tracks.list[track].kind == TRACK_VIDEO && p->payload_size > 0 &&
	    (s->frames == 0 || (int32_t)(p->ts - s->frame_ts) > 0)) {
		s->frame_ts = p->ts;
		STAT_ADD(s->frames, 1);
	}
	STAT_ADD(s->packets, 1);
	STAT_ADD(s->octets, p->payload_size);
	STAT_SET(s->codec, codec + 1u);
	STAT_SET(s->last_us, ws->worker->now_us);
}

uint64_t
measure_keyframe(struct wsession *ws, uint8_t lane, enum payload_codec format,
		 const struct rtp_packet *p, struct rtp_ring_slot *slot)
{
	uint32_t width, height;
	struct h264_sps sps;
	uint64_t size;

	if (payload_picture_size(format, p->payload, p->payload_size, &width, &height) < 0)
		return 0;
	size = (uint64_t)width << 32 | height;
	if (size == 0 || ws->session->lanes == NULL || lane >= LANES_MAX)
		return size;
	if (format == PAYLOAD_H264 || format == PAYLOAD_H265)
		slot->flags |= RTP_RING_SETS;
	if ((slot->flags & RTP_RING_SETS) != 0 && STAT_GET(ws->session->lanes[lane].size) != size)
		slot->flags |= RTP_RING_NEW_SETS;
	STAT_SET(ws->session->lanes[lane].size, size);
	if (format == PAYLOAD_H264 && h264_payload_sps(&sps, p->payload, p->payload_size) == 0)
		STAT_SET(ws->session->lanes[lane].profile,
			 (unsigned)sps.profile_idc << 8 | sps.level_idc);
	return size;
}
