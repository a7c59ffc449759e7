#include "client/options.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
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
	case CLIENT_OPT_TIMEOUT:
		if (client_number(&o->timeout_s, arg, 0.1, TIMEOUT_MAX_S) == 0)
			return 1;
		log_error("options", "--timeout wants 0.1 to %g seconds", TIMEOUT_MAX_S);
		return -EINVAL;
	default:
		return 0;
	}
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
	if (o->timeout_s > 0)
		o->whip.timeout_ms = (uint64_t)(o->timeout_s * 1000);
	return 0;
}
