#include "vclock.h"

#include <sys/time.h>

static uint64_t virtual_us;

void
vclock_set(uint64_t now_us)
{
	virtual_us = now_us;
}

/* Interposes libc's: the dynamic linker finds the program's symbol first. */
int gettimeofday(struct timeval *restrict tv, void *restrict tz);

int
gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
	(void)tz;
	tv->tv_sec = (time_t)(1700000000 + virtual_us / 1000000);
	tv->tv_usec = (suseconds_t)(virtual_us % 1000000);
	return 0;
}
