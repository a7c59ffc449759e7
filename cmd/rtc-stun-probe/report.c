#include "report.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/client.h"

/* Room for the longest words with an error code or the system's message behind. */
enum { WORDS_SIZE = 512 };

static const char *
words_of(const struct probe *p, char text[static WORDS_SIZE])
{
	const char *words = verdict_words(p->verdict, p->tcp);

	if (p->verdict == VERDICT_ERROR)
		snprintf(text, WORDS_SIZE, "%s (%d)", words, p->error);
	else if (p->verdict == VERDICT_INTERNAL)
		snprintf(text, WORDS_SIZE, "%s: %s", words, strerror(p->error));
	else
		snprintf(text, WORDS_SIZE, "%s", words);
	return text;
}

static double
ms(uint64_t us)
{
	return (double)us / 1000;
}

static double
loss_percent(const struct probe *p)
{
	return p->sent > 0 ? 100.0 * (p->sent - p->answered) / p->sent : 0;
}

static void
print_times(const struct probe *p)
{
	struct probe_rtt rtt;

	if (!probe_rtt(p, &rtt))
		return;
	if (p->options->counting)
		printf("; %u sent, %u answered, %.1f %% lost; RTT min %.2f median %.2f p99 %.2f ms",
		       p->sent, p->answered, loss_percent(p), ms(rtt.min_us), ms(rtt.median_us),
		       ms(rtt.p99_us));
	else
		printf(" in %.2f ms%s", ms(rtt.min_us),
		       p->transmissions > 1 ? " after repetition" : "");
}

static void
print_mapped(const struct probe *p)
{
	char mapped[ADDR_TEXT_SIZE], local[ADDR_TEXT_SIZE];

	if (!p->has_mapped)
		return;
	if (addr_equal(&p->mapped, &p->local))
		printf("; seen as %s, no NAT", addr_format(&p->mapped, mapped));
	else
		printf("; seen as %s, behind NAT (here %s)", addr_format(&p->mapped, mapped),
		       addr_format(&p->local, local));
}

static void
print_probe(const struct probe *p)
{
	char to[ADDR_TEXT_SIZE], words[WORDS_SIZE];

	printf("%-4s %s %s %s", verdict_status(p->verdict) == 0 ? "ok" : "FAIL",
	       p->tcp ? "tcp" : "udp", addr_format(&p->to, to), words_of(p, words));
	print_times(p);
	print_mapped(p);
	if (p->integrity)
		printf("; authenticated");
	putchar('\n');
}

static void
set(json_t *object, const char *key, json_t *value)
{
	json_object_set_new(object, key, value);
}

static json_t *
json_addr(const struct addr *a)
{
	char text[ADDR_TEXT_SIZE];

	return json_string(addr_format(a, text));
}

static json_t *
json_times(const struct probe *p)
{
	struct probe_rtt rtt;

	if (!probe_rtt(p, &rtt))
		return json_null();
	return json_pack("{s:f, s:f, s:f}", "min", ms(rtt.min_us), "median", ms(rtt.median_us),
			 "p99", ms(rtt.p99_us));
}

static json_t *
json_probe(const struct probe *p)
{
	bool known = p->options->creds.ufrag[0] != '\0', heard = p->answered > 0;
	char words[WORDS_SIZE];
	json_t *o = json_object();

	set(o, "address", json_addr(&p->to));
	set(o, "family", json_string(p->to.sa.sa_family == AF_INET6 ? "ipv6" : "ipv4"));
	set(o, "transport", json_string(p->tcp ? "tcp" : "udp"));
	set(o, "ok", json_boolean(verdict_status(p->verdict) == 0));
	set(o, "verdict", json_string(verdict_name(p->verdict)));
	set(o, "status", json_integer(verdict_status(p->verdict)));
	set(o, "reason", json_string(words_of(p, words)));
	set(o, "sent", json_integer(p->sent));
	set(o, "transmissions", json_integer(p->transmissions));
	set(o, "answered", json_integer(p->answered));
	set(o, "loss_percent", json_real(loss_percent(p)));
	set(o, "rtt_ms", json_times(p));
	set(o, "local", p->local.sa.sa_family != 0 ? json_addr(&p->local) : json_null());
	set(o, "mapped", p->has_mapped ? json_addr(&p->mapped) : json_null());
	set(o, "nat",
	    p->has_mapped ? json_boolean(!addr_equal(&p->mapped, &p->local)) : json_null());
	set(o, "integrity", known && heard ? json_boolean(p->integrity) : json_null());
	set(o, "fingerprint", heard ? json_boolean(p->fingerprint) : json_null());
	set(o, "error", p->error != 0 ? json_integer(p->error) : json_null());
	return o;
}

static void
print_json(const struct report *r)
{
	json_t *o = json_object(), *list = json_array();

	set(o, "host", json_string(r->options->host));
	set(o, "port", json_integer(r->options->port));
	set(o, "ok", json_boolean(r->status == 0));
	set(o, "status", json_integer(r->status));
	set(o, "verdict", json_string(r->name));
	set(o, "reason", json_string(r->words));
	for (size_t i = 0; i < r->count; i++)
		json_array_append_new(list, json_probe(&r->probes[i]));
	set(o, "addresses", list);
	json_dumpf(o, stdout, JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(6));
	putchar('\n');
	json_decref(o);
}

void
report_print(const struct report *r)
{
	if (r->options->json) {
		print_json(r);
		return;
	}
	if (r->count == 0)
		printf("FAIL dns %s %s\n", r->options->host, r->words);
	for (size_t i = 0; i < r->count; i++)
		print_probe(&r->probes[i]);
	if (r->status == CLIENT_TCP_ONLY)
		printf("%s\n", r->words);
}
