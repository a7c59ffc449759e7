#include "client/client.h"

#include <stddef.h>

#include "base/bytes.h"
#include "ice/ice.h"

const char *
client_proto_name(unsigned proto)
{
	static const char *const names[] = {
	    [ICE_UDP] = "udp", [ICE_TCP] = "tcp", [ICE_RELAYED] = "turn"};

	return proto < ARRAY_COUNT(names) ? names[proto] : "";
}

const char *
client_code_stage(enum client_code code)
{
	static const struct {
		enum client_code code;
		const char *stage;
	} rows[] = {
	    {CLIENT_OK, "ok"},
	    {CLIENT_DNS, "dns"},
	    {CLIENT_TCP, "tcp"},
	    {CLIENT_TLS, "tls"},
	    {CLIENT_HTTP, "http"},
	    {CLIENT_AUTH, "auth"},
	    {CLIENT_HEADERS, "headers"},
	    {CLIENT_SDP, "sdp"},
	    {CLIENT_CANDIDATE, "candidates"},
	    {CLIENT_UDP, "ice-udp"},
	    {CLIENT_TCP_ONLY, "ice-tcp"},
	    {CLIENT_TURN, "turn"},
	    {CLIENT_DTLS, "dtls"},
	    {CLIENT_NO_MEDIA, "media"},
	    {CLIENT_BAD_MEDIA, "media"},
	    {CLIENT_DELETE, "delete"},
	};

	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		if (rows[i].code == code)
			return rows[i].stage;
	return "internal";
}
