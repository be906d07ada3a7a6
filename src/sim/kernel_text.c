#include "sim/kernel_text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_ZONES RULES_MAX_ZONES

bool kernel_next_line(struct kernel_line *l)
{
	if (l->next == NULL || *l->next == '\0')
		return false;
	l->line = l->p = l->next;
	l->end = l->line + strcspn(l->line, "\n");
	l->next = *l->end != '\0' ? l->end + 1 : l->end;
	l->nr++;
	(void)!kernel_line_ends(l);
	return true;
}

int kernel_bad(const struct kernel_line *l, const char *at, const char *expected)
{
	return diag_set(l->d, l->file, l->nr, (int)(at - l->line) + 1, "expected %s", expected);
}

bool kernel_line_ends(struct kernel_line *l)
{
	while (l->p < l->end && isspace((unsigned char)*l->p))
		l->p++;
	return l->p >= l->end;
}

bool kernel_word(struct kernel_line *l, const char *word)
{
	size_t n = strlen(word);

	if (kernel_line_ends(l) || (size_t)(l->end - l->p) < n || memcmp(l->p, word, n) != 0)
		return false;
	if (l->p + n < l->end && !isspace((unsigned char)l->p[n]))
		return false;
	l->p += n;
	return true;
}

int kernel_number(struct kernel_line *l, const char *expected, uint64_t *out)
{
	const char *first;
	uint64_t n = 0;

	if (kernel_line_ends(l) || !isdigit((unsigned char)*l->p))
		return kernel_bad(l, l->p, expected);
	for (first = l->p; l->p < l->end && isdigit((unsigned char)*l->p); l->p++) {
		if (n > (uint64_t)(INT64_MAX / 10 - 1))
			return kernel_bad(l, first, "a number that fits in 63 bits");
		n = n * 10 + (uint64_t)(*l->p - '0');
	}
	*out = n;
	return 0;
}

void *kernel_room(const struct kernel_line *l, void *array, unsigned nr, unsigned *cap,
		  size_t bytes)
{
	unsigned more = *cap != 0 ? *cap * 2 : 16;
	void *v;

	if (nr < *cap)
		return array;
	v = realloc(array, more * bytes);
	if (v == NULL) {
		diag_set(l->d, l->file, l->nr, 0, "out of memory");
		return NULL;
	}
	*cap = more;
	return v;
}

/* ---- zones ---- */

static bool type_of(const char *name, enum zone_type *type, bool *device)
{
	static const struct {
		const char *name;
		enum zone_type type;
	} names[] = {{"DMA", ZONE_DMA},         {"DMA32", ZONE_DMA32},
		     {"Normal", ZONE_NORMAL},   {"HighMem", ZONE_HIGHMEM},
		     {"Movable", ZONE_MOVABLE}, {"Device", ZONE_MOVABLE}};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcasecmp(names[i].name, name) == 0) {
			*type = names[i].type;
			*device = i == 5;
			return true;
		}
	/* Zones of simulated machines may be called anything, in lower case. */
	*type = ZONE_NORMAL;
	*device = false;
	return islower((unsigned char)name[0]);
}

static struct kernel_zone *new_zone(struct kernel_line *l, unsigned node, const char *name)
{
	struct kernel_snapshot *k = l->k;
	struct kernel_zone *v, *z;

	if (k->nr_zones == MAX_ZONES) {
		diag_set(l->d, l->file, l->nr, 1, "more than %u zones", MAX_ZONES);
		return NULL;
	}
	v = kernel_room(l, k->zone, k->nr_zones, &k->cap_zones, sizeof *k->zone);
	if (v == NULL)
		return NULL;
	k->zone = v;
	z = &k->zone[k->nr_zones];
	*z = (struct kernel_zone){.node = node,
				  .min = KERNEL_NONE,
				  .low = KERNEL_NONE,
				  .high = KERNEL_NONE,
				  .promo = KERNEL_NONE,
				  .boost = KERNEL_NONE,
				  .spanned = KERNEL_NONE,
				  .present = KERNEL_NONE,
				  .managed = KERNEL_NONE};
	strcpy(z->name, name);
	if (!type_of(name, &z->type, &z->device)) {
		diag_set(l->d, l->file, l->nr, (int)(l->p - l->line) + 1,
			 "zone '%s', expected DMA, DMA32, Normal, HighMem, Movable or Device",
			 name);
		return NULL;
	}
	k->nr_zones++;
	k->nodes = node + 1 > k->nodes ? node + 1 : k->nodes;
	return z;
}

static int zone_name(struct kernel_line *l, char name[32])
{
	const char *first;
	size_t n = 0;

	if (kernel_line_ends(l))
		return kernel_bad(l, l->p, "the name of a zone");
	for (first = l->p; l->p < l->end && !isspace((unsigned char)*l->p); l->p++)
		n++;
	if (n >= 32)
		return kernel_bad(l, first, "a zone's name of at most 31 letters");
	memcpy(name, first, n);
	name[n] = '\0';
	return 0;
}

int kernel_zone_head(struct kernel_line *l, struct kernel_zone **out)
{
	static const char form[] = "\"Node 0, zone Normal\"";
	char name[32];
	uint64_t node;

	if (!kernel_word(l, "Node"))
		return kernel_bad(l, l->p, form);
	if (kernel_number(l, "a node's number", &node) != 0)
		return -1;
	if (node > 255)
		return kernel_bad(l, l->p, "a node's number up to 255");
	if (l->p < l->end && *l->p == ',')
		l->p++;
	if (!kernel_word(l, "zone"))
		return kernel_bad(l, l->p, form);
	if (zone_name(l, name) != 0)
		return -1;
	for (unsigned i = 0; i < l->k->nr_zones; i++)
		if (l->k->zone[i].node == node && strcasecmp(l->k->zone[i].name, name) == 0) {
			*out = &l->k->zone[i];
			return 0;
		}
	*out = new_zone(l, (unsigned)node, name);
	return *out != NULL ? 0 : -1;
}
