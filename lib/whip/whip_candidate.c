#include "whip/whip_candidate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/text.h"
#include "http/url.h"

void
whip_rules_init(struct whip_rules *rules)
{
	memset(rules, 0, sizeof(*rules));
	rules->protocol = WHIP_UDP_TCP;
	rules->family = WHIP_IPV4;
	rules->detect = rules->api = rules->resolve = true;
}

static bool
is_name(const char *text)
{
	static const char alphabet[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";

	return text[0] != '\0' && text[strspn(text, alphabet)] == '\0' &&
	       strchr(".-", text[0]) == NULL;
}

static int
parse_entry(struct whip_entry *entry, const char *text)
{
	struct url_span host;
	bool ipv6;

	memset(entry, 0, sizeof(*entry));
	if (strcmp(text, "*") == 0) {
		entry->any = true;
		return 0;
	}
	if (addr_parse(&entry->addr, text, 0) == 0)
		return 0;
	if (url_parse_host(&host, &entry->port, &ipv6, text, strlen(text)) < 0 || ipv6 ||
	    host.size >= sizeof(entry->name))
		return -EINVAL;
	memcpy(entry->name, host.ptr, host.size);
	entry->is_name = true;
	return is_name(entry->name) ? 0 : -EINVAL;
}

/* One word of a --candidate value, variables already replaced. */
static int
add_word(struct whip_rules *rules, const char *word)
{
	if (rules->entry_count == WHIP_ENTRIES_MAX)
		return -ENOSPC;
	if (parse_entry(&rules->entries[rules->entry_count], word) < 0)
		return -EINVAL;
	rules->entry_count++;
	return 0;
}

static int
add_words(struct whip_rules *rules, const char *text)
{
	char word[WHIP_HOST_SIZE + 8];
	int r = 0;

	for (text += strspn(text, " ,"); *text != '\0' && r == 0; text += strspn(text, " ,")) {
		size_t n = strcspn(text, " ,");

		if (n >= sizeof(word))
			return -EINVAL;
		memcpy(word, text, n);
		word[n] = '\0';
		r = add_word(rules, word);
		text += n;
	}
	return r;
}

int
whip_rules_add(struct whip_rules *rules, const char *text)
{
	size_t before = rules->entry_count;
	int r;

	if (text[0] == '$') {
		const char *value = getenv(text + 1);

		text = value != NULL && value[0] != '\0' ? value : "*";
	}
	r = add_words(rules, text);
	if (r == 0 && rules->entry_count == before)
		r = -EINVAL;
	if (r < 0)
		rules->entry_count = before;
	return r;
}

static void
add_host(struct whip_candidates *out, const char *host, bool is_ipv6, bool is_public, uint16_t port)
{
	for (size_t i = 0; i < out->address_count; i++)
		if (strcasecmp(out->addresses[i].host, host) == 0 && out->addresses[i].port == port)
			return;
	if (out->address_count == WHIP_ADDRESSES_MAX)
		return;
	text_copy(out->addresses[out->address_count].host, WHIP_HOST_SIZE, host);
	out->addresses[out->address_count].is_ipv6 = is_ipv6;
	out->addresses[out->address_count].is_public = is_public;
	out->addresses[out->address_count].port = port;
	out->address_count++;
}

static void
add_address(struct whip_candidates *out, const struct addr *a, uint16_t port)
{
	char text[ADDR_TEXT_SIZE];

	add_host(out, addr_format_host(a, text), a->sa.sa_family == AF_INET6,
		 !addr_is_private(a) && !addr_is_loopback(a), port);
}

static bool
in_family(const struct whip_rules *rules, const struct addr *a)
{
	enum whip_family f = a->sa.sa_family == AF_INET6 ? WHIP_IPV6 : WHIP_IPV4;

	return (rules->family & f) != 0;
}

static void
add_name(struct whip_candidates *out, const struct whip_rules *rules, const struct whip_question *q,
	 const char *name, uint16_t port)
{
	struct addr found[WHIP_NAME_ADDRESSES_MAX];
	size_t count =
	    q->lookup != NULL ? q->lookup(q->lookup_arg, name, found, ARRAY_COUNT(found)) : 0;

	for (size_t i = 0; i < count; i++)
		if (in_family(rules, &found[i]) && !addr_is_loopback(&found[i]) &&
		    !addr_is_any(&found[i]))
			add_address(out, &found[i], port);
}

static bool
is_localhost(const char *host)
{
	size_t n = strlen(host);

	return strcasecmp(host, "localhost") == 0 ||
	       (n > 10 && strcasecmp(host + n - 10, ".localhost") == 0);
}

static void
add_api_host(struct whip_candidates *out, const struct whip_rules *rules,
	     const struct whip_question *q)
{
	struct addr a;

	if (!rules->api || q->api_host == NULL || is_localhost(q->api_host))
		return;
	if (addr_parse(&a, q->api_host, 0) == 0) {
		if (!addr_is_loopback(&a) && !addr_is_any(&a))
			add_address(out, &a, 0);
	} else if (!is_name(q->api_host)) {
		return;
	} else if (rules->keep) {
		add_host(out, q->api_host, false, true, 0);
	} else if (rules->resolve) {
		add_name(out, rules, q, q->api_host, 0);
	}
}

/* Entries other than "*". Returns true if the interfaces are to be searched too. */
static bool
add_entries(struct whip_candidates *out, const struct whip_rules *rules,
	    const struct whip_question *q)
{
	bool search = rules->entry_count == 0;

	for (size_t i = 0; i < rules->entry_count; i++) {
		const struct whip_entry *e = &rules->entries[i];

		if (e->any)
			search = true;
		else if (e->is_name)
			add_name(out, rules, q, e->name, e->port);
		else
			add_address(out, &e->addr, addr_port(&e->addr));
	}
	return search;
}

static bool
is_link_local(const struct addr *a)
{
	return a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&a->v6.sin6_addr);
}

static void
add_interfaces(struct whip_candidates *out, const struct whip_rules *rules,
	       const struct whip_question *q)
{
	bool found = false;

	for (size_t i = 0; i < q->interface_count; i++) {
		const struct addr *a = &q->interfaces[i];

		if (!in_family(rules, a) || addr_is_loopback(a) || is_link_local(a))
			continue;
		add_address(out, a, 0);
		found = true;
	}
	for (size_t i = 0; i < q->interface_count && !found; i++)
		if (q->interfaces[i].sa.sa_family == AF_INET) {
			add_address(out, &q->interfaces[i], 0);
			found = true;
		}
	if (!found && q->interface_count > 0)
		add_address(out, &q->interfaces[0], 0);
}

/* The port for an address: its own, else the relay's of its family, else the relay's other one. */
static uint16_t
port_for(uint16_t own, bool is_ipv6, uint16_t port4, uint16_t port6)
{
	uint16_t same = is_ipv6 ? port6 : port4, other = is_ipv6 ? port4 : port6;

	if (same == 0 && other == 0)
		return 0;
	if (own != 0)
		return own;
	return same != 0 ? same : other;
}

enum way { WAY_UDP, WAY_TCP, WAY_GATE };

static uint16_t
port_of(const struct whip_candidates *out, size_t i, const struct whip_question *q, enum way way)
{
	uint16_t own = out->addresses[i].port;
	bool is_ipv6 = out->addresses[i].is_ipv6;

	switch (way) {
	case WAY_UDP:
		return port_for(own, is_ipv6, q->ports.udp4, q->ports.udp6);
	case WAY_TCP:
		return port_for(own, is_ipv6, q->ports.tcp4, q->ports.tcp6);
	case WAY_GATE:
		break;
	}
	/* The relay may listen on the front door's port at another address: named once. */
	own = port_for(own, is_ipv6, q->ports.tcp4, q->ports.tcp6);
	return q->gate_tcp == own ? 0 : q->gate_tcp;
}

/*
 * Priorities (RFC 8445 s.5.1.2.1): host candidates of UDP have type preference 126; of TCP 90,
 * below all of them; the local preference falls with the index.
 */
static void
add_candidates(struct whip_candidates *out, const struct whip_question *q, enum way way)
{
	bool tcp = way != WAY_UDP;

	for (size_t i = 0; i < out->address_count; i++) {
		uint16_t port = port_of(out, i, q, way);
		char *foundation = out->addresses[i].foundations[way];
		size_t rank = i + (way == WAY_GATE ? WHIP_ADDRESSES_MAX : 0);

		if (port == 0)
			continue;
		snprintf(foundation, sizeof(out->addresses[i].foundations[0]), "%u",
			 (unsigned)(i + 1 + way * WHIP_ADDRESSES_MAX) % 1000);
		out->list[out->count++] = (struct sdp_candidate){
		    .foundation = foundation,
		    .component = 1,
		    .proto = tcp ? SDP_TCP : SDP_UDP,
		    .priority = (tcp ? 90u : 126u) << 24 | (uint32_t)(65535 - rank) << 8 | 255,
		    .address = out->addresses[i].host,
		    .port = port,
		    .type = SDP_HOST,
		    .tcp_type = tcp ? SDP_TCP_PASSIVE : SDP_TCP_NONE,
		};
	}
}

void
whip_candidates_find(struct whip_candidates *out, const struct whip_rules *rules,
		     const struct whip_question *q)
{
	out->count = out->address_count = 0;
	if (q->eip != NULL)
		add_address(out, q->eip, addr_port(q->eip));
	add_api_host(out, rules, q);
	if (add_entries(out, rules, q) && rules->detect)
		add_interfaces(out, rules, q);
	if ((rules->protocol & WHIP_UDP) != 0)
		add_candidates(out, q, WAY_UDP);
	if ((rules->protocol & WHIP_TCP) != 0) {
		add_candidates(out, q, WAY_TCP);
		add_candidates(out, q, WAY_GATE);
	}
}

size_t
whip_rules_names(const struct whip_rules *rules, const char *api_host,
		 const char *names[static WHIP_NAMES_MAX])
{
	size_t count = 0;
	struct addr a;

	if (rules->api && rules->resolve && !rules->keep && api_host != NULL &&
	    !is_localhost(api_host) && addr_parse(&a, api_host, 0) < 0 && is_name(api_host))
		names[count++] = api_host;
	for (size_t i = 0; i < rules->entry_count; i++)
		if (rules->entries[i].is_name)
			names[count++] = rules->entries[i].name;
	return count;
}
