#include "tcp/tcp_handover.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

enum {
	FRAME_HEAD_OCTETS = 2,
	FRAME_OCTETS_MAX = TCP_HANDOVER_OCTETS_MAX - FRAME_HEAD_OCTETS,
	STUN_HEAD_OCTETS = 20,	      /* RFC 8489 s.5 */
	STUN_BINDING_REQUEST = 1,     /* class and method */
	JUDGED_OCTETS = 2 + 2 + 2 + 4 /* frame length, type, length, magic cookie */
};
static const uint32_t magic_cookie = 0x2112a442;

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

static void
write_address(uint8_t *buf, const struct addr *a, unsigned which)
{
	uint8_t *octets = buf + AT_ADDRESSES + which * ADDRESS_SIZE;

	memset(octets, 0, ADDRESS_SIZE);
	if (a->sa.sa_family == AF_INET)
		memcpy(octets, &a->v4.sin_addr, sizeof(a->v4.sin_addr));
	else
		memcpy(octets, &a->v6.sin6_addr, sizeof(a->v6.sin6_addr));
	put_be16(buf + AT_PORTS + 2 * which, addr_port(a));
}

int
tcp_handover_write(uint8_t buf[static TCP_HANDOVER_SIZE_MAX], const struct tcp_handover *h)
{
	sa_family_t family = h->tuple.remote.sa.sa_family;

	if ((family != AF_INET && family != AF_INET6) || h->tuple.local.sa.sa_family != family ||
	    h->size < TCP_HANDOVER_OCTETS_MIN || h->size > TCP_HANDOVER_OCTETS_MAX)
		return -EINVAL;
	buf[0] = TCP_HANDOVER_VERSION;
	buf[AT_FAMILY] = family == AF_INET ? 4 : 6;
	put_be16(buf + AT_COUNT, (uint16_t)h->size);
	write_address(buf, &h->tuple.remote, 0);
	write_address(buf, &h->tuple.local, 1);
	memcpy(buf + TCP_HANDOVER_HEAD_SIZE, h->octets, h->size);
	return (int)(TCP_HANDOVER_HEAD_SIZE + h->size);
}

int
tcp_handover_judge(const uint8_t *buf, size_t size)
{
	size_t length;

	if (size > 0 && buf[0] > FRAME_OCTETS_MAX >> 8)
		return -ENOMSG;
	if (size < FRAME_HEAD_OCTETS)
		return 0;
	length = be16(buf);
	if (length < STUN_HEAD_OCTETS || length > FRAME_OCTETS_MAX || length % 4 != 0)
		return -ENOMSG;
	if (size < JUDGED_OCTETS)
		return 0;
	if (be16(buf + 2) != STUN_BINDING_REQUEST || be16(buf + 4) != length - STUN_HEAD_OCTETS ||
	    be32(buf + 6) != magic_cookie)
		return -ENOMSG;
	return size >= FRAME_HEAD_OCTETS + length;
}
