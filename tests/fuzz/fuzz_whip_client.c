/*
 * What a server may tell a WHIP client beside the answer, and what its user may type. The first
 * octet chooses: Location, JSON, else a URL.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client/whip_api.h"
#include "client/whip_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

static void
check_url(int result, const char *out, size_t cap)
{
	if (result == 0)
		assert(strlen(out) < cap && strncasecmp(out, "http", 4) == 0);
	else
		assert(out[0] == '\0');
}

static void
read_location(const char *text)
{
	static const char url[] = "https://h.example:8443/rtc/v1/whip/?app=a&stream=b";
	char out[256] = "";

	check_url(whip_location(out, sizeof(out), url, text), out, sizeof(out));
	out[0] = '\0';
	check_url(whip_location_obs(out, sizeof(out), url, text), out, sizeof(out));
}

static void
read_url(const char *text)
{
	for (int action = 0; action < 2; action++) {
		char out[256] = "", *body;

		check_url(whip_url(out, sizeof(out), text, (enum whip_action)action), out,
			  sizeof(out));
		(void)whip_api_is(out[0] != '\0' ? out : text);
		body = whip_api_request(text, "v=0\r\n");
		assert(body == NULL || body[0] == '{');
		free(body);
	}
}

/* In a block of its size: what replaces it is no longer. */
static void
read_json(char *body, size_t size)
{
	size_t had = size;
	long code = 0;
	int result = whip_api_answer(body, &size, &code);

	assert(result == 0 || result == -EPROTO || result == -EBADMSG);
	assert(size <= had && (result != 0 || strlen(body) == size));
	assert((result == -EPROTO) == (code != 0));
}

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	char *text = malloc(size + 1);

	assert(text != NULL);
	memcpy(text, buf, size);
	text[size] = '\0';
	if (size > 0 && buf[0] == 'L')
		read_location(text + 1);
	else if (size > 0 && buf[0] == 'J')
		read_json(memmove(text, text + 1, size), size - 1);
	else
		read_url(text);
	free(text);
	return 0;
}
