#include "record/sites.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record/livemap.h"
#include "record/symbols.h"

struct module {
	uint64_t start, end, offset; /* mapped addresses, and where in the file they begin */
	char *path;
	struct symbols *symbols;
	bool opened;
};

struct sites {
	char kept_map[512];
	int32_t pid;
	struct module *modules;
	size_t nr_modules, max_modules;
	struct livemap known; /* by address; slot is the string's index */
};

struct sites *sites_create(const char *folder, uint32_t number, int32_t pid)
{
	struct sites *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	snprintf(s->kept_map, sizeof s->kept_map, "%s/maps-%" PRIu32, folder, number);
	s->pid = pid;
	return s;
}

static void forget_modules(struct sites *s)
{
	for (size_t i = 0; i < s->nr_modules; i++) {
		symbols_close(s->modules[i].symbols);
		free(s->modules[i].path);
	}
	s->nr_modules = 0;
}

void sites_destroy(struct sites *s)
{
	if (s == NULL)
		return;
	forget_modules(s);
	free(s->modules);
	livemap_finish(&s->known);
	free(s);
}

/* "start-end perms offset device inode path" */
static void add_module(struct sites *s, const char *line)
{
	struct module m = {0};
	char perms[5];
	int path = 0;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*s %*s %n", &m.start, &m.end,
		   perms, &m.offset, &path) < 4 ||
	    perms[2] != 'x' || line[path] == '\0')
		return;
	if (s->nr_modules == s->max_modules) {
		size_t max = s->max_modules * 2 + 16;
		struct module *more = realloc(s->modules, max * sizeof *more);

		if (more == NULL)
			return;
		s->modules = more;
		s->max_modules = max;
	}
	m.path = strndup(line + path, strcspn(line + path, "\n"));
	if (m.path != NULL)
		s->modules[s->nr_modules++] = m;
}

static void read_map(struct sites *s, const char *path)
{
	char line[4352];
	FILE *f = fopen(path, "re");

	if (f == NULL)
		return;
	forget_modules(s);
	while (fgets(line, sizeof line, f) != NULL)
		add_module(s, line);
	fclose(f);
}

static struct module *module_at(struct sites *s, uint64_t address)
{
	for (size_t i = 0; i < s->nr_modules; i++)
		if (address >= s->modules[i].start && address < s->modules[i].end)
			return &s->modules[i];
	return NULL;
}

/*
 * The copy that the process left is there from its start; its map of now has what it loaded
 * since.
 */
static struct module *find_module(struct sites *s, uint64_t address)
{
	struct module *m = module_at(s, address);
	char path[32];

	if (m == NULL) {
		read_map(s, s->kept_map);
		m = module_at(s, address);
	}
	if (m == NULL) {
		snprintf(path, sizeof path, "/proc/%d/maps", s->pid);
		read_map(s, path);
		m = module_at(s, address);
	}
	return m;
}

/*
 * A return address names the instruction after the call, perhaps of another function: look one
 * byte before.
 */
static int name_site(struct sites *s, uint64_t address, char *name, size_t bytes)
{
	struct module *m = find_module(s, address - 1);
	const char *function, *file;
	uint64_t into = 0, offset;

	if (m == NULL)
		return snprintf(name, bytes, "0x%" PRIx64, address);
	if (!m->opened)
		m->symbols = symbols_open(m->path);
	m->opened = true;
	offset = address - 1 - m->start + m->offset;
	file = strrchr(m->path, '/');
	file = file == NULL ? m->path : file + 1;
	function = m->symbols == NULL ? NULL : symbols_at(m->symbols, offset, &into);
	if (function == NULL)
		return snprintf(name, bytes, "%s+0x%" PRIx64, file, offset + 1);
	return snprintf(name, bytes, "%s+0x%" PRIx64 " %s", function, into + 1, file);
}

uint32_t sites_index(struct sites *s, uint64_t address, struct trace_writer *w)
{
	struct live_cell *known = livemap_find(&s->known, address);
	uint32_t index;
	char name[1024];
	int n;

	if (known != NULL)
		return known->slot;
	n = name_site(s, address, name, sizeof name);
	if (n < 0 || (size_t)n >= sizeof name)
		n = (int)sizeof name - 1;
	index = trace_writer_string(w, name, (size_t)n);
	return livemap_put(&s->known, address, index, 0) == 0 ? index : 0;
}
