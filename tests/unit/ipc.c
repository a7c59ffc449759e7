/* Unit tests of the Unix sockets: names, framing, queues, hand-over, questions and answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "ipc/ipc.h"

enum { PATIENCE_US = 5000000, ASK_TIMEOUT_MS = 500 };

static char dir[] = "/tmp/rtc-ipc-XXXXXX";
static char path[64];
static uv_loop_t loop;

/* What a connection's callbacks saw. */
static struct seen {
	unsigned json, packets, writable, closed;
	int error;
	json_t *last;
	bool free_in_json;
} seen;

static void
on_json(struct ipc_conn *conn, json_t *msg)
{
	seen.json++;
	json_decref(seen.last);
	seen.last = json_incref(msg);
	if (seen.free_in_json)
		ipc_conn_free(conn);
}

static void
on_packet(struct ipc_conn *conn, const uint8_t *buf, size_t size)
{
	(void)conn;
	assert_true(size > 0 && buf[0] >= 128 && buf[0] <= 191);
	seen.packets++;
}

static void
on_writable(struct ipc_conn *conn)
{
	(void)conn;
	seen.writable++;
}

static void
on_closed(struct ipc_conn *conn, int error)
{
	(void)conn;
	seen.closed++;
	seen.error = error;
}

static const struct ipc_handlers handlers = {
    .json = on_json, .packet = on_packet, .writable = on_writable, .closed = on_closed};
static const struct ipc_handlers no_packets = {.json = on_json, .closed = on_closed};

/* Run the loop until the counter reaches count. */
static void
wait_for(const unsigned *counter, unsigned count)
{
	uint64_t end = clock_now_us() + PATIENCE_US;

	while (*counter < count && clock_now_us() < end)
		uv_run(&loop, UV_RUN_NOWAIT);
	assert_int_equal(*counter, count);
}

static void
turn(void)
{
	for (int i = 0; i < 10; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
}

static int
set_up(void **state)
{
	(void)state;
	json_decref(seen.last);
	memset(&seen, 0, sizeof(seen));
	return 0;
}

/* A connection on the loop; *peer is the other end. */
static struct ipc_conn *
connected(int *peer, const struct ipc_handlers *h)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
			 0);
	*peer = fds[0];
	return ipc_conn_new(&loop, fds[1], h, &seen);
}

static void
a_name_is_held_by_one_process(void **state)
{
	int lock, second_lock = -1, fd = ipc_listen(path, SOCK_SEQPACKET, 0600, &lock), client;
	struct stat st;
	uid_t uid;
	pid_t pid;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(ipc_listen(path, SOCK_SEQPACKET, 0600, &second_lock), -EADDRINUSE);
	assert_int_equal(second_lock, -1);
	client = ipc_connect(path, SOCK_SEQPACKET); /* the refused one broke nothing */
	assert_true(client >= 0);
	assert_int_equal(ipc_peer(client, &uid, &pid), 0);
	assert_int_equal(uid, geteuid());
	assert_int_equal(pid, getpid());
	close(client);
	close(fd);
	assert_int_equal(ipc_connect(path, SOCK_SEQPACKET), -ECONNREFUSED);
	close(lock);
	fd = ipc_listen(path, SOCK_SEQPACKET, 0600, &lock);
	assert_true(fd >= 0);
	close(fd);
	close(lock);
}

/* Killed with its socket file and lock file in place, it leaves the name to the next at once. */
static void
sigkill_leaves_the_name_free(void **state)
{
	int ready[2], lock, fd, status;
	char octet;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (child == 0) {
		fd = ipc_listen(path, SOCK_SEQPACKET, 0600, &lock);
		if (fd >= 0 && write(ready[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(ready[0], &octet, 1), 1);
	assert_int_equal(ipc_listen(path, SOCK_SEQPACKET, 0600, &lock), -EADDRINUSE);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	assert_int_equal(access(path, F_OK), 0);
	fd = ipc_listen(path, SOCK_SEQPACKET, 0600, &lock);
	assert_true(fd >= 0);
	close(fd);
	close(lock);
	close(ready[0]);
	close(ready[1]);
}

static void
names_that_are_too_long_are_refused(void **state)
{
	char out[4096], name[200];
	int lock;

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(ipc_run_path(out, sizeof(out), name), -ENAMETOOLONG);
	assert_int_equal(ipc_run_dir(out, 3, false), -ENAMETOOLONG);
	assert_int_equal(ipc_connect(name, SOCK_SEQPACKET), -ENAMETOOLONG);
	memcpy(name, dir, strlen(dir));
	name[strlen(dir)] = '/';
	assert_int_equal(ipc_listen(name, SOCK_SEQPACKET, 0600, &lock), -ENAMETOOLONG);
	assert_int_equal(ipc_run_make(out, sizeof(out), "relay/x.sock"), 0);
	assert_int_equal(strncmp(out, dir, strlen(dir)), 0);
	*strrchr(out, '/') = '\0';
	assert_int_equal(access(out, F_OK), 0); /* its directory was made */
	rmdir(out);
}

static void
the_first_octet_tells_what_it_is(void **state)
{
	static const uint8_t packet[12] = {0x80, 96};
	int peer;
	struct ipc_conn *conn = connected(&peer, &handlers);

	(void)state;
	assert_ptr_equal(ipc_conn_arg(conn), &seen);
	assert_int_equal(send(peer, "{\"a\":1}", 7, 0), 7);
	assert_int_equal(send(peer, packet, sizeof(packet), 0), sizeof(packet));
	assert_int_equal(send(peer, "{}", 2, 0), 2);
	wait_for(&seen.json, 2);
	assert_int_equal(seen.packets, 1);
	close(peer);
	wait_for(&seen.closed, 1);
	assert_int_equal(seen.error, 0);
	ipc_conn_free(conn);
	turn();
	assert_int_equal(seen.closed, 1);
}

static void
what_breaks_the_framing_closes(void **state)
{
	static const char *const bad[] = {"hello", "{\"a\":",	 "[1]", "\xc0",
					  "\x7f",  "{\"a\":1}x", " {}", "{\"a\":1,\"a\":2}"};
	static const uint8_t packet[12] = {0x80, 96};
	static char large[IPC_MESSAGE_MAX + 1];
	struct ipc_conn *conn;
	int peer;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		set_up(state);
		conn = connected(&peer, &handlers);
		send(peer, bad[i], strlen(bad[i]), 0);
		wait_for(&seen.closed, 1);
		assert_int_equal(seen.error, -EBADMSG);
		ipc_conn_free(conn);
		close(peer);
	}
	set_up(state);
	conn = connected(&peer, &no_packets);
	send(peer, packet, sizeof(packet), 0);
	wait_for(&seen.closed, 1);
	assert_int_equal(seen.error, -EBADMSG);
	ipc_conn_free(conn);
	close(peer);

	set_up(state);
	memset(large, ' ', sizeof(large));
	large[0] = '{';
	large[IPC_MESSAGE_MAX - 1] = '}';
	conn = connected(&peer, &handlers);
	assert_int_equal(send(peer, large, IPC_MESSAGE_MAX, 0), IPC_MESSAGE_MAX);
	wait_for(&seen.json, 1);
	assert_int_equal(send(peer, large, sizeof(large), 0), sizeof(large));
	wait_for(&seen.closed, 1);
	assert_int_equal(seen.error, -EMSGSIZE);
	ipc_conn_free(conn);
	close(peer);
	turn();
}

static void
a_peer_that_does_not_read_is_dropped(void **state)
{
	json_t *msg = json_pack("{s:s}", "text", "some words that take room in a socket");
	int peer, rc = 0, sent = 0;
	struct ipc_conn *conn = connected(&peer, &handlers);

	(void)state;
	for (; rc == 0 && sent < 100000; sent++)
		rc = ipc_conn_send(conn, msg);
	assert_int_equal(rc, -ENOBUFS);
	assert_true(sent > IPC_QUEUE_MAX);
	assert_int_equal(seen.closed, 0); /* not from inside a send */
	wait_for(&seen.closed, 1);
	assert_int_equal(seen.error, -ENOBUFS);
	/* Whoever sends on before freeing it is not told a second time. */
	for (int i = 0; i < 3; i++)
		(void)ipc_conn_send(conn, msg);
	turn();
	assert_int_equal(seen.closed, 1);
	ipc_conn_free(conn);
	turn();
	json_decref(msg);
	close(peer);
}

/* A peer that asks and hangs up without reading what it was sent has asked all the same. */
static void
the_last_words_of_a_peer_are_read(void **state)
{
	json_t *msg = json_object();
	int peer;
	struct ipc_conn *conn = connected(&peer, &handlers);

	(void)state;
	assert_int_equal(ipc_conn_send(conn, msg), 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(send(peer, "{}", 2, 0), 2);
	close(peer);
	wait_for(&seen.closed, 1);
	assert_int_equal(seen.json, 100);
	assert_int_equal(seen.error, -ECONNRESET);
	ipc_conn_free(conn);
	turn();
	json_decref(msg);
}

static void
a_queue_is_sent_in_order_when_the_peer_reads(void **state)
{
	enum { COUNT = 400 };
	int peer, got = 0;
	struct ipc_conn *conn = connected(&peer, &handlers);
	uint64_t end = clock_now_us() + PATIENCE_US;
	static const uint8_t packet[100] = {0x80};
	char buf[1000];

	(void)state;
	for (int i = 0; i < COUNT; i++) {
		json_t *msg = json_pack("{s:i}", "n", i);

		assert_int_equal(ipc_conn_send(conn, msg), 0);
		json_decref(msg);
	}
	assert_int_equal(ipc_conn_send_packet(conn, packet, sizeof(packet)), -EAGAIN);
	while (got < COUNT && clock_now_us() < end) {
		char want[32];
		ssize_t n;

		uv_run(&loop, UV_RUN_NOWAIT);
		n = recv(peer, buf, sizeof(buf) - 1, 0);
		if (n <= 0)
			continue;
		buf[n] = '\0';
		snprintf(want, sizeof(want), "{\"n\":%d}", got++);
		assert_string_equal(buf, want);
	}
	assert_int_equal(got, COUNT);
	wait_for(&seen.writable, 1); /* promised with -EAGAIN */
	assert_int_equal(ipc_conn_send_packet(conn, packet, sizeof(packet)), 0);
	assert_int_equal(recv(peer, buf, sizeof(buf), 0), sizeof(packet));
	ipc_conn_free(conn);
	turn();
	close(peer);
}

static void
too_long_to_send_is_said(void **state)
{
	static char text[IPC_MESSAGE_MAX + 1];
	json_t *msg;
	int peer;
	struct ipc_conn *conn = connected(&peer, &handlers);

	(void)state;
	memset(text, 'x', IPC_MESSAGE_MAX);
	msg = json_pack("{s:s}", "a", text);
	assert_int_equal(ipc_conn_send(conn, msg), -EMSGSIZE);
	json_decref(msg);
	ipc_conn_free(conn);
	turn();
	assert_int_equal(seen.closed, 0);
	close(peer);
}

static void
freed_inside_a_callback_it_says_no_more(void **state)
{
	int peer;
	struct ipc_conn *conn = connected(&peer, &handlers);

	(void)state;
	(void)conn;
	seen.free_in_json = true;
	for (int i = 0; i < 5; i++)
		assert_int_equal(send(peer, "{}", 2, 0), 2);
	wait_for(&seen.json, 1);
	turn();
	assert_int_equal(seen.json, 1);
	assert_int_equal(seen.closed, 0);
	close(peer);
}

static void
a_detached_descriptor_serves_elsewhere(void **state)
{
	int peer, fd;
	struct ipc_conn *conn = connected(&peer, &handlers);

	(void)state;
	turn();
	fd = ipc_conn_detach(conn);
	assert_int_equal(send(peer, "{}", 2, 0), 2);
	turn();
	assert_int_equal(seen.json, 0);
	conn = ipc_conn_new(&loop, fd, &handlers, &seen); /* the unread message waits for it */
	assert_non_null(conn);
	wait_for(&seen.json, 1);
	ipc_conn_free(conn);
	turn();
	close(peer);
}

/* Answers of the client below. */
static struct {
	unsigned replies, failures, events;
	int error, number;
} told;

static void
on_reply(void *arg, json_t *reply, int error)
{
	(void)arg;
	told.error = error;
	if (reply == NULL) {
		told.failures++;
		return;
	}
	told.replies++;
	told.number = (int)json_integer_value(json_object_get(reply, "n"));
}

static void
on_event(void *arg, json_t *event)
{
	(void)arg;
	(void)event;
	told.events++;
}

/* Accept, wait for a question and answer it; the connection. */
static int
answer(int fd, int listener, int number, unsigned *counter)
{
	char buf[1000], text[200];
	json_t *q;
	ssize_t n = -1;

	for (uint64_t end = clock_now_us() + PATIENCE_US; n < 0 && clock_now_us() < end;) {
		if (fd < 0)
			fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		n = fd >= 0 ? recv(fd, buf, sizeof(buf), 0) : -1;
		uv_run(&loop, UV_RUN_NOWAIT);
	}
	assert_true(n > 0);
	q = json_loadb(buf, (size_t)n, 0, NULL);
	assert_int_equal(json_integer_value(json_object_get(q, "v")), 1);
	snprintf(text, sizeof(text), "{\"id\":%lld,\"n\":%d}",
		 (long long)json_integer_value(json_object_get(q, "id")), number);
	json_decref(q);
	assert_true(send(fd, text, strlen(text), 0) > 0);
	wait_for(counter, *counter + 1);
	return fd;
}

static void
a_client_asks_waits_and_reconnects(void **state)
{
	struct ipc_client *client = ipc_client_new(&loop, path, ASK_TIMEOUT_MS);
	int lock, listener, fd, ask;

	(void)state;
	memset(&told, 0, sizeof(told));
	ipc_client_on_event(client, on_event, NULL);
	/* Nobody is there: told at the next turn, not inside. */
	assert_true(ipc_client_ask(client, json_object(), on_reply, NULL) > 0);
	assert_int_equal(told.failures, 0);
	wait_for(&told.failures, 1);
	assert_true(told.error == -ECONNREFUSED || told.error == -ENOENT);

	listener = ipc_listen(path, SOCK_SEQPACKET, 0600, &lock);
	assert_true(listener >= 0);
	ipc_client_ask(client, json_object(), on_reply, NULL);
	fd = answer(-1, listener, 5, &told.replies);
	assert_int_equal(told.number, 5);
	send(fd, "{\"event\":\"hello\",\"pid\":7}", 25, 0);
	send(fd, "{\"event\":\"x\"}", 13, 0);
	wait_for(&told.events, 1);
	assert_int_equal(json_integer_value(json_object_get(ipc_client_hello(client), "pid")), 7);

	ipc_client_ask(client, json_object(), on_reply, NULL); /* no answer */
	wait_for(&told.failures, 2);
	assert_int_equal(told.error, -ETIMEDOUT);
	ask = ipc_client_ask(client, json_object(), on_reply, NULL);
	ipc_client_cancel(client, ask);
	ipc_client_ask(client, json_object(), on_reply, NULL);
	close(fd); /* the relay dies with a question open */
	wait_for(&told.failures, 3);
	assert_true(told.error == -ECONNRESET || told.error == -EPIPE);
	ipc_client_ask(client, json_object(), on_reply, NULL);
	fd = answer(-1, listener, 6, &told.replies);
	assert_int_equal(told.number, 6);

	ipc_client_ask(client, json_object(), on_reply, NULL);
	ipc_client_free(client); /* an open question is forgotten */
	turn();
	assert_int_equal(told.failures, 3);
	close(fd);
	close(listener);
	close(lock);
}

static int
open_all(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL || uv_loop_init(&loop) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/a.sock", dir);
	return setenv("RTC_RUN", dir, 1);
}

static int
close_all(void **state)
{
	char lock[80];

	(void)state;
	json_decref(seen.last);
	uv_run(&loop, UV_RUN_DEFAULT);
	snprintf(lock, sizeof(lock), "%s.lock", path);
	unlink(lock);
	unlink(path);
	rmdir(dir);
	return uv_loop_close(&loop);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(a_name_is_held_by_one_process, set_up),
	    cmocka_unit_test_setup(sigkill_leaves_the_name_free, set_up),
	    cmocka_unit_test_setup(names_that_are_too_long_are_refused, set_up),
	    cmocka_unit_test_setup(the_first_octet_tells_what_it_is, set_up),
	    cmocka_unit_test_setup(what_breaks_the_framing_closes, set_up),
	    cmocka_unit_test_setup(a_peer_that_does_not_read_is_dropped, set_up),
	    cmocka_unit_test_setup(the_last_words_of_a_peer_are_read, set_up),
	    cmocka_unit_test_setup(a_queue_is_sent_in_order_when_the_peer_reads, set_up),
	    cmocka_unit_test_setup(too_long_to_send_is_said, set_up),
	    cmocka_unit_test_setup(freed_inside_a_callback_it_says_no_more, set_up),
	    cmocka_unit_test_setup(a_detached_descriptor_serves_elsewhere, set_up),
	    cmocka_unit_test_setup(a_client_asks_waits_and_reconnects, set_up),
	};

	return cmocka_run_group_tests_name("ipc", tests, open_all, close_all);
}
