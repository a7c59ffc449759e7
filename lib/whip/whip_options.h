/* whip_options.h - the command line of rtc-whip and rtc-whep, which is the same. */
#ifndef RTCKIT_WHIP_WHIP_OPTIONS_H
#define RTCKIT_WHIP_WHIP_OPTIONS_H

#include "http/http.h"
#include "log/log.h"
#include "whip/whip_balance.h"
#include "whip/whip_candidate.h"
#include "whip/whip_ice_server.h"

enum { WHIP_LISTEN_MAX = 4 };

struct whip_options {
	const char *listen[WHIP_LISTEN_MAX];
	size_t listen_count;
	const char *socket, *relay, *user;   /* NULL: the default */
	const char *token_file;		     /* NULL: nobody needs a token */
	const char *play_token_file;	     /* of those who play; NULL: token_file */
	const char *ice_server_file;	     /* NULL: none */
	struct whip_ice_servers ice_servers; /* of the command line */
	struct whip_balance balance;
	unsigned rate; /* 0: no limit */
	struct whip_rules rules;
	bool hook, use_vhost, no_nack, no_twcc, keep_bframe, dtls_client;
	unsigned stun_timeout_ms; /* 0: the relay's default */
	int ready_fd;		  /* -1: none */
	enum log_level log_level;
	struct http_config http; /* proxies */
};

/*
 * Read argv. Returns -1 to go on, else the exit status (0 after --help and --version, 64 for a
 * wrong line, which was explained on standard error). Borrows from argv.
 */
int whip_options_read(struct whip_options *o, int argc, char **argv, const char *program);

#endif
