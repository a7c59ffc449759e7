/* rtmp_impl.h - what the files of lib/rtmp share.  Private. */
#ifndef RTCKIT_RTMP_RTMP_IMPL_H
#define RTCKIT_RTMP_RTMP_IMPL_H

#include "amf/amf.h"
#include "base/random.h"
#include "rtmp/rtmp.h"

enum {
	RTMP_CHUNK_DEFAULT = 128,    /* s.5.4.1 */
	RTMP_CHUNK_OUT = 60000,	     /* ours, told by Set Chunk Size */
	RTMP_WINDOW_OUT = 2500000,   /* octets after which the peer is to acknowledge */
	RTMP_CSTREAMS_MAX = 32,	     /* chunk streams of a peer; clients in use have 4 to 8 */
	RTMP_PARTIAL_MAX = 16 << 20, /* octets of unfinished messages, all chunk streams together */
	RTMP_HEADER_MAX = 18,	     /* basic header, message header, extended timestamp */
	RTMP_STREAMS_MAX = 8,	     /* createStream of one connection */
	RTMP_HANDSHAKE_SIZE = 1536,
	RTMP_COMMAND_MAX = 4096, /* octets of a command that we write */
	RTMP_WORDS_MAX = 256
};

enum rtmp_message_type { /* s.5.4, 6.2, 7.1 */
			 RTMP_SET_CHUNK_SIZE = 1,
			 RTMP_ABORT = 2,
			 RTMP_ACKNOWLEDGEMENT = 3,
			 RTMP_USER_CONTROL = 4,
			 RTMP_WINDOW_SIZE = 5,
			 RTMP_PEER_BANDWIDTH = 6,
			 RTMP_AUDIO = 8,
			 RTMP_VIDEO = 9,
			 RTMP_DATA_AMF3 = 15,
			 RTMP_COMMAND_AMF3 = 17,
			 RTMP_DATA = 18,
			 RTMP_COMMAND = 20,
			 RTMP_AGGREGATE = 22
};

enum rtmp_user_event { /* s.7.1.7 */
		       RTMP_STREAM_BEGIN = 0,
		       RTMP_STREAM_EOF = 1,
		       RTMP_SET_BUFFER = 3,
		       RTMP_PING = 6,
		       RTMP_PONG = 7
};

/* Chunk streams that we send on. */
enum { RTMP_CS_CONTROL = 2, RTMP_CS_COMMAND, RTMP_CS_AUDIO, RTMP_CS_DATA, RTMP_CS_VIDEO };

struct rtmp_message {
	uint8_t type;
	uint32_t ts_ms, stream_id;
	const uint8_t *data;
	size_t size;
};

/* A peer's chunk stream: the header that later ones refer to, and the message under way. */
struct rtmp_cstream {
	uint32_t id; /* 0: free */
	uint32_t ts_ms, field, size, stream_id;
	uint8_t type;
	bool seen, extended;
	uint8_t *buf; /* owned */
	size_t cap, have;
};

struct rtmp_chunks {
	uint32_t chunk_size;
	struct rtmp_cstream streams[RTMP_CSTREAMS_MAX];
	struct rtmp_cstream *current; /* whose chunk is under way */
	size_t chunk_left;	      /* of that chunk */
	size_t partial;		      /* sum of the streams' cap */
};

/* The peers' roles differ in these. */
struct rtmp_role {
	/* One command; r borrows its octets. 1 an event was set, 0, -errno. */
	int (*command)(struct rtmp *r, struct rtmp_event *event, uint32_t stream_id,
		       const struct amf_text *name, double transaction, struct amf_reader *args);
	/* After the handshake. 0 or -errno. */
	int (*opened)(struct rtmp *r);
};

/* Where the connection stands (s.5.2). */
enum rtmp_state {
	RTMP_WAIT_C1, /* server: C0 and C1 */
	RTMP_WAIT_C2,
	RTMP_WAIT_S1, /* client: S0 and S1 */
	RTMP_WAIT_S2,
	RTMP_OPEN
};
enum rtmp_activity { RTMP_IDLE, RTMP_ASKED, RTMP_ACTIVE, RTMP_OVER };

struct rtmp {
	const struct rtmp_role *role;
	enum rtmp_state state;
	enum rtmp_activity activity;
	bool publishing; /* the activity is a publication; else a play */
	struct prng random;
	uint64_t begun_us, heard_us;

	uint8_t *in; /* owned: octets not yet parsed */
	size_t in_size, in_used, in_cap;
	struct rtmp_chunks chunks;
	uint8_t *out; /* owned: octets not yet sent */
	size_t out_size, out_used, out_cap;

	uint64_t received, acknowledged;
	uint32_t window;
	struct rtmp_message aggregate; /* being taken apart; data NULL: none */
	size_t aggregate_at;
	uint32_t aggregate_shift;

	uint8_t sent1[RTMP_HANDSHAKE_SIZE]; /* a client's C1, to verify the server */
	double transaction;
	uint32_t stream_id, stream_count;
	double object_encoding;
	char app[RTMP_NAME_MAX + 1], stream[RTMP_NAME_MAX + 1], query[2 * RTMP_NAME_MAX + 2];
	char app_query[RTMP_NAME_MAX + 1];
	char code[64], words[RTMP_WORDS_MAX];

	char tc_url[RTMP_NAME_MAX + 1], agent[64]; /* of a client */
	bool plain;
};

extern const struct rtmp_role rtmp_role_server, rtmp_role_client;

struct rtmp *rtmp_new(const struct rtmp_role *role, enum rtmp_state state, uint64_t seed,
		      uint64_t now_us);

/* rtmp_handshake.c: one step. Octets of in that were used, 0 if more are needed, -errno. */
int rtmp_handshake_start(struct rtmp *r); /* a client's C0 and C1 */
int rtmp_handshake_input(struct rtmp *r, const uint8_t *in, size_t size);

/*
 * rtmp_chunk.c: one step. *used gets the octets of in that were used. 1 with *m set (a whole
 * message, borrowed until the next call), 0 if nothing is whole (again, unless *used is 0), -errno.
 */
int rtmp_chunk_input(struct rtmp_chunks *c, const uint8_t *in, size_t size, size_t *used,
		     struct rtmp_message *m);
void rtmp_chunk_abort(struct rtmp_chunks *c, uint32_t id);
void rtmp_chunk_fini(struct rtmp_chunks *c);

/* rtmp_write.c: 0 or -ENOBUFS, -ENOMEM. */
int rtmp_put(struct rtmp *r, const uint8_t *buf, size_t size);
int rtmp_put_message(struct rtmp *r, uint8_t cs, const struct rtmp_message *m);
int rtmp_put_control(struct rtmp *r, uint8_t type, uint32_t value);
int rtmp_put_user(struct rtmp *r, uint16_t event, uint32_t value);
/* A command begun by rtmp_begin_command: its name and transaction are written. */
struct rtmp_command {
	struct amf_writer w;
	uint8_t buf[RTMP_COMMAND_MAX];
};
void rtmp_begin_command(struct rtmp_command *c, const char *name, double transaction);
int rtmp_put_command(struct rtmp *r, struct rtmp_command *c, uint32_t stream_id);
/* onStatus with level, code and description. */
int rtmp_put_status(struct rtmp *r, uint32_t stream_id, const char *level, const char *code,
		    const char *description);

/* rtmp_names.c: split "name?query"; both cut to RTMP_NAME_MAX. */
void rtmp_split_query(const char *text, char *name, char *query);

#endif
