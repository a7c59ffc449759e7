#include "sdp/sdp.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

struct out {
	char *buf;
	size_t cap, size;
	bool overflow;
};

static void put(struct out *o, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void
put(struct out *o, const char *format, ...)
{
	size_t room = o->cap - o->size;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(o->buf + o->size, room, format, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room)
		o->overflow = true;
	else
		o->size += (size_t)n;
}

/* "a=NAME:VALUE" unless the value is empty. */
static void
put_text(struct out *o, const char *name, const char *value)
{
	if (value[0] != '\0')
		put(o, "a=%s:%s\r\n", name, value);
}

static void
put_flag(struct out *o, const char *name, bool set)
{
	if (set)
		put(o, "a=%s\r\n", name);
}

static void
put_transport(struct out *o, const struct sdp_transport *t)
{
	static const char *const setups[] = {
	    [SDP_SETUP_NONE] = "",
	    [SDP_ACTPASS] = "actpass",
	    [SDP_ACTIVE] = "active",
	    [SDP_PASSIVE] = "passive",
	};

	put_text(o, "ice-ufrag", t->ufrag);
	put_text(o, "ice-pwd", t->pwd);
	if (t->fingerprint[0] != '\0')
		put(o, "a=fingerprint:%s %s\r\n", t->fingerprint_hash, t->fingerprint);
	put_text(o, "setup", setups[t->setup]);
}

static void
put_codec(struct out *o, const struct sdp_codec *c)
{
	if (c->name[0] == '\0')
		return;
	put(o, "a=rtpmap:%u %s/%" PRIu32, c->pt, c->name, c->clock_rate);
	if (c->channels > 1)
		put(o, "/%u", c->channels);
	put(o, "\r\n");
	for (uint32_t b = 1; b < SDP_FB_END; b <<= 1)
		if ((c->fb & b) != 0)
			put(o, "a=rtcp-fb:%u %s\r\n", c->pt, sdp_fb_name((enum sdp_fb)b));
	if (c->fmtp[0] != '\0')
		put(o, "a=fmtp:%u %s\r\n", c->pt, c->fmtp);
}

static void
put_exts(struct out *o, const struct sdp_media *m)
{
	for (size_t i = 0; i < m->ext_count; i++) {
		const struct sdp_ext *e = &m->exts[i];

		put(o, "a=extmap:%u", e->id);
		if (e->direction != SDP_SENDRECV)
			put(o, "/%s", sdp_direction_name(e->direction));
		put(o, " %s\r\n", e->uri);
	}
}

static void
put_simulcast(struct out *o, const struct sdp_media *m)
{
	for (size_t i = 0; i < m->rid_count; i++)
		put(o, "a=rid:%s %s\r\n", m->rids[i].id,
		    m->rids[i].direction == SDP_SENDONLY ? "send" : "recv");
	if (m->simulcast_send[0] == '\0' && m->simulcast_recv[0] == '\0')
		return;
	put(o, "a=simulcast:%s%s%s%s%s\r\n", m->simulcast_send[0] != '\0' ? "send " : "",
	    m->simulcast_send,
	    m->simulcast_send[0] != '\0' && m->simulcast_recv[0] != '\0' ? " " : "",
	    m->simulcast_recv[0] != '\0' ? "recv " : "", m->simulcast_recv);
}

static void
put_ssrcs(struct out *o, const struct sdp_media *m)
{
	static const char *const names[] = {
	    [SDP_FID] = "FID", [SDP_SIM] = "SIM", [SDP_FEC] = "FEC-FR"};

	for (size_t i = 0; i < m->ssrc_group_count; i++) {
		const struct sdp_ssrc_group *g = &m->ssrc_groups[i];

		if (g->semantics == SDP_GROUP_OTHER)
			continue;
		put(o, "a=ssrc-group:%s", names[g->semantics]);
		for (size_t k = 0; k < g->ssrc_count; k++)
			put(o, " %" PRIu32, g->ssrcs[k]);
		put(o, "\r\n");
	}
	for (size_t i = 0; i < m->ssrc_count; i++) {
		const struct sdp_ssrc *s = &m->ssrcs[i];

		if (s->cname[0] != '\0')
			put(o, "a=ssrc:%" PRIu32 " cname:%s\r\n", s->ssrc, s->cname);
		if (s->msid[0] != '\0')
			put(o, "a=ssrc:%" PRIu32 " msid:%s\r\n", s->ssrc, s->msid);
	}
}

static void
put_candidates(struct out *o, const struct sdp_media *m)
{
	static const char *const types[] = {
	    [SDP_HOST] = "host",
	    [SDP_SRFLX] = "srflx",
	    [SDP_PRFLX] = "prflx",
	    [SDP_RELAY] = "relay",
	};
	static const char *const tcp_types[] = {
	    [SDP_TCP_NONE] = "",
	    [SDP_TCP_ACTIVE] = " tcptype active",
	    [SDP_TCP_PASSIVE] = " tcptype passive",
	    [SDP_TCP_SO] = " tcptype so",
	};

	for (size_t i = 0; i < m->candidate_count; i++) {
		const struct sdp_candidate *c = &m->candidates[i];

		put(o, "a=candidate:%s %u %s %" PRIu32 " %s %u typ %s%s\r\n", c->foundation,
		    c->component, c->proto == SDP_TCP ? "tcp" : "udp", c->priority, c->address,
		    c->port, types[c->type], tcp_types[c->tcp_type]);
	}
	put_flag(o, "end-of-candidates", m->end_of_candidates);
}

static void
put_media(struct out *o, const struct sdp_media *m)
{
	put(o, "m=%s %u %s", m->kind_name, m->port, m->proto);
	for (size_t i = 0; i < m->codec_count; i++)
		put(o, " %u", m->codecs[i].pt);
	if (m->codec_count == 0)
		put(o, " %s", m->formats[0] != '\0' ? m->formats : "0");
	put(o, "\r\nc=IN IP4 0.0.0.0\r\n");
	put_flag(o, "bundle-only", m->bundle_only);
	put_text(o, "mid", m->mid);
	put(o, "a=%s\r\n", sdp_direction_name(m->direction));
	put_transport(o, &m->transport);
	put_flag(o, "rtcp-mux", m->rtcp_mux);
	put_flag(o, "rtcp-rsize", m->rtcp_rsize);
	put_flag(o, "extmap-allow-mixed", m->extmap_allow_mixed);
	put_exts(o, m);
	put_text(o, "msid", m->msid);
	for (size_t i = 0; i < m->codec_count; i++)
		put_codec(o, &m->codecs[i]);
	put_simulcast(o, m);
	put_ssrcs(o, m);
	put_candidates(o, m);
}

int
sdp_write_ice(const struct sdp *sdp, char *out, size_t cap)
{
	struct out o = {.buf = out, .cap = cap};

	if (cap == 0)
		return -ENOSPC;
	out[0] = '\0';
	if (sdp->has_bundle)
		put(&o, "a=group:BUNDLE %s\r\n", sdp->bundle);
	for (size_t i = 0; i < sdp->media_count; i++) {
		const struct sdp_media *m = &sdp->media[i];

		if (m->candidate_count == 0)
			continue;
		put(&o, "m=%s %u %s %u\r\n", m->kind_name, m->port, m->proto,
		    m->codec_count > 0 ? m->codecs[0].pt : 0);
		put_text(&o, "mid", m->mid);
		put_candidates(&o, m);
		break;
	}
	return o.overflow ? -ENOSPC : (int)o.size;
}

int
sdp_write(const struct sdp *sdp, char *out, size_t cap)
{
	struct out o = {.buf = out, .cap = cap};

	if (cap == 0 || sdp->text_size > sdp->text_cap)
		return -ENOSPC;
	put(&o, "v=0\r\no=%s %" PRIu64 " 1 IN IP4 0.0.0.0\r\ns=%s\r\nt=0 0\r\n", sdp->origin_user,
	    sdp->session_id & INT64_MAX, sdp->name);
	put_flag(&o, "ice-lite", sdp->ice_lite);
	if (sdp->has_bundle)
		put(&o, "a=group:BUNDLE%s%s\r\n", sdp->bundle[0] != '\0' ? " " : "", sdp->bundle);
	put_flag(&o, "extmap-allow-mixed", sdp->extmap_allow_mixed);
	put(&o, "a=msid-semantic: WMS *\r\n");
	put_transport(&o, &sdp->transport);
	for (size_t i = 0; i < sdp->media_count; i++)
		put_media(&o, &sdp->media[i]);
	return o.overflow ? -ENOSPC : (int)o.size;
}
