/*
 * Looking machines up: a path; then NAME.yaml in $MEMSCAPE_DATA and its configs/,
 * in configs/ of the folders above the executable (a build tree), and in the
 * data folder beside it or the one compiled in (an installation).
 */
#include "model/machine_find.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/machine.h"
#include "model/names.h"

#ifndef MEMSCAPE_DATADIR
#define MEMSCAPE_DATADIR "/usr/local/share/memscape"
#endif

#define MAX_FOLDERS 9u

struct folders {
	char path[MAX_FOLDERS][MACHINE_PATH];
	unsigned nr;
};

static void add_folder(struct folders *f, const char *base, const char *below)
{
	if (f->nr < MAX_FOLDERS &&
	    snprintf(f->path[f->nr], MACHINE_PATH, "%s%s", base, below) < (int)MACHINE_PATH)
		f->nr++;
}

/* The executable's folder and three above: build/src/ui/cli in a build tree, bin when installed. */
static void add_relative(struct folders *f)
{
	char exe[MACHINE_PATH];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);

	if (n <= 0)
		return;
	exe[n] = '\0';
	for (unsigned up = 0; up < 5; up++) {
		char *slash = strrchr(exe, '/');

		if (slash == NULL)
			return;
		*slash = '\0';
		add_folder(f, exe, "/configs");
		if (up == 1)
			add_folder(f, exe, "/share/memscape/configs");
	}
}

static void find_folders(struct folders *f)
{
	const char *data = getenv("MEMSCAPE_DATA");

	f->nr = 0;
	if (data != NULL && data[0] != '\0') {
		add_folder(f, data, "/configs");
		add_folder(f, data, "");
	}
	add_relative(f);
	add_folder(f, MEMSCAPE_DATADIR, "/configs");
}

static bool is_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && !S_ISDIR(st.st_mode);
}

static void add_name(void *ctx, const char *name, const char *path)
{
	(void)path;
	names_add(ctx, name);
}

int machine_find(const char *name, char path[MACHINE_PATH], struct diag *d)
{
	struct name_list known;
	struct folders f;

	if (snprintf(path, MACHINE_PATH, "%s", name) < (int)MACHINE_PATH && is_file(path))
		return 0;
	find_folders(&f);
	for (unsigned i = 0; i < f.nr && strchr(name, '/') == NULL; i++)
		if (snprintf(path, MACHINE_PATH, "%s/%s.yaml", f.path[i], name) <
			    (int)MACHINE_PATH &&
		    is_file(path))
			return 0;
	if (access(name, F_OK) == 0)
		return diag_set(d, name, 0, 0, "is a directory, expected a machine file");
	names_begin(&known, name);
	machine_list(add_name, &known);
	names_end(&known);
	return diag_set(d, name, 0, 0, "no such machine, expected a file or one of %s%s",
			known.text, known.hint);
}

/* ---- lists ---- */

#define MAX_MACHINES 256u

struct found {
	char name[64];
	char path[MACHINE_PATH];
};

struct found_list {
	struct found *found;
	unsigned nr;
};

/* A machine of the same name in a folder before hides it. */
static void note_file(struct found_list *l, const char *folder, const char *file)
{
	size_t n = strlen(file);
	struct found *f = &l->found[l->nr];

	if (l->nr == MAX_MACHINES || n <= 5 || n - 5 >= sizeof f->name ||
	    strcmp(file + n - 5, ".yaml") != 0)
		return;
	snprintf(f->name, sizeof f->name, "%.*s", (int)(n - 5), file);
	for (unsigned i = 0; i < l->nr; i++)
		if (strcmp(l->found[i].name, f->name) == 0)
			return;
	if (snprintf(f->path, sizeof f->path, "%s/%s", folder, file) < (int)sizeof f->path)
		l->nr++;
}

static void note_folder(struct found_list *l, const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *e;

	if (dir == NULL)
		return;
	while ((e = readdir(dir)) != NULL)
		note_file(l, folder, e->d_name);
	closedir(dir);
}

static int by_name(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	return strcmp(x->name, y->name);
}

void machine_list(void (*fn)(void *ctx, const char *name, const char *path), void *ctx)
{
	struct found_list l = {.found = calloc(MAX_MACHINES + 1, sizeof *l.found)};
	struct folders f;

	if (l.found == NULL)
		return;
	find_folders(&f);
	for (unsigned i = 0; i < f.nr; i++)
		note_folder(&l, f.path[i]);
	qsort(l.found, l.nr, sizeof *l.found, by_name);
	for (unsigned i = 0; i < l.nr; i++)
		fn(ctx, l.found[i].name, l.found[i].path);
	free(l.found);
}
