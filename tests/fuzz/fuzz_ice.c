/* Fuzz target: a lite agent fed one message, as a stranger and as one who knows the credentials. */
#include <stdlib.h>

#include "base/clock.h"
#include "ice/ice_lite.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

static void
feed(const struct ice_creds *local, const struct ice_creds *remote, const uint8_t *buf, size_t size)
{
	struct ice_lite		*ice = ice_lite_new(local, remote, 0, 1000000, 1000000, 1);
	struct ice_tuple	 from = { .proto = ICE_UDP };
	struct ice_datagram	 out;
	uint64_t		 at = 0;

	if (ice == NULL || addr_parse(&from.remote, "192.0.2.1:7", 0) < 0 ||
	    addr_parse(&from.local, "192.0.2.2:8", 0) < 0)
		abort();
	ice_lite_input(ice, 0, &from, buf, size);
	while (at != CLOCK_NEVER) {
		while (ice_lite_poll(ice, &out) == 1)
			ice_lite_input(ice, at, &from, out.buf, out.size);
		ice_lite_timeout(ice, at);
		at = ice_lite_deadline(ice);
	}
	ice_lite_free(ice);
}

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	static const struct ice_creds	rfc = { "evtj", "VOkJxbRl1RmTxUk/WvJxBt" };
	static const struct ice_creds	rfc_peer = { "h6vY", "VOkJxbRl1RmTxUk/WvJxBt" };
	static const struct ice_creds	recipe = { "6pk11386", "l91z529147ri9163933p51c4" };

	feed(&rfc, &rfc_peer, buf, size);
	feed(&recipe, NULL, buf, size);
	return 0;
}
