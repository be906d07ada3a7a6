/*
 * The kernel's tables of a line a zone or a cache: buddyinfo, extfrag_index,
 * unusable_index, slabinfo; and what pagetypeinfo says of pageblocks.
 */
#include <ctype.h>
#include <string.h>

#include "sim/kernel_text.h"

/* ---- a row of numbers for each zone ---- */

static int read_free(struct kernel_line *l, struct kernel_zone *z)
{
	if (z->orders != 0)
		return kernel_bad(l, l->line, "each zone once");
	while (!kernel_line_ends(l)) {
		if (z->orders == KERNEL_MAX_ORDERS)
			return kernel_bad(l, l->p, "at most 32 orders");
		if (kernel_number(l, "a number of free blocks", &z->area.nr_free[z->orders]) != 0)
			return -1;
		if (z->area.nr_free[z->orders++] > UINT32_MAX)
			return kernel_bad(l, l->p, "fewer than 2^32 free blocks");
	}
	if (z->orders == 0)
		return kernel_bad(l, l->p, "a number of free blocks for each order");
	z->area.max_order = z->orders - 1;
	return 0;
}

/* "0.123", "-1.000", and as the kernel prints what lies between: "0.-125". */
static int read_permille(struct kernel_line *l, int *out)
{
	static const char form[] = "an index such as 0.123 or -1.000";
	const char *first = l->p;
	bool minus = false;
	int whole = 0, part = 0;

	if (l->p < l->end && *l->p == '-')
		minus = ++l->p != NULL;
	if (l->p + 4 >= l->end || !isdigit((unsigned char)*l->p) || l->p[1] != '.')
		return kernel_bad(l, first, form);
	whole = *l->p - '0';
	l->p += 2;
	if (*l->p == '-')
		minus = ++l->p != NULL;
	for (int i = 0; i < 3; i++, l->p++) {
		if (l->p >= l->end || !isdigit((unsigned char)*l->p))
			return kernel_bad(l, first, form);
		part = part * 10 + (*l->p - '0');
	}
	*out = minus ? -(whole * 1000 + part) : whole * 1000 + part;
	return 0;
}

static int read_indices(struct kernel_line *l, unsigned *orders, int *out)
{
	if (*orders != 0)
		return kernel_bad(l, l->line, "each zone once");
	while (!kernel_line_ends(l)) {
		if (*orders == KERNEL_MAX_ORDERS)
			return kernel_bad(l, l->p, "at most 32 orders");
		if (read_permille(l, &out[*orders]) != 0)
			return -1;
		++*orders;
	}
	return *orders != 0 ? 0 : kernel_bad(l, l->p, "an index for each order");
}

static int read_unusable(struct kernel_line *l, struct kernel_zone *z)
{
	return read_indices(l, &z->unusable_orders, z->unusable);
}

static int read_extfrag(struct kernel_line *l, struct kernel_zone *z)
{
	return read_indices(l, &z->extfrag_orders, z->extfrag);
}

/* "Extfrag index at order:   0   1 ...": some kernels head the columns of the indices. */
static bool heads_columns(const struct kernel_line *l)
{
	static const char words[] = " index at order:";
	size_t n = sizeof words - 1;

	for (const char *p = l->p; p + n <= l->end; p++)
		if (memcmp(p, words, n) == 0)
			return true;
	return false;
}

static int read_rows(struct kernel_snapshot *k, const char *text, const char *file, struct diag *d,
		     int (*row)(struct kernel_line *l, struct kernel_zone *z))
{
	struct kernel_line l = {.k = k, .file = file, .d = d, .next = text};
	struct kernel_zone *z;
	bool any = false;

	while (kernel_next_line(&l)) {
		if (kernel_line_ends(&l) || heads_columns(&l))
			continue;
		if (kernel_zone_head(&l, &z) != 0 || row(&l, z) != 0)
			return -1;
		any = true;
	}
	if (!any && *text != '\0')
		return diag_set(d, file, 1, 1,
				"expected lines such as \"Node 0, zone Normal 1 0 ...\"");
	return 0;
}

int kernel_read_buddyinfo(struct kernel_snapshot *k, const char *text, const char *file,
			  struct diag *d)
{
	k->has[KF_BUDDYINFO] = *text != '\0'; /* empty: as if it were not there */
	return read_rows(k, text, file, d, read_free);
}

int kernel_read_extfrag(struct kernel_snapshot *k, const char *text, const char *file,
			struct diag *d)
{
	k->has[KF_EXTFRAG] = *text != '\0'; /* empty: as if it were not there */
	return read_rows(k, text, file, d, read_extfrag);
}

int kernel_read_unusable(struct kernel_snapshot *k, const char *text, const char *file,
			 struct diag *d)
{
	k->has[KF_UNUSABLE] = *text != '\0'; /* empty: as if it were not there */
	return read_rows(k, text, file, d, read_unusable);
}

/* ---- slabinfo ---- */

/* Names may hold blanks: five numbers before `end` are the row, the rest is the name. */
static const char *row_start(const struct kernel_line *l, const char *end)
{
	const char *p = end;

	for (unsigned i = 0; i < 5; i++) {
		while (p > l->p && isspace((unsigned char)p[-1]))
			p--;
		if (p <= l->p || !isdigit((unsigned char)p[-1]))
			return NULL;
		while (p > l->p && isdigit((unsigned char)p[-1]))
			p--;
	}
	return p > l->p && isspace((unsigned char)p[-1]) ? p : NULL;
}

static int read_tunables(struct kernel_line *l, struct kernel_cache *c)
{
	if (l->p < l->end && *l->p == ':')
		l->p++;
	if (!kernel_word(l, "tunables"))
		return kernel_bad(l, l->p, "\": tunables\" and three numbers");
	return kernel_number(l, "a limit", &c->limit) != 0 ||
			       kernel_number(l, "a batch", &c->batch) != 0 ||
			       kernel_number(l, "a shared factor", &c->shared) != 0
		       ? -1
		       : 0;
}

static int read_cache(struct kernel_line *l, struct kernel_cache *c)
{
	const char *colon = NULL, *row;
	uint64_t active, total;
	size_t n;

	for (const char *p = l->p; p + 10 < l->end && colon == NULL; p++)
		if (memcmp(p, ": tunables", 10) == 0)
			colon = p;
	row = colon != NULL ? row_start(l, colon) : NULL;
	if (row == NULL)
		return kernel_bad(l, l->p, "a cache's name, five numbers and \": tunables\"");
	for (n = (size_t)(row - l->p); n > 0 && isspace((unsigned char)l->p[n - 1]); n--)
		;
	n = n < sizeof c->name ? n : sizeof c->name - 1;
	memcpy(c->name, l->p, n);
	l->p = row;
	if (kernel_number(l, "active objects", &active) != 0 ||
	    kernel_number(l, "objects", &total) != 0 ||
	    kernel_number(l, "an object's size", &c->object_size) != 0 ||
	    kernel_number(l, "objects a slab", &c->objects_per_slab) != 0 ||
	    kernel_number(l, "pages a slab", &c->pages_per_slab) != 0)
		return -1;
	if (c->object_size == 0 || c->object_size > UINT32_MAX || c->pages_per_slab == 0 ||
	    (c->pages_per_slab & (c->pages_per_slab - 1)) != 0)
		return kernel_bad(l, row,
				  "an object's size above 0 and a power of two pages a slab");
	(void)!kernel_line_ends(l);
	return read_tunables(l, c);
}

int kernel_read_slabinfo(struct kernel_snapshot *k, const char *text, const char *file,
			 struct diag *d)
{
	struct kernel_line l = {.k = k, .file = file, .d = d, .next = text};
	struct kernel_cache *v;

	if (!kernel_next_line(&l) || !kernel_word(&l, "slabinfo") || !kernel_word(&l, "-") ||
	    !kernel_word(&l, "version:"))
		return diag_set(d, file, 1, 1, "expected \"slabinfo - version: 2.1\"");
	/* 2.0, until 2.6.15, has the same columns. */
	if (!kernel_word(&l, "2.1") && !kernel_word(&l, "2.0"))
		return kernel_bad(&l, l.p, "version 2.0 or 2.1");
	k->slab = true;
	while (kernel_next_line(&l)) {
		if (kernel_line_ends(&l) || *l.p == '#')
			continue;
		v = kernel_room(&l, k->cache, k->nr_caches, &k->cap_caches, sizeof *k->cache);
		if (v == NULL)
			return -1;
		k->cache = v;
		k->cache[k->nr_caches] = (struct kernel_cache){.name = ""};
		if (read_cache(&l, &k->cache[k->nr_caches]) != 0)
			return -1;
		k->slab &= k->cache[k->nr_caches++].limit != 0;
	}
	k->has[KF_SLABINFO] = true;
	return 0;
}

/* ---- pagetypeinfo ---- */

int kernel_read_pagetypeinfo(struct kernel_snapshot *k, const char *text, const char *file,
			     struct diag *d)
{
	struct kernel_line l = {.k = k, .file = file, .d = d, .next = text};
	uint64_t order, pages;

	if (!kernel_next_line(&l) || !kernel_word(&l, "Page") || !kernel_word(&l, "block") ||
	    !kernel_word(&l, "order:"))
		return diag_set(d, file, 1, 1, "expected \"Page block order: 9\"");
	if (kernel_number(&l, "an order", &order) != 0)
		return -1;
	if (order == 0 || order >= KERNEL_MAX_ORDERS)
		return kernel_bad(&l, l.p, "an order from 1 to 31");
	if (!kernel_next_line(&l) || !kernel_word(&l, "Pages") || !kernel_word(&l, "per") ||
	    !kernel_word(&l, "block:"))
		return kernel_bad(&l, l.line, "\"Pages per block: 512\"");
	if (kernel_number(&l, "a number of pages", &pages) != 0)
		return -1;
	if (pages != (uint64_t)1 << order)
		return kernel_bad(&l, l.line, "2 to the power of the order as pages per block");
	k->block_order = (unsigned)order;
	k->has[KF_PAGETYPEINFO] = true;
	return 0;
}
