/*
 * A booted machine: physical memory, its allocators, who serves what.
 *
 * Boot: the region manager takes all RAM, the arenas of `from: boot` heaps are
 * carved, the page allocator gets what its zones have left, and the rest is
 * built on pages.  Only what the trace's groups need is booted.
 */
#ifndef SIM_SYSTEM_H
#define SIM_SYSTEM_H

#include "alloc/alloc.h"
#include "model/fault.h"
#include "model/machine.h"
#include "model/mmu.h"
#include "model/physmem.h"
#include "sim/ledger.h"

#define SYS_MAX_ARENAS 64u /* of the arena group, live at once */
#define SYS_MAX_ALLOCS (24u + SYS_MAX_ARENAS - 1)

/* What to boot beyond what the machine file says. */
struct boot_options {
	const char *port; /* "fast" or "checked" */
	uint32_t groups; /* bit set of 1 << enum trace_group that the trace uses */
	const char
		*heap_kind; /* --alloc: the kind that serves the heap group; NULL: the machine's */
	bool any_kind; /* heap_kind is one of many: parameters that it lacks are not for it */
	uint64_t heap_bytes; /* arena of the heap group; 0: as the machine says */
	uint64_t heap_shift; /* bytes left free before that arena, to see what its place changes */
	bool no_types; /* the control of --expect: page allocators without migrate types */
	bool tree_index; /* fit: list kinds in their equal-deciding indexed form */
	const struct page_start *start; /* --start: the page allocator begins from it; NULL: all free */
	struct mm_range desc_place; /* of its descriptors, with a start state */
	uint64_t noise; /* seed to fill RAM with; 0: zero */
};

/* Owners of resources: the machine's regions and reserved ranges; else an index in the trace's
 * strings. */
#define RESOURCE_REGION   0x80000000u
#define RESOURCE_RESERVED 0xc0000000u

struct sys_alloc {
	const char *name; /* of the entry, in reports; own_name for a further arena */
	char own_name[32];
	const struct alloc_conf *conf; /* NULL: the region manager */
	const struct alloc_ops *ops;
	struct alloc *alloc; /* owned handle */
	struct alloc *walker; /* owned: same kind, checked instance, read-only view */
	struct mem view, walker_view;
	struct alloc_env env, walker_env;
	struct param_value *params; /* owned, with its lists */
	struct page_source source, walker_source;
	struct mm_range arena; /* bytes 0: grown from pages */
	uint64_t footprint; /* bytes taken from the machine: pages held, or of an arena: */
	uint64_t reached; /* its high-water mark, bytes */
	uint64_t low_used, high_used; /* its parts, if it is filled from both ends, bytes */
	uint64_t dense; /* low_used at which dense_grown is due, bytes */
	unsigned owner; /* in the ledger */
	bool pages_as_heap; /* a page allocator that serves bytes by rounding up */
	void *arena_zone; /* its one zone; owned */
};

/* Does it serve requests of bytes, or of a stack? */
static inline bool sys_is_heap(const struct sys_alloc *a)
{
	return a->ops->bytes != NULL || a->ops->stack != NULL || a->pages_as_heap;
}

struct system {
	const struct machine *machine; /* borrowed */
	struct physmem pm;
	struct mm_shared sh;
	struct ledger ledger;
	const struct alloc_instance *instance, *checked;
	struct sys_alloc allocs[SYS_MAX_ALLOCS];
	unsigned nr_allocs, nr_booted; /* behind those booted: further arenas */
	struct sys_alloc *group[NR_GROUPS]; /* who serves a group; NULL: nobody */
	struct sys_alloc *by_conf[SYS_MAX_ALLOCS]; /* index as in machine->allocs */
	struct sys_alloc *boot, *pages; /* NULL without */
	struct shrinkers shrinkers; /* of pages: every booted kind that has one */
	struct zone_desc *zones; /* owned */
	struct pfn_range *ranges; /* owned */
	uint64_t offset; /* of the linear view */
	struct mmu mmu; /* without one, or without page tables booted, its top is 0 */
	struct vm_layout vm; /* what VIRTUAL kinds are told */
	struct mm_range *direct; /* vm.direct; owned */
	struct mm_resource *resources; /* vm.resources; owned */
};

/*
 * Boots.  0, or -1 with *d (an unknown kind or parameter, an arena that does not
 * fit, a kind whose init refuses) and everything released.
 */
int system_boot(struct system *s, const struct machine *m, const struct boot_options *o,
		struct diag *d) MUST_USE;
void system_finish(struct system *s); /* zeroed is fine */

/*
 * Do the kinds of a machine exist, `heap_kind` (NULL: the machine's) in the place of the heap's,
 * and take the parameters they are given?  No, with *d: what and where.  Boots nothing.
 */
bool system_accepts(const struct machine *m, const char *heap_kind, struct diag *d) MUST_USE;

/*
 * Stack allocator k of the arena group: 0 is the booted one, 1 and up were added as the
 * trace needed them, up to nr_allocs - nr_booted.
 */
struct sys_alloc *system_arena(struct system *s, unsigned k);

/*
 * A further stack allocator for the arena group, of the kind and with the parameters of
 * the booted one, which grows from pages: allocs[nr_allocs - 1] then.  Its memory is not
 * formatted.  NULL with *d: out of host memory, or SYS_MAX_ARENAS are there.
 */
struct sys_alloc *system_add_arena(struct system *s, struct diag *d) MUST_USE;
void system_drop_arena(struct system *s); /* the last one added, whatever it holds */

/* All stores of all allocators from now on tell w, in the checked port; NULL: nobody. */
void system_watch(struct system *s, struct mm_watch *w);

const struct alloc_ops *instance_kind(const struct alloc_instance *in, const char *kind);

/* The instance of a port and a word size, NULL: none. */
const struct alloc_instance *find_instance(const char *port, unsigned word);

/* (Re)attaches a's walker to the image as it is; returns it. Never changes a byte. */
struct alloc *system_walker(struct system *s, struct sys_alloc *a);

/* get_order: the least order whose block of pages holds `bytes` (0 counts as 1). */
static inline unsigned system_order(const struct system *s, uint64_t bytes)
{
	uint64_t pages = bytes == 0 ? 1 : (bytes - 1) >> s->machine->page_shift;

	return bytes == 0 || pages == 0 ? 0 : msb(pages) + 1;
}

/* Whose keys of an `allocators` entry count. */
enum params_of {
	PARAMS_OF_ENTRY, /* all */
	PARAMS_OF_SETS,  /* --alloc names another kind: those of --set, not the file's */
	PARAMS_IF_KNOWN  /* likewise, where it has such a one: many kinds are tried */
};

/*
 * Resolves an entry's parameters against its kind: every key that counts and is not the
 * description's own must be one.  Allocates *out (free with params_free).
 */
int params_resolve(const struct alloc_ops *ops, const struct conf_node *node, enum params_of of,
		   struct param_value **out, struct diag *d) MUST_USE;
void params_free(const struct alloc_ops *ops, struct param_value *v);

#endif
