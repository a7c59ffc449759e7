/* rtc-whip - the WHIP endpoint: an offer in, a session of the relay made, an answer out. */
#include "whip/whip.h"
#include "whip/whip_endpoint.h"

int
main(int argc, char **argv)
{
	static const struct whip_program program = {
	    .name = "rtc-whip",
	    .socket = "whip.sock",
	    .session_path = WHIP_PATH,
	    .routes = whip_routes,
	};

	return whip_main(argc, argv, &program);
}
