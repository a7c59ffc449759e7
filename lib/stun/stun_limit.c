#include "stun/stun_limit.h"

#include <string.h>

#include "base/bytes.h"

static uint64_t
network_of(const struct addr *a)
{
	uint64_t prefix = a->sa.sa_family == AF_INET ? be32((const uint8_t *)&a->v4.sin_addr) >> 8
						     : be64(a->v6.sin6_addr.s6_addr);
	uint64_t h = (prefix + 0x9e3779b97f4a7c15u) * 0xbf58476d1ce4e5b9u;

	return (h ^ h >> 29) | 1;
}

static void
fill(struct stun_limit_bucket *b, uint64_t now_us, uint32_t rate, uint32_t burst)
{
	uint64_t add = (now_us - b->filled_us) * rate / 1000;

	if (add == 0)
		return;
	b->tokens_milli = (uint32_t)MIN_OF(b->tokens_milli + add, (uint64_t)burst * 1000);
	b->filled_us = now_us;
}

void
stun_limit_init(struct stun_limit *l, uint64_t now_us)
{
	memset(l, 0, sizeof(*l));
	l->all = (struct stun_limit_bucket){1, now_us, STUN_LIMIT_ALL_RATE * 1000};
}

bool
stun_limit_allow(struct stun_limit *l, const struct addr *from, uint64_t now_us)
{
	uint64_t network = network_of(from);
	struct stun_limit_bucket *b = &l->slots[(network >> 1) % STUN_LIMIT_SLOTS];

	fill(&l->all, now_us, STUN_LIMIT_ALL_RATE, STUN_LIMIT_ALL_RATE);
	fill(b, now_us, STUN_LIMIT_NET_RATE, STUN_LIMIT_NET_BURST);
	if (b->network != network &&
	    (b->network == 0 || b->tokens_milli >= STUN_LIMIT_NET_BURST * 1000))
		*b = (struct stun_limit_bucket){network, now_us, STUN_LIMIT_NET_BURST * 1000};
	if (l->all.tokens_milli < 1000 || b->tokens_milli < 1000)
		return false;
	l->all.tokens_milli -= 1000;
	b->tokens_milli -= 1000;
	return true;
}
