/*
 * The only list of allocator kinds.  A new kind is three files (foo.c,
 * foo_layout.h, foo_check.c), one word here and one line in meson.build.  It
 * then is in the command line, the YAML validation, sweeps and the conformance
 * battery.  Each kind's file defines `const struct alloc_ops NAME_ops`.
 */
#ifndef ALLOC_REGISTRY_H
#define ALLOC_REGISTRY_H

#define ALLOCATORS(X) \
	X(bump) \
	X(bins) \
	X(buddy_heap) \
	X(half_fit) \
	X(memblock) \
	X(buddy) \
	X(tlsf) \
	X(first_fit) \
	X(next_fit) \
	X(best_fit) \
	X(worst_fit) \
	X(heap_4) \
	X(pagelist) \
	X(stack) \
	X(slab_array) \
	X(slab_bitmap) \
	X(slab_list) \
	X(slab) \
	X(slub) \
	X(slub_tiny) \
	X(percpu) \
	X(vmalloc) \
	X(kmap) \
	X(ioremap) \
	X(kstack) \
	X(cma)

#endif
