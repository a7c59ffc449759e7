#include "lobby.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"
#include "log/log.h"
#include "whip/whip_balance.h"

enum {
	HELLO_SIZE = 1 + 1536, /* C0 and C1 */
	HELLO_TLS_SIZE = 9,    /* of a ClientHello: the headers of record and message */
	VERSION = 3,	       /* C0 */
	TLS_HANDSHAKE = 22,
	HELLO_MS = 10000,
	TURN_MS = 100 /* from one look at who waits to the next */
};

struct guest {
	uv_poll_t poll;
	struct guest *next;
	struct addr peer;
	uint64_t until_us; /* for its hello */
	int fd;
	bool tls, ready;
};

static struct {
	uv_loop_t *loop;
	uv_timer_t turn;
	lobby_serve_fn *serve;
	struct guest *guests, **tail; /* in the order of their coming */
	unsigned count;
	struct whip_rate rate;
	struct log_limit limit;
} lobby = {.tail = &lobby.guests, .limit = {.interval_us = 1000000, .burst = 20}};

static void
on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void
leave(struct guest *g)
{
	struct guest **at = &lobby.guests;

	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
	if (lobby.tail == &g->next)
		lobby.tail = at;
	lobby.count--;
	if (lobby.count == 0)
		uv_timer_stop(&lobby.turn);
	uv_close((uv_handle_t *)&g->poll, on_closed);
	close(g->fd);
}

static void
dismiss(struct guest *g, const char *why)
{
	char text[ADDR_TEXT_SIZE];
	uint8_t waste[4096];
	unsigned suppressed;

	/* What is left unread would make its end a reset. */
	(void)!recv(g->fd, waste, sizeof(waste), MSG_DONTWAIT);
	if (log_allow(&lobby.limit, clock_now_us(), &suppressed))
		log_info("connection", "%s: %s%s", addr_format(&g->peer, text), why,
			 suppressed > 0 ? " (others did likewise)" : "");
	leave(g);
}

/* Unless others of its address were just as many as may be. */
static void
go_on(struct guest *g)
{
	int one = 1;

	if (!whip_rate_take(&lobby.rate, &g->peer, clock_now_us()))
		return;
	setsockopt(g->fd, SOL_SOCKET, SO_RCVLOWAT, &one, sizeof(one));
	lobby.serve(g->fd, g->tls, &g->peer);
	leave(g);
}

static void
on_readable(uv_poll_t *poll, int status, int events)
{
	struct guest *g = poll->data;
	uint8_t hello[HELLO_SIZE];
	int want = g->tls ? HELLO_TLS_SIZE : HELLO_SIZE;
	ssize_t n = recv(g->fd, hello, (size_t)want, MSG_PEEK | MSG_DONTWAIT);

	if (status == 0 && n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0 && hello[0] != (g->tls ? TLS_HANDSHAKE : VERSION)) {
		dismiss(g, g->tls ? "TLS: this is no ClientHello" : "this is no RTMP");
	} else if (n == want) {
		uv_poll_stop(poll);
		g->ready = true;
		go_on(g);
	} else if (n <= 0 || (events & UV_DISCONNECT) != 0) {
		dismiss(g, "the peer hung up");
	} else { /* not again before the rest is there */
		setsockopt(g->fd, SOL_SOCKET, SO_RCVLOWAT, &want, sizeof(want));
	}
}

static void
on_turn(uv_timer_t *timer)
{
	struct guest *next;
	uint64_t now_us = clock_now_us();

	(void)timer;
	for (struct guest *g = lobby.guests; g != NULL; g = next) {
		next = g->next;
		if (g->ready)
			go_on(g);
		else if (now_us >= g->until_us)
			dismiss(g, "silent for too long");
	}
}

void
lobby_take(int fd, bool tls, const struct addr *peer)
{
	struct guest *g = calloc(1, sizeof(*g));

	if (g == NULL || uv_poll_init(lobby.loop, &g->poll, fd) < 0) {
		free(g);
		close(fd);
		return;
	}
	g->poll.data = g;
	g->peer = *peer;
	g->fd = fd;
	g->tls = tls;
	g->until_us = clock_now_us() + (uint64_t)HELLO_MS * 1000;
	*lobby.tail = g;
	lobby.tail = &g->next;
	if (lobby.count++ == 0)
		uv_timer_start(&lobby.turn, on_turn, TURN_MS, TURN_MS);
	uv_poll_start(&g->poll, UV_READABLE | UV_DISCONNECT, on_readable);
}

unsigned
lobby_count(void)
{
	return lobby.count;
}

unsigned
lobby_count_of(const struct addr *peer)
{
	unsigned count = 0;

	for (const struct guest *g = lobby.guests; g != NULL; g = g->next)
		count += addr_same_source(&g->peer, peer);
	return count;
}

void
lobby_open(uv_loop_t *loop, unsigned rate, lobby_serve_fn *serve)
{
	lobby.loop = loop;
	lobby.serve = serve;
	lobby.rate.per_second = rate;
	lobby.rate.seed = random_u64();
	uv_timer_init(loop, &lobby.turn);
}

void
lobby_close(void)
{
	while (lobby.guests != NULL)
		leave(lobby.guests);
}
