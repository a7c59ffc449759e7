/* rtcp_room.h - inside lib/rtp: room for one packet in an RTCP writer. */
#ifndef RTCKIT_RTP_RTCP_ROOM_H
#define RTCKIT_RTP_RTCP_ROOM_H

#include "rtp/rtcp.h"

/*
 * Write the 4-octet header of a packet of body_size octets (multiple of 4) and return where its
 * body goes, or NULL with the overflow remembered. count is RC, SC or FMT (0..31).
 */
uint8_t *rtcp_room(struct rtcp_writer *w, uint8_t type, unsigned count, size_t body_size);

#endif
