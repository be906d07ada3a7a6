/* The simulated stage: the same addresses, on a machine of word 4, checked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bare/decide.h"
#include "lib/rig.h"

static struct rig rig;
static bool standing;

const struct alloc_instance *stage_instance(void)
{
	return &alloc_checked4;
}

void stage_clear(void)
{
	if (standing)
		rig_finish(&rig);
	rig_init(&rig, RIG_NOISE, (struct phys_region[]){{STAGE_BASE, STAGE_BYTES, REGION_RAM, 15}},
		 1, 0);
	standing = true;
}

struct alloc *stage_handle(const struct alloc_ops *ops, struct alloc_env **e)
{
	struct rig_owner *o = rig_owner(&rig, &alloc_checked4, ops->name, NULL);

	o->view.strict_align = true;
	*e = &o->env;
	return o->alloc;
}

void stage_print(const char *kind, const char *facet, uint64_t decisions, unsigned granted)
{
	printf("%s %s %016llx %u\n", kind, facet, (unsigned long long)decisions, granted);
}

int main(void)
{
	decide_all();
	rig_finish(&rig);
	return 0;
}
