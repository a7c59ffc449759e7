/* stage_tcp_ice.c - ice-tcp: a check in RFC 4571 frames to each TCP candidate (RFC 6544). */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "check.h"

enum { FRAME_HEAD = 2, WAIT_US = 3000000 };

/* Read exactly size octets: 1, 0 if the time or the connection ended, -EINTR. */
static int
read_all(struct exam *x, int fd, uint8_t *buf, size_t size, uint64_t until_us)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};

	for (size_t got = 0; got < size;) {
		ssize_t n = recv(fd, buf + got, size - got, 0);
		int r;

		if (n > 0) {
			got += (size_t)n;
			continue;
		}
		if (n == 0 || errno != EAGAIN)
			return 0;
		r = exam_wait(x, &wait, 1, until_us);
		if (r <= 0)
			return r;
	}
	return 1;
}

static enum check_answer
exchange_frames(struct exam *x, int fd, uint64_t until_us)
{
	uint8_t buf[FRAME_HEAD + CHECK_SIZE_MAX];
	struct check_key key;
	unsigned number;
	int size, error;

	check_key_init(&key);
	size = check_write(x, &key, 0, 0, buf + FRAME_HEAD, CHECK_HEAD_MAX);
	put_be16(buf, (uint16_t)size);
	if (size < 0 || send(fd, buf, (size_t)size + FRAME_HEAD, MSG_NOSIGNAL) < 0)
		return CHECK_NOTHING;
	/* A flood is always ready. */
	while (clock_now_us() < until_us && !x->interrupted &&
	       read_all(x, fd, buf, FRAME_HEAD, until_us) > 0) {
		size_t body = be16(buf);
		enum check_answer answer;

		if (body > CHECK_SIZE_MAX)
			return CHECK_GARBAGE;
		if (read_all(x, fd, buf, body, until_us) <= 0)
			return CHECK_NOTHING;
		answer = check_read(x, &key, buf, body, &number, &error);
		if (answer != CHECK_NOTHING) /* else a check of the server's */
			return answer;
	}
	return CHECK_NOTHING;
}

static bool
check_target(struct exam *x, struct doctor_finding *f, const struct addr *a)
{
	static const char *const words[] = {
	    [CHECK_NOTHING] = "connects, no answer to the check",
	    [CHECK_GOOD] = "connects and answers",
	    [CHECK_ERROR] = "connects, refuses the check",
	    [CHECK_UNSIGNED] = "connects, the answer is signed with another password",
	    [CHECK_GARBAGE] = "connects, what answers is no STUN",
	};
	uint64_t until_us = MIN_OF(clock_now_us() + WAIT_US, x->deadline_us);
	enum check_answer answer = CHECK_NOTHING;
	char text[ADDR_TEXT_SIZE];
	int error = 0, fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct pollfd wait = {.fd = fd, .events = POLLOUT};
	socklen_t size = sizeof(error);

	if (fd < 0)
		return false;
	if (connect(fd, &a->sa, addr_size(a)) < 0 && errno != EINPROGRESS)
		error = errno;
	else if (exam_wait(x, &wait, 1, until_us) <= 0)
		error = ETIMEDOUT;
	else
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	if (error == 0)
		answer = exchange_frames(x, fd, until_us);
	doctor_say(f, "%s %s", addr_format(a, text), error != 0 ? strerror(error) : words[answer]);
	close(fd);
	return answer == CHECK_GOOD;
}

void
stage_ice_tcp(struct exam *x, struct doctor_finding *f)
{
	unsigned count = 0, good = 0;
	bool udp = (x->have & EXAM_UDP) != 0;

	for (size_t i = 0; i < x->target_count && !x->interrupted; i++) {
		if (!x->targets[i].tcp || !x->targets[i].usable)
			continue;
		count++;
		x->targets[i].answered = check_target(x, f, &x->targets[i].addr);
		good += x->targets[i].answered;
	}
	if (count == 0)
		doctor_say(f, "not offered");
	else if (good == 0)
		doctor_blame(f, DOCTOR_ICE_TCP_DEAD);
	else if (!udp)
		doctor_blame(f, DOCTOR_TCP_ONLY);
	/* OBS and ffmpeg know no ICE-TCP: for them it ends here. */
	if (good > 0 && (x->o.as == DOCTOR_ANYONE || x->o.as == DOCTOR_BROWSER))
		x->have |= EXAM_PATH;
}
