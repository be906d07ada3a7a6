/*
 * kmem: how large an object becomes, and how many pages a slab takes.
 *
 * The rules are those of Linux's mm/slub.c, calculate_sizes and calculate_order, in
 * the form of 4.19 (rule sets linux-4.19 and textbook) and of 6.7 and later
 * (linux-6).  They differ in the place of the free pointer, in when a slab is thought
 * to waste too much, and in what is kept for a CPU.
 */
#include "alloc/kmem.h"

#include "alloc/rules.h"

/* One more than the index of the highest set bit; 0 for 0. */
static unsigned fls(msize_t n)
{
	return n == 0 ? 0 : msb(n) + 1;
}

static msize_t block_bytes(const struct kmem_rules *k, unsigned order)
{
	return (msize_t)1 << (k->page_shift + order);
}

unsigned kmem_get_order(unsigned page_shift, msize_t bytes)
{
	msize_t pages = (bytes - 1) >> page_shift;

	return fls(pages);
}

unsigned kmem_slub_order(const struct kmem_rules *k, msize_t size)
{
	const struct slab_rules r = {.loops = k->rules != MM_RULES_LINUX_6,
				     .page_shift = k->page_shift,
				     .nr_cpus = k->nr_cpus,
				     .slab_order = k->slab_order,
				     .max_order = k->max_order,
				     .least_order = k->least_order,
				     .least_objects = k->min_objects};

	return kernel_rules.slub(&r, (uint32_t)size).order;
}

uint32_t kmem_alignment(const struct kmem_rules *k, msize_t size, msize_t align, uint32_t flags)
{
	msize_t line = k->cache_line;

	if ((flags & SLAB_HWCACHE_ALIGN) != 0) {
		while (size <= line / 2)
			line /= 2;
		align = align > line ? align : line;
	}
	align = align > k->align ? align : k->align;
	return (uint32_t)round_up(align, MM_WORD);
}

/* Where the free pointer lies, and what stands around the object. */
static void lay_out(const struct kmem_rules *k, struct kmem_geo *g)
{
	uint32_t size = (uint32_t)round_up(g->object_size, MM_WORD);
	bool red = (g->flags & SLAB_RED_ZONE) != 0;

	if (red && size == g->object_size)
		size += MM_WORD;
	g->inuse = size;
	/* Small objects with red zones: as since 5.13; before, the free pointer overwrote them. */
	if ((g->flags & (SLAB_TYPESAFE_BY_RCU | SLAB_POISON | SLAB_CTOR)) != 0 ||
	    (red && g->object_size < MM_WORD)) {
		g->offset = size;
		size += MM_WORD;
	} else if (k->rules == MM_RULES_LINUX_6) {
		g->offset = (uint32_t)round_down(g->object_size / 2, MM_WORD);
	}
	if (red) {
		g->red_left = (uint32_t)round_up(MM_WORD, g->align);
		size += MM_WORD + g->red_left;
	}
	g->size = (uint32_t)round_up(size, g->align);
}

/* Free objects that a CPU keeps in partial slabs. */
static uint32_t cpu_objects(const struct kmem_rules *k, uint32_t size)
{
	bool now = k->rules == MM_RULES_LINUX_6;

	if (size >= block_bytes(k, 0))
		return now ? 6 : 2;
	if (size >= 1024)
		return now ? 24 : 6;
	if (size >= 256)
		return now ? 52 : 13;
	return now ? 120 : 30;
}

static void keep_back(const struct kmem_rules *k, struct kmem_geo *g)
{
	uint32_t half = msb(g->size) / 2;

	if (k->tiny)
		return;
	g->min_partial = half < 5 ? 5 : half > 10 ? 10 : half;
	if (k->no_cpu_partial || (g->flags & (SLAB_RED_ZONE | SLAB_POISON)) != 0)
		return;
	g->cpu_partial = cpu_objects(k, g->size);
	if (k->rules == MM_RULES_LINUX_6)
		g->cpu_partial = (g->cpu_partial * 2 + g->objects - 1) / g->objects;
}

static uint32_t objects_of(const struct kmem_rules *k, unsigned order, uint32_t size)
{
	msize_t n = block_bytes(k, order) / size;

	return n > KMEM_MAX_OBJECTS ? KMEM_MAX_OBJECTS : (uint32_t)n;
}

bool kmem_slub_geometry(const struct kmem_rules *k, msize_t size, msize_t align, uint32_t flags,
			struct kmem_geo *out)
{
	struct kmem_geo g = {.flags = flags};

	if (size == 0 || size > KMEM_MAX_SIZE || align > KMEM_MAX_SIZE ||
	    (align & (align - 1)) != 0)
		return false;
	g.object_size = (uint32_t)size;
	g.align = kmem_alignment(k, size, align, flags);
	lay_out(k, &g);
	g.min_order = kmem_get_order(k->page_shift, g.size);
	g.order = kmem_slub_order(k, g.size);
	if (g.min_order > k->max_order)
		return false;
	if (g.order > k->max_order)
		g.order = g.min_order;
	g.objects = objects_of(k, g.order, g.size);
	g.min_objects = objects_of(k, g.min_order, g.size);
	keep_back(k, &g);
	*out = g;
	return true;
}
