/* whip_job.c - a POST under way: names, the hook's verdict, the relay's session, the answer. */
#include "whip/whip_endpoint_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/random.h"
#include "log/log.h"

enum {
	ANSWER_MAX = 65536, /* octets of an answer */
	NOTE_SIZE = 4096    /* of its bundle and candidates, with a NUL: 14 addresses in 3 ways */
};

void
whip_job_free(struct whip_job *job)
{
	for (struct whip_job **p = &job->ep->jobs; *p != NULL; p = &(*p)->next)
		if (*p == job) {
			*p = job->next;
			break;
		}
	for (size_t i = 0; i < WHIP_NAMES_MAX; i++)
		whip_resolver_cancel(job->ep->resolver, &job->waiters[i]);
	whip_hook_cancel(job);
	sdp_free(job->offer);
	whip_json_free(job->json);
	job->ep->job_count--;
	free(job);
}

static void
forget_reply(void *arg, json_t *reply, int error)
{
	(void)arg;
	(void)reply;
	(void)error;
}

/* Every candidate that this answer names; false if there is none. */
static bool
find_candidates(const struct whip_job *job, struct whip_candidates *out)
{
	struct whip_endpoint *ep = job->ep;
	struct addr interfaces[WHIP_INTERFACES_MAX];
	struct whip_question q = {
	    .eip = job->params.has_eip ? &job->params.eip : NULL,
	    .api_host = job->host[0] != '\0' ? job->host : NULL,
	    .interfaces = interfaces,
	    .interface_count = whip_interfaces(interfaces, ARRAY_COUNT(interfaces)),
	    .ports = whip_relay_ports(ipc_client_hello(ep->relay)),
	    .gate_tcp = !ep->rules.gate_tcp	   ? 0
			: ep->rules.gate_port != 0 ? ep->rules.gate_port
						   : job->port,
	    .lookup = whip_resolver_lookup,
	    .lookup_arg = ep->resolver,
	};

	whip_candidates_find(out, &ep->rules, &q);
	return out->count > 0;
}

static void
reply_created(struct whip_job *job, const char *sdp, int size, const char *secret,
	      const char *ufrag)
{
	enum { OWN = 4 };
	char base[HTTP_BASE_SIZE], location[HTTP_BASE_SIZE + 128], etag[SDP_UFRAG_MAX + 3];
	struct http_header headers[OWN + WHIP_ICE_SERVERS_MAX + 1] = {
	    {"Content-Type", "application/sdp"},
	    {"Location", location},
	    {"ETag", etag},
	    {"Cache-Control", "no-store"},
	};

	whip_add_links(job->ep, headers + OWN);

	snprintf(location, sizeof(location), "%s%s/session/%s", http_base(job->req, base),
		 job->ep->session_path, secret);
	snprintf(etag, sizeof(etag), "\"%.*s\"", SDP_UFRAG_MAX, ufrag);
	http_reply(job->req, 201, headers, sdp, (size_t)size);
}

static void
reply_json(struct whip_job *job, const char *sdp, const char *ufrag)
{
	static const struct http_header headers[] = {
	    {"Content-Type", "application/json"}, {"Cache-Control", "no-store"}, {NULL, NULL}};
	char *body = whip_json_answer(sdp, ufrag, job->plan.remote.ufrag);

	if (body != NULL)
		http_reply(job->req, 200, headers, body, strlen(body));
	else
		whip_reply_no_memory(job->req);
	free(body);
}

/* An ICE restart names the candidates again (RFC 9725 s.4.3.3), maybe at another instance: the
 * relay keeps them with the session. */
static void
note_candidates(struct whip_job *job, const struct sdp *answer, const char *secret)
{
	char note[NOTE_SIZE];
	json_t *msg;

	if (sdp_write_ice(answer, note, sizeof(note)) < 0)
		return;
	msg = whip_relay_note(secret, note);
	if (msg != NULL)
		ipc_client_ask(job->ep->relay, msg, forget_reply, NULL);
}

/* Write the answer of a session that the relay made. Returns false (nothing replied) if it cannot.
 */
static bool
reply_answer(struct whip_job *job, json_t *reply)
{
	struct sdp_local local = {.session_id = random_u64()};
	struct whip_candidates candidates;
	const char *secret, *id;
	struct sdp *answer;
	char *text;
	int n;

	if (whip_relay_read(reply, &job->plan, &local, &secret, &id) < 0 ||
	    !find_candidates(job, &candidates))
		return false;
	local.candidates = candidates.list;
	local.candidate_count = candidates.count;
	answer = sdp_answer(job->offer, &job->plan, &local);
	text = malloc(ANSWER_MAX);
	n = answer != NULL && text != NULL ? sdp_write(answer, text, ANSWER_MAX) : -1;
	if (n > 0 && job->json != NULL) {
		reply_json(job, text, local.ufrag);
	} else if (n > 0) {
		note_candidates(job, answer, secret);
		reply_created(job, text, n, secret, local.ufrag);
	}
	if (n > 0)
		log_info("session", "%s %s %s for %s (%s)", id,
			 job->params.role == SDP_PUBLISH ? "publishes" : "plays",
			 job->params.stream, job->address[0] != '\0' ? job->address : "-",
			 job->agent);
	free(text);
	sdp_free(answer);
	return n > 0;
}

static void
drop_session(struct whip_endpoint *ep, json_t *reply)
{
	const char *secret = json_string_value(json_object_get(reply, "secret"));

	if (secret != NULL)
		ipc_client_ask(ep->relay, whip_relay_delete(secret), forget_reply, NULL);
}

static bool
lacks_tcp(const struct whip_endpoint *ep)
{
	struct whip_ports ports = whip_relay_ports(ipc_client_hello(ep->relay));

	return ep->rules.protocol == WHIP_TCP && !ep->rules.gate_tcp && ports.tcp4 == 0 &&
	       ports.tcp6 == 0;
}

static void
on_created(void *arg, json_t *reply, int error)
{
	struct whip_job *job = arg;
	bool ok = json_is_true(json_object_get(reply, "ok"));

	(void)error;
	if (job->req == NULL) { /* the client did not wait for it */
		if (ok)
			drop_session(job->ep, reply);
	} else if (!ok) {
		whip_hook_gone(job);
		whip_reply_failure(job->req, reply);
	} else if (!reply_answer(job, reply)) {
		drop_session(job->ep, reply);
		whip_fail(job->req, NULL, 503, "no-candidate", "No Address To Name",
			  lacks_tcp(job->ep)
			      ? "answers name TCP alone (--protocol tcp), and the relay does not "
				"listen there: start it with --tcp PORT"
			      : "this server knows no address where the relay can be reached: "
				"start it with --candidate IP");
	}
	whip_job_free(job);
}

static void
job_ask(struct whip_job *job)
{
	struct whip_endpoint *ep = job->ep;
	const char *bearer = http_bearer(job->req);
	struct whip_session session = {
	    .params = &job->params,
	    .id = job->id,
	    .credential = bearer != NULL	       ? bearer
			  : job->params.secret != NULL ? job->params.secret
						       : job->params.token,
	    .address = job->address,
	    .agent = job->agent,
	    .no_nack = ep->no_nack,
	    .no_twcc = ep->no_twcc,
	    .keep_bframe = ep->keep_bframe,
	    .stun_timeout_ms = ep->stun_timeout_ms,
	};
	json_t *msg = whip_relay_create(&job->plan, &session);

	job->asked = true;
	if (msg != NULL && ipc_client_ask(ep->relay, msg, on_created, job) > 0)
		return;
	whip_hook_gone(job);
	whip_reply_failure(job->req, NULL);
	whip_job_free(job);
}

/* Everything is known: make the session, unless rtc-hook said no. */
static void
job_go_on(struct whip_job *job)
{
	if (whip_hook_allows(job))
		job_ask(job);
	else
		whip_job_free(job);
}

void
whip_job_wait(struct whip_job *job)
{
	job->waiting--;
	if (job->waiting == 0)
		job_go_on(job);
}

static void
on_resolved(void *arg)
{
	whip_job_wait(arg);
}

static void
on_gone(struct http_request *req, void *arg)
{
	struct whip_job *job = arg;

	(void)req;
	job->req = NULL;
	if (!job->asked)
		whip_job_free(job);
}

void
whip_job_start(struct whip_job *job)
{
	const char *names[WHIP_NAMES_MAX];
	size_t count =
	    whip_rules_names(&job->ep->rules, job->host[0] != '\0' ? job->host : NULL, names);

	http_on_gone(job->req, on_gone, job);
	whip_hook_ask(job);
	for (size_t i = 0; i < count; i++) {
		job->waiters[i].fn = on_resolved;
		job->waiters[i].arg = job;
		job->waiting +=
		    (size_t)whip_resolver_want(job->ep->resolver, names[i], &job->waiters[i]);
	}
	if (job->waiting == 0)
		job_go_on(job);
}
