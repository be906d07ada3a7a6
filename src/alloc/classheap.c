/*
 * classheap: segments, and what else is not in a hurry.
 *
 * A heap lives in one fixed arena, or in segments of pages: the first is taken by
 * init and kept for good, since it holds the control; another is taken when no
 * listed chunk fits, and given back when it is one free chunk again.  A segment
 * asks for `grow` bytes or what the request needs, whichever is more; when the
 * pages refuse `grow`, for just what the request needs.
 *
 * The control is sized to the largest chunk the heap can ever hold, so that small
 * arenas are not eaten: with 32 classes a power of two and 4-byte words it is 0.7
 * KiB of a 4 KiB arena and 1.3 KiB of 64 KiB.
 *
 * Invariants of every kind built on this, cited by classheap_check:
 *   I1  the segment list links both ways, and its ends are `low` and `high`
 *   I2  in a segment the sizes lead exactly from the first chunk to the end tag
 *   I3  a size is a multiple of the granularity, at least the least chunk
 *   I4  a tag says "previous free" when, and only when, the chunk before is free
 *   I5  a free chunk's footer equals its size
 *   I6  no two free chunks are neighbours
 *   I7  each free chunk is on the list of its class, and lists hold nothing else
 *   I8  a map bit is set when, and only when, its list (its row) is not empty
 *   I9  `live` counts the live chunks, so that none can pass for a part of another
 *   I10 each kept chunk is on the list of its size, and `bytes` is the sum of theirs
 */
#include "alloc/classheap.h"

#include "alloc/classheap_fast.h"
#include "alloc/classheap_layout.h"

/* ---- geometry ---- */

static msize_t maps_bytes(const struct classheap *h)
{
	return round_up(4 * (1 + (msize_t)h->nr_rows), MM_WORD);
}

msize_t classheap_control_bytes(const struct classheap *h)
{
	msize_t kept = h->keep_sizes != 0 ? (1 + h->keep_sizes) * MM_WORD : 0;

	return CONTROL_MAPS + maps_bytes(h) + (msize_t)h->nr_classes * MM_WORD + kept;
}

vaddr_t classheap_first(const struct classheap *h, vaddr_t s)
{
	msize_t head =
		vaddr_eq(s, h->base.root) ? classheap_control_bytes(h) : SEGMENT_RECORD_BYTES;

	return (vaddr_t){round_up(s.v + head + h->header, h->shape.gran)};
}

vaddr_t classheap_end(const struct classheap *h, vaddr_t s, msize_t bytes)
{
	return (vaddr_t){round_down(s.v + bytes - MM_WORD, h->shape.gran)};
}

/* Bytes of chunks that a segment at s holds; 0 when not even one fits. */
static msize_t segment_room(const struct classheap *h, vaddr_t s, msize_t bytes)
{
	vaddr_t first = classheap_first(h, s), end = classheap_end(h, s, bytes);

	return end.v < first.v + h->shape.min_chunk ? 0 : vaddr_diff(end, first);
}

/* Bytes of a later segment that surely holds a chunk of `need`. */
static msize_t segment_for(const struct classheap *h, msize_t need)
{
	return SEGMENT_RECORD_BYTES + h->header + need + 2 * h->shape.gran + MM_WORD;
}

/*
 * The largest request: what the first segment holds when it is new, or a later
 * one; without a search of its own class a chunk is found by its class's least size.
 */
static msize_t largest_size(const struct classheap *h, msize_t room)
{
	msize_t need = room, key = room - h->shape.bias;
	unsigned e = msb(key | (msize_t)1 << h->shape.linear_log2);

	if (h->policy.pow2)
		need = (msize_t)1 << msb(room);
	else if ((!h->policy.search || h->tries == 0) && h->pages == NULL)
		need = round_down(key, (msize_t)1 << (e - h->policy.split_log2)) + h->shape.bias;
	return need - h->header;
}

static int set_geometry(struct classheap *h, const struct alloc_env *env,
			const struct class_setup *s, msize_t largest)
{
	h->policy = s->policy;
	h->tries = s->tries;
	h->shape = class_shape(s->policy, msb(s->gran));
	h->keep_sizes = s->policy.keep && s->keep != 0 ? CLASSHEAP_KEEP_SIZES : 0;
	h->header = (msize_t)s->policy.header_words * MM_WORD;
	h->pages = env->arena.bytes != 0 ? NULL : env->pages;
	h->grow = s->grow;
	h->keep_most = s->keep;
	h->nr_classes = class_of(&h->shape, round_down(largest, s->gran)) + 2;
	h->nr_rows = (h->nr_classes + 31) / 32;
	/* With one class to a power of two the code knows of one row only. */
	return s->policy.split_log2 == 0 && h->nr_rows > 1 ? MM_EINVAL : 0;
}

/* The rest of the geometry, once the first segment's place is known. */
static int place(struct classheap *h, vaddr_t root, msize_t bytes, msize_t later)
{
	msize_t room;

	h->base.root = root;
	h->control = mem_rec(h->base.m, root);
	h->heads = CONTROL_MAPS + maps_bytes(h);
	h->kept = h->heads + (msize_t)h->nr_classes * MM_WORD;
	h->low = classheap_first(h, root);
	h->high = vaddr_add(root, bytes);
	if (h->keep_most > (h->pages == NULL ? bytes / 32 : bytes))
		h->keep_most = h->pages == NULL ? bytes / 32 : bytes;
	if (bytes < classheap_control_bytes(h))
		return MM_ENOMEM;
	room = segment_room(h, root, bytes);
	if (room == 0)
		return MM_ENOMEM;
	if (later > segment_for(h, room))
		room = round_down(later - segment_for(h, 0), h->shape.gran);
	h->max_size = largest_size(h, room);
	return 0;
}

/* Bytes of the largest block of pages; 0 with a fixed arena. */
static msize_t largest_pages(const struct alloc_env *env)
{
	struct alloc *pages;

	if (env->arena.bytes != 0 || env->pages == NULL)
		return 0;
	pages = env->pages->pages;
	return (msize_t)1 << (pages->ops->pages->max_order(pages) + env->pages->page_shift);
}

/* ---- segments ---- */

static struct class_op slow_op(struct classheap *h)
{
	return class_begin(h, h->policy);
}

/* Everything between the segment's head and its end tag becomes one free chunk, on no list. */
static vaddr_t format_segment(struct classheap *h, vaddr_t s, msize_t bytes, msize_t head)
{
	struct mem *m = h->base.m;
	struct class_op o = slow_op(h);
	vaddr_t p = classheap_first(h, s), e = classheap_end(h, s, bytes);
	msize_t size = vaddr_diff(e, p);
	msize_t pads = vaddr_diff(p, s) - head - h->header + (h->header - MM_WORD) +
		       (bytes - vaddr_diff(e, s) - MM_WORD);

	set_segment_bytes(m, s, bytes);
	set_chunk_tag(m, p, size);
	set_footer_before(m, e, h->header, size);
	set_chunk_tag(m, e, TAG_LIVE | TAG_PREV_FREE);
	set_end_segment(m, e, s);
	mm_account(m, s, head + SEGMENT_END_BYTES, MM_CACHED, MM_METADATA);
	mm_account(m, s, pads, MM_CACHED, MM_SLACK);
	account_header(&o, mm_row_at(m, p));
	return p;
}

/* The inverse, for a segment that is one free chunk. */
static void unformat_segment(struct classheap *h, vaddr_t s, msize_t bytes, vaddr_t p, vaddr_t e)
{
	struct mem *m = h->base.m;
	struct class_op o = slow_op(h);
	msize_t pads = vaddr_diff(p, s) - SEGMENT_RECORD_BYTES - MM_WORD +
		       (bytes - vaddr_diff(e, s) - MM_WORD);

	unaccount_header(&o, mm_row_at(m, p));
	mm_account(m, s, SEGMENT_RECORD_BYTES + SEGMENT_END_BYTES, MM_METADATA, MM_CACHED);
	mm_account(m, s, pads, MM_SLACK, MM_CACHED);
}

static void format_control(struct classheap *h, vaddr_t root, msize_t bytes)
{
	struct mem *m = h->base.m;
	struct mm_rec c = h->control;

	mem_fill(m, root, 0, classheap_control_bytes(h));
	set_segment_next(m, root, VADDR_NONE);
	set_segment_prev(m, root, VADDR_NONE);
	set_control_span(c, root.v, root.v + bytes);
	for (unsigned i = 0; i < h->nr_classes; i++)
		set_list_head(c, h->heads, i, VADDR_NONE);
	for (unsigned i = 0; i < h->keep_sizes; i++)
		set_kept_head(c, h->kept, i, VADDR_NONE);
}

/* The first segment's block of pages, or the arena. */
static int first_segment(struct classheap *h, const struct alloc_env *env, struct mm_range *r)
{
	msize_t least = classheap_control_bytes(h) + segment_for(h, h->shape.min_chunk);
	struct alloc_req req = {.zone_mask = UINT32_MAX};

	*r = env->arena;
	if (env->arena.bytes != 0)
		return 0;
	if (env->pages == NULL)
		return MM_EINVAL;
	h->first_order = pages_order(env->pages, least > h->grow ? least : h->grow);
	r->base = page_source_get(env->pages, h->base.m, h->first_order, &req);
	if (vaddr_none(r->base)) {
		h->first_order = pages_order(env->pages, least);
		r->base = page_source_get(env->pages, h->base.m, h->first_order, &req);
	}
	r->bytes = (msize_t)1 << (h->first_order + env->pages->page_shift);
	return vaddr_none(r->base) ? MM_ENOMEM : 0;
}

int classheap_init(struct classheap *h, const struct alloc_ops *ops, const struct alloc_env *env,
		   const struct class_setup *s)
{
	msize_t later = largest_pages(env);
	struct mm_range r;
	struct class_op o;
	vaddr_t p;
	int err;

	alloc_base(&h->base, ops, env);
	err = set_geometry(h, env, s, env->arena.bytes > later ? env->arena.bytes : later);
	if (err == 0)
		err = first_segment(h, env, &r);
	if (err == 0)
		err = place(h, r.base, r.bytes, later);
	if (err != 0)
		return err;
	format_control(h, r.base, r.bytes);
	p = format_segment(h, r.base, r.bytes, classheap_control_bytes(h));
	o = slow_op(h);
	mark_chunk(o.m, chunk_rec(o.m, p));
	push_chunk(&o, op_class(&o, chunk_tag(o.m, p)), p, chunk_rec(o.m, p));
	return 0;
}

int classheap_attach(struct classheap *h, const struct alloc_ops *ops, const struct alloc_env *env,
		     const struct class_setup *s)
{
	msize_t later = largest_pages(env), bytes = env->arena.bytes;

	alloc_base(&h->base, ops, env);
	if (set_geometry(h, env, s, bytes > later ? bytes : later) != 0)
		return MM_EINVAL;
	if (bytes == 0)
		return place(h, env->root, segment_bytes(h->base.m, env->root), later);
	return place(h, env->arena.base, bytes, 0);
}

/* Widens the span of all segments by one. */
static void widen_span(struct mm_rec c, vaddr_t s, msize_t bytes)
{
	msize_t low = control_low(c), high = control_high(c);

	set_control_span(c, s.v < low ? s.v : low, s.v + bytes > high ? s.v + bytes : high);
}

static void link_segment(struct classheap *h, vaddr_t s, msize_t bytes)
{
	struct mem *m = h->base.m;
	vaddr_t root = h->base.root, next = segment_next(m, root);

	set_segment_next(m, s, next);
	set_segment_prev(m, s, root);
	set_segment_next(m, root, s);
	if (!vaddr_none(next))
		set_segment_prev(m, next, s);
	widen_span(h->control, s, bytes);
}

static void unlink_segment(struct classheap *h, vaddr_t s)
{
	struct mem *m = h->base.m;
	vaddr_t next = segment_next(m, s), prev = segment_prev(m, s), root = h->base.root;
	struct mm_rec c = h->control;

	set_segment_next(m, prev, next);
	if (!vaddr_none(next))
		set_segment_prev(m, next, prev);
	if (s.v != control_low(c) && s.v + segment_bytes(m, s) != control_high(c))
		return;
	set_control_span(c, root.v, root.v + segment_bytes(m, root));
	for (s = segment_next(m, root); !vaddr_none(s); s = segment_next(m, s))
		widen_span(c, s, segment_bytes(m, s));
}

vaddr_t classheap_grow(struct classheap *h, msize_t need, const struct alloc_req *req)
{
	msize_t least = segment_for(h, need);
	unsigned small = pages_order(h->pages, least);
	unsigned order = pages_order(h->pages, least > h->grow ? least : h->grow);
	struct mem *m = h->base.m;
	msize_t bytes;
	vaddr_t s = page_source_get(h->pages, m, order, req);

	if (vaddr_none(s) && small < order) {
		order = small;
		s = page_source_get(h->pages, m, order, req);
	}
	if (vaddr_none(s))
		return s;
	bytes = (msize_t)1 << (order + h->pages->page_shift);
	link_segment(h, s, bytes);
	mm_event(m, MM_EV_SEGMENT_ADD, s.v, bytes, 0);
	return format_segment(h, s, bytes, SEGMENT_RECORD_BYTES);
}

void classheap_drop(struct classheap *h, vaddr_t p, msize_t size)
{
	struct mem *m = h->base.m;
	struct class_op o = slow_op(h);
	vaddr_t e = chunk_after(p, size), s;
	msize_t bytes;

	if (tag_size(chunk_tag(m, e)) != 0)
		return;
	s = end_segment(m, e);
	if (vaddr_eq(s, h->base.root) || !vaddr_eq(classheap_first(h, s), p))
		return;
	bytes = segment_bytes(m, s);
	unlink_chunk(&o, op_class(&o, size), p, chunk_rec(m, p));
	unlink_segment(h, s);
	unformat_segment(h, s, bytes, p, e);
	mm_event(m, MM_EV_SEGMENT_DROP, s.v, bytes, 0);
	if (page_source_put(h->pages, m, s, msb(bytes) - h->pages->page_shift) != 0)
		mm_bug(m, "the pages of a segment are not a live block", s);
}

/* ---- what the heap shows ---- */

struct walker {
	const struct classheap *h;
	walk_fn *fn;
	void *ctx;
};

static void say(const struct walker *w, vaddr_t base, msize_t bytes, enum mm_class class,
		const char *what, uint64_t detail)
{
	if (bytes != 0)
		w->fn(w->ctx, &(struct walk_span){base, bytes, class, what, detail});
}

/* See bytes_ops.chunk. */
CLASSHEAP_INLINE vaddr_t chunk_span(const struct classheap *h, vaddr_t p, struct walk_span *out)
{
	msize_t tag = chunk_tag(h->base.m, p), size = tag_size(tag);

	*out = (struct walk_span){.base = p, .class = MM_CACHED, .detail = size};
	if (size < h->header)
		return p;
	out->bytes = size - h->header;
	if (tag_granted(tag)) {
		out->class = MM_GRANTED;
		out->what = "chunk";
	} else if (tag_live(tag)) {
		out->what = "kept chunk";
	} else {
		out->what = "free chunk";
		out->detail = class_of(&h->shape, size);
	}
	return chunk_after(p, size);
}

vaddr_t classheap_chunk(const struct alloc *a, vaddr_t p, struct walk_span *out)
{
	return chunk_span((const struct classheap *)a, p, out);
}

/* The chunk with payload p; returns the next one's payload. */
static vaddr_t walk_chunk(const struct walker *w, vaddr_t p)
{
	const struct classheap *h = w->h;
	struct walk_span s;
	vaddr_t next = chunk_span(h, p, &s);

	say(w, vaddr_sub(p, h->header), h->header - MM_WORD, MM_SLACK, "header padding", 0);
	say(w, vaddr_sub(p, MM_WORD), MM_WORD, MM_METADATA, "chunk header", 0);
	if (s.bytes != 0)
		w->fn(w->ctx, &s);
	return next;
}

static void walk_segment(const struct walker *w, vaddr_t s, msize_t bytes)
{
	const struct classheap *h = w->h;
	vaddr_t p = classheap_first(h, s), e = classheap_end(h, s, bytes),
		end = vaddr_add(s, bytes);
	bool first = vaddr_eq(s, h->base.root);
	msize_t head = first ? classheap_control_bytes(h) : SEGMENT_RECORD_BYTES;

	say(w, s, head, MM_METADATA, first ? "heap control" : "segment record", 0);
	say(w, vaddr_add(s, head), vaddr_diff(p, s) - head - h->header, MM_SLACK, "padding", 0);
	while (p.v < e.v) {
		vaddr_t next = walk_chunk(w, p);

		if (vaddr_eq(next, p))
			return; /* a corrupt size: check says so */
		p = next;
	}
	say(w, vaddr_sub(e, h->header), h->header - MM_WORD, MM_SLACK, "header padding", 0);
	say(w, vaddr_sub(e, MM_WORD), SEGMENT_END_BYTES, MM_METADATA, "segment end", 0);
	say(w, vaddr_add(e, MM_WORD), vaddr_diff(end, e) - MM_WORD, MM_SLACK, "padding", 0);
}

void classheap_walk(const struct alloc *a, walk_fn *fn, void *ctx)
{
	const struct classheap *h = (const struct classheap *)a;
	struct walker w = {h, fn, ctx};

	for (vaddr_t s = a->root; !vaddr_none(s); s = segment_next(a->m, s))
		walk_segment(&w, s, segment_bytes(a->m, s));
}

msize_t classheap_usable(const struct alloc *a, vaddr_t p)
{
	return tag_size(chunk_tag(a->m, p)) - ((const struct classheap *)a)->header;
}

msize_t classheap_largest(const struct alloc *a)
{
	return ((const struct classheap *)a)->max_size;
}
