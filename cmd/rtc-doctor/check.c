#include "check.h"

#include <string.h>

#include "base/bytes.h"
#include "base/random.h"
#include "stun/stun.h"

/* An attribute that every agent ignores (RFC 8489 s.14: from 0x8000 on), in a range that is
 * nobody's: PADDING of RFC 5780 would be refused by those who do not know it. */
enum { ATTR_PADDING = 0x8fff, ATTR_HEAD = 4, TAIL = 24 + 8 /* integrity and fingerprint */ };

void
check_key_init(struct check_key *k)
{
	random_bytes(k->fixed, sizeof(k->fixed));
}

int
check_write(const struct exam *x, const struct check_key *k, unsigned number, size_t size,
	    uint8_t *buf, size_t cap)
{
	static const uint8_t zeros[CHECK_SIZE_MAX];
	const struct sdp_transport *remote = &x->plan->remote;
	const char *ours = x->peer != NULL ? peer_local(x->peer)->ufrag : "doctor";
	uint8_t txid[STUN_TXID_SIZE];
	struct stun_writer w;

	memcpy(txid, k->fixed, sizeof(k->fixed));
	put_be32(txid + sizeof(k->fixed), number);
	stun_start(&w, buf, cap, STUN_REQUEST, txid);
	stun_add_username(&w, remote->ufrag, ours);
	stun_add_u32(&w, STUN_PRIORITY, ice_priority(ICE_PRFLX, UINT16_MAX, 1));
	stun_add_u64(&w, STUN_ICE_CONTROLLING, be64(k->fixed));
	if (size > w.size + ATTR_HEAD + TAIL && size <= CHECK_SIZE_MAX)
		stun_add(&w, ATTR_PADDING, zeros, (size - w.size - ATTR_HEAD - TAIL) & ~(size_t)3);
	return stun_finish(&w, remote->pwd, true);
}

enum check_answer
check_read(const struct exam *x, const struct check_key *k, const uint8_t *buf, size_t size,
	   unsigned *number, int *error)
{
	struct stun_msg m;

	if (stun_parse(&m, buf, size) != 0)
		return stun_accepts(buf, size) ? CHECK_NOTHING : CHECK_GARBAGE;
	if ((m.class != STUN_SUCCESS && m.class != STUN_ERROR) || m.method != STUN_BINDING ||
	    memcmp(m.txid, k->fixed, sizeof(k->fixed)) != 0)
		return CHECK_NOTHING; /* a check of theirs, or of somebody else's */
	*number = be32(m.txid + sizeof(k->fixed));
	if (m.class == STUN_ERROR) {
		*error = 0;
		(void)stun_get_error(&m, error);
		return CHECK_ERROR;
	}
	return stun_verify_integrity(&m, x->plan->remote.pwd) == 0 ? CHECK_GOOD : CHECK_UNSIGNED;
}
