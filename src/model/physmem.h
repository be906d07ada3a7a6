/*
 * Physical memory: the image.
 *
 * The whole physical span is reserved once without access; only RAM is opened,
 * so a hole costs nothing and faults for real.  The window is a power of two and
 * addresses are masked into it: no link in the image, however corrupt, can name
 * host memory.  An inaccessible guard of the same length follows, so that a masked
 * address and a masked distance from it do not either.
 *
 *   window                                                window + mask + 1
 *   | RAM ....... hole (PROT_NONE) ....... RAM .. hole ..| guard ... |
 *
 * `touched` has one bool per MM_TOUCH_BYTES frame, set by each store; the image
 * is the touched frames, all others are zero (or the noise it was filled with).
 */
#ifndef MODEL_PHYSMEM_H
#define MODEL_PHYSMEM_H

#include "model/mem.h"

enum region_kind { REGION_RAM, REGION_FLASH, REGION_ROM, REGION_MMIO };

struct phys_region {
	uint64_t base, bytes;
	enum region_kind kind;
	uint8_t sizes; /* access widths allowed: bit set of 1, 2, 4, 8 */
};

struct physmem {
	uint8_t *window;
	uint64_t mask;
	bool *touched;
	uint64_t frames; /* entries of touched; as many again are there for the guard */
	struct mm_watch *watch; /* told of the processor's own stores (page tables); NULL: nobody */
	const struct phys_region *regions; /* ascending, owned */
	unsigned nr_regions;
	bool host_aligned; /* RAM borders are host page borders: `fast` sees every fault */
	void *mapping; /* with guard, and what the window's alignment left over */
	size_t mapping_bytes;
};

/*
 * Reserves the window and opens RAM.  `regions` are ascending and do not
 * overlap (copied).  `noise` != 0 fills RAM with bytes from that seed (at most
 * 256 MiB of RAM; more is -ERANGE), which makes every RAM frame touched.
 * 0, -ENOMEM (the host refuses the reservation), -ERANGE.
 */
int physmem_init(struct physmem *pm, const struct phys_region *regions, unsigned nr,
		 uint64_t noise) MUST_USE;
void physmem_finish(struct physmem *pm); /* zeroed or finished is fine */

/* Index of the region that holds physical address pa, or -1.  O(log n). */
int physmem_region(const struct physmem *pm, uint64_t pa);

/*
 * A hint, which changes nothing but time and the host's memory: most frames of
 * [pa, pa + bytes), of one region, will be stored to soon, so that the host may back
 * them with large pages.  A first touch then costs 2 MiB, and 1/15 of what its 512
 * small pages would cost.
 */
void physmem_dense(const struct physmem *pm, uint64_t pa, uint64_t bytes);

/* A view of all of it for `owner`; rows, counters and so on are set by the caller. */
void physmem_view(const struct physmem *pm, struct mem *m, uint64_t offset);

/*
 * Copies the touched frames of `from` into `to`,
 * which has the same regions, and untouches others.
 */
void physmem_copy(struct physmem *to, const struct physmem *from);

struct image_hash {
	uint64_t hi, lo;
};

/* XXH3-128 of (frame address, bytes) of all touched frames that are not all zero. O(touched). */
struct image_hash physmem_hash(const struct physmem *pm);

/* Touched frames, for memory figures. */
uint64_t physmem_touched(const struct physmem *pm);

/* Reads raw bytes for display; false when any lies outside RAM. */
bool physmem_read(const struct physmem *pm, uint64_t pa, void *buf, size_t bytes) MUST_USE;

#endif
