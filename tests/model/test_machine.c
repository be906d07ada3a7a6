/* The machine loader: facts of the shipped machines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "model/machine.h"

static struct machine *load(const char *name, const char *variant)
{
	struct diag d = {.msg = ""};
	struct machine *m = machine_load(name, variant, NULL, 0, &d);
	char text[1024];

	diag_text(&d, text, sizeof text);
	if (m == NULL)
		fail_msg("%s", text);
	return m;
}

static void test_stm32h7(void **state)
{
	struct machine *m = load("stm32h7", NULL);

	(void)state;
	assert_string_equal(m->name, "stm32h7");
	assert_int_equal(machine_ram(m), (64 + 128 + 512 + 128 + 128 + 32 + 64 + 4) << 10);
	assert_int_equal(m->nr_zones, 7);
	assert_int_equal(m->zones[machine_zone(m, "d1_axi")].pages, 512);
	machine_free(m);
}

static void test_variants(void **state)
{
	static const char *const names[] = {"h743xi", "h743xg", "h750xb"};

	(void)state;
	for (size_t i = 0; i < 3; i++)
		machine_free(load("stm32h7", names[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stm32h7),
		cmocka_unit_test(test_variants),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
