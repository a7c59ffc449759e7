#include "serve.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sysexits.h>

#include "admin.h"
#include "base/random.h"
#include "log/log.h"
#include "loop/loop.h"
#include "store.h"
#include "watch.h"

static const struct http_route routes[] = {
    {"GET", "/", true, serve_request},
    {NULL, NULL, false, NULL},
};

/* 0, or the exit code with the reason logged. */
static int
take_sockets(struct http_server *server, const struct serve_config *c)
{
	int error = c->listen_count == 0 ? http_server_listen_unix(server, "live.sock") : 0;

	if (error != 0)
		log_error("live", "cannot listen on live.sock: %s", strerror(-error));
	for (size_t i = 0; error == 0 && i < c->listen_count; i++) {
		error = http_server_listen_tcp(server, c->listen[i]);
		if (error != 0)
			log_error("live", "cannot listen on %s: %s", c->listen[i],
				  strerror(-error));
		else
			log_info("live", "listening on port %u", http_server_port(server, i));
	}
	return error == 0 ? EX_OK : error == -EINVAL ? EX_USAGE : EX_UNAVAILABLE;
}

struct stop {
	struct http_server *server;
	uv_loop_t *loop;
};

static void
on_stopped(void *arg)
{
	uv_stop(arg);
}

static void
on_stop(void *arg, int signum)
{
	struct stop *stop = arg;

	log_info("live", "stopping: %s", strsignal(signum));
	http_server_stop(stop->server, SERVE_GRACE_MS, on_stopped, stop->loop);
}

int
serve_run(struct serve_config *config)
{
	uv_loop_t *loop = uv_default_loop();
	struct live_hub hub = {
	    .loop = loop, .config = &config->live, .roll.ids.state = random_u64()};
	struct http_server *server;
	struct admin *admin = NULL;
	struct watch *watch = NULL;
	struct stop stop;
	int code, error;

	config->http.routes = routes;
	config->http.arg = &hub;
	config->http.cors = true;
	config->http.answer_timeout_ms =
	    (unsigned)((config->live.wait_s + 1) * 1000) + LIVE_BEGIN_US / 1000;
	config->http.connection_max = SERVE_CONNECTIONS_MAX;
	config->http.log = config->listen_count > 0 ? "access" : NULL; /* else the gate logs */
	server = http_server_new(loop, &config->http);
	if (server == NULL)
		return EX_OSERR;
	stop = (struct stop){server, loop};
	code = take_sockets(server, config);
	if (code != EX_OK)
		goto out;
	admin = admin_new(&hub);
	if (admin == NULL) {
		code = EX_OSERR;
		goto out;
	}
	error = loop_drop_privileges(config->user);
	if (error != 0) {
		log_error("live", "cannot become %s: %s", config->user, strerror(-error));
		code = EX_NOUSER;
		goto out;
	}
	if (config->live.hls_path != NULL) {
		hub.store = store_new(config->live.hls_path);
		watch = hub.store != NULL ? watch_new(&hub) : NULL;
		code = watch != NULL ? EX_OK : EX_CANTCREAT;
	}
	if (code != EX_OK)
		goto out;
	loop_on_signal(loop, SIGTERM, on_stop, &stop);
	loop_on_signal(loop, SIGINT, on_stop, &stop);
	loop_ready(config->ready_fd);
	uv_run(loop, UV_RUN_DEFAULT);
out:
	http_server_free(server);
	admin_free(admin);
	watch_free(watch);
	live_free_all(&hub);
	roll_fini(&hub.roll);
	store_free(hub.store);
	uv_run(loop, UV_RUN_NOWAIT);
	loop_finish(loop);
	return code;
}
