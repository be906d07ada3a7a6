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

/* Of a heap whose granularity is 2^gran_log2, so that its shape is constant here. */
CLASSHEAP_INLINE struct class_op class_begin_short(struct classheap *h, struct class_policy k,
						   unsigned gran_log2, const struct mem *v)
{
	return (struct class_op){.h = h,
				 .k = k,
				 .m = h->base.m,
				 .v = v,
				 .c = h->control,
				 .s = class_shape(k, gran_log2),
				 .header = k.header_words * MM_WORD,
				 .quiet = true};
}

/* `need` bytes from the lists, as bulk_kind.take; no search of the own class. */
CLASSHEAP_INLINE bool class_take_short(const struct class_op *o, struct mm_row *row, msize_t need,
				       struct grant *g)
{
	struct class_hit hit = first_from(o, need_of(o, need).class);

	if (mm_unlikely(vaddr_none(hit.p)))
		return false;
	*g = (struct grant){hit.p, take_head(o, hit, need, row) - o->header};
	set_control_live(o->c, control_live(o->c) + 1);
	return true;
}

/* The live chunk p (record r, tag) becomes free at once, as bulk_kind.give. */
CLASSHEAP_INLINE msize_t class_give_short(const struct class_op *o, struct mm_row *row, vaddr_t p,
					  struct mm_rec r, msize_t tag)
{
	if (mm_unlikely(tag == 0 || !release_chunk(o, p, r, tag, row)))
		return FREE_BAD;
	set_control_live(o->c, control_live(o->c) - 1);
	return tag_size(tag) - o->header;
}

#endif
