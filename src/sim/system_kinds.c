/* Which kind serves a group of requests, and what a group needs of it. */
#include <string.h>

#include "sim/system_parts.h"

const struct alloc_instance *find_instance(const char *port, unsigned word)
{
	static const struct alloc_instance *const all[] = {&alloc_fast4, &alloc_fast8,
							   &alloc_checked4, &alloc_checked8};

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		if (strcmp(all[i]->port, port) == 0 && all[i]->word == word)
			return all[i];
	return NULL;
}

const struct alloc_ops *instance_kind(const struct alloc_instance *in, const char *kind)
{
	for (unsigned i = 0; i < in->nr_kinds; i++)
		if (strcmp(in->kinds[i]->name, kind) == 0)
			return in->kinds[i];
	return NULL;
}

/* Does another kind than the machine's serve the heap? */
static bool is_overridden(const struct alloc_conf *c, const struct boot_options *o)
{
	return c->group == GROUP_HEAP && o->heap_kind != NULL;
}

enum params_of system_params_of(const struct alloc_conf *c, const struct boot_options *o)
{
	if (!is_overridden(c, o))
		return PARAMS_OF_ENTRY;
	return o->any_kind ? PARAMS_IF_KNOWN : PARAMS_OF_SETS;
}

static int unknown_kind(const struct alloc_conf *c, const char *kind, struct diag *d)
{
	const struct conf_node *n = conf_get(c->node, "kind");

	if (strcmp(kind, c->kind) != 0)
		return diag_set(
			d, "", 0, 0,
			"unknown allocator kind '%s', 'memscape list allocators' shows them", kind);
	return conf_error(d, n != NULL ? n : c->node,
			  "unknown allocator kind '%s', 'memscape list allocators' shows them",
			  kind);
}

/* Does `kind`, in the place of the entry's if it is another, exist and take the parameters? */
static bool entry_accepted(const struct alloc_instance *in, const struct alloc_conf *c,
			   const char *kind, struct diag *d)
{
	const struct alloc_ops *ops = instance_kind(in, kind);
	enum params_of of = kind == c->kind ? PARAMS_OF_ENTRY : PARAMS_OF_SETS;
	struct param_value *params = NULL;

	if (ops == NULL)
		return unknown_kind(c, kind, d) == 0;
	if (params_resolve(ops, c->node, of, &params, d) != 0)
		return false;
	params_free(ops, params);
	return true;
}

bool system_accepts(const struct machine *m, const char *heap_kind, struct diag *d)
{
	const struct alloc_instance *in = find_instance("fast", m->word);

	for (unsigned i = 0; i < m->nr_allocs; i++) {
		const struct alloc_conf *c = &m->allocs[i];
		bool other = heap_kind != NULL && c == machine_alloc(m, GROUP_HEAP);
		const char *kind = other ? heap_kind : c->kind;

		if (kind != NULL && !entry_accepted(in, c, kind, d))
			return false;
	}
	return true;
}

/* What a group of requests needs its allocator to offer; NULL: it does. */
static const char *lacking(enum alloc_group g, const struct alloc_ops *ops)
{
	switch (g) {
	case GROUP_HEAP:
		return ops->bytes != NULL || ops->pages != NULL ? NULL : "requests of any size";
	case GROUP_EXTRA_HEAP:
	case GROUP_DMA:
		return ops->bytes != NULL ? NULL : "requests of any size";
	case GROUP_PAGES:
		return ops->pages != NULL ? NULL : "pages";
	case GROUP_SLAB:
		return ops->caches != NULL ? NULL : "caches";
	case GROUP_VIRTUAL:
		return ops->maps != NULL && (ops->maps->types & 1u << MAP_VMALLOC) != 0
			       ? NULL
			       : "virtual areas";
	case GROUP_KMAP:
		return ops->maps != NULL && (ops->maps->types & 1u << MAP_KMAP) != 0 ? NULL
										     : "kmaps";
	case GROUP_IOREMAP:
		return ops->maps != NULL && (ops->maps->types & 1u << MAP_IOREMAP) != 0
			       ? NULL
			       : "device mappings";
	case GROUP_KMALLOC:
		return ops->bytes != NULL ? NULL : "kmalloc";
	case GROUP_PERCPU:
		return ops->percpu != NULL ? NULL : "areas with a copy for each CPU";
	case GROUP_CMA:
		return ops->cma != NULL ? NULL : "contiguous ranges";
	case GROUP_STACK:
		return ops->tasks != NULL ? NULL : "kernel stacks";
	case GROUP_ARENA:
		return ops->stack != NULL ? NULL : "pushes and mass frees";
	default:
		return NULL;
	}
}

static int unfit_kind(const struct alloc_conf *c, const struct alloc_ops *ops, const char *what,
		      struct diag *d)
{
	if (strcmp(ops->name, c->kind) != 0)
		return diag_set(d, "", 0, 0,
				"allocator kind '%s' does not serve %s; 'memscape list allocators' "
				"shows what each serves",
				ops->name, what);
	return conf_error(d, c->node,
			  "allocator kind '%s' does not serve %s; 'memscape list allocators' shows "
			  "what each serves",
			  ops->name, what);
}

int system_kind_serves(const struct alloc_conf *c, enum alloc_group g, const struct alloc_ops *ops,
		       struct diag *d)
{
	const char *what = lacking(g, ops);

	return what == NULL ? 0 : unfit_kind(c, ops, what, d);
}

const struct alloc_ops *system_kind(const struct system *s, const struct alloc_conf *c,
				    const struct boot_options *o, struct diag *d)
{
	const char *kind = is_overridden(c, o) ? o->heap_kind : c->kind;
	const struct alloc_ops *ops = instance_kind(s->instance, kind);

	if (ops == NULL) {
		unknown_kind(c, kind, d);
		return NULL;
	}
	return system_kind_serves(c, c->group, ops, d) == 0 ? ops : NULL;
}
