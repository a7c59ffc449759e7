/* ice_agent_timer.c - when the full agent checks, repeats, nominates, and gives up. */
#include "ice/ice_agent.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "ice/ice_agent_impl.h"
#include "ice/ice_msg.h"

static void
transmit(struct ice_agent *ice, struct pair *pair, uint64_t now_us)
{
	struct agent_out out = {
	    .to = pair->tuple, .kind = AGENT_CHECK, .pair = (uint8_t)(pair - ice->pair)};

	memcpy(out.txid, pair->txid, sizeof(out.txid));
	pair->tries++;
	pair->sent++;
	pair->sent_us = now_us;
	agent_push(ice, &out);
}

static void
start_check(struct ice_agent *ice, struct pair *pair, uint64_t now_us, bool use, bool once)
{
	ice_txid(pair->txid, ice->seed, ++ice->counter);
	pair->pending = true;
	pair->triggered = false;
	pair->tries = 0;
	pair->once = once;
	pair->use = use && ice->controlling;
	pair->controlling = ice->controlling;
	if (pair->state != PAIR_VALID)
		pair->state = PAIR_CHECKING;
	transmit(ice, pair, now_us);
}

/* When the outstanding check is repeated, or after the last try given up (RFC 8489 s.6.2.1). */
static uint64_t
repeat_due(const struct pair *pair)
{
	uint64_t wait_us = (uint64_t)AGENT_RTO_US * AGENT_LAST_WAIT;

	if (!pair->pending || pair->once)
		return CLOCK_NEVER;
	if (pair->tuple.proto == ICE_TCP)
		return pair->sent_us + AGENT_RELIABLE_US;
	if (pair->tries < AGENT_TRIES)
		wait_us = (uint64_t)AGENT_RTO_US << (pair->tries - 1);
	return pair->sent_us + wait_us;
}

static void
repeat_checks(struct ice_agent *ice, uint64_t now_us)
{
	for (size_t i = 0; i < ice->pair_count; i++) {
		struct pair *pair = &ice->pair[i];

		if (now_us < repeat_due(pair))
			continue;
		if (pair->tries < AGENT_TRIES && pair->tuple.proto != ICE_TCP)
			transmit(ice, pair, now_us);
		else
			agent_pair_fail(ice, pair, -ETIMEDOUT);
	}
}

static bool
is_live(const struct pair *pair)
{
	return pair->state != PAIR_FAILED;
}

static bool
is_valid(const struct pair *pair)
{
	return pair->state == PAIR_VALID;
}

static bool
is_waiting(const struct pair *pair)
{
	return pair->state == PAIR_WAITING;
}

/* Index of the pair of highest priority that passes; the first of equals; -1 if none. */
static int
best_pair(const struct ice_agent *ice, bool (*passes)(const struct pair *))
{
	int best = -1;

	for (size_t i = 0; i < ice->pair_count; i++)
		if (passes(&ice->pair[i]) &&
		    (best < 0 || ice->pair[i].priority > ice->pair[best].priority))
			best = (int)i;
	return best;
}

/* The pair whose turn it is: triggered ones first (RFC 8445 s.6.1.4.2); -1 if none. */
static int
next_pair(const struct ice_agent *ice)
{
	for (size_t i = 0; i < ice->pair_count; i++)
		if (ice->pair[i].triggered)
			return (int)i;
	return ice->state == ICE_AGENT_CHECKING ? best_pair(ice, is_waiting) : -1;
}

/*
 * Towards a lite agent the best pair is nominated with its first check, which takes one round trip:
 * it has no checks of its own to wait for. The other pairs are nominated by a second check, as are
 * all towards a full agent (RFC 8445 s.8.1.1).
 */
static void
check_next(struct ice_agent *ice, uint64_t now_us)
{
	int i = next_pair(ice);

	if (i < 0 || now_us < ice->next_us)
		return;
	ice->next_us = now_us + AGENT_PACE_US;
	start_check(ice, &ice->pair[i], now_us, ice->lite && i == best_pair(ice, is_live), false);
}

static bool
nomination_pending(const struct ice_agent *ice)
{
	for (size_t i = 0; i < ice->pair_count; i++)
		if (ice->pair[i].pending && ice->pair[i].use && is_valid(&ice->pair[i]))
			return true;
	return false;
}

/* The valid pair to nominate now; -1 while a better one may yet answer, or one is under way. */
static int
nominee(const struct ice_agent *ice, uint64_t now_us)
{
	int i;

	if (!ice->controlling || ice->selected >= 0 || nomination_pending(ice))
		return -1;
	i = best_pair(ice, is_valid);
	return i == best_pair(ice, is_live) || now_us >= ice->grace_us ? i : -1;
}

/*
 * RFC 7675 s.5.1 neither repeats a consent check nor hurries: at 20 % loss each way one call in
 * some hundreds would end within a minute. So an unanswered one is followed sooner.
 */
static void
keep_alive(struct ice_agent *ice, uint64_t now_us)
{
	struct pair *pair = &ice->pair[ice->selected];
	uint64_t wait_us = AGENT_CONSENT_MIN_US + prng_below(&ice->jitter, AGENT_CONSENT_SPREAD_US);

	if (now_us >= ice->consent_us + AGENT_CONSENT_LOST_US) {
		agent_enter(ice, ICE_AGENT_EXPIRED);
		return;
	}
	if (now_us < ice->keepalive_us)
		return;
	if (ice->early < AGENT_EARLY_COUNT)
		wait_us = (uint64_t)AGENT_EARLY_US << ice->early++;
	else if (pair->pending)
		wait_us /= AGENT_CONSENT_MISSED_DIV;
	ice->keepalive_us = now_us + wait_us;
	if (pair->pending)
		memcpy(ice->late_txid[ice->late_next++ % AGENT_LATE_CHECKS], pair->txid,
		       STUN_TXID_SIZE);
	start_check(ice, pair, now_us, true, true);
}

void
ice_agent_timeout(struct ice_agent *ice, uint64_t now_us)
{
	int i;

	if (ice->state != ICE_AGENT_CHECKING && ice->state != ICE_AGENT_CONNECTED)
		return;
	if (!ice->started) {
		ice->started = true;
		ice->started_us = now_us;
	}
	repeat_checks(ice, now_us);
	i = nominee(ice, now_us);
	if (i >= 0)
		start_check(ice, &ice->pair[i], now_us, true, false);
	check_next(ice, now_us);
	if (ice->state == ICE_AGENT_CONNECTED)
		keep_alive(ice, now_us);
	else if (ice->state == ICE_AGENT_CHECKING && now_us >= ice->started_us + ice->timeout_us)
		agent_enter(ice, ICE_AGENT_FAILED);
}

uint64_t
ice_agent_deadline(const struct ice_agent *ice)
{
	uint64_t at;

	if (ice->state != ICE_AGENT_CHECKING && ice->state != ICE_AGENT_CONNECTED)
		return CLOCK_NEVER;
	if (!ice->started || nominee(ice, 0) >= 0)
		return 0;
	at = ice->state == ICE_AGENT_CHECKING
		 ? ice->started_us + ice->timeout_us
		 : MIN_OF(ice->keepalive_us, ice->consent_us + AGENT_CONSENT_LOST_US);
	if (nominee(ice, ice->grace_us) >= 0)
		at = MIN_OF(at, ice->grace_us);
	if (next_pair(ice) >= 0)
		at = MIN_OF(at, ice->next_us);
	for (size_t i = 0; i < ice->pair_count; i++)
		at = MIN_OF(at, repeat_due(&ice->pair[i]));
	return at;
}
