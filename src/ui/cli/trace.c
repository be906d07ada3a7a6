/* memscape trace: cut, merge, filter, scale and shrink traces, and derive kernel traces. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/trace_copy.h"
#include "sim/trace_input.h"
#include "sim/trace_kernel.h"
#include "sim/trace_ops.h"
#include "ui/cli/cli.h"
#include "ui/cli/cli_options.h"
#include "ui/cli/options.h"
#include "ui/cli/tracefile.h"

static const char help[] =
	"usage: memscape trace cut    --events A..B TRACE -o OUT   events A to B; objects that "
	"are\n"
	"                                                         older are left out\n"
	"       memscape trace merge  TRACE... -o OUT             interleaved by time stamp, or "
	"evenly\n"
	"                                                         where one has none; ctx tells "
	"them apart\n"
	"       memscape trace filter [--op WORD,...] [--size A..B] [--ctx N] [--invert] TRACE -o "
	"OUT\n"
	"                                                         objects whose birth is all of "
	"that\n"
	"       memscape trace scale  --size N[/D] TRACE -o OUT   all sizes times N/D, rounded up\n"
	"       memscape trace shrink --keep N TRACE -o OUT       one object in N, by birth\n"
	"       memscape trace pages  [--page SIZE] [--max-order N] TRACE -o OUT\n"
	"                                                         alloc_pages of the order of each "
	"size;\n"
	"                                                         larger ones are dropped and "
	"counted\n"
	"       memscape trace kmalloc [--caches N] TRACE -o OUT  kmalloc for malloc; the N "
	"commonest\n"
	"                                                         kinds of objects (by site and "
	"size)\n"
	"                                                         get a kmem_cache each\n\n"
	"  -o, --output OUT      the trace to write; '-' is standard output\n"
	"      --to FORM         binary (default) or text\n"
	"  -h, --help            this text\n\n"
	"What concerns an object that was left out is left out too; both are counted.\n"
	"--page is 4K, --max-order 10 and --caches 0 if not given.\n";

#define ANY_CONTEXT  UINT64_MAX
#define LEAST_PAGE   64u /* bytes */
#define LARGEST_PAGE (UINT64_C(1) << 30)
#define MOST_ORDER   20u

struct trace_options {
	const char *verb, *output, *encoding;
	struct trace_writer_options writer;
	uint64_t from, to; /* cut: events; filter: sizes; scale: numerator, denominator */
	bool op[NR_TRACE_OPS], has_op, has_size, invert;
	uint64_t ctx; /* or ANY_CONTEXT */
	uint64_t keep, page, max_order, caches;
};

/* A copy under way; the copy comes first, so that its callbacks find the rest. */
struct job {
	struct trace_copy copy;
	const struct trace_options *o;
	uint64_t event, births, oversize;
	uint8_t *order; /* pages: by the writer's slot, the order it has */
	uint32_t nr_order;
};

static bool births(const struct trace_event *ev)
{
	return trace_op_births(ev->op, ev->flags);
}

/* ---- what each verb does with an event ---- */

static int put_cut(struct trace_copy *c, const struct trace_event *ev, struct diag *d)
{
	struct job *j = (struct job *)c;

	j->event++;
	if (j->event < j->o->from || j->event > j->o->to)
		return trace_copy_drop(c, ev, d);
	return trace_copy_put(c, ev, d);
}

static int put_filter(struct trace_copy *c, const struct trace_event *ev, struct diag *d)
{
	const struct trace_options *o = ((struct job *)c)->o;
	bool chosen = (!o->has_op || o->op[ev->op]) &&
		      (!o->has_size || (ev->size >= o->from && ev->size <= o->to)) &&
		      (o->ctx == ANY_CONTEXT || ev->ctx == o->ctx);

	if (births(ev) && chosen == o->invert)
		return trace_copy_drop(c, ev, d);
	return trace_copy_put(c, ev, d);
}

static int put_scale(struct trace_copy *c, const struct trace_event *ev, struct diag *d)
{
	const struct trace_options *o = ((struct job *)c)->o;
	uint64_t whole, rest = (ev->size % o->to * o->from + o->to - 1) / o->to;
	struct trace_event e = *ev;

	if (__builtin_mul_overflow(ev->size / o->to, o->from, &whole) ||
	    __builtin_add_overflow(whole, rest, &e.size))
		e.size = UINT64_MAX;
	return trace_copy_put(c, &e, d);
}

static int put_shrink(struct trace_copy *c, const struct trace_event *ev, struct diag *d)
{
	struct job *j = (struct job *)c;

	if (births(ev) && j->births++ % j->o->keep != 0)
		return trace_copy_drop(c, ev, d);
	return trace_copy_put(c, ev, d);
}

/* The order whose block holds so many bytes; beyond the largest: oversize. */
static unsigned order_of(const struct trace_options *o, uint64_t size)
{
	unsigned order = 0;

	while (order <= o->max_order && o->page << order < size)
		order++;
	return order;
}

static bool remember_order(struct job *j, uint32_t slot, unsigned order)
{
	uint32_t nr = j->nr_order ? j->nr_order : 1024;
	uint8_t *grown;

	while (nr <= slot)
		nr *= 2;
	grown = nr == j->nr_order ? j->order : realloc(j->order, nr);
	if (grown == NULL)
		return false;
	j->order = grown;
	j->nr_order = nr;
	j->order[slot] = (uint8_t)order;
	return true;
}

/* A block of pages is born for an object, under the object's slot of the source. */
static int put_pages_birth(struct job *j, const struct trace_event *ev, struct diag *d)
{
	struct trace_event e = {.op = OP_ALLOC_PAGES,
				.slot = ev->slot,
				.time_ns = ev->time_ns,
				.flags = ev->flags & EV_HAS_TIME,
				.ctx = ev->ctx,
				.cpu = ev->cpu,
				.site = ev->site,
				.tag = ev->tag};
	unsigned order = order_of(j->o, ev->size);

	if (order > j->o->max_order) {
		j->oversize++;
		return trace_copy_drop(&j->copy, &e, d);
	}
	if (!remember_order(j, ev->slot, order))
		return diag_set(d, "", 0, 0, "out of memory");
	e.order = (uint8_t)order;
	return trace_copy_put(&j->copy, &e, d);
}

static int put_pages_death(struct job *j, const struct trace_event *ev, struct diag *d)
{
	struct trace_event e = {.op = OP_FREE_PAGES,
				.slot = ev->slot,
				.time_ns = ev->time_ns,
				.flags = ev->flags & EV_HAS_TIME,
				.ctx = ev->ctx,
				.cpu = ev->cpu};

	if (trace_copy_has(&j->copy, ev->slot))
		e.order = j->order[ev->slot];
	return trace_copy_put(&j->copy, &e, d);
}

/* A realloc that needs another order is a free and a new block. */
static int put_pages(struct trace_copy *c, const struct trace_event *ev, struct diag *d)
{
	struct job *j = (struct job *)c;
	enum trace_life life = trace_op_life(ev->op);

	if (trace_op_is_marker(ev->op) || trace_op_group(ev->op) == TG_PAGES)
		return trace_copy_put(c, ev, d);
	if (ev->slot == SLOT_NONE)
		return trace_copy_drop(c, ev, d);
	if (births(ev))
		return put_pages_birth(j, ev, d);
	if (life == LIFE_D)
		return put_pages_death(j, ev, d);
	if (life != LIFE_M || ev->flags & EV_FAILED ||
	    (trace_copy_has(c, ev->slot) && j->order[ev->slot] == order_of(j->o, ev->size)))
		return trace_copy_drop(c, ev, d);
	if (trace_copy_has(c, ev->slot) && put_pages_death(j, ev, d) != 0)
		return -1;
	return put_pages_birth(j, ev, d);
}

/* ---- merge ---- */

struct source {
	struct job job;
	const struct trace_event *ev;
	size_t n, i;
	uint64_t done, events; /* events is 0 where unknown */
	bool ended;
};

static int advance(struct source *s, struct diag *d)
{
	if (s->i < s->n)
		return 0;
	s->i = 0;
	if (trace_next(s->job.copy.r, &s->ev, &s->n, d) != 0)
		return -1;
	s->ended = s->n == 0;
	return 0;
}

/* Is a's next event before b's? By time where both have one, else by the share that is done. */
static bool is_before(const struct source *a, const struct source *b)
{
	const struct trace_event *x = &a->ev[a->i], *y = &b->ev[b->i];

	if (x->flags & y->flags & EV_HAS_TIME)
		return x->time_ns < y->time_ns;
	if (a->events == 0 || b->events == 0)
		return a->done < b->done;
	return (double)a->done / (double)a->events < (double)b->done / (double)b->events;
}

static int merge_sources(struct source *s, int nr, struct diag *d)
{
	for (;;) {
		struct source *first = NULL;
		struct trace_event ev;

		for (int i = 0; i < nr; i++) {
			if (advance(&s[i], d) != 0)
				return -1;
			if (!s[i].ended && (first == NULL || is_before(&s[i], first)))
				first = &s[i];
		}
		if (first == NULL)
			return 0;
		ev = first->ev[first->i++];
		ev.ctx = (uint16_t)(ev.ctx * nr + (first - s));
		first->done++;
		if (trace_copy_put(&first->job.copy, &ev, d) != 0)
			return -1;
	}
}

static int run_merge(const struct trace_options *o, char **paths, int nr, struct diag *d)
{
	struct source *s = calloc((size_t)nr, sizeof *s);
	struct trace_writer *w = NULL;
	struct trace_info info;
	int result = s ? 0 : diag_set(d, "", 0, 0, "out of memory");

	for (int i = 0; result == 0 && i < nr; i++) {
		struct trace_reader *r = trace_open(paths[i], d);

		if (r == NULL)
			result = -1;
		else
			trace_get_info(r, &info);
		s[i].job.copy.r = r;
		s[i].events = r ? info.events : 0;
	}
	if (result == 0)
		w = trace_writer_open(o->output, &o->writer, d);
	for (int i = 0; w != NULL && i < nr; i++)
		trace_copy_init(&s[i].job.copy, s[i].job.copy.r, w);
	if (w == NULL || merge_sources(s, nr, d) != 0)
		result = -1;
	if (result == 0)
		result = trace_writer_close(w, d);
	else
		trace_writer_abort(w);
	for (int i = 0; s != NULL && i < nr; i++) {
		trace_close(s[i].job.copy.r);
		trace_copy_finish(&s[i].job.copy);
	}
	free(s);
	return result;
}

/* ---- kmalloc ---- */

static int run_kmalloc(const struct trace_options *o, char **paths, int nr, struct diag *d)
{
	struct trace_writer *w;
	struct kernel_counts n;

	(void)nr;
	if (o->caches != 0 && strcmp(paths[0], "-") == 0 && input_keep_stdin(d) != 0)
		return -1;
	w = trace_writer_open(o->output, &o->writer, d);
	if (w == NULL)
		return -1;
	if (trace_as_kernel(paths[0], (unsigned)o->caches, w, &n, d) != 0) {
		trace_writer_abort(w);
		return -1;
	}
	if (trace_writer_close(w, d) != 0)
		return -1;
	fprintf(stderr, "%llu events, %u caches with %llu objects\n", (unsigned long long)n.events,
		n.caches, (unsigned long long)n.objects);
	return 0;
}

/* ---- verbs over one trace ---- */

/* One of the two: event by event, or another way. */
static const struct verb {
	const char *name;
	int (*put)(struct trace_copy *c, const struct trace_event *ev, struct diag *d);
	int (*run)(const struct trace_options *o, char **paths, int nr, struct diag *d);
} verbs[] = {{"cut", put_cut, NULL},        {"filter", put_filter, NULL},
	     {"scale", put_scale, NULL},    {"shrink", put_shrink, NULL},
	     {"pages", put_pages, NULL},    {"merge", NULL, run_merge},
	     {"kmalloc", NULL, run_kmalloc}};

static int run_one(const struct trace_options *o, const struct verb *v, const char *path,
		   struct diag *d)
{
	struct trace_reader *r = trace_open(path, d);
	struct trace_writer *w = r ? trace_writer_open(o->output, &o->writer, d) : NULL;
	struct job j = {.o = o};
	int result = -1;

	if (w != NULL) {
		trace_copy_init(&j.copy, r, w);
		result = copy_all(&j.copy, v->put, d);
		if (result == 0)
			result = trace_writer_close(w, d);
		else
			trace_writer_abort(w);
		if (result == 0)
			fprintf(stderr, "%llu events copied, %llu left out\n",
				(unsigned long long)j.copy.copied,
				(unsigned long long)j.copy.left_out);
		if (result == 0 && v->put == put_pages)
			fprintf(stderr, "%llu objects too large for order %llu\n",
				(unsigned long long)j.oversize, (unsigned long long)o->max_order);
		trace_copy_finish(&j.copy);
	}
	free(j.order);
	trace_close(r);
	return result;
}

/* ---- options ---- */

/* "A..B", either of which may be missing. */
static bool read_range(const char *text, uint64_t *from, uint64_t *to)
{
	const char *dots = strstr(text, "..");
	char first[32];

	if (dots == NULL || (size_t)(dots - text) >= sizeof first)
		return false;
	snprintf(first, sizeof first, "%.*s", (int)(dots - text), text);
	*from = 0;
	*to = UINT64_MAX;
	return (first[0] == '\0' || read_number(first, from)) &&
	       (dots[2] == '\0' || read_number(dots + 2, to)) && *from <= *to;
}

/* "2", "1/2", "3/4". */
static bool read_ratio(const char *text, uint64_t *numerator, uint64_t *denominator)
{
	const char *slash = strchr(text, '/');
	char first[32];

	*denominator = 1;
	if (slash != NULL && (size_t)(slash - text) >= sizeof first)
		return false;
	snprintf(first, sizeof first, "%.*s", slash ? (int)(slash - text) : 31, text);
	return read_number(first, numerator) &&
	       (slash == NULL || read_number(slash + 1, denominator)) && *denominator != 0 &&
	       *numerator <= UINT32_MAX && *denominator <= UINT32_MAX;
}

static int set_operations(void *to, const char *text)
{
	struct trace_options *o = to;

	o->has_op = true;
	while (*text != '\0') {
		size_t n = strcspn(text, ",");
		unsigned op = 0;

		while (op < NR_TRACE_OPS &&
		       (strlen(trace_op_word((enum trace_op)op)) != n ||
			memcmp(trace_op_word((enum trace_op)op), text, n) != 0))
			op++;
		if (op == NR_TRACE_OPS)
			return cli_usage("trace", "--op: unknown operation '%.*s'", (int)n, text);
		o->op[op] = true;
		text += n + (text[n] == ',');
	}
	return 0;
}

static int set_size(void *to, const char *arg)
{
	struct trace_options *o = to;

	o->has_size = true;
	if (strcmp(o->verb, "scale") == 0)
		return read_ratio(arg, &o->from, &o->to)
			       ? 0
			       : cli_usage("trace",
					   "--size '%s': expected a factor such as 2 or 3/4", arg);
	return read_range(arg, &o->from, &o->to)
		       ? 0
		       : cli_usage("trace", "--size '%s': expected a range such as 64..4K", arg);
}

static int set_events(void *to, const char *arg)
{
	struct trace_options *o = to;

	return read_range(arg, &o->from, &o->to)
		       ? 0
		       : cli_usage("trace", "--events '%s': expected A..B", arg);
}

/* -1: go on; else the exit status. */
static int parse(struct trace_options *o, int argc, char **argv)
{
	const struct cli_option table[] = {
		{"output", 'o', CLI_TEXT, &o->output, 0, 0, NULL},
		{"events", 0, CLI_CALL, o, 0, 0, set_events},
		{"op", 0, CLI_CALL, o, 0, 0, set_operations},
		{"size", 0, CLI_CALL, o, 0, 0, set_size},
		{"ctx", 0, CLI_NUMBER, &o->ctx, 0, UINT16_MAX, NULL},
		{"invert", 0, CLI_FLAG, &o->invert, 0, 0, NULL},
		{"keep", 0, CLI_NUMBER, &o->keep, 1, UINT32_MAX, NULL},
		{"page", 0, CLI_NUMBER, &o->page, LEAST_PAGE, LARGEST_PAGE, NULL},
		{"max-order", 0, CLI_NUMBER, &o->max_order, 0, MOST_ORDER, NULL},
		{"caches", 0, CLI_NUMBER, &o->caches, 0, KERNEL_MAX_CACHES, NULL},
		{"to", 0, CLI_TEXT, &o->encoding, 0, 0, NULL},
		{0}};
	int status = cli_options("trace", help, table, argc, argv);

	if (status >= 0)
		return status;
	status = choose_encoding("trace", o->encoding, &o->writer.encoding);
	return status != 0 ? status : -1;
}

static int run_verb(const struct trace_options *o, const struct verb *v, char **paths, int nr)
{
	struct diag d = {.msg = ""};
	int result;

	if (o->output == NULL)
		return cli_usage("trace", "expected -o OUT, the trace to write");
	if (nr == 0 || (nr > 1 && v->run != run_merge))
		return cli_usage("trace", "expected one trace to read");
	if (v->put == put_scale && !o->has_size)
		return cli_usage("trace", "scale: expected --size N[/D]");
	if (v->put == put_shrink && o->keep == 0)
		return cli_usage("trace", "shrink: expected --keep N");
	if (v->put == put_cut && o->to == 0)
		return cli_usage("trace", "cut: expected --events A..B");
	result = v->put != NULL ? run_one(o, v, paths[0], &d) : v->run(o, paths, nr, &d);
	return result == 0 ? EXIT_RAN : cli_bad_input(&d);
}

/* NULL: no such verb. */
static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

int cmd_trace(int argc, char **argv)
{
	struct trace_options o = {.ctx = ANY_CONTEXT, .page = 4096, .max_order = 10};
	const struct verb *v;
	int status;

	if (argc < 2 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0) {
		fputs(help, argc < 2 ? stderr : stdout);
		return argc < 2 ? EXIT_USAGE : EXIT_RAN;
	}
	o.verb = argv[1];
	v = find_verb(o.verb);
	if (v == NULL)
		return cli_usage("trace",
				 "unknown verb '%s', expected cut, merge, filter, scale, "
				 "shrink, pages or kmalloc",
				 o.verb);
	argv[1] = argv[0]; /* what getopt calls itself */
	argc--;
	argv++;
	status = parse(&o, argc, argv);
	return status >= 0 ? status : run_verb(&o, v, argv + optind, argc - optind);
}
