#include "sim/contender.h"

#include <stdio.h>
#include <string.h>

/* Kinds have the same names in every instance. */
static bool is_kind(const char *word)
{
	return instance_kind(find_instance("checked", 4), word) != NULL;
}

static int machine_word(struct contender *c, char *word, struct diag *d)
{
	char *colon = strchr(word, ':');

	if (c->machine != NULL || c->variant != NULL)
		return diag_set(d, word, 0, 0, "no heap kind, and the machine is %s%s already",
				c->machine != NULL ? c->machine : ":",
				c->machine != NULL ? "" : c->variant);
	if (colon != NULL) {
		*colon = '\0';
		c->variant = colon + 1;
	}
	c->machine = *word != '\0' ? word : NULL;
	return 0;
}

static int one_word(struct contender *c, char *word, struct diag *d)
{
	if (strchr(word, '=') != NULL) {
		if (c->nr_sets == CONTENDER_WORDS)
			return diag_set(d, word, 0, 0, "more than %u settings", CONTENDER_WORDS);
		c->sets[c->nr_sets++] = word;
		return 0;
	}
	if (!is_kind(word))
		return machine_word(c, word, d);
	if (c->kind != NULL)
		return diag_set(d, word, 0, 0, "a second heap kind, the first is %s", c->kind);
	c->kind = word;
	return 0;
}

int contender_read(struct contender *c, const char *text, struct diag *d)
{
	char *save = NULL;

	*c = (struct contender){.kind = NULL};
	if (strlen(text) >= sizeof c->text)
		return diag_set(d, "", 0, 0, "more than %u characters to name what is compared",
				CONTENDER_TEXT - 1);
	strcpy(c->text, text);
	for (char *w = strtok_r(c->text, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save))
		if (one_word(c, w, d) != 0)
			return -1;
	return 0;
}

bool contender_stays(const struct contender *c)
{
	return c->machine == NULL && c->variant == NULL && c->nr_sets == 0;
}

/* A word that names no machine may as well have been meant as a kind. */
static void say_no_kind(const struct contender *c, struct diag *d)
{
	const char *machines = strstr(d->msg, "one of ");
	char msg[sizeof d->msg];

	if (machines == NULL || strncmp(d->msg, "no such machine", 15) != 0 ||
	    strchr(c->machine, '/') != NULL)
		return;
	snprintf(msg, sizeof msg, "%s", machines + strlen("one of "));
	*d = (struct diag){0};
	diag_set(d, c->machine, 0, 0, "no heap kind, no file, and none of %s", msg);
}

size_t contender_sets(const struct contender *c, const struct contender_base *base,
		      const char *sets[CONTENDER_ALL_SETS])
{
	size_t nr = 0;

	for (size_t i = 0; c->machine == NULL && i < base->nr_sets && i < CONTENDER_SETS; i++)
		sets[nr++] = base->sets[i];
	for (size_t i = 0; i < c->nr_sets; i++)
		sets[nr++] = c->sets[i];
	return nr;
}

struct machine *contender_machine(const struct contender *c, const struct contender_base *base,
				  struct diag *d)
{
	const char *sets[CONTENDER_ALL_SETS];
	size_t nr = contender_sets(c, base, sets);
	bool same = c->machine == NULL;
	struct machine *m;

	m = machine_load(same ? base->machine : c->machine,
			 c->variant != NULL || !same ? c->variant : base->variant, sets, nr, d);
	if (m == NULL && !same)
		say_no_kind(c, d);
	return m;
}

const char *system_heap_kind(const struct system *s)
{
	const struct sys_alloc *h = s->group[GROUP_HEAP];

	return h != NULL ? h->ops->name : s->pages != NULL ? s->pages->ops->name : "";
}

void contender_name(const struct contender *c, const char *said, const char *machine,
		    const char *kind, char name[CONTENDER_NAME])
{
	if (contender_stays(c))
		snprintf(name, CONTENDER_NAME, "%s", *kind != '\0' ? kind : machine);
	else if (c->machine == NULL)
		snprintf(name, CONTENDER_NAME, "%s", said);
	else
		snprintf(name, CONTENDER_NAME, "%s %s", machine, kind);
}
