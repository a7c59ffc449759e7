/* ice_lite.c - the lite agent's life, paths, timers and what it sends. */
#include "ice/ice_lite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/text.h"
#include "ice/ice_lite_impl.h"
#include "ice/ice_msg.h"

static void
login_fini(struct ice_lite_login *login)
{
	free(login->remote_ufrag);
	OPENSSL_cleanse(login, sizeof(*login));
}

static int
login_init(struct ice_lite_login *login, const struct ice_creds *local,
	   const struct ice_creds *remote)
{
	size_t ufrag_size, pwd_size;

	memset(login, 0, sizeof(*login));
	if (!text_copy(login->ufrag, sizeof(login->ufrag), local->ufrag) ||
	    !text_copy(login->pwd, sizeof(login->pwd), local->pwd))
		return -EINVAL;
	if (remote == NULL)
		return 0;
	ufrag_size = strlen(remote->ufrag) + 1;
	pwd_size = strlen(remote->pwd) + 1;
	login->remote_ufrag = malloc(ufrag_size + pwd_size);
	if (login->remote_ufrag == NULL)
		return -ENOMEM;
	login->remote_pwd = login->remote_ufrag + ufrag_size;
	memcpy(login->remote_ufrag, remote->ufrag, ufrag_size);
	memcpy(login->remote_pwd, remote->pwd, pwd_size);
	return 0;
}

struct ice_lite *
ice_lite_new(const struct ice_creds *local, const struct ice_creds *remote, uint64_t now_us,
	     uint64_t first_timeout_us, uint64_t timeout_us, uint64_t seed)
{
	struct ice_lite *ice = calloc(1, sizeof(*ice));

	if (ice == NULL)
		return NULL;
	if (login_init(&ice->login, local, remote) < 0) {
		free(ice);
		return NULL;
	}
	ice->seed = seed;
	ice->first_deadline_us = now_us + first_timeout_us;
	ice->timeout_us = timeout_us;
	ice->selected = -1;
	return ice;
}

void
ice_lite_free(struct ice_lite *ice)
{
	if (ice == NULL)
		return;
	ice_lite_forget_old(ice);
	login_fini(&ice->login);
	free(ice);
}

void
ice_lite_forget_old(struct ice_lite *ice)
{
	if (ice->old == NULL)
		return;
	login_fini(ice->old);
	free(ice->old);
	ice->old = NULL;
}

int
ice_lite_restart(struct ice_lite *ice, const struct ice_creds *local,
		 const struct ice_creds *remote)
{
	struct ice_lite_login fresh;
	struct ice_lite_login *old = NULL;
	int err = login_init(&fresh, local, remote);

	if (err < 0)
		return err;
	if (ice->old != NULL) {
		/* A restart within a restart: the generation that nobody confirmed goes. */
		login_fini(&ice->login);
	} else {
		old = malloc(sizeof(*old));
		if (old == NULL) {
			login_fini(&fresh);
			return -ENOMEM;
		}
		*old = ice->login;
		ice->old = old;
	}
	ice->login = fresh;
	return 0;
}

bool
ice_lite_restarting(const struct ice_lite *ice)
{
	return ice->old != NULL;
}

const struct ice_creds *
ice_lite_local(const struct ice_lite *ice, struct ice_creds *out)
{
	text_copy(out->ufrag, sizeof(out->ufrag), ice->login.ufrag);
	text_copy(out->pwd, sizeof(out->pwd), ice->login.pwd);
	return out;
}

struct ice_path *
ice_lite_path(struct ice_lite *ice, const struct ice_tuple *tuple)
{
	for (size_t i = 0; i < ICE_LITE_PATHS; i++)
		if (ice->path[i].state != ICE_PATH_UNUSED &&
		    ice_tuple_equal(&ice->path[i].tuple, tuple))
			return &ice->path[i];
	return NULL;
}

struct ice_path *
ice_lite_path_make(struct ice_lite *ice, const struct ice_tuple *tuple)
{
	struct ice_path *path = ice_lite_path(ice, tuple);

	if (path != NULL)
		return path;
	for (size_t i = 0; i < ICE_LITE_PATHS; i++) {
		struct ice_path *p = &ice->path[i];

		/* An unused one has check_us 0: the oldest of all. */
		if ((int)i != ice->selected && (path == NULL || p->check_us < path->check_us))
			path = p;
	}
	*path = (struct ice_path){.tuple = *tuple, .id = ++ice->last_id};
	/* A TCP handshake has proved the address already. */
	path->state = tuple->proto == ICE_TCP ? ICE_PATH_VALID : ICE_PATH_NEW;
	return path;
}

const struct ice_path *
ice_lite_selected(const struct ice_lite *ice)
{
	return ice->selected < 0 ? NULL : &ice->path[ice->selected];
}

static bool
takes_over(const struct ice_path *path, const struct ice_path *now, uint64_t now_us)
{
	uint64_t silent_us = now_us - now->check_us;

	if (path->state != ICE_PATH_VALID)
		return false;
	if (silent_us > ICE_LITE_SILENT_US)
		return true;
	return path->nominated && (!now->nominated || path->priority > now->priority ||
				   silent_us > ICE_LITE_SETTLE_US);
}

int
ice_lite_consider(struct ice_lite *ice, struct ice_path *path, uint64_t now_us)
{
	const struct ice_path *now = ice_lite_selected(ice);

	if (path == now || (now != NULL && !takes_over(path, now, now_us)))
		return ICE_LITE_NONE;
	/* The first path is guarded; after it media flows, and goes to no address unproven. */
	if (now == NULL && ice->left && path->state != ICE_PATH_VALID)
		return ICE_LITE_NONE;
	ice->selected = (int8_t)(path - ice->path);
	return ICE_LITE_SELECTED;
}

int
ice_lite_prefer(struct ice_lite *ice, struct ice_path *path)
{
	if (path == ice_lite_selected(ice) || path->state != ICE_PATH_VALID)
		return ICE_LITE_NONE;
	ice->selected = (int8_t)(path - ice->path);
	return ICE_LITE_SELECTED;
}

int
ice_lite_drop(struct ice_lite *ice, const struct ice_tuple *tuple)
{
	struct ice_path *path = ice_lite_path(ice, tuple);
	bool was_selected = path != NULL && path == ice_lite_selected(ice);
	const struct ice_path *best = NULL;
	uint64_t last_us;

	if (path == NULL)
		return ICE_LITE_NONE;
	last_us = path->check_us;
	if (was_selected)
		ice->first_deadline_us = path->check_us + ice->timeout_us;
	*path = (struct ice_path){.state = ICE_PATH_UNUSED};
	if (!was_selected)
		return ICE_LITE_NONE;
	ice->left = true;
	for (size_t i = 0; i < ICE_LITE_PATHS; i++)
		if (ice->path[i].state == ICE_PATH_VALID &&
		    ice->path[i].check_us + ICE_LITE_SILENT_US > last_us &&
		    (best == NULL || ice->path[i].check_us > best->check_us))
			best = &ice->path[i];
	ice->selected = best != NULL ? (int8_t)(best - ice->path) : -1;
	return ICE_LITE_SELECTED;
}

void
ice_path_validate(struct ice_path *path)
{
	path->state = ICE_PATH_VALID;
}

void
ice_path_received(struct ice_path *path, size_t size)
{
	if (path->state != ICE_PATH_VALID)
		path->rx_octets += size;
}

bool
ice_path_may_send(struct ice_path *path, size_t size)
{
	if (path->state == ICE_PATH_VALID)
		return true;
	if (path->tx_octets + size > ICE_LITE_AMPLIFY * path->rx_octets)
		return false;
	path->tx_octets += size;
	return true;
}

static uint64_t
probe_due(const struct ice_path *path)
{
	if (path->state != ICE_PATH_NEW || path->probes == 0)
		return CLOCK_NEVER;
	return path->probe_us + ((uint64_t)ICE_LITE_PROBE_US << (path->probes - 1));
}

void
ice_lite_probe(struct ice_lite *ice, struct ice_path *path, uint64_t now_us)
{
	struct ice_lite_out out = {.to = path->tuple, .kind = ICE_LITE_CHECK};

	if (path->state != ICE_PATH_NEW || ice->login.remote_pwd == NULL ||
	    (path->probes > 0 && now_us < probe_due(path)))
		return;
	if (path->probes == 0 || path->probes >= ICE_LITE_PROBES) {
		ice_txid(path->txid, ice->seed, ++ice->counter);
		path->probes = 0;
	}
	path->probes++;
	path->probe_us = now_us;
	memcpy(out.txid, path->txid, sizeof(out.txid));
	ice_lite_push(ice, &out);
}

static uint64_t
expiry_of(const struct ice_lite *ice)
{
	const struct ice_path *path = ice_lite_selected(ice);

	return path != NULL ? path->check_us + ice->timeout_us : ice->first_deadline_us;
}

int
ice_lite_timeout(struct ice_lite *ice, uint64_t now_us)
{
	int events = ICE_LITE_NONE;

	for (size_t i = 0; i < ICE_LITE_PATHS; i++) {
		struct ice_path *path = &ice->path[i];

		/* After the last one it takes a check of the peer's to begin anew. */
		if (path->probes < ICE_LITE_PROBES && now_us >= probe_due(path))
			ice_lite_probe(ice, path, now_us);
		events |= ice_lite_follow(ice, path, now_us);
	}
	if (ice->expired || now_us < expiry_of(ice))
		return events;
	ice->expired = true;
	return events | ICE_LITE_EXPIRED;
}

uint64_t
ice_lite_deadline(const struct ice_lite *ice)
{
	uint64_t at = ice->expired ? CLOCK_NEVER : expiry_of(ice);

	at = MIN_OF(at, ice_lite_follow_deadline(ice));
	for (size_t i = 0; i < ICE_LITE_PATHS; i++)
		if (ice->path[i].probes < ICE_LITE_PROBES)
			at = MIN_OF(at, probe_due(&ice->path[i]));
	return at;
}

void
ice_lite_push(struct ice_lite *ice, const struct ice_lite_out *out)
{
	if (ice->out_count < ICE_LITE_QUEUE)
		ice->out[ice->out_count++] = *out;
}

static int
write_check(struct ice_lite *ice, const struct ice_lite_out *out, uint8_t *buf, size_t cap)
{
	uint8_t tie[STUN_TXID_SIZE];
	struct ice_check check = {.txid = out->txid,
				  .remote_ufrag = ice->login.remote_ufrag,
				  .remote_pwd = ice->login.remote_pwd,
				  .local_ufrag = ice->login.ufrag,
				  .priority = ice_priority(ICE_PRFLX, UINT16_MAX, 1)};

	ice_txid(tie, ice->seed, 0); /* number 0 is no transaction: ours for good */
	check.tie = be64(tie);
	return check.remote_pwd != NULL ? ice_write_check(buf, cap, &check) : -ENOENT;
}

static int
write_out(struct ice_lite *ice, const struct ice_lite_out *out, uint8_t *buf, size_t cap)
{
	const struct ice_lite_login *login =
	    out->old_login && ice->old != NULL ? ice->old : &ice->login;
	const char *pwd = login->pwd;

	switch ((enum ice_lite_kind)out->kind) {
	case ICE_LITE_CHECK:
		return write_check(ice, out, buf, cap);
	case ICE_LITE_SUCCESS:
		return ice_write_success(buf, cap, out->txid, &out->to.remote, pwd);
	case ICE_LITE_ERROR:
		/* RFC 8489 s.9.1.3: without a common secret, 400 and 401 carry no integrity. */
		if (out->code == ICE_BAD_REQUEST || out->code == ICE_UNAUTHENTICATED)
			pwd = NULL;
		return ice_write_error(buf, cap, out->txid, out->code, out->unknown, pwd);
	}
	return -EINVAL;
}

/* May it go? Answers always: they are no longer than what they answer, yet they count. */
static bool
admit(struct ice_lite *ice, const struct ice_lite_out *out, size_t size)
{
	struct ice_path *path = ice_lite_path(ice, &out->to);

	if (out->kind == ICE_LITE_CHECK)
		return path != NULL && ice_path_may_send(path, size);
	if (path != NULL && path->state == ICE_PATH_NEW)
		path->tx_octets += size;
	return true;
}

int
ice_lite_poll(struct ice_lite *ice, struct ice_datagram *out)
{
	while (ice->out_count > 0) {
		struct ice_lite_out next = ice->out[0];
		int size = write_out(ice, &next, out->buf, sizeof(out->buf));

		ice->out_count--;
		memmove(ice->out, ice->out + 1, ice->out_count * sizeof(ice->out[0]));
		if (size > 0 && admit(ice, &next, (size_t)size)) {
			out->to = next.to;
			out->size = (uint16_t)size;
			return 1;
		}
	}
	return 0;
}
