/* push.h - one stream to one or several outputs, then the end. */
#ifndef RTC2RTMP_PUSH_H
#define RTC2RTMP_PUSH_H

#include <stddef.h>
#include <uv.h>

#include "output.h"

enum { PUSH_OUTPUTS_MAX = 16, PUSH_WAIT_S = 10, PUSH_CLOSE_MS = 5000 };

struct push_config {
	const char *stream, *format;
	char **paths;
	size_t path_count;
	double duration_s; /* 0: no limit */
	double wait_s;	   /* for a publisher */
	unsigned aac_bps;
	bool transcode; /* H264 of pictures in other codecs */
	struct output_options output;
};

/* The container of an output; NULL: by its name. */
const char *push_format(const struct push_config *config, size_t output);
/* Returns the exit code. */
int push_run(const struct push_config *config);

#endif
