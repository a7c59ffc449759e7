/* options.h - the command-line options that all clients share: HTTP and time limits. */
#ifndef RTCKIT_CLIENT_OPTIONS_H
#define RTCKIT_CLIENT_OPTIONS_H

#include <getopt.h>

#include "client/client.h"
#include "client/whip_client.h"

enum { CLIENT_RESOLVE_MAX = 16 };

/* Values of the shared long options in a table for getopt_long(), above any character. */
enum client_option {
	CLIENT_OPT_TOKEN_FILE = 1000,
	CLIENT_OPT_CA_FILE,
	CLIENT_OPT_INSECURE,
	CLIENT_OPT_RESOLVE,
	CLIENT_OPT_TIMEOUT,
	CLIENT_OPT_PROTOCOL,
	CLIENT_OPT_ICE_SERVER,
	CLIENT_OPT_ICE_SERVER_FILE,
	CLIENT_OPT_RELAY_ONLY
};

#define CLIENT_OPTIONS_HELP                                                                        \
	"  --token-file FILE         Bearer token: the first line of FILE (else $RTC_TOKEN)\n"     \
	"  --ca-file FILE            certificates to trust, PEM\n"                                 \
	"  --insecure                do not verify the server's certificate\n"                     \
	"  --resolve HOST:PORT:ADDR  use ADDR for HOST:PORT; may be repeated\n"                    \
	"  --timeout SECONDS         of each stage: a request, ICE, DTLS (10)\n"

/* The same as rows for getopt_long(). */
/* clang-format off */
#define CLIENT_OPTIONS_LONG                                                                        \
	{"token-file", required_argument, NULL, CLIENT_OPT_TOKEN_FILE},                            \
	{"ca-file", required_argument, NULL, CLIENT_OPT_CA_FILE},                                  \
	{"insecure", no_argument, NULL, CLIENT_OPT_INSECURE},                                      \
	{"resolve", required_argument, NULL, CLIENT_OPT_RESOLVE},                                  \
	{"timeout", required_argument, NULL, CLIENT_OPT_TIMEOUT}
/* clang-format on */

/* Of those that carry media. */
#define CLIENT_PROTOCOL_HELP                                                                       \
	"      --protocol PROTOCOL   of the media: udp, tcp, or all (UDP if it is answered "       \
	"soon)\n"                                                                                  \
	"      --ice-server URI      STUN or TURN server beside those that the answer names; "     \
	"the\n"                                                                                    \
	"                            user and credential of \"turn:\" are in $RTC_ICE_AUTH\n"      \
	"      --ice-server-file FILE  such servers: URI, or URI USER CREDENTIAL a line\n"         \
	"      --relay-only          send and receive by a TURN server, or not at all\n"

/* clang-format off */
#define CLIENT_PROTOCOL_LONG                                                                       \
	{"protocol", required_argument, NULL, CLIENT_OPT_PROTOCOL},                                \
	{"ice-server", required_argument, NULL, CLIENT_OPT_ICE_SERVER},                            \
	{"ice-server-file", required_argument, NULL, CLIENT_OPT_ICE_SERVER_FILE},                  \
	{"relay-only", no_argument, NULL, CLIENT_OPT_RELAY_ONLY}
/* clang-format on */

struct client_options {
	struct whip_options whip;
	enum client_protocol protocol;
	bool relay_only;
	const char *ice_uris[TURN_SERVERS_MAX], *ice_file;
	size_t ice_uri_count;
	struct turn_servers ice_servers; /* of both, after client_options_finish() */
	const char *token_file;
	const char *resolve[CLIENT_RESOLVE_MAX];
	char token[WHIP_TOKEN_SIZE];
	double timeout_s;
};

/* 1 if opt was one of the shared options and good; 0 if it is not one; -EINVAL if arg is bad (a
 * line was written to standard error). */
int client_option_take(struct client_options *o, int opt, const char *arg);
/* After the last option: reads the token and the ICE servers. 0 or -errno with a line on standard
 * error. */
int client_options_finish(struct client_options *o);

/* A decimal number of low..high and nothing after it: 0 or -EINVAL. */
int client_number(double *out, const char *text, double low, double high);

#endif
