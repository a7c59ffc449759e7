/* http_socket.h - what the kernel knows of a socket. */
#ifndef RTCKIT_HTTP_HTTP_SOCKET_H
#define RTCKIT_HTTP_HTTP_SOCKET_H

#include <stdbool.h>

/* Is this a TCP socket on which nothing was ever sent? */
bool http_socket_is_mute(int fd);

#endif
