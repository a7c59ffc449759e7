/*
 * exam.h - one examination: what the stages share.  A stage is a row of the table in stages.c and
 * one function; they run one after the other, each with a deadline, and wait with exam_wait() only,
 * so that nothing blocks for ever and a signal ends everything.
 */
#ifndef RTC_DOCTOR_EXAM_H
#define RTC_DOCTOR_EXAM_H

#include <poll.h>

#include "doctor/doctor_candidate.h"
#include "doctor/doctor_sdp.h"
#include "exchange.h"
#include "options.h"
#include "peer/peer.h"
#include "tcp/tcp.h"

enum {
	EXAM_ADDRESSES_MAX = 8, /* of the server's name */
	EXAM_TARGETS_MAX = 16,	/* media addresses that are checked, names resolved */
	EXAM_HOST_SIZE = 256
};

/* What is known or reached; a stage runs if all it needs is there. */
enum exam_have {
	EXAM_URL = 1,
	EXAM_ADDRESS = 2,  /* of the server's name */
	EXAM_TCP = 4,	   /* a TCP connection works */
	EXAM_TLS = 8,	   /* and TLS, or none is wanted */
	EXAM_STATUS = 16,  /* POST was answered */
	EXAM_CREATED = 32, /* with 201 */
	EXAM_ANSWER = 64,  /* SDP that can be gone on with */
	EXAM_TARGETS = 128,
	EXAM_UDP = 256,	    /* checks are answered */
	EXAM_SESSION = 512, /* ours: DTLS can follow */
	EXAM_DTLS = 1024,
	EXAM_LOCATION = 2048, /* the session's URL */
	EXAM_PATH = 4096      /* UDP or TCP that the client uses too */
};

/* A media address of the answer. */
struct exam_target {
	struct addr addr;
	uint32_t priority;
	bool tcp, usable, answered;
	bool first; /* the first UDP host candidate */
};

struct exam {
	struct options o;
	unsigned have;
	int wake_fd; /* readable once a signal came */
	bool interrupted;
	bool abandoned;	      /* a thread is still at work: nothing may be taken from it */
	uint64_t deadline_us; /* of the stage that runs */
	struct doctor_finding findings[DOCTOR_STAGES];
	bool reported[DOCTOR_STAGES];

	/* The URL's parts, and where it leads. */
	bool https;
	char host[EXAM_HOST_SIZE]; /* without brackets */
	uint16_t port;
	size_t address_count;
	struct addr addresses[EXAM_ADDRESSES_MAX];
	struct addr reached;

	/* HTTP. */
	char *offer_text;
	struct exchange post; /* the one that counts */
	struct exchange bare; /* without the token; method NULL: not asked */
	unsigned redirects;
	char session_url[WHIP_URL_SIZE]; /* "": none to delete */

	/* The session. */
	struct dtls_ctx *dtls;
	struct peer *peer;
	struct sdp *offer, *answer;
	struct sdp_plan *plan;
	size_t target_count;
	struct exam_target targets[EXAM_TARGETS_MAX];
	struct media_run *media; /* while the media stage runs */
	struct tcp *tcp;	 /* the peer's connections; NULL: by UDP */
	int udp_fd[2];		 /* of the peer: IPv4, IPv6; -1 */
	struct addr best;	 /* the media address that answered best */
	unsigned dtls_seen;	 /* datagrams of DTLS that came */
	bool hello_seen;	 /* a ClientHello among them */
	bool connected, ended;
	enum peer_stage ended_stage;
	char ended_words[200];
	struct peer_info info;
};

typedef void exam_stage_fn(struct exam *x, struct doctor_finding *f);
exam_stage_fn stage_dns, stage_tcp, stage_tls, stage_http, stage_auth, stage_headers, stage_sdp,
    stage_candidates, stage_ice_udp, stage_ice_tcp, stage_mtu, stage_dtls, stage_media,
    stage_delete;

/* Wait for descriptors until a time: their count, 0 when the time is over, -EINTR when a signal
 * came (at once from then on). count is at most EXAM_WAIT_MAX. */
enum { EXAM_WAIT_MAX = 64 };
int exam_wait(struct exam *x, struct pollfd *fds, size_t count, uint64_t until_us);
uint64_t exam_left_ms(const struct exam *x); /* of the stage's time, at least 1 */

/* Look a name up without blocking past the stage's deadline. Returns the count of addresses (each
 * with the port), -ENOENT, -ETIMEDOUT, -EINTR. family: AF_INET, AF_INET6. */
int exam_resolve(struct exam *x, const char *name, int family, uint16_t port, struct addr *out,
		 size_t cap);

/* Does a media address answer one of three checks at once? */
bool exam_answers(struct exam *x, struct exam_target *t);

/* Run the stages and report; the exit status. */
int exam_run(struct exam *x);

#endif
