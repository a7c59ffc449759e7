/* stage_udp.c - ice-udp: checks to every media address, side by side. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "check.h"

enum {
	INTERVAL_US = 50000,  /* between checks to one address; RFC 8445 s.14.2 allows 5 ms */
	SERIES_US = 8000000,  /* of them all: servers forget a session without DTLS, ours in 15 s */
	TRIES = 3,	      /* of exam_answers() */
	LATE_US = 1000000,    /* for the answer to the last one */
	SILENCE_US = 2000000, /* if none came at all */
	LOSS_PERCENT = 5      /* above it a video suffers */
};

struct probe {
	struct exam_target *target;
	struct check_key key;
	int fd;
	unsigned sent, good, errors, unsigned_, garbage;
	int stun_error; /* of the last error answer */
	int error;	/* errno of the socket: ICMP, local refusal */
	uint64_t rtt_min_us, rtt_max_us, rtt_sum_us;
	uint64_t *sent_us; /* by number; 0: answered, or never sent */
};

static bool
probe_open(struct probe *p, struct exam_target *t, unsigned count)
{
	p->target = t;
	p->rtt_min_us = UINT64_MAX;
	check_key_init(&p->key);
	p->sent_us = calloc(count, sizeof(*p->sent_us));
	p->fd = socket(t->addr.sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->sent_us == NULL || p->fd < 0)
		return false;
	/* Connected, so that ICMP errors come back. */
	if (connect(p->fd, &t->addr.sa, addr_size(&t->addr)) < 0)
		p->error = errno;
	return true;
}

static void
probe_close(struct probe *p)
{
	free(p->sent_us);
	if (p->fd >= 0)
		close(p->fd);
}

static void
probe_send(const struct exam *x, struct probe *p)
{
	uint8_t buf[CHECK_HEAD_MAX];
	int size = check_write(x, &p->key, p->sent, 0, buf, sizeof(buf));

	p->sent_us[p->sent++] = clock_now_us();
	if (size > 0 && send(p->fd, buf, (size_t)size, 0) < 0 && errno != EAGAIN)
		p->error = errno;
}

static void
take_good(struct probe *p, unsigned number, uint64_t now_us)
{
	uint64_t rtt_us;

	if (number >= p->sent || p->sent_us[number] == 0)
		return; /* a repetition of the network's */
	rtt_us = now_us - p->sent_us[number];
	p->sent_us[number] = 0;
	p->good++;
	p->rtt_sum_us += rtt_us;
	p->rtt_min_us = MIN_OF(p->rtt_min_us, rtt_us);
	p->rtt_max_us = MAX_OF(p->rtt_max_us, rtt_us);
}

static void
probe_receive(const struct exam *x, struct probe *p)
{
	enum { BATCH = 32 }; /* so that a flood does not hold us */
	uint8_t buf[CHECK_SIZE_MAX];

	for (unsigned i = 0; i < BATCH; i++) {
		ssize_t n = recv(p->fd, buf, sizeof(buf), 0);
		unsigned number = 0;

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			p->error = errno;
		if (n < 0)
			return;
		switch (check_read(x, &p->key, buf, (size_t)n, &number, &p->stun_error)) {
		case CHECK_GOOD:
			take_good(p, number, clock_now_us());
			break;
		case CHECK_ERROR:
			p->errors++;
			break;
		case CHECK_UNSIGNED:
			p->unsigned_++;
			break;
		case CHECK_GARBAGE:
			p->garbage++;
			break;
		case CHECK_NOTHING:
			break;
		}
	}
}

/* ---- all side by side ---- */

static bool
all_answered(const struct probe *p, size_t count, unsigned checks)
{
	for (size_t i = 0; i < count; i++)
		if (p[i].good + p[i].errors + p[i].unsigned_ < checks && p[i].error == 0)
			return false;
	return true;
}

static bool
any_answered(const struct probe *p, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (p[i].good > 0)
			return true;
	return false;
}

static void
check_all(struct exam *x, struct probe *p, size_t count, unsigned checks, uint64_t silence_us)
{
	uint64_t next_us = clock_now_us(), end_us = 0;
	uint64_t interval_us = MIN_OF((uint64_t)INTERVAL_US, (uint64_t)SERIES_US / checks);
	struct pollfd wait[EXAM_TARGETS_MAX];
	unsigned round = 0;
	int r;

	do {
		uint64_t now_us = clock_now_us();

		if (round < checks && now_us >= next_us) {
			for (size_t i = 0; i < count; i++)
				probe_send(x, &p[i]);
			next_us += interval_us;
			round++;
		}
		end_us = next_us + (any_answered(p, count) ? LATE_US : silence_us);
		if (round == checks && (all_answered(p, count, round) || now_us >= end_us))
			return;
		for (size_t i = 0; i < count; i++)
			wait[i] = (struct pollfd){.fd = p[i].fd, .events = POLLIN};
		r = exam_wait(x, wait, count, round < checks ? next_us : end_us);
		for (size_t i = 0; r > 0 && i < count; i++)
			if (wait[i].revents != 0)
				probe_receive(x, &p[i]);
	} while (r >= 0);
}

/* ---- the verdict ---- */

static enum doctor_cause
cause_of(const struct probe *p)
{
	if (p->unsigned_ > 0)
		return DOCTOR_UDP_INTEGRITY;
	if (p->errors > 0)
		return DOCTOR_UDP_REFUSED;
	if (p->error == ECONNREFUSED)
		return DOCTOR_UDP_CLOSED;
	if (p->error == EPERM || p->error == EACCES)
		return DOCTOR_UDP_LOCAL;
	return p->garbage > 0 ? DOCTOR_UDP_GARBAGE : DOCTOR_UDP_SILENT;
}

static double
loss_of(const struct probe *p)
{
	return 100.0 * (p->sent - MIN_OF(p->good, p->sent)) / MAX_OF(p->sent, 1u);
}

static void
say_probe(struct doctor_finding *f, const struct probe *p)
{
	static const char *const words[] = {"no answer",
					    "the answer is signed with another password",
					    "refused",
					    "nothing listens there (ICMP)",
					    "this machine refuses to send",
					    "what answers is no STUN"};
	char text[ADDR_TEXT_SIZE];

	addr_format(&p->target->addr, text);
	if (p->good > 0)
		doctor_say(f, "%s %u of %u checks, RTT %.1f/%.1f/%.1f ms, %.0f %% lost", text,
			   p->good, p->sent, (double)p->rtt_min_us / 1e3,
			   (double)p->rtt_sum_us / 1e3 / p->good, (double)p->rtt_max_us / 1e3,
			   loss_of(p));
	else if (p->errors > 0)
		doctor_say(f, "%s refuses with STUN error %d", text, p->stun_error);
	else
		doctor_say(f, "%s %s", text,
			   words[p->unsigned_ > 0	    ? 1
				 : p->error == ECONNREFUSED ? 3
				 : p->error == EPERM	    ? 4
				 : p->garbage > 0	    ? 5
							    : 0]);
}

/* The more telling of two failures. */
static enum doctor_cause
worse_of(enum doctor_cause a, enum doctor_cause b)
{
	static const enum doctor_cause order[] = {DOCTOR_UDP_INTEGRITY, DOCTOR_UDP_REFUSED,
						  DOCTOR_UDP_LOCAL,	DOCTOR_UDP_CLOSED,
						  DOCTOR_UDP_GARBAGE,	DOCTOR_UDP_SILENT};

	for (size_t i = 0; i < ARRAY_COUNT(order); i++)
		if (a == order[i] || b == order[i])
			return order[i];
	return a;
}

static void
judge(struct exam *x, struct doctor_finding *f, const struct probe *p, size_t count)
{
	enum doctor_cause worst = DOCTOR_NO_CAUSE;
	uint64_t best_us = UINT64_MAX;
	size_t good = 0;

	for (size_t i = 0; i < count; i++) {
		say_probe(f, &p[i]);
		p[i].target->answered = p[i].good > 0;
		if (p[i].good == 0) {
			worst = worse_of(cause_of(&p[i]), worst);
			continue;
		}
		good++;
		if (loss_of(&p[i]) > LOSS_PERCENT)
			doctor_blame(f, DOCTOR_UDP_LOSS);
		if (p[i].rtt_sum_us / p[i].good < best_us) {
			best_us = p[i].rtt_sum_us / p[i].good;
			x->best = p[i].target->addr;
		}
	}
	if (good == 0)
		doctor_blame(f, worst);
	else if (good < count)
		doctor_blame(f, DOCTOR_UDP_SOME);
	if (good > 0)
		x->have |= EXAM_UDP | EXAM_PATH;
}

bool
exam_answers(struct exam *x, struct exam_target *t)
{
	struct probe p = {0};
	bool answers = false;

	if (probe_open(&p, t, TRIES)) {
		check_all(x, &p, 1, TRIES, SILENCE_US / 4);
		answers = p.good > 0;
	}
	probe_close(&p);
	return answers;
}

/* Is the address to be checked? ffmpeg looks at one only. */
static bool
is_wanted(const struct exam *x, const struct exam_target *t)
{
	return !t->tcp && t->usable && (x->o.as != DOCTOR_FFMPEG || t->first);
}

void
stage_ice_udp(struct exam *x, struct doctor_finding *f)
{
	struct probe p[EXAM_TARGETS_MAX] = {0};
	size_t count = 0;
	bool opened = true;

	for (size_t i = 0; i < x->target_count && opened; i++)
		if (is_wanted(x, &x->targets[i]))
			opened = probe_open(&p[count++], &x->targets[i], x->o.count);
	if (!opened) {
		doctor_blame(f, DOCTOR_INTERNAL);
	} else if (count == 0) {
		doctor_say(f, "no UDP address to check");
	} else {
		check_all(x, p, count, x->o.count, SILENCE_US);
		judge(x, f, p, count);
	}
	for (size_t i = 0; i < count; i++)
		probe_close(&p[i]);
}
