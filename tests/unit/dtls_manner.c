/* Unit tests of dtls_ctx_new_like(): what another stack offers is what is agreed, or nothing is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "dtls/dtls.h"

enum { DATAGRAM = 1500 };

static int
move(struct dtls *from, struct dtls *to)
{
	uint8_t buf[DATAGRAM];
	int size = dtls_poll(from, buf, sizeof(buf)), count = 0;

	for (; size > 0; size = dtls_poll(from, buf, sizeof(buf))) {
		(void)dtls_input(to, 0, buf, (size_t)size);
		count++;
	}
	return count;
}

/* Until neither has anything to say: a handshake that works, or fails by an alert, needs no time.
 */
static void
shake(struct dtls *a, struct dtls *b)
{
	while (move(a, b) + move(b, a) > 0)
		;
}

static void
what_is_offered_is_agreed(void **state)
{
	static const struct {
		struct dtls_manner client, server;
		enum dtls_srtp_profile profile; /* NONE: nothing is agreed */
		const char *group;
	} rows[] = {
	    {{NULL, NULL}, {NULL, NULL}, DTLS_SRTP_AEAD_AES_128_GCM, "prime256v1"},
	    {{"SRTP_AES128_CM_SHA1_80", NULL},
	     {NULL, NULL},
	     DTLS_SRTP_AES128_CM_SHA1_80,
	     "prime256v1"},
	    {{NULL, NULL},
	     {"SRTP_AEAD_AES_256_GCM", "X25519:P-256"},
	     DTLS_SRTP_AEAD_AES_256_GCM,
	     "X25519"},
	    {{"SRTP_AEAD_AES_256_GCM", NULL}, {"SRTP_AES128_CM_SHA1_80", NULL}, 0, NULL},
	    {{NULL, "P-256"}, {NULL, "X25519"}, 0, NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct dtls_ctx *client_ctx = dtls_ctx_new_like(&rows[i].client);
		struct dtls_ctx *server_ctx = dtls_ctx_new_like(&rows[i].server);
		struct dtls *client =
		    dtls_new(client_ctx, DTLS_CLIENT, "sha-256", dtls_ctx_fingerprint(server_ctx));
		struct dtls *server =
		    dtls_new(server_ctx, DTLS_SERVER, "sha-256", dtls_ctx_fingerprint(client_ctx));
		struct dtls_srtp_keys keys = {.profile = DTLS_SRTP_NONE};

		shake(client, server);
		assert_int_equal(dtls_keys(client, &keys), rows[i].profile != 0 ? 0 : -EAGAIN);
		assert_int_equal(keys.profile, rows[i].profile);
		if (rows[i].group != NULL)
			assert_string_equal(dtls_group(client), rows[i].group);
		dtls_free(client);
		dtls_free(server);
		dtls_ctx_free(client_ctx);
		dtls_ctx_free(server_ctx);
	}
}

static void
nonsense_is_refused(void **state)
{
	static const struct dtls_manner groups = {NULL, "no-curve"},
					profiles = {"no-profile", NULL};

	(void)state;
	assert_null(dtls_ctx_new_like(&groups));
	assert_null(dtls_ctx_new_like(&profiles));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_offered_is_agreed),
	    cmocka_unit_test(nonsense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
