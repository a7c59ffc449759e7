/* ice_lite_input.c - what a lite agent does with each STUN message (RFC 8445 s.7.3). */
#include "ice/ice_lite.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "ice/ice_lite_impl.h"
#include "ice/ice_msg.h"

/* Does the request's USERNAME belong to the generation before the restart? */
static bool
names_old_login(const struct ice_lite *ice, const struct stun_msg *msg)
{
	char left[ICE_UFRAG_MAX + 1], right[ICE_UFRAG_MAX + 1];

	return ice->old != NULL && stun_get_username(msg, left, right, sizeof(left)) == 0 &&
	       text_equal_secret(left, ice->old->ufrag);
}

/* 0, or the error code to answer. */
static int
judge(const struct ice_lite *ice, const struct stun_msg *msg, struct ice_lite_out *out)
{
	const struct ice_lite_login *login;
	int code;

	out->old_login = names_old_login(ice, msg);
	login = out->old_login ? ice->old : &ice->login;
	code = ice_authenticate(msg, login->ufrag, login->pwd, login->remote_ufrag);
	if (code != 0)
		return code;
	out->unknown = stun_unknown_attr(msg);
	if (out->unknown != 0)
		return ICE_UNKNOWN_ATTRIBUTE; /* RFC 8489 s.6.3.1 */
	/*
	 * RFC 8445 s.7.3.1.1: a lite agent stays controlled whatever the tie-breakers (s.6.1.1), so
	 * a peer that says it is controlled too has to change.
	 */
	return ice_has_attr(msg, STUN_ICE_CONTROLLED) ? ICE_ROLE_CONFLICT : 0;
}

static int
on_request(struct ice_lite *ice, const struct ice_arrival *in)
{
	struct ice_lite_out out = {.to = *in->from, .kind = ICE_LITE_SUCCESS};
	struct ice_path *path;
	int code = judge(ice, &in->msg, &out);

	memcpy(out.txid, in->msg.txid, sizeof(out.txid));
	if (code != 0) {
		out.kind = ICE_LITE_ERROR;
		out.code = (uint16_t)code;
		ice_lite_push(ice, &out);
		return -EACCES;
	}
	if (!out.old_login)
		ice_lite_forget_old(ice);
	path = ice_lite_path_make(ice, in->from);
	path->check_us = in->now_us;
	/* FFmpeg 8.0 sends none: the path keeps 0. A malformed one counts as none. */
	stun_get_u32(&in->msg, STUN_PRIORITY, &path->priority);
	path->nominated = ice_has_attr(&in->msg, STUN_USE_CANDIDATE);
	ice_path_received(path, in->msg.size);
	ice->expired = false;
	ice_lite_push(ice, &out);
	ice_lite_probe(ice, path, in->now_us);
	return ice_lite_consider(ice, path, in->now_us);
}

/* RFC 8445 s.11: an indication keeps a NAT open and says nothing that could be trusted. */
static int
on_indication(struct ice_lite *ice, const struct ice_arrival *in)
{
	return ice_lite_path(ice, in->from) != NULL ? ICE_LITE_NONE : -EBADMSG;
}

static int
on_success(struct ice_lite *ice, const struct ice_arrival *in)
{
	struct ice_path *path = ice_lite_path(ice, in->from);

	/* RFC 8445 s.7.2.5.2.1: the answer comes from where the request went, or it is none. */
	if (path == NULL || path->probes == 0 || ice->login.remote_pwd == NULL ||
	    memcmp(path->txid, in->msg.txid, STUN_TXID_SIZE) != 0 ||
	    stun_verify_integrity(&in->msg, ice->login.remote_pwd) < 0)
		return -EBADMSG;
	path->check_us = in->now_us;
	path->probes = 0;
	ice_path_validate(path);
	return ice_lite_follow(ice, path, in->now_us) | ice_lite_consider(ice, path, in->now_us);
}

/* An error proves nothing: a stranger's STUN server would send one, too. */
static int
on_error(struct ice_lite *ice, const struct ice_arrival *in)
{
	(void)ice;
	(void)in;
	return -EBADMSG;
}

typedef int (*handler_fn)(struct ice_lite *, const struct ice_arrival *);

int
ice_lite_input(struct ice_lite *ice, uint64_t now_us, const struct ice_tuple *from,
	       const uint8_t *buf, size_t size)
{
	static const handler_fn handlers[] = {[STUN_REQUEST] = on_request,
					      [STUN_INDICATION] = on_indication,
					      [STUN_SUCCESS] = on_success,
					      [STUN_ERROR] = on_error};
	struct ice_arrival in = {.from = from, .now_us = now_us};
	int err = ice_read(&in.msg, buf, size);

	return err < 0 ? err : handlers[in.msg.class](ice, &in);
}
