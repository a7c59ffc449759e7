/* Unit tests of lib/log: what a line is, what it never contains, how often it may come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "log/log.h"

static char written[8192];

/* Standard error goes to a pipe until captured() takes what came. */
static int saved, reader;

static void
capture(void)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	saved = dup(STDERR_FILENO);
	assert_true(saved >= 0 && dup2(fds[1], STDERR_FILENO) >= 0);
	close(fds[1]);
	reader = fds[0];
}

static const char *
captured(void)
{
	ssize_t n;

	dup2(saved, STDERR_FILENO);
	close(saved);
	n = read(reader, written, sizeof(written) - 1);
	close(reader);
	written[n > 0 ? n : 0] = '\0';
	return written;
}

static void
a_line_names_program_level_and_subsystem(void **state)
{
	(void)state;
	log_init("prog", LOG_INFO);
	capture();
	log_warn("sub", "%d of %s", 3, "four");
	assert_string_equal(captured(), "prog: warn: sub: 3 of four\n");
}

/* What the program's own options say comes before the environment. */
static void
the_environment_names_a_level(void **state)
{
	static const struct {
		const char *text;
		enum log_level given;
		bool error, warn, debug;
	} rows[] = {
	    {"error", LOG_INFO, true, false, false},  {"warn", LOG_INFO, true, true, false},
	    {"debug", LOG_INFO, true, true, true},    {"error", LOG_DEBUG, true, true, true},
	    {"debug", LOG_ERROR, true, false, false}, {"loud", LOG_INFO, true, true, false},
	    {"", LOG_INFO, true, true, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		setenv("RTC_LOG", rows[i].text, 1);
		log_init("prog", rows[i].given);
		assert_int_equal(log_enabled(LOG_ERROR), rows[i].error);
		assert_int_equal(log_enabled(LOG_WARN), rows[i].warn);
		assert_int_equal(log_enabled(LOG_DEBUG), rows[i].debug);
	}
	unsetenv("RTC_LOG");
}

static void
levels_are_filtered(void **state)
{
	(void)state;
	log_init("prog", LOG_WARN);
	assert_false(log_enabled(LOG_INFO));
	capture();
	log_info("sub", "no");
	log_debug("sub", "no");
	log_error("sub", "yes");
	assert_string_equal(captured(), "prog: error: sub: yes\n");
	log_set_level(LOG_DEBUG);
	capture();
	log_debug("sub", "now");
	assert_string_equal(captured(), "prog: debug: sub: now\n");
	assert_int_equal(log_level_parse("debug"), LOG_DEBUG);
	assert_int_equal(log_level_parse("error"), LOG_ERROR);
	assert_int_equal(log_level_parse("loud"), -EINVAL);
	assert_int_equal(log_level_parse(""), -EINVAL);
}

/* Text of strangers cannot forge a line, colour a terminal or end early. */
static void
control_characters_are_replaced(void **state)
{
	(void)state;
	log_init("prog", LOG_INFO);
	capture();
	log_info("sub", "a%sb", "\nprog: error: x: forged\r\t\x1b[31m\x7f");
	assert_string_equal(captured(), "prog: info: sub: a?prog: error: x: forged???[31m?b\n");
	/* CSI by its one character of C1; other text beyond ASCII passes. */
	capture();
	log_info("sub", "%s",
		 "\xc2\x9b"
		 "31m \xc2\xb5 \xc3\x9b \xc2");
	assert_string_equal(captured(), "prog: info: sub: ?\x9b"
					"31m \xc2\xb5 \xc3\x9b \xc2\n");
}

static void
long_lines_are_cut_to_one(void **state)
{
	char *text = malloc(5000);
	const char *line;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', 4999);
	text[4999] = '\0';
	log_init("prog", LOG_INFO);
	capture();
	log_info("sub", "%s", text);
	line = captured();
	assert_true(strlen(line) <= 1024);
	assert_true(strchr(line, '\n') == line + strlen(line) - 1);
	free(text);
}

static void
a_limit_lets_bursts_through_and_counts_the_rest(void **state)
{
	struct log_limit limit = {.interval_us = 1000000, .burst = 2};
	unsigned suppressed = 99;

	(void)state;
	assert_true(log_allow(&limit, 5, &suppressed));
	assert_int_equal(suppressed, 0);
	assert_true(log_allow(&limit, 6, &suppressed));
	for (int i = 0; i < 10; i++)
		assert_false(log_allow(&limit, 7, &suppressed));
	assert_true(log_allow(&limit, 1000005, &suppressed));
	assert_int_equal(suppressed, 10);
	assert_true(log_allow(&limit, 1000006, &suppressed));
	assert_int_equal(suppressed, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_line_names_program_level_and_subsystem),
	    cmocka_unit_test(the_environment_names_a_level),
	    cmocka_unit_test(levels_are_filtered),
	    cmocka_unit_test(control_characters_are_replaced),
	    cmocka_unit_test(long_lines_are_cut_to_one),
	    cmocka_unit_test(a_limit_lets_bursts_through_and_counts_the_rest),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
