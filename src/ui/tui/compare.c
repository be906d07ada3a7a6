/*
 * The other timeline: the same trace with another heap, on another machine, or with
 * other settings.
 *
 * It is named in words, in any order: a heap kind; a machine (its name or file, with
 * :VARIANT if wanted; :VARIANT alone is of the same machine); and PATH=VALUE as in --set.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ui/tui/term.h"
#include "ui/tui/views.h"

#define MAX_WORDS 16u

struct choice {
	char text[PROMPT_BYTES]; /* the words, cut apart */
	const char *kind, *machine, *variant; /* NULL: not said */
	const char *sets[MAX_WORDS];
	size_t nr_sets;
};

static bool is_kind(const struct app *a, const char *word)
{
	const struct alloc_instance *in = moment_system(a->t)->checked;

	for (unsigned i = 0; i < in->nr_kinds; i++)
		if (strcmp(in->kinds[i]->name, word) == 0)
			return true;
	return false;
}

static bool one_word(struct app *a, struct choice *c, char *word)
{
	char *colon = strchr(word, ':');

	if (strchr(word, '=') != NULL) {
		if (c->nr_sets == MAX_WORDS) {
			say(a, STYLE_WARN, "more than %u settings", MAX_WORDS);
			return false;
		}
		c->sets[c->nr_sets++] = word;
	} else if (is_kind(a, word)) {
		c->kind = word;
	} else if (c->machine != NULL) {
		say(a, STYLE_WARN, "'%s' is no heap kind, and '%s' is the machine already", word,
		    c->machine);
		return false;
	} else {
		if (colon != NULL) {
			*colon = '\0';
			c->variant = colon + 1;
		}
		c->machine = *word != '\0' ? word : NULL;
	}
	return true;
}

static bool read_choice(struct app *a, const char *text, struct choice *c)
{
	char *save = NULL;

	*c = (struct choice){.kind = NULL};
	snprintf(c->text, sizeof c->text, "%s", text);
	for (char *w = strtok_r(c->text, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save))
		if (!one_word(a, c, w))
			return false;
	return true;
}

/* The machine asked for: this one with its own settings before the others, or another one. */
static struct machine *load(struct app *a, const struct choice *c, struct diag *d)
{
	const struct tui_request *q = a->q;
	const char *sets[TUI_MAX_SETS + MAX_WORDS];
	bool same = c->machine == NULL;
	size_t nr = 0;

	for (size_t i = 0; same && i < q->nr_sets && i < TUI_MAX_SETS; i++)
		sets[nr++] = q->sets[i];
	for (size_t i = 0; i < c->nr_sets; i++)
		sets[nr++] = c->sets[i];
	return machine_load(same ? q->machine_name : c->machine,
			    c->variant != NULL || !same ? c->variant : q->variant, sets, nr, d);
}

/* What the columns are headed: what tells the two apart. */
static void name_them(struct app *a, const struct choice *c, const char *text)
{
	if (c->machine == NULL && c->variant == NULL && c->nr_sets == 0) {
		snprintf(a->name, sizeof a->name, "%s", heap_name(a->t));
		snprintf(a->other_name, sizeof a->other_name, "%s", heap_name(a->other));
		return;
	}
	snprintf(a->name, sizeof a->name, "%s %s", a->machine->name, heap_name(a->t));
	if (c->machine == NULL)
		snprintf(a->other_name, sizeof a->other_name, "with %s", text);
	else
		snprintf(a->other_name, sizeof a->other_name, "%s %s", a->other_machine->name,
			 heap_name(a->other));
}

bool open_other(struct app *a, const char *what)
{
	struct diag d = {0};
	struct machine *m = NULL;
	struct timeline_request r = {.machine = a->machine,
				     .trace = timeline_path(a->t),
				     .noise = a->q->noise,
				     .memory = a->q->memory,
				     .poll = poll_keys,
				     .poll_ctx = a};
	struct timeline *t = NULL;
	struct choice c;
	char line[480];
	bool same;

	if (!read_choice(a, what, &c))
		return false;
	same = c.machine == NULL && c.variant == NULL && c.nr_sets == 0;
	if (!same)
		m = load(a, &c, &d);
	if (same || m != NULL) {
		r.machine = same ? a->machine : m;
		r.heap_kind = c.kind != NULL ? c.kind : c.machine == NULL ? a->q->heap_kind : NULL;
		t = timeline_open(&r, &d);
		term_catch();
	}
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
