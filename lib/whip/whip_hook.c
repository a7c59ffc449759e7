/* whip_hook.c - rtc-hook is asked before a session exists. */
#include "whip/whip_endpoint_impl.h"

#include "base/random.h"
#include "base/text.h"

static void
keep_verdict(struct whip_job *job, json_t *reply)
{
	struct hook_verdict v = hook_read(reply);

	job->verdict.allowed = v.allowed;
	job->verdict.unavailable = v.unavailable;
	text_copy(job->verdict.words, sizeof(job->verdict.words), v.words);
}

static void
on_verdict(void *arg, json_t *reply, int error)
{
	struct whip_job *job = arg;

	(void)error;
	job->hook_ask = 0;
	keep_verdict(job, reply);
	whip_job_wait(job);
}

void
whip_hook_ask(struct whip_job *job)
{
	struct hook_client client = {
	    .action = job->params.role == SDP_PUBLISH ? HOOK_PUBLISH : HOOK_PLAY,
	    .id = job->id,
	    .address = job->address,
	    .stream = job->params.stream,
	    .query = job->json != NULL ? job->json->raw_query : http_raw_query(job->req),
	    .host = job->host,
	    .page = http_header(job->req, "Referer")};
	json_t *question;

	if (job->ep->hook == NULL)
		return;
	hook_make_id(job->id, random_u64());
	keep_verdict(job, NULL); /* until there is one */
	question = hook_ask(&client);
	if (question != NULL)
		job->hook_ask = ipc_client_ask(job->ep->hook, question, on_verdict, job);
	job->waiting += job->hook_ask > 0;
}

void
whip_hook_cancel(struct whip_job *job)
{
	if (job->hook_ask > 0)
		ipc_client_cancel(job->ep->hook, job->hook_ask);
}

bool
whip_hook_allows(struct whip_job *job)
{
	static const struct http_header retry[] = {{"Retry-After", "2"}, {NULL, NULL}};

	if (job->ep->hook == NULL || job->verdict.allowed)
		return true;
	if (job->verdict.unavailable)
		whip_fail(job->req, retry, 503, "hook-unavailable", "Hook Unavailable", "%s",
			  job->verdict.words);
	else
		whip_fail(job->req, NULL, 403, "hook-denied", "Denied", "%s", job->verdict.words);
	return false;
}

static void
forget_reply(void *arg, json_t *reply, int error)
{
	(void)arg;
	(void)reply;
	(void)error;
}

void
whip_hook_gone(struct whip_job *job)
{
	if (job->ep->hook != NULL)
		ipc_client_ask(job->ep->hook, hook_gone(job->id), forget_reply, NULL);
}
