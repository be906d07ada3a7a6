/* Every shipped machine boots, in every variant, with everything it describes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/event.h"
#include "sim/system.h"

struct boots {
	const char *machine;
	unsigned nr;
};

/* Valgrind keeps shadows of windows: the larger ones take it minutes, or it refuses them. */
static bool too_big_here(const struct machine *m)
{
	const struct region *last = &m->regions[m->nr_regions - 1];
	const char *preload = getenv("LD_PRELOAD");

	return preload != NULL && strstr(preload, "vgpreload") != NULL &&
	       last->base + last->bytes > GiB(2);
}

static void boot(const char *name, const char *variant, uint32_t groups)
{
	struct boot_options o = {.port = "checked", .groups = groups};
	struct system *s = calloc(1, sizeof *s);
	struct diag d = {.msg = ""};
	struct machine *m = machine_load(name, variant, NULL, 0, &d);

	assert_non_null(s);
	if (m != NULL && too_big_here(m)) {
		machine_free(m);
		free(s);
		return;
	}
	if (m == NULL || system_boot(s, m, &o, &d) != 0)
		fail_msg("%s %s: %s", name, variant != NULL ? variant : "", d.msg);
	/*
	 * Booting does not write a descriptor a page: 64 GiB would be 16 million.  A page
	 * table for each GiB of the direct map is all that grows with the machine.
	 */
	assert_true(physmem_touched(&s->pm) < 64 + s->machine->virt.direct_bytes / GiB(1));
	system_finish(s);
	machine_free(m);
	free(s);
}

static void boot_variant(void *ctx, const char *variant, const char *summary)
{
	struct boots *b = ctx;

	(void)summary;
	boot(b->machine, variant, 1u << TG_HEAP);
	boot(b->machine, variant, 1u << TG_PAGES);
	boot(b->machine, variant, UINT32_MAX);
	b->nr++;
}

static void test_all_boot(void **state)
{
	static const char *const names[] = {"stm32h7", "x86_32", "x86_64"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct boots b = {names[i], 0};
		struct diag d = {.msg = ""};

		boot_variant(&b, NULL, "");
		assert_int_equal(machine_variants(names[i], boot_variant, &b, &d), 0);
		assert_true(b.nr > 3);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_boot)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
