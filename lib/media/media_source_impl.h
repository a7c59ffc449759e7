/* media_source_impl.h - the two kinds of source behind one interface.  Private to lib/media. */
#ifndef RTCKIT_MEDIA_MEDIA_SOURCE_IMPL_H
#define RTCKIT_MEDIA_MEDIA_SOURCE_IMPL_H

#include <stdatomic.h>

#include "media/media_source.h"

struct media_source_ops {
	int (*next)(struct media_source *s, struct media_unit *out, struct media_words *words);
	int64_t (*due_us)(const struct media_source *s);
	void (*free)(struct media_source *s);
};

/* The first member of each kind. */
struct media_source {
	const struct media_source_ops *ops;
	bool has[MEDIA_KINDS], encodes[MEDIA_KINDS];
	enum payload_codec codec;    /* of what comes out; NONE without video */
	atomic_uint keyframe_wanted; /* a bit per layer */
	atomic_bool interrupted;
	atomic_uint bitrate; /* of what is encoded, to be changed to; 0: leave it */
	char note[200];
};

#endif
