/*
 * Fuzz target: both agents fed one message, as a stranger sends it and signed anew, as one who
 * knows the password could.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "ice/ice_agent.h"
#include "ice/ice_lite.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

enum { SIGNED_MAX = 4096, STEPS = 64 };

static const struct ice_creds rfc = {"evtj", "VOkJxbRl1RmTxUk/WvJxBt"};
static const struct ice_creds rfc_peer = {"h6vY", "VOkJxbRl1RmTxUk/WvJxBt"};

static void
feed_lite(const struct ice_tuple *from, const uint8_t *buf, size_t size)
{
	struct ice_lite *ice = ice_lite_new(&rfc, &rfc_peer, 0, 1000000, 1000000, 1);
	struct ice_datagram out;
	uint64_t at = 0;

	if (ice == NULL)
		abort();
	for (int i = 0; i < STEPS && at != CLOCK_NEVER; i++) {
		ice_lite_input(ice, at, from, buf, size);
		while (ice_lite_poll(ice, &out) == 1)
			ice_lite_input(ice, at, from, out.buf, out.size);
		ice_lite_timeout(ice, at);
		at = ice_lite_deadline(ice);
	}
	ice_lite_free(ice);
}

static void
feed_agent(const struct ice_tuple *from, const uint8_t *buf, size_t size)
{
	struct ice_agent *ice = ice_agent_new(0, 1000000, 1);
	struct ice_datagram out;
	uint64_t at = 0;

	if (ice == NULL)
		abort();
	ice_agent_input(ice, 0, from, buf, size);
	ice_agent_set_remote(ice, &rfc, false);
	ice_agent_add_pair(ice, from, 1);
	for (int i = 0; i < STEPS && at != CLOCK_NEVER; i++) {
		ice_agent_input(ice, at, from, buf, size);
		while (ice_agent_poll(ice, &out) == 1)
			ice_agent_input(ice, at, from, out.buf, out.size);
		ice_agent_timeout(ice, at);
		at = ice_agent_deadline(ice);
	}
	ice_agent_free(ice);
}

/* The message's attributes up to MESSAGE-INTEGRITY, with a right one. Octets, 0 if it is too long.
 */
static size_t
sign(uint8_t *out, const struct stun_msg *msg)
{
	struct stun_writer w;
	size_t n, before = msg->size;
	const uint8_t *mac = stun_attr(msg, STUN_MESSAGE_INTEGRITY, &n);
	int size;

	if (mac != NULL)
		before = (size_t)(mac - 4 - msg->buf);
	if (before > SIGNED_MAX / 2)
		return 0;
	stun_start(&w, out, SIGNED_MAX, msg->class, msg->txid);
	memcpy(out + STUN_HEADER_SIZE, msg->attrs, before - STUN_HEADER_SIZE);
	w.size = before;
	size = stun_finish(&w, rfc.pwd, true);
	return size > 0 ? (size_t)size : 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	struct ice_tuple from = {.proto = ICE_UDP};
	struct stun_msg msg;
	uint8_t signed_buf[SIGNED_MAX];

	if (addr_parse(&from.remote, "192.0.2.1:7", 0) < 0 ||
	    addr_parse(&from.local, "192.0.2.2:8", 0) < 0)
		abort();
	feed_lite(&from, buf, size);
	feed_agent(&from, buf, size);
	if (stun_parse(&msg, buf, size) == 0) {
		size_t n = sign(signed_buf, &msg);

		feed_lite(&from, signed_buf, n);
		feed_agent(&from, signed_buf, n);
	}
	return 0;
}
