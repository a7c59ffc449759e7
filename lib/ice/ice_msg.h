/*
 * ice_msg.h - the Binding messages of ICE (RFC 8445 s.7) as both agents read and write them.  Not
 * for other modules.
 */
#ifndef RTCKIT_ICE_ICE_MSG_H
#define RTCKIT_ICE_ICE_MSG_H

#include "ice/ice.h"

/* STUN error codes that ICE uses (RFC 8489 s.14.8, RFC 8445 s.7.3.1.1). */
enum {
	ICE_BAD_REQUEST = 400,
	ICE_UNAUTHENTICATED = 401,
	ICE_UNKNOWN_ATTRIBUTE = 420,
	ICE_ROLE_CONFLICT = 487
};

/* A message and where it came from. */
struct ice_arrival {
	struct stun_msg msg;
	const struct ice_tuple *from;
	uint64_t now_us;
};

/*
 * stun_parse(), and -EBADMSG too for another method than Binding or a wrong FINGERPRINT. An absent
 * one is let pass: integrity decides.
 */
int ice_read(struct stun_msg *msg, const uint8_t *buf, size_t size);

/* What a Binding request of ours says; the texts are borrowed. */
struct ice_check {
	const uint8_t *txid;
	const char *remote_ufrag, *remote_pwd, *local_ufrag;
	uint64_t tie;
	uint32_t priority;
	bool controlling, use_candidate;
};

/* Each writes one message into buf of cap octets: its size or -ENOSPC. */
int ice_write_check(uint8_t *buf, size_t cap, const struct ice_check *check);
int ice_write_success(uint8_t *buf, size_t cap, const uint8_t *txid, const struct addr *mapped,
		      const char *pwd);
/* pwd is NULL where the error says that there is no common password; unknown goes with 420. */
int ice_write_error(uint8_t *buf, size_t cap, const uint8_t *txid, int code, uint16_t unknown,
		    const char *pwd);

/* Unpredictable without the seed, even to one who has seen others: number counter of seed's. */
void ice_txid(uint8_t txid[static STUN_TXID_SIZE], uint64_t seed, uint64_t counter);
/* count characters of ice-char and a NUL, made the same way. count is 1..32. */
void ice_text(char *text, size_t count, uint64_t seed, uint64_t counter);

/*
 * Does a request name this local ufrag (and this remote one, unless NULL) and carry integrity under
 * pwd? 0 or the error code to answer (400, 401).
 */
int ice_authenticate(const struct stun_msg *msg, const char *local_ufrag, const char *pwd,
		     const char *remote_ufrag);

bool ice_has_attr(const struct stun_msg *msg, uint16_t type);

#endif
