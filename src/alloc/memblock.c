/*
 * memblock: the region manager.  At boot no allocator exists yet, and page
 * descriptors, arenas and zone structures must come from somewhere: from here.
 *
 * Two sorted tables say what memory there is and what of it is reserved; free is
 * what the first has and the second has not.  Carving looks for the lowest or
 * highest gap that fits and reserves it.  What is left at the end goes to the
 * page allocator, which reserves that, too.  Described, for Linux, in
 * Documentation/core-api/boot-time-mm.rst; the tables' seal is in the manner of
 * firmware tables, whose readers have nothing else to tell damage by.
 *
 * Worst case: O(table) for add, reserve and next_free, O(table^2) for carve.
 * Boot calls a few dozen; a full table is an error that the caller sees.
 *
 * Invariants, cited by memblock_check:
 *   I1  the capacity is the one the table's size gives, and the counts fit into it
 *   I2  memory ranges are ascending, not empty, do not overlap nor wrap around
 *   I3  reserved ranges are the same, and do not even touch
 *   I4  the table reserves itself
 *   I5  the seal is the hash of all other words
 *
 * Rejected: merging touching memory ranges, as Linux does.  Here a range is a
 * region of the machine with a bus and a cost of its own.
 */
#include "alloc/memblock.h"

#include "alloc/memblock_layout.h"

/* One of the two tables; the slots of its entries go up or down. */
enum which { MEMORY, RESERVED };

static unsigned count(const struct memblock *mb, enum which t)
{
	return memblock_word(mb->base.m, mb->base.root,
			     t == MEMORY ? MEMBLOCK_NR_MEMORY : MEMBLOCK_NR_RESERVED);
}

static void set_count(const struct memblock *mb, enum which t, unsigned n)
{
	set_memblock_word(mb->base.m, mb->base.root,
			  t == MEMORY ? MEMBLOCK_NR_MEMORY : MEMBLOCK_NR_RESERVED, n);
}

static unsigned slot_of(const struct memblock *mb, enum which t, unsigned i)
{
	return t == MEMORY ? memory_slot(mb, i) : reserved_slot(mb, i);
}

static struct mm_range entry(const struct memblock *mb, enum which t, unsigned i)
{
	return memblock_entry(mb->base.m, mb->base.root, slot_of(mb, t, i));
}

static void set_entry(const struct memblock *mb, enum which t, unsigned i, struct mm_range x)
{
	set_memblock_entry(mb->base.m, mb->base.root, slot_of(mb, t, i), x);
}

static vaddr_t end_of(struct mm_range x)
{
	return vaddr_add(x.base, x.bytes);
}

uint32_t memblock_seal(const struct memblock *mb)
{
	msize_t words = MEMBLOCK_HEAD_WORDS + ((msize_t)mb->capacity << 2);
	uint32_t hash = 2166136261u;

	for (msize_t i = 0; i < words; i++)
		if (i != MEMBLOCK_SEAL)
			hash = (hash ^ memblock_word(mb->base.m, mb->base.root, i)) * 16777619u;
	return hash;
}

static void reseal(const struct memblock *mb)
{
	set_memblock_word(mb->base.m, mb->base.root, MEMBLOCK_SEAL, memblock_seal(mb));
}

/* Makes room at place i, or says that there is none. */
static int open_place(const struct memblock *mb, enum which t, unsigned i)
{
	unsigned n = count(mb, t);

	if (count(mb, MEMORY) + count(mb, RESERVED) >= mb->capacity)
		return MM_ENOMEM;
	for (unsigned k = n; k > i; k--)
		set_entry(mb, t, k, entry(mb, t, k - 1));
	set_count(mb, t, n + 1);
	return 0;
}

/* Removes places [i, j). */
static void close_places(const struct memblock *mb, enum which t, unsigned i, unsigned j)
{
	unsigned n = count(mb, t);

	for (; j < n; i++, j++)
		set_entry(mb, t, i, entry(mb, t, j));
	for (unsigned k = i; k < n; k++)
		set_entry(mb, t, k, (struct mm_range){{0}, 0});
	set_count(mb, t, i);
}

static bool is_range(vaddr_t base, msize_t bytes)
{
	return bytes != 0 && base.v + bytes > base.v;
}

int memblock_add(struct memblock *mb, vaddr_t base, msize_t bytes)
{
	unsigned i = 0, n = count(mb, MEMORY);

	if (!is_range(base, bytes))
		return MM_EINVAL;
	while (i < n && end_of(entry(mb, MEMORY, i)).v <= base.v)
		i++;
	if (i < n && entry(mb, MEMORY, i).base.v < base.v + bytes)
		return MM_EINVAL;
	if (open_place(mb, MEMORY, i) != 0)
		return MM_ENOMEM;
	set_entry(mb, MEMORY, i, (struct mm_range){base, bytes});
	reseal(mb);
	return 0;
}

/*
 *   before   |--A--|    |-B-|      |--C--|
 *   reserve        |------|
 *   after    |----------A---|      |--C--|     entries [i, j) became one
 */
int memblock_reserve(struct memblock *mb, vaddr_t base, msize_t bytes)
{
	unsigned i = 0, j, n = count(mb, RESERVED);
	vaddr_t end = vaddr_add(base, bytes);

	if (!is_range(base, bytes))
		return MM_EINVAL;
	while (i < n && end_of(entry(mb, RESERVED, i)).v < base.v)
		i++;
	for (j = i; j < n && entry(mb, RESERVED, j).base.v <= end.v; j++) {
		struct mm_range x = entry(mb, RESERVED, j);

		base.v = x.base.v < base.v ? x.base.v : base.v;
		end.v = end_of(x).v > end.v ? end_of(x).v : end.v;
	}
	if (i == j && open_place(mb, RESERVED, i) != 0)
		return MM_ENOMEM;
	set_entry(mb, RESERVED, i, (struct mm_range){base, vaddr_diff(end, base)});
	if (j > i + 1)
		close_places(mb, RESERVED, i + 1, j);
	reseal(mb);
	return 0;
}

/* The first unreserved part of [lo, hi): true and the part in *out. */
static bool first_gap(const struct memblock *mb, vaddr_t lo, vaddr_t hi, struct mm_range *out)
{
	unsigned n = count(mb, RESERVED);

	for (unsigned i = 0; i < n && lo.v < hi.v; i++) {
		struct mm_range x = entry(mb, RESERVED, i);

		if (x.base.v > lo.v)
			hi.v = x.base.v < hi.v ? x.base.v : hi.v;
		else if (end_of(x).v > lo.v)
			lo = end_of(x);
	}
	if (lo.v >= hi.v)
		return false;
	*out = (struct mm_range){lo, vaddr_diff(hi, lo)};
	return true;
}

bool memblock_next_free(const struct memblock *mb, vaddr_t from, struct mm_range *out)
{
	unsigned n = count(mb, MEMORY);

	for (unsigned i = 0; i < n; i++) {
		struct mm_range x = entry(mb, MEMORY, i);
		vaddr_t lo = x.base.v > from.v ? x.base : from;

		if (lo.v < end_of(x).v && first_gap(mb, lo, end_of(x), out))
			return true;
	}
	return false;
}

/* Where `bytes` fit into [lo, hi), or VADDR_NONE. */
static vaddr_t fit(vaddr_t lo, vaddr_t hi, msize_t bytes, msize_t align, bool top)
{
	vaddr_t p;

	if (lo.v >= hi.v || vaddr_diff(hi, lo) < bytes)
		return VADDR_NONE;
	p.v = top ? round_down(hi.v - bytes, align) : round_up(lo.v, align);
	return p.v < lo.v || p.v > hi.v - bytes ? VADDR_NONE : p;
}

static vaddr_t find_fit(const struct memblock *mb, msize_t bytes, msize_t align, vaddr_t lo,
			vaddr_t hi, bool top)
{
	vaddr_t found = VADDR_NONE;
	struct mm_range gap;

	while (lo.v < hi.v && memblock_next_free(mb, lo, &gap) && gap.base.v < hi.v) {
		vaddr_t end = end_of(gap).v < hi.v ? end_of(gap) : hi;
		vaddr_t p = fit(gap.base, end, bytes, align, top);

		if (!vaddr_none(p))
			found = p;
		if (!vaddr_none(p) && !top)
			break;
		lo = end;
	}
	return found;
}

vaddr_t memblock_carve(struct memblock *mb, msize_t bytes, msize_t align, vaddr_t lo, vaddr_t hi,
		       bool top)
{
	vaddr_t p = VADDR_NONE;

	if (bytes != 0)
		p = find_fit(mb, bytes, align, lo, hi, top);
	if (vaddr_none(p) || memblock_reserve(mb, p, bytes) != 0)
		return VADDR_NONE;
	mm_account(mb->base.m, p, bytes, MM_UNMANAGED, MM_CACHED);
	mm_event(mb->base.m, MM_EV_CARVE, p.v, bytes, 0);
	return p;
}

/* ---- the facets: thin adapters ---- */

static int memblock_attach(struct alloc *a, const struct alloc_env *env)
{
	struct memblock *mb = (struct memblock *)a;
	msize_t bytes = env->boot_table.bytes;

	alloc_base(a, &memblock_ops, env);
	a->root = env->boot_table.base;
	if (bytes < BOOT_TABLE_MIN)
		return MM_ENOMEM;
	mb->capacity = (unsigned)((bytes - MEMBLOCK_HEAD_BYTES) >> MEMBLOCK_ENTRY_SHIFT);
	return 0;
}

static msize_t table_bytes(const struct memblock *mb)
{
	return MEMBLOCK_HEAD_BYTES + ((msize_t)mb->capacity << MEMBLOCK_ENTRY_SHIFT);
}

static int memblock_init(struct alloc *a, const struct alloc_env *env)
{
	struct memblock *mb = (struct memblock *)a;
	int err = memblock_attach(a, env);

	if (err != 0)
		return err;
	mem_zero(a->m, a->root, table_bytes(mb));
	set_memblock_word(a->m, a->root, MEMBLOCK_CAPACITY, mb->capacity);
	mm_account(a->m, a->root, table_bytes(mb), MM_UNMANAGED, MM_METADATA);
	return memblock_reserve(mb, a->root, table_bytes(mb));
}

static void memblock_walk(const struct alloc *a, walk_fn *fn, void *ctx)
{
	const struct memblock *mb = (const struct memblock *)a;

	fn(ctx, &(struct walk_span){a->root, table_bytes(mb), MM_METADATA, "region table",
				    mb->capacity});
}

static int op_add(struct alloc *a, vaddr_t base, msize_t bytes)
{
	return memblock_add((struct memblock *)a, base, bytes);
}

static int op_reserve(struct alloc *a, vaddr_t base, msize_t bytes)
{
	return memblock_reserve((struct memblock *)a, base, bytes);
}

static vaddr_t op_carve(struct alloc *a, msize_t bytes, msize_t align, vaddr_t lo, vaddr_t hi,
			bool top)
{
	return memblock_carve((struct memblock *)a, bytes, align, lo, hi, top);
}

static bool op_next_free(const struct alloc *a, vaddr_t from, struct mm_range *out)
{
	return memblock_next_free((const struct memblock *)a, from, out);
}

static const struct alloc_param params[] = {{0}};

static const struct boot_ops boot = {
	.add = op_add,
	.reserve = op_reserve,
	.carve = op_carve,
	.next_free = op_next_free,
};

const struct alloc_ops memblock_ops = {
	.name = "memblock",
	.summary = "region manager: add, reserve and carve before any allocator exists",
	.unit = "range",
	.serves = SERVES_BOOT,
	.params = params,
	.handle_bytes = sizeof(struct memblock),
	.init = memblock_init,
	.attach = memblock_attach,
	.walk = memblock_walk,
	.check = memblock_check,
	.boot = &boot,
};
