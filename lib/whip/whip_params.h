/* whip_params.h - the query of a request, every value through its allow-list.  Pure. */
#ifndef RTCKIT_WHIP_WHIP_PARAMS_H
#define RTCKIT_WHIP_WHIP_PARAMS_H

#include "base/addr.h"
#include "base/text.h"
#include "sdp/sdp_negotiate.h"

enum {
	WHIP_CREDENTIAL_MAX = 1024, /* octets of a token */
	WHIP_WORDS_SIZE = 200	    /* octets of a detail with its NUL */
};

struct whip_params {
	enum sdp_role role;
	char stream[TEXT_STREAM_SIZE]; /* "app/stream" or "vhost/app/stream" */
	bool has_eip;
	struct addr eip; /* port 0 if not said */
	/* These borrow from the query; NULL if absent. */
	const char *codec, *ufrag, *pwd, *secret, *token;
};

/* Gives the decoded value of a parameter, or NULL. */
typedef const char *whip_get_fn(const void *arg, const char *name);

/*
 * role is what the path says; ?action=play or publish overrides it. use_vhost: ?vhost= begins the
 * stream's name unless it is absent or the default one. Returns 0, or -EINVAL with words that name
 * the parameter and its grammar; *out is then undefined.
 */
int whip_params_read(struct whip_params *out, whip_get_fn *get, const void *arg, enum sdp_role role,
		     bool use_vhost, char words[static WHIP_WORDS_SIZE]);

#endif
