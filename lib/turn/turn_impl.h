/* turn_impl.h - the inside of the TURN client, shared by its files. */
#ifndef RTCKIT_TURN_TURN_IMPL_H
#define RTCKIT_TURN_TURN_IMPL_H

#include "base/random.h"
#include "turn/turn.h"

enum {
	TURN_KEY_SIZE = 16,	    /* MD5; RFC 8489 s.9.2.2 */
	TURN_RTO_US = 500000,	    /* RFC 8489 s.6.2.1, doubling */
	TURN_TRIES = 7,		    /* Rc */
	TURN_LAST_WAIT = 16,	    /* Rm: the last waits this many RTO */
	TURN_STREAM_US = 39500000,  /* Ti of s.6.2.2 */
	TURN_TIMEOUT_US = 5000000,  /* to READY, if the caller does not say */
	TURN_STALE_MAX = 3,	    /* fresh nonces of one request in a row */
	TURN_PERMIT_US = 240000000, /* a permission lives 300 s; RFC 8656 s.9 */
	TURN_BIND_US = 480000000,   /* a channel 600 s; s.12 */
	TURN_RETRY_US = 5000000,    /* after a refresh of either that failed */
	/* RFC 8656 s.2.2's default; said, since coturn forgets its own limit where nothing is. */
	TURN_LIFETIME_S = 600,
	TURN_MARGIN_S = 60,	     /* an allocation is refreshed so long before its end; s.8 */
	TURN_CHANNEL_FIRST = 0x4000, /* s.12 */
	TURN_CHANNEL_LAST = 0x4fff,
	TURN_CHANNEL_HEAD = 4,
	TURN_UDP = 17 /* REQUESTED-TRANSPORT: the IP protocol's number; s.18.7 */
};

enum turn_task_kind {
	TASK_BINDING,
	TASK_ALLOCATE,
	TASK_REFRESH,
	TASK_RELEASE,
	TASK_PERMIT,
	TASK_CHANNEL
};

/* A request: waiting for its time, or under way. */
struct turn_task {
	uint8_t txid[STUN_TXID_SIZE];
	uint64_t due_us; /* when to begin; CLOCK_NEVER */
	uint64_t sent_us;
	uint8_t kind; /* enum turn_task_kind */
	uint8_t peer; /* its index */
	uint8_t tries, stale;
	bool pending; /* under way */
	bool unsent;  /* to be written by the next poll */
	bool keyed;   /* it went with our credentials */
};

struct turn_peer {
	struct addr addr;
	bool open;    /* it has a permission */
	bool told;    /* which the caller knows */
	bool bound;   /* it has a channel */
	bool refused; /* a permission */
};

enum { TURN_TASKS = 1 + 2 * TURN_PEERS_MAX };

struct turn {
	char username[STUN_USERNAME_MAX + 1], credential[STUN_USERNAME_MAX + 1];
	char realm[TURN_TEXT_MAX + 1], nonce[TURN_TEXT_MAX + 1];
	uint8_t key[TURN_KEY_SIZE];
	bool has_key, stream, binding;
	int family;
	uint32_t lifetime_s;
	enum turn_state state;
	int error, peer_error;
	uint64_t end_us; /* of ASKING and of CLOSING */
	struct prng rng; /* transaction ids: only the server sees them, which may say what it likes
			    anyway */
	struct addr relayed, mapped;
	struct turn_peer peers[TURN_PEERS_MAX];
	size_t peer_count;
	/* The allocation's own, then a permission and a channel of each peer. */
	struct turn_task tasks[TURN_TASKS];
};

void turn_enter(struct turn *t, enum turn_state state);
void turn_end(struct turn *t, int error);
/* The task begins at due_us; what was under way is forgotten. */
void turn_task_set(struct turn_task *task, enum turn_task_kind kind, uint64_t due_us);
/* A request of the task failed for good. */
void turn_task_fail(struct turn *t, struct turn_task *task, uint64_t now_us, int error);
struct turn_peer *turn_peer_of(struct turn *t, const struct addr *a);

#endif
