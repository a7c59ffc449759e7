/* stage_delete.c - the end of the session, and whether it is really gone. */
#include <string.h>

#include "stage_dtls.h"
#include "stage_http.h"

static bool
delete_session(struct exam *x, struct exchange *e)
{
	char url[WHIP_URL_SIZE];
	const struct request r = {.method = "DELETE", .url = url, .token = true};

	memcpy(url, x->session_url, sizeof(url));
	x->session_url[0] = '\0';
	return exchange_do(x, e, &r);
}

static void
judge_delete(struct doctor_finding *f, const struct exchange *e)
{
	if (e->result != CURLE_OK) {
		doctor_say(f, "DELETE: %s", e->error);
		doctor_blame(f, DOCTOR_DELETE_STATUS);
		return;
	}
	doctor_say(f, "DELETE answered %d", e->status);
	if (e->status == 404)
		doctor_blame(f, DOCTOR_DELETE_LOST);
	else if (e->status / 100 != 2)
		doctor_blame(f, DOCTOR_DELETE_STATUS);
	else if (e->status != 200)
		doctor_blame(f, DOCTOR_DELETE_NOT_200);
}

/* Publish once more: a server that has let go takes it at once. */
static void
look_for_ghost(struct exam *x, struct doctor_finding *f)
{
	struct exchange again = {0};

	if (post_offer(x, &again, x->post.url, true)) {
		if (again.status == 201) {
			doctor_say(f, "a new publish is taken at once");
			delete_quietly(x, &again);
		} else {
			doctor_say(f, "a new publish is answered %d", again.status);
			doctor_blame(f, DOCTOR_DELETE_GHOST);
		}
	}
	exchange_free(&again);
}

void
stage_delete(struct exam *x, struct doctor_finding *f)
{
	struct exchange e = {0};

	if (delete_session(x, &e))
		judge_delete(f, &e);
	dtls_farewell(x); /* after the DELETE: a server that hears it may forget the session */
	if (f->level != DOCTOR_FAIL && x->o.action == WHIP_PUBLISH)
		look_for_ghost(x, f);
	exchange_free(&e);
}
