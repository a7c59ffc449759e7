/* process.c - CPU time and resident memory of a process, from /proc. */
#include "bench.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool
read_text(const char *path, char *text, size_t size)
{
	FILE *f = fopen(path, "r");
	size_t n;

	if (f == NULL)
		return false;
	n = fread(text, 1, size - 1, f);
	text[n] = '\0';
	fclose(f);
	return n > 0;
}

static void
path_of(char *path, size_t size, int pid, const char *rest)
{
	if (pid == 0)
		snprintf(path, size, "/proc/self/%s", rest);
	else
		snprintf(path, size, "/proc/%d/%s", pid, rest);
}

/* Time on the processor by the scheduler's own count: nanoseconds, not ticks. 0 if not offered. */
static uint64_t
scheduler_ns(int pid)
{
	char path[128], text[128], rest[96];
	uint64_t sum = 0;
	DIR *tasks;

	path_of(path, sizeof(path), pid, "task");
	tasks = opendir(path);
	if (tasks == NULL)
		return 0;
	for (struct dirent *e = readdir(tasks); e != NULL; e = readdir(tasks)) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(rest, sizeof(rest), "task/%.16s/schedstat", e->d_name);
		path_of(path, sizeof(path), pid, rest);
		if (read_text(path, text, sizeof(text)))
			sum += strtoull(text, NULL, 10);
	}
	closedir(tasks);
	return sum;
}

/* utime and stime, fields 14 and 15 of stat, in ticks. */
static uint64_t
stat_ns(int pid)
{
	char path[128], text[1024];
	const char *p;
	unsigned long long user, system;

	path_of(path, sizeof(path), pid, "stat");
	if (!read_text(path, text, sizeof(text)))
		return 0;
	p = strrchr(text, ')'); /* the name before it may hold anything */
	if (p == NULL || sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu",
				&user, &system) != 2)
		return 0;
	return (user + system) * (1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK));
}

static uint64_t
resident_octets(int pid)
{
	char path[128], text[4096];
	const char *p;

	path_of(path, sizeof(path), pid, "status");
	if (!read_text(path, text, sizeof(text)))
		return 0;
	p = strstr(text, "\nVmRSS:");
	return p != NULL ? strtoull(p + 7, NULL, 10) * 1024 : 0;
}

void
process_read(int pid, struct process_use *out)
{
	uint64_t ticks = stat_ns(pid), precise = scheduler_ns(pid);

	/* Threads that have ended count in stat only. */
	out->cpu_ns = precise > 0 && precise + 50000000 > ticks ? precise : ticks;
	out->rss_octets = resident_octets(pid);
	out->alive = out->rss_octets > 0;
}
