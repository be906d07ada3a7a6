/*
 * vmarea: see vmarea.h.
 *
 * A hole gives its front: the busy area takes a new record, the hole keeps its own
 * with a higher base, which changes nothing in the order of the tree.
 *
 * Invariants, cited by vmspace_check:
 *   V1  the areas tile the window: each begins where the one before ends
 *   V2  heights differ by at most one between the subtrees of an area, and are right
 *   V3  max is the largest hole of the subtree; no two holes touch
 *   V4  states and types are valid; fields without a meaning are zero
 */
#include "alloc/vmarea_layout.h"

/* Height of a tree of 2^32 areas is below 47. */
#define MAX_HEIGHT 48u

#define PAGE ((msize_t)1 << PTE_PAGE_SHIFT)

/* The way from the root to an area. */
struct path {
	vaddr_t at[MAX_HEIGHT];
	unsigned nr;
};

static void step(const struct vmspace *s, struct path *p, vaddr_t a)
{
	if (mm_unlikely(p->nr == MAX_HEIGHT))
		mm_bug(s->m, "the tree of vm areas is deeper than any can be", a);
	p->at[p->nr++] = a;
}

static unsigned height_of(const struct vmspace *s, vaddr_t a)
{
	return vaddr_none(a) ? 0 : area_height(s->m, a);
}

static msize_t max_of(const struct vmspace *s, vaddr_t a)
{
	return vaddr_none(a) ? 0 : area_max(s->m, a);
}

/* Its own pages, if it is a hole. */
static msize_t hole_of(const struct vmspace *s, vaddr_t a)
{
	return area_state(s->m, a) == VMAREA_FREE ? area_pages(s->m, a) : 0;
}

/* Height and max from those of the children. */
static void update(const struct vmspace *s, vaddr_t a)
{
	vaddr_t left = area_left(s->m, a), right = area_right(s->m, a);
	unsigned hl = height_of(s, left), hr = height_of(s, right);
	msize_t ml = max_of(s, left), mr = max_of(s, right), max = hole_of(s, a);

	max = ml > max ? ml : max;
	max = mr > max ? mr : max;
	if (area_height(s->m, a) != (hl > hr ? hl : hr) + 1)
		set_area_height(s->m, a, (hl > hr ? hl : hr) + 1);
	if (area_max(s->m, a) != max)
		set_area_max(s->m, a, max);
}

/*      a            l
 *     / \          / \
 *    l   C   =>   A   a
 *   / \              / \
 *  A   B            B   C     Returns the new top of the subtree. */
static vaddr_t rotate_right(const struct vmspace *s, vaddr_t a)
{
	vaddr_t l = area_left(s->m, a);

	set_area_left(s->m, a, area_right(s->m, l));
	set_area_right(s->m, l, a);
	update(s, a);
	update(s, l);
	return l;
}

static vaddr_t rotate_left(const struct vmspace *s, vaddr_t a)
{
	vaddr_t r = area_right(s->m, a);

	set_area_right(s->m, a, area_left(s->m, r));
	set_area_left(s->m, r, a);
	update(s, a);
	update(s, r);
	return r;
}

/* Positive: the left subtree is the higher one. */
static int balance(const struct vmspace *s, vaddr_t a)
{
	return (int)height_of(s, area_left(s->m, a)) - (int)height_of(s, area_right(s->m, a));
}

/* The subtree of a, whose children are right, made right; returns its top. */
static vaddr_t mend(const struct vmspace *s, vaddr_t a)
{
	int b = balance(s, a);

	if (b > 1) {
		vaddr_t l = area_left(s->m, a);

		if (balance(s, l) < 0)
			set_area_left(s->m, a, rotate_left(s, l));
		return rotate_right(s, a);
	}
	if (b < -1) {
		vaddr_t r = area_right(s->m, a);

		if (balance(s, r) > 0)
			set_area_right(s->m, a, rotate_right(s, r));
		return rotate_left(s, a);
	}
	update(s, a);
	return a;
}

/* Where p's last area hangs, something else shall. */
static void replace_last(const struct vmspace *s, const struct path *p, vaddr_t by)
{
	vaddr_t last = p->at[p->nr - 1], parent;

	if (p->nr == 1) {
		set_vmspace_top(s, by);
		return;
	}
	parent = p->at[p->nr - 2];
	if (vaddr_eq(area_left(s->m, parent), last))
		set_area_left(s->m, parent, by);
	else
		set_area_right(s->m, parent, by);
}

/* Makes everything on the way right, from its end up. */
static void mend_path(const struct vmspace *s, struct path *p)
{
	for (; p->nr > 0; p->nr--) {
		vaddr_t a = p->at[p->nr - 1], top = mend(s, a);

		if (!vaddr_eq(top, a))
			replace_last(s, p, top);
	}
}

/* The way to the area that holds va, which lies in the window. */
static void path_to(const struct vmspace *s, struct path *p, vaddr_t va)
{
	vaddr_t a = vmspace_top(s);

	for (p->nr = 0; !vaddr_none(a);) {
		step(s, p, a);
		if (va.v < area_base(s->m, a).v)
			a = area_left(s->m, a);
		else if (va.v >= area_end(s->m, a).v)
			a = area_right(s->m, a);
		else
			return;
	}
	mm_bug(s->m, "the vm areas leave a gap in the window", va);
}

/* Hangs a new area into the tree, at an address where the tree has none. */
static void insert(const struct vmspace *s, vaddr_t area)
{
	vaddr_t base = area_base(s->m, area), a = vmspace_top(s);
	struct path p = {.nr = 0};
	bool left = false;

	while (!vaddr_none(a)) {
		step(s, &p, a);
		left = base.v < area_base(s->m, a).v;
		a = left ? area_left(s->m, a) : area_right(s->m, a);
	}
	set_area_left(s->m, area, VADDR_NONE);
	set_area_right(s->m, area, VADDR_NONE);
	set_area_height(s->m, area, 1);
	set_area_max(s->m, area, hole_of(s, area));
	if (p.nr == 0)
		set_vmspace_top(s, area);
	else if (left)
		set_area_left(s->m, p.at[p.nr - 1], area);
	else
		set_area_right(s->m, p.at[p.nr - 1], area);
	mend_path(s, &p);
}

/* Takes p's last area out of the tree. */
static void erase(const struct vmspace *s, struct path *p)
{
	vaddr_t area = p->at[p->nr - 1], left = area_left(s->m, area),
		right = area_right(s->m, area), next;
	unsigned place = p->nr - 1;

	if (vaddr_none(left) || vaddr_none(right)) {
		replace_last(s, p, vaddr_none(left) ? right : left);
		p->nr--;
		mend_path(s, p);
		return;
	}
	/* The next higher area, the lowest on the right, takes its place. */
	for (next = right; !vaddr_none(next); next = area_left(s->m, next))
		step(s, p, next);
	next = p->at[p->nr - 1];
	replace_last(s, p, area_right(s->m, next));
	p->nr--;
	set_area_left(s->m, next, left);
	set_area_right(s->m, next, area_right(s->m, area));
	if (place == 0)
		set_vmspace_top(s, next);
	else if (vaddr_eq(area_left(s->m, p->at[place - 1]), area))
		set_area_left(s->m, p->at[place - 1], next);
	else
		set_area_right(s->m, p->at[place - 1], next);
	p->at[place] = next;
	mend_path(s, p);
}

/* ---- the lowest hole that fits ---- */

/*
 * The lowest hole of at least `pages` at or above `from`: down to `from`, then from
 * the way's end up to the first subtree on the right that has one.
 */
static vaddr_t lowest_hole(const struct vmspace *s, msize_t pages, vaddr_t from)
{
	vaddr_t a = vmspace_top(s), best = VADDR_NONE;

	/* The lowest candidate subtree to the right of `from` is the last one left behind. */
	while (!vaddr_none(a)) {
		if (area_base(s->m, a).v < from.v) {
			a = area_right(s->m, a);
			continue;
		}
		if (hole_of(s, a) >= pages || max_of(s, area_right(s->m, a)) >= pages)
			best = a;
		a = area_left(s->m, a);
	}
	/* Everything in the right subtree of `best` lies above `from`; it itself first. */
	if (vaddr_none(best) || hole_of(s, best) >= pages)
		return best;
	for (a = area_right(s->m, best);;) {
		if (max_of(s, area_left(s->m, a)) >= pages)
			a = area_left(s->m, a);
		else if (hole_of(s, a) >= pages)
			return a;
		else
			a = area_right(s->m, a);
		if (mm_unlikely(vaddr_none(a)))
			mm_bug(s->m, "a subtree of vm areas promises a hole it has not", best);
	}
}

/* From the window's start: only the way down. */
static vaddr_t first_hole(const struct vmspace *s, msize_t pages)
{
	vaddr_t a = vmspace_top(s);

	if (max_of(s, a) < pages)
		return VADDR_NONE;
	for (;;) {
		vaddr_t left = area_left(s->m, a);

		if (max_of(s, left) >= pages)
			a = left;
		else if (hole_of(s, a) >= pages)
			return a;
		else
			a = area_right(s->m, a);
		if (mm_unlikely(vaddr_none(a)))
			mm_bug(s->m, "a subtree of vm areas promises a hole it has not", left);
	}
}

/* The lowest hole that has `pages` at a multiple of align; its aligned address in *at. */
static vaddr_t find_hole(const struct vmspace *s, msize_t pages, msize_t align, vaddr_t *at)
{
	vaddr_t hole = first_hole(s, pages);
	uint64_t steps = 0;

	while (!vaddr_none(hole)) {
		vaddr_t base = area_base(s->m, hole);
		msize_t pad = (round_up(base.v, align) - base.v) >> PTE_PAGE_SHIFT;

		if (pad <= area_pages(s->m, hole) && area_pages(s->m, hole) - pad >= pages) {
			*at = vaddr_add(base, pad << PTE_PAGE_SHIFT);
			break;
		}
		steps++;
		hole = lowest_hole(s, pages, area_end(s->m, hole));
	}
	mm_search(s->m, steps);
	return hole;
}

/* ---- take and release ---- */

static vaddr_t new_area(const struct vmspace *s, vaddr_t base, msize_t pages,
			enum vmarea_state state)
{
	vaddr_t a = recpool_get(s->pool);

	if (vaddr_none(a))
		return VADDR_NONE;
	set_area_base(s->m, a, base);
	set_area_pages(s->m, a, pages);
	set_area_state(s->m, a, state);
	return a;
}

/* Changes a hole's extent in place; its neighbours take over or give what it loses or gains. */
static void set_hole(const struct vmspace *s, vaddr_t hole, vaddr_t base, msize_t pages)
{
	struct path p;

	path_to(s, &p, area_base(s->m, hole));
	set_area_base(s->m, hole, base);
	set_area_pages(s->m, hole, pages);
	mend_path(s, &p);
}

static void set_state(const struct vmspace *s, vaddr_t area, enum vmarea_state state)
{
	struct path p;

	path_to(s, &p, area_base(s->m, area));
	set_area_state(s->m, area, state);
	mend_path(s, &p);
}

int vmspace_format(struct vmspace *s)
{
	vaddr_t a;

	set_vmspace_top(s, VADDR_NONE);
	a = new_area(s, s->start, vaddr_diff(s->end, s->start) >> PTE_PAGE_SHIFT, VMAREA_FREE);
	if (vaddr_none(a))
		return MM_ENOMEM;
	insert(s, a);
	return 0;
}

/*
 * The hole [base, base + n) around [at, at + pages): what is before stays the hole,
 * what is behind becomes one of its own.  The records must be there.
 */
static vaddr_t cut(const struct vmspace *s, vaddr_t hole, vaddr_t at, msize_t pages, vaddr_t area,
		   vaddr_t rest)
{
	vaddr_t base = area_base(s->m, hole), end = vaddr_add(at, pages << PTE_PAGE_SHIFT);
	msize_t before = vaddr_diff(at, base) >> PTE_PAGE_SHIFT,
		behind = vaddr_diff(area_end(s->m, hole), end) >> PTE_PAGE_SHIFT;

	if (before == 0 && behind == 0) {
		set_state(s, hole, VMAREA_BUSY);
		return hole;
	}
	if (before == 0) {
		set_hole(s, hole, end, behind);
	} else {
		set_hole(s, hole, base, before);
		if (!vaddr_none(rest)) {
			set_area_base(s->m, rest, end);
			set_area_pages(s->m, rest, behind);
			insert(s, rest);
		}
	}
	set_area_base(s->m, area, at);
	set_area_pages(s->m, area, pages);
	insert(s, area);
	return area;
}

vaddr_t vmspace_take(struct vmspace *s, msize_t bytes, msize_t align, bool *no_record)
{
	msize_t pages = bytes >> PTE_PAGE_SHIFT;
	vaddr_t at = VADDR_NONE, hole, area = VADDR_NONE, rest = VADDR_NONE;
	bool before, behind;

	*no_record = false;
	hole = find_hole(s, pages, align, &at);
	if (vaddr_none(hole))
		return VADDR_NONE;
	before = !vaddr_eq(at, area_base(s->m, hole));
	behind = vaddr_add(at, bytes).v != area_end(s->m, hole).v;
	if (before || behind)
		area = new_area(s, at, pages, VMAREA_BUSY);
	if (before && behind && !vaddr_none(area))
		rest = new_area(s, at, pages, VMAREA_FREE);
	if ((before || behind) && (vaddr_none(area) || (before && behind && vaddr_none(rest)))) {
		*no_record = true;
		if (!vaddr_none(area))
			recpool_put(s->pool, area);
		return VADDR_NONE;
	}
	return cut(s, hole, at, pages, area, rest);
}

/* The hole beside an area, if it is one. */
static vaddr_t hole_at(const struct vmspace *s, vaddr_t va)
{
	vaddr_t a = vmspace_find(s, va);

	return vaddr_none(a) || area_state(s->m, a) != VMAREA_FREE ? VADDR_NONE : a;
}

void vmspace_release(struct vmspace *s, vaddr_t area)
{
	vaddr_t base = area_base(s->m, area), end = area_end(s->m, area);
	vaddr_t low = base.v == s->start.v ? VADDR_NONE : hole_at(s, vaddr_sub(base, 1));
	vaddr_t high = hole_at(s, end);
	struct path p;

	set_area_link(s->m, area, 0);
	set_area_used(s->m, area, 0);
	set_area_type(s->m, area, VMAREA_NOTHING);
	if (!vaddr_none(high)) {
		end = area_end(s->m, high);
		path_to(s, &p, area_base(s->m, high));
		erase(s, &p);
		recpool_put(s->pool, high);
	}
	if (vaddr_none(low)) {
		path_to(s, &p, base);
		set_area_pages(s->m, area, vaddr_diff(end, base) >> PTE_PAGE_SHIFT);
		set_area_state(s->m, area, VMAREA_FREE);
		mend_path(s, &p);
		return;
	}
	path_to(s, &p, base);
	erase(s, &p);
	recpool_put(s->pool, area);
	set_hole(s, low, area_base(s->m, low),
		 vaddr_diff(end, area_base(s->m, low)) >> PTE_PAGE_SHIFT);
}

vaddr_t vmspace_find(const struct vmspace *s, vaddr_t va)
{
	struct path p;

	if (va.v < s->start.v || va.v >= s->end.v)
		return VADDR_NONE;
	path_to(s, &p, va);
	return p.at[p.nr - 1];
}

msize_t vmspace_largest(const struct vmspace *s)
{
	return max_of(s, vmspace_top(s)) << PTE_PAGE_SHIFT;
}
