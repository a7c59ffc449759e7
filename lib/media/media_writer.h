/*
 * media_writer.h - received media into a container by libavformat, without re-encoding: Matroska,
 * MP4, WebM, IVF, MPEG-TS, FLV, Ogg, raw H.264 ... by the file's extension or by name; into a file,
 * a pipe, an RTMP server, or memory.
 */
#ifndef RTCKIT_MEDIA_MEDIA_WRITER_H
#define RTCKIT_MEDIA_MEDIA_WRITER_H

#include "media/media.h"

/* AAC in place of Opus. */
struct media_aac_format {
	const uint8_t *config; /* AudioSpecificConfig */
	size_t config_size;
	unsigned rate_hz, channel_count;
};

/* Takes what the muxer made, in order. 0 or -errno. */
typedef int media_sink_fn(void *arg, const uint8_t *buf, size_t size);

struct media_writer_config {
	const char *path;   /* "-": standard output, which need not be seekable; a file; a URL */
	const char *format; /* libavformat's name ("mkv" and "ts" too); NULL: by the extension; "-":
			       Matroska */
	bool has[MEDIA_KINDS];
	enum payload_codec codec; /* of video; NONE: H264 */
	/* With video: the first keyframe, whose headers the container's header needs. */
	const uint8_t *keyframe;
	size_t keyframe_size;
	const struct media_aac_format *aac; /* the audio is AAC; NULL: Opus */
	media_sink_fn *sink; /* gets everything in place of path; format must be given */
	void *sink_arg;
	/* Each unit leaves at once, in the order given: for live consumers. MP4 is then in
	 * fragments that media_writer_flush() ends, whose times are those of the units. */
	bool live;
	/* rtmps: file of the authorities to trust in place of the system's (NULL); trust anybody.
	 */
	const char *ca;
	bool insecure;
	/* Asked while a network is waited for: not 0 gives up. May be called from the writer's
	 * thread only. NULL: never. */
	int (*interrupted)(void *arg);
	void *interrupted_arg;
};

struct media_writer;

/* Does the container want AAC where it could be had, for Opus in it is refused or hardly read? */
bool media_writer_wants_aac(const char *path, const char *format);

/* Can the container hold this video? */
bool media_writer_takes(const char *path, const char *format, enum payload_codec codec);

/* Is the format known, and which kinds can it hold (video of any codec of lib/payload)? 0 with
 * takes[] set, or -EINVAL with *words. */
int media_writer_check(const char *path, const char *format, bool takes[MEDIA_KINDS],
		       struct media_words *words);
/* Open and write the header. Kinds that the format cannot hold are left out; video of a codec that
 * it cannot hold is a failure, if it holds others. NULL with *words set. */
struct media_writer *media_writer_open(const struct media_writer_config *config,
				       struct media_words *words);
/* In order of time for each kind. 0 (also for a kind that is left out), -EPIPE if the reader of a
 * pipe is gone, -errno with *words set. May block on a pipe. */
int media_writer_write(struct media_writer *w, const struct media_unit *unit,
		       struct media_words *words);
/* What is held back for a fragment leaves. As media_writer_write(). */
int media_writer_flush(struct media_writer *w, struct media_words *words);
/* Write what closes the file, and free. 0 or -errno with *words set. Takes NULL. */
int media_writer_close(struct media_writer *w, struct media_words *words);

#endif
