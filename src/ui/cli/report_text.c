/*
 * The text report: the answer first (did it fit), then where the bytes went, who
 * holds the metadata, how the allocators did, what failed and why, and what is
 * still live.  Printed from the JSON tree alone, so that the two cannot differ.
 */
#include <string.h>

#include "sim/autopsy.h"
#include "ui/cli/report_page.h"

#define SHOWN 5u /* of a list; the JSON report has more */

void report_heading(const struct report_page *p, const char *title)
{
	fputc('\n', p->out);
	print_in(p->out, p->s, TEXT_BOLD, "%s", title);
	fputc('\n', p->out);
}

/* ---- the answer ---- */

static void print_causes(const struct report_page *p)
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

static void print_verdict(const struct report_page *p)
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

static void print_findings(const struct report_page *p)
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
	for (size_t i = 0; i < json_array_size(list) && i < SHOWN; i++) {
		const json_t *f = json_array_get(list, i);

		fprintf(p->out, "  event %lld: %s%s %s\n", (long long)num(f, "event"), str(f, "op"),
			str(f, "allocator"), str(f, "what"));
		print_holders(p->out, f);
	}
}

static void print_answer(const struct report_page *p)
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

#define NR_CLASSES   (sizeof classes / sizeof classes[0])
#define HELD_CLASSES 6u /* the first ones: what allocators have */

static void print_class_line(const struct report_page *p, const json_t *peak, const json_t *final,
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

static void print_ledger(const struct report_page *p)
{
	const json_t *l = at(p->r, "ledger");
	const json_t *peak = at(l, "peak"), *final = at(l, "final");
	int64_t whole = 0;

	for (unsigned c = 0; c < HELD_CLASSES; c++)
		whole += num(peak, classes[c]);
	report_heading(p, "Where the bytes are");
	fprintf(p->out, "  %-10s %11s %-24s %11s\n", "", "at the peak", "", "at the end");
	for (unsigned c = 0; c < NR_CLASSES; c++)
		if (num(peak, classes[c]) != 0 || num(final, classes[c]) != 0)
			print_class_line(p, peak, final, c, whole);
}

static void print_regions(const struct report_page *p)
{
	const json_t *list = at(at(p->r, "ledger"), "regions");

	report_heading(p, "Regions at the end");
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

static void print_owners(const struct report_page *p)
{
	const json_t *list = at(at(p->r, "ledger"), "by_owner");

	report_heading(p, "Who holds the metadata");
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

/* ---- failures and leftovers ---- */

static void print_candidate(const struct report_page *p, const json_t *c)
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

static void print_failures(const struct report_page *p)
{
	const json_t *list = at(p->r, "failures");

	if (json_array_size(list) == 0)
		return;
	report_heading(p, "Why requests failed");
	for (size_t i = 0; i < json_array_size(list) && i < SHOWN; i++) {
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
	if (num(at(p->r, "events"), "failed") > (int64_t)SHOWN)
		fprintf(p->out, "  ... and %lld more\n",
			(long long)num(at(p->r, "events"), "failed") - SHOWN);
}

static void print_live(const struct report_page *p)
{
	const json_t *l = at(p->r, "live_at_end"), *list = at(l, "by_site");
	char a[SIZE_TEXT], n[COUNT_TEXT];

	report_heading(p, "Still live at the end");
	if (num(l, "blocks") == 0) {
		fputs("  nothing\n", p->out);
		return;
	}
	fprintf(p->out, "  %s in %s block%s; the most by call site and size:\n",
		size_text(num(l, "bytes"), a), count_text(num(l, "blocks"), n),
		plural(num(l, "blocks")));
	for (size_t i = 0; i < json_array_size(list) && i < SHOWN; i++) {
		const json_t *g = json_array_get(list, i);
		char b[SIZE_TEXT];

		fprintf(p->out, "  %11s in %s block%s of %s%s%s, the first from event %lld\n",
			size_text(num(g, "bytes"), a), count_text(num(g, "blocks"), n),
			plural(num(g, "blocks")), size_text(num(g, "size"), b),
			*str(g, "site") ? " from " : "", str(g, "site"),
			(long long)num(g, "first_event"));
	}
}

void report_text(const json_t *report, const struct text_style *s, FILE *out)
{
	struct report_page p = {report, s, out};

	print_answer(&p);
	print_ledger(&p);
	print_regions(&p);
	print_owners(&p);
	report_allocs(&p);
	report_recording(&p);
	print_failures(&p);
	print_live(&p);
}
