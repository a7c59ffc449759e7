/* The parser and the negotiator on what real clients send: one row for each tolerance and refusal.
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
#include "../support/support.h"
#include "base/bytes.h"
#include "sdp/sdp_negotiate.h"

#define AUDIO                                                                                      \
	"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 "                                             \
	"0.0.0.0\r\na=mid:0\r\na=sendonly\r\na=rtcp-mux\r\n"                                       \
	"a=rtpmap:111 opus/48000/2\r\n"
#define VIDEO_LINE "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n"
#define VIDEO_REST                                                                                 \
	"c=IN IP4 0.0.0.0\r\na=mid:1\r\na=sendonly\r\na=rtcp-mux\r\na=rtpmap:96 H264/90000\r\n"    \
	"a=fmtp:96 packetization-mode=1;profile-level-id=42e01f\r\na=rtcp-fb:96 nack\r\n"          \
	"a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n"
#define VIDEO VIDEO_LINE VIDEO_REST
#define VIDEO_H265                                                                                 \
	"m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=sendonly\r\na=rtcp-mux\r\n"                \
	"a=rtpmap:96 h265/90000\r\na=fmtp:96 profile-id=1;level-id=93;tx-mode=SRST\r\n"

/* A letter for what each m-line became: A/V accepted, a/v accepted but inactive, - rejected. */
static void
outcome(const struct sdp_plan *plan, char *out)
{
	for (size_t i = 0; i < plan->track_count; i++) {
		const struct sdp_track *t = &plan->tracks[i];
		char letter = t->kind == SDP_AUDIO ? 'a' : 'v';

		out[i] = !t->accepted			? '-'
			 : t->direction == SDP_INACTIVE ? letter
							: (char)(letter - 32);
	}
	out[plan->track_count] = '\0';
}

#define AUDIO_RED(formats)                                                                         \
	"m=audio 9 UDP/TLS/RTP/SAVPF " formats "\r\na=mid:0\r\na=sendonly\r\na=rtcp-mux\r\n"
#define RED_MAPS "a=rtpmap:63 red/48000/2\r\na=rtpmap:111 opus/48000/2\r\n"

/* Each: the text, the outcome, and "PT NAME RTX" of the last m-line's first codec. */
static const struct {
	const char *why, *text, *outcome, *codec;
} tolerated[] = {
    {"the plain offer", HEAD AUDIO VIDEO, "AV", "96 H264 97"},
    {"fmtp and rtcp-fb before rtpmap",
     HEAD AUDIO VIDEO_LINE
     "a=fmtp:97 apt=96\r\na=rtcp-fb:96 nack\r\na=fmtp:96 packetization-mode=1\r\n"
     "a=rtpmap:97 rtx/90000\r\na=rtpmap:96 H264/90000\r\na=rtcp-mux\r\na=sendonly\r\na=mid:1\r\n",
     "AV", "96 H264 97"},
    {"LF ends lines, the last has none",
     "v=0\na=group:BUNDLE 0\na=fingerprint:sha-256 " PRINT "\na=ice-ufrag:QbvL\n"
     "a=ice-pwd:ZxOs8nEubsZK1dgJItuXn1\nm=audio 9 UDP/TLS/RTP/SAVPF 111\na=mid:0\na=rtcp-mux\n"
     "a=sendonly\na=rtpmap:111 opus/48000/2",
     "A", "111 opus -1"},
    {"no o=, s=, t=; c= without an address",
     "v=0\r\na=group:BUNDLE 0\r\na=fingerprint:sha-256 " PRINT "\r\na=ice-ufrag:QbvL\r\n"
     "a=ice-pwd:ZxOs8nEubsZK1dgJItuXn1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 \r\n"
     "a=mid:0\r\na=rtcp-mux\r\na=sendonly\r\na=rtpmap:111 opus/48000/2\r\n",
     "A", "111 opus -1"},
    {"bundle-only with port 0",
     HEAD AUDIO "m=video 0 UDP/TLS/RTP/SAVPF 96 97\r\na=bundle-only\r\n" VIDEO_REST, "AV",
     "96 H264 97"},
    {"port 0 without bundle-only is the offerer's refusal",
     HEAD AUDIO "m=video 0 UDP/TLS/RTP/SAVPF 96 97\r\n" VIDEO_REST, "A-", "- - -"},
    {"mids are tokens",
     "v=0\r\na=group:BUNDLE audio1\r\na=fingerprint:sha-256 " PRINT
     "\r\na=ice-ufrag:QbvL\r\na=ice-pwd:ZxOs8nEubsZK1dgJItuXn1\r\n"
     "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:audio1\r\na=rtcp-mux\r\na=sendonly\r\n"
     "a=rtpmap:111 OPUS/48000/2\r\n",
     "A", "111 OPUS -1"},
    {"group:LS before BUNDLE",
     "v=0\r\na=group:LS 1 2\r\na=group:BUNDLE 0\r\n"
     "a=fingerprint:sha-256 " PRINT
     "\r\na=ice-ufrag:QbvL\r\na=ice-pwd:ZxOs8nEubsZK1dgJItuXn1\r\n" AUDIO,
     "A", "111 opus -1"},
    {"one section, no bundle, no mid",
     "v=0\r\na=fingerprint:sha-256 " PRINT "\r\na=ice-ufrag:QbvL\r\n"
     "a=ice-pwd:ZxOs8nEubsZK1dgJItuXn1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtcp-mux\r\n"
     "a=sendonly\r\na=rtpmap:111 opus/48000/2\r\n",
     "A", "111 opus -1"},
    {"rtcp-mux-only is mux",
     "v=0\r\na=fingerprint:sha-256 " PRINT "\r\na=ice-ufrag:QbvL\r\n"
     "a=ice-pwd:ZxOs8nEubsZK1dgJItuXn1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtcp-mux-only\r\n"
     "a=sendonly\r\na=rtpmap:111 opus/48000/2\r\n",
     "A", "111 opus -1"},
    {"no direction is sendrecv",
     HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=rtcp-mux\r\n"
	  "a=rtpmap:111 opus/48000/2\r\n",
     "A", "111 opus -1"},
    {"sendrecv of a publisher",
     HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\n"
	  "a=rtpmap:111 opus/48000/2\r\n",
     "A", "111 opus -1"},
    {"transport and mid behind everything else",
     "v=0\r\na=group:BUNDLE 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\n"
     "a=sendonly\r\na=rtcp-mux\r\na=setup:actpass\r\na=fingerprint:sha-256 " PRINT
     "\r\na=ice-pwd:ZxOs8nEubsZK1dgJItuXn1\r\na=ice-ufrag:QbvL\r\na=mid:0\r\n",
     "A", "111 opus -1"},
    {"direction at session level",
     HEAD "a=sendonly\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n"
	  "a=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n",
     "A", "111 opus -1"},
    {"direction at session level, another in a section",
     HEAD "a=recvonly\r\n" AUDIO VIDEO_LINE "a=mid:1\r\na=rtcp-mux\r\na=rtpmap:96 H264/90000\r\n",
     "Av", "96 H264 -1"},
    {"codec names in any case, blanks at the end",
     HEAD AUDIO "m=video 9 UDP/TLS/RTP/SAVPF 96 97 \r\na=mid:1\r\na=sendonly\r\na=rtcp-mux \r\n"
		"a=rtpmap:96 h264/90000 \r\na=rtcp-fb:96 nack \r\na=rtpmap:97 "
		"RTX/90000\r\na=fmtp:97 apt=96 \r\n",
     "AV", "96 h264 97"},
    {"H265 in lower case", HEAD AUDIO VIDEO_H265, "AV", "96 h265 -1"},
    {"static payload types without rtpmap",
     HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 8 0 9\r\na=mid:0\r\n"
	  "a=sendonly\r\na=rtcp-mux\r\n",
     "A", "0 PCMU -1"},
    {"rtx payload types below 64",
     HEAD AUDIO "m=video 9 UDP/TLS/RTP/SAVPF 39 40\r\na=mid:1\r\n"
		"a=sendonly\r\na=rtcp-mux\r\na=rtpmap:39 H264/90000\r\na=rtcp-fb:39 nack\r\n"
		"a=rtpmap:40 rtx/90000\r\na=fmtp:40 apt=39\r\n",
     "AV", "39 H264 40"},
    {"rtx for video red, which is left out",
     HEAD AUDIO "m=video 9 UDP/TLS/RTP/SAVPF 118 119 96\r\na=mid:1\r\na=sendonly\r\na=rtcp-mux\r\n"
		"a=rtpmap:118 red/90000\r\na=rtpmap:119 rtx/90000\r\na=fmtp:119 apt=118\r\n"
		"a=rtpmap:96 VP8/90000\r\n",
     "AV", "96 VP8 -1"},
    {"red audio before opus is wanted more",
     HEAD AUDIO_RED("63 111") "a=fmtp:63 111/111\r\n" RED_MAPS, "A", "63 red -1"},
    {"red audio behind opus is not", HEAD AUDIO_RED("111 63") "a=fmtp:63 111/111\r\n" RED_MAPS, "A",
     "111 opus -1"},
    {"red audio does not say of what", HEAD AUDIO_RED("63 111") RED_MAPS, "A", "111 opus -1"},
    {"red audio of what is not offered", HEAD AUDIO_RED("63 111") "a=fmtp:63 110/110\r\n" RED_MAPS,
     "A", "111 opus -1"},
    {"red audio of two codecs", HEAD AUDIO_RED("63 111") "a=fmtp:63 111/0\r\n" RED_MAPS, "A",
     "111 opus -1"},
    {"red audio of another than opus", HEAD AUDIO_RED("63 111 0") "a=fmtp:63 0/0\r\n" RED_MAPS, "A",
     "111 opus -1"},
    {"rtcp-fb for all payload types",
     HEAD AUDIO VIDEO_LINE
     "a=mid:1\r\na=sendonly\r\na=rtcp-mux\r\n"
     "a=rtcp-fb:* nack\r\na=rtpmap:96 H264/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n",
     "AV", "96 H264 97"},
    {"a data channel is refused, the rest served",
     HEAD AUDIO
     "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\na=sctp-port:5000\r\n",
     "A-", "- - -"},
    {"a section outside the bundle is refused",
     HEAD AUDIO VIDEO_LINE "a=mid:2\r\na=sendonly\r\na=rtcp-mux\r\na=rtpmap:96 H264/90000\r\n",
     "A-", "- - -"},
    {"a second video that does not send is refused alone",
     "v=0\r\na=group:BUNDLE 1 2\r\na=fingerprint:sha-256 " PRINT
     "\r\na=ice-ufrag:QbvL\r\na=ice-pwd:ZxOs8nEubsZK1dgJItuXn1\r\n" VIDEO VIDEO_LINE
     "a=mid:2\r\na=recvonly\r\na=rtcp-mux\r\na=rtpmap:96 H264/90000\r\n",
     "V-", "- - -"},
    {"a section that only receives is inactive",
     HEAD VIDEO "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=recvonly\r\na=rtcp-mux\r\n"
		"a=rtpmap:111 opus/48000/2\r\n",
     "Va", "111 opus -1"},
    {"unknown lines, attributes and malformed optional ones",
     HEAD "b=AS:500\r\na=what:ever\r\nzzz\r\n"
	  "a=extmap:x y\r\n" AUDIO "a=candidate:rubbish\r\na=ssrc:x cname:y\r\na=rtpmap:200 x/1\r\n"
	  "a=setup:holdconn\r\na=ssrc-group:FID 1 2 3 4 5 6\r\na=rid:x sideways\r\n",
     "A", "111 opus -1"},
    {"ice-options in any words, extmap-allow-mixed and extensions at session level",
     HEAD "a=ice-options:ice2,trickle trickle\r\na=extmap-allow-mixed\r\n"
	  "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\n" AUDIO "a=ice-options:trickle\r\n",
     "A", "111 opus -1"},
    {"msid-semantic with and without a blank, ssrc-groups without ssrcs",
     HEAD "a=msid-semantic: WMS\r\na=msid-semantic:WMS *\r\n" AUDIO "a=ssrc-group:FID 5 6\r\n", "A",
     "111 opus -1"},
    {"octets over 0x7f in a name",
     "v=0\r\ns=caf\xc3\xa9\r\na=fingerprint:sha-256 " PRINT
     "\r\na=ice-ufrag:QbvL\r\na=ice-pwd:ZxOs8nEubsZK1dgJItuXn1\r\na=group:BUNDLE 0\r\n" AUDIO,
     "A", "111 opus -1"},
    {"two fingerprints, sha-256 wins",
     "v=0\r\na=group:BUNDLE 0\r\na=fingerprint:sha-1 AB:CD\r\n"
     "a=fingerprint:SHA-256 " PRINT
     "\r\na=ice-ufrag:QbvL\r\na=ice-pwd:ZxOs8nEubsZK1dgJItuXn1\r\n" AUDIO,
     "A", "111 opus -1"},
};

static void
what_clients_send_is_tolerated(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(tolerated); i++) {
		struct sdp_problem problem = {.detail = ""};
		struct sdp *sdp = sdp_parse(tolerated[i].text, strlen(tolerated[i].text), &problem);
		struct sdp_policy policy = {.role = SDP_PUBLISH};
		struct sdp_plan plan;
		char got[SDP_MEDIA_MAX + 1], codec[64] = "- - -";
		const struct sdp_track *last;

		if (sdp == NULL || sdp_negotiate_offer(&plan, sdp, &policy, &problem) < 0)
			fail_msg("%s: %s", tolerated[i].why, problem.detail);
		outcome(&plan, got);
		last = &plan.tracks[plan.track_count - 1];
		for (size_t k = 0; k < plan.track_count; k++) /* a server of WHIP sends nothing */
			assert_int_equal(plan.tracks[k].direction & SDP_SENDONLY, 0);
		if (last->accepted)
			snprintf(codec, sizeof(codec), "%u %s %d", last->codecs[0].pt,
				 last->codecs[0].name, last->codecs[0].rtx_pt);
		if (strcmp(got, tolerated[i].outcome) != 0 ||
		    strcmp(codec, tolerated[i].codec) != 0)
			fail_msg("%s: %s (%s), wanted %s (%s)", tolerated[i].why, got, codec,
				 tolerated[i].outcome, tolerated[i].codec);
		sdp_free(sdp);
	}
}

/* Each: the text, what the problem is, and words that its detail must have. */
static const struct {
	const char *text;
	enum sdp_role role;
	const char *codec;
	enum sdp_problem_code code;
	const char *words;
} refused[] = {
    {"", SDP_PUBLISH, NULL, SDP_MALFORMED, "empty"},
    {"hello", SDP_PUBLISH, NULL, SDP_MALFORMED, "v=0"},
    {"{\"sdp\":1}", SDP_PUBLISH, NULL, SDP_MALFORMED, "v=0"},
    {"v=0\r\n", SDP_PUBLISH, NULL, SDP_MALFORMED, "no m= line"},
    {"v=0\r\ns=a\001b\r\n", SDP_PUBLISH, NULL, SDP_MALFORMED, "control character"},
    {"v=0\r\nm=audio\r\n", SDP_PUBLISH, NULL, SDP_MALFORMED, "media line"},
    {"v=0\r\nm=audio 70000 RTP/AVP 0\r\n", SDP_PUBLISH, NULL, SDP_MALFORMED, "media line"},
    {HEAD AUDIO "a=ice-ufrag:a b\r\n", SDP_PUBLISH, NULL, SDP_MALFORMED, "a=ice-ufrag"},
    {HEAD AUDIO "a=ice-ufrag:abc\r\n", SDP_PUBLISH, NULL, SDP_MALFORMED, "a=ice-ufrag"},
    {HEAD AUDIO "a=ice-pwd:short\r\n", SDP_PUBLISH, NULL, SDP_MALFORMED, "a=ice-pwd"},
    {HEAD AUDIO "a=fingerprint:sha-256 XY\r\n", SDP_PUBLISH, NULL, SDP_MALFORMED, "a=fingerprint"},
    {HEAD AUDIO VIDEO_LINE "a=mid:0\r\n", SDP_PUBLISH, NULL, SDP_MALFORMED, "twice"},
    {HEAD VIDEO_LINE "a=mid:0 1\r\n", SDP_PUBLISH, NULL, SDP_MALFORMED, "token"},
    {"v=0\r\na=ice-ufrag:QbvL\r\na=ice-pwd:ZxOs8nEubsZK1dgJItuXn1\r\na=group:BUNDLE 0\r\n" AUDIO,
     SDP_PUBLISH, NULL, SDP_UNSUPPORTED, "no a=fingerprint line"},
    {"v=0\r\na=fingerprint:sha-1 AB:CD\r\na=ice-ufrag:QbvL\r\na=ice-pwd:ZxOs8nEubsZK1dgJItuXn1\r\n"
     "a=group:BUNDLE 0\r\n" AUDIO,
     SDP_PUBLISH, NULL, SDP_UNSUPPORTED, "use sha-256"},
    {"v=0\r\na=fingerprint:sha-256 " PRINT "\r\na=group:BUNDLE 0\r\n" AUDIO, SDP_PUBLISH, NULL,
     SDP_UNSUPPORTED, "no a=ice-ufrag line"},
    {"v=0\r\na=fingerprint:sha-256 " PRINT "\r\na=ice-ufrag:QbvL\r\na=group:BUNDLE 0\r\n" AUDIO,
     SDP_PUBLISH, NULL, SDP_UNSUPPORTED, "no a=ice-pwd line"},
    {"v=0\r\na=fingerprint:sha-256 " PRINT "\r\na=ice-ufrag:QbvL\r\n"
     "a=ice-pwd:ZxOs8nEubsZK1dgJItuXn1\r\n" AUDIO VIDEO,
     SDP_PUBLISH, NULL, SDP_UNSUPPORTED, "a=group:BUNDLE"},
    {HEAD
     "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=sendonly\r\na=rtpmap:111 opus/48000/2\r\n",
     SDP_PUBLISH, NULL, SDP_UNSUPPORTED, "a=rtcp-mux"},
    {HEAD "a=ice-lite\r\n" AUDIO, SDP_PUBLISH, NULL, SDP_UNSUPPORTED, "ice-lite"},
    {"v=0\r\na=group:BUNDLE 1 2\r\na=fingerprint:sha-256 " PRINT
     "\r\na=ice-ufrag:QbvL\r\na=ice-pwd:ZxOs8nEubsZK1dgJItuXn1\r\n" VIDEO VIDEO_LINE
     "a=mid:2\r\na=sendonly\r\na=rtcp-mux\r\na=rtpmap:96 H264/90000\r\n",
     SDP_PUBLISH, NULL, SDP_UNSUPPORTED, "more than one video"},
    {HEAD AUDIO VIDEO, SDP_PLAY, NULL, SDP_UNSUPPORTED, "a=recvonly"},
    {HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=recvonly\r\na=rtcp-mux\r\n", SDP_PUBLISH,
     NULL, SDP_UNSUPPORTED, "a=sendonly"},
    {HEAD "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:0\r\n", SDP_PUBLISH, NULL,
     SDP_UNSUPPORTED, "no audio or video"},
    {HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 103 3\r\na=mid:0\r\na=sendonly\r\na=rtcp-mux\r\n"
	  "a=rtpmap:103 ISAC/16000\r\n",
     SDP_PUBLISH, NULL, SDP_NO_CODEC, "(ISAC, GSM)"},
    {HEAD VIDEO, SDP_PUBLISH, "vp9", SDP_NO_CODEC, "codec=vp9"},
    {HEAD AUDIO VIDEO, SDP_PUBLISH, "vp9", SDP_NO_CODEC, "codec=vp9"},
    {HEAD VIDEO, SDP_PUBLISH, "hevc", SDP_NO_CODEC, "codec=hevc"},
    {HEAD VIDEO_H265, SDP_PUBLISH, "h264", SDP_NO_CODEC, "codec=h264"},
    {HEAD VIDEO, SDP_PUBLISH, "mp3\r\n", SDP_UNSUPPORTED, "unknown"},
};

static void
refusals_say_what_to_fix(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(refused); i++) {
		struct sdp_problem problem = {.code = SDP_FINE, .detail = ""};
		struct sdp *sdp = sdp_parse(refused[i].text, strlen(refused[i].text), &problem);
		struct sdp_policy policy = {.role = refused[i].role, .codec = refused[i].codec};
		struct sdp_plan plan;

		if (sdp != NULL && sdp_negotiate_offer(&plan, sdp, &policy, &problem) == 0)
			fail_msg("row %zu (%s) was served", i, refused[i].words);
		if (problem.code != refused[i].code ||
		    strstr(problem.detail, refused[i].words) == NULL)
			fail_msg("row %zu: code %d \"%s\", wanted %d \"%s\"", i, problem.code,
				 problem.detail, refused[i].code, refused[i].words);
		sdp_free(sdp);
	}
}

static void
limits_are_kept(void **state)
{
	struct sdp_problem problem;
	char *text = malloc(SDP_SIZE_MAX + 1), *at = text;
	struct sdp *sdp;

	(void)state;
	memset(text, 'a', SDP_SIZE_MAX + 1);
	assert_null(sdp_parse(text, SDP_SIZE_MAX + 1, &problem));
	assert_int_equal(problem.code, SDP_TOO_LARGE);
	at += sprintf(at, "v=0\r\n");
	for (int i = 0; i <= SDP_MEDIA_MAX; i++)
		at += sprintf(at, "m=audio 9 RTP/SAVPF 0\r\n");
	assert_null(sdp_parse(text, (size_t)(at - text), &problem));
	assert_int_equal(problem.code, SDP_TOO_LARGE);
	at = text + sprintf(text, "v=0\r\nm=video 9 RTP/SAVPF");
	for (int pt = 0; pt < 128; pt++)
		at += sprintf(at, " %d", pt);
	at += sprintf(at, "\r\n");
	for (int i = 1; i <= 300; i++)
		at += sprintf(at,
			      "a=candidate:1 1 udp 1 192.0.2.1 %d typ host\r\na=ssrc:%d cname:a\r\n"
			      "a=extmap:%d urn:x\r\na=rid:%d send\r\na=ssrc-group:FID %d 9\r\n",
			      i, i, i, i, i);
	sdp = sdp_parse(text, (size_t)(at - text), &problem);
	assert_non_null(sdp);
	assert_int_equal(sdp->media[0].codec_count, SDP_CODECS_MAX);
	assert_int_equal(sdp->media[0].candidate_count, SDP_CANDIDATES_MAX);
	assert_int_equal(sdp->media[0].ssrc_count, SDP_SSRCS_MAX);
	assert_int_equal(sdp->media[0].ext_count, SDP_EXTS_MAX);
	assert_int_equal(sdp->media[0].rid_count, SDP_RIDS_MAX);
	assert_int_equal(sdp->media[0].ssrc_group_count, SDP_SSRC_GROUPS_MAX);
	assert_true(sdp->ignored > 1000);
	sdp_free(sdp);
	free(text);
}

static struct sdp_media *
section_of(const char *lines, struct sdp **sdp)
{
	char text[2048];
	int n = snprintf(text, sizeof(text), "%sm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n%s",
			 HEAD, lines);

	*sdp = sdp_parse(text, (size_t)n, NULL);
	assert_non_null(*sdp);
	return &(*sdp)->media[0];
}

static void
candidates_come_in_all_forms(void **state)
{
	struct sdp *sdp;
	struct sdp_media *m = section_of(
	    "a=candidate:0 2 UDP 2122252542 56c.local 56215 typ host\r\n"
	    "a=candidate:1 1 TCP 2105524479 10.0.0.1 9 typ host tcptype active\r\n"
	    "a=candidate:2 1 tcp 1010827519 fe80::1%eth0 60349 typ host tcptype passive generation "
	    "0\r\n"
	    "a=candidate:67b6 1 udp 2116026367 10.77.0.1 57471 typ srflx raddr 1.2.3.4 rport 5 "
	    "ufrag ea3a\r\n"
	    "a=candidate:3 1 sctp 1 10.0.0.1 1 typ host\r\na=candidate:3 1 udp 1 10.0.0.1 1\r\n"
	    "a=candidate:3 1 udp 1 10.0.0.1\"x 1 typ host\r\na=candidate:3 1 udp 1 10.0.0.1 70000 "
	    "typ host\r\n"
	    "a=end-of-candidates\r\n",
	    &sdp);

	(void)state;
	assert_int_equal(m->candidate_count, 4);
	assert_int_equal(m->candidates[0].component, 2);
	assert_string_equal(m->candidates[0].address, "56c.local");
	assert_int_equal(m->candidates[1].proto, SDP_TCP);
	assert_int_equal(m->candidates[1].tcp_type, SDP_TCP_ACTIVE);
	assert_int_equal(m->candidates[2].tcp_type, SDP_TCP_PASSIVE);
	assert_int_equal(m->candidates[3].type, SDP_SRFLX);
	assert_int_equal(m->candidates[3].priority, 2116026367);
	assert_true(m->end_of_candidates);
	assert_int_equal(sdp->ignored, 4);
	sdp_free(sdp);
}

static void
extensions_rids_and_groups(void **state)
{
	struct sdp *sdp;
	struct sdp_media *m = section_of(
	    "a=extmap:6/recvonly urn:a\r\na=extmap:200 urn:b attr\r\na=extmap:15 urn:c\r\n"
	    "a=extmap:6 urn:d\r\na=extmap-allow-mixed\r\na=rid:0 send pt=96;max-width=1280\r\n"
	    "a=rid:1 send\r\na=simulcast:recv x send 0;~1,2\r\na=ssrc-group:FID 1 2\r\n"
	    "a=ssrc-group:SIM 1 3 5\r\na=ssrc:1 msid:s t\r\na=ssrc:1 cname:c d\r\n",
	    &sdp);

	(void)state;
	assert_int_equal(m->ext_count, 2);
	assert_int_equal(m->exts[0].direction, SDP_RECVONLY);
	assert_int_equal(m->exts[1].id, 200);
	assert_string_equal(m->exts[1].uri, "urn:b");
	assert_true(m->extmap_allow_mixed);
	assert_int_equal(m->rid_count, 2);
	assert_string_equal(m->simulcast_send, "0;~1,2");
	assert_string_equal(m->simulcast_recv, "x");
	assert_int_equal(m->ssrc_groups[1].semantics, SDP_SIM);
	assert_int_equal(m->ssrc_groups[1].ssrc_count, 3);
	assert_int_equal(m->ssrc_count, 1);
	assert_string_equal(m->ssrcs[0].cname, "c d");
	assert_string_equal(m->ssrcs[0].msid, "s t");
	sdp_free(sdp);
}

static struct sdp_codec
codec(const char *name, const char *fmtp)
{
	struct sdp_codec c;

	sdp_codec_init(&c);
	c.name = name;
	c.fmtp = fmtp;
	c.clock_rate = 90000;
	return c;
}

static void
profiles_match_not_strings(void **state)
{
	static const struct {
		const char *name, *a, *b;
		bool same;
	} pairs[] = {
	    {"H264", "packetization-mode=1;profile-level-id=42e01f",
	     "profile-level-id=42c01e; packetization-mode=1", true},
	    {"H264", "packetization-mode=1;profile-level-id=42e01f",
	     "packetization-mode=1;profile-level-id=42401e", true},
	    {"H264", "packetization-mode=1;profile-level-id=42e01f",
	     "packetization-mode=1;profile-level-id=42001f", true},
	    {"H264", "packetization-mode=1;profile-level-id=42E01F", "packetization-mode=1", true},
	    {"H264", "packetization-mode=1;profile-level-id=64001f",
	     "packetization-mode=1;profile-level-id=640032", true},
	    {"H264", "packetization-mode=1", "packetization-mode=0", false},
	    {"H264", "packetization-mode=0", "", true},
	    {"H264", "profile-level-id=42e01f", "profile-level-id=4d001f", false},
	    {"H264", "profile-level-id=64001f", "profile-level-id=4d001f", false},
	    {"H264", "profile-level-id=64001f", "profile-level-id=640c1f", false},
	    {"H264", "profile-level-id=4d801f", "profile-level-id=42e01f", true},
	    {"VP9", "profile-id=0", "", true},
	    {"VP9", "profile-id=2", "", false},
	    {"AV1", "level-idx=5;profile=0;tier=0", "", true},
	    {"AV1", "profile=1", "", false},
	    {"VP8", "max-fs=12288;max-fr=60", "", true},
	    {"H265", "level-id=93;profile-id=1;tier-flag=0;tx-mode=SRST",
	     "profile-id=1; level-id=186", true},
	    {"H265", "profile-id=1", "", true},
	    {"H265", "Profile-ID=2;level-id=93", "level-id=120;profile-id=2", true},
	    {"H265", "profile-id=2;level-id=93", "profile-id=1;level-id=93", false},
	    {"H265", "profile-id=2", "level-id=93", false},
	    {"H265", "profile-id=1", "profile-id=10", false},
	};
	static const char *const cases[][2] = {
	    {"H264", "h264"}, {"H265", "h265"}, {"AV1", "av1"}, {"VP9", "vp9"}, {"VP8", "Vp8"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(pairs); i++) {
		struct sdp_codec a = codec(pairs[i].name, pairs[i].a),
				 b = codec(pairs[i].name, pairs[i].b);

		if (sdp_codec_matches(&a, &b) != pairs[i].same ||
		    sdp_codec_matches(&b, &a) != pairs[i].same)
			fail_msg("%s: \"%s\" and \"%s\"", pairs[i].name, pairs[i].a, pairs[i].b);
	}
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct sdp_codec a = codec(cases[i][0], ""), b = codec(cases[i][1], ""),
				 c = codec(cases[i][1],
					   "packetization-mode=1;profile-id=3;profile=2");

		assert_true(sdp_codec_matches(&a, &b));
		/* The parameters count by any spelling of the name; VP8 has none. */
		assert_int_equal(sdp_codec_matches(&a, &c), strcmp(cases[i][0], "VP8") == 0);
		assert_int_equal(sdp_codec_matches(&c, &a), strcmp(cases[i][0], "VP8") == 0);
	}
}

static void
parameters_are_found(void **state)
{
	char out[8] = "old";

	(void)state;
	assert_true(sdp_fmtp_get("a=1; Bc=22 ;d=3", "bc", out, sizeof(out)));
	assert_string_equal(out, "22");
	assert_true(sdp_fmtp_get("x=123456789", "x", out, sizeof(out)));
	assert_string_equal(out, "1234567");
	assert_false(sdp_fmtp_get("111/111", "apt", out, sizeof(out)));
	assert_false(sdp_fmtp_get("stereo", "stereo", out, sizeof(out)));
	assert_false(sdp_fmtp_get("sprop-stereo=1", "stereo", out, sizeof(out)));
	assert_string_equal(out, "1234567");
}

static void
policies_leave_out(void **state)
{
	struct sdp_policy policy = {
	    .role = SDP_PUBLISH, .no_nack = true, .no_twcc = true, .prefer_client = true};
	char *text = support_text("sdp/chromium-whip-offer.sdp");
	struct sdp *sdp = sdp_parse(text, strlen(text), NULL);
	struct sdp_plan plan;

	(void)state;
	assert_non_null(sdp);
	assert_int_equal(sdp_negotiate_offer(&plan, sdp, &policy, NULL), 0);
	assert_true(plan.dtls_client);
	assert_int_equal(plan.tracks[0].codecs[0].rtx_pt, -1);
	assert_int_equal(plan.tracks[0].codecs[0].fb,
			 SDP_FB_NACK_PLI | SDP_FB_CCM_FIR | SDP_FB_GOOG_REMB);
	assert_int_equal(sdp_track_ext_id(&plan.tracks[0], SDP_EXT_TRANSPORT_CC), 0);
	sdp_free(sdp);
	free(text);
}

static void
truncated(void *arg, const uint8_t *buf, size_t size)
{
	struct sdp_problem problem = {.code = SDP_FINE};
	struct sdp *sdp = sdp_parse((const char *)buf, size, &problem);
	struct sdp_policy policy = {.role = SDP_PUBLISH, .allow_bare = true};
	struct sdp_plan plan;

	(void)arg;
	assert_true(sdp != NULL || problem.detail[0] != '\0');
	if (sdp != NULL)
		(void)sdp_negotiate_offer(&plan, sdp, &policy, &problem);
	sdp_free(sdp);
}

static void
every_truncation_is_survived(void **state)
{
	static const char *const files[] = {
	    "sdp/firefox-simulcast-whip-offer.sdp",
	    "sdp/obs-like-simulcast-whip-offer.sdp",
	    "sdp/gst-whip-offer.sdp",
	    "sdp/ffmpeg81-whip-offer.sdp",
	    "sdp/pion-whip-offer.sdp",
	    "sdp/recipe-whip-offer.sdp",
	    "sdp/chromium-whip-offer.sdp",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(files); i++) {
		size_t size;
		uint8_t *buf = support_load(files[i], &size);

		support_truncations(buf, size, truncated, NULL);
		free(buf);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_clients_send_is_tolerated),
	    cmocka_unit_test(refusals_say_what_to_fix),
	    cmocka_unit_test(limits_are_kept),
	    cmocka_unit_test(candidates_come_in_all_forms),
	    cmocka_unit_test(extensions_rids_and_groups),
	    cmocka_unit_test(profiles_match_not_strings),
	    cmocka_unit_test(parameters_are_found),
	    cmocka_unit_test(policies_leave_out),
	    cmocka_unit_test(every_truncation_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
