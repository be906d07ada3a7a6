/* The image itself: hints to the host change nothing that can be seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/physmem.h"

#define MIB(n) ((uint64_t)(n) << 20)

/*
 *   | low 1 MiB | hole | ram, begins and ends amid a large page      | flash |
 *   0                  3 MiB                            13 MiB + 4 K   14 MiB
 */
static const struct phys_region regions[] = {
	{0, MIB(1), REGION_RAM, 15},
	{MIB(3), MIB(10) + 4096, REGION_RAM, 15},
	{MIB(14), MIB(1), REGION_FLASH, 15},
};

static void test_dense_changes_no_byte(void **state)
{
	static const struct {
		uint64_t pa, bytes;
	} hints[] = {
		{0, MIB(1)}, /* less than a large page */
		{MIB(1), MIB(1)}, /* in the hole */
		{MIB(3), MIB(1)}, /* begins before the first whole large page */
		{MIB(5) + 8, 16}, /* rounded out */
		{MIB(12), MIB(4)}, /* reaches into what follows */
		{MIB(14), MIB(1)}, /* flash: nothing is backed */
		{UINT64_MAX - 4, 100}, /* nowhere */
		{MIB(3), 0},
	};
	struct physmem pm;
	struct image_hash before, after;

	(void)state;
	assert_int_equal(physmem_init(&pm, regions, 3, 0), 0);
	pm.window[MIB(3) + 5] = 7;
	pm.touched[(MIB(3) + 5) >> MM_TOUCH_SHIFT] = true;
	before = physmem_hash(&pm);
	for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++)
		physmem_dense(&pm, hints[i].pa, hints[i].bytes);
	after = physmem_hash(&pm);
	assert_memory_equal(&before, &after, sizeof before);
	assert_int_equal(physmem_touched(&pm), 1);
	assert_int_equal(pm.window[MIB(13) + 4095], 0);
	physmem_finish(&pm);
}

/* The window begins where a large page does, whatever the host's mapping. */
static void test_window_alignment(void **state)
{
	struct physmem pm[4];

	(void)state;
	for (int i = 0; i < 4; i++) {
		assert_int_equal(physmem_init(&pm[i], regions, 3, 0), 0);
		assert_int_equal((uintptr_t)pm[i].window % MIB(2), 0);
		assert_true((uintptr_t)pm[i].window + 2 * pm[i].mask <
			    (uintptr_t)pm[i].mapping + pm[i].mapping_bytes);
	}
	for (int i = 0; i < 4; i++)
		physmem_finish(&pm[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dense_changes_no_byte),
		cmocka_unit_test(test_window_alignment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
