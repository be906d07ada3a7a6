/* Lists of known names in messages: "expected one of a, b, c", "did you mean 'b'?". */
#ifndef MODEL_NAMES_H
#define MODEL_NAMES_H

#include <stdbool.h>
#include <stddef.h>

struct name_list {
	char text[320]; /* "a, b, c", cut with "..." where too long */
	size_t used;
	const char *word; /* what was written; borrowed */
	unsigned distance; /* edits to the nearest name so far */
	unsigned nr; /* names added */
	char hint[96]; /* "; did you mean 'b'?", or "" when none is near */
};

/* Starts a list of the names that `word` might have been. */
void names_begin(struct name_list *l, const char *word);
void names_add(struct name_list *l, const char *name);

/* Ends it: l->text is "a, b, c", "none" when empty. */
void names_end(struct name_list *l);

#endif
