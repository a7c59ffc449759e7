/* worker_local_ext.c - what a packet of a local session says beside RTP. */
#include "base/bytes.h"
#include "worker.h"

/* The local header extension, rtc-control(5). */
enum {
	LOCAL_EXT_ID = 14,
	LOCAL_DISCONTINUITY = 1,
	LOCAL_DISPOSABLE = 2,
	LOCAL_DTS = 4,
	LOCAL_CAPTURE = 8,
	LOCAL_EXT_MAX = 12, /* octets: flags, 3 of DTS offset, 8 of capture time */
};

static const struct {
	uint8_t local, slot;
} local_flags[] = {
    {LOCAL_DISCONTINUITY, RTP_RING_DISCONTINUITY},
    {LOCAL_DISPOSABLE, RTP_RING_DISPOSABLE},
    {LOCAL_DTS, RTP_RING_DTS},
    {LOCAL_CAPTURE, RTP_RING_CAPTURE},
};

void
local_ext_read(struct rtp_ring_slot *slot, const struct rtp_packet *p)
{
	struct rtp_ext ext;
	size_t at = 1;

	if (rtp_ext_find(p, LOCAL_EXT_ID, &ext) < 0 || ext.size < 1)
		return;
	for (size_t i = 0; i < ARRAY_COUNT(local_flags); i++)
		if ((ext.data[0] & local_flags[i].local) != 0)
			slot->flags |= local_flags[i].slot;
	if ((slot->flags & RTP_RING_DTS) != 0 && at + 3 <= ext.size) {
		slot->dts_offset = be24(ext.data + at);
		at += 3;
	}
	if ((slot->flags & RTP_RING_CAPTURE) != 0 && at + 8 <= ext.size)
		slot->capture_ntp = be64(ext.data + at);
}

size_t
local_ext_write(uint8_t *out, size_t cap, const struct rtp_ring_slot *slot)
{
	uint8_t data[LOCAL_EXT_MAX] = {0};
	struct rtp_ext ext = {.id = LOCAL_EXT_ID, .data = data, .size = 1};
	int n;

	for (size_t i = 0; i < ARRAY_COUNT(local_flags); i++)
		if ((slot->flags & local_flags[i].slot) != 0)
			data[0] |= local_flags[i].local;
	if (data[0] == 0)
		return 0;
	if ((data[0] & LOCAL_DTS) != 0) {
		put_be24(data + ext.size, slot->dts_offset);
		ext.size += 3;
	}
	if ((data[0] & LOCAL_CAPTURE) != 0) {
		put_be64(data + ext.size, slot->capture_ntp);
		ext.size += 8;
	}
	n = rtp_ext_write(out, cap, &ext, 1);
	return n > 0 ? (size_t)n : 0;
}
