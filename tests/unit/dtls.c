/* Unit tests of lib/dtls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/srtp.h>

#include "../support/link.h"
#include "../support/support.h"
#include "../support/vclock.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "dtls/dtls.h"
#include "dtls/dtls_internal.h" /* to restrict what a client offers */

enum { TIME_MAX_US = 20000000, DATAGRAM = 1500 };
static bool has_rsa[2]; /* certificates, by role */

struct pair {
	struct dtls_ctx *ctx[2];
	struct dtls *end[2];  /* by enum dtls_role */
	struct link *link[2]; /* by sender's role */
	uint64_t now_us;
	bool shrink; /* as soon as connected */
};

static void
pair_init(struct pair *p, const struct link_params *params, uint64_t seed, const char *hash,
	  const char *fingerprint)
{
	p->now_us = 1000000;
	p->shrink = false;
	vclock_set(p->now_us);
	for (int i = 0; i < 2; i++) {
		p->ctx[i] = has_rsa[i] ? dtls_ctx_new_rsa() : dtls_ctx_new();
		assert_non_null(p->ctx[i]);
		p->link[i] = link_new(params, seed + (uint64_t)i);
	}
	p->end[DTLS_SERVER] = dtls_new(p->ctx[DTLS_SERVER], DTLS_SERVER, "sha-256",
				       dtls_ctx_fingerprint(p->ctx[DTLS_CLIENT]));
	p->end[DTLS_CLIENT] =
	    dtls_new(p->ctx[DTLS_CLIENT], DTLS_CLIENT, hash,
		     fingerprint != NULL ? fingerprint : dtls_ctx_fingerprint(p->ctx[DTLS_SERVER]));
	assert_non_null(p->end[DTLS_SERVER]);
	assert_non_null(p->end[DTLS_CLIENT]);
}

static void
pair_fini(struct pair *p)
{
	for (int i = 0; i < 2; i++) {
		dtls_free(p->end[i]);
		dtls_ctx_free(p->ctx[i]);
		link_free(p->link[i]);
	}
}

static void
pair_flush(struct pair *p, int i)
{
	uint8_t buf[DATAGRAM];
	int size;

	for (size = dtls_poll(p->end[i], buf, sizeof(buf)); size > 0;
	     size = dtls_poll(p->end[i], buf, sizeof(buf))) {
		assert_true(size <= DTLS_DATAGRAM_MAX);
		link_send(p->link[i], p->now_us, buf, (size_t)size);
	}
}

/* Deliver and fire timers until nothing more is due or both have left the handshake. */
static void
pair_run(struct pair *p)
{
	uint8_t buf[DATAGRAM];

	for (;;) {
		uint64_t next = CLOCK_NEVER;

		for (int i = 0; i < 2; i++) {
			size_t size = link_recv(p->link[!i], p->now_us, buf);

			for (; size > 0; size = link_recv(p->link[!i], p->now_us, buf))
				dtls_input(p->end[i], p->now_us, buf, size);
			if (p->shrink)
				dtls_shrink(p->end[i]);
			if (dtls_deadline(p->end[i], p->now_us) <= p->now_us)
				dtls_timeout(p->end[i], p->now_us);
			pair_flush(p, i);
		}
		for (int i = 0; i < 2; i++) {
			next = MIN_OF(next, dtls_deadline(p->end[i], p->now_us));
			next = MIN_OF(next, link_next(p->link[i]));
		}
		if (next == CLOCK_NEVER || next > TIME_MAX_US)
			return;
		p->now_us = MAX_OF(next, p->now_us + 1);
		vclock_set(p->now_us);
	}
}

static void
assert_connected(struct pair *p, enum dtls_srtp_profile profile)
{
	struct dtls_srtp_keys a, b;

	assert_string_equal(dtls_error(p->end[0]), "");
	assert_string_equal(dtls_error(p->end[1]), "");
	assert_int_equal(dtls_keys(p->end[0], &a), 0);
	assert_int_equal(dtls_keys(p->end[1], &b), 0);
	assert_int_equal(a.profile, profile);
	assert_int_equal(b.profile, profile);
	assert_memory_equal(&a.local, &b.remote, sizeof(a.local));
	assert_memory_equal(&a.remote, &b.local, sizeof(a.local));
	assert_memory_not_equal(a.local.key, a.remote.key, a.key_size);
}

static const struct link_params clean = {.delay_us = 5000};

static void
both_roles_agree_on_keys(void **state)
{
	struct pair p;

	(void)state;
	pair_init(&p, &clean, 1, "SHA-256", NULL);
	assert_int_equal(dtls_keys(p.end[0], &(struct dtls_srtp_keys){0}), -EAGAIN);
	pair_run(&p);
	assert_connected(&p, DTLS_SRTP_AEAD_AES_128_GCM);
	assert_string_equal(dtls_version(p.end[DTLS_SERVER]), "DTLSv1.2");
	assert_string_equal(dtls_cipher(p.end[DTLS_SERVER]), "ECDHE-ECDSA-AES128-GCM-SHA256");
	assert_string_equal(dtls_profile_name(DTLS_SRTP_AEAD_AES_128_GCM), "AEAD_AES_128_GCM");
	assert_true(p.now_us < 1100000); /* no retransmission was needed */
	pair_fini(&p);
}

static void
rsa_certificates_work(void **state)
{
	struct pair p;

	(void)state;
	for (int i = 3; i >= 0; i--) {
		has_rsa[DTLS_SERVER] = i & 1;
		has_rsa[DTLS_CLIENT] = i & 2;
		pair_init(&p, &clean, i, "sha-256", NULL);
		pair_run(&p);
		assert_connected(&p, DTLS_SRTP_AEAD_AES_128_GCM);
		assert_non_null(strstr(dtls_cipher(p.end[0]), i & 1 ? "-RSA-" : "-ECDSA-"));
		pair_fini(&p);
	}
}

static void
server_chooses_the_profile(void **state)
{
	static const struct {
		const char *offer;
		enum dtls_srtp_profile profile;
		size_t key, salt;
	} rows[] = {
	    {"SRTP_AES128_CM_SHA1_80", DTLS_SRTP_AES128_CM_SHA1_80, 16, 14},
	    {"SRTP_AEAD_AES_256_GCM:SRTP_AES128_CM_SHA1_80", DTLS_SRTP_AEAD_AES_256_GCM, 32, 12},
	    {"SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_256_GCM:SRTP_AEAD_AES_128_GCM",
	     DTLS_SRTP_AEAD_AES_128_GCM, 16, 12},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct pair p;
		struct dtls_srtp_keys keys;

		pair_init(&p, &clean, 1, "sha-256", NULL);
		dtls_free(p.end[DTLS_CLIENT]);
		SSL_CTX_set_tlsext_use_srtp(p.ctx[DTLS_CLIENT]->ssl[DTLS_CLIENT], rows[i].offer);
		p.end[DTLS_CLIENT] = dtls_new(p.ctx[DTLS_CLIENT], DTLS_CLIENT, "sha-256",
					      dtls_ctx_fingerprint(p.ctx[DTLS_SERVER]));
		pair_run(&p);
		assert_connected(&p, rows[i].profile);
		dtls_keys(p.end[DTLS_SERVER], &keys);
		assert_int_equal(keys.key_size, rows[i].key);
		assert_int_equal(keys.salt_size, rows[i].salt);
		pair_fini(&p);
	}
}

static void
no_common_profile_fails_in_words(void **state)
{
	struct pair p;

	(void)state;
	pair_init(&p, &clean, 1, "sha-256", NULL);
	dtls_free(p.end[DTLS_CLIENT]);
	SSL_CTX_set_tlsext_use_srtp(p.ctx[DTLS_CLIENT]->ssl[DTLS_CLIENT], "SRTP_AES128_CM_SHA1_32");
	p.end[DTLS_CLIENT] = dtls_new(p.ctx[DTLS_CLIENT], DTLS_CLIENT, "sha-256",
				      dtls_ctx_fingerprint(p.ctx[DTLS_SERVER]));
	pair_run(&p);
	assert_int_equal(dtls_state(p.end[DTLS_SERVER]), DTLS_FAILED);
	assert_non_null(strstr(dtls_error(p.end[DTLS_SERVER]), "SRTP"));
	pair_fini(&p);
}

static void
longer_hashes_work(void **state)
{
	static const struct {
		const char *name;
		const EVP_MD *(*md)(void);
	} rows[] = {{"sha-384", EVP_sha384}, {"SHA-512", EVP_sha512}};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct pair p;
		uint8_t digest[EVP_MAX_MD_SIZE];
		char text[3 * EVP_MAX_MD_SIZE];
		unsigned size;

		pair_init(&p, &clean, 1, "sha-256", NULL);
		X509_digest(p.ctx[DTLS_SERVER]->cert, rows[i].md(), digest, &size);
		dtls_fingerprint_format(text, digest, size);
		dtls_free(p.end[DTLS_CLIENT]);
		p.end[DTLS_CLIENT] = dtls_new(p.ctx[DTLS_CLIENT], DTLS_CLIENT, rows[i].name, text);
		assert_non_null(p.end[DTLS_CLIENT]);
		pair_run(&p);
		assert_connected(&p, DTLS_SRTP_AEAD_AES_128_GCM);
		pair_fini(&p);
	}
}

static void
unusable_fingerprints_are_refused(void **state)
{
	struct dtls_ctx *ctx = dtls_ctx_new();
	const char *good = dtls_ctx_fingerprint(ctx);
	char text[DTLS_FINGERPRINT_SIZE];

	(void)state;
	assert_null(dtls_new(ctx, DTLS_SERVER, "sha-1", good));
	assert_null(dtls_new(ctx, DTLS_SERVER, "md5", good));
	assert_null(dtls_new(ctx, DTLS_SERVER, "sha-512", good));
	assert_null(dtls_new(ctx, DTLS_SERVER, "sha-256", ""));
	for (size_t n = 0; n < strlen(good); n++) {
		memcpy(text, good, n);
		text[n] = '\0';
		assert_null(dtls_new(ctx, DTLS_SERVER, "sha-256", text));
	}
	strcpy(text, good);
	text[1] = 'G';
	assert_null(dtls_new(ctx, DTLS_SERVER, "sha-256", text));
	strcpy(text, good);
	text[2] = '-';
	assert_null(dtls_new(ctx, DTLS_SERVER, "sha-256", text));
	dtls_ctx_free(ctx);
}

/* The client expects another server: neither side may get keys. */
static void
wrong_fingerprint_fails_both(void **state)
{
	struct dtls_ctx *other = dtls_ctx_new();
	struct pair p;

	(void)state;
	pair_init(&p, &clean, 1, "sha-256", dtls_ctx_fingerprint(other));
	pair_run(&p);
	assert_int_equal(dtls_state(p.end[DTLS_CLIENT]), DTLS_FAILED);
	assert_non_null(strstr(dtls_error(p.end[DTLS_CLIENT]), "fingerprint"));
	assert_int_equal(dtls_keys(p.end[DTLS_CLIENT], &(struct dtls_srtp_keys){0}), -EAGAIN);
	assert_int_equal(dtls_state(p.end[DTLS_SERVER]), DTLS_FAILED);
	assert_non_null(strstr(dtls_error(p.end[DTLS_SERVER]), "alert"));
	assert_int_equal(dtls_input(p.end[DTLS_SERVER], 0, (const uint8_t[]){22}, 1),
			 -ECONNABORTED);
	pair_fini(&p);
	dtls_ctx_free(other);
}

/* The server expects another client. */
static void
wrong_client_certificate_fails(void **state)
{
	struct dtls_ctx *other = dtls_ctx_new();
	struct pair p;

	(void)state;
	pair_init(&p, &clean, 1, "sha-256", NULL);
	dtls_free(p.end[DTLS_SERVER]);
	p.end[DTLS_SERVER] =
	    dtls_new(p.ctx[DTLS_SERVER], DTLS_SERVER, "sha-256", dtls_ctx_fingerprint(other));
	pair_run(&p);
	assert_int_equal(dtls_state(p.end[DTLS_SERVER]), DTLS_FAILED);
	assert_int_equal(dtls_state(p.end[DTLS_CLIENT]), DTLS_FAILED);
	pair_fini(&p);
	dtls_ctx_free(other);
}

static void
client_without_certificate_fails(void **state)
{
	struct pair p;

	(void)state;
	pair_init(&p, &clean, 1, "sha-256", NULL);
	SSL_certs_clear(p.end[DTLS_CLIENT]->ssl);
	pair_run(&p);
	assert_int_equal(dtls_state(p.end[DTLS_SERVER]), DTLS_FAILED);
	assert_int_equal(dtls_keys(p.end[DTLS_SERVER], &(struct dtls_srtp_keys){0}), -EAGAIN);
	pair_fini(&p);
}

static void
bad_links_are_survived(void **state)
{
	static const struct link_params bad = {.delay_us = 20000,
					       .reorder_us = 60000,
					       .loss_permille = 200,
					       .duplicate_permille = 100,
					       .reorder_permille = 300};
	uint64_t seed = support_seed();

	(void)state;
	for (uint64_t i = 0; i < 100; i++) {
		struct pair p;

		has_rsa[DTLS_SERVER] = i % 8 == 1; /* not so in the last round */
		pair_init(&p, &bad, seed + 1000 * i, "sha-256", NULL);
		p.shrink = i % 4 != 0;
		pair_run(&p);
		if (dtls_state(p.end[0]) != DTLS_CONNECTED ||
		    dtls_state(p.end[1]) != DTLS_CONNECTED)
			print_message("# RTC_SEED=%llu round %llu\n", (unsigned long long)seed,
				      (unsigned long long)i);
		assert_connected(&p, DTLS_SRTP_AEAD_AES_128_GCM);
		pair_fini(&p);
	}
}

static void
first_retransmission_is_early_and_an_end_comes(void **state)
{
	struct pair p;
	uint8_t buf[DATAGRAM];
	uint64_t first;

	(void)state;
	pair_init(&p, &clean, 1, "sha-256", NULL);
	while (dtls_poll(p.end[DTLS_CLIENT], buf, sizeof(buf)) > 0)
		continue;
	first = dtls_deadline(p.end[DTLS_CLIENT], p.now_us) - p.now_us;
	assert_in_range(first, 50000, 100000);
	assert_true(dtls_deadline(p.end[DTLS_SERVER], p.now_us) == CLOCK_NEVER);
	for (int i = 0; i < 40 && dtls_state(p.end[DTLS_CLIENT]) == DTLS_HANDSHAKE; i++) {
		p.now_us = dtls_deadline(p.end[DTLS_CLIENT], p.now_us);
		vclock_set(p.now_us);
		dtls_timeout(p.end[DTLS_CLIENT], p.now_us);
	}
	assert_int_equal(dtls_state(p.end[DTLS_CLIENT]), DTLS_FAILED);
	assert_non_null(strstr(dtls_error(p.end[DTLS_CLIENT]), "does not answer"));
	assert_in_range(p.now_us, 5000000, 20000000);
	pair_fini(&p);
}

/* Cut the ClientHello in buf into fragments of at most piece octets, given in a seeded order. */
static void
input_fragments(struct dtls *server, const uint8_t *buf, size_t size, size_t piece, uint64_t seed)
{
	size_t total = be24(buf + 14), count = (total + piece - 1) / piece;
	size_t order[20];
	struct prng rng = {seed};

	assert_int_equal(13 + 12 + total, size);
	assert_true(count <= ARRAY_COUNT(order));
	for (size_t i = 0; i < count; i++)
		order[i] = i;
	for (size_t i = count; i > 1; i--) {
		size_t j = prng_below(&rng, (uint32_t)i), t = order[i - 1];

		order[i - 1] = order[j];
		order[j] = t;
	}
	for (size_t i = 0; i < count; i++) {
		size_t at = order[i] * piece, n = MIN_OF(piece, total - at);
		uint8_t out[DATAGRAM];

		memcpy(out, buf, 25);
		out[10] = (uint8_t)(40 + i); /* sequence number: none of the client's */
		put_be16(out + 11, (uint16_t)(12 + n));
		put_be24(out + 19, (uint32_t)at); /* fragment_offset, fragment_length */
		put_be24(out + 22, (uint32_t)n);
		memcpy(out + 25, buf + 25 + at, n);
		assert_int_equal(dtls_input(server, 1000000, out, 25 + n), 0);
	}
}

static void
client_hello_in_any_fragments(void **state)
{
	static const size_t pieces[] = {1000, 150, 100, 40, 20, 12};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(pieces); i++)
		for (uint64_t seed = 1; seed <= 5; seed++) {
			struct pair p;
			uint8_t buf[DATAGRAM];
			int size;

			pair_init(&p, &clean, 1, "sha-256", NULL);
			size = dtls_poll(p.end[DTLS_CLIENT], buf, sizeof(buf));
			assert_true(size > 0);
			input_fragments(p.end[DTLS_SERVER], buf, (size_t)size, pieces[i], seed);
			pair_run(&p);
			assert_connected(&p, DTLS_SRTP_AEAD_AES_128_GCM);
			pair_fini(&p);
		}
}

struct injection {
	struct dtls *d;
	size_t whole; /* size that would be the real thing */
};

static void
inject(void *arg, const uint8_t *buf, size_t size)
{
	struct injection *in = arg;

	if (size == in->whole)
		return;
	assert_int_equal(dtls_input(in->d, 1000000, buf, size), size == 0 ? -ENOMSG : -EBADMSG);
	assert_int_not_equal(dtls_state(in->d), DTLS_FAILED);
}

static void
garbage_and_truncations_are_ignored(void **state)
{
	struct pair p;
	struct prng rng = {support_seed()};
	uint8_t buf[DATAGRAM], junk[DATAGRAM];
	int size;
	struct injection in;

	(void)state;
	pair_init(&p, &clean, 1, "sha-256", NULL);
	size = dtls_poll(p.end[DTLS_CLIENT], buf, sizeof(buf));
	in = (struct injection){p.end[DTLS_SERVER], (size_t)size};
	support_truncations(buf, (size_t)size, inject, &in);
	for (int i = 0; i < 2000; i++) {
		size_t n = prng_below(&rng, 200) + 1;

		for (size_t j = 0; j < n; j++)
			junk[j] = (uint8_t)prng_next(&rng);
		junk[0] = (uint8_t)(20 + junk[0] % 44);
		assert_int_equal(dtls_input(p.end[DTLS_SERVER], p.now_us, junk, n), -EBADMSG);
	}
	assert_int_equal(dtls_input(p.end[DTLS_SERVER], p.now_us, (const uint8_t[]){0x80, 0}, 2),
			 -ENOMSG);
	assert_int_equal(dtls_input(p.end[DTLS_SERVER], p.now_us, buf, (size_t)size), 0);
	pair_run(&p);
	assert_connected(&p, DTLS_SRTP_AEAD_AES_128_GCM);
	/* Connected: records that do not authenticate, of either epoch, change nothing. */
	for (int i = 0; i < 2000; i++) {
		uint8_t head[13] = {
		    (uint8_t)(20 + i % 4), 0xfe, 0xfd, 0, (uint8_t)(i & 1), 0, 0, 0, 0, 0,
		    (uint8_t)(i >> 2),	   0,	 40};

		memcpy(junk, head, 13);
		for (size_t j = 13; j < 53; j++)
			junk[j] = (uint8_t)prng_next(&rng);
		dtls_input(p.end[i & 1], p.now_us, junk, 53);
	}
	assert_connected(&p, DTLS_SRTP_AEAD_AES_128_GCM);
	pair_fini(&p);
}

static void
close_notify_ends_the_other(void **state)
{
	(void)state;
	for (int shrink = 0; shrink < 2; shrink++)
		for (int closer = 0; closer < 2; closer++) {
			struct pair p;

			pair_init(&p, &clean, 1, "sha-256", NULL);
			pair_run(&p);
			assert_connected(&p, DTLS_SRTP_AEAD_AES_128_GCM);
			for (int i = 0; shrink && i < 2; i++)
				dtls_shrink(p.end[i]);
			dtls_close(p.end[closer]);
			assert_int_equal(dtls_state(p.end[closer]), DTLS_CLOSED);
			pair_run(&p);
			assert_int_equal(dtls_state(p.end[!closer]), DTLS_CLOSED);
			assert_string_equal(dtls_error(p.end[!closer]), "");
			pair_fini(&p);
		}
}

/* Shrunk with each cipher: garbage is refused, close_notify understood both ways. */
static void
shrunk_ends_understand_each_other(void **state)
{
	static const char *const names[] = {"ECDHE-ECDSA-AES128-GCM-SHA256",
					    "ECDHE-ECDSA-AES256-GCM-SHA384",
					    "ECDHE-ECDSA-CHACHA20-POLY1305"};

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_COUNT(names); i++) {
		struct pair p;
		uint8_t buf[DATAGRAM];
		int size, closer = i % 2 == 0 ? DTLS_SERVER : DTLS_CLIENT;

		pair_init(&p, &clean, 1, "sha-256", NULL);
		assert_int_equal(SSL_set_cipher_list(p.end[DTLS_SERVER]->ssl, names[i / 2]), 1);
		pair_run(&p);
		assert_connected(&p, DTLS_SRTP_AEAD_AES_128_GCM);
		assert_string_equal(dtls_cipher(p.end[DTLS_CLIENT]), names[i / 2]);
		dtls_shrink(p.end[closer]);
		assert_null(p.end[closer]->ssl);
		assert_string_equal(dtls_cipher(p.end[closer]), names[i / 2]);
		dtls_close(p.end[closer]);
		size = dtls_poll(p.end[closer], buf, sizeof(buf));
		assert_true(size > 0);
		if (i % 4 < 2)
			dtls_shrink(p.end[!closer]);
		for (int bit = 0; bit < size * 8; bit++) {
			if (bit / 8 == 2)
				continue; /* OpenSSL ignores the version of an alert */
			buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_int_not_equal(
			    dtls_input(p.end[!closer], p.now_us, buf, (size_t)size), -ECONNABORTED);
			buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_int_equal(dtls_state(p.end[!closer]), DTLS_CONNECTED);
		}
		assert_int_equal(dtls_input(p.end[!closer], p.now_us, buf, (size_t)size), 0);
		assert_int_equal(dtls_state(p.end[!closer]), DTLS_CLOSED);
		pair_fini(&p);
	}
}

/* The server's last flight is lost; it has shrunk already; the client asks again. */
static void
last_flight_is_repeated_after_shrink(void **state)
{
	struct pair p;
	uint8_t buf[DATAGRAM];

	(void)state;
	pair_init(&p, &clean, 1, "sha-256", NULL);
	while (dtls_state(p.end[DTLS_SERVER]) != DTLS_CONNECTED) {
		int from = DTLS_CLIENT;
		int moved = 0;

		for (int k = 0; k < 2; k++, from = !from) {
			int size = dtls_poll(p.end[from], buf, sizeof(buf));

			for (; size > 0; size = dtls_poll(p.end[from], buf, sizeof(buf)), moved++)
				dtls_input(p.end[!from], p.now_us, buf, (size_t)size);
			if (dtls_state(p.end[DTLS_SERVER]) == DTLS_CONNECTED)
				break;
		}
		assert_true(moved > 0);
	}
	while (dtls_poll(p.end[DTLS_SERVER], buf, sizeof(buf)) > 0)
		continue;
	dtls_shrink(p.end[DTLS_SERVER]);
	assert_int_equal(dtls_state(p.end[DTLS_CLIENT]), DTLS_HANDSHAKE);
	pair_run(&p);
	assert_connected(&p, DTLS_SRTP_AEAD_AES_128_GCM);
	pair_fini(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(both_roles_agree_on_keys),
	    cmocka_unit_test(rsa_certificates_work),
	    cmocka_unit_test(server_chooses_the_profile),
	    cmocka_unit_test(no_common_profile_fails_in_words),
	    cmocka_unit_test(longer_hashes_work),
	    cmocka_unit_test(unusable_fingerprints_are_refused),
	    cmocka_unit_test(wrong_fingerprint_fails_both),
	    cmocka_unit_test(wrong_client_certificate_fails),
	    cmocka_unit_test(client_without_certificate_fails),
	    cmocka_unit_test(bad_links_are_survived),
	    cmocka_unit_test(first_retransmission_is_early_and_an_end_comes),
	    cmocka_unit_test(client_hello_in_any_fragments),
	    cmocka_unit_test(garbage_and_truncations_are_ignored),
	    cmocka_unit_test(close_notify_ends_the_other),
	    cmocka_unit_test(shrunk_ends_understand_each_other),
	    cmocka_unit_test(last_flight_is_repeated_after_shrink),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
