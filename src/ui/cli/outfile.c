#include "ui/cli/outfile.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ui/cli/cli.h"

/* A device or a pipe is written to as it is: no file may take its name. */
static bool is_special(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

int outfile_open(struct outfile *o, const char *path, struct diag *d)
{
	*o = (struct outfile){0};
	if (strcmp(path, "-") == 0) {
		o->f = stdout;
		return 0;
	}
	if (snprintf(o->path, sizeof o->path, "%s", path) >= (int)sizeof o->path)
		return diag_set(d, path, 0, 0, "path too long");
	if (is_special(path)) {
		o->f = fopen(path, "w");
		return o->f != NULL
			       ? 0
			       : diag_set(d, path, 0, 0, "cannot be written: %s", strerror(errno));
	}
	snprintf(o->tmp, sizeof o->tmp, "%s.%ld.tmp", path, (long)getpid());
	o->f = fopen(o->tmp, "w");
	if (o->f == NULL) {
		diag_set(d, path, 0, 0, "cannot be written: %s", strerror(errno));
		o->tmp[0] = '\0';
		return -1;
	}
	return 0;
}

/* err 0: an earlier write failed, and nobody kept the reason. */
static int cannot_write(const struct outfile *o, int err, struct diag *d)
{
	return diag_set(d, o->path[0] == '\0' ? "standard output" : o->path, 0, 0,
			"cannot be written%s%s", err == 0 ? "" : ": ",
			err == 0 ? "" : strerror(err));
}

int outfile_commit(struct outfile *o, struct diag *d)
{
	bool std = o->tmp[0] == '\0';
	int bad, err;

	errno = 0;
	bad = fflush(o->f) != 0 || ferror(o->f);
	err = errno;

	if (o->f != stdout && fclose(o->f) != 0)
		bad = 1;
	o->f = NULL;
	if (!bad && !std && rename(o->tmp, o->path) != 0) {
		err = errno;
		bad = 1;
	}
	if (!bad) {
		o->tmp[0] = '\0';
		return 0;
	}
	if (!std)
		unlink(o->tmp);
	o->tmp[0] = '\0';
	return cannot_write(o, err, d);
}

void outfile_abandon(struct outfile *o)
{
	if (o->f != NULL && o->f != stdout)
		fclose(o->f);
	if (o->tmp[0] != '\0')
		unlink(o->tmp);
	*o = (struct outfile){0};
}

int outfile_json(const char *path, const json_t *j, struct diag *d)
{
	struct outfile o;
	int err;

	if (j == NULL)
		return diag_set(d, "", 0, 0, "out of host memory");
	if (outfile_open(&o, path, d) != 0)
		return -1;
	errno = 0;
	if (json_dumpf(j, o.f, JSON_INDENT(2) | JSON_REAL_PRECISION(12)) == 0 &&
	    fputc('\n', o.f) != EOF)
		return outfile_commit(&o, d);
	err = errno;
	cannot_write(&o, err, d);
	outfile_abandon(&o);
	return -1;
}

int outfile_end_stdout(int status)
{
	struct outfile o = {.f = stdout};
	struct diag d = {0};

	/* Beyond those two, something else is told already. */
	if (outfile_commit(&o, &d) == 0 || (status != EXIT_RAN && status != EXIT_TRUE))
		return status;
	return cli_bad_input(&d);
}
