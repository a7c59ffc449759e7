#include "resolve.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define RESOLVE_TIMEOUT_MS 10000u

/* On the heap: when the resolver hangs, its thread outlives the call. */
struct lookup {
	uv_getaddrinfo_t request;
	uv_timer_t timer;
	struct addrinfo *list;
	int status;
	bool done, late;
};

static void
on_answer(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
	struct lookup *l = request->data;

	l->done = true;
	l->status = status;
	l->list = list;
	uv_close((uv_handle_t *)&l->timer, NULL);
}

static void
on_late(uv_timer_t *timer)
{
	struct lookup *l = timer->data;

	l->late = true;
	uv_stop(timer->loop);
}

static void
keep(struct resolve *out, const struct addr *a)
{
	for (size_t i = 0; i < out->count; i++)
		if (addr_equal(&out->addr[i], a))
			return;
	if (out->count < RESOLVE_MAX)
		out->addr[out->count++] = *a;
}

static int
fail(struct resolve *out, int error, const char *words)
{
	out->error = error;
	out->words = words;
	return error;
}

static int
collect(struct lookup *l, const struct options *options, struct resolve *out)
{
	if (l->status < 0)
		return fail(out, l->status, uv_strerror(l->status));
	for (const struct addrinfo *ai = l->list; ai != NULL; ai = ai->ai_next) {
		struct addr a;

		if (addr_from_sockaddr(&a, ai->ai_addr) == 0) {
			addr_set_port(&a, options->port);
			keep(out, &a);
		}
	}
	return out->count > 0 ? 0 : fail(out, UV_EAI_NODATA, "no address");
}

static int
ask(uv_loop_t *loop, const struct options *options, struct lookup *l)
{
	uint64_t wait_ms = MIN_OF(options->timeout_us / 1000 + 1, RESOLVE_TIMEOUT_MS);
	struct addrinfo hints = {.ai_family = options->family, .ai_socktype = SOCK_DGRAM};
	int rc;

	uv_timer_init(loop, &l->timer);
	l->request.data = l->timer.data = l;
	rc = uv_getaddrinfo(loop, &l->request, on_answer, options->host, NULL, &hints);
	if (rc < 0)
		return rc;
	uv_timer_start(&l->timer, on_late, wait_ms, 0);
	uv_run(loop, UV_RUN_DEFAULT);
	return 0;
}

int
resolve_host(uv_loop_t *loop, const struct options *options, struct resolve *out)
{
	struct lookup *l;
	struct addr a;
	int rc;

	*out = (struct resolve){.words = ""};
	if (addr_parse(&a, options->host, options->port) == 0) {
		if (options->family != AF_UNSPEC && options->family != a.sa.sa_family)
			return fail(out, UV_EAI_ADDRFAMILY, "an address of the other family");
		keep(out, &a);
		return 0;
	}
	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return fail(out, UV_ENOMEM, "out of memory");
	rc = ask(loop, options, l);
	if (l->late)
		return fail(out, UV_ETIMEDOUT, "the resolver does not answer");
	rc = rc < 0 ? fail(out, rc, uv_strerror(rc)) : collect(l, options, out);
	uv_freeaddrinfo(l->list);
	free(l);
	return rc;
}
