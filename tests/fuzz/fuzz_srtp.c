/*
 * SRTP and SRTCP. The first octet is the profile; then packets, two octets of size before each, of
 * which the highest bit makes it RTCP. Each comes to a receiver as it is, as a stranger sends it,
 * and protected with the right key, whatever its numbers: what is taken then is what was sent.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "rtp/rtp.h"
#include "rtpsec/rtpsec.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

enum { PACKET_MAX = 256, ROOM = PACKET_MAX + 48, EARLIER_MAX = 256 };

struct earlier {
	size_t count;
	struct packet {
		const uint8_t *octets;
		size_t size;
	} packets[EARLIER_MAX];
};

static const enum dtls_srtp_profile profiles[] = {
    DTLS_SRTP_AES128_CM_SHA1_80, DTLS_SRTP_AEAD_AES_128_GCM, DTLS_SRTP_AEAD_AES_256_GCM};

/* A stranger's: refused, in a block of its size. */
static void
give_forged(struct rtpsec *receive, const uint8_t *packet, size_t size, bool rtcp)
{
	uint8_t *block = malloc(size > 0 ? size : 1);
	int n;

	assert(block != NULL);
	memcpy(block, packet, size);
	n = rtcp ? rtpsec_unprotect_rtcp(receive, block, size)
		 : rtpsec_unprotect(receive, block, size);
	assert(n < 0);
	free(block);
}

/* Was another packet under this one's numbers given? A sender never does that (and asserts). */
static bool
differs_from_earlier(struct earlier *e, const uint8_t *packet, size_t size)
{
	for (size_t i = 0; i < e->count; i++) {
		const struct packet *p = &e->packets[i];

		if (memcmp(p->octets + 2, packet + 2, 2) == 0 &&
		    memcmp(p->octets + 8, packet + 8, 4) == 0)
			return p->size != size || memcmp(p->octets, packet, size) != 0;
	}
	if (e->count == EARLIER_MAX)
		return true;
	e->packets[e->count++] = (struct packet){packet, size};
	return false;
}

static void
give_rtp(struct earlier *earlier, struct rtpsec *send, struct rtpsec *receive,
	 const uint8_t *packet, size_t size)
{
	uint8_t out[ROOM];
	struct rtp_packet p;
	size_t head;
	int n;

	if (rtp_parse(&p, packet, size) < 0 || differs_from_earlier(earlier, packet, size))
		return;
	head = (size_t)(p.payload - packet);
	n = rtpsec_protect(send, packet, head, p.payload, size - head, out, sizeof(out));
	assert(n < (int)sizeof(out));
	if (n < 0)
		return;
	n = rtpsec_unprotect(receive, out, (size_t)n);
	assert(n < 0 || ((size_t)n == size && memcmp(out, packet, size) == 0));
}

static void
give_rtcp(struct rtpsec *send, struct rtpsec *receive, const uint8_t *packet, size_t size)
{
	uint8_t out[ROOM];
	int n;

	memcpy(out, packet, size);
	n = rtpsec_protect_rtcp(send, out, size, sizeof(out));
	assert(n < (int)sizeof(out));
	if (n < 0)
		return;
	n = rtpsec_unprotect_rtcp(receive, out, (size_t)n);
	assert(n < 0 || ((size_t)n == size && memcmp(out, packet, size) == 0));
}

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	static const uint8_t key[DTLS_KEY_MAX] = {1, 2, 3}, salt[DTLS_SALT_MAX] = {4, 5, 6};
	enum dtls_srtp_profile profile;
	struct rtpsec *send, *receive;
	struct earlier earlier = {0};

	if (size == 0)
		return 0;
	profile = profiles[buf[0] % ARRAY_COUNT(profiles)];
	send = rtpsec_new(profile, RTPSEC_SEND, key, salt);
	receive = rtpsec_new(profile, RTPSEC_RECEIVE, key, salt);
	assert(send != NULL && receive != NULL);
	for (size_t at = 1; size - at >= 2;) {
		bool rtcp = (buf[at] & 0x80) != 0;
		size_t n = MIN_OF((size_t)(be16(buf + at) & 0x7fff), (size_t)PACKET_MAX);

		at += 2;
		n = MIN_OF(n, size - at);
		give_forged(receive, buf + at, n, rtcp);
		if (rtcp)
			give_rtcp(send, receive, buf + at, n);
		else
			give_rtp(&earlier, send, receive, buf + at, n);
		at += n;
	}
	rtpsec_free(send);
	rtpsec_free(receive);
	return 0;
}
