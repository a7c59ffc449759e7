#include "client/options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/text.h"
#include "log/log.h"

static const double TIMEOUT_MAX_S = 3600;

int
client_number(double *out, const char *text, double low, double high)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || *end != '\0' || !isfinite(v) || v < low || v > high)
		return -EINVAL;
	*out = v;
	return 0;
}

static int
add_resolve(struct client_options *o, const char *arg)
{
	if (o->whip.resolve_count == CLIENT_RESOLVE_MAX) {
		log_error("options", "--resolve at most %d times", CLIENT_RESOLVE_MAX);
		return -EINVAL;
	}
	o->resolve[o->whip.resolve_count++] = arg;
	return 1;
}

static int
take_protocol(struct client_options *o, const char *arg)
{
	static const char *const names[] = {[CLIENT_PROTOCOL_ALL] = "all",
					    [CLIENT_PROTOCOL_UDP] = "udp",
					    [CLIENT_PROTOCOL_TCP] = "tcp"};

	for (size_t i = 0; i < ARRAY_COUNT(names); i++)
		if (strcmp(arg, names[i]) == 0) {
			o->protocol = (enum client_protocol)i;
			return 1;
		}
	log_error("options", "--protocol wants udp, tcp or all, not '%.32s'", arg);
	return -EINVAL;
}

static int
add_ice_server(struct client_options *o, const char *arg)
{
	if (o->ice_uri_count == TURN_SERVERS_MAX) {
		log_error("options", "--ice-server at most %d times", TURN_SERVERS_MAX);
		return -EINVAL;
	}
	o->ice_uris[o->ice_uri_count++] = arg;
	return 1;
}

int
client_option_take(struct client_options *o, int opt, const char *arg)
{
	switch (opt) {
	case CLIENT_OPT_TOKEN_FILE:
		o->token_file = arg;
		return 1;
	case CLIENT_OPT_CA_FILE:
		o->whip.ca_file = arg;
		return 1;
	case CLIENT_OPT_INSECURE:
		o->whip.insecure = true;
		return 1;
	case CLIENT_OPT_RESOLVE:
		return add_resolve(o, arg);
	case CLIENT_OPT_PROTOCOL:
		return take_protocol(o, arg);
	case CLIENT_OPT_ICE_SERVER:
		return add_ice_server(o, arg);
	case CLIENT_OPT_ICE_SERVER_FILE:
		o->ice_file = arg;
		return 1;
	case CLIENT_OPT_RELAY_ONLY:
		o->relay_only = true;
		return 1;
	case CLIENT_OPT_TIMEOUT:
		if (client_number(&o->timeout_s, arg, 0.1, TIMEOUT_MAX_S) == 0)
			return 1;
		log_error("options", "--timeout wants 0.1 to %g seconds", TIMEOUT_MAX_S);
		return -EINVAL;
	default:
		return 0;
	}
}

/* "USER CREDENTIAL" of the environment, cut in two in text. */
static int
read_ice_auth(char text[static WHIP_TOKEN_SIZE], const char **username, const char **credential)
{
	const char *env = getenv("RTC_ICE_AUTH");
	char *blank;

	if (env == NULL)
		return 0;
	blank = text_copy(text, WHIP_TOKEN_SIZE, env) ? strchr(text, ' ') : NULL;
	if (blank == NULL) {
		log_error("options", "$RTC_ICE_AUTH wants a user name, a blank, a credential");
		return -EINVAL;
	}
	*blank = '\0';
	*username = text;
	*credential = blank + 1;
	return 0;
}

static int
add_ice_uris(struct client_options *o)
{
	char text[WHIP_TOKEN_SIZE];
	const char *username = NULL, *credential = NULL;
	int r = read_ice_auth(text, &username, &credential);

	for (size_t i = 0; i < o->ice_uri_count && r == 0; i++) {
		bool relays = strncasecmp(o->ice_uris[i], "turn", 4) == 0;

		r = turn_servers_add(&o->ice_servers, o->ice_uris[i], relays ? username : NULL,
				     relays ? credential : NULL);
		if (r < 0)
			log_error("options", "--ice-server: '%.80s' is no STUN or TURN server",
				  o->ice_uris[i]);
	}
	explicit_bzero(text, sizeof(text));
	return r;
}

static int
read_ice_file(struct client_options *o)
{
	FILE *file = fopen(o->ice_file, "re");
	char *line = NULL;
	size_t cap = 0;
	unsigned number = 0;
	int r = file != NULL ? 0 : -errno;

	while (r == 0 && getline(&line, &cap, file) >= 0) {
		r = turn_servers_add_line(&o->ice_servers, line);
		number++;
	}
	if (r == 0 && ferror(file))
		r = -EIO;
	if (r < 0 && number > 0) /* not what it says: that is a secret */
		log_error("options", "%s: line %u is no ICE server", o->ice_file, number);
	else if (r < 0)
		log_error("options", "%s: %s", o->ice_file, strerror(-r));
	if (line != NULL)
		explicit_bzero(line, cap);
	free(line);
	if (file != NULL)
		fclose(file);
	return r;
}

int
client_options_finish(struct client_options *o)
{
	int r = whip_token(o->token, o->token_file);

	if (r < 0) {
		log_error("options", "token: %s: %s",
			  o->token_file != NULL ? o->token_file : "$RTC_TOKEN",
			  r == -EINVAL ? "not one line of printable characters" : strerror(-r));
		return r;
	}
	o->whip.token = o->token;
	o->whip.resolve = o->resolve;
	r = add_ice_uris(o);
	if (r == 0 && o->ice_file != NULL)
		r = read_ice_file(o);
	if (r < 0)
		return r;
	if (o->timeout_s > 0)
		o->whip.timeout_ms = (uint64_t)(o->timeout_s * 1000);
	return 0;
}
