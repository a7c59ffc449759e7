#include "exchange.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "doctor/doctor_field.h"
#include "exam.h"

/*
 * A transfer runs on a thread of its own, since nothing ends OpenSSL's handshake while there is
 * more to read: libcurl's time limit is looked at between its calls.  Who is not back some time
 * after that limit is left to the end of the process.
 */
enum { GRACE_US = 500000 };

static size_t
on_head(char *data, size_t size, size_t count, void *arg)
{
	struct exchange *e = arg;
	size_t octets = size * count;

	if (octets >= 5 && memcmp(data, "HTTP/", 5) == 0)
		e->head_size = 0; /* of an interim answer: only the last head counts */
	e->heads_size += octets;
	if (octets > EXCHANGE_HEAD_MAX - e->head_size || e->heads_size > EXCHANGE_HEADS_MAX) {
		e->head_too_large = true;
		return 0;
	}
	memcpy(e->head + e->head_size, data, octets);
	e->head_size += octets;
	e->head[e->head_size] = '\0';
	return octets;
}

static size_t
on_body(char *data, size_t size, size_t count, void *arg)
{
	struct exchange *e = arg;
	size_t octets = size * count;

	if (octets > EXCHANGE_BODY_MAX - e->body_size) {
		e->body_too_large = true;
		return 0;
	}
	memcpy(e->body + e->body_size, data, octets);
	e->body_size += octets;
	e->body[e->body_size] = '\0';
	return octets;
}

static bool
prepare(struct exchange *e, const struct request *r)
{
	char *head = e->head != NULL ? e->head : malloc(EXCHANGE_HEAD_MAX + 1);
	char *body = e->body != NULL ? e->body : malloc(EXCHANGE_BODY_MAX + 1);

	*e = (struct exchange){.method = r->method, .head = head, .body = body};
	if (head == NULL || body == NULL)
		return false;
	head[0] = body[0] = '\0';
	text_copy(e->url, sizeof(e->url), r->url);
	return true;
}

static const char *
agent_of(enum doctor_client as)
{
	switch (as) {
	case DOCTOR_OBS:
		return "Mozilla/5.0 (OBS-Studio/32.0.0; Linux x86_64; en-US)";
	case DOCTOR_BROWSER:
		return "Mozilla/5.0 (X11; Linux x86_64) rtc-doctor/" RTCKIT_VERSION;
	case DOCTOR_FFMPEG:
		return "Lavf/62.3.100";
	default:
		return "rtc-doctor/" RTCKIT_VERSION;
	}
}

static void
set_security(CURL *c, const struct whip_options *o, bool token)
{
	if (o->ca_file != NULL)
		curl_easy_setopt(c, CURLOPT_CAINFO, o->ca_file);
	if (o->insecure) {
		curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (token && o->token != NULL && o->token[0] != '\0') {
		curl_easy_setopt(c, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
		curl_easy_setopt(c, CURLOPT_XOAUTH2_BEARER, o->token);
	}
}

static void
set_request(struct exam *x, struct exchange *e, CURL *c, const struct request *r)
{
	curl_easy_setopt(c, CURLOPT_URL, e->url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_PROXY, ""); /* the stages before went without one */
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	/* A name server that is silent (redirects lead anywhere) would hold the end of it. */
	curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, e->error);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)exam_left_ms(x));
	curl_easy_setopt(c, CURLOPT_USERAGENT, agent_of(x->o.as));
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_head);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, e);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, e);
	curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, r->method);
	if (r->body != NULL) {
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)strlen(r->body));
		curl_easy_setopt(c, CURLOPT_COPYPOSTFIELDS, r->body);
	}
}

static void
take_result(struct exchange *e, CURL *c)
{
	curl_off_t us = 0;
	long status = 0;

	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(c, CURLINFO_TOTAL_TIME_T, &us);
	e->status = (int)status;
	e->total_us = us > 0 ? (uint64_t)us : 0;
	if (e->error[0] == '\0' && e->result != CURLE_OK)
		text_copy(e->error, sizeof(e->error), curl_easy_strerror(e->result));
}

/* ---- the transfer ---- */

/* Owned by its thread until it was written to the pipe; then by the reader, if there still is one.
 */
struct transfer {
	struct exchange e;
	CURL *curl;
	struct curl_slist *fields, *resolve;
	int pipe_fd;
};

static void
transfer_free(struct transfer *t)
{
	curl_easy_cleanup(t->curl);
	curl_slist_free_all(t->fields);
	curl_slist_free_all(t->resolve);
	exchange_free(&t->e);
	free(t);
}

static void *
run_transfer(void *arg)
{
	struct transfer *t = arg;
	int fd = t->pipe_fd;

	t->e.result = curl_easy_perform(t->curl);
	take_result(&t->e, t->curl);
	if (write(fd, &t, sizeof(t)) != sizeof(t)) /* the reader gave up */
		transfer_free(t);
	close(fd);
	return NULL;
}

static struct transfer *
transfer_new(struct exam *x, const struct request *r)
{
	const struct whip_options *o = &x->o.client.whip;
	struct transfer *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->curl = curl_easy_init();
	if (t->curl == NULL || !prepare(&t->e, r)) {
		transfer_free(t);
		return NULL;
	}
	set_request(x, &t->e, t->curl, r);
	set_security(t->curl, o, r->token);
	t->fields = curl_slist_append(t->fields, "Expect:");
	if (r->body == NULL)
		t->fields = curl_slist_append(t->fields, "Content-Type:");
	for (size_t i = 0; i < EXCHANGE_FIELDS_MAX && r->fields[i] != NULL; i++)
		t->fields = curl_slist_append(t->fields, r->fields[i]);
	for (size_t i = 0; i < o->resolve_count; i++)
		t->resolve = curl_slist_append(t->resolve, o->resolve[i]);
	curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, t->fields);
	curl_easy_setopt(t->curl, CURLOPT_RESOLVE, t->resolve);
	return t;
}

/* The descriptor at which it will come, -1: no thread (t is freed). */
static int
transfer_start(struct transfer *t, pthread_t *thread)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0) {
		transfer_free(t);
		return -1;
	}
	t->pipe_fd = fds[1];
	if (pthread_create(thread, NULL, run_transfer, t) != 0) {
		close(fds[0]);
		close(fds[1]);
		transfer_free(t);
		return -1;
	}
	return fds[0];
}

bool
exchange_do(struct exam *x, struct exchange *e, const struct request *r)
{
	uint64_t until_us = clock_now_us() + exam_left_ms(x) * 1000 + GRACE_US;
	struct transfer *t = prepare(e, r) ? transfer_new(x, r) : NULL;
	pthread_t thread;
	struct pollfd wait = {.fd = t != NULL ? transfer_start(t, &thread) : -1, .events = POLLIN};

	if (wait.fd < 0)
		return false;
	e->result = CURLE_OPERATION_TIMEDOUT;
	text_copy(e->error, sizeof(e->error), "the server keeps the connection busy");
	if (exam_wait(x, &wait, 1, until_us) > 0 && read(wait.fd, &t, sizeof(t)) == sizeof(t)) {
		struct exchange done = t->e;

		t->e = *e;
		*e = done;
		transfer_free(t);
		pthread_join(thread, NULL); /* what OpenSSL keeps for it goes with it */
	} else {
		pthread_detach(thread);
		x->abandoned = true;
	}
	close(wait.fd);
	return true;
}

void
exchange_free(struct exchange *e)
{
	free(e->head);
	free(e->body);
	*e = (struct exchange){0};
}

bool
exchange_field(const struct exchange *e, const char *name, unsigned index, char *out, size_t cap,
	       bool *space)
{
	return e->head != NULL && doctor_field(e->head, name, index, out, cap, space);
}
