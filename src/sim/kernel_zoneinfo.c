/*
 * /proc/zoneinfo, forms of 3.x to 6.x: a block a zone, a key and a number a line.  Keys
 * not known here (statistics, which change from kernel to kernel) are passed over.
 */
#include <string.h>

#include "sim/kernel_text.h"

static int read_protection(struct kernel_line *l, struct kernel_zone *z)
{
	(void)!kernel_line_ends(l);
	if (l->p >= l->end || *l->p != '(')
		return kernel_bad(l, l->p, "\"(\" and a number for each zone");
	l->p++;
	for (z->nr_protection = 0; z->nr_protection < KERNEL_MAX_COLUMNS;) {
		if (kernel_number(l, "a number of pages", &z->protection[z->nr_protection++]) != 0)
			return -1;
		(void)!kernel_line_ends(l);
		if (l->p < l->end && *l->p == ')')
			return 0;
		if (l->p >= l->end || *l->p != ',')
			return kernel_bad(l, l->p, "\",\" or \")\"");
		l->p++;
	}
	return kernel_bad(l, l->p, "at most 8 zones");
}

static int read_cpu(struct kernel_line *l, struct kernel_zone *z)
{
	struct kernel_lists *v;
	uint64_t cpu;

	if (kernel_number(l, "a CPU's number", &cpu) != 0)
		return -1;
	if (cpu >= 8192)
		return kernel_bad(l, l->p, "a CPU's number below 8192");
	v = kernel_room(l, z->lists, z->nr_lists, &z->cap_lists, sizeof *z->lists);
	if (v == NULL)
		return -1;
	z->lists = v;
	z->lists[z->nr_lists++] = (struct kernel_lists){(uint32_t)cpu, KERNEL_NONE, KERNEL_NONE,
							KERNEL_NONE,   KERNEL_NONE, KERNEL_NONE};
	if (z->nr_lists > l->k->online)
		l->k->online = z->nr_lists;
	return 0;
}

/* The number of a key of the zone, or of the CPU told last. */
static uint64_t *place_of(struct kernel_line *l, struct kernel_zone *z)
{
	struct kernel_lists *c = z->nr_lists != 0 ? &z->lists[z->nr_lists - 1] : NULL;
	const struct {
		const char *key;
		uint64_t *at;
	} keys[] = {
		{"boost", &z->boost},
		{"min", &z->min},
		{"low", &z->low},
		{"high", &z->high},
		{"promo", &z->promo},
		{"spanned", &z->spanned},
		{"present", &z->present},
		{"managed", &z->managed},
		{"count:", c ? &c->count : NULL},
		{"high:", c ? &c->high : NULL},
		{"batch:", c ? &c->batch : NULL},
		{"high_min:", c ? &c->high_min : NULL},
		{"high_max:", c ? &c->high_max : NULL},
	};

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (keys[i].at != NULL && kernel_word(l, keys[i].key))
			return keys[i].at;
	return NULL;
}

static int read_line(struct kernel_line *l, struct kernel_zone *z)
{
	uint64_t *at;

	if (kernel_word(l, "per-node"))
		l->k->node_stats = true;
	if (kernel_word(l, "protection:"))
		return read_protection(l, z);
	if (kernel_word(l, "cpu:"))
		return read_cpu(l, z);
	at = place_of(l, z);
	return at != NULL ? kernel_number(l, "a number", at) : 0;
}

/* "Node 0, per-node stats": some kernels tell them apart from the zones. */
static bool heads_node(const struct kernel_line *l)
{
	static const char word[] = "per-node stats";
	size_t n = sizeof word - 1;

	for (const char *p = l->p; p + n <= l->end; p++)
		if (memcmp(p, word, n) == 0)
			return true;
	return false;
}

/* What the figures of every zone stand on.  Before 3.9 that was the pages present. */
static int check_zone(const struct kernel_line *l, struct kernel_zone *z)
{
	if (z == NULL)
		return 0;
	if (z->managed == KERNEL_NONE)
		z->managed = z->present;
	if (z->managed == KERNEL_NONE || z->min == KERNEL_NONE || z->low == KERNEL_NONE ||
	    z->high == KERNEL_NONE)
		return diag_set(l->d, l->file, l->nr, 0,
				"node %u, zone %s ends without %s, expected min, low, high and "
				"managed",
				z->node, z->name,
				z->managed == KERNEL_NONE ? "managed" : "its watermarks");
	if (z->managed > UINT32_MAX || z->min > UINT32_MAX || z->low > UINT32_MAX ||
	    z->high > UINT32_MAX)
		return diag_set(l->d, l->file, l->nr, 0,
				"node %u, zone %s: expected page counts below 2^32", z->node,
				z->name);
	return 0;
}

int kernel_read_zoneinfo(struct kernel_snapshot *k, const char *text, const char *file,
			 struct diag *d)
{
	struct kernel_line l = {.k = k, .file = file, .d = d, .next = text};
	struct kernel_zone *z = NULL;

	if (*text == '\0')
		return 0; /* as if it were not there */
	while (kernel_next_line(&l)) {
		if ((size_t)(l.end - l.p) < 5 || memcmp(l.p, "Node ", 5) != 0) {
			if (z != NULL && read_line(&l, z) != 0)
				return -1;
			continue;
		}
		if (check_zone(&l, z) != 0)
			return -1;
		z = NULL;
		if (heads_node(&l)) {
			k->node_stats = true;
			continue;
		}
		if (kernel_zone_head(&l, &z) != 0)
			return -1;
		if (z->has_info)
			return kernel_bad(&l, l.line, "each zone once");
		z->has_info = true;
	}
	if (z == NULL && k->nr_zones == 0)
		return diag_set(d, file, 1, 1, "expected lines such as \"Node 0, zone Normal\"");
	k->has[KF_ZONEINFO] = true;
	return check_zone(&l, z);
}
