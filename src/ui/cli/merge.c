/* memscape merge: shards of a sweep into one file. */
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "sim/sweep_db.h"
#include "ui/cli/cli.h"
#include "ui/cli/cli_options.h"

static const char help[] =
	"usage: memscape merge RESULTS.db... -o ALL.db\n\n"
	"Joins results of one sweep, as shards give them.  Files of different sweeps or programs,\n"
	"and results that contradict each other, are refused; then nothing is written.\n\n"
	"  -o, --output FILE      the file to write\n"
	"  -h, --help             this text\n\n"
	"Exit status: 0 joined; 2 usage; 3 a file that is no result or contradicts the others.\n";

/* SQLite's log and index of a file under another name. */
static void remove_files(const char *path)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	char name[4160];

	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		snprintf(name, sizeof name, "%s%s", path, ends[i]);
		unlink(name);
	}
}

static int join(char **from, int nr, const char *to)
{
	struct sweep_db *db;
	struct diag d = {0};
	char tmp[4128];
	int err = 0;

	if (snprintf(tmp, sizeof tmp, "%s.%ld.tmp", to, (long)getpid()) >= (int)sizeof tmp)
		return cli_usage("merge", "--output: the name is too long");
	db = sweep_db_open(tmp, true, &d);
	if (db == NULL) {
		snprintf(d.file, sizeof d.file, "%.200s", to);
		return cli_bad_input(&d);
	}
	for (int i = 0; i < nr && err == 0; i++)
		err = sweep_db_merge(db, from[i], &d);
	sweep_db_close(db);
	if (err == 0 && rename(tmp, to) != 0)
		err = diag_set(&d, to, 0, 0, "cannot be written");
	remove_files(tmp);
	return err == 0 ? EXIT_RAN : cli_bad_input(&d);
}

int cmd_merge(int argc, char **argv)
{
	const char *output = NULL;
	const struct cli_option table[] = {{"output", 'o', CLI_TEXT, &output, 0, 0, NULL}, {0}};
	int status = cli_options("merge", help, table, argc, argv);

	if (status >= 0)
		return status;
	if (output == NULL)
		return cli_usage("merge", "into which file? give -o ALL.db");
	if (optind == argc)
		return cli_usage("merge", "which results? give the shards' files");
	return join(argv + optind, argc - optind, output);
}
