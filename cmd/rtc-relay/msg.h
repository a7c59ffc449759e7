/*
 * msg.h - the messages between the control thread and the workers, and among workers.  They name
 * sessions and streams by serial, never by pointer, so that a late one finds nothing and is
 * dropped; the two exceptions (M_SESSION_ADD, M_SESSION_DEL and its answer) frame a session's life.
 */
#ifndef RTC_RELAY_MSG_H
#define RTC_RELAY_MSG_H

#include "dtls/dtls.h"
#include "rtp/rtcp.h"
#include "rtp/rtp_ring.h"
#include "session.h"

enum msg_type {
	/* control to worker */
	M_SESSION_ADD,	  /* struct session * */
	M_SESSION_DEL,	  /* struct msg_session_del */
	M_DTLS_OUT,	  /* struct msg_datagram, octets */
	M_KEYS,		  /* struct msg_keys */
	M_BIND,		  /* struct msg_bind */
	M_RESTART,	  /* struct msg_restart */
	M_STREAM_PUBLISH, /* struct msg_publish */
	M_STREAM_MASK,	  /* struct msg_mask */
	M_STREAM_END,	  /* struct msg_stream */
	M_STREAM_FREE,	  /* struct msg_stream */
	M_LOCAL_ADD,	  /* struct msg_local */
	M_LOCAL_TEXT,	  /* struct msg_datagram, JSON text without NUL */
	M_STOP,		  /* nothing */
	/* worker to control */
	M_CLAIMED,   /* struct msg_path */
	M_SELECTED,  /* struct msg_path */
	M_DTLS_IN,   /* struct msg_datagram, octets */
	M_ENDED,     /* struct msg_ended */
	M_FORGOTTEN, /* struct session * */
	M_INTEREST,  /* struct msg_interest */
	/* worker to worker */
	M_RAW,	    /* struct msg_raw, octets */
	M_HELD,	    /* struct msg_path: its peer has answered there */
	M_STRAY,    /* struct msg_raw without a serial, octets: media from no known tuple */
	M_MOVED,    /* struct msg_path: such media was the session's, and the tuple is now */
	M_TCP,	    /* struct msg_tcp, octets; also from the control thread */
	M_PACKET,   /* struct msg_packet, payload */
	M_KEYFRAME, /* struct msg_keyframe */
	M_CLOCK,    /* struct msg_clock */
	M_TYPES
};

struct msg_session_del {
	struct session *session;
	bool say_bye; /* tell the peer (RTCP BYE); DTLS close_notify was sent before */
};
struct msg_datagram {
	uint64_t serial;
};
struct msg_keys {
	uint64_t serial;
	struct dtls_srtp_keys keys;
};
struct msg_bind {
	uint64_t serial;
	uint32_t epoch;
	struct binding binding;
};
struct msg_restart {
	uint64_t serial;
	struct ice_creds local, remote;
};
struct msg_publish {
	uint64_t stream; /* serial */
	uint32_t epoch;	 /* the present one: contributors came or went, all else stays */
	struct {
		bool present, contributed;
		uint8_t kind, track; /* track: of the stream, whose layer it is */
		uint8_t index;	     /* the track's number among its source's own */
		int8_t home;	     /* a contributor's worker */
		uint64_t owner;	     /* serial of the session it comes from */
		uint32_t clock_rate; /* of its first codec; all codecs of a kind share it */
		uint16_t playout_delay_ms;
	} lanes[LANES_MAX];
};
struct msg_mask {
	uint64_t stream;
	uint32_t mask; /* workers that have subscribers */
	int home;      /* worker of the publisher; -1 unknown */
};
struct msg_stream {
	uint64_t stream;
	uint32_t epoch;
};
struct msg_local {
	uint64_t serial;
	int fd;
};
struct msg_path {
	uint64_t serial;
	struct ice_tuple tuple;
};
struct msg_ended {
	uint64_t serial;
	enum session_end reason;
};
struct msg_interest {
	uint64_t stream;
	bool on;
};
struct msg_raw {
	uint64_t serial;
	struct ice_tuple tuple;
	unsigned from; /* worker */
};
struct msg_tcp {
	int fd; /* a connection; the octets are what was read from it */
	struct ice_tuple tuple;
};
struct msg_packet {
	uint64_t stream;
	uint32_t epoch;
	uint32_t track;
	struct rtp_ring_slot slot;
};
struct msg_keyframe {
	uint64_t stream;
	uint32_t track;
};
struct msg_clock {
	uint64_t stream;
	uint32_t epoch;
	uint32_t track;
	struct rtcp_sr sr;
	uint64_t at_us; /* when it was true, on the relay's clock; 0: no clock yet */
	bool periodic;	/* see struct session */
	uint32_t area;	/* pixels of the lane's picture; 0 unknown */
};

#endif
