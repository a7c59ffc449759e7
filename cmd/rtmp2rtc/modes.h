/* modes.h - what rtmp2rtc can be: the parent that accepts, a child of one connection, a pipe's end.
 */
#ifndef RTMP2RTC_MODES_H
#define RTMP2RTC_MODES_H

#include "options.h"

/* Each runs to its end and returns the exit status. The sockets' paths are borrowed. */
int parent_run(const struct options *o);
int child_run(const struct options *o, const char *media_socket, const char *live_socket);
int pipe_run(const struct options *o, const char *media_socket);

#endif
