/*
 * What a replay keeps of live objects: the table by slot, the slots themselves, and the map
 * from a trace's own numbers to them; each against a model that does it the plain way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sim/id_map.h"
#include "sim/live.h"
#include "sim/slots.h"

/* ---- entries ---- */

static void test_an_entry_keeps_all(void **state)
{
	static const uint64_t births[] = {1, UINT32_MAX, UINT64_C(1) << 32, (UINT64_C(1) << 36) - 1};
	struct live_table t = {.nr = 0};
	struct live l;

	(void)state;
	for (size_t i = 0; i < sizeof births / sizeof births[0]; i++) {
		live_set(&t, &l, LIVE_TASK, 0xff, LIVE_PLACE_MAX, LIVE_SIZE_MAX, PLAIN_SITE_MAX,
			 births[i], UINT32_MAX);
		assert_int_equal(live_state(&l), LIVE_TASK);
		assert_int_equal(live_alloc(&l), 0xff);
		assert_true(live_pa(&l) == LIVE_PLACE_MAX);
		assert_true(live_size(&l) == LIVE_SIZE_MAX);
		assert_int_equal(live_site(&t, &l), PLAIN_SITE_MAX);
		assert_true(live_extra(&t, &l) == UINT32_MAX);
		assert_true(live_birth(&l) == births[i]);
	}
	live_finish(&t);
}

/* Each setter changes what it says. */
static void test_setters_keep_the_rest(void **state)
{
	struct live_table t = {.nr = 0};
	struct live l;

	(void)state;
	live_set(&t, &l, LIVE_BLOCK, 3, 0x1000, 64, 7, UINT64_C(5) << 32, 0);
	live_set_size(&l, 128);
	live_set_pa(&l, 0x2000);
	live_set_extra(&t, &l, 9);
	live_set_birth(&l, (UINT64_C(6) << 32) + 1);
	assert_int_equal(live_state(&l), LIVE_BLOCK);
	assert_int_equal(live_alloc(&l), 3);
	assert_int_equal(live_pa(&l), 0x2000);
	assert_int_equal(live_size(&l), 128);
	assert_int_equal(live_site(&t, &l), 7);
	assert_int_equal(live_extra(&t, &l), 9);
	assert_true(live_birth(&l) == (UINT64_C(6) << 32) + 1);
	live_set_failed(&l);
	assert_int_equal(live_state(&l), LIVE_FAILED);
	live_finish(&t);
}

/* More pairs than are kept at hand, met in two orders; a site too large is none. */
static void test_pairs_come_back(void **state)
{
	const uint32_t sites = 100, extras = 50;
	struct live_table t = {.nr = 0};
	struct live *l = calloc(sites * extras, sizeof *l);

	(void)state;
	assert_non_null(l);
	for (uint32_t i = 0; i < sites * extras; i++)
		live_set(&t, &l[i], LIVE_BLOCK, 0, i, 1, i % sites, 1, i / sites);
	for (uint32_t i = sites * extras; i-- > 0;) {
		assert_int_equal(live_site(&t, &l[i]), i % sites);
		assert_int_equal(live_extra(&t, &l[i]), i / sites);
		assert_int_equal(live_origin_of(&t, i % sites, i / sites), live_origin(&l[i]));
	}
	assert_int_equal(t.nr_more, sites * (extras - 1)); /* those with an extra of 0 are no pairs */
	live_set(&t, l, LIVE_BLOCK, 0, 0, 1, LIVE_MORE, 1, 0);
	assert_int_equal(live_site(&t, l), 0);
	assert_false(t.lost);
	free(l);
	live_finish(&t);
}

static void test_orders_of_pages(void **state)
{
	struct live_table t = {.nr = 0};
	struct live l;

	(void)state;
	for (unsigned order = 0; order < 11; order++)
		for (uint64_t size = 0; size <= 4096u << order; size += 2048) {
			live_set(&t, &l, LIVE_BLOCK, 0, 0, size, 0, 1,
				 live_order_extra(size, order, 12));
			assert_int_equal(live_order(&t, &l, 12), order);
		}
	live_finish(&t);
}

/* ---- slots ---- */

#define MOST 5000u

static uint32_t random_below(uint32_t *seed, uint32_t n)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)*seed * n >> 32);
}

/* Births and deaths at random; the model is a stack of those freed above a counter. */
static void test_slots_are_taken_in_their_order(void **state)
{
	static uint32_t freed[MOST], live[MOST];
	uint32_t nr_freed = 0, nr_live = 0, high = 0, seed = 1;
	struct slots s;

	(void)state;
	slots_init(&s);
	for (uint32_t i = 0; i < 200000; i++) {
		bool birth = nr_live == 0 ||
			     (nr_live < MOST && random_below(&seed, MOST) * 2 > nr_live);

		if (birth) {
			uint32_t want = nr_freed ? freed[--nr_freed] : high++;

			assert_true(slots_reserve(&s, 1));
			assert_int_equal(slots_take(&s), want);
			assert_true(slots_is_live(&s, want));
			live[nr_live++] = want;
		} else {
			uint32_t k = random_below(&seed, nr_live), slot = live[k];

			live[k] = live[--nr_live];
			freed[nr_freed++] = slot;
			assert_true(slots_give(&s, slot));
			assert_false(slots_give(&s, slot));
		}
		assert_int_equal(s.live, nr_live);
		assert_int_equal(s.high, high);
		assert_false(slots_is_live(&s, high));
	}
	slots_reset(&s);
	assert_true(slots_reserve(&s, 2));
	assert_int_equal(slots_take(&s), 0);
	assert_int_equal(slots_take(&s), 1);
	slots_finish(&s);
}

/* What was never used costs no memory: room for many, links for few. */
static void test_links_are_written_when_needed(void **state)
{
	struct slots s;

	(void)state;
	slots_init(&s);
	assert_true(slots_reserve(&s, 100000));
	assert_true(s.ready >= 100000 && s.ready < 101000);
	assert_true(s.cap > s.ready);
	slots_finish(&s);
}

/* ---- ids ---- */

/* Ids that share the cells of the window, so that most live in the hash table. */
static void test_ids_find_their_slots(void **state)
{
	static uint32_t ids[MOST], slots_of[MOST];
	uint32_t nr = 0, next = 0, seed = 7, newest = 0;
	struct id_map m;
	struct slots s;

	(void)state;
	slots_init(&s);
	assert_true(id_map_init(&m, &s.next));
	for (uint32_t i = 0; i < 100000; i++) {
		/* The table fills, and empties, several times. */
		uint32_t aim = i / 10000 % 2 ? 10 : MOST;

		if (nr == 0 || (nr < MOST && random_below(&seed, aim + nr) < aim)) {
			uint32_t id = next % 4000 * ID_WINDOW + next % 3;

			next++;
			if (!id_map_is_free(&m, id)) {
				assert_int_not_equal(id_map_find(&m, id), SLOT_NONE);
				continue;
			}
			assert_true(slots_reserve(&s, 1));
			ids[nr] = id;
			slots_of[nr] = slots_take_as(&s, id);
			assert_true(id_map_put(&m, id, slots_of[nr++]));
			newest = id > newest ? id : newest;
		} else {
			uint32_t k = random_below(&seed, nr);

			assert_int_equal(id_map_find(&m, ids[k]), slots_of[k]);
			assert_int_equal(id_map_take(&m, ids[k]), slots_of[k]);
			slots_give_live(&s, slots_of[k]);
			assert_true(id_map_is_free(&m, ids[k]));
			assert_int_equal(id_map_take(&m, ids[k]), SLOT_NONE);
			nr--;
			ids[k] = ids[nr];
			slots_of[k] = slots_of[nr];
		}
		if (i % 1000 == 0)
			for (uint32_t k = 0; k < nr; k++)
				assert_int_equal(id_map_find(&m, ids[k]), slots_of[k]);
	}
	assert_true(m.newest_old > ID_WINDOW);
	id_map_finish(&m);
	slots_finish(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_entry_keeps_all),
		cmocka_unit_test(test_setters_keep_the_rest),
		cmocka_unit_test(test_pairs_come_back),
		cmocka_unit_test(test_orders_of_pages),
		cmocka_unit_test(test_slots_are_taken_in_their_order),
		cmocka_unit_test(test_links_are_written_when_needed),
		cmocka_unit_test(test_ids_find_their_slots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
