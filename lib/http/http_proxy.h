/*
 * http_proxy.h - the header that a proxy puts before the octets of its client (PROXY protocol,
 * version 2).  Sans-IO; never allocates.  Version 1, the text form, is not taken.
 */
#ifndef RTCKIT_HTTP_HTTP_PROXY_H
#define RTCKIT_HTTP_HTTP_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

enum {
	HTTP_PROXY_PREFIX_SIZE = 16, /* octets until the length of the rest is known */
	HTTP_PROXY_SIZE_MAX = 4096   /* octets of a header with its extensions that are taken */
};

struct http_proxy {
	bool known; /* the addresses are the client's; false: a check of the proxy's own */
	struct addr client, local; /* the client, and what it connected to; with known */
	bool tls;		   /* the client came to the proxy by TLS */
};

/*
 * Parse the header at the start of size octets. Returns its octets (the client's follow), or
 * -EAGAIN: the beginning of one, more is needed; -ENOMSG: this is none; -EBADMSG: malformed, or of
 * another transport than a stream's; -EMSGSIZE: above HTTP_PROXY_SIZE_MAX. *out is untouched on
 * error. Does not judge who sent it.
 */
int http_proxy_parse(struct http_proxy *out, const uint8_t *buf, size_t size);

/*
 * How many octets may be read when size of them are here, so that none of what follows the header
 * is among them: at least 1 while http_proxy_parse() says -EAGAIN, else 0.
 */
size_t http_proxy_wants(const uint8_t *buf, size_t size);

#endif
