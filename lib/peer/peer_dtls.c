/* peer_dtls.c - the handshake inside a peer, up to the SRTP contexts. */
#include "peer/peer_impl.h"

#include <errno.h>
#include <stdio.h>

#include <openssl/crypto.h>

int
peer_dtls_start(struct peer *p)
{
	p->dtls = dtls_new(p->config.dtls, p->role, p->hash, p->fingerprint);
	return p->dtls != NULL ? 0 : -EINVAL;
}

int
peer_dtls_input(struct peer *p, const struct ice_tuple *from, const uint8_t *buf, size_t size)
{
	int rc;

	if (p->dtls == NULL)
		return -ENOMSG;
	p->origin = *from;
	p->has_origin = true;
	rc = dtls_input(p->dtls, p->now_us, buf, size);
	return rc == -ECONNABORTED ? 0 : rc; /* told by the callback */
}

static void
connected(struct peer *p)
{
	struct dtls_srtp_keys keys;
	struct peer_info info;

	if (dtls_keys(p->dtls, &keys) != 0)
		return;
	p->send = rtpsec_new(keys.profile, RTPSEC_SEND, keys.local.key, keys.local.salt);
	p->receive = rtpsec_new(keys.profile, RTPSEC_RECEIVE, keys.remote.key, keys.remote.salt);
	OPENSSL_cleanse(&keys.local, sizeof(keys.local));
	OPENSSL_cleanse(&keys.remote, sizeof(keys.remote));
	if (p->send == NULL || p->receive == NULL) {
		peer_fail(p, PEER_STAGE_MEDIA, "SRTP: no context could be made");
		return;
	}
	p->profile = keys.profile;
	p->dtls_version = dtls_version(p->dtls);
	p->cipher = dtls_cipher(p->dtls);
	p->group = dtls_group(p->dtls);
	p->dtls_us = p->now_us;
	dtls_shrink(p->dtls);
	peer_ice_proven(p);
	peer_enter(p, PEER_CONNECTED);
	if (p->config.events->connected != NULL && peer_get_info(p, &info) == 0)
		p->config.events->connected(p->config.arg, &info);
}

void
peer_dtls_update(struct peer *p)
{
	char words[PEER_WORDS_SIZE];

	if (p->state == PEER_HANDSHAKE && p->dtls == NULL && peer_dtls_start(p) != 0) {
		peer_fail(p, PEER_STAGE_DTLS, "DTLS: no association could be made");
		return;
	}
	if (p->dtls == NULL)
		return;
	switch (dtls_state(p->dtls)) {
	case DTLS_HANDSHAKE:
		break;
	case DTLS_CONNECTED:
		if (p->state == PEER_HANDSHAKE)
			connected(p);
		break;
	case DTLS_CLOSED:
		if (p->state == PEER_CONNECTED || p->state == PEER_HANDSHAKE) {
			snprintf(p->words, sizeof(p->words),
				 "the other side closed the connection");
			peer_enter(p, PEER_CLOSED);
			if (p->config.events->closed != NULL)
				p->config.events->closed(p->config.arg, p->words);
		}
		break;
	case DTLS_FAILED:
		snprintf(words, sizeof(words), "DTLS: %s", dtls_error(p->dtls));
		peer_fail(p, PEER_STAGE_DTLS, words);
		break;
	}
}
