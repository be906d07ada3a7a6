/*
 * What a kernel says of its own memory: buddyinfo, zoneinfo, slabinfo, the fragmentation
 * indices and some settings, from a directory of copies or from the running system.
 * Forms of 4.x to 6.x; files that are not there are told as missing.
 */
#ifndef SIM_KERNEL_SNAPSHOT_H
#define SIM_KERNEL_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "model/diag.h"
#include "model/mem.h"
#include "sim/figures.h"

#define KERNEL_MAX_ORDERS  32u
#define KERNEL_MAX_COLUMNS 8u /* zones of a node */
#define KERNEL_NONE        UINT64_MAX /* a number that a file does not have */

enum kernel_file {
	KF_BUDDYINFO,
	KF_ZONEINFO,
	KF_SLABINFO,
	KF_EXTFRAG,
	KF_UNUSABLE,
	KF_PAGETYPEINFO,
	NR_KERNEL_FILES
};

/* One CPU's lists of a zone; before 6.13 the last two are not told. */
struct kernel_lists {
	uint32_t cpu;
	uint64_t count, high, batch, high_min, high_max;
};

struct kernel_zone {
	unsigned node;
	/* as the kernel writes it: "Normal"; in lower case: of a simulated machine */
	char name[32];
	enum zone_type type;
	bool device; /* ZONE_DEVICE: has no pages of the allocator */
	bool has_info; /* in zoneinfo; the figures up to `lists`, KERNEL_NONE where not told */
	uint64_t min, low, high, promo, boost, spanned, present, managed;
	uint64_t protection[KERNEL_MAX_COLUMNS];
	unsigned nr_protection;
	struct kernel_lists *lists; /* owned */
	unsigned nr_lists, cap_lists;
	/* The three tables; orders told, 0: the zone is not in it. */
	unsigned orders, unusable_orders, extfrag_orders;
	struct free_area area;
	int unusable[KERNEL_MAX_ORDERS], extfrag[KERNEL_MAX_ORDERS]; /* permille */
};

struct kernel_cache {
	char name[64];
	uint64_t object_size, objects_per_slab, pages_per_slab;
	uint64_t limit, batch, shared; /* of classic SLAB; 0 with SLUB */
};

/* CPUs of a node, 0: not told. */
struct kernel_node {
	unsigned cpus;
	bool told;
};

struct kernel_snapshot {
	bool has[NR_KERNEL_FILES];
	struct kernel_zone *zone; /* owned; ascending by node, then as in the files */
	unsigned nr_zones, cap_zones;
	struct kernel_cache *cache; /* owned */
	unsigned nr_caches, cap_caches;
	bool slab; /* classic SLAB: every cache has tunables */
	bool node_stats; /* zoneinfo has them: 4.8 or later */
	unsigned nodes, online; /* nodes named (largest + 1); CPUs that zoneinfo lists */
	struct kernel_node node[256];
	unsigned version; /* 6018 for 6.18; 0: not told */
	unsigned page_shift; /* 0: not told */
	unsigned block_order; /* of pagetypeinfo; 0: not told */
	unsigned present_cpus, possible_cpus; /* 0: not told */
	uint64_t min_free_kbytes, scale, fraction, mem_total_kb; /* KERNEL_NONE: not told */
	uint64_t ratio[KERNEL_MAX_COLUMNS];
	unsigned nr_ratios;
	uint64_t slab_order, slab_least_order, slab_least_objects; /* of the command line */
};

/*
 * Reads DIR, laid out flat or as /proc and /sys are; NULL as dir: the running kernel.
 * NULL with *d: out of memory, no file of a kernel there, or file, line and column of
 * what is wrong.  Files may be compressed with zstd.
 */
struct kernel_snapshot *kernel_snapshot_load(const char *dir, struct diag *d) MUST_USE;
void kernel_snapshot_free(struct kernel_snapshot *k); /* NULL is fine */

/* Nothing told yet; NULL: out of memory.  After the parsers, settle puts zones in order. */
struct kernel_snapshot *kernel_snapshot_new(void);
void kernel_snapshot_settle(struct kernel_snapshot *k);

/* ---- parsers: text with a zero behind it; 0, or -1 with *d ---- */

int kernel_read_buddyinfo(struct kernel_snapshot *k, const char *text, const char *file,
			  struct diag *d) MUST_USE;
int kernel_read_zoneinfo(struct kernel_snapshot *k, const char *text, const char *file,
			 struct diag *d) MUST_USE;
int kernel_read_slabinfo(struct kernel_snapshot *k, const char *text, const char *file,
			 struct diag *d) MUST_USE;
int kernel_read_extfrag(struct kernel_snapshot *k, const char *text, const char *file,
			struct diag *d) MUST_USE;
int kernel_read_unusable(struct kernel_snapshot *k, const char *text, const char *file,
			 struct diag *d) MUST_USE;
int kernel_read_pagetypeinfo(struct kernel_snapshot *k, const char *text, const char *file,
			     struct diag *d) MUST_USE;

#endif
