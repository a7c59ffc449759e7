/* Unit tests of lib/base. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "base/addr.h"
#include "base/bucket.h"
#include "base/median.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/hmac_sha1.h"
#include "base/random.h"
#include "base/text.h"

static void
addresses_parse_and_format(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
	    {"1.2.3.4:5", "1.2.3.4:5"}, {"1.2.3.4", "1.2.3.4:9"},
	    {"::1", "[::1]:9"},		{"[2001:db8::1]:8000", "[2001:db8::1]:8000"},
	    {"[::]", "[::]:9"},
	};
	static const char *const bad[] = {"",	      "host",	       "1.2.3",
					  "1.2.3.4:", "1.2.3.4:65536", "[::1",
					  "[::1]x",   "1.2.3.4:5x",    "::1:99999999"};
	struct addr a;
	char text[ADDR_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		assert_int_equal(addr_parse(&a, rows[i].in, 9), 0);
		assert_string_equal(addr_format(&a, text), rows[i].out);
	}
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_int_equal(addr_parse(&a, bad[i], 9), -EINVAL);
}

static void
mapped_addresses_become_ipv4(void **state)
{
	struct addr mapped, plain;

	(void)state;
	assert_int_equal(addr_parse(&mapped, "[::ffff:10.0.0.1]:7", 0), 0);
	assert_int_equal(addr_from_sockaddr(&plain, &mapped.sa), 0);
	assert_int_equal(plain.sa.sa_family, AF_INET);
	assert_true(addr_is_private(&plain));
}

static void
sources_are_addresses_or_networks_of_64_bits(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} rows[] = {
	    {"192.0.2.1", "192.0.2.1:7", true},
	    {"192.0.2.1", "192.0.2.2", false},
	    {"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true},
	    {"2001:db8:1:2::1", "2001:db8:1:3::1", false},
	    {"::ffff:192.0.2.1", "192.0.2.1", true},
	    {"::ffff:192.0.2.1", "::ffff:192.0.2.2", false}, /* no network of IPv6 */
	    {"gate", "gate", true},
	    {"gate", "192.0.2.1", false},
	    {"", "192.0.2.1", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		assert_int_equal(addr_text_same_source(rows[i].a, rows[i].b), rows[i].same);
		assert_int_equal(addr_text_same_source(rows[i].b, rows[i].a), rows[i].same);
	}
}

static void
address_classes(void **state)
{
	static const struct {
		const char *text;
		bool private, loopback;
	} rows[] = {
	    {"10.1.1.1", true, false},	   {"172.16.0.1", true, false},
	    {"172.32.0.1", false, false},  {"192.168.9.9", true, false},
	    {"100.64.0.1", true, false},   {"100.128.0.1", false, false},
	    {"169.254.1.1", true, false},  {"8.8.8.8", false, false},
	    {"127.9.9.9", false, true},	   {"::1", false, true},
	    {"fd00::1", true, false},	   {"fe80::1", true, false},
	    {"2001:db8::1", false, false},
	};
	struct addr a;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		assert_int_equal(addr_parse(&a, rows[i].text, 0), 0);
		assert_int_equal(addr_is_private(&a), rows[i].private);
		assert_int_equal(addr_is_loopback(&a), rows[i].loopback);
	}
}

static void
names_follow_the_allow_list(void **state)
{
	char longest[TEXT_NAME_MAX + 2];

	(void)state;
	assert_true(text_is_name("livestream"));
	assert_true(text_is_stream("live/a.b-c_d"));
	assert_true(text_is_stream("vhost.example/live/a"));
	assert_false(text_is_stream("live"));
	assert_false(text_is_stream("a/b/c/d"));
	assert_false(text_is_stream("live/../x"));
	assert_false(text_is_stream("live//x"));
	assert_false(text_is_name(".."));
	assert_false(text_is_name(""));
	assert_false(text_is_name("a b"));
	assert_false(text_is_name("a\r\nb"));
	assert_false(text_is_name("a%2fb"));
	memset(longest, 'a', sizeof(longest));
	longest[TEXT_NAME_MAX] = '\0';
	assert_true(text_is_name(longest));
	longest[TEXT_NAME_MAX] = 'a';
	longest[TEXT_NAME_MAX + 1] = '\0';
	assert_false(text_is_name(longest));
}

static void
words_of_a_line(void **state)
{
	char line[] = "\t one  two\r\n", blank[] = " \n", *words[2] = {NULL, NULL};

	(void)state;
	assert_int_equal(text_words(line, words, 1), 1);
	assert_string_equal(words[0], "one");
	assert_null(words[1]);
	assert_int_equal(text_words(blank, words, 2), 0);
}

static void
secrets_hex_and_ntp(void **state)
{
	uint8_t raw[4];
	char text[64];

	(void)state;
	assert_true(text_equal_secret("abc", "abc"));
	assert_false(text_equal_secret("abc", "abd"));
	assert_false(text_equal_secret("abc", "ab"));
	assert_false(text_equal_secret("", "a"));
	assert_int_equal(text_unhex(raw, 4, "00fFa501"), 0);
	assert_string_equal(text_hex(text, raw, 4), "00ffa501");
	assert_int_equal(text_unhex(raw, 4, "00ffa50"), -EINVAL);
	assert_int_equal(text_unhex(raw, 4, "00ffa50g"), -EINVAL);
	random_text(text, 43);
	assert_int_equal(strlen(text), 43);
	assert_int_equal(clock_ntp_to_us(clock_us_to_ntp(1234567)) / 10, 123456);
	assert_true(text_is_ice("6pk11386", 4, 32));
	assert_false(text_is_ice("abc", 4, 32));
	assert_false(text_is_ice("abc\r\n", 1, 32));
}

static void
hmac_sha1_of_rfc2202(void **state)
{
	static const struct {
		const char *key, *data, *mac;
	} rows[] = {
	    {"Jefe", "what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
	    {"\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b",
	     "Hi There", "b617318655057264e28bc0b6fb378c8ef146be00"},
	};
	uint8_t aa[80], mac[HMAC_SHA1_SIZE];
	char text[2 * HMAC_SHA1_SIZE + 1];
	struct hmac_sha1_key key;
	struct hmac_sha1 h;

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		hmac_sha1_key_init(&key, rows[i].key, strlen(rows[i].key));
		hmac_sha1_start(&h, &key);
		hmac_sha1_add(&h, rows[i].data, 3);
		hmac_sha1_add(&h, rows[i].data + 3, strlen(rows[i].data) - 3);
		hmac_sha1_finish(&h, mac);
		assert_string_equal(text_hex(text, mac, sizeof(mac)), rows[i].mac);
	}
	memset(aa, 0xaa, sizeof(aa)); /* test case 6: a key larger than a block */
	hmac_sha1_key_init(&key, aa, sizeof(aa));
	hmac_sha1_start(&h, &key);
	hmac_sha1_add(&h, "Test Using Larger Than Block-Size Key - Hash Key First", 54);
	hmac_sha1_finish(&h, mac);
	assert_string_equal(text_hex(text, mac, sizeof(mac)),
			    "aa4ae5e15272d00e95705637ce8a3b55ed402112");
}

static unsigned
taken(struct bucket *b, uint64_t now_us)
{
	unsigned count = 0;

	while (bucket_take(b, now_us, 10, 3))
		count++;
	return count;
}

static void
a_bucket_gives_so_many(void **state)
{
	struct bucket b = {1000000, 2};

	(void)state;
	assert_int_equal(taken(&b, 1000000), 2);
	assert_int_equal(taken(&b, 1099999), 0);
	assert_int_equal(taken(&b, 1100000), 1); /* what was asked for in vain delays nothing */
	assert_int_equal(taken(&b, 1300000), 2);
	assert_int_equal(taken(&b, 9300000), 3); /* no more than fit */
	b = (struct bucket){0, 0};
	assert_int_equal(taken(&b, UINT64_C(1) << 50), 3); /* after years */
}

static void
a_median_forgets_what_was_off(void **state)
{
	struct median m = {0};

	(void)state;
	assert_true(median_of(&m) == 0);
	median_add(&m, 900);
	assert_true(median_of(&m) == 900);
	median_add(&m, 20);
	assert_true(median_of(&m) == 20);
	for (unsigned i = 0; i < 2 * MEDIAN_VALUES; i++) {
		median_add(&m, 22 + i % 2);
		assert_in_range(median_of(&m), 20, 23);
	}
	for (unsigned i = 0; i < 3; i++) {
		assert_in_range(median_of(&m), 22, 23);
		median_add(&m, 500 - i);
	}
	assert_true(median_of(&m) == 498);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(addresses_parse_and_format),
	    cmocka_unit_test(mapped_addresses_become_ipv4),
	    cmocka_unit_test(sources_are_addresses_or_networks_of_64_bits),
	    cmocka_unit_test(address_classes),
	    cmocka_unit_test(names_follow_the_allow_list),
	    cmocka_unit_test(a_bucket_gives_so_many),
	    cmocka_unit_test(a_median_forgets_what_was_off),
	    cmocka_unit_test(words_of_a_line),
	    cmocka_unit_test(secrets_hex_and_ntp),
	    cmocka_unit_test(hmac_sha1_of_rfc2202),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
