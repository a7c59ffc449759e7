/*
 * Where a player may join, codec by codec: every form in which a keyframe's first payload comes,
 * and those that only look like one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../support/support.h"
#include "base/bytes.h"
#include "payload/payload.h"

/* A VP9 key frame of profile 0, 176x144, up to its size; an inter frame; an intra-only one. */
#define VP9_KEY	  0x82, 0x49, 0x83, 0x42, 0x00, 0x0a, 0xf0, 0x08, 0xf6
#define VP9_INTER 0x86, 0x00, 0x40, 0x92

enum { SIZE_MAX_HERE = 24 };

static const struct {
	enum payload_codec codec;
	bool want;
	const char *why;
	size_t size;
	uint8_t payload[SIZE_MAX_HERE];
} rows[] = {
    {PAYLOAD_H264, true, "FU-A, start of an IDR", 4, {0x7c, 0x85, 0x88, 0x84}},
    {PAYLOAD_H264, false, "FU-A, middle of an IDR", 4, {0x7c, 0x05, 0x88, 0x84}},
    {PAYLOAD_H264, false, "FU-A, end of an IDR", 4, {0x7c, 0x45, 0x88, 0x84}},
    {PAYLOAD_H264, false, "FU-A, start of another slice", 4, {0x7c, 0x81, 0x9a, 0x02}},
    {PAYLOAD_H264,
     true,
     "STAP-A of SPS, PPS, IDR",
     16,
     {0x78, 0, 3, 0x67, 0x42, 0xc0, 0, 2, 0x68, 0xce, 0, 4, 0x65, 0x88, 0x84, 0}},
    {PAYLOAD_H264,
     true,
     "STAP-A of AUD, SPS, PPS",
     14,
     {0x78, 0, 2, 0x09, 0x10, 0, 3, 0x67, 0x42, 0xc0, 0, 2, 0x68, 0xce}},
    {PAYLOAD_H264, true, "STAP-A of SEI and IDR", 9, {0x78, 0, 1, 6, 0, 3, 0x65, 0x88, 0x84}},
    {PAYLOAD_H264,
     false,
     "STAP-A of AUD, SEI and a slice",
     14,
     {0x78, 0, 2, 0x09, 0x10, 0, 2, 0x06, 5, 0, 3, 0x41, 0x9a, 2}},
    {PAYLOAD_H264, false, "an access unit delimiter", 2, {0x09, 0x10}},
    {PAYLOAD_H264, false, "a second slice of an IDR", 3, {0x65, 0x48, 0x84}},

    {PAYLOAD_H265, true, "IDR_N_LP", 4, {0x28, 1, 0xaf, 8}},
    {PAYLOAD_H265, true, "CRA", 4, {0x2a, 1, 0xaf, 8}},
    {PAYLOAD_H265, true, "BLA_W_LP", 4, {0x20, 1, 0xaf, 8}},
    {PAYLOAD_H265, true, "BLA_W_RADL", 4, {0x22, 1, 0xaf, 8}},
    {PAYLOAD_H265, true, "BLA_N_LP", 4, {0x24, 1, 0xaf, 8}},
    {PAYLOAD_H265, true, "FU, start of IDR_N_LP", 4, {0x62, 1, 0x94, 0xaf}},
    {PAYLOAD_H265, true, "FU, start of CRA", 4, {0x62, 1, 0x95, 0xaf}},
    {PAYLOAD_H265, true, "FU, start of BLA_N_LP", 4, {0x62, 1, 0x92, 0xaf}},
    {PAYLOAD_H265, false, "FU, end of IDR_N_LP", 4, {0x62, 1, 0x54, 0xaf}},
    {PAYLOAD_H265, false, "FU, start of TRAIL_R", 4, {0x62, 1, 0x81, 0xaf}},
    {PAYLOAD_H265, true, "AP of VPS and SPS", 11, {0x60, 1, 0, 3, 0x40, 1, 12, 0, 2, 0x42, 1}},
    {PAYLOAD_H265,
     true,
     "AP of SEI and IDR_N_LP",
     11,
     {0x60, 1, 0, 2, 0x4e, 1, 0, 3, 0x28, 1, 0xaf}},
    {PAYLOAD_H265,
     true,
     "AP of AUD and CRA",
     12,
     {0x60, 1, 0, 3, 0x46, 1, 0x10, 0, 3, 0x2a, 1, 0xaf}},
    {PAYLOAD_H265,
     false,
     "AP of SEI and TRAIL_R",
     11,
     {0x60, 1, 0, 2, 0x4e, 1, 0, 3, 0x02, 1, 0xd0}},
    {PAYLOAD_H265, false, "RASL_N", 4, {0x10, 1, 0xaf, 8}},

    {PAYLOAD_VP8, true, "no extension", 2, {0x10, 0x30}},
    {PAYLOAD_VP8, true, "I with 7 bits", 4, {0x90, 0x80, 0x11, 0x30}},
    {PAYLOAD_VP8, true, "I with 15 bits", 5, {0x90, 0x80, 0x92, 0x34, 0x30}},
    {PAYLOAD_VP8, true, "I L T K, 15 bits", 7, {0x90, 0xf0, 0x92, 0x34, 0x01, 0x41, 0x30}},
    {PAYLOAD_VP8, true, "T alone", 4, {0x90, 0x20, 0x40, 0x30}},
    {PAYLOAD_VP8, true, "L alone", 4, {0x90, 0x40, 0x07, 0x30}},
    {PAYLOAD_VP8, true, "K alone", 4, {0x90, 0x10, 0x05, 0x30}},
    {PAYLOAD_VP8,
     false,
     "an inter frame, I L T K, 15 bits",
     7,
     {0x90, 0xf0, 0x92, 0x34, 0x01, 0x41, 0x31}},
    {PAYLOAD_VP8, false, "an even octet of the extension", 5, {0x90, 0x80, 0x80, 0x10, 0x31}},
    {PAYLOAD_VP8, false, "goes on", 5, {0x80, 0x80, 0x92, 0x34, 0x30}},
    {PAYLOAD_VP8,
     false,
     "begins a partition that is not the first",
     5,
     {0x91, 0x80, 0x92, 0x34, 0x30}},
    {PAYLOAD_VP8, false, "a descriptor alone", 4, {0x90, 0x80, 0x92, 0x34}},

    {PAYLOAD_VP9, true, "no picture id", 10, {0x08, VP9_KEY}},
    {PAYLOAD_VP9, true, "15 bits of picture id", 12, {0x88, 0x92, 0x34, VP9_KEY}},
    {PAYLOAD_VP9, true, "flexible mode", 11, {0x98, 0x11, VP9_KEY}},
    {PAYLOAD_VP9, true, "flexible mode, layers", 12, {0xb8, 0x11, 0x00, VP9_KEY}},
    {PAYLOAD_VP9, true, "layers, TL0PICIDX", 13, {0xa8, 0x11, 0x00, 0x07, VP9_KEY}},
    {PAYLOAD_VP9,
     true,
     "layers and a structure",
     18,
     {0xaa, 0x11, 0x00, 0x07, 0x10, 0, 176, 0, 144, VP9_KEY}},
    {PAYLOAD_VP9,
     false,
     "an upper spatial layer, predicted from below (D)",
     13,
     {0xa8, 0x11, 0x03, 0x07, VP9_KEY}},
    {PAYLOAD_VP9, false, "an upper spatial layer, flexible mode", 12, {0xb8, 0x11, 0x03, VP9_KEY}},
    {PAYLOAD_VP9, false, "flexible mode, P and one reference", 12, {0xd8, 0x11, 0x02, VP9_KEY}},
    {PAYLOAD_VP9,
     false,
     "an inter frame of a sender that never sets P",
     6,
     {0x88, 0x11, VP9_INTER}},
    {PAYLOAD_VP9, false, "does not begin a frame", 11, {0x80, 0x11, VP9_KEY}},
    {PAYLOAD_VP9, false, "P_DIFFs without end", 6, {0xd8, 0x11, 0x03, 0x03, 0x03, 0x03}},

    {PAYLOAD_AV1, true, "N, temporal delimiter left out", 4, {0x18, 0x08, 0, 0}},
    {PAYLOAD_AV1, true, "N, and a temporal delimiter", 6, {0x28, 2, 0x12, 0, 0x08, 0}},
    {PAYLOAD_AV1,
     true,
     "no N, a temporal delimiter before the sequence header",
     6,
     {0x20, 2, 0x12, 0, 0x08, 0}},
    {PAYLOAD_AV1, true, "the same with a length for each", 8, {0x00, 2, 0x12, 0, 3, 0x0a, 1, 0}},
    {PAYLOAD_AV1, true, "a sequence header that goes on (Y)", 3, {0x50, 0x08, 0}},
    {PAYLOAD_AV1, false, "a temporal delimiter before a frame", 6, {0x20, 2, 0x12, 0, 0x30, 0}},
    {PAYLOAD_AV1, false, "a temporal delimiter alone", 3, {0x10, 0x12, 0}},
    {PAYLOAD_AV1, false, "N in the middle of an OBU (Z)", 4, {0x98, 0x08, 0, 0}},
    {PAYLOAD_AV1, false, "N without an OBU", 1, {0x18}},
};

static void
every_form_of_a_keyframe(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		uint8_t *exact = malloc(rows[i].size);

		memcpy(exact, rows[i].payload, rows[i].size);
		if (payload_starts_keyframe(rows[i].codec, exact, rows[i].size) != rows[i].want)
			fail_msg("%s: %s: wanted %d", payload_name(rows[i].codec), rows[i].why,
				 rows[i].want);
		free(exact);
	}
}

/* Padding alone, a descriptor cut short, whatever: never a keyframe, never a read past the end. */
static void
nothing_is_no_keyframe(void **state)
{
	uint32_t width, height;

	(void)state;
	for (unsigned codec = PAYLOAD_NONE + 1; codec < PAYLOAD_CODECS; codec++) {
		uint8_t *one = malloc(1);

		for (unsigned octet = 0; octet < 256; octet++) {
			one[0] = (uint8_t)octet;
			assert_false(payload_starts_keyframe(codec, one, 1));
			assert_false(payload_starts_keyframe(codec, one + 1, 0));
			assert_true(payload_picture_size(codec, one, 1, &width, &height) < 0);
			assert_true(payload_picture_size(codec, one + 1, 0, &width, &height) < 0);
		}
		free(one);
	}
}

/* The picture's size comes from behind a temporal delimiter, too. */
static void
a_delimiter_hides_no_size(void **state)
{
	uint8_t payload[64] = {0x28, 2, 0x12, 0, 0x08}; /* two elements, the delimiter is one */
	uint32_t width = 0, height = 0;
	size_t size;
	uint8_t *body = support_load("av1/sequence-640x360-yuv444p.hex", &size);

	(void)state;
	memcpy(payload + 5, body, size);
	assert_int_equal(payload_picture_size(PAYLOAD_AV1, payload, 5 + size, &width, &height), 0);
	assert_int_equal(width, 640);
	assert_int_equal(height, 360);
	free(body);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_form_of_a_keyframe),
	    cmocka_unit_test(nothing_is_no_keyframe),
	    cmocka_unit_test(a_delimiter_hides_no_size),
	};

	return cmocka_run_group_tests_name("keyframes", tests, NULL, NULL);
}
