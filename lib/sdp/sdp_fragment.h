/*
 * sdp_fragment.h - application/trickle-ice-sdpfrag (RFC 8840 s.9): what the body of a PATCH says of
 * a session's ICE.  Sans-IO.  Unlike a whole description a fragment is read strictly: every line
 * must be one, since a fault is to be answered 400 (RFC 9725 s.4.3).
 */
#ifndef RTCKIT_SDP_SDP_FRAGMENT_H
#define RTCKIT_SDP_SDP_FRAGMENT_H

#include "sdp/sdp.h"

struct sdp_fragment {
	char ufrag[SDP_UFRAG_MAX + 1], pwd[SDP_PWD_MAX + 1]; /* "" if not said */
	size_t media_count, candidate_count;
	bool end_of_candidates;
};

/*
 * Parse size octets; lines end in CRLF or LF. Unknown attributes are skipped; candidates are held
 * to the grammar of RFC 8839 s.5.1 (their addresses may be names) and counted. All sections must
 * name the same ufrag and pwd, since there is one transport. Returns 0, or -EBADMSG with *problem
 * set; *fragment is untouched then.
 */
int sdp_fragment_parse(struct sdp_fragment *fragment, const char *text, size_t size,
		       struct sdp_problem *problem);

/*
 * The fragment that answers an ICE restart of a lite agent. candidates: what sdp_write_ice() made
 * of the session's answer, or "". Octets without the NUL, or -ENOSPC.
 */
int sdp_fragment_write(char *out, size_t cap, const char *ufrag, const char *pwd,
		       const char *candidates);

#endif
