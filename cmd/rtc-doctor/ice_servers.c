/* ice_servers.c - do the STUN and TURN servers that Link fields name do what they are for? */
#include "ice_servers.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "client/turn_conn.h"

enum {
	LINK_SIZE = 2048,
	LINKS_MAX = 16,
	ASK_US = 2500000, /* all of them together: the session has 15 s to get on */
	URI_SHOWN = 80
};

/* One server that is asked. */
struct asked {
	const struct turn_server *server;
	struct turn_conn *conn; /* NULL: over */
	bool works;
};

/* ---- what they are called ---- */

static void
read_links(const struct exam *x, struct doctor_finding *f, struct turn_servers *list)
{
	char value[LINK_SIZE];
	bool bad = false;

	for (unsigned i = 0; i < LINKS_MAX; i++) {
		if (!exchange_field(&x->post, "Link", i, value, sizeof(value), NULL))
			break;
		bad |= turn_servers_add_link(list, value) == -EBADMSG;
	}
	explicit_bzero(value, sizeof(value));
	if (!bad)
		return;
	doctor_say(f, "a Link names no server that can be read");
	doctor_blame(f, DOCTOR_LINK_BAD);
}

/* ---- asking ---- */

static void
fail(struct doctor_finding *f, const struct turn_server *server, int error, const char *words)
{
	doctor_say(f, "%.*s %s", URI_SHOWN, server->uri, words);
	if (error == 401 || error == 441 || error == -EACCES)
		doctor_blame(f, DOCTOR_ICE_SERVER_REFUSED);
	else if (error == -ETIMEDOUT || error == -ECONNREFUSED)
		doctor_blame(f, DOCTOR_ICE_SERVER_SILENT);
	else
		doctor_blame(f, DOCTOR_ICE_SERVER_FAILED);
}

static void
begin(struct exam *x, struct doctor_finding *f, struct asked *a, struct tls_ctx *tls)
{
	struct turn_conn_config config = {
	    .server = a->server, .tls = tls, .family = AF_INET, .timeout_us = ASK_US};

	if (exam_resolve(x, a->server->host, AF_INET, a->server->port, &config.at, 1) <= 0 &&
	    exam_resolve(x, a->server->host, AF_INET6, a->server->port, &config.at, 1) <= 0) {
		fail(f, a->server, -ENOENT, "does not resolve");
		return;
	}
	a->conn = turn_conn_new(&config, clock_now_us());
	if (a->conn == NULL)
		fail(f, a->server, -errno, strerror(errno));
	else
		turn_conn_timeout(a->conn, clock_now_us());
}

static void
drop_data(void *arg, const struct addr *peer, uint8_t *buf, size_t size)
{
	(void)arg;
	(void)peer;
	(void)buf;
	(void)size;
}

/* Tell what came of it; an allocation is given back at once. */
static void
settle(struct doctor_finding *f, struct asked *a)
{
	struct turn *t = turn_conn_turn_of(a->conn);
	char text[ADDR_TEXT_SIZE];

	if (turn_state(t) == TURN_READY && !a->works) {
		const struct addr *relayed = turn_relayed(t), *mapped = turn_mapped(t);
		const struct addr *told = relayed != NULL ? relayed : mapped;

		a->works = true;
		doctor_say(f, "%.*s %s %s", URI_SHOWN, a->server->uri,
			   relayed != NULL ? "relays from" : "sees us at",
			   told != NULL ? addr_format(told, text) : "?");
		turn_close(t, clock_now_us());
		turn_conn_flush(a->conn);
	}
	if (turn_state(t) != TURN_ENDED)
		return;
	if (!a->works)
		fail(f, a->server, turn_error(t), turn_conn_explain(a->conn));
	turn_conn_free(a->conn);
	a->conn = NULL;
}

/* One wait for all of them. False: none is left, or the time is over. */
static bool
step(struct exam *x, struct doctor_finding *f, struct asked *all, size_t count, uint64_t until_us)
{
	struct pollfd fds[TURN_SERVERS_MAX];
	struct asked *of[TURN_SERVERS_MAX];
	uint64_t at = until_us;
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		if (all[i].conn == NULL)
			continue;
		fds[n] = (struct pollfd){.fd = turn_conn_fd(all[i].conn), .events = POLLIN};
		if (turn_conn_wants_write(all[i].conn))
			fds[n].events |= POLLOUT;
		of[n++] = &all[i];
		at = MIN_OF(at, turn_conn_deadline(all[i].conn));
	}
	if (n == 0 || clock_now_us() >= until_us || exam_wait(x, fds, n, at) < 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (fds[i].revents != 0)
			turn_conn_turn(of[i]->conn, clock_now_us(), drop_data, NULL);
		turn_conn_timeout(of[i]->conn, clock_now_us());
		settle(f, of[i]);
	}
	return true;
}

void
ice_servers_check(struct exam *x, struct doctor_finding *f)
{
	static struct turn_servers list;
	struct asked all[TURN_SERVERS_MAX] = {{.conn = NULL}};
	char words[TLS_WORDS_SIZE];
	struct tls_ctx *tls = NULL;
	uint64_t until_us;

	memset(&list, 0, sizeof(list));
	read_links(x, f, &list);
	if (list.count > 0)
		tls = tls_ctx_client(x->o.client.whip.ca_file, x->o.client.whip.insecure, words);
	until_us = clock_now_us() + ASK_US;
	x->deadline_us = until_us; /* of the look-ups, too */
	for (size_t i = 0; i < list.count && !x->interrupted; i++) {
		all[i].server = &list.servers[i];
		begin(x, f, &all[i], tls);
	}
	/* Up to half a second more, so that what timed out is told and what was got given back. */
	while (step(x, f, all, list.count, until_us + ASK_US / 5))
		;
	for (size_t i = 0; i < list.count; i++)
		turn_conn_free(all[i].conn);
	tls_ctx_unref(tls);
	explicit_bzero(&list, sizeof(list));
}
