/*
 * A world: one allocator kind of one instance, on a machine of one geometry, with
 * one choice of parameters, and whatever it stands on (region manager, pages).
 *
 * Words: a *scene* names a world without building it; a *geometry* is the memory
 * map and what of it the kind gets; a *variant* is a numbered choice of the
 * kind's parameters; the *observer* is a second set of handles on the same image,
 * of the checked instance, attached and read-only, through which every walk and
 * check goes, so that neither can change a byte.
 */
#ifndef TESTS_WORLD_H
#define TESTS_WORLD_H

#include "lib/rig.h"

enum setting {
	SETTING_ARENA = 1 << 0, /* one fixed range */
	SETTING_GROWN = 1 << 1, /* from pages */
	SETTING_ZONES = 1 << 2, /* the page level itself */
	SETTING_BOOT = 1 << 3 /* the region manager itself */
};

#define GEO_MAX_ZONES  3u
#define GEO_MAX_RANGES 3u
#define GEO_MAX_NODES  2u

struct geo_zone {
	const char *name;
	struct pfn_range ranges[GEO_MAX_RANGES];
	unsigned nr_ranges;
	int desc_zone;
	unsigned node;
};

struct geometry {
	const char *name;
	enum setting setting;
	const char *pages; /* GROWN: the kind that gives pages */
	unsigned page_shift; /* 0: 12 */
	unsigned align[2]; /* malloc alignment for words 4 and 8; 0: 8 and 16 */
	bool direct; /* the linear view has an offset, as on x86 */
	bool mmu; /* for kinds that map virtual addresses, and for them alone; direct as well */
	bool pae; /* words of 4: PAE instead of two levels */
	unsigned nodes; /* 0: 1; else the kind has a kernel's rules, and operations come from all CPUs */
	bool tiny; /* for exhaustive runs and mutation: as small as it gets */
	struct mm_range arena; /* ARENA: physical */
	struct phys_region regions[4];
	struct geo_zone zones[GEO_MAX_ZONES];
	unsigned nr_zones;
};

/* Ends with a geometry without name. */
extern const struct geometry geometries[];

struct scene {
	const struct alloc_instance *in;
	const struct alloc_ops *ops;
	const struct geometry *geo;
	unsigned variant;
};

/* A bus of devices in geometries with an MMU, beyond all RAM. */
#define WORLD_BUS       0x40000000ull
#define WORLD_BUS_BYTES 0x100000ull

/* Does this geometry make sense for that kind at all? */
bool geometry_fits(const struct geometry *geo, const struct alloc_ops *ops);

/* Variants of a kind: 0 are the defaults; then every combination of the choices and one at a
 * time the extremes of the numbers.  At most VARIANT_MAX. */
#define VARIANT_MAX 24u
unsigned variant_count(const struct alloc_ops *ops);
/* Words like "order=1 index=0", for messages. */
void variant_name(const struct alloc_ops *ops, unsigned variant, char *buf, size_t n);

#define WORLD_LAYERS 4u

struct world {
	struct scene sc;
	struct rig g; /* the machine and the handles under test */
	struct rig obs; /* the observer: shares g's image */
	struct alloc *layer[WORLD_LAYERS]; /* lowest first; the last is the kind under test */
	struct alloc *seen[WORLD_LAYERS]; /* the same, as the observer has them */
	unsigned nr;
	struct alloc *top; /* the kind under test */
	struct rig_owner *own; /* its owner */
	struct zone_desc zones[GEO_MAX_ZONES];
	uint8_t zonelist[GEO_MAX_ZONES];
	uint8_t zonelists[GEO_MAX_NODES * GEO_MAX_ZONES]; /* of a geometry with several nodes */
	struct vm_layout vm;
	struct mm_range direct; /* the direct map shows region 1 */
	struct mm_resource resources[2]; /* region 1, and a bus */
	sigjmp_buf home; /* where a bug or a fault unwinds to: the case */
	bool shared_image; /* g.pm belongs to another world */
};

/* A page request of GROWN worlds that fails: the at-th (from 1; 0: none), and all later ones. */
struct world_failure {
	uint64_t at;
	bool persistent;
};

/*
 * Builds the world of `sc` in *w (any content).  0, or what init of the kind
 * under test returned; then the world has no top, but its lower layers stand.
 * Lower layers that refuse fail the test.  `noise` fills RAM.
 */
int world_build(struct world *w, const struct scene *sc, uint64_t noise, struct world_failure f);
void world_finish(struct world *w);

/* The same world on a copy of the image, its handles made by attach. */
void world_copy(struct world *to, const struct world *from);

/*
 * A bug or fault unwinds to here: use as
 *   if (sigsetjmp(w->home, 0) != 0) world_unwound(w);
 * after which operations on w may be made.
 */
_Noreturn void world_unwound(struct world *w);

/* check() of every layer, through the observer. */
void world_check(struct world *w);
/* Walk of every layer through the observer, painted, equals the ledger. */
void world_ledger(struct world *w);

/* The request `size`, `align` with every zone allowed. */
static inline struct alloc_req world_req(msize_t size, msize_t align)
{
	return (struct alloc_req){.size = size, .align = align, .zone_mask = UINT32_MAX};
}

/* Host address of byte `va` of the image, or NULL outside RAM. */
uint8_t *world_host(const struct world *w, uint64_t va, uint64_t bytes);

struct image_hash world_hash(const struct world *w);

static inline bool hash_equal(struct image_hash a, struct image_hash b)
{
	return a.hi == b.hi && a.lo == b.lo;
}

/* Kinds may differ from the rule in documented ways: tests/conformance/exceptions.txt. */
bool excepted(const char *kind, const char *topic);

/* Deterministic numbers: Steele, Lea, Flood, "Fast splittable pseudorandom number generators",
 * OOPSLA 2014. */
struct prng {
	uint64_t s;
};

static inline uint64_t prng_next(struct prng *p)
{
	uint64_t z = p->s += 0x9E3779B97F4A7C15ull;

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
	return z ^ (z >> 31);
}

/* 0 ... n - 1; n is not 0. */
static inline uint64_t prng_below(struct prng *p, uint64_t n)
{
	return prng_next(p) % n;
}

#endif
