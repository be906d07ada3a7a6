#include "record/session.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "record/image.h"
#include "record/spawn.h"

#define TURN       8192 /* records of one ring before the next has its turn */
#define SLEEP_NS   20000000 /* at most, at the bell */
#define COST_CALLS 65536

struct session {
	const struct record_options *options;
	struct diag *diag;
	char folder[64];
	struct control *control;
	struct image **images; /* by number; NULL: not there yet, or failed */
	uint32_t nr_images;
	pid_t child;
	bool child_ended, none_left, failed;
	int status;
	uint64_t start_ns, end_ns;
};

static volatile sig_atomic_t interrupts, ask_to_end;

static void on_signal(int number)
{
	if (number == SIGINT)
		interrupts = interrupts + 1;
	else if (number != SIGCHLD)
		ask_to_end = number;
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- the session's folder ---- */

static int make_folder(struct session *s)
{
	static const char *const places[] = {"/dev/shm", "/tmp", "/var/tmp"};

	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		snprintf(s->folder, sizeof s->folder, "%s/memscape-XXXXXX", places[i]);
		if (mkdtemp(s->folder) != NULL)
			return 0;
	}
	s->folder[0] = '\0';
	return diag_set(s->diag, NULL, 0, 0, "cannot make a folder in /dev/shm or /tmp: %s",
			strerror(errno));
}

/* A ring may use up to a sixteenth of the file system's free space. */
static uint32_t ring_parts(const char *folder)
{
	struct statvfs fs;
	uint64_t parts;

	if (statvfs(folder, &fs) != 0)
		return RING_LEGS_LEAST;
	parts = fs.f_bavail * fs.f_frsize / 16 / RING_PART_BYTES;
	return parts > RING_LEGS         ? RING_LEGS
	       : parts < RING_LEGS_LEAST ? RING_LEGS_LEAST
					 : (uint32_t)parts;
}

static int make_control(struct session *s)
{
	char path[128];
	void *p = MAP_FAILED;
	int fd;

	snprintf(path, sizeof path, "%s/control", s->folder);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0 && ftruncate(fd, sizeof *s->control) == 0)
		p = mmap(NULL, sizeof *s->control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd >= 0)
		close(fd);
	if (p == MAP_FAILED)
		return diag_set(s->diag, path, 0, 0, "cannot make the control page: %s",
				strerror(errno));
	s->control = p;
	s->control->recorder = getpid();
	s->control->times = s->options->times;
	s->control->sites = s->options->sites;
	s->control->parts = ring_parts(s->folder);
	s->control->magic = RING_MAGIC;
	return 0;
}

static void remove_folder(struct session *s)
{
	DIR *dir = opendir(s->folder);
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir != NULL)
		closedir(dir);
	rmdir(s->folder);
}

/* ---- images ---- */

/* How many images of this process came before. */
static unsigned earlier_images(const struct session *s, const struct image *im)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < im->number; i++)
		n += s->images[i] != NULL && s->images[i]->pid == im->pid;
	return n;
}

static bool to_pipe(const struct session *s)
{
	return strcmp(s->options->output, "-") == 0;
}

/* The command's process has the name asked for, another TRACE.PID; "": it is not kept. */
static void name_trace(const struct session *s, struct image *im)
{
	char *path = im->translator.path;
	size_t bytes = sizeof im->translator.path;

	if (im->pid == s->child && (im->predecessor == NULL || !to_pipe(s)))
		snprintf(path, bytes, "%s", s->options->output);
	else if (s->options->only_first || to_pipe(s))
		path[0] = '\0';
	else
		snprintf(path, bytes, "%s.%d", s->options->output, im->pid);
}

/*
 * Its process has run another program since, which takes the name: this one is TRACE.PID.1 and
 * so on.
 */
static int rename_trace(const struct session *s, struct image *im)
{
	char *path = im->translator.path, before[sizeof im->translator.path];

	if (path[0] == '\0' || im->events == 0 || to_pipe(s))
		return 0;
	memcpy(before, path, sizeof before);
	if (s->options->only_first) {
		path[0] = '\0';
		return unlink(before);
	}
	snprintf(path, sizeof im->translator.path, "%s.%d.%u", s->options->output, im->pid,
		 earlier_images(s, im) + 1);
	if (rename(before, path) == 0)
		return 0;
	return diag_set(s->diag, before, 0, 0, "cannot be renamed to %s: %s", path,
			strerror(errno));
}

/*
 * Joins a forked child to what its parent had live.  False: the parent's ring is not yet read
 * up to the fork.
 */
static bool join_parent(struct session *s, struct image *im)
{
	uint32_t number = im->ring->parent;
	struct image *parent = number < s->nr_images ? s->images[number] : NULL;

	if (number == RING_NO_PARENT)
		return true;
	if (parent != NULL && parent->translator.path[0] != '\0') {
		if (image_claim(parent, im->ring->parent_pos, &im->translator.live)) {
			im->translator.parent_pid = parent->pid;
			return true;
		}
		if (parent->state != IMAGE_ENDED && parent->head <= im->ring->parent_pos)
			return false;
	}
	im->translator.beginning_unknown = true;
	return true;
}

/* An image waits until the one before it in its process is complete, and for its parent. */
static int begin_image(struct session *s, struct image *im)
{
	if ((im->predecessor != NULL && im->predecessor->state != IMAGE_ENDED) ||
	    !join_parent(s, im))
		return 0;
	im->state = IMAGE_RUNNING;
	if (im->pid == s->child && im->translator.path[0] != '\0')
		return translator_begin(&im->translator, s->diag);
	return 0;
}

static int adopt(struct session *s, uint32_t number)
{
	struct image *im = image_open(s->folder, number, s->control->parts, s->diag);

	if (im == NULL)
		return -1;
	for (uint32_t i = 0; i < number; i++)
		if (s->images[i] != NULL && s->images[i]->pid == im->pid) {
			s->images[i]->superseded = true;
			im->predecessor = s->images[i];
		}
	name_trace(s, im);
	im->translator.start_ns = s->start_ns;
	if (s->options->sites)
		im->translator.sites = sites_create(s->folder, number, im->pid);
	s->images[number] = im;
	return 0;
}

/* Opens the rings that have appeared. */
static int adopt_new(struct session *s)
{
	uint32_t n = atomic_load(&s->control->nr_rings);

	if (n > CONTROL_RINGS)
		n = CONTROL_RINGS;
	if (n > s->nr_images) {
		struct image **more = realloc(s->images, n * sizeof *more);

		if (more == NULL)
			return diag_set(s->diag, NULL, 0, 0, "out of memory for %u processes", n);
		memset(more + s->nr_images, 0, (n - s->nr_images) * sizeof *more);
		s->images = more;
		s->nr_images = n;
	}
	for (uint32_t i = 0; i < n; i++)
		if (s->images[i] == NULL && atomic_load(&s->control->state[i]) == RING_READY &&
		    adopt(s, i) != 0)
			return -1;
	return 0;
}

/* One image's turn: *progress if anything happened. */
static int serve(struct session *s, struct image *im, bool *progress)
{
	bool gone;
	int n;

	if (im->state == IMAGE_WAITING && begin_image(s, im) != 0)
		return -1;
	if (im->state != IMAGE_RUNNING)
		return 0;
	gone = image_process_gone(im);
	n = image_drain(im, TURN, s->diag);
	if (n < 0)
		return -1;
	*progress |= n > 0;
	if (n > 0 || !gone || image_pass_gap(im))
		return 0;
	*progress = true;
	if (image_end(im, s->diag) != 0)
		return -1;
	return im->superseded ? rename_trace(s, im) : 0;
}

static int serve_all(struct session *s, bool *progress)
{
	*progress = false;
	if (adopt_new(s) != 0)
		return -1;
	for (uint32_t i = 0; i < s->nr_images; i++)
		if (s->images[i] != NULL && serve(s, s->images[i], progress) != 0) {
			trace_writer_abort(s->images[i]->translator.writer);
			s->images[i]->translator.writer = NULL;
			s->images[i]->translator.path[0] = '\0';
			return -1;
		}
	return 0;
}

static bool all_ended(const struct session *s)
{
	for (uint32_t i = 0; i < s->nr_images; i++)
		if (s->images[i] != NULL && s->images[i]->state != IMAGE_ENDED)
			return false;
	return true;
}

/* ---- processes ---- */

/* Descendants that lost their parent are ours to wait for, too. */
static void reap(struct session *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != s->child)
			continue;
		s->child_ended = true;
		s->status = spawn_status(status);
		s->end_ns = clock_ns(CLOCK_MONOTONIC);
	}
	s->none_left = pid < 0 && errno == ECHILD;
}

static bool anything_to_read(const struct session *s)
{
	if (atomic_load(&s->control->nr_rings) > s->nr_images && s->nr_images < CONTROL_RINGS)
		return true;
	for (uint32_t i = 0; i < s->nr_images; i++) {
		struct image *im = s->images[i];

		if (im == NULL ? atomic_load(&s->control->state[i]) == RING_READY
			       : im->state == IMAGE_RUNNING && image_has_record(im))
			return true;
	}
	return false;
}

/*
 * Until a producer rings, a child ends (its signal interrupts the wait) or a short time has
 * passed.
 */
static void sleep_at_bell(struct session *s)
{
	struct timespec most = {0, SLEEP_NS};
	uint32_t bell = atomic_load(&s->control->bell);

	atomic_store(&s->control->sleeping, 1);
	if (!anything_to_read(s))
		syscall(SYS_futex, &s->control->bell, FUTEX_WAIT, bell, &most, NULL, 0);
	atomic_store(&s->control->sleeping, 0);
}

/*
 * The terminal interrupts the command as well: it is given the time to end, a second interrupt
 * is not.
 */
static bool told_to_stop(struct session *s)
{
	if (ask_to_end != 0 && !s->child_ended)
		kill(s->child, ask_to_end);
	ask_to_end = 0;
	return interrupts > 1 || (interrupts > 0 && s->child_ended);
}

static void run(struct session *s)
{
	bool progress;

	while (!told_to_stop(s)) {
		reap(s);
		if (serve_all(s, &progress) != 0) {
			s->failed = true;
			return;
		}
		if (progress)
			continue;
		if (s->none_left && all_ended(s))
			return;
		sleep_at_bell(s);
	}
}

/*
 * After an error or an interrupt: nobody waits for us any more; what was written is read, and
 * traces are closed.
 */
static void wind_up(struct session *s)
{
	bool progress = true;

	atomic_store(&s->control->closed, 1);
	for (unsigned i = 0; i < RING_LEGS * RING_LEG / TURN && !s->failed && progress; i++)
		s->failed = serve_all(s, &progress) != 0;
	for (uint32_t i = 0; i < s->nr_images; i++)
		if (s->images[i] != NULL && s->images[i]->state != IMAGE_ENDED &&
		    image_end(s->images[i], s->diag) != 0)
			s->failed = true;
	while (!s->child_ended && interrupts < 2) {
		reap(s);
		if (!s->child_ended)
			sleep_at_bell(s);
	}
}

/* ---- the report ---- */

/* Storing a record takes this long when nothing disturbs it. */
static double cost_of_call(void)
{
	static struct ring_record records[RING_LEG];
	static struct producer p;
	uint64_t since;

	for (unsigned i = 0; i < RING_LEGS; i++)
		atomic_store(&p.legs[i], (uintptr_t)records);
	since = clock_ns(CLOCK_MONOTONIC);
	for (unsigned i = 0; i < COST_CALLS; i++)
		ring_publish(&p, ring_reserve(&p, 1), i, ring_descriptor(CALL_MALLOC, 0, i));
	return (double)(clock_ns(CLOCK_MONOTONIC) - since) / COST_CALLS;
}

static void report_trace(struct record_trace *out, const struct image *im)
{
	struct stat st;

	memcpy(out->path, im->translator.path, sizeof out->path);
	memcpy(out->command, im->command, sizeof out->command);
	out->pid = im->pid;
	out->events = im->events;
	out->calls = im->calls;
	out->lost = im->lost;
	out->inherited = im->translator.inherited;
	out->mended = im->translator.mended;
	out->foreign = im->translator.foreign;
	out->waited_ns = im->waited_ns;
	if (stat(out->path, &st) == 0 && S_ISREG(st.st_mode))
		out->bytes = (uint64_t)st.st_size;
}

static bool worth_telling(const struct session *s, const struct image *im)
{
	return im != NULL && (im->calls > 0 || im->pid == s->child);
}

static int report(const struct session *s, struct record_report *out)
{
	out->traces = calloc(s->nr_images + 1, sizeof *out->traces);
	if (out->traces == NULL)
		return diag_set(s->diag, NULL, 0, 0, "out of memory");
	for (uint32_t i = 0; i < s->nr_images; i++)
		if (worth_telling(s, s->images[i]))
			report_trace(&out->traces[out->nr_traces++], s->images[i]);
	out->unrecorded = atomic_load(&s->control->nr_unrecorded);
	out->status = s->status;
	out->wall_ns = s->end_ns - s->start_ns;
	out->recorder_cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	out->interrupted = interrupts > 0;
	return 0;
}

void record_report_finish(struct record_report *r)
{
	free(r->traces);
	r->traces = NULL;
	r->nr_traces = 0;
}

/* ---- the session ---- */

static void catch_signals(void)
{
	static const int caught[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD};
	struct sigaction action = {.sa_handler = on_signal};

	interrupts = 0;
	ask_to_end = 0;
	for (size_t i = 0; i < sizeof caught / sizeof caught[0]; i++)
		sigaction(caught[i], &action, NULL);
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

/* Many processes at once are many files; the command keeps its own limit. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void session_finish(struct session *s)
{
	for (uint32_t i = 0; i < s->nr_images; i++)
		if (s->images[i] != NULL)
			image_free(s->images[i]);
	free(s->images);
	if (s->control != NULL)
		munmap(s->control, sizeof *s->control);
	if (s->folder[0] != '\0')
		remove_folder(s);
}

int record_session(const struct record_options *o, char **command, struct record_report *out,
		   struct diag *d)
{
	struct session s = {.options = o, .diag = d};
	int err = -1;

	*out = (struct record_report){.ns_per_call = cost_of_call()};
	if (make_folder(&s) == 0 && make_control(&s) == 0) {
		catch_signals();
		s.start_ns = clock_ns(CLOCK_MONOTONIC);
		err = spawn_command(o, s.folder, command, &s.child, d);
	}
	if (err == 0) {
		raise_file_limit();
		run(&s);
		if (s.failed || !s.child_ended || !all_ended(&s))
			wind_up(&s);
		err = report(&s, out) != 0 || s.failed ? -1 : 0;
	}
	session_finish(&s);
	return err;
}
