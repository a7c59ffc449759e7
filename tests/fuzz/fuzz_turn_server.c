/* Fuzz target: what names STUN and TURN servers: a Link field, a line of a file, a URI. */
#include <stdlib.h>
#include <string.h>

#include "turn/turn_server.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

static struct turn_servers list;

/* Whatever was taken is whole. */
static void
check(void)
{
	if (list.count > TURN_SERVERS_MAX)
		abort();
	for (size_t i = 0; i < list.count; i++) {
		const struct turn_server *s = &list.servers[i];

		if (s->port == 0 || s->host[0] == '\0' || strlen(s->host) >= sizeof(s->host) ||
		    strlen(s->uri) >= sizeof(s->uri) ||
		    strlen(s->username) >= sizeof(s->username) ||
		    strlen(s->credential) >= sizeof(s->credential))
			abort();
	}
	list.count = 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	char *text = malloc(size + 1);

	if (text == NULL)
		abort();
	memcpy(text, buf, size);
	text[size] = '\0';
	for (int i = 0; i < 3; i++)
		(void)turn_servers_add_link(&list, text);
	check();
	(void)turn_servers_add(&list, text, text, text);
	(void)turn_servers_add_line(&list, text); /* writes to it */
	check();
	free(text);
	return 0;
}
