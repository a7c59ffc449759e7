#include "tcp/tcp_handover.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

enum { AT_FAMILY = 1, AT_COUNT = 2, AT_PORTS = 4, AT_ADDRESSES = 8, ADDRESS_SIZE = 16 };

/* The peer's address (which 0) or our own (1). */
static void
read_address(struct addr *a, const uint8_t *buf, unsigned which)
{
	const uint8_t *octets = buf + AT_ADDRESSES + which * ADDRESS_SIZE;

	memset(a, 0, sizeof(*a));
	if (buf[AT_FAMILY] == 4) {
		a->v4.sin_family = AF_INET;
		memcpy(&a->v4.sin_addr, octets, sizeof(a->v4.sin_addr));
	} else {
		a->v6.sin6_family = AF_INET6;
		memcpy(&a->v6.sin6_addr, octets, sizeof(a->v6.sin6_addr));
	}
	addr_set_port(a, be16(buf + AT_PORTS + 2 * which));
}

int
tcp_handover_parse(struct tcp_handover *h, const uint8_t *buf, size_t size)
{
	size_t count;

	if (size < TCP_HANDOVER_HEAD_SIZE || buf[0] != TCP_HANDOVER_VERSION ||
	    (buf[AT_FAMILY] != 4 && buf[AT_FAMILY] != 6))
		return -EBADMSG;
	count = be16(buf + AT_COUNT);
	if (count < TCP_HANDOVER_OCTETS_MIN || count > TCP_HANDOVER_OCTETS_MAX ||
	    size != TCP_HANDOVER_HEAD_SIZE + count)
		return -EBADMSG;
	memset(h, 0, sizeof(*h));
	read_address(&h->tuple.remote, buf, 0);
	read_address(&h->tuple.local, buf, 1);
	h->tuple.proto = ICE_TCP;
	h->octets = buf + TCP_HANDOVER_HEAD_SIZE;
	h->size = count;
	return 0;
}
