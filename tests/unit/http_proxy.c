/* Unit tests of the PROXY protocol's parser. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../support/support.h"
#include "base/bytes.h"
#include "http/http_proxy.h"

static const struct {
	const char *name;
	bool known, tls;
	const char *client, *local;
} vectors[] = {
    {"local", false, false, NULL, NULL},
    {"tcp4", true, false, "203.0.113.9:40000", "192.0.2.1:443"},
    {"tcp6", true, false, "[2001:db8::7]:40001", "[2001:db8::1]:443"},
    {"tcp6-mapped", true, false, "203.0.113.9:40001", "203.0.113.9:443"},
    {"tcp4-tls", true, true, "203.0.113.9:40000", "192.0.2.1:443"},
    {"tcp4-no-tls", true, false, "203.0.113.9:40000", "192.0.2.1:443"},
    {"unspecified", false, false, NULL, NULL},
    {"unix", false, false, NULL, NULL},
};

static uint8_t *
load(size_t i, size_t *size)
{
	char path[64];

	snprintf(path, sizeof(path), "http_proxy/%s.hex", vectors[i].name);
	return support_load(path, size);
}

static void
headers_are_read(void **state)
{
	char text[ADDR_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(vectors); i++) {
		struct http_proxy proxy;
		size_t size;
		uint8_t *buf = load(i, &size);

		assert_int_equal(http_proxy_parse(&proxy, buf, size), size);
		assert_int_equal(http_proxy_wants(buf, size), 0);
		assert_int_equal(proxy.known, vectors[i].known);
		assert_int_equal(proxy.tls, vectors[i].tls);
		if (proxy.known) {
			assert_string_equal(addr_format(&proxy.client, text), vectors[i].client);
			assert_string_equal(addr_format(&proxy.local, text), vectors[i].local);
		}
		free(buf);
	}
}

/* Of every beginning it is known how much may be read, and that never goes past the header. */
static void
check_beginning(void *arg, const uint8_t *buf, size_t size)
{
	size_t whole = *(size_t *)arg, wants = http_proxy_wants(buf, size);
	struct http_proxy proxy;

	if (size == whole)
		return;
	assert_int_equal(http_proxy_parse(&proxy, buf, size), -EAGAIN);
	assert_true(wants >= 1 && wants <= whole - size);
	assert_int_equal(wants, size < HTTP_PROXY_PREFIX_SIZE ? HTTP_PROXY_PREFIX_SIZE - size
							      : whole - size);
}

static void
every_truncation_waits_for_more(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(vectors); i++) {
		size_t size;
		uint8_t *buf = load(i, &size);

		support_truncations(buf, size, check_beginning, &size);
		free(buf);
	}
}

/* Lengths that cut an address or an extension short, with all announced octets there. */
static void
short_bodies_are_malformed(void **state)
{
	struct http_proxy proxy = {.known = true};
	size_t size;
	uint8_t *buf = load(4, &size); /* tcp4-tls: 12 octets, then 4, then 18 */

	(void)state;
	for (size_t length = 0; length < size - HTTP_PROXY_PREFIX_SIZE; length++) {
		uint8_t *cut = malloc(HTTP_PROXY_PREFIX_SIZE + length);
		int result;

		memcpy(cut, buf, HTTP_PROXY_PREFIX_SIZE + length);
		put_be16(cut + 14, (uint16_t)length);
		result = http_proxy_parse(&proxy, cut, HTTP_PROXY_PREFIX_SIZE + length);
		if (length == 12 || length == 16)
			assert_int_equal(result, HTTP_PROXY_PREFIX_SIZE + length);
		else
			assert_int_equal(result, -EBADMSG);
		free(cut);
	}
	free(buf);
}

static void
others_are_refused(void **state)
{
	struct http_proxy proxy;
	size_t size;
	uint8_t *buf = load(1, &size);

	(void)state;
	assert_int_equal(http_proxy_parse(&proxy, (const uint8_t *)"GET / HTTP/1.1", 14), -ENOMSG);
	assert_int_equal(http_proxy_parse(&proxy, (const uint8_t *)"PROXY TCP4 1.2.3.4", 18),
			 -ENOMSG);
	for (unsigned value = 0; value < 256; value++) {
		buf[12] = (uint8_t)value; /* version and command */
		assert_int_equal(http_proxy_parse(&proxy, buf, size),
				 value == 0x20 || value == 0x21 ? (int)size : -EBADMSG);
	}
	buf[12] = 0x21;
	for (unsigned value = 0; value < 256; value++) {
		buf[13] = (uint8_t)value; /* family and transport; too short for those not listed */
		assert_int_equal(http_proxy_parse(&proxy, buf, size),
				 value == 0x00 || value == 0x11 ? (int)size : -EBADMSG);
	}
	put_be16(buf + 14, HTTP_PROXY_SIZE_MAX - HTTP_PROXY_PREFIX_SIZE + 1);
	assert_int_equal(http_proxy_parse(&proxy, buf, size), -EMSGSIZE);
	assert_int_equal(http_proxy_wants(buf, size), 0);
	free(buf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(headers_are_read),
	    cmocka_unit_test(every_truncation_waits_for_more),
	    cmocka_unit_test(short_bodies_are_malformed),
	    cmocka_unit_test(others_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
