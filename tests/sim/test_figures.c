/* The figures against known vectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim/figures.h"

struct vector {
	uint64_t nr_free[11];
	unsigned order;
	int extfrag;
};

/* Free blocks by order; the index that the kernel's own formula gives. */
static void test_extfrag_vectors(void **state)
{
	static const struct vector v[] = {
		{{3}, 3, 542},         {{0, 1}, 3, -250}, {{7}, 3, 733}, {{100}, 3, 865},
		{{64, 16, 4}, 4, 905}, {{1}, 3, -125},    {{0}, 3, 0},   {{0, 0, 0, 1}, 3, -1000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
		struct free_area a = {.max_order = 10};

		for (unsigned o = 0; o < 11; o++)
			a.nr_free[o] = v[i].nr_free[o];
		assert_int_equal(extfrag_index(&a, v[i].order), v[i].extfrag);
	}
}

/* A running kernel's own Normal zone, and what its unusable_index file said. */
static void test_unusable_of_a_real_zone(void **state)
{
	static const uint64_t normal[11] = {1277, 208, 660, 690, 418, 241,
					    170,  237, 118, 115, 1148};
	static const int expected[11] = {0, 0, 1, 3, 7, 12, 18, 26, 49, 71, 116};
	struct free_area a = {.max_order = 10}, none = {.max_order = 10};

	(void)state;
	for (unsigned o = 0; o < 11; o++)
		a.nr_free[o] = normal[o];
	for (unsigned o = 0; o < 11; o++)
		assert_int_equal(unusable_index(&a, o), expected[o]);
	assert_int_equal(unusable_index(&none, 0), 1000);
}

/* 99 searches of one step, one of 1000: the tail is where it belongs. */
static void test_search_percentiles(void **state)
{
	struct mm_search s = {0};

	(void)state;
	assert_int_equal(search_percentile(&s, 500), 0);
	s.bucket[1] = 99;
	s.bucket[MM_SEARCH_EXACT + (9 - 6) * 32 + ((1000 >> 4) & 31)] = 1;
	assert_int_equal(search_percentile(&s, 500), 1);
	assert_int_equal(search_percentile(&s, 990), 1);
	assert_int_equal(search_percentile(&s, 999), 992);
	assert_int_equal(search_percentile(&s, 1000), 992);
}

static void test_jw(void **state)
{
	const struct heap_figures h = {.footprint_at_peak_live = 150,
				       .peak_live = 100,
				       .peak_footprint = 300,
				       .live_at_peak_footprint = 50,
				       .jw_sum = 3 << 16,
				       .jw_samples = 2};
	uint64_t jw[4];

	(void)state;
	jw_ratios(&h, jw);
	assert_int_equal(jw[0], 1500);
	assert_int_equal(jw[1], 1500);
	assert_int_equal(jw[2], 6000);
	assert_int_equal(jw[3], 3000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_extfrag_vectors),
		cmocka_unit_test(test_unusable_of_a_real_zone),
		cmocka_unit_test(test_search_percentiles),
		cmocka_unit_test(test_jw),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
