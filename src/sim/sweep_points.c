/* From a number to a point, its name, its settings and what conditions see of it. */
#include <stdio.h>
#include <string.h>

#include "sim/sweep.h"

void sweep_at(const struct sweep *s, uint64_t index, struct sweep_point *p)
{
	unsigned at[SWEEP_MAX_AXES];
	uint64_t left = index;

	*p = (struct sweep_point){.index = index};
	for (unsigned z = s->nr_zips; z-- > 0;) {
		at[z] = (unsigned)(left % s->zip_len[z]);
		left /= s->zip_len[z];
	}
	for (unsigned i = 0; i < s->nr_axes; i++)
		p->value[i] = at[s->axis[i].zip];
	p->machine = (unsigned)(left % s->nr_machines);
	left /= s->nr_machines;
	p->repeat = (unsigned)(left % s->repeats);
	p->trace = (unsigned)(left / s->repeats);
}

/* Puts a value where a dotted name leads: {"page": {"order": 10}}. */
static void put_nested(json_t *at, const char *name, json_t *value)
{
	for (;;) {
		size_t n = strcspn(name, ".");
		char key[128];
		json_t *next;

		snprintf(key, sizeof key, "%.*s", (int)(n < 127 ? n : 127), name);
		if (name[n] == '\0') {
			json_object_set(at, key, value);
			return;
		}
		next = json_object_get(at, key);
		if (!json_is_object(next)) {
			next = json_object();
			json_object_set_new(at, key, next);
		}
		at = next;
		name += n + 1;
	}
}

json_t *sweep_seen(const struct sweep *s, const struct sweep_point *p)
{
	const struct sweep_machine *m = &s->machine[p->machine];
	json_t *o = json_object();

	json_object_set_new(o, "machine", json_string(m->name));
	json_object_set_new(o, "variant", json_string(m->variant));
	json_object_set_new(o, "trace", json_string(s->trace[p->trace].label));
	json_object_set_new(o, "repeat", json_integer((json_int_t)p->repeat));
	for (unsigned i = 0; i < s->nr_axes; i++)
		put_nested(o, s->axis[i].name, s->axis[i].value[p->value[i]].seen);
	return o;
}

/* 1: stays, 0: left out by a rule, -1 with *d. */
static int is_wanted(const struct sweep *s, const struct sweep_point *p, struct diag *d)
{
	json_t *seen = s->nr_rules != 0 ? sweep_seen(s, p) : NULL;
	int wanted = 1;

	for (unsigned i = 0; i < s->nr_rules && wanted > 0; i++) {
		bool yes = false;

		if (expr_true(s->rule[i].expr, seen, &yes, d) != 0)
			wanted = -1;
		else if (yes != s->rule[i].include)
			wanted = 0;
	}
	json_decref(seen);
	return wanted;
}

int sweep_next(const struct sweep *s, struct sweep_point *p, struct diag *d)
{
	for (uint64_t i = p->index; i < s->nr_raw; i++) {
		int wanted;

		sweep_at(s, i, p);
		wanted = is_wanted(s, p, d);
		if (wanted != 0)
			return wanted;
	}
	return 0;
}

void sweep_label(const struct sweep *s, const struct sweep_point *p, char out[SWEEP_LABEL])
{
	size_t n = (size_t)snprintf(out, SWEEP_LABEL, "%s %s", s->machine[p->machine].label,
				    s->trace[p->trace].label);

	for (unsigned i = 0; i < s->nr_axes && n < SWEEP_LABEL; i++)
		n += (size_t)snprintf(out + n, SWEEP_LABEL - n, " %s=%s", s->axis[i].name,
				      s->axis[i].value[p->value[i]].label);
	if (s->repeats > 1 && n < SWEEP_LABEL)
		snprintf(out + n, SWEEP_LABEL - n, " #%u", p->repeat);
}

/* Appends assignments; those to "alloc" choose the kind instead. */
static unsigned add_sets(const char **sets, unsigned n, char *const *from, unsigned nr,
			 const char **alloc)
{
	for (unsigned i = 0; i < nr && n < 4 * SWEEP_MAX_SETS; i++) {
		if (strncmp(from[i], "alloc=", 6) == 0)
			*alloc = from[i] + 6;
		else
			sets[n++] = from[i];
	}
	return n;
}

unsigned sweep_sets(const struct sweep *s, const struct sweep_point *p,
		    const char *sets[4 * SWEEP_MAX_SETS], const char **alloc)
{
	const struct sweep_machine *m = &s->machine[p->machine];
	unsigned n = 0;

	*alloc = NULL;
	n = add_sets(sets, n, s->set, s->nr_sets, alloc);
	n = add_sets(sets, n, m->set, m->nr_sets, alloc);
	for (unsigned i = 0; i < s->nr_axes; i++) {
		const struct sweep_value *v = &s->axis[i].value[p->value[i]];

		n = add_sets(sets, n, v->set, v->nr_sets, alloc);
	}
	return n;
}

json_t *sweep_axes(const struct sweep *s, const struct sweep_point *p)
{
	json_t *values = json_array();
	char command[SWEEP_PATH];

	json_array_append_new(values, json_string(s->machine[p->machine].label));
	json_array_append_new(values, json_string(s->trace[p->trace].label));
	for (unsigned i = 0; i < s->nr_axes; i++)
		json_array_append_new(values, json_string(s->axis[i].value[p->value[i]].label));
	sweep_command(s, p, command, sizeof command);
	return json_pack("{s:o, s:o, s:i, s:s}", "seen", sweep_seen(s, p), "values", values,
			 "repeat", (int)p->repeat, "command", command);
}

static json_t *texts(char *const *text, unsigned nr)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < nr; i++)
		json_array_append_new(list, json_string(text[i]));
	return list;
}

json_t *sweep_definition(const struct sweep *s)
{
	json_t *axes = json_array(), *machines = json_array(), *traces = json_array();

	for (unsigned i = 0; i < s->nr_machines; i++)
		json_array_append_new(machines, json_string(s->machine[i].label));
	for (unsigned i = 0; i < s->nr_traces; i++)
		json_array_append_new(traces, json_string(s->trace[i].label));
	for (unsigned i = 0; i < s->nr_axes; i++) {
		json_t *values = json_array();

		for (unsigned v = 0; v < s->axis[i].nr; v++)
			json_array_append_new(values, json_string(s->axis[i].value[v].label));
		json_array_append_new(
			axes, json_pack("{s:s, s:o}", "name", s->axis[i].name, "values", values));
	}
	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:i, s:o, s:o}", "name", s->name, "about",
			 s->about, "mode", s->mode == SWEEP_FIT ? "fit" : "replay", "machines",
			 machines, "traces", traces, "axes", axes, "repeats", (int)s->repeats,
			 "figures", texts(s->figure, s->nr_figures), "minimise",
			 texts(s->minimise, s->nr_minimise));
}

/* A word of a shell command; quoted where the shell would see more than a word. */
static size_t add_word(char *out, size_t n, size_t room, const char *before, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-./=:,+@%";
	bool quote = word[0] == '\0' || word[strspn(word, plain)] != '\0';

	if (n >= room)
		return n;
	return n + (size_t)snprintf(out + n, room - n, quote ? "%s'%s'" : "%s%s", before, word);
}

/* What writes the trace into a pipe; nothing where it is a file. */
static size_t add_maker(const struct sweep_trace *t, unsigned repeat, char *out, size_t room)
{
	size_t n = 0;

	if (t->gen != NULL)
		return (size_t)snprintf(out, room,
					"memscape gen %s -n %llu --seed %llu --live %llu --min "
					"%llu --max %llu -o - | ",
					t->gen->name, (unsigned long long)t->params.events,
					(unsigned long long)(t->params.seed + repeat),
					(unsigned long long)t->params.live,
					(unsigned long long)t->params.min,
					(unsigned long long)t->params.max);
	if (!t->kernel)
		return 0;
	n = (size_t)snprintf(out, room, "memscape trace kmalloc --caches %llu",
			     (unsigned long long)t->caches);
	n = add_word(out, n, room, " ", t->path);
	return n < room ? n + (size_t)snprintf(out + n, room - n, " -o - | ") : n;
}

void sweep_command(const struct sweep *s, const struct sweep_point *p, char *out, size_t room)
{
	const struct sweep_machine *m = &s->machine[p->machine];
	const struct sweep_trace *t = &s->trace[p->trace];
	const char *sets[4 * SWEEP_MAX_SETS], *alloc;
	unsigned nr = sweep_sets(s, p, sets, &alloc);
	size_t n;

	out[0] = '\0';
	n = add_maker(t, p->repeat, out, room);
	if (n < room)
		n += (size_t)snprintf(out + n, room - n, "memscape %s",
				      s->mode == SWEEP_FIT ? "fit" : "replay");
	n = add_word(out, n, room, " -c ", m->name);
	if (m->variant[0] != '\0')
		n = add_word(out, n, room, " --variant ", m->variant);
	for (unsigned i = 0; i < nr; i++)
		n = add_word(out, n, room, " --set ", sets[i]);
	if (alloc != NULL)
		n = add_word(out, n, room, " --alloc ", alloc);
	if (s->until != 0 && n < room)
		n += (size_t)snprintf(out + n, room - n, " --until %llu",
				      (unsigned long long)s->until);
	add_word(out, n, room, " ", t->gen != NULL || t->kernel ? "-" : t->path);
}
