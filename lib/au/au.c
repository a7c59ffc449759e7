#include "au/au.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAP = 16384 };

void
au_init(struct au *au)
{
	memset(au, 0, sizeof(*au));
}

void
au_fini(struct au *au)
{
	free(au->buf);
	memset(au, 0, sizeof(*au));
}

void
au_reset(struct au *au)
{
	struct au fresh = {.buf = au->buf, .cap = au->cap};

	*au = fresh;
}

int
au_reserve(struct au *au, size_t more)
{
	size_t cap = au->cap > 0 ? au->cap : FIRST_CAP;
	uint8_t *buf;

	if (more > AU_OCTETS_MAX - au->size)
		return -ENOSPC;
	while (cap < au->size + more)
		cap *= 2;
	if (cap == au->cap)
		return 0;
	buf = realloc(au->buf, cap);
	if (buf == NULL)
		return -ENOMEM;
	au->buf = buf;
	au->cap = cap;
	return 0;
}

int
au_append(struct au *au, const uint8_t *p, size_t size)
{
	int r = au_reserve(au, size);

	if (r < 0)
		return r;
	if (size > 0)
		memcpy(au->buf + au->size, p, size);
	au->size += size;
	return 0;
}

int
au_damage(struct au *au)
{
	au->damaged = true;
	return -EBADMSG;
}
