/* memscape trace: cut, merge, filter, scale and shrink traces, and derive kernel traces. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/trace_copy.h"
#include "sim/trace_input.h"
#include "sim/trace_kernel.h"
#include "sim/trace_merge.h"
#include "sim/trace_ops.h"
#include "sim/trace_pages.h"
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

struct trace_options;

struct verb {
	const char *name;
	int (*run)(const struct trace_options *o, char **paths, int nr, struct diag *d);
	trace_copy_fn *put; /* what it does with an event, where it copies one by one */
};

struct trace_options {
	const struct verb *verb;
	const char *output, *encoding;
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
	uint64_t event, births; /* met so far */
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

/* ---- what a verb does with whole traces ---- */

/* The end of writing, `err` the outcome up to now. */
static int end_writing(struct trace_writer *w, int err, struct diag *d)
{
	if (err == 0)
		return trace_writer_close(w, d);
	trace_writer_abort(w);
	return -1;
}

static void tell_copied(uint64_t copied, uint64_t left_out)
{
	fprintf(stderr, "%llu events copied, %llu left out\n", (unsigned long long)copied,
		(unsigned long long)left_out);
}

static int copy_trace(const struct trace_options *o, struct trace_reader *r, struct trace_writer *w,
		      struct diag *d)
{
	struct job j = {.o = o};
	int err;

	trace_copy_init(&j.copy, r, w);
	err = end_writing(w, trace_copy_all(&j.copy, o->verb->put, d), d);
	if (err == 0)
		tell_copied(j.copy.copied, j.copy.left_out);
	trace_copy_finish(&j.copy);
	return err;
}

static int derive_pages(const struct trace_options *o, struct trace_reader *r,
			struct trace_writer *w, struct diag *d)
{
	struct pages_counts n;
	int err = trace_as_pages(r, o->page, (unsigned)o->max_order, w, &n, d);

	err = end_writing(w, err, d);
	if (err != 0)
		return -1;
	tell_copied(n.copied, n.left_out);
	fprintf(stderr, "%llu objects too large for order %llu\n", (unsigned long long)n.oversize,
		(unsigned long long)o->max_order);
	return 0;
}

static int run_one(const struct trace_options *o, char **paths, int nr, struct diag *d)
{
	struct trace_reader *r = trace_open(paths[0], d);
	struct trace_writer *w = r != NULL ? trace_writer_open(o->output, &o->writer, d) : NULL;
	int err = -1;

	(void)nr;
	if (w != NULL)
		err = o->verb->put != NULL ? copy_trace(o, r, w, d) : derive_pages(o, r, w, d);
	trace_close(r);
	return err;
}

static int run_merge(const struct trace_options *o, char **paths, int nr, struct diag *d)
{
	struct trace_reader **r = calloc((size_t)nr, sizeof(struct trace_reader *));
	struct trace_writer *w = NULL;
	int err = r != NULL ? 0 : diag_set(d, "", 0, 0, "out of memory");

	for (int i = 0; err == 0 && i < nr; i++) {
		r[i] = trace_open(paths[i], d);
		err = r[i] != NULL ? 0 : -1;
	}
	if (err == 0)
		w = trace_writer_open(o->output, &o->writer, d);
	err = w != NULL ? end_writing(w, trace_merge(r, (unsigned)nr, w, d), d) : -1;
	for (int i = 0; r != NULL && i < nr; i++)
		trace_close(r[i]);
	free(r);
	return err;
}

static int run_kmalloc(const struct trace_options *o, char **paths, int nr, struct diag *d)
{
	struct trace_writer *w;
	struct kernel_counts n;

	(void)nr;
	if (o->caches != 0 && strcmp(paths[0], "-") == 0 && input_keep_stdin(d) != 0)
		return -1;
	w = trace_writer_open(o->output, &o->writer, d);
	if (w == NULL ||
	    end_writing(w, trace_as_kernel(paths[0], (unsigned)o->caches, w, &n, d), d) != 0)
		return -1;
	fprintf(stderr, "%llu events, %u caches with %llu objects\n", (unsigned long long)n.events,
		n.caches, (unsigned long long)n.objects);
	return 0;
}

static const struct verb verbs[] = {{"cut", run_one, put_cut},     {"filter", run_one, put_filter},
				    {"scale", run_one, put_scale}, {"shrink", run_one, put_shrink},
				    {"pages", run_one, NULL},      {"merge", run_merge, NULL},
				    {"kmalloc", run_kmalloc, NULL}};

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
			return cli_usage("trace",
					 "--op: unknown operation '%.*s', expected words of the "
					 "text form, as malloc,free",
					 (int)n, text);
		o->op[op] = true;
		text += n + (text[n] == ',');
	}
	return 0;
}

static int set_size(void *to, const char *arg)
{
	struct trace_options *o = to;

	o->has_size = true;
	if (o->verb->put == put_scale)
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
	if (status != 0)
		return status;
	stop_at_interrupt(&o->writer);
	return -1;
}

static int run_verb(const struct trace_options *o, char **paths, int nr)
{
	const struct verb *v = o->verb;
	struct diag d = {.msg = ""};

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
	return written_status(v->run(o, paths, nr, &d), &d);
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
	int status;

	if (argc < 2 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0) {
		fputs(help, argc < 2 ? stderr : stdout);
		return argc < 2 ? EXIT_USAGE : EXIT_RAN;
	}
	o.verb = find_verb(argv[1]);
	if (o.verb == NULL)
		return cli_usage("trace",
				 "unknown verb '%s', expected cut, merge, filter, scale, "
				 "shrink, pages or kmalloc",
				 argv[1]);
	argv[1] = argv[0]; /* what getopt calls itself */
	argc--;
	argv++;
	status = parse(&o, argc, argv);
	return status >= 0 ? status : run_verb(&o, argv + optind, argc - optind);
}
