/*
 * vclock.h - virtual wall time for OpenSSL's DTLS timer: a test that calls vclock_set() replaces
 * gettimeofday() in its process.
 */
#ifndef RTCKIT_TESTS_VCLOCK_H
#define RTCKIT_TESTS_VCLOCK_H

#include <stdint.h>

void vclock_set(uint64_t now_us);

#endif
