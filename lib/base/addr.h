/* addr.h - a transport address: IPv4 or IPv6 address and port.  28 octets, comparable, hashable. */
#ifndef RTCKIT_BASE_ADDR_H
#define RTCKIT_BASE_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ADDR_TEXT_SIZE = 64 }; /* "[v6%scope]:port" with its NUL */

/* The caller stores it; sa.sa_family is 0 (unset), AF_INET or AF_INET6. Plain data: copy freely. */
struct addr {
	union {
		struct sockaddr sa;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	};
};

/*
 * Parse "1.2.3.4", "1.2.3.4:5", "::1", "[::1]:5" (never a name; never asks a resolver). port is
 * used when the text has none. An IPv4-mapped IPv6 address becomes plain IPv4. Returns 0 or
 * -EINVAL; *a is untouched on error.
 */
int addr_parse(struct addr *a, const char *text, uint16_t port);

/*
 * Take a kernel's address. An IPv4-mapped IPv6 address becomes plain IPv4 (so that one peer has one
 * form). Returns 0 or -EAFNOSUPPORT.
 */
int addr_from_sockaddr(struct addr *a, const struct sockaddr *sa);

/* Octets of the sockaddr, for sendmsg and connect. */
socklen_t addr_size(const struct addr *a);

/* Write "1.2.3.4:5" or "[::1]:5" (addr_format), or the address alone (addr_format_host). Returns
 * text. */
char *addr_format(const struct addr *a, char text[static ADDR_TEXT_SIZE]);
char *addr_format_host(const struct addr *a, char text[static ADDR_TEXT_SIZE]);

uint16_t addr_port(const struct addr *a); /* host order */
void addr_set_port(struct addr *a, uint16_t port);

bool addr_equal(const struct addr *a, const struct addr *b);	 /* family, address and port */
bool addr_same_host(const struct addr *a, const struct addr *b); /* without the port */
/*
 * The same one for limits: of IPv6 the network of 64 bits that one customer gets (RFC 6177 s.2),
 * for whoever has it has all of its addresses. The second compares texts; what is no address is
 * only the same as itself.
 */
bool addr_same_source(const struct addr *a, const struct addr *b);
bool addr_text_same_source(const char *a, const char *b);
uint64_t addr_hash(const struct addr *a); /* of family, address and port */

bool addr_is_loopback(const struct addr *a);
bool addr_is_private(const struct addr *a); /* RFC 1918, 4193, 3927, 4291 link-local, 6598 */
bool addr_is_any(const struct addr *a);	    /* 0.0.0.0 or :: */

#endif
