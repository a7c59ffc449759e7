/* tcp_host.c - how many connections each remote host has. */
#include "tcp/tcp_impl.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

/* Whoever has an IPv6 /64 has all of its addresses. */
static void
key_of(uint8_t key[static 1 + TCP_HOST_KEY_SIZE], const struct addr *a)
{
	bool v6 = a->sa.sa_family == AF_INET6;

	memset(key, 0, 1 + TCP_HOST_KEY_SIZE);
	key[0] = v6;
	if (v6)
		memcpy(key + 1, a->v6.sin6_addr.s6_addr, TCP_HOST_KEY_SIZE);
	else
		memcpy(key + 1, &a->v4.sin_addr, sizeof(a->v4.sin_addr));
}

struct tcp_host *
tcp_host_enter(struct tcp *t, const struct addr *remote)
{
	uint8_t key[1 + TCP_HOST_KEY_SIZE];
	struct tcp_host *h;

	key_of(key, remote);
	HASH_FIND(hh, t->hosts, key, sizeof(key), h);
	if (h == NULL) {
		h = calloc(1, sizeof(*h));
		if (h == NULL)
			return NULL;
		memcpy(h->key, key, sizeof(key));
		HASH_ADD(hh, t->hosts, key, sizeof(h->key), h);
	} else if (h->count >= TCP_PER_HOST_MAX || h->pending >= TCP_PENDING_PER_HOST_MAX) {
		return NULL;
	}
	h->count++;
	h->pending++;
	return h;
}

void
tcp_host_owned(struct tcp_host *h)
{
	h->pending--;
}

void
tcp_host_leave(struct tcp *t, struct tcp_host *h, bool pending)
{
	h->count--;
	h->pending -= pending;
	if (h->count > 0)
		return;
	HASH_DEL(t->hosts, h);
	free(h);
}
