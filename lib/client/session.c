#include "client/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/text.h"
#include "client/session_impl.h"

/* ---- callbacks of the peer, passed on ---- */

static void
on_connected(void *arg, const struct peer_info *info)
{
	struct client_session *s = arg;

	s->times.ice_us = info->ice_us + s->times.answer_us;
	s->times.dtls_us = info->dtls_us + s->times.answer_us;
	session_relay_prune(s);
	if (s->cfg.events->connected != NULL)
		s->cfg.events->connected(s->cfg.arg, info);
}

/* No check was answered: the first stage that is to blame. */
static enum client_code
code_of_ice(const struct client_session *s, char *words, size_t size)
{
	if (s->udp_count > 0)
		return session_is_unreachable(s, words, size) ? CLIENT_CANDIDATE : CLIENT_UDP;
	return s->target_count > 0 ? CLIENT_TCP_ONLY : CLIENT_TURN;
}

static void
on_failed(void *arg, enum peer_stage stage, const char *words)
{
	struct client_session *s = arg;
	char text[WHIP_WORDS_SIZE], all[2 * WHIP_WORDS_SIZE + 8];
	bool relayed = stage == PEER_STAGE_ICE && s->relay != NULL && s->relay->words[0] != '\0';
	enum client_code code = CLIENT_NO_MEDIA;

	text_copy(text, sizeof(text), words);
	/* A path that worked and is gone is not a path that is blocked. */
	if (s->times.dtls_us == 0 && stage == PEER_STAGE_ICE) {
		code = code_of_ice(s, text, sizeof(text));
	} else if (s->times.dtls_us == 0 && stage == PEER_STAGE_DTLS) {
		code = CLIENT_DTLS;
		if (s->tcp != NULL && s->relay == NULL && s->received_us == 0) {
			code = CLIENT_TCP_ONLY; /* UDP failed before it */
			snprintf(text, sizeof(text), "no UDP, and by TCP %s", words);
		}
	}
	snprintf(all, sizeof(all), "%s%s%s", text, relayed ? "; " : "",
		 relayed ? s->relay->words : "");
	session_end(s, code, all);
}

static void
on_closed(void *arg, const char *words)
{
	session_end(arg, CLIENT_NO_MEDIA, words);
}

static void
on_packet(void *arg, const struct peer_packet *packet)
{
	struct client_session *s = arg;

	if (s->cfg.events->packet != NULL)
		s->cfg.events->packet(s->cfg.arg, clock_now_us(), packet);
}

static void
on_keyframe(void *arg, unsigned track)
{
	struct client_session *s = arg;

	if (s->cfg.events->keyframe != NULL)
		s->cfg.events->keyframe(s->cfg.arg, track);
}

static void
on_sender_report(void *arg, unsigned track, uint64_t now_us, const struct rtcp_sr *sr)
{
	struct client_session *s = arg;

	if (s->cfg.events->sender_report != NULL)
		s->cfg.events->sender_report(s->cfg.arg, track, now_us, sr);
}

static void
on_bitrate(void *arg, uint64_t bitrate_bps)
{
	struct client_session *s = arg;

	if (s->cfg.events->bitrate != NULL)
		s->cfg.events->bitrate(s->cfg.arg, bitrate_bps);
}

static void
on_bye(void *arg, unsigned track)
{
	struct client_session *s = arg;

	if (s->cfg.events->bye != NULL)
		s->cfg.events->bye(s->cfg.arg, track);
}

static void
on_hole(void *arg, unsigned track)
{
	struct client_session *s = arg;

	if (s->cfg.events->hole != NULL)
		s->cfg.events->hole(s->cfg.arg, track);
}

static const struct peer_events peer_events = {
    .connected = on_connected,
    .failed = on_failed,
    .closed = on_closed,
    .packet = on_packet,
    .keyframe = on_keyframe,
    .sender_report = on_sender_report,
    .bitrate = on_bitrate,
    .bye = on_bye,
    .hole = on_hole,
};

/* ---- stopping ---- */

/* Say farewell on the media path and give the sockets back. */
static void
shut_down(struct client_session *s)
{
	peer_close(s->peer, clock_now_us());
	session_send_all(s);
	session_sockets_close(s);
}

static void
report_stopped(struct client_session *s, enum client_code code, const char *words)
{
	shut_down(s);
	if (!session_relay_release(s, code, words))
		session_stopped(s, code, words);
}

void
session_stopped(struct client_session *s, enum client_code code, const char *words)
{
	if (s->stopped != NULL)
		s->stopped(s->cfg.arg, code, words); /* may free s */
}

/* 404 is fine for a session that has ended by itself; one that runs is somewhere else. */
static void
on_deleted(void *arg, const struct whip_result *r)
{
	struct client_session *s = arg;
	bool lost = r->code == CLIENT_OK && r->status == 404 && s->times.dtls_us != 0 && !s->ended;

	if (lost)
		report_stopped(s, CLIENT_DELETE,
			       "HTTP 404 to the DELETE: the answer's Location leads nowhere");
	else
		report_stopped(s, r->code, r->words);
}

static void
delete_session(struct client_session *s)
{
	if (s->whip == NULL || whip_client_delete(s->whip, on_deleted, s) < 0)
		report_stopped(s, CLIENT_OK, "");
}

/* The DELETE comes first: a server that hears close_notify may forget the session and answer 404.
 */
static void
begin_stop(struct client_session *s)
{
	s->stop_begun = true;
	session_names_forget(s);
	session_sockets_pause(s);
	uv_timer_stop(&s->driver.timer);
	if (!s->posting) /* else when the POST is answered: there may be a session by then */
		delete_session(s);
}

void
client_session_stop(struct client_session *s,
		    void (*stopped)(void *arg, enum client_code code, const char *words))
{
	if (s->stopping)
		return;
	s->stopping = true;
	s->stopped = stopped;
	if (s->depth == 0)
		begin_stop(s);
}

void
session_enter(struct client_session *s)
{
	s->depth++;
}

void
session_leave(struct client_session *s)
{
	if (--s->depth == 0 && s->stopping && !s->stop_begun)
		begin_stop(s);
}

void
session_end(struct client_session *s, enum client_code code, const char *words)
{
	if (s->ended || s->stopping)
		return;
	s->ended = true;
	session_enter(s);
	if (s->cfg.events->ended != NULL)
		s->cfg.events->ended(s->cfg.arg, code, words);
	session_leave(s);
}

/* ---- the peer on the loop ---- */

static void
on_timeout(void *object, uint64_t now_us)
{
	struct client_session *s = object;

	session_enter(s);
	if (!s->stop_begun && now_us >= s->tcp_at_us)
		session_tcp_timeout(s);
	if (!s->stop_begun)
		session_relay_timeout(s, now_us);
	if (!s->stop_begun)
		peer_timeout(s->peer, now_us);
	session_leave(s);
}

static uint64_t
get_deadline(void *object, uint64_t now_us)
{
	const struct client_session *s = object;
	uint64_t at;

	(void)now_us;
	if (s->stop_begun)
		return CLOCK_NEVER;
	at = MIN_OF(MIN_OF(peer_deadline(s->peer), s->tcp_at_us), session_relay_deadline(s));
	return MIN_OF(at, session_trickle_deadline(s));
}

static void
flush(void *object, uint64_t now_us)
{
	struct client_session *s = object;

	(void)now_us;
	if (!s->stop_begun)
		session_send_all(s);
}

static const struct loop_driver_ops driver_ops = {
    .timeout = on_timeout,
    .deadline = get_deadline,
    .flush = flush,
};

void
session_settle(struct client_session *s)
{
	if (s->depth == 0 && !s->stop_begun)
		loop_driver_settle(&s->driver, clock_now_us());
}

/* ---- signalling ---- */

static void
take_answer(struct client_session *s, const struct whip_result *r)
{
	char words[WHIP_WORDS_SIZE] = "";
	enum client_code code;

	s->times.answer_us = clock_now_us() - s->start_us;
	s->reached = r->reached;
	session_relay_learn(s, s->cfg.ice_servers);
	session_relay_learn(s, r->ice_servers);
	code = session_take_answer(s, r->answer, r->answer_size, words, sizeof(words));
	if (code != CLIENT_OK) {
		session_end(s, code, words);
		return;
	}
	s->answered = true;
	session_trickle_begin(s, r->ice_servers);
	session_enter(s);
	if (s->cfg.events->answered != NULL)
		s->cfg.events->answered(s->cfg.arg);
	session_leave(s);
	session_settle(s);
}

static void
on_posted(void *arg, const struct whip_result *r)
{
	struct client_session *s = arg;

	s->posting = false;
	if (s->stopping)
		delete_session(s);
	else if (r->code != CLIENT_OK)
		session_end(s, r->code, r->words);
	else
		take_answer(s, r);
}

static int
post_offer(struct client_session *s)
{
	char *text = session_make_offer(s);

	if (text == NULL)
		return -ENOMEM;
	s->whip = whip_client_post(s->cfg.http, s->cfg.whip, s->cfg.url, text, on_posted, s);
	free(text);
	if (s->whip == NULL)
		return -ENOMEM;
	s->posting = true;
	s->cfg.url = NULL; /* was copied */
	return 0;
}

/* ---- life ---- */

static int
copy_config(struct client_session *s, const struct client_session_config *config)
{
	static const struct client_session_events none;

	if (config->track_count == 0 || config->track_count > CLIENT_SESSION_TRACKS_MAX)
		return -EINVAL;
	s->cfg = *config;
	if (s->cfg.events == NULL)
		s->cfg.events = &none;
	memcpy(s->offered, config->tracks, config->track_count * sizeof(*config->tracks));
	s->cfg.tracks = s->offered;
	return 0;
}

static struct peer *
make_peer(struct client_session *s)
{
	uint64_t now_us = clock_now_us();
	const struct peer_config config = {
	    .dtls = s->cfg.dtls,
	    .events = &peer_events,
	    .arg = s,
	    .ice = PEER_ICE_FULL,
	    .seed = random_u64(),
	    .connect_timeout_us = s->cfg.connect_timeout_us,
	    .ntp_base = clock_ntp() - clock_us_to_ntp(now_us),
	    .decrypt = s->cfg.decrypt,
	    .sample = s->cfg.sample,
	    .history_count = s->cfg.history_count,
	    .rate_start_bps = s->cfg.rate_start_bps,
	    .rate_max_bps = s->cfg.rate_max_bps,
	};

	s->start_us = now_us;
	return peer_new(&config, now_us);
}

struct client_session *
client_session_start(const struct client_session_config *config)
{
	struct client_session *s = calloc(1, sizeof(*s));
	int r;

	if (s == NULL)
		return NULL;
	for (unsigned i = 0; i < SESSION_FAMILIES; i++)
		s->sockets[i].fd = -1;
	s->tcp_at_us = CLOCK_NEVER;
	r = copy_config(s, config);
	if (r < 0) {
		free(s);
		errno = -r;
		return NULL;
	}
	loop_driver_init(&s->driver, s->cfg.loop, &driver_ops, s);
	s->handle_count = 1;
	s->peer = make_peer(s);
	r = s->peer != NULL ? post_offer(s) : -ENOMEM;
	if (r < 0) {
		client_session_free(s);
		errno = -r;
		return NULL;
	}
	return s;
}

void
session_handle_closed(struct client_session *s)
{
	if (--s->handle_count == 0 && s->freed)
		free(s);
}

static void
on_timer_closed(uv_handle_t *handle)
{
	struct loop_driver *d = handle->data;

	session_handle_closed(d->object);
}

void
client_session_free(struct client_session *s)
{
	if (s == NULL || s->freed)
		return;
	s->freed = s->stopping = s->stop_begun = true;
	whip_client_free(s->whip);
	session_names_forget(s);
	session_sockets_close(s);
	session_relay_free(s);
	session_trickle_free(s);
	peer_free(s->peer);
	sdp_free(s->offer);
	s->whip = NULL;
	s->peer = NULL;
	s->offer = NULL;
	loop_driver_close(&s->driver, on_timer_closed);
}

/* ---- what its owner asks ---- */

int
client_session_send(struct client_session *s, unsigned track, const struct peer_media *media)
{
	return s->stopping ? -ENOTCONN : peer_send(s->peer, clock_now_us(), track, media);
}

void
client_session_flush(struct client_session *s)
{
	session_settle(s);
}

int
client_session_request_keyframe(struct client_session *s, unsigned track)
{
	int r = s->stopping ? -ENOTCONN : peer_request_keyframe(s->peer, clock_now_us(), track);

	session_settle(s);
	return r;
}

const struct peer_track *
client_session_track(const struct client_session *s, unsigned track)
{
	return s->answered && track < s->track_count ? &s->tracks[track] : NULL;
}

const struct peer *
client_session_peer(const struct client_session *s)
{
	return s->answered ? s->peer : NULL;
}

void
client_session_times(const struct client_session *s, struct client_session_times *out)
{
	*out = s->times;
}

uint64_t
client_session_start_us(const struct client_session *s)
{
	return s->start_us;
}
