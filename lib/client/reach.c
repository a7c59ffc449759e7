#include "client/reach.h"

#include <errno.h>
#include <ifaddrs.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DOCKER_NET = 0xac11 }; /* 172.17 */

/* Many hosts, or none: 224.0.0.0/4, the reserved 240.0.0.0/4 with broadcast, ff00::/8. */
static bool
is_many(const struct addr *a)
{
	return a->sa.sa_family == AF_INET ? ntohl(a->v4.sin_addr.s_addr) >> 29 == 7
					  : IN6_IS_ADDR_MULTICAST(&a->v6.sin6_addr);
}

enum reach_class
reach_class_of(const struct addr *a)
{
	if (addr_is_any(a) || is_many(a))
		return REACH_CLASS_ANY;
	if (addr_is_loopback(a))
		return REACH_CLASS_LOOPBACK;
	if (a->sa.sa_family == AF_INET) {
		uint32_t host = ntohl(a->v4.sin_addr.s_addr);

		if (host >> 16 == DOCKER_NET)
			return REACH_CLASS_DOCKER;
		if (host >> 16 == 0xa9fe)
			return REACH_CLASS_LINK;
	} else if (IN6_IS_ADDR_LINKLOCAL(&a->v6.sin6_addr)) {
		return REACH_CLASS_LINK;
	}
	return addr_is_private(a) ? REACH_CLASS_PRIVATE : REACH_CLASS_PUBLIC;
}

const char *
reach_class_name(enum reach_class c)
{
	static const char *const names[] = {
	    [REACH_CLASS_PUBLIC] = "public",	      [REACH_CLASS_ANY] = "no address",
	    [REACH_CLASS_LOOPBACK] = "loopback",      [REACH_CLASS_LINK] = "link-local",
	    [REACH_CLASS_DOCKER] = "Docker's bridge", [REACH_CLASS_PRIVATE] = "private",
	};

	return names[c];
}

bool
reach_is_mdns(const char *name)
{
	static const char tail[] = ".local";
	size_t size = strlen(name);

	if (size > 0 && name[size - 1] == '.')
		size--;
	return size >= sizeof(tail) &&
	       strncasecmp(name + size - (sizeof(tail) - 1), tail, sizeof(tail) - 1) == 0;
}

/* The octets of the host part of an address. */
static const uint8_t *
octets_of(const struct addr *a, size_t *size)
{
	if (a->sa.sa_family == AF_INET) {
		*size = 4;
		return (const uint8_t *)&a->v4.sin_addr;
	}
	*size = 16;
	return (const uint8_t *)&a->v6.sin6_addr;
}

static bool
same_network(const struct addr *a, const struct addr *b, unsigned bits)
{
	size_t size, other;
	const uint8_t *x = octets_of(a, &size), *y = octets_of(b, &other);

	if (size != other || bits > size * 8 || memcmp(x, y, bits / 8) != 0)
		return false;
	return bits % 8 == 0 || ((x[bits / 8] ^ y[bits / 8]) >> (8 - bits % 8)) == 0;
}

static bool
is_ours(const struct reach_view *view, const struct addr *a)
{
	for (size_t i = 0; i < view->interface_count; i++)
		if (addr_same_host(&view->interfaces[i].addr, a))
			return true;
	return addr_is_loopback(a);
}

/* Is it on a network that one of our interfaces is on? */
static bool
is_near(const struct reach_view *view, const struct addr *a)
{
	for (size_t i = 0; i < view->interface_count; i++)
		if (!addr_is_loopback(&view->interfaces[i].addr) &&
		    same_network(&view->interfaces[i].addr, a, view->interfaces[i].prefix_bits))
			return true;
	return false;
}

/* An address that is valid inside some network only. */
static enum reach
judge_inner(const struct reach_view *view, enum reach_class class)
{
	bool known = view->reached.sa.sa_family != 0;
	bool far = known && reach_class_of(&view->reached) == REACH_CLASS_PUBLIC;

	if (class == REACH_CLASS_DOCKER && known)
		return REACH_DOCKER;
	if (class == REACH_CLASS_LINK || far)
		return REACH_PRIVATE;
	return known ? REACH_OTHER : REACH_FINE;
}

enum reach
reach_judge(const struct reach_view *view, const struct addr *a, bool routed)
{
	enum reach_class class = reach_class_of(a);
	bool known = view->reached.sa.sa_family != 0;

	if (class == REACH_CLASS_ANY)
		return REACH_ANY;
	if (known && addr_same_host(a, &view->reached))
		return REACH_FINE;
	if (is_ours(view, a)) /* fine if the server runs on this machine */
		return !known || is_ours(view, &view->reached) ? REACH_FINE
		       : class == REACH_CLASS_LOOPBACK	       ? REACH_LOOPBACK
							       : REACH_OTHER;
	if (is_near(view, a))
		return known && !is_ours(view, &view->reached) ? REACH_OTHER : REACH_FINE;
	if (class != REACH_CLASS_PUBLIC)
		return judge_inner(view, class);
	if (!routed)
		return REACH_ROUTE;
	return known ? REACH_OTHER : REACH_FINE;
}

/* ---- looking ---- */

bool
reach_has_route(const struct addr *a)
{
	int fd = socket(a->sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool routed = fd < 0 || connect(fd, &a->sa, addr_size(a)) == 0 ||
		      (errno != ENETUNREACH && errno != EHOSTUNREACH);

	if (fd >= 0)
		close(fd);
	return routed;
}

static unsigned
prefix_of(const struct sockaddr *mask)
{
	const uint8_t *p;
	unsigned bits = 0;
	size_t size = 4;

	if (mask == NULL) /* an address without a network */
		return 128;
	if (mask->sa_family == AF_INET6) {
		p = (const uint8_t *)&((const struct sockaddr_in6 *)mask)->sin6_addr;
		size = 16;
	} else {
		p = (const uint8_t *)&((const struct sockaddr_in *)mask)->sin_addr;
	}
	for (size_t i = 0; i < size; i++)
		bits += (unsigned)__builtin_popcount(p[i]);
	return bits;
}

void
reach_look(struct reach_view *view, const struct addr *reached)
{
	struct ifaddrs *list;

	memset(view, 0, sizeof(*view));
	view->reached = *reached;
	if (getifaddrs(&list) < 0)
		return;
	for (struct ifaddrs *i = list; i != NULL; i = i->ifa_next) {
		size_t n = view->interface_count;

		if (i->ifa_addr == NULL || n == REACH_INTERFACES_MAX ||
		    addr_from_sockaddr(&view->interfaces[n].addr, i->ifa_addr) < 0)
			continue;
		view->interfaces[n].prefix_bits = prefix_of(i->ifa_netmask);
		view->interface_count++;
	}
	freeifaddrs(list);
}
