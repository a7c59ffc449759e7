/* listen.c - ports. */
#include "gate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "log/log.h"

enum { BACKLOG = 512 };

static const char *const speech_names[] = {
    [GATE_HTTP] = "http", [GATE_HTTPS] = "https", [GATE_BOTH] = "http and https"};

static void
on_connection(uv_stream_t *stream, int status)
{
	if (status == 0)
		client_accept(stream->data);
	else
		log_warn("gate", "cannot accept: %s", uv_strerror(status));
}

static int
bind_listener(uv_tcp_t *tcp, const char *text)
{
	struct addr a;
	char whole[32];
	int error;

	if (strspn(text, "0123456789") != strlen(text)) {
		if (addr_parse(&a, text, 0) != 0)
			return UV_EINVAL;
		return uv_tcp_bind(tcp, &a.sa, 0);
	}
	if (!text_copy(whole, sizeof(whole), "[::]:") ||
	    !text_copy(whole + 5, sizeof(whole) - 5, text) || addr_parse(&a, whole, 0) != 0)
		return UV_EINVAL;
	error = uv_tcp_bind(tcp, &a.sa, 0); /* IPv4 too */
	if (error != UV_EAFNOSUPPORT && error != UV_EADDRNOTAVAIL)
		return error;
	memset(&a, 0, sizeof(a)); /* a host without IPv6 */
	a.v4.sin_family = AF_INET;
	a.v4.sin_port = htons((uint16_t)atoi(text));
	return uv_tcp_bind(tcp, &a.sa, 0);
}

static bool
own_address(const struct gate_listener *listener, struct addr *a)
{
	struct sockaddr_storage ss;
	int size = sizeof(ss);

	return uv_tcp_getsockname(&listener->tcp, (struct sockaddr *)&ss, &size) == 0 &&
	       addr_from_sockaddr(a, (struct sockaddr *)&ss) == 0;
}

static void
log_listener(const struct gate_listener *listener)
{
	struct addr a;
	char text[ADDR_TEXT_SIZE];

	if (own_address(listener, &a))
		log_info("gate", "%s: listening on %s", speech_names[listener->speech],
			 addr_format(&a, text));
}

int
gate_listen(struct gate *gate, const char *text, enum gate_speech speech)
{
	struct gate_listener *listener = &gate->listeners[gate->listener_count];
	int error;

	uv_tcp_init(gate->loop, &listener->tcp);
	listener->tcp.data = listener;
	listener->gate = gate;
	listener->speech = speech;
	gate->listener_count++;
	error = bind_listener(&listener->tcp, text);
	if (error == 0)
		error = uv_listen((uv_stream_t *)&listener->tcp, BACKLOG, on_connection);
	if (error == 0)
		log_listener(listener);
	else
		log_error("gate", "cannot listen on %s: %s", text, uv_strerror(error));
	return error;
}

uint16_t
gate_secure_port(const struct gate *gate)
{
	struct addr a;

	for (size_t i = 0; i < gate->listener_count; i++)
		if (gate->listeners[i].speech != GATE_HTTP && own_address(&gate->listeners[i], &a))
			return addr_port(&a);
	return 0;
}
