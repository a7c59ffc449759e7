/* exchange.h - one bounded HTTP request of an examination, by libcurl. It follows no redirect. */
#ifndef RTC_DOCTOR_EXCHANGE_H
#define RTC_DOCTOR_EXCHANGE_H

#include <curl/curl.h>

#include "client/whip_client.h"

enum {
	EXCHANGE_HEAD_MAX = 32768, /* octets of the answer's head; more ends the exchange */
	EXCHANGE_HEADS_MAX = 4 * EXCHANGE_HEAD_MAX, /* with those of interim answers */
	EXCHANGE_BODY_MAX = WHIP_BODY_MAX,
	EXCHANGE_FIELDS_MAX = 8
};

struct exam;

struct request {
	const char *method, *url;
	const char *body;			 /* NULL: none; borrowed */
	bool token;				 /* send it, if there is one */
	const char *fields[EXCHANGE_FIELDS_MAX]; /* "Name: value", NULL at the end */
};

struct exchange {
	const char *method; /* NULL: never begun */
	char url[WHIP_URL_SIZE];
	CURLcode result;
	int status; /* 0: none came */
	bool head_too_large, body_too_large;
	char error[CURL_ERROR_SIZE];
	char *head, *body; /* NUL-terminated; owned */
	size_t head_size, heads_size, body_size;
	uint64_t total_us;
};

/* Ask, within the stage's time. x (zeroed or used before) then says how it went. False only
 * without memory. */
bool exchange_do(struct exam *x, struct exchange *e, const struct request *r);
void exchange_free(struct exchange *e);

/* The value of the index-th field of that name in the last head, cut to cap. space: is there a
 * blank after the colon? (may be NULL). False if it is not there. */
bool exchange_field(const struct exchange *e, const char *name, unsigned index, char *out,
		    size_t cap, bool *space);

#endif
