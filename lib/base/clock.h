/* clock.h - the clocks. Only loops and programs read them; protocol modules get now_us as argument.
 */
#ifndef RTCKIT_BASE_CLOCK_H
#define RTCKIT_BASE_CLOCK_H

#include <stdint.h>

#define CLOCK_NEVER UINT64_MAX /* a deadline that does not come */

uint64_t clock_now_us(void); /* CLOCK_MONOTONIC, microseconds */

uint64_t clock_unix_ms(void); /* wall clock, milliseconds since 1970 */

/* Wall clock as an NTP timestamp (RFC 5905 s.6): seconds since 1900 and 2^-32 fractions. */
uint64_t clock_ntp(void);

/* Microseconds as NTP 32.32 fixed point, and back (durations and wall times alike). */
static inline uint64_t
clock_us_to_ntp(uint64_t us)
{
	return (us / 1000000) << 32 | ((us % 1000000) << 32) / 1000000;
}

static inline uint64_t
clock_ntp_to_us(uint64_t ntp)
{
	return (ntp >> 32) * 1000000 + ((ntp & 0xffffffffu) * 1000000 >> 32);
}

#endif
