/* buddy: blocks of 2^order pages, split and merged in pairs.  See buddy.c. */
#ifndef ALLOC_BUDDY_H
#define ALLOC_BUDDY_H

#include "alloc/memmap.h"

#define BUDDY_MAX_ORDER 20u

/* The migrate type of every list in use where mobility grouping is off. */
#define BUDDY_ONE_TYPE MIGRATE_UNMOVABLE

#define BUDDY_LOW_ORDERS 4u /* orders 0 ... 3 have per-CPU lists in linux-6 */
#define BUDDY_SCALE_MAX  5u /* a batch of a list is doubled at most that often */

/* Parameters, in the order of the table. */
enum buddy_param {
	BUDDY_P_MAX_ORDER,
	BUDDY_P_RULES,
	BUDDY_P_TYPES,
	BUDDY_P_LISTS,
	BUDDY_P_BLOCK_ORDER,
	BUDDY_P_MIN_FREE,
	BUDDY_P_SCALE
};

/* Whose rules: what `rules` and the machine come to. */
enum buddy_rules { BUDDY_PLAIN, BUDDY_TEXTBOOK, BUDDY_LINUX_4_19, BUDDY_LINUX_6 };

/* Which zones a mask of zones and a node came to last: geometry, so it stays true. */
struct zone_choice {
	uint32_t mask;
	unsigned node;
	unsigned zone; /* the first that may serve; MM_MAX_ZONES: none, or one without memory */
	enum zone_type type; /* of the least precious one that may */
};

struct buddy {
	struct alloc base;
	struct memmap map;
	struct zone_choice choice;
	unsigned max_order; /* inclusive */
	enum buddy_rules rules;
	bool types; /* migrate types: lists of three types, pageblocks */
	bool cma; /* and pageblocks that CMA lends */
	unsigned nr_lists; /* a CPU's lists of a zone; 0: there are none */
	unsigned list_order; /* an order beyond the low ones that has lists; UINT_MAX: none */
	unsigned cpus, nodes;
	uint32_t min_free, scale; /* parameters: KiB; 1/10000 of a zone */
	msize_t ext; /* offset of the extension in a zone record; 0: there is none */
	msize_t pcp_bytes; /* of a CPU's record */
	const uint16_t *node_cpus; /* borrowed; NULL: as many CPUs of each node */
	struct shrinkers *shrinkers; /* borrowed; NULL: nobody gives back */
	const struct page_start *start; /* borrowed; NULL: began with all free */
};

/*
 * The first page of a block of 2^order pages from the first zone of the zonelist
 * that is in req->zone_mask and may give one; PFN_NONE if none may.  O(max_order),
 * and a pageblock where types fall back, and a batch where a list is refilled.
 */
pfn_t buddy_alloc_pages(struct buddy *b, unsigned order, const struct alloc_req *req);

/*
 * Gives back a live block.  MM_EINVAL, and nothing changed, if pfn does not head a
 * live block of that order.  O(max_order), and what is drained.
 */
int buddy_free_pages(struct buddy *b, pfn_t pfn, unsigned order) MUST_USE;

extern const struct alloc_ops buddy_ops;

/* ---- members of buddy_ops ---- */

int buddy_init(struct alloc *a, const struct alloc_env *env) MUST_USE;
int buddy_attach(struct alloc *a, const struct alloc_env *env) MUST_USE;
void buddy_walk(const struct alloc *a, walk_fn *fn, void *ctx);
void buddy_owners(const struct alloc *a, uint64_t pages[NR_PAGE_OWNERS]);
void buddy_tick(struct alloc *a, unsigned cpu, uint64_t ms);

/* Every invariant of buddy.c; O(free blocks + descriptors ever touched). */
int buddy_check(const struct alloc *a, struct check_report *r) MUST_USE;

/* ---- between the files of buddy ---- */

static inline vaddr_t buddy_ext(const struct buddy *b, unsigned zone)
{
	return vaddr_add(memmap_zone(&b->map, zone), b->ext);
}

/* The type whose lists hold pages that nobody has asked for yet. */
static inline unsigned buddy_boot_type(const struct buddy *b)
{
	return b->types ? MIGRATE_MOVABLE : BUDDY_ONE_TYPE;
}

/* The type that a request's pages come from. */
static inline unsigned buddy_type(const struct buddy *b, unsigned asked)
{
	return b->types && asked < MIGRATE_TYPES ? asked : BUDDY_ONE_TYPE;
}

/* buddy_types.c: a block for type mt off the lists, its head not yet set; PFN_NONE: none.
 * `whole`: fall back only to what would take whole pageblocks over. */
pfn_t buddy_take(struct buddy *b, unsigned zone, unsigned order, unsigned mt, bool whole);
/* Puts a block whose range is the hot one on its list, merged. */
void buddy_put(struct buddy *b, pfn_t pfn, unsigned order, unsigned mt);
/* Migrate type of pfn's pageblock; pfn's range is the hot one. */
unsigned buddy_block_type(const struct buddy *b, pfn_t pfn);

/* buddy_pcp.c */
vaddr_t buddy_pcp(const struct buddy *b, unsigned zone, unsigned cpu);
/* The list of a block; UINT_MAX: blocks of that order have none. */
unsigned buddy_list(const struct buddy *b, unsigned order, unsigned mt);
void buddy_list_shape(unsigned list, unsigned *order, unsigned *mt, const struct buddy *b);
pfn_t buddy_pcp_take(struct buddy *b, unsigned zone, unsigned order, unsigned mt, bool whole);
void buddy_pcp_put(struct buddy *b, pfn_t pfn, unsigned order, unsigned mt);
/* All CPUs' lists go back to the free lists; pages that did. */
uint32_t buddy_pcp_drain_all(struct buddy *b);
/* Puts a block at the tail of a list; counts it. */
void buddy_pcp_add_tail(struct buddy *b, vaddr_t pcp, unsigned list, pfn_t pfn, unsigned order,
			unsigned mt);
void buddy_pcp_format(struct buddy *b, unsigned zone);
struct zone_lists buddy_pcp_limits(const struct buddy *b, unsigned zone, unsigned cpu);

/* buddy_marks.c */
struct zone_choice buddy_choose(const struct buddy *b, const struct alloc_req *req);
pfn_t buddy_alloc_marked(struct buddy *b, unsigned order, const struct alloc_req *req);
struct zone_marks {
	uint32_t min, low, high;
	uint32_t reserve[ZONE_TYPES];
};
/* This machine's sizes and rules for the formulas of alloc/rules.h; `zone` is room for them. */
void buddy_rules(const struct buddy *b, struct rules_zone zone[MM_MAX_ZONES], struct zone_rules *r);
struct zone_marks buddy_marks(const struct buddy *b, unsigned zone);
void buddy_marks_format(struct buddy *b);
/* cma: pages that CMA lends count, as they do for movable requests. */
bool buddy_above(const struct buddy *b, unsigned zone, unsigned order, uint32_t mark,
		 enum zone_type type, bool cma);

/* buddy_start.c */
int buddy_start(struct buddy *b, struct alloc *boot) MUST_USE;
int buddy_adopt(struct buddy *b, pfn_t pfn, unsigned order) MUST_USE;
int buddy_split(struct buddy *b, pfn_t pfn, unsigned order) MUST_USE;

/* buddy_cma.c: page_ops' lend_range, claim_range and release_range. */
pfn_t buddy_lend(struct alloc *a, uint32_t pages, uint32_t zone_mask);
int buddy_claim(struct alloc *a, pfn_t pfn, uint32_t nr, struct page_mover *mover) MUST_USE;
int buddy_release(struct alloc *a, pfn_t pfn, uint32_t nr) MUST_USE;
/* buddy_types.c: pages free in CMA pageblocks of a zone become more, or fewer. */
void buddy_add_free_cma(const struct buddy *b, unsigned zone, uint32_t pages);

/* buddy_check_zone.c: what the extension adds to the invariants of zone `zone`. */
int buddy_check_ext(const struct buddy *b, struct check_report *r, unsigned zone,
		    uint32_t listed) MUST_USE;
/* I13 of a free block. */
int buddy_check_type(const struct buddy *b, struct check_report *r, const struct frame_range *range,
		     pfn_t pfn, vaddr_t desc) MUST_USE;

#endif
