/* http_socket.c - what the kernel knows of a socket; apart, for linux/tcp.h excludes netinet/tcp.h.
 */
#include "http/http_socket.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

bool
http_socket_is_mute(int fd)
{
	struct tcp_info info;
	socklen_t size = sizeof(info);

	memset(&info, 0, sizeof(info));
	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
	       info.tcpi_bytes_sent == 0;
}
