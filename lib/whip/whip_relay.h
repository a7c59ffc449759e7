/*
 * whip_relay.h - between SDP and the relay's control messages (rtc-control(5)).  Pure: JSON in and
 * out, no socket.
 */
#ifndef RTCKIT_WHIP_WHIP_RELAY_H
#define RTCKIT_WHIP_WHIP_RELAY_H

#include <jansson.h>

#include "sdp/sdp_negotiate.h"
#include "whip/whip_candidate.h"
#include "whip/whip_params.h"

enum {
	WHIP_SECRET_SIZE = 44, /* octets of a session's secret with its NUL */
	WHIP_AGENT_MAX = 128   /* characters of a client's name that the relay is told */
};

/* What a session.create says beside the plan. Texts may be NULL: left out. */
struct whip_session {
	const struct whip_params *params;
	const char *id; /* the public id that the session shall have */
	const char *credential;
	const char *address, *agent;
	bool no_nack, no_twcc, keep_bframe;
	unsigned stun_timeout_ms; /* 0: the relay's default */
};

/* New reference, or NULL without memory. */
json_t *whip_relay_create(const struct sdp_plan *plan, const struct whip_session *session);
json_t *whip_relay_delete(const char *secret);
json_t *whip_relay_get(const char *secret);
json_t *whip_relay_note(const char *secret, const char *note);
json_t *whip_relay_update(const char *secret, const char *ufrag, const char *pwd);

/*
 * Take the reply to session.create: local gets credentials, fingerprint, cname and SSRCs (texts
 * borrow from reply), secret and id the session's. Candidates and session_id stay as they were.
 * Returns 0, or -EBADMSG if the reply lacks something.
 */
int whip_relay_read(json_t *reply, const struct sdp_plan *plan, struct sdp_local *local,
		    const char **secret, const char **id);

/* The reply to session.update: our new credentials. Borrow. 0, or -EBADMSG (also if it is not ok).
 */
int whip_relay_read_ice(json_t *reply, const char **ufrag, const char **pwd);
/* The reply to session.get: our ufrag and the client's of the present generation; the latter is ""
 * if the relay does not say. Borrow. 0, or -EBADMSG. */
int whip_relay_read_generation(json_t *reply, const char **ufrag, const char **remote);

/* The ports of the relay's hello (NULL: all 0). */
struct whip_ports whip_relay_ports(json_t *hello);

/* Is it the grammar of a session's secret? */
bool whip_relay_is_secret(const char *text);

/* How an error code of the relay is told to the client. retry_s 0: no Retry-After. */
struct whip_failure {
	int status;
	const char *slug, *title;
	unsigned retry_s;
};
/* reply NULL: the relay cannot be reached. Never NULL; static. */
const struct whip_failure *whip_relay_failure(json_t *reply);

#endif
