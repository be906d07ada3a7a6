/* memscape compare: where two allocators part on one trace, and their figures side by side. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "sim/contender.h"
#include "sim/findings.h"
#include "sim/lockstep.h"
#include "sim/report.h"
#include "sim/report_diff.h"
#include "ui/cli/cli.h"
#include "ui/cli/cli_options.h"
#include "ui/cli/diff_text.h"
#include "ui/cli/options.h"
#include "ui/cli/outfile.h"
#include "ui/cli/text.h"

static const char help[] =
	"usage: memscape compare -c MACHINE [OPTION...] [--a WHAT] --b WHAT TRACE|-\n\n"
	"Replays a trace against two allocators side by side: shows the first event at which they\n"
	"part, step by step, and what came of it.  They part where a request ends otherwise in one,\n"
	"or where a block lies elsewhere, counted from the first block of each.\n\n"
	"      --a WHAT, --b WHAT   the two; --a is the machine as it is when not given.  WHAT is a\n"
	"                           heap kind, a machine (as x86_32, x86_32:2g, :h742), PATH=VALUE\n"
	"                           as in --set, or several of them, separated by blanks, as\n"
	"                           --b 'best_fit allocators.heap.bytes=200K'\n"
	"  -c, --machine MACHINE    the machine of a side that names none\n"
	"      --variant V, --set PATH=VALUE   of that machine, as in 'memscape replay'\n"
	"      --noise SEED         fill RAM with noise first; no result may depend on it\n"
	"      --until N            compare up to event N\n"
	"      --all                every figure of the two reports that differs, as 'memscape diff'\n"
	"      --json FILE|-        all of it as JSON (memscape.compare/1)\n"
	"      --color WHEN         auto, always or never\n"
	"  -q, --quiet              no text\n"
	"  -h, --help               this text\n\n"
	"Exit status: 0 they never part and no figure differs; 1 they part, or one differs; 2 usage;\n"
	"3 bad machine or trace; 4 a fault or a bug ended one of the runs; 130 interrupted.\n";

#define HEAD_STEPS 6u /* of an event that took many, those that are printed */
#define TAIL_STEPS 5u

struct compare_options {
	struct machine_choice machine;
	const char *trace, *said[2], *json, *color;
	struct contender side[2];
	uint64_t noise, until;
	bool all, quiet;
};

/* What a comparison holds, of each side. */
struct comparison {
	const struct compare_options *o;
	struct machine *machine[2]; /* owned */
	char name[2][CONTENDER_NAME];
	struct lockstep l;
	json_t *report[2]; /* owned */
	struct headlines headlines[2];
	struct progress progress;
	size_t differences;
};

/* ---- the command line ---- */

static int add_set(void *to, const char *set)
{
	struct compare_options *o = to;

	if (o->machine.nr_sets == MAX_SETS)
		return cli_usage("compare", "more than %u --set", MAX_SETS);
	o->machine.sets[o->machine.nr_sets++] = set;
	return 0;
}

static int wrong_side(unsigned i, const struct diag *d)
{
	if (d->file[0] == '\0')
		return cli_usage("compare", "--%c: %s", "ab"[i], d->msg);
	return cli_usage("compare", "--%c '%s': %s", "ab"[i], d->file, d->msg);
}

static int read_sides(struct compare_options *o)
{
	struct diag d = {0};

	for (unsigned i = 0; i < 2; i++) {
		if (contender_read(&o->side[i], o->said[i], &d) != 0)
			return wrong_side(i, &d);
		if (o->machine.name == NULL && o->side[i].machine == NULL)
			return cli_usage("compare", "which machine? give -c MACHINE, or name one "
						    "in --a and in --b");
	}
	return -1;
}

/* -1: go on; else the exit status. */
static int parse(struct compare_options *o, int argc, char **argv)
{
	const struct cli_option table[] = {
		{"a", 0, CLI_TEXT, &o->said[0], 0, 0, NULL},
		{"b", 0, CLI_TEXT, &o->said[1], 0, 0, NULL},
		{"machine", 'c', CLI_TEXT, &o->machine.name, 0, 0, NULL},
		{"variant", 0, CLI_TEXT, &o->machine.variant, 0, 0, NULL},
		{"set", 0, CLI_CALL, o, 0, 0, add_set},
		{"noise", 0, CLI_NUMBER, &o->noise, 1, UINT64_MAX, NULL},
		{"until", 0, CLI_NUMBER, &o->until, 1, UINT64_MAX, NULL},
		{"all", 0, CLI_FLAG, &o->all, 0, 0, NULL},
		{"json", 0, CLI_TEXT, &o->json, 0, 0, NULL},
		{"color", 0, CLI_TEXT, &o->color, 0, 0, NULL},
		{"quiet", 'q', CLI_FLAG, &o->quiet, 0, 0, NULL},
		{0}};
	struct text_style style;
	int status;

	*o = (struct compare_options){.color = "auto", .said = {"", NULL}};
	status = cli_options("compare", help, table, argc, argv);
	if (status >= 0)
		return status;
	if (o->said[1] == NULL)
		return cli_usage("compare", "compare with what? give --b, as --b best_fit");
	if (optind != argc - 1)
		return cli_usage("compare",
				 optind == argc
					 ? "which trace? give a file, or - for standard input"
					 : "more than one trace");
	if (!text_style_init(&style, o->color, stdout))
		return cli_usage("compare", "--color '%s': expected auto, always or never",
				 o->color);
	o->trace = argv[optind];
	return read_sides(o);
}

static struct contender_base base_of(const struct compare_options *o)
{
	return (struct contender_base){o->machine.name, o->machine.variant, o->machine.sets,
				       o->machine.nr_sets};
}

/* ---- running ---- */

static bool on_stop(void *ctx, uint64_t done)
{
	struct comparison *c = ctx;

	progress_at(&c->progress, done);
	return interrupted();
}

static int load_machines(struct comparison *c)
{
	struct contender_base base = base_of(c->o);
	struct diag d = {0};

	for (unsigned i = 0; i < 2; i++) {
		c->machine[i] = contender_machine(&c->o->side[i], &base, &d);
		if (c->machine[i] == NULL)
			return cli_bad_input(&d);
	}
	return 0;
}

static void name_sides(struct comparison *c)
{
	bool alike;

	for (unsigned i = 0; i < 2; i++)
		contender_name(&c->o->side[i], c->o->said[i], c->machine[i]->name,
			       system_heap_kind(&c->l.run[i].sys), c->name[i]);
	alike = strcmp(c->name[0], c->name[1]) == 0;
	for (unsigned i = 0; alike && i < 2; i++) {
		size_t n = strlen(c->name[i]);

		n = n < CONTENDER_NAME - 5 ? n : CONTENDER_NAME - 5;
		snprintf(c->name[i] + n, CONTENDER_NAME - n, " (%c)", "ab"[i]);
	}
}

static void build_report(struct comparison *c, unsigned i)
{
	const struct compare_options *o = c->o;
	struct contender_base base = base_of(o);
	const char *sets[CONTENDER_ALL_SETS];
	struct run *run = &c->l.run[i];
	struct report_run r = {.program_version = MEMSCAPE_VERSION,
			       .alloc = o->side[i].kind,
			       .sets = sets,
			       .nr_sets = contender_sets(&o->side[i], &base, sets),
			       .until = o->until,
			       .end = run->end,
			       .noise = o->noise};

	c->report[i] = report_build(&run->replay, &r);
	c->headlines[i] = headlines_read(&run->replay);
}

static void count_one(void *ctx, const char *path, const json_t *a, const json_t *b)
{
	size_t *n = ctx;

	(void)a;
	(void)b;
	*n += !report_is_asked(path);
}

/* Why a side ended before the trace did; the exit status, EXIT_RAN: it did not. */
static int end_status(const struct comparison *c, const struct diag *d)
{
	char line[FINDING_TEXT];
	int status = EXIT_RAN;

	for (unsigned i = 0; i < 2; i++) {
		const struct run *run = &c->l.run[i];

		switch (run->end) {
		case REPLAY_DAMAGE:
			return cli_bad_input(d);
		case REPLAY_REFUSED:
			fprintf(stderr, "memscape: %s: %s: %s\n", c->o->trace, c->name[i],
				run->replay.problem);
			return EXIT_BAD_INPUT;
		case REPLAY_STOPPED:
			return EXIT_INTERRUPTED;
		case REPLAY_DONE:
			break;
		default:
			fault_text(&run->replay, line, sizeof line);
			fprintf(stderr, "memscape: %s: %s; the run ends there\n", c->name[i], line);
			status = EXIT_INTERNAL;
		}
	}
	return status;
}

/* ---- text ---- */

static void print_decisions(const struct comparison *c, const struct parting *p)
{
	const struct decision *x = &p->side[0].decision, *y = &p->side[1].decision;
	char a[COUNT_TEXT], b[COUNT_TEXT];

	if (x->outcome != y->outcome)
		printf("%s %s, %s %s", c->name[0], outcome_text((enum outcome)x->outcome),
		       c->name[1], outcome_text((enum outcome)y->outcome));
	else
		printf("%s places the block %s bytes from its first one, %s %s", c->name[0],
		       count_text(x->place, a), c->name[1], count_text(y->place, b));
}

/* The answer: where they part. */
static void print_answer(const struct comparison *c, const struct text_style *s)
{
	const struct parting *first = &c->l.first, *outcome = &c->l.outcome;
	char n[COUNT_TEXT];

	if (c->l.run[0].end == REPLAY_STOPPED || c->l.run[1].end == REPLAY_STOPPED)
		fputs("Not finished (interrupted). ", stdout);
	if (first->event == 0) {
		print_in(stdout, s, TEXT_BOLD, "%s and %s never part", c->name[0], c->name[1]);
		printf(": each of %s events has the same outcome in both, each block the same "
		       "place.\n",
		       count_text((int64_t)c->l.compared, n));
		return;
	}
	print_in(stdout, s, TEXT_BOLD, "%s and %s part at event %s", c->name[0], c->name[1],
		 count_text((int64_t)first->event, n));
	fputs(": ", stdout);
	print_decisions(c, first);
	puts(".");
	if (outcome->event == 0) {
		printf("Each of %s events has the same outcome in both.\n",
		       count_text((int64_t)c->l.compared, n));
	} else if (outcome->event != first->event) {
		printf("The first event that ends otherwise is %s: ",
		       count_text((int64_t)outcome->event, n));
		print_decisions(c, outcome);
		puts(".");
	}
}

static size_t nr_lines(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += *text == '\n';
	return n;
}

/* A long story is told from both its ends. */
static void print_steps(const char *text)
{
	size_t nr = nr_lines(text);

	for (size_t i = 0; i < nr; i++) {
		size_t n = strcspn(text, "\n") + 1;

		if (nr <= HEAD_STEPS + TAIL_STEPS + 1 || i < HEAD_STEPS || i >= nr - TAIL_STEPS)
			fwrite(text, 1, n, stdout);
		else if (i == HEAD_STEPS)
			printf("    ... %zu more steps\n", nr - HEAD_STEPS - TAIL_STEPS);
		text += n;
	}
}

static void print_parting(const struct comparison *c, const struct parting *p,
			  const struct text_style *s)
{
	if (p->event == 0)
		return;
	putchar('\n');
	puts(p->heading);
	for (unsigned i = 0; i < 2; i++) {
		print_in(stdout, s, TEXT_BOLD, "  %s\n", c->name[i]);
		print_steps(p->side[i].did.text);
	}
}

static void print_headline(const struct comparison *c, const struct diff_text *t, unsigned i)
{
	json_t *v[2] = {NULL, NULL};

	for (unsigned k = 0; k < 2; k++)
		if (headline_known(&c->headlines[k], i))
			v[k] = json_integer((json_int_t)c->headlines[k].v[i]);
	diff_text_row(t, headline[i].label, v[0], v[1]);
	json_decref(v[0]);
	json_decref(v[1]);
}

static void print_figures(const struct comparison *c)
{
	size_t x = strlen(c->name[0]), y = strlen(c->name[1]), w = x > y ? x : y;
	struct diff_text t = {
		.a = c->name[0], .b = c->name[1], .by = "difference", .width = w < 16 ? 16 : (int)w};
	const struct figures *f = c->l.run[0].replay.fig, *g = c->l.run[1].replay.fig;
	char m[COUNT_TEXT], n[COUNT_TEXT];

	putchar('\n');
	if (f->event != g->event)
		printf("The figures are of different events: %s, and %s.\n",
		       count_text((int64_t)f->event, m), count_text((int64_t)g->event, n));
	diff_text_heading(&t, "at the end");
	for (unsigned i = 0; i < NR_HEADLINES; i++)
		print_headline(c, &t, i);
	putchar('\n');
	if (c->o->all)
		report_diff(c->report[0], c->report[1], diff_text_line, &t);
	else if (c->differences != 0)
		printf("%zu figures of their reports differ; --all shows them.\n", c->differences);
	if (c->differences == 0)
		puts("No figure of their reports differs.");
}

static void print_text(const struct comparison *c)
{
	struct text_style style;

	if (c->o->quiet || (c->o->json != NULL && strcmp(c->o->json, "-") == 0))
		return;
	text_style_init(&style, c->o->color, stdout);
	print_answer(c, &style);
	print_parting(c, &c->l.first, &style);
	if (c->l.outcome.event != c->l.first.event)
		print_parting(c, &c->l.outcome, &style);
	print_figures(c);
}

static int write_json(const struct comparison *c)
{
	struct lockstep_side side[2];
	struct diag d = {0};
	json_t *j;
	int err;

	if (c->o->json == NULL)
		return 0;
	for (unsigned i = 0; i < 2; i++)
		side[i] = (struct lockstep_side){c->name[i], c->report[i], c->headlines[i]};
	j = lockstep_json(&c->l, side);
	err = outfile_json(c->o->json, j, &d);
	json_decref(j);
	return err != 0 ? cli_bad_input(&d) : 0;
}

/* ---- all of it ---- */

static uint64_t events_of(const struct compare_options *o)
{
	struct diag d = {0};
	struct trace_info info = {0};
	struct trace_reader *r = strcmp(o->trace, "-") != 0 ? trace_open(o->trace, &d) : NULL;

	if (r != NULL)
		trace_get_info(r, &info);
	trace_close(r);
	return o->until != 0 && (info.events == 0 || o->until < info.events) ? o->until
									     : info.events;
}

static int report_both(struct comparison *c, int status)
{
	int err;

	if (status == EXIT_BAD_INPUT)
		return status;
	build_report(c, 0);
	build_report(c, 1);
	report_diff(c->report[0], c->report[1], count_one, &c->differences);
	print_text(c);
	err = write_json(c);
	if (status != EXIT_RAN || err != 0)
		return err != 0 ? err : status;
	return c->differences != 0 || c->l.first.event != 0 ? EXIT_TRUE : EXIT_RAN;
}

/* A side's own settings are meant for its kind; those of --set perhaps for the other's. */
static bool is_lenient(const struct compare_options *o, unsigned i)
{
	return o->machine.nr_sets != 0 && o->side[i].machine == NULL;
}

static int compare_on(struct comparison *c)
{
	struct lockstep_request q = {.trace = c->o->trace,
				     .machine = {c->machine[0], c->machine[1]},
				     .heap_kind = {c->o->side[0].kind, c->o->side[1].kind},
				     .lenient = {is_lenient(c->o, 0), is_lenient(c->o, 1)},
				     .noise = c->o->noise,
				     .until = c->o->until,
				     .stop = on_stop,
				     .stop_ctx = c};
	struct diag d = {0};
	int status;

	catch_interrupt();
	progress_begin(&c->progress, "events", 2 * events_of(c->o));
	if (lockstep_run(&c->l, &q, &d) != 0) {
		progress_end(&c->progress);
		return cli_bad_input(&d);
	}
	progress_end(&c->progress);
	name_sides(c);
	status = end_status(c, &d);
	return report_both(c, status);
}

int cmd_compare(int argc, char **argv)
{
	struct compare_options o;
	struct comparison c = {.o = &o};
	int status = parse(&o, argc, argv);

	if (status >= 0)
		return status;
	status = load_machines(&c);
	if (status == 0)
		status = compare_on(&c);
	lockstep_finish(&c.l);
	for (unsigned i = 0; i < 2; i++) {
		json_decref(c.report[i]);
		machine_free(c.machine[i]);
	}
	return status;
}
