/* posts.c - one action told to its web servers, one after the other. */
#include "hook.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "client/whip_http.h"
#include "log/log.h"

enum { ANSWER_MAX = 4096, WORDS_SIZE = 200 };

struct post {
	struct post *prev, *next;
	struct hooks *hooks;
	struct whip_http_transfer transfer;
	CURL *easy;
	struct curl_slist *fields;
	enum hook_action action;
	size_t at;  /* index of the URL */
	char *text; /* the body */
	char answer[ANSWER_MAX];
	size_t answer_size;
	post_done_fn *fn;
	void *arg;
};

static void
end_transfer(struct post *p)
{
	curl_slist_free_all(p->fields);
	p->fields = NULL;
	if (p->easy != NULL)
		curl_easy_cleanup(p->easy);
	p->easy = NULL;
}

static void
post_free(struct post *p)
{
	end_transfer(p);
	DL_DELETE(p->hooks->posts, p);
	p->hooks->post_count--;
	free(p->text);
	free(p);
}

static void
finish(struct post *p, bool accepted, bool answered, const char *words)
{
	if (!accepted)
		log_warn("hook", "%s: %s", hook_names[p->action], words);
	if (p->fn != NULL)
		p->fn(p->arg, accepted, answered, words);
	post_free(p);
}

static size_t
on_body(char *data, size_t size, size_t count, void *arg)
{
	struct post *p = arg;
	size_t octets = size * count;

	if (octets > ANSWER_MAX - p->answer_size)
		return 0; /* the transfer ends */
	memcpy(p->answer + p->answer_size, data, octets);
	p->answer_size += octets;
	return octets;
}

static int begin(struct post *p);

static void
on_done(void *arg, CURLcode result)
{
	struct post *p = arg;
	struct urls *urls = &p->hooks->urls[p->action];
	char words[WORDS_SIZE];
	long status = 0;

	curl_easy_getinfo(p->easy, CURLINFO_RESPONSE_CODE, &status);
	if (result != CURLE_OK) {
		snprintf(words, sizeof(words), "the hook's server does not answer: %s",
			 curl_easy_strerror(result));
		finish(p, false, false, words);
	} else if (!hook_accepts(status, p->answer, p->answer_size)) {
		snprintf(words, sizeof(words), "the hook's server refuses (HTTP %ld)", status);
		finish(p, false, status / 100 != 5, words);
	} else if (++p->at == urls->count) {
		finish(p, true, true, "");
	} else {
		end_transfer(p);
		if (begin(p) < 0)
			finish(p, false, false, "out of memory");
	}
}

static int
begin(struct post *p)
{
	struct hooks *h = p->hooks;

	p->answer_size = 0;
	p->easy = curl_easy_init();
	p->fields = curl_slist_append(NULL, "Content-Type: application/json");
	if (p->fields != NULL)
		p->fields->next = curl_slist_append(NULL, "Expect:");
	if (p->easy == NULL || p->fields == NULL)
		return -ENOMEM;
	curl_easy_setopt(p->easy, CURLOPT_URL, h->urls[p->action].list[p->at]);
	curl_easy_setopt(p->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(p->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(p->easy, CURLOPT_TIMEOUT_MS, h->timeout_ms);
	curl_easy_setopt(p->easy, CURLOPT_USERAGENT, "rtckit/" RTCKIT_VERSION);
	curl_easy_setopt(p->easy, CURLOPT_HTTPHEADER, p->fields);
	curl_easy_setopt(p->easy, CURLOPT_POSTFIELDSIZE, (long)strlen(p->text));
	curl_easy_setopt(p->easy, CURLOPT_POSTFIELDS, p->text);
	curl_easy_setopt(p->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(p->easy, CURLOPT_WRITEDATA, p);
	if (h->ca_file != NULL)
		curl_easy_setopt(p->easy, CURLOPT_CAINFO, h->ca_file);
	return whip_http_add(h->http, p->easy, &p->transfer);
}

int
post_start(struct hooks *h, enum hook_action action, json_t *body, post_done_fn *fn, void *arg)
{
	struct post *p = h->post_count < POSTS_MAX ? calloc(1, sizeof(*p)) : NULL;
	int r = p != NULL ? -ENOMEM : -EBUSY;

	if (p != NULL) {
		*p = (struct post){.hooks = h, .action = action, .fn = fn, .arg = arg};
		p->transfer = (struct whip_http_transfer){on_done, p};
		DL_APPEND(h->posts, p);
		h->post_count++;
		p->text = json_dumps(body, JSON_COMPACT);
		r = p->text != NULL ? begin(p) : -ENOMEM;
	}
	json_decref(body);
	if (r < 0 && p != NULL)
		post_free(p);
	return r;
}

void
posts_free(struct hooks *h)
{
	while (h->posts != NULL) {
		if (h->posts->easy != NULL)
			whip_http_abort(h->http, h->posts->easy);
		post_free(h->posts);
	}
}
