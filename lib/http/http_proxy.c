#include "http/http_proxy.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

static const uint8_t signature[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
				      0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

/* The octets after the signature (s.2.2 of the protocol's description). */
enum { VERSION_2 = 2, COMMAND_LOCAL = 0, COMMAND_PROXY = 1 };
enum { UNSPECIFIED = 0x00, TCP_IPV4 = 0x11, TCP_IPV6 = 0x21, UNIX_STREAM = 0x31 };
enum { IPV4_SIZE = 12, IPV6_SIZE = 36, UNIX_SIZE = 216 };
enum { TLV_HEADER_SIZE = 3, TLV_SSL = 0x20, SSL_SIZE_MIN = 5, SSL_CLIENT = 0x01 };

/* Both addresses of one family: source, destination, source port, destination port. */
static void
read_ipv4(struct http_proxy *out, const uint8_t *p)
{
	out->known = true;
	out->client.v4.sin_family = out->local.v4.sin_family = AF_INET;
	memcpy(&out->client.v4.sin_addr, p, 4);
	memcpy(&out->local.v4.sin_addr, p + 4, 4);
	addr_set_port(&out->client, be16(p + 8));
	addr_set_port(&out->local, be16(p + 10));
}

static void
read_ipv6(struct http_proxy *out, const uint8_t *p)
{
	struct sockaddr_in6 client = {.sin6_family = AF_INET6}, local = client;

	memcpy(&client.sin6_addr, p, 16);
	memcpy(&local.sin6_addr, p + 16, 16);
	client.sin6_port = htons(be16(p + 32));
	local.sin6_port = htons(be16(p + 34));
	/* A mapped address becomes the plain one that limits and logs know. */
	out->known = addr_from_sockaddr(&out->client, (struct sockaddr *)&client) == 0 &&
		     addr_from_sockaddr(&out->local, (struct sockaddr *)&local) == 0;
}

/* The addresses; *used gets their octets. 0 or -EBADMSG. */
static int
read_addresses(struct http_proxy *out, uint8_t family, const uint8_t *p, size_t size, size_t *used)
{
	switch (family) {
	case UNSPECIFIED:
		*used = size; /* whatever follows has no form */
		return 0;
	case UNIX_STREAM:
		*used = UNIX_SIZE;
		return size >= UNIX_SIZE ? 0 : -EBADMSG;
	case TCP_IPV4:
		*used = IPV4_SIZE;
		if (size < IPV4_SIZE)
			return -EBADMSG;
		read_ipv4(out, p);
		return 0;
	case TCP_IPV6:
		*used = IPV6_SIZE;
		if (size < IPV6_SIZE)
			return -EBADMSG;
		read_ipv6(out, p);
		return 0;
	default:
		return -EBADMSG;
	}
}

/* The extensions: of interest is whether the client spoke TLS. 0 or -EBADMSG. */
static int
read_extensions(struct http_proxy *out, const uint8_t *p, size_t size)
{
	while (size > 0) {
		size_t count;

		if (size < TLV_HEADER_SIZE)
			return -EBADMSG;
		count = be16(p + 1);
		if (count > size - TLV_HEADER_SIZE)
			return -EBADMSG;
		if (p[0] == TLV_SSL && count >= SSL_SIZE_MIN)
			out->tls = (p[TLV_HEADER_SIZE] & SSL_CLIENT) != 0;
		p += TLV_HEADER_SIZE + count;
		size -= TLV_HEADER_SIZE + count;
	}
	return 0;
}

int
http_proxy_parse(struct http_proxy *out, const uint8_t *buf, size_t size)
{
	struct http_proxy found = {0};
	size_t length, used;

	if (memcmp(buf, signature, MIN_OF(size, sizeof(signature))) != 0)
		return -ENOMSG;
	if (size < HTTP_PROXY_PREFIX_SIZE)
		return -EAGAIN;
	length = be16(buf + 14);
	if (buf[12] >> 4 != VERSION_2 || (buf[12] & 0xf) > COMMAND_PROXY)
		return -EBADMSG;
	if (length > HTTP_PROXY_SIZE_MAX - HTTP_PROXY_PREFIX_SIZE)
		return -EMSGSIZE;
	if (size - HTTP_PROXY_PREFIX_SIZE < length)
		return -EAGAIN;
	buf += HTTP_PROXY_PREFIX_SIZE;
	if ((buf[-4] & 0xf) == COMMAND_PROXY) {
		if (read_addresses(&found, buf[-3], buf, length, &used) != 0 ||
		    read_extensions(&found, buf + used, length - used) != 0)
			return -EBADMSG;
	}
	*out = found;
	return (int)(HTTP_PROXY_PREFIX_SIZE + length);
}

size_t
http_proxy_wants(const uint8_t *buf, size_t size)
{
	struct http_proxy unused;

	if (http_proxy_parse(&unused, buf, size) != -EAGAIN)
		return 0;
	if (size < HTTP_PROXY_PREFIX_SIZE)
		return HTTP_PROXY_PREFIX_SIZE - size;
	return HTTP_PROXY_PREFIX_SIZE + (size_t)be16(buf + 14) - size;
}
