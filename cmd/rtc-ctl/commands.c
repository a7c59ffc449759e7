#include "commands.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "writer.h"

enum { PAGE = 50, EXIT_NEGATIVE = 1 };

static const struct writer_column stream_columns[] = {
    {"STREAM", "name", WRITER_PLAIN},	  {"PUBLISHER", "publisher", WRITER_PLAIN},
    {"PLAYERS", "players", WRITER_PLAIN}, {"TRACKS", "tracks", WRITER_CODECS},
    {"PICTURE", "media", WRITER_PICTURE}, {"IN", "rx_bps", WRITER_BPS},
    {"OUT", "tx_bps", WRITER_BPS},	  {"EPOCH", "epoch", WRITER_PLAIN},
    {"RX", "rx_octets", WRITER_OCTETS},	  {"TX", "tx_octets", WRITER_OCTETS},
    {"LOST", "rx_lost", WRITER_PLAIN},	  {"KEYFRAMES", "keyframes", WRITER_PLAIN},
    {"LAYERS", "layers", WRITER_LAYERS},
};

static const struct writer_column session_columns[] = {
    {"SESSION", "session", WRITER_PLAIN}, {"KIND", "kind", WRITER_PLAIN},
    {"STREAM", "stream", WRITER_PLAIN},	  {"STATE", "state", WRITER_PLAIN},
    {"PROTO", "protocol", WRITER_PLAIN},  {"ADDRESS", "address", WRITER_PLAIN},
    {"AGE", "age_ms", WRITER_MS},	  {"CODECS", "media", WRITER_CODECS},
    {"PICTURE", "media", WRITER_PICTURE}, {"IN", "rx_bps", WRITER_BPS},
    {"OUT", "tx_bps", WRITER_BPS},	  {"RTT", "rtt_us", WRITER_US},
    {"RX", "rx_octets", WRITER_OCTETS},	  {"LOST", "rx_lost", WRITER_PLAIN},
    {"TX", "tx_octets", WRITER_OCTETS},	  {"JITTER", "jitter_us", WRITER_US},
    {"LAYER", "layer", WRITER_PLAIN},	  {"RESENT", "resent", WRITER_PLAIN},
    {"PROFILE", "profile", WRITER_PLAIN}, {"AGENT", "agent", WRITER_PLAIN},
};

int
command_fault(int err)
{
	if (err == -EPIPE)
		fprintf(stderr, "rtc-ctl: the relay closed the connection\n");
	else if (err == -EPROTO)
		fprintf(stderr, "rtc-ctl: what listens there does not speak rtc-control(5)\n");
	else
		fprintf(stderr, "rtc-ctl: the relay did not answer: %s\n", strerror(-err));
	return err == -EPROTO ? EX_PROTOCOL : EX_UNAVAILABLE;
}

/* Ask; on a refusal say it and set *code. True if the reply is a yes, which the caller releases. */
static bool
ask(const struct request *r, json_t *request, json_t **reply, int *code)
{
	const char *error, *detail;
	int err = client_ask(r->client, request, reply);

	if (err != 0) {
		*code = command_fault(err);
		return false;
	}
	if (json_is_true(json_object_get(*reply, "ok")))
		return true;
	error = json_string_value(json_object_get(*reply, "error"));
	detail = json_string_value(json_object_get(*reply, "detail"));
	fprintf(stderr, "rtc-ctl: %s%s%s\n", error ?: "refused", detail != NULL ? ": " : "",
		detail ?: "");
	*code = EXIT_NEGATIVE;
	json_decref(*reply);
	return false;
}

/* All pages of a list, as one array in *all. */
static int
collect(const struct request *r, const char *op, const char *member, const char *stream,
	json_t **all)
{
	json_t *list = json_array(), *reply;
	size_t got = 1;
	int code = EX_OK;

	while (got > 0) {
		json_t *page, *request = json_pack("{s:s, s:I, s:i, s:b}", "op", op, "start",
						   (json_int_t)json_array_size(list), "count", PAGE,
						   "media", 1);

		if (stream != NULL)
			json_object_set_new(request, "stream", json_string(stream));
		if (!ask(r, request, &reply, &code))
			break;
		page = json_object_get(reply, member);
		got = json_array_size(page);
		json_array_extend(list, page);
		if (json_array_size(list) >=
		    (size_t)json_integer_value(json_object_get(reply, "total")))
			got = 0;
		json_decref(reply);
	}
	if (code == EX_OK)
		*all = list;
	else
		json_decref(list);
	return code;
}

static int
command_streams(const struct request *r)
{
	json_t *all;
	int code = collect(r, "streams.list", "streams", NULL, &all);

	if (code != EX_OK)
		return code;
	writer_table(all, stream_columns, ARRAY_COUNT(stream_columns), r->json);
	json_decref(all);
	return EX_OK;
}

static int
command_sessions(const struct request *r)
{
	const char *stream = r->count > 0 ? r->operands[0] : NULL;
	json_t *all;
	int code = collect(r, "sessions.list", "sessions", stream, &all);

	if (code != EX_OK)
		return code;
	writer_table(all, session_columns, ARRAY_COUNT(session_columns), r->json);
	json_decref(all);
	return EX_OK;
}

static int
command_kick(const struct request *r)
{
	int worst = EX_OK;

	for (int i = 0; i < r->count; i++) {
		json_t *reply, *request = json_pack("{s:s, s:s}", "op", "session.kick", "session",
						    r->operands[i]);
		int code = EX_OK;

		if (request == NULL) {
			fprintf(stderr, "rtc-ctl: a session's id is not valid text\n");
			code = EX_USAGE;
		} else if (ask(r, request, &reply, &code)) {
			json_decref(reply);
		}
		worst = code > worst ? code : worst;
	}
	return worst;
}

static int
command_stats(const struct request *r)
{
	json_t *reply;
	int code = EX_OK;

	if (!ask(r, json_pack("{s:s}", "op", "stats"), &reply, &code))
		return code;
	json_object_del(reply, "v");
	json_object_del(reply, "id");
	json_object_del(reply, "ok");
	writer_record(reply, r->json);
	json_decref(reply);
	return EX_OK;
}

/* "NAME=VALUE" into the request: on and off, a number, a word. What is wrong is the relay's to say.
 */
static bool
add_setting(json_t *request, const char *text)
{
	size_t n = strcspn(text, "=");
	const char *value = text + n + 1;
	char name[32], *end;
	json_t *v;
	long number;

	if (text[n] != '=' || n == 0 || n >= sizeof(name))
		return false;
	memcpy(name, text, n);
	name[n] = '\0';
	if (json_object_get(request, name) != NULL)
		return false;
	number = strtol(value, &end, 10);
	if (strcmp(value, "on") == 0 || strcmp(value, "off") == 0)
		v = json_boolean(strcmp(value, "on") == 0);
	else
		v = *end == '\0' && end != value ? json_integer(number) : json_string(value);
	return json_object_set_new(request, name, v) == 0;
}

static int
command_set(const struct request *r)
{
	json_t *reply, *request = json_pack("{s:s}", "op", "settings.set");
	int code = EX_OK;

	for (int i = 0; i < r->count; i++)
		if (!add_setting(request, r->operands[i])) {
			fprintf(stderr, "rtc-ctl: %s: want NAME=VALUE\n", r->operands[i]);
			json_decref(request);
			return EX_USAGE;
		}
	if (ask(r, request, &reply, &code))
		json_decref(reply);
	return code;
}

/* Print it if it is wanted; true if it was. */
static bool
show_event(const struct request *r, const json_t *event)
{
	const char *name = json_string_value(json_object_get(event, "event"));

	if (name == NULL || (r->event != NULL && strcmp(name, r->event) != 0))
		return false;
	writer_event(event, r->json);
	return true;
}

static int
command_events(const struct request *r)
{
	uint64_t deadline_us = r->timeout_us > 0 ? clock_now_us() + r->timeout_us : CLOCK_NEVER;
	json_t *msg;
	int code = EX_OK;
	bool shown = false;

	if (!ask(r, json_pack("{s:s}", "op", "events.subscribe"), &msg, &code))
		return code;
	json_decref(msg);
	while (r->follow || !shown) {
		uint64_t now_us = clock_now_us();
		int err = -ETIMEDOUT;

		if (now_us < deadline_us)
			err = client_next(
			    r->client, deadline_us == CLOCK_NEVER ? 0 : deadline_us - now_us, &msg);
		if (err == -ETIMEDOUT)
			return shown ? EX_OK : EXIT_NEGATIVE;
		if (err != 0)
			return command_fault(err);
		shown |= show_event(r, msg);
		json_decref(msg);
		if (ferror(stdout))
			return EX_IOERR;
	}
	return EX_OK;
}

static int
command_version(const struct request *r)
{
	json_t *hello = json_copy(r->client->hello);

	json_object_del(hello, "v");
	json_object_del(hello, "event");
	json_object_del(hello, "role");
	json_object_set_new(hello, "rtc-ctl", json_string(RTCKIT_VERSION));
	writer_record(hello, r->json);
	json_decref(hello);
	return EX_OK;
}

static const struct command commands[] = {
    {"streams", 0, 0, command_streams}, {"sessions", 0, 1, command_sessions},
    {"kick", 1, INT_MAX, command_kick}, {"stats", 0, 0, command_stats},
    {"events", 0, 0, command_events},	{"version", 0, 0, command_version},
    {"set", 1, INT_MAX, command_set},
};

const struct command *
command_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_COUNT(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}
