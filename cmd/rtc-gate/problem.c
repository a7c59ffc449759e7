/* problem.c - answers of our own, and the end of a connection that the client must not miss. */
#include "gate.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/http_problem.h"

/* Close after the answer is out; octets that are still coming must not turn it into a reset. */
static void
linger(struct client *client)
{
	if (client->eof) {
		client_close(client);
		return;
	}
	client_enter(client, CLIENT_LINGER);
	client->in_size = 0;
	client_read(client, true);
}

static void
on_last_written(uv_shutdown_t *shutdown, int status)
{
	struct client *client = shutdown->handle->data;

	if (client->state == CLIENT_CLOSED)
		return;
	if (status != 0)
		client_close(client);
	else
		linger(client);
}

void
client_finish(struct client *client)
{
	if (client->state == CLIENT_CLOSED)
		return;
	link_goodbye(client);
	if (client->state == CLIENT_CLOSED) /* it reads nothing of what is sent */
		return;
	client_enter(client, CLIENT_LINGER);
	if (uv_shutdown(&client->shutdown, (uv_stream_t *)&client->tcp, on_last_written) != 0)
		client_close(client);
}

struct own_answer {
	uv_write_t write;
	char text[];
};

static void
on_own_written(uv_write_t *write, int status)
{
	(void)status;
	free(write->data);
}

static void
send_own(struct client *client, const char *text, size_t size)
{
	struct own_answer *answer = malloc(sizeof(*answer) + size);
	uv_buf_t buf;

	if (answer == NULL)
		return;
	memcpy(answer->text, text, size);
	answer->write.data = answer;
	buf = uv_buf_init(answer->text, (unsigned)size);
	if (client_write(client, &answer->write, &buf, 1, on_own_written) != 0)
		free(answer);
}

void
client_problem(struct client *client, int status, const char *slug, const char *detail, ...)
{
	char text[512], body[HTTP_PROBLEM_SIZE], whole[HTTP_PROBLEM_SIZE + 512];
	va_list ap;
	size_t size;
	int count;

	va_start(ap, detail);
	vsnprintf(text, sizeof(text), detail, ap);
	va_end(ap);
	size = http_problem_write(body, status, slug, http_reason(status), text);
	count = snprintf(
	    whole, sizeof(whole),
	    "HTTP/1.1 %d %s\r\nContent-Type: " HTTP_PROBLEM_TYPE "\r\nContent-Length: %zu\r\n"
	    "Cache-Control: no-store\r\nAccess-Control-Allow-Origin: *\r\n%sConnection: close\r\n"
	    "\r\n%s",
	    status, http_reason(status), size,
	    status == 503 || status == 502 ? "Retry-After: 1\r\n" : "", body);
	if (client->is_head)
		count -= (int)size;
	client->status = status;
	client->answer_octets = size;
	client_log(client);
	if (client->ex != NULL)
		exchange_end(client->ex);
	send_own(client, whole, (size_t)count);
	client_finish(client);
}

void
client_redirect(struct client *client, const char *url)
{
	char whole[HTTP_HEAD_MAX + 512];
	int count = snprintf(whole, sizeof(whole),
			     "HTTP/1.1 307 %s\r\nLocation: %s\r\nContent-Length: 0\r\n"
			     "Cache-Control: no-store\r\nAccess-Control-Allow-Origin: *\r\n"
			     "Connection: close\r\n\r\n",
			     http_reason(307), url);

	client->status = 307;
	client_log(client);
	send_own(client, whole, (size_t)count);
	client_finish(client);
}
