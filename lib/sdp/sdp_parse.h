/* sdp_parse.h - inside lib/sdp: the parser's state and what its attribute handlers share. */
#ifndef RTCKIT_SDP_SDP_PARSE_H
#define RTCKIT_SDP_SDP_PARSE_H

#include "sdp/sdp.h"

struct sdp_parser {
	struct sdp *sdp;
	struct sdp_media *media; /* the section that lines belong to; NULL at session level */
	struct sdp_problem *problem;
	unsigned line;
	enum sdp_direction direction; /* of the session level */
	size_t ext_count;	      /* extmap lines of the session level */
	struct sdp_ext exts[SDP_EXTS_MAX];
};

/*
 * One attribute, "name" with its value ("" if it has none); both are cut up in place. Returns 0, or
 * -EBADMSG with the problem set when the whole description must be refused.
 */
int sdp_parse_attribute(struct sdp_parser *p, const char *name, char *value);

/* Cut the next blank-separated word off *text (NULL when none is left). */
char *sdp_next_word(char **text);
/* A decimal number of the whole text, at most max. Returns false if it is not one. */
bool sdp_number(const char *text, uint64_t max, uint64_t *out);
/* All of text is alphanumeric or in extra, and 1..max characters. */
bool sdp_only(const char *text, const char *extra, size_t max);
struct sdp_codec *sdp_codec_by_pt(struct sdp_media *m, uint64_t pt);

#endif
