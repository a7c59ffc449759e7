/* options.h - what the command line of rtc-doctor says. */
#ifndef RTC_DOCTOR_OPTIONS_H
#define RTC_DOCTOR_OPTIONS_H

#include "client/options.h"
#include "doctor/doctor.h"
#include "tls/tls.h"

enum {
	OPTION_COUNT_MAX = 1000, /* of -c */
	OPTION_MEDIA_S = 3,	 /* of --media, unless said otherwise */
	OPTION_TIMEOUT_S = 10,
	OPTION_STAGES_ALL = (1 << DOCTOR_STAGES) - 1
};

struct options {
	struct client_options client;
	enum whip_action action;
	enum doctor_client as;
	unsigned only;		 /* mask of stages that are reported */
	enum doctor_stage until; /* the last one */
	bool partial;		 /* not all stages are asked for: no word on the clients */
	unsigned count;		 /* checks per candidate */
	double media_s;		 /* 0: no media */
	bool json;
	const char *sdp_file; /* NULL: ask a server */
	const char *listen;   /* NULL: not a responder */
	struct tls_pair tls;  /* of a responder; NULL: http only */
	char url[WHIP_URL_SIZE];
};

/* -1: go on; else the exit status, everything said. */
int options_parse(struct options *o, int argc, char **argv);

#endif
