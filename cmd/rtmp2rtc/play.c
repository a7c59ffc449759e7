#include "play.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "ipc/ipc.h"

enum { HEAD_MAX = 4096, READ_SIZE = 64 << 10 };

struct play {
	uv_poll_t socket;
	int fd;
	const struct play_events *events;
	void *arg;
	char head[HEAD_MAX + 1]; /* of the answer, until it is whole */
	size_t head_size;
	bool answered, held, dead;
	struct flv_reader flv;
};

static void
end(struct play *play, bool found, const char *words)
{
	if (play->dead)
		return;
	uv_poll_stop(&play->socket);
	play->events->ended(play->arg, found, words);
}

static void
take_tags(struct play *play)
{
	struct flv_tag tag;
	int rc = 0;

	while (!play->dead && (rc = flv_reader_next(&play->flv, &tag)) == 1)
		play->events->tag(play->arg, &tag);
	if (rc < 0)
		end(play, true, "damaged FLV");
}

/* The answer's head. Returns how many octets of buf belong to it; all, if it is not whole. */
static size_t
take_head(struct play *play, const uint8_t *buf, size_t size)
{
	size_t before = play->head_size, n = MIN_OF(size, HEAD_MAX - before);
	const char *blank;

	memcpy(play->head + before, buf, n);
	play->head_size += n;
	play->head[play->head_size] = '\0';
	blank = strstr(play->head, "\r\n\r\n");
	if (blank == NULL) {
		if (play->head_size == HEAD_MAX)
			end(play, true, "no HTTP");
		return size;
	}
	play->answered = true;
	if (strncmp(play->head, "HTTP/1.", 7) != 0 || strncmp(play->head + 8, " 200 ", 5) != 0)
		end(play, strncmp(play->head + 8, " 404 ", 5) != 0, "no such stream");
	else
		play->events->started(play->arg);
	return (size_t)(blank + 4 - play->head) - before;
}

static void
on_readable(uv_poll_t *poll, int status, int events)
{
	static uint8_t buf[READ_SIZE];
	struct play *play = poll->data;
	ssize_t n = read(play->fd, buf, sizeof(buf));
	size_t at = 0;

	(void)status;
	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		end(play, true, "the stream has ended");
		return;
	}
	if (!play->answered)
		at = take_head(play, buf, (size_t)n);
	if (play->dead || at == (size_t)n)
		return;
	if (flv_reader_push(&play->flv, buf + at, (size_t)n - at) < 0)
		end(play, true, "out of memory");
	else
		take_tags(play);
}

struct play *
play_new(uv_loop_t *loop, const char *path, const char *stream, const char *client,
	 const struct play_events *events, void *arg)
{
	struct play *play = calloc(1, sizeof(*play));
	char request[1024];
	int fd = ipc_connect(path, SOCK_STREAM), n;

	/* HTTP/1.0: the body comes as it is, up to the end. */
	n = snprintf(request, sizeof(request),
		     "GET /%s.flv HTTP/1.0\r\nHost: localhost\r\nX-Forwarded-For: %s\r\n"
		     "X-Forwarded-Proto: rtmp\r\n\r\n",
		     stream, client);
	if (play == NULL || fd < 0 || n < 0 || (size_t)n >= sizeof(request) ||
	    send(fd, request, (size_t)n, MSG_NOSIGNAL) != n ||
	    uv_poll_init(loop, &play->socket, fd) < 0) {
		if (fd >= 0)
			close(fd);
		free(play);
		return NULL;
	}
	play->fd = fd;
	play->events = events;
	play->arg = arg;
	play->socket.data = play;
	flv_reader_init(&play->flv);
	uv_poll_start(&play->socket, UV_READABLE, on_readable);
	return play;
}

static void
release(uv_handle_t *handle)
{
	struct play *play = handle->data;

	close(play->fd);
	flv_reader_fini(&play->flv);
	free(play);
}

void
play_free(struct play *play)
{
	if (play == NULL)
		return;
	play->dead = true;
	uv_close((uv_handle_t *)&play->socket, release);
}

void
play_hold(struct play *play, bool hold)
{
	if (play->held == hold)
		return;
	play->held = hold;
	if (hold)
		uv_poll_stop(&play->socket);
	else
		uv_poll_start(&play->socket, UV_READABLE, on_readable);
}
