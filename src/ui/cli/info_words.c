#include "ui/cli/info.h"

const char *info_mmu(enum mmu_kind mmu)
{
	static const char *const words[] = {"none", "x86-32", "x86-pae", "x86-64"};

	return words[mmu];
}

const char *info_rules(enum rule_set rules)
{
	static const char *const words[] = {"textbook", "linux-4.19", "linux-6"};

	return words[rules];
}

const char *info_kind(enum region_kind kind)
{
	static const char *const words[] = {"ram", "flash", "rom", "mmio"};

	return words[kind];
}

const char *info_group(enum alloc_group group)
{
	static const char *const words[] = {
		[GROUP_HEAP] = "heap",       [GROUP_PAGES] = "pages",
		[GROUP_SLAB] = "slab",       [GROUP_KMALLOC] = "kmalloc",
		[GROUP_VIRTUAL] = "virtual", [GROUP_STACK] = "stack",
		[GROUP_ARENA] = "arena",     [GROUP_DMA] = "dma",
		[GROUP_CMA] = "cma",         [GROUP_KMAP] = "kmap",       [GROUP_IOREMAP] = "ioremap",
		[GROUP_PERCPU] = "percpu",
		[GROUP_EXTRA_HEAP] = "heaps",
	};

	_Static_assert(sizeof words / sizeof words[0] == NR_GROUPS + 1, "a word for each group");
	return words[group];
}

char info_reach(const struct master *x, unsigned r)
{
	if ((x->regions >> r & 1) != 0)
		return 'x';
	return (x->partly >> r & 1) != 0 ? '~' : '.';
}
