/* http_problem.h - problem bodies (RFC 9457) and reason phrases.  Pure. */
#ifndef RTCKIT_HTTP_HTTP_PROBLEM_H
#define RTCKIT_HTTP_HTTP_PROBLEM_H

#include <stddef.h>

#define HTTP_PROBLEM_TYPE "application/problem+json"

enum { HTTP_PROBLEM_SIZE = 2048 }; /* octets that hold any problem body with its NUL */

/* "Not Found" for 404; "Unknown" for a status without a name. Static. */
const char *http_reason(int status);

/*
 * Write {"type":"urn:rtckit:problem:SLUG","title":...,"status":N,"detail":...} with a final line
 * end. Texts are escaped as JSON, octets that are not UTF-8 replaced by '?', detail cut so that the
 * whole fits. Returns the octets without the NUL.
 */
size_t http_problem_write(char out[static HTTP_PROBLEM_SIZE], int status, const char *slug,
			  const char *title, const char *detail);

#endif
