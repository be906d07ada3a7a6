/* tlsf, bins, half_fit and buddy_heap grown from the pages of a buddy, in all instances. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/rig.h"

static const char *const kinds[] = {"tlsf", "bins", "half_fit", "buddy_heap"};

struct grown {
	struct rig g;
	struct alloc *pages, *a;
	struct rig_owner *o; /* of the heap */
};

/* 256 KiB of 1 KiB pages, and segments of at least 4 KiB. */
static void begin(struct grown *w, const struct alloc_instance *in, const char *kind)
{
	static const struct rig_param set[] = {{"grow", 4096, NULL, 0}, {NULL, 0, NULL, 0}};

	rig_init(&w->g, RIG_NOISE, (struct phys_region[]){{0x40000, 0x40000, REGION_RAM, 15}}, 1,
		 0);
	w->pages = rig_pages(&w->g, in, "buddy", NULL, 10);
	w->a = rig_grown(&w->g, in, kind, set, w->pages);
	w->o = rig_owner_of(&w->g, w->a);
}

static void look(struct grown *w)
{
	struct alloc *both[] = {w->pages, w->a};

	rig_check(&w->g, w->pages);
	rig_check(&w->g, w->a);
	rig_ledger_equals_walk(&w->g, both, 2);
}

static struct grant take(struct grown *w, msize_t size)
{
	return w->a->ops->bytes->malloc(w->a,
					&(struct alloc_req){.size = size, .zone_mask = UINT32_MAX});
}

static void give(struct grown *w, struct grant x)
{
	assert_int_equal(w->a->ops->bytes->free(w->a, x.va), x.bytes);
	look(w);
}

static int64_t free_pages(struct grown *w)
{
	return rig_bytes(rig_owner_of(&w->g, w->pages), MM_FREE);
}

/*
 * | first segment | + | segment | + | segment | ...   Each time no chunk fits, one more;
 * | first segment |                                   all freed, all but the first go back.
 */
static void segments_come_and_go(const struct alloc_instance *in, const char *kind)
{
	struct grown w;
	struct grant x[40];
	int64_t fresh;

	begin(&w, in, kind);
	fresh = free_pages(&w);
	for (unsigned i = 0; i < 40; i++) {
		x[i] = take(&w, 1000);
		assert_true(x[i].bytes >= 1000);
		look(&w);
	}
	assert_true(w.o->count[MM_EV_SEGMENT_ADD] > 3);
	assert_true(free_pages(&w) < fresh);
	for (unsigned i = 0; i < 40; i++)
		give(&w, x[(i * 7) % 40]);
	assert_int_equal(free_pages(&w), fresh);
	assert_int_equal(w.o->count[MM_EV_SEGMENT_DROP], w.o->count[MM_EV_SEGMENT_ADD]);
	rig_finish(&w.g);
}

/* A request far beyond `grow` gets pages of its own size, and gives them back at once. */
static void a_large_request(const struct alloc_instance *in, const char *kind)
{
	struct grown w;
	struct grant x;
	int64_t fresh;

	begin(&w, in, kind);
	fresh = free_pages(&w);
	x = take(&w, 30000);
	assert_true(x.bytes >= 30000);
	look(&w);
	assert_int_equal(w.a->ops->bytes->free(w.a, (vaddr_t){x.va.v + 1024}), FREE_BAD);
	give(&w, x);
	assert_int_equal(free_pages(&w), fresh);
	assert_int_equal(w.a->ops->bytes->free(w.a, x.va), FREE_BAD);
	look(&w);
	rig_finish(&w.g);
}

/* Pages that run out or are refused: the request fails, and nothing else changes. */
static void no_more_pages(const struct alloc_instance *in, const char *kind)
{
	struct grown w;
	struct grant x;
	int64_t before;

	begin(&w, in, kind);
	w.o->source.fail_at = w.o->source.calls + 1;
	w.o->source.fail_on = true;
	before = free_pages(&w);
	while ((x = take(&w, 500)).bytes != 0)
		look(&w);
	assert_int_equal(free_pages(&w), before);
	w.o->source.fail_at = 0;
	x = take(&w, 500);
	assert_true(x.bytes >= 500);
	give(&w, x);
	while (take(&w, 2000).bytes != 0)
		;
	look(&w);
	assert_int_equal(take(&w, MM_WORD_ONES).bytes, 0);
	rig_finish(&w.g);
}

static void each(void (*test)(const struct alloc_instance *in, const char *kind))
{
	for (unsigned i = 0; i < RIG_INSTANCES; i++)
		for (unsigned k = 0; k < 4; k++)
			test(rig_instances[i], kinds[k]);
}

static void test_segments(void **state)
{
	(void)state;
	each(segments_come_and_go);
}

static void test_large(void **state)
{
	(void)state;
	each(a_large_request);
}

static void test_no_pages(void **state)
{
	(void)state;
	each(no_more_pages);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_no_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
