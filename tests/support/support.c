#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#ifndef RTC_TESTS_DIR
#define RTC_TESTS_DIR "tests"
#endif

enum { VECTOR_MAX = 1 << 20 }; /* octets of one vector file */

const char *
support_vectors(void)
{
	const char *dir = getenv("RTC_VECTORS");

	return dir != NULL ? dir : RTC_TESTS_DIR "/vectors";
}

uint64_t
support_seed(void)
{
	const char *text = getenv("RTC_SEED");

	return text != NULL ? strtoull(text, NULL, 0) : 20260101;
}

static size_t
read_file(const char *name, uint8_t *buf)
{
	char path[4096];
	FILE *f;
	size_t size;

	snprintf(path, sizeof(path), "%s/%s", support_vectors(), name);
	f = fopen(path, "rb");
	if (f == NULL) {
		fprintf(stderr, "cannot open vector %s\n", path);
		abort();
	}
	size = fread(buf, 1, VECTOR_MAX, f);
	fclose(f);
	return size;
}

/* Decode hexadecimal in place; '#' starts a comment. */
static size_t
unhex(uint8_t *buf, size_t size)
{
	size_t out = 0;
	int high = -1;

	for (size_t i = 0; i < size; i++) {
		static const char digits[] = "0123456789abcdefABCDEF";
		const char *d = buf[i] == '\0' ? NULL : strchr(digits, buf[i]);
		int v;

		if (buf[i] == '#')
			while (i < size && buf[i] != '\n')
				i++;
		if (d == NULL)
			continue;
		v = (int)(d - digits);
		v = v > 15 ? v - 6 : v;
		if (high < 0) {
			high = v;
		} else {
			buf[out++] = (uint8_t)(high << 4 | v);
			high = -1;
		}
	}
	return out;
}

uint8_t *
support_load(const char *name, size_t *size)
{
	uint8_t *all = malloc(VECTOR_MAX), *exact;
	size_t len = strlen(name);

	if (all == NULL)
		abort();
	*size = read_file(name, all);
	if (len > 4 && strcmp(name + len - 4, ".hex") == 0)
		*size = unhex(all, *size);
	exact = malloc(*size > 0 ? *size : 1);
	if (exact == NULL)
		abort();
	memcpy(exact, all, *size);
	free(all);
	return exact;
}

char *
support_text(const char *name)
{
	size_t size;
	uint8_t *raw = support_load(name, &size);
	char *text = malloc(size + 1);

	if (text == NULL)
		abort();
	memcpy(text, raw, size);
	text[size] = '\0';
	free(raw);
	return text;
}

void
support_truncations(const uint8_t *buf, size_t size,
		    void (*fn)(void *arg, const uint8_t *buf, size_t size), void *arg)
{
	for (size_t n = 0; n <= size; n++) {
		uint8_t *exact = malloc(n > 0 ? n : 1);

		if (exact == NULL)
			abort();
		memcpy(exact, buf, n);
		fn(arg, exact, n);
		free(exact);
	}
}

int
support_listen(struct sockaddr_un *local)
{
	socklen_t size = sizeof(*local);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	*local = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (bind(fd, (struct sockaddr *)local, sizeof(sa_family_t)) < 0 || listen(fd, 16) < 0 ||
	    getsockname(fd, (struct sockaddr *)local, &size) < 0)
		abort();
	return fd;
}

struct ice_tuple
support_tuple(const char *local, const char *remote)
{
	struct ice_tuple t;

	memset(&t, 0, sizeof(t));
	if (addr_parse(&t.local, local, 0) != 0 || addr_parse(&t.remote, remote, 0) != 0)
		abort();
	return t;
}
