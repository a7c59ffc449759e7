/* Unit tests of the keyed hash: lib/base/keyhash.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/keyhash.h"

/* The paper's key 00 01 .. 0f and input 00 01 .. of each length. */
static void
the_papers_vectors(void **state)
{
	static const struct {
		size_t size;
		uint64_t hash;
	} rows[] = {{0, 0x726fdb47dd0e0e31}, {15, 0xa129ca6149be45e5}};
	uint8_t key[KEYHASH_KEY_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)i;
	keyhash_init(key);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t *in = malloc(rows[i].size + !rows[i].size); /* exact */

		for (size_t k = 0; k < rows[i].size; k++)
			in[k] = (uint8_t)k;
		assert_true(keyhash(in, rows[i].size) == rows[i].hash);
		free(in);
	}
}

static void
every_octet_and_the_length_count(void **state)
{
	uint8_t in[40] = {0};
	uint64_t before = keyhash(in, sizeof(in));

	(void)state;
	for (size_t size = 0; size < sizeof(in); size++)
		assert_true(keyhash(in, size) != keyhash(in, size + 1));
	for (size_t i = 0; i < sizeof(in); i++) {
		in[i] ^= 1;
		assert_true(keyhash(in, sizeof(in)) != before);
		in[i] ^= 1;
	}
}

static void
another_key_is_another_hash(void **state)
{
	uint8_t key[KEYHASH_KEY_SIZE] = {0};
	uint64_t before;

	(void)state;
	keyhash_init(key);
	before = keyhash("ufrag", 5);
	for (size_t i = 0; i < sizeof(key); i++) {
		key[i] = 0x80;
		keyhash_init(key);
		assert_true(keyhash("ufrag", 5) != before);
		key[i] = 0;
	}
}

struct row {
	char name[16];
	UT_hash_handle hh;
};

/* Names that share a bucket under one key are spread by another: a table is as good as its key. */
static void
tables_stand_on_it(void **state)
{
	enum { ROWS = 1000 };
	struct row *rows = calloc(ROWS, sizeof(*rows)), *table = NULL, *found;
	const uint8_t key[KEYHASH_KEY_SIZE] = {1, 2, 3};
	unsigned hash;

	(void)state;
	keyhash_init(key);
	for (int i = 0; i < ROWS; i++) {
		snprintf(rows[i].name, sizeof(rows[i].name), "n%d", i);
		HASH_ADD_STR(table, name, &rows[i]);
	}
	for (int i = 0; i < ROWS; i++) {
		HASH_FIND_STR(table, rows[i].name, found);
		assert_ptr_equal(found, &rows[i]);
		HASH_VALUE(rows[i].name, (unsigned)strlen(rows[i].name), hash);
		assert_int_equal(hash, (unsigned)keyhash(rows[i].name, strlen(rows[i].name)));
	}
	HASH_CLEAR(hh, table);
	free(rows);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_papers_vectors),
	    cmocka_unit_test(every_octet_and_the_length_count),
	    cmocka_unit_test(another_key_is_another_hash),
	    cmocka_unit_test(tables_stand_on_it),
	};

	return cmocka_run_group_tests_name("keyhash", tests, NULL, NULL);
}
