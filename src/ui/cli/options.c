#include "ui/cli/options.h"

#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "ui/cli/cli.h"
#include "ui/cli/text.h"

int choose_set(const char *command, struct machine_choice *c, const char *arg)
{
	if (c->nr_sets == MAX_SETS)
		return cli_usage(command, "more than %u --set", MAX_SETS);
	c->sets[c->nr_sets++] = arg;
	return 0;
}

struct machine *load_choice(const struct machine_choice *c)
{
	struct diag d = {0};
	struct machine *m = machine_load(c->name, c->variant, c->sets, c->nr_sets, &d);

	if (m == NULL)
		cli_bad_input(&d);
	return m;
}

bool read_number(const char *text, uint64_t *out)
{
	return parse_size(text, out);
}

double wall_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void progress_begin(struct progress *p, const char *what, uint64_t total)
{
	*p = (struct progress){.what = what,
			       .total = total,
			       .begun = wall_seconds(),
			       .on = isatty(STDERR_FILENO) != 0};
	p->shown = p->begun + 0.9;
}

void progress_at(struct progress *p, uint64_t done)
{
	double now, rate;
	char a[COUNT_TEXT], b[COUNT_TEXT];

	if (!p->on)
		return;
	now = wall_seconds();
	if (now < p->shown + 0.1)
		return;
	p->shown = now;
	p->printed = true;
	rate = (double)done / (now - p->begun);
	if (p->total != 0 && rate > 0)
		fprintf(stderr, "\r%3d %%  %s of %s %s, %.1f million/s, %.0f s left\033[K",
			(int)(100 * done / p->total), count_text((int64_t)done, a),
			count_text((int64_t)p->total, b), p->what, rate / 1e6,
			(double)(p->total - done) / rate);
	else
		fprintf(stderr, "\r%s %s, %.1f million/s\033[K", count_text((int64_t)done, a),
			p->what, rate / 1e6);
}

void progress_end(struct progress *p)
{
	if (p->printed)
		fputs("\r\033[K", stderr);
	p->printed = false;
}

static volatile sig_atomic_t stop_flag;

static void on_interrupt(int sig)
{
	if (stop_flag)
		_exit(128 + sig);
	stop_flag = 1;
}

void catch_interrupt(void)
{
	struct sigaction sa = {.sa_handler = on_interrupt};

	sigemptyset(&sa.sa_mask);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
}

bool interrupted(void)
{
	return stop_flag != 0;
}
