/* The text report of a recording: how the zones met the kernel's own figures, what was lost. */
#include "ui/cli/report_page.h"

/* "  if nothing happened:     2 exact, block counts 1.355 % off". */
static void print_control(const struct report_page *p, const char *name, const json_t *score)
{
	char n[COUNT_TEXT];

	if (score != NULL)
		fprintf(p->out, "  %-24s %s exact, block counts %.3f %% off\n", name,
			count_text(num(score, "exact"), n),
			json_real_value(at(score, "mean_block_error")) * 100);
}

static void print_expected(const struct report_page *p)
{
	const json_t *x = at(p->r, "expect"), *controls = at(x, "controls");
	char a[COUNT_TEXT], b[COUNT_TEXT];
	double worst = json_real_value(at(x, "worst_block_error"));

	if (x == NULL)
		return;
	report_heading(p, "Free blocks against those that the kernel showed");
	fprintf(p->out, "  %s of %s samples exact in every order, block counts %.3f %% off",
		count_text(num(x, "exact"), a), count_text(num(x, "samples"), b),
		json_real_value(at(x, "mean_block_error")) * 100);
	if (worst > 0)
		fprintf(p->out, ", at worst %.3f %% (at %lld us)", worst * 100,
			(long long)num(x, "worst_time_us"));
	fputc('\n', p->out);
	if (num(x, "indices") != 0)
		fprintf(p->out, "  %s of %s fragmentation indices equal\n",
			count_text(num(x, "indices_equal"), a), count_text(num(x, "indices"), b));
	if (num(x, "early_samples") != 0)
		fprintf(p->out, "  %s more before the start state: not compared\n",
			count_text(num(x, "early_samples"), a));
	if (num(x, "late_samples") != 0)
		fprintf(p->out, "  %s of them after the last event: against the state at the end\n",
			count_text(num(x, "late_samples"), a));
	print_control(p, "if nothing happened:", at(controls, "nothing_happens"));
	print_control(p, "without migrate types:", at(controls, "no_migrate_types"));
}

/* What the recording lost, and what lies before its start state. */
static void print_lost(const struct report_page *p)
{
	const json_t *lost = at(at(p->r, "trace"), "lost");
	int64_t early = num(at(p->r, "events"), "early");
	char n[COUNT_TEXT];
	json_t *line;
	size_t i;

	if (lost == NULL && early == 0)
		return;
	report_heading(p, "What the recording does not tell");
	if (early != 0)
		fprintf(p->out, "  %s page events not later than the start state, passed over\n",
			count_text(early, n));
	json_array_foreach(lost, i, line)
		fprintf(p->out, "  %s\n", json_string_value(line));
}

void report_recording(const struct report_page *p)
{
	print_expected(p);
	print_lost(p);
}
