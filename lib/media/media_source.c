#include "media/media_source.h"

#include "media/media_source_impl.h"

void
media_source_free(struct media_source *s)
{
	if (s != NULL)
		s->ops->free(s);
}

bool
media_source_has(const struct media_source *s, enum media_kind kind)
{
	return s->has[kind];
}

enum payload_codec
media_source_codec(const struct media_source *s)
{
	return s->codec;
}

bool
media_source_encodes(const struct media_source *s, enum media_kind kind)
{
	return s->encodes[kind];
}

const char *
media_source_note(const struct media_source *s)
{
	return s->note;
}

int64_t
media_source_due_us(const struct media_source *s)
{
	return s->ops->due_us(s);
}

int
media_source_next(struct media_source *s, struct media_unit *out, struct media_words *words)
{
	return s->ops->next(s, out, words);
}

void
media_source_keyframe(struct media_source *s)
{
	atomic_store(&s->keyframe_wanted, UINT32_MAX);
}

void
media_source_keyframe_of(struct media_source *s, unsigned layer)
{
	if (layer < MEDIA_LAYERS_MAX)
		atomic_fetch_or(&s->keyframe_wanted, 1u << layer);
}

void
media_source_bitrate(struct media_source *s, unsigned bitrate_bps)
{
	atomic_store(&s->bitrate, bitrate_bps);
}

void
media_source_interrupt(struct media_source *s)
{
	atomic_store(&s->interrupted, true);
}
