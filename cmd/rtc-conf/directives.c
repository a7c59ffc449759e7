/* directives.c - the tables: what is known, and what is known to have no effect here. */
#include "settings.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"

/* clang-format off: one line a macro, or the table below cannot be read */
#define SWITCH(n, p)                                                                               \
	{                                                                                          \
		.name = n, .preset = p, .type = DIRECTIVE_SWITCH                                   \
	}
#define LISTEN(n, p)                                                                               \
	{                                                                                          \
		.name = n, .preset = p, .type = DIRECTIVE_LISTEN                                   \
	}
#define NUMBER(n, p, lo, hi)                                                                       \
	{                                                                                          \
		.name = n, .preset = p, .type = DIRECTIVE_NUMBER, .min = lo, .max = hi             \
	}
#define SECONDS(n, p, lo, hi)                                                                      \
	{                                                                                          \
		.name = n, .preset = p, .type = DIRECTIVE_SECONDS, .min = lo, .max = hi            \
	}
#define CHOICE(n, p, w)                                                                            \
	{                                                                                          \
		.name = n, .preset = p, .type = DIRECTIVE_CHOICE, .words = w                       \
	}
#define TEXT(n)                                                                                    \
	{                                                                                          \
		.name = n, .preset = "", .type = DIRECTIVE_TEXT                                    \
	}
#define TEXTS(n)                                                                                   \
	{                                                                                          \
		.name = n, .preset = "", .type = DIRECTIVE_TEXT, .many = true                      \
	}
#define URLS(n)                                                                                    \
	{                                                                                          \
		.name = n, .preset = "", .type = DIRECTIVE_TEXT, .many = true                      \
	}
#define CHECKED(n, f, w)                                                                           \
	{                                                                                          \
		.name = n, .preset = "", .type = DIRECTIVE_CHECKED, .many = true, .fits = f,       \
		.words = w                                                                         \
	}
/* clang-format on */

const struct directive directives[] = {
    {.name = "listen",
     .preset = "1935",
     .type = DIRECTIVE_LISTEN,
     .alias = "rtmp.listen",
     .env = "SRS_RTMP_LISTEN"},
    NUMBER("max_connections", "1000", 1, 1000000),
    NUMBER("max_per_address", "0", 0, 100000),
    SWITCH("daemon", "off"),
    TEXT("pid"),
    CHOICE("srs_log_tank", "console", "console file"),
    {.name = "srs_log_file", .preset = "./objs/srs.log", .type = DIRECTIVE_TEXT},
    CHOICE("srs_log_level", "trace", "verbose info trace warn error"),
    CHOICE("srs_log_level_v2", "info", "trace debug info warn error"),
    SWITCH("http_api.enabled", "on"),
    LISTEN("http_api.listen", "1985"),
    SWITCH("http_api.https.enabled", "off"),
    LISTEN("http_api.https.listen", "1990"),
    TEXT("http_api.https.key"),
    TEXT("http_api.https.cert"),
    TEXT("http_api.token_file"),
    SWITCH("http_server.enabled", "on"),
    LISTEN("http_server.listen", "8080"),
    TEXT("http_server.dir"),
    SWITCH("http_server.https.enabled", "off"),
    LISTEN("http_server.https.listen", "8088"),
    TEXT("http_server.https.key"),
    TEXT("http_server.https.cert"),
    SWITCH("http_server.https.redirect", "off"),
    TEXTS("http_server.host"),
    TEXTS("http_server.trusted_proxy"),
    TEXTS("http_server.proxy_protocol"),
    CHECKED("http_server.route", fits_route,
	    "/PREFIX=UPSTREAM (a port, ADDRESS:PORT, /PATH or NAME.sock)"),
    SECONDS("http_server.handshake_timeout", "10", 0.1, 3600),
    SECONDS("http_server.head_timeout", "10", 0.1, 3600),
    SECONDS("http_server.body_timeout", "30", 0.1, 3600),
    SECONDS("http_server.answer_timeout", "30", 0.1, 3600),
    SECONDS("http_server.idle_timeout", "60", 0.1, 3600),
    NUMBER("rtmp.rate", "10", 1, 10000),
    SWITCH("rtmps.enabled", "off"),
    LISTEN("rtmps.listen", "1443"),
    TEXT("rtmps.key"),
    TEXT("rtmps.cert"),
    SWITCH("rtc_server.enabled", "off"),
    LISTEN("rtc_server.listen", "8000"),
    NUMBER("rtc_server.workers", "1", 1, 16),
    SWITCH("rtc_server.tcp.enabled", "off"),
    LISTEN("rtc_server.tcp.listen", "8000"),
    CHOICE("rtc_server.protocol", "udp", "udp tcp all"),
    {.name = "rtc_server.candidate",
     .preset = "*",
     .type = DIRECTIVE_TEXT,
     .env = "CANDIDATE",
     .many = true},
    SWITCH("rtc_server.use_auto_detect_network_ip", "on"),
    CHOICE("rtc_server.ip_family", "ipv4", "ipv4 ipv6 all"),
    SWITCH("rtc_server.api_as_candidates", "on"),
    SWITCH("rtc_server.resolve_api_domain", "on"),
    SWITCH("rtc_server.keep_api_domain", "off"),
    SWITCH("rtc_server.ecdsa", "on"),
    SWITCH("rtc_server.encrypt", "on"),
    CHECKED("rtc_server.ice_server", fits_ice_server,
	    "stun:HOST[:PORT] (TURN, which has a password, is for ice_server_file)"),
    TEXT("rtc_server.ice_server_file"),
    CHECKED("rtc_server.redirect", fits_redirect, "self or http[s]://HOST[:PORT][/PATH]"),
    NUMBER("rtc_server.rate", "0", 0, 10000),
    SWITCH("rtc_signal.enabled", "off"),
    LISTEN("rtc_signal.listen", "1989"),
    NUMBER("rtc_signal.max_connections", "2000", 1, 100000),
    NUMBER("rtc_signal.max_per_address", "100", 1, 100000),
    NUMBER("rtc_signal.max_rooms", "1000", 1, 100000),
    NUMBER("rtc_signal.max_participants", "32", 1, 100),
    SWITCH("vhost.rtc.enabled", "off"),
    SWITCH("vhost.rtc.nack", "on"),
    SWITCH("vhost.rtc.nack_prefer_rtx", "on"),
    SWITCH("vhost.rtc.twcc", "on"),
    NUMBER("vhost.rtc.stun_timeout", "30", 1, 3600),
    SWITCH("vhost.rtc.stun_strict_check", "on"),
    CHOICE("vhost.rtc.dtls_role", "passive", "passive active"),
    CHOICE("vhost.rtc.dtls_version", "auto", "auto dtls1.0 dtls1.2"),
    SWITCH("vhost.rtc.rtmp_to_rtc", "off"),
    SWITCH("vhost.rtc.keep_bframe", "off"),
    CHOICE("vhost.rtc.bframes", "drop", "drop transcode keep"),
    SWITCH("vhost.rtc.h265_to_h264", "off"),
    SWITCH("vhost.rtc.keep_avc_nalu_sei", "on"),
    NUMBER("vhost.rtc.opus_bitrate", "48000", 8000, 320000),
    NUMBER("vhost.rtc.playout_delay", "140", 0, 10000),
    SWITCH("vhost.rtc.rtc_to_rtmp", "off"),
    SECONDS("vhost.rtc.pli_for_rtmp", "6.0", 0.5, 30),
    NUMBER("vhost.rtc.aac_bitrate", "48000", 8000, 320000),
    SWITCH("vhost.rtc.h264_for_rtmp", "off"),
    TEXT("vhost.publish.token_file"),
    TEXT("vhost.play.token_file"),
    {.name = "vhost.play.gop_cache",
     .preset = "auto",
     .type = DIRECTIVE_CHOICE,
     .words = "auto on off",
     .alias = "vhost.gop_cache"},
    SWITCH("vhost.http_remux.enabled", "off"),
    {.name = "vhost.http_remux.mount",
     .preset = "[vhost]/[app]/[stream].flv",
     .type = DIRECTIVE_TEXT},
    SWITCH("vhost.hls.enabled", "off"),
    SECONDS("vhost.hls.hls_fragment", "2.0", 0.5, 60),
    SECONDS("vhost.hls.hls_window", "20.0", 1, 3600),
    SWITCH("vhost.hls.hls_use_fmp4", "off"),
    {.name = "vhost.hls.hls_path", .preset = "", .type = DIRECTIVE_TEXT},
    SWITCH("vhost.http_hooks.enabled", "off"),
    URLS("vhost.http_hooks.on_publish"),
    URLS("vhost.http_hooks.on_unpublish"),
    URLS("vhost.http_hooks.on_play"),
    URLS("vhost.http_hooks.on_stop"),
    TEXT("vhost.http_hooks.ca_file"),
};
const size_t directive_count = ARRAY_COUNT(directives);

_Static_assert(ARRAY_COUNT(directives) <= SETTINGS_MAX, "a setting for each option");

/* Directives of the usual files (whole blocks where a block is named) that nothing here reads. */
static const char *const ignored[] = {
    "asprocess",
    "auto_reload_for_docker",
    "chunk_size",
    "circuit_breaker",
    "disable_daemon_for_docker",
    "empty_ip_ok",
    "exporter",
    "ff_log_dir",
    "ff_log_level",
    "first_wait_for_qlv",
    "force_grace_quit",
    "grace_final_wait",
    "grace_start_wait",
    "heartbeat",
    "http_api.auth",
    "http_api.crossdomain",
    "http_api.raw_api",
    "http_server.crossdomain",
    "in_ack_size",
    "inotify_auto_reload",
    "out_ack_size",
    "query_latest_version",
    "rtc_server.black_hole",
    "rtc_server.merge_nalus",
    "rtc_server.perf_stat",
    "rtc_server.reuseport",
    "rtmp.chunk_size",
    "rtmp.in_ack_size",
    "rtmp.out_ack_size",
    "rtsp_server",
    "server_id",
    "srs_log_flush_interval",
    "srt_server",
    "stats",
    "stream_caster",
    "tcmalloc_release_rate",
    "tencentcloud_apm",
    "tencentcloud_cls",
    "threads",
    "utc_time",
    "vhost.bandcheck",
    "vhost.chunk_size",
    "vhost.cluster",
    "vhost.dash",
    "vhost.dvr",
    "vhost.enabled",
    "vhost.exec",
    "vhost.forward",
    "vhost.hds",
    "vhost.hls.hls_acodec",
    "vhost.hls.hls_aof_ratio",
    "vhost.hls.hls_cleanup",
    "vhost.hls.hls_ctx",
    "vhost.hls.hls_dispose",
    "vhost.hls.hls_dts_directly",
    "vhost.hls.hls_entry_prefix",
    "vhost.hls.hls_m3u8_file",
    "vhost.hls.hls_nb_notify",
    "vhost.hls.hls_on_error",
    "vhost.hls.hls_td_ratio",
    "vhost.hls.hls_ts_ctx",
    "vhost.hls.hls_ts_file",
    "vhost.hls.hls_ts_floor",
    "vhost.hls.hls_vcodec",
    "vhost.hls.hls_wait_keyframe",
    "vhost.http_hooks.on_close",
    "vhost.http_hooks.on_connect",
    "vhost.http_hooks.on_dvr",
    "vhost.http_hooks.on_forward_backend",
    "vhost.http_hooks.on_hls",
    "vhost.http_hooks.on_hls_notify",
    "vhost.http_remux.drop_if_not_match",
    "vhost.http_remux.fast_cache",
    "vhost.http_remux.guess_has_av",
    "vhost.http_remux.has_audio",
    "vhost.http_remux.has_video",
    "vhost.http_static",
    "vhost.in_ack_size",
    "vhost.ingest",
    "vhost.min_latency",
    "vhost.out_ack_size",
    "vhost.play.atc",
    "vhost.play.atc_auto",
    "vhost.play.gop_cache_max_frames",
    "vhost.play.mix_correct",
    "vhost.play.mw_latency",
    "vhost.play.mw_msgs",
    "vhost.play.queue_length",
    "vhost.play.reduce_sequence_header",
    "vhost.play.send_min_interval",
    "vhost.play.time_jitter",
    "vhost.publish.firstpkt_timeout",
    "vhost.publish.kickoff_for_idle",
    "vhost.publish.mr",
    "vhost.publish.mr_latency",
    "vhost.publish.normal_timeout",
    "vhost.publish.parse_sps",
    "vhost.publish.try_annexb_first",
    "vhost.refer",
    "vhost.rtc.bframe",
    "vhost.rtc.aac",
    "vhost.rtc.drop_for_pt",
    "vhost.rtc.nack_no_copy",
    "vhost.rtc.init_rate_from_sdp",
    "vhost.rtsp",
    "vhost.security",
    "vhost.srt",
    "vhost.tcp_nodelay",
    "vhost.transcode",
    "work_dir",
};

int
directive_find(const char *name)
{
	for (size_t i = 0; i < directive_count; i++)
		if (strcmp(directives[i].name, name) == 0 ||
		    (directives[i].alias != NULL && strcmp(directives[i].alias, name) == 0))
			return (int)i;
	return -1;
}

void
directive_env_name(char *out, size_t size, const char *name)
{
	snprintf(out, size, "SRS_%s", name);
	for (char *p = out; *p != '\0'; p++)
		*p = *p == '.' ? '_' : (char)toupper((unsigned char)*p);
}

bool
directive_is_secret(const char *name)
{
	char file[DIRECTIVE_NAME_SIZE];
	size_t n = strlen(name), end = strlen(".token");

	return n >= end && strcmp(name + n - end, ".token") == 0 &&
	       snprintf(file, sizeof(file), "%s_file", name) < (int)sizeof(file) &&
	       directive_find(file) >= 0;
}

bool
directive_is_ignored(const char *name)
{
	for (size_t i = 0; i < ARRAY_COUNT(ignored); i++)
		if (strcmp(ignored[i], name) == 0)
			return true;
	return false;
}

/* The part after the last dot. */
static const char *
leaf(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot != NULL ? dot + 1 : name;
}

static size_t
count_dots(const char *name)
{
	size_t count = 0;

	for (; *name != '\0'; name++)
		count += *name == '.';
	return count;
}

/* Cut a name after so many dots: 1 leaves "rtc_server.tcp" of "rtc_server.tcp.listen". */
static void
cut_to_dots(char *name, size_t count)
{
	for (; *name != '\0'; name++) {
		if (*name == '.' && count-- == 0) {
			*name = '\0';
			return;
		}
	}
}

/* The nearest of the known names, cut to as many blocks as the unknown one has; NULL if none is. */
static const char *
nearest(const char *name, char out[static DIRECTIVE_NAME_SIZE])
{
	unsigned least = 3;
	bool found = false;

	for (size_t i = 0; i < directive_count; i++) {
		char known[DIRECTIVE_NAME_SIZE];
		unsigned d;

		text_copy(known, sizeof(known), directives[i].name);
		cut_to_dots(known, count_dots(name));
		d = conf_distance(name, known);
		if (d < least) {
			least = d;
			found = text_copy(out, DIRECTIVE_NAME_SIZE, known);
		}
	}
	return found ? out : NULL;
}

/*
 * A misspelled name is near as a whole; a directive in the wrong block has the right last part.
 */
const char *
directive_suggest(const char *name, char out[static DIRECTIVE_NAME_SIZE])
{
	const char *best = nearest(name, out);

	for (size_t i = 0; i < directive_count && best == NULL; i++)
		if (strchr(directives[i].name, '.') != NULL &&
		    strcmp(leaf(name), leaf(directives[i].name)) == 0)
			best = directives[i].name;
	for (size_t i = 0; i < ARRAY_COUNT(ignored) && best == NULL; i++)
		if (strcmp(leaf(name), leaf(ignored[i])) == 0)
			best = ignored[i];
	return best;
}
