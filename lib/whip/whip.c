#include "whip/whip.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/random.h"
#include "log/log.h"
#include "loop/loop.h"
#include "whip/whip_endpoint.h"
#include "whip/whip_options.h"

enum {
	HOOK_TIMEOUT_MS = 3000, /* rtc-hook gives its servers 2.5 s */
	RELAY_TIMEOUT_MS =
	    4000,	      /* with a look-up of 1 s and a hook within the 8 s that OBS waits */
	STOP_GRACE_MS = 1000, /* the supervisor waits 2 s */
	BODY_MAX = SDP_SIZE_MAX,
	PER_ADDRESS_MAX = 128 /* connections, of 512 */
};

struct whip {
	uv_loop_t loop;
	struct whip_options options;
	struct whip_endpoint endpoint;
	struct http_server *server;
	int lock_fd;
	bool stopping;
};

static void
on_stopped(void *arg)
{
	struct whip *w = arg;

	uv_stop(&w->loop);
}

static void
on_stop_signal(void *arg, int signum)
{
	struct whip *w = arg;

	(void)signum;
	if (w->stopping)
		return;
	w->stopping = true;
	http_server_stop(w->server, STOP_GRACE_MS, on_stopped, w);
}

static int
load_tokens_of(struct whip_endpoint *ep, enum sdp_role role, const char *path)
{
	int r = path != NULL ? whip_auth_load(&ep->auth[role], path) : 0;

	if (r < 0) {
		log_error("token", "unable to take tokens from %s: %s", path,
			  r == -EINVAL
			      ? "one token a line, at least one, each of at most 1024 characters"
			      : strerror(-r));
		return r;
	}
	ep->needs_token[role] = path != NULL;
	if (path != NULL)
		log_info("token", "%zu tokens from %s for those who %s", ep->auth[role].count, path,
			 role == SDP_PUBLISH ? "publish" : "play");
	return 0;
}

/* On error the former ones stay: it is seen to that neither is left out for the other. */
static int
load_tokens(struct whip *w)
{
	const struct whip_options *o = &w->options;
	int r = load_tokens_of(&w->endpoint, SDP_PUBLISH, o->token_file);
	int s = load_tokens_of(&w->endpoint, SDP_PLAY,
			       o->play_token_file != NULL ? o->play_token_file : o->token_file);

	return r < 0 ? r : s;
}

/* Those of the command line, then those of the file. On error the former ones stay. */
static int
load_ice_servers(struct whip *w)
{
	struct whip_ice_servers fresh = w->options.ice_servers;
	const char *path = w->options.ice_server_file;
	int r = path != NULL ? whip_ice_servers_load(&fresh, path) : 0;

	if (r < 0) {
		log_error("ice", "unable to take ICE servers from %s: %s", path,
			  r == -EINVAL	 ? "stun:HOST, or turn:HOST USERNAME CREDENTIAL, a line"
			  : r == -ENOSPC ? "at most 8"
					 : strerror(-r));
		return r;
	}
	w->endpoint.ice_servers = fresh;
	return 0;
}

static void
on_reload_signal(void *arg, int signum)
{
	(void)signum;
	load_tokens(arg); /* on error the former ones stay */
	load_ice_servers(arg);
}

/* Take the Unix socket: --socket, or the default one unless --listen is given. 0 or -errno. */
static int
listen_unix(struct whip *w, const struct whip_program *program)
{
	char path[PATH_MAX];
	const char *name = w->options.socket;
	int fd, r;

	if (name == NULL && w->options.listen_count > 0)
		return 0;
	if (name == NULL) {
		r = ipc_run_make(path, sizeof(path), program->socket);
		if (r < 0) {
			log_error("listen", "unable to listen on %s: %s", path, ipc_words(r));
			return r;
		}
		name = path;
	}
	fd = ipc_listen(name, SOCK_STREAM, 0600, &w->lock_fd);
	r = fd < 0 ? fd : http_server_listen_fd(w->server, fd);
	if (r < 0)
		log_error("listen", "unable to listen on %s: %s", name, ipc_words(r));
	else
		log_info("listen", "serving on %s", name);
	return r;
}

static int
listen_all(struct whip *w, const struct whip_program *program)
{
	int r = listen_unix(w, program);

	for (size_t i = 0; i < w->options.listen_count && r == 0; i++) {
		r = http_server_listen_tcp(w->server, w->options.listen[i]);
		if (r < 0)
			log_error("listen", "unable to listen on %s: %s", w->options.listen[i],
				  strerror(-r));
		else
			log_info("listen", "serving on %s (port %u)", w->options.listen[i],
				 http_server_port(w->server, w->lock_fd >= 0 ? i + 1 : i));
	}
	return r;
}

/* The relay's client, the resolver and the endpoint's settings. 0 or -errno. */
static int
connect_endpoint(struct whip *w, const struct whip_program *program)
{
	struct whip_endpoint *ep = &w->endpoint;
	const struct whip_options *o = &w->options;
	char path[PATH_MAX];
	const char *relay = o->relay;

	if (relay == NULL) {
		int r = ipc_run_path(path, sizeof(path), "relay/signal.sock");

		if (r < 0)
			return r;
		relay = path;
	}
	ep->loop = &w->loop;
	ep->rules = o->rules;
	ep->use_vhost = o->use_vhost;
	ep->no_nack = o->no_nack;
	ep->no_twcc = o->no_twcc;
	ep->keep_bframe = o->keep_bframe;
	ep->dtls_client = o->dtls_client;
	ep->stun_timeout_ms = o->stun_timeout_ms;
	ep->session_path = program->session_path;
	ep->balance = o->balance;
	ep->rate.per_second = o->rate;
	ep->rate.seed = random_u64();
	ep->relay = ipc_client_new(&w->loop, relay, RELAY_TIMEOUT_MS);
	ep->resolver = whip_resolver_new(&w->loop);
	if (o->hook && ipc_run_path(path, sizeof(path), "hook.sock") < 0)
		return -ENAMETOOLONG;
	if (o->hook)
		ep->hook = ipc_client_new(&w->loop, path, HOOK_TIMEOUT_MS);
	if (o->hook && ep->hook == NULL)
		return -ENOMEM;
	return ep->relay != NULL && ep->resolver != NULL ? 0 : -ENOMEM;
}

static int
open_server(struct whip *w, const struct whip_program *program)
{
	w->options.http.routes = program->routes;
	w->options.http.arg = &w->endpoint;
	w->options.http.body_max = BODY_MAX;
	w->options.http.per_address_max = PER_ADDRESS_MAX;
	w->options.http.cors = true;
	w->options.http.log = "http";
	w->server = http_server_new(&w->loop, &w->options.http);
	return w->server != NULL ? 0 : -ENOMEM;
}

static int
run(struct whip *w, const struct whip_program *program)
{
	int r;

	if (load_tokens(w) < 0 || load_ice_servers(w) < 0)
		return EX_CONFIG;
	if (connect_endpoint(w, program) < 0 || open_server(w, program) < 0) {
		log_error("start", "unable to start: out of memory or run directory");
		return EX_OSERR;
	}
	r = listen_all(w, program);
	if (r < 0)
		return r == -EINVAL ? EX_USAGE : EX_UNAVAILABLE;
	r = loop_drop_privileges(w->options.user);
	if (r < 0) {
		log_error("start", "unable to become %s: %s",
			  w->options.user != NULL ? w->options.user : "?", strerror(-r));
		return EX_NOUSER;
	}
	loop_on_signal(&w->loop, SIGTERM, on_stop_signal, w);
	loop_on_signal(&w->loop, SIGINT, on_stop_signal, w);
	loop_on_signal(&w->loop, SIGHUP, on_reload_signal, w);
	whip_endpoint_warn(&w->endpoint);
	loop_ready(w->options.ready_fd);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	return EX_OK;
}

int
whip_main(int argc, char **argv, const struct whip_program *program)
{
	static struct whip w = {.lock_fd = -1};
	int status = whip_options_read(&w.options, argc, argv, program->name);

	if (status >= 0)
		return status;
	log_init(program->name, w.options.log_level);
	signal(SIGPIPE, SIG_IGN);
	if (uv_loop_init(&w.loop) < 0)
		return EX_OSERR;
	status = run(&w, program);
	http_server_free(w.server);
	whip_endpoint_fini(&w.endpoint);
	ipc_client_free(w.endpoint.relay);
	ipc_client_free(w.endpoint.hook);
	whip_resolver_free(w.endpoint.resolver);
	loop_finish(&w.loop);
	if (w.lock_fd >= 0)
		close(w.lock_fd);
	return status;
}
