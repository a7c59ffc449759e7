/* What an m-line's sender says of its sources: SSRCs, those that repair them, simulcast layers. */
#include "sdp/sdp_bundle.h"

#include <string.h>

static bool
is_secondary(const struct sdp_media *m, uint32_t ssrc)
{
	for (size_t i = 0; i < m->ssrc_group_count; i++) {
		const struct sdp_ssrc_group *g = &m->ssrc_groups[i];

		for (size_t k = 1;
		     (g->semantics == SDP_FID || g->semantics == SDP_FEC) && k < g->ssrc_count; k++)
			if (g->ssrcs[k] == ssrc)
				return true;
	}
	return false;
}

static uint32_t
rtx_of(const struct sdp_media *m, uint32_t ssrc)
{
	for (size_t i = 0; i < m->ssrc_group_count; i++)
		if (m->ssrc_groups[i].semantics == SDP_FID && m->ssrc_groups[i].ssrc_count == 2 &&
		    m->ssrc_groups[i].ssrcs[0] == ssrc)
			return m->ssrc_groups[i].ssrcs[1];
	return 0;
}

static bool
says_ssrc(const struct sdp_media *m, uint32_t ssrc)
{
	for (size_t i = 0; i < m->ssrc_count; i++)
		if (m->ssrcs[i].ssrc == ssrc)
			return true;
	return false;
}

static bool
has_ssrc(const struct sdp_track *t, uint32_t ssrc)
{
	for (size_t i = 0; i < t->ssrc_count; i++)
		if (t->ssrcs[i] == ssrc)
			return true;
	return false;
}

/* rtx_ssrcs[i] stays beside ssrcs[i], 0 where there is none; the count drops trailing zeros. */
static void
take_ssrc(struct sdp_track *t, const struct sdp_media *m, uint32_t ssrc)
{
	if (ssrc == 0 || t->ssrc_count == SDP_TRACK_SSRCS_MAX || /* 0 stands for none */
	    is_secondary(m, ssrc) || has_ssrc(t, ssrc))
		return;
	t->ssrcs[t->ssrc_count] = ssrc;
	t->rtx_ssrcs[t->ssrc_count] = rtx_of(m, ssrc);
	t->ssrc_count++;
	if (t->rtx_ssrcs[t->ssrc_count - 1] != 0)
		t->rtx_ssrc_count = t->ssrc_count;
}

void
sdp_track_take_layers(struct sdp_track *t, const struct sdp_media *m)
{
	for (size_t i = 0; i < m->ssrc_group_count && t->ssrc_count == 0; i++) {
		const struct sdp_ssrc_group *g = &m->ssrc_groups[i];

		for (size_t k = g->semantics == SDP_SIM ? g->ssrc_count : 0; k > 0; k--)
			if (says_ssrc(m, g->ssrcs[k - 1]))
				take_ssrc(t, m, g->ssrcs[k - 1]);
	}
	t->ssrc_layer_count = t->ssrc_count > 1 ? t->ssrc_count : 0;
}

void
sdp_track_take_ssrcs(struct sdp_track *t, const struct sdp_media *m)
{
	for (size_t i = 0; i < m->ssrc_count; i++)
		take_ssrc(t, m, m->ssrcs[i].ssrc);
}

static bool
has_rid(const struct sdp_track *t, const char *rid, size_t size)
{
	for (size_t i = 0; i < t->rid_count; i++)
		if (strlen(t->rids[i]) == size && strncmp(t->rids[i], rid, size) == 0)
			return true;
	return false;
}

void
sdp_track_take_rids(struct sdp_track *t, const struct sdp_media *m, const char *list,
		    enum sdp_direction direction)
{
	while (*list != '\0') {
		size_t n, skip;

		list += *list == '~';
		n = strcspn(list, ",;");
		for (size_t i = 0; i < m->rid_count && t->rid_count < SDP_TRACK_RIDS_MAX; i++)
			if (m->rids[i].direction == direction && n <= SDP_TRACK_RID_MAX &&
			    !has_rid(t, list, n) && strlen(m->rids[i].id) == n &&
			    strncmp(m->rids[i].id, list, n) == 0) {
				t->rids[t->rid_count++] = m->rids[i].id;
				break;
			}
		skip = strcspn(list, ";");
		list += skip + (list[skip] == ';');
	}
}
