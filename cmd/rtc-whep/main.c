/* rtc-whep - the WHEP endpoint: like rtc-whip, for players. */
#include "whip/whip.h"
#include "whip/whip_endpoint.h"

int
main(int argc, char **argv)
{
	static const struct whip_program program = {
	    .name = "rtc-whep",
	    .socket = "whep.sock",
	    .session_path = WHEP_PATH,
	    .routes = whep_routes,
	};

	return whip_main(argc, argv, &program);
}
