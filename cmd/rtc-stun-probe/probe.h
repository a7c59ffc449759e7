/* probe.h - the checks of one address over UDP or TCP: send, repeat, match, judge. */
#ifndef RTCKIT_STUN_PROBE_PROBE_H
#define RTCKIT_STUN_PROBE_PROBE_H

#include <uv.h>

#include "base/addr.h"
#include "frame/frame.h"
#include "options.h"
#include "verdict.h"

/* One request of -c COUNT, or the only one. */
struct probe_try {
	uint64_t sent_us, rtt_us; /* rtt_us 0: not answered */
};

struct probe;
typedef void probe_done_fn(void *arg, struct probe *probe);

struct probe {
	const struct options *options; /* borrowed, as are loop and arg */
	uv_loop_t *loop;
	probe_done_fn *done;
	void *arg;
	struct addr to, local, mapped;
	bool tcp, connected; /* over a connection, in frames (RFC 4571) */
	struct frame_reader reader;
	int fd;
	uv_poll_t poll;
	uv_timer_t timer;
	unsigned open_handles;
	struct probe_try *tries; /* options->count of them; owned */
	unsigned sent, answered, transmissions;
	uint64_t start_us, next_us;
	uint8_t txid[8]; /* random; the try's number makes it 12 octets */
	bool garbage;	 /* something came that is no answer */
	bool finished;
	enum verdict verdict;
	int error; /* STUN's error code, or an errno of the system */
	bool has_mapped, integrity, fingerprint;
};

/*
 * Begin: done is called exactly once, on the loop, also when the socket cannot even be made. The
 * caller stores probe until then and calls probe_fini() after the loop has run out.
 */
void probe_start(struct probe *probe, uv_loop_t *loop, const struct options *options,
		 const struct addr *to, probe_done_fn *done, void *arg);
/* End it now with what is known (a signal came). */
void probe_stop(struct probe *probe);
void probe_fini(struct probe *probe);

/* Minimum, median and 99th percentile of the answered ones; false if there are none. */
struct probe_rtt {
	uint64_t min_us, median_us, p99_us;
};
bool probe_rtt(const struct probe *probe, struct probe_rtt *rtt);

#endif
