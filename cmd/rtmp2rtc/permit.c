#include "permit.h"

#include <errno.h>
#include <limits.h>

#include "base/random.h"
#include "ipc/ipc.h"

enum { TIMEOUT_MS = 10000 };

static struct ipc_client *hook;
static permit_fn *on_permit;

static void
on_reply(void *arg, json_t *reply, int error)
{
	struct hook_verdict verdict = hook_read(reply);

	(void)arg;
	(void)error;
	on_permit(&verdict);
}

int
permit_ask(uv_loop_t *loop, struct hook_client *client, permit_fn *fn)
{
	char path[PATH_MAX], id[HOOK_ID_SIZE];
	json_t *question;
	int r = ipc_run_path(path, sizeof(path), "hook.sock");

	if (r < 0)
		return r;
	hook_make_id(id, random_u64());
	client->id = id;
	client->held = true;
	question = hook_ask(client);
	hook = ipc_client_new(loop, path, TIMEOUT_MS);
	if (question == NULL || hook == NULL) {
		json_decref(question);
		return -ENOMEM;
	}
	on_permit = fn;
	r = ipc_client_ask(hook, question, on_reply, NULL);
	return r < 0 ? r : 0;
}

void
permit_end(void)
{
	ipc_client_free(hook);
	hook = NULL;
}
