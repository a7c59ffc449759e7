/* rtmp2rtc - an RTMP server whose streams are published at the relay; FLV on standard input. */
#include <signal.h>
#include <string.h>
#include <sysexits.h>

#include "ipc/ipc.h"
#include "log/log.h"
#include "media/media.h"
#include "modes.h"

int
main(int argc, char **argv)
{
	char path[4096] = "", live[4096] = "";
	struct options o;
	int rc;

	log_init("rtmp2rtc", LOG_INFO);
	options_parse(&o, argc, argv);
	signal(SIGPIPE, SIG_IGN);
	rc = o.relay != NULL ? 0 : ipc_run_path(path, sizeof(path), "relay/media.sock");
	if (rc == 0)
		rc = ipc_run_path(live, sizeof(live), "live.sock");
	if (rc < 0) {
		log_error("options", "run directory: %s", strerror(-rc));
		return EX_OSERR;
	}
	if (o.connection_fd < 0 && o.input == NULL)
		return parent_run(&o);
	media_init();
	return o.input != NULL ? pipe_run(&o, o.relay != NULL ? o.relay : path)
			       : child_run(&o, o.relay != NULL ? o.relay : path, live);
}
