/* main.c - starting and stopping. */
#include "gate.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/bytes.h"
#include "log/log.h"
#include "loop/loop.h"

enum { WANTED_FILES = 16384 };

static void
on_grace_over(uv_timer_t *timer)
{
	struct gate *gate = timer->data;
	struct client *next;

	for (struct client *c = gate->clients; c != NULL; c = next) {
		next = c->next;
		if (c->state == CLIENT_BODY || c->state == CLIENT_WAIT)
			client_problem(c, 503, "stopping", "the gate is being stopped");
		else if (c->state != CLIENT_LINGER)
			client_close(c);
	}
}

/* Finish what runs, at most GATE_GRACE_MS; then the loop has nothing left and ends. */
static void
on_stop(void *arg, int signum)
{
	struct gate *gate = arg;
	struct client *next;

	if (gate->stopping)
		return;
	log_info("gate", "stopping: %s", strsignal(signum));
	gate->stopping = true;
	for (size_t i = 0; i < gate->listener_count; i++)
		uv_close((uv_handle_t *)&gate->listeners[i].tcp, NULL);
	for (struct client *c = gate->clients; c != NULL; c = next) {
		next = c->next;
		if (c->state == CLIENT_IDLE || c->state == CLIENT_TUNNEL ||
		    c->state == CLIENT_DOOR || c->state == CLIENT_FRAME ||
		    c->state == CLIENT_HANDSHAKE || (c->state == CLIENT_HEAD && c->in_size == 0))
			client_close(c);
	}
	uv_timer_start(&gate->grace, on_grace_over, GATE_GRACE_MS - GATE_LINGER_MS, 0);
	uv_unref((uv_handle_t *)&gate->grace);
}

/* Read the certificates again; connections that run keep what they began with. */
static void
on_reload(void *arg, int signum)
{
	(void)signum;
	(void)gate_certs_load(arg);
}

static void
raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= WANTED_FILES)
		return;
	limit.rlim_cur = MIN_OF(limit.rlim_max, (rlim_t)WANTED_FILES);
	setrlimit(RLIMIT_NOFILE, &limit);
}

int
main(int argc, char **argv)
{
	static struct command_line cl = {.ready_fd = -1,
					 .config = {.connection_max = 2048,
						    .per_address_max = 256,
						    .handshake_ms = 10000,
						    .head_ms = 10000,
						    .body_ms = 30000,
						    .answer_ms = 30000,
						    .idle_ms = 60000,
						    .restart_ms = 1000}};
	static struct gate gate = {.relay_fd = -1};
	int code, error;

	log_init("rtc-gate", LOG_INFO);
	error = gate_routes_init(&cl.config);
	code = gate_options(&cl, argc, argv);
	if (code >= 0)
		return code;
	if (error != 0) {
		log_error("gate", "cannot use the run directory: %s", strerror(-error));
		return EX_CANTCREAT;
	}
	signal(SIGPIPE, SIG_IGN);
	raise_file_limit();
	gate.loop = uv_default_loop();
	gate.config = cl.config;
	uv_timer_init(gate.loop, &gate.grace);
	gate.grace.data = &gate;
	for (size_t i = 0; i < cl.listen_count; i++)
		if (gate_listen(&gate, cl.listen[i].text, cl.listen[i].speech) != 0)
			return EX_UNAVAILABLE;
	code = gate_certs_load(&gate);
	if (code != EX_OK)
		return code;
	error = loop_drop_privileges(cl.user);
	if (error != 0) {
		log_error("gate", "cannot become %s: %s", cl.user, strerror(-error));
		return EX_NOUSER;
	}
	loop_on_signal(gate.loop, SIGTERM, on_stop, &gate);
	loop_on_signal(gate.loop, SIGINT, on_stop, &gate);
	loop_on_signal(gate.loop, SIGHUP, on_reload, &gate);
	loop_ready(cl.ready_fd);
	uv_run(gate.loop, UV_RUN_DEFAULT);
	loop_finish(gate.loop);
	tls_ctx_unref(gate.tls);
	if (gate.relay_fd >= 0)
		close(gate.relay_fd);
	return EX_OK;
}
