/*
 * media_writer.h - received media into a container by libavformat, without re-encoding: Matroska,
 * MP4, MPEG-TS, FLV, Ogg, raw H.264 ... by the file's extension or by name.
 */
#ifndef RTCKIT_MEDIA_MEDIA_WRITER_H
#define RTCKIT_MEDIA_MEDIA_WRITER_H

#include "media/media.h"

struct media_writer_config {
	const char *path;   /* "-": standard output, which need not be seekable */
	const char *format; /* libavformat's name ("mkv" and "ts" too); NULL: by the extension; "-":
			       Matroska */
	bool has[MEDIA_KINDS];
	/* With video: the first keyframe, whose parameter sets the container's header needs. */
	const uint8_t *keyframe;
	size_t keyframe_size;
};

struct media_writer;

/* Is the format known, and which kinds can it hold? 0 with takes[] set, or -EINVAL with *words. */
int media_writer_check(const char *path, const char *format, bool takes[MEDIA_KINDS],
		       struct media_words *words);
/* Open and write the header. Kinds that the format cannot hold are left out. NULL with *words set.
 */
struct media_writer *media_writer_open(const struct media_writer_config *config,
				       struct media_words *words);
/* In order of time for each kind. 0 (also for a kind that is left out), -EPIPE if the reader of a
 * pipe is gone, -errno with *words set. May block on a pipe. */
int media_writer_write(struct media_writer *w, const struct media_unit *unit,
		       struct media_words *words);
/* Write what closes the file, and free. 0 or -errno with *words set. Takes NULL. */
int media_writer_close(struct media_writer *w, struct media_words *words);

#endif
