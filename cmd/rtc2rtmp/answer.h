/* answer.h - private to answer*.c: one who asks for a stream. */
#ifndef RTC2RTMP_ANSWER_H
#define RTC2RTMP_ANSWER_H

#include "hls/hls_url.h"
#include "http/http.h"
#include "live.h"

/* What is said of the octets. */
extern const char *const answer_types[HLS_FORMS];

/* A request that waits, then a consumer. */
struct viewer {
	struct live_viewer link;
	struct live *live;
	enum hls_form form;
	enum live_form sort;	  /* of HLS */
	bool is_sort_asked;	  /* by ?format= */
	bool is_master;		  /* the playlist of playlists, by ?master */
	struct http_request *req; /* while it waits */
	uint64_t since_us, starting_us;
	struct http_stream *stream; /* then */
	uint64_t generation, number;
	struct piece *piece; /* held: the one under way */
	size_t offset;
	struct roll_entry entry; /* while it is sent the stream */
	bool is_listed, is_kicked;
};

/* Borrows from the request, and address. */
struct roll_origin answer_origin(const struct http_request *req, const char *stream,
				 char address[static ADDR_TEXT_SIZE]);
void answer_free(struct viewer *v);

/* answer_stream.c: it waits no more and is sent what comes, listed from now on. */
void answer_stream(struct viewer *v);
/* Not any more. */
void answer_unlist(struct viewer *v);

/* answer_hls.c: the playlist; v is gone after it. */
void answer_playlist(struct viewer *v);
/* A segment, or the initialisation section that segments name. */
void answer_part(struct live_hub *hub, struct http_request *req, const struct hls_url *url);
/* The sort of HLS of this name; -1: there is none. */
int answer_sort(const char *name);

#endif
