/*
 * slub: red zones and poison.
 *
 *   | red zone | object                    | red zone | link | 5a ...
 *     bb free    6b 6b ... 6b a5 (free)      bb free
 *     cc in use                              cc in use
 *
 * Bytes and meaning are Linux's (include/linux/poison.h).  Objects with a constructor,
 * or typesafe by RCU, keep their bytes and are not filled.
 */
#include "alloc/slub.h"

#include "alloc/slub_map.h"

#define RED_INACTIVE 0xbbu
#define RED_ACTIVE   0xccu
#define POISON_FREE  0x6bu
#define POISON_END   0xa5u
#define POISON_PAD   0x5au

/* Address of the first byte that is not `byte`, or none. */
static vaddr_t first_other(const struct mem *m, vaddr_t a, uint32_t bytes, uint8_t byte)
{
	for (; bytes > 0; bytes--, a = vaddr_add(a, 1))
		if (mem_ld8(m, a) != byte)
			return a;
	return VADDR_NONE;
}

static bool is_poisoned(struct mm_rec c)
{
	uint32_t flags = cache_flags(c);

	return (flags & SLAB_POISON) != 0 && (flags & (SLAB_CTOR | SLAB_TYPESAFE_BY_RCU)) == 0;
}

static bool has_red(struct mm_rec c)
{
	return (cache_flags(c) & SLAB_RED_ZONE) != 0;
}

static vaddr_t red_damage(const struct mem *m, struct mm_rec c, vaddr_t o, uint8_t byte)
{
	uint32_t left = cache_red_left(c), size = cache_object_size(c);
	vaddr_t at;

	if (!has_red(c))
		return VADDR_NONE;
	at = first_other(m, vaddr_sub(o, left), left, byte);
	return vaddr_none(at) ? first_other(m, vaddr_add(o, size), cache_inuse(c) - size, byte)
			      : at;
}

static vaddr_t poison_damage(const struct mem *m, struct mm_rec c, vaddr_t o)
{
	uint32_t last = cache_object_size(c) - 1;
	vaddr_t at;

	if (!is_poisoned(c))
		return VADDR_NONE;
	at = first_other(m, o, last, POISON_FREE);
	return vaddr_none(at) ? first_other(m, vaddr_add(o, last), 1, POISON_END) : at;
}

static void set_red(const struct mem *m, struct mm_rec c, vaddr_t o, uint8_t byte)
{
	uint32_t left = cache_red_left(c), size = cache_object_size(c);

	if (!has_red(c))
		return;
	mem_fill(m, vaddr_sub(o, left), byte, left);
	mem_fill(m, vaddr_add(o, size), byte, cache_inuse(c) - size);
}

static void poison(const struct mem *m, struct mm_rec c, vaddr_t o)
{
	uint32_t last = cache_object_size(c) - 1;

	if (!is_poisoned(c))
		return;
	mem_fill(m, o, POISON_FREE, last);
	mem_st8(m, vaddr_add(o, last), POISON_END);
}

vaddr_t slub_debug_damage(const struct slub *s, vaddr_t cache, vaddr_t o)
{
	const struct mem *m = s->base.m;
	struct mm_rec c = mem_rec(m, cache);
	vaddr_t at = red_damage(m, c, o, RED_INACTIVE);

	return vaddr_none(at) ? poison_damage(m, c, o) : at;
}

void slub_debug_fresh(const struct slub *s, vaddr_t cache, vaddr_t o)
{
	const struct mem *m = s->base.m;
	struct mm_rec c = mem_rec(m, cache);
	uint32_t end = cache_inuse(c), stop = cache_size(c) - cache_red_left(c);

	if (stop > end)
		mem_fill(m, vaddr_add(o, end), POISON_PAD, stop - end);
	set_red(m, c, o, RED_INACTIVE);
	poison(m, c, o);
}

void slub_debug_alloc(const struct slub *s, vaddr_t cache, vaddr_t o)
{
	const struct mem *m = s->base.m;
	struct mm_rec c = mem_rec(m, cache);
	vaddr_t at = red_damage(m, c, o, RED_INACTIVE);

	if (!vaddr_none(at))
		mm_warn(m, "red zone of a free object overwritten, seen at its allocation", at);
	at = poison_damage(m, c, o);
	if (!vaddr_none(at))
		mm_warn(m, "use after free: poison overwritten, seen at allocation", at);
	set_red(m, c, o, RED_ACTIVE);
}

void slub_debug_free(const struct slub *s, vaddr_t cache, vaddr_t o)
{
	const struct mem *m = s->base.m;
	struct mm_rec c = mem_rec(m, cache);
	vaddr_t at = red_damage(m, c, o, RED_ACTIVE);

	if (!vaddr_none(at))
		mm_warn(m, "red zone overwritten, seen at free", at);
	set_red(m, c, o, RED_INACTIVE);
	poison(m, c, o);
}
