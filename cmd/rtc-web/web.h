/* web.h - what rtc-web serves. */
#ifndef RTC_WEB_WEB_H
#define RTC_WEB_WEB_H

#include "http/http.h"
#include "ipc/ipc.h"
#include "whip/whip_auth.h"

enum { WEB_DIR_MAX = 8 }; /* directories, the pages of the project included */

struct web {
	int dirs[WEB_DIR_MAX]; /* O_PATH descriptors; the first that has the file wins */
	size_t dir_count;
	struct ipc_client *admin; /* of the relay */
	struct ipc_client *live;  /* of rtc2rtmp, if there is one */
	struct whip_auth auth;	  /* of those who kick clients; none: who is on this machine */
};

/* files.c */
int web_add_dir(struct web *web, const char *path); /* 0 or -errno */
int web_add_own_dir(struct web *web);		    /* the pages beside this program */
void web_file(struct http_request *req);	    /* handler of everything that is a file */

/* api.c */
void web_versions(struct http_request *req);
void web_summaries(struct http_request *req);
void web_vhosts(struct http_request *req);
void web_streams(struct http_request *req);
void web_clients(struct http_request *req);
void web_metrics(struct http_request *req);

/* kick.c */
void web_kick(struct http_request *req);
int web_load_tokens(struct web *web, const char *path); /* 0 or -errno, see whip_auth_load() */

#endif
