#include "client/whip_http.h"

#include <errno.h>
#include <stdlib.h>

struct whip_http {
	uv_loop_t *loop;
	CURLM *multi;
	uv_timer_t timer;
};

/* A descriptor that libcurl wants watched. */
struct watched {
	uv_poll_t poll;
	struct whip_http *http;
	curl_socket_t fd;
};

static void
report_done(struct whip_http *http)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(http->multi, &left)) != NULL) {
		struct whip_http_transfer *t = NULL;
		CURL *easy = m->easy_handle;
		CURLcode result = m->data.result;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&t);
		curl_multi_remove_handle(http->multi, easy);
		t->done(t->arg, result);
	}
}

static void
on_ready(uv_poll_t *poll, int status, int events)
{
	struct watched *w = poll->data;
	struct whip_http *http = w->http;
	int mask = 0, running;

	if ((events & UV_READABLE) != 0)
		mask |= CURL_CSELECT_IN;
	if ((events & UV_WRITABLE) != 0)
		mask |= CURL_CSELECT_OUT;
	/* Of an error libcurl is to read, and what came before it: told of one it fails, where it
	 * would send the request of a kept connection that was reset by another. */
	if (status < 0)
		mask = CURL_CSELECT_IN;
	curl_multi_socket_action(http->multi, w->fd, mask, &running);
	if (status < 0 && !uv_is_closing((uv_handle_t *)poll)) /* libuv stopped watching it */
		uv_poll_start(poll, UV_READABLE, on_ready);
	report_done(http);
}

static void
on_timer(uv_timer_t *timer)
{
	struct whip_http *http = timer->data;
	int running;

	curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	report_done(http);
}

static void
free_watched(uv_handle_t *handle)
{
	free(handle->data);
}

static struct watched *
watch(struct whip_http *http, curl_socket_t fd)
{
	struct watched *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	if (uv_poll_init_socket(http->loop, &w->poll, fd) < 0) {
		free(w);
		return NULL;
	}
	w->poll.data = w;
	w->http = http;
	w->fd = fd;
	curl_multi_assign(http->multi, fd, w);
	return w;
}

static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned)
{
	struct whip_http *http = arg;
	struct watched *w = assigned;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (w != NULL) {
			curl_multi_assign(http->multi, fd, NULL);
			uv_close((uv_handle_t *)&w->poll, free_watched);
		}
		return 0;
	}
	if (w == NULL)
		w = watch(http, fd);
	if (w == NULL)
		return -1;
	return uv_poll_start(&w->poll,
			     ((what & CURL_POLL_IN) != 0 ? UV_READABLE : 0) |
				 ((what & CURL_POLL_OUT) != 0 ? UV_WRITABLE : 0),
			     on_ready) < 0
		   ? -1
		   : 0;
}

static int
on_timeout_change(CURLM *multi, long timeout_ms, void *arg)
{
	struct whip_http *http = arg;

	(void)multi;
	if (timeout_ms < 0)
		return uv_timer_stop(&http->timer);
	uv_update_time(http->loop);
	return uv_timer_start(&http->timer, on_timer, (uint64_t)timeout_ms, 0);
}

struct whip_http *
whip_http_new(uv_loop_t *loop)
{
	struct whip_http *http = calloc(1, sizeof(*http));

	if (http == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		goto fail;
	http->loop = loop;
	http->multi = curl_multi_init();
	if (http->multi == NULL)
		goto fail;
	uv_timer_init(loop, &http->timer);
	http->timer.data = http;
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_timeout_change);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
	return http;
fail:
	free(http);
	return NULL;
}

static void
free_http(uv_handle_t *handle)
{
	free(handle->data);
}

void
whip_http_free(struct whip_http *http)
{
	if (http == NULL)
		return;
	curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, NULL);
	curl_multi_cleanup(http->multi); /* closes idle connections: on_socket sees them go */
	uv_close((uv_handle_t *)&http->timer, free_http);
}

int
whip_http_add(struct whip_http *http, CURL *easy, struct whip_http_transfer *t)
{
	curl_easy_setopt(easy, CURLOPT_PRIVATE, t);
	return curl_multi_add_handle(http->multi, easy) == CURLM_OK ? 0 : -ENOMEM;
}

void
whip_http_abort(struct whip_http *http, CURL *easy)
{
	curl_multi_remove_handle(http->multi, easy);
}
