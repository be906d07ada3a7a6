/* slab: how the layer comes to be, and caches come and go. */
#include "alloc/slab.h"

#include "alloc/slab_layout.h"

#define DEBUG_MOST 4096u /* bytes from which objects must not grow too much */

static const struct alloc_req boot_req = {.zone_mask = UINT32_MAX};

msize_t slab_descriptor_bytes(const struct kmem *s)
{
	return SLAB_CPUS + (msize_t)s->cpus * MM_WORD + (msize_t)s->nodes * slab_node_bytes(s);
}

static int read_env(struct kmem *s, const struct alloc_env *env)
{
	msize_t block;
	int err = kmem_read_env(s, env);

	if (err != 0)
		return err;
	block = (msize_t)1 << (s->page_shift + slab_most_order(s));
	kmalloc_setup(&s->classes, s->rules.align > 32 ? s->rules.align : 32,
		      (uint32_t)(block < KMEM_MAX_SIZE ? block : KMEM_MAX_SIZE), false);
	return 0;
}

/* Without slabs and arrays; `bytes` is all of the object. */
static void format_descriptor(const struct kmem *s, vaddr_t c, const struct slab_geometry *g,
			      uint32_t bytes)
{
	const struct mem *m = s->base.m;
	uint32_t words[15];

	mem_fill(m, c, 0, bytes);
	set_cache_next(m, c, c);
	set_cache_prev(m, c, c);
	slab_geometry_words(g, words);
	for (unsigned i = 0; i < 15; i++)
		mem_st32(m, vaddr_add(c, SLAB_B + 4 * i), words[i]);
	for (unsigned i = 0; i < s->cpus; i++)
		set_cache_array(m, c, i, VADDR_NONE);
	for (unsigned i = 0; i < s->nodes; i++) {
		vaddr_t n = cache_node(s, c, i);

		for (unsigned list = SLABS_FULL; list <= SLABS_FREE; list++)
			set_node_list(m, n, (enum slab_place)list, VADDR_NONE);
		set_node_shared(m, n, VADDR_NONE);
		for (unsigned of = 0; s->nodes > 1 && of < s->nodes; of++)
			set_node_alien(m, n, of, VADDR_NONE);
	}
}

/* The descriptor of "kmem_cache" is made where the first object of its first slab will lie. */
static int boot_caches(struct kmem *s)
{
	struct mem *m = s->base.m;
	struct slab_geometry g;
	vaddr_t base;

	if (!slab_geometry(s, slab_descriptor_bytes(s), 0, SLAB_HWCACHE_ALIGN, true, &g))
		return MM_EINVAL;
	base = page_source_get(s->pages, m, g.order, &boot_req);
	if (vaddr_none(base))
		return MM_ENOMEM;
	s->layer = 1 + va_to_pfn(m, base, s->page_shift).v;
	s->caches = vaddr_add(base, g.mgmt);
	format_descriptor(s, s->caches, &g, g.size);
	slab_make_slab(s, s->caches, base, VADDR_NONE);
	if (!vaddr_eq(slab_take(s, s->caches, kmem_node(s, va_to_pfn(m, base, s->page_shift)),
				BUFCTL_OWN),
		      s->caches))
		mm_bug(m, "the first object is not where it was expected", s->caches);
	mm_account(m, s->caches, g.size, MM_CACHED, MM_METADATA);
	return 0;
}

/*
 * The cache's layout.  Large objects go without red zones and poison where these would
 * take them beyond the next power of two, or leave no block for them.
 */
static bool layout(const struct kmem *s, msize_t size, msize_t align, uint32_t flags,
		   struct slab_geometry *g)
{
	const uint32_t debug = SLAB_RED_ZONE | SLAB_POISON;

	flags |= s->debug;
	if (slab_geometry(s, size, align, flags, false, g) &&
	    (!kmem_is_debug(flags) || size < DEBUG_MOST || msb(g->size - 1) == msb(size - 1)))
		return true;
	return kmem_is_debug(flags) && slab_geometry(s, size, align, flags & ~debug, false, g);
}

vaddr_t slab_create(struct kmem *s, msize_t size, msize_t align, uint32_t flags)
{
	const struct mem *m = s->base.m;
	struct slab_geometry g;
	vaddr_t c, last;

	if (!layout(s, size, align, flags, &g))
		return VADDR_NONE;
	c = slab_own_take(s, s->caches, BUFCTL_OWN);
	if (vaddr_none(c))
		return c;
	format_descriptor(s, c, &g, cache_size(mem_rec(m, s->caches)));
	last = cache_prev(m, s->caches);
	set_cache_next(m, c, s->caches);
	set_cache_prev(m, c, last);
	set_cache_next(m, last, c);
	set_cache_prev(m, s->caches, c);
	return c;
}

int slab_destroy(struct kmem *s, vaddr_t c)
{
	const struct mem *m = s->base.m;
	struct cache_figures f = {0};

	slab_count(s, c, &f);
	if (f.active_objects != 0)
		return MM_EBUSY;
	slab_shrink(s, c);
	slab_drop_arrays(s, c);
	set_cache_next(m, cache_prev(m, c), cache_next(m, c));
	set_cache_prev(m, cache_next(m, c), cache_prev(m, c));
	slab_own_put(s, c);
	return 0;
}

/* ---- kmalloc's caches ---- */

static int boot_kmalloc(struct kmem *s)
{
	unsigned types = s->pages->dma_zones != 0 ? KMALLOC_TYPES : 1;

	for (unsigned type = 0; type < types; type++)
		for (unsigned i = 1; i < KMALLOC_INDICES; i++) {
			uint32_t size = kmalloc_size(i);
			vaddr_t c;

			if (!kmalloc_has(&s->classes, i))
				continue;
			c = slab_create(s, size, is_pow2(size) ? size : 0,
					SLAB_KMALLOC | (type != 0 ? SLAB_CACHE_DMA : 0));
			if (vaddr_none(c))
				return MM_ENOMEM;
			s->classes.cache[type][i] = c;
		}
	for (unsigned i = 0; types == 1 && i < KMALLOC_INDICES; i++)
		s->classes.cache[1][i] = s->classes.cache[0][i];
	return 0;
}

static int adopt_kmalloc(struct kmem *s)
{
	const struct mem *m = s->base.m;
	uint32_t left = 1u << 20;

	for (vaddr_t c = cache_next(m, s->caches); !vaddr_eq(c, s->caches); c = cache_next(m, c)) {
		if (left-- == 0)
			return MM_EINVAL;
		kmem_adopt_class(s, c, cache_object_size(mem_rec(m, c)),
				 cache_flags(mem_rec(m, c)));
	}
	kmem_share_classes(s);
	return 0;
}

/* Pages ran out in the middle of init, when there are slabs of descriptors only. */
static void undo(struct kmem *s)
{
	struct mem *m = s->base.m;
	struct mm_rec c = mem_rec(m, s->caches);
	unsigned order = cache_order(c);
	msize_t all = (msize_t)1 << (order + s->page_shift), size = cache_size(c);
	msize_t record = SLAB_RECORD + 4ull * cache_num(c), num = cache_num(c);
	struct kmem_block b;
	pfn_t at = {0};

	while (kmem_next_block(s, &at, &b)) {
		vaddr_t base = pfn_to_va(m, b.pfn, s->page_shift), d = kmem_desc(s, b.pfn);
		uint32_t inuse =
			record_word(m, (vaddr_t){rec_ldw(b.desc, DESC_FREELIST)}, RECORD_INUSE);

		mm_account(m, base, inuse * size + record, MM_METADATA, MM_CACHED);
		mm_account(m, base, all - record - num * size, MM_SLACK, MM_CACHED);
		mem_zero(m, vaddr_add(d, PAGE_DESC_BYTES), DESC_BYTES - PAGE_DESC_BYTES);
		if (page_source_put(s->pages, m, base, order) != 0)
			mm_bug(m, "the page allocator refuses a block it gave", base);
	}
}

int slab_init(struct alloc *a, const struct alloc_env *env)
{
	struct kmem *s = (struct kmem *)a;
	int err;

	alloc_base(a, &slab_ops, env);
	err = read_env(s, env);
	if (err == 0)
		err = boot_caches(s);
	if (err != 0)
		return err;
	a->root = s->caches;
	err = boot_kmalloc(s);
	if (err != 0)
		undo(s);
	return err;
}

int slab_attach(struct alloc *a, const struct alloc_env *env)
{
	struct kmem *s = (struct kmem *)a;
	struct kmem_block b;
	int err;

	alloc_base(a, &slab_ops, env);
	err = read_env(s, env);
	if (err != 0)
		return err;
	s->caches = env->root;
	/* The first slab names the layer; its first page holds the root. */
	s->layer = 1 + va_to_pfn(a->m, s->caches, s->page_shift).v;
	b = kmem_block_of(s, s->caches);
	while (pfn_none(b.pfn) && --s->layer > 1)
		b = kmem_block_of(s, s->caches);
	return pfn_none(b.pfn) ? MM_EINVAL : adopt_kmalloc(s);
}
