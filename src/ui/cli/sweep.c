/* memscape sweep: all points of a sweep file, in parallel, into one file of results. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/sweep_run.h"
#include "ui/cli/cli.h"
#include "ui/cli/cli_options.h"
#include "ui/cli/gating.h"
#include "ui/cli/options.h"

static const char help[] =
	"usage: memscape sweep SWEEP.yaml [-o RESULTS.db] [OPTION...]\n\n"
	"Replays (or fits) every combination of machines, traces and parameters that a sweep file\n"
	"names.  Results go to one SQLite file, a transaction a point: whatever ends the program,\n"
	"the same command goes on where it stopped.\n\n"
	"  -o, --output FILE      the results (default: the sweep's name and .db)\n"
	"  -j, --jobs N           points at a time (default: the processors there are)\n"
	"      --shard I/N        only every Nth point, from the Ith; 'memscape merge' joins "
	"shards\n"
	"      --dry-run          list the points and the time they may take, run none\n"
	"      --gate FILE        check the gate's rules afterwards\n"
	"      --max-steps N      a point ends after N list steps (the sweep file's max_steps)\n"
	"      --max-seconds N    a point ends after N seconds (max_seconds); where it hangs, "
	"too,\n"
	"                         but what ends so depends on the machine it runs on\n"
	"      --retry            run points again that crashed, erred or took too long before\n"
	"      --color WHEN       auto, always or never\n"
	"  -q, --quiet            no summary\n"
	"  -h, --help             this text\n\n"
	"Exit status: 0 ran; 1 a rule of the gate is broken; 2 usage; 3 bad sweep, gate or "
	"machine,\n"
	"or no point ran; 4 a point crashed or faulted; 130 interrupted, nothing finished is "
	"lost.\n";

struct sweep_options {
	const char *file, *output, *gate, *color;
	uint64_t jobs, max_steps, max_seconds;
	unsigned shard, shards; /* shard from 0 */
	bool dry_run, retry, quiet;
	char named[SWEEP_LABEL]; /* the default output */
};

/* "2/3": the second of three. */
static int read_shard(void *to, const char *arg)
{
	struct sweep_options *o = to;
	char *end = NULL;
	unsigned long i = strtoul(arg, &end, 10), n = 0;

	if (end != arg && *end == '/')
		n = strtoul(end + 1, &end, 10);
	if (n == 0 || n > 1000000 || i == 0 || i > n || *end != '\0')
		return cli_usage("sweep", "--shard '%s': expected I/N, as 1/3, 2/3 and 3/3", arg);
	o->shard = (unsigned)i - 1;
	o->shards = (unsigned)n;
	return 0;
}

static int parse(struct sweep_options *o, int argc, char **argv)
{
	const struct cli_option table[] = {
		{"output", 'o', CLI_TEXT, &o->output, 0, 0, NULL},
		{"jobs", 'j', CLI_NUMBER, &o->jobs, 1, 256, NULL},
		{"shard", 0, CLI_CALL, o, 0, 0, read_shard},
		{"dry-run", 0, CLI_FLAG, &o->dry_run, 0, 0, NULL},
		{"gate", 0, CLI_TEXT, &o->gate, 0, 0, NULL},
		{"max-steps", 0, CLI_NUMBER, &o->max_steps, 1, UINT64_MAX, NULL},
		{"max-seconds", 0, CLI_NUMBER, &o->max_seconds, 1, SWEEP_MAX_SECONDS, NULL},
		{"retry", 0, CLI_FLAG, &o->retry, 0, 0, NULL},
		{"color", 0, CLI_COLOR, &o->color, 0, 0, NULL},
		{"quiet", 'q', CLI_FLAG, &o->quiet, 0, 0, NULL},
		{0}};
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int status;

	*o = (struct sweep_options){
		.color = "auto", .shards = 1, .jobs = cpus > 0 ? (uint64_t)cpus : 1};
	status = cli_options("sweep", help, table, argc, argv);
	if (status >= 0)
		return status;
	if (optind != argc - 1)
		return cli_usage("sweep", optind == argc ? "which sweep? give a file, as "
							   "sweeps/heap-for-firmware.yaml"
							 : "more than one sweep file");
	o->file = argv[optind];
	return -1;
}

/* ---- --dry-run ---- */

static void print_time(double seconds)
{
	if (seconds < 120)
		printf("%.1f s", seconds);
	else if (seconds < 7200)
		printf("%.0f min", seconds / 60);
	else
		printf("%.1f h", seconds / 3600);
}

static int print_points(const struct sweep_run_request *q, uint64_t *left, struct diag *d)
{
	struct sweep_point p = {0};
	uint64_t ordinal = 0;
	int more;

	while ((more = sweep_next(q->s, &p, d)) > 0) {
		char key[SWEEP_KEY_TEXT], label[SWEEP_LABEL];

		if (ordinal++ % q->shards == q->shard) {
			bool known;

			sweep_key(q->keys, &p, key);
			sweep_label(q->s, &p, label);
			known = q->db != NULL && sweep_db_known(q->db, key, q->retry);
			*left += !known;
			printf("%6llu  %s%s\n", (unsigned long long)ordinal, label,
			       known ? "  (known)" : "");
		}
		p.index++;
	}
	return more;
}

static void print_expected(const struct sweep_options *o, uint64_t left, double each,
			   unsigned measured)
{
	printf("%llu points to run", (unsigned long long)left);
	if (left != 0 && each == 0) {
		puts("; for how long is not known: none that was tried ended well");
		return;
	}
	fputs(", about ", stdout);
	print_time(each * (double)left / (double)o->jobs);
	printf(" with %llu at a time (%.3f s a point, ", (unsigned long long)o->jobs, each);
	if (measured != 0)
		printf("measured on %u)\n", measured);
	else
		puts(left != 0 ? "the mean of the points known)" : "nothing is left)");
}

static int dry_run(const struct sweep_options *o, struct sweep_run_request *q)
{
	struct diag d = {0}, none = {0};
	uint64_t left = 0;
	unsigned measured = 0;
	double each = 0;

	if (access(o->output, F_OK) == 0)
		q->db = sweep_db_open(o->output, false, &none);
	if (print_points(q, &left, &d) != 0 ||
	    (left != 0 && sweep_expect(q, &each, &measured, &d) != 0)) {
		sweep_db_close(q->db);
		return cli_bad_input(&d);
	}
	print_expected(o, left, each, measured);
	sweep_db_close(q->db);
	return interrupted() ? EXIT_INTERRUPTED : EXIT_RAN;
}

/* ---- running ---- */

struct show {
	double begun, shown;
	bool on, printed;
};

static void on_progress(void *ctx, const struct sweep_tally *t)
{
	struct show *s = ctx;
	double now = wall_seconds(), rate;
	uint64_t left = t->planned - t->known - t->done;

	if (!s->on || now < s->shown + 0.2)
		return;
	s->shown = now;
	s->printed = true;
	rate = (double)t->done / (now - s->begun);
	fprintf(stderr, "\r%3d %%  %llu of %llu points, %.1f points/s, %.0f s left%s\033[K",
		(int)(100 * (t->known + t->done) / t->planned),
		(unsigned long long)(t->known + t->done), (unsigned long long)t->planned, rate,
		(double)left / rate, t->done != t->ok ? "; some did not end well" : "");
}

static bool on_stop(void *ctx)
{
	(void)ctx;
	return interrupted();
}

static void print_tally(const struct sweep_tally *t, double wall)
{
	fprintf(stderr, "memscape: %llu points", (unsigned long long)t->planned);
	if (t->known != 0)
		fprintf(stderr, ", %llu known before", (unsigned long long)t->known);
	fprintf(stderr, ", %llu run in %.1f s", (unsigned long long)t->done, wall);
	if (t->done != t->ok)
		fprintf(stderr,
			"; %llu did not end well (%llu errors, %llu over the limit, %llu timeouts, "
			"%llu faults, %llu crashes), first: %s",
			(unsigned long long)(t->done - t->ok), (unsigned long long)t->error,
			(unsigned long long)t->limit, (unsigned long long)t->timeout,
			(unsigned long long)t->fault, (unsigned long long)t->crash,
			t->first_problem);
	fputc('\n', stderr);
}

static int status_of(const struct sweep_tally *t)
{
	if (interrupted())
		return EXIT_INTERRUPTED;
	if (t->crash + t->fault != 0)
		return EXIT_INTERNAL;
	if (t->done != 0 && t->error == t->done && t->known == 0)
		return EXIT_BAD_INPUT;
	return EXIT_RAN;
}

static int run_points(const struct sweep_options *o, struct sweep_run_request *q, struct gating *g)
{
	struct show show = {.on = isatty(STDERR_FILENO) != 0, .begun = wall_seconds()};
	struct sweep_tally t;
	struct diag d = {0};
	int status, judged;

	show.shown = show.begun + 0.8;
	q->progress = on_progress;
	q->ctx = &show;
	if (sweep_plan(q, &t, &d) != 0 || sweep_run(q, &t, &d) != 0) {
		if (show.printed)
			fputs("\r\033[K", stderr);
		return cli_bad_input(&d);
	}
	if (show.printed)
		fputs("\r\033[K", stderr);
	if (!o->quiet || t.done != t.ok)
		print_tally(&t, wall_seconds() - show.begun);
	status = status_of(&t);
	if (status == EXIT_INTERRUPTED || status == EXIT_BAD_INPUT)
		return status;
	if (!o->quiet && o->shards == 1) {
		judged = gating_answers(q->db, o->color);
		status = judged > status ? judged : status;
	}
	judged = o->gate != NULL ? gating_judge(g, q->db, o->shards > 1, o->color) : EXIT_RAN;
	return judged > status ? judged : status;
}

static int sweep_file(struct sweep_options *o, struct sweep *s)
{
	struct sweep_run_request q = {.s = s,
				      .jobs = (unsigned)o->jobs,
				      .shard = o->shard,
				      .shards = o->shards,
				      .retry = o->retry,
				      .stop = on_stop};
	struct gating g = {0};
	struct sweep_keys *keys;
	struct diag d = {0};
	int status;

	if (o->max_steps != 0)
		s->max_steps = o->max_steps;
	if (o->max_seconds != 0)
		s->max_seconds = o->max_seconds;
	if (o->output == NULL) {
		snprintf(o->named, sizeof o->named, "%s.db", s->name);
		o->output = o->named;
	}
	keys = sweep_keys_new(s, sweep_program(), &d);
	if (keys == NULL)
		return cli_bad_input(&d);
	q.keys = keys;
	status = o->gate != NULL ? gating_open(&g, o->gate, NULL) : EXIT_RAN;
	if (status == EXIT_RAN && o->dry_run) {
		status = dry_run(o, &q);
	} else if (status == EXIT_RAN) {
		q.db = sweep_db_open(o->output, true, &d);
		status = q.db != NULL ? run_points(o, &q, &g) : cli_bad_input(&d);
		sweep_db_close(q.db);
	}
	gating_close(&g);
	sweep_keys_free(keys);
	return status;
}

int cmd_sweep(int argc, char **argv)
{
	struct sweep_options o;
	struct diag d = {0};
	struct sweep *s;
	int status = parse(&o, argc, argv);

	if (status >= 0)
		return status;
	s = sweep_read(o.file, &d);
	if (s == NULL)
		return cli_bad_input(&d);
	catch_interrupt();
	status = sweep_file(&o, s);
	sweep_free(s);
	return status;
}
