/* The text report's middle: how the allocators did, one block a kind that the run used. */
#include <string.h>

#include "ui/cli/report_page.h"

/* ---- heaps and pages ---- */

static void print_heap(const struct report_page *p, const json_t *h)
{
	const json_t *search = at(h, "search");
	char a[SIZE_TEXT], b[SIZE_TEXT], c[SIZE_TEXT], n[COUNT_TEXT];

	fprintf(p->out, "  %s (%s): arena %s, %s free in %s block%s, the largest %s\n",
		str(h, "name"), str(h, "kind"), size_text(num(h, "arena_bytes"), a),
		size_text(num(h, "free_bytes"), b), count_text(num(h, "free_blocks"), n),
		plural(num(h, "free_blocks")), size_text(num(h, "largest_free_bytes"), c));
	if (at(h, "arena") != NULL)
		fprintf(p->out, "    arena %lld of the trace: %s block%s, %s pushed\n",
			(long long)num(h, "arena"), count_text(num(h, "pushes"), n),
			plural(num(h, "pushes")), size_text(num(h, "live_bytes"), a));
	if (num(search, "count") != 0 && num(search, "max") == 0)
		fputs("    searches: every block was found without walking a list\n", p->out);
	else if (num(search, "count") != 0)
		fprintf(p->out,
			"    searches: mean %.2f steps, half within %lld, 99 %% within %lld, the "
			"longest %lld (event %lld)\n",
			json_number_value(at(search, "mean")), (long long)num(search, "p50"),
			(long long)num(search, "p99"), (long long)num(search, "max"),
			(long long)num(search, "max_event"));
}

static void print_heaps(const struct report_page *p)
{
	const json_t *list = at(p->r, "heaps");

	if (json_array_size(list) == 0)
		return;
	report_heading(p, "Heaps");
	for (size_t i = 0; i < json_array_size(list); i++)
		print_heap(p, json_array_get(list, i));
}

static void print_zones(const struct report_page *p)
{
	const json_t *list = at(p->r, "zones");

	if (json_array_size(list) == 0)
		return;
	report_heading(p, "Zones: free blocks by order");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *z = json_array_get(list, i), *nr = at(z, "nr_free");
		char a[COUNT_TEXT], b[COUNT_TEXT];

		if (num(z, "managed_pages") == 0)
			continue;
		fprintf(p->out, "  %-12s %9s of %9s pages free |", str(z, "name"),
			count_text(num(z, "free_pages"), a),
			count_text(num(z, "managed_pages"), b));
		for (size_t o = 0; o < json_array_size(nr); o++)
			fprintf(p->out, " %lld",
				(long long)json_integer_value(json_array_get(nr, o)));
		fputc('\n', p->out);
	}
	if (num(at(p->r, "reclaimed"), "pages") != 0) {
		char a[COUNT_TEXT];

		fprintf(p->out,
			"  When memory was short caches gave back %s pages of empty slabs.\n",
			count_text(num(at(p->r, "reclaimed"), "pages"), a));
	}
}

static void print_nodes(const struct report_page *p)
{
	const json_t *list = at(p->r, "nodes");

	if (json_array_size(list) == 0)
		return;
	report_heading(p, "Nodes");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *n = json_array_get(list, i);
		char a[COUNT_TEXT], b[COUNT_TEXT], c[SIZE_TEXT], d[SIZE_TEXT];

		fprintf(p->out,
			"  node %-3lld %3lld CPU%s %9s of %9s pages free, payload %s, metadata %s, "
			"%lld request%s from elsewhere\n",
			(long long)num(n, "node"), (long long)num(n, "cpus"),
			num(n, "cpus") == 1 ? ", " : "s,", count_text(num(n, "free_pages"), a),
			count_text(num(n, "managed_pages"), b), size_text(num(n, "payload"), c),
			size_text(num(n, "metadata"), d), (long long)num(n, "fallbacks"),
			num(n, "fallbacks") == 1 ? "" : "s");
	}
}

static void print_caches(const struct report_page *p)
{
	const json_t *list = at(p->r, "caches");

	if (json_array_size(list) == 0)
		return;
	report_heading(p, "Caches");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *c = json_array_get(list, i);

		/* A slab layer has dozens, most of them never used. */
		if (num(c, "slabs") == 0 && at(c, "allocator") != NULL)
			continue;
		fprintf(p->out,
			"  %-16s %6lld B objects: %lld live of %lld in %lld slabs of %lld pages\n",
			str(c, "name"), (long long)num(c, "object_size"),
			(long long)num(c, "active_objects"), (long long)num(c, "total_objects"),
			(long long)num(c, "slabs"), (long long)num(c, "pages_per_slab"));
	}
}

static void print_window(const struct report_page *p, const json_t *w)
{
	char a[SIZE_TEXT], b[SIZE_TEXT], c[SIZE_TEXT], d[SIZE_TEXT], n[COUNT_TEXT];

	fprintf(p->out, "  %-10s at %s: %s in %s area%s of %s", str(w, "name"), str(w, "start"),
		size_text(num(w, "used_bytes"), a), count_text(num(w, "areas"), n),
		plural(num(w, "areas")), size_text(num(w, "bytes"), b));
	fprintf(p->out, ", %s lazy, the largest hole %s\n", size_text(num(w, "lazy_bytes"), c),
		size_text(num(w, "largest_free_bytes"), d));
}

/* What translation cost, an access, in each window. */
static void print_access(const struct report_page *p, const json_t *a)
{
	char n[COUNT_TEXT], m[COUNT_TEXT], l[COUNT_TEXT];
	int64_t accesses = num(a, "accesses");

	fprintf(p->out, "  reads and writes in %s: %s accesses, %s TLB misses, %s table loads",
		str(a, "name"), count_text(accesses, n), count_text(num(a, "tlb_misses"), m),
		count_text(num(a, "walk_loads"), l));
	if (accesses > 0)
		fprintf(p->out, ", %.2f cycles of translation each",
			(double)num(a, "cycles") / (double)accesses);
	fputc('\n', p->out);
}

static void print_virtual(const struct report_page *p)
{
	const json_t *v = at(p->r, "virtual"), *windows = at(v, "windows"),
		     *access = at(v, "access"), *tables = at(v, "page_tables");
	char a[SIZE_TEXT], n[COUNT_TEXT], m[COUNT_TEXT];

	if (tables == NULL)
		return;
	report_heading(p, "Virtual memory");
	fprintf(p->out, "  page tables take %s; the direct map has %s large and %s small pages\n",
		size_text(num(tables, "bytes"), a), count_text(num(tables, "direct_large"), n),
		count_text(num(tables, "direct_small"), m));
	for (size_t i = 0; i < json_array_size(windows); i++)
		print_window(p, json_array_get(windows, i));
	for (size_t i = 0; i < json_array_size(access); i++)
		print_access(p, json_array_get(access, i));
}

static void print_depth(const struct report_page *p, const json_t *d, const char *of)
{
	char a[SIZE_TEXT], b[SIZE_TEXT];

	if (num(d, "used_bytes") == 0)
		return;
	fprintf(p->out, "  the deepest %s: %s of %s in use at event %lld", of,
		size_text(num(d, "used_bytes"), a), size_text(num(d, "stack_bytes"), b),
		(long long)num(d, "event"));
	if (at(d, "id") != NULL)
		fprintf(p->out, ", by #%lld", (long long)num(d, "id"));
	fputc('\n', p->out);
}

static void print_stacks(const struct report_page *p)
{
	const json_t *s = at(p->r, "stacks");
	char a[SIZE_TEXT], b[SIZE_TEXT], n[COUNT_TEXT], m[COUNT_TEXT];

	if (json_object_size(s) == 0)
		return;
	report_heading(p, "Kernel stacks");
	fprintf(p->out, "  %s tasks have %s of stacks%s; %s stacks of the CPUs take %s\n",
		count_text(num(s, "tasks"), n), size_text(num(s, "task_bytes"), a),
		json_is_true(at(s, "guarded")) ? ", with an unmapped page below each" : "",
		count_text(num(s, "cpu_stacks"), m), size_text(num(s, "cpu_bytes"), b));
	print_depth(p, at(s, "deepest"), "stack of a task");
	print_depth(p, at(s, "deepest_irq"), "interrupt stack");
	if (num(s, "overruns") + num(s, "guard_hits") + num(s, "smashed_returns") == 0)
		return;
	fputs("  ", p->out);
	print_in(p->out, p->s, TEXT_BAD,
		 "%s overflows in silence, over %s; %lld caught by guard pages; %lld returns "
		 "through "
		 "overwritten frames",
		 count_text(num(s, "overruns"), n), size_text(num(s, "overrun_bytes"), a),
		 (long long)num(s, "guard_hits"), (long long)num(s, "smashed_returns"));
	fputc('\n', p->out);
}

/* Whose the pages are, where the trace says more of it than that somebody has them. */
static void print_page_owners(const struct report_page *p)
{
	const json_t *list = at(p->r, "page_owners");
	char n[COUNT_TEXT];
	bool told = false;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *s = str(json_array_get(list, i), "state");

		told |= strcmp(s, "user") == 0 || strcmp(s, "page cache") == 0;
	}
	if (!told)
		return;
	report_heading(p, "Pages by owner");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);

		fprintf(p->out, "  %-24s %12s\n", str(o, "state"), count_text(num(o, "pages"), n));
	}
}

static void print_cma(const struct report_page *p)
{
	const json_t *c = at(p->r, "cma");
	char n[COUNT_TEXT], a[COUNT_TEXT], b[COUNT_TEXT], l[COUNT_TEXT];

	if (json_object_size(c) == 0)
		return;
	report_heading(p, "Contiguous memory");
	fprintf(p->out, "  of %s pages from pfn %lld on: %s claimed, %s lent, %s free\n",
		count_text(num(c, "pages"), n), (long long)num(c, "start_pfn"),
		count_text(num(c, "claimed_pages"), a), count_text(num(c, "lent_pages"), b),
		count_text(num(c, "free_pages"), l));
	fprintf(p->out, "  %s ranges were served; %s pages in %s blocks had to move for them\n",
		count_text(num(c, "served"), n), count_text(num(c, "migrated_pages"), a),
		count_text(num(c, "migrated_blocks"), b));
}

/* How our grants compare with those of the kernel that was recorded. */
static void print_recorded(const struct report_page *p)
{
	const json_t *g = at(p->r, "recorded_grants");
	char n[COUNT_TEXT], m[COUNT_TEXT], a[SIZE_TEXT], b[SIZE_TEXT];

	if (g == NULL)
		return;
	report_heading(p, "Against the kernel that was recorded");
	fprintf(p->out, "  %s of %s grants have the size that its own had: %s there, %s here\n",
		count_text(num(g, "equal"), n), count_text(num(g, "requests"), m),
		size_text(num(g, "bytes_there"), a), size_text(num(g, "bytes_here"), b));
}

void report_allocs(const struct report_page *p)
{
	print_heaps(p);
	print_zones(p);
	print_nodes(p);
	print_caches(p);
	print_recorded(p);
	print_virtual(p);
	print_page_owners(p);
	print_cma(p);
	print_stacks(p);
}
