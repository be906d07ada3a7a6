/* vmarea: the checker of V1 to V4 (see vmarea.c). */
#include "alloc/vmarea_layout.h"

#define MAX_HEIGHT 48u

static int check_fields(const struct vmspace *s, vaddr_t a, struct check_report *r)
{
	unsigned state = area_state(s->m, a), type = area_type(s->m, a);

	if (state < VMAREA_FREE || state > VMAREA_LAZY || area_spare(s->m, a) != 0 ||
	    area_pages(s->m, a) == 0 || type > VMAREA_OWNED ||
	    (state != VMAREA_BUSY && (type != VMAREA_NOTHING || area_used(s->m, a) != 0)) ||
	    (state == VMAREA_FREE && area_link(s->m, a) != 0) ||
	    (state == VMAREA_BUSY && type < VMAREA_DEVICE && area_link(s->m, a) != 0) ||
	    (type == VMAREA_OWNED && area_link(s->m, a) == 0) ||
	    area_used(s->m, a) > area_pages(s->m, a))
		return check_fail(r, "V4: an area's fields are valid", a, state, type);
	return 0;
}

/* Height, balance and largest hole from the children's own words: right everywhere or nowhere. */
static int check_sums(const struct vmspace *s, vaddr_t a, struct check_report *r)
{
	vaddr_t child[2] = {area_left(s->m, a), area_right(s->m, a)};
	unsigned h[2] = {0, 0};
	msize_t max = area_state(s->m, a) == VMAREA_FREE ? area_pages(s->m, a) : 0;

	for (unsigned i = 0; i < 2; i++) {
		if (vaddr_none(child[i]))
			continue;
		if (!recpool_is_live(s->pool, child[i]))
			return check_fail(r, "V1: the tree leads to areas", a, child[i].v, 0);
		h[i] = area_height(s->m, child[i]);
		max = area_max(s->m, child[i]) > max ? area_max(s->m, child[i]) : max;
	}
	if (area_height(s->m, a) != (h[0] > h[1] ? h[0] : h[1]) + 1 || h[0] > h[1] + 1 ||
	    h[1] > h[0] + 1)
		return check_fail(r, "V2: the tree is balanced", a, area_height(s->m, a),
				  (h[0] > h[1] ? h[0] : h[1]) + 1);
	if (area_max(s->m, a) != max)
		return check_fail(r, "V3: max is the largest hole below", a, area_max(s->m, a),
				  max);
	return 0;
}

/* The areas come in ascending order; *next: where this one must begin. */
static int check_area(const struct vmspace *s, vaddr_t a, vaddr_t *next, bool *hole,
		      struct check_report *r)
{
	if (!vaddr_eq(area_base(s->m, a), *next))
		return check_fail(r, "V1: the areas tile the window", a, area_base(s->m, a).v,
				  next->v);
	if (check_fields(s, a, r) != 0 || check_sums(s, a, r) != 0)
		return MM_EINVAL;
	if (*hole && area_state(s->m, a) == VMAREA_FREE)
		return check_fail(r, "V3: no two holes touch", a, 0, 0);
	*hole = area_state(s->m, a) == VMAREA_FREE;
	if (area_pages(s->m, a) > vaddr_diff(s->end, *next) >> PTE_PAGE_SHIFT)
		return check_fail(r, "V1: the areas end with the window", a, area_pages(s->m, a),
				  0);
	*next = area_end(s->m, a);
	return 0;
}

int vmspace_check(const struct vmspace *s, uint64_t nr[4], msize_t bytes[4], struct check_report *r)
{
	vaddr_t stack[MAX_HEIGHT], a = vmspace_top(s), next = s->start;
	unsigned depth = 0;
	bool hole = false;

	if (!recpool_is_live(s->pool, a))
		return check_fail(r, "V1: the tree leads to areas", s->root, a.v, 0);
	while (depth > 0 || !vaddr_none(a)) {
		if (!vaddr_none(a)) {
			if (depth == MAX_HEIGHT || !recpool_is_live(s->pool, a))
				return check_fail(r, "V2: the tree is balanced", a, depth, 0);
			stack[depth++] = a;
			a = area_left(s->m, a);
			continue;
		}
		a = stack[--depth];
		if (check_area(s, a, &next, &hole, r) != 0)
			return MM_EINVAL;
		nr[area_state(s->m, a)]++;
		bytes[area_state(s->m, a)] += area_pages(s->m, a) << PTE_PAGE_SHIFT;
		a = area_right(s->m, a);
	}
	if (!vaddr_eq(next, s->end))
		return check_fail(r, "V1: the areas end with the window", s->root, next.v,
				  s->end.v);
	return 0;
}
