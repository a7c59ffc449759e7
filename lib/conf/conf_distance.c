#include "conf/conf.h"

#include <limits.h>
#include <string.h>

enum { NAME_MAX_COMPARED = 64 }; /* characters; bounds the table below */

static unsigned
least(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

unsigned
conf_distance(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b);
	unsigned rows[3][NAME_MAX_COMPARED + 1];
	unsigned *before = rows[0], *above = rows[1], *row = rows[2];

	if (na > NAME_MAX_COMPARED || nb > NAME_MAX_COMPARED)
		return UINT_MAX;
	for (size_t j = 0; j <= nb; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= na; i++) {
		unsigned *spare = before;

		before = above;
		above = row;
		row = spare;
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= nb; j++) {
			unsigned change = above[j - 1] + (a[i - 1] != b[j - 1]);

			row[j] = least(above[j] + 1, row[j - 1] + 1, change);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], before[j - 2] + 1, UINT_MAX);
		}
	}
	return row[nb];
}
