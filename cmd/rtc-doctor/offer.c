#include "offer.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/random.h"

enum { AUDIO, VIDEO, TRACKS };

/* The payload types and parameters that OBS (libdatachannel) and ffmpeg's WHIP muxer send. */
static size_t
fixed_codecs(enum doctor_client as, enum sdp_kind kind, struct sdp_codec *out)
{
	bool obs = as == DOCTOR_OBS;

	sdp_codec_init(out);
	if (kind == SDP_AUDIO) {
		*out = (struct sdp_codec){.pt = 111,
					  .rtx_pt = -1,
					  .channels = 2,
					  .clock_rate = 48000,
					  .name = "opus",
					  .fmtp = obs ? "minptime=10;useinbandfec=1;stereo=1" : ""};
		return 1;
	}
	*out = (struct sdp_codec){
	    .pt = obs ? 96 : 106,
	    .rtx_pt = -1,
	    .channels = 1,
	    .clock_rate = 90000,
	    .name = "H264",
	    .fmtp = "profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1",
	    .fb = obs ? SDP_FB_NACK | SDP_FB_NACK_PLI | SDP_FB_GOOG_REMB : 0};
	return 1;
}

static size_t
codecs_of(const struct exam *x, enum sdp_kind kind, struct sdp_codec *out, size_t cap)
{
	if (x->o.as == DOCTOR_OBS || x->o.as == DOCTOR_FFMPEG)
		return fixed_codecs(x->o.as, kind, out);
	/* To publish, what rtc-publish sends; a player and a browser take what there is. */
	if (x->o.action == WHIP_PUBLISH && x->o.as == DOCTOR_ANYONE)
		cap = 1;
	return sdp_default_codecs(kind, kind == SDP_VIDEO, out, cap);
}

static struct sdp *
describe(struct exam *x, struct sdp_local *local)
{
	static const enum sdp_kind kinds[TRACKS] = {[AUDIO] = SDP_AUDIO, [VIDEO] = SDP_VIDEO};
	bool plain = x->o.as == DOCTOR_OBS || x->o.as == DOCTOR_FFMPEG;
	struct sdp_codec codecs[TRACKS][SDP_TRACK_CODECS_MAX];
	struct sdp_offer_track tracks[TRACKS] = {0};
	struct sdp_ext exts[4];
	size_t ext_count = plain ? 0 : sdp_default_exts(true, exts, ARRAY_COUNT(exts));

	for (unsigned i = 0; i < TRACKS; i++) {
		tracks[i].kind = kinds[i];
		tracks[i].direction = x->o.action == WHIP_PUBLISH ? SDP_SENDONLY : SDP_RECVONLY;
		tracks[i].codec_count = codecs_of(x, kinds[i], codecs[i], SDP_TRACK_CODECS_MAX);
		tracks[i].codecs = codecs[i];
		tracks[i].ext_count = ext_count;
		tracks[i].exts = exts;
	}
	return sdp_offer(local, tracks, TRACKS);
}

/* ffmpeg's muxer is the DTLS server. */
static void
set_passive(struct sdp *offer)
{
	offer->transport.setup = SDP_PASSIVE;
	for (size_t i = 0; i < offer->media_count; i++)
		offer->media[i].transport.setup = SDP_PASSIVE;
}

static bool
write_offer(struct exam *x, const struct ice_creds *ice)
{
	struct sdp_local *local = calloc(1, sizeof(*local));
	char *text = malloc(SDP_SIZE_MAX), cname[17];
	bool good = false;

	if (local == NULL || text == NULL)
		goto out;
	random_text(cname, sizeof(cname) - 1);
	local->session_id = random_u64();
	local->ufrag = ice->ufrag;
	local->pwd = ice->pwd;
	local->fingerprint_hash = "sha-256";
	local->fingerprint = dtls_ctx_fingerprint(x->dtls);
	local->cname = cname;
	if (x->o.action == WHIP_PUBLISH)
		for (unsigned i = 0; i < TRACKS; i++)
			local->tracks[i].ssrc = random_u32() | 1;
	x->offer = describe(x, local);
	if (x->offer == NULL)
		goto out;
	if (x->o.as == DOCTOR_FFMPEG)
		set_passive(x->offer);
	good = sdp_write(x->offer, text, SDP_SIZE_MAX) > 0;
	/* Read back, so that no text of it borrows from what ends here. */
	sdp_free(x->offer);
	x->offer = good ? sdp_parse(text, strlen(text), NULL) : NULL;
	good = x->offer != NULL;
out:
	free(local);
	x->offer_text = text;
	return good;
}

/*
 * What each client's DTLS offers: of OBS libdatachannel's with OpenSSL, of browsers Chromium's, of
 * ffmpeg its WHIP muxer's (the server, whose curves OpenSSL chooses). Left out is what this OpenSSL
 * lacks: Chromium also offers X25519MLKEM768, and DTLS 1.3.
 */
static const struct dtls_manner manners[] = {
    [DOCTOR_ANYONE] = {NULL, NULL},
    [DOCTOR_OBS] = {"SRTP_AEAD_AES_256_GCM:SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80", "P-256"},
    [DOCTOR_BROWSER] = {"SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_256_GCM:SRTP_AEAD_AES_128_GCM",
			"X25519:P-256:P-384"},
    [DOCTOR_FFMPEG] = {"SRTP_AES128_CM_SHA1_80", NULL},
};

bool
offer_make(struct exam *x, const struct peer_events *events)
{
	uint64_t now_us = clock_now_us();
	struct peer_config config = {.events = events,
				     .arg = x,
				     .ice = PEER_ICE_FULL,
				     .seed = random_u64(),
				     .connect_timeout_us = (uint64_t)(x->o.client.timeout_s * 1e6),
				     .ntp_base = clock_ntp() - clock_us_to_ntp(now_us)};

	x->dtls = dtls_ctx_new_like(&manners[x->o.as]);
	config.dtls = x->dtls;
	x->peer = x->dtls != NULL ? peer_new(&config, now_us) : NULL;
	return x->peer != NULL && write_offer(x, peer_local(x->peer));
}
