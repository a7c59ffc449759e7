/*
 * turn.h - a client of one STUN or TURN server (RFC 8489, RFC 8656): our address as the server sees
 * it, an allocation on it, permissions and channels for the peers, and the headers that carry their
 * datagrams.  Sans-IO; over UDP and over a byte stream.
 *
 * It does not: follow redirects (300), authenticate servers (TLS does), allocate more than one
 * address, use EVEN-PORT, DONT-FRAGMENT or RFC 6062's TCP allocations.
 */
#ifndef RTCKIT_TURN_TURN_H
#define RTCKIT_TURN_TURN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "stun/stun.h"

enum {
	TURN_PEERS_MAX = 8,	     /* of one allocation */
	TURN_MESSAGE_MAX = 3072,     /* octets of a request: the three texts below, and 600 more */
	TURN_TEXT_MAX = 763,	     /* octets of a realm or nonce; RFC 8489 s.14.9 */
	TURN_HEAD_MAX = 20 + 24 + 4, /* octets before a datagram in a Send indication, IPv6 */
	TURN_FRAME_MAX = 20 + 65532  /* octets of the longest message on a stream */
};

enum turn_state {
	TURN_ASKING, /* until the server answers */
	TURN_READY,  /* its addresses are known; the allocation is kept up */
	TURN_CLOSING,
	TURN_ENDED /* see turn_error() */
};

struct turn_config {
	const char *username, *credential; /* copied; NULL: ask for our address alone (STUN) */
	int family;			   /* of the address that is wanted: AF_INET, AF_INET6 */
	bool stream;	     /* the way to the server loses nothing: nothing is repeated */
	uint32_t lifetime_s; /* of the allocation, to ask for; 0: 600 */
	uint64_t timeout_us; /* until READY; 0: 5 s */
	uint64_t seed;	     /* random_u64() */
};

struct turn;

/* NULL without memory or if a text is longer than STUN_USERNAME_MAX. */
struct turn *turn_new(const struct turn_config *config, uint64_t now_us);
void turn_free(struct turn *t); /* takes NULL */

/* A datagram of a peer's, in the message that brought it: borrowed. */
struct turn_data {
	struct addr peer;
	uint8_t *buf;
	size_t size;
};

/*
 * One message of the server's, exactly (a stream is cut by turn_frame_size()). 1: it brought *data;
 * 0: taken; -ENOMSG neither STUN nor a channel's; -EBADMSG malformed, or nothing asked for it;
 * -EACCES not authenticated, or data of a peer that has no permission.
 */
int turn_input(struct turn *t, uint64_t now_us, uint8_t *buf, size_t size, struct turn_data *data);
void turn_timeout(struct turn *t, uint64_t now_us);
uint64_t turn_deadline(const struct turn *t);
/* The next request to send, into cap octets (TURN_MESSAGE_MAX): its size, 0 if there is none. */
size_t turn_poll(struct turn *t, uint8_t *buf, size_t cap);

/*
 * Have the server pass on what goes to and comes from a peer: a permission and a channel. At any
 * time; again: fine. 0; -EINVAL: another family; -ENOSPC.
 */
int turn_add_peer(struct turn *t, uint64_t now_us, const struct addr *peer);
/* A peer that has a permission now and was not told of yet: 1 or 0. */
int turn_next_peer(struct turn *t, struct addr *peer);

/* What goes before and after a datagram to a peer: a channel's header, or a Send indication. */
struct turn_head {
	uint8_t buf[TURN_HEAD_MAX];
	size_t size;
	size_t padding; /* zeros behind it, 0..3 */
};
/* For a datagram of size octets. 0; -ENOTCONN without a permission; -EMSGSIZE. */
int turn_head(struct turn *t, const struct addr *peer, size_t size, struct turn_head *head);

/* Give the allocation back (a Refresh with lifetime 0). ENDED when the server agreed, or after
 * TURN_CLOSE_US of silence; at once where there is none. */
enum { TURN_CLOSE_US = 1000000 };
void turn_close(struct turn *t, uint64_t now_us);
/* The way to the server broke (error: -errno, below 0): ENDED. */
void turn_lose(struct turn *t, int error);

enum turn_state turn_state(const struct turn *t);
const struct addr *turn_relayed(const struct turn *t); /* from READY on; NULL: STUN alone */
const struct addr *turn_mapped(const struct turn *t);  /* from READY on; NULL: not told */
/* Why it ended: a STUN error code (401 ...), -errno (-ETIMEDOUT ...), 0: it was closed. */
int turn_error(const struct turn *t);
/* The same in words that follow a server's name: "refuses the user name or the credential (401)".
 * Returns text. */
char *turn_explain(const struct turn *t, char *text, size_t size);
/* An error of the last permission that was refused; 0: none was. */
int turn_peer_error(const struct turn *t);
/* Was every peer refused? */
bool turn_is_refused(const struct turn *t);

/*
 * The first message of a stream (RFC 8656 s.12.5: channel messages are padded there): its octets
 * with the padding, 0 if more is needed to tell, -EBADMSG if it is neither kind.
 */
int turn_frame_size(const uint8_t *buf, size_t size);

#endif
