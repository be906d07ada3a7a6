/* heap_4: parameters, formatting, attaching, segments.  See heap_4.c. */
#include "alloc/heap_4.h"
#include "alloc/heap_4_layout.h"

enum { PARAM_INDEX, PARAM_MIN_CHUNK, PARAM_GROW };

const struct alloc_param heap_4_params[] = {
	{"index", PARAM_ENUM, HEAP_4_LIST, 0, HEAP_4_TREE, "list tree",
	 "search the list, as FreeRTOS does, or a balanced tree that chooses the same block"},
	{"min_chunk", PARAM_BYTES, 0, 0, 4096, NULL,
	 "least block with its header, bytes; 0: header and one byte, with a tree 4 words; give "
	 "both indexes the same to compare them"},
	{"grow", PARAM_BYTES, KiB(64), 0, GiB(1), NULL,
	 "bytes a new segment asks the page source for at least"},
	{NULL, PARAM_UINT, 0, 0, 0, NULL, NULL},
};

/* Bytes a segment needs for one block of `bytes`, wherever it begins. */
static msize_t segment_need(const struct heap_4 *h, bool root, msize_t bytes)
{
	return segment_first_block(h, (vaddr_t){0}, root).v + bytes + HEAP_4_END_BYTES + h->grain;
}

/* The one block of an empty segment, bytes; 0: too small. */
static msize_t segment_room(const struct heap_4 *h, vaddr_t s, bool root, msize_t bytes)
{
	if (bytes < segment_need(h, root, h->least))
		return 0;
	return vaddr_diff(segment_px_end(h, s, bytes), segment_first_block(h, s, root));
}

static msize_t largest(const struct heap_4 *h)
{
	struct mm_range r = seg_arena(h->arena);
	msize_t room;

	if (h->segments.pages == NULL)
		room = segment_room(h, r.base, true, r.bytes);
	else
		room = segment_room(h, (vaddr_t){0}, false, seg_largest(&h->segments));
	return room == 0 ? 0 : room - h->head;
}

/* What an empty segment holds beside free bytes: ours, or to be given back. */
static void account_segment(struct heap_4 *h, vaddr_t s, bool root, msize_t bytes, bool ours)
{
	struct mem *m = h->base.m;
	vaddr_t first = segment_first_block(h, s, root), end = segment_px_end(h, s, bytes);
	msize_t room = vaddr_diff(end, first) - h->head;
	msize_t tags = SEG_BYTES + (root ? HEAP_4_ROOT_BYTES : 0u) + h->head + HEAP_4_END_BYTES;

	mm_account(m, s, tags, ours ? MM_CACHED : MM_METADATA, ours ? MM_METADATA : MM_CACHED);
	mm_account(m, s, bytes - room - tags, ours ? MM_CACHED : MM_SLACK,
		   ours ? MM_SLACK : MM_CACHED);
}

/* The row of blocks of segment s: one, free and not listed. */
static vaddr_t format_blocks(struct heap_4 *h, vaddr_t s, bool root, msize_t bytes)
{
	struct mem *m = h->base.m;
	vaddr_t first = segment_first_block(h, s, root), end = segment_px_end(h, s, bytes);

	set_block_size_word(m, first, vaddr_diff(end, first));
	set_block_next(m, end, s);
	set_block_size_word(m, end, HEAP_4_LIVE);
	account_segment(h, s, root, bytes, true);
	return first;
}

vaddr_t heap_4_add_segment(struct heap_4 *h, msize_t block, const struct alloc_req *req)
{
	msize_t bytes;
	vaddr_t s = seg_get(&h->segments, segment_need(h, false, block), req, &bytes);

	if (vaddr_none(s))
		return VADDR_NONE;
	seg_link(&h->segments, s, bytes);
	mm_event(h->base.m, MM_EV_SEGMENT_ADD, s.v, bytes, 0);
	return format_blocks(h, s, false, bytes);
}

void heap_4_drop_segment(struct heap_4 *h, vaddr_t s)
{
	msize_t bytes = seg_bytes(h->base.m, s);

	seg_unlink(&h->segments, s);
	account_segment(h, s, false, bytes, false);
	mm_event(h->base.m, MM_EV_SEGMENT_DROP, s.v, bytes, 0);
	seg_put(&h->segments, s, bytes);
}

/* ---- init and attach ---- */

static void locate(struct heap_4 *h, vaddr_t root)
{
	h->base.root = h->tree.root = root;
	h->segments.ends = root_ends(root);
}

static int configure(struct heap_4 *h, const struct alloc_env *env)
{
	msize_t need, min_chunk = env->params[PARAM_MIN_CHUNK].u;

	alloc_base(&h->base, &heap_4_ops, env);
	h->index = (enum heap_4_index)env->params[PARAM_INDEX].u;
	h->grain = env->align > 8 ? env->align : 8;
	h->head = round_up(2u * MM_WORD, h->grain);
	h->minimum = 2 * h->head;
	need = h->head + h->grain;
	if (h->index == HEAP_4_TREE && need < 4u * MM_WORD)
		need = round_up(4u * MM_WORD, h->grain);
	h->least = min_chunk == 0 ? need : round_up(min_chunk, h->grain);
	if (h->minimum < h->least - h->grain)
		h->minimum = h->least - h->grain;
	h->arena = env->arena;
	h->segments = (struct seg_list){.m = env->m,
					.pages = env->arena.bytes != 0 ? NULL : env->pages,
					.grow = env->params[PARAM_GROW].u};
	h->tree = (struct fit_tree){.m = env->m,
				    .size = MM_WORD,
				    .size_mask = ~HEAP_4_LIVE,
				    .left = 0,
				    .span = 2u * MM_WORD,
				    .max = 3u * MM_WORD};
	h->limit = largest(h);
	if (h->least < need)
		return MM_EINVAL;
	return h->limit == 0 ? MM_ENOMEM : 0;
}

int heap_4_attach(struct alloc *a, const struct alloc_env *env)
{
	struct heap_4 *h = (struct heap_4 *)a;
	int err = configure(h, env);

	if (err == 0)
		locate(h, env->root);
	return err;
}

/* The list with the one block, and the counters. */
static void format_root(struct heap_4 *h, vaddr_t first)
{
	const struct mem *m = h->base.m;
	vaddr_t root = h->base.root;
	msize_t bytes = block_size(m, first);

	if (h->index == HEAP_4_TREE) {
		fit_format(&h->tree);
		fit_insert(&h->tree, first, bytes);
	} else {
		set_block_next(m, first, VADDR_NONE);
		set_block_next(m, root, first);
	}
	set_root_counter(m, root, HEAP_4_FREE, bytes);
	set_root_counter(m, root, HEAP_4_MINIMUM, bytes);
	set_root_counter(m, root, HEAP_4_ALLOCS, 0);
	set_root_counter(m, root, HEAP_4_FREES, 0);
}

int heap_4_init(struct alloc *a, const struct alloc_env *env)
{
	const struct alloc_req req = {.zone_mask = UINT32_MAX};
	struct heap_4 *h = (struct heap_4 *)a;
	struct mm_range r;
	int err = configure(h, env);

	if (err != 0)
		return err;
	r = seg_arena(h->arena);
	if (h->segments.pages != NULL) {
		r.base = seg_get(&h->segments, segment_need(h, true, h->least), &req, &r.bytes);
		if (vaddr_none(r.base))
			return MM_ENOMEM;
	} else {
		mm_account(h->base.m, h->arena.base, vaddr_diff(r.base, h->arena.base), MM_CACHED,
			   MM_SLACK);
	}
	locate(h, vaddr_add(r.base, SEG_BYTES));
	seg_first(&h->segments, r.base, r.bytes);
	format_root(h, format_blocks(h, r.base, true, r.bytes));
	return 0;
}
