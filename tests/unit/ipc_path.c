/* Names in the run directory: who makes it, how long they may be, what is said about a refusal. */
#include "ipc/ipc.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char root[] = "/tmp/ipc-path-XXXXXX";

static int
set_up(void **state)
{
	(void)state;
	return mkdtemp(root) == NULL;
}

static int
tear_down(void **state)
{
	char path[128];

	(void)state;
	for (const char *const *p =
		 (const char *const[]){"run/relay/a.sock", "run/relay/a.sock.lock", "run/relay",
				       "run", "", NULL};
	     *p != NULL; p++) {
		snprintf(path, sizeof(path), "%s/%s", root, *p);
		remove(path);
	}
	return 0;
}

static void
test_a_client_makes_nothing(void **state)
{
	char run[64], path[108];
	struct stat st;

	(void)state;
	snprintf(run, sizeof(run), "%s/run", root);
	setenv("RTC_RUN", run, 1);
	assert_int_equal(ipc_run_path(path, sizeof(path), "relay/a.sock"), 0);
	assert_int_equal(strncmp(path, run, strlen(run)), 0);
	assert_string_equal(path + strlen(run), "/relay/a.sock");
	assert_int_equal(stat(run, &st), -1);
}

static void
test_a_server_makes_it_for_itself_alone(void **state)
{
	char run[64], path[108];
	struct stat st;
	int lock, fd, taken;

	(void)state;
	snprintf(run, sizeof(run), "%s/run", root);
	setenv("RTC_RUN", run, 1);
	assert_int_equal(ipc_run_make(path, sizeof(path), "relay/a.sock"), 0);
	assert_int_equal(stat(run, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	fd = ipc_listen(path, SOCK_SEQPACKET, 0600, &lock);
	assert_true(fd >= 0);
	taken = ipc_listen(path, SOCK_SEQPACKET, 0600, &lock);
	assert_int_equal(taken, -EADDRINUSE);
	assert_non_null(strstr(ipc_words(taken), "another instance"));
	close(fd);
	close(lock);
}

static void
test_refusals_name_the_path(void **state)
{
	char run[128], path[256] = "?";

	(void)state;
	setenv("RTC_RUN", "/proc/none", 1);
	assert_true(ipc_run_make(path, sizeof(path), "relay/a.sock") < 0);
	assert_string_equal(path, "/proc/none/relay/a.sock");
	memset(run, 'a', sizeof(run));
	run[0] = '/';
	run[100] = '\0';
	setenv("RTC_RUN", run, 1);
	assert_int_equal(ipc_run_make(path, sizeof(path), "a.sock"), -ENAMETOOLONG);
	assert_int_equal(strncmp(path, run, 100), 0);
	assert_non_null(strstr(ipc_words(-ENAMETOOLONG), "RTC_RUN"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_client_makes_nothing),
	    cmocka_unit_test(test_a_server_makes_it_for_itself_alone),
	    cmocka_unit_test(test_refusals_name_the_path),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
