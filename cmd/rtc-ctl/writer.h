/*
 * writer.h - one way to print records, as aligned text or as one JSON object a line.  A column says
 * which member of the record it shows; in JSON the record is printed whole.
 */
#ifndef RTCKIT_RTC_CTL_WRITER_H
#define RTCKIT_RTC_CTL_WRITER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum writer_unit {
	WRITER_PLAIN,
	WRITER_OCTETS, /* 12.3M */
	WRITER_MS,     /* of milliseconds: 1h02m, 3m05s, 4.2s */
	WRITER_US,     /* of microseconds: 1.2ms */
	WRITER_COUNT,  /* of an array: its size */
	WRITER_CODECS, /* of tracks: "H264+opus" */
	WRITER_LAYERS, /* of simulcast layers: "l 240x135, h off" */
	WRITER_BPS,    /* of bits a second: "1.50Mbit/s" */
	WRITER_PICTURE /* of what a stream carries: "640x360@25" */
};

struct writer_column {
	const char *title, *member;
	enum writer_unit unit;
};

enum { WRITER_COLUMNS_MAX = 24, WRITER_CELL_SIZE = 256 };

/* Print the records (an array of objects, borrowed), a row each, under a line of titles. */
void writer_table(const json_t *records, const struct writer_column *columns, size_t count,
		  bool json);
/* Print one record, a line for each member: "name value". */
void writer_record(const json_t *record, bool json);
/* Print one event on one line and flush it: "time event member=value ...". */
void writer_event(const json_t *event, bool json);

#endif
