/*
 * Inside of the machine loader: the parts of a description, read in this order,
 * each relying on those before it.  Shared by machine_*.c only.
 */
#ifndef MODEL_MACHINE_BUILD_H
#define MODEL_MACHINE_BUILD_H

#include "model/machine.h"
#include "model/machine_fields.h"

/* The top level of a machine file; NULL: the part is not there. */
struct machine_parts {
	const struct conf_node *machine, *page, *regions, *reserved, *masters, *zones, *zonelist,
		*numa, *virtual, *caches, *tlb, *allocators, *placement, *variants;
};

struct build {
	struct machine *m;
	struct machine_parts part;
	const struct conf_node *root;
	struct diag *d;
	const struct conf_node *boot_region,
		*descriptors; /* names, resolved once there are regions */
};

/* machine_core.c: the blocks `machine`, `page`, `caches` and `tlb` */
int build_core(struct build *b) MUST_USE;
int build_caches(struct build *b) MUST_USE;

/* machine_regions.c: `regions`, `reserved`, and where boot and descriptors go */
int build_regions(struct build *b) MUST_USE;
int build_reserved(struct build *b) MUST_USE;
int build_places(struct build *b) MUST_USE;

/* machine_virtual.c: `virtual`: the split and the end of lowmem */
int build_virtual(struct build *b) MUST_USE;

/* machine_zones.c: `zones`, `zonelist`; machine_masters.c: `masters` */
int build_zones(struct build *b) MUST_USE;
int build_masters(struct build *b) MUST_USE;

/* machine_numa.c: `numa`: distances, CPUs of nodes; zonelists of nodes */
int build_numa(struct build *b) MUST_USE;

/* machine_allocs.c: `allocators`; machine_placement.c: `placement` */
int build_allocs(struct build *b) MUST_USE;
int build_placement(struct build *b) MUST_USE;

/* machine_hash.c */
void build_hash(struct build *b);

/* ---- helpers, machine_names.c ---- */

/*
 * Space for the entries of a list of named mappings: `bytes` each, zeroed, into
 * *out and *nr.  NULL as node: none.  Names must differ.
 */
int build_list(struct build *b, const struct conf_node *n, const char *what, unsigned max,
	       size_t bytes, void *out, unsigned *nr) MUST_USE;

enum name_kind { NAME_REGION, NAME_ZONE, NAME_MASTER, NAME_HEAP };

/* The index a text node names, or an error with the names there are. */
int build_find(struct build *b, const struct conf_node *n, enum name_kind kind,
	       unsigned *out) MUST_USE;

/* The choices of `endian`: its index is 1 for big. */
extern const char *const build_endian_words[];

/* A name, a list of names, or `all`, as a bit set. */
int build_mask(struct build *b, const struct conf_node *n, enum name_kind kind,
	       uint64_t *out) MUST_USE;

/* An address, or `lowmem`: the end of the direct map.  NULL as node leaves *out. machine_zones.c */
int build_address(struct build *b, const struct conf_node *n, uint64_t *out) MUST_USE;

/* Bytes that [a, a + na) and [b, b + nb) have in common. */
uint64_t build_overlap(uint64_t a, uint64_t na, uint64_t b, uint64_t nb);

#endif
