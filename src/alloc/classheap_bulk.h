/*
 * classheap: the short ways of bytes_ops.bulk, instantiated by each kind with its policy.
 *
 * The same steps as malloc's and free's, with the view in registers and the account left
 * to the caller; what is not the usual case is left to malloc and free.
 */
#ifndef ALLOC_CLASSHEAP_BULK_H
#define ALLOC_CLASSHEAP_BULK_H

#include "alloc/bulk.h"
#include "alloc/classheap_fast.h"

CLASSHEAP_INLINE struct class_op class_begin_short(struct classheap *h, struct class_policy k,
						   const struct mem *v)
{
	return (struct class_op){h, k, h->base.m, v, h->control, k.header_words * MM_WORD, true};
}

/* As bulk_kind.take, of a kind that neither searches nor keeps. */
CLASSHEAP_INLINE bool class_take_short(struct classheap *h, struct class_policy k,
				       const struct mem *v, struct mm_row *row, msize_t size,
				       struct grant *g)
{
	struct class_op o = class_begin_short(h, k, v);
	struct class_need need;
	struct class_hit hit;

	if (mm_unlikely(size > h->max_size))
		return false;
	need = need_of(&o, chunk_for(&o, size));
	hit = first_from(&o, need.class);
	if (mm_unlikely(vaddr_none(hit.p)))
		return false;
	*g = (struct grant){hit.p, take_head(&o, hit, need.bytes, row) - o.header};
	set_control_live(o.c, control_live(o.c) + 1);
	return true;
}

/* As bulk_kind.give, of a kind that does not keep. */
CLASSHEAP_INLINE msize_t class_give_short(struct classheap *h, struct class_policy k,
					  const struct mem *v, struct mm_row *row, vaddr_t p)
{
	struct class_op o = class_begin_short(h, k, v);
	struct mm_rec r = chunk_rec(v, p);
	msize_t tag = live_tag(&o, p, r);

	if (mm_unlikely(tag == 0 || !release_chunk(&o, p, r, tag, row)))
		return FREE_BAD;
	set_control_live(o.c, control_live(o.c) - 1);
	return tag_size(tag) - o.header;
}

#endif
