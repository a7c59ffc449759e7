/* stage_http.h - requests that more than one stage makes. */
#ifndef RTC_DOCTOR_STAGE_HTTP_H
#define RTC_DOCTOR_STAGE_HTTP_H

#include "exam.h"

/* A page of nobody: RFC 2606 keeps the name. */
#define EXAM_ORIGIN "https://page.example.com"

/* POST the offer. False without memory. */
bool post_offer(struct exam *x, struct exchange *e, const char *url, bool token);
/* End the session that an answer made, without a word. */
void delete_quietly(struct exam *x, const struct exchange *e);
/* Does the server's port take a TLS handshake? */
bool tls_spoken(struct exam *x);

#endif
