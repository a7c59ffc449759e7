/*
 * A client that knows all the secrets and means no good: it connects to a session of the relay and
 * then sends authenticated nonsense, some 4000 packets a second.
 *
 *	hostile_peer SECONDS [change]
 *
 * Prints its fingerprint, reads "PORT UFRAG PWD FINGERPRINT SSRC" (SSRC: what the relay sends with;
 * 0 if the session publishes), prints "connected", and at the end how much it sent and what came
 * without keys. With "change" it means well: VP8 of payload type 96 whose SSRC changes, to lower
 * numbers, after 100 packets, and with "renew" after each 50, while each tenth comes with an empty
 * report of yet another SSRC.
 */
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/random.h"
#include "dtls/dtls.h"
#include "rtp/rtcp.h"
#include "rtp/rtp.h"
#include "rtpsec/rtpsec.h"
#include "stun/stun.h"

enum { CHECK_US = 500000, BURST = 12, TURN_MS = 3, SSRCS = 80, ROOM = RTP_PACKET_MAX + 64 };

struct hostile {
	int fd;
	char ufrag[64], pwd[80];
	uint32_t ssrc;
	struct dtls *dtls;
	struct rtpsec *send;
	struct prng rng;
	uint64_t next_check_us;
	unsigned sent, good, early; /* early: media that came before there were keys */
	bool change, renew;
	uint16_t seq[SSRCS + 1];
};

static void
put(struct hostile *h, const uint8_t *buf, int size)
{
	if (size > 0 && send(h->fd, buf, (size_t)size, MSG_DONTWAIT) >= 0)
		h->sent++;
}

static void
check(struct hostile *h)
{
	uint8_t buf[STUN_MESSAGE_MAX], txid[STUN_TXID_SIZE];
	struct stun_writer w;

	random_bytes(txid, sizeof(txid));
	stun_start(&w, buf, sizeof(buf), STUN_REQUEST, txid);
	stun_add_username(&w, h->ufrag, "J8X7");
	stun_add_u32(&w, STUN_PRIORITY, 1845501695);
	stun_add_u64(&w, STUN_ICE_CONTROLLING, 1);
	stun_add(&w, STUN_USE_CANDIDATE, "", 0);
	put(h, buf, stun_finish(&w, h->pwd, true));
}

static void
send_rtcp(struct hostile *h, uint8_t *buf, int size)
{
	if (size > 0)
		put(h, buf, rtpsec_protect_rtcp(h->send, buf, (size_t)size, ROOM));
}

/* Ask for as many packets as fit. */
static void
nack_storm(struct hostile *h)
{
	uint8_t buf[ROOM] = {0};
	size_t size = 12;

	buf[0] = 0x80 | RTCP_FB_NACK;
	buf[1] = RTCP_RTPFB;
	put_be32(buf + 8, h->ssrc);
	for (; size + 4 <= RTCP_COMPOUND_MAX; size += 4)
		put_be32(buf + size, (uint32_t)prng_next(&h->rng) | 0xffff);
	put_be16(buf + 2, (uint16_t)(size / 4 - 1));
	send_rtcp(h, buf, (int)size);
}

static void
keyframe_storm(struct hostile *h)
{
	uint8_t buf[ROOM];
	struct rtcp_writer w;

	rtcp_start(&w, buf, RTCP_COMPOUND_MAX);
	for (int i = 0; i < 20; i++) {
		rtcp_add_pli(&w, 1, h->ssrc);
		rtcp_add_fir(&w, 1, h->ssrc, (uint8_t)i);
	}
	rtcp_add_bye(&w, h->ssrc);
	send_rtcp(h, buf, rtcp_finish(&w));
}

/* Whole packets of every type and count, with lengths that are right and bodies that are not. */
static void
rtcp_garbage(struct hostile *h)
{
	uint8_t buf[ROOM];
	size_t size = 0;

	while (size < 1000) {
		size_t words = prng_below(&h->rng, 12);

		for (size_t i = 0; i < 4 + words * 4; i++)
			buf[size + i] = (uint8_t)prng_next(&h->rng);
		buf[size] = (uint8_t)(0x80 | (prng_next(&h->rng) & 0x3f));
		buf[size + 1] = (uint8_t)(RTCP_SR + prng_below(&h->rng, 8));
		put_be16(buf + size + 2, (uint16_t)words);
		if (words >= 2 && prng_below(&h->rng, 2) == 0)
			put_be32(buf + size + 8, h->ssrc);
		size += 4 + words * 4;
	}
	send_rtcp(h, buf, (int)size);
}

/*
 * CSRCs and an extension behind the fixed header, of lengths that are right, since authentication
 * covers them, with elements whose own lengths lie. Octets of the header.
 */
static size_t
rtp_header_garbage(struct hostile *h, uint8_t *hdr)
{
	size_t csrcs = prng_below(&h->rng, 3) == 0 ? prng_below(&h->rng, 16) : 0, words;
	size_t size = RTP_HEADER_SIZE + 4 * csrcs;

	hdr[0] |= (uint8_t)csrcs;
	if (prng_below(&h->rng, 8) == 0)
		hdr[0] |= 0x20; /* padding, of as many octets as the last one says */
	if ((hdr[0] & 0x10) == 0)
		return size;
	words = prng_below(&h->rng, 20);
	put_be16(hdr + size, prng_below(&h->rng, 2) == 0 ? 0xbede : 0x1000);
	put_be16(hdr + size + 2, (uint16_t)words);
	size += 4;
	for (size_t i = 0; i < 4 * words; i++)
		hdr[size + i] = (uint8_t)prng_next(&h->rng);
	return size + 4 * words;
}

/* New SSRCs without end, numbers that jump, payloads and extensions at random. */
static void
rtp_garbage(struct hostile *h)
{
	uint8_t buf[ROOM], hdr[RTP_HEADER_SIZE + 4 * 15 + 4 + 4 * 20] = {0}, payload[1100];
	size_t size = prng_below(&h->rng, sizeof(payload)), head;
	uint32_t ssrc = 1 + prng_below(&h->rng, SSRCS);
	unsigned step = prng_below(&h->rng, 50) == 0 ? prng_below(&h->rng, 9000) : 0;

	for (size_t i = 0; i < size; i++)
		payload[i] = (uint8_t)prng_next(&h->rng);
	/* Forward only: an index is never used twice. */
	h->seq[ssrc] = (uint16_t)(h->seq[ssrc] + 1 + step);
	rtp_write_header(hdr, prng_below(&h->rng, 4) == 0 ? 111 : 96, prng_below(&h->rng, 2) == 0,
			 prng_below(&h->rng, 4) == 0, h->seq[ssrc], (uint32_t)prng_next(&h->rng),
			 ssrc);
	head = rtp_header_garbage(h, hdr);
	put(h, buf, rtpsec_protect(h->send, hdr, head, payload, size, buf, sizeof(buf)));
}

static void
report(struct hostile *h, uint32_t ssrc)
{
	uint8_t buf[ROOM];
	struct rtcp_writer w;

	rtcp_start(&w, buf, RTCP_COMPOUND_MAX);
	rtcp_add_rr(&w, ssrc, NULL, 0);
	send_rtcp(h, buf, rtcp_finish(&w));
}

static void
send_good(struct hostile *h)
{
	static const uint8_t keyframe[100] = {0x10}; /* RFC 7741: start of partition 0, key frame */
	unsigned i = h->good++, turn = h->renew ? i / 50 : i >= 100;
	uint8_t buf[ROOM], hdr[RTP_HEADER_SIZE];

	rtp_write_header(hdr, 96, true, false, (uint16_t)(turn % 2 == 0 ? 50000 + i : 7 + i),
			 i * 3000, 1000 + turn);
	put(h, buf,
	    rtpsec_protect(h->send, hdr, sizeof(hdr), keyframe, sizeof(keyframe), buf,
			   sizeof(buf)));
	if (h->renew && i % 10 == 0)
		report(h, 100000 + i);
}

static void
attack(struct hostile *h)
{
	static void (*const as_player[])(struct hostile *) = {nack_storm, keyframe_storm,
							      rtcp_garbage, rtp_garbage};
	static void (*const as_publisher[])(struct hostile *) = {rtp_garbage, rtp_garbage,
								 rtp_garbage, rtcp_garbage};

	for (int i = 0; i < BURST && !h->change; i++)
		(h->ssrc != 0 ? as_player : as_publisher)[prng_below(&h->rng, 4)](h);
}

static void
keyed(struct hostile *h)
{
	struct dtls_srtp_keys keys;

	if (h->send != NULL || dtls_keys(h->dtls, &keys) < 0)
		return;
	h->send = rtpsec_new(keys.profile, RTPSEC_SEND, keys.local.key, keys.local.salt);
	if (h->send == NULL)
		abort();
	puts("connected");
	fflush(stdout);
}

static void
turn(struct hostile *h)
{
	struct pollfd p = {.fd = h->fd, .events = POLLIN};
	uint64_t now = clock_now_us();
	uint8_t buf[ROOM];
	ssize_t n;
	int size;

	if (now >= h->next_check_us) {
		check(h);
		h->next_check_us = now + CHECK_US;
	}
	poll(&p, 1, TURN_MS);
	for (int i = 0; i < 200; i++) {
		n = recv(h->fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n <= 0)
			break;
		if (buf[0] >= 128 && h->send == NULL)
			h->early++;
		if (dtls_accepts(buf, (size_t)n))
			dtls_input(h->dtls, now, buf, (size_t)n);
	}
	if (h->send == NULL && dtls_deadline(h->dtls, now) <= now)
		dtls_timeout(h->dtls, now);
	for (size = 1; size > 0;) {
		size = dtls_poll(h->dtls, buf, sizeof(buf));
		put(h, buf, size);
	}
	keyed(h);
	if (h->send != NULL && h->change)
		send_good(h);
	else if (h->send != NULL)
		attack(h);
}

int
main(int argc, char **argv)
{
	struct hostile h = {.rng = {20260101}};
	struct dtls_ctx *ctx = dtls_ctx_new();
	char fingerprint[DTLS_FINGERPRINT_SIZE];
	unsigned port;
	struct addr to;
	uint64_t end;

	if (argc < 2 || ctx == NULL)
		return 64;
	h.change = argc > 2;
	h.renew = argc > 2 && strcmp(argv[2], "renew") == 0;
	puts(dtls_ctx_fingerprint(ctx));
	fflush(stdout);
	if (scanf("%u %63s %79s %95s %u", &port, h.ufrag, h.pwd, fingerprint, &h.ssrc) != 5)
		return 64;
	addr_parse(&to, "127.0.0.1", (uint16_t)port);
	h.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	h.dtls = dtls_new(ctx, DTLS_CLIENT, "sha-256", fingerprint);
	if (h.fd < 0 || connect(h.fd, &to.sa, addr_size(&to)) < 0 || h.dtls == NULL)
		return 71;
	end = clock_now_us() + strtoull(argv[1], NULL, 10) * 1000000;
	while (clock_now_us() < end)
		turn(&h);
	printf("%u packets, %u of media without keys\n", h.sent, h.early);
	rtpsec_free(h.send);
	dtls_free(h.dtls);
	dtls_ctx_free(ctx);
	close(h.fd);
	return 0;
}
