/*
 * A server for the tests of rtc-stun-probe: one UDP port, one lite agent, one fault.
 *
 *	stun_responder [-6] [-u ufrag] [-p pwd] [-f fault]
 *
 * Prints "PORT\n" when it is bound, serves until its standard input ends. Plain requests (without
 * USERNAME) are answered without integrity. Faults:
 *	integrity	answers are signed with another password
 *	none		answers carry no integrity
 *	fingerprint	the last octet is changed
 *	address		no mapped address
 *	garbage		answers are text
 *	silent		nothing is answered
 *	drop2		the first two requests get no answer
 *	half		each second request gets none
 *	nat		the mapped address is 192.0.2.1:1
 *	error		every request is answered 500
 *	wants		plain requests are answered 400
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/text.h"
#include "ice/ice_lite.h"

struct server {
	struct ice_creds local;
	struct ice_lite *ice;
	const char *fault;
	int fd;
	unsigned seen;
};

static bool
faulty(const struct server *s, const char *fault)
{
	return strcmp(s->fault, fault) == 0;
}

static int
make_answer(struct server *s, uint8_t *buf, size_t cap, const struct ice_tuple *from,
	    const struct stun_msg *request)
{
	struct stun_writer w;
	struct addr mapped = from->remote;
	size_t size;
	const char *pwd = s->local.pwd;

	if (stun_attr(request, STUN_USERNAME, &size) == NULL || faulty(s, "none"))
		pwd = NULL;
	else if (faulty(s, "integrity"))
		pwd = "anotherpasswordaltogether";
	if (faulty(s, "nat"))
		addr_parse(&mapped, "192.0.2.1:1", 0);
	if (faulty(s, "error") || (faulty(s, "wants") && pwd == NULL)) {
		stun_start(&w, buf, cap, STUN_ERROR, request->txid);
		stun_add_error(&w, faulty(s, "error") ? 500 : 400, "No");
	} else {
		stun_start(&w, buf, cap, STUN_SUCCESS, request->txid);
		if (!faulty(s, "address"))
			stun_add_address(&w, STUN_XOR_MAPPED_ADDRESS, &mapped);
	}
	return stun_finish(&w, pwd, true);
}

/* What the lite agent says; or, where the fault asks for it or there is no user name, our own. */
static int
answer(struct server *s, struct ice_datagram *out, const struct ice_tuple *from, const uint8_t *buf,
       size_t size)
{
	struct stun_msg msg;
	size_t n;
	int rc;

	if (faulty(s, "garbage")) {
		out->size = (uint16_t)snprintf((char *)out->buf, sizeof(out->buf), "hello");
		return 1;
	}
	if (stun_parse(&msg, buf, size) < 0)
		return 0;
	if (s->fault[0] == '\0' && stun_attr(&msg, STUN_USERNAME, &n) != NULL) {
		ice_lite_input(s->ice, clock_now_us(), from, buf, size);
		return ice_lite_poll(s->ice, out);
	}
	rc = make_answer(s, out->buf, sizeof(out->buf), from, &msg);
	if (rc > 0 && faulty(s, "fingerprint"))
		out->buf[rc - 1] ^= 1;
	out->size = (uint16_t)rc;
	return rc > 0;
}

static bool
ignored(struct server *s)
{
	s->seen++;
	return faulty(s, "silent") || (faulty(s, "drop2") && s->seen <= 2) ||
	       (faulty(s, "half") && s->seen % 2 == 0);
}

static void
serve(struct server *s)
{
	struct sockaddr_storage name;
	socklen_t name_size = sizeof(name);
	struct ice_tuple from = {.proto = ICE_UDP};
	struct ice_datagram out;
	uint8_t buf[2048];
	ssize_t n = recvfrom(s->fd, buf, sizeof(buf), 0, (struct sockaddr *)&name, &name_size);

	if (n < 0 || ignored(s) || addr_from_sockaddr(&from.remote, (struct sockaddr *)&name) < 0)
		return;
	from.local = from.remote;
	if (answer(s, &out, &from, buf, (size_t)n) == 1)
		sendto(s->fd, out.buf, out.size, 0, (struct sockaddr *)&name, name_size);
}

static int
bind_loopback(bool ipv6)
{
	struct addr a;
	socklen_t size;
	int fd = socket(ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || addr_parse(&a, ipv6 ? "[::1]:0" : "127.0.0.1:0", 0) < 0)
		return -1;
	size = addr_size(&a);
	if (bind(fd, &a.sa, size) < 0 || getsockname(fd, &a.sa, &size) < 0)
		return -1;
	printf("%u\n", addr_port(&a));
	fflush(stdout);
	return fd;
}

int
main(int argc, char **argv)
{
	struct server s = {.local = {"6pk11386", "l91z529147ri9163933p51c4"}, .fault = ""};
	struct pollfd fds[2] = {{.events = POLLIN}, {.events = POLLIN}};
	bool ipv6 = false;
	int key;

	for (key = getopt(argc, argv, "6u:p:f:"); key != -1; key = getopt(argc, argv, "6u:p:f:")) {
		switch (key) {
		case '6':
			ipv6 = true;
			break;
		case 'u':
			text_copy(s.local.ufrag, sizeof(s.local.ufrag), optarg);
			break;
		case 'p':
			text_copy(s.local.pwd, sizeof(s.local.pwd), optarg);
			break;
		case 'f':
			s.fault = optarg;
			break;
		default:
			return 64;
		}
	}
	s.fd = bind_loopback(ipv6);
	s.ice = ice_lite_new(&s.local, NULL, clock_now_us(), 1, 1, random_u64());
	if (s.fd < 0 || s.ice == NULL) {
		perror("stun_responder");
		return 71;
	}
	fds[1].fd = s.fd;
	while (poll(fds, 2, -1) > 0 && fds[0].revents == 0)
		if (fds[1].revents != 0)
			serve(&s);
	ice_lite_free(s.ice);
	close(s.fd);
	return 0;
}
