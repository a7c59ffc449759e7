/* What a server's answer to connect says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "amf/amf.h"
#include "rtmp/rtmp.h"

enum { HELLO = 1 + 2 * 1536, HEAD = 12 }; /* C0 to C2; a chunk's head of format 0 */

/* Enhanced RTMP: the codecs, as a strict array of strings. */
static void
offers_fourccs(void **state)
{
	static const uint8_t want[] =
	    "\0\nfourCcList\n\0\0\0\7\2\0\4avc1\2\0\4hvc1\2\0\4av01\2\0\4vp09"
	    "\2\0\4mp4a\2\0\4Opus\2\0\4.mp3";
	uint8_t buf[HELLO + HEAD + 128] = {3}, *head = buf + HELLO;
	struct rtmp *r = rtmp_server_new(1, 0);
	struct amf_writer w;
	struct rtmp_event e;
	const uint8_t *out;
	size_t size, found = 0;

	(void)state;
	amf_writer_init(&w, head + HEAD, 128);
	amf_add_string(&w, "connect");
	amf_add_number(&w, 1);
	amf_begin_object(&w);
	amf_add_key(&w, "app");
	amf_add_string(&w, "live");
	amf_end_object(&w);
	head[0] = 3; /* the chunk stream */
	head[6] = (uint8_t)amf_finish(&w);
	head[7] = 20; /* a command in AMF0 */
	assert_int_equal(rtmp_input(r, 0, buf, HELLO + HEAD + head[6]), 0);
	while (rtmp_poll(r, &e) > 0)
		;
	size = rtmp_output(r, &out);
	for (size_t i = 0; i + sizeof(want) - 1 <= size; i++)
		found += memcmp(out + i, want, sizeof(want) - 1) == 0;
	assert_int_equal(found, 1);
	rtmp_free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(offers_fourccs),
	};

	return cmocka_run_group_tests_name("rtmp_connect", tests, NULL, NULL);
}
