/*
 * whip_candidate.h - which addresses an answer names, in which order.  Pure: interfaces, resolved
 * names and the relay's ports are arguments.
 */
#ifndef RTCKIT_WHIP_WHIP_CANDIDATE_H
#define RTCKIT_WHIP_WHIP_CANDIDATE_H

#include "base/addr.h"
#include "sdp/sdp.h"

enum {
	WHIP_ENTRIES_MAX = 16,	     /* --candidate values */
	WHIP_HOST_SIZE = 256,	     /* octets of a host name with its NUL (RFC 1035 s.2.3.4) */
	WHIP_ADDRESSES_MAX = 14,     /* addresses in an answer */
	WHIP_WAYS = 3,		     /* UDP; TCP at the relay; TCP at the front door */
	WHIP_NAME_ADDRESSES_MAX = 4, /* addresses used of one name */
	WHIP_NAMES_MAX = WHIP_ENTRIES_MAX + 1, /* names to resolve for one request */
	WHIP_INTERFACES_MAX = 64
};

enum whip_family { WHIP_IPV4 = 1, WHIP_IPV6 = 2, WHIP_IP_ALL = 3 }; /* a mask */

/* Transports that answers name; a mask. */
enum whip_protocol { WHIP_UDP = 1, WHIP_TCP = 2, WHIP_UDP_TCP = 3 };

struct whip_entry {
	bool any; /* "*" */
	bool is_name;
	struct addr addr; /* port 0: the relay's */
	char name[WHIP_HOST_SIZE];
	uint16_t port; /* of a name; 0: the relay's */
};

struct whip_rules {
	size_t entry_count;
	struct whip_entry entries[WHIP_ENTRIES_MAX];
	enum whip_protocol protocol;
	enum whip_family family; /* of detected addresses and of what names resolve to */
	bool detect;		 /* name the interfaces' addresses */
	bool api;		 /* name the host of the request's URL */
	bool resolve, keep;	 /* if that is a name: resolve it, or keep the name */
	bool gate_tcp;		 /* the front door takes TCP for the relay: at the port of the */
	uint16_t gate_port;	 /* request's URL, or at this one if it is not 0 */
};

/* Nothing configured, UDP and TCP, IPv4, detect, api, resolve. */
void whip_rules_init(struct whip_rules *rules);

/*
 * Add "*", "IP", "IP:PORT", "[IPV6]:PORT", "NAME", "NAME:PORT" or several, separated by blanks or
 * commas. "$NAME" stands for what getenv gives; unset or empty is "*". Returns 0, -EINVAL (nothing
 * is added) or -ENOSPC.
 */
int whip_rules_add(struct whip_rules *rules, const char *text);

/* The relay's ports (host order) by family; 0: it does not listen there. */
struct whip_ports {
	uint16_t udp4, udp6, tcp4, tcp6;
};

/* Copies at most cap addresses that a name resolves to; returns their count. */
typedef size_t whip_lookup_fn(void *arg, const char *name, struct addr *out, size_t cap);

struct whip_question {
	const struct addr *eip;	       /* ?eip=IP[:PORT], port 0: the relay's; NULL */
	const char *api_host;	       /* of the request, without port and brackets; NULL */
	const struct addr *interfaces; /* in the system's order, loopback included */
	size_t interface_count;
	struct whip_ports ports;
	uint16_t gate_tcp; /* the front door's port for TCP; 0: none */
	whip_lookup_fn *lookup;
	void *lookup_arg;
};

/* Stored by the caller; list[] borrows from texts[]. */
struct whip_candidates {
	size_t count;
	struct sdp_candidate list[WHIP_WAYS * WHIP_ADDRESSES_MAX];
	size_t address_count;
	struct {
		char host[WHIP_HOST_SIZE];
		bool is_ipv6, is_public; /* public: neither private nor loopback; names are */
		uint16_t port;		 /* 0: the relay's */
		char foundations[WHIP_WAYS][4];
	} addresses[WHIP_ADDRESSES_MAX];
};

/*
 * Apply the rules: eip first; then the request's host; then, if any entry is not "*", the entries;
 * else (or with "*" among them) the interfaces' addresses that are not loopback, failing these the
 * first IPv4 address, failing that the first. Each address once; all by UDP before all by TCP
 * at the relay before all by TCP at the front door, as far as the rules and both have them.
 */
void whip_candidates_find(struct whip_candidates *out, const struct whip_rules *rules,
			  const struct whip_question *q);

/* The names that must be resolved before. Borrow from rules and api_host. Returns the count. */
size_t whip_rules_names(const struct whip_rules *rules, const char *api_host,
			const char *names[static WHIP_NAMES_MAX]);

#endif
