/* metrics.c - /metrics in Prometheus' text format 0.0.4: SRS's names, and base units under ours. */
#include "api.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/bytes.h"

static const struct {
	const char *name, *type, *member, *help;
	double scale; /* 0: a whole number as it is */
} rows[] = {
    {"srs_send_bytes_total", "counter", "tx_octets", "Octets sent to clients", 0},
    {"srs_receive_bytes_total", "counter", "rx_octets", "Octets received from clients", 0},
    {"srs_streams", "gauge", "streams", "Streams", 0},
    {"rtc_sessions", "gauge", "sessions", "Sessions of the relay", 0},
    {"srs_clients_errs_total", "counter", "dtls_failed", "Sessions whose DTLS failed", 0},
    {"srs_cpu_percent", "gauge", "cpu_permille", "Processor time of the relay, of one core", 0.1},
    {"srs_memory", "gauge", "memory_octets", "Resident memory of the relay in KiB", 1.0 / 1024},
    {"rtc_publishers", "gauge", "publishers", "Sessions that publish", 0},
    {"rtc_players", "gauge", "players", "Sessions that play", 0},
    {"rtc_workers", "gauge", "workers", "Threads that carry media", 0},
    {"rtc_send_packets_total", "counter", "tx_packets", "Packets sent", 0},
    {"rtc_receive_packets_total", "counter", "rx_packets", "Packets received", 0},
    {"rtc_send_dropped_total", "counter", "tx_dropped", "Packets that the kernel refused", 0},
    {"rtc_stun_answered_total", "counter", "stun_answered", "STUN requests answered", 0},
    {"rtc_stun_limited_total", "counter", "stun_limited", "STUN requests over the limit", 0},
    {"rtc_auth_failed_total", "counter", "auth_failed", "Packets that SRTP refused", 0},
    {"rtc_unknown_packets_total", "counter", "unknown_packets", "Packets of no session", 0},
    {"rtc_paths_moved_total", "counter", "paths_moved", "New addresses found by media", 0},
    {"rtc_takeovers_total", "counter", "takeovers", "Publishers that were replaced", 0},
    {"rtc_cpu_seconds_total", "counter", "cpu_us", "Processor time of the relay", 1e-6},
    {"rtc_resident_memory_bytes", "gauge", "memory_octets", "Resident memory of the relay", 0},
    {"rtc_uptime_seconds", "gauge", "uptime_ms", "Time since the relay's start", 1e-3},
};

/* Of each stream, with its name as label; of: "" the stream, else its media of that kind. */
static const struct {
	const char *name, *type, *of, *member, *help;
	double scale;
} stream_rows[] = {
    {"rtc_stream_receive_bytes_total", "counter", "", "rx_octets", "Octets from its publisher", 0},
    {"rtc_stream_send_bytes_total", "counter", "", "tx_octets", "Octets to its players", 0},
    {"rtc_stream_receive_lost_packets_total", "counter", "", "rx_lost",
     "Packets of its publisher that did not come", 0},
    {"rtc_stream_players", "gauge", "", "players", "Sessions that play it", 0},
    {"rtc_stream_frames_total", "counter", "video", "frames", "Pictures from its publisher", 0},
    {"rtc_stream_frames_per_second", "gauge", "video", "fps", "Pictures a second", 1},
    {"rtc_stream_width_pixels", "gauge", "video", "width", "Width of its picture", 0},
    {"rtc_stream_height_pixels", "gauge", "video", "height", "Height of its picture", 0},
};

enum { RTT_ROW }; /* 0 is unknown */

/* Of each WebRTC session that has a path. */
static const struct {
	const char *name, *member, *help;
	double scale;
} session_rows[] = {
    [RTT_ROW] = {"rtc_session_rtt_seconds", "rtt_us", "Round trip by its reports, if they tell it",
		 1e-6},
    {"rtc_session_jitter_seconds", "jitter_us", "Jitter of its last report", 1e-6},
    {"rtc_session_loss_ratio", "loss_permille", "Packets lost by its last report", 1e-3},
};

/* Of both programs together: the relay's, less those that carry streams to rtc2rtmp's. */
static const struct {
	const char *name, *type, *plus, *minus, *live, *help;
} sums[] = {
    {"srs_clients", "gauge", "sessions", "carriers", "clients", "Who publishes and plays"},
    {"srs_clients_total", "counter", "sessions_total", "", "clients_total",
     "Sessions and viewers since the start"},
};

/* Of rtc2rtmp; its viewers by their type. */
static const struct {
	const char *name, *type, *member, *help;
} live_rows[] = {
    {"rtc_live_send_bytes_total", "counter", "tx_octets", "Octets sent by HTTP, RTMP's too"},
    {"rtc_live_streams", "gauge", "streams", "Streams that are muxed"},
    {"rtc_live_unlisted_total", "counter", "unlisted", "Playlists of players over the limit"},
};
static const char *const live_types[] = {"flv-play", "ts-play", "hls-play", "rtmp-play"};

static void
print_value(FILE *out, const json_t *value, double scale)
{
	if (scale == 0)
		fprintf(out, "%lld\n", (long long)json_integer_value(value));
	else
		fprintf(out, "%.10g\n", json_number_value(value) * scale);
}

static void
print_head(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s.\n# TYPE %s %s\n", name, help, name, type);
}

/* The text as a label's value. */
static void
print_label(FILE *out, const char *name, const char *text)
{
	fprintf(out, "%s=\"", name);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		if ((unsigned char)*text >= 0x20)
			fputc(*text, out);
	}
	fputc('"', out);
}

static void
print_infos(FILE *out)
{
	static const char *const names[] = {"sysname", "nodename", "release", "version", "machine"};
	struct utsname u;

	print_head(out, "srs_build_info", "gauge", "The program");
	fprintf(out, "srs_build_info{program=\"rtckit\",version=\"%s\"} 1\n", RTCKIT_VERSION);
	if (uname(&u) < 0)
		return;
	print_head(out, "srs_node_uname_info", "gauge", "The machine, as uname says");
	fprintf(out, "srs_node_uname_info{");
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		const char *const values[] = {u.sysname, u.nodename, u.release, u.version,
					      u.machine};

		if (i > 0)
			fputc(',', out);
		print_label(out, names[i], values[i]);
	}
	fprintf(out, "} 1\n");
}

static const json_t *
part_of(const json_t *stream, const char *kind)
{
	const json_t *media;
	size_t i;

	if (kind[0] == '\0')
		return stream;
	json_array_foreach(json_object_get(stream, "media"), i,
			   media) if (strcmp(text_of(media, "kind"), kind) == 0) return media;
	return NULL;
}

static void
print_streams(FILE *out, const json_t *streams)
{
	const json_t *stream, *part;
	size_t k;

	for (size_t i = 0; i < ARRAY_COUNT(stream_rows) && json_array_size(streams) > 0; i++) {
		print_head(out, stream_rows[i].name, stream_rows[i].type, stream_rows[i].help);
		json_array_foreach(streams, k, stream)
		{
			part = part_of(stream, stream_rows[i].of);
			if (part == NULL)
				continue;
			fprintf(out, "%s{", stream_rows[i].name);
			print_label(out, "stream", text_of(stream, "name"));
			fprintf(out, "} ");
			print_value(out, json_object_get(part, stream_rows[i].member),
				    stream_rows[i].scale);
		}
	}
}

static void
print_session(FILE *out, const char *name, const json_t *session)
{
	static const char *const labels[] = {"session", "stream", "kind"};

	fprintf(out, "%s{", name);
	for (size_t i = 0; i < ARRAY_COUNT(labels); i++) {
		if (i > 0)
			fputc(',', out);
		print_label(out, labels[i], text_of(session, labels[i]));
	}
}

static void
print_sessions(FILE *out, const json_t *sessions)
{
	const json_t *session;
	size_t k;

	print_head(out, "rtc_session_info", "gauge", "How the media of a session travels");
	json_array_foreach(sessions, k, session)
	{
		if (!has_path(session))
			continue;
		print_session(out, "rtc_session_info", session);
		fputc(',', out);
		print_label(out, "protocol", text_of(session, "protocol"));
		fputc(',', out);
		print_label(out, "srtp_profile", text_of(session, "profile"));
		fprintf(out, "} 1\n");
	}
	for (size_t i = 0; i < ARRAY_COUNT(session_rows); i++) {
		print_head(out, session_rows[i].name, "gauge", session_rows[i].help);
		json_array_foreach(sessions, k, session)
		{
			const json_t *value = json_object_get(session, session_rows[i].member);

			if (!has_path(session) || (i == RTT_ROW && json_integer_value(value) == 0))
				continue;
			print_session(out, session_rows[i].name, session);
			fprintf(out, "} ");
			print_value(out, value, session_rows[i].scale);
		}
	}
}

static void
print_sums(FILE *out, const json_t *stats, const json_t *live)
{
	for (size_t i = 0; i < ARRAY_COUNT(sums); i++) {
		print_head(out, sums[i].name, sums[i].type, sums[i].help);
		fprintf(out, "%s %lld\n", sums[i].name,
			(long long)(number_of(stats, sums[i].plus) -
				    number_of(stats, sums[i].minus) +
				    number_of(live, sums[i].live)));
	}
}

/* Nothing of it if rtc2rtmp does not run. */
static void
print_live(FILE *out, const json_t *live)
{
	for (size_t i = 0; live != NULL && i < ARRAY_COUNT(live_rows); i++) {
		print_head(out, live_rows[i].name, live_rows[i].type, live_rows[i].help);
		fprintf(out, "%s ", live_rows[i].name);
		print_value(out, json_object_get(live, live_rows[i].member), 0);
	}
	for (size_t i = 0; live != NULL && i < ARRAY_COUNT(live_types); i++) {
		if (i == 0)
			print_head(out, "rtc_live_clients", "gauge", "Viewers by HTTP and RTMP");
		fprintf(out, "rtc_live_clients{type=\"%s\"} ", live_types[i]);
		print_value(out, json_object_get(live, live_types[i]), 0);
	}
}

void
reply_metrics(struct http_request *req, json_t *stats, const json_t *live, json_t *streams,
	      json_t *sessions)
{
	static const struct http_header headers[] = {
	    {"Content-Type", "text/plain; version=0.0.4; charset=utf-8"},
	    {"Cache-Control", "no-store"},
	    {NULL, NULL}};
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (out != NULL) {
		print_infos(out);
		for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
			print_head(out, rows[i].name, rows[i].type, rows[i].help);
			fprintf(out, "%s ", rows[i].name);
			print_value(out, json_object_get(stats, rows[i].member), rows[i].scale);
		}
		print_sums(out, stats, live);
		print_live(out, live);
		print_streams(out, streams);
		print_sessions(out, sessions);
	}
	if (out != NULL && fclose(out) == 0)
		http_reply(req, 200, headers, text, size);
	else
		http_problem(req, 503, "no-memory", "Out Of Memory", "try again later");
	free(text);
}
