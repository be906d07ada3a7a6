#include "ui/cli/plot_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ui/cli/cli.h"

#ifndef MEMSCAPE_DATADIR
#define MEMSCAPE_DATADIR "/usr/local/share/memscape"
#endif

#define MAX_PATH_BYTES 4096u

/* ---- words ---- */

void words_add(struct words *w, const char *word)
{
	if (w->nr + 1 < WORDS_MAX)
		w->word[w->nr++] = word;
}

void words_add_two(struct words *w, const char *a, const char *b)
{
	words_add(w, a);
	words_add(w, b);
}

char *words_join(const struct words *w, const char *option)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *f = open_memstream(&text, &bytes);
	int n = 0;

	if (f == NULL)
		return NULL;
	for (int i = 0; i + 1 < w->nr; i++)
		if (strcmp(w->word[i], option) == 0)
			fprintf(f, "%s%s", n++ ? ";" : "", w->word[i + 1]);
	fclose(f);
	return text;
}

char **words_argv(struct words *w)
{
	for (int i = 0; i < w->nr; i++)
		w->copy[i] = (char *)(uintptr_t)w->word[i];
	w->copy[w->nr] = NULL;
	return w->copy;
}

/* ---- files ---- */

int plot_files_open(struct plot_files *f, struct diag *d)
{
	const char *tmp = getenv("TMPDIR");

	*f = (struct plot_files){.nr = 0};
	if (snprintf(f->folder, sizeof f->folder, "%s/memscape-plot.XXXXXX",
		     tmp != NULL && tmp[0] != '\0' ? tmp : "/tmp") < (int)sizeof f->folder &&
	    mkdtemp(f->folder) != NULL)
		return 0;
	return diag_set(d, "", 0, 0, "no folder for the data can be made: %s", strerror(errno));
}

void plot_files_close(struct plot_files *f)
{
	for (unsigned i = 0; i < f->nr; i++)
		unlink(f->path[i]);
	rmdir(f->folder);
}

char *plot_file(struct plot_files *f, const char *prefix, const char *name)
{
	char path[320];

	snprintf(path, sizeof path, "%s/%s%s", f->folder, prefix, name);
	for (unsigned i = 0; i < f->nr; i++)
		if (strcmp(f->path[i], path) == 0)
			return f->path[i];
	if (f->nr == PLOT_MAX_FILES)
		return f->path[0];
	memcpy(f->path[f->nr], path, sizeof path);
	return f->path[f->nr++];
}

int plot_capture(const char *path, int (*run)(int argc, char **argv), int argc, char **argv)
{
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int out, status;

	fflush(stdout);
	out = dup(STDOUT_FILENO);
	if (file < 0 || out < 0 || dup2(file, STDOUT_FILENO) < 0) {
		struct diag d = {0};

		diag_set(&d, path, 0, 0, "cannot be written: %s", strerror(errno));
		return cli_bad_input(&d);
	}
	status = run(argc, argv);
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	close(out);
	close(file);
	return status;
}

/* ---- Python ---- */

/* Runs a program; its exit status, -1: it cannot be run, or a signal ended it. */
static int run_program(char *const *argv)
{
	int how;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		execvp(argv[0], argv);
		_exit(127);
	}
	if (pid < 0)
		return -1;
	while (waitpid(pid, &how, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(how) ? WEXITSTATUS(how) : -1;
}

static char *word(const char *text)
{
	return (char *)(uintptr_t)text;
}

static bool has_matplotlib(const char *python)
{
	char *const argv[] = {word(python), word("-c"),
			      word("import importlib.util as u, sys; "
				   "sys.exit(0 if u.find_spec('matplotlib') else 9)"),
			      NULL};

	return run_program(argv) == 0;
}

/* NULL: none has it, which is told. */
static const char *find_python(void)
{
	const char *const candidates[] = {getenv("MEMSCAPE_PYTHON"), "python3", "/usr/bin/python3"};

	for (size_t i = 0; i < sizeof candidates / sizeof candidates[0]; i++)
		if (candidates[i] != NULL && candidates[i][0] != '\0' &&
		    has_matplotlib(candidates[i]))
			return candidates[i];
	fputs("memscape: no Python with matplotlib: neither $MEMSCAPE_PYTHON, python3 nor "
	      "/usr/bin/python3 has it (Debian: apt-get install python3-matplotlib)\n",
	      stderr);
	return NULL;
}

static bool is_script(char *path, const char *folder, const char *below, const char *name)
{
	struct stat st;

	return snprintf(path, MAX_PATH_BYTES, "%s%s/%s.py", folder, below, name) <
		       (int)MAX_PATH_BYTES &&
	       stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* As machines are found: $MEMSCAPE_DATA, folders above the program, the installed one. */
static bool find_script(char *path, const char *name)
{
	const char *data = getenv("MEMSCAPE_DATA");
	char exe[MAX_PATH_BYTES];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);

	if (data != NULL && data[0] != '\0' && is_script(path, data, "/plots", name))
		return true;
	exe[n > 0 ? n : 0] = '\0';
	for (unsigned up = 0; up < 5; up++) {
		char *slash = strrchr(exe, '/');

		if (slash == NULL)
			break;
		*slash = '\0';
		if (is_script(path, exe, "/plots", name) ||
		    (up == 1 && is_script(path, exe, "/share/memscape/plots", name)))
			return true;
	}
	return is_script(path, MEMSCAPE_DATADIR, "/plots", name);
}

/* The scripts read results through this program. */
static void tell_program(void)
{
	char exe[MAX_PATH_BYTES];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);

	if (n <= 0)
		return;
	exe[n] = '\0';
	setenv("MEMSCAPE", exe, 1);
}

int plot_script(const char *name, const struct words *options)
{
	char path[MAX_PATH_BYTES], *argv[WORDS_MAX + 4];
	const char *python;
	int n = 0, status;

	if (!find_script(path, name)) {
		fprintf(stderr,
			"memscape: no script %s.py in $MEMSCAPE_DATA/plots, above the program or "
			"in the installed data folder\n",
			name);
		return EXIT_BAD_INPUT;
	}
	python = find_python();
	if (python == NULL)
		return EXIT_BAD_INPUT;
	tell_program();
	argv[n++] = word(python);
	argv[n++] = word("-B"); /* no __pycache__ beside installed scripts */
	argv[n++] = path;
	for (int i = 0; i < options->nr; i++)
		argv[n++] = word(options->word[i]);
	argv[n] = NULL;
	status = run_program(argv);
	return status == 0 ? EXIT_RAN : status == EXIT_USAGE ? EXIT_USAGE : EXIT_BAD_INPUT;
}
