/* dtls_sane.c - what of a datagram OpenSSL gets to see. */
#include "dtls/dtls_internal.h"

#include "base/bytes.h"

enum {
	RECORD_HEADER_SIZE = 13,  /* RFC 6347 s.4.1 */
	MESSAGE_HEADER_SIZE = 12, /* of a fragment of a handshake message; s.4.2.2 */
	VERSION_1_2 = 0xfd,	  /* behind 0xfe */
	RECORD_HANDSHAKE = 22,
	HANDSHAKE_CLIENT_HELLO = 1, /* RFC 5246 s.7.4 */
	/* OpenSSL sets room aside for a message once it hears of one, and for ten that should come
	 * later: by its own limit 1.3 MB for each handshake that anybody begins. Hellos and
	 * certificates of WebRTC have 2 KB at most. */
	MESSAGE_MAX = 8192
};

/* The least that an encrypted record of the suite in use holds: one octet with what AEAD adds. */
static size_t
encrypted_min(const struct dtls *d)
{
	const SSL_CIPHER *cipher = d->ssl != NULL ? SSL_get_current_cipher(d->ssl) : NULL;

	if (cipher == NULL || !SSL_CIPHER_is_aead(cipher))
		return 1;
	return SSL_CIPHER_get_cipher_nid(cipher) == NID_chacha20_poly1305
		   ? 1 + 16	 /* tag; RFC 7905 s.2 */
		   : 1 + 8 + 16; /* explicit nonce and tag; RFC 5288 s.3 */
}

/* The fragments of a clear record: none is of a message longer than MESSAGE_MAX. */
static bool
messages_are_short(const uint8_t *buf, size_t size)
{
	while (size >= MESSAGE_HEADER_SIZE) {
		size_t span = MESSAGE_HEADER_SIZE + be24(buf + 9);

		if (be24(buf + 1) > MESSAGE_MAX)
			return false;
		if (span > size)
			break;
		buf += span;
		size -= span;
	}
	return true;
}

/*
 * OpenSSL ends a handshake or a connection over some forms of nonsense that anyone on the path
 * could throw in (the last up to 3.0.20). Of a record of another version than the agreed one it
 * skips the header alone, and reads its contents as further records, which nobody has looked at.
 */
bool
dtls_is_sane(const struct dtls *d, const uint8_t *buf, size_t size)
{
	while (size > 0) {
		size_t record;
		bool is_clear;

		if (size < RECORD_HEADER_SIZE || buf[0] < 20 || buf[0] > 23 || buf[1] != 0xfe)
			return false;
		if (d->state == DTLS_CONNECTED && buf[2] != VERSION_1_2)
			return false;
		record = RECORD_HEADER_SIZE + be16(buf + 11);
		if (record > size || record == RECORD_HEADER_SIZE)
			return false;
		is_clear = be16(buf + 3) == 0;
		if (!is_clear && record < RECORD_HEADER_SIZE + encrypted_min(d))
			return false;
		if (is_clear && buf[0] == RECORD_HANDSHAKE &&
		    !messages_are_short(buf + RECORD_HEADER_SIZE, record - RECORD_HEADER_SIZE))
			return false;
		if (d->role == DTLS_SERVER && !d->heard &&
		    (buf[0] != RECORD_HANDSHAKE ||
		     buf[RECORD_HEADER_SIZE] != HANDSHAKE_CLIENT_HELLO))
			return false;
		buf += record;
		size -= record;
	}
	return true;
}
