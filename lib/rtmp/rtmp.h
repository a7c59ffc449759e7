/*
 * rtmp.h - one RTMP connection, either end (Adobe RTMP 1.0; the digest handshake as clients in use
 * speak it).  Sans-IO: octets in by rtmp_input(), events out by rtmp_poll(), octets out by
 * rtmp_output().  Media comes and goes as FLV tags (flv.h): RTMP carries the same bodies.
 *
 * After any call but rtmp_output() and rtmp_sent(): take events until there are none, then send
 * what rtmp_output() has.
 *
 * What it does not do: TCP, TLS, HTTP tunnelling, encryption (RTMPE), shared objects; it does not
 * decide who may publish.
 */
#ifndef RTCKIT_RTMP_RTMP_H
#define RTCKIT_RTMP_RTMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flv/flv.h"

enum {
	RTMP_PORT = 1935,
	RTMP_NAME_MAX = 512,	    /* characters of app, stream and tcUrl, each, query included */
	RTMP_INPUT_MAX = 64 << 10,  /* octets of one rtmp_input() */
	RTMP_OUTPUT_MAX = 16 << 20, /* octets that wait to be sent: a key frame and 10 s of media */
	RTMP_SETUP_TIMEOUT_US = 15000000,  /* from the first octet to publish or play */
	RTMP_SILENCE_TIMEOUT_US = 30000000 /* of a peer that publishes */
};

enum rtmp_event_type {
	/* At a server: answer each with rtmp_accept() or rtmp_refuse(), later if need be. */
	RTMP_PUBLISH, /* app, stream, query */
	RTMP_PLAY,
	/* At a client. */
	RTMP_STARTED, /* the server took the publication, or plays */
	RTMP_REFUSED, /* words say why, code is the server's; the connection is of no more use */
	/* At both. */
	RTMP_MEDIA,  /* tag: FLV_AUDIO, FLV_VIDEO or FLV_SCRIPT (onMetaData with its event name) */
	RTMP_PAUSE,  /* a player pauses (paused) or goes on */
	RTMP_STOPPED /* the publication or play has ended by the peer's word */
};

struct rtmp_event {
	enum rtmp_event_type type;
	const char *app, *stream, *query; /* query: without '?', "" if none: `secret=x&token=y` */
	const char *code, *words;
	struct flv_tag tag;
	bool paused;
}; /* everything borrowed until the next call of any function but rtmp_output() */

struct rtmp;

/* seed: any number that differs per connection. NULL without memory. */
struct rtmp *rtmp_server_new(uint64_t seed, uint64_t now_us);

struct rtmp_client_config {
	const char *app, *stream; /* copied; each with "?query" if it has one */
	const char *tc_url;	  /* "rtmp://host[:port]/app" */
	const char *agent;	  /* flashVer; NULL: one that servers in use accept */
	bool publish;		  /* else play */
	bool plain;		  /* no digest in the handshake */
};
struct rtmp *rtmp_client_new(const struct rtmp_client_config *config, uint64_t seed,
			     uint64_t now_us);
void rtmp_free(struct rtmp *r);

/* Octets from the peer, at most RTMP_INPUT_MAX. 0; -EBADMSG (this is no RTMP: close); -ENOMEM;
 * -ENOBUFS (RTMP_OUTPUT_MAX is reached). */
int rtmp_input(struct rtmp *r, uint64_t now_us, const uint8_t *buf, size_t size);
/* 1 with *event set, 0 if there is none, or an error of rtmp_input(). */
int rtmp_poll(struct rtmp *r, struct rtmp_event *event);
/* What waits to be sent: its octets (0 none) at *buf, borrowed until the next call. */
size_t rtmp_output(struct rtmp *r, const uint8_t **buf);
void rtmp_sent(struct rtmp *r, size_t size);
/* When rtmp_timeout() wants to be called; CLOCK_NEVER: not. It returns 0 or -ETIMEDOUT (close). */
uint64_t rtmp_deadline(const struct rtmp *r);
int rtmp_timeout(struct rtmp *r, uint64_t now_us);

/* Answer RTMP_PUBLISH or RTMP_PLAY. 0 or -ENOBUFS; -EINVAL if nothing is asked. */
int rtmp_accept(struct rtmp *r);
enum rtmp_refusal {
	RTMP_BAD_NAME,	 /* NetStream.Publish.BadName: busy, or a name that cannot be */
	RTMP_DENIED,	 /* NetStream.Publish.Denied, NetStream.Play.Failed */
	RTMP_NOT_FOUND,	 /* NetStream.Play.StreamNotFound */
	RTMP_UNAVAILABLE /* NetStream.Publish.Failed, NetStream.Play.Failed */
};
int rtmp_refuse(struct rtmp *r, enum rtmp_refusal why, const char *words);

/* Send a tag to a player, or a publication to a server. 0; -ENOBUFS (the peer is too slow: drop
 * frames up to a keyframe, or close); -EINVAL (not started). */
int rtmp_send(struct rtmp *r, const struct flv_tag *tag);
/* Say that this end's publication or what it plays is over. 0 or -ENOBUFS. */
int rtmp_stop(struct rtmp *r);

/* ---- addresses ---- */

struct rtmp_url {
	bool tls; /* rtmps:// */
	char host[256];
	uint16_t port;
	char app[RTMP_NAME_MAX + 1];	/* "live" or "live/instance" */
	char stream[RTMP_NAME_MAX + 1]; /* with its query */
	char tc_url[2 * RTMP_NAME_MAX];
};
/* rtmp://host[:port]/app/stream[?query]; of several parts the last is the stream. 0 or -EINVAL. */
int rtmp_url_parse(struct rtmp_url *url, const char *text);

#endif
