/* api.c - the management interface under /api/v1, and /metrics: the relay's admin socket by HTTP.
 */
#include "web.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/text.h"

enum { COUNT_DEFAULT = 10, COUNT_MAX = 100, PART_SIZE = TEXT_NAME_MAX + 1 };

/* A request while the relay is asked. The client may go: then req is NULL. */
struct ask {
	struct http_request *req;
	json_t *(*make)(json_t *reply); /* new reference: the members beside code; NULL: /metrics */
};

static const struct http_header json_headers[] = {
    {"Content-Type", "application/json"}, {"Cache-Control", "no-store"}, {NULL, NULL}};

/* {"code":0,"server":...} and the members of more, which is taken. */
static void
reply_object(struct http_request *req, json_t *more)
{
	char pid[16], *text;
	json_t *o;

	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	o = json_pack("{s:i, s:s, s:s, s:s}", "code", 0, "server", "rtckit", "service", "rtc-web",
		      "pid", pid);
	json_object_update(o, more);
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	json_decref(more);
	if (text != NULL)
		http_reply(req, 200, json_headers, text, strlen(text));
	else
		http_problem(req, 503, "no-memory", "Out Of Memory", "try again later");
	free(text);
}

void
web_versions(struct http_request *req)
{
	int major = 0, minor = 0, revision = 0;

	sscanf(RTCKIT_VERSION, "%d.%d.%d", &major, &minor, &revision);
	reply_object(req, json_pack("{s:{s:i, s:i, s:i, s:s}}", "data", "major", major, "minor",
				    minor, "revision", revision, "version", RTCKIT_VERSION));
}

static json_int_t
number_of(json_t *o, const char *name)
{
	return json_integer_value(json_object_get(o, name));
}

static const char *
text_of(json_t *o, const char *name)
{
	const char *text = json_string_value(json_object_get(o, name));

	return text != NULL ? text : "";
}

/* "app/stream" or "vhost/app/stream" into its parts. */
static void
split_name(const char *whole, char vhost[static PART_SIZE], char app[static PART_SIZE],
	   char stream[static PART_SIZE])
{
	const char *last = strrchr(whole, '/'), *first = strchr(whole, '/');
	size_t size;

	text_copy(vhost, PART_SIZE, "__defaultVhost__");
	text_copy(app, PART_SIZE, "");
	text_copy(stream, PART_SIZE, last != NULL ? last + 1 : whole);
	if (last == NULL)
		return;
	if (first != last) {
		snprintf(vhost, PART_SIZE, "%.*s", (int)(first - whole), whole);
		whole = first + 1;
	}
	size = (size_t)(last - whole);
	snprintf(app, PART_SIZE, "%.*s", (int)size, whole);
}

static json_t *
make_codec(json_t *track)
{
	json_t *codec = json_array_get(json_object_get(track, "codecs"), 0);
	json_t *o = json_pack("{s:s}", "codec", text_of(codec, "name"));

	if (strcmp(text_of(track, "kind"), "audio") == 0) {
		json_int_t channels = number_of(codec, "channels");

		json_object_set_new(o, "sample_rate", json_integer(number_of(codec, "clock_rate")));
		json_object_set_new(o, "channel", json_integer(channels > 0 ? channels : 1));
	}
	return o;
}

static json_t *
make_stream(json_t *s)
{
	char vhost[PART_SIZE], app[PART_SIZE], stream[PART_SIZE];
	const char *name = text_of(s, "name"), *publisher = text_of(s, "publisher");
	json_t *o, *track;
	size_t i;

	split_name(name, vhost, app, stream);
	o = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:{s:b, s:s}, s:n, s:n}", "id", name,
		      "name", stream, "vhost", vhost, "app", app, "clients",
		      number_of(s, "players") + (publisher[0] != '\0'), "send_bytes",
		      number_of(s, "tx_octets"), "recv_bytes", number_of(s, "rx_octets"), "publish",
		      "active", strcmp(text_of(s, "state"), "live") == 0, "cid", publisher, "video",
		      "audio");
	json_array_foreach(json_object_get(s, "tracks"), i, track)
	    json_object_set_new(o, text_of(track, "kind"), make_codec(track));
	return o;
}

static json_t *
make_client(json_t *s)
{
	static const struct {
		const char *kind, *type;
		bool publishes;
	} kinds[] = {{"publish", "rtc-publish", true},
		     {"play", "rtc-play", false},
		     {"local-publish", "local-publish", true},
		     {"local-subscribe", "local-play", false}};
	char vhost[PART_SIZE], app[PART_SIZE], stream[PART_SIZE], ip[ADDR_TEXT_SIZE] = "";
	const char *kind = text_of(s, "kind"), *type = kind;
	bool publishes = false;
	struct addr a;

	for (size_t i = 0; i < ARRAY_COUNT(kinds); i++)
		if (strcmp(kinds[i].kind, kind) == 0) {
			type = kinds[i].type;
			publishes = kinds[i].publishes;
		}
	split_name(text_of(s, "stream"), vhost, app, stream);
	if (addr_parse(&a, text_of(s, "address"), 0) == 0)
		addr_format_host(&a, ip);
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:s, s:s, s:b, s:f, s:I, s:I}", "id",
			 text_of(s, "session"), "vhost", vhost, "stream", text_of(s, "stream"),
			 "ip", ip, "url", json_sprintf("/%s/%s", app, stream), "name", stream,
			 "type", type, "publish", publishes, "alive",
			 (double)number_of(s, "age_ms") / 1000, "send_bytes",
			 number_of(s, "tx_octets"), "recv_bytes", number_of(s, "rx_octets"));
}

/* Each element of a list of the reply through one. */
static json_t *
make_list(json_t *reply, const char *from, const char *to, json_t *(*one)(json_t *))
{
	json_t *list = json_array(), *item;
	size_t i;

	json_array_foreach(json_object_get(reply, from), i, item)
	    json_array_append_new(list, one(item));
	return json_pack("{s:o, s:I}", to, list, "total", number_of(reply, "total"));
}

static json_t *
make_streams(json_t *reply)
{
	return make_list(reply, "streams", "streams", make_stream);
}

static json_t *
make_clients(json_t *reply)
{
	return make_list(reply, "sessions", "clients", make_client);
}

static json_t *
make_summaries(json_t *s)
{
	return json_pack("{s:{s:b, s:I, s:{s:s, s:i, s:f}, s:{s:I, s:I, s:I, s:I, s:I}}}", "data",
			 "ok", 1, "now_ms", (json_int_t)time(NULL) * 1000, "self", "version",
			 RTCKIT_VERSION, "pid", (int)getpid(), "srs_uptime",
			 (double)number_of(s, "uptime_ms") / 1000, "system", "conn_srs",
			 number_of(s, "sessions"), "streams", number_of(s, "streams"), "send_bytes",
			 number_of(s, "tx_octets"), "recv_bytes", number_of(s, "rx_octets"),
			 "cpu_us", number_of(s, "cpu_us"));
}

static json_t *
make_vhosts(json_t *s)
{
	return json_pack("{s:[{s:s, s:s, s:b, s:I, s:I, s:I, s:I}]}", "vhosts", "id",
			 "__defaultVhost__", "name", "__defaultVhost__", "enabled", 1, "clients",
			 number_of(s, "sessions"), "streams", number_of(s, "streams"), "send_bytes",
			 number_of(s, "tx_octets"), "recv_bytes", number_of(s, "rx_octets"));
}

static json_t *
make_nothing(json_t *reply)
{
	(void)reply;
	return json_object();
}

/* Prometheus' text format 0.0.4. */
static void
reply_metrics(struct http_request *req, json_t *stats)
{
	static const struct http_header headers[] = {
	    {"Content-Type", "text/plain; version=0.0.4; charset=utf-8"},
	    {"Cache-Control", "no-store"},
	    {NULL, NULL}};
	static const struct {
		const char *name, *type, *member, *help;
	} rows[] = {
	    {"srs_send_bytes_total", "counter", "tx_octets", "Octets sent to clients"},
	    {"srs_receive_bytes_total", "counter", "rx_octets", "Octets received from clients"},
	    {"srs_streams", "gauge", "streams", "Streams"},
	    {"srs_clients", "gauge", "sessions", "Sessions"},
	    {"srs_clients_total", "counter", "sessions_total", "Sessions since the start"},
	    {"srs_clients_errs_total", "counter", "dtls_failed", "Sessions whose DTLS failed"},
	    {"rtc_publishers", "gauge", "publishers", "Sessions that publish"},
	    {"rtc_players", "gauge", "players", "Sessions that play"},
	    {"rtc_workers", "gauge", "workers", "Threads that carry media"},
	    {"rtc_send_packets_total", "counter", "tx_packets", "Packets sent"},
	    {"rtc_receive_packets_total", "counter", "rx_packets", "Packets received"},
	    {"rtc_send_dropped_total", "counter", "tx_dropped", "Packets that the kernel refused"},
	    {"rtc_stun_answered_total", "counter", "stun_answered", "STUN requests answered"},
	    {"rtc_stun_limited_total", "counter", "stun_limited", "STUN requests over the limit"},
	    {"rtc_auth_failed_total", "counter", "auth_failed", "Packets that SRTP refused"},
	    {"rtc_unknown_packets_total", "counter", "unknown_packets", "Packets of no session"},
	    {"rtc_takeovers_total", "counter", "takeovers", "Publishers that were replaced"},
	    {"rtc_cpu_microseconds_total", "counter", "cpu_us", "Processor time of the relay"},
	    {"rtc_uptime_milliseconds", "gauge", "uptime_ms", "Time since the relay's start"},
	};
	char text[8192];
	size_t at =
	    (size_t)snprintf(text, sizeof(text),
			     "# HELP srs_build_info The program.\n# TYPE srs_build_info gauge\n"
			     "srs_build_info{program=\"rtckit\",version=\"%s\"} 1\n",
			     RTCKIT_VERSION);

	for (size_t i = 0; i < ARRAY_COUNT(rows) && at < sizeof(text); i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at,
				       "# HELP %s %s.\n# TYPE %s %s\n%s %" JSON_INTEGER_FORMAT "\n",
				       rows[i].name, rows[i].help, rows[i].name, rows[i].type,
				       rows[i].name, number_of(stats, rows[i].member));
	http_reply(req, 200, headers, text, strlen(text));
}

static void
on_gone(struct http_request *req, void *arg)
{
	struct ask *ask = arg;

	(void)req;
	ask->req = NULL;
}

static void
on_reply(void *arg, json_t *reply, int error)
{
	static const struct http_header retry[] = {{"Retry-After", "1"}, {NULL, NULL}};
	struct ask *ask = arg;
	struct http_request *req = ask->req;
	json_t *(*make)(json_t *) = ask->make;

	(void)error;
	free(ask);
	if (req == NULL)
		return;
	if (reply == NULL)
		http_problem_with(req, retry, 503, "relay-unreachable", "Relay Not Reachable",
				  "the relay does not answer");
	else if (!json_is_true(json_object_get(reply, "ok")))
		http_problem(req, 404, "not-found", "Not Found", "%s", text_of(reply, "detail"));
	else if (make == NULL)
		reply_metrics(req, reply);
	else
		reply_object(req, make(reply));
}

/* Takes msg. */
static void
ask_relay(struct http_request *req, json_t *msg, json_t *(*make)(json_t *))
{
	struct web *web = http_server_arg(http_server_of(req));
	struct ask *ask = calloc(1, sizeof(*ask));

	if (ask == NULL || msg == NULL) {
		http_problem(req, 503, "no-memory", "Out Of Memory", "try again later");
		json_decref(msg);
		free(ask);
		return;
	}
	ask->req = req;
	ask->make = make;
	http_on_gone(req, on_gone, ask);
	if (ipc_client_ask(web->admin, msg, on_reply, ask) <= 0)
		on_reply(ask, NULL, -1);
}

static int
page_number(struct http_request *req, const char *name, int fallback, int max)
{
	const char *text = http_query(req, name);
	char *end;
	long n;

	if (text == NULL)
		return fallback;
	n = strtol(text, &end, 10);
	if (end == text || *end != '\0' || n < 0)
		return fallback;
	return n < max ? (int)n : max;
}

static json_t *
list_message(struct http_request *req, const char *op)
{
	int count = page_number(req, "count", COUNT_DEFAULT, COUNT_MAX);

	return json_pack("{s:s, s:i, s:i}", "op", op, "start",
			 page_number(req, "start", 0, 1000000), "count", count > 0 ? count : 1);
}

void
web_streams(struct http_request *req)
{
	ask_relay(req, list_message(req, "streams.list"), make_streams);
}

void
web_clients(struct http_request *req)
{
	ask_relay(req, list_message(req, "sessions.list"), make_clients);
}

void
web_summaries(struct http_request *req)
{
	ask_relay(req, json_pack("{s:s}", "op", "stats"), make_summaries);
}

void
web_vhosts(struct http_request *req)
{
	ask_relay(req, json_pack("{s:s}", "op", "stats"), make_vhosts);
}

void
web_metrics(struct http_request *req)
{
	ask_relay(req, json_pack("{s:s}", "op", "stats"), NULL);
}

/* With a token: who has it. Without: who is on this machine. */
static bool
may_kick(const struct web *web, const struct http_request *req)
{
	const char *bearer = http_bearer(req);
	struct addr client;

	if (web->needs_token)
		return bearer != NULL && text_equal_secret(bearer, web->token);
	return !http_client(req, &client) || addr_is_loopback(&client);
}

void
web_kick(struct http_request *req)
{
	static const struct http_header challenge[] = {
	    {"WWW-Authenticate", "Bearer realm=\"rtckit\""}, {NULL, NULL}};
	struct web *web = http_server_arg(http_server_of(req));
	const char *id = http_rest(req);

	if (!may_kick(web, req) && web->needs_token)
		http_problem_with(req, challenge, 401, "unauthorized", "Unauthorized",
				  "a valid token is needed: Authorization: Bearer TOKEN");
	else if (!may_kick(web, req))
		http_problem(req, 403, "forbidden", "Forbidden",
			     "from other machines this needs rtc-web --api-token-file");
	else if (id[0] != '/' || !text_is_token(id + 1, 64))
		http_problem(req, 404, "not-found", "Not Found", "no client has this id");
	else
		ask_relay(req, json_pack("{s:s, s:s}", "op", "session.kick", "session", id + 1),
			  make_nothing);
}

int
web_load_token(struct web *web, const char *path)
{
	FILE *file = fopen(path, "re");
	int n;

	if (file == NULL)
		return -1;
	n = fscanf(file, "%1023s", web->token);
	fclose(file);
	web->needs_token = n == 1;
	return n == 1 ? 0 : -1;
}
