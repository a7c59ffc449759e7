/* rtmp_server.c - commands as a server answers them (s.7.2). */
#include "rtmp/rtmp_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

/* Arguments of one command. */
struct call {
	uint32_t stream_id;
	double transaction;
	struct amf_reader *args;
};

struct rtmp *
rtmp_server_new(uint64_t seed, uint64_t now_us)
{
	return rtmp_new(&rtmp_role_server, RTMP_WAIT_C1, seed, now_us);
}

static int
opened(struct rtmp *r)
{
	(void)r;
	return 0;
}

/* The n-th argument from here, if it is a string; "" else. Cut to RTMP_NAME_MAX. */
static void
string_argument(struct amf_reader args, unsigned n, char out[static RTMP_NAME_MAX + 1])
{
	struct amf_value v = {.type = AMF_NULL};

	out[0] = '\0';
	for (unsigned i = 0; i <= n; i++)
		if (amf_read(&args, &v) != 1)
			return;
	if (v.type == AMF_STRING)
		amf_text_copy(out, RTMP_NAME_MAX + 1, &v.text);
}

static void
take_connect_object(struct rtmp *r, struct amf_reader *args)
{
	struct amf_value v = {0}, m;
	struct amf_text key;
	char app[RTMP_NAME_MAX + 1] = "";

	if (amf_read(args, &v) != 1 || v.members.buf == NULL)
		return;
	while (amf_member(&v.members, &key, &m) == 1) {
		if (m.type == AMF_STRING && amf_text_is(&key, "app"))
			amf_text_copy(app, sizeof(app), &m.text);
		else if (m.type == AMF_NUMBER && amf_text_is(&key, "objectEncoding"))
			r->object_encoding = m.number == 3 ? 3 : 0;
	}
	rtmp_split_query(app, r->app, r->app_query);
	for (size_t n = strlen(r->app); n > 0 && r->app[n - 1] == '/'; n--)
		r->app[n - 1] = '\0';
}

/* What of enhanced RTMP's codecs is taken ("Enhancing NetConnection connect Command"). */
static void
add_fourccs(struct amf_writer *w)
{
	static const char *const fourccs[] = {"avc1", "hvc1", "av01", "vp09",
					      "mp4a", "Opus", ".mp3"};

	amf_add_key(w, "fourCcList");
	amf_begin_strict_array(w, ARRAY_COUNT(fourccs));
	for (size_t i = 0; i < ARRAY_COUNT(fourccs); i++)
		amf_add_string(w, fourccs[i]);
}

static int
on_connect(struct rtmp *r, struct rtmp_event *event, const struct call *call)
{
	struct rtmp_command c;
	int rc;

	(void)event;
	take_connect_object(r, call->args);
	/* The chunk size goes first: all that we send is cut to it. */
	rc = rtmp_put_control(r, RTMP_SET_CHUNK_SIZE, RTMP_CHUNK_OUT);
	if (rc == 0)
		rc = rtmp_put_control(r, RTMP_WINDOW_SIZE, RTMP_WINDOW_OUT);
	if (rc == 0)
		rc = rtmp_put_control(r, RTMP_PEER_BANDWIDTH, RTMP_WINDOW_OUT);
	if (rc < 0)
		return rc;
	rtmp_begin_command(&c, "_result", call->transaction);
	amf_begin_object(&c.w);
	amf_add_key(&c.w, "fmsVer"); /* clients look for a version of Adobe's server */
	amf_add_string(&c.w, "FMS/3,5,7,7009");
	amf_add_key(&c.w, "capabilities");
	amf_add_number(&c.w, 31);
	amf_add_key(&c.w, "mode");
	amf_add_number(&c.w, 1);
	add_fourccs(&c.w);
	amf_end_object(&c.w);
	amf_begin_object(&c.w);
	amf_add_key(&c.w, "level");
	amf_add_string(&c.w, "status");
	amf_add_key(&c.w, "code");
	amf_add_string(&c.w, "NetConnection.Connect.Success");
	amf_add_key(&c.w, "description");
	amf_add_string(&c.w, "Connection succeeded.");
	amf_add_key(&c.w, "objectEncoding");
	amf_add_number(&c.w, r->object_encoding);
	amf_end_object(&c.w);
	return rtmp_put_command(r, &c, 0);
}

/* _result without anything: for commands that only want an answer. */
static int
on_plain(struct rtmp *r, struct rtmp_event *event, const struct call *call)
{
	struct rtmp_command c;

	(void)event;
	if (call->transaction == 0)
		return 0;
	rtmp_begin_command(&c, "_result", call->transaction);
	amf_add_null(&c.w);
	amf_add_null(&c.w);
	return rtmp_put_command(r, &c, call->stream_id);
}

static int
on_create_stream(struct rtmp *r, struct rtmp_event *event, const struct call *call)
{
	struct rtmp_command c;

	(void)event;
	if (r->stream_count == RTMP_STREAMS_MAX)
		return -EBADMSG;
	rtmp_begin_command(&c, "_result", call->transaction);
	amf_add_null(&c.w);
	amf_add_number(&c.w, ++r->stream_count);
	return rtmp_put_command(r, &c, 0);
}

/* publish and play: name and query to the event; the answer is the program's. */
static int
ask(struct rtmp *r, struct rtmp_event *event, const struct call *call, bool publish)
{
	char text[RTMP_NAME_MAX + 1], query[RTMP_NAME_MAX + 1];
	const char *name = text;

	if (r->activity == RTMP_ASKED || r->activity == RTMP_ACTIVE)
		return rtmp_put_status(r, call->stream_id, "error",
				       publish ? "NetStream.Publish.BadName"
					       : "NetStream.Play.Failed",
				       "This connection carries a stream already.");
	string_argument(*call->args, 1, text);
	if (strncmp(name, "mp4:", 4) == 0 || strncmp(name, "flv:", 4) == 0)
		name += 4; /* Flash's hint of a container */
	rtmp_split_query(name, r->stream, query);
	snprintf(r->query, sizeof(r->query), "%s%s%s", query,
		 query[0] != '\0' && r->app_query[0] != '\0' ? "&" : "", r->app_query);
	r->activity = RTMP_ASKED;
	r->publishing = publish;
	r->stream_id = call->stream_id;
	*event = (struct rtmp_event){.type = publish ? RTMP_PUBLISH : RTMP_PLAY,
				     .app = r->app,
				     .stream = r->stream,
				     .query = r->query};
	return 1;
}

static int
on_publish(struct rtmp *r, struct rtmp_event *event, const struct call *call)
{
	return ask(r, event, call, true);
}

static int
on_play(struct rtmp *r, struct rtmp_event *event, const struct call *call)
{
	return ask(r, event, call, false);
}

static int
on_pause(struct rtmp *r, struct rtmp_event *event, const struct call *call)
{
	struct amf_value v = {.type = AMF_NULL};
	int rc;

	if (amf_read(call->args, &v) != 1 || amf_read(call->args, &v) != 1 ||
	    v.type != AMF_BOOLEAN || r->activity != RTMP_ACTIVE || r->publishing)
		return 0;
	rc = rtmp_put_status(r, r->stream_id, "status",
			     v.boolean ? "NetStream.Pause.Notify" : "NetStream.Unpause.Notify", "");
	*event = (struct rtmp_event){.type = RTMP_PAUSE, .paused = v.boolean};
	return rc < 0 ? rc : 1;
}

static int
on_end(struct rtmp *r, struct rtmp_event *event, const struct call *call)
{
	int rc = 0;

	(void)call;
	if (r->activity != RTMP_ACTIVE && r->activity != RTMP_ASKED)
		return 0;
	if (r->publishing && r->activity == RTMP_ACTIVE)
		rc = rtmp_put_status(r, r->stream_id, "status", "NetStream.Unpublish.Success",
				     "The publication has ended.");
	r->activity = RTMP_OVER;
	*event = (struct rtmp_event){.type = RTMP_STOPPED};
	return rc < 0 ? rc : 1;
}

/* FCUnpublish comes before deleteStream and wants an answer where it has a transaction. */
static int
on_fc_unpublish(struct rtmp *r, struct rtmp_event *event, const struct call *call)
{
	int rc = on_plain(r, event, call);

	return rc < 0 ? rc : on_end(r, event, call);
}

static const struct {
	const char *name;
	int (*handler)(struct rtmp *r, struct rtmp_event *event, const struct call *call);
} commands[] = {
    {"connect", on_connect},
    {"releaseStream", on_plain},
    {"FCPublish", on_plain},
    {"FCSubscribe", on_plain},
    {"getStreamLength", on_plain},
    {"_checkbw", on_plain},
    {"createStream", on_create_stream},
    {"publish", on_publish},
    {"play", on_play},
    {"play2", on_plain},
    {"pause", on_pause},
    {"deleteStream", on_end},
    {"closeStream", on_end},
    {"FCUnpublish", on_fc_unpublish},
};

/* Others are not answered: clients send some that nobody knows. */
static int
command(struct rtmp *r, struct rtmp_event *event, uint32_t stream_id, const struct amf_text *name,
	double transaction, struct amf_reader *args)
{
	const struct call call = {stream_id, transaction, args};

	for (size_t i = 0; i < ARRAY_COUNT(commands); i++)
		if (amf_text_is(name, commands[i].name))
			return commands[i].handler(r, event, &call);
	return 0;
}

const struct rtmp_role rtmp_role_server = {.command = command, .opened = opened};

/* ---- answers ---- */

static int
accept_publish(struct rtmp *r)
{
	struct rtmp_command c;
	int rc;

	rtmp_begin_command(&c, "onFCPublish", 0); /* Flash's encoders wait for it */
	amf_add_null(&c.w);
	amf_begin_object(&c.w);
	amf_add_key(&c.w, "code");
	amf_add_string(&c.w, "NetStream.Publish.Start");
	amf_add_key(&c.w, "description");
	amf_add_string(&c.w, "Started publishing.");
	amf_end_object(&c.w);
	rc = rtmp_put_command(r, &c, r->stream_id);
	return rc < 0 ? rc
		      : rtmp_put_status(r, r->stream_id, "status", "NetStream.Publish.Start",
					"Started publishing.");
}

/* Data messages that Flash players want before media. */
static int
put_play_data(struct rtmp *r)
{
	struct amf_writer w;
	uint8_t buf[128];
	struct rtmp_message m = {.type = RTMP_DATA, .stream_id = r->stream_id, .data = buf};
	int rc;

	amf_writer_init(&w, buf, sizeof(buf));
	amf_add_string(&w, "|RtmpSampleAccess");
	amf_add_boolean(&w, true);
	amf_add_boolean(&w, true);
	m.size = (size_t)amf_finish(&w);
	rc = rtmp_put_message(r, RTMP_CS_DATA, &m);
	if (rc < 0)
		return rc;
	amf_writer_init(&w, buf, sizeof(buf));
	amf_add_string(&w, "onStatus");
	amf_begin_object(&w);
	amf_add_key(&w, "code");
	amf_add_string(&w, "NetStream.Data.Start");
	amf_end_object(&w);
	m.size = (size_t)amf_finish(&w);
	return rtmp_put_message(r, RTMP_CS_DATA, &m);
}

static int
accept_play(struct rtmp *r)
{
	int rc = rtmp_put_status(r, r->stream_id, "status", "NetStream.Play.Reset", "Resetting.");

	if (rc == 0)
		rc = rtmp_put_status(r, r->stream_id, "status", "NetStream.Play.Start",
				     "Started playing.");
	return rc == 0 ? put_play_data(r) : rc;
}

int
rtmp_accept(struct rtmp *r)
{
	int rc;

	if (r->role != &rtmp_role_server || r->activity != RTMP_ASKED)
		return -EINVAL;
	rc = rtmp_put_user(r, RTMP_STREAM_BEGIN, r->stream_id);
	if (rc == 0)
		rc = r->publishing ? accept_publish(r) : accept_play(r);
	if (rc == 0)
		r->activity = RTMP_ACTIVE;
	return rc;
}

int
rtmp_refuse(struct rtmp *r, enum rtmp_refusal why, const char *words)
{
	static const struct {
		const char *publish, *play;
	} codes[] = {
	    [RTMP_BAD_NAME] = {"NetStream.Publish.BadName", "NetStream.Play.StreamNotFound"},
	    [RTMP_DENIED] = {"NetStream.Publish.Denied", "NetStream.Play.Failed"},
	    [RTMP_NOT_FOUND] = {"NetStream.Publish.BadName", "NetStream.Play.StreamNotFound"},
	    [RTMP_UNAVAILABLE] = {"NetStream.Publish.Failed", "NetStream.Play.Failed"},
	};

	if (r->role != &rtmp_role_server || r->activity != RTMP_ASKED)
		return -EINVAL;
	r->activity = RTMP_OVER;
	return rtmp_put_status(r, r->stream_id, "error",
			       r->publishing ? codes[why].publish : codes[why].play, words);
}
