/* The addresses of this host, and the warning that they will not do. */
#include "whip/whip_endpoint.h"

#include <ifaddrs.h>
#include <net/if.h>

#include "base/bytes.h"
#include "log/log.h"

size_t
whip_interfaces(struct addr *out, size_t cap)
{
	struct ifaddrs *list;
	size_t count = 0;

	if (getifaddrs(&list) < 0)
		return 0;
	for (struct ifaddrs *i = list; i != NULL && count < cap; i = i->ifa_next)
		if (i->ifa_addr != NULL && (i->ifa_flags & IFF_UP) != 0 &&
		    addr_from_sockaddr(&out[count], i->ifa_addr) == 0)
			addr_set_port(&out[count++], 0);
	freeifaddrs(list);
	return count;
}

void
whip_endpoint_warn(const struct whip_endpoint *ep)
{
	struct addr interfaces[WHIP_INTERFACES_MAX];
	struct whip_candidates found;
	struct whip_question q = {.interfaces = interfaces, .ports = {1, 1, 0, 0}};

	q.interface_count = whip_interfaces(interfaces, ARRAY_COUNT(interfaces));
	for (size_t i = 0; i < ep->rules.entry_count; i++)
		if (ep->rules.entries[i].is_name)
			return;
	whip_candidates_find(&found, &ep->rules, &q);
	for (size_t i = 0; i < found.address_count; i++)
		if (found.addresses[i].is_public)
			return;
	log_warn("candidate",
		 "%s%s: only clients of this network can reach the relay; for others name "
		 "the public address: --candidate IP, or CANDIDATE=IP in the environment",
		 found.address_count == 0 ? "no address to name" : "every address is private: ",
		 found.address_count == 0 ? "" : found.addresses[0].host);
}
