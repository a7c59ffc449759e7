/* api_json.c - streams, clients, sums, under the names that SRS gives them. */
#include "api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/text.h"

enum { PART_SIZE = TEXT_NAME_MAX + 1, KBIT = 1000 };

/* "app/stream" or "vhost/app/stream" into its parts. */
static void
split_name(const char *whole, char vhost[static PART_SIZE], char app[static PART_SIZE],
	   char stream[static PART_SIZE])
{
	const char *last = strrchr(whole, '/'), *first = strchr(whole, '/');
	size_t size;

	text_copy(vhost, PART_SIZE, API_VHOST);
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
make_kbps(const json_t *o)
{
	return json_pack("{s:I, s:I}", "recv_30s", number_of(o, "rx_bps_30s") / KBIT, "send_30s",
			 number_of(o, "tx_bps_30s") / KBIT);
}

/* As SRS spells it, where it knows it. */
static const char *
codec_name(const char *name)
{
	static const struct {
		const char *sdp, *api;
	} names[] = {{"H265", "HEVC"},
		     {"opus", "Opus"},
		     {"red", "Opus"},
		     {"mpeg4-generic", "AAC"},
		     {"MP4A-LATM", "AAC"}};

	for (size_t i = 0; i < ARRAY_COUNT(names); i++)
		if (strcasecmp(names[i].sdp, name) == 0)
			return names[i].api;
	return name;
}

/* What a track is by its description, which is all that is known before a packet came. */
static json_t *
make_codec(const json_t *track)
{
	const json_t *codec = json_array_get(json_object_get(track, "codecs"), 0);
	json_t *o = json_pack("{s:s}", "codec", codec_name(text_of(codec, "name")));

	if (strcmp(text_of(track, "kind"), "audio") == 0) {
		json_int_t channels = number_of(codec, "channels");

		json_object_set_new(o, "sample_rate", json_integer(number_of(codec, "clock_rate")));
		json_object_set_new(o, "channel", json_integer(channels > 0 ? channels : 1));
		json_object_set_new(o, "profile", json_string(""));
	} else {
		json_object_set_new(o, "profile", json_string(""));
		json_object_set_new(o, "level", json_string(""));
		json_object_set_new(o, "width", json_integer(0));
		json_object_set_new(o, "height", json_integer(0));
	}
	return o;
}

/* What comes of it. */
static void
add_media(json_t *o, const json_t *media)
{
	static const char *const same[] = {"profile", "level", "width", "height"};
	static const struct {
		const char *from, *to;
	} sound[] = {{"clock_rate", "sample_rate"}, {"channels", "channel"}};

	json_object_set_new(o, "codec", json_string(codec_name(text_of(media, "codec"))));
	for (size_t i = 0; i < ARRAY_COUNT(same); i++)
		if (json_object_get(o, same[i]) != NULL && json_object_get(media, same[i]) != NULL)
			json_object_set(o, same[i], json_object_get(media, same[i]));
	for (size_t i = 0; i < ARRAY_COUNT(sound); i++)
		if (json_object_get(media, sound[i].from) != NULL &&
		    json_object_get(o, sound[i].to) != NULL)
			json_object_set(o, sound[i].to, json_object_get(media, sound[i].from));
}

static json_t *
media_of(const json_t *stream, json_int_t track)
{
	json_t *media;
	size_t i;

	json_array_foreach(json_object_get(stream, "media"), i,
			   media) if (number_of(media, "track") == track) return media;
	return NULL;
}

json_t *
api_stream(json_t *s, const json_t *live)
{
	char vhost[PART_SIZE], app[PART_SIZE], stream[PART_SIZE];
	const char *name = text_of(s, "name"), *publisher = text_of(s, "publisher");
	json_int_t frames = 0, clients;
	json_t *o, *track, *kbps;
	size_t i;

	/* Who carries it to others is no client; these are. */
	clients = number_of(s, "players") - number_of(s, "carriers") + (publisher[0] != '\0') +
		  number_of(live, "clients");
	kbps = make_kbps(s);
	json_object_set_new(
	    kbps, "send_30s",
	    json_integer((number_of(s, "tx_bps_30s") + number_of(live, "tx_bps_30s")) / KBIT));
	split_name(name, vhost, app, stream);
	o = json_pack("{s:s, s:s, s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:o, s:{s:b, s:s}, s:n, s:n}",
		      "id", name, "name", stream, "vhost", vhost, "app", app, "url",
		      json_sprintf("/%s/%s", app, stream), "live_ms", (json_int_t)time(NULL) * 1000,
		      "clients", clients, "send_bytes",
		      number_of(s, "tx_octets") + number_of(live, "tx_octets"), "recv_bytes",
		      number_of(s, "rx_octets"), "kbps", kbps, "publish", "active",
		      strcmp(text_of(s, "state"), "live") == 0, "cid", publisher, "video", "audio");
	json_array_foreach(json_object_get(s, "tracks"), i, track)
	{
		const char *kind = text_of(track, "kind");
		const json_t *media = media_of(s, number_of(track, "track"));

		if (!json_is_null(json_object_get(o, kind)))
			continue; /* the publisher's own comes first */
		json_object_set_new(o, kind, make_codec(track));
		if (media != NULL)
			add_media(json_object_get(o, kind), media);
		frames += number_of(media, "frames");
	}
	json_object_set_new(o, "frames", json_integer(frames));
	return o;
}

/* Of a WebRTC session that has a path: how its media travels, and how well. */
static void
add_transport(json_t *o, const json_t *s)
{
	if (!has_path(s))
		return;
	json_object_set_new(o, "protocol", json_string(text_of(s, "protocol")));
	json_object_set_new(o, "srtp_profile", json_string(text_of(s, "profile")));
	json_object_set_new(o, "rtt_ms",
			    number_of(s, "rtt_us") > 0
				? json_real((double)number_of(s, "rtt_us") / 1000)
				: json_null());
	json_object_set_new(o, "jitter_ms", json_real((double)number_of(s, "jitter_us") / 1000));
	json_object_set_new(o, "loss_percent",
			    json_real((double)number_of(s, "loss_permille") / 10));
}

/* One of either list; o names the stream, its address, age and octets. */
static json_t *
make_client(const json_t *s, const char *id, const char *type, bool publishes)
{
	char vhost[PART_SIZE], app[PART_SIZE], stream[PART_SIZE], ip[ADDR_TEXT_SIZE] = "";
	struct addr a;
	json_t *o;

	split_name(text_of(s, "stream"), vhost, app, stream);
	if (addr_parse(&a, text_of(s, "address"), 0) == 0)
		addr_format_host(&a, ip);
	o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:s, s:b, s:f, s:I, s:I, s:o}",
		      "id", id, "vhost", vhost, "stream", text_of(s, "stream"), "ip", ip, "pageUrl",
		      "", "swfUrl", "", "tcUrl", "", "url", json_sprintf("/%s/%s", app, stream),
		      "name", stream, "type", type, "publish", publishes, "alive",
		      (double)number_of(s, "age_ms") / 1000, "send_bytes",
		      number_of(s, "tx_octets"), "recv_bytes", number_of(s, "rx_octets"), "kbps",
		      make_kbps(s));
	add_transport(o, s);
	return o;
}

json_t *
api_client(const json_t *s)
{
	static const struct {
		const char *kind, *protocol, *type;
		bool publishes;
	} kinds[] = {{"publish", NULL, "rtc-publish", true},
		     {"play", NULL, "rtc-play", false},
		     {"local-publish", "rtmp", "rtmp-publish", true},
		     {"local-publish", NULL, "local-publish", true},
		     {"local-subscribe", NULL, "local-play", false}};
	const char *kind = text_of(s, "kind");

	for (size_t i = 0; i < ARRAY_COUNT(kinds); i++)
		if (strcmp(kinds[i].kind, kind) == 0 &&
		    (kinds[i].protocol == NULL ||
		     strcmp(kinds[i].protocol, text_of(s, "protocol")) == 0))
			return make_client(s, text_of(s, "session"), kinds[i].type,
					   kinds[i].publishes);
	return make_client(s, text_of(s, "session"), kind, false);
}

json_t *
api_viewer(const json_t *c)
{
	return make_client(c, text_of(c, "client"), text_of(c, "type"), false);
}

static json_int_t
client_count(const json_t *stats, const json_t *live)
{
	return number_of(stats, "sessions") - number_of(stats, "carriers") +
	       number_of(live, "clients");
}

/* Memory, load and processors of the machine. */
static json_t *
make_system(const json_t *s, const json_t *live)
{
	struct sysinfo info = {.mem_unit = 1};
	double scale = 1.0 / (1 << SI_LOAD_SHIFT), ram, swap;

	sysinfo(&info);
	ram = (double)info.totalram * info.mem_unit;
	swap = (double)info.totalswap * info.mem_unit;
	return json_pack("{s:I, s:f, s:I, s:f, s:I, s:I, s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:I, "
			 "s:I, s:I}",
			 "mem_ram_kbyte", (json_int_t)(ram / 1024), "mem_ram_percent",
			 ram > 0 ? 1 - (double)info.freeram * info.mem_unit / ram : 0,
			 "mem_swap_kbyte", (json_int_t)(swap / 1024), "mem_swap_percent",
			 swap > 0 ? 1 - (double)info.freeswap * info.mem_unit / swap : 0, "cpus",
			 (json_int_t)sysconf(_SC_NPROCESSORS_CONF), "cpus_online",
			 (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "uptime", (double)info.uptime,
			 "load_1m", (double)info.loads[0] * scale, "load_5m",
			 (double)info.loads[1] * scale, "load_15m", (double)info.loads[2] * scale,
			 "srs_recv_bytes", number_of(s, "rx_octets"), "srs_send_bytes",
			 number_of(s, "tx_octets"), "conn_srs", client_count(s, live), "streams",
			 number_of(s, "streams"), "send_bytes", number_of(s, "tx_octets"),
			 "recv_bytes", number_of(s, "rx_octets"));
}

json_t *
api_summaries(json_t *s, const json_t *live)
{
	json_t *self = json_pack("{s:s, s:i, s:i, s:I, s:f, s:f}", "version", RTCKIT_VERSION, "pid",
				 (int)getpid(), "ppid", (int)getppid(), "mem_kbyte",
				 number_of(s, "memory_octets") / 1024, "cpu_percent",
				 (double)number_of(s, "cpu_permille") / 1000, "srs_uptime",
				 (double)number_of(s, "uptime_ms") / 1000);

	return json_pack("{s:{s:b, s:I, s:o, s:o}}", "data", "ok", 1, "now_ms",
			 (json_int_t)time(NULL) * 1000, "self", self, "system",
			 make_system(s, live));
}

json_t *
api_vhost(json_t *s, const json_t *live)
{
	return json_pack("{s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:o}", "id", API_VHOST, "name",
			 API_VHOST, "enabled", 1, "clients", client_count(s, live), "streams",
			 number_of(s, "streams"), "send_bytes", number_of(s, "tx_octets"),
			 "recv_bytes", number_of(s, "rx_octets"), "kbps", make_kbps(s));
}
