/* ice_agent_impl.h - the full agent's inside, shared by its files. */
#ifndef RTCKIT_ICE_ICE_AGENT_IMPL_H
#define RTCKIT_ICE_ICE_AGENT_IMPL_H

#include "base/median.h"
#include "base/random.h"
#include "ice/ice_agent.h"

enum {
	AGENT_QUEUE = 16,      /* datagrams waiting; more are dropped (STUN repeats) */
	AGENT_UFRAG_COUNT = 8, /* characters; RFC 8839 s.5.4 wants 4 and 22 at least */
	AGENT_PWD_COUNT = 24,
	AGENT_PACE_US = 20000,	      /* between new checks: Ta is 5 ms at least, RFC 8445 s.14.2 */
	AGENT_RTO_US = 100000,	      /* to the first retransmission, doubling */
	AGENT_TRIES = 7,	      /* Rc of RFC 8489 s.6.2.1 */
	AGENT_RELIABLE_US = 39500000, /* Ti of s.6.2.2: over TCP nothing is repeated */
	AGENT_LAST_WAIT = 16,	      /* Rm: the last waits this many RTO */
	AGENT_GRACE_US = 100000,      /* a better pair gets this much longer to answer */
	AGENT_CONSENT_MIN_US = 4000000, /* RFC 7675 s.5.1: 5 s, randomised by 20 percent */
	AGENT_CONSENT_SPREAD_US = 2000000,
	AGENT_CONSENT_MISSED_DIV = 4, /* sooner by this when the last went unanswered */
	AGENT_CONSENT_LOST_US = 30000000,
	/*
	 * After the selection a few checks come sooner: a server that bounds what it sends to a
	 * path not yet proven (three times what came) may have no octets left for its own check.
	 */
	AGENT_EARLY_US = 500000, /* doubling */
	AGENT_EARLY_COUNT = 3,
	AGENT_LATE_CHECKS = 4 /* consent checks whose late answers count: some 5 s back */
};

/* RFC 8445 s.6.1.2.6, without Frozen: there is one component and one stream. */
enum pair_state { PAIR_WAITING, PAIR_CHECKING, PAIR_VALID, PAIR_FAILED };

struct pair {
	struct ice_tuple tuple;
	struct addr mapped;
	uint64_t sent_us, rtt_us;
	struct median rtts_us;
	uint64_t priority; /* ice_pair_priority() */
	uint32_t sent, received;
	int error;
	uint8_t txid[STUN_TXID_SIZE]; /* of the outstanding check */
	uint8_t state;		      /* enum pair_state */
	uint8_t tries;
	bool pending;	       /* a check is outstanding */
	bool once;	       /* which is not repeated (consent) */
	bool use, controlling; /* and said so */
	bool triggered;	       /* to be checked before the others: the peer did */
	bool wanted;	       /* nominated by the peer, while we are controlled */
};

enum agent_kind { AGENT_CHECK, AGENT_SUCCESS, AGENT_ERROR };

struct agent_out {
	struct ice_tuple to;
	uint8_t txid[STUN_TXID_SIZE];
	uint16_t code, unknown;
	uint8_t kind; /* enum agent_kind */
	uint8_t pair; /* AGENT_CHECK: its index */
};

struct ice_agent {
	struct ice_creds local, remote;
	struct prng jitter;
	uint64_t seed, counter, tie;
	uint64_t timeout_us, started_us;
	uint64_t next_us;      /* the pacer's next turn */
	uint64_t grace_us;     /* when to nominate what is valid */
	uint64_t consent_us;   /* last proof that the peer agrees */
	uint64_t keepalive_us; /* next consent check */
	/* Consent checks given up before the last: a late answer to one is consent, too. */
	uint8_t late_txid[AGENT_LATE_CHECKS][STUN_TXID_SIZE];
	uint8_t late_next;
	uint8_t early; /* sooner checks done */
	enum ice_agent_state state;
	bool started, lite, controlling;
	bool expecting; /* more pairs: that all failed is not the end */
	int selected;	/* index of pair, -1 none */
	size_t pair_count, out_count;
	struct pair pair[ICE_AGENT_PAIRS_MAX];
	struct agent_out out[AGENT_QUEUE];
};

void agent_enter(struct ice_agent *ice, enum ice_agent_state state);
void agent_push(struct ice_agent *ice, const struct agent_out *out);
/* The pair of a tuple, whatever local address the caller gave it; NULL if none. */
struct pair *agent_pair_of(struct ice_agent *ice, const struct ice_tuple *tuple);
/* A good answer came: the pair is valid, perhaps nominated. */
void agent_pair_succeed(struct ice_agent *ice, struct pair *pair, uint64_t now_us);
void agent_pair_fail(struct ice_agent *ice, struct pair *pair, int error);
/* The pair is nominated: use it, unless a better one is already. */
void agent_select(struct ice_agent *ice, struct pair *pair, uint64_t now_us);
/* RFC 8445 s.7.2.5.1 and s.7.3.1.1: the other role, with another tie-breaker. */
void agent_switch_role(struct ice_agent *ice);

#endif
