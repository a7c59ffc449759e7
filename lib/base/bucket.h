/* bucket.h - a token bucket: so many in a second, and so many at once. Plain data; no clock inside.
 */
#ifndef RTCKIT_BASE_BUCKET_H
#define RTCKIT_BASE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

/* Set to the time of the beginning and the tokens that there are then. */
struct bucket {
	uint64_t us;
	uint32_t tokens;
};

/* Takes one, if there is one; rate more come in a second, up to burst. now_us does not go back. */
bool bucket_take(struct bucket *b, uint64_t now_us, uint32_t rate, uint32_t burst);

#endif
