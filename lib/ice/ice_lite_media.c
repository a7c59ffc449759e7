/* ice_lite_media.c - what a lite agent learns from media that its caller authenticated. */
#include "ice/ice_lite.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "ice/ice_lite_impl.h"

/* When anything authenticated came by the selected path. */
static uint64_t
heard_us(const struct ice_lite *ice)
{
	const struct ice_path *path = ice_lite_selected(ice);

	return MAX_OF(path->check_us, path->media_us);
}

bool
ice_lite_is_quiet(const struct ice_lite *ice, uint64_t now_us)
{
	const struct ice_path *path = ice_lite_selected(ice);

	return path != NULL && path->tuple.proto == ICE_UDP &&
	       now_us >= heard_us(ice) + ICE_LITE_QUIET_US;
}

struct ice_path *
ice_lite_moved(struct ice_lite *ice, uint64_t now_us, const struct ice_tuple *from, size_t size)
{
	struct ice_path *path = ice_lite_path(ice, from);

	if (path == NULL) {
		path = ice_lite_path_make(ice, from);
		path->check_us = now_us;
		path->by_media = true;
	}
	ice_path_received(path, size);
	ice_lite_probe(ice, path, now_us);
	return path;
}

/* When the path takes over, unless the selected one is heard of again; CLOCK_NEVER: it does not. */
static uint64_t
follow_us(const struct ice_lite *ice, const struct ice_path *path)
{
	if (!path->by_media || path->state != ICE_PATH_VALID || ice->selected < 0 ||
	    path == &ice->path[ice->selected] ||
	    MAX_OF(path->check_us, path->media_us) <= heard_us(ice))
		return CLOCK_NEVER;
	return heard_us(ice) + ICE_LITE_MOVED_US;
}

uint64_t
ice_lite_follow_deadline(const struct ice_lite *ice)
{
	uint64_t at = CLOCK_NEVER;

	for (size_t i = 0; i < ICE_LITE_PATHS; i++)
		at = MIN_OF(at, follow_us(ice, &ice->path[i]));
	return at;
}

int
ice_lite_follow(struct ice_lite *ice, struct ice_path *path, uint64_t now_us)
{
	if (now_us < follow_us(ice, path))
		return ICE_LITE_NONE;
	ice->path[ice->selected].by_media = true; /* it may come back the same way */
	ice->selected = (int8_t)(path - ice->path);
	return ICE_LITE_SELECTED;
}

int
ice_lite_media(struct ice_lite *ice, struct ice_path *path, uint64_t now_us)
{
	path->media_us = now_us;
	return ice_lite_follow(ice, path, now_us);
}
