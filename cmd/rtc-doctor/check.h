/* check.h - authenticated connectivity checks (RFC 8445 s.7.2) of an examination, one by one. */
#ifndef RTC_DOCTOR_CHECK_H
#define RTC_DOCTOR_CHECK_H

#include "exam.h"

enum {
	CHECK_SIZE_MAX = 2048, /* octets, padding included */
	CHECK_HEAD_MAX = 1024, /* without padding */
	CHECK_TXID_FIXED = 8   /* octets of the transaction id before the number */
};

/* What answered a check. */
enum check_answer {
	CHECK_NOTHING,	/* no answer to one of ours */
	CHECK_GOOD,	/* success, signed with the SDP's password */
	CHECK_ERROR,	/* a STUN error */
	CHECK_UNSIGNED, /* success without MESSAGE-INTEGRITY or with a wrong one */
	CHECK_GARBAGE	/* not STUN at all */
};

struct check_key {
	uint8_t fixed[CHECK_TXID_FIXED];
};
void check_key_init(struct check_key *k);

/* Write a request with a number; padded up to size octets if that is more. Its octets. */
int check_write(const struct exam *x, const struct check_key *k, unsigned number, size_t size,
		uint8_t *buf, size_t cap);
/* Judge a datagram; number and error (of STUN) are set where they apply. */
enum check_answer check_read(const struct exam *x, const struct check_key *k, const uint8_t *buf,
			     size_t size, unsigned *number, int *error);

#endif
