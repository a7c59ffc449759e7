/*
 * au.h - an access unit in the making: what the depacketisers of lib/h264, h265, vp8, vp9 and av1
 * put together from RTP payloads.  Sans-IO, bounded; one heap block that grows and is kept.
 *
 * What it does not do: see sequence numbers.  Who feeds a depacketiser sets damaged at a gap.
 */
#ifndef RTCKIT_AU_AU_H
#define RTCKIT_AU_AU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	AU_OCTETS_MAX = 8 << 20, /* octets: a keyframe and room to spare */
	AU_LAYERS_MAX = 8	 /* frames of a VP9 superframe */
};

struct au {
	uint8_t *buf; /* owned */
	size_t size, cap;
	bool in_fragment; /* the last payload's fragment goes on in the next */
	bool damaged;	  /* a part is missing */
	bool keyframe;	  /* decodable without anything before */
	bool has_headers; /* AV1: a sequence header was among it */
	bool has_picture; /* AV1: a frame was */
	size_t part;	  /* where the part that is in the making begins (AV1: an OBU) */
	size_t layers[AU_LAYERS_MAX]; /* VP9: where each spatial layer's frame begins */
	size_t layer_count;
};

void au_init(struct au *au);
void au_fini(struct au *au);
void au_reset(struct au *au); /* begin the next one */
/* Room for so many octets more: 0, -ENOSPC (over AU_OCTETS_MAX), -ENOMEM. */
int au_reserve(struct au *au, size_t more);
/* Copies. As au_reserve(); on an error nothing was appended. */
int au_append(struct au *au, const uint8_t *p, size_t size);
/* Marks it damaged; returns -EBADMSG. */
int au_damage(struct au *au);

#endif
