#include "ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"

enum { COUNT_DEFAULT = 10, COUNT_MAX = 100, START_MAX = 1000000 };

static const struct http_header json_headers[] = {
    {"Content-Type", "application/json"}, {"Cache-Control", "no-store"}, {NULL, NULL}};

static void
reply_no_memory(struct http_request *req)
{
	http_problem(req, 503, "no-memory", "Out Of Memory", "try again later");
}

void
ask_reply(struct http_request *req, json_t *more)
{
	char pid[16], *text;
	json_t *o;

	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	o = json_pack("{s:i, s:s, s:s, s:s}", "code", 0, "server", "rtckit", "service", "rtc-web",
		      "pid", pid);
	json_object_update(o, more);
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	json_decref(more);
	if (text != NULL)
		http_reply(req, 200, json_headers, text, strlen(text));
	else
		reply_no_memory(req);
	free(text);
}

void
ask_reply_missing(struct http_request *req, int code, const char *what)
{
	static const struct http_header headers[] = {{"Content-Type", "application/problem+json"},
						     {"Cache-Control", "no-store"},
						     {NULL, NULL}};
	json_t *o = json_pack("{s:i, s:s, s:s, s:s, s:i, s:o}", "code", code, "server", "rtckit",
			      "type", "urn:rtckit:problem:not-found", "title", "Not Found",
			      "status", 404, "detail", json_sprintf("no %s has this id", what));
	char *text = json_dumps(o, JSON_COMPACT);

	json_decref(o);
	if (text != NULL)
		http_reply(req, 404, headers, text, strlen(text));
	else
		reply_no_memory(req);
	free(text);
}

static void
ask_free(struct ask *ask)
{
	for (size_t i = 0; i < ASK_STEPS_MAX; i++) {
		json_decref(ask->lists[i]);
		json_decref(ask->replies[i]);
	}
	free(ask);
}

static void
on_gone(struct http_request *req, void *arg)
{
	struct ask *ask = arg;

	(void)req;
	ask->req = NULL;
}

static size_t
total_of(const struct ask *ask, size_t step)
{
	return (size_t)json_integer_value(json_object_get(ask->replies[step], "total"));
}

/* Which part of the step's list the answer wants. */
static void
range_of(const struct ask *ask, size_t *start, size_t *count)
{
	size_t total;

	*start = ask->start;
	*count = ask->count;
	if (ask->plan->steps[ask->step].paging == ASK_WHOLE) {
		*start = 0;
		*count = ASK_WHOLE_MAX;
	} else if (ask->plan->steps[ask->step].paging == ASK_REST) {
		total = total_of(ask, ask->step - 1);
		*start = ask->start > total ? ask->start - total : 0;
		*count = ask->count - json_array_size(ask->lists[ask->step - 1]);
	}
}

static void on_reply(void *arg, json_t *reply, int error);

/* The next page of the step under way. */
static void
ask_next(struct ask *ask)
{
	const struct ask_step *s = &ask->plan->steps[ask->step];
	size_t have = json_array_size(ask->lists[ask->step]), start, count;
	json_t *msg = json_pack("{s:s}", "op", s->op);

	range_of(ask, &start, &count);
	if (s->paging != ASK_ONCE) {
		json_object_set_new(msg, "start", json_integer((json_int_t)(start + have)));
		json_object_set_new(msg, "count", json_integer((json_int_t)(count - have)));
	}
	if (s->no_carriers)
		json_object_set_new(msg, "carriers", json_false());
	if (s->filter != NULL)
		json_object_set_new(msg, s->filter, json_string(ask->id));
	if (ipc_client_ask(s->live ? ask->web->live : ask->web->admin, msg, on_reply, ask) <= 0)
		on_reply(ask, NULL, -1);
}

/* True: the step's list goes on in another page. */
static bool
take_reply(struct ask *ask, json_t *reply)
{
	const struct ask_step *s = &ask->plan->steps[ask->step];
	json_t *page = s->member != NULL ? json_object_get(reply, s->member) : NULL;
	size_t start, count, have;

	json_decref(ask->replies[ask->step]);
	ask->replies[ask->step] = json_incref(reply);
	if (page == NULL)
		return false;
	json_array_extend(ask->lists[ask->step], page);
	range_of(ask, &start, &count);
	have = json_array_size(ask->lists[ask->step]);
	return json_array_size(page) > 0 && have < count && start + have < total_of(ask, ask->step);
}

/* Is there nothing to be answered any more? Answers what stops it. */
static bool
is_over(struct ask *ask, const json_t *reply)
{
	static const struct http_header retry[] = {{"Retry-After", "1"}, {NULL, NULL}};
	const struct ask_plan *plan = ask->plan;

	if (ask->req == NULL)
		return true;
	if (json_is_true(json_object_get(reply, "ok")) ||
	    (plan->steps[ask->step].live && !plan->steps[ask->step].needed))
		return false;
	if (reply == NULL && !plan->steps[ask->step].live)
		http_problem_with(ask->req, retry, 503, "relay-unreachable", "Relay Not Reachable",
				  "the relay does not answer");
	else
		ask_reply_missing(ask->req, plan->missing, plan->missing_what);
	return true;
}

static void
on_reply(void *arg, json_t *reply, int error)
{
	struct ask *ask = arg;
	bool ok = json_is_true(json_object_get(reply, "ok"));

	(void)error;
	if (is_over(ask, reply)) {
		ask_free(ask);
		return;
	}
	if (!(ok && take_reply(ask, reply)))
		ask->step++;
	if (ask->plan->steps[ask->step].op != NULL) {
		ask_next(ask);
		return;
	}
	ask->plan->finish(ask);
	ask_free(ask);
}

/* The number of a query, within 0..max; what is none counts as left out. */
static size_t
page_number(struct http_request *req, const char *name, size_t fallback, size_t max)
{
	const char *text = http_query(req, name);
	char *end;
	long n;

	if (text == NULL)
		return fallback;
	n = strtol(text, &end, 10);
	if (end == text || *end != '\0' || n < 0)
		return fallback;
	return MIN_OF((size_t)n, max);
}

void
ask_begin(struct http_request *req, const struct ask_plan *plan, const char *id)
{
	struct ask *ask = calloc(1, sizeof(*ask));

	if (ask == NULL) {
		reply_no_memory(req);
		return;
	}
	ask->req = req;
	ask->web = http_server_arg(http_server_of(req));
	ask->plan = plan;
	ask->start = page_number(req, "start", 0, START_MAX);
	ask->count = MAX_OF(page_number(req, "count", COUNT_DEFAULT, COUNT_MAX), (size_t)1);
	for (size_t i = 0; i < ASK_STEPS_MAX; i++)
		ask->lists[i] = json_array();
	if (id != NULL) {
		text_copy(ask->id, sizeof(ask->id), id);
		ask->start = 0;
		ask->count = 1;
	}
	http_on_gone(req, on_gone, ask);
	ask_next(ask);
}
