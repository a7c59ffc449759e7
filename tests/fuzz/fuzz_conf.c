/* The configuration parser on any octets: walks what it accepts. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size);

/* Octets of all names and values, so that every string is read to its end. */
static size_t
walk(const struct conf_node *root)
{
	size_t total = 0;
	const struct conf_node *n = root->child;

	while (n != NULL) {
		total += strlen(n->name);
		for (size_t i = 0; i < n->arg_count; i++)
			total += strlen(n->args[i]);
		if (n->child != NULL) {
			n = n->child;
			continue;
		}
		while (n != root && n->next == NULL)
			n = n->parent;
		n = n == root ? NULL : n->next;
	}
	return total;
}

int
LLVMFuzzerTestOneInput(const uint8_t *buf, size_t size)
{
	struct conf *conf;
	struct conf_error error = {0, 0, NULL};

	if (conf_parse(&conf, (const char *)buf, size, &error) == 0) {
		if (walk(conf_root(conf)) > size)
			abort();
		conf_free(conf);
	} else if (error.line == 0 || error.column == 0 || error.text == NULL) {
		abort();
	}
	return 0;
}
