/*
 * Fuzz target: what may happen to a lite agent's paths, in any order: checks, answers to its own,
 * media from wherever, restarts, TCP connections that close, time. Each octet is one event: what
 * (its low four bits) and from which of eight places (the next three).
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "ice/ice_lite.h"
#include "ice/ice_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

enum event {
	CHECK,	      /* of the peer */
	NOMINATION,   /* a check with USE-CANDIDATE */
	OLD_CHECK,    /* under the credentials before the last restart */
	WRONG_CHECK,  /* a stranger's */
	ANSWER,	      /* to our own check that went there last */
	WRONG_ANSWER, /* the same, under another password */
	MOVED,	      /* media from what may be no path yet */
	MEDIA,
	SEND, /* of media, by the selected path */
	HANDSHAKE,
	CLOSED,
	RESTART,
	WAIT_10MS,
	WAIT_1S,
	WAIT, /* until the deadline */
	EVENTS
};

enum { PLACES = 8, MEDIA_SIZE = 1200, LIFE_US = 30000000 };

/* A place of the peer's, and what the path there may be sent while it is not VALID. */
struct place {
	struct ice_tuple tuple;
	uint8_t txid[STUN_TXID_SIZE];
	bool asked;
	uint32_t path_id;
	uint64_t got, sent;
};

struct world {
	struct ice_lite *ice;
	struct ice_creds local, remote, old_local, old_remote;
	uint64_t now_us, txids;
	struct place places[PLACES];
	uint32_t selected_id;
	bool began;
};

static void
name_creds(struct ice_creds *c, char side, unsigned generation)
{
	memset(c, 0, sizeof(*c));
	memset(c->ufrag, side, 4);
	memset(c->pwd, side, 22);
	c->ufrag[0] = c->pwd[0] = (char)('a' + generation % 26);
}

/* Counts anew when the place has got another path: that one starts with nothing. */
static void
account(struct world *w, struct place *place, size_t got, size_t sent)
{
	const struct ice_path *path = ice_lite_path(w->ice, &place->tuple);

	if (path == NULL || path->id != place->path_id) {
		place->path_id = path != NULL ? path->id : 0;
		place->got = place->sent = 0;
	}
	place->got += got;
	place->sent += sent;
	if (path != NULL && path->state == ICE_PATH_NEW)
		assert(place->sent <= ICE_LITE_AMPLIFY * place->got);
}

static struct place *
place_of(struct world *w, const struct ice_tuple *tuple)
{
	for (size_t i = 0; i < PLACES; i++)
		if (ice_tuple_equal(&w->places[i].tuple, tuple))
			return &w->places[i];
	abort();
}

static void
drain(struct world *w)
{
	struct ice_datagram out;

	while (ice_lite_poll(w->ice, &out) == 1) {
		struct place *place = place_of(w, &out.to);
		struct stun_msg msg;

		assert(stun_parse(&msg, out.buf, out.size) == 0);
		if (msg.class == STUN_REQUEST) {
			memcpy(place->txid, msg.txid, sizeof(place->txid));
			place->asked = true;
		}
		/* Errors go to strangers, too, and are no longer than what they answer. */
		if (msg.class != STUN_ERROR)
			account(w, place, 0, out.size);
	}
}

static int
check(struct world *w, struct place *place, enum event what)
{
	bool old = what == OLD_CHECK;
	struct ice_check check = {.remote_ufrag = old ? w->old_local.ufrag : w->local.ufrag,
				  .remote_pwd = old ? w->old_local.pwd : w->local.pwd,
				  .local_ufrag = old ? w->old_remote.ufrag : w->remote.ufrag,
				  .priority = (uint32_t)(place - w->places),
				  .controlling = true,
				  .use_candidate = what == NOMINATION};
	uint8_t buf[STUN_MESSAGE_MAX], txid[STUN_TXID_SIZE];
	int size, events;

	if (what == WRONG_CHECK)
		check.remote_pwd = "no password of this session's";
	ice_txid(txid, 2, ++w->txids);
	check.txid = txid;
	size = ice_write_check(buf, sizeof(buf), &check);
	assert(size > 0);
	events = ice_lite_input(w->ice, w->now_us, &place->tuple, buf, (size_t)size);
	assert(what != WRONG_CHECK || events == -EACCES);
	assert(what != CHECK || events >= 0);
	if (events < 0)
		return ICE_LITE_NONE;
	account(w, place, (size_t)size, 0);
	return events;
}

static int
answer(struct world *w, struct place *place, bool wrong)
{
	uint8_t buf[STUN_MESSAGE_MAX];
	int size = ice_write_success(buf, sizeof(buf), place->txid, &place->tuple.local,
				     wrong ? "no password of this session's" : w->remote.pwd);
	int events;

	assert(size > 0);
	events = place->asked ? ice_lite_input(w->ice, w->now_us, &place->tuple, buf, (size_t)size)
			      : ICE_LITE_NONE;
	assert(!wrong || events <= 0);
	return events < 0 ? ICE_LITE_NONE : events;
}

static int
media(struct world *w, struct place *place, bool moved)
{
	struct ice_path *path = ice_lite_path(w->ice, &place->tuple);

	if (moved && path == NULL && ice_lite_selected(w->ice) != NULL)
		path = ice_lite_moved(w->ice, w->now_us, &place->tuple, MEDIA_SIZE);
	else if (path != NULL)
		ice_path_received(path, MEDIA_SIZE);
	if (path == NULL)
		return ICE_LITE_NONE;
	account(w, place, MEDIA_SIZE, 0);
	return ice_lite_media(w->ice, path, w->now_us);
}

static int
send_media(struct world *w)
{
	const struct ice_path *selected = ice_lite_selected(w->ice);

	if (selected != NULL &&
	    ice_path_may_send(ice_lite_path(w->ice, &selected->tuple), MEDIA_SIZE))
		account(w, place_of(w, &selected->tuple), 0, MEDIA_SIZE);
	return ICE_LITE_NONE;
}

static int
handshake(struct world *w, struct place *place)
{
	struct ice_path *path = ice_lite_path(w->ice, &place->tuple);

	if (path == NULL)
		return ICE_LITE_NONE;
	ice_path_validate(path);
	return ice_lite_prefer(w->ice, path);
}

static int
restart(struct world *w)
{
	unsigned generation = (unsigned)(w->local.ufrag[0] - 'a' + 1);

	if (!ice_lite_restarting(w->ice)) {
		w->old_local = w->local;
		w->old_remote = w->remote;
	}
	name_creds(&w->local, 'l', generation);
	name_creds(&w->remote, 'r', generation);
	assert(ice_lite_restart(w->ice, &w->local, &w->remote) == 0);
	return ICE_LITE_NONE;
}

/* Whoever sleeps until the deadline is not woken for nothing, at the same time again. */
static int
wait_until(struct world *w, uint64_t at_us)
{
	int events = ICE_LITE_NONE;

	while (ice_lite_deadline(w->ice) <= at_us) {
		w->now_us = MAX_OF(w->now_us, ice_lite_deadline(w->ice));
		events |= ice_lite_timeout(w->ice, w->now_us);
		drain(w);
		assert(ice_lite_deadline(w->ice) > w->now_us);
	}
	w->now_us = at_us;
	return events;
}

static int
happen(struct world *w, struct place *place, enum event what)
{
	uint64_t at_us;

	switch (what) {
	case CHECK:
	case NOMINATION:
	case OLD_CHECK:
	case WRONG_CHECK:
		return check(w, place, what);
	case ANSWER:
	case WRONG_ANSWER:
		return answer(w, place, what == WRONG_ANSWER);
	case MOVED:
	case MEDIA:
		return media(w, place, what == MOVED);
	case SEND:
		return send_media(w);
	case HANDSHAKE:
		return handshake(w, place);
	case CLOSED:
		return ice_lite_drop(w->ice, &place->tuple);
	case RESTART:
		return restart(w);
	case WAIT_10MS:
		return wait_until(w, w->now_us + 10000);
	case WAIT_1S:
		return wait_until(w, w->now_us + 1000000);
	default:
		at_us = ice_lite_deadline(w->ice);
		return at_us != CLOCK_NEVER ? wait_until(w, at_us) : ICE_LITE_NONE;
	}
}

/* A change is told, and only the very first path is selected before it is VALID. */
static void
judge(struct world *w, enum event what, int events)
{
	const struct ice_path *selected = ice_lite_selected(w->ice);
	uint32_t id = selected != NULL ? selected->id : 0;

	assert(selected == NULL || selected->state != ICE_PATH_UNUSED);
	if (id != w->selected_id) {
		assert((events & ICE_LITE_SELECTED) != 0);
		assert(!w->began || selected == NULL || selected->state == ICE_PATH_VALID);
		assert(what != WRONG_CHECK && what != WRONG_ANSWER && what != SEND);
	}
	w->selected_id = id;
	w->began = w->began || id != 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	static const char *const remotes[PLACES] = {
	    "192.0.2.1:7",     "192.0.2.1:8",	 "192.0.2.2:7", "[2001:db8::1]:7",
	    "[2001:db8::1]:8", "198.51.100.1:9", "192.0.2.1:7", "[2001:db8::1]:7"};
	struct world w = {.now_us = 1000000};

	name_creds(&w.local, 'l', 0);
	name_creds(&w.remote, 'r', 0);
	for (size_t i = 0; i < PLACES; i++) {
		w.places[i].tuple.proto = i < PLACES - 2 ? ICE_UDP : ICE_TCP;
		if (addr_parse(&w.places[i].tuple.remote, remotes[i], 0) < 0 ||
		    addr_parse(&w.places[i].tuple.local, "192.0.2.9:8000", 0) < 0)
			abort();
	}
	w.ice = ice_lite_new(&w.local, &w.remote, w.now_us, LIFE_US, LIFE_US, 1);
	if (w.ice == NULL)
		abort();
	for (size_t i = 0; i < size; i++) {
		enum event what = (enum event)((buf[i] & 15) % EVENTS);
		int events = happen(&w, &w.places[buf[i] >> 4 & 7], what);

		drain(&w);
		judge(&w, what, events);
	}
	ice_lite_free(w.ice);
	return 0;
}
