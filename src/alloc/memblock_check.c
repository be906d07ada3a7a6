/* memblock: the checker of invariants I1 to I5 of memblock.c. */
#include "alloc/memblock.h"
#include "alloc/memblock_layout.h"

static vaddr_t end_of(struct mm_range x)
{
	return vaddr_add(x.base, x.bytes);
}

/* I2, I3: the entries in slots first, first + step, ... are sorted; `gap` keeps them apart. */
static int check_sorted(const struct memblock *mb, struct check_report *r, unsigned nr,
			unsigned (*slot)(const struct memblock *mb, unsigned i), msize_t gap,
			const char *invariant)
{
	struct mm_range last = {{0}, 0};

	for (unsigned i = 0; i < nr; i++) {
		vaddr_t at = memblock_slot(mb->base.root, slot(mb, i));
		struct mm_range x = memblock_entry(mb->base.m, mb->base.root, slot(mb, i));

		if (end_of(x).v <= x.base.v)
			return check_fail(r, invariant, at, x.bytes, 1);
		if (i > 0 && x.base.v < end_of(last).v + gap)
			return check_fail(r, invariant, at, x.base.v, end_of(last).v + gap);
		last = x;
	}
	return 0;
}

/* I4: one reserved range holds the whole table. */
static int check_self(const struct memblock *mb, struct check_report *r, unsigned nr)
{
	vaddr_t end = memblock_slot(mb->base.root, mb->capacity);

	for (unsigned i = 0; i < nr; i++) {
		struct mm_range x = memblock_entry(mb->base.m, mb->base.root, reserved_slot(mb, i));

		if (x.base.v <= mb->base.root.v && end.v <= end_of(x).v)
			return 0;
	}
	return check_fail(r, "I4: the table reserves itself", mb->base.root, 0, 1);
}

int memblock_check(const struct alloc *a, struct check_report *r)
{
	const struct memblock *mb = (const struct memblock *)a;
	unsigned memory = memblock_word(a->m, a->root, MEMBLOCK_NR_MEMORY);
	unsigned reserved = memblock_word(a->m, a->root, MEMBLOCK_NR_RESERVED);
	unsigned capacity = memblock_word(a->m, a->root, MEMBLOCK_CAPACITY);
	uint32_t seal = memblock_word(a->m, a->root, MEMBLOCK_SEAL);

	if (capacity != mb->capacity)
		return check_fail(r, "I1: the capacity is that of the table", a->root, capacity,
				  mb->capacity);
	if (memory > capacity || reserved > capacity - memory)
		return check_fail(r, "I1: the counts fit into the table", a->root, memory,
				  capacity);
	if (check_sorted(mb, r, memory, memory_slot, 0, "I2: memory is ascending and apart") != 0 ||
	    check_sorted(mb, r, reserved, reserved_slot, 1,
			 "I3: reserved is ascending and apart") != 0 ||
	    check_self(mb, r, reserved) != 0)
		return MM_EINVAL;
	if (seal != memblock_seal(mb))
		return check_fail(r, "I5: the seal is the hash of the table", a->root, seal,
				  memblock_seal(mb));
	return 0;
}
