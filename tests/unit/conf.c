/* Unit tests of lib/conf. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../support/support.h"
#include "base/bytes.h"
#include "conf/conf.h"

static struct conf *
load(const char *name)
{
	struct conf *conf = NULL;
	struct conf_error error;
	size_t size;
	uint8_t *text = support_load(name, &size);

	assert_int_equal(conf_parse(&conf, (const char *)text, size, &error), 0);
	free(text);
	return conf;
}

static void
a_usual_file(void **state)
{
	struct conf *conf = load("conf/usual.conf");
	const struct conf_node *root = conf_root(conf), *rtc, *n;

	(void)state;
	n = conf_find(root, "listen", NULL);
	assert_non_null(n);
	assert_string_equal(n->args[0], "1935");
	assert_int_equal(n->line, 2);
	n = conf_find(conf_find(root, "http_server", NULL), "dir", NULL);
	assert_string_equal(n->args[0], "./objs/nginx html");
	rtc = conf_find(root, "rtc_server", NULL);
	assert_true(rtc->is_block);
	assert_string_equal(conf_find(rtc, "candidate", NULL)->args[0], "$CANDIDATE");
	n = conf_find(conf_find(rtc, "tcp", NULL), "listen", NULL);
	assert_int_equal(n->line, 18);
	assert_int_equal(n->column, 24);
	n = conf_find(root, "vhost", NULL);
	assert_string_equal(n->args[0], "__defaultVhost__");
	assert_string_equal(conf_find(conf_find(n, "rtc", NULL), "twcc", NULL)->args[0], "off");
	n = conf_find(conf_find(n, "http_remux", NULL), "mount", NULL);
	assert_string_equal(n->args[0], "[vhost]/[app]/[stream].flv");
	assert_null(conf_find(root, "vhost", conf_find(root, "vhost", NULL)));
	conf_free(conf);
}

static void
quotes_blocks_and_marks(void **state)
{
	struct conf *conf = load("conf/quotes.conf");
	const struct conf_node *a = conf_root(conf)->child, *f = a->next;

	(void)state;
	assert_string_equal(a->name, "a");
	assert_int_equal(a->arg_count, 3);
	assert_string_equal(a->args[0], "b \" c");
	assert_string_equal(a->args[1], "d\\");
	assert_string_equal(f->name, "f");
	assert_int_equal(f->line, 2);
	assert_string_equal(f->child->name, "g");
	assert_true(f->child->next->is_block);
	assert_null(f->child->next->child);
	assert_string_equal(f->child->next->next->name, "j");
	conf_free(conf);
}

static void
faults_name_their_place(void **state)
{
	static const struct {
		const char *text, *fault;
		unsigned line, column;
	} rows[] = {
	    {"a b", "the file ends before the ';'", 1, 4},
	    {"a {\n b;\n", "the file ends before a '}'", 3, 1},
	    {"a;\n }", "a '}' without its '{'", 2, 2},
	    {"a { b 1 }", "a '}' before the ';'", 1, 9},
	    {";", "a ';' without a directive", 1, 1},
	    {"\n {", "a '{' without a name", 2, 2},
	    {"a \"b\n\";", "a quoted value ends", 1, 3},
	    {"a 'b", "the closing quote is missing", 1, 3},
	    {"a 'b'c;", "a blank or ';' is missing", 1, 3},
	    {"a b'c';", "a quote inside a value", 1, 3},
	    {"a b\x01;", "a control character", 1, 3},
	    {"a{a{a{a{a{a{a{a{a{", "too many blocks", 1, 18},
	    {"a 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17;", "too many values", 1, 42},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct conf *conf = NULL;
		struct conf_error error = {0, 0, ""};

		assert_int_equal(conf_parse(&conf, rows[i].text, strlen(rows[i].text), &error),
				 -EINVAL);
		assert_null(conf);
		assert_int_equal(strncmp(error.text, rows[i].fault, strlen(rows[i].fault)), 0);
		assert_int_equal(error.line, rows[i].line);
		assert_int_equal(error.column, rows[i].column);
	}
}

static void
limits_are_refused(void **state)
{
	size_t size = CONF_TEXT_MAX + 1;
	char *text = malloc(size);
	struct conf *conf = NULL;
	struct conf_error error;

	(void)state;
	assert_non_null(text);
	memset(text, 'a', size);
	assert_int_equal(conf_parse(&conf, text, size, &error), -EINVAL);
	assert_string_equal(error.text, "the file is too large");
	assert_int_equal(conf_parse(&conf, text, CONF_WORD_MAX + 1, &error), -EINVAL);
	assert_string_equal(error.text, "a value is too long");
	for (size_t i = 0; i + 1 < size; i += 2)
		memcpy(text + i, "a;", 2);
	assert_int_equal(conf_parse(&conf, text, CONF_TEXT_MAX, &error), -EINVAL);
	assert_string_equal(error.text, "too many directives");
	free(text);
}

static void
parse_prefix(void *arg, const uint8_t *buf, size_t size)
{
	struct conf *conf = NULL;
	struct conf_error error = {0, 0, NULL};

	(void)arg;
	if (conf_parse(&conf, (const char *)buf, size, &error) == 0)
		conf_free(conf);
	else
		assert_true(error.text != NULL && error.line > 0 && error.column > 0);
}

static void
every_truncation(void **state)
{
	static const char *const names[] = {"conf/usual.conf", "conf/quotes.conf",
					    "conf/no-semicolon.conf"};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		size_t size;
		uint8_t *text = support_load(names[i], &size);

		support_truncations(text, size, parse_prefix, NULL);
		free(text);
	}
}

static void
distances(void **state)
{
	char far[80];

	(void)state;
	memset(far, 'x', sizeof(far) - 1);
	far[sizeof(far) - 1] = '\0';
	assert_int_equal(conf_distance("listen", "listen"), 0);
	assert_int_equal(conf_distance("lisetn", "listen"), 1);
	assert_int_equal(conf_distance("listn", "listen"), 1);
	assert_int_equal(conf_distance("candidates", "candidate"), 1);
	assert_int_equal(conf_distance("", "abc"), 3);
	assert_true(conf_distance(far, "a") == UINT_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_usual_file),
	    cmocka_unit_test(quotes_blocks_and_marks),
	    cmocka_unit_test(faults_name_their_place),
	    cmocka_unit_test(limits_are_refused),
	    cmocka_unit_test(every_truncation),
	    cmocka_unit_test(distances),
	};

	return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}
