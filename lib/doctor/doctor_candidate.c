#include "doctor/doctor_candidate.h"

#include <string.h>
#include <strings.h>

enum { DOCKER_NET = 0xac11 }; /* 172.17 */

enum doctor_class
doctor_class_of(const struct addr *a)
{
	if (addr_is_any(a))
		return DOCTOR_CLASS_ANY;
	if (addr_is_loopback(a))
		return DOCTOR_CLASS_LOOPBACK;
	if (a->sa.sa_family == AF_INET) {
		uint32_t host = ntohl(a->v4.sin_addr.s_addr);

		if (host >> 16 == DOCKER_NET)
			return DOCTOR_CLASS_DOCKER;
		if (host >> 16 == 0xa9fe)
			return DOCTOR_CLASS_LINK;
	} else if (IN6_IS_ADDR_LINKLOCAL(&a->v6.sin6_addr)) {
		return DOCTOR_CLASS_LINK;
	}
	return addr_is_private(a) ? DOCTOR_CLASS_PRIVATE : DOCTOR_CLASS_PUBLIC;
}

const char *
doctor_class_name(enum doctor_class c)
{
	static const char *const names[] = {
	    [DOCTOR_CLASS_PUBLIC] = "public",	       [DOCTOR_CLASS_ANY] = "no address",
	    [DOCTOR_CLASS_LOOPBACK] = "loopback",      [DOCTOR_CLASS_LINK] = "link-local",
	    [DOCTOR_CLASS_DOCKER] = "Docker's bridge", [DOCTOR_CLASS_PRIVATE] = "private",
	};

	return names[c];
}

bool
doctor_is_mdns(const char *name)
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
is_ours(const struct doctor_view *view, const struct addr *a)
{
	for (size_t i = 0; i < view->interface_count; i++)
		if (addr_same_host(&view->interfaces[i].addr, a))
			return true;
	return addr_is_loopback(a);
}

/* Is it on a network that one of our interfaces is on? */
static bool
is_near(const struct doctor_view *view, const struct addr *a)
{
	for (size_t i = 0; i < view->interface_count; i++)
		if (!addr_is_loopback(&view->interfaces[i].addr) &&
		    same_network(&view->interfaces[i].addr, a, view->interfaces[i].prefix_bits))
			return true;
	return false;
}

/* An address that is valid inside some network only. */
static enum doctor_cause
judge_inner(const struct doctor_view *view, enum doctor_class class)
{
	bool known = view->reached.sa.sa_family != 0;
	bool far = known && doctor_class_of(&view->reached) == DOCTOR_CLASS_PUBLIC;

	if (class == DOCTOR_CLASS_DOCKER && known)
		return DOCTOR_CAND_DOCKER;
	if (class == DOCTOR_CLASS_LINK || far)
		return DOCTOR_CAND_PRIVATE;
	return known ? DOCTOR_CAND_OTHER : DOCTOR_NO_CAUSE;
}

enum doctor_cause
doctor_candidate_judge(const struct doctor_view *view, const struct addr *a, bool routed)
{
	enum doctor_class class = doctor_class_of(a);
	bool known = view->reached.sa.sa_family != 0;

	if (class == DOCTOR_CLASS_ANY)
		return DOCTOR_CAND_ANY;
	if (known && addr_same_host(a, &view->reached))
		return DOCTOR_NO_CAUSE;
	if (is_ours(view, a)) /* fine if the server runs on this machine */
		return !known || is_ours(view, &view->reached) ? DOCTOR_NO_CAUSE
		       : class == DOCTOR_CLASS_LOOPBACK	       ? DOCTOR_CAND_LOOPBACK
							       : DOCTOR_CAND_OTHER;
	if (is_near(view, a))
		return known && !is_ours(view, &view->reached) ? DOCTOR_CAND_OTHER
							       : DOCTOR_NO_CAUSE;
	if (class != DOCTOR_CLASS_PUBLIC)
		return judge_inner(view, class);
	if (!routed)
		return DOCTOR_CAND_ROUTE;
	return known ? DOCTOR_CAND_OTHER : DOCTOR_NO_CAUSE;
}
