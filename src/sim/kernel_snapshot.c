/*
 * Finds a kernel's files in a directory and reads them.  Copies lie flat, or as under
 * /proc and /sys; a name may end with .txt or .zst.
 */
#include "sim/kernel_snapshot.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/trace_unpack.h"

#define MAX_BYTES ((size_t)64 << 20)
#define PATH_ROOM 4096u

static const char *const proc_folders[] = {"", "proc/", NULL};
static const char *const index_folders[] = {
	"", "extfrag/", "sys/kernel/debug/extfrag/", "debug/extfrag/", "proc/", NULL};
static const char *const vm_folders[] = {"vm/", "sys/vm/", "proc/sys/vm/", "", NULL};
static const char *const cpu_folders[] = {"sys/devices/system/cpu/", "cpu/", NULL};
static const char *const kernel_folders[] = {"", "proc/", "proc/sys/kernel/", NULL};

typedef int parser(struct kernel_snapshot *k, const char *text, const char *file, struct diag *d);

static const struct {
	const char *name;
	const char *const *folders;
	parser *parse;
} files[NR_KERNEL_FILES] = {
	[KF_BUDDYINFO] = {"buddyinfo", proc_folders, kernel_read_buddyinfo},
	[KF_ZONEINFO] = {"zoneinfo", proc_folders, kernel_read_zoneinfo},
	[KF_SLABINFO] = {"slabinfo", proc_folders, kernel_read_slabinfo},
	[KF_EXTFRAG] = {"extfrag_index", index_folders, kernel_read_extfrag},
	[KF_UNUSABLE] = {"unusable_index", index_folders, kernel_read_unusable},
	[KF_PAGETYPEINFO] = {"pagetypeinfo", proc_folders, kernel_read_pagetypeinfo},
};

struct finder {
	const char *dir; /* "": the running kernel */
	struct diag *d;
	char path[PATH_ROOM];
	bool failed; /* a file is there and cannot be read; *d says why */
};

/* The text of the first of the places where the file is; NULL: it is not there, or failed. */
static char *find(struct finder *f, const char *const *folders, const char *name)
{
	static const char *const endings[] = {"", ".txt", ".zst", ".txt.zst"};

	for (; *folders != NULL; folders++)
		for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
			struct stat st;
			size_t bytes = 0;
			char *text;

			snprintf(f->path, sizeof f->path, "%s/%s%s%s", f->dir, *folders, name,
				 endings[i]);
			if (stat(f->path, &st) != 0 || S_ISDIR(st.st_mode) ||
			    access(f->path, R_OK) != 0)
				continue;
			text = read_text_file(f->path, MAX_BYTES, &bytes, f->d);
			if (text != NULL && strlen(text) != bytes) {
				diag_set(f->d, f->path, 0, 0, "has zero bytes, expected text");
				free(text);
				text = NULL;
			}
			f->failed |= text == NULL;
			return text;
		}
	return NULL;
}

static int read_table(struct kernel_snapshot *k, struct finder *f, enum kernel_file which)
{
	char *text = find(f, files[which].folders, files[which].name);
	int err = 0;

	if (text != NULL)
		err = files[which].parse(k, text, f->path, f->d);
	free(text);
	return f->failed ? -1 : err;
}

/* ---- settings ---- */

static int read_setting(struct finder *f, const char *name, uint64_t *out)
{
	char *text = find(f, vm_folders, name), *end;
	int err = 0;

	if (text == NULL)
		return f->failed ? -1 : 0;
	*out = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || (*end != '\0' && !isspace((unsigned char)*end)))
		err = diag_set(f->d, f->path, 1, 1, "expected a number");
	else if (*out > UINT32_MAX)
		err = diag_set(f->d, f->path, 1, 1, "expected a number below 2^32");
	free(text);
	return err;
}

static int read_ratios(struct kernel_snapshot *k, struct finder *f)
{
	char *text = find(f, vm_folders, "lowmem_reserve_ratio"), *p = text, *end;

	if (text == NULL)
		return f->failed ? -1 : 0;
	while (k->nr_ratios < KERNEL_MAX_COLUMNS) {
		uint64_t n = strtoull(p, &end, 10);

		if (end == p || n > UINT32_MAX)
			break;
		k->ratio[k->nr_ratios++] = n;
		p = end;
	}
	p += strspn(p, " \t\r\n");
	if (k->nr_ratios == 0 || *p != '\0') {
		diag_set(f->d, f->path, 1, (int)(p - text) + 1, "expected a number for each zone");
		free(text);
		return -1;
	}
	free(text);
	return 0;
}

/* CPUs of a list such as "0-3,8"; 0: it is none. */
static unsigned count_cpus(const char *text)
{
	unsigned cpus = 0;

	while (isdigit((unsigned char)*text)) {
		char *end;
		unsigned long a = strtoul(text, &end, 10), b = a;

		if (*end == '-')
			b = strtoul(end + 1, &end, 10);
		if (b < a || b > 65535)
			return 0;
		cpus += (unsigned)(b - a) + 1;
		text = *end == ',' ? end + 1 : end;
	}
	return *text == '\0' || isspace((unsigned char)*text) ? cpus : 0;
}

static void read_cpus(struct finder *f, const char *name, unsigned *out)
{
	char *text = find(f, cpu_folders, name);

	*out = text != NULL ? count_cpus(text) : 0;
	free(text);
}

static void read_node_cpus(struct kernel_snapshot *k, struct finder *f)
{
	for (unsigned n = 0; n < k->nodes && n < 256; n++) {
		char folder[64], other[64];
		const char *const folders[] = {folder, other, NULL};
		char *text;

		snprintf(folder, sizeof folder, "sys/devices/system/node/node%u/", n);
		snprintf(other, sizeof other, "node%u/", n);
		text = find(f, folders, "cpulist");
		k->node[n].told = text != NULL;
		k->node[n].cpus = text != NULL ? count_cpus(text) : 0;
		free(text);
	}
}

/* The first "6.18" of a text. */
static unsigned version_in(const char *p)
{
	for (; *p != '\0'; p++) {
		unsigned major = 0, minor = 0;

		if (!isdigit((unsigned char)*p))
			continue;
		if (sscanf(p, "%3u.%3u", &major, &minor) == 2)
			return major * 1000 + minor;
		p += strspn(p, "0123456789") - 1;
	}
	return 0;
}

static void read_version(struct kernel_snapshot *k, struct finder *f)
{
	static const char *const names[] = {"version", "osrelease", "uname"};

	for (size_t i = 0; i < sizeof names / sizeof *names && k->version == 0; i++) {
		char *text = find(f, kernel_folders, names[i]);

		k->version = text != NULL ? version_in(text) : 0;
		free(text);
	}
}

static void read_memory(struct kernel_snapshot *k, struct finder *f)
{
	char *text = find(f, proc_folders, "meminfo");
	const char *p = text != NULL ? strstr(text, "MemTotal:") : NULL;

	if (p != NULL)
		k->mem_total_kb = strtoull(p + strlen("MemTotal:"), NULL, 10);
	free(text);
}

/* A number of the command line: slub_max_order=2; since 6.9 also slab_max_order. */
static uint64_t boot_number(const char *line, const char *key)
{
	static const char *const before[] = {"slub_", "slab_"};
	uint64_t found = KERNEL_NONE;

	for (size_t i = 0; i < 2; i++) {
		char word[64];

		snprintf(word, sizeof word, "%s%s=", before[i], key);
		for (const char *p = strstr(line, word); p != NULL; p = strstr(p + 1, word))
			if (p == line || isspace((unsigned char)p[-1]))
				found = strtoull(p + strlen(word), NULL, 10);
	}
	return found;
}

static void read_command_line(struct kernel_snapshot *k, struct finder *f)
{
	char *text = find(f, proc_folders, "cmdline");

	if (text != NULL) {
		k->slab_order = boot_number(text, "max_order");
		k->slab_least_order = boot_number(text, "min_order");
		k->slab_least_objects = boot_number(text, "min_objects");
	}
	free(text);
}

static int read_settings(struct kernel_snapshot *k, struct finder *f)
{
	if (read_setting(f, "min_free_kbytes", &k->min_free_kbytes) != 0 ||
	    read_setting(f, "watermark_scale_factor", &k->scale) != 0 ||
	    read_setting(f, "percpu_pagelist_high_fraction", &k->fraction) != 0 ||
	    (k->fraction == KERNEL_NONE &&
	     read_setting(f, "percpu_pagelist_fraction", &k->fraction) != 0) ||
	    read_ratios(k, f) != 0)
		return -1;
	read_cpus(f, "present", &k->present_cpus);
	read_cpus(f, "possible", &k->possible_cpus);
	read_node_cpus(k, f);
	read_version(k, f);
	read_memory(k, f);
	read_command_line(k, f);
	return f->failed ? -1 : 0;
}

/* ---- the whole ---- */

static int by_node(const void *a, const void *b)
{
	const struct kernel_zone *x = a, *y = b;

	if (x->node != y->node)
		return x->node < y->node ? -1 : 1;
	if (x->device != y->device)
		return x->device ? 1 : -1;
	return x->type < y->type ? -1 : x->type > y->type;
}

void kernel_snapshot_settle(struct kernel_snapshot *k)
{
	if (k->nr_zones != 0)
		qsort(k->zone, k->nr_zones, sizeof *k->zone, by_node);
}

static bool same_free(const struct kernel_snapshot *a, const struct kernel_snapshot *b)
{
	for (unsigned i = 0; i < a->nr_zones && i < b->nr_zones; i++)
		if (memcmp(a->zone[i].area.nr_free, b->zone[i].area.nr_free,
			   sizeof a->zone[i].area.nr_free) != 0)
			return false;
	return a->nr_zones == b->nr_zones;
}

/* The running kernel does not stand still: indices count where buddyinfo is the same after them. */
static int read_moment(struct kernel_snapshot *k, struct finder *f)
{
	static const enum kernel_file tables[] = {KF_BUDDYINFO, KF_UNUSABLE, KF_EXTFRAG};

	for (unsigned attempt = 0; attempt < 200; attempt++) {
		struct kernel_snapshot *after = calloc(1, sizeof *after);
		bool same;

		if (after == NULL)
			return diag_set(f->d, "", 0, 0, "out of memory");
		free(k->zone);
		k->zone = NULL;
		k->nr_zones = k->cap_zones = 0;
		for (size_t i = 0; i < 3; i++)
			if (read_table(k, f, tables[i]) != 0) {
				kernel_snapshot_free(after);
				return -1;
			}
		same = read_table(after, f, KF_BUDDYINFO) == 0 && same_free(k, after);
		kernel_snapshot_free(after);
		if (same || f->dir[0] != '\0')
			return f->failed ? -1 : 0;
	}
	return diag_set(f->d, "/proc/buddyinfo", 0, 0,
			"changes faster than it can be read beside the indices");
}

struct kernel_snapshot *kernel_snapshot_new(void)
{
	struct kernel_snapshot *k = calloc(1, sizeof *k);

	if (k != NULL) {
		k->min_free_kbytes = k->scale = k->fraction = k->mem_total_kb = KERNEL_NONE;
		k->slab_order = k->slab_least_order = k->slab_least_objects = KERNEL_NONE;
	}
	return k;
}

static int load(struct kernel_snapshot *k, struct finder *f)
{
	static const enum kernel_file rest[] = {KF_ZONEINFO, KF_SLABINFO, KF_PAGETYPEINFO};
	bool any = false;

	if (read_moment(k, f) != 0)
		return -1;
	for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
		if (read_table(k, f, rest[i]) != 0)
			return -1;
	for (unsigned i = 0; i < NR_KERNEL_FILES; i++)
		any |= k->has[i];
	if (!any)
		return diag_set(f->d, f->dir, 0, 0,
				"no file of a kernel can be read here, expected buddyinfo, "
				"zoneinfo, slabinfo, extfrag_index or unusable_index");
	kernel_snapshot_settle(k);
	return read_settings(k, f);
}

struct kernel_snapshot *kernel_snapshot_load(const char *dir, struct diag *d)
{
	struct finder f = {.dir = dir != NULL ? dir : "", .d = d};
	struct kernel_snapshot *k = kernel_snapshot_new();
	struct stat st;

	if (k == NULL) {
		diag_set(d, "", 0, 0, "out of memory");
		return NULL;
	}
	if (dir != NULL && (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode)))
		diag_set(d, dir, 0, 0,
			 "is no directory, expected one with copies of a kernel's files");
	else if (load(k, &f) == 0) {
		if (dir == NULL)
			k->page_shift = lsb((uint64_t)sysconf(_SC_PAGESIZE));
		return k;
	}
	kernel_snapshot_free(k);
	return NULL;
}

void kernel_snapshot_free(struct kernel_snapshot *k)
{
	if (k == NULL)
		return;
	for (unsigned i = 0; i < k->nr_zones; i++)
		free(k->zone[i].lists);
	free(k->zone);
	free(k->cache);
	free(k);
}
