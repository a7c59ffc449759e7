/* host.c - the names under which requests are taken, and those that move to https. */
#include "gate.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/text.h"

bool
gate_peers_have(const struct gate_peers *peers, const struct addr *a)
{
	for (size_t i = 0; i < peers->count; i++)
		if (addr_same_host(&peers->list[i], a))
			return true;
	return false;
}

static bool
ends_with(const char *name, const char *tail)
{
	size_t size = strlen(name), n = strlen(tail);

	return size > n && strcasecmp(name + size - n, tail) == 0;
}

/* "localhost", what is below it, an address, this machine's own name. */
static bool
is_own_name(const char *name)
{
	char own[256] = "";
	struct addr a;

	if (addr_parse(&a, name, 0) == 0 || strcasecmp(name, "localhost") == 0 ||
	    ends_with(name, ".localhost"))
		return true;
	return gethostname(own, sizeof(own) - 1) == 0 && strcasecmp(name, own) == 0;
}

/* "example.com", "*.example.com" (any name below), "*". */
static bool
is_listed(const struct gate_config *config, const char *name)
{
	for (size_t i = 0; i < config->host_count; i++) {
		const char *h = config->hosts[i];

		if (strcmp(h, "*") == 0 || strcasecmp(h, name) == 0 ||
		    (h[0] == '*' && ends_with(name, h + 1)))
			return true;
	}
	return false;
}

/*
 * With a list, the list counts. Without one, any name does, but not from this machine: a browser
 * here may be led to us by a page whose name was made to mean 127.0.0.1 a moment ago. A client
 * without a Host field is no browser.
 */
bool
gate_host_allowed(const struct client *client, struct http_span host)
{
	const struct gate_config *config = &client->gate->config;
	bool is_local = addr_is_loopback(&client->peer);
	struct url_span name;
	char text[256];
	uint16_t port;
	bool ipv6;

	if (host.size == 0)
		return true;
	if (url_parse_host(&name, &port, &ipv6, host.ptr, host.size) != 0 ||
	    name.size >= sizeof(text))
		return false;
	memcpy(text, name.ptr, name.size);
	text[name.size] = '\0';
	if (is_local && is_own_name(text))
		return true;
	if (config->host_count > 0)
		return is_listed(config, text);
	return !is_local || gate_peers_have(&config->proxies, &client->peer);
}

bool
gate_redirect_url(const struct client *client, const struct http_head *head, char *out, size_t cap)
{
	const struct gate_config *config = &client->gate->config;
	struct http_span target = gate_origin_form(head->target);
	struct url_span name;
	uint16_t port;
	bool ipv6, slash = target.size == 0 || target.ptr[0] != '/';
	char number[8] = "";
	int size;

	if (head->host.size == 0 ||
	    url_parse_host(&name, &port, &ipv6, head->host.ptr, head->host.size) != 0)
		return false;
	/* A port that speaks both keeps its number, whatever it is called outside. */
	if (client->listener->speech == GATE_HTTP) {
		port = config->redirect_port != 0 ? config->redirect_port
						  : gate_secure_port(client->gate);
		if (port == 443)
			port = 0;
	}
	if (port != 0)
		snprintf(number, sizeof(number), ":%u", port);
	if (target.size == 1 && target.ptr[0] == '*')
		target.size = 0;
	size = snprintf(out, cap, "https://%s%.*s%s%s%s%.*s", ipv6 ? "[" : "", (int)name.size,
			name.ptr, ipv6 ? "]" : "", number, slash ? "/" : "", (int)target.size,
			target.ptr);
	return size > 0 && (size_t)size < cap;
}
