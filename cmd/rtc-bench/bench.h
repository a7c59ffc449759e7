/* bench.h - the parts of rtc-bench: options, publishers, players, processes, report. */
#ifndef RTCKIT_RTC_BENCH_BENCH_H
#define RTCKIT_RTC_BENCH_BENCH_H

#include <stdbool.h>
#include <stdio.h>
#include <uv.h>

#include "client/session.h"
#include "base/histogram.h"
#include "publisher.h"

enum {
	BENCH_PIDS_MAX = 16,
	BENCH_PLAYERS_MAX = 20000, /* in all; a socket each: the descriptors end first */
	BENCH_STREAMS_MAX = 2000,
	BENCH_TRACKS = 2 /* video, audio */
};

enum bench_decrypt { BENCH_ALL, BENCH_SAMPLE, BENCH_NONE };

struct bench_options {
	/* As given; "[s]" stands for the number of the stream, see bench_url(). */
	const char *play_url, *publish_url;
	const char *file; /* what the publishers send; NULL: generated packets */
	bool publish, json;
	unsigned streams, players; /* players of each stream */
	unsigned rate;		   /* joins per second */
	uint64_t duration_us, settle_us, join_timeout_us;
	enum bench_decrypt decrypt;
	double max_loss, drop; /* percent */
	int pids[BENCH_PIDS_MAX];
	size_t pid_count;
	struct whip_options whip;
	char token[WHIP_TOKEN_SIZE];
};

/* 0 go on, else the exit status + 1 (help and version are 1: exit 0). */
int bench_options_parse(struct bench_options *o, int argc, char **argv);
/* The endpoint of one stream (1...) for a URL of the options. 0 or as whip_url(). */
int bench_url(char out[static WHIP_URL_SIZE], const char *url, unsigned stream,
	      enum whip_action action);

/* Sequence numbers of one track of one player, within the measured interval. */
struct track_count {
	bool started;
	uint32_t ssrc;		       /* with --decrypt none */
	uint64_t first, max, received; /* extended numbers */
	uint64_t expected_before;      /* of sequences that ended by a restart */
};

enum player_state { PLAYER_IDLE, PLAYER_JOINING, PLAYER_PLAYING, PLAYER_ENDED };

struct player {
	struct bench *bench;
	struct client_session *session;
	enum player_state state;
	enum client_code code; /* of ENDED */
	struct prng rng;
	bool decrypts; /* every packet: sees keyframes */
	struct track_count tracks[BENCH_TRACKS];
	uint64_t packets, octets, repaired; /* since player_measure() */
	/* What those were at the end of the measured interval. */
	uint64_t measured_packets, measured_octets, measured_repaired;
	uint64_t expected[BENCH_TRACKS], lost[BENCH_TRACKS];
	uint64_t jitter_us; /* of the audio, RFC 3550 s.6.4.1; 0: unknown */
	uint64_t post_us, dtls_us, packet_us, keyframe_us; /* since its start; 0: not yet */
};

/* CPU time and memory of a process. */
struct process_use {
	bool alive;
	uint64_t cpu_ns, rss_octets;
};
/* pid 0: this process. alive is false if it is gone. */
void process_read(int pid, struct process_use *out);

enum bench_stage {
	BENCH_PUBLISHING,
	BENCH_JOINING,
	BENCH_SETTLING,
	BENCH_MEASURING,
	BENCH_STOPPING,
	BENCH_DONE
};

struct bench {
	const struct bench_options *o;
	uv_loop_t loop;
	uv_timer_t timer; /* drives the stages */
	struct whip_http *http;
	struct dtls_ctx *dtls;
	struct publishers publishers;
	struct prepared file;
	struct player *players;
	unsigned player_count; /* of all streams */
	enum bench_stage stage;
	bool interrupted;
	unsigned started, playing, ended, stopped, stop_next;
	uint64_t stage_us;	  /* when the stage began */
	uint64_t tick_us, lag_us; /* the last tick, and how long after the one before */
	uint64_t measure_begin_us, measure_end_us;
	struct publisher_count sent_begin, sent_end;
	unsigned connected_end; /* publishers, at the end of the interval */
	double loss_told;	/* percent; the worst that receiver reports told our publishers */
	struct histogram delay; /* from our publishers' socket to our players' */
	struct process_use base[BENCH_PIDS_MAX]; /* before the first session */
	struct process_use begin[BENCH_PIDS_MAX], end[BENCH_PIDS_MAX];
	struct process_use own_begin, own_end;
	char words[WHIP_WORDS_SIZE]; /* why the first player failed */
};

/* players.c */
int player_start(struct bench *b, unsigned index); /* 0 or -errno */
void player_measure(struct player *p);		   /* count from here on */
void player_freeze(struct player *p);		   /* keep the counts of the interval */
void player_stop(struct player *p,
		 void (*stopped)(void *arg, enum client_code code, const char *words));

/* report.c: prints it and returns the exit status. */
int bench_report(const struct bench *b, FILE *out);

#endif
