/* fuzz_amf.c - values, and the members of objects at every depth that is taken. */
#include <stdlib.h>

#include "amf/amf.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

static void
members(const struct amf_value *v)
{
	struct amf_reader levels[AMF_DEPTH_MAX + 1];
	size_t depth = 0;
	struct amf_value m;
	struct amf_text key;
	char text[16];

	if (v->members.buf == NULL)
		return;
	levels[depth++] = v->members;
	while (depth > 0) {
		int rc = amf_member(&levels[depth - 1], &key, &m);

		if (rc < 0)
			abort(); /* it was whole when the object was read */
		if (rc == 0) {
			depth--;
			continue;
		}
		amf_text_copy(text, sizeof(text), &key);
		if (m.type == AMF_STRING)
			amf_text_copy(text, sizeof(text), &m.text);
		if (m.members.buf == NULL)
			continue;
		if (depth > AMF_DEPTH_MAX)
			abort();
		levels[depth++] = m.members;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	struct amf_reader r;
	struct amf_value v;

	amf_reader_init(&r, buf, size);
	while (amf_read(&r, &v) == 1)
		members(&v);
	return r.at <= r.size ? 0 : 1;
}
