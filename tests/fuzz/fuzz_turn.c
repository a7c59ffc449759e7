/*
 * Fuzz target: a TURN client that gets one message in each of its states, as it is and as the
 * server could send it: with the transaction id of what was asked, and signed.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "turn/turn.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

enum { COPY_MAX = 4096, STEPS = 24 };

/* MD5 of "user:example.org:secret". */
static const uint8_t key[16] = {0xa9, 0x83, 0x2f, 0xed, 0x4a, 0x75, 0x67, 0xb4,
				0x0e, 0x43, 0x44, 0x3f, 0x9f, 0x30, 0xc2, 0x72};

/* The message for the request in hand: its transaction id, its own MESSAGE-INTEGRITY made right. */
static size_t
fit(uint8_t *out, const uint8_t *buf, size_t size, const uint8_t *txid, bool sign)
{
	struct stun_writer w = {.buf = out, .cap = COPY_MAX};
	struct stun_msg msg;
	const uint8_t *mac;
	size_t n, before = size;
	int r;

	if (size > COPY_MAX / 2)
		return 0;
	memcpy(out, buf, size);
	if (size < STUN_HEADER_SIZE || stun_parse(&msg, buf, size) < 0)
		return size;
	memcpy(out + 8, txid, STUN_TXID_SIZE);
	mac = stun_attr(&msg, STUN_MESSAGE_INTEGRITY, &n);
	if (mac == NULL || !sign)
		return size;
	before = (size_t)(mac - 4 - buf);
	w.size = before;
	r = stun_finish_key(&w, key, sizeof(key), false);
	return r > 0 ? (size_t)r : 0;
}

static void
use(struct turn *t, const struct addr *peer)
{
	struct turn_head head;
	struct addr open;
	char words[80];

	while (turn_next_peer(t, &open) > 0)
		;
	(void)turn_head(t, peer, 100, &head);
	(void)turn_explain(t, words, sizeof(words));
}

/* The server wants credentials, which makes the key. */
static void
challenge(struct turn *t, const uint8_t *request)
{
	uint8_t buf[256];
	struct turn_data data;
	struct stun_writer w;
	int size;

	stun_start_method(&w, buf, sizeof(buf), STUN_ERROR, STUN_ALLOCATE, request + 8);
	stun_add_error(&w, 401, "");
	stun_add(&w, STUN_REALM, "example.org", 11);
	stun_add(&w, STUN_NONCE, "nonce", 5);
	size = stun_finish(&w, NULL, false);
	if (turn_input(t, 0, buf, (size_t)size, &data) != 0)
		abort();
}

/* Feed it after each request, until the client wants nothing more. */
static void
run(const uint8_t *buf, size_t size, const struct turn_config *config, bool sign)
{
	struct turn *t = turn_new(config, 0);
	uint8_t out[TURN_MESSAGE_MAX], copy[COPY_MAX], txid[STUN_TXID_SIZE] = {0};
	struct turn_data data;
	struct addr peer;
	uint64_t at = 0;

	if (t == NULL || addr_parse(&peer, "192.0.2.7:8000", 0) < 0)
		abort();
	(void)turn_add_peer(t, 0, &peer);
	if (sign) {
		turn_timeout(t, 0);
		if (turn_poll(t, out, sizeof(out)) == 0)
			abort();
		challenge(t, out);
	}
	for (int i = 0; i < STEPS && at != CLOCK_NEVER; i++) {
		size_t n;

		turn_timeout(t, at);
		while ((n = turn_poll(t, out, sizeof(out))) > 0) {
			memcpy(txid, out + 8, sizeof(txid));
			n = fit(copy, buf, size, txid, sign);
			if (turn_input(t, at, copy, n, &data) == 1 &&
			    (data.buf < copy || data.buf + data.size > copy + n))
				abort();
			use(t, &peer);
		}
		if (i == STEPS - 4)
			turn_close(t, at);
		at = turn_deadline(t);
	}
	turn_free(t);
}

/* The same, once there is an allocation: what brings it comes first. */
static void
run_ready(const uint8_t *buf, size_t size, const struct turn_config *config)
{
	static const uint8_t relayed[8] = {0, 1, 0x12, 0x34, 1, 2, 3, 4};
	struct turn *t = turn_new(config, 0);
	uint8_t out[TURN_MESSAGE_MAX], copy[COPY_MAX], answer[256];
	struct turn_data data;
	struct stun_writer w;
	struct addr peer;
	uint64_t at = 0;
	size_t n;
	int r;

	if (t == NULL || addr_parse(&peer, "192.0.2.7:8000", 0) < 0)
		abort();
	(void)turn_add_peer(t, 0, &peer);
	turn_timeout(t, 0);
	if (turn_poll(t, out, sizeof(out)) == 0)
		abort();
	stun_start_method(&w, answer, sizeof(answer), STUN_SUCCESS, STUN_ALLOCATE, out + 8);
	stun_add(&w, STUN_XOR_RELAYED_ADDRESS, relayed, sizeof(relayed));
	stun_add_u32(&w, STUN_LIFETIME, 10);
	r = stun_finish(&w, NULL, false);
	if (turn_input(t, 0, answer, (size_t)r, &data) != 0 || turn_state(t) != TURN_READY)
		abort();
	for (int i = 0; i < STEPS && at != CLOCK_NEVER; i++) {
		turn_timeout(t, at);
		while ((n = turn_poll(t, out, sizeof(out))) > 0) {
			n = fit(copy, buf, size, out + 8, false);
			(void)turn_input(t, at, copy, n, &data);
			use(t, &peer);
		}
		at = turn_deadline(t);
	}
	turn_free(t);
}

/* As a stream: what is cut off never runs over. */
static void
cut(const uint8_t *buf, size_t size)
{
	while (size > 0) {
		int n = turn_frame_size(buf, size);

		if (n <= 0 || (size_t)n > size)
			return;
		buf += n;
		size -= (size_t)n;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	struct turn_config config = {
	    .username = "user", .credential = "secret", .family = AF_INET, .seed = 1};

	cut(buf, size);
	run(buf, size, &config, true);
	run_ready(buf, size, &config);
	config.stream = true;
	run(buf, size, &config, false);
	config.username = NULL;
	run(buf, size, &config, false);
	return 0;
}
