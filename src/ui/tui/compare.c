/*
 * The other timeline: the same trace with another heap, on another machine, or with
 * other settings; sim/contender.h says how it is named.
 */
#include <stdio.h>

#include "sim/contender.h"
#include "ui/tui/term.h"
#include "ui/tui/views.h"

static struct machine *load(const struct app *a, const struct contender *c, struct diag *d)
{
	const struct tui_request *q = a->q;
	struct contender_base base = {q->machine_name, q->variant, q->sets, q->nr_sets};

	return contender_machine(c, &base, d);
}

/* What the columns are headed: what tells the two apart. */
static void name_them(struct app *a, const struct contender *c, const char *text)
{
	const struct machine *m = a->other_machine;

	if (contender_stays(c))
		snprintf(a->name, sizeof a->name, "%s", heap_name(a->t));
	else
		snprintf(a->name, sizeof a->name, "%s %s", a->machine->name, heap_name(a->t));
	contender_name(c, text, m != NULL ? m->name : "", heap_name(a->other), a->other_name);
}

static struct timeline *open_timeline(struct app *a, const struct contender *c, struct machine **m,
				      struct diag *d)
{
	struct timeline_request r = {.machine = a->machine,
				     .trace = timeline_path(a->t),
				     .heap_kind = c->kind,
				     .noise = a->q->noise,
				     .memory = a->q->memory,
				     .poll = poll_keys,
				     .poll_ctx = a};
	struct timeline *t;

	if (!contender_stays(c)) {
		*m = load(a, c, d);
		if (*m == NULL)
			return NULL;
		r.machine = *m;
	}
	if (c->kind == NULL && c->machine == NULL)
		r.heap_kind = a->q->heap_kind;
	t = timeline_open(&r, d);
	term_catch();
	return t;
}

bool open_other(struct app *a, const char *what)
{
	struct diag d = {0};
	struct machine *m = NULL;
	struct timeline *t = NULL;
	struct contender c;
	char line[480];

	if (contender_read(&c, what, &d) == 0)
		t = open_timeline(a, &c, &m, &d);
	if (t == NULL) {
		diag_text(&d, line, sizeof line);
		say(a, STYLE_BAD, "%s", line);
		machine_free(m);
		return false;
	}
	close_other(a);
	a->other = t;
	a->other_machine = m;
	name_them(a, &c, what);
	say(a, STYLE_PLAIN, "d goes to the first request that only one of them serves");
	return true;
}

void close_other(struct app *a)
{
	timeline_close(a->other);
	machine_free(a->other_machine);
	a->other = NULL;
	a->other_machine = NULL;
}

bool follow_other(struct app *a)
{
	struct diag d = {0};
	int how;

	if (timeline_now(a->other) == timeline_now(a->t))
		return true;
	how = timeline_seek(a->other, timeline_now(a->t), &d);
	if (how == TIMELINE_ERROR)
		say(a, STYLE_BAD, "%s", d.msg);
	return how == TIMELINE_THERE && timeline_now(a->other) == timeline_now(a->t);
}
