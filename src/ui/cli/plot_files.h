/* What memscape plot stands on: lists of words, a folder for data, and Python. */
#ifndef UI_CLI_PLOT_FILES_H
#define UI_CLI_PLOT_FILES_H

#include "model/diag.h"

#define WORDS_MAX 256

/* Words of a command; borrowed, but for those that words_argv copies for getopt. */
struct words {
	const char *word[WORDS_MAX];
	char *copy[WORDS_MAX];
	int nr;
};

void words_add(struct words *w, const char *word); /* beyond the limit: left out */
void words_add_two(struct words *w, const char *a, const char *b);
/* The values that follow `option`, joined by ';'.  Caller: free. */
char *words_join(const struct words *w, const char *option);
/* As argv, which its user may reorder.  Valid as long as *w. */
char **words_argv(struct words *w);

#define PLOT_MAX_FILES 8u

/* A folder of the host for the data of one plot. */
struct plot_files {
	char folder[256];
	char path[PLOT_MAX_FILES][320];
	unsigned nr;
};

/* Makes the folder, in $TMPDIR or /tmp.  0, or -1 with *d. */
int plot_files_open(struct plot_files *f, struct diag *d);
void plot_files_close(struct plot_files *f); /* removes them */

/* A file in the folder; the same name gives the same file. */
char *plot_file(struct plot_files *f, const char *prefix, const char *name);

/* Runs a command of ours with its standard output in a file.  Its exit status. */
int plot_capture(const char *path, int (*run)(int argc, char **argv), int argc, char **argv);

/* Runs plots/NAME.py with these options.  An exit status. */
int plot_script(const char *name, const struct words *options);

#endif
