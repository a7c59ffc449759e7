/* Unit tests of the names of STUN and TURN servers: URIs, Link fields, lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../support/support.h"
#include "base/bytes.h"
#include "turn/turn_server.h"

static struct turn_servers list;

static void
uris_are_held_to_their_grammar(void **state)
{
	static const struct {
		const char *uri, *host;
		int r;
		uint16_t port;
		bool tcp, relays;
	} rows[] = {
	    {"stun:stun.example.org", "stun.example.org", 0, 3478, false, false},
	    {"STUN:stun.example.org:19302", "stun.example.org", 0, 19302, false, false},
	    {"turn:192.0.2.1", "192.0.2.1", 0, 3478, false, true},
	    {"turn:192.0.2.1:80?transport=tcp", "192.0.2.1", 0, 80, true, true},
	    {"turn:192.0.2.1:80?transport=udp", "192.0.2.1", 0, 80, false, true},
	    {"turns:turn.example.org", "turn.example.org", 0, 5349, true, true},
	    {"turns:[2001:db8::1]:443?transport=tcp", "2001:db8::1", 0, 443, true, true},
	    {"turn:[2001:db8::1]", "2001:db8::1", 0, 3478, false, true},
	    {"http://turn.example.org", "", -EINVAL, 0, false, false},
	    {"turn:", "", -EINVAL, 0, false, false},
	    {"turn:a b", "", -EINVAL, 0, false, false},
	    {"turn:user@host", "", -EINVAL, 0, false, false},
	    {"turn:host:", "", -EINVAL, 0, false, false},
	    {"turn:host:0", "", -EINVAL, 0, false, false},
	    {"turn:host:65536", "", -EINVAL, 0, false, false},
	    {"turn:host:123456", "", -EINVAL, 0, false, false},
	    {"turn:host?transport=sctp", "", -EINVAL, 0, false, false},
	    {"turn:host/path", "", -EINVAL, 0, false, false},
	    {"turn:[::1", "", -EINVAL, 0, false, false},
	    {"turn:[]", "", -EINVAL, 0, false, false},
	    {"stun:host?transport=udp", "", -EINVAL, 0, false, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		const struct turn_server *s = &list.servers[0];

		list.count = 0;
		if (turn_servers_add(&list, rows[i].uri, "u", "c") != rows[i].r)
			fail_msg("%s", rows[i].uri);
		if (rows[i].r < 0)
			continue;
		assert_string_equal(s->host, rows[i].host);
		assert_string_equal(s->uri, rows[i].uri);
		assert_int_equal(s->port, rows[i].port);
		assert_int_equal(s->tcp, rows[i].tcp);
		assert_int_equal(turn_server_relays(s), rows[i].relays);
	}
}

static void
texts_are_bounded(void **state)
{
	char text[TURN_LOGIN_MAX + 2], uri[TURN_URI_MAX + 8] = "turn:";

	(void)state;
	list.count = 0;
	memset(text, 'x', sizeof(text));
	text[TURN_LOGIN_MAX + 1] = '\0';
	assert_int_equal(turn_servers_add(&list, "turn:a", text, "c"), -EINVAL);
	assert_int_equal(turn_servers_add(&list, "turn:a", "u", text), -EINVAL);
	assert_int_equal(turn_servers_add(&list, "turn:a", "u\n", "c"), -EINVAL);
	text[TURN_LOGIN_MAX] = '\0';
	assert_int_equal(turn_servers_add(&list, "turn:a", text, text), 0);
	memset(uri + 5, 'h', 300);
	assert_int_equal(turn_servers_add(&list, uri, "u", "c"), -EINVAL);
	uri[5 + 256] = '\0';
	assert_int_equal(turn_servers_add(&list, uri, "u", "c"), -EINVAL);
	uri[5 + 255] = '\0';
	assert_int_equal(turn_servers_add(&list, uri, "u", "c"), 0);
	for (unsigned i = 0; list.count < TURN_SERVERS_MAX; i++) {
		uri[6] = (char)('a' + i);
		assert_int_equal(turn_servers_add(&list, uri, "u", "c"), 0);
	}
	assert_int_equal(turn_servers_add(&list, uri, "u", "c"), 0); /* there already */
	assert_int_equal(turn_servers_add(&list, "stun:a", NULL, NULL), -ENOSPC);
}

static void
links_are_read(void **state)
{
	static const struct {
		const char *value;
		int r;
		size_t count;
		const char *uri, *username, *credential; /* of the last */
	} rows[] = {
	    {"<turn:t.example:3478?transport=udp>; rel=\"ice-server\"; username=\"u\"; "
	     "credential=\"c d\"; credential-type=\"password\"",
	     1, 1, "turn:t.example:3478?transport=udp", "u", "c d"},
	    {"<turn:t>;REL=Ice-Server;Username=u;credential=a\\b", 1, 1, "turn:t", "u", "a\\b"},
	    {"<turn:t>; rel=\"x ice-server\"; username=\"q\\\"u\\\\o\"; credential=\"c\"", 1, 1,
	     "turn:t", "q\"u\\o", "c"},
	    {"<stun:a>; rel=\"ice-server\", <stun:b>; rel=\"ice-server\"", 2, 2, "stun:b", "", ""},
	    {"<stun:a>;rel=ice-server,,<stun:b>;rel=ice-server;", 2, 2, "stun:b", "", ""},
	    {"<stun:a>; rel=ice-server; rel=next", 1, 1, "stun:a", "", ""},
	    {"<stun:a>; rel=next; rel=ice-server", 0, 0, NULL, NULL, NULL},
	    {"<stun:a>; rel=ice-servers", 0, 0, NULL, NULL, NULL},
	    {"<a,b;c>; rel=\"next\"; title=\"a, <b>\", <stun:a>; rel=ice-server", 1, 1, "stun:a",
	     "", ""},
	    {"", 0, 0, NULL, NULL, NULL},
	    {"  ", 0, 0, NULL, NULL, NULL},
	    {"stun:a; rel=ice-server", -EBADMSG, 0, NULL, NULL, NULL},
	    {"<stun:a", -EBADMSG, 0, NULL, NULL, NULL},
	    {"<stun:a>; rel=\"ice-server", -EBADMSG, 0, NULL, NULL, NULL},
	    {"<stun:a>; rel=\"ice-server\\", -EBADMSG, 0, NULL, NULL, NULL},
	    {"<stun:a> rel=ice-server", -EBADMSG, 0, NULL, NULL, NULL},
	    {"<http://a>; rel=ice-server, <stun:b>; rel=ice-server", -EBADMSG, 1, "stun:b", "", ""},
	    {"<stun:b>; rel=ice-server, nonsense", -EBADMSG, 1, "stun:b", "", ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		const struct turn_server *s;

		memset(&list, 0, sizeof(list));
		if (turn_servers_add_link(&list, rows[i].value) != rows[i].r)
			fail_msg("%s", rows[i].value);
		assert_int_equal(list.count, rows[i].count);
		if (rows[i].count == 0)
			continue;
		s = &list.servers[list.count - 1];
		assert_string_equal(s->uri, rows[i].uri);
		assert_string_equal(s->username, rows[i].username);
		assert_string_equal(s->credential, rows[i].credential);
	}
}

/* A NUL after each prefix, in a block of that size. */
static void
take_truncated(void *arg, const uint8_t *buf, size_t size)
{
	char *text = malloc(size + 1);

	(void)arg;
	assert_non_null(text);
	memcpy(text, buf, size);
	text[size] = '\0';
	list.count = 0;
	(void)turn_servers_add_link(&list, text);
	(void)turn_servers_add_line(&list, text);
	free(text);
}

static void
truncations_do_no_harm(void **state)
{
	static const char *const names[] = {"turn_server/turn", "turn_server/several",
					    "turn_server/line"};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		size_t size;
		uint8_t *buf = support_load(names[i], &size);

		support_truncations(buf, size, take_truncated, NULL);
		free(buf);
	}
}

static void
lines_are_read(void **state)
{
	static const struct {
		const char *line;
		int r;
		size_t count;
	} rows[] = {{"", 0, 0},
		    {"  # turn:a b c", 0, 0},
		    {"stun:a\r\n", 0, 1},
		    {"turn:a user credential\n", 0, 1},
		    {"turn:a user\n", -EINVAL, 0},
		    {"turn:a user cre den\n", -EINVAL, 0},
		    {"tun:a\n", -EINVAL, 0}};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		char line[64];

		strcpy(line, rows[i].line);
		list.count = 0;
		assert_int_equal(turn_servers_add_line(&list, line), rows[i].r);
		assert_int_equal(list.count, rows[i].count);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(uris_are_held_to_their_grammar),
	    cmocka_unit_test(texts_are_bounded),
	    cmocka_unit_test(links_are_read),
	    cmocka_unit_test(lines_are_read),
	    cmocka_unit_test(truncations_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
