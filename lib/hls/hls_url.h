/*
 * hls_url.h - what a request for a stream asks for: the path's end tells the form, a query the part
 * of HLS.  Pure.
 *
 *	/app/stream.flv, .ts			endless
 *	/app/stream.m3u8			the playlist
 *	/app/stream.ts?segment=N, .m4s?segment=N a segment
 *	/app/stream.m4s?init=N			the initialisation section of segments
 */
#ifndef RTCKIT_HLS_HLS_URL_H
#define RTCKIT_HLS_HLS_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

enum hls_form { HLS_FLV, HLS_TS, HLS_PLAYLIST, HLS_M4S, HLS_FORMS };
enum hls_part { HLS_WHOLE, HLS_SEGMENT, HLS_MAP };

struct hls_url {
	char stream[TEXT_STREAM_SIZE];
	enum hls_form form;
	enum hls_part part;
	bool has_number; /* of the part; what is no number names none */
	uint64_t number;
};

/* How the path of a form ends: ".flv". */
extern const char *const hls_suffixes[HLS_FORMS];

/*
 * Form, part and number alone, url->stream is "": how many octets of the path come before its end.
 * -ENOENT: it has none of these ends.
 */
int hls_url_split(struct hls_url *url, const char *path, const char *segment, const char *init);
/*
 * path is decoded and begins with '/'; segment and init are the values of these, NULL if absent. 0,
 * or -ENOENT: nothing can be there, *url is untouched.
 */
int hls_url_parse(struct hls_url *url, const char *path, const char *segment, const char *init);

#endif
