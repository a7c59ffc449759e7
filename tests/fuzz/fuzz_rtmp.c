/*
 * fuzz_rtmp.c - any octets to a server and to a client. The first octet says which, how large the
 * pieces are, and whether the handshake is played first.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rtmp/rtmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

enum { CLIENT = 1, BARE = 2, REFUSE = 4, HANDSHAKE = 1 + 2 * 1536, ROUNDS = 100000 };

static int
drain(struct rtmp *r, uint8_t mode)
{
	struct rtmp_event e;
	unsigned rounds = 0;
	int rc;

	while ((rc = rtmp_poll(r, &e)) == 1) {
		if (++rounds > ROUNDS)
			abort();
		if (e.type == RTMP_MEDIA && (e.tag.size == 0 || e.tag.data == NULL))
			abort();
		if (e.type != RTMP_PUBLISH && e.type != RTMP_PLAY)
			continue;
		if (strlen(e.app) > RTMP_NAME_MAX || strlen(e.stream) > RTMP_NAME_MAX)
			abort();
		if ((mode & REFUSE) != 0)
			rtmp_refuse(r, RTMP_BAD_NAME, "no");
		else
			rtmp_accept(r);
	}
	return rc;
}

static int
feed(struct rtmp *r, uint8_t mode, const uint8_t *buf, size_t size)
{
	size_t piece = 1 + (mode >> 3) * 37u;
	const uint8_t *out;
	int rc = 0;

	for (size_t at = 0; at < size && rc == 0; at += piece) {
		rc = rtmp_input(r, at, buf + at, piece < size - at ? piece : size - at);
		if (rc == 0)
			rc = drain(r, mode);
		rtmp_sent(r, rtmp_output(r, &out));
	}
	return rc;
}

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	static const struct rtmp_client_config config = {
	    .app = "a", .stream = "b", .tc_url = "rtmp://h/a", .publish = true};
	static const uint8_t handshake[HANDSHAKE] = {3};
	uint8_t mode = size > 0 ? buf[0] : 0;
	struct rtmp *r =
	    (mode & CLIENT) != 0 ? rtmp_client_new(&config, 1, 0) : rtmp_server_new(1, 0);
	struct rtmp_url url;
	char *text = malloc(size + 1);

	memcpy(text, buf, size);
	text[size] = '\0';
	(void)rtmp_url_parse(&url, text);
	free(text);
	if ((mode & BARE) == 0)
		(void)feed(r, 0xf8, handshake, sizeof(handshake));
	if (size > 1)
		(void)feed(r, mode, buf + 1, size - 1);
	(void)rtmp_stop(r);
	rtmp_free(r);
	return 0;
}
