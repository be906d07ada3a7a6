#include "sim/trace_strings.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

void trace_strings_init(struct trace_strings *s)
{
	*s = (struct trace_strings){.nr = 1};
}

void trace_strings_finish(struct trace_strings *s)
{
	for (uint32_t i = 1; s->text != NULL && i < s->nr; i++)
		free(s->text[i]);
	free(s->text);
	free(s->hash);
	free(s->cells);
	trace_strings_init(s);
}

/* The cell that holds the text, or the empty one where it belongs. */
static uint32_t find_cell(const struct trace_strings *s, uint64_t hash, const char *text,
			  size_t bytes)
{
	uint32_t mask = s->nr_cells - 1, c = (uint32_t)hash & mask;

	for (; s->cells[c] != 0; c = (c + 1) & mask) {
		uint32_t i = s->cells[c];

		if (s->hash[i] == hash && strncmp(s->text[i], text, bytes) == 0 &&
		    s->text[i][bytes] == '\0')
			break;
	}
	return c;
}

/* Twice the room; cells stay at most half full. */
static bool grow(struct trace_strings *s)
{
	uint32_t cap = s->cap ? s->cap * 2 : 64;
	char **text = realloc(s->text, cap * sizeof *text);
	uint64_t *hash;
	uint32_t *cells;

	if (text == NULL)
		return false;
	s->text = text;
	hash = realloc(s->hash, cap * sizeof *hash);
	if (hash == NULL)
		return false;
	s->hash = hash;
	cells = calloc((size_t)cap * 2, sizeof *cells);
	if (cells == NULL)
		return false;
	free(s->cells);
	s->cells = cells;
	s->nr_cells = cap * 2;
	s->cap = cap;
	s->text[0] = NULL;
	s->hash[0] = 0;
	for (uint32_t i = 1; i < s->nr; i++)
		s->cells[find_cell(s, s->hash[i], s->text[i], strlen(s->text[i]))] = i;
	return true;
}

uint32_t trace_strings_add(struct trace_strings *s, const char *text, size_t bytes)
{
	uint64_t hash = XXH3_64bits(text, bytes);
	uint32_t c;
	char *copy;

	if (bytes == 0 || bytes > TRACE_STRING_BYTES || memchr(text, '\0', bytes) != NULL)
		return 0;
	if (s->nr >= s->cap && !grow(s))
		return 0;
	c = find_cell(s, hash, text, bytes);
	if (s->cells[c] != 0)
		return s->cells[c];
	copy = s->nr < TRACE_NR_STRINGS ? malloc(bytes + 1) : NULL;
	if (copy == NULL)
		return 0;
	memcpy(copy, text, bytes);
	copy[bytes] = '\0';
	s->text[s->nr] = copy;
	s->hash[s->nr] = hash;
	s->cells[c] = s->nr;
	return s->nr++;
}

const char *trace_strings_get(const struct trace_strings *s, uint32_t index)
{
	return index != 0 && index < s->nr ? s->text[index] : "";
}
