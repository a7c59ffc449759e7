/* turn.c - the client's life, its requests and when they are sent. */
#include "turn/turn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/text.h"
#include "turn/turn_impl.h"

/* ---- life ---- */

struct turn *
turn_new(const struct turn_config *config, uint64_t now_us)
{
	struct turn *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->binding = config->username == NULL;
	if (!t->binding && (!text_copy(t->username, sizeof(t->username), config->username) ||
			    !text_copy(t->credential, sizeof(t->credential), config->credential))) {
		turn_free(t);
		return NULL;
	}
	t->family = config->family;
	t->stream = config->stream;
	t->lifetime_s = config->lifetime_s != 0 ? config->lifetime_s : TURN_LIFETIME_S;
	t->rng.state = config->seed;
	t->end_us = now_us + (config->timeout_us != 0 ? config->timeout_us : TURN_TIMEOUT_US);
	for (unsigned i = 1; i < TURN_TASKS; i++) {
		turn_task_set(&t->tasks[i], i % 2 == 1 ? TASK_PERMIT : TASK_CHANNEL, CLOCK_NEVER);
		t->tasks[i].peer = (uint8_t)((i - 1) / 2);
	}
	turn_task_set(&t->tasks[0], t->binding ? TASK_BINDING : TASK_ALLOCATE, now_us);
	return t;
}

void
turn_free(struct turn *t)
{
	if (t != NULL)
		OPENSSL_cleanse(t, sizeof(*t));
	free(t);
}

/* RFC 8656 s.6 to s.8. */
void
turn_enter(struct turn *t, enum turn_state state)
{
	t->state = state;
}

void
turn_end(struct turn *t, int error)
{
	if (t->state == TURN_ENDED)
		return;
	t->error = error;
	for (unsigned i = 0; i < TURN_TASKS; i++)
		turn_task_set(&t->tasks[i], (enum turn_task_kind)t->tasks[i].kind, CLOCK_NEVER);
	turn_enter(t, TURN_ENDED);
}

void
turn_lose(struct turn *t, int error)
{
	turn_end(t, error);
}

void
turn_close(struct turn *t, uint64_t now_us)
{
	if (t->state == TURN_CLOSING)
		return;
	if (t->state != TURN_READY || t->binding) {
		turn_end(t, 0);
		return;
	}
	for (unsigned i = 1; i < TURN_TASKS; i++)
		turn_task_set(&t->tasks[i], (enum turn_task_kind)t->tasks[i].kind, CLOCK_NEVER);
	turn_task_set(&t->tasks[0], TASK_RELEASE, now_us);
	t->end_us = now_us + TURN_CLOSE_US;
	turn_enter(t, TURN_CLOSING);
	turn_timeout(t, now_us);
}

/* ---- peers ---- */

struct turn_peer *
turn_peer_of(struct turn *t, const struct addr *a)
{
	for (size_t i = 0; i < t->peer_count; i++)
		if (addr_equal(&t->peers[i].addr, a))
			return &t->peers[i];
	return NULL;
}

int
turn_add_peer(struct turn *t, uint64_t now_us, const struct addr *peer)
{
	size_t i = t->peer_count;

	if (peer->sa.sa_family != t->family || t->binding)
		return -EINVAL;
	if (turn_peer_of(t, peer) != NULL)
		return 0;
	if (i == TURN_PEERS_MAX)
		return -ENOSPC;
	t->peers[t->peer_count++] = (struct turn_peer){.addr = *peer};
	/* Those of an allocation to come begin with it: turn_timeout() looks at no others. */
	t->tasks[1 + 2 * i].due_us = t->tasks[2 + 2 * i].due_us = now_us;
	return 0;
}

int
turn_next_peer(struct turn *t, struct addr *peer)
{
	for (size_t i = 0; t->state == TURN_READY && i < t->peer_count; i++) {
		if (!t->peers[i].open || t->peers[i].told)
			continue;
		t->peers[i].told = true;
		*peer = t->peers[i].addr;
		return 1;
	}
	return 0;
}

/* ---- requests ---- */

void
turn_task_set(struct turn_task *task, enum turn_task_kind kind, uint64_t due_us)
{
	*task = (struct turn_task){.kind = (uint8_t)kind, .peer = task->peer, .due_us = due_us};
}

void
turn_task_fail(struct turn *t, struct turn_task *task, uint64_t now_us, int error)
{
	struct turn_peer *peer = &t->peers[task->peer];
	enum turn_task_kind kind = (enum turn_task_kind)task->kind;

	if (kind == TASK_RELEASE) {
		turn_end(t, 0); /* it ends by itself, at the end of its lifetime */
		return;
	}
	if (kind != TASK_PERMIT && kind != TASK_CHANNEL) {
		turn_end(t, error);
		return;
	}
	if (kind == TASK_PERMIT && !peer->open) {
		t->peer_error = error;
		peer->refused = true;
	}
	/* What works is asked for again in time; without a channel indications do. */
	turn_task_set(task, kind,
		      kind == TASK_PERMIT && peer->open ? now_us + TURN_RETRY_US : CLOCK_NEVER);
}

/* When the request that is under way is repeated, or after the last try given up. */
static uint64_t
repeat_due(const struct turn *t, const struct turn_task *task)
{
	if (!task->pending)
		return CLOCK_NEVER;
	if (t->stream)
		return task->sent_us + TURN_STREAM_US;
	if (task->tries < TURN_TRIES)
		return task->sent_us + ((uint64_t)TURN_RTO_US << (task->tries - 1));
	return task->sent_us + (uint64_t)TURN_RTO_US * TURN_LAST_WAIT;
}

static void
transmit(struct turn_task *task, uint64_t now_us)
{
	task->tries++;
	task->sent_us = now_us;
	task->unsent = true;
}

static void
begin(struct turn *t, struct turn_task *task, uint64_t now_us)
{
	for (size_t i = 0; i < STUN_TXID_SIZE; i += 4)
		put_be32(task->txid + i, (uint32_t)prng_next(&t->rng));
	task->due_us = CLOCK_NEVER;
	task->pending = true;
	task->tries = 0;
	transmit(task, now_us);
}

/* Peers wait for the allocation. */
static bool
may_run(const struct turn *t, size_t index)
{
	return t->state != TURN_ENDED && (index == 0 || t->state == TURN_READY);
}

void
turn_timeout(struct turn *t, uint64_t now_us)
{
	if (now_us >= t->end_us && t->state == TURN_ASKING)
		turn_end(t, -ETIMEDOUT);
	if (now_us >= t->end_us && t->state == TURN_CLOSING)
		turn_end(t, 0);
	for (size_t i = 0; i < TURN_TASKS && may_run(t, i); i++) {
		struct turn_task *task = &t->tasks[i];

		if (!task->pending && now_us >= task->due_us)
			begin(t, task, now_us);
		else if (now_us < repeat_due(t, task))
			continue;
		else if (task->tries < TURN_TRIES && !t->stream)
			transmit(task, now_us);
		else
			turn_task_fail(t, task, now_us, -ETIMEDOUT);
	}
}

uint64_t
turn_deadline(const struct turn *t)
{
	uint64_t at = CLOCK_NEVER;

	if (t->state == TURN_ASKING || t->state == TURN_CLOSING)
		at = t->end_us;
	for (size_t i = 0; i < TURN_TASKS && may_run(t, i); i++)
		at = MIN_OF(at, MIN_OF(t->tasks[i].due_us, repeat_due(t, &t->tasks[i])));
	return at;
}

/* ---- what is written ---- */

static void
add_content(const struct turn *t, const struct turn_task *task, struct stun_writer *w)
{
	static const uint8_t transport[4] = {TURN_UDP};
	const uint8_t family[4] = {t->family == AF_INET6 ? 2 : 1};

	switch ((enum turn_task_kind)task->kind) {
	case TASK_BINDING:
		break;
	case TASK_ALLOCATE:
		stun_add(w, STUN_REQUESTED_TRANSPORT, transport, sizeof(transport));
		if (t->family == AF_INET6) /* IPv4 goes without saying, and to RFC 5766's servers */
			stun_add(w, STUN_REQUESTED_FAMILY, family, sizeof(family));
		stun_add_u32(w, STUN_LIFETIME, t->lifetime_s);
		break;
	case TASK_REFRESH:
		stun_add_u32(w, STUN_LIFETIME, t->lifetime_s);
		break;
	case TASK_RELEASE:
		stun_add_u32(w, STUN_LIFETIME, 0);
		break;
	case TASK_CHANNEL:
		stun_add_u32(w, STUN_CHANNEL_NUMBER,
			     (uint32_t)(TURN_CHANNEL_FIRST + task->peer) << 16);
		/* fall through */
	case TASK_PERMIT:
		stun_add_address(w, STUN_XOR_PEER_ADDRESS, &t->peers[task->peer].addr);
		break;
	}
}

static int
write_request(const struct turn *t, struct turn_task *task, uint8_t *buf, size_t cap)
{
	static const enum stun_method methods[] = {
	    [TASK_BINDING] = STUN_BINDING,	[TASK_ALLOCATE] = STUN_ALLOCATE,
	    [TASK_REFRESH] = STUN_REFRESH,	[TASK_RELEASE] = STUN_REFRESH,
	    [TASK_CHANNEL] = STUN_CHANNEL_BIND, [TASK_PERMIT] = STUN_CREATE_PERMISSION};
	struct stun_writer w;

	stun_start_method(&w, buf, cap, STUN_REQUEST, methods[task->kind], task->txid);
	add_content(t, task, &w);
	task->keyed = t->has_key;
	if (t->has_key) {
		stun_add(&w, STUN_USERNAME, t->username, strlen(t->username));
		stun_add(&w, STUN_REALM, t->realm, strlen(t->realm));
		stun_add(&w, STUN_NONCE, t->nonce, strlen(t->nonce));
	}
	return stun_finish_key(&w, t->has_key ? t->key : NULL, TURN_KEY_SIZE, true);
}

size_t
turn_poll(struct turn *t, uint8_t *buf, size_t cap)
{
	for (size_t i = 0; i < TURN_TASKS; i++) {
		struct turn_task *task = &t->tasks[i];
		int size;

		if (!task->unsent)
			continue;
		task->unsent = false;
		size = write_request(t, task, buf, cap);
		if (size > 0)
			return (size_t)size;
	}
	return 0;
}

/* ---- what can be asked ---- */

enum turn_state
turn_state(const struct turn *t)
{
	return t->state;
}

const struct addr *
turn_relayed(const struct turn *t)
{
	return t->relayed.sa.sa_family != 0 ? &t->relayed : NULL;
}

const struct addr *
turn_mapped(const struct turn *t)
{
	return t->mapped.sa.sa_family != 0 ? &t->mapped : NULL;
}

int
turn_error(const struct turn *t)
{
	return t->error;
}

int
turn_peer_error(const struct turn *t)
{
	return t->peer_error;
}

bool
turn_is_refused(const struct turn *t)
{
	for (size_t i = 0; i < t->peer_count; i++)
		if (t->peers[i].open || !t->peers[i].refused)
			return false;
	return t->peer_count > 0;
}

char *
turn_explain(const struct turn *t, char *text, size_t size)
{
	static const struct {
		int error;
		const char *words;
	} rows[] = {
	    {300, "sends us to another server, which is not followed"},
	    {400, "does not understand our request"},
	    {401, "refuses the user name or the credential"},
	    {403, "forbids it"},
	    {437, "has an allocation for our port already"},
	    {438, "takes no nonce of its own"},
	    {440, "has no address of the family that is wanted"},
	    {441, "refuses the user name or the credential"},
	    {442, "does not relay UDP"},
	    {443, "does not relay to that family of addresses"},
	    {486, "says that this user has too many allocations"},
	    {508, "has no address to spare"},
	    {-ETIMEDOUT, "does not answer"},
	    {-EBADMSG, "answers what is no STUN"},
	    {-EACCES, "wants a user name and a credential"},
	};
	int error = t->error != 0 ? t->error : t->peer_error;
	const char *words = error > 0 ? "answers with an error" : strerror(-error);

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		if (rows[i].error == error)
			words = rows[i].words;
	if (error > 0)
		snprintf(text, size, "%s (%d)", words, error);
	else
		text_copy(text, size, error == 0 ? "works" : words);
	return text;
}
