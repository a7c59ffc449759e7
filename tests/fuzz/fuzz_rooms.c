/* fuzz_rooms.c - lines are messages of four clients in turn; an empty one ends a client. */
#include <stdlib.h>
#include <string.h>

#include "rooms/rooms.h"

enum { CLIENTS = 4, SECOND = 1000000 };

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

static size_t sent;

static void
on_send(void *client_arg, const char *text, size_t size)
{
	(void)client_arg;
	if (size == 0 || text[0] != '{' || text[size - 1] != '}')
		abort();
	sent += size;
}

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	const struct rooms_config config = {.rooms_max = 2, .participants_max = 3, .send = on_send};
	struct rooms *rooms = rooms_new(&config);
	struct rooms_client *clients[CLIENTS];
	uint64_t now_us = SECOND;
	struct rooms_counts counts;

	for (unsigned i = 0; i < CLIENTS; i++)
		clients[i] = rooms_client_new(rooms, &clients[i]);
	for (unsigned i = 0; size > 0; i = (i + 1) % CLIENTS) {
		const uint8_t *end = memchr(buf, '\n', size);
		size_t n = end != NULL ? (size_t)(end - buf) : size;

		now_us += SECOND;
		if (n == 0) {
			rooms_client_free(clients[i]);
			clients[i] = rooms_client_new(rooms, &clients[i]);
		} else
			(void)rooms_input(clients[i], now_us, (const char *)buf, n);
		n += end != NULL;
		buf += n;
		size -= n;
	}
	counts = rooms_counts(rooms);
	if (counts.rooms > 2 || counts.participants > CLIENTS)
		abort();
	for (unsigned i = 0; i < CLIENTS; i++)
		rooms_client_free(clients[i]);
	counts = rooms_counts(rooms);
	if (counts.rooms != 0 || counts.participants != 0)
		abort();
	rooms_free(rooms);
	return 0;
}
