/* rtmp_client.c - the same commands as a client asks them: one step after the other. */
#include "rtmp/rtmp_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"

/* Transactions of our commands, in their order. */
enum { ASK_CONNECT = 1, ASK_RELEASE, ASK_FC_PUBLISH, ASK_CREATE, ASK_START, ASK_DELETE };
enum { BUFFER_MS = 1000 };

static const char default_agent[] = "FMLE/3.0 (compatible; FMSc/1.0)";

struct rtmp *
rtmp_client_new(const struct rtmp_client_config *config, uint64_t seed, uint64_t now_us)
{
	struct rtmp *r = rtmp_new(&rtmp_role_client, RTMP_WAIT_S1, seed, now_us);

	if (r == NULL)
		return NULL;
	r->publishing = config->publish;
	r->plain = config->plain;
	text_copy(r->app, sizeof(r->app), config->app);
	text_copy(r->stream, sizeof(r->stream), config->stream);
	text_copy(r->tc_url, sizeof(r->tc_url), config->tc_url);
	text_copy(r->agent, sizeof(r->agent),
		  config->agent != NULL ? config->agent : default_agent);
	if (rtmp_handshake_start(r) < 0) {
		rtmp_free(r);
		return NULL;
	}
	return r;
}

static int
opened(struct rtmp *r)
{
	struct rtmp_command c;
	int rc = rtmp_put_control(r, RTMP_SET_CHUNK_SIZE, RTMP_CHUNK_OUT);

	if (rc < 0)
		return rc;
	rtmp_begin_command(&c, "connect", ASK_CONNECT);
	amf_begin_object(&c.w);
	amf_add_key(&c.w, "app");
	amf_add_string(&c.w, r->app);
	if (r->publishing) {
		amf_add_key(&c.w, "type");
		amf_add_string(&c.w, "nonprivate");
	}
	amf_add_key(&c.w, "flashVer");
	amf_add_string(&c.w, r->agent);
	amf_add_key(&c.w, "tcUrl");
	amf_add_string(&c.w, r->tc_url);
	if (!r->publishing) {
		amf_add_key(&c.w, "fpad");
		amf_add_boolean(&c.w, false);
		amf_add_key(&c.w, "capabilities");
		amf_add_number(&c.w, 15);
		amf_add_key(&c.w, "audioCodecs");
		amf_add_number(&c.w, 4071);
		amf_add_key(&c.w, "videoCodecs");
		amf_add_number(&c.w, 252);
		amf_add_key(&c.w, "videoFunction");
		amf_add_number(&c.w, 1);
	}
	amf_end_object(&c.w);
	return rtmp_put_command(r, &c, 0);
}

/* A command with a null object and, unless it is NULL, one string. */
static int
put_simple(struct rtmp *r, const char *name, double transaction, const char *argument)
{
	struct rtmp_command c;

	rtmp_begin_command(&c, name, transaction);
	amf_add_null(&c.w);
	if (argument != NULL)
		amf_add_string(&c.w, argument);
	return rtmp_put_command(r, &c, 0);
}

static int
after_connect(struct rtmp *r)
{
	int rc = 0;

	if (r->publishing) {
		rc = put_simple(r, "releaseStream", ASK_RELEASE, r->stream);
		if (rc == 0)
			rc = put_simple(r, "FCPublish", ASK_FC_PUBLISH, r->stream);
	} else
		rc = rtmp_put_control(r, RTMP_WINDOW_SIZE, RTMP_WINDOW_OUT);
	return rc == 0 ? put_simple(r, "createStream", ASK_CREATE, NULL) : rc;
}

static int
put_buffer_length(struct rtmp *r)
{
	uint8_t data[10];
	const struct rtmp_message m = {
	    .type = RTMP_USER_CONTROL, .data = data, .size = sizeof(data)};

	put_be16(data, RTMP_SET_BUFFER);
	put_be32(data + 2, r->stream_id);
	put_be32(data + 6, BUFFER_MS);
	return rtmp_put_message(r, RTMP_CS_CONTROL, &m);
}

static int
after_create(struct rtmp *r, struct amf_reader *args)
{
	struct amf_value v = {.type = AMF_NULL};
	struct rtmp_command c;
	int rc;

	if (amf_read(args, &v) != 1 || amf_read(args, &v) != 1 || v.type != AMF_NUMBER ||
	    !(v.number >= 0 && v.number <= UINT32_MAX))
		return -EBADMSG;
	r->stream_id = (uint32_t)v.number;
	r->activity = RTMP_ASKED;
	rtmp_begin_command(&c, r->publishing ? "publish" : "play", ASK_START);
	amf_add_null(&c.w);
	amf_add_string(&c.w, r->stream);
	if (r->publishing)
		amf_add_string(&c.w, "live");
	else
		amf_add_number(&c.w, -2000); /* live, else recorded (s.7.2.2.1) */
	rc = rtmp_put_command(r, &c, r->stream_id);
	return rc == 0 && !r->publishing ? put_buffer_length(r) : rc;
}

static int
on_result(struct rtmp *r, struct rtmp_event *event, double transaction, struct amf_reader *args)
{
	(void)event;
	if (transaction == ASK_CONNECT && r->activity == RTMP_IDLE && r->stream_count == 0) {
		r->stream_count = 1; /* connected */
		return after_connect(r);
	}
	if (transaction == ASK_CREATE && r->activity == RTMP_IDLE && r->stream_count == 1)
		return after_create(r, args);
	return 0;
}

/* level, code and description of the first object among the arguments. */
static bool
take_status(struct rtmp *r, struct amf_reader *args)
{
	struct amf_value v, m;
	struct amf_text key;
	char level[16] = "";

	r->code[0] = r->words[0] = '\0';
	while (amf_read(args, &v) == 1) {
		while (v.members.buf != NULL && amf_member(&v.members, &key, &m) == 1) {
			if (m.type != AMF_STRING)
				continue;
			if (amf_text_is(&key, "level"))
				amf_text_copy(level, sizeof(level), &m.text);
			else if (amf_text_is(&key, "code"))
				amf_text_copy(r->code, sizeof(r->code), &m.text);
			else if (amf_text_is(&key, "description"))
				amf_text_copy(r->words, sizeof(r->words), &m.text);
		}
	}
	return strcmp(level, "error") == 0;
}

static int
give(struct rtmp *r, struct rtmp_event *event, enum rtmp_event_type type)
{
	r->activity = type == RTMP_STARTED ? RTMP_ACTIVE : RTMP_OVER;
	*event = (struct rtmp_event){.type = type, .code = r->code, .words = r->words};
	return 1;
}

static int
on_error(struct rtmp *r, struct rtmp_event *event, double transaction, struct amf_reader *args)
{
	/* Many servers do not know these two. */
	if (transaction == ASK_RELEASE || transaction == ASK_FC_PUBLISH || r->activity == RTMP_OVER)
		return 0;
	take_status(r, args);
	return give(r, event, RTMP_REFUSED);
}

static int
on_status(struct rtmp *r, struct rtmp_event *event, double transaction, struct amf_reader *args)
{
	static const struct {
		const char *code;
		enum rtmp_event_type type;
	} codes[] = {
	    {"NetStream.Publish.Start", RTMP_STARTED},
	    {"NetStream.Play.Start", RTMP_STARTED},
	    {"NetStream.Play.Stop", RTMP_STOPPED},
	    {"NetStream.Play.Complete", RTMP_STOPPED},
	    {"NetStream.Play.UnpublishNotify", RTMP_STOPPED},
	    {"NetStream.Unpublish.Success", RTMP_STOPPED},
	};
	bool error = take_status(r, args);

	(void)transaction;
	if (error && r->activity != RTMP_OVER)
		return give(r, event, r->activity == RTMP_ACTIVE ? RTMP_STOPPED : RTMP_REFUSED);
	for (size_t i = 0; i < ARRAY_COUNT(codes); i++)
		if (strcmp(r->code, codes[i].code) == 0 &&
		    r->activity == (codes[i].type == RTMP_STARTED ? RTMP_ASKED : RTMP_ACTIVE))
			return give(r, event, codes[i].type);
	return 0;
}

static int
on_close(struct rtmp *r, struct rtmp_event *event, double transaction, struct amf_reader *args)
{
	(void)transaction;
	if (r->activity == RTMP_OVER)
		return 0;
	take_status(r, args);
	return give(r, event, r->activity == RTMP_ACTIVE ? RTMP_STOPPED : RTMP_REFUSED);
}

static int
command(struct rtmp *r, struct rtmp_event *event, uint32_t stream_id, const struct amf_text *name,
	double transaction, struct amf_reader *args)
{
	static const struct {
		const char *name;
		int (*handler)(struct rtmp *r, struct rtmp_event *event, double transaction,
			       struct amf_reader *args);
	} commands[] = {
	    {"_result", on_result},
	    {"_error", on_error},
	    {"onStatus", on_status},
	    {"close", on_close},
	};

	(void)stream_id;
	for (size_t i = 0; i < ARRAY_COUNT(commands); i++)
		if (amf_text_is(name, commands[i].name))
			return commands[i].handler(r, event, transaction, args);
	return 0;
}

const struct rtmp_role rtmp_role_client = {.command = command, .opened = opened};

/* ---- the end, of either role ---- */

static int
delete_stream(struct rtmp *r)
{
	struct rtmp_command c;
	int rc = r->publishing ? put_simple(r, "FCUnpublish", ASK_DELETE, r->stream) : 0;

	if (rc < 0)
		return rc;
	rtmp_begin_command(&c, "deleteStream", ASK_DELETE + 1);
	amf_add_null(&c.w);
	amf_add_number(&c.w, r->stream_id);
	return rtmp_put_command(r, &c, 0);
}

int
rtmp_stop(struct rtmp *r)
{
	bool active = r->activity == RTMP_ACTIVE;
	int rc;

	r->activity = RTMP_OVER;
	if (!active)
		return 0;
	if (r->role == &rtmp_role_client)
		return delete_stream(r);
	if (r->publishing)
		return rtmp_put_status(r, r->stream_id, "status", "NetStream.Unpublish.Success",
				       "The publication has ended.");
	rc = rtmp_put_user(r, RTMP_STREAM_EOF, r->stream_id);
	return rc < 0 ? rc
		      : rtmp_put_status(r, r->stream_id, "status", "NetStream.Play.UnpublishNotify",
					"The stream has ended.");
}
