#include "whip/whip_balance.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/random.h"
#include "http/url.h"

static bool
is_server(const char *url)
{
	struct url u;

	return strlen(url) <= WHIP_SERVER_URL_MAX && url_parse(&u, url, strlen(url)) == 0 &&
	       u.query.ptr == NULL && strchr(url, '#') == NULL &&
	       ((u.scheme.size == 4 && strncasecmp(url, "http", 4) == 0) ||
		(u.scheme.size == 5 && strncasecmp(url, "https", 5) == 0));
}

int
whip_balance_add(struct whip_balance *balance, const char *url)
{
	if (balance->count == WHIP_SERVERS_MAX)
		return -ENOSPC;
	if (strcmp(url, "self") != 0 && !is_server(url))
		return -EINVAL;
	balance->urls[balance->count++] = url;
	return 0;
}

static uint64_t
mix(uint64_t hash, const void *data, size_t size)
{
	const uint8_t *c = data;
	struct prng p;

	while (size-- > 0)
		hash = (hash ^ *c++) * 0x100000001b3; /* FNV-1a */
	p.state = hash;
	return prng_next(&p);
}

const char *
whip_balance_pick(const struct whip_balance *balance, const char *stream)
{
	const char *best = NULL;
	uint64_t weight = 0;

	for (size_t i = 0; i < balance->count; i++) {
		uint64_t w = mix(0xcbf29ce484222325, balance->urls[i], strlen(balance->urls[i]));

		w = mix(w, stream, strlen(stream));
		if (best == NULL || w > weight) {
			best = balance->urls[i];
			weight = w;
		}
	}
	return best == NULL || strcmp(best, "self") == 0 ? NULL : best;
}

bool
whip_rate_take(struct whip_rate *rate, const struct addr *client, uint64_t now_us)
{
	uint64_t step_us, *slot, from;

	if (rate->per_second == 0)
		return true;
	step_us = 1000000 / rate->per_second;
	slot = client->sa.sa_family == AF_INET6
		   ? &rate->free_us[mix(rate->seed, &client->v6.sin6_addr, 8) % WHIP_RATE_SLOTS]
		   : &rate->free_us[mix(rate->seed, &client->v4.sin_addr, 4) % WHIP_RATE_SLOTS];
	from = *slot > now_us ? *slot : now_us;
	if (from + step_us > now_us + step_us * rate->per_second)
		return false;
	*slot = from + step_us;
	return true;
}
