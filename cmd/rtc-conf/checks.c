/* checks.c - settings that do not fit together, or that have no effect here. */
#include "settings.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/text.h"
#include "conf/conf_mount.h"

/* Settings that name less security than there always is: said rather than found out later. */
static const struct {
	const char *name, *fine, *text; /* fine: values that need no words */
} effects[] = {
    {"rtc_server.encrypt", "on", "media is always encrypted"},
    {"vhost.rtc.stun_strict_check", "on", "checks are always strict"},
    {"vhost.rtc.nack_prefer_rtx", "on", "RTX is always used with those who offer it"},
};

/* The listener and the answers are two switches; one without the other does nothing. */
static void
note_tcp(struct settings *s)
{
	const struct setting *enabled = settings_get(s, "rtc_server.tcp.enabled");
	const struct setting *protocol = settings_get(s, "rtc_server.protocol");
	bool wanted = strcmp(protocol->values[0], "udp") != 0;

	if (settings_is_on(s, "rtc_server.tcp.enabled") && !wanted)
		settings_warn(s, enabled->origin,
			      "rtc_server.tcp is enabled, but no client learns of it: "
			      "rtc_server.protocol all (or tcp) names it in answers");
	else if (!settings_is_on(s, "rtc_server.tcp.enabled") && wanted)
		settings_warn(s, protocol->origin,
			      "rtc_server.protocol %s: nothing listens on TCP while "
			      "rtc_server.tcp.enabled is off",
			      protocol->values[0]);
}

/* A certificate and its key come together, or not at all: then a pair is made. */
static void
check_pair(struct settings *s, const char *block)
{
	char cert[DIRECTIVE_NAME_SIZE], key[DIRECTIVE_NAME_SIZE];
	const char *there, *missing;

	snprintf(cert, sizeof(cert), "%s.cert", block);
	snprintf(key, sizeof(key), "%s.key", block);
	if ((settings_text(s, cert)[0] == '\0') == (settings_text(s, key)[0] == '\0'))
		return;
	there = settings_text(s, cert)[0] != '\0' ? cert : key;
	missing = there == cert ? key : cert;
	settings_error(s, settings_get(s, there)->origin, "%s is set, but %s is not", there,
		       missing);
}

static void
check_https(struct settings *s)
{
	bool is_on = settings_is_on(s, "http_api.https.enabled") ||
		     settings_is_on(s, "http_server.https.enabled");

	check_pair(s, "http_api.https");
	check_pair(s, "http_server.https");
	if (settings_is_on(s, "http_server.https.redirect") && !is_on)
		settings_error(s, settings_get(s, "http_server.https.redirect")->origin,
			       "http_server.https.redirect has nowhere to go: "
			       "http_server.https.enabled is off");
}

/* DTLS 1.0 is deprecated (RFC 8996), no browser speaks it, and its hashes are not to be trusted. */
static void
check_dtls(struct settings *s)
{
	const struct setting *t = settings_get(s, "vhost.rtc.dtls_version");

	if (strcmp(t->values[0], "dtls1.0") == 0)
		settings_error(s, t->origin,
			       "vhost.rtc.dtls_version dtls1.0: refused, it is not safe; "
			       "auto and dtls1.2 both mean 1.2");
}

/* Usual files name a folder of the server that they are from. */
static void
check_dir(struct settings *s)
{
	const struct setting *t = settings_get(s, "http_server.dir");
	const char *none = "";
	char origin[ORIGIN_SIZE];
	struct stat st;

	if (t->values[0][0] == '\0' || (stat(t->values[0], &st) == 0 && S_ISDIR(st.st_mode)))
		return;
	settings_warn(s, t->origin, "http_server.dir %s: no such folder, left out", t->values[0]);
	text_copy(origin, sizeof(origin), t->origin);
	settings_set(s, directive_find("http_server.dir"), &none, 1, origin, origin);
}

static void
check_mount(struct settings *s)
{
	const struct setting *t = settings_get(s, "vhost.http_remux.mount");
	const char *fault = conf_mount_fault(t->values[0]);

	if (fault != NULL)
		settings_error(s, t->origin, "vhost.http_remux.mount %s: %s", t->values[0], fault);
}

/* Nobody trusts a certificate of rtmp2rtc's own making, so there is none. */
static void
check_rtmps(struct settings *s)
{
	check_pair(s, "rtmps");
	if (settings_is_on(s, "rtmps.enabled") && settings_text(s, "rtmps.cert")[0] == '\0' &&
	    settings_text(s, "rtmps.key")[0] == '\0')
		settings_error(s, settings_get(s, "rtmps.enabled")->origin,
			       "rtmps.enabled on: rtmps.key and rtmps.cert are missing");
}

/* Tokens of players are for WebRTC; whatever else plays asks for none. */
static void
note_play_token(struct settings *s)
{
	const struct setting *t = settings_get(s, "vhost.play.token_file");

	if (t->values[0][0] != '\0' && settings_is_on(s, "vhost.rtc.rtc_to_rtmp") &&
	    (settings_is_on(s, "vhost.http_remux.enabled") ||
	     settings_is_on(s, "vhost.hls.enabled") || settings_is_on(s, "vhost.rtc.rtmp_to_rtc")))
		settings_warn(s, t->origin,
			      "vhost.play.token_file: those who play by WebRTC need a token, those "
			      "by RTMP, HTTP-FLV or HLS do not");
}

void
settings_check(struct settings *s)
{
	check_dtls(s);
	check_dir(s);
	check_mount(s);
	check_https(s);
	check_rtmps(s);
	fits_check_files(s);
	note_play_token(s);
	note_tcp(s);
	for (size_t i = 0; i < ARRAY_COUNT(effects); i++) {
		const struct setting *t = settings_get(s, effects[i].name);

		if (!settings_is_word(t->values[0], effects[i].fine))
			settings_warn(s, t->origin, "%s %s: %s", effects[i].name, t->values[0],
				      effects[i].text);
	}
}
