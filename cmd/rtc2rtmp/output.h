/*
 * output.h - one place that a stream is written to: a file, standard output, an RTMP server; on a
 * thread of its own, since each of them may block.
 */
#ifndef RTC2RTMP_OUTPUT_H
#define RTC2RTMP_OUTPUT_H

#include <stdatomic.h>

#include "gather/gather.h"
#include "media/media_writer.h"

enum {
	OUTPUT_QUEUE_MAX = 64 << 20, /* octets that wait for a slow output; more: up to a keyframe
				      * is left out */
	OUTPUT_IO_US = 10000000,     /* a server that takes nothing for so long is given up */
	OUTPUT_BACKOFF_MIN_US = 500000, /* between two attempts at a server, doubling */
	OUTPUT_BACKOFF_MAX_US = 10000000,
	OUTPUT_PICTURE_US = 3000000 /* sound waits so long for the first picture of all */
};

/* A unit that several outputs share. */
struct parcel {
	atomic_uint refs;
	struct media_unit unit; /* data points behind the structure */
	uint8_t data[];
};
/* With one reference. NULL without memory. */
struct parcel *parcel_new(const struct media_unit *unit);
void parcel_drop(struct parcel *p);

/* What the stream has, for the container's header. */
struct output_stream {
	bool has[MEDIA_KINDS];
	enum payload_codec codec; /* of video */
	bool aac;		  /* audio is AAC */
	uint8_t config[AAC_CONFIG_MAX];
	size_t config_size;
	unsigned rate_hz, channel_count;
};

/* How to write; texts are borrowed. */
struct output_options {
	double segment_s; /* files: another one after so long; 0: one */
	const char *ca;	  /* file of the authorities of rtmps; NULL: the system's */
	bool insecure;	  /* rtmps to anybody */
};

struct output;

/* Path, format and options are borrowed. done is called from the output's thread when it has ended.
 * NULL without memory. */
struct output *output_new(const char *path, const char *format,
			  const struct output_options *options, void (*done)(void *arg), void *arg);
/* The stream is known: the thread starts. 0 or -errno. */
int output_start(struct output *o, const struct output_stream *stream);
/* Takes a reference of its own. */
void output_push(struct output *o, struct parcel *p);
/* Write what waits, close, end. */
void output_finish(struct output *o);
/* Pictures come, and it waits for one to begin with. */
bool output_wants_keyframe(struct output *o);
bool output_ended(struct output *o);
/* After it ended: the exit code; the reason was logged. */
int output_result(const struct output *o);
/* Joins the thread, which must have ended. */
void output_free(struct output *o);
const char *output_name(const struct output *o); /* without a stream key */
bool output_wants_aac(const struct output *o);
/* Can it hold pictures of this codec? */
bool output_takes(const struct output *o, enum payload_codec codec);

#endif
