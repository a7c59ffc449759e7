/* stage_headers.c - the headers of the 201: Location by the standard and by OBS, CORS. */
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/text.h"
#include "doctor/doctor_field.h"
#include "ice_servers.h"
#include "stage_http.h"

enum { VALUE_SIZE = 512, OPTIONS_US = 2000000 };

/* A session's URL is its secret: what follows the last slash is left out. */
static const char *
redact(char *out, size_t cap, const char *url)
{
	char *slash;

	text_copy(out, cap, url);
	slash = strrchr(out, '/');
	if (slash != NULL && (size_t)(slash - out) + 5 <= cap)
		memcpy(slash + 1, "...", 4);
	return out;
}

static void
compare_obs(struct exam *x, struct doctor_finding *f, const char *location)
{
	char obs[WHIP_URL_SIZE] = "(nothing)", a[160], b[160];

	(void)whip_location_obs(obs, sizeof(obs), x->post.url, location);
	if (strcmp(obs, x->session_url) == 0) {
		doctor_say(f, "Location %s, the same for OBS", redact(a, sizeof(a), obs));
		return;
	}
	doctor_say(f, "Location %s, for OBS %s", redact(a, sizeof(a), x->session_url),
		   redact(b, sizeof(b), obs));
	doctor_blame(f, DOCTOR_LOCATION_OBS);
}

static void
judge_location(struct exam *x, struct doctor_finding *f)
{
	char location[WHIP_URL_SIZE];
	bool space;

	if (!exchange_field(&x->post, "Location", 0, location, sizeof(location), &space)) {
		doctor_say(f, "no Location");
		doctor_blame(f, DOCTOR_LOCATION_MISSING);
		return;
	}
	if ((x->have & EXAM_LOCATION) == 0) {
		doctor_say(f, "Location cannot be read");
		doctor_blame(f, DOCTOR_LOCATION_BAD);
		return;
	}
	compare_obs(x, f, location);
	if (!space) {
		doctor_say(f, "no blank after \"Location:\"");
		doctor_blame(f, DOCTOR_LOCATION_SPACE);
	}
}

static bool
field_lists(const struct exchange *e, const char *name, const char *word)
{
	char value[VALUE_SIZE];

	return exchange_field(e, name, 0, value, sizeof(value), NULL) &&
	       doctor_list_has(value, word);
}

static bool
allows_origin(const struct exchange *e)
{
	return field_lists(e, "Access-Control-Allow-Origin", EXAM_ORIGIN);
}

static void
judge_cors(struct exam *x, struct doctor_finding *f, const struct exchange *preflight)
{
	const struct exchange *e = preflight;
	bool told = x->o.as == DOCTOR_ANYONE || x->o.as == DOCTOR_BROWSER;

	if (!told) /* the POST named no origin, as this client's does not */
		return;
	if (e->status / 100 != 2 || !allows_origin(e) || !allows_origin(&x->post) ||
	    !field_lists(e, "Access-Control-Allow-Headers", "content-type")) {
		doctor_say(f, "no CORS (OPTIONS answered %d)", e->status);
		doctor_blame(f, DOCTOR_CORS);
		return;
	}
	if (!field_lists(&x->post, "Access-Control-Expose-Headers", "location")) {
		doctor_say(f, "CORS, but Location is not exposed");
		doctor_blame(f, DOCTOR_CORS_EXPOSE);
		return;
	}
	doctor_say(f, "CORS");
}

static void
ask_options(struct exam *x, struct exchange *e, const char *url)
{
	const struct request r = {.method = "OPTIONS",
				  .url = url,
				  .fields = {"Origin: " EXAM_ORIGIN,
					     "Access-Control-Request-Method: POST",
					     "Access-Control-Request-Headers: content-type"}};

	/* A server that does not know OPTIONS may hang on it; the session must not die of that. */
	x->deadline_us = clock_now_us() + OPTIONS_US;
	exchange_do(x, e, &r);
}

static void
say_others(const struct exchange *e, struct doctor_finding *f)
{
	char value[VALUE_SIZE];
	unsigned links = 0;

	if (exchange_field(e, "ETag", 0, value, sizeof(value), NULL))
		doctor_say(f, "ETag");
	while (links < 16 && exchange_field(e, "Link", links, value, sizeof(value), NULL))
		links++;
	if (links > 0)
		doctor_say(f, "%u Link", links);
	if (!exchange_field(e, "Content-Type", 0, value, sizeof(value), NULL))
		text_copy(value, sizeof(value), "none");
	if (strncasecmp(value, "application/sdp", 15) != 0) {
		doctor_say(f, "Content-Type %.60s", value);
		doctor_blame(f, DOCTOR_CONTENT_TYPE);
	}
}

void
stage_headers(struct exam *x, struct doctor_finding *f)
{
	struct exchange endpoint = {0}, session = {0};

	judge_location(x, f);
	ask_options(x, &endpoint, x->post.url);
	judge_cors(x, f, &endpoint);
	if (x->session_url[0] != '\0' && endpoint.status != 404) {
		ask_options(x, &session, x->session_url);
		if (session.status == 404) {
			doctor_say(f, "OPTIONS of the session answered 404");
			doctor_blame(f, DOCTOR_LOCATION_LOST);
		}
	}
	say_others(&x->post, f);
	ice_servers_check(x, f);
	exchange_free(&endpoint);
	exchange_free(&session);
}
