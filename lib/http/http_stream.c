/* http_stream.c - answers without a known end: pulled when the client has room, asleep when there
 * is nothing to send. */
#include "http/http_impl.h"

#include <errno.h>
#include <stdlib.h>

enum { BLOCK_SIZE = 32768 };

struct http_stream {
	struct http_stream *prev, *next;
	struct http_server *server;
	struct MHD_Connection *mhd;
	const struct http_source *source;
	void *arg;
	bool asleep, ended;
};

static ssize_t
on_read(void *cls, uint64_t position, char *buf, size_t cap)
{
	struct http_stream *s = cls;
	ssize_t n;

	(void)position;
	if (s->ended)
		return MHD_CONTENT_READER_END_OF_STREAM;
	n = s->source->read(s->arg, (uint8_t *)buf, cap);
	if (n < 0)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (n == 0) {
		s->asleep = true;
		MHD_suspend_connection(s->mhd);
	}
	return n;
}

static void
on_free(void *cls)
{
	struct http_stream *s = cls;

	if (s->prev != NULL)
		s->prev->next = s->next;
	else
		s->server->streams = s->next;
	if (s->next != NULL)
		s->next->prev = s->prev;
	s->source->closed(s->arg);
	free(s);
}

struct MHD_Response *
http_stream_new(struct http_request *req, const struct http_source *source, void *arg,
		struct http_stream **stream)
{
	struct http_server *server = req->conn->server;
	struct http_stream *s = calloc(1, sizeof(*s));
	struct MHD_Response *response;

	if (s == NULL)
		return NULL;
	response =
	    MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_SIZE, on_read, s, on_free);
	if (response == NULL) {
		free(s);
		return NULL;
	}
	s->server = server;
	s->mhd = req->mhd;
	s->source = source;
	s->arg = arg;
	s->next = server->streams;
	if (s->next != NULL)
		s->next->prev = s;
	server->streams = s;
	*stream = s;
	return response;
}

void
http_stream_wake(struct http_stream *s)
{
	if (!s->asleep)
		return;
	s->asleep = false;
	MHD_resume_connection(s->mhd);
	http_server_kick(s->server);
}

void
http_stream_end_all(struct http_server *server)
{
	for (struct http_stream *s = server->streams; s != NULL; s = s->next) {
		s->ended = true;
		http_stream_wake(s);
	}
}
