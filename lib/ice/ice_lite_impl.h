/* ice_lite_impl.h - the agent's inside, shared by its files. */
#ifndef RTCKIT_ICE_ICE_LITE_IMPL_H
#define RTCKIT_ICE_ICE_LITE_IMPL_H

#include "ice/ice_lite.h"

/* One generation of credentials (RFC 8445 s.9). */
struct ice_lite_login {
	char ufrag[ICE_LITE_UFRAG_MAX + 1];
	char pwd[ICE_LITE_PWD_MAX + 1];
	char *remote_ufrag; /* NULL unknown; owns both texts, which lie in one block */
	char *remote_pwd;
};

enum ice_lite_kind { ICE_LITE_CHECK, ICE_LITE_SUCCESS, ICE_LITE_ERROR };

/* A datagram to be: what it says, written out only when it is polled. */
struct ice_lite_out {
	struct ice_tuple to;
	uint8_t txid[STUN_TXID_SIZE];
	uint16_t code, unknown;
	uint8_t kind;	/* enum ice_lite_kind */
	bool old_login; /* answered under the credentials before the restart */
};

struct ice_lite {
	struct ice_lite_login login;
	struct ice_lite_login *old; /* owned; NULL unless restarting */
	uint64_t seed, counter;
	uint64_t first_deadline_us, timeout_us;
	struct ice_path path[ICE_LITE_PATHS];
	struct ice_lite_out out[ICE_LITE_QUEUE];
	uint32_t last_id;
	uint8_t out_count;
	int8_t selected; /* index of path, -1 none */
	bool expired;
	bool left; /* the selected path was dropped once */
};

/* Queue one datagram; dropped when the queue is full. */
void ice_lite_push(struct ice_lite *ice, const struct ice_lite_out *out);
/* The path of a tuple, made if there is none: the oldest unselected one gives way. */
struct ice_path *ice_lite_path_make(struct ice_lite *ice, const struct ice_tuple *tuple);
/* Send our own check to a path that is still NEW, if the time for one has come. */
void ice_lite_probe(struct ice_lite *ice, struct ice_path *path, uint64_t now_us);
/* A path got a check or was validated: is it the one now? Mask of events. */
int ice_lite_consider(struct ice_lite *ice, struct ice_path *path, uint64_t now_us);
/* Something authenticated came by a path: does media alone select it now? Mask of events. */
int ice_lite_follow(struct ice_lite *ice, struct ice_path *path, uint64_t now_us);
uint64_t ice_lite_follow_deadline(const struct ice_lite *ice); /* when one will, as it looks */
/* A check under the new credentials succeeded: forget the old. */
void ice_lite_forget_old(struct ice_lite *ice);

#endif
