/*
 * The text report: the answer first (did it fit), then where the bytes went, who
 * holds the metadata, how the allocators did, what failed and why, and what is
 * still live.  Printed from the JSON tree alone, so that the two cannot differ.
 */
#include <string.h>

#include "sim/autopsy.h"
#include "ui/cli/text.h"

struct page {
	const json_t *r;
	const struct text_style *s;
	FILE *out;
};

static const json_t *at(const json_t *o, const char *key)
{
	return json_object_get(o, key);
}

static int64_t num(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static const char *str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "";
}

static const char *plural(int64_t n)
{
	return n == 1 ? "" : "s";
}

static void heading(const struct page *p, const char *title)
{
	fputc('\n', p->out);
	print_in(p->out, p->s, TEXT_BOLD, "%s", title);
	fputc('\n', p->out);
}

/* ---- the answer ---- */

static void print_causes(const struct page *p)
{
	const char *key, *sep = "";
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)at(p->r, "failures_by_cause"), key, value)
	{
		char n[COUNT_TEXT];

		if (json_integer_value(value) == 0)
			continue;
		fprintf(p->out, "%s%s by %s", sep, count_text(json_integer_value(value), n), key);
		sep = ", ";
	}
}

static void print_verdict(const struct page *p)
{
	const json_t *ev = at(p->r, "events"), *run = at(p->r, "run");
	char a[COUNT_TEXT], b[COUNT_TEXT];

	if (strcmp(str(run, "ended"), "done") != 0)
		print_in(p->out, p->s, TEXT_BAD, "Not finished (%s). ", str(run, "ended"));
	if (num(ev, "failed") == 0) {
		print_in(p->out, p->s, TEXT_GOOD, "It fits:");
		if (num(ev, "done") == 0)
			fputs(" there was no event.\n", p->out);
		else
			fprintf(p->out, " all requests of %s event%s were served.\n",
				count_text(num(ev, "done"), a), plural(num(ev, "done")));
		return;
	}
	print_in(p->out, p->s, TEXT_BAD, "It does not fit:");
	fprintf(p->out, " %s of %s event%s failed (", count_text(num(ev, "failed"), a),
		count_text(num(ev, "done"), b), plural(num(ev, "done")));
	print_causes(p);
	fputs(").\n", p->out);
}

/* Who keeps a cache from being destroyed. */
static void print_holders(FILE *out, const json_t *finding)
{
	const json_t *list = at(finding, "holders");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *k = json_array_get(list, i);

		fprintf(out, "    #%lld at 0x%llx%s%s, born at event %lld\n",
			(long long)num(k, "id"), (unsigned long long)num(k, "address"),
			*str(k, "site") ? " from " : "", str(k, "site"), (long long)num(k, "born"));
	}
	if (num(finding, "objects") > (int64_t)json_array_size(list))
		fprintf(out, "    and %lld more\n",
			(long long)(num(finding, "objects") - (int64_t)json_array_size(list)));
}

static void print_findings(const struct page *p)
{
	const json_t *list = at(p->r, "findings");
	char n[COUNT_TEXT];

	if (json_array_size(list) == 0)
		return;
	print_in(p->out, p->s, TEXT_BAD, "Findings:");
	fprintf(p->out, " %s in the trace or the allocators.\n",
		count_text(num(at(p->r, "events"), "findings") > (int64_t)json_array_size(list)
				   ? num(at(p->r, "events"), "findings")
				   : (int64_t)json_array_size(list),
			   n));
	for (size_t i = 0; i < json_array_size(list) && i < 5; i++) {
		const json_t *f = json_array_get(list, i);

		fprintf(p->out, "  event %lld: %s%s %s\n", (long long)num(f, "event"), str(f, "op"),
			str(f, "allocator"), str(f, "what"));
		print_holders(p->out, f);
	}
}

static void print_answer(const struct page *p)
{
	const json_t *m = at(p->r, "machine"), *peak = at(p->r, "peak");
	char a[SIZE_TEXT], b[SIZE_TEXT], n[COUNT_TEXT], e[COUNT_TEXT];

	print_in(p->out, p->s, TEXT_BOLD, "%s%s%s", str(m, "name"), *str(m, "variant") ? " " : "",
		 str(m, "variant"));
	fprintf(p->out, ", %s of RAM, pages of %s, %lld-bit\n", size_text(num(m, "ram_bytes"), a),
		size_text(num(m, "page_size"), b), (long long)num(m, "word") * 8);
	print_verdict(p);
	print_findings(p);
	fprintf(p->out, "At most %s were live, in %s block%s, at event %s;",
		size_text(num(peak, "live_bytes"), a), count_text(num(peak, "live_blocks"), n),
		plural(num(peak, "live_blocks")), count_text(num(peak, "event"), e));
	fprintf(p->out, " the allocators needed %s for that",
		size_text(num(peak, "footprint_bytes"), b));
	if (num(peak, "live_bytes") > 0)
		fprintf(p->out, " (%.2f times)",
			(double)num(peak, "footprint_bytes") / (double)num(peak, "live_bytes"));
	fputs(".\n", p->out);
}

/* ---- where the bytes are ---- */

static const char *const classes[] = {"payload", "rounding", "metadata", "slack",
				      "cached",  "free",     "reserved", "unmanaged"};
static const char *const meanings[] = {
	"requested by live blocks",         "granted beyond the request",
	"headers, descriptors, tables",     "lost inside, usable by nobody",
	"free, held by heaps and slabs",    "free pages",
	"firmware, kernel, flash, devices", "RAM given to no allocator",
};

#define HELD_CLASSES 6u /* the first ones: what allocators have */

static void print_class_line(const struct page *p, const json_t *peak, const json_t *final,
			     unsigned c, int64_t whole)
{
	char a[SIZE_TEXT], b[SIZE_TEXT];
	int64_t n = num(peak, classes[c]);

	fprintf(p->out, "  %-10s %11s ", classes[c], size_text(n, a));
	/* Reserved and unmanaged memory is no share of what the allocators have. */
	if (c < HELD_CLASSES)
		print_bar(p->out, p->s, n < 0 ? 0 : (uint64_t)n, (uint64_t)whole, 24);
	else
		fprintf(p->out, "%24s", "");
	fprintf(p->out, " %11s  %s\n", size_text(num(final, classes[c]), b), meanings[c]);
}

static void print_ledger(const struct page *p)
{
	const json_t *l = at(p->r, "ledger");
	const json_t *peak = at(l, "peak"), *final = at(l, "final");
	int64_t whole = 0;

	for (unsigned c = 0; c < HELD_CLASSES; c++)
		whole += num(peak, classes[c]);
	heading(p, "Where the bytes are");
	fprintf(p->out, "  %-10s %11s %-24s %11s\n", "", "at the peak", "", "at the end");
	for (unsigned c = 0; c < 8; c++)
		if (num(peak, classes[c]) != 0 || num(final, classes[c]) != 0)
			print_class_line(p, peak, final, c, whole);
}

static void print_regions(const struct page *p)
{
	const json_t *list = at(at(p->r, "ledger"), "regions");

	heading(p, "Regions at the end");
	fprintf(p->out, "  %-12s %9s  %-20s %9s %9s %9s %9s\n", "region", "size", "in use",
		"payload", "lost", "metadata", "free");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *g = json_array_get(list, i);
		char a[SIZE_TEXT], b[SIZE_TEXT], c[SIZE_TEXT], d[SIZE_TEXT], e[SIZE_TEXT];
		int64_t lost = num(g, "rounding") + num(g, "slack"),
			open = num(g, "cached") + num(g, "free");
		int64_t used = num(g, "payload") + lost + num(g, "metadata");

		if (num(g, "reserved") == num(g, "size"))
			continue;
		fprintf(p->out, "  %-12s %9s  ", str(g, "name"), size_text(num(g, "size"), a));
		print_bar(p->out, p->s, (uint64_t)(used < 0 ? 0 : used), (uint64_t)num(g, "size"),
			  20);
		fprintf(p->out, " %9s %9s %9s %9s\n", size_text(num(g, "payload"), b),
			size_text(lost, c), size_text(num(g, "metadata"), d), size_text(open, e));
	}
}

static void print_owners(const struct page *p)
{
	const json_t *list = at(at(p->r, "ledger"), "by_owner");

	heading(p, "Who holds the metadata");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);
		char a[SIZE_TEXT], b[SIZE_TEXT];

		if (num(o, "metadata") == 0 && num(o, "metadata_at_peak") == 0)
			continue;
		fprintf(p->out, "  %-14s %-10s %11s at the peak %11s at the end\n", str(o, "name"),
			str(o, "kind"), size_text(num(o, "metadata_at_peak"), a),
			size_text(num(o, "metadata"), b));
	}
}

/* ---- how the allocators did ---- */

static void print_heap(const struct page *p, const json_t *h)
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

static void print_heaps(const struct page *p)
{
	const json_t *list = at(p->r, "heaps");

	if (json_array_size(list) == 0)
		return;
	heading(p, "Heaps");
	for (size_t i = 0; i < json_array_size(list); i++)
		print_heap(p, json_array_get(list, i));
}

static void print_zones(const struct page *p)
{
	const json_t *list = at(p->r, "zones");

	if (json_array_size(list) == 0)
		return;
	heading(p, "Zones: free blocks by order");
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

static void print_nodes(const struct page *p)
{
	const json_t *list = at(p->r, "nodes");

	if (json_array_size(list) == 0)
		return;
	heading(p, "Nodes");
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

static void print_caches(const struct page *p)
{
	const json_t *list = at(p->r, "caches");

	if (json_array_size(list) == 0)
		return;
	heading(p, "Caches");
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

static void print_window(const struct page *p, const json_t *w)
{
	char a[SIZE_TEXT], b[SIZE_TEXT], c[SIZE_TEXT], d[SIZE_TEXT], n[COUNT_TEXT];

	fprintf(p->out, "  %-10s at %s: %s in %s area%s of %s", str(w, "name"), str(w, "start"),
		size_text(num(w, "used_bytes"), a), count_text(num(w, "areas"), n),
		plural(num(w, "areas")), size_text(num(w, "bytes"), b));
	fprintf(p->out, ", %s lazy, the largest hole %s\n", size_text(num(w, "lazy_bytes"), c),
		size_text(num(w, "largest_free_bytes"), d));
}

/* What translation cost, an access, in each window. */
static void print_access(const struct page *p, const json_t *a)
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

static void print_virtual(const struct page *p)
{
	const json_t *v = at(p->r, "virtual"), *windows = at(v, "windows"),
		     *access = at(v, "access"), *tables = at(v, "page_tables");
	char a[SIZE_TEXT], n[COUNT_TEXT], m[COUNT_TEXT];

	if (tables == NULL)
		return;
	heading(p, "Virtual memory");
	fprintf(p->out, "  page tables take %s; the direct map has %s large and %s small pages\n",
		size_text(num(tables, "bytes"), a), count_text(num(tables, "direct_large"), n),
		count_text(num(tables, "direct_small"), m));
	for (size_t i = 0; i < json_array_size(windows); i++)
		print_window(p, json_array_get(windows, i));
	for (size_t i = 0; i < json_array_size(access); i++)
		print_access(p, json_array_get(access, i));
}

static void print_depth(const struct page *p, const json_t *d, const char *of)
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

static void print_stacks(const struct page *p)
{
	const json_t *s = at(p->r, "stacks");
	char a[SIZE_TEXT], b[SIZE_TEXT], n[COUNT_TEXT], m[COUNT_TEXT];

	if (json_object_size(s) == 0)
		return;
	heading(p, "Kernel stacks");
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
static void print_page_owners(const struct page *p)
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
	heading(p, "Pages by owner");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);

		fprintf(p->out, "  %-24s %12s\n", str(o, "state"),
			count_text(num(o, "pages"), n));
	}
}

static void print_cma(const struct page *p)
{
	const json_t *c = at(p->r, "cma");
	char n[COUNT_TEXT], a[COUNT_TEXT], b[COUNT_TEXT], l[COUNT_TEXT];

	if (json_object_size(c) == 0)
		return;
	heading(p, "Contiguous memory");
	fprintf(p->out, "  of %s pages from pfn %lld on: %s claimed, %s lent, %s free\n",
		count_text(num(c, "pages"), n), (long long)num(c, "start_pfn"),
		count_text(num(c, "claimed_pages"), a), count_text(num(c, "lent_pages"), b),
		count_text(num(c, "free_pages"), l));
	fprintf(p->out, "  %s ranges were served; %s pages in %s blocks had to move for them\n",
		count_text(num(c, "served"), n), count_text(num(c, "migrated_pages"), a),
		count_text(num(c, "migrated_blocks"), b));
}

/* ---- failures and leftovers ---- */

static void print_candidate(const struct page *p, const json_t *c)
{
	const json_t *list = at(c, "blockers");
	char a[SIZE_TEXT], b[SIZE_TEXT];

	fprintf(p->out, "    nearest: %s at 0x%llx of which %s are free; in the way:",
		size_text(num(c, "bytes"), a), (unsigned long long)num(c, "base"),
		size_text(num(c, "free_bytes"), b));
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *k = json_array_get(list, i);

		fprintf(p->out, "%s #%lld (%s%s%s, %lld events old)", i ? "," : "",
			(long long)num(k, "id"), size_text(num(k, "size"), a),
			*str(k, "site") ? " from " : "", str(k, "site"), (long long)num(k, "age"));
	}
	if (json_array_size(list) == 0)
		fprintf(p->out, " %s", obstacle_text(str(c, "obstacle")));
	if (num(c, "blockers_total") > (int64_t)json_array_size(list))
		fprintf(p->out, " and %lld more",
			(long long)(num(c, "blockers_total") - (int64_t)json_array_size(list)));
	fputc('\n', p->out);
}

static void print_failures(const struct page *p)
{
	const json_t *list = at(p->r, "failures");

	if (json_array_size(list) == 0)
		return;
	heading(p, "Why requests failed");
	for (size_t i = 0; i < json_array_size(list) && i < 5; i++) {
		const json_t *f = json_array_get(list, i);
		char a[SIZE_TEXT], b[SIZE_TEXT], c[SIZE_TEXT];

		fprintf(p->out, "  event %lld: %s of %s from %s%s%s: ", (long long)num(f, "event"),
			str(f, "op"), size_text(num(f, "size"), a), str(f, "allocator"),
			*str(f, "master") ? " for " : "", str(f, "master"));
		print_in(p->out, p->s, TEXT_BAD, "%s", str(f, "cause"));
		fprintf(p->out, " (%s free, the largest block %s)\n",
			size_text(num(f, "free_bytes"), b),
			size_text(num(f, "largest_free_bytes"), c));
		if (at(f, "candidate") != NULL)
			print_candidate(p, at(f, "candidate"));
	}
	if (num(at(p->r, "events"), "failed") > 5)
		fprintf(p->out, "  ... and %lld more\n",
			(long long)num(at(p->r, "events"), "failed") - 5);
}

static void print_live(const struct page *p)
{
	const json_t *l = at(p->r, "live_at_end"), *list = at(l, "by_site");
	char a[SIZE_TEXT], n[COUNT_TEXT];

	heading(p, "Still live at the end");
	if (num(l, "blocks") == 0) {
		fputs("  nothing\n", p->out);
		return;
	}
	fprintf(p->out, "  %s in %s block%s; the most by call site and size:\n",
		size_text(num(l, "bytes"), a), count_text(num(l, "blocks"), n),
		plural(num(l, "blocks")));
	for (size_t i = 0; i < json_array_size(list) && i < 5; i++) {
		const json_t *g = json_array_get(list, i);
		char b[SIZE_TEXT];

		fprintf(p->out, "  %11s in %s block%s of %s%s%s, the first from event %lld\n",
			size_text(num(g, "bytes"), a), count_text(num(g, "blocks"), n),
			plural(num(g, "blocks")), size_text(num(g, "size"), b),
			*str(g, "site") ? " from " : "", str(g, "site"),
			(long long)num(g, "first_event"));
	}
}

/* How our grants compare with those of the kernel that was recorded. */
static void print_recorded(const struct page *p)
{
	const json_t *g = at(p->r, "recorded_grants");
	char n[COUNT_TEXT], m[COUNT_TEXT], a[SIZE_TEXT], b[SIZE_TEXT];

	if (g == NULL)
		return;
	heading(p, "Against the kernel that was recorded");
	fprintf(p->out, "  %s of %s grants have the size that its own had: %s there, %s here\n",
		count_text(num(g, "equal"), n), count_text(num(g, "requests"), m),
		size_text(num(g, "bytes_there"), a), size_text(num(g, "bytes_here"), b));
}

void report_text(const json_t *report, const struct text_style *s, FILE *out)
{
	struct page p = {report, s, out};

	print_answer(&p);
	print_ledger(&p);
	print_regions(&p);
	print_owners(&p);
	print_heaps(&p);
	print_zones(&p);
	print_nodes(&p);
	print_caches(&p);
	print_recorded(&p);
	print_virtual(&p);
	print_page_owners(&p);
	print_cma(&p);
	print_stacks(&p);
	print_failures(&p);
	print_live(&p);
}
