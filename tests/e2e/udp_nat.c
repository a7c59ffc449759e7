/*
 * A NAT of one client on loopback, which can be told to give it another port.
 *
 *	udp_nat SERVER:PORT
 *
 * Prints its own "PORT". What a client sends there goes on to the server from the NAT's outer port,
 * and back. Commands on standard input, a line each, each answered by a line:
 *	rebind		another outer port; the old one is closed. "ok"
 *	mute		as rebind, and what comes to the new port is counted and dropped. "ok"
 *	stats		"UP_PACKETS UP_OCTETS DOWN_PACKETS DOWN_OCTETS" of the present outer port
 * Ends with standard input.
 */
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/bytes.h"

enum { INSIDE, OUTSIDE, COMMANDS, FDS };

struct nat {
	struct addr server, client;
	struct pollfd fds[FDS];
	bool muted;
	unsigned long up, up_octets, down, down_octets;
};

static int
bind_loopback(uint16_t *port)
{
	struct addr a;
	socklen_t size;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || addr_parse(&a, "127.0.0.1:0", 0) < 0)
		return -1;
	size = addr_size(&a);
	if (bind(fd, &a.sa, size) < 0 || getsockname(fd, &a.sa, &size) < 0)
		return -1;
	*port = addr_port(&a);
	return fd;
}

static int
rebind(struct nat *n, bool muted)
{
	uint16_t port;

	if (n->fds[OUTSIDE].fd >= 0)
		close(n->fds[OUTSIDE].fd);
	n->fds[OUTSIDE].fd = bind_loopback(&port);
	n->fds[OUTSIDE].revents = 0; /* what poll said was of the old one */
	n->muted = muted;
	n->up = n->up_octets = n->down = n->down_octets = 0;
	return n->fds[OUTSIDE].fd;
}

static void
from_inside(struct nat *n)
{
	uint8_t buf[65536];
	socklen_t size = sizeof(n->client);
	ssize_t got = recvfrom(n->fds[INSIDE].fd, buf, sizeof(buf), 0, &n->client.sa, &size);

	if (got < 0)
		return;
	n->up++;
	n->up_octets += (unsigned long)got;
	sendto(n->fds[OUTSIDE].fd, buf, (size_t)got, 0, &n->server.sa, addr_size(&n->server));
}

static void
from_outside(struct nat *n)
{
	uint8_t buf[65536];
	ssize_t got = recv(n->fds[OUTSIDE].fd, buf, sizeof(buf), 0);

	if (got < 0)
		return;
	n->down++;
	n->down_octets += (unsigned long)got;
	if (!n->muted)
		sendto(n->fds[INSIDE].fd, buf, (size_t)got, 0, &n->client.sa,
		       addr_size(&n->client));
}

/* False at the end. */
static bool
command(struct nat *n)
{
	char line[64] = "";

	for (size_t i = 0; i + 1 < sizeof(line); i++) {
		if (read(0, &line[i], 1) != 1)
			return false;
		if (line[i] == '\n')
			break;
	}
	if (strcmp(line, "stats\n") == 0)
		printf("%lu %lu %lu %lu\n", n->up, n->up_octets, n->down, n->down_octets);
	else
		puts(rebind(n, strcmp(line, "mute\n") == 0) >= 0 ? "ok" : "failed");
	fflush(stdout);
	return true;
}

int
main(int argc, char **argv)
{
	struct nat n = {.fds = {[OUTSIDE] = {.fd = -1}, [COMMANDS] = {.fd = 0}}};
	uint16_t port;

	if (argc != 2 || addr_parse(&n.server, argv[1], 0) < 0)
		return 64;
	n.fds[INSIDE].fd = bind_loopback(&port);
	if (n.fds[INSIDE].fd < 0 || rebind(&n, false) < 0)
		return 71;
	printf("%u\n", port);
	fflush(stdout);
	for (int i = 0; i < FDS; i++)
		n.fds[i].events = POLLIN;
	while (poll(n.fds, FDS, -1) > 0) {
		if (n.fds[COMMANDS].revents != 0 && !command(&n))
			break;
		if (n.fds[INSIDE].revents != 0)
			from_inside(&n);
		if (n.fds[OUTSIDE].revents & POLLIN)
			from_outside(&n);
	}
	return 0;
}
