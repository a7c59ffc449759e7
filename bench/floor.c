/*
 * floor - what forwarding cannot cost less than: encrypts every packet for every destination with
 * AES-128-GCM (OpenSSL EVP, the key scheduled once per destination) and sends it to as many sockets
 * that another process drains, by sendmmsg with UDP_SEGMENT.  No receiving, no parsing, no
 * bookkeeping.  Prints the sender's CPU microseconds per packet; the relay is measured beside it.
 * With -p every packet is sent by a sendto() of its own, as a plain server does it.
 *
 *   floor [-jp] -n DESTINATIONS -w PACKETS_PER_WAKE [-d SECONDS] [-r PACKETS_PER_S] [-s OCTETS]
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"

enum {
	HEADER = 12, /* octets that are authenticated, not encrypted */
	TAG = 16,
	WAKE_MAX = 16,
	SIZE_MAX_OCTETS = 1400,
	DESTINATIONS_MAX = 20000,
	MESSAGES = 512, /* per sendmmsg */
	DRAIN = 32	/* datagrams per recvmmsg */
};

struct options {
	unsigned destinations, wake, size, rate;
	double seconds;
	bool json, plain;
};

struct destination {
	EVP_CIPHER_CTX *cipher;
	struct sockaddr_in to;
	uint8_t *out; /* wake packets, side by side */
};

static void
fail(const char *what)
{
	fprintf(stderr, "floor: fatal: %s: %s\n", what, strerror(errno));
	exit(EX_OSERR);
}

/* ---- the other side: drains every socket until it is killed ---- */

static void
drain_socket(int fd)
{
	static uint8_t buf[DRAIN][2048];
	struct mmsghdr msgs[DRAIN];
	struct iovec vecs[DRAIN];
	int n;

	do {
		for (unsigned i = 0; i < DRAIN; i++) {
			vecs[i] = (struct iovec){buf[i], sizeof(buf[i])};
			msgs[i].msg_hdr = (struct msghdr){.msg_iov = &vecs[i], .msg_iovlen = 1};
		}
		n = recvmmsg(fd, msgs, DRAIN, MSG_DONTWAIT, NULL);
	} while (n == DRAIN);
}

static void
drain_all(const int *fds, unsigned count)
{
	struct epoll_event events[256];
	int ep = epoll_create1(0);

	for (unsigned i = 0; i < count; i++) {
		struct epoll_event e = {.events = EPOLLIN, .data.fd = fds[i]};

		if (epoll_ctl(ep, EPOLL_CTL_ADD, fds[i], &e) != 0)
			fail("epoll_ctl");
	}
	for (;;) {
		int n = epoll_wait(ep, events, 256, -1);

		for (int i = 0; i < n; i++)
			drain_socket(events[i].data.fd);
	}
}

static int
open_sink(struct sockaddr_in *a)
{
	socklen_t size = sizeof(*a);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	*a = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (fd < 0 || bind(fd, (struct sockaddr *)a, size) != 0 ||
	    getsockname(fd, (struct sockaddr *)a, &size) != 0)
		fail("cannot open a socket");
	return fd;
}

/* ---- the sender ---- */

static void
encrypt_packet(struct destination *d, const uint8_t *packet, size_t size, uint32_t seq,
	       uint8_t *out)
{
	uint8_t iv[12] = {0};
	int n;

	memcpy(iv + 8, &seq, sizeof(seq));
	memcpy(out, packet, HEADER);
	memcpy(out + 2, &seq, 2); /* a receiver's own number */
	if (EVP_EncryptInit_ex(d->cipher, NULL, NULL, NULL, iv) != 1 ||
	    EVP_EncryptUpdate(d->cipher, NULL, &n, out, HEADER) != 1 ||
	    EVP_EncryptUpdate(d->cipher, out + HEADER, &n, packet + HEADER, (int)size - HEADER) !=
		1 ||
	    EVP_EncryptFinal_ex(d->cipher, out + size, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(d->cipher, EVP_CTRL_AEAD_GET_TAG, TAG, out + size) != 1)
		fail("cannot encrypt");
}

union segment {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(uint16_t))];
};

/* Encrypt a wake's packets for the destinations first..first+count-1 and send them in one call. */
static void
send_batch(int fd, struct destination *d, unsigned count, const struct options *o,
	   const uint8_t *packets, uint32_t seq)
{
	static struct mmsghdr msgs[MESSAGES];
	static struct iovec vecs[MESSAGES];
	static union segment segments[MESSAGES];
	size_t wire = o->size + TAG;
	unsigned done = 0;

	for (unsigned i = 0; i < count; i++) {
		uint16_t segment = (uint16_t)wire;

		for (unsigned k = 0; k < o->wake; k++)
			encrypt_packet(&d[i], packets + k * o->size, o->size, seq + k,
				       d[i].out + k * wire);
		vecs[i] = (struct iovec){d[i].out, wire * o->wake};
		msgs[i].msg_hdr = (struct msghdr){.msg_name = &d[i].to,
						  .msg_namelen = sizeof(d[i].to),
						  .msg_iov = &vecs[i],
						  .msg_iovlen = 1};
		if (o->wake == 1)
			continue;
		segments[i].head = (struct cmsghdr){.cmsg_level = SOL_UDP,
						    .cmsg_type = UDP_SEGMENT,
						    .cmsg_len = CMSG_LEN(sizeof(segment))};
		memcpy(CMSG_DATA(&segments[i].head), &segment, sizeof(segment));
		msgs[i].msg_hdr.msg_control = &segments[i];
		msgs[i].msg_hdr.msg_controllen = sizeof(segments[i]);
	}
	while (done < count) {
		int n = sendmmsg(fd, msgs + done, count - done, 0);

		if (n < 0)
			fail("sendmmsg");
		done += (unsigned)n;
	}
}

static void
send_plain(int fd, struct destination *d, unsigned count, const struct options *o,
	   const uint8_t *packets, uint32_t seq)
{
	for (unsigned k = 0; k < o->wake; k++) {
		for (unsigned i = 0; i < count; i++) {
			encrypt_packet(&d[i], packets + k * o->size, o->size, seq + k, d[i].out);
			if (sendto(fd, d[i].out, o->size + TAG, 0, (struct sockaddr *)&d[i].to,
				   sizeof(d[i].to)) < 0)
				fail("sendto");
		}
	}
}

static uint64_t
own_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* Paced as the stream is: a wake every wake / rate seconds. Returns packets sent (per destination).
 */
static uint64_t
run(int fd, struct destination *d, const struct options *o, uint64_t *cpu_ns)
{
	uint8_t *packets = malloc((size_t)o->wake * o->size);
	uint64_t begin_us = clock_now_us(), next_us = begin_us, sent = 0, cpu = own_cpu_ns();

	if (packets == NULL || RAND_bytes(packets, (int)(o->wake * o->size)) != 1)
		fail("no memory");
	while (clock_now_us() - begin_us < (uint64_t)(o->seconds * 1e6)) {
		uint64_t now_us = clock_now_us();
		struct timespec rest;

		if (o->plain)
			send_plain(fd, d, o->destinations, o, packets, (uint32_t)sent);
		for (unsigned i = 0; i < o->destinations && !o->plain; i += MESSAGES)
			send_batch(fd, d + i, MIN_OF(o->destinations - i, (unsigned)MESSAGES), o,
				   packets, (uint32_t)sent);
		sent += o->wake;
		next_us += (uint64_t)o->wake * 1000000 / o->rate;
		now_us = clock_now_us();
		if (next_us > now_us) {
			rest = (struct timespec){.tv_sec = (time_t)((next_us - now_us) / 1000000),
						 .tv_nsec =
						     (long)((next_us - now_us) % 1000000 * 1000)};
			nanosleep(&rest, NULL);
		}
	}
	*cpu_ns = own_cpu_ns() - cpu;
	free(packets);
	return sent;
}

static struct destination *
make_destinations(const struct options *o, int *fds)
{
	struct destination *d = calloc(o->destinations, sizeof(*d));
	uint8_t key[16];

	if (d == NULL)
		fail("no memory");
	for (unsigned i = 0; i < o->destinations; i++) {
		fds[i] = open_sink(&d[i].to);
		d[i].cipher = EVP_CIPHER_CTX_new();
		d[i].out = malloc((size_t)o->wake * (o->size + TAG));
		if (d[i].cipher == NULL || d[i].out == NULL || RAND_bytes(key, sizeof(key)) != 1 ||
		    EVP_EncryptInit_ex(d[i].cipher, EVP_aes_128_gcm(), NULL, key, NULL) != 1)
			fail("no memory");
	}
	return d;
}

/* As the relay and the players are measured: one core each, where there are two. */
static void
pin(int core)
{
	cpu_set_t set;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return;
	CPU_ZERO(&set);
	CPU_SET(core, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

static void
raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static bool
parse(struct options *o, int argc, char **argv)
{
	for (int c = 0; c >= 0;) {
		c = getopt(argc, argv, "jpn:w:d:r:s:");
		switch (c) {
		case -1:
			break;
		case 'n':
			o->destinations = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'w':
			o->wake = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 's':
			o->size = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'r':
			o->rate = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'd':
			o->seconds = strtod(optarg, NULL);
			break;
		case 'j':
			o->json = true;
			break;
		case 'p':
			o->plain = true;
			break;
		default:
			return false;
		}
	}
	return argc == optind && o->destinations >= 1 && o->destinations <= DESTINATIONS_MAX &&
	       o->wake >= 1 && o->wake <= WAKE_MAX && o->size > HEADER &&
	       o->size <= SIZE_MAX_OCTETS && o->rate >= 1 && o->seconds > 0;
}

int
main(int argc, char **argv)
{
	struct options o = {.destinations = 50, .wake = 2, .size = 815, .rate = 168, .seconds = 5};
	struct destination *d;
	uint64_t sent, cpu_ns, total;
	int *fds, fd;
	pid_t child;

	if (!parse(&o, argc, argv)) {
		fputs("usage: floor [-jp] [-n destinations] [-w packets-per-wake] [-d seconds] "
		      "[-r packets-per-s] [-s octets]\n",
		      stderr);
		return EX_USAGE;
	}
	raise_descriptor_limit();
	fds = calloc(o.destinations, sizeof(*fds));
	if (fds == NULL)
		fail("no memory");
	d = make_destinations(&o, fds);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	child = fork();
	if (fd < 0 || child < 0)
		fail("cannot start");
	pin(child == 0 ? 1 : 0);
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		drain_all(fds, o.destinations);
	}
	sent = run(fd, d, &o, &cpu_ns);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	total = sent * o.destinations;
	printf(o.json ? "{\"destinations\":%u,\"packets_per_wake\":%u,\"packets\":%llu,"
			"\"us_per_packet\":%.3f}\n"
		      : "%u destinations, %u per wake: %llu packets, %.2f us per packet\n",
	       o.destinations, o.wake, (unsigned long long)total,
	       (double)cpu_ns / 1000 / (double)total);
	return 0;
}
