/*
 * rtmp_handshake.c - the handshake (s.5.2), plain and with the digest that Flash introduced: a
 * client that sends one wants one back. Not a secret: the keys are in every client.
 */
#include "rtmp/rtmp_impl.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "base/bytes.h"

enum {
	VERSION = 3, /* s.5.2.2 */
	SIZE = RTMP_HANDSHAKE_SIZE,
	DIGEST_SIZE = 32,
	DIGEST_SPAN = 728, /* where in its half of the block a digest may lie */
	PLAYER_KEY_SIZE = 30,
	SERVER_KEY_SIZE = 36,
	COMMON_KEY_SIZE = 32
};

static const char player_key[] = "Genuine Adobe Flash Player 001";
static const char server_key[] = "Genuine Adobe Flash Media Server 001";
static const uint8_t common_key[COMMON_KEY_SIZE] = {
    0xf0, 0xee, 0xc2, 0x4a, 0x80, 0x68, 0xbe, 0xe8, 0x2e, 0x00, 0xd0, 0xd1, 0x02, 0x9e, 0x7e, 0x57,
    0x6e, 0xec, 0x5d, 0x2d, 0x29, 0x80, 0x6f, 0xab, 0x93, 0xb8, 0xe6, 0x36, 0xcf, 0xeb, 0x31, 0xae};

/* The digest's place is the sum of four octets that stand at one of two places. */
static const size_t schemes[] = {8, 772};

static size_t
digest_offset(const uint8_t *block, size_t scheme)
{
	const uint8_t *p = block + schemes[scheme];

	return (size_t)(p[0] + p[1] + p[2] + p[3]) % DIGEST_SPAN + schemes[scheme] + 4;
}

static void
hmac(uint8_t out[static DIGEST_SIZE], const void *key, size_t key_size, const uint8_t *buf,
     size_t size)
{
	unsigned n = DIGEST_SIZE;

	HMAC(EVP_sha256(), key, (int)key_size, buf, size, out, &n);
}

/* Of a block without the digest's own octets. */
static void
block_digest(uint8_t out[static DIGEST_SIZE], const uint8_t *block, size_t offset, const char *key,
	     size_t key_size)
{
	uint8_t rest[SIZE - DIGEST_SIZE];

	memcpy(rest, block, offset);
	memcpy(rest + offset, block + offset + DIGEST_SIZE, SIZE - DIGEST_SIZE - offset);
	hmac(out, key, key_size, rest, sizeof(rest));
}

/* The peer's digest within its block, NULL if it has none; *scheme is how it lies. */
static const uint8_t *
find_digest(const uint8_t *block, const char *key, size_t key_size, size_t *scheme)
{
	uint8_t want[DIGEST_SIZE];

	for (*scheme = 0; *scheme < ARRAY_COUNT(schemes); (*scheme)++) {
		size_t offset = digest_offset(block, *scheme);

		block_digest(want, block, offset, key, key_size);
		if (memcmp(want, block + offset, DIGEST_SIZE) == 0)
			return block + offset;
	}
	return NULL;
}

static void
fill_random(struct rtmp *r, uint8_t *out, size_t size)
{
	for (size_t i = 0; i < size; i++)
		out[i] = (uint8_t)prng_next(&r->random);
}

/* C1 or S1: time, version, noise, and the digest if there is a key. */
static void
make_block(struct rtmp *r, uint8_t *block, uint32_t version, const char *key, size_t key_size,
	   size_t scheme)
{
	size_t offset;

	put_be32(block, 0);
	put_be32(block + 4, version);
	fill_random(r, block + 8, SIZE - 8);
	if (key == NULL)
		return;
	offset = digest_offset(block, scheme);
	block_digest(block + offset, block, offset, key, key_size);
}

/* C2 or S2 to a peer's digest. */
static void
make_answer(struct rtmp *r, uint8_t *block, const uint8_t *digest, const char *key, size_t key_size)
{
	uint8_t whole[SERVER_KEY_SIZE + COMMON_KEY_SIZE], temporary[DIGEST_SIZE];

	memcpy(whole, key, key_size);
	memcpy(whole + key_size, common_key, COMMON_KEY_SIZE);
	fill_random(r, block, SIZE - DIGEST_SIZE);
	hmac(temporary, whole, key_size + COMMON_KEY_SIZE, digest, DIGEST_SIZE);
	hmac(block + SIZE - DIGEST_SIZE, temporary, DIGEST_SIZE, block, SIZE - DIGEST_SIZE);
}

int
rtmp_handshake_start(struct rtmp *r)
{
	uint8_t c0 = VERSION;
	int rc = rtmp_put(r, &c0, 1);

	/* The version that servers expect a digest from; 0 says: none. */
	make_block(r, r->sent1, r->plain ? 0 : 0x80000702, r->plain ? NULL : player_key,
		   PLAYER_KEY_SIZE, 0);
	return rc == 0 ? rtmp_put(r, r->sent1, SIZE) : rc;
}

/* C0 and C1: answer S0, S1, S2. */
static int
server_c1(struct rtmp *r, const uint8_t *in)
{
	uint8_t out[1 + 2 * SIZE] = {VERSION};
	const uint8_t *c1 = in + 1, *digest = NULL;
	size_t scheme = 0;
	int rc;

	if (in[0] != VERSION)
		return -EBADMSG;
	if (be32(c1 + 4) != 0)
		digest = find_digest(c1, player_key, PLAYER_KEY_SIZE, &scheme);
	if (digest != NULL) {
		make_block(r, out + 1, 0x04050001, server_key, SERVER_KEY_SIZE, scheme);
		make_answer(r, out + 1 + SIZE, digest, server_key, SERVER_KEY_SIZE);
	} else {
		make_block(r, out + 1, 0, NULL, 0, 0);
		memcpy(out + 1 + SIZE, c1, SIZE);
	}
	rc = rtmp_put(r, out, sizeof(out));
	r->state = RTMP_WAIT_C2;
	return rc < 0 ? rc : 1 + SIZE;
}

/* S0 and S1: answer C2. */
static int
client_s1(struct rtmp *r, const uint8_t *in)
{
	uint8_t c2[SIZE];
	const uint8_t *s1 = in + 1, *digest = NULL;
	size_t scheme;
	int rc;

	if (in[0] != VERSION)
		return -EBADMSG;
	if (!r->plain)
		digest = find_digest(s1, server_key, SERVER_KEY_SIZE, &scheme);
	if (digest != NULL)
		make_answer(r, c2, digest, player_key, PLAYER_KEY_SIZE);
	else
		memcpy(c2, s1, SIZE);
	rc = rtmp_put(r, c2, SIZE);
	r->state = RTMP_WAIT_S2;
	return rc < 0 ? rc : 1 + SIZE;
}

/* C2 and S2 echo what the other sent; clients in use send anything, so nothing is compared. */
static int
last_block(struct rtmp *r, const uint8_t *in)
{
	int rc;

	(void)in;
	r->state = RTMP_OPEN;
	rc = r->role->opened(r);
	return rc < 0 ? rc : SIZE;
}

int
rtmp_handshake_input(struct rtmp *r, const uint8_t *in, size_t size)
{
	static const struct {
		size_t size;
		int (*step)(struct rtmp *r, const uint8_t *in);
	} steps[] = {
	    [RTMP_WAIT_C1] = {1 + SIZE, server_c1},
	    [RTMP_WAIT_C2] = {SIZE, last_block},
	    [RTMP_WAIT_S1] = {1 + SIZE, client_s1},
	    [RTMP_WAIT_S2] = {SIZE, last_block},
	};

	/* A stranger of another protocol shows in the first octet. */
	if ((r->state == RTMP_WAIT_C1 || r->state == RTMP_WAIT_S1) && size > 0 && in[0] != VERSION)
		return -EBADMSG;
	return size < steps[r->state].size ? 0 : steps[r->state].step(r, in);
}
