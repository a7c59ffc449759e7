/* rtc-doctor - go the way of a WHIP or WHEP client stage by stage, and say what to mend. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/text.h"
#include "exam.h"
#include "listen.h"
#include "log/log.h"
#include "media/media.h"
#include "stage_dtls.h"

static int wake_write_fd = -1;
static volatile sig_atomic_t signalled; /* the first signal */

/* The first one ends the stage and deletes the session; the second one everything. */
static void
on_signal(int signum)
{
	int saved = errno;

	if (signalled != 0)
		_exit(128 + signum);
	signalled = signum;
	if (write(wake_write_fd, "", 1) < 0)
		_exit(128 + signum);
	errno = saved;
}

static int
watch_signals(struct exam *x)
{
	struct sigaction act = {.sa_handler = on_signal};
	int fds[2];

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	x->wake_fd = fds[0];
	wake_write_fd = fds[1];
	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	return 0;
}

/* The parts of the URL that the first stages need. */
static int
split_url(struct exam *x)
{
	char *host = NULL, *port = NULL, *scheme = NULL;
	CURLU *u = curl_url();
	int r = -EINVAL;
	size_t size;

	if (u != NULL && curl_url_set(u, CURLUPART_URL, x->o.url, 0) == CURLUE_OK &&
	    curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
	    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
	    curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
		size = strlen(host);
		x->https = strcmp(scheme, "https") == 0;
		x->port = (uint16_t)atoi(port);
		if (host[0] == '[' && size > 2) {
			host[size - 1] = '\0';
			r = text_copy(x->host, sizeof(x->host), host + 1) ? 0 : -EINVAL;
		} else {
			r = text_copy(x->host, sizeof(x->host), host) ? 0 : -EINVAL;
		}
	}
	curl_free(host);
	curl_free(port);
	curl_free(scheme);
	curl_url_cleanup(u);
	return r;
}

/* A saved answer takes the place of the server's. */
static int
read_answer(struct exam *x)
{
	FILE *in = strcmp(x->o.sdp_file, "-") == 0 ? stdin : fopen(x->o.sdp_file, "re");
	char *text = malloc(EXCHANGE_BODY_MAX + 1);
	size_t size = 0;
	bool bad = in == NULL || text == NULL;

	if (!bad) {
		size = fread(text, 1, EXCHANGE_BODY_MAX, in);
		text[size] = '\0';
		bad = ferror(in) != 0;
	}
	if (bad)
		log_error("sdp", "%s: %s", x->o.sdp_file, strerror(errno));
	if (in != NULL && in != stdin)
		fclose(in);
	x->post.body = text;
	x->post.body_size = size;
	x->have = EXAM_CREATED;
	return bad ? -EIO : 0;
}

static void
release(struct exam *x)
{
	for (unsigned i = 0; i < 2; i++)
		if (x->udp_fd[i] >= 0)
			close(x->udp_fd[i]);
	exchange_free(&x->post);
	exchange_free(&x->bare);
	tcp_free(x->tcp);
	peer_free(x->peer);
	dtls_ctx_free(x->dtls);
	sdp_free(x->offer);
	sdp_free(x->answer);
	free(x->plan);
	free(x->offer_text);
	curl_global_cleanup();
}

int
main(int argc, char **argv)
{
	static struct exam x = {.udp_fd = {-1, -1}};
	int status;

	log_init("rtc-doctor", LOG_WARN);
	status = options_parse(&x.o, argc, argv);
	if (status >= 0)
		return status;
	if (x.o.listen != NULL)
		return listen_run(&(struct listen_config){x.o.listen, x.o.client.token, x.o.tls});
	if (watch_signals(&x) < 0 || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return EX_OSERR;
	media_init();
	if (x.o.sdp_file != NULL ? read_answer(&x) < 0 : split_url(&x) < 0) {
		release(&x);
		return x.o.sdp_file != NULL ? EX_NOINPUT : EX_USAGE;
	}
	if (x.o.sdp_file == NULL)
		x.have = EXAM_URL;
	status = exam_run(&x);
	if (signalled != 0)
		status = 128 + signalled;
	else if (fflush(stdout) != 0 || ferror(stdout))
		status = EX_IOERR;
	if (x.abandoned) /* no destructors under its feet */
		_exit(status);
	release(&x);
	return status;
}
