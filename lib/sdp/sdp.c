#include "sdp/sdp.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"

static const char *const direction_names[] = {
    [SDP_INACTIVE] = "inactive",
    [SDP_SENDONLY] = "sendonly",
    [SDP_RECVONLY] = "recvonly",
    [SDP_SENDRECV] = "sendrecv",
};

static void
transport_init(struct sdp_transport *t)
{
	t->ufrag = t->pwd = t->fingerprint_hash = t->fingerprint = "";
	t->setup = SDP_SETUP_NONE;
}

struct sdp *
sdp_new(size_t text_cap)
{
	struct sdp *sdp = calloc(1, sizeof(*sdp));

	if (sdp == NULL)
		return NULL;
	sdp->text = malloc(text_cap > 0 ? text_cap : 1);
	if (sdp->text == NULL) {
		free(sdp);
		return NULL;
	}
	sdp->text_cap = text_cap;
	sdp->origin_user = sdp->name = "-";
	sdp->bundle = "";
	transport_init(&sdp->transport);
	return sdp;
}

void
sdp_free(struct sdp *sdp)
{
	if (sdp == NULL)
		return;
	free(sdp->text);
	free(sdp);
}

/* A full storage is remembered by text_size passing text_cap. */
const char *
sdp_keep(struct sdp *sdp, const char *format, ...)
{
	size_t room = sdp->text_cap > sdp->text_size ? sdp->text_cap - sdp->text_size : 0;
	char *at = sdp->text + sdp->text_size;
	va_list ap;
	int n;

	if (room == 0) {
		sdp->text_size = sdp->text_cap + 1;
		return "";
	}
	va_start(ap, format);
	n = vsnprintf(at, room, format, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room) {
		sdp->text_size = sdp->text_cap + 1;
		return "";
	}
	sdp->text_size += (size_t)n + 1;
	return at;
}

void
sdp_media_init(struct sdp_media *m)
{
	memset(m, 0, sizeof(*m));
	m->kind = SDP_OTHER;
	m->kind_name = m->proto = m->formats = m->mid = m->msid = "";
	m->simulcast_send = m->simulcast_recv = "";
	m->direction = SDP_SENDRECV;
	transport_init(&m->transport);
}

void
sdp_codec_init(struct sdp_codec *c)
{
	memset(c, 0, sizeof(*c));
	c->rtx_pt = -1;
	c->channels = 1;
	c->name = c->fmtp = "";
}

void
sdp_problem_set(struct sdp_problem *problem, enum sdp_problem_code code, const char *format, ...)
{
	va_list ap;

	if (problem == NULL)
		return;
	problem->code = code;
	va_start(ap, format);
	vsnprintf(problem->detail, sizeof(problem->detail), format, ap);
	va_end(ap);
}

enum sdp_direction
sdp_direction_reverse(enum sdp_direction d)
{
	return (enum sdp_direction)(((unsigned)d & 1) << 1 | ((unsigned)d & 2) >> 1);
}

const char *
sdp_direction_name(enum sdp_direction d)
{
	return direction_names[(unsigned)d & 3];
}

const char *
sdp_fb_name(enum sdp_fb one)
{
	switch (one) {
	case SDP_FB_NACK:
		return "nack";
	case SDP_FB_NACK_PLI:
		return "nack pli";
	case SDP_FB_CCM_FIR:
		return "ccm fir";
	case SDP_FB_TRANSPORT_CC:
		return "transport-cc";
	case SDP_FB_GOOG_REMB:
		return "goog-remb";
	default:
		return NULL;
	}
}
