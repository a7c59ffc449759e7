/* files.c - static files beneath a few directories. */
#include "web.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/text.h"
#include "http/url.h"

enum { PATH_SIZE = 1024 }; /* octets of a path below a directory, longer ones are not found */

static const char *
type_of(const char *path)
{
	static const struct {
		const char *suffix, *type;
	} types[] = {
	    {".html", "text/html; charset=utf-8"},
	    {".js", "text/javascript; charset=utf-8"},
	    {".mjs", "text/javascript; charset=utf-8"},
	    {".css", "text/css; charset=utf-8"},
	    {".json", "application/json"},
	    {".map", "application/json"},
	    {".svg", "image/svg+xml"},
	    {".png", "image/png"},
	    {".jpg", "image/jpeg"},
	    {".gif", "image/gif"},
	    {".ico", "image/x-icon"},
	    {".txt", "text/plain; charset=utf-8"},
	    {".md", "text/plain; charset=utf-8"},
	    {".xml", "application/xml"},
	    {".wasm", "application/wasm"},
	    {".woff2", "font/woff2"},
	    {".mp4", "video/mp4"},
	    {".webm", "video/webm"},
	    {".flv", "video/x-flv"},
	    {".m3u8", "application/vnd.apple.mpegurl"},
	    {".ts", "video/mp2t"},
	    {".pdf", "application/pdf"},
	};
	const char *dot = strrchr(path, '.');

	for (size_t i = 0; dot != NULL && i < ARRAY_COUNT(types); i++)
		if (strcasecmp(dot, types[i].suffix) == 0)
			return types[i].type;
	return "application/octet-stream";
}

int
web_add_dir(struct web *web, const char *path)
{
	int fd;

	if (web->dir_count == WEB_DIR_MAX)
		return -ENOSPC;
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	web->dirs[web->dir_count++] = fd;
	return 0;
}

/* build/bin/rtc-web has www/ two levels up, PREFIX/bin/rtc-web has share/rtckit/www one level up.
 */
int
web_add_own_dir(struct web *web)
{
	static const char *const places[] = {"/../../www", "/../share/rtckit/www"};
	char self[PATH_SIZE], path[PATH_SIZE + 32];
	ssize_t size = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (size < 0)
		return -errno;
	self[size] = '\0';
	*strrchr(self, '/') = '\0';
	for (size_t i = 0; i < ARRAY_COUNT(places); i++) {
		snprintf(path, sizeof(path), "%s%s", self, places[i]);
		if (web_add_dir(web, path) == 0)
			return 0;
	}
	return -ENOENT;
}

/* Where the kernel refuses openat2(): component by component, no symbolic links at all. */
static int
open_by_steps(int dir, const char *path)
{
	char name[PATH_SIZE];
	int at = dir, next;

	for (; *path != '\0'; path += *path == '/' ? 1 : 0) {
		size_t size = strcspn(path, "/");

		memcpy(name, path, size);
		name[size] = '\0';
		path += size;
		next = openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (at != dir)
			close(at);
		if (next < 0)
			return -1;
		at = next;
	}
	return at;
}

/* Links inside the directory are followed, whatever leads out of it is not. */
static int
open_beneath(int dir, const char *path)
{
	struct open_how how = {.flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC,
			       .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
	int fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));

	return fd < 0 && (errno == ENOSYS || errno == EPERM) ? open_by_steps(dir, path) : fd;
}

/* Open in the first directory that has it. */
static int
open_file(const struct web *web, const char *path, struct stat *st)
{
	for (size_t i = 0; i < web->dir_count; i++) {
		int fd = open_beneath(web->dirs[i], path);

		if (fd < 0)
			continue;
		if (fstat(fd, st) == 0 && (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode)))
			return fd;
		close(fd);
	}
	return -1;
}

/* A segment that starts with a dot: not for the public. */
static bool
is_hidden(const char *path)
{
	return strstr(path, "/.") != NULL && strncmp(path, "/.well-known/", 13) != 0;
}

static void
not_found(struct http_request *req)
{
	http_problem(req, 404, "not-found", "Not Found", "there is no page at this path");
}

/* A directory without its final slash: relative links would miss. */
static void
redirect(struct http_request *req, const char *path)
{
	char location[4 * PATH_SIZE], encoded[3 * PATH_SIZE];
	const char *query = http_raw_query(req);
	struct http_header headers[] = {{"Location", location}, {NULL, NULL}};
	int size;

	if (url_encode(encoded, sizeof(encoded), path, "/") < 0) {
		not_found(req);
		return;
	}
	size = snprintf(location, sizeof(location), "%s%s/%s%s", http_prefix(req), encoded,
			query[0] != '\0' ? "?" : "", query);
	if (size < 0 || (size_t)size >= sizeof(location))
		not_found(req);
	else
		http_reply(req, 308, headers, "", 0);
}

/* RFC 9110 s.13.1.2: weak comparison with each member of the list. */
static bool
etag_matches(const char *list, const char *etag)
{
	size_t size = strlen(etag);

	if (list == NULL)
		return false;
	if (strcmp(list, "*") == 0)
		return true;
	for (const char *at = strstr(list, etag); at != NULL; at = strstr(at + 1, etag))
		if (at[size] == '\0' || at[size] == ',' || at[size] == ' ')
			return true;
	return false;
}

static void
send_file(struct http_request *req, const char *path, int fd, const struct stat *st)
{
	char etag[64];
	const struct http_header headers[] = {{"Content-Type", type_of(path)},
					      {"ETag", etag},
					      {"Cache-Control", "no-cache"},
					      {"X-Content-Type-Options", "nosniff"},
					      {NULL, NULL}};

	snprintf(etag, sizeof(etag), "\"%llx-%llx\"", (unsigned long long)st->st_size,
		 (unsigned long long)st->st_mtim.tv_sec * 1000000000u +
		     (unsigned long long)st->st_mtim.tv_nsec);
	if (etag_matches(http_header(req, "If-None-Match"), etag)) {
		close(fd);
		http_reply(req, 304, headers + 1, "", 0);
		return;
	}
	http_reply_file(req, 200, headers, fd, (uint64_t)st->st_size);
}

void
web_file(struct http_request *req)
{
	const struct web *web = http_server_arg(http_server_of(req));
	const char *path = http_path(req);
	size_t size = strlen(path);
	char name[PATH_SIZE];
	struct stat st;
	int fd;

	if (is_hidden(path) || size + sizeof("index.html") > sizeof(name)) {
		not_found(req);
		return;
	}
	snprintf(name, sizeof(name), "%s%s", path + 1, path[size - 1] == '/' ? "index.html" : "");
	fd = open_file(web, name, &st);
	if (fd < 0) {
		not_found(req);
	} else if (S_ISDIR(st.st_mode)) {
		close(fd);
		redirect(req, path);
	} else {
		send_file(req, name, fd, &st);
	}
}
