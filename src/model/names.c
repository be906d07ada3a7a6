#include "model/names.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define MAX_WORD   31u
#define MANY_EDITS 99u

static unsigned min2(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static int lower(char c)
{
	return tolower((unsigned char)c);
}

/*
 * Edits (insert, drop, change, swap of neighbours) from a to b, ignoring case:
 * edits("siez", "size") == 1; of words longer than MAX_WORD, MANY_EDITS.
 *
 * Optimal string alignment, a row of the table at a time; three rows are kept for the swaps.
 * O(length of a * length of b).
 */
static unsigned edits_between(const char *a, const char *b)
{
	unsigned rows[3][MAX_WORD + 1];
	size_t na = strlen(a), nb = strlen(b);

	if (na > MAX_WORD || nb > MAX_WORD)
		return MANY_EDITS;
	for (unsigned j = 0; j <= nb; j++)
		rows[0][j] = j;
	for (unsigned i = 1; i <= na; i++) {
		unsigned *row = rows[i % 3], *up = rows[(i + 2) % 3], *up2 = rows[(i + 1) % 3];

		row[0] = i;
		for (unsigned j = 1; j <= nb; j++) {
			bool differs = lower(a[i - 1]) != lower(b[j - 1]);

			row[j] = min2(min2(up[j], row[j - 1]) + 1, up[j - 1] + differs);
			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
			    lower(a[i - 2]) == lower(b[j - 1]))
				row[j] = min2(row[j], up2[j - 2] + 1);
		}
	}
	return rows[na % 3][nb];
}

void names_begin(struct name_list *l, const char *word)
{
	*l = (struct name_list){.word = word, .distance = 3};
}

void names_add(struct name_list *l, const char *name)
{
	unsigned edits = edits_between(l->word, name);
	size_t need = strlen(name) + 2;

	/* "axi" for d1_axi; a shorter word has too few letters to be recognised by. */
	if (edits > 2 && strlen(l->word) >= 3 && strcasestr(name, l->word) != NULL)
		edits = 2;
	if (edits < l->distance && edits * 2 <= strlen(name)) {
		l->distance = edits;
		snprintf(l->hint, sizeof l->hint, "; did you mean '%.64s'?", name);
	}
	l->nr++;
	if (l->used + need + 4 < sizeof l->text)
		l->used += (size_t)snprintf(l->text + l->used, sizeof l->text - l->used, "%s%s",
					    l->used != 0 ? ", " : "", name);
	else if (l->used < sizeof l->text - 4) {
		memcpy(l->text + l->used, "...", 4);
		l->used = sizeof l->text;
	}
}

void names_end(struct name_list *l)
{
	if (l->nr == 0)
		memcpy(l->text, "none", 5);
}
