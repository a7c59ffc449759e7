#include "verdict.h"

#include <errno.h>

#include "base/bytes.h"
#include "client/client.h"

/* In the order of how much each tells; the words say what to do. */
static const struct {
	const char *name;
	int status;
	const char *words;
} rows[VERDICT_COUNT] = {
    [VERDICT_OK] = {"ok", CLIENT_OK, "answers"},
    [VERDICT_WANTS_CREDENTIALS] =
	{"wants-credentials", CLIENT_OK,
	 "answers, but only to known sessions: reachable; --ufrag and --pwd-file check more"},
    [VERDICT_AUTH] =
	{"auth", CLIENT_AUTH,
	 "wrong user name or password (401): the port is open, but the session has another "
	 "ice-ufrag or ice-pwd, is gone, or wants its client's ufrag too (--ufrag OURS:THEIRS)"},
    [VERDICT_NO_INTEGRITY] =
	{"no-integrity", CLIENT_UDP,
	 "answers without MESSAGE-INTEGRITY: not the ICE server of this session"},
    [VERDICT_WRONG_INTEGRITY] =
	{"wrong-integrity", CLIENT_UDP,
	 "the answer's MESSAGE-INTEGRITY is wrong: another server answers, or one that uses "
	 "another password"},
    [VERDICT_WRONG_FINGERPRINT] = {"wrong-fingerprint", CLIENT_UDP,
				   "the answer's FINGERPRINT is wrong: it was changed on the way"},
    [VERDICT_NO_ADDRESS] = {"no-address", CLIENT_UDP,
			    "answers without a mapped address: not a usable STUN server"},
    [VERDICT_ERROR] = {"error", CLIENT_UDP, "answers with a STUN error"},
    [VERDICT_GARBAGE] = {"not-stun", CLIENT_UDP,
			 "something answers there, but it does not speak STUN: wrong port?"},
    [VERDICT_MUTE] = {"mute", CLIENT_UDP,
		      "takes the connection, but does not answer: another service than ICE-TCP?"},
    [VERDICT_HANG_UP] = {"hang-up", CLIENT_UDP,
			 "takes the connection and closes it without an answer: another service "
			 "than ICE-TCP?"},
    [VERDICT_CLOSED] =
	{"closed", CLIENT_UDP,
	 "closed port (ICMP port unreachable): the host is up, but nothing listens there; is "
	 "the server running, on this port and address family?"},
    [VERDICT_SILENT] =
	{"silent", CLIENT_UDP,
	 "no answer: a firewall or security group drops UDP to this port (or its answers), or "
	 "the address is wrong"},
    [VERDICT_LOCAL_FIREWALL] =
	{"local-firewall", CLIENT_UDP,
	 "this machine refuses to send: its own firewall (iptables, nftables) forbids it"},
    [VERDICT_NO_ROUTE] =
	{"no-route", CLIENT_CANDIDATE,
	 "no route to this address from here: no IPv6, or a private address of another "
	 "network?"},
    [VERDICT_INTERRUPTED] = {"interrupted", CLIENT_UDP, "interrupted before an answer came"},
    [VERDICT_INTERNAL] = {"internal", CLIENT_INTERNAL, "cannot check"},
    [VERDICT_TCP_ONLY] =
	{"tcp-only", CLIENT_TCP_ONLY,
	 "UDP is cut, TCP is not: browsers, rtc-publish and rtc-play get through if the server's "
	 "answers name TCP candidates; OBS and FFmpeg do not"},
};

/* Where TCP has others. */
static const char *const tcp_words[VERDICT_COUNT] = {
    [VERDICT_CLOSED] =
	"closed port (connection refused): the host is up, but nothing listens there; is ICE-TCP "
	"on (rtc-relay --tcp), on this port and address family?",
    [VERDICT_SILENT] =
	"no connection: a firewall or security group drops TCP to this port, or the address is "
	"wrong",
};

const char *
verdict_name(enum verdict v)
{
	return rows[v].name;
}

int
verdict_status(enum verdict v)
{
	return rows[v].status;
}

const char *
verdict_words(enum verdict v, bool tcp)
{
	return tcp && tcp_words[v] != NULL ? tcp_words[v] : rows[v].words;
}

enum verdict
verdict_worse(enum verdict a, enum verdict b)
{
	return MIN_OF(a, b);
}

enum verdict
verdict_of_errno(int error)
{
	static const struct {
		int error;
		enum verdict verdict;
	} errors[] = {
	    {ECONNREFUSED, VERDICT_CLOSED},
	    {EHOSTUNREACH, VERDICT_NO_ROUTE},
	    {ENETUNREACH, VERDICT_NO_ROUTE},
	    {EADDRNOTAVAIL, VERDICT_NO_ROUTE},
	    {EAFNOSUPPORT, VERDICT_NO_ROUTE},
	    {EPERM, VERDICT_LOCAL_FIREWALL},
	    {EACCES, VERDICT_LOCAL_FIREWALL},
	    {ENETDOWN, VERDICT_NO_ROUTE},
	    {ETIMEDOUT, VERDICT_SILENT},
	    {ECONNRESET, VERDICT_HANG_UP},
	    {EPIPE, VERDICT_HANG_UP},
	    {EINVAL, VERDICT_NO_ROUTE}, /* a link-local address without its scope */
	};

	for (size_t i = 0; i < ARRAY_COUNT(errors); i++)
		if (errors[i].error == error)
			return errors[i].verdict;
	return VERDICT_INTERNAL;
}
