/* Slabs and their objects, put together from the pieces of memory that a walk shows. */
#ifndef UI_TUI_SLAB_PIECES_H
#define UI_TUI_SLAB_PIECES_H

#include "ui/tui/app.h"

struct slab {
	uint64_t base, end;
	uint32_t cache; /* UINT32_MAX: nothing tells */
	unsigned live, free;
	size_t first, last; /* pieces */
	bool known; /* f is filled */
	struct slab_figures f;
};

/* Is it an object of a slab, or what the slab layer keeps of itself in its own caches? */
bool slab_is_object(const struct piece *p);

/*
 * The slabs of an allocator (index in the system), by address: runs of pieces, each begun by
 * a slab header, or by an object numbered 0.  NULL: out of memory.  Owned by the caller.
 * O(pieces).
 */
struct slab *slab_list(struct app *a, unsigned alloc, size_t *nr);

/* What the lists of a slab say of its pieces: in which list each is, and where. */
struct slab_places {
	size_t first, nr; /* pieces */
	struct slab_place {
		uint32_t at; /* in its list, from 1 on; 0: in none */
		uint32_t next; /* number of the object behind it; UINT32_MAX: none */
		bool of_cpu;
	} * v; /* owned */
};

/*
 * Follows the free lists of the slab of pieces first ... last; *f are its figures.  out->v is
 * NULL where the kind tells no lists, or memory is out; else the caller frees it.
 */
void slab_places(struct app *a, unsigned alloc, size_t first, size_t last, struct slab_figures *f,
		 struct slab_places *out);

#endif
