/* certs.c - the certificates of the ports that speak https: read, made, read again. */
#include "gate.h"

#include <errno.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/text.h"
#include "log/log.h"

enum { PATH_SIZE = 512, DAY_S = 86400, WARN_DAYS = 14, NAME_SIZE = 256 };

/* ---- a pair of our own making ---- */

struct names {
	char text[TLS_NAMES_MAX][NAME_SIZE];
	const char *list[TLS_NAMES_MAX];
	size_t count;
};

static void
add_name(struct names *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->list[i], name) == 0)
			return;
	if (names->count == TLS_NAMES_MAX || !text_copy(names->text[names->count], NAME_SIZE, name))
		return;
	names->list[names->count] = names->text[names->count];
	names->count++;
}

/* What users may type to reach this machine. */
static void
collect_names(struct names *names, const struct gate_config *config)
{
	char own[NAME_SIZE] = "", text[ADDR_TEXT_SIZE];
	struct ifaddrs *list;
	struct addr a;

	names->count = 0;
	add_name(names, "localhost");
	for (size_t i = 0; i < config->host_count; i++)
		if (config->hosts[i][0] != '*')
			add_name(names, config->hosts[i]);
	if (gethostname(own, sizeof(own) - 1) == 0 && own[0] != '\0')
		add_name(names, own);
	if (getifaddrs(&list) != 0)
		return;
	for (const struct ifaddrs *i = list; i != NULL; i = i->ifa_next)
		if (i->ifa_addr != NULL && addr_from_sockaddr(&a, i->ifa_addr) == 0 &&
		    strchr(addr_format_host(&a, text), '%') == NULL)
			add_name(names, addr_format_host(&a, text));
	freeifaddrs(list);
}

static int
make_pair(const struct gate_config *config, const struct tls_pair *pair)
{
	struct names names;
	int error;

	if (mkdir(config->self_signed, 0700) != 0 && errno != EEXIST)
		return -errno;
	collect_names(&names, config);
	error = tls_make_pair(pair, names.list, names.count);
	if (error == 0)
		log_info("tls",
			 "made a self-signed certificate, %s: browsers ask their user about it",
			 pair->cert);
	return error;
}

/* The pair in our folder, made if it is not there or has run out. NULL after an error. */
static struct tls_ctx *
load_own(const struct gate_config *config, char words[static TLS_WORDS_SIZE])
{
	char cert[PATH_SIZE], key[PATH_SIZE];
	const struct tls_pair pair = {cert, key};
	struct tls_ctx *ctx = NULL;
	bool is_there;
	int error;

	if (snprintf(cert, sizeof(cert), "%s/self-signed.crt", config->self_signed) >= PATH_SIZE ||
	    snprintf(key, sizeof(key), "%s/self-signed.key", config->self_signed) >= PATH_SIZE) {
		snprintf(words, TLS_WORDS_SIZE, "%.64s...: name too long", config->self_signed);
		return NULL;
	}
	is_there = access(cert, F_OK) == 0 && access(key, F_OK) == 0;
	if (is_there)
		ctx = tls_ctx_load(&pair, 1, "http/1.1", words);
	if (is_there && (ctx == NULL || tls_ctx_left_s(ctx) > 0))
		return ctx; /* a pair that somebody broke is not overwritten */
	tls_ctx_unref(ctx);
	error = make_pair(config, &pair);
	if (error != 0) {
		snprintf(words, TLS_WORDS_SIZE, "cannot make a certificate in %s: %s",
			 config->self_signed, strerror(-error));
		return NULL;
	}
	return tls_ctx_load(&pair, 1, "http/1.1", words);
}

/* ---- any ---- */

static void
warn_of_end(const struct tls_ctx *ctx)
{
	int64_t left_s = tls_ctx_left_s(ctx);

	if (left_s < 0)
		log_warn("tls", "a certificate has expired %" PRId64 " days ago", -left_s / DAY_S);
	else if (left_s < (int64_t)WARN_DAYS * DAY_S)
		log_warn("tls", "a certificate expires in %" PRId64 " days", left_s / DAY_S);
}

int
gate_certs_load(struct gate *gate)
{
	const struct gate_config *config = &gate->config;
	char words[TLS_WORDS_SIZE] = "";
	struct tls_ctx *ctx;

	if (gate_secure_port(gate) == 0)
		return EX_OK;
	if (config->pair_count > 0)
		ctx = tls_ctx_load(config->pairs, config->pair_count, "http/1.1", words);
	else
		ctx = load_own(config, words);
	if (ctx == NULL) {
		log_error("tls", "%s%s", words,
			  gate->tls != NULL ? "; what was read before stays in use" : "");
		return EX_NOINPUT;
	}
	if (gate->tls != NULL)
		log_info("tls", "certificates were read again");
	warn_of_end(ctx);
	tls_ctx_unref(gate->tls);
	gate->tls = ctx;
	return EX_OK;
}
