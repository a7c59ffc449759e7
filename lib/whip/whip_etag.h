/* whip_etag.h - the If-Match field of a PATCH (RFC 9110 s.13.1.1, RFC 9725 s.4.3).  Pure. */
#ifndef RTCKIT_WHIP_WHIP_ETAG_H
#define RTCKIT_WHIP_WHIP_ETAG_H

enum whip_match {
	WHIP_MATCH_NONE, /* no tag of the field is the session's */
	WHIP_MATCH_TAG,
	WHIP_MATCH_ANY /* "*", with or without the quotes that some clients put around it */
};

/* Compare strongly: a weak tag never matches. tag is without its quotes. */
enum whip_match whip_etag_match(const char *field, const char *tag);

#endif
