/*
 * What rtc-whip and rtc-whep take of an offer, however large its parts are, the relay takes of
 * them: the limits of lib/sdp and of the control messages fit each other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../support/offer.h"
#include "base/bytes.h"
#include "ipc/ipc.h"
#include "track/track.h"
#include "whip/whip_params.h"
#include "whip/whip_relay.h"

#define VIDEO "m=video 9 UDP/TLS/RTP/SAVPF"
#define REST  "\r\na=mid:1\r\na=rtcp-mux\r\n"

static char text[SDP_SIZE_MAX + 1];
static size_t used;

static void put(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void
put(const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(text + used, sizeof(text) - used, format, ap);
	va_end(ap);
	assert_in_range(n, 0, sizeof(text) - used - 1);
	used += (size_t)n;
}

static void
begin(void)
{
	used = 0;
	put("%s", HEAD);
}

/* Does the relay take what the offer in text becomes? The count of tracks; 0 with the reason in
 * why. *codecs: of the first. */
static size_t
relay_takes(enum sdp_role role, char *why, size_t cap, size_t *codecs)
{
	struct whip_params params = {.role = role, .stream = "live/a"};
	struct whip_session session = {.params = &params};
	struct sdp_policy policy = {.role = role};
	struct sdp_problem problem = {.detail = ""};
	struct sdp *offer = sdp_parse(text, strlen(text), &problem);
	struct sdp_plan plan;
	struct tracks tracks = {0};
	json_t *msg;
	char *dump;
	size_t count;

	if (offer == NULL || sdp_negotiate_offer(&plan, offer, &policy, &problem) < 0)
		fail_msg("not negotiated: %s", problem.detail);
	msg = whip_relay_create(&plan, &session);
	dump = json_dumps(msg, JSON_COMPACT);
	assert_in_range(strlen(dump), 1, IPC_MESSAGE_MAX);
	snprintf(why, cap, "%s", "");
	tracks_parse(&tracks, json_object_get(msg, "tracks"), why, cap);
	count = tracks.count;
	*codecs = count > 0 ? tracks.list[0].codec_count : 0;
	tracks_free(&tracks);
	free(dump);
	json_decref(msg);
	sdp_free(offer);
	return count;
}

/* As many codecs as an m-line can name, and parameters of so many characters for each. */
static void
put_codecs(unsigned count, int fmtp_size)
{
	put("%s", VIDEO);
	for (unsigned pt = 0; pt < count; pt++)
		put(" %u", pt);
	put("%s", REST);
	for (unsigned pt = 0; pt < count; pt++)
		put("a=rtpmap:%u H264/90000\r\na=fmtp:%u %0*d\r\n", pt, pt, fmtp_size, 1);
}

static void
many_codecs(void **state)
{
	char why[128];
	size_t codecs;

	(void)state;
	begin();
	put_codecs(SDP_CODECS_MAX, 100);
	if (relay_takes(SDP_PLAY, why, sizeof(why), &codecs) != 1)
		fail_msg("%s", why);
	assert_int_equal(codecs, CODECS_MAX);
}

/* Parameter sets of several resolutions may stand in fmtp; what is over the limit is no codec. */
static void
long_parameters(void **state)
{
	char why[128];
	size_t codecs;

	(void)state;
	begin();
	put_codecs(2, CODEC_FMTP_MAX);
	if (relay_takes(SDP_PUBLISH, why, sizeof(why), &codecs) != 1)
		fail_msg("%s", why);
	assert_int_equal(codecs, 2);
	put("a=sendonly\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 112\r\na=mid:0\r\na=rtcp-mux\r\n"
	    "a=rtpmap:111 opus/48000/2\r\na=rtpmap:112 opus/48000/2\r\na=fmtp:112 %0*d\r\n",
	    CODEC_FMTP_MAX + 1, 1);
	if (relay_takes(SDP_PUBLISH, why, sizeof(why), &codecs) != 2)
		fail_msg("%s", why);
	assert_int_equal(codecs, 2);
}

static void
odd_channels(void **state)
{
	char why[128];
	size_t codecs;

	(void)state;
	begin();
	put("m=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\na=mid:0\r\na=rtcp-mux\r\na=recvonly\r\n"
	    "a=rtpmap:111 opus/48000/255\r\na=rtpmap:0 PCMU/8000\r\n");
	if (relay_takes(SDP_PLAY, why, sizeof(why), &codecs) != 1)
		fail_msg("%s", why);
	assert_int_equal(codecs, 1);
}

/* Layers: too many, long names, one name twice. */
static void
odd_layers(void **state)
{
	static const char longest[] = "0123456789abcdef";
	char why[128];
	size_t codecs;

	(void)state;
	begin();
	put("%s 96%sa=rtpmap:96 VP8/90000\r\na=sendonly\r\n", VIDEO, REST);
	for (int i = 0; i < 8; i++)
		put("a=rid:%d send\r\n", i);
	put("a=rid:%s send\r\na=rid:%sx send\r\n"
	    "a=simulcast:send %sx;%s;0;0;1;2;3;4;5;6;7\r\n",
	    longest, longest, longest, longest);
	if (relay_takes(SDP_PUBLISH, why, sizeof(why), &codecs) != 1)
		fail_msg("%s", why);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(many_codecs),
	    cmocka_unit_test(long_parameters),
	    cmocka_unit_test(odd_channels),
	    cmocka_unit_test(odd_layers),
	};

	return cmocka_run_group_tests_name("whip_limits", tests, NULL, NULL);
}
