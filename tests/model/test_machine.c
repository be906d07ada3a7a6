/* The machine loader: facts of the shipped machines, and the line each mistake gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/machine.h"

static struct machine *load_set(const char *name, const char *variant, const char *set)
{
	struct diag d = {.msg = ""};
	struct machine *m = machine_load(name, variant, &set, set != NULL, &d);
	char text[1024];

	diag_text(&d, text, sizeof text);
	if (m == NULL)
		fail_msg("%s", text);
	return m;
}

static struct machine *load(const char *name, const char *variant)
{
	return load_set(name, variant, NULL);
}

/* ---- the shipped machines ---- */

/* Zones as "name pages", in the machine's order. */
static const struct {
	const char *machine, *variant, *set;
	uint64_t ram_kib;
	const char *zones;
} shipped[] = {
	{"stm32h7", "", NULL, 1060,
	 "d0_dtcm 128, d1_axi 512, d2_sram1 128, d2_sram2 128, d2_sram3 32, d3_sram4 64, d3_backup "
	 "4"},
	{"stm32h7", "h743xi", NULL, 1060,
	 "d0_dtcm 128, d1_axi 512, d2_sram1 128, d2_sram2 128, d2_sram3 32, d3_sram4 64, d3_backup "
	 "4"},
	{"stm32h7", "h743xg", NULL, 1060,
	 "d0_dtcm 128, d1_axi 512, d2_sram1 128, d2_sram2 128, d2_sram3 32, d3_sram4 64, d3_backup "
	 "4"},
	{"stm32h7", "h750xb", NULL, 1060,
	 "d0_dtcm 128, d1_axi 512, d2_sram1 128, d2_sram2 128, d2_sram3 32, d3_sram4 64, d3_backup "
	 "4"},
	{"stm32h7", "h742", NULL, 692,
	 "d0_dtcm 128, d1_axi 384, d2_sram1 32, d2_sram2 16, d3_sram4 64, d3_backup 4"},
	{"stm32h7", "", "page.order=16", 1060,
	 "d0_dtcm 2, d1_axi 8, d2_sram1 2, d2_sram2 2, d2_sram3 0, d3_sram4 1, d3_backup 0"},
	{"numa2", "", NULL, 8388224, "dma 4000, dma32 520192, normal 524288, normal_1 1048576"},
	{"numa2", "memoryless", NULL, 4193920, "dma 4000, dma32 520192, normal 524288"},
	{"x86_32", "", NULL, 1048192, "dma 4000, normal 225280, highmem 32768"},
	{"x86_32", "1g", NULL, 1048192, "dma 4000, normal 225280, highmem 32768"},
	{"x86_32", "2g", NULL, 2096768, "dma 4000, normal 225280, highmem 294912"},
	{"x86_32", "4g", NULL, 3145344, "dma 4000, normal 225280, highmem 557056"},
	{"x86_32", "pae-64g", NULL, 66059904, "dma 4000, normal 225280, highmem 16285696"},
	{"x86_32", "textbook-8k", NULL, 4194304, "dma 2048, normal 522240"},
	/* 880 MiB less 8 KiB: FACTS of 4.19 with NR_CPUS=8. */
	{"x86_32", "", "machine.rules=linux-4.19", 1048192,
	 "dma 4000, normal 221182, highmem 36866"},
	{"x86_32", "", "virtual.split=2G/2G", 1048192, "dma 4000, normal 258048, highmem 0"},
	{"x86_32", "2g", "virtual.split=2G/2G", 2096768, "dma 4000, normal 487424, highmem 32768"},
	{"x86_64", "", NULL, 4193920, "dma 4000, dma32 782336, normal 262144"},
	{"x86_64", "1g", NULL, 1048192, "dma 4000, dma32 258048"},
	{"x86_64", "2g", NULL, 2096768, "dma 4000, dma32 520192"},
	{"x86_64", "4g", NULL, 4193920, "dma 4000, dma32 782336, normal 262144"},
	{"x86_64", "8g", NULL, 8388224, "dma 4000, dma32 782336, normal 1310720"},
	{"x86_64", "16g", NULL, 16776832, "dma 4000, dma32 782336, normal 3407872"},
	{"x86_64", "32g", NULL, 33554048, "dma 4000, dma32 782336, normal 7602176"},
	{"x86_64", "64g", NULL, 67108480, "dma 4000, dma32 782336, normal 15990784"},
};

static void zones_text(const struct machine *m, char *buf, size_t bytes)
{
	size_t used = 0;

	for (unsigned i = 0; i < m->nr_zones; i++)
		used += (size_t)snprintf(buf + used, bytes - used, "%s%s %llu", i != 0 ? ", " : "",
					 m->zones[i].name, (unsigned long long)m->zones[i].pages);
}

static void test_shipped(void **state)
{
	char zones[512];

	(void)state;
	for (size_t i = 0; i < sizeof shipped / sizeof *shipped; i++) {
		struct machine *m;

		m = load_set(shipped[i].machine, shipped[i].variant, shipped[i].set);
		zones_text(m, zones, sizeof zones);
		assert_string_equal(zones, shipped[i].zones);
		assert_int_equal(machine_ram(m), shipped[i].ram_kib << 10);
		assert_string_equal(m->variant, shipped[i].variant);
		assert_int_equal(strlen(m->hash), 32);
		machine_free(m);
	}
}

/* Every variant of every machine is in the table above. */
struct seen {
	const char *machine;
	unsigned nr;
};

static void in_table(void *ctx, const char *variant, const char *summary)
{
	struct seen *s = ctx;

	assert_true(summary[0] != '\0');
	s->nr++;
	for (size_t i = 0; i < sizeof shipped / sizeof *shipped; i++)
		if (strcmp(shipped[i].machine, s->machine) == 0 &&
		    strcmp(shipped[i].variant, variant) == 0)
			return;
	fail_msg("variant %s of %s is not tested", variant, s->machine);
}

static void test_all_variants_are_tested(void **state)
{
	static const struct seen machines[] = {{"stm32h7", 4}, {"x86_32", 5}, {"x86_64", 7}};
	struct diag d = {.msg = ""};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct seen s = {machines[i].machine, 0};

		assert_int_equal(machine_variants(s.machine, in_table, &s, &d), 0);
		assert_int_equal(s.nr, machines[i].nr);
	}
}

static void has_name(void *ctx, const char *name, const char *path)
{
	unsigned *nr = ctx;

	*nr += strcmp(name, "stm32h7") == 0 || strcmp(name, "x86_32") == 0 ||
	       strcmp(name, "x86_64") == 0;
	assert_non_null(strstr(path, name));
}

static void test_list(void **state)
{
	unsigned nr = 0;

	(void)state;
	machine_list(has_name, &nr);
	assert_int_equal(nr, 3);
}

static void test_stm32h7(void **state)
{
	struct machine *m = load("stm32h7", NULL);
	const struct alloc_conf *heap = machine_alloc(m, GROUP_HEAP);
	const struct region *axi = &m->regions[machine_region(m, "D1_AXI")];
	const struct master *bdma = &m->masters[machine_master(m, "bdma")];
	const struct master *dma1 = &m->masters[machine_master(m, "dma1")];

	(void)state;
	assert_string_equal(m->name, "stm32h7");
	assert_int_equal(m->word, 4);
	assert_int_equal(m->mmu, MMU_NONE);
	assert_int_equal(m->cache_line, 32);
	assert_int_equal(m->page_shift, 10);
	assert_int_equal(m->desc_stride, 0);
	assert_int_equal(m->nr_regions, 11);
	assert_int_equal(m->regions[0].base, 0);
	assert_string_equal(m->regions[0].name, "d0_itcm");
	assert_int_equal(axi->base, 0x24000000);
	assert_int_equal(axi->bytes, 512 << 10);
	assert_true(axi->cacheable && axi->volatile_);
	assert_false(m->regions[machine_region(m, "d3_backup")].volatile_);
	assert_int_equal(m->boot_region, machine_region(m, "d1_axi"));
	assert_int_equal(m->zones[m->zonelist[0]].ranges[0].region, machine_region(m, "d1_axi"));
	assert_int_equal(bdma->zones,
			 1u << machine_zone(m, "d3_sram4") | 1u << machine_zone(m, "d3_backup"));
	assert_int_equal(dma1->zones, 0x7fu & ~(1u << machine_zone(m, "d0_dtcm")));
	assert_int_equal(m->masters[machine_master(m, "cpu")].zones, 0x7f);
	assert_string_equal(heap->name, "main");
	assert_string_equal(heap->kind, "tlsf");
	assert_int_equal(heap->region, machine_region(m, "d1_axi"));
	assert_int_equal(heap->bytes, 0);
	assert_false(heap->from_pages);
	assert_true(machine_alloc(m, GROUP_SLAB)->from_pages);
	assert_null(machine_alloc(m, GROUP_DMA)->kind);
	assert_null(machine_alloc(m, GROUP_VIRTUAL));
	machine_free(m);
}

/* The worked example: 4 GiB / 8 KiB = 524,288 pages; 40 bytes each are 20 MiB. */
static void test_textbook_8k(void **state)
{
	struct machine *m = load("x86_32", "textbook-8k");
	uint64_t pages = 0;

	(void)state;
	for (unsigned i = 0; i < m->nr_zones; i++)
		pages += m->zones[i].pages;
	assert_int_equal(pages, 524288);
	assert_int_equal(pages * m->desc_stride, 20 << 20);
	assert_int_equal(m->page_shift, 13);
	assert_int_equal(m->nr_reserved, 0);
	assert_int_equal(m->mmu, MMU_NONE);
	machine_free(m);
}

/* Rule set linux-4.19, NR_CPUS=8, 3G/1G: 880 MiB of lowmem, 120 MiB of vmalloc. */
static void test_virtual_map(void **state)
{
	struct machine *m = load_set("x86_32", NULL, "machine.rules=linux-4.19");

	(void)state;
	assert_int_equal(m->virt.page_offset, 0xc0000000);
	assert_int_equal(m->virt.pkmap_base, 0xff000000);
	assert_int_equal(m->virt.vmalloc_end, 0xfeffe000);
	assert_int_equal(m->virt.lowmem_max, 0x36ffe000);
	assert_int_equal(m->virt.vmalloc_end - m->virt.vmalloc_start, 120 << 20);
	machine_free(m);
	m = load("x86_32", NULL);
	assert_int_equal(m->virt.lowmem_max, 896 << 20);
	assert_true(m->zones[2].highmem);
	assert_int_equal(m->zones[2].desc_zone, machine_zone(m, "normal"));
	assert_int_equal(m->zones[1].desc_zone, -1);
	machine_free(m);
	m = load("x86_64", NULL);
	assert_int_equal(m->virt.page_offset, 0xffff888000000000);
	assert_int_equal(m->virt.direct_bytes, 5ull << 30);
	machine_free(m);
}

/* ---- variants and assignments ---- */

static void test_set_after_variant(void **state)
{
	const char *sets[] = {"regions.d1_axi.size=256K", "regions.d1_axi.size=320K",
			      "allocators.heap.kind=bins", "allocators.pages.max_order=5"};
	struct diag d = {.msg = ""};
	struct machine *m = machine_load("stm32h7", "H742", sets, 4, &d);
	const struct alloc_conf *pages;
	uint64_t order;

	(void)state;
	assert_non_null(m);
	assert_string_equal(m->variant, "h742");
	assert_int_equal(m->zones[machine_zone(m, "d1_axi")].pages, 320);
	assert_string_equal(machine_alloc(m, GROUP_HEAP)->kind, "bins");
	pages = machine_alloc(m, GROUP_PAGES);
	assert_int_equal(conf_uint(conf_get(pages->node, "max_order"), 64, &order, &d), 0);
	assert_int_equal(order, 5);
	machine_free(m);
}

/* SRAM1 to SRAM3 touch: with merge_regions they are one range, without three. */
static void test_merge_regions(void **state)
{
	const char *sets[] = {"zones=[{name: d2, regions: [d2_sram1, d2_sram2, d2_sram3]}]",
			      "zonelist=[d2]", "page.merge_regions=true"};
	struct diag d = {.msg = ""};
	struct machine *apart = machine_load("stm32h7", NULL, sets, 2, &d);
	struct machine *one = machine_load("stm32h7", NULL, sets, 3, &d);

	(void)state;
	assert_string_equal(d.msg, "");
	assert_int_equal(apart->zones[0].nr_ranges, 3);
	assert_int_equal(one->zones[0].nr_ranges, 1);
	assert_int_equal(one->zones[0].ranges[0].bytes, 288 << 10);
	assert_int_equal(one->zones[0].pages, apart->zones[0].pages);
	/* Reachability is seen across the border, too. */
	assert_int_equal(one->masters[machine_master(one, "dma1")].zones, 1);
	assert_int_equal(one->masters[machine_master(one, "bdma")].zones, 0);
	machine_free(apart);
	machine_free(one);
}

/*
 * The hash names what was said, not how: order of
 * keys, comments and the file's name do not count.
 */
static void test_hash(void **state)
{
	static const char *const same[] = {
		"machine: {name: m, word: 4}\npage: {order: 10}\nregions:\n"
		"  - {name: r, base: 0, size: 64K, kind: ram}\n",
		"# comment\npage: {order: 10}\nregions:\n- kind: ram\n  size: 64K\n  name: r\n  "
		"base: 0\n"
		"machine: {word: 4, name: m, cpus: ~}\nvariants: {v: {page: {order: 12}}}\n",
	};
	struct diag d = {.msg = ""};
	struct machine *a = machine_load_text(same[0], strlen(same[0]), "a", NULL, NULL, 0, &d);
	struct machine *b = machine_load_text(same[1], strlen(same[1]), "b", NULL, NULL, 0, &d);
	struct machine *v = machine_load_text(same[1], strlen(same[1]), "b", "v", NULL, 0, &d);

	(void)state;
	assert_string_equal(a->hash, b->hash);
	assert_string_not_equal(a->hash, v->hash);
	machine_free(a);
	machine_free(b);
	machine_free(v);
}

#define CONFIGS TESTS_DIR "/../configs/"

/* Mistakes in arguments; what stands in the file is in tests/model/bad. */
static const struct {
	const char *name, *variant, *set, *message;
} bad_arguments[] = {
	{"stm32h8", NULL, NULL,
	 "stm32h8: no such machine, expected a file or one of numa2, stm32h7, x86_32, x86_64; did "
	 "you "
	 "mean "
	 "'stm32h7'?"},
	{"./stm32h7", NULL, NULL,
	 "./stm32h7: no such machine, expected a file or one of numa2, stm32h7, x86_32, x86_64; "
	 "did you "
	 "mean "
	 "'stm32h7'?"},
	{CONFIGS "stm32h7.yaml", "h743xx", NULL,
	 ": no variant 'h743xx', expected one of h743xi, h743xg, h750xb, h742; did you "
	 "mean 'h743xi'?"},
	{"stm32h7", NULL, "regions.axi.size=64K",
	 "--set:1:9: no entry has the name 'axi', expected one of d0_itcm, flash, system0, "
	 "system1, "
	 "d0_dtcm, d1_axi, d2_sram1, d2_sram2, d2_sram3, d3_sram4, d3_backup; did you mean "
	 "'d1_axi'?"},
	{"stm32h7", NULL, "regions.d1_axi.size=64KB",
	 "--set:1:21: '64KB', expected a size such as 64K, 0x10000 or 2M"},
	{"stm32h7", NULL, "page.odrer=12",
	 "--set:1:6: unknown key 'odrer' in page, expected one of order, stride, merge_regions, "
	 "descriptors; did you mean 'order'?"},
	{"stm32h7", NULL, "pgae.order=12",
	 "--set:1:1: unknown key 'pgae' in a machine file, expected one of machine, page, regions, "
	 "reserved, masters, zones, zonelist, numa, virtual, caches, tlb, allocators, placement, "
	 "variants; "
	 "did you mean 'page'?"},
	{"x86_32", "2g", "variants.2g.page.order=13",
	 "--set:1:1: a variant is applied before --set, expected a key of the machine itself"},
	{"x86_32", "textbook-8k", "page.order",
	 "--set:1:6: 'page.order', expected path=value such as page.order=12"},
};

/* The end of the text: folders and lines of the shipped files may differ. */
static void assert_ends(const char *text, const char *end)
{
	size_t n = strlen(text), e = strlen(end);

	assert_string_equal(n < e ? text : text + n - e, end);
}

static void test_bad_arguments(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad_arguments / sizeof *bad_arguments; i++) {
		const char *set = bad_arguments[i].set;
		struct diag d = {.msg = ""};
		char text[1024];

		assert_null(machine_load(bad_arguments[i].name, bad_arguments[i].variant, &set,
					 set != NULL, &d));
		diag_text(&d, text, sizeof text);
		assert_ends(text, bad_arguments[i].message);
	}
}

/* ---- nodes ---- */

/* The zonelist of a node as "3 2 0 1". */
static const char *zonelist_text(const struct machine *m, unsigned node, char text[64])
{
	size_t n = 0;

	for (unsigned i = 0; i < m->nr_zones; i++)
		n += (size_t)snprintf(text + n, 64 - n, "%s%u", i != 0 ? " " : "",
				      m->zonelists[node * m->nr_zones + i]);
	return text;
}

/*
 * Four nodes in a ring, 16 from the next, 22 from the one across: the near ones come
 * first, of two equally far the one above, and in each the machine's order.
 */
static void test_zonelists_of_nodes(void **state)
{
	static const char ring[] =
		"machine: {name: ring, word: 8, cpus: 3, nodes: 4}\n"
		"page: {order: 12}\n"
		"regions:\n"
		"  - {name: a, base: 0x0, size: 32M, kind: ram}\n"
		"  - {name: b, base: 32M, size: 32M, kind: ram, node: 1}\n"
		"  - {name: c, base: 64M, size: 32M, kind: ram, node: 2}\n"
		"  - {name: d, base: 96M, size: 32M, kind: ram, node: 3}\n"
		"zones:\n"
		"  - {name: dma, end: 16M}\n"
		"  - {name: normal, base: 16M, node: 0}\n"
		"  - {name: normal_1, node: 1}\n"
		"  - {name: normal_2, node: 2}\n"
		"  - {name: normal_3, node: 3}\n"
		"numa:\n"
		"  cpus: [2, 0, 2]\n"
		"  distances:\n"
		"    - [10, 16, 22, 16]\n"
		"    - [16, 10, 16, 22]\n"
		"    - [22, 16, 10, 16]\n"
		"    - [16, 22, 16, 10]\n";
	static const char *const lists[] = {"1 0 2 4 3", "2 3 1 0 4", "3 4 2 1 0", "4 1 0 3 2"};
	struct diag d = {.msg = ""};
	struct machine *m =
		machine_load_text(ring, sizeof ring - 1, "ring", NULL, NULL, 0, &d);
	char text[64];

	(void)state;
	assert_non_null(m);
	for (unsigned node = 0; node < 4; node++)
		assert_string_equal(zonelist_text(m, node, text), lists[node]);
	assert_int_equal(m->node_cpus[0], 1);
	assert_int_equal(m->node_cpus[1], 0);
	assert_int_equal(m->node_cpus[2], 2);
	machine_free(m);
}

/* ---- the corpus of bad files ---- */

static char *read_all(const char *path, size_t *bytes)
{
	FILE *f = fopen(path, "r");
	char *text = calloc(1, 65536);

	assert_non_null(f);
	assert_non_null(text);
	*bytes = fread(text, 1, 65535, f);
	fclose(f);
	return text;
}

/* The first line of each file is "# line:col: message". */
static void check_bad_file(const char *name)
{
	char path[512], expected[1024], found[1024];
	struct diag d = {.msg = ""};
	size_t bytes;
	char *text;

	snprintf(path, sizeof path, TESTS_DIR "/model/bad/%s", name);
	text = read_all(path, &bytes);
	snprintf(expected, sizeof expected, "%s:%.*s", name, (int)strcspn(text + 2, "\n"),
		 text + 2);
	assert_null(machine_load_text(text, bytes, name, NULL, NULL, 0, &d));
	diag_text(&d, found, sizeof found);
	assert_string_equal(found, expected);
	free(text);
}

static void test_bad_files(void **state)
{
	DIR *dir = opendir(TESTS_DIR "/model/bad");
	struct dirent *e;
	unsigned nr = 0;

	(void)state;
	assert_non_null(dir);
	while ((e = readdir(dir)) != NULL)
		if (strstr(e->d_name, ".yaml") != NULL) {
			check_bad_file(e->d_name);
			nr++;
		}
	closedir(dir);
	assert_true(nr >= 167);
}

/* ---- the reference ---- */

#define DOC TESTS_DIR "/../docs/machines.md"

/* The first example of docs/machines.md is a machine, and so is its variant. */
static void test_doc_example(void **state)
{
	struct diag d = {.msg = ""};
	struct machine *m;
	size_t bytes;
	char *doc = read_all(DOC, &bytes);
	char *at = strstr(doc, "```yaml\n");

	(void)state;
	assert_non_null(at);
	at += strlen("```yaml\n");
	bytes = (size_t)(strstr(at, "```") - at);
	m = machine_load_text(at, bytes, "doc", "big", NULL, 0, &d);
	assert_string_equal(d.msg, "");
	assert_int_equal(machine_ram(m), 576 << 10);
	machine_free(m);
	free(doc);
}

/* Each word of "expected one of a, b, c" stands in the reference as `a`. */
static void find_words(char *doc, const char *msg)
{
	const char *list = strstr(msg, "expected one of ");
	char words[512], *word, *rest = NULL;

	assert_non_null(list);
	snprintf(words, sizeof words, "%.*s", (int)strcspn(list + 16, ";"), list + 16);
	for (word = strtok_r(words, ", ", &rest); word != NULL;
	     word = strtok_r(NULL, ", ", &rest)) {
		char quoted[64];

		assert_string_not_equal(word, "...");
		snprintf(quoted, sizeof quoted, "`%s`", word);
		if (strstr(doc, quoted) == NULL)
			fail_msg("docs/machines.md does not explain %s", quoted);
	}
}

static void test_doc_names_all_keys(void **state)
{
	static const char *const blocks[] = {
		"zzz=1",           "machine.zzz=1",    "page.zzz=1",       "regions.0.zzz=1",
		"zones.0.zzz=1",   "masters.0.zzz=1",  "virtual.zzz=1",    "caches.0.zzz=1",
		"tlb.0.zzz=1",     "reserved.0.zzz=1", "allocators.zzz=1", "placement=[{zzz: 1}]",
		"machine.mmu=z",   "regions.0.kind=z", "virtual.split=z",  "allocators.heap.from=z",
		"machine.rules=z",
	};
	size_t bytes;
	char *doc = read_all(DOC, &bytes);

	(void)state;
	for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
		struct diag d = {.msg = ""};

		assert_null(machine_load("x86_32", NULL, &blocks[i], 1, &d));
		find_words(doc, d.msg);
	}
	free(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shipped),
		cmocka_unit_test(test_all_variants_are_tested),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_stm32h7),
		cmocka_unit_test(test_textbook_8k),
		cmocka_unit_test(test_virtual_map),
		cmocka_unit_test(test_set_after_variant),
		cmocka_unit_test(test_merge_regions),
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_bad_arguments),
		cmocka_unit_test(test_zonelists_of_nodes),
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_doc_example),
		cmocka_unit_test(test_doc_names_all_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
