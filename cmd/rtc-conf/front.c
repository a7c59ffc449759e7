/* front.c - the ports of http_api and http_server, and their certificates, as rtc-gate has them. */
#include "front.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "ipc/ipc.h"

bool
front_is_there(const struct settings *s)
{
	return settings_is_on(s, "http_api.enabled") || settings_is_on(s, "http_server.enabled");
}

static const char *const fronts[] = {"http_api", "http_server"};

static const char *
of_front(const struct settings *s, size_t i, const char *directive)
{
	char name[DIRECTIVE_NAME_SIZE];

	snprintf(name, sizeof(name), "%s.%s", fronts[i], directive);
	return settings_text(s, name);
}

static bool
front_is_on(const struct settings *s, size_t i)
{
	return strcmp(of_front(s, i, "enabled"), "on") == 0;
}

static bool
front_is_secure(const struct settings *s, size_t i)
{
	return front_is_on(s, i) && strcmp(of_front(s, i, "https.enabled"), "on") == 0;
}

/* One port for http and https speaks both. */
static void
print_ports(const struct settings *s, size_t i)
{
	const char *http = of_front(s, i, "listen"), *https = of_front(s, i, "https.listen");
	bool is_secure = front_is_secure(s, i), is_one = strcmp(http, https) == 0;

	if (!front_is_on(s, i))
		return;
	printf("%s\n%s\n", is_secure && is_one ? "--both-listen" : "--listen", http);
	if (is_secure && !is_one)
		printf("--tls-listen\n%s\n", https);
}

/* The certificates of both; one of ours if there is none. */
static void
print_certificates(const struct settings *s)
{
	const char *before = "";
	bool is_secure = false;
	char run[512];

	for (size_t i = 0; i < ARRAY_COUNT(fronts); i++) {
		const char *cert = of_front(s, i, "https.cert");

		if (!front_is_secure(s, i))
			continue;
		is_secure = true;
		if (cert[0] == '\0' || strcmp(cert, before) == 0)
			continue;
		printf("--cert\n%s\n--key\n%s\n", cert, of_front(s, i, "https.key"));
		before = cert;
	}
	if (is_secure && before[0] == '\0' && ipc_run_dir(run, sizeof(run), false) == 0)
		printf("--self-signed\n%s/tls\n", run);
}

static const char *
port_of(const char *listen)
{
	const char *colon = strrchr(listen, ':');

	return colon != NULL ? colon + 1 : listen;
}

bool
front_has_tcp(const struct settings *s)
{
	const char *tcp = port_of(settings_text(s, "rtc_server.tcp.listen"));

	for (size_t i = 0; i < ARRAY_COUNT(fronts); i++)
		if ((front_is_on(s, i) && strcmp(tcp, port_of(of_front(s, i, "listen"))) == 0) ||
		    (front_is_secure(s, i) &&
		     strcmp(tcp, port_of(of_front(s, i, "https.listen"))) == 0))
			return settings_is_on(s, "rtc_server.tcp.enabled");
	return false;
}

void
front_print(const struct settings *s)
{
	for (size_t i = 0; i < ARRAY_COUNT(fronts); i++)
		print_ports(s, i);
	print_certificates(s);
}
