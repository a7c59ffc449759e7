#include "whip/whip_params.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"

#define DEFAULT_VHOST "__defaultVhost__" /* what files and scripts for SRS call it */

struct reader {
	whip_get_fn *get;
	const void *arg;
	char *words;
};

static int
refuse(const struct reader *r, const char *name, const char *rule)
{
	snprintf(r->words, WHIP_WORDS_SIZE, "the parameter %s must be %s", name, rule);
	return -EINVAL;
}

static const char *
value(const struct reader *r, const char *name, const char *fallback)
{
	const char *v = r->get(r->arg, name);

	return v != NULL && v[0] != '\0' ? v : fallback;
}

static int
read_role(const struct reader *r, struct whip_params *out)
{
	const char *action = value(r, "action", NULL);

	if (action == NULL)
		return 0;
	if (strcmp(action, "play") == 0)
		out->role = SDP_PLAY;
	else if (strcmp(action, "publish") != 0)
		return refuse(r, "action", "play or publish");
	else if (out->role == SDP_PLAY)
		return refuse(r, "action", "play here (publish belongs to /rtc/v1/whip/)");
	return 0;
}

static int
read_stream(const struct reader *r, struct whip_params *out, bool use_vhost)
{
	static const char rule[] =
	    "1 to 128 letters, digits or . _ ~ @ - : (percent-encode nothing else into it)";
	const char *app = value(r, "app", "live"), *stream = value(r, "stream", "livestream");
	const char *vhost = value(r, "vhost", DEFAULT_VHOST);

	if (!text_is_name(app))
		return refuse(r, "app", rule);
	if (!text_is_name(stream))
		return refuse(r, "stream", rule);
	if (!text_is_name(vhost))
		return refuse(r, "vhost", rule);
	if (use_vhost && strcmp(vhost, DEFAULT_VHOST) != 0)
		snprintf(out->stream, sizeof(out->stream), "%s/%s/%s", vhost, app, stream);
	else
		snprintf(out->stream, sizeof(out->stream), "%s/%s", app, stream);
	return 0;
}

static int
read_eip(const struct reader *r, struct whip_params *out)
{
	const char *name = "eip", *text = value(r, name, NULL);

	if (text == NULL) {
		name = "candidate";
		text = value(r, name, NULL);
	}
	if (text == NULL)
		return 0;
	if (addr_parse(&out->eip, text, 0) < 0 || addr_is_any(&out->eip))
		return refuse(r, name, "an IP address, with or without :PORT");
	out->has_eip = true;
	return 0;
}

static int
read_ice(const struct reader *r, struct whip_params *out)
{
	out->ufrag = value(r, "ice-ufrag", NULL);
	out->pwd = value(r, "ice-pwd", NULL);
	if (out->ufrag != NULL && !text_is_ice(out->ufrag, 4, 32))
		return refuse(r, "ice-ufrag", "4 to 32 letters, digits, + or /");
	if (out->pwd != NULL && !text_is_ice(out->pwd, 22, 32))
		return refuse(r, "ice-pwd", "22 to 32 letters, digits, + or /");
	return 0;
}

/* Switches of SRS that would turn security off: only "on" is possible here. */
static int
read_switches(const struct reader *r)
{
	static const char *const names[] = {"encrypt", "dtls"};
	static const char *const on[] = {"on", "true", "1", "yes"};

	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		const char *v = value(r, names[i], "on");
		bool good = false;

		for (size_t k = 0; k < ARRAY_COUNT(on); k++)
			good = good || strcasecmp(v, on[k]) == 0;
		if (!good)
			return refuse(r, names[i],
				      "on or left out: media without DTLS and SRTP is not "
				      "possible, as in every browser");
	}
	return 0;
}

static int
read_texts(const struct reader *r, struct whip_params *out)
{
	out->codec = value(r, "codec", NULL);
	if (out->codec != NULL && !text_is_token(out->codec, 16))
		return refuse(r, "codec", "h264, hevc, av1, vp8, vp9, opus, pcmu, pcma or g722");
	out->secret = value(r, "secret", NULL);
	out->token = value(r, "token", NULL);
	if (out->secret != NULL && strlen(out->secret) > WHIP_CREDENTIAL_MAX)
		return refuse(r, "secret", "at most 1024 characters");
	if (out->token != NULL && strlen(out->token) > WHIP_CREDENTIAL_MAX)
		return refuse(r, "token", "at most 1024 characters");
	return 0;
}

int
whip_params_read(struct whip_params *out, whip_get_fn *get, const void *arg, enum sdp_role role,
		 bool use_vhost, char words[static WHIP_WORDS_SIZE])
{
	struct reader r = {.get = get, .arg = arg, .words = words};

	memset(out, 0, sizeof(*out));
	out->role = role;
	if (read_role(&r, out) < 0 || read_stream(&r, out, use_vhost) < 0 ||
	    read_eip(&r, out) < 0 || read_ice(&r, out) < 0 || read_switches(&r) < 0 ||
	    read_texts(&r, out) < 0)
		return -EINVAL;
	return 0;
}
