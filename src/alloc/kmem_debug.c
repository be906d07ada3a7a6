/*
 * kmem: red zones and poison.
 *
 *   | red zone | object                    | red zone | link | 5a ...
 *     bb free    6b 6b ... 6b a5 (free)      bb free
 *     cc in use                              cc in use
 *
 * Bytes and meaning are Linux's (include/linux/poison.h).  Objects with a constructor,
 * or typesafe by RCU, keep their bytes and are not filled.
 */
#include "alloc/kmem_debug.h"

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

static bool is_poisoned(const struct kmem_debug *d)
{
	return (d->flags & SLAB_POISON) != 0 &&
	       (d->flags & (SLAB_CTOR | SLAB_TYPESAFE_BY_RCU)) == 0;
}

static bool has_red(const struct kmem_debug *d)
{
	return (d->flags & SLAB_RED_ZONE) != 0;
}

static vaddr_t red_damage(const struct mem *m, const struct kmem_debug *d, vaddr_t o, uint8_t byte)
{
	uint32_t left = d->red_left, size = d->object_size;
	vaddr_t at;

	if (!has_red(d))
		return VADDR_NONE;
	at = first_other(m, vaddr_sub(o, left), left, byte);
	return vaddr_none(at) ? first_other(m, vaddr_add(o, size), d->inuse - size, byte) : at;
}

static vaddr_t poison_damage(const struct mem *m, const struct kmem_debug *d, vaddr_t o)
{
	uint32_t last = d->object_size - 1;
	vaddr_t at;

	if (!is_poisoned(d))
		return VADDR_NONE;
	at = first_other(m, o, last, POISON_FREE);
	return vaddr_none(at) ? first_other(m, vaddr_add(o, last), 1, POISON_END) : at;
}

static void set_red(const struct mem *m, const struct kmem_debug *d, vaddr_t o, uint8_t byte)
{
	uint32_t left = d->red_left, size = d->object_size;

	if (!has_red(d))
		return;
	mem_fill(m, vaddr_sub(o, left), byte, left);
	mem_fill(m, vaddr_add(o, size), byte, d->inuse - size);
}

static void poison(const struct mem *m, const struct kmem_debug *d, vaddr_t o)
{
	uint32_t last = d->object_size - 1;

	if (!is_poisoned(d))
		return;
	mem_fill(m, o, POISON_FREE, last);
	mem_st8(m, vaddr_add(o, last), POISON_END);
}

vaddr_t kmem_debug_damage(const struct mem *m, const struct kmem_debug *d, vaddr_t o)
{
	vaddr_t at = red_damage(m, d, o, RED_INACTIVE);

	return vaddr_none(at) ? poison_damage(m, d, o) : at;
}

void kmem_debug_fresh(const struct mem *m, const struct kmem_debug *d, vaddr_t o)
{
	uint32_t end = d->inuse, stop = d->size - d->red_left;

	if (stop > end)
		mem_fill(m, vaddr_add(o, end), POISON_PAD, stop - end);
	set_red(m, d, o, RED_INACTIVE);
	poison(m, d, o);
}

void kmem_debug_alloc(const struct mem *m, const struct kmem_debug *d, vaddr_t o)
{
	vaddr_t at = red_damage(m, d, o, RED_INACTIVE);

	if (!vaddr_none(at))
		mm_warn(m, "red zone of a free object overwritten, seen at its allocation", at);
	at = poison_damage(m, d, o);
	if (!vaddr_none(at))
		mm_warn(m, "use after free: poison overwritten, seen at allocation", at);
	set_red(m, d, o, RED_ACTIVE);
}

void kmem_debug_free(const struct mem *m, const struct kmem_debug *d, vaddr_t o)
{
	vaddr_t at = red_damage(m, d, o, RED_ACTIVE);

	if (!vaddr_none(at))
		mm_warn(m, "red zone overwritten, seen at free", at);
	set_red(m, d, o, RED_INACTIVE);
	poison(m, d, o);
}
