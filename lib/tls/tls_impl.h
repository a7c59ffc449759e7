/* tls_impl.h - what the files of lib/tls share. */
#ifndef RTCKIT_TLS_TLS_IMPL_H
#define RTCKIT_TLS_TLS_IMPL_H

#include "tls/tls.h"

#include <openssl/ssl.h>

struct tls_ctx {
	unsigned refs;
	SSL_CTX *ssl[TLS_PAIRS_MAX];
	size_t count;
	char alpn[32]; /* length octet and name; [0] is 0: none */
};

#endif
