/* The attributes of a description, one handler each. */
#include "sdp/sdp_parse.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/text.h"

/* Where a section's transport attributes go: its own, or the session's. */
static struct sdp_transport *
transport_of(struct sdp_parser *p)
{
	return p->media != NULL ? &p->media->transport : &p->sdp->transport;
}

/* An optional attribute that is malformed or over a limit is left out. */
static int
ignore(struct sdp_parser *p)
{
	p->sdp->ignored++;
	return 0;
}

static int
parse_ufrag(struct sdp_parser *p, char *value, int arg)
{
	(void)arg;
	if (!text_is_ice(value, 4, SDP_UFRAG_MAX)) { /* RFC 8839 s.5.4 */
		sdp_problem_set(p->problem, SDP_MALFORMED,
				"line %u: a=ice-ufrag must be 4 to %d letters, digits, + or /",
				p->line, SDP_UFRAG_MAX);
		return -EBADMSG;
	}
	transport_of(p)->ufrag = value;
	return 0;
}

static int
parse_pwd(struct sdp_parser *p, char *value, int arg)
{
	(void)arg;
	if (!text_is_ice(value, 22, SDP_PWD_MAX)) {
		sdp_problem_set(p->problem, SDP_MALFORMED,
				"line %u: a=ice-pwd must be 22 to %d letters, digits, + or /",
				p->line, SDP_PWD_MAX);
		return -EBADMSG;
	}
	transport_of(p)->pwd = value;
	return 0;
}

/* RFC 8122 s.5. Of several, sha-256 is preferred, else the first. */
static int
parse_fingerprint(struct sdp_parser *p, char *value, int arg)
{
	struct sdp_transport *t = transport_of(p);
	char *hash = sdp_next_word(&value), *print = sdp_next_word(&value);

	(void)arg;
	if (print == NULL || !text_is_token(hash, 16) ||
	    strspn(print, "0123456789abcdefABCDEF:") != strlen(print) || strlen(print) > 64 * 3) {
		sdp_problem_set(
		    p->problem, SDP_MALFORMED,
		    "line %u: a=fingerprint must be a hash name and hexadecimal octets with colons",
		    p->line);
		return -EBADMSG;
	}
	if (t->fingerprint[0] != '\0' && strcasecmp(hash, "sha-256") != 0)
		return 0;
	t->fingerprint_hash = hash;
	t->fingerprint = print;
	return 0;
}

static int
parse_setup(struct sdp_parser *p, char *value, int arg)
{
	static const char *const names[] = {
	    [SDP_ACTPASS] = "actpass",
	    [SDP_ACTIVE] = "active",
	    [SDP_PASSIVE] = "passive",
	};

	(void)arg;
	for (size_t i = SDP_ACTPASS; i < ARRAY_COUNT(names); i++)
		if (strcasecmp(value, names[i]) == 0) {
			transport_of(p)->setup = (enum sdp_setup)i;
			return 0;
		}
	return ignore(p);
}

static int
parse_direction(struct sdp_parser *p, char *value, int arg)
{
	(void)value;
	if (p->media == NULL) {
		p->direction = (enum sdp_direction)arg;
		return 0;
	}
	p->media->direction = (enum sdp_direction)arg;
	p->media->direction_said = true;
	return 0;
}

static int
parse_group(struct sdp_parser *p, char *value, int arg)
{
	char *semantics = sdp_next_word(&value);

	(void)arg;
	if (p->media != NULL || semantics == NULL || strcasecmp(semantics, "BUNDLE") != 0 ||
	    p->sdp->has_bundle)
		return ignore(p);
	p->sdp->has_bundle = true;
	p->sdp->bundle = value + strspn(value, " ");
	return 0;
}

static int
parse_mid(struct sdp_parser *p, char *value, int arg)
{
	(void)arg;
	if (p->media == NULL)
		return ignore(p);
	if (!text_is_token(value, SDP_MID_MAX)) { /* RFC 5888 s.4 */
		sdp_problem_set(p->problem, SDP_MALFORMED,
				"line %u: a=mid must be a token of at most %d characters", p->line,
				SDP_MID_MAX);
		return -EBADMSG;
	}
	for (size_t i = 0; i + 1 < p->sdp->media_count; i++)
		if (strcmp(p->sdp->media[i].mid, value) == 0) {
			sdp_problem_set(p->problem, SDP_MALFORMED, "a=mid:%s stands twice", value);
			return -EBADMSG;
		}
	p->media->mid = value;
	return 0;
}

enum flag { FLAG_ICE_LITE, FLAG_MIXED, FLAG_MUX, FLAG_RSIZE, FLAG_BUNDLE_ONLY, FLAG_END };

static int
parse_flag(struct sdp_parser *p, char *value, int arg)
{
	struct sdp_media *m = p->media;

	(void)value;
	if (arg == FLAG_ICE_LITE)
		p->sdp->ice_lite = true;
	else if (arg == FLAG_MIXED && m == NULL)
		p->sdp->extmap_allow_mixed = true;
	else if (m == NULL)
		return ignore(p);
	else if (arg == FLAG_MIXED)
		m->extmap_allow_mixed = true;
	else if (arg == FLAG_MUX)
		m->rtcp_mux = true;
	else if (arg == FLAG_RSIZE)
		m->rtcp_rsize = true;
	else if (arg == FLAG_BUNDLE_ONLY)
		m->bundle_only = true;
	else
		m->end_of_candidates = true;
	return 0;
}

/* PT NAME/CLOCK[/CHANNELS] (RFC 8866 s.6.6). */
static int
parse_rtpmap(struct sdp_parser *p, char *value, int arg)
{
	char *pt_text = sdp_next_word(&value), *name = sdp_next_word(&value), *clock, *channels;
	struct sdp_codec *c;
	uint64_t pt, rate, count = 1;

	(void)arg;
	if (p->media == NULL || name == NULL || !sdp_number(pt_text, 127, &pt))
		return ignore(p);
	c = sdp_codec_by_pt(p->media, pt);
	clock = strchr(name, '/');
	if (c == NULL || clock == NULL)
		return ignore(p);
	*clock++ = '\0';
	channels = strchr(clock, '/');
	if (channels != NULL)
		*channels++ = '\0';
	if (!text_is_token(name, 32) || !sdp_number(clock, 1000000, &rate) || rate == 0 ||
	    (channels != NULL && (!sdp_number(channels, 255, &count) || count == 0)))
		return ignore(p);
	c->name = name;
	c->clock_rate = (uint32_t)rate;
	c->channels = (uint8_t)count;
	return 0;
}

static int
parse_fmtp(struct sdp_parser *p, char *value, int arg)
{
	char *pt_text = sdp_next_word(&value);
	struct sdp_codec *c;
	uint64_t pt;

	(void)arg;
	if (p->media == NULL || pt_text == NULL || !sdp_number(pt_text, 127, &pt))
		return ignore(p);
	c = sdp_codec_by_pt(p->media, pt);
	if (c == NULL || c->fmtp[0] != '\0')
		return ignore(p);
	c->fmtp = value + strspn(value, " ");
	return 0;
}

/* PT|* TYPE [PARAMETER] (RFC 4585 s.4.2). */
static int
parse_rtcp_fb(struct sdp_parser *p, char *value, int arg)
{
	char *pt_text = sdp_next_word(&value), *type = sdp_next_word(&value);
	char *detail = sdp_next_word(&value);
	uint64_t pt = 0;
	bool all = pt_text != NULL && strcmp(pt_text, "*") == 0;
	uint32_t bit = 0;

	(void)arg;
	if (p->media == NULL || type == NULL || (!all && !sdp_number(pt_text, 127, &pt)))
		return ignore(p);
	for (uint32_t b = 1; b < SDP_FB_END; b <<= 1) {
		const char *name = sdp_fb_name((enum sdp_fb)b);
		size_t n = strcspn(name, " ");

		if (strlen(type) == n && strncasecmp(type, name, n) == 0 &&
		    strcasecmp(detail != NULL ? detail : "", name[n] == ' ' ? name + n + 1 : "") ==
			0)
			bit = b;
	}
	for (size_t i = 0; i < p->media->codec_count; i++)
		if (all || p->media->codecs[i].pt == pt)
			p->media->codecs[i].fb |= bit;
	return 0;
}

/* ID[/DIRECTION] URI [ATTRIBUTES] (RFC 8285 s.8). */
static int
parse_extmap(struct sdp_parser *p, char *value, int arg)
{
	char *id_text = sdp_next_word(&value), *uri = sdp_next_word(&value), *slash;
	struct sdp_ext ext = {.direction = SDP_SENDRECV, .uri = uri};
	struct sdp_ext *exts = p->media != NULL ? p->media->exts : p->exts;
	size_t *count = p->media != NULL ? &p->media->ext_count : &p->ext_count;
	uint64_t id;

	(void)arg;
	if (uri == NULL)
		return ignore(p);
	slash = strchr(id_text, '/');
	if (slash != NULL)
		*slash++ = '\0';
	for (unsigned d = 0; slash != NULL && d <= SDP_SENDRECV; d++)
		if (strcasecmp(slash, sdp_direction_name((enum sdp_direction)d)) == 0)
			ext.direction = (enum sdp_direction)d;
	if (!sdp_number(id_text, 4351, &id) || id == 0 || id == 15 || *count == SDP_EXTS_MAX)
		return ignore(p);
	ext.id = (uint16_t)id;
	for (size_t i = 0; i < *count; i++)
		if (exts[i].id == ext.id)
			return ignore(p);
	exts[(*count)++] = ext;
	return 0;
}

/* The words after the fixed part of a candidate: "typ T", "tcptype T", others in pairs. */
static bool
candidate_options(struct sdp_candidate *c, char *rest)
{
	static const char *const types[] = {
	    [SDP_HOST] = "host",
	    [SDP_SRFLX] = "srflx",
	    [SDP_PRFLX] = "prflx",
	    [SDP_RELAY] = "relay",
	};
	static const char *const tcp_types[] = {
	    [SDP_TCP_NONE] = "",
	    [SDP_TCP_ACTIVE] = "active",
	    [SDP_TCP_PASSIVE] = "passive",
	    [SDP_TCP_SO] = "so",
	};
	bool typed = false;

	for (;;) {
		char *key = sdp_next_word(&rest), *word = sdp_next_word(&rest);

		if (word == NULL)
			return typed;
		for (size_t i = 0; strcmp(key, "typ") == 0 && i < ARRAY_COUNT(types); i++)
			if (strcasecmp(word, types[i]) == 0) {
				c->type = (enum sdp_candidate_type)i;
				typed = true;
			}
		for (size_t i = 0; strcmp(key, "tcptype") == 0 && i < ARRAY_COUNT(tcp_types); i++)
			if (strcasecmp(word, tcp_types[i]) == 0)
				c->tcp_type = (enum sdp_tcp_type)i;
	}
}

/* FOUNDATION COMPONENT PROTO PRIORITY ADDRESS PORT typ TYPE ... (RFC 8839 s.5.1). */
static int
parse_candidate(struct sdp_parser *p, char *value, int arg)
{
	char *word[6];
	struct sdp_candidate c = {.proto = SDP_UDP};
	uint64_t component, priority, port;

	(void)arg;
	for (size_t i = 0; i < ARRAY_COUNT(word); i++) {
		word[i] = sdp_next_word(&value);
		if (word[i] == NULL)
			return ignore(p);
	}
	if (p->media == NULL || p->media->candidate_count == SDP_CANDIDATES_MAX ||
	    !sdp_only(word[0], "+/-_=", 64) || !sdp_number(word[1], 256, &component) ||
	    !sdp_number(word[3], UINT32_MAX, &priority) || !sdp_only(word[4], ".:-_%", 253) ||
	    !sdp_number(word[5], 65535, &port))
		return ignore(p);
	if (strcasecmp(word[2], "tcp") == 0)
		c.proto = SDP_TCP;
	else if (strcasecmp(word[2], "udp") != 0)
		return ignore(p);
	c.foundation = word[0];
	c.component = (uint16_t)component;
	c.priority = (uint32_t)priority;
	c.address = word[4];
	c.port = (uint16_t)port;
	if (!candidate_options(&c, value))
		return ignore(p);
	p->media->candidates[p->media->candidate_count++] = c;
	return 0;
}

static struct sdp_ssrc *
ssrc_entry(struct sdp_media *m, uint32_t ssrc)
{
	for (size_t i = 0; i < m->ssrc_count; i++)
		if (m->ssrcs[i].ssrc == ssrc)
			return &m->ssrcs[i];
	if (m->ssrc_count == SDP_SSRCS_MAX)
		return NULL;
	m->ssrcs[m->ssrc_count] = (struct sdp_ssrc){.ssrc = ssrc, .cname = "", .msid = ""};
	return &m->ssrcs[m->ssrc_count++];
}

static int
parse_ssrc(struct sdp_parser *p, char *value, int arg)
{
	char *number = sdp_next_word(&value);
	struct sdp_ssrc *entry;
	uint64_t ssrc;

	(void)arg;
	if (p->media == NULL || number == NULL || !sdp_number(number, UINT32_MAX, &ssrc))
		return ignore(p);
	entry = ssrc_entry(p->media, (uint32_t)ssrc);
	if (entry == NULL)
		return ignore(p);
	value += strspn(value, " ");
	if (strncmp(value, "cname:", 6) == 0)
		entry->cname = value + 6;
	else if (strncmp(value, "msid:", 5) == 0)
		entry->msid = value + 5;
	return 0;
}

static int
parse_ssrc_group(struct sdp_parser *p, char *value, int arg)
{
	static const char *const names[] = {
	    [SDP_FID] = "FID",
	    [SDP_SIM] = "SIM",
	    [SDP_FEC] = "FEC-FR",
	};
	char *semantics = sdp_next_word(&value), *word;
	struct sdp_ssrc_group group = {.semantics = SDP_GROUP_OTHER};
	uint64_t ssrc;

	(void)arg;
	if (p->media == NULL || semantics == NULL ||
	    p->media->ssrc_group_count == SDP_SSRC_GROUPS_MAX)
		return ignore(p);
	for (size_t i = 0; i < ARRAY_COUNT(names); i++)
		if (strcasecmp(semantics, names[i]) == 0)
			group.semantics = (enum sdp_group)i;
	for (word = sdp_next_word(&value); word != NULL; word = sdp_next_word(&value)) {
		if (group.ssrc_count == SDP_GROUP_SSRCS_MAX || !sdp_number(word, UINT32_MAX, &ssrc))
			return ignore(p);
		group.ssrcs[group.ssrc_count++] = (uint32_t)ssrc;
	}
	p->media->ssrc_groups[p->media->ssrc_group_count++] = group;
	return 0;
}

/* ID send|recv [RESTRICTIONS] (RFC 8851 s.4). */
static int
parse_rid(struct sdp_parser *p, char *value, int arg)
{
	char *id = sdp_next_word(&value), *way = sdp_next_word(&value);
	struct sdp_rid *rid;

	(void)arg;
	if (p->media == NULL || way == NULL || p->media->rid_count == SDP_RIDS_MAX ||
	    !sdp_only(id, "-_", SDP_RID_MAX) ||
	    (strcmp(way, "send") != 0 && strcmp(way, "recv") != 0))
		return ignore(p);
	rid = &p->media->rids[p->media->rid_count++];
	rid->id = id;
	rid->direction = way[0] == 's' ? SDP_SENDONLY : SDP_RECVONLY;
	return 0;
}

/* send LIST [recv LIST] in either order (RFC 8853 s.5.1); "rid=" of an older draft is skipped. */
static int
parse_simulcast(struct sdp_parser *p, char *value, int arg)
{
	(void)arg;
	for (;;) {
		char *way = sdp_next_word(&value), *list = sdp_next_word(&value);

		if (p->media == NULL || list == NULL)
			return 0;
		if (strncmp(list, "rid=", 4) == 0)
			list += 4;
		if (!sdp_only(list, "-_;,~", 512))
			return ignore(p);
		if (strcmp(way, "send") == 0)
			p->media->simulcast_send = list;
		else if (strcmp(way, "recv") == 0)
			p->media->simulcast_recv = list;
	}
}

static int
parse_msid(struct sdp_parser *p, char *value, int arg)
{
	(void)arg;
	if (p->media == NULL)
		return ignore(p);
	p->media->msid = value;
	return 0;
}

static const struct {
	const char *name;
	int (*parse)(struct sdp_parser *p, char *value, int arg);
	int arg;
} attributes[] = {
    {"rtpmap", parse_rtpmap, 0},
    {"rtcp-fb", parse_rtcp_fb, 0},
    {"fmtp", parse_fmtp, 0},
    {"extmap", parse_extmap, 0},
    {"candidate", parse_candidate, 0},
    {"ssrc", parse_ssrc, 0},
    {"ssrc-group", parse_ssrc_group, 0},
    {"ice-ufrag", parse_ufrag, 0},
    {"ice-pwd", parse_pwd, 0},
    {"fingerprint", parse_fingerprint, 0},
    {"setup", parse_setup, 0},
    {"mid", parse_mid, 0},
    {"msid", parse_msid, 0},
    {"group", parse_group, 0},
    {"rid", parse_rid, 0},
    {"simulcast", parse_simulcast, 0},
    {"sendrecv", parse_direction, SDP_SENDRECV},
    {"sendonly", parse_direction, SDP_SENDONLY},
    {"recvonly", parse_direction, SDP_RECVONLY},
    {"inactive", parse_direction, SDP_INACTIVE},
    {"ice-lite", parse_flag, FLAG_ICE_LITE},
    {"extmap-allow-mixed", parse_flag, FLAG_MIXED},
    {"rtcp-mux", parse_flag, FLAG_MUX},
    {"rtcp-mux-only", parse_flag, FLAG_MUX},
    {"rtcp-rsize", parse_flag, FLAG_RSIZE},
    {"bundle-only", parse_flag, FLAG_BUNDLE_ONLY},
    {"end-of-candidates", parse_flag, FLAG_END},
};

int
sdp_parse_attribute(struct sdp_parser *p, const char *name, char *value)
{
	for (size_t i = 0; i < ARRAY_COUNT(attributes); i++)
		if (strcmp(name, attributes[i].name) == 0)
			return attributes[i].parse(p, value, attributes[i].arg);
	return 0;
}
