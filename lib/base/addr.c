#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

static int
parse_port(const char *text, uint16_t *port)
{
	char *end;
	unsigned long v;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	v = strtoul(text, &end, 10);
	if (*end != '\0' || v > UINT16_MAX)
		return -EINVAL;
	*port = (uint16_t)v;
	return 0;
}

/* Split "host", "host:port" and "[host]:port" into host (host_size octets) and port. */
static int
split_host_port(const char *text, char *host, size_t host_size, uint16_t *port)
{
	const char *end = text + strlen(text), *tail = "";
	const char *colon = strchr(text, ':');

	if (*text == '[') {
		end = strchr(++text, ']');
		if (end == NULL)
			return -EINVAL;
		tail = end + 1;
	} else if (colon != NULL && strchr(colon + 1, ':') == NULL) {
		end = tail = colon;
	}
	if ((size_t)(end - text) >= host_size)
		return -EINVAL;
	memcpy(host, text, (size_t)(end - text));
	host[end - text] = '\0';
	if (*tail == '\0')
		return 0;
	return *tail == ':' ? parse_port(tail + 1, port) : -EINVAL;
}

int
addr_parse(struct addr *a, const char *text, uint16_t port)
{
	char host[INET6_ADDRSTRLEN];
	struct addr out;

	memset(&out, 0, sizeof(out));
	if (split_host_port(text, host, sizeof(host), &port) < 0)
		return -EINVAL;
	if (inet_pton(AF_INET, host, &out.v4.sin_addr) == 1)
		out.sa.sa_family = AF_INET;
	else if (inet_pton(AF_INET6, host, &out.v6.sin6_addr) == 1)
		out.sa.sa_family = AF_INET6;
	else
		return -EINVAL;
	addr_set_port(&out, port);
	return addr_from_sockaddr(a, &out.sa);
}

int
addr_from_sockaddr(struct addr *a, const struct sockaddr *sa)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)sa;

	if (sa->sa_family != AF_INET && sa->sa_family != AF_INET6)
		return -EAFNOSUPPORT;
	memset(a, 0, sizeof(*a));
	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *v4 = (const struct sockaddr_in *)sa;

		a->v4.sin_family = AF_INET;
		a->v4.sin_port = v4->sin_port;
		a->v4.sin_addr = v4->sin_addr;
	} else if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
		a->v4.sin_family = AF_INET;
		a->v4.sin_port = v6->sin6_port;
		memcpy(&a->v4.sin_addr, v6->sin6_addr.s6_addr + 12, 4);
	} else {
		a->v6.sin6_family = AF_INET6;
		a->v6.sin6_port = v6->sin6_port;
		a->v6.sin6_addr = v6->sin6_addr;
		a->v6.sin6_scope_id = v6->sin6_scope_id;
	}
	return 0;
}

socklen_t
addr_size(const struct addr *a)
{
	return a->sa.sa_family == AF_INET6 ? sizeof(a->v6) : sizeof(a->v4);
}

char *
addr_format_host(const struct addr *a, char text[static ADDR_TEXT_SIZE])
{
	const void *from = a->sa.sa_family == AF_INET6 ? (const void *)&a->v6.sin6_addr
						       : (const void *)&a->v4.sin_addr;

	if (a->sa.sa_family == 0 || inet_ntop(a->sa.sa_family, from, text, ADDR_TEXT_SIZE) == NULL)
		snprintf(text, ADDR_TEXT_SIZE, "unset");
	return text;
}

char *
addr_format(const struct addr *a, char text[static ADDR_TEXT_SIZE])
{
	char host[ADDR_TEXT_SIZE];

	addr_format_host(a, host);
	snprintf(text, ADDR_TEXT_SIZE, a->sa.sa_family == AF_INET6 ? "[%.47s]:%u" : "%.47s:%u",
		 host, addr_port(a));
	return text;
}

uint16_t
addr_port(const struct addr *a)
{
	return ntohs(a->sa.sa_family == AF_INET6 ? a->v6.sin6_port : a->v4.sin_port);
}

void
addr_set_port(struct addr *a, uint16_t port)
{
	if (a->sa.sa_family == AF_INET6)
		a->v6.sin6_port = htons(port);
	else
		a->v4.sin_port = htons(port);
}

bool
addr_same_host(const struct addr *a, const struct addr *b)
{
	if (a->sa.sa_family != b->sa.sa_family)
		return false;
	if (a->sa.sa_family == AF_INET)
		return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
	return memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, 16) == 0 &&
	       a->v6.sin6_scope_id == b->v6.sin6_scope_id;
}

bool
addr_same_source(const struct addr *a, const struct addr *b)
{
	if (a->sa.sa_family == AF_INET6 && b->sa.sa_family == AF_INET6)
		return memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, 8) == 0;
	return addr_same_host(a, b);
}

bool
addr_text_same_source(const char *a, const char *b)
{
	struct addr left, right;

	if (addr_parse(&left, a, 0) < 0 || addr_parse(&right, b, 0) < 0)
		return strcmp(a, b) == 0;
	return addr_same_source(&left, &right);
}

bool
addr_equal(const struct addr *a, const struct addr *b)
{
	return addr_same_host(a, b) && addr_port(a) == addr_port(b);
}

uint64_t
addr_hash(const struct addr *a)
{
	uint64_t h = 0x9e3779b97f4a7c15u ^ addr_port(a);
	const uint8_t *p = a->v6.sin6_addr.s6_addr;

	if (a->sa.sa_family == AF_INET)
		h ^= (uint64_t)a->v4.sin_addr.s_addr << 16;
	else
		h ^= be64(p) * 0xff51afd7ed558ccdu ^ be64(p + 8);
	h ^= h >> 33;
	h *= 0xc4ceb9fe1a85ec53u;
	return h ^ h >> 29;
}

bool
addr_is_loopback(const struct addr *a)
{
	if (a->sa.sa_family == AF_INET)
		return ntohl(a->v4.sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr);
}

bool
addr_is_private(const struct addr *a)
{
	uint32_t v4 = ntohl(a->v4.sin_addr.s_addr);

	if (a->sa.sa_family == AF_INET)
		return v4 >> 24 == 10 || v4 >> 20 == 0xac1 || v4 >> 16 == 0xc0a8 ||
		       v4 >> 16 == 0xa9fe || v4 >> 22 == 0x6440 >> 6;
	return (a->v6.sin6_addr.s6_addr[0] & 0xfe) == 0xfc ||
	       IN6_IS_ADDR_LINKLOCAL(&a->v6.sin6_addr);
}

bool
addr_is_any(const struct addr *a)
{
	if (a->sa.sa_family == AF_INET)
		return a->v4.sin_addr.s_addr == INADDR_ANY;
	return IN6_IS_ADDR_UNSPECIFIED(&a->v6.sin6_addr);
}
