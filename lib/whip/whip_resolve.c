#include "whip/whip_resolve.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/text.h"

enum name_state { NAME_UNUSED, NAME_BUSY, NAME_KNOWN };

struct name {
	struct whip_resolver *resolver;
	enum name_state state;
	char text[WHIP_HOST_SIZE];
	uint64_t known_us; /* when the answer came */
	size_t count;	   /* 0: the look-up failed */
	struct addr addresses[WHIP_NAME_ADDRESSES_MAX];
	struct whip_waiter *waiters;
	uv_timer_t timer;
	uv_getaddrinfo_t request;
};

struct whip_resolver {
	uv_loop_t *loop;
	unsigned busy, timers;
	bool freed;
	struct name names[WHIP_RESOLVE_CACHE];
};

static void
release(struct whip_resolver *r)
{
	if (r->freed && r->busy == 0 && r->timers == 0)
		free(r);
}

static void
on_timer_closed(uv_handle_t *handle)
{
	struct whip_resolver *r = ((struct name *)handle->data)->resolver;

	r->timers--;
	release(r);
}

struct whip_resolver *
whip_resolver_new(uv_loop_t *loop)
{
	struct whip_resolver *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->loop = loop;
	for (size_t i = 0; i < WHIP_RESOLVE_CACHE; i++) {
		struct name *n = &r->names[i];

		n->resolver = r;
		uv_timer_init(loop, &n->timer);
		n->timer.data = n;
		n->request.data = n;
		r->timers++;
	}
	return r;
}

void
whip_resolver_free(struct whip_resolver *r)
{
	if (r == NULL)
		return;
	r->freed = true;
	for (size_t i = 0; i < WHIP_RESOLVE_CACHE; i++) {
		uv_close((uv_handle_t *)&r->names[i].timer, on_timer_closed);
		if (r->names[i].state == NAME_BUSY)
			uv_cancel((uv_req_t *)&r->names[i].request);
	}
}

static void
wake(struct name *n)
{
	while (n->waiters != NULL) {
		struct whip_waiter *w = n->waiters;

		n->waiters = w->next;
		w->name = NULL;
		w->fn(w->arg);
	}
}

static void
on_late(uv_timer_t *timer)
{
	wake(timer->data);
}

static void
on_answer(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
	struct name *n = request->data;
	struct whip_resolver *r = n->resolver;

	r->busy--;
	n->count = 0;
	for (struct addrinfo *a = list; status == 0 && a != NULL; a = a->ai_next)
		if (n->count < WHIP_NAME_ADDRESSES_MAX &&
		    addr_from_sockaddr(&n->addresses[n->count], a->ai_addr) == 0)
			addr_set_port(&n->addresses[n->count++], 0);
	uv_freeaddrinfo(list);
	n->state = NAME_KNOWN;
	n->known_us = clock_now_us();
	if (r->freed) {
		release(r);
		return;
	}
	uv_timer_stop(&n->timer);
	wake(n);
}

static bool
is_fresh(const struct name *n, uint64_t now)
{
	uint64_t ttl = n->count > 0 ? WHIP_RESOLVE_TTL_S : WHIP_RESOLVE_NEGATIVE_TTL_S;

	return n->state == NAME_KNOWN && now - n->known_us < ttl * 1000000;
}

static struct name *
find(struct whip_resolver *r, const char *text)
{
	for (size_t i = 0; i < WHIP_RESOLVE_CACHE; i++)
		if (r->names[i].state != NAME_UNUSED && strcasecmp(r->names[i].text, text) == 0)
			return &r->names[i];
	return NULL;
}

/* A slot for a new name: unused, else the one known longest. NULL if all are busy. */
static struct name *
find_slot(struct whip_resolver *r)
{
	struct name *best = NULL;

	for (size_t i = 0; i < WHIP_RESOLVE_CACHE; i++) {
		struct name *n = &r->names[i];

		if (n->state == NAME_UNUSED)
			return n;
		if (n->state == NAME_KNOWN && (best == NULL || n->known_us < best->known_us))
			best = n;
	}
	return best;
}

static int
start(struct whip_resolver *r, struct name *n, const char *text)
{
	struct addrinfo hints = {
	    .ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM, .ai_flags = AI_ADDRCONFIG};

	if (!text_copy(n->text, sizeof(n->text), text))
		return -1;
	if (uv_getaddrinfo(r->loop, &n->request, on_answer, n->text, NULL, &hints) != 0)
		return -1;
	n->state = NAME_BUSY;
	n->count = 0;
	r->busy++;
	uv_timer_start(&n->timer, on_late, WHIP_RESOLVE_MS, 0);
	return 0;
}

int
whip_resolver_want(struct whip_resolver *r, const char *text, struct whip_waiter *waiter)
{
	struct name *n = find(r, text);

	waiter->name = NULL;
	if (n != NULL && is_fresh(n, clock_now_us()))
		return 0;
	if (n == NULL || n->state != NAME_BUSY) {
		if (n == NULL)
			n = find_slot(r);
		if (n == NULL || r->busy >= WHIP_RESOLVE_BUSY_MAX || start(r, n, text) < 0)
			return 0;
	} else if (!uv_is_active((uv_handle_t *)&n->timer)) {
		return 0; /* a slow one, already given up once */
	}
	waiter->name = n;
	waiter->next = n->waiters;
	n->waiters = waiter;
	return 1;
}

void
whip_resolver_cancel(struct whip_resolver *r, struct whip_waiter *waiter)
{
	struct name *n = waiter->name;

	(void)r;
	if (n == NULL)
		return;
	for (struct whip_waiter **p = &n->waiters; *p != NULL; p = &(*p)->next)
		if (*p == waiter) {
			*p = waiter->next;
			break;
		}
	waiter->name = NULL;
}

size_t
whip_resolver_lookup(void *resolver, const char *text, struct addr *out, size_t cap)
{
	struct name *n = find(resolver, text);
	size_t count = n != NULL && n->state == NAME_KNOWN ? n->count : 0;

	count = count < cap ? count : cap;
	if (count > 0)
		memcpy(out, n->addresses, count * sizeof(out[0]));
	return count;
}
