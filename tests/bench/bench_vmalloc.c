/*
 * vmalloc with 1,000, 10,000 and 100,000 live areas: the time of one find, and of one
 * free with the allocation that follows it, in CPU time.  Logarithmic: ten times the
 * areas cost a constant more, not ten times as much.
 *
 *   bench_vmalloc
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "alloc/alloc.h"
#include "model/fault.h"
#include "model/physmem.h"
#include "model/pte.h"

#define PAGE    4096ull
#define BASE    0x100000ull
#define RAM     GiB(1)
#define OFFSET  0xffff888000000000ull
#define WINDOW  0xffffc90000000000ull
#define REPEATS 200000u

struct owner {
	struct mem view;
	struct mm_row rows[1];
	uint64_t count[MM_NR_EV];
	struct mm_search search;
	struct alloc *a;
	struct alloc_env env;
	struct param_value params[32];
	struct page_source source;
};

static struct physmem pm;
static struct mm_shared sh;

static const struct alloc_ops *kind(const char *name)
{
	for (unsigned i = 0; i < alloc_fast8.nr_kinds; i++)
		if (strcmp(alloc_fast8.kinds[i]->name, name) == 0)
			return alloc_fast8.kinds[i];
	abort();
}

static void prepare(struct owner *o, const char *name)
{
	const struct alloc_ops *ops = kind(name);

	*o = (struct owner){.a = calloc(1, ops->handle_bytes)};
	if (o->a == NULL)
		abort();
	physmem_view(&pm, &o->view, OFFSET);
	o->view.rows = o->rows;
	o->view.count = o->count;
	o->view.search = &o->search;
	o->view.sh = &sh;
	o->a->ops = ops;
	for (unsigned i = 0; ops->params[i].name != NULL; i++)
		o->params[i].u = ops->params[i].def;
	o->env = (struct alloc_env){
		.m = &o->view, .params = o->params, .page_shift = 12, .align = 16, .cpus = 2};
}

static void start(struct owner *o)
{
	if (o->a->ops->init(o->a, &o->env) != 0)
		abort();
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static uint64_t next_random(uint64_t *s)
{
	*s = *s * 6364136223846793005ull + 1442695040888963407ull;
	return *s >> 33;
}

static vaddr_t map(struct alloc *v)
{
	struct map_req req = {.size = PAGE, .pages = {.zone_mask = UINT32_MAX}};
	struct grant g = v->ops->maps->map(v, &req);

	if (g.bytes == 0)
		abort();
	return g.va;
}

static void measure(struct alloc *v, vaddr_t *area, unsigned nr)
{
	uint64_t random = 1, sum = 0;
	double t = now(), find, churn;
	struct map_area x;

	for (unsigned i = 0; i < REPEATS; i++) {
		v->ops->maps->next(v, area[next_random(&random) % nr], &x);
		sum += x.bytes;
	}
	find = (now() - t) / REPEATS;
	t = now();
	for (unsigned i = 0; i < REPEATS; i++) {
		unsigned k = (unsigned)(next_random(&random) % nr);

		if (v->ops->maps->unmap(v, area[k], NULL) == FREE_BAD)
			abort();
		area[k] = map(v);
	}
	churn = (now() - t) / REPEATS;
	printf("%7u areas: find %6.0f ns, free and allocate %6.0f ns   (%llu)\n", nr, find, churn,
	       (unsigned long long)(sum / REPEATS));
}

int main(void)
{
	static const struct phys_region region = {BASE, RAM, REGION_RAM, 15};
	static const struct pfn_range range = {{BASE >> 12}, RAM >> 12, 0, 0};
	static const struct zone_desc zone = {.name = "normal",
					      .ranges = &range,
					      .nr_ranges = 1,
					      .desc_zone = DESC_OWN_RANGE};
	static const struct mm_range direct = {{BASE}, RAM};
	static const struct vm_layout vm = {.format = PTE_X86_64,
					    .page_offset = OFFSET,
					    .direct = &direct,
					    .nr_direct = 1,
					    .low_zones = 1,
					    .vmalloc_start = {WINDOW},
					    .vmalloc_end = {WINDOW + GiB(64)}};
	static const uint8_t zonelist[1];
	static struct owner boot, pages, space;
	static vaddr_t area[100000];
	unsigned nr = 0;

	if (physmem_init(&pm, &region, 1, 0) != 0)
		abort();
	prepare(&boot, "memblock");
	boot.env.boot_table = (struct mm_range){{BASE + OFFSET}, BOOT_TABLE_BYTES(32)};
	start(&boot);
	if (boot.a->ops->boot->add(boot.a, (vaddr_t){BASE + OFFSET}, RAM) != 0)
		abort();
	prepare(&pages, "buddy");
	pages.env.zones = &zone;
	pages.env.nr_zones = 1;
	pages.env.zonelist = zonelist;
	pages.env.boot = boot.a;
	start(&pages);
	prepare(&space, "vmalloc");
	space.source = (struct page_source){.pages = pages.a, .zone_mask = 1, .page_shift = 12};
	space.env.pages = &space.source;
	space.env.vm = &vm;
	start(&space);
	for (unsigned most = 1000; most <= 100000; most *= 10) {
		while (nr < most)
			area[nr++] = map(space.a);
		measure(space.a, area, nr);
	}
	return 0;
}
