#include "doctor/doctor.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"

static const char *const stage_names[DOCTOR_STAGES] = {
    [DOCTOR_DNS] = "dns",	  [DOCTOR_TCP] = "tcp",
    [DOCTOR_TLS] = "tls",	  [DOCTOR_HTTP] = "http",
    [DOCTOR_AUTH] = "auth",	  [DOCTOR_HEADERS] = "headers",
    [DOCTOR_SDP] = "sdp",	  [DOCTOR_CANDIDATES] = "candidates",
    [DOCTOR_ICE_UDP] = "ice-udp", [DOCTOR_ICE_TCP] = "ice-tcp",
    [DOCTOR_MTU] = "mtu",	  [DOCTOR_DTLS] = "dtls",
    [DOCTOR_MEDIA] = "media",	  [DOCTOR_DELETE] = "delete",
};

const char *
doctor_stage_name(enum doctor_stage stage)
{
	return stage_names[stage];
}

int
doctor_stage_parse(const char *name)
{
	for (int i = 0; i < DOCTOR_STAGES; i++)
		if (strcmp(stage_names[i], name) == 0)
			return i;
	return -EINVAL;
}

const char *
doctor_client_name(enum doctor_client client)
{
	switch (client) {
	case DOCTOR_OBS:
		return "OBS";
	case DOCTOR_BROWSER:
		return "browsers";
	case DOCTOR_FFMPEG:
		return "ffmpeg";
	default:
		return "anyone";
	}
}

const char *
doctor_level_name(enum doctor_level level)
{
	static const char *const names[] = {
	    [DOCTOR_FINE] = "ok", [DOCTOR_WARN] = "WARN", [DOCTOR_FAIL] = "FAIL"};

	return names[level];
}

enum doctor_level
doctor_cause_level(enum doctor_cause cause, enum doctor_client as)
{
	const struct doctor_row *row = doctor_row(cause);

	if (row == NULL)
		return DOCTOR_FINE;
	if (as == DOCTOR_ANYONE)
		return row->level;
	return (row->stops & as) != 0 ? DOCTOR_FAIL : DOCTOR_WARN;
}

/* ---- the fix line ---- */

/* What a placeholder at p stands for, and its size; 0 if there is none. */
static size_t
expand(const char *p, const struct doctor_facts *facts, char *out, size_t cap)
{
	static const char host[] = "{host}", address[] = "{address}", port[] = "{port}";

	if (strncmp(p, host, sizeof(host) - 1) == 0) {
		text_copy(out, cap, facts->host[0] != '\0' ? facts->host : "the server");
		return sizeof(host) - 1;
	}
	if (strncmp(p, address, sizeof(address) - 1) == 0) {
		text_copy(out, cap, facts->address[0] != '\0' ? facts->address : "ADDRESS");
		return sizeof(address) - 1;
	}
	if (strncmp(p, port, sizeof(port) - 1) == 0) {
		snprintf(out, cap, "%u", facts->port != 0 ? facts->port : 8000);
		return sizeof(port) - 1;
	}
	return 0;
}

char *
doctor_fix(char *out, size_t cap, enum doctor_cause cause, const struct doctor_facts *facts)
{
	const struct doctor_row *row = doctor_row(cause);
	size_t size = 0;

	for (const char *p = row != NULL ? row->fix : ""; *p != '\0' && size + 1 < cap;) {
		size_t taken = expand(p, facts, out + size, cap - size);

		if (taken > 0) {
			size += strlen(out + size);
			p += taken;
		} else {
			out[size++] = *p++;
		}
	}
	out[size] = '\0';
	return out;
}

/* ---- findings ---- */

void
doctor_finding_init(struct doctor_finding *f, enum doctor_stage stage, enum doctor_client as)
{
	memset(f, 0, sizeof(*f));
	f->stage = stage;
	f->as = as;
}

void
doctor_say(struct doctor_finding *f, const char *format, ...)
{
	size_t size = strlen(f->detail);
	va_list args;

	if (size > 0)
		text_copy(f->detail + size, sizeof(f->detail) - size, "; ");
	size = strlen(f->detail);
	va_start(args, format);
	vsnprintf(f->detail + size, sizeof(f->detail) - size, format, args);
	va_end(args);
	for (char *p = f->detail + size; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
}

void
doctor_blame(struct doctor_finding *f, enum doctor_cause cause)
{
	enum doctor_level level = doctor_cause_level(cause, f->as);
	size_t at = f->cause_count;

	for (size_t i = 0; i < f->cause_count; i++)
		if (f->causes[i] == cause)
			return;
	if (level > f->level)
		at = 0;
	f->level = MAX_OF(f->level, level);
	if (at >= DOCTOR_CAUSES_MAX)
		return;
	f->cause_count = MIN_OF(f->cause_count + 1, (size_t)DOCTOR_CAUSES_MAX);
	memmove(&f->causes[at + 1], &f->causes[at],
		(f->cause_count - at - 1) * sizeof(f->causes[0]));
	f->causes[at] = cause;
}
