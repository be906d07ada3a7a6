/*
 * What a kernel computes from sizes alone, without looking at a page: watermarks,
 * reserves, limits of per-CPU lists, orders of slabs.  Pure functions: the page
 * allocator and the slab layer call them when they boot, and a comparison with a real
 * kernel calls them with that kernel's sizes, through struct alloc_instance.
 *
 * Kernels differ; every difference is a switch here, with the version that brought it.
 */
#ifndef ALLOC_RULES_H
#define ALLOC_RULES_H

#include <stdbool.h>
#include <stdint.h>

#define RULES_MAX_ZONES 192u

/* A zone's share in the sums; zones are in any order. */
struct rules_zone {
	uint32_t managed; /* pages */
	uint8_t type; /* enum zone_type */
	uint16_t node;
};

enum rules_step {
	STEP_MIN, /* textbook: low and high are twice and three times min */
	STEP_QUARTER, /* before 4.6: a quarter of the share, and a half */
	STEP_SCALE /* 4.6: at least watermark_scale_factor of the zone */
};

enum rules_lists {
	LISTS_BATCH_512K, /* before 4.19: batch of at most 512 KiB / 4; high = 6 batch */
	LISTS_BATCH, /* 4.19: 1 MiB / 4 */
	LISTS_SPLIT, /* 5.14: high is the CPU's share of the low watermark */
	LISTS_TUNED /* 6.7: between that and a share of the zone */
};

struct zone_rules {
	const struct rules_zone *zone; /* borrowed */
	unsigned nr_zones, page_shift;
	enum rules_step step;
	enum rules_lists lists;
	bool movable_capped; /* 6.6: min of a movable zone is that of a highmem zone */
	bool empty_keeps_none; /* 5.8: a zone without pages reserves none */
	/* some 6.16: nothing is kept from requests for a zone without pages */
	bool empty_asks_none;
	uint32_t min_free_kbytes;
	uint32_t scale; /* watermark_scale_factor, 1/10000 of a zone */
	uint32_t ratio[5]; /* lowmem_reserve_ratio by enum zone_type; 0: reserves none */
	uint32_t fraction; /* percpu_pagelist_(high_)fraction; 0: not set */
};

struct rules_marks {
	uint32_t min, low, high, promo; /* pages */
};

struct rules_limits {
	uint32_t batch, high_min, high_max; /* pages; before 6.7 both highs are `high` */
};

/* What decides the order of a slab, beside the size of an object. */
struct slab_rules {
	bool loops; /* before 6.7: fewer objects are tried before more waste is allowed */
	unsigned page_shift;
	unsigned nr_cpus; /* present (5.12) or possible ones */
	unsigned slab_order; /* largest order chosen for the sake of little waste: 3, SLUB_TINY 1 */
	unsigned max_order; /* largest block of the page allocator */
	unsigned least_order, least_objects; /* slub_min_order, slub_min_objects; 0: not set */
};

/* Where classic SLAB, 4.6 and later, keeps a slab's free list: the cache's flags decide. */
enum rules_list { LIST_IN_OBJECT, LIST_OUTSIDE, LIST_INSIDE, NR_RULES_LISTS };

struct rules_slab {
	unsigned order;
	uint32_t objects; /* 0: no block holds one */
};

/* What of a cache of Linux 2.6 decides its slabs, beside the size of an object. */
struct rules_record {
	uint32_t bytes; /* of a slab's record, without the four bytes an object */
	uint32_t align; /* of objects */
	bool outside; /* the record lies elsewhere */
	bool reclaimable; /* the cache takes the first order that holds an object */
};

struct rules_ops {
	/* min_free_kbytes by the square root of lowmem, at most `most` KiB. */
	uint32_t (*min_free_kbytes)(const struct zone_rules *r, uint32_t most);
	/* What khugepaged raises it to, for `zones` zones and huge pages of 2^order pages; KiB. */
	uint32_t (*huge_min_free)(const struct zone_rules *r, unsigned zones, unsigned order);
	struct rules_marks (*marks)(const struct zone_rules *r, unsigned zone);
	/* Pages that a zone keeps from requests that zones up to `type` of its node could serve. */
	uint32_t (*reserve)(const struct zone_rules *r, unsigned zone, unsigned type);
	/* Limits of a CPU's lists of a zone, where `cpus` share it, and `low` is its watermark. */
	struct rules_limits (*limits)(const struct zone_rules *r, unsigned zone, uint32_t low,
				      unsigned cpus);
	/* SLUB's slab for objects of `size` bytes, all that goes with them included. */
	struct rules_slab (*slub)(const struct slab_rules *r, uint32_t size);
	/* Classic SLAB's; slab_order 1.  objects 0: such a list cannot be.  `reclaimable`: the
	 * cache takes the first order that holds an object. */
	struct rules_slab (*classic)(const struct slab_rules *r, uint32_t size,
				     enum rules_list list, bool reclaimable);
	/* Linux 2.6's; *left: bytes lost, as far as the record does not take them. */
	struct rules_slab (*record)(const struct slab_rules *r, uint32_t size,
				    const struct rules_record *c, uint32_t *left);
};

extern const struct rules_ops kernel_rules;

/* Between the files of the rules. */
struct rules_slab slub_slab(const struct slab_rules *r, uint32_t size);
struct rules_slab classic_slab(const struct slab_rules *r, uint32_t size, enum rules_list list,
			       bool reclaimable);
struct rules_slab record_slab(const struct slab_rules *r, uint32_t size,
			      const struct rules_record *c, uint32_t *left);

#endif
