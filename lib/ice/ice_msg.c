#include "ice/ice_msg.h"

#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "base/bytes.h"
#include "base/text.h"

int
ice_read(struct stun_msg *msg, const uint8_t *buf, size_t size)
{
	int err = stun_parse(msg, buf, size);

	if (err < 0)
		return err;
	return msg->method == STUN_BINDING && stun_verify_fingerprint(msg) != -EBADMSG ? 0
										       : -EBADMSG;
}

int
ice_write_check(uint8_t *buf, size_t cap, const struct ice_check *check)
{
	struct stun_writer w;

	stun_start(&w, buf, cap, STUN_REQUEST, check->txid);
	stun_add_username(&w, check->remote_ufrag, check->local_ufrag); /* RFC 8445 s.7.2.2 */
	stun_add_u32(&w, STUN_PRIORITY, check->priority);
	stun_add_u64(&w, check->controlling ? STUN_ICE_CONTROLLING : STUN_ICE_CONTROLLED,
		     check->tie);
	if (check->use_candidate)
		stun_add(&w, STUN_USE_CANDIDATE, NULL, 0);
	return stun_finish(&w, check->remote_pwd, true);
}

int
ice_write_success(uint8_t *buf, size_t cap, const uint8_t *txid, const struct addr *mapped,
		  const char *pwd)
{
	struct stun_writer w;

	stun_start(&w, buf, cap, STUN_SUCCESS, txid);
	stun_add_address(&w, STUN_XOR_MAPPED_ADDRESS, mapped);
	return stun_finish(&w, pwd, true);
}

static const char *
reason_of(int code)
{
	static const struct {
		int code;
		const char *reason;
	} rows[] = {
	    {ICE_BAD_REQUEST, "Bad Request"},
	    {ICE_UNAUTHENTICATED, "Unauthenticated"},
	    {ICE_UNKNOWN_ATTRIBUTE, "Unknown Attribute"},
	    {ICE_ROLE_CONFLICT, "Role Conflict"},
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		if (rows[i].code == code)
			return rows[i].reason;
	return "";
}

int
ice_write_error(uint8_t *buf, size_t cap, const uint8_t *txid, int code, uint16_t unknown,
		const char *pwd)
{
	struct stun_writer w;
	uint8_t type[2];

	stun_start(&w, buf, cap, STUN_ERROR, txid);
	stun_add_error(&w, code, reason_of(code));
	if (code == ICE_UNKNOWN_ATTRIBUTE) {
		put_be16(type, unknown);
		stun_add(&w, STUN_UNKNOWN_ATTRIBUTES, type, sizeof(type));
	}
	return stun_finish(&w, pwd, true);
}

/*
 * Hashed, because whoever predicts a transaction id can answer a check that it never received, and
 * so validate the address of a victim.
 */
static void
derive(uint8_t out[static SHA256_DIGEST_LENGTH], uint64_t seed, uint64_t counter)
{
	uint8_t in[16];

	put_be64(in, seed);
	put_be64(in + 8, counter);
	SHA256(in, sizeof(in), out);
}

void
ice_txid(uint8_t txid[static STUN_TXID_SIZE], uint64_t seed, uint64_t counter)
{
	uint8_t md[SHA256_DIGEST_LENGTH];

	derive(md, seed, counter);
	memcpy(txid, md, STUN_TXID_SIZE);
}

void
ice_text(char *text, size_t count, uint64_t seed, uint64_t counter)
{
	static const char ice_chars[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint8_t md[SHA256_DIGEST_LENGTH];

	derive(md, seed, counter);
	for (size_t i = 0; i < count && i < sizeof(md); i++)
		text[i] = ice_chars[md[i] & 63];
	text[count] = '\0';
	OPENSSL_cleanse(md, sizeof(md));
}

int
ice_authenticate(const struct stun_msg *msg, const char *local_ufrag, const char *pwd,
		 const char *remote_ufrag)
{
	char left[ICE_UFRAG_MAX + 1], right[ICE_UFRAG_MAX + 1];

	if (!ice_has_attr(msg, STUN_USERNAME) || !ice_has_attr(msg, STUN_MESSAGE_INTEGRITY))
		return ICE_BAD_REQUEST; /* RFC 8489 s.9.1.3 */
	if (stun_get_username(msg, left, right, sizeof(left)) < 0 ||
	    !text_equal_secret(left, local_ufrag) ||
	    (remote_ufrag != NULL && !text_equal_secret(right, remote_ufrag)) ||
	    stun_verify_integrity(msg, pwd) < 0)
		return ICE_UNAUTHENTICATED;
	return 0;
}

bool
ice_has_attr(const struct stun_msg *msg, uint16_t type)
{
	size_t size;

	return stun_attr(msg, type, &size) != NULL;
}
