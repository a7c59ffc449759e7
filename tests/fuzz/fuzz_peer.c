/*
 * A connected pair of peers: each input comes to both ends three times: as it is; as authentic RTP
 * and as authentic RTCP, which is what the other side itself could send.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "peer/peer_impl.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

enum { INPUT_MAX = 1300, ROUNDS = 200 };

static struct peer *ends[2];
static struct ice_tuple at[2]; /* where each is */
static uint64_t now_us = 1000000;
static uint16_t sequence;

static void
exchange(void)
{
	struct peer_datagram d;

	for (int i = 0; i < 2; i++) {
		peer_timeout(ends[i], now_us);
		while (peer_poll(ends[i], &d) > 0)
			peer_input(ends[!i], now_us, &at[i], d.buf, d.size);
	}
}

static void
begin(int i, struct dtls_ctx *ctx)
{
	struct peer_track t = {
	    .mid = "0",
	    .kind = PEER_VIDEO,
	    .codec_count = 1,
	    .nack = true,
	    .pli = true,
	    .fir = true,
	    .remb = true,
	    .ext = {.mid = 1, .twcc = 3, .abs_send_time = 5},
	    .direction = PEER_SEND | PEER_RECEIVE,
	    .codecs = {{.name = "H264", .clock_rate = 90000, .pt = 96, .rtx_pt = 97}}};
	struct peer_remote r = {.lite = i == 0,
				.hash = "sha-256",
				.tracks = &t,
				.track_count = 1,
				.role = i == 0 ? DTLS_CLIENT : DTLS_SERVER};

	r.ice = *peer_local(ends[!i]);
	snprintf(r.fingerprint, sizeof(r.fingerprint), "%s", dtls_ctx_fingerprint(ctx));
	if (peer_start(ends[i], now_us, &r) != 0)
		abort();
}

static void
connect_them(void)
{
	struct dtls_ctx *ctx = dtls_ctx_new();

	for (int i = 0; i < 2; i++) {
		struct peer_config c = {.dtls = ctx,
					.seed = (uint64_t)i + 1,
					.ice = i == 0 ? PEER_ICE_FULL : PEER_ICE_LITE,
					.rate_start_bps = 1000000,
					.rate_max_bps = 2000000};

		ends[i] = peer_new(&c, now_us);
		memset(&at[i], 0, sizeof(at[i]));
		addr_parse(&at[i].remote, i == 0 ? "192.0.2.1:1" : "192.0.2.2:2", 0);
	}
	begin(1, ctx);
	begin(0, ctx);
	if (peer_add_pair(ends[0], &at[1], 1) != 0)
		abort();
	for (int i = 0; i < ROUNDS && (peer_state(ends[0]) != PEER_CONNECTED ||
				       peer_state(ends[1]) != PEER_CONNECTED);
	     i++, now_us += 10000)
		exchange();
	if (peer_state(ends[0]) != PEER_CONNECTED || peer_state(ends[1]) != PEER_CONNECTED)
		abort();
}

/* As the sender of end i could: the index is always fresh, the SSRC one of four that it does not
 * use. */
static void
give_rtp(int i, const uint8_t *buf, size_t size)
{
	uint8_t out[INPUT_MAX + 64], hdr[RTP_HEADER_SIZE];
	int n;

	if (size < RTP_HEADER_SIZE)
		return;
	memcpy(hdr, buf, sizeof(hdr));
	put_be16(hdr + 2, sequence++);
	put_be32(hdr + 8, 1 + buf[8] % 4u);
	n = rtpsec_protect(ends[i]->send, hdr, sizeof(hdr), buf + sizeof(hdr), size - sizeof(hdr),
			   out, sizeof(out));
	if (n > 0)
		peer_input(ends[!i], now_us, &at[i], out, (size_t)n);
}

static void
give_rtcp(int i, const uint8_t *buf, size_t size)
{
	uint8_t out[INPUT_MAX + 64];
	int n;

	if (size < 8)
		return;
	memcpy(out, buf, size);
	put_be32(out + 4, peer_track_ssrc(ends[i], 0, false));
	for (size_t at_word = 8; at_word + 4 <= size && at_word <= 24; at_word += 4)
		if (be32(out + at_word) == 0x11111111) /* in the vectors: the receiver's stream */
			put_be32(out + at_word, peer_track_ssrc(ends[!i], 0, false));
	n = rtpsec_protect_rtcp(ends[i]->send, out, size, sizeof(out));
	if (n > 0)
		peer_input(ends[!i], now_us, &at[i], out, (size_t)n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	static const uint8_t payload[100];
	struct peer_media m = {.pt = 96, .payload = payload, .payload_size = sizeof(payload)};
	uint8_t copy[INPUT_MAX];

	if (ends[0] == NULL)
		connect_them();
	size = MIN_OF(size, (size_t)INPUT_MAX);
	now_us += 1000;
	for (int i = 0; i < 2; i++) {
		m.capture_us = now_us;
		peer_send(ends[i], now_us, 0, &m);
		memcpy(copy, buf, size);
		peer_input(ends[!i], now_us, &at[i], copy, size);
		give_rtp(i, buf, size);
		give_rtcp(i, buf, size);
	}
	exchange();
	if (peer_state(ends[0]) != PEER_CONNECTED || peer_state(ends[1]) != PEER_CONNECTED)
		abort();
	return 0;
}
