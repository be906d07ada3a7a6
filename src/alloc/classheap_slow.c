/*
 * classheap: what few requests need, compiled once for all policies: aligned requests,
 * requests that no list serves, kept chunks that coalesce, resize.
 */
#include "alloc/classheap_fast.h"

static struct class_op slow_op(struct classheap *h)
{
	return class_begin(h, h->policy);
}

/* Takes what find_chunk found off its list and makes it live with `need` bytes. */
static struct grant take_found(const struct class_op *o, struct class_hit hit, msize_t need)
{
	unlink_chunk(o, hit.class, hit.p, chunk_rec(o->m, hit.p));
	return grant_chunk(o, hit.p, need);
}

/* ---- kept chunks ---- */

/* All kept chunks of one size. */
static void coalesce_size(const struct class_op *o, msize_t granules)
{
	const struct classheap *h = o->h;
	vaddr_t p = kept_head(o->c, h->kept, granules);

	set_kept_head(o->c, h->kept, granules, VADDR_NONE);
	while (!vaddr_none(p)) {
		struct mm_rec r = chunk_rec(o->m, p);
		vaddr_t next = rec_next(r);

		if (!release_chunk(o, p, r, rec_tag(r) & ~TAG_KEPT, op_row(o, p)))
			mm_bug(o->m, "tags around a kept chunk disagree", p);
		p = next;
	}
}

bool classheap_coalesce(struct classheap *h)
{
	struct class_op o = slow_op(h);

	if (h->keep_sizes == 0 || kept_bytes(o.c, h->kept) == 0)
		return false;
	set_kept_bytes(o.c, h->kept, 0);
	for (msize_t i = 0; i < h->keep_sizes; i++)
		coalesce_size(&o, i);
	return true;
}

/* ---- requests that no list serves ---- */

struct grant classheap_malloc_more(struct classheap *h, msize_t need, const struct alloc_req *req)
{
	struct class_op o = slow_op(h);
	vaddr_t p;

	if (classheap_coalesce(h)) {
		struct class_hit hit = find_chunk(&o, need);

		if (!vaddr_none(hit.p))
			return take_found(&o, hit, need);
	}
	p = h->pages == NULL ? VADDR_NONE : classheap_grow(h, need, req);
	return vaddr_none(p) ? GRANT_NONE : grant_chunk(&o, p, need);
}

/* ---- aligned requests ---- */

/* Footer and list of a free chunk that has its tag; its neighbours are live. */
static void list_free_chunk(const struct class_op *o, vaddr_t p, msize_t size)
{
	struct mm_rec r = chunk_rec(o->m, p);

	mark_chunk(o->m, r);
	set_rec_tag(r, size);
	set_footer_before(o->m, chunk_after(p, size), o->header, size);
	push_chunk(o, op_class(o, size), p, r);
}

/*
 * Cuts [p, q) off the free chunk p, on no list, as a free chunk of its own:
 *   [ --------- p --------- ]  =>  [ p, free ][ q, on no list ]
 */
static void cut_front(const struct class_op *o, vaddr_t p, vaddr_t q)
{
	msize_t size = tag_size(chunk_tag(o->m, p)), front = vaddr_diff(q, p);

	list_free_chunk(o, p, front);
	set_chunk_tag(o->m, q, (size - front) | TAG_PREV_FREE);
	set_footer_before(o->m, chunk_after(p, size), o->header, size - front);
	account_header(o, op_row(o, p));
	mm_event(o->m, MM_EV_CHUNK_SPLIT, p.v, front, size - front);
}

/* Where in chunk p a payload at a multiple of `align` can begin: p, or behind a least chunk. */
static vaddr_t aligned_in(const struct class_op *o, vaddr_t p, msize_t align)
{
	vaddr_t q = {round_up(p.v, align)};

	while (q.v != p.v && vaddr_diff(q, p) < o->h->shape.min_chunk)
		q = vaddr_add(q, align);
	return q;
}

/*
 * A chunk, taken off its list, that holds `need` bytes from a multiple of `align`
 * on, which is *q.  Looks for one that surely does, then for luck: a chunk that
 * just holds the request and begins right.
 */
static vaddr_t take_aligned(const struct class_op *o, msize_t need, const struct alloc_req *req,
			    vaddr_t *q)
{
	msize_t most = need + req->align + o->h->shape.min_chunk;
	bool possible = req->align < o->h->max_size && most - o->header <= o->h->max_size;
	struct class_hit hit = {VADDR_NONE, 0};

	if (possible)
		hit = find_chunk(o, most);
	if (vaddr_none(hit.p))
		hit = find_chunk(o, need);
	if (!vaddr_none(hit.p)) {
		*q = aligned_in(o, hit.p, req->align);
		if (vaddr_diff(*q, hit.p) + need <= tag_size(chunk_tag(o->m, hit.p))) {
			unlink_chunk(o, hit.class, hit.p, chunk_rec(o->m, hit.p));
			return hit.p;
		}
	}
	if (!possible || o->h->pages == NULL)
		return VADDR_NONE;
	hit.p = classheap_grow(o->h, most, req);
	if (!vaddr_none(hit.p))
		*q = aligned_in(o, hit.p, req->align);
	return hit.p;
}

static struct grant memalign(struct classheap *h, msize_t need, const struct alloc_req *req)
{
	struct class_op o = slow_op(h);
	vaddr_t q = VADDR_NONE, p = take_aligned(&o, need, req, &q);
	struct grant g;

	if (vaddr_none(p) && classheap_coalesce(h))
		p = take_aligned(&o, need, req, &q);
	if (vaddr_none(p))
		return GRANT_NONE;
	if (vaddr_eq(q, p))
		return grant_chunk(&o, p, need);
	cut_front(&o, p, q);
	g = grant_chunk(&o, q, need);
	set_chunk_tag(o.m, q, chunk_tag(o.m, q) | TAG_PREV_FREE);
	return g;
}

struct grant classheap_malloc_unusual(struct classheap *h, const struct alloc_req *req)
{
	struct class_op o = slow_op(h);

	if (req->size > h->max_size) {
		mm_refuse(h->base.m, MM_REFUSE_LIMIT);
		return GRANT_NONE;
	}
	return memalign(h, chunk_for(&o, req->size), req);
}

/* ---- resize ---- */

/*
 * The live chunk p (its tag) has `all` bytes up to the next live chunk, of which
 * it keeps `need`; the rest, when it is a chunk at all, is free:
 *   [ p ][ next, free ]  =>  [ need, live ][ rest, free ]
 */
static msize_t set_live_size(const struct class_op *o, vaddr_t p, msize_t tag, msize_t all,
			     msize_t need)
{
	msize_t got = all - need < o->h->shape.min_chunk ? all : need;
	vaddr_t end = chunk_after(p, all), rest = chunk_after(p, got);
	msize_t etag = chunk_tag(o->m, end);

	set_chunk_tag(o->m, p, got | (tag & TAG_FLAGS));
	if (got == all) {
		set_chunk_tag(o->m, end, etag & ~TAG_PREV_FREE);
	} else {
		set_chunk_tag(o->m, end, etag | TAG_PREV_FREE);
		list_free_chunk(o, rest, all - got);
		account_header(o, op_row(o, p));
	}
	return got;
}

static void account_resize(const struct class_op *o, vaddr_t p, msize_t was, msize_t is)
{
	if (is > was)
		mm_account(o->m, chunk_after(p, was - o->header), is - was, MM_CACHED, MM_GRANTED);
	else
		mm_account(o->m, chunk_after(p, is - o->header), was - is, MM_GRANTED, MM_CACHED);
	mm_event(o->m, is > was ? MM_EV_CHUNK_GROW : MM_EV_CHUNK_SHRINK, p.v, is - o->header,
		 was - o->header);
}

/* The free chunk `next` of `behind` bytes becomes part of the one at p: `size` bytes. */
static void absorb_next(const struct class_op *o, vaddr_t p, vaddr_t next, msize_t behind,
			msize_t size)
{
	unlink_chunk(o, op_class(o, behind), next, chunk_rec(o->m, next));
	note_merge(o, p, size, next, op_row(o, p));
}

struct grant classheap_resize(struct classheap *h, vaddr_t p, const struct alloc_req *req)
{
	struct class_op o = slow_op(h);
	msize_t tag = live_tag(&o, p, chunk_rec(o.m, p)), size = tag_size(tag), all = size, ntag,
		need;
	vaddr_t next = chunk_after(p, size);

	if (tag == 0 || req->size > h->max_size ||
	    (req->align != 0 && (p.v & (req->align - 1)) != 0))
		return GRANT_NONE;
	need = chunk_for(&o, req->size);
	ntag = chunk_tag(o.m, next);
	if (!tag_live(ntag))
		all += tag_size(ntag);
	if (need > all)
		return GRANT_NONE;
	if (need == size || (tag_live(ntag) && size - need < h->shape.min_chunk))
		return (struct grant){p, size - o.header};
	if (!tag_live(ntag))
		absorb_next(&o, p, next, tag_size(ntag), all);
	all = set_live_size(&o, p, tag, all, need);
	account_resize(&o, p, size, all);
	return (struct grant){p, all - o.header};
}
