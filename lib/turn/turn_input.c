/* turn_input.c - what the client does with each message of the server's. */
#include "turn/turn.h"

#include <errno.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "turn/turn_impl.h"

enum {
	UNAUTHENTICATED = 401, /* RFC 8489 s.9.2.4 */
	STALE_NONCE = 438,
	LIFETIME_MAX_S = 3600 * 24 /* longer ones are refreshed as if they were so long */
};

/* ---- credentials ---- */

static int
take_text(const struct stun_msg *msg, uint16_t type, char out[static TURN_TEXT_MAX + 1])
{
	size_t size;
	const uint8_t *p = stun_attr(msg, type, &size);

	if (p == NULL)
		return -ENOENT;
	if (size == 0 || size > TURN_TEXT_MAX || memchr(p, '\0', size) != NULL)
		return -EBADMSG;
	memcpy(out, p, size);
	out[size] = '\0';
	return 0;
}

/* RFC 8489 s.9.2.2: MD5(username ":" realm ":" password). */
static int
make_key(struct turn *t)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int r = -ENOMEM;

	if (ctx != NULL && EVP_DigestInit_ex(ctx, EVP_md5(), NULL) == 1 &&
	    EVP_DigestUpdate(ctx, t->username, strlen(t->username)) == 1 &&
	    EVP_DigestUpdate(ctx, ":", 1) == 1 &&
	    EVP_DigestUpdate(ctx, t->realm, strlen(t->realm)) == 1 &&
	    EVP_DigestUpdate(ctx, ":", 1) == 1 &&
	    EVP_DigestUpdate(ctx, t->credential, strlen(t->credential)) == 1 &&
	    EVP_DigestFinal_ex(ctx, t->key, NULL) == 1)
		r = 0;
	EVP_MD_CTX_free(ctx);
	t->has_key = r == 0;
	return r;
}

/* RFC 8489 s.9.2.5: the same request again, with what the server wants. 0 if it will be sent. */
static int
try_again(struct turn *t, struct turn_task *task, const struct stun_msg *msg, int code,
	  uint64_t now_us)
{
	char realm[TURN_TEXT_MAX + 1], nonce[TURN_TEXT_MAX + 1];
	uint8_t stale = (uint8_t)(task->stale + 1);

	if (t->binding)
		return -EACCES;
	if (stale > TURN_STALE_MAX || (code == UNAUTHENTICATED && task->keyed) ||
	    take_text(msg, STUN_NONCE, nonce) < 0)
		return code;
	if (take_text(msg, STUN_REALM, realm) < 0) {
		if (!t->has_key) /* a new nonce may come alone, the first may not */
			return code;
		memcpy(realm, t->realm, sizeof(realm));
	}
	memcpy(t->realm, realm, sizeof(realm));
	memcpy(t->nonce, nonce, sizeof(nonce));
	if (make_key(t) < 0)
		return -ENOMEM;
	turn_task_set(task, (enum turn_task_kind)task->kind, now_us);
	task->stale = stale;
	return 0;
}

/* ---- answers ---- */

/* Until the next refresh: a minute before the end, or half of what is short. */
static uint64_t
refresh_after(uint32_t lifetime_s)
{
	uint32_t s = MIN_OF(lifetime_s, (uint32_t)LIFETIME_MAX_S);

	return (s > 2 * TURN_MARGIN_S ? (uint64_t)s - TURN_MARGIN_S : (uint64_t)s / 2) * 1000000;
}

static int
take_lifetime(struct turn *t, const struct stun_msg *msg, uint64_t now_us)
{
	uint32_t lifetime_s;

	if (stun_get_u32(msg, STUN_LIFETIME, &lifetime_s) < 0 || lifetime_s == 0)
		return -EBADMSG;
	/* One of less than two seconds would have us do nothing else. */
	turn_task_set(&t->tasks[0], TASK_REFRESH,
		      now_us + MAX_OF(refresh_after(lifetime_s), (uint64_t)1000000));
	return 0;
}

static void
on_allocated(struct turn *t, const struct stun_msg *msg, uint64_t now_us)
{
	struct addr relayed;

	if (stun_get_address(msg, STUN_XOR_RELAYED_ADDRESS, &relayed) < 0 ||
	    relayed.sa.sa_family != t->family || take_lifetime(t, msg, now_us) < 0) {
		turn_end(t, -EBADMSG);
		return;
	}
	t->relayed = relayed;
	(void)stun_get_address(msg, STUN_XOR_MAPPED_ADDRESS, &t->mapped);
	turn_enter(t, TURN_READY);
}

static void
on_success(struct turn *t, struct turn_task *task, const struct stun_msg *msg, uint64_t now_us)
{
	enum turn_task_kind kind = (enum turn_task_kind)task->kind;
	struct turn_peer *peer = &t->peers[task->peer];

	switch (kind) {
	case TASK_BINDING:
		turn_task_set(task, kind, CLOCK_NEVER);
		if (stun_get_address(msg, STUN_XOR_MAPPED_ADDRESS, &t->mapped) < 0)
			turn_end(t, -EBADMSG);
		else
			turn_enter(t, TURN_READY);
		break;
	case TASK_ALLOCATE:
		on_allocated(t, msg, now_us);
		break;
	case TASK_REFRESH:
		if (take_lifetime(t, msg, now_us) < 0)
			turn_end(t, -EBADMSG);
		break;
	case TASK_RELEASE:
		turn_end(t, 0);
		break;
	case TASK_CHANNEL: /* it brings a permission, too; RFC 8656 s.12 */
		peer->bound = true;
		peer->open = true;
		turn_task_set(task, kind, now_us + TURN_BIND_US);
		break;
	case TASK_PERMIT:
		peer->open = true;
		turn_task_set(task, kind, now_us + TURN_PERMIT_US);
		break;
	}
}

static void
on_error(struct turn *t, struct turn_task *task, const struct stun_msg *msg, uint64_t now_us)
{
	int code, again;

	if (stun_get_error(msg, &code) < 0)
		code = -EBADMSG;
	again = code == UNAUTHENTICATED || code == STALE_NONCE
		    ? try_again(t, task, msg, code, now_us)
		    : code;
	if (again != 0)
		turn_task_fail(t, task, now_us, again);
}

static struct turn_task *
task_of(struct turn *t, const struct stun_msg *msg)
{
	for (size_t i = 0; i < TURN_TASKS; i++)
		if (t->tasks[i].pending && memcmp(t->tasks[i].txid, msg->txid, STUN_TXID_SIZE) == 0)
			return &t->tasks[i];
	return NULL;
}

/*
 * RFC 8489 s.9.2.5: an answer to a request with credentials is taken only if they vouch for it.
 * Errors may come without: the transaction id and the connection do then.
 */
static int
on_answer(struct turn *t, const struct stun_msg *msg, uint64_t now_us)
{
	struct turn_task *task = task_of(t, msg);
	int r;

	if (task == NULL)
		return -EBADMSG;
	if (task->keyed) {
		r = stun_verify_integrity_key(msg, t->key, TURN_KEY_SIZE);
		if (r == -EACCES || (r < 0 && msg->class == STUN_SUCCESS))
			return -EACCES;
	}
	if (msg->class == STUN_SUCCESS)
		on_success(t, task, msg, now_us);
	else
		on_error(t, task, msg, now_us);
	turn_timeout(t, now_us);
	return 0;
}

/* ---- data ---- */

static int
on_indication(struct turn *t, const struct stun_msg *msg, uint8_t *buf, struct turn_data *data)
{
	const uint8_t *p;
	struct addr peer;
	size_t size;
	bool known = false;

	if (msg->method != STUN_DATA || stun_get_address(msg, STUN_XOR_PEER_ADDRESS, &peer) < 0)
		return -EBADMSG;
	p = stun_attr(msg, STUN_DATA_ATTR, &size);
	if (p == NULL)
		return -EBADMSG;
	for (size_t i = 0; i < t->peer_count; i++) /* permissions are of hosts; RFC 8656 s.11.4 */
		known |= t->peers[i].open && addr_same_host(&t->peers[i].addr, &peer);
	if (!known)
		return -EACCES;
	*data = (struct turn_data){peer, buf + (p - buf), size};
	return 1;
}

static int
on_channel(struct turn *t, uint8_t *buf, size_t size, struct turn_data *data)
{
	size_t index, octets;

	if (size < TURN_CHANNEL_HEAD)
		return -EBADMSG;
	index = (size_t)(be16(buf) - TURN_CHANNEL_FIRST);
	octets = be16(buf + 2);
	if (octets > size - TURN_CHANNEL_HEAD) /* less: padding */
		return -EBADMSG;
	if (index >= t->peer_count || !t->peers[index].open)
		return -EACCES;
	*data = (struct turn_data){t->peers[index].addr, buf + TURN_CHANNEL_HEAD, octets};
	return 1;
}

static bool
is_channel(uint8_t first) /* RFC 7983, RFC 8656 s.12: 64 to 79 */
{
	return first >= TURN_CHANNEL_FIRST >> 8 && first <= TURN_CHANNEL_LAST >> 8;
}

int
turn_input(struct turn *t, uint64_t now_us, uint8_t *buf, size_t size, struct turn_data *data)
{
	struct stun_msg msg;
	int r;

	if (t->state == TURN_ENDED)
		return -EBADMSG;
	if (size > 0 && is_channel(buf[0]))
		return on_channel(t, buf, size, data);
	r = stun_parse(&msg, buf, size);
	if (r < 0)
		return r;
	if (msg.class == STUN_INDICATION)
		return on_indication(t, &msg, buf, data);
	return msg.class == STUN_REQUEST ? -EBADMSG : on_answer(t, &msg, now_us);
}

/* ---- headers ---- */

int
turn_head(struct turn *t, const struct addr *to, size_t size, struct turn_head *head)
{
	struct turn_peer *peer = turn_peer_of(t, to);
	uint8_t txid[STUN_TXID_SIZE];
	struct stun_writer w;

	if (peer == NULL || !peer->open || t->state == TURN_ENDED)
		return -ENOTCONN;
	if (size > UINT16_MAX - TURN_HEAD_MAX)
		return -EMSGSIZE;
	if (peer->bound) {
		put_be16(head->buf, (uint16_t)(TURN_CHANNEL_FIRST + (peer - t->peers)));
		put_be16(head->buf + 2, (uint16_t)size);
		head->size = TURN_CHANNEL_HEAD;
		head->padding = t->stream ? -size & 3 : 0; /* RFC 8656 s.12.5 */
		return 0;
	}
	for (size_t i = 0; i < STUN_TXID_SIZE; i += 4)
		put_be32(txid + i, (uint32_t)prng_next(&t->rng));
	stun_start_method(&w, head->buf, sizeof(head->buf), STUN_INDICATION, STUN_SEND, txid);
	stun_add_address(&w, STUN_XOR_PEER_ADDRESS, to);
	stun_add(&w, STUN_DATA_ATTR, NULL, 0);
	head->size = w.size;
	head->padding = -size & 3;
	put_be16(head->buf + head->size - 2, (uint16_t)size); /* of DATA, and of the message */
	put_be16(head->buf + 2, (uint16_t)(head->size - STUN_HEADER_SIZE + size + head->padding));
	return 0;
}

int
turn_frame_size(const uint8_t *buf, size_t size)
{
	if (size == 0)
		return 0;
	if (is_channel(buf[0]))
		return size < TURN_CHANNEL_HEAD
			   ? 0
			   : TURN_CHANNEL_HEAD + (int)((be16(buf + 2) + 3u) & ~3u);
	if (buf[0] > 3)
		return -EBADMSG;
	if (size < STUN_HEADER_SIZE)
		return 0;
	return stun_accepts(buf, size) && be16(buf + 2) % 4 == 0 ? STUN_HEADER_SIZE + be16(buf + 2)
								 : -EBADMSG;
}
