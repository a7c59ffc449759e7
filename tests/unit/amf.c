/* Unit tests of lib/amf. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../support/support.h"
#include "amf/amf.h"
#include "base/bytes.h"
#include "base/text.h"

static void
written_is_read(void **state)
{
	uint8_t buf[256];
	struct amf_writer w;
	struct amf_reader r;
	struct amf_value v, m;
	struct amf_text key;
	char text[8];
	int n;

	(void)state;
	amf_writer_init(&w, buf, sizeof(buf));
	amf_add_string(&w, "connect");
	amf_add_number(&w, 1);
	amf_begin_object(&w);
	amf_add_key(&w, "app");
	amf_add_string(&w, "live");
	amf_add_key(&w, "fpad");
	amf_add_boolean(&w, true);
	amf_add_key(&w, "inner");
	amf_begin_ecma_array(&w, 1);
	amf_add_key(&w, "x");
	amf_add_null(&w);
	amf_end_object(&w);
	amf_end_object(&w);
	n = amf_finish(&w);
	assert_true(n > 0);
	amf_reader_init(&r, buf, (size_t)n);
	assert_int_equal(amf_read(&r, &v), 1);
	assert_true(amf_text_is(&v.text, "connect"));
	assert_string_equal(amf_text_copy(text, 5, &v.text), "conn");
	assert_int_equal(amf_read(&r, &v), 1);
	assert_float_equal(v.number, 1, 0);
	assert_int_equal(amf_read(&r, &v), 1);
	assert_int_equal(v.type, AMF_OBJECT);
	assert_int_equal(amf_member(&v.members, &key, &m), 1);
	assert_true(amf_text_is(&key, "app") && amf_text_is(&m.text, "live"));
	assert_int_equal(amf_member(&v.members, &key, &m), 1);
	assert_true(m.type == AMF_BOOLEAN && m.boolean);
	assert_int_equal(amf_member(&v.members, &key, &m), 1);
	assert_int_equal(m.type, AMF_ECMA_ARRAY);
	assert_int_equal(amf_member(&m.members, &key, &m), 1);
	assert_int_equal(amf_member(&v.members, &key, &m), 0);
	assert_int_equal(amf_member(&v.members, &key, &m), 0);
	assert_int_equal(amf_read(&r, &v), 0);
	for (size_t cap = 0; cap < (size_t)n; cap++) {
		amf_writer_init(&w, buf, cap);
		amf_add_string(&w, "connect");
		amf_add_number(&w, 1);
		amf_begin_object(&w);
		amf_add_key(
		    &w, "a string that does not fit in what the first test wrote, which is long");
		amf_add_boolean(&w, true);
		amf_end_object(&w);
		assert_int_equal(amf_finish(&w), -ENOSPC);
	}
}

static void
read_everything(void *arg, const uint8_t *buf, size_t size)
{
	struct amf_reader r;
	struct amf_value v, m;
	struct amf_text key;

	(void)arg;
	amf_reader_init(&r, buf, size);
	while (amf_read(&r, &v) == 1)
		while (v.members.buf != NULL && amf_member(&v.members, &key, &m) == 1)
			assert_true(r.at <= r.size);
}

static void
values(void **state)
{
	static const struct {
		const char *hex;
		int rc;
		enum amf_type type;
	} rows[] = {
	    {"003ff0000000000000", 1, AMF_NUMBER},
	    {"0100", 1, AMF_BOOLEAN},
	    {"020000", 1, AMF_STRING},
	    {"0c0000000161", 1, AMF_STRING},
	    {"05", 1, AMF_NULL},
	    {"06", 1, AMF_UNDEFINED},
	    {"0d", 1, AMF_UNSUPPORTED},
	    {"0b3ff00000000000000000", 1, AMF_DATE},
	    {"03000009", 1, AMF_OBJECT},
	    {"0800000000000009", 1, AMF_ECMA_ARRAY},
	    {"0a000000020505", 1, AMF_STRICT_ARRAY},
	    {"1000016103000009000009", -EBADMSG, 0},
	    {"10000161000009", 1, AMF_TYPED_OBJECT},
	    {"0a00000001030001780a00000000000009", 1, AMF_STRICT_ARRAY},
	    {"1100", 1, AMF_UNDEFINED},
	    {"1101", 1, AMF_NULL},
	    {"1103", 1, AMF_BOOLEAN},
	    {"110405", 1, AMF_NUMBER},
	    {"1104ffffffff", 1, AMF_NUMBER},
	    {"11053ff0000000000000", 1, AMF_NUMBER},
	    {"11060361", 1, AMF_STRING},
	    {"", 0, 0},
	    {"04", -EBADMSG, 0},     /* movie clip: reserved */
	    {"070001", -EBADMSG, 0}, /* reference */
	    {"09", -EBADMSG, 0},
	    {"ff", -EBADMSG, 0},
	    {"0affffffff05", -EBADMSG, 0},
	    {"030000", -EBADMSG, 0},
	    {"02ffff61", -EBADMSG, 0},
	    {"0cffffffff61", -EBADMSG, 0},
	    {"110600", -EBADMSG, 0}, /* AMF3 string by reference */
	    {"110a", -EBADMSG, 0},   /* AMF3 object */
	    {"1104ff", -EBADMSG, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		uint8_t buf[32];
		size_t size = strlen(rows[i].hex) / 2;
		struct amf_reader r;
		struct amf_value v;

		text_unhex(buf, size, rows[i].hex);
		amf_reader_init(&r, buf, size);
		assert_int_equal(amf_read(&r, &v), rows[i].rc);
		if (rows[i].rc == 1) {
			assert_int_equal(v.type, rows[i].type);
			assert_int_equal(r.at, size);
		}
		support_truncations(buf, size, read_everything, NULL);
	}
}

static void
negative_amf3_integer(void **state)
{
	static const uint8_t minus_one[] = {AMF_AMF3, 4, 0xff, 0xff, 0xff, 0xff};
	struct amf_reader r;
	struct amf_value v;

	(void)state;
	amf_reader_init(&r, minus_one, sizeof(minus_one));
	assert_int_equal(amf_read(&r, &v), 1);
	assert_float_equal(v.number, -1, 0);
}

/* Objects in objects up to the limit, and one more. */
static void
depth(void **state)
{
	for (unsigned levels = 1; levels <= AMF_DEPTH_MAX + 1; levels++) {
		uint8_t buf[8 * (AMF_DEPTH_MAX + 1)];
		struct amf_writer w;
		struct amf_reader r;
		struct amf_value v;

		(void)state;
		amf_writer_init(&w, buf, sizeof(buf));
		amf_begin_object(&w);
		for (unsigned i = 1; i < levels; i++) {
			amf_add_key(&w, "x");
			amf_begin_object(&w);
		}
		for (unsigned i = 0; i < levels; i++)
			amf_end_object(&w);
		amf_reader_init(&r, buf, (size_t)amf_finish(&w));
		assert_int_equal(amf_read(&r, &v), levels <= AMF_DEPTH_MAX ? 1 : -EBADMSG);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(written_is_read),
	    cmocka_unit_test(values),
	    cmocka_unit_test(negative_amf3_integer),
	    cmocka_unit_test(depth),
	};

	return cmocka_run_group_tests_name("amf", tests, NULL, NULL);
}
