/*
 * One ICE agent of ours on a loopback UDP socket, for the tests against other implementations.
 *
 *	ice_peer agent|agent-lite|lite
 *
 * Prints "UFRAG PWD ADDRESS PORT", reads the same of its peer, then a line for each change:
 * "connected controlling|controlled ADDRESS:PORT" of the full agent (agent-lite: told that its peer
 * is lite), "selected new|valid ADDRESS:PORT" of the lite one. What is not STUN is sent back. Ends
 * with standard input.
 */
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/random.h"
#include "ice/ice_agent.h"
#include "ice/ice_lite.h"

struct peer {
	int fd;
	struct addr here, there;
	struct ice_creds local, remote;
	struct ice_agent *agent;
	struct ice_lite *lite;
	char said[128]; /* the last line printed */
};

static void
say(struct peer *p)
{
	char line[sizeof(p->said)] = "", text[ADDR_TEXT_SIZE];
	const struct ice_path *path = p->lite != NULL ? ice_lite_selected(p->lite) : NULL;
	const struct ice_tuple *t = p->agent != NULL ? ice_agent_selected(p->agent) : NULL;

	if (path != NULL)
		snprintf(line, sizeof(line), "selected %s %s",
			 path->state == ICE_PATH_VALID ? "valid" : "new",
			 addr_format(&path->tuple.remote, text));
	else if (t != NULL)
		snprintf(line, sizeof(line), "connected %s %s",
			 ice_agent_controlling(p->agent) ? "controlling" : "controlled",
			 addr_format(&t->remote, text));
	else if (p->agent != NULL && ice_agent_state(p->agent) == ICE_AGENT_FAILED)
		snprintf(line, sizeof(line), "failed");
	if (strcmp(line, p->said) == 0)
		return;
	memcpy(p->said, line, sizeof(line));
	puts(line);
	fflush(stdout);
}

static void
flush_out(struct peer *p)
{
	struct ice_datagram d;

	while (p->lite != NULL ? ice_lite_poll(p->lite, &d) : ice_agent_poll(p->agent, &d))
		sendto(p->fd, d.buf, d.size, 0, &d.to.remote.sa, addr_size(&d.to.remote));
	say(p);
}

static void
receive(struct peer *p)
{
	uint8_t buf[2048];
	struct sockaddr_storage name;
	socklen_t name_size = sizeof(name);
	struct ice_tuple from = {.proto = ICE_UDP, .local = p->here};
	ssize_t n = recvfrom(p->fd, buf, sizeof(buf), 0, (struct sockaddr *)&name, &name_size);

	if (n < 0 || addr_from_sockaddr(&from.remote, (struct sockaddr *)&name) < 0)
		return;
	if (!stun_accepts(buf, (size_t)n))
		sendto(p->fd, buf, (size_t)n, 0, (struct sockaddr *)&name, name_size);
	else if (p->lite != NULL)
		ice_lite_input(p->lite, clock_now_us(), &from, buf, (size_t)n);
	else
		ice_agent_input(p->agent, clock_now_us(), &from, buf, (size_t)n);
	flush_out(p);
}

static void
time_out(struct peer *p)
{
	if (p->lite != NULL)
		ice_lite_timeout(p->lite, clock_now_us());
	else
		ice_agent_timeout(p->agent, clock_now_us());
	flush_out(p);
}

static int
wait_ms(const struct peer *p)
{
	uint64_t now = clock_now_us(),
		 at = p->lite != NULL ? ice_lite_deadline(p->lite) : ice_agent_deadline(p->agent);

	return at <= now ? 0 : (int)MIN_OF((at - now + 999) / 1000, 1000);
}

static void
serve(struct peer *p)
{
	struct pollfd fds[2] = {{.fd = 0, .events = POLLIN}, {.fd = p->fd, .events = POLLIN}};

	while (poll(fds, 2, wait_ms(p)) >= 0 && fds[0].revents == 0) {
		if (fds[1].revents != 0)
			receive(p);
		if (wait_ms(p) == 0)
			time_out(p);
	}
}

/* A line from standard input, an octet at a time so that poll() sees the rest. */
static bool
read_line(char *line, size_t size)
{
	size_t n = 0;

	while (n + 1 < size && read(0, line + n, 1) == 1 && line[n] != '\n')
		n++;
	line[n] = '\0';
	return n > 0;
}

static int
exchange(struct peer *p)
{
	char line[1024], host[64], text[ADDR_TEXT_SIZE];
	unsigned port;

	printf("%s %s %s %u\n", p->local.ufrag, p->local.pwd, addr_format_host(&p->here, text),
	       addr_port(&p->here));
	fflush(stdout);
	if (!read_line(line, sizeof(line)) ||
	    sscanf(line, "%256s %256s %63s %u", p->remote.ufrag, p->remote.pwd, host, &port) != 4)
		return -1;
	return addr_parse(&p->there, host, (uint16_t)port);
}

static int
bind_loopback(struct peer *p)
{
	socklen_t size;

	if (addr_parse(&p->here, "127.0.0.1:0", 0) < 0)
		return -1;
	size = addr_size(&p->here);
	p->fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (p->fd < 0 || bind(p->fd, &p->here.sa, size) < 0)
		return -1;
	return getsockname(p->fd, &p->here.sa, &size);
}

int
main(int argc, char **argv)
{
	struct peer p = {.fd = -1};
	struct ice_tuple tuple = {.proto = ICE_UDP};
	bool lite = argc == 2 && strcmp(argv[1], "lite") == 0;

	if (argc != 2 || bind_loopback(&p) < 0)
		return 71;
	random_ice_text(p.local.ufrag, 8);
	random_ice_text(p.local.pwd, 24);
	if (!lite) {
		p.agent = ice_agent_new(clock_now_us(), 10000000, random_u64());
		if (p.agent == NULL)
			return 71;
		p.local = *ice_agent_local(p.agent);
	}
	if (exchange(&p) < 0)
		return 65;
	if (lite) {
		p.lite = ice_lite_new(&p.local, &p.remote, clock_now_us(), 10000000, 30000000,
				      random_u64());
	} else {
		tuple.remote = p.there;
		tuple.local = p.here;
		ice_agent_set_remote(p.agent, &p.remote, strcmp(argv[1], "agent-lite") == 0);
		ice_agent_add_pair(p.agent, &tuple, ice_priority(ICE_HOST, UINT16_MAX, 1));
	}
	flush_out(&p);
	serve(&p);
	ice_lite_free(p.lite);
	ice_agent_free(p.agent);
	return 0;
}
