#include "record/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "record/ring.h"

/* The dynamic linker divides LD_PRELOAD at spaces and colons: a link hides such a path. */
static const char *preloadable(const char *library, const char *folder, char link[256])
{
	if (strpbrk(library, " :") == NULL)
		return library;
	snprintf(link, 256, "%s/recorder.so", folder);
	return symlink(library, link) == 0 ? link : library;
}

/* "LIBRARY" or "LIBRARY:what was preloaded already". */
static int set_environment(const char *library, const char *folder)
{
	const char *before = getenv("LD_PRELOAD");
	char link[256], *both;
	int err;

	library = preloadable(library, folder, link);
	if (before == NULL || before[0] == '\0')
		err = setenv("LD_PRELOAD", library, 1);
	else if (asprintf(&both, "%s:%s", library, before) < 0)
		err = -1;
	else
		err = setenv("LD_PRELOAD", both, 1);
	return err != 0 ? -1 : setenv(RING_ENV, folder, 1);
}

static void run_child(const struct record_options *o, const char *folder, char **command,
		      int report)
{
	sigset_t none;
	int why;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (strcmp(o->output, "-") == 0)
		dup2(STDERR_FILENO, STDOUT_FILENO);
	if (set_environment(o->library, folder) == 0)
		execvp(command[0], command);
	why = errno;
	if (write(report, &why, sizeof why) != sizeof why)
		_exit(126);
	_exit(127);
}

int spawn_command(const struct record_options *o, const char *folder, char **command, pid_t *pid,
		  struct diag *d)
{
	int report[2], why;
	pid_t child;

	if (pipe2(report, O_CLOEXEC) != 0)
		return diag_set(d, NULL, 0, 0, "cannot make a pipe: %s", strerror(errno));
	fflush(NULL);
	child = fork();
	if (child == 0)
		run_child(o, folder, command, report[1]);
	close(report[1]);
	if (child < 0) {
		diag_set(d, NULL, 0, 0, "cannot start a process: %s", strerror(errno));
	} else if (read(report[0], &why, sizeof why) == sizeof why) {
		diag_set(d, NULL, 0, 0, "cannot run '%s': %s", command[0], strerror(why));
		waitpid(child, NULL, 0);
		child = -1;
	}
	close(report[0]);
	*pid = child;
	return child < 0 ? -1 : 0;
}

int spawn_status(int wait_status)
{
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}
