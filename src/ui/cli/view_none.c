/* memscape view in a build without ncurses. */
#include <stdio.h>
#include <string.h>

#include "ui/cli/cli.h"
#include "ui/cli/view_help.h"

int cmd_view(int argc, char **argv)
{
	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		fputs(VIEW_HELP, stdout);
		puts("\nThis memscape was built without the visualizer (-Dtui=disabled).");
		return EXIT_RAN;
	}
	return cli_usage("view", "this memscape was built without the visualizer; with ncurses "
				 "installed, build again with -Dtui=enabled");
}
