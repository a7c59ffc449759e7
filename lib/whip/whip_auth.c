#include "whip/whip_auth.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int
read_all(const char *path, char *buf, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t size = 0;
	ssize_t n = 1;

	if (fd < 0)
		return -errno;
	while (size < cap && n > 0) {
		n = read(fd, buf + size, cap - size);
		if (n > 0)
			size += (size_t)n;
	}
	close(fd);
	return n < 0 ? -EIO : (int)size;
}

static int
add_line(struct whip_auth *auth, char *line)
{
	size_t n;

	line += strspn(line, " \t");
	n = strlen(line);
	while (n > 0 && strchr(" \t\r", line[n - 1]) != NULL)
		line[--n] = '\0';
	if (n == 0 || line[0] == '#')
		return 0;
	if (n > WHIP_CREDENTIAL_MAX || auth->count == WHIP_TOKENS_MAX)
		return -EINVAL;
	auth->tokens[auth->count] = strdup(line);
	if (auth->tokens[auth->count] == NULL)
		return -ENOMEM;
	auth->count++;
	return 0;
}

int
whip_auth_load(struct whip_auth *auth, const char *path)
{
	struct whip_auth fresh = {.count = 0};
	char *buf = malloc(WHIP_TOKEN_FILE_MAX + 1), *next = buf, *line;
	int n, r = 0;

	if (buf == NULL)
		return -ENOMEM;
	n = read_all(path, buf, WHIP_TOKEN_FILE_MAX + 1);
	if (n > WHIP_TOKEN_FILE_MAX)
		n = -EINVAL;
	if (n >= 0)
		buf[n] = '\0';
	for (line = strsep(&next, "\n"); n >= 0 && r == 0 && line != NULL;
	     line = strsep(&next, "\n"))
		r = add_line(&fresh, line);
	free(buf);
	if (n >= 0 && r == 0 && fresh.count == 0)
		r = -EINVAL;
	if (n < 0 || r < 0) {
		whip_auth_fini(&fresh);
		return n < 0 ? n : r;
	}
	whip_auth_fini(auth);
	*auth = fresh;
	return 0;
}

void
whip_auth_fini(struct whip_auth *auth)
{
	for (size_t i = 0; i < auth->count; i++) {
		explicit_bzero(auth->tokens[i], strlen(auth->tokens[i]));
		free(auth->tokens[i]);
	}
	auth->count = 0;
}

bool
whip_auth_knows(const struct whip_auth *auth, const char *text)
{
	bool found = false;

	for (size_t i = 0; text != NULL && i < auth->count; i++)
		found |= text_equal_secret(text, auth->tokens[i]);
	return found;
}
