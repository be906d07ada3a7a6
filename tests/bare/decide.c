#include "bare/decide.h"

#define OPERATIONS 3000u
#define SLOTS      128u

static const struct pfn_range range = {
	{(STAGE_BASE + 0x4000) >> 12}, (STAGE_BYTES >> 12) - 4, 0, 0};
static const struct zone_desc zone = {.name = "normal",
					.ranges = &range,
					.nr_ranges = 1,
					.desc_zone = DESC_OWN_RANGE};
static const uint8_t zonelist[1];

struct play {
	struct alloc *a;
	uint64_t random, decisions;
	unsigned granted;
	vaddr_t slot[SLOTS];
	uint8_t order[SLOTS];
};

static unsigned roll(struct play *p, unsigned n)
{
	p->random = p->random * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(p->random >> 33) & (n - 1);
}

static void fold(struct play *p, uint64_t x)
{
	p->decisions = (p->decisions ^ x) * 0x9E3779B97F4A7C15ull;
	p->decisions ^= p->decisions >> 29;
}

/* ---- starting kinds ---- */

static msize_t size_list[64];

static void parse_sizes(struct param_value *v, const char *s)
{
	v->list = size_list;
	for (v->nr = 0; *s != '\0'; v->nr++) {
		msize_t n = 0;

		for (; *s >= '0' && *s <= '9'; s++)
			n = n * 10 + (msize_t)(*s - '0');
		size_list[v->nr] = n;
		while (*s == ' ')
			s++;
	}
}

static struct alloc *handle(const struct alloc_ops *ops, struct alloc_env **env,
			    struct param_value params[32])
{
	struct alloc *a = stage_handle(ops, env);

	for (unsigned i = 0; ops->params[i].name != NULL; i++) {
		params[i] = (struct param_value){.u = ops->params[i].def};
		if (ops->params[i].type == PARAM_SIZES)
			parse_sizes(&params[i], ops->params[i].choices);
	}
	(*env)->params = params;
	(*env)->page_shift = 12;
	(*env)->align = 8;
	(*env)->cache_line = 32;
	(*env)->cpus = 1;
	return a;
}

static const struct alloc_ops *kind(const char *name)
{
	const struct alloc_instance *in = stage_instance();

	for (unsigned i = 0; i < in->nr_kinds; i++)
		for (unsigned k = 0; in->kinds[i]->name[k] == name[k]; k++)
			if (name[k] == '\0')
				return in->kinds[i];
	return NULL;
}

static struct param_value boot_params[32], page_params[32], params[32];
static struct page_source source;

static struct alloc *start_boot(const struct alloc_ops *ops)
{
	struct alloc_env *env;
	struct alloc *a = handle(ops, &env, boot_params);

	env->boot_table = (struct mm_range){{STAGE_BASE}, 0x1000};
	if (a->ops->init(a, env) != 0 ||
	    a->ops->boot->add(a, (vaddr_t){STAGE_BASE + 0x4000}, STAGE_BYTES - 0x4000) != 0)
		return NULL;
	return a;
}

static struct alloc *start_pages(const struct alloc_ops *ops)
{
	struct alloc_env *env;
	struct alloc *boot = start_boot(kind("memblock"));
	struct alloc *a = handle(ops, &env, page_params);

	env->boot = boot;
	env->zones = &zone;
	env->nr_zones = 1;
	env->zonelist = zonelist;
	return boot == NULL || a->ops->init(a, env) != 0 ? NULL : a;
}

static struct alloc *start_arena(const struct alloc_ops *ops)
{
	struct alloc_env *env;
	struct alloc *a = handle(ops, &env, params);

	env->arena = (struct mm_range){{STAGE_BASE + 0x10000}, 0x10000};
	return a->ops->init(a, env) != 0 ? NULL : a;
}

static struct alloc *start_grown(const struct alloc_ops *ops)
{
	struct alloc_env *env;
	struct alloc *pages = start_pages(kind("buddy"));
	struct alloc *a = handle(ops, &env, params);

	source = (struct page_source){.pages = pages, .zone_mask = UINT32_MAX, .page_shift = 12};
	env->pages = &source;
	return pages == NULL || a->ops->init(a, env) != 0 ? NULL : a;
}

/* ---- one operation of each facet ---- */

static struct alloc_req request(struct play *p)
{
	static const unsigned ranges[] = {32, 64, 512, 8192};

	return (struct alloc_req){.size = roll(p, ranges[roll(p, 4)]),
				  .align = roll(p, 8) ? 0 : (msize_t)1 << roll(p, 8),
				  .zone_mask = UINT32_MAX};
}

static void take(struct play *p, unsigned i, struct grant g)
{
	p->slot[i] = g.bytes ? g.va : VADDR_NONE;
	p->granted += g.bytes != 0;
	fold(p, g.bytes ? g.va.v : 1);
	fold(p, g.bytes);
}

static void step_bytes(struct play *p, unsigned i)
{
	const struct bytes_ops *ops = p->a->ops->bytes;
	struct alloc_req req = request(p);

	if (vaddr_none(p->slot[i])) {
		take(p, i, ops->malloc(p->a, &req));
	} else if (ops->resize != NULL && roll(p, 4) == 0) {
		req.align = 0;
		fold(p, ops->resize(p->a, p->slot[i], &req).bytes);
	} else {
		fold(p, ops->free(p->a, p->slot[i]));
		p->slot[i] = VADDR_NONE;
	}
}

static void step_stack(struct play *p, unsigned i)
{
	struct alloc_req req = request(p);

	if (roll(p, 64) == 0)
		fold(p, p->a->ops->stack->free_all(p->a));
	else
		take(p, i, p->a->ops->stack->push(p->a, &req));
}

static void step_pages(struct play *p, unsigned i)
{
	struct alloc_req req = {.zone_mask = UINT32_MAX};
	unsigned order = roll(p, 4) & roll(p, 4);
	pfn_t pfn;

	if (!vaddr_none(p->slot[i])) {
		fold(p, (uint64_t)p->a->ops->pages->free_pages(
				p->a, (pfn_t){(uint32_t)p->slot[i].v}, p->order[i]));
		p->slot[i] = VADDR_NONE;
		return;
	}
	if (order > p->a->ops->pages->max_order(p->a))
		order = 0;
	pfn = p->a->ops->pages->alloc_pages(p->a, order, &req);
	p->order[i] = (uint8_t)order;
	take(p, i, (struct grant){{pfn.v}, !pfn_none(pfn)});
}

static void step_caches(struct play *p, unsigned i)
{
	const struct cache_ops *ops = p->a->ops->caches;
	struct alloc_req req = {.size = 40, .zone_mask = UINT32_MAX};

	if (p->order[0] == 0) {
		fold(p, ops->create(p->a, &(struct cache_req){.name = "objects", .size = 40}));
		p->order[0] = 1;
	}
	if (vaddr_none(p->slot[i])) {
		take(p, i, ops->alloc(p->a, 0, &req));
	} else {
		fold(p, ops->free(p->a, 0, p->slot[i]));
		p->slot[i] = VADDR_NONE;
	}
}

static void play(struct alloc *a, const char *facet, void (*step)(struct play *, unsigned))
{
	struct play p = {.a = a, .random = 12345};

	if (a == NULL)
		return;
	for (unsigned i = 0; i < SLOTS; i++)
		p.slot[i] = VADDR_NONE;
	for (unsigned i = 0; i < OPERATIONS; i++)
		step(&p, roll(&p, SLOTS));
	stage_print(a->ops->name, facet, p.decisions, p.granted);
}

static void in_both(const struct alloc_ops *ops, const char *facet,
		    void (*step)(struct play *, unsigned))
{
	stage_clear();
	play(start_arena(ops), facet, step);
	stage_clear();
	play(start_grown(ops), facet, step);
}

void decide_all(void)
{
	const struct alloc_instance *in = stage_instance();

	for (unsigned i = 0; i < in->nr_kinds; i++) {
		const struct alloc_ops *ops = in->kinds[i];

		if (ops->bytes != NULL)
			in_both(ops, "bytes", step_bytes);
		if (ops->stack != NULL)
			in_both(ops, "stack", step_stack);
		if (ops->caches != NULL)
			in_both(ops, "caches", step_caches);
		stage_clear();
		if (ops->pages != NULL)
			play(start_pages(ops), "pages", step_pages);
	}
}
