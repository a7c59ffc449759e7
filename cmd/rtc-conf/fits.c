/* fits.c - values that are more than a word: servers, routes, files of servers and tokens. */
#include "settings.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "whip/whip_auth.h"
#include "whip/whip_balance.h"
#include "whip/whip_ice_server.h"

bool
fits_ice_server(const char *value)
{
	static struct whip_ice_servers one;

	one.count = 0;
	return whip_ice_server_add(&one, value, NULL, NULL) == 0;
}

bool
fits_redirect(const char *value)
{
	struct whip_balance one = {.count = 0};

	return whip_balance_add(&one, value) == 0;
}

/* What rtc-gate says no to beyond this it says at the start. */
bool
fits_route(const char *value)
{
	const char *equals = strchr(value, '=');

	return value[0] == '/' && equals != NULL && equals[1] != '\0';
}

/* One that this user may not read is somebody else's to read. */
static const char *
fault_of(int error, const char *lines)
{
	if (error == 0 || error == -EACCES)
		return NULL;
	if (error == -EINVAL)
		return lines;
	return error == -ENOSPC ? "at most 8 servers, those of ice_server included"
				: strerror(-error);
}

static void
check_tokens(struct settings *s, const char *name)
{
	struct whip_auth auth = {.count = 0};
	const struct setting *t = settings_get(s, name);
	const char *fault;

	if (t->values[0][0] == '\0')
		return;
	fault = fault_of(whip_auth_load(&auth, t->values[0]),
			 "one token a line, at least one, each of at most 1024 characters");
	whip_auth_fini(&auth);
	if (fault != NULL)
		settings_error(s, t->origin, "%s %s: %s", name, t->values[0], fault);
}

static void
check_ice_servers(struct settings *s)
{
	static struct whip_ice_servers servers;
	const struct setting *t = settings_get(s, "rtc_server.ice_server");
	const struct setting *file = settings_get(s, "rtc_server.ice_server_file");
	const char *fault = NULL;

	servers.count = 0;
	for (size_t i = 0; i < t->count; i++)
		if (t->values[i][0] != '\0' &&
		    whip_ice_server_add(&servers, t->values[i], NULL, NULL) == -ENOSPC) {
			settings_error(s, t->origin, "rtc_server.ice_server: at most %d",
				       WHIP_ICE_SERVERS_MAX);
			return;
		}
	if (file->values[0][0] != '\0')
		fault =
		    fault_of(whip_ice_servers_load(&servers, file->values[0]),
			     "a line is stun:HOST[:PORT], or turn:HOST[:PORT] USERNAME CREDENTIAL");
	if (fault != NULL)
		settings_error(s, file->origin, "rtc_server.ice_server_file %s: %s",
			       file->values[0], fault);
}

void
fits_check_files(struct settings *s)
{
	static const char *const names[] = {"http_api.token_file", "vhost.publish.token_file",
					    "vhost.play.token_file"};

	for (size_t i = 0; i < ARRAY_COUNT(names); i++)
		check_tokens(s, names[i]);
	check_ice_servers(s);
}
