/* A Location header by the standard (RFC 3986 s.5) and as OBS reads it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "../support/support.h"
#include "base/bytes.h"
#include "client/whip_client.h"

static void
locations_are_resolved(void **state)
{
	/* OBS takes what does not begin with "http" for the path. NULL: nothing comes of it. */
	static const struct {
		const char *url, *location, *standard, *obs;
	} rows[] = {
	    {"http://h:1985/rtc/v1/whip/?app=a", "/s/1", "http://h:1985/s/1", "http://h:1985/s/1"},
	    {"http://h/whip/?app=a", "https://b/s", "https://b/s", "https://b/s"},
	    {"http://h/rtc/whip/?app=a", "s/1", "http://h/rtc/whip/s/1", "http://h/s/1"},
	    {"http://h/rtc/whip", "s/1", "http://h/rtc/s/1", "http://h/s/1"},
	    {"https://h/a/b", "//c/s", "https://c/s", "https://h//c/s"},
	    {"http://[::1]:8/w", "/s", "http://[::1]:8/s", "http://[::1]:8/s"},
	    {"http://h/w", "ftp://c/s", NULL, "http://h/ftp://c/s"},
	    {"http://h/w", "http://", NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		char a[WHIP_URL_SIZE] = "", b[WHIP_URL_SIZE] = "";
		int r = whip_location(a, sizeof(a), rows[i].url, rows[i].location);
		int obs = whip_location_obs(b, sizeof(b), rows[i].url, rows[i].location);

		if (rows[i].standard == NULL ? r != -EINVAL || a[0] != '\0'
					     : strcmp(a, rows[i].standard) != 0)
			fail_msg("%s: %s", rows[i].location, a);
		if (rows[i].obs == NULL ? obs != -EINVAL || b[0] != '\0'
					: strcmp(b, rows[i].obs) != 0)
			fail_msg("%s for OBS: %s", rows[i].location, b);
	}
}

static void
long_ones_do_not_fit(void **state)
{
	char out[16] = "old";

	(void)state;
	assert_int_equal(whip_location(out, sizeof(out), "http://h/w", "/123456789"), -ENOSPC);
	assert_string_equal(out, "old");
	assert_int_equal(whip_location_obs(out, sizeof(out), "http://h/w", "/123456789"), -ENOSPC);
	assert_int_equal(whip_location(out, sizeof(out), "http://h/w", ""), -EINVAL);
	assert_string_equal(out, "old");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(locations_are_resolved),
	    cmocka_unit_test(long_ones_do_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
