#include "exchange.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "doctor/doctor_field.h"
#include "exam.h"

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

/* A signal ends a transfer too. */
static int
on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	(void)a, (void)b, (void)c, (void)d;
	return exam_wait(arg, NULL, 0, 0) < 0;
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
	curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(c, CURLOPT_XFERINFODATA, x);
	curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, r->method);
	if (r->body != NULL) {
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)strlen(r->body));
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, r->body);
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

bool
exchange_do(struct exam *x, struct exchange *e, const struct request *r)
{
	const struct whip_options *o = &x->o.client.whip;
	struct curl_slist *fields = NULL, *resolve = NULL;
	bool good = prepare(e, r);
	CURL *c = good ? curl_easy_init() : NULL;

	if (c == NULL)
		return false;
	set_request(x, e, c, r);
	set_security(c, o, r->token);
	fields = curl_slist_append(fields, "Expect:");
	if (r->body == NULL)
		fields = curl_slist_append(fields, "Content-Type:");
	for (size_t i = 0; i < EXCHANGE_FIELDS_MAX && r->fields[i] != NULL; i++)
		fields = curl_slist_append(fields, r->fields[i]);
	for (size_t i = 0; i < o->resolve_count; i++)
		resolve = curl_slist_append(resolve, o->resolve[i]);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, fields);
	curl_easy_setopt(c, CURLOPT_RESOLVE, resolve);
	e->result = curl_easy_perform(c);
	take_result(e, c);
	curl_easy_cleanup(c);
	curl_slist_free_all(fields);
	curl_slist_free_all(resolve);
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
