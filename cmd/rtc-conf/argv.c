/* argv.c - from settings to the programs and their arguments, by tables. */
#include "show.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "front.h"

/* When a program runs: all of these are on. In the order of their start. */
static const struct {
	const char *name, *needs[3];
} programs[] = {
    {"rtc-relay", {"rtc_server.enabled"}},
    {"rtc-hook", {"vhost.http_hooks.enabled"}},
    {"rtc-whip", {"rtc_server.enabled", "vhost.rtc.enabled"}},
    {"rtc-whep", {"rtc_server.enabled", "vhost.rtc.enabled"}},
    {"rtmp2rtc", {"rtc_server.enabled", "vhost.rtc.enabled", "vhost.rtc.rtmp_to_rtc"}},
    {"rtc2rtmp", {"rtc_server.enabled", "vhost.rtc.rtc_to_rtmp"}},
    {"rtc-signal", {"rtc_signal.enabled"}},
    {"rtc-web", {NULL}},
    {"rtc-gate", {NULL}},
};

enum arg_kind {
	ARG_VALUE,   /* flag value, for each value; nothing for an empty one */
	ARG_CHANGED, /* the same unless the value is the default */
	ARG_IF_ON,   /* the flag alone if the switch is on */
	ARG_IF_OFF,
	ARG_IF_CHANGED, /* the flag alone unless the value is the default */
	ARG_WHEN	/* flag value if the switch `when` is on */
};

struct arg {
	const char *program, *option, *flag;
	enum arg_kind kind;
	const char *when;
};

static const struct arg args[] = {
    {"rtc-server", "daemon", "--daemon", ARG_IF_ON, NULL},
    {"rtc-server", "pid", "--pid", ARG_VALUE, NULL},
    {"rtc-relay", "rtc_server.listen", "--udp", ARG_VALUE, NULL},
    {"rtc-relay", "rtc_server.workers", "--workers", ARG_VALUE, NULL},
    {"rtc-relay", "vhost.rtc.stun_timeout", "--stun-timeout", ARG_VALUE, NULL},
    {"rtc-relay", "vhost.play.gop_cache", "--gop-cache", ARG_CHANGED, NULL},
    {"rtc-relay", "vhost.rtc.nack", "--no-nack", ARG_IF_OFF, NULL},
    {"rtc-relay", "vhost.rtc.twcc", "--no-twcc", ARG_IF_OFF, NULL},
    {"rtc-relay", "rtc_server.ecdsa", "--rsa", ARG_IF_OFF, NULL},
    {"rtc-hook", "vhost.http_hooks.on_publish", "--on-publish", ARG_VALUE, NULL},
    {"rtc-hook", "vhost.http_hooks.on_unpublish", "--on-unpublish", ARG_VALUE, NULL},
    {"rtc-hook", "vhost.http_hooks.on_play", "--on-play", ARG_VALUE, NULL},
    {"rtc-hook", "vhost.http_hooks.on_stop", "--on-stop", ARG_VALUE, NULL},
    {"rtc-hook", "vhost.http_hooks.ca_file", "--ca-file", ARG_VALUE, NULL},
    {"rtmp2rtc", "vhost.http_hooks.enabled", "--hook", ARG_IF_ON, NULL},
    {"rtc-gate", "max_connections", "--max-connections", ARG_VALUE, NULL},
    {"rtc-gate", "max_per_address", "--max-per-address", ARG_CHANGED, NULL},
    {"rtc-gate", "http_server.handshake_timeout", "--handshake-timeout", ARG_CHANGED, NULL},
    {"rtc-gate", "http_server.head_timeout", "--head-timeout", ARG_CHANGED, NULL},
    {"rtc-gate", "http_server.body_timeout", "--body-timeout", ARG_CHANGED, NULL},
    {"rtc-gate", "http_server.answer_timeout", "--answer-timeout", ARG_CHANGED, NULL},
    {"rtc-gate", "http_server.idle_timeout", "--idle-timeout", ARG_CHANGED, NULL},
    {"rtc-gate", "http_server.route", "--route", ARG_VALUE, NULL},
    {"rtc-gate", "http_server.host", "--host", ARG_VALUE, NULL},
    {"rtc-gate", "http_server.trusted_proxy", "--trusted-proxy", ARG_VALUE, NULL},
    {"rtc-gate", "http_server.proxy_protocol", "--proxy-protocol", ARG_VALUE, NULL},
    {"rtc-gate", "http_server.https.redirect", "--redirect", ARG_IF_ON, NULL},
    {"rtc-signal", "rtc_signal.listen", "--listen", ARG_VALUE, NULL},
    {"rtc-signal", "rtc_signal.max_connections", "--max-connections", ARG_CHANGED, NULL},
    {"rtc-signal", "rtc_signal.max_per_address", "--max-per-address", ARG_CHANGED, NULL},
    {"rtc-signal", "rtc_signal.max_rooms", "--max-rooms", ARG_CHANGED, NULL},
    {"rtc-signal", "rtc_signal.max_participants", "--max-participants", ARG_CHANGED, NULL},
    {"rtmp2rtc", "listen", "--listen", ARG_VALUE, NULL},
    {"rtmp2rtc", "rtmps.listen", "--tls", ARG_WHEN, "rtmps.enabled"},
    {"rtmp2rtc", "rtmps.cert", "--cert", ARG_WHEN, "rtmps.enabled"},
    {"rtmp2rtc", "rtmps.key", "--key", ARG_WHEN, "rtmps.enabled"},
    {"rtmp2rtc", "max_connections", "--max-children", ARG_CHANGED, NULL},
    {"rtmp2rtc", "max_per_address", "--max-per-address", ARG_CHANGED, NULL},
    {"rtmp2rtc", "rtmp.rate", "--rate", ARG_CHANGED, NULL},
    {"rtmp2rtc", "vhost.publish.token_file", "--token-file", ARG_VALUE, NULL},
    {"rtmp2rtc", "vhost.rtc.opus_bitrate", "--opus-bitrate", ARG_CHANGED, NULL},
    {"rtmp2rtc", "vhost.rtc.playout_delay", "--playout-delay", ARG_CHANGED, NULL},
    {"rtmp2rtc", "vhost.rtc.bframes", "--bframes", ARG_CHANGED, NULL},
    {"rtmp2rtc", "vhost.rtc.h265_to_h264", "--h265-to-h264", ARG_IF_ON, NULL},
    {"rtmp2rtc", "vhost.rtc.keep_avc_nalu_sei", "--no-sei", ARG_IF_OFF, NULL},
    {"rtc2rtmp", "vhost.http_remux.enabled", "--no-flv", ARG_IF_OFF, NULL},
    {"rtc2rtmp", "vhost.http_remux.mount", "--mount", ARG_CHANGED, NULL},
    {"rtc2rtmp", "vhost.hls.enabled", "--no-hls", ARG_IF_OFF, NULL},
    {"rtc2rtmp", "vhost.hls.hls_fragment", "--hls-fragment", ARG_VALUE, NULL},
    {"rtc2rtmp", "vhost.hls.hls_window", "--hls-window", ARG_VALUE, NULL},
    {"rtc2rtmp", "vhost.hls.hls_use_fmp4", "--hls-format=fmp4", ARG_IF_ON, NULL},
    {"rtc2rtmp", "vhost.hls.hls_path", "--hls-path", ARG_WHEN, "vhost.hls.enabled"},
    {"rtc2rtmp", "vhost.rtc.pli_for_rtmp", "--keyframe", ARG_VALUE, NULL},
    {"rtc2rtmp", "vhost.rtc.aac_bitrate", "--aac-bitrate", ARG_VALUE, NULL},
    {"rtc2rtmp", "vhost.rtc.h264_for_rtmp", "--transcode", ARG_IF_ON, NULL},
    {"rtc-whip", "vhost.publish.token_file", "--token-file", ARG_VALUE, NULL},
    {"rtc-whip", "vhost.play.token_file", "--play-token-file", ARG_VALUE, NULL},
    {"rtc-whep", "vhost.play.token_file", "--token-file", ARG_VALUE, NULL},
    {"rtc-web", "http_api.token_file", "--api-token-file", ARG_VALUE, NULL},
    {"rtc-web", "http_server.dir", "--dir", ARG_CHANGED, NULL},
};

/* Those of rtc-whip and rtc-whep: where clients find the relay, what sessions are. */
static const struct arg endpoint_args[] = {
    {NULL, "rtc_server.candidate", "--candidate", ARG_VALUE, NULL},
    {NULL, "rtc_server.protocol", "--protocol", ARG_VALUE, NULL},
    {NULL, "rtc_server.ip_family", "--ip-family", ARG_CHANGED, NULL},
    {NULL, "rtc_server.use_auto_detect_network_ip", "--no-detect", ARG_IF_OFF, NULL},
    {NULL, "rtc_server.api_as_candidates", "--no-api-candidate", ARG_IF_OFF, NULL},
    {NULL, "rtc_server.resolve_api_domain", "--no-resolve", ARG_IF_OFF, NULL},
    {NULL, "rtc_server.keep_api_domain", "--keep-domain", ARG_IF_ON, NULL},
    {NULL, "rtc_server.ice_server", "--ice-server", ARG_VALUE, NULL},
    {NULL, "rtc_server.ice_server_file", "--ice-server-file", ARG_VALUE, NULL},
    {NULL, "rtc_server.redirect", "--redirect", ARG_VALUE, NULL},
    {NULL, "rtc_server.rate", "--rate", ARG_CHANGED, NULL},
    {NULL, "vhost.http_hooks.enabled", "--hook", ARG_IF_ON, NULL},
    {NULL, "vhost.rtc.nack", "--no-nack", ARG_IF_OFF, NULL},
    {NULL, "vhost.rtc.twcc", "--no-twcc", ARG_IF_OFF, NULL},
    {NULL, "vhost.rtc.keep_bframe", "--keep-bframe", ARG_IF_ON, NULL},
    {NULL, "vhost.rtc.dtls_role", "--dtls-client", ARG_IF_CHANGED, NULL},
    {NULL, "vhost.rtc.stun_timeout", "--stun-timeout", ARG_CHANGED, NULL},
};

static int
find_program(const char *name)
{
	if (strcmp(name, "rtc-server") == 0)
		return 0; /* which runs them */
	for (size_t i = 0; i < ARRAY_COUNT(programs); i++)
		if (strcmp(programs[i].name, name) == 0)
			return (int)i;
	return -1;
}

static bool
is_wanted(const struct settings *s, size_t i)
{
	if (strcmp(programs[i].name, "rtc-gate") == 0)
		return front_is_there(s);
	for (size_t k = 0; k < ARRAY_COUNT(programs[i].needs); k++)
		if (programs[i].needs[k] != NULL && !settings_is_on(s, programs[i].needs[k]))
			return false;
	return true;
}

static void
print_values(const struct setting *t, const char *flag)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->values[i][0] != '\0')
			printf("%s\n%s\n", flag, t->values[i]);
}

static bool
is_changed(const struct settings *s, const char *name)
{
	return strcmp(settings_text(s, name), directives[directive_find(name)].preset) != 0;
}

static void
print_arg(const struct settings *s, const struct arg *a)
{
	bool on = settings_is_on(s, a->option), give = false;

	switch (a->kind) {
	case ARG_VALUE:
		give = true;
		break;
	case ARG_CHANGED:
	case ARG_IF_CHANGED:
		give = is_changed(s, a->option);
		break;
	case ARG_WHEN:
		give = settings_is_on(s, a->when);
		break;
	case ARG_IF_ON:
		give = on;
		break;
	case ARG_IF_OFF:
		give = !on;
		break;
	}
	if (give && (a->kind == ARG_VALUE || a->kind == ARG_CHANGED || a->kind == ARG_WHEN))
		print_values(settings_get(s, a->option), a->flag);
	else if (give)
		printf("%s\n", a->flag);
}

/* Names of the reference: `trace` of the first list is what the second, which is newer, calls info.
 */
static const char *
log_level(const struct settings *s)
{
	static const struct {
		const char *name, *first, *second;
	} rows[] = {
	    {"error", "error", "error"},
	    {"warn", "warn", "warn"},
	    {"info", "trace", "info"},
	    {"debug", "verbose info", "trace debug"},
	};
	const struct setting *v2 = settings_get(s, "srs_log_level_v2");
	bool is_v2 = strcmp(v2->origin, "default") != 0;
	const char *text = is_v2 ? v2->values[0] : settings_text(s, "srs_log_level");

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		if (settings_is_word(text, is_v2 ? rows[i].second : rows[i].first))
			return rows[i].name;
	return "info";
}

static void
print_server(const struct settings *s)
{
	const char *level = log_level(s);

	if (strcmp(settings_text(s, "srs_log_tank"), "file") == 0)
		print_values(settings_get(s, "srs_log_file"), "--log-file");
	if (strcmp(level, "info") != 0)
		printf("--log-level\n%s\n", level);
}

static void
print_relay(const struct settings *s)
{
	if (front_has_tcp(s))
		printf("--tcp-gate\n");
	else if (settings_is_on(s, "rtc_server.tcp.enabled"))
		printf("--tcp\n%s\n", settings_text(s, "rtc_server.tcp.listen"));
}

static void
print_endpoint(const struct settings *s)
{
	for (size_t i = 0; i < ARRAY_COUNT(endpoint_args); i++)
		print_arg(s, &endpoint_args[i]);
	if (front_has_tcp(s))
		printf("--gate-tcp\n");
}

static void
print_gate(const struct settings *s)
{
	if (front_has_tcp(s))
		printf("--ice-tcp\n");
	front_print(s);
}

void
show_programs(const struct settings *s)
{
	for (size_t i = 0; i < ARRAY_COUNT(programs); i++)
		if (is_wanted(s, i))
			printf("%s\n", programs[i].name);
}

/* What no row of a table says. */
static const struct {
	const char *program;
	void (*print)(const struct settings *);
} further[] = {
    {"rtc-server", print_server}, {"rtc-relay", print_relay}, {"rtc-whip", print_endpoint},
    {"rtc-whep", print_endpoint}, {"rtc-gate", print_gate},
};

int
show_argv(const struct settings *s, const char *program)
{
	if (find_program(program) < 0)
		return -ENOENT;
	for (size_t i = 0; i < ARRAY_COUNT(args); i++)
		if (strcmp(args[i].program, program) == 0)
			print_arg(s, &args[i]);
	for (size_t i = 0; i < ARRAY_COUNT(further); i++)
		if (strcmp(further[i].program, program) == 0)
			further[i].print(s);
	return 0;
}

/* Directives that no row names, by the beginning of their names. */
static const struct {
	const char *program, *prefix;
} further_settings[] = {
    {"rtc-server", "srs_log_"},	     {"rtc-relay", "rtc_server.tcp."},
    {"rtc-whip", "rtc_server.tcp."}, {"rtc-whep", "rtc_server.tcp."},
    {"rtc-gate", "http_api."},	     {"rtc-gate", "http_server."},
};

static bool
is_setting_of(const char *program, const char *name)
{
	bool is_endpoint = strcmp(program, "rtc-whip") == 0 || strcmp(program, "rtc-whep") == 0;

	for (size_t i = 0; i < ARRAY_COUNT(args); i++)
		if (strcmp(args[i].program, program) == 0 && strcmp(args[i].option, name) == 0)
			return true;
	for (size_t i = 0; is_endpoint && i < ARRAY_COUNT(endpoint_args); i++)
		if (strcmp(endpoint_args[i].option, name) == 0)
			return true;
	for (size_t i = 0; i < ARRAY_COUNT(further_settings); i++)
		if (strcmp(further_settings[i].program, program) == 0 &&
		    strncmp(further_settings[i].prefix, name, strlen(further_settings[i].prefix)) ==
			0)
			return true;
	return false;
}

int
show_settings(const struct settings *s, const char *program)
{
	if (find_program(program) < 0)
		return -ENOENT;
	for (size_t i = 0; i < directive_count; i++) {
		if (!is_setting_of(program, directives[i].name))
			continue;
		printf("%s", directives[i].name);
		for (size_t k = 0; k < s->of[i].count; k++)
			printf(" %s", s->of[i].values[k]);
		putchar('\n');
	}
	return 0;
}
