/* control_dtls.c - DTLS handshakes; the workers carry their datagrams and get the keys. */
#include "control.h"

#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"

enum { HANDSHAKE_TICK_MS = 25 };

static void
flush(struct csession *cs)
{
	uint8_t buf[sizeof(struct msg_datagram) + DTLS_DATAGRAM_MAX];
	struct msg_datagram head = {cs->shared.serial};
	int owner = atomic_load(&cs->shared.owner), n;

	memcpy(buf, &head, sizeof(head));
	while ((n = dtls_poll(cs->dtls, buf + sizeof(head), DTLS_DATAGRAM_MAX)) > 0)
		if (owner >= 0)
			control_post(cs->control, (unsigned)owner, M_DTLS_OUT, buf,
				     sizeof(head) + (size_t)n);
}

static void
ready(struct csession *cs)
{
	struct msg_keys m = {.serial = cs->shared.serial};
	int owner = atomic_load(&cs->shared.owner);

	if (owner < 0 || dtls_keys(cs->dtls, &m.keys) < 0)
		return;
	cs->profile = m.keys.profile;
	if (cs->stream->publisher != cs)
		csession_bind(cs);
	control_post(cs->control, (unsigned)owner, M_KEYS, &m, sizeof(m));
	explicit_bzero(&m, sizeof(m));
	csession_connected(cs);
}

static void
tick_on(struct control *c)
{
	if (c->handshake_ticking)
		return;
	c->handshake_ticking = true;
	uv_timer_start(&c->handshake_tick, c->handshake_tick.timer_cb, HANDSHAKE_TICK_MS,
		       HANDSHAKE_TICK_MS);
}

/* Act on what the association has become; may end the session. */
static void
settle(struct csession *cs)
{
	enum dtls_state state = dtls_state(cs->dtls);

	/* The last flight goes before the keys: a player has the end of the handshake before the
	 * picture, whose beginning it could not read. */
	flush(cs);
	if (state == DTLS_CONNECTED && cs->state == STATE_NEW) {
		ready(cs);
		dtls_shrink(cs->dtls);
		return;
	}
	if (state == DTLS_FAILED) {
		cs->control->dtls_failed++;
		csession_end(cs, END_DTLS_FAILED);
	} else if (state == DTLS_CLOSED) {
		csession_end(cs, END_DTLS_CLOSED);
	} else if (state == DTLS_HANDSHAKE) {
		tick_on(cs->control);
	}
}

/* At most HANDSHAKES_PER_SECOND_MAX are begun; a ClientHello over that is repeated by its sender.
 */
static bool
may_begin(struct control *c)
{
	if (c->now_us - c->handshakes_us >= 1000000) {
		c->handshakes_us = c->now_us;
		c->handshakes = 0;
	}
	return c->handshakes++ < HANDSHAKES_PER_SECOND_MAX;
}

static bool
begin(struct csession *cs)
{
	if (cs->dtls != NULL)
		return true;
	if (!cs->has_dtls || !may_begin(cs->control))
		return false;
	cs->dtls = dtls_new(cs->control->dtls_ctx, cs->dtls_role, cs->hash, cs->fingerprint);
	return cs->dtls != NULL;
}

void
cdtls_input(struct csession *cs, const uint8_t *buf, size_t size)
{
	if (!begin(cs))
		return;
	dtls_input(cs->dtls, cs->control->now_us, buf, size);
	settle(cs);
}

void
cdtls_path(struct csession *cs)
{
	if (cs->dtls == NULL && cs->dtls_role == DTLS_CLIENT && begin(cs))
		settle(cs);
}

void
cdtls_close(struct csession *cs)
{
	if (cs->dtls == NULL || dtls_state(cs->dtls) != DTLS_CONNECTED)
		return;
	dtls_close(cs->dtls);
	flush(cs);
}

void
cdtls_tick(struct control *c)
{
	struct csession *cs, *next;
	bool any = false;

	DL_FOREACH_SAFE2(c->waiting, cs, next, waiting_next)
	{
		if (cs->dtls == NULL)
			continue;
		any = true;
		if (dtls_deadline(cs->dtls, c->now_us) <= c->now_us) {
			dtls_timeout(cs->dtls, c->now_us);
			settle(cs);
		}
	}
	if (!any) {
		c->handshake_ticking = false;
		uv_timer_stop(&c->handshake_tick);
	}
}
