#include "ui/cli/replay_proc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "ui/cli/outfile.h"

void proc_take(struct proc *p, struct replay *r, bool end)
{
	if (p->dir == NULL || p->taken || p->failed)
		return;
	if (p->at != 0 ? r->fig->event != p->at : !end)
		return;
	p->failed = kernel_write(r, &p->texts) != 0;
	p->taken = !p->failed;
}

static int make_folder(const char *path, struct diag *d)
{
	struct stat st;

	if (mkdir(path, 0777) == 0 ||
	    (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode)))
		return 0;
	return diag_set(d, path, 0, 0, "cannot make the folder: %s",
			strerror(errno == 0 ? ENOTDIR : errno));
}

static int write_text(const char *dir, const struct kernel_text *t, struct diag *d)
{
	struct outfile o = {.f = NULL};
	char path[4096];

	if (snprintf(path, sizeof path, "%s/%s", dir, t->name) >= (int)sizeof path)
		return diag_set(d, dir, 0, 0, "the path is too long");
	if (outfile_open(&o, path, d) != 0)
		return -1;
	if (fwrite(t->text, 1, t->bytes, o.f) == t->bytes)
		return outfile_commit(&o, d);
	outfile_abandon(&o);
	return diag_set(d, path, 0, 0, "cannot write: %s", strerror(errno));
}

int proc_commit(struct proc *p, uint64_t events, struct diag *d)
{
	char vm[4096];

	if (p->dir == NULL)
		return 0;
	if (p->failed)
		return diag_set(d, p->dir, 0, 0, "out of memory");
	if (!p->taken)
		return diag_set(d, "--at", 0, 0,
				"event %llu, expected one of the %llu that were replayed",
				(unsigned long long)p->at, (unsigned long long)events);
	if (snprintf(vm, sizeof vm, "%s/vm", p->dir) >= (int)sizeof vm)
		return diag_set(d, p->dir, 0, 0, "the path is too long");
	if (make_folder(p->dir, d) != 0 || make_folder(vm, d) != 0)
		return -1;
	for (unsigned i = 0; i < p->texts.nr; i++)
		if (write_text(p->dir, &p->texts.file[i], d) != 0)
			return -1;
	return 0;
}

void proc_finish(struct proc *p)
{
	kernel_texts_free(&p->texts);
}
