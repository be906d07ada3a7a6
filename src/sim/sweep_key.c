#include "sim/sweep_key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

#include "model/machine.h"
#include "sim/system.h"
#include "sim/trace.h"
#include "source_id.h"

#define BLOCK 65536u

struct hex {
	char text[SWEEP_KEY_TEXT];
};

struct sweep_keys {
	const struct sweep *s;
	const char *program;
	struct hex *machine, *trace;
};

const char *sweep_program(void)
{
	return MEMSCAPE_PROGRAM;
}

static void hex_of(XXH128_hash_t h, char out[SWEEP_KEY_TEXT])
{
	snprintf(out, SWEEP_KEY_TEXT, "%016llx%016llx", (unsigned long long)h.high64,
		 (unsigned long long)h.low64);
}

/* ---- machines and traces ---- */

/* What is wrong with a name that the sweep file gives is told where it gives it. */
static int misnamed(const struct conf_node *n, const struct diag *inner, struct diag *d)
{
	return conf_error(d, n, "%s%s%s", inner->line == 0 ? inner->file : "",
			  inner->line == 0 && inner->file[0] != '\0' ? ": " : "", inner->msg);
}

static int hash_machine(const struct sweep_machine *m, struct hex *out, struct diag *d)
{
	struct diag inner = {0}, ignored = {0};
	struct machine *loaded = machine_load(m->name, m->variant, NULL, 0, &inner), *plain;

	if (loaded != NULL) {
		memcpy(out->text, loaded->hash, sizeof out->text);
		machine_free(loaded);
		return 0;
	}
	/* Is it the machine file that is wrong, or what is asked of it? */
	plain = machine_load(m->name, NULL, NULL, 0, &ignored);
	if (inner.line == 0 || plain != NULL)
		misnamed(m->node, &inner, d);
	else
		*d = inner;
	machine_free(plain);
	return -1;
}

static int hash_file(const char *path, struct hex *out, struct diag *d)
{
	FILE *f = fopen(path, "rb");
	XXH3_state_t *state = XXH3_createState();
	char *block = malloc(BLOCK);
	size_t n;
	int err = 0;

	if (f == NULL || state == NULL || block == NULL) {
		err = diag_set(d, path, 0, 0, "cannot be read");
	} else {
		XXH3_128bits_reset(state);
		while ((n = fread(block, 1, BLOCK, f)) != 0)
			XXH3_128bits_update(state, block, n);
		err = ferror(f) ? diag_set(d, path, 0, 0, "cannot be read") : 0;
		hex_of(XXH3_128bits_digest(state), out->text);
	}
	free(block);
	XXH3_freeState(state);
	if (f != NULL)
		fclose(f);
	return err;
}

/* Is it a trace at all? */
static int try_trace(const char *path, struct diag *d)
{
	struct trace_reader *r = trace_open(path, d);

	trace_close(r);
	return r != NULL ? 0 : -1;
}

static int hash_trace(const struct sweep_trace *t, struct hex *out, struct diag *d)
{
	char text[256];

	if (t->path != NULL) {
		struct diag inner = {0};

		if (try_trace(t->path, &inner) != 0 || hash_file(t->path, out, &inner) != 0) {
			if (inner.line == 0)
				return misnamed(t->node, &inner, d);
			*d = inner;
			return -1;
		}
		if (t->kernel) {
			snprintf(text, sizeof text, "kmalloc %llu %s",
				 (unsigned long long)t->caches, out->text);
			hex_of(XXH3_128bits(text, strlen(text)), out->text);
		}
		return 0;
	}
	snprintf(text, sizeof text, "gen %s %llu %llu %llu %llu %llu", t->gen->name,
		 (unsigned long long)t->params.events, (unsigned long long)t->params.seed,
		 (unsigned long long)t->params.live, (unsigned long long)t->params.min,
		 (unsigned long long)t->params.max);
	hex_of(XXH3_128bits(text, strlen(text)), out->text);
	return 0;
}

/* ---- settings ---- */

/* Does a machine accept settings? */
static bool accepts_sets(const struct sweep_machine *machine, const char *const *sets, unsigned n,
			 const char *alloc, struct diag *d)
{
	struct machine *m;
	bool ok;

	*d = (struct diag){0};
	m = machine_load(machine->name, machine->variant, sets, n, d);
	ok = m != NULL && system_accepts(m, alloc, d);
	machine_free(m);
	return ok;
}

/* A point's settings. */
static bool accepts(const struct sweep *s, const struct sweep_point *p, struct diag *d)
{
	const char *sets[4 * SWEEP_MAX_SETS], *alloc;
	unsigned n = sweep_sets(s, p, sets, &alloc);

	return accepts_sets(&s->machine[p->machine], sets, n, alloc, d);
}

/* Those of one list alone. */
static bool accepts_alone(const struct sweep *s, unsigned machine, char *const *set, unsigned nr,
			  struct diag *d)
{
	const char *sets[SWEEP_MAX_SETS], *alloc = NULL;
	unsigned n = 0;

	for (unsigned i = 0; i < nr; i++) {
		if (strncmp(set[i], "alloc=", 6) == 0)
			alloc = set[i] + 6;
		else
			sets[n++] = set[i];
	}
	return accepts_sets(&s->machine[machine], sets, n, alloc, d);
}

/* Some value, on some machine, alone or with the first values of the other axes. */
static int check_axis(const struct sweep *s, unsigned axis, struct diag *d)
{
	struct diag inner = {0}, first = {0};

	for (unsigned m = 0; m < s->nr_machines; m++)
		for (unsigned v = 0; v < s->axis[axis].nr; v++) {
			const struct sweep_value *value = &s->axis[axis].value[v];
			struct sweep_point p = {.machine = m};

			p.value[axis] = v;
			if (accepts_alone(s, m, value->set, value->nr_sets, &first) ||
			    accepts(s, &p, &inner))
				return 0;
		}
	return conf_error(d, s->axis[axis].node, "no machine takes a value of axis '%s': %s",
			  s->axis[axis].name, first.msg);
}

/* The settings of all points, and of one machine: alone, or with the first values of the axes. */
static int check_sets(const struct sweep *s, unsigned machine, struct diag *d)
{
	const struct conf_node *all = conf_get(conf_root(s->tree), "set");
	const struct sweep_machine *m = &s->machine[machine];
	const struct sweep_point p = {.machine = machine};
	struct diag inner = {0}, first = {0};

	if (!accepts_alone(s, machine, s->set, s->nr_sets, &first) && !accepts(s, &p, &inner) &&
	    all != NULL)
		return conf_error(d, all, "machine '%s' does not take this: %s", m->label,
				  first.msg);
	if (!accepts_alone(s, machine, m->set, m->nr_sets, &first) && !accepts(s, &p, &inner))
		return conf_error(d, m->node, "machine '%s' does not take this: %s", m->label,
				  first.msg);
	return 0;
}

struct sweep_keys *sweep_keys_new(const struct sweep *s, const char *program, struct diag *d)
{
	struct sweep_keys *k = calloc(1, sizeof *k);
	int err = 0;

	if (k == NULL) {
		diag_set(d, "", 0, 0, "out of host memory");
		return NULL;
	}
	k->s = s;
	k->program = program;
	k->machine = calloc(s->nr_machines, sizeof *k->machine);
	k->trace = calloc(s->nr_traces, sizeof *k->trace);
	if (k->machine == NULL || k->trace == NULL)
		err = diag_set(d, "", 0, 0, "out of host memory");
	for (unsigned i = 0; err == 0 && i < s->nr_machines; i++)
		err = hash_machine(&s->machine[i], &k->machine[i], d);
	for (unsigned i = 0; err == 0 && i < s->nr_traces; i++)
		err = hash_trace(&s->trace[i], &k->trace[i], d);
	for (unsigned i = 0; err == 0 && i < s->nr_machines; i++)
		err = check_sets(s, i, d);
	for (unsigned i = 0; err == 0 && i < s->nr_axes; i++)
		err = check_axis(s, i, d);
	if (err == 0)
		return k;
	sweep_keys_free(k);
	return NULL;
}

void sweep_keys_free(struct sweep_keys *k)
{
	if (k == NULL)
		return;
	free(k->machine);
	free(k->trace);
	free(k);
}

void sweep_key(const struct sweep_keys *k, const struct sweep_point *p, char out[SWEEP_KEY_TEXT])
{
	const struct sweep *s = k->s;
	const struct sweep_perturb *b = &s->perturb;
	const char *sets[4 * SWEEP_MAX_SETS], *alloc;
	unsigned n = sweep_sets(s, p, sets, &alloc);
	XXH3_state_t state;
	char text[512];

	snprintf(text, sizeof text,
		 "point 1\n%s\n%s\n%s\n%s\nalloc %s\nsteps %llu\nuntil %llu\nrepeat %u "
		 "seed %llu base %llu bytes %llu requests %llu ties %llu\n",
		 k->program, s->mode == SWEEP_FIT ? "fit" : "replay", k->machine[p->machine].text,
		 k->trace[p->trace].text, alloc != NULL ? alloc : "",
		 (unsigned long long)s->max_steps, (unsigned long long)s->until, p->repeat,
		 (unsigned long long)(p->repeat ? b->seed : 0),
		 (unsigned long long)(p->repeat ? b->base : 0),
		 (unsigned long long)(p->repeat ? b->bytes : 0),
		 (unsigned long long)(p->repeat ? b->requests : 0),
		 (unsigned long long)(p->repeat ? b->ties : 0));
	XXH3_128bits_reset(&state);
	XXH3_128bits_update(&state, text, strlen(text));
	for (unsigned i = 0; i < n; i++)
		XXH3_128bits_update(&state, sets[i], strlen(sets[i]) + 1);
	hex_of(XXH3_128bits_digest(&state), out);
}
