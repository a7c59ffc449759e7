/* doctor_field.h - header fields out of the raw head of an HTTP answer.  Pure. */
#ifndef RTCKIT_DOCTOR_DOCTOR_FIELD_H
#define RTCKIT_DOCTOR_DOCTOR_FIELD_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The value of the index-th field of that name (any case) in head, a NUL-terminated text of lines,
 * without the blanks around it, cut to cap octets with its NUL. space (may be NULL): is there a
 * blank after the colon? False, out untouched, if it is not there.
 */
bool doctor_field(const char *head, const char *name, unsigned index, char *out, size_t cap,
		  bool *space);

/* Is the word (any case) in a comma-separated list, or "*" in place of it? */
bool doctor_list_has(const char *list, const char *word);

#endif
