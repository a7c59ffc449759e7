/* whip_auth.h - the tokens of a file: one a line, blank lines and # comments apart. */
#ifndef RTCKIT_WHIP_WHIP_AUTH_H
#define RTCKIT_WHIP_WHIP_AUTH_H

#include <stdbool.h>
#include <stddef.h>

#include "whip/whip_params.h"

enum {
	WHIP_TOKENS_MAX = 256,
	WHIP_TOKEN_FILE_MAX = 65536 /* octets */
};

struct whip_auth {
	size_t count;
	char *tokens[WHIP_TOKENS_MAX]; /* owned */
};

/* Read a file. 0; -errno; -EINVAL (a token over WHIP_CREDENTIAL_MAX, too many, or none at all).
 * *auth keeps its former tokens on error. */
int whip_auth_load(struct whip_auth *auth, const char *path);
void whip_auth_fini(struct whip_auth *auth);
/* Is text one of the tokens? Takes the same time for all that are not. NULL is not. */
bool whip_auth_knows(const struct whip_auth *auth, const char *text);

#endif
