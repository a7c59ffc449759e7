/*
 * doctor.h - what rtc-doctor knows: the stages of a WHIP or WHEP session, what can be wrong at each
 * (a cause), which clients a cause stops, and the line that mends it.  Pure.
 *
 * What it does not do: look at anything; the stages themselves are in cmd/rtc-doctor.
 */
#ifndef RTCKIT_DOCTOR_DOCTOR_H
#define RTCKIT_DOCTOR_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/client.h"

enum {
	DOCTOR_DETAIL_SIZE = 640, /* of a finding's words; longer ones are cut */
	DOCTOR_FIX_SIZE = 640,
	DOCTOR_CAUSES_MAX = 8 /* of one finding; more are not kept, the worst always is */
};

enum doctor_stage {
	DOCTOR_DNS,
	DOCTOR_TCP,
	DOCTOR_TLS,
	DOCTOR_HTTP,
	DOCTOR_AUTH,
	DOCTOR_HEADERS,
	DOCTOR_SDP,
	DOCTOR_CANDIDATES,
	DOCTOR_ICE_UDP,
	DOCTOR_ICE_TCP,
	DOCTOR_MTU,
	DOCTOR_DTLS,
	DOCTOR_MEDIA,
	DOCTOR_DELETE,
	DOCTOR_STAGES
};
const char *doctor_stage_name(enum doctor_stage stage); /* "dns" ... "ice-udp" ... */
int doctor_stage_parse(const char *name);		/* -EINVAL if it is none */

/* Whose limits apply; a mask in struct doctor_row. */
enum doctor_client { DOCTOR_ANYONE = 0, DOCTOR_OBS = 1, DOCTOR_BROWSER = 2, DOCTOR_FFMPEG = 4 };
enum { DOCTOR_ALL = DOCTOR_OBS | DOCTOR_BROWSER | DOCTOR_FFMPEG };
const char *doctor_client_name(enum doctor_client client); /* "OBS", "browsers", "ffmpeg" */

enum doctor_level { DOCTOR_FINE, DOCTOR_WARN, DOCTOR_FAIL };
const char *doctor_level_name(enum doctor_level level); /* "ok", "WARN", "FAIL" */

enum doctor_cause {
	DOCTOR_NO_CAUSE,
	DOCTOR_DNS_NONE,
	DOCTOR_DNS_SILENT,
	DOCTOR_TCP_REFUSED,
	DOCTOR_TCP_SILENT,
	DOCTOR_TCP_NO_ROUTE,
	DOCTOR_TCP_SOME,
	DOCTOR_TLS_EXPIRED,
	DOCTOR_TLS_EARLY,
	DOCTOR_TLS_NAME,
	DOCTOR_TLS_SELF_SIGNED,
	DOCTOR_TLS_CHAIN,
	DOCTOR_TLS_UNTRUSTED,
	DOCTOR_TLS_VERSION,
	DOCTOR_TLS_PLAIN,
	DOCTOR_TLS_HANDSHAKE,
	DOCTOR_TLS_SILENT,
	DOCTOR_TLS_SOON,
	DOCTOR_TLS_IGNORED,
	DOCTOR_HTTP_SILENT,
	DOCTOR_HTTP_CLOSED,
	DOCTOR_HTTP_WANTS_TLS,
	DOCTOR_HTTP_GARBAGE,
	DOCTOR_HTTP_LARGE,
	DOCTOR_HTTP_SLOW,
	DOCTOR_HTTP_200,
	DOCTOR_HTTP_REDIRECT,
	DOCTOR_HTTP_REDIRECT_NOWHERE,
	DOCTOR_HTTP_REDIRECT_LOOP,
	DOCTOR_HTTP_404,
	DOCTOR_HTTP_405,
	DOCTOR_HTTP_415,
	DOCTOR_HTTP_BUSY,
	DOCTOR_HTTP_REFUSED,
	DOCTOR_HTTP_GATEWAY,
	DOCTOR_HTTP_OVERLOAD,
	DOCTOR_HTTP_STATUS,
	DOCTOR_HTTP_INSECURE,
	DOCTOR_AUTH_WANTED,
	DOCTOR_AUTH_REFUSED,
	DOCTOR_AUTH_OPEN,
	DOCTOR_LOCATION_MISSING,
	DOCTOR_LOCATION_BAD,
	DOCTOR_LOCATION_OBS,
	DOCTOR_LOCATION_SPACE,
	DOCTOR_LOCATION_LOST,
	DOCTOR_CORS,
	DOCTOR_CORS_EXPOSE,
	DOCTOR_CONTENT_TYPE,
	DOCTOR_LINK_BAD,
	DOCTOR_ICE_SERVER_SILENT,
	DOCTOR_ICE_SERVER_REFUSED,
	DOCTOR_ICE_SERVER_FAILED,
	DOCTOR_SDP_EMPTY,
	DOCTOR_SDP_HTML,
	DOCTOR_SDP_MALFORMED,
	DOCTOR_SDP_LINE,
	DOCTOR_SDP_SECTIONS,
	DOCTOR_SDP_MIDS,
	DOCTOR_SDP_INACTIVE,
	DOCTOR_SDP_DIRECTION,
	DOCTOR_SDP_CODEC,
	DOCTOR_SDP_HALF,
	DOCTOR_SDP_ICE,
	DOCTOR_SDP_FINGERPRINT,
	DOCTOR_SDP_HASH,
	DOCTOR_SDP_SETUP,
	DOCTOR_SDP_BUNDLE,
	DOCTOR_CAND_NONE,
	DOCTOR_CAND_TCP_ONLY,
	DOCTOR_CAND_LOOPBACK,
	DOCTOR_CAND_PRIVATE,
	DOCTOR_CAND_DOCKER,
	DOCTOR_CAND_NAME,
	DOCTOR_CAND_MDNS,
	DOCTOR_CAND_ROUTE,
	DOCTOR_CAND_ANY,
	DOCTOR_CAND_SOME,
	DOCTOR_CAND_OTHER,
	DOCTOR_CAND_FIRST,
	DOCTOR_UDP_SILENT,
	DOCTOR_UDP_CLOSED,
	DOCTOR_UDP_LOCAL,
	DOCTOR_UDP_INTEGRITY,
	DOCTOR_UDP_REFUSED,
	DOCTOR_UDP_GARBAGE,
	DOCTOR_UDP_SOME,
	DOCTOR_UDP_LOSS,
	DOCTOR_TCP_ONLY,
	DOCTOR_ICE_TCP_DEAD,
	DOCTOR_MTU_SMALL,
	DOCTOR_DTLS_SILENT,
	DOCTOR_DTLS_ROLE,
	DOCTOR_DTLS_FINGERPRINT,
	DOCTOR_DTLS_PROFILE,
	DOCTOR_DTLS_FAILED,
	DOCTOR_DTLS_PATH,
	DOCTOR_MEDIA_UNREPORTED,
	DOCTOR_MEDIA_NONE,
	DOCTOR_MEDIA_ENDED,
	DOCTOR_MEDIA_LOSS,
	DOCTOR_MEDIA_KEYFRAME,
	DOCTOR_MEDIA_SRTP,
	DOCTOR_DELETE_STATUS,
	DOCTOR_DELETE_LOST,
	DOCTOR_DELETE_NOT_200,
	DOCTOR_DELETE_GHOST,
	DOCTOR_INTERNAL,
	DOCTOR_CAUSES
};

struct doctor_row {
	const char *name;	 /* stable, for JSON and scripts: "cand-private" */
	enum client_code code;	 /* exit status if it decides */
	enum doctor_level level; /* for nobody in particular */
	unsigned stops;		 /* mask of enum doctor_client: theirs fails by it */
	const char *fix;	 /* what mends it; {host}, {address}, {port} are filled in */
};
/* NULL for DOCTOR_NO_CAUSE. */
const struct doctor_row *doctor_row(enum doctor_cause cause);
/* FAIL if it stops the client that is asked for; DOCTOR_ANYONE: the row's own level. */
enum doctor_level doctor_cause_level(enum doctor_cause cause, enum doctor_client as);

/* What the fix lines name. "" leaves a general word. */
struct doctor_facts {
	const char *host;    /* of the URL */
	const char *address; /* that HTTP reached */
	unsigned port;	     /* of the media; 0 unknown */
};
/* The fix line of a cause, cut to cap. Returns out. */
char *doctor_fix(char *out, size_t cap, enum doctor_cause cause, const struct doctor_facts *facts);

/* One line of the report. */
struct doctor_finding {
	enum doctor_stage stage;
	enum doctor_client as;
	enum doctor_level level;
	size_t cause_count;
	enum doctor_cause causes[DOCTOR_CAUSES_MAX]; /* the worst, then in order */
	char detail[DOCTOR_DETAIL_SIZE];
	uint64_t took_us;
};
void doctor_finding_init(struct doctor_finding *f, enum doctor_stage stage, enum doctor_client as);
/* Append words, parted by "; ". What is not printable ASCII becomes '?': it may be a server's. */
void doctor_say(struct doctor_finding *f, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Note a cause; the level rises to its own. */
void doctor_blame(struct doctor_finding *f, enum doctor_cause cause);

#endif
