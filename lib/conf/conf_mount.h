/*
 * conf_mount.h - templates of the paths under which streams are served, as
 * "[vhost]/[app]/[stream].flv".  Pure text; what is behind a path is the caller's business.
 */
#ifndef RTCKIT_CONF_CONF_MOUNT_H
#define RTCKIT_CONF_CONF_MOUNT_H

#include <stddef.h>

enum { CONF_MOUNT_MAX = 256 }; /* characters of a template */

/*
 * Is the text a template that can be had? Parts between slashes (one before the first may be left
 * out) of [A-Za-z0-9._~-], each with one variable at most: [stream] once, [app] at most once;
 * [vhost] may be the first part. Its end is .flv or .ts. NULL, or what is wrong, in static words.
 */
const char *conf_mount_fault(const char *template);

/*
 * The stream that a path of the template names, as "app/stream" or, for a template with [vhost] and
 * a path with one more part, "vhost/app/stream"; without [app] the app is live. The path begins
 * with a slash and has no suffix; nor has the template's one a part in this. Returns 0;
 * -ENOENT if the path is not of the template; -ENOSPC. The name's grammar is not looked at. The
 * template has no fault.
 */
int conf_mount_match(const char *template, const char *path, char *name, size_t size);

#endif
