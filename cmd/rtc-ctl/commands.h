/* commands.h - what rtc-ctl can do, one function each, found in a table. */
#ifndef RTCKIT_RTC_CTL_COMMANDS_H
#define RTCKIT_RTC_CTL_COMMANDS_H

#include <stdbool.h>
#include <stdint.h>

#include "client.h"

struct request {
	struct client *client;
	char **operands;
	int count;
	bool json, follow;
	const char *event;   /* only this one; NULL: all */
	uint64_t timeout_us; /* of events; 0: none */
};

struct command {
	const char *name;
	int min, max;			     /* operands */
	int (*run)(const struct request *r); /* returns the exit code */
};

/* NULL if there is none of that name. */
const struct command *command_find(const char *name);

/* Say on standard error why the relay could not be asked; returns the exit code. */
int command_fault(int err);

#endif
