#include "base/clock.h"

#include <time.h>

#define NTP_EPOCH_S 2208988800u /* RFC 5905 s.6, fig. 4 */

uint64_t
clock_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t
clock_unix_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

uint64_t
clock_ntp(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return clock_us_to_ntp(((uint64_t)ts.tv_sec + NTP_EPOCH_S) * 1000000 +
			       (uint64_t)ts.tv_nsec / 1000);
}
