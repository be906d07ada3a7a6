/*
 * A machine description, validated: what a YAML file under configs/ says.
 *
 * Everything is owned by the machine and lives until machine_free.  Lists keep
 * the file's order except regions, which are ascending by base.
 */
#ifndef MODEL_MACHINE_H
#define MODEL_MACHINE_H

#include "model/conf.h"
#include "model/diag.h"
#include "model/physmem.h"

enum mmu_kind { MMU_NONE, MMU_X86_32, MMU_X86_PAE, MMU_X86_64 };
enum rule_set { RULES_TEXTBOOK, RULES_LINUX_4_19, RULES_LINUX_6 };

struct region {
	const char *name;
	uint64_t base, bytes;
	enum region_kind kind;
	bool cacheable, executable, volatile_;
	const char *bus;           /* bus or power domain: "AXI D1"; "" */
	uint32_t read_cycles, write_cycles;
	uint8_t sizes;             /* access widths allowed: bit set of 1, 2, 4, 8 */
	uint8_t node;              /* NUMA node */
	bool big_endian;           /* MMIO: its registers are */
	const struct conf_node *conf; /* where it stands in the file, for messages */
};

struct reserved_range {
	const char *name;  /* "firmware_ram" */
	const char *owner; /* "firmware .data/.bss", "kernel image", "BIOS"; default the name */
	uint64_t base, bytes; /* inside one region */
	const struct conf_node *conf;
};

/* A bus master and what it reaches: whole regions and/or an address range. */
struct master {
	const char *name;
	uint64_t regions;   /* bit i: region i is reached, wholly */
	uint64_t partly;    /* bit i: part of region i is reached, by address */
	/* bit z: zone z is wholly reachable (each is wholly one or the other) */
	uint32_t zones;
	uint64_t base, end; /* the address range it reaches besides, end exclusive; 0, 0: none */
	const struct conf_node *conf;
};

struct zone_conf {
	const char *name;   /* lower case: dma, normal, highmem, d1_axi, ... */
	/*
	 * Page-aligned ranges of RAM, ascending; a range
	 * lies in one region (unless merge_regions).
	 */
	struct zone_range {
		uint64_t base, bytes;
		unsigned region;
	} *ranges;
	unsigned nr_ranges; /* 0: its RAM holds no whole page */
	uint64_t pages;     /* in all ranges, before anything is reserved or carved */
	bool highmem;       /* not in the kernel's direct map */
	unsigned node;      /* of all its ranges */
	/* zone whose memory holds its page descriptors; -1: each range its own */
	int desc_zone;
	const struct conf_node *conf;
};

struct virtual_conf {
	uint64_t page_offset;   /* kernel/user split: first kernel address; 0 without an MMU */
	uint64_t direct_base;   /* first physical address of the direct map */
	uint64_t direct_bytes;  /* of the direct map (lowmem) that RAM reaches into */
	uint64_t lowmem_max;    /* bytes it could hold: MAXMEM; without an MMU UINT64_MAX */
	uint64_t vmalloc_start, vmalloc_end, vmalloc_offset;
	uint64_t pkmap_base, pkmap_pages, fixmap_top;
};

struct cache_conf {
	const char *name;
	uint64_t bytes;
	uint32_t ways, line, hit_cycles, miss_cycles;
};

struct tlb_conf {
	const char *name;
	uint32_t entries, ways, hit_cycles, miss_cycles;
};

/* Which group of requests an entry of `allocators` serves. */
enum alloc_group {
	GROUP_HEAP,
	GROUP_PAGES,
	GROUP_CMA,
	GROUP_SLAB,
	GROUP_KMALLOC,
	GROUP_VIRTUAL,
	GROUP_STACK,
	GROUP_ARENA,
	GROUP_DMA,
	GROUP_KMAP,
	GROUP_IOREMAP,
	GROUP_PERCPU,
	NR_GROUPS,
	GROUP_EXTRA_HEAP = NR_GROUPS
};

/*
 * An entry of `allocators`.  `kind` and `params` are validated against the
 * registry by the simulation, which knows it; their nodes carry the positions.
 *
 * Where its memory comes from:
 *   from: boot    a contiguous arena carved by the region manager before the page
 *                 allocator takes the rest (region: the region, default the largest
 *                 contiguous directly mapped one; bytes: 0 = all there is)
 *   from: pages   grown from the page allocator (zones: those that may serve it)
 *   from: slab    kmalloc: no memory of its own, its caches are the slab layer's
 */
struct alloc_conf {
	const char *name;   /* in reports: "main" for the heap group's, else the key */
	enum alloc_group group;
	const char *kind;   /* NULL for GROUP_DMA only: whole pages of the page allocator */
	bool from_pages;
	bool from_slab;     /* kmalloc only, without a kind: the slab group's allocator serves it */
	int region;         /* from boot: index, -1: the largest */
	uint64_t bytes;     /* from boot: arena size, 0: all */
	uint32_t zones;     /* from pages: zone mask, UINT32_MAX: any */
	const struct conf_node *node; /* the whole entry: kind's parameters are its other keys */
};

/* A placement rule; the first whose conditions all hold decides. */
struct placement_rule {
	const char *name;
	uint64_t size_min, size_max; /* bytes, inclusive; 0 ... UINT64_MAX: any */
	const char *tag, *site;      /* glob patterns; NULL: any */
	int master;                  /* index; -1: any request, whatever its master */
	bool dma;                    /* only dma_alloc requests */
	int heap;                    /* index in `allocs`; -1: by zones */
	uint32_t zones;              /* with heap == -1: pages of these zones */
	const struct conf_node *conf;
};

/* Limits of a description: the masks above have that many bits. */
#define MACHINE_MAX_REGIONS 64u
#define MACHINE_MAX_ZONES   16u
#define MACHINE_MAX_MASTERS 64u
#define MACHINE_MAX_ALLOCS  23u

struct machine {
	const char *name, *variant, *summary; /* variant "" when none was chosen */
	unsigned word;           /* bytes: 4 or 8 */
	unsigned cpus, nodes;
	enum mmu_kind mmu;
	enum rule_set rules;
	unsigned cache_line;     /* bytes */
	unsigned malloc_align;   /* bytes; default 8 */
	bool strict_align;       /* the target faults on misaligned accesses */
	unsigned page_shift;
	unsigned desc_stride;    /* bytes; 0: the real size of ours */
	bool merge_regions;
	bool desc_one_region;    /* all descriptor arrays into desc_region */
	int desc_region;

	struct region *regions;            unsigned nr_regions;
	struct reserved_range *reserved;   unsigned nr_reserved;
	struct master *masters;            unsigned nr_masters;
	struct zone_conf *zones;           unsigned nr_zones;
	/* NUMA; NULL on a machine of one node. */
	/* nodes x nodes: from a node (row) to another; 10: itself */
	uint8_t *distance;
	uint8_t *cpu_node;                 /* of each CPU */
	/* nodes x nr_zones: zonelist for requests of each node */
	uint8_t *zonelists;
	uint16_t *node_cpus;               /* CPUs of each node */
	/* nr_zones indices: order in which an unconstrained page request tries zones */
	uint8_t *zonelist;
	struct virtual_conf virt;
	struct cache_conf *caches;         unsigned nr_caches;
	struct tlb_conf *tlbs;             unsigned nr_tlbs;
	struct alloc_conf *allocs;         unsigned nr_allocs;
	struct placement_rule *placement;  unsigned nr_placement;
	int boot_region;                   /* where the region manager's table lies; index */

	char hash[33];           /* hex XXH3-128 of the resolved tree (variant and --set applied) */
	struct conf_tree *tree;  /* owned; nodes of allocs point into it */
};

/*
 * Finds and loads a machine.  `name` is a path, or the name of a shipped machine
 * looked up in $MEMSCAPE_DATA, configs/ beside the build tree's executable, and
 * the installed data folder.  `variant` may be NULL.  `sets` are --set
 * assignments, applied after the variant, left to right.  NULL with *d.
 */
struct machine *machine_load(const char *name, const char *variant, const char *const *sets,
			     size_t nr_sets, struct diag *d) MUST_USE;

/* The same from text; `name` is for messages. */
struct machine *machine_load_text(const char *text, size_t bytes, const char *name,
				  const char *variant, const char *const *sets, size_t nr_sets,
				  struct diag *d) MUST_USE;
void machine_free(struct machine *m); /* NULL is fine */

/* Index by name (case-insensitive), or -1. */
int machine_region(const struct machine *m, const char *name);
int machine_zone(const struct machine *m, const char *name);
int machine_master(const struct machine *m, const char *name);

/* The words of a machine file: "x86-pae", "linux-6", "flash"; "heaps" for GROUP_EXTRA_HEAP. */
const char *machine_mmu_word(enum mmu_kind mmu);
const char *machine_rules_word(enum rule_set rules);
const char *machine_kind_word(enum region_kind kind);
const char *machine_group_word(enum alloc_group group);

/* The entry that serves a group; NULL: none does. */
const struct alloc_conf *machine_alloc(const struct machine *m, enum alloc_group group);

/* Bytes of RAM in all regions. */
uint64_t machine_ram(const struct machine *m);

/* Bytes of a page descriptor: desc_stride, or the real size of ours. */
unsigned machine_desc_bytes(const struct machine *m);

/* Bytes of the largest contiguous run of region r that is directly mapped and not reserved. */
uint64_t machine_room(const struct machine *m, unsigned r);

/* Names of the shipped machines, for lists: calls fn for each found. */
void machine_list(void (*fn)(void *ctx, const char *name, const char *path), void *ctx);

/* The variants of a machine file: name and summary. */
int machine_variants(const char *name,
		     void (*fn)(void *ctx, const char *variant, const char *summary), void *ctx,
		     struct diag *d) MUST_USE;

#endif
