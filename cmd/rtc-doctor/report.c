#include "report.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

static const enum doctor_client clients[] = {DOCTOR_OBS, DOCTOR_BROWSER, DOCTOR_FFMPEG};

static const char *
fix_of(const struct exam *x, enum doctor_cause cause, char *out)
{
	char address[ADDR_TEXT_SIZE] = "";
	struct doctor_facts facts = {.host = x->host, .address = address};

	if (x->reached.sa.sa_family != 0 && !addr_is_loopback(&x->reached))
		addr_format_host(&x->reached, address);
	for (size_t i = 0; i < x->target_count && facts.port == 0; i++)
		facts.port = addr_port(&x->targets[i].addr);
	return doctor_fix(out, DOCTOR_FIX_SIZE, cause, &facts);
}

/* ---- what decides ---- */

static bool
has_cause(const struct doctor_finding *f, enum doctor_cause cause)
{
	for (size_t i = 0; i < f->cause_count; i++)
		if (f->causes[i] == cause)
			return true;
	return false;
}

/* UDP that is blocked is not the end where TCP works. */
static bool
is_overruled(const struct exam *x, enum doctor_stage stage)
{
	return stage == DOCTOR_ICE_UDP && x->reported[DOCTOR_ICE_TCP] &&
	       has_cause(&x->findings[DOCTOR_ICE_TCP], DOCTOR_TCP_ONLY);
}

/* The cause that stops a client (ANYONE: that is a failure), DOCTOR_NO_CAUSE if none does. */
static enum doctor_cause
first_stop(const struct exam *x, enum doctor_client client)
{
	for (int s = 0; s < DOCTOR_STAGES; s++) {
		const struct doctor_finding *f = &x->findings[s];

		if (!x->reported[s] || is_overruled(x, s))
			continue;
		for (size_t i = 0; i < f->cause_count; i++)
			if (doctor_cause_level(f->causes[i], client) == DOCTOR_FAIL)
				return f->causes[i];
	}
	return DOCTOR_NO_CAUSE;
}

/* ---- text ---- */

static void
print_finding(const struct doctor_finding *f)
{
	printf("%-4s %-10s %s  %.1f ms\n", doctor_level_name(f->level), doctor_stage_name(f->stage),
	       f->detail, (double)f->took_us / 1e3);
	fflush(stdout);
}

/* What is not the fix line's, but worth mending too. */
static void
print_notes(const struct exam *x, enum doctor_cause decided)
{
	char fix[DOCTOR_FIX_SIZE];

	for (int s = 0; s < DOCTOR_STAGES; s++) {
		const struct doctor_finding *f = &x->findings[s];

		for (size_t i = 0; x->reported[s] && i < f->cause_count; i++)
			if (f->causes[i] != decided && !is_overruled(x, s) &&
			    doctor_cause_level(f->causes[i], f->as) == DOCTOR_WARN)
				printf("note: %s: %s\n", doctor_stage_name(f->stage),
				       fix_of(x, f->causes[i], fix));
	}
}

static const char *
does(const struct exam *x)
{
	return x->o.action == WHIP_PUBLISH ? "publish" : "play";
}

static void
print_clients(const struct exam *x)
{
	for (size_t i = 0; i < ARRAY_COUNT(clients); i++) {
		enum doctor_cause stop;

		if (x->o.as != DOCTOR_ANYONE && x->o.as != clients[i])
			continue;
		if (x->o.action == WHIP_PLAY && clients[i] != DOCTOR_BROWSER)
			continue;
		stop = first_stop(x, clients[i]);
		if (stop == DOCTOR_NO_CAUSE)
			printf("%s will %s here\n", doctor_client_name(clients[i]), does(x));
		else
			printf("%s will not %s here: %s\n", doctor_client_name(clients[i]), does(x),
			       doctor_row(stop)->name);
	}
}

/* ---- JSON ---- */

static json_t *
json_causes(const struct doctor_finding *f)
{
	json_t *list = json_array();

	for (size_t i = 0; i < f->cause_count; i++)
		json_array_append_new(list, json_string(doctor_row(f->causes[i])->name));
	return list;
}

static void
dump(json_t *o)
{
	json_dumpf(o, stdout, JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(7));
	putchar('\n');
	fflush(stdout);
	json_decref(o);
}

static void
dump_finding(const struct exam *x, const struct doctor_finding *f)
{
	char fix[DOCTOR_FIX_SIZE] = "";

	if (f->cause_count > 0)
		fix_of(x, f->causes[0], fix);
	dump(json_pack("{s:s, s:s, s:s, s:o, s:s, s:f}", "stage", doctor_stage_name(f->stage),
		       "level", doctor_level_name(f->level), "detail", f->detail, "causes",
		       json_causes(f), "fix", fix, "time_ms", (double)f->took_us / 1e3));
}

static json_t *
json_clients(const struct exam *x)
{
	static const char *const names[] = {"obs", "browser", "ffmpeg"};
	json_t *o = json_object();

	for (size_t i = 0; i < ARRAY_COUNT(clients); i++) {
		enum doctor_cause stop = first_stop(x, clients[i]);

		if (x->o.partial || (x->o.as != DOCTOR_ANYONE && x->o.as != clients[i]) ||
		    (x->o.action == WHIP_PLAY && clients[i] != DOCTOR_BROWSER))
			continue;
		json_object_set_new(o, names[i],
				    stop == DOCTOR_NO_CAUSE ? json_string("ok")
							    : json_string(doctor_row(stop)->name));
	}
	return o;
}

/* ---- the parts together ---- */

void
report_finding(const struct exam *x, const struct doctor_finding *f)
{
	if (x->o.json)
		dump_finding(x, f);
	else
		print_finding(f);
}

int
report_result(const struct exam *x)
{
	enum doctor_cause cause = first_stop(x, x->o.as);
	const struct doctor_row *row = doctor_row(cause);
	int status = row != NULL ? (int)row->code : CLIENT_OK;
	char fix[DOCTOR_FIX_SIZE];

	fix_of(x, cause, fix);
	if (x->o.json) {
		dump(json_pack("{s:s, s:b, s:i, s:s, s:s, s:o}", "stage", "result", "ok",
			       status == 0, "status", status, "cause", row != NULL ? row->name : "",
			       "fix", fix, "clients", json_clients(x)));
		return status;
	}
	if (row != NULL)
		printf("fix: %s\n", fix);
	print_notes(x, cause);
	if (!x->o.partial && x->o.sdp_file == NULL)
		print_clients(x);
	return status;
}
