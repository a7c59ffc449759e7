/* Unit tests of lib/aac. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../support/support.h"
#include "aac/aac.h"
#include "base/bytes.h"
#include "base/text.h"

static void
configs(void **state)
{
	static const struct {
		const char *hex;
		struct aac_config c;
	} rows[] = {
	    {"1210", {2, 44100, 44100, 2, 1024, false, false}},
	    {"1190", {2, 48000, 48000, 2, 1024, false, false}},
	    {"1188", {2, 48000, 48000, 1, 1024, false, false}},
	    {"1588", {2, 8000, 8000, 1, 1024, false, false}},
	    {"11b8", {2, 48000, 48000, 8, 1024, false, false}},
	    {"1214", {2, 44100, 44100, 2, 960, false, false}},
	    {"1390056e5a00", {2, 22050, 22050, 2, 1024, false, false}}, /* implicit */
	    {"2b920800", {2, 22050, 44100, 2, 1024, true, false}},
	    {"eb8a0800", {2, 22050, 44100, 1, 1024, true, true}},
	    {"1780562210", {2, 44100, 44100, 2, 1024, false, false}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		uint8_t asc[16];
		size_t size = strlen(rows[i].hex) / 2;
		struct aac_config c;

		assert_int_equal(text_unhex(asc, size, rows[i].hex), 0);
		assert_int_equal(aac_config_parse(&c, asc, size), 0);
		assert_int_equal(c.object_type, rows[i].c.object_type);
		assert_int_equal(c.rate_hz, rows[i].c.rate_hz);
		assert_int_equal(c.output_rate_hz, rows[i].c.output_rate_hz);
		assert_int_equal(c.channel_count, rows[i].c.channel_count);
		assert_int_equal(c.unit_samples, rows[i].c.unit_samples);
		assert_int_equal(c.sbr, rows[i].c.sbr);
		assert_int_equal(c.ps, rows[i].c.ps);
	}
}

static void
bad_configs(void **state)
{
	static const char *const rows[] = {"",	   "12",   "1690", "1700",
					   "0010", "13f0", "fffe", "17ffffff90"};
	struct aac_config c = {.rate_hz = 7};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		uint8_t asc[16];
		size_t size = strlen(rows[i]) / 2;

		text_unhex(asc, size, rows[i]);
		assert_int_equal(aac_config_parse(&c, asc, size), -EBADMSG);
		assert_int_equal(c.rate_hz, 7);
	}
}

static void
fmtp(void **state)
{
	static const uint8_t asc[] = {0x12, 0x10};
	uint8_t out[4];
	char text[AAC_FMTP_SIZE];

	(void)state;
	assert_true(aac_fmtp_write(text, sizeof(text), asc, sizeof(asc)) > 0);
	assert_non_null(strstr(text, "config=1210"));
	assert_int_equal(aac_fmtp_config(out, sizeof(out), text), 2);
	assert_memory_equal(out, asc, 2);
	assert_int_equal(aac_fmtp_config(out, 1, text), -ENOSPC);
	assert_int_equal(aac_fmtp_write(text, 10, asc, sizeof(asc)), -ENOSPC);
	assert_int_equal(aac_fmtp_config(out, 4, "mode=AAC-hbr"), -ENOENT);
	assert_int_equal(aac_fmtp_config(out, 4, ""), -ENOENT);
	assert_int_equal(aac_fmtp_config(out, 4, "config=1210"), -EBADMSG);
	assert_int_equal(aac_fmtp_config(out, 4,
					 "mode=aac-hbr; SizeLength=13; IndexLength=3; "
					 "indexDeltaLength=3; config=1210"),
			 2);
	assert_int_equal(aac_fmtp_config(out, 4,
					 "mode=AAC-hbr;sizelength=13;indexlength=3;"
					 "indexdeltalength=3;config=12x0"),
			 -EBADMSG);
}

struct seen {
	uint8_t buf[AAC_UNIT_MAX];
	size_t size[AAC_UNITS_MAX], count;
};

static void
keep(void *arg, const uint8_t *unit, size_t size, unsigned index)
{
	struct seen *s = arg;

	assert_int_equal(index, s->count);
	assert_in_range(size, 1, AAC_UNIT_MAX);
	s->size[s->count++] = size;
	memcpy(s->buf, unit, size);
}

static void
several_units(void **state)
{
	static const uint8_t a[300] = {1}, b[7] = {2}, c[1] = {3};
	const struct aac_unit units[] = {{a, sizeof(a)}, {b, sizeof(b)}, {c, sizeof(c)}};
	static struct aac_depack d;
	static struct seen seen;
	uint8_t payload[400];
	int n;

	(void)state;
	n = aac_pack_units(payload, sizeof(payload), units, 3);
	assert_int_equal(n, 2 + 3 * 2 + 308);
	seen.count = 0;
	assert_int_equal(aac_depack_push(&d, payload, (size_t)n, 1, keep, &seen), 3);
	assert_int_equal(seen.size[0], 300);
	assert_int_equal(seen.size[2], 1);
	assert_int_equal(seen.buf[0], 3);
	assert_int_equal(aac_pack_units(payload, 313, units, 3), -ENOSPC);
	assert_int_equal(aac_pack_units(payload, sizeof(payload), units, 0), -EINVAL);
}

static void
fragments(void **state)
{
	static uint8_t unit[4000];
	static struct aac_depack d;
	static struct seen seen;
	struct aac_pack pack;
	uint8_t payload[1200];
	bool last = false;
	int n, count = 0, whole = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(unit); i++)
		unit[i] = (uint8_t)(i * 7);
	seen.count = 0;
	assert_int_equal(aac_pack_start(&pack, &(struct aac_unit){unit, sizeof(unit)}, 1200), 0);
	while ((n = aac_pack_next(&pack, payload, sizeof(payload), &last)) > 0) {
		assert_int_equal(whole, 0);
		whole = aac_depack_push(&d, payload, (size_t)n, 9, keep, &seen);
		assert_true(whole >= 0);
		assert_int_equal(last, whole == 1);
		count++;
	}
	assert_int_equal(count, 4);
	assert_int_equal(seen.size[0], sizeof(unit));
	assert_memory_equal(seen.buf, unit, sizeof(unit));
	/* A hole, then the first fragment of the next unit: the old one is forgotten. */
	aac_pack_start(&pack, &(struct aac_unit){unit, sizeof(unit)}, 1200);
	n = aac_pack_next(&pack, payload, sizeof(payload), &last);
	assert_int_equal(aac_depack_push(&d, payload, (size_t)n, 10, keep, &seen), 0);
	assert_int_equal(aac_depack_push(&d, payload, (size_t)n, 11, keep, &seen), 0);
	assert_int_equal(d.size, 1196);
	assert_int_equal(aac_pack_start(&pack, &(struct aac_unit){unit, 0}, 1200), -EINVAL);
	assert_int_equal(aac_pack_start(&pack, &(struct aac_unit){unit, 1}, 4), -EINVAL);
}

static void
truncated(void *arg, const uint8_t *buf, size_t size)
{
	struct aac_depack d = {0};
	struct aac_config c;
	struct seen seen = {.count = 0};
	int n = aac_depack_push(&d, buf, size, 0, keep, &seen);

	(void)arg;
	assert_true(n >= -EBADMSG);
	(void)aac_config_parse(&c, buf, size);
}

static void
truncations(void **state)
{
	static const uint8_t a[30] = {1}, b[7] = {2};
	const struct aac_unit units[] = {{a, sizeof(a)}, {b, sizeof(b)}};
	uint8_t payload[64];
	static const uint8_t he[] = {0xeb, 0x8a, 0x08, 0x00};
	int n = aac_pack_units(payload, sizeof(payload), units, 2);

	(void)state;
	support_truncations(payload, (size_t)n, truncated, NULL);
	support_truncations(he, sizeof(he), truncated, NULL);
}

static void
bad_payloads(void **state)
{
	static const char *const rows[] = {
	    "0000", "000f0008ff", "00100000ff", "00200008000901ff", "0020000800f8ff", "ffff0008ff",
	};
	static struct aac_depack d;
	struct seen seen = {.count = 0};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		uint8_t buf[16];
		size_t size = strlen(rows[i]) / 2;

		text_unhex(buf, size, rows[i]);
		assert_int_equal(aac_depack_push(&d, buf, size, 0, keep, &seen), -EBADMSG);
		assert_int_equal(seen.count, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(configs),	    cmocka_unit_test(bad_configs),
	    cmocka_unit_test(fmtp),	    cmocka_unit_test(several_units),
	    cmocka_unit_test(fragments),    cmocka_unit_test(truncations),
	    cmocka_unit_test(bad_payloads),
	};

	return cmocka_run_group_tests_name("aac", tests, NULL, NULL);
}
