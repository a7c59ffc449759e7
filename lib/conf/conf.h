/*
 * conf.h - the configuration syntax: "name value ...;" and "name value ... { }", '#' comments and
 * quotes.  Syntax only: what the directives mean is the caller's business.  Sans-IO: takes text.
 */
#ifndef RTCKIT_CONF_CONF_H
#define RTCKIT_CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>

enum {
	CONF_TEXT_MAX = 1 << 20, /* octets of a file; a hand-written one has some hundreds */
	CONF_NODES_MAX = 8192,	 /* directives of a file */
	CONF_ARGS_MAX = 16,	 /* values of a directive */
	CONF_DEPTH_MAX = 8,	 /* blocks in blocks; known files need 4 */
	CONF_WORD_MAX = 4096	 /* characters of a name or value */
};

/* One directive. Borrows from its struct conf. All strings are NUL-terminated. */
struct conf_node {
	const char *name; /* "" of the root */
	const char *args[CONF_ARGS_MAX];
	size_t arg_count;
	bool is_block;
	unsigned line, column;			       /* of the name, from 1 */
	const struct conf_node *parent, *child, *next; /* first child; next sibling */
};

/* Where and why a text was refused; text is static. */
struct conf_error {
	unsigned line, column; /* from 1; columns count octets */
	const char *text;
};

struct conf;

/*
 * Parse size octets. A word is any run of characters but blanks and ; { } # " ', or a quoted string
 * in which a backslash takes the next character as it is. A '#' that begins a word begins a
 * comment. Returns 0 and *out, which the caller frees with conf_free(); -EINVAL with *error filled
 * on a fault of the text; -ENOMEM. *out is untouched on error. Does not read files nor follow
 * includes.
 */
int conf_parse(struct conf **out, const char *text, size_t size, struct conf_error *error);
void conf_free(struct conf *conf);

/* The root: a block without a name whose children are the directives at top level. */
const struct conf_node *conf_root(const struct conf *conf);

/* The first child of that name, or the next one after `after`; NULL if there is none. */
const struct conf_node *conf_find(const struct conf_node *block, const char *name,
				  const struct conf_node *after);

/*
 * How far two names are apart: single insertions, deletions, changes and swaps of neighbours that
 * turn one into the other, for "did you mean". Names over 64 characters are infinitely far.
 */
unsigned conf_distance(const char *a, const char *b);

#endif
