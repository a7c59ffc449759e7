#include "conf/conf.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct conf {
	struct conf_node *nodes; /* nodes[0] is the root */
	size_t count, cap;
	char *pool; /* the words; never larger than the text and a NUL */
};

enum token { TOKEN_WORD, TOKEN_SEMICOLON, TOKEN_OPEN, TOKEN_CLOSE, TOKEN_END, TOKEN_BAD };

struct reader {
	const char *at, *end;
	unsigned line, column; /* of at */
	unsigned token_line, token_column;
	const char *word;  /* of TOKEN_WORD */
	char *pool;	   /* where the next word goes */
	const char *fault; /* of TOKEN_BAD */
};

static char
step(struct reader *r)
{
	char c = *r->at++;

	if (c == '\n') {
		r->line++;
		r->column = 1;
	} else {
		r->column++;
	}
	return c;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool
ends_word(char c)
{
	return is_blank(c) || c == ';' || c == '{' || c == '}';
}

static void
skip_blanks(struct reader *r)
{
	while (r->at < r->end && (is_blank(*r->at) || *r->at == '#')) {
		bool comment = *r->at == '#';

		step(r);
		while (comment && r->at < r->end && *r->at != '\n')
			step(r);
	}
}

static enum token
bad(struct reader *r, const char *fault)
{
	r->fault = fault;
	return TOKEN_BAD;
}

/* Keep one character of the word that begins at r->word. */
static bool
keep(struct reader *r, char c)
{
	if ((unsigned char)c < 0x20 && c != '\t') {
		bad(r, "a control character in a value");
		return false;
	}
	if (r->pool - r->word >= CONF_WORD_MAX) {
		bad(r, "a value is too long");
		return false;
	}
	*r->pool++ = c;
	return true;
}

static enum token
read_quoted(struct reader *r)
{
	char quote = step(r);

	while (r->at < r->end && *r->at != quote) {
		if (*r->at == '\n')
			return bad(r, "a quoted value ends at the end of its line: the closing "
				      "quote is missing");
		if (*r->at == '\\' && r->end - r->at > 1)
			step(r);
		if (!keep(r, *r->at))
			return TOKEN_BAD;
		step(r);
	}
	if (r->at == r->end)
		return bad(r, "the closing quote is missing");
	step(r);
	if (r->at < r->end && !ends_word(*r->at))
		return bad(r, "a blank or ';' is missing after a quoted value");
	*r->pool++ = '\0';
	return TOKEN_WORD;
}

static enum token
read_word(struct reader *r)
{
	r->word = r->pool;
	if (*r->at == '"' || *r->at == '\'')
		return read_quoted(r);
	while (r->at < r->end && !ends_word(*r->at)) {
		if (*r->at == '"' || *r->at == '\'')
			return bad(r, "a quote inside a value: quote the whole value");
		if (!keep(r, *r->at))
			return TOKEN_BAD;
		step(r);
	}
	*r->pool++ = '\0';
	return TOKEN_WORD;
}

static enum token
next_token(struct reader *r)
{
	skip_blanks(r);
	r->token_line = r->line;
	r->token_column = r->column;
	if (r->at == r->end)
		return TOKEN_END;
	switch (*r->at) {
	case ';':
		step(r);
		return TOKEN_SEMICOLON;
	case '{':
		step(r);
		return TOKEN_OPEN;
	case '}':
		step(r);
		return TOKEN_CLOSE;
	default:
		return read_word(r);
	}
}

/* What the parser knows between two tokens. */
struct parser {
	struct conf *conf;
	struct conf_node *block, *last[CONF_DEPTH_MAX + 1]; /* the last child at each depth */
	struct conf_node *open;				    /* the directive being read, or NULL */
	size_t depth;
	const char *fault;
};

static void
begin(struct parser *p, const struct reader *r)
{
	struct conf_node *n;

	if (p->conf->count == p->conf->cap) {
		p->fault = "too many directives";
		return;
	}
	n = &p->conf->nodes[p->conf->count++];
	*n = (struct conf_node){
	    .name = r->word, .parent = p->block, .line = r->token_line, .column = r->token_column};
	if (p->last[p->depth] != NULL)
		p->last[p->depth]->next = n;
	else
		p->block->child = n;
	p->last[p->depth] = n;
	p->open = n;
}

static void
on_word(struct parser *p, const struct reader *r)
{
	if (p->open == NULL)
		begin(p, r);
	else if (p->open->arg_count == CONF_ARGS_MAX)
		p->fault = "too many values: is a ';' missing before?";
	else
		p->open->args[p->open->arg_count++] = r->word;
}

static void
on_semicolon(struct parser *p, const struct reader *r)
{
	(void)r;
	if (p->open == NULL)
		p->fault = "a ';' without a directive before it";
	p->open = NULL;
}

static void
on_open(struct parser *p, const struct reader *r)
{
	(void)r;
	if (p->open == NULL) {
		p->fault = "a '{' without a name before it";
	} else if (p->depth == CONF_DEPTH_MAX) {
		p->fault = "too many blocks in blocks";
	} else {
		p->open->is_block = true;
		p->block = p->open;
		p->last[++p->depth] = NULL;
		p->open = NULL;
	}
}

static void
on_close(struct parser *p, const struct reader *r)
{
	(void)r;
	if (p->open != NULL) {
		p->fault = "a '}' before the ';' of the directive";
	} else if (p->depth == 0) {
		p->fault = "a '}' without its '{'";
	} else {
		p->block = (struct conf_node *)p->block->parent;
		p->depth--;
	}
}

static void
on_end(struct parser *p, const struct reader *r)
{
	(void)r;
	if (p->open != NULL)
		p->fault = "the file ends before the ';' of the last directive";
	else if (p->depth > 0)
		p->fault = "the file ends before a '}'";
}

static void
on_bad(struct parser *p, const struct reader *r)
{
	p->fault = r->fault;
}

static void (*const handlers[])(struct parser *, const struct reader *) = {
    [TOKEN_WORD] = on_word, [TOKEN_SEMICOLON] = on_semicolon,
    [TOKEN_OPEN] = on_open, [TOKEN_CLOSE] = on_close,
    [TOKEN_END] = on_end,   [TOKEN_BAD] = on_bad,
};

static int
parse(struct conf *conf, struct reader *r, struct conf_error *error)
{
	struct parser p = {.conf = conf, .block = &conf->nodes[0]};
	enum token t;

	do {
		t = next_token(r);
		handlers[t](&p, r);
	} while (t != TOKEN_END && p.fault == NULL);
	if (p.fault == NULL)
		return 0;
	*error = (struct conf_error){r->token_line, r->token_column, p.fault};
	return -EINVAL;
}

/* Every directive ends with one of two characters: an upper bound of their number. */
static size_t
count_directives(const char *text, size_t size)
{
	size_t count = 1;

	for (size_t i = 0; i < size; i++)
		count += text[i] == ';' || text[i] == '{';
	return count;
}

int
conf_parse(struct conf **out, const char *text, size_t size, struct conf_error *error)
{
	static const char bom[] = "\xef\xbb\xbf";
	struct conf *conf;
	struct reader r = {.line = 1, .column = 1};
	int err;

	if (size > CONF_TEXT_MAX) {
		*error = (struct conf_error){1, 1, "the file is too large"};
		return -EINVAL;
	}
	conf = calloc(1, sizeof(*conf));
	if (conf == NULL)
		return -ENOMEM;
	conf->cap = count_directives(text, size) + 1;
	conf->cap = conf->cap < CONF_NODES_MAX ? conf->cap : CONF_NODES_MAX;
	conf->nodes = calloc(conf->cap, sizeof(*conf->nodes));
	conf->pool = malloc(size + 1);
	if (conf->nodes == NULL || conf->pool == NULL) {
		conf_free(conf);
		return -ENOMEM;
	}
	conf->nodes[0] = (struct conf_node){.name = "", .is_block = true, .line = 1, .column = 1};
	conf->count = 1;
	r.pool = conf->pool;
	r.at = size >= 3 && memcmp(text, bom, 3) == 0 ? text + 3 : text;
	r.end = text + size;
	err = parse(conf, &r, error);
	if (err != 0)
		conf_free(conf);
	else
		*out = conf;
	return err;
}

void
conf_free(struct conf *conf)
{
	if (conf == NULL)
		return;
	free(conf->nodes);
	free(conf->pool);
	free(conf);
}

const struct conf_node *
conf_root(const struct conf *conf)
{
	return &conf->nodes[0];
}

const struct conf_node *
conf_find(const struct conf_node *block, const char *name, const struct conf_node *after)
{
	const struct conf_node *n = after != NULL ? after->next : block->child;

	while (n != NULL && strcmp(n->name, name) != 0)
		n = n->next;
	return n;
}
