/*
 * What a hostile server can tell rtc-doctor: the head of an answer and its body, parted by an empty
 * line. Every finding is one printable line within its limits.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/doctor_field.h"
#include "doctor/doctor_sdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

static void
read_head(const uint8_t *buf, size_t size)
{
	static const char *const names[] = {"Location", "Link", "Content-Type"};
	char *head = malloc(size + 1), value[32];
	bool space;

	assert(head != NULL);
	memcpy(head, buf, size);
	head[size] = '\0';
	for (size_t i = 0; i < 3; i++)
		for (unsigned k = 0; k < 3; k++)
			if (doctor_field(head, names[i], k, value, sizeof(value), &space)) {
				assert(strlen(value) < sizeof(value));
				(void)doctor_list_has(value, "POST");
			}
	free(head);
}

static void
read_body(const struct sdp *offer, const uint8_t *buf, size_t size)
{
	struct doctor_finding f;
	struct sdp *answer;

	doctor_finding_init(&f, DOCTOR_SDP, DOCTOR_OBS);
	answer = doctor_sdp_judge(&f, offer, (const char *)buf, size);
	assert(answer != NULL || f.level == DOCTOR_FAIL);
	assert(f.cause_count <= DOCTOR_CAUSES_MAX &&
	       (f.level == DOCTOR_FINE) == (f.cause_count == 0));
	for (const char *p = f.detail; *p != '\0'; p++)
		assert(*p >= ' ' && *p <= '~');
	sdp_free(answer);
}

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	static const char offer_text[] =
	    "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=rtpmap:111 opus/48000/2\r\n"
	    "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=rtpmap:96 H264/90000\r\n";
	static struct sdp *offer;
	const uint8_t *body = memmem(buf, size, "\r\n\r\n", 4);
	size_t head_size = body != NULL ? (size_t)(body - buf) : size;

	if (offer == NULL)
		offer = sdp_parse(offer_text, sizeof(offer_text) - 1, NULL);
	assert(offer != NULL);
	read_head(buf, head_size);
	if (body != NULL)
		read_body(offer, body + 4, size - head_size - 4);
	return 0;
}
