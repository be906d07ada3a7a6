/* memscape replay: a trace on a machine, and the report. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/expect.h"
#include "sim/explain.h"
#include "sim/expr.h"
#include "sim/findings.h"
#include "sim/report.h"
#include "sim/run.h"
#include "ui/cli/cli.h"
#include "ui/cli/options.h"
#include "ui/cli/outfile.h"
#include "ui/cli/replay_proc.h"
#include "ui/cli/replay_series.h"
#include "ui/cli/text.h"

static const char help[] =
	"usage: memscape replay -c MACHINE [OPTION...] TRACE|-\n\n"
	"Replays a trace against the allocators of a simulated machine and reports where every\n"
	"byte went.  TRACE is of any known format; '-' is standard input.\n\n"
	"  -c, --machine MACHINE  a machine file, or the name of a shipped one (stm32h7, x86_32, "
	"x86_64)\n"
	"      --variant V        a variant of it (memscape info MACHINE lists them)\n"
	"      --set PATH=VALUE   change any value of the machine, as regions.d1_axi.size=384K\n"
	"      --alloc KIND       the kind that serves the user heap (memscape list allocators);\n"
	"                         its parameters: --set allocators.heap.NAME=VALUE\n"
	"      --port PORT        fast (default) or checked: every access tested\n"
	"      --noise SEED       fill RAM with noise first; no result may depend on it\n\n"
	"      --start STATE      begin from a kernel's recorded state: its zones, free blocks, lists\n"
	"      --level LEVEL      of a kernel's page events: request (default), buddy or object\n"
	"      --expect FILE      compare free blocks with the kernel's own at moments of the recording\n"
	"      --until N          stop after event N\n"
	"      --explain A..B     tell step by step what events A to B did\n"
	"      --check[=N]        check every invariant and recount the ledger after every Nth\n"
	"                         event; without N after each of the first 1000, then each time\n"
	"                         a thousandth more are done, and at the end\n"
	"      --fail-on EXPR     exit with 1 when the expression over the report is true, as\n"
	"                         'events.failed > 0' or 'largest(main) < 8K'\n"
	"      --salvage          report a damaged trace up to the damage\n\n"
	"      --json FILE|-      the whole report as JSON\n"
	"      --csv FILE|-       figures over time, a row every --every events (default 1000)\n"
	"      --every N          events between two rows\n"
	"      --columns LIST     more columns: figures as --fail-on names them, separated by ';',\n"
	"                         and the words zones and heaps for what they have\n"
	"      --map FILE|-       what lies where in a region over time, a row a cell and --every\n"
	"      --region NAME      of the map (default: the one most used)\n"
	"      --proc DIR         write buddyinfo, pagetypeinfo, zoneinfo, slabinfo, vmallocinfo, iomem,\n"
	"                         extfrag_index and unusable_index as a kernel would show them\n"
	"      --at N             of --proc: after event N instead of at the end\n"
	"      --timing           speed, on standard error\n"
	"      --color WHEN       auto, always or never\n"
	"  -q, --quiet            no text report\n"
	"  -h, --help             this text\n\n"
	"Exit status: 0 ran; 1 a --fail-on was true or an expectation not met; 2 usage; 3 bad "
	"machine\n"
	"or trace; 4 an invariant or the ledger failed; 130 interrupted.\n";

#define MAX_FAIL_ON 32u

struct options {
	struct machine_choice machine;
	const char *trace, *alloc, *port, *json, *csv, *explain, *color, *columns, *map, *region;
	const char *start, *level, *expect, *proc;
	const char *fail_on[MAX_FAIL_ON];
	struct expr *expr[MAX_FAIL_ON];
	unsigned nr_fail_on;
	uint64_t until, check, every, noise, at;
	bool salvage, timing, quiet;
};

struct session {
	const struct options *o;
	struct explainer explainer;
	struct series series;
	struct proc proc;
	struct progress progress;
	struct replay *replay;
	struct expectation *expected; /* --expect */
	struct expect_run expect;
	struct expect_report met;
	struct diag expect_diag; /* why it could not begin */
	struct diag names_diag; /* a figure that no report has, in --fail-on or --columns */
	bool expectation_failed;
};

enum {
	O_VARIANT = 256,
	O_SET,
	O_ALLOC,
	O_PORT,
	O_NOISE,
	O_UNTIL,
	O_EXPLAIN,
	O_CHECK,
	O_FAIL_ON,
	O_SALVAGE,
	O_JSON,
	O_CSV,
	O_EVERY,
	O_COLUMNS,
	O_MAP,
	O_REGION,
	O_TIMING,
	O_START,
	O_LEVEL,
	O_EXPECT,
	O_PROC,
	O_AT,
	O_COLOR
};

static const struct option longopts[] = {
	{"machine", required_argument, NULL, 'c'},
	{"variant", required_argument, NULL, O_VARIANT},
	{"set", required_argument, NULL, O_SET},
	{"alloc", required_argument, NULL, O_ALLOC},
	{"port", required_argument, NULL, O_PORT},
	{"noise", required_argument, NULL, O_NOISE},
	{"until", required_argument, NULL, O_UNTIL},
	{"explain", required_argument, NULL, O_EXPLAIN},
	{"check", optional_argument, NULL, O_CHECK},
	{"fail-on", required_argument, NULL, O_FAIL_ON},
	{"salvage", no_argument, NULL, O_SALVAGE},
	{"json", required_argument, NULL, O_JSON},
	{"csv", required_argument, NULL, O_CSV},
	{"every", required_argument, NULL, O_EVERY},
	{"columns", required_argument, NULL, O_COLUMNS},
	{"map", required_argument, NULL, O_MAP},
	{"region", required_argument, NULL, O_REGION},
	{"timing", no_argument, NULL, O_TIMING},
	{"start", required_argument, NULL, O_START},
	{"level", required_argument, NULL, O_LEVEL},
	{"expect", required_argument, NULL, O_EXPECT},
	{"proc", required_argument, NULL, O_PROC},
	{"at", required_argument, NULL, O_AT},
	{"color", required_argument, NULL, O_COLOR},
	{"quiet", no_argument, NULL, 'q'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static int number(const char *option, const char *text, uint64_t *out)
{
	if (read_number(text, out) && *out != 0)
		return 0;
	return cli_usage("replay", "--%s '%s': expected a number from 1", option, text);
}

static int text_option(struct options *o, int c, const char *arg)
{
	switch (c) {
	case 'c':
		o->machine.name = arg;
		return 0;
	case O_VARIANT:
		o->machine.variant = arg;
		return 0;
	case O_ALLOC:
		o->alloc = arg;
		return 0;
	case O_JSON:
		o->json = arg;
		return 0;
	case O_CSV:
		o->csv = arg;
		return 0;
	case O_EXPLAIN:
		o->explain = arg;
		return 0;
	case O_COLUMNS:
		o->columns = arg;
		return 0;
	case O_MAP:
		o->map = arg;
		return 0;
	case O_REGION:
		o->region = arg;
		return 0;
	case O_START:
		o->start = arg;
		return 0;
	case O_PROC:
		o->proc = arg;
		return 0;
	case O_EXPECT:
		o->expect = arg;
		return 0;
	case O_LEVEL:
		o->level = arg;
		if (strcmp(arg, "request") == 0 || strcmp(arg, "buddy") == 0 ||
		    strcmp(arg, "object") == 0)
			return 0;
		return cli_usage("replay", "--level '%s': expected request, buddy or object", arg);
	case O_PORT:
		o->port = arg;
		if (strcmp(arg, "fast") == 0 || strcmp(arg, "checked") == 0)
			return 0;
		return cli_usage("replay", "--port '%s': expected fast or checked", arg);
	default:
		o->color = arg;
		return 0;
	}
}

static int add_fail_on(struct options *o, const char *text)
{
	struct diag d = {0};

	if (o->nr_fail_on == MAX_FAIL_ON)
		return cli_usage("replay", "more than %u --fail-on", MAX_FAIL_ON);
	o->expr[o->nr_fail_on] = expr_parse(text, "--fail-on", &d);
	if (o->expr[o->nr_fail_on] == NULL) {
		cli_bad_input(&d);
		return EXIT_USAGE;
	}
	o->fail_on[o->nr_fail_on++] = text;
	return 0;
}

static int one_option(struct options *o, int c, const char *arg)
{
	switch (c) {
	case O_SET:
		if (o->machine.nr_sets == MAX_SETS)
			return cli_usage("replay", "more than %u --set", MAX_SETS);
		o->machine.sets[o->machine.nr_sets++] = arg;
		return 0;
	case O_NOISE:
		return number("noise", arg, &o->noise);
	case O_UNTIL:
		return number("until", arg, &o->until);
	case O_AT:
		return number("at", arg, &o->at);
	case O_EVERY:
		return number("every", arg, &o->every);
	case O_CHECK:
		o->check = CHECK_SPACED;
		return arg == NULL ? 0 : number("check", arg, &o->check);
	case O_FAIL_ON:
		return add_fail_on(o, arg);
	case O_SALVAGE:
		o->salvage = true;
		return 0;
	case O_TIMING:
		o->timing = true;
		return 0;
	case 'q':
		o->quiet = true;
		return 0;
	case '?':
		return cli_bad_option("replay");
	default:
		return text_option(o, c, arg);
	}
}

static int goes_to_stdout(const char *path)
{
	return path != NULL && strcmp(path, "-") == 0;
}

/* -1: go on; else the exit status. */
static int parse(struct options *o, int argc, char **argv)
{
	int c, status;

	*o = (struct options){.color = "auto", .port = "fast", .every = 1000};
	optind = 1;
	while ((c = getopt_long(argc, argv, "c:qh", longopts, NULL)) != -1) {
		if (c == 'h') {
			fputs(help, stdout);
			return EXIT_RAN;
		}
		status = one_option(o, c, optarg);
		if (status != 0)
			return status;
	}
	if (o->machine.name == NULL)
		return cli_usage("replay", "which machine? give -c MACHINE");
	if (optind != argc - 1)
		return cli_usage("replay",
				 optind == argc
					 ? "which trace? give a file, or - for standard input"
					 : "more than one trace");
	o->trace = argv[optind];
	if (goes_to_stdout(o->json) + goes_to_stdout(o->csv) + goes_to_stdout(o->map) +
		    (o->explain != NULL) >
	    1)
		return cli_usage("replay", "standard output takes one of --json -, --csv -, --map "
					   "- and --explain: give the others a file");
	if (o->columns != NULL && o->csv == NULL)
		return cli_usage("replay", "--columns are those of --csv, which is not given");
	if (o->at != 0 && o->proc == NULL)
		return cli_usage("replay", "--at is the event of --proc, which is not given");
	if (o->region != NULL && o->map == NULL)
		return cli_usage("replay", "--region is that of --map, which is not given");
	return -1;
}

/* ---- during the run ---- */

static bool on_poll(void *ctx)
{
	struct session *s = ctx;

	progress_at(&s->progress, s->replay->fig->event);
	return interrupted() || s->names_diag.msg[0] != '\0';
}

static void on_sample(void *ctx, struct replay *r)
{
	struct session *s = ctx;

	proc_take(&s->proc, r, false);
	if ((s->o->csv != NULL || s->o->map != NULL) && r->fig->event % s->o->every == 0)
		series_row(&s->series, r);
}

/* An `expect` marker: the expression over the report as it is now. */
static bool on_expect(void *ctx, struct replay *r, const char *text)
{
	struct session *s = ctx;
	struct report_run run = {.program_version = MEMSCAPE_VERSION, .end = REPLAY_DONE};
	struct diag d = {0};
	struct expr *e = expr_parse(text, "expect", &d);
	json_t *report = report_build(r, &run);
	bool ok = false;
	int err = e == NULL ? -1 : expr_true(e, report, &ok, &d);

	expr_free(e);
	json_decref(report);
	if (err != 0) {
		snprintf(r->problem, sizeof r->problem, "event %llu: %.400s",
			 (unsigned long long)r->fig->event, d.msg);
		return false;
	}
	if (!ok) {
		fprintf(stderr, "memscape: event %llu: expected %s, which is not so\n",
			(unsigned long long)r->fig->event, text);
		s->expectation_failed = true;
	}
	return true;
}

/* Misspelt figures are told before the replay, not after it. */
static void check_names(struct session *s, struct replay *r)
{
	const struct options *o = s->o;
	struct report_run run = {.program_version = MEMSCAPE_VERSION, .end = REPLAY_DONE};
	json_t *early;
	int err = 0;

	if (o->nr_fail_on == 0 && o->columns == NULL)
		return;
	early = report_build(r, &run);
	for (unsigned i = 0; i < o->nr_fail_on && err == 0; i++)
		err = expr_names(o->expr[i], early, report_comes_later, &s->names_diag);
	if (err == 0)
		(void)!series_names(&s->series, early, &s->names_diag);
	json_decref(early);
}

static void on_ready(void *ctx, struct replay *r)
{
	struct session *s = ctx;
	struct trace_info info;

	s->replay = r;
	check_names(s, r);
	trace_get_info(r->trace, &info);
	progress_begin(&s->progress, "events", s->o->until != 0 ? s->o->until : info.events);
	r->opt.stop = on_poll;
	r->opt.stop_ctx = s;
	r->opt.expect = on_expect;
	r->opt.expect_ctx = s;
	if (s->expected != NULL)
		(void)!expect_begin(&s->expect, s->expected, r, &s->expect_diag);
	if (s->names_diag.msg[0] == '\0' && (s->o->csv != NULL || s->o->map != NULL)) {
		if (series_begin(&s->series, r) == 0) {
			r->opt.sample = on_sample;
			r->opt.sample_ctx = s;
			r->opt.sample_every = r->nr_sample = s->o->every;
		}
	}
	/* One event that no row may fall on: beside rows, every event is looked at. */
	if (s->o->at != 0) {
		r->opt.sample = on_sample;
		r->opt.sample_ctx = s;
		r->opt.sample_every = r->nr_sample = r->opt.sample_every != 0 ? 1 : s->o->at;
	}
	if (s->o->explain != NULL) {
		s->explainer.out = stdout;
		explain_attach(&s->explainer, r);
	}
}

/* ---- after it ---- */

static int write_json(const json_t *report, const char *path)
{
	struct diag d = {0};

	return outfile_json(path, report, &d) != 0 ? cli_bad_input(&d) : 0;
}

static int judge(const struct options *o, const json_t *report)
{
	int status = EXIT_RAN;

	for (unsigned i = 0; i < o->nr_fail_on; i++) {
		struct diag d = {0};
		bool yes = false;

		if (expr_true(o->expr[i], report, &yes, &d) != 0) {
			cli_bad_input(&d);
			return EXIT_USAGE;
		}
		if (yes) {
			fprintf(stderr, "memscape: --fail-on '%s' is true\n", o->fail_on[i]);
			status = EXIT_TRUE;
		}
	}
	return status;
}

static void print_timing(const struct run *run, double cpu, double wall)
{
	double n = (double)run->replay.fig->event;

	fprintf(stderr,
		"timing: %.0f events, %.3f s of CPU time, %.3f s in all, %.1f ns an event; %llu "
		"KiB of image touched%s\n",
		n, cpu, wall, n > 0 ? cpu * 1e9 / n : 0,
		(unsigned long long)(physmem_touched(&run->sys.pm) * (MM_TOUCH_BYTES / 1024)),
		run->repeated ? "; repeated under checked" : "");
}

/* Is the report for people wanted, and standard output free for it? */
static bool shows_text(const struct options *o)
{
	return !o->quiet && !goes_to_stdout(o->json) && !goes_to_stdout(o->csv) &&
	       !goes_to_stdout(o->map) && o->explain == NULL;
}

static void print_checks(const struct run *run)
{
	fprintf(stderr, "check: every invariant held and the ledger was right after %llu of %llu events\n",
		(unsigned long long)run->replay.nr_checked,
		(unsigned long long)run->replay.fig->event);
}

static int end_status(const struct options *o, const struct run *run, const struct diag *d)
{
	char line[FINDING_TEXT];

	switch (run->end) {
	case REPLAY_DAMAGE:
		cli_bad_input(d);
		return EXIT_BAD_INPUT;
	case REPLAY_REFUSED:
		fprintf(stderr, "memscape: %s: %s\n", o->trace, run->replay.problem);
		return EXIT_BAD_INPUT;
	case REPLAY_CHECK:
		fprintf(stderr, "memscape: %s%s\n", run->replay.problem,
			o->check == CHECK_SPACED && run->replay.fig->event > 1000
				? "; not every event was checked, --check=1 finds the first"
				: "");
		return EXIT_INTERNAL;
	case REPLAY_FAULT:
	case REPLAY_SIGNAL:
		fault_text(&run->replay, line, sizeof line);
		fprintf(stderr, "memscape: %s; the run ends there\n", line);
		return EXIT_INTERNAL;
	case REPLAY_STOPPED:
		return EXIT_INTERRUPTED;
	default:
		return EXIT_RAN;
	}
}

/* Writes what was asked for; the worse of the statuses. */
static int report_run(const struct options *o, struct run *run, const struct session *s, int status)
{
	struct report_run rr = {.program_version = MEMSCAPE_VERSION,
				.alloc = o->alloc,
				.sets = o->machine.sets,
				.nr_sets = o->machine.nr_sets,
				.until = o->until,
				.end = run->end,
				.noise = o->noise,
				.level = o->level,
				.started = o->start != NULL,
				.expect = s->expected != NULL ? &s->met : NULL,
				.image_hash = o->json != NULL || o->check != 0};
	json_t *report;
	struct text_style style;
	int err;

	if ((run->end == REPLAY_DAMAGE || run->end == REPLAY_REFUSED) && !o->salvage)
		return status;
	report = report_build(&run->replay, &rr);
	text_style_init(&style, o->color, stdout);
	if (shows_text(o))
		report_text(report, &style, stdout);
	err = o->json != NULL ? write_json(report, o->json) : 0;
	if (status == EXIT_RAN)
		status = err != 0 ? err : judge(o, report);
	if (status == EXIT_RAN &&
	    (s->expectation_failed || s->met.run.exact != s->met.run.samples))
		status = EXIT_TRUE;
	json_decref(report);
	return status;
}

static int open_series(const struct options *o, const struct machine *m, struct series *s)
{
	struct diag d = {0};

	s->columns = o->columns;
	s->region = o->region;
	if (o->region != NULL && machine_region(m, o->region) < 0)
		return cli_usage("replay",
				 "--region '%s': %s has no such region, 'memscape info %s' "
				 "lists them",
				 o->region, m->name, o->machine.name);
	if (series_open(s, o->csv, o->map, &d) == 0)
		return 0;
	cli_bad_input(&d);
	return strcmp(d.file, "--columns") == 0 ? EXIT_USAGE : EXIT_BAD_INPUT;
}

/* ---- --expect ---- */

static void on_control_ready(void *ctx, struct replay *r)
{
	struct session *s = ctx;

	s->replay = r;
	r->opt.stop = on_poll;
	r->opt.stop_ctx = s;
	(void)!expect_begin(&s->expect, s->expected, r, &s->expect_diag);
}

/* Ends the run's samples, and runs the control without migrate types. */
static int settle_expectation(struct session *s, struct run *run, const struct run_request *q)
{
	struct run_request control = *q;
	struct run other;
	struct diag d = {0};

	if (s->expected == NULL)
		return 0;
	if (s->expect_diag.msg[0] != '\0')
		return cli_bad_input(&s->expect_diag);
	expect_end(&s->expect, &run->replay);
	s->met.run = s->expect.score;
	s->met.nothing_happens = s->expect.nothing;
	s->met.early = s->expect.early;
	s->met.late = s->expect.late;
	control.boot.no_types = true;
	control.trace_hash = false;
	control.replay.check_every = 0;
	control.ready = on_control_ready;
	if (run_trace(&other, &control, &d) != 0)
		return cli_bad_input(&d);
	expect_end(&s->expect, &other.replay);
	s->met.no_migrate_types = s->expect.score;
	s->met.has_no_types = true;
	run_finish(&other);
	return 0;
}

/* Reads what --start and --expect name. */
static int load_recording(const struct options *o, const struct machine *m, struct session *s,
			  struct start_state **start)
{
	struct diag d = {0};

	*start = NULL;
	if (o->start != NULL && (*start = start_load(o->start, &d)) == NULL)
		return cli_bad_input(&d);
	if (o->expect != NULL && ((s->expected = expect_load(o->expect, &d)) == NULL ||
				  expect_fits(s->expected, m, *start, &d) != 0)) {
		expect_free(s->expected);
		start_free(*start);
		return cli_bad_input(&d);
	}
	return 0;
}

/* The level of that name; what an event needs to be replayed is in dispatch_is_due. */
static enum replay_level level_of(const char *name)
{
	if (name != NULL && strcmp(name, "buddy") == 0)
		return LEVEL_BUDDY;
	return name != NULL && strcmp(name, "object") == 0 ? LEVEL_OBJECT : LEVEL_REQUEST;
}

/* The kernel's files: not of a run that could not go on. */
static int write_proc(struct session *s, struct run *run, int status)
{
	struct diag d = {0};

	if (status == EXIT_RAN || (status == EXIT_BAD_INPUT && s->o->salvage)) {
		proc_take(&s->proc, &run->replay, true);
		if (proc_commit(&s->proc, run->replay.fig->event, &d) != 0)
			status = cli_bad_input(&d);
	}
	proc_finish(&s->proc);
	return status;
}

static int check_options(const struct options *o, const struct machine *m, struct session *s)
{
	if (o->alloc != NULL && instance_kind(find_instance("fast", m->word), o->alloc) == NULL)
		return cli_usage(
			"replay",
			"--alloc '%s': no such kind, 'memscape list allocators' shows them",
			o->alloc);
	if (o->explain != NULL && !explain_range(o->explain, &s->explainer.from, &s->explainer.to))
		return cli_usage("replay", "--explain '%s': expected A..B, as 100..120",
				 o->explain);
	return 0;
}

/* What is told and written of a run that began. */
static int conclude(const struct options *o, struct session *s, struct run *run,
		    const struct run_request *q, const struct diag *damage)
{
	struct diag d = {0};
	int status;

	series_end(&s->series, &run->replay);
	if (o->check != 0 && shows_text(o) && run->end == REPLAY_DONE)
		print_checks(run);
	if (o->explain != NULL && s->explainer.from > run->replay.fig->event)
		fprintf(stderr, "memscape: --explain %s: the run ended at event %llu\n", o->explain,
			(unsigned long long)run->replay.fig->event);
	status = end_status(o, run, damage);
	if (series_commit(&s->series, &d) != 0)
		status = cli_bad_input(&d);
	status = write_proc(s, run, status);
	if (status == EXIT_RAN)
		status = settle_expectation(s, run, q);
	return report_run(o, run, s, status);
}

static int run_and_conclude(const struct options *o, struct session *s, const struct run_request *q)
{
	double cpu = cpu_seconds(), wall = wall_seconds();
	struct diag d = {0};
	struct run run;
	int status;

	if (run_trace(&run, q, &d) != 0)
		return cli_bad_input(&d);
	progress_end(&s->progress);
	if (s->names_diag.msg[0] != '\0') {
		cli_bad_input(&s->names_diag);
		status = EXIT_USAGE;
	} else {
		if (o->timing)
			print_timing(&run, cpu_seconds() - cpu, wall_seconds() - wall);
		status = conclude(o, s, &run, q, &d);
	}
	run_finish(&run);
	return status;
}

static int run_and_report(const struct options *o, const struct machine *m)
{
	struct session s = {.o = o, .proc = {.dir = o->proc, .at = o->at}};
	struct run_request q = {.machine = m,
				.trace = o->trace,
				.trace_hash =
					o->json != NULL || o->check != 0 || o->nr_fail_on != 0,
				.boot = {.port = o->port, .heap_kind = o->alloc, .noise = o->noise},
				.replay = {.level = level_of(o->level),
					   .level_given = o->level != NULL,
					   .until = o->until,
					   .check_every = o->check},
				.ready = on_ready,
				.ready_ctx = &s};
	struct start_state *start;
	int status = check_options(o, m, &s);

	if (status == 0)
		status = load_recording(o, m, &s, &start);
	if (status != 0)
		return status;
	q.start = start;
	status = open_series(o, m, &s.series);
	if (status == 0) {
		catch_interrupt();
		status = run_and_conclude(o, &s, &q);
	}
	series_abandon(&s.series);
	expect_run_finish(&s.expect);
	expect_free(s.expected);
	start_free(start);
	return status;
}

int cmd_replay(int argc, char **argv)
{
	struct options o;
	struct text_style style;
	struct machine *m;
	int status = parse(&o, argc, argv);

	if (status < 0 && !text_style_init(&style, o.color, stdout))
		status = cli_usage("replay", "--color '%s': expected auto, always or never",
				   o.color);
	if (status < 0) {
		m = load_choice(&o.machine);
		status = m == NULL ? EXIT_BAD_INPUT : run_and_report(&o, m);
		machine_free(m);
	}
	for (unsigned i = 0; i < o.nr_fail_on; i++)
		expr_free(o.expr[i]);
	return status;
}
