/*
 * How many pages a slab takes: calculate_order of Linux's mm/slub.c, and, for kernels with
 * classic SLAB, calculate_slab_order of mm/slab.c as it was from 4.6 to its end in 6.8, and
 * as it was in 2.6.
 *
 * A slab is to hold at least so many objects, more where there are more CPUs, and to
 * waste little of its pages: first a sixteenth is allowed, then an eighth and so on.
 * Before 6.7 fewer objects are tried first (`loops`); since then half of a slab may be
 * waste before the rule gives up and takes what holds one object.
 */
#include "alloc/alloc.h"
#include "alloc/kmem.h"

/* One more than the index of the highest set bit; 0 for 0. */
static unsigned fls(msize_t n)
{
	return n == 0 ? 0 : msb(n) + 1;
}

static msize_t block_bytes(const struct slab_rules *r, unsigned order)
{
	return (msize_t)1 << (r->page_shift + order);
}

static unsigned order_for(const struct slab_rules *r, msize_t bytes)
{
	unsigned order = kmem_get_order(r->page_shift, bytes);

	return order > r->least_order ? order : r->least_order;
}

static bool too_many(const struct slab_rules *r, msize_t size, unsigned order)
{
	return (uint32_t)block_bytes(r, order) / (uint32_t)size > KMEM_MAX_OBJECTS;
}

static unsigned most_objects_order(const struct slab_rules *r, msize_t size)
{
	return kmem_get_order(r->page_shift, size * KMEM_MAX_OBJECTS) - 1;
}

/* The first order from `order` on, up to `most`, that wastes at most 1/fraction; most + 1: none. */
static unsigned slab_order(const struct slab_rules *r, msize_t size, unsigned order, unsigned most,
			   unsigned fraction)
{
	for (; order <= most; order++)
		if ((uint32_t)block_bytes(r, order) % (uint32_t)size <=
		    (uint32_t)block_bytes(r, order) / fraction)
			break;
	return order;
}

static unsigned order_now(const struct slab_rules *r, msize_t size, msize_t min_objects)
{
	unsigned least = order_for(r, min_objects * size), order;

	if (too_many(r, size, least))
		return most_objects_order(r, size);
	for (unsigned fraction = 16; fraction > 1; fraction /= 2) {
		order = slab_order(r, size, least, r->slab_order, fraction);
		if (order <= r->slab_order)
			return order;
	}
	return kmem_get_order(r->page_shift, size);
}

static unsigned order_looping(const struct slab_rules *r, msize_t size, msize_t min_objects)
{
	unsigned order;

	if (too_many(r, size, r->least_order))
		return most_objects_order(r, size);
	for (; min_objects > 1; min_objects--)
		for (unsigned fraction = 16; fraction >= 4; fraction /= 2) {
			order = slab_order(r, size, order_for(r, min_objects * size), r->slab_order,
					   fraction);
			if (order <= r->slab_order)
				return order;
		}
	order = slab_order(r, size, order_for(r, size), r->slab_order, 1);
	if (order <= r->slab_order)
		return order;
	return slab_order(r, size, order_for(r, size), r->max_order, 1);
}

struct rules_slab slub_slab(const struct slab_rules *r, uint32_t size)
{
	uint32_t most = (uint32_t)block_bytes(r, r->slab_order) / size;
	uint32_t want = r->least_objects, n;
	unsigned order;

	if (want == 0)
		want = 4 * (fls(r->nr_cpus) + 1);
	if (most == 0 && !r->loops)
		most = 1;
	want = want < most ? want : most;
	order = r->loops ? order_looping(r, size, want) : order_now(r, size, want);
	if (order > r->max_order)
		return (struct rules_slab){order, 0};
	n = (uint32_t)block_bytes(r, order) / size;
	return (struct rules_slab){order, n > KMEM_MAX_OBJECTS ? KMEM_MAX_OBJECTS : n};
}

/* ---- classic SLAB ---- */

#define LEAST_KMALLOC 32u

/* An entry of a slab's free list: the number of an object. */
static uint32_t index_bytes(const struct slab_rules *r)
{
	return (uint32_t)1 << r->page_shift >> 8 <= 16 ? 1 : 2;
}

/* kmalloc's class for a free list of its own. */
static uint32_t kmalloc_size(uint32_t bytes)
{
	uint32_t size = LEAST_KMALLOC;

	while (size < bytes)
		size *= 2;
	if (bytes <= 96 && size == 128)
		return 96;
	return bytes <= 192 && size == 256 ? 192 : size;
}

/* Objects of a slab of `bytes`; 0: none, or an own free list would cost too much. */
static uint32_t classic_objects(const struct slab_rules *r, uint32_t bytes, uint32_t size,
				enum rules_list list)
{
	uint32_t n = bytes / (size + (list == LIST_INSIDE ? index_bytes(r) : 0));

	return list == LIST_OUTSIDE && kmalloc_size(n * index_bytes(r)) > size / 2 ? 0 : n;
}

/* A list in an object must fit there; one outside is not where the slab has room to spare. */
static bool list_can_be(const struct slab_rules *r, struct rules_slab s, uint32_t size,
			enum rules_list list)
{
	uint32_t bytes = (uint32_t)block_bytes(r, s.order), entries = s.objects * index_bytes(r);

	if (list == LIST_IN_OBJECT)
		return entries <= size;
	return list == LIST_INSIDE || bytes - s.objects * size < entries;
}

struct rules_slab classic_slab(const struct slab_rules *r, uint32_t size, enum rules_list list,
			       bool reclaimable)
{
	uint32_t most = index_bytes(r) == 1 ? 255 : 65535;
	struct rules_slab s = {0, 0};

	for (unsigned order = 0; order <= r->max_order; order++) {
		uint32_t bytes = (uint32_t)block_bytes(r, order);
		uint32_t n = classic_objects(r, bytes, size, list), left;

		if (n == 0)
			continue;
		if (n > most)
			break;
		s = (struct rules_slab){order, n};
		left = bytes - n * (size + (list == LIST_INSIDE ? index_bytes(r) : 0));
		if (reclaimable || order >= r->slab_order || left <= bytes / 8)
			break;
	}
	return s.objects != 0 && list_can_be(r, s, size, list) ? s : (struct rules_slab){0, 0};
}

/* ---- Linux 2.6: a record a slab, four bytes an object ---- */

static uint32_t record_bytes(const struct rules_record *c, uint32_t objects)
{
	return (uint32_t)round_up(c->bytes + 4ull * objects, c->align);
}

/* Objects that fit into `bytes`, and what is left over. */
static uint32_t record_objects(uint32_t bytes, uint32_t size, const struct rules_record *c,
			       uint32_t *left)
{
	uint32_t n = bytes / size, record = 0;

	if (!c->outside) {
		n = bytes > c->bytes ? (bytes - c->bytes) / (size + 4) : 0;
		if (n > 0 && record_bytes(c, n) + n * size > bytes)
			n--;
	}
	n = n > KMEM_MAX_OBJECTS ? KMEM_MAX_OBJECTS : n;
	if (!c->outside && n > 0)
		record = record_bytes(c, n);
	*left = bytes - record - n * size;
	return n;
}

struct rules_slab record_slab(const struct slab_rules *r, uint32_t size,
			      const struct rules_record *c, uint32_t *left)
{
	/* Records outside lie in objects whose own records lie inside. */
	uint32_t most = (((uint32_t)1 << r->page_shift) / 16 - c->bytes) / 4;
	struct rules_slab s = {0, 0};

	for (unsigned order = 0; order <= r->max_order; order++) {
		uint32_t bytes = (uint32_t)block_bytes(r, order), rest;
		uint32_t n = record_objects(bytes, size, c, &rest);

		if (n == 0)
			continue;
		if (c->outside && n > most)
			break;
		s = (struct rules_slab){order, n};
		*left = rest;
		if (c->reclaimable || order >= r->slab_order || rest <= bytes / 8)
			break;
	}
	return s;
}
