#include "ui/tui/script.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ui/tui/views.h"

static void press(struct app *a, uint32_t key)
{
	draw_screen(a);
	handle_input(a, (struct input){key, 0, 0, 0});
}

static void press_all(struct app *a, const char *keys)
{
	uint32_t k;

	while (!a->quit && (k = key_parse(&keys)) != 0)
		press(a, k);
}

/* ---- the monkey ---- */

static uint64_t next_random(uint64_t *s)
{
	*s ^= *s >> 12;
	*s ^= *s << 25;
	*s ^= *s >> 27;
	return *s * 0x2545F4914F6CDD1Dull;
}

static struct input random_input(const struct app *a, uint64_t *seed)
{
	uint64_t r = next_random(seed) >> 16;
	struct input in = {INPUT_NONE, 0, 0, 0};

	switch (r % 8) {
	case 0:
		in.key = INPUT_UP + (uint32_t)(r >> 8) % (INPUT_MOUSE - INPUT_UP);
		break;
	case 1:
		in = (struct input){INPUT_MOUSE, (int)((r >> 8) % (uint64_t)a->canvas.rows),
				    (int)((r >> 20) % (uint64_t)a->canvas.cols),
				    (int)((r >> 32) % 4)};
		break;
	case 2:
		in.key = (uint32_t)(r >> 8) % 32;
		break;
	case 3:
		in.key = '0' + (uint32_t)(r >> 8) % 10;
		break;
	default:
		in.key = 32 + (uint32_t)(r >> 8) % 95;
	}
	return in;
}

/*
 * Keys that would end it, stop the process or write files are left out; now and then
 * the screen changes its size.
 */
static void monkey(struct app *a, uint64_t nr, uint64_t seed)
{
	seed = seed * 2 + 1;
	for (uint64_t i = 0; i < nr; i++) {
		struct input in = random_input(a, &seed);
		enum action act = keymap_action(&a->keymap, in.key);

		if (next_random(&seed) % 512 == 0)
			canvas_resize(&a->canvas, (int)(next_random(&seed) % 80),
				      (int)(next_random(&seed) % 250));
		draw_screen(a);
		if (a->prompt.on && (in.key == '\r' || in.key == '\n') &&
		    strstr(a->prompt.text, "save") != NULL)
			in.key = 27;
		if (!a->prompt.on && (act == ACTION_QUIT || act == ACTION_SUSPEND))
			continue;
		handle_input(a, in);
		a->quit = false;
	}
	a->running = false;
}

/* ---- how long a screen takes ---- */

static double cpu_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

#define BENCH_MAX 1024u

/* CPU times of n screens of the view shown; the move in time before each is not counted. */
static void time_screens(struct app *a, double *v, unsigned n, bool far)
{
	uint64_t seed = 42;

	for (unsigned i = 0; i < n; i++) {
		double begun;

		if (far)
			go_to(a, next_random(&seed) % (timeline_total(a->t) + 1));
		else
			step_by(a, 1);
		begun = cpu_now();
		draw_screen(a);
		v[i] = cpu_now() - begun;
	}
	qsort(v, n, sizeof *v, by_value);
}

static void bench(struct app *a, unsigned n)
{
	double step[BENCH_MAX], far[BENCH_MAX];

	n = n == 0 ? 1 : n < BENCH_MAX ? n : BENCH_MAX;
	time_screens(a, step, n, false);
	time_screens(a, far, n, true);
	printf("%-10s %dx%d after a step: median %.3f ms, p99 %.3f ms; after a leap: median %.3f "
	       "ms, "
	       "p99 %.3f ms\n",
	       views[a->view]->name, a->canvas.rows, a->canvas.cols, step[n / 2] * 1e3,
	       step[n * 99 / 100] * 1e3, far[n / 2] * 1e3, far[n * 99 / 100] * 1e3);
}

/* ---- lines ---- */

static int save(struct app *a, const char *to, bool styles, const char *path, int number,
		struct diag *d)
{
	FILE *f = fopen(to, "w");

	if (f == NULL)
		return diag_set(d, path, number, 1, "cannot write '%s': %s", to, strerror(errno));
	draw_screen(a);
	canvas_save(&a->canvas, f, styles);
	return fclose(f) == 0 ? 0 : diag_set(d, path, number, 1, "cannot write '%s'", to);
}

static int one_line(struct app *a, char *line, const char *path, int number, struct diag *d)
{
	unsigned long long x = 0, y = 0;

	line[strcspn(line, "\r\n")] = '\0';
	if (line[0] == '\0' || line[0] == '#')
		return 0;
	if (line[0] == ':') {
		press_all(a, line);
		press(a, '\r');
	} else if (strncmp(line, "save ", 5) == 0) {
		return save(a, line + 5, false, path, number, d);
	} else if (strncmp(line, "save-styles ", 12) == 0) {
		return save(a, line + 12, true, path, number, d);
	} else if (strncmp(line, "keys ", 5) == 0) {
		press_all(a, line + 5);
	} else if (sscanf(line, "click %llu %llu", &y, &x) == 2) {
		draw_screen(a);
		handle_input(a, (struct input){INPUT_MOUSE, (int)y, (int)x, MOUSE_CLICK});
	} else if (sscanf(line, "wheel-up %llu %llu", &y, &x) == 2) {
		draw_screen(a);
		handle_input(a, (struct input){INPUT_MOUSE, (int)y, (int)x, MOUSE_WHEEL_UP});
	} else if (sscanf(line, "wheel-down %llu %llu", &y, &x) == 2) {
		draw_screen(a);
		handle_input(a, (struct input){INPUT_MOUSE, (int)y, (int)x, MOUSE_WHEEL_DOWN});
	} else if (sscanf(line, "resize %llu %llu", &y, &x) == 2) {
		canvas_resize(&a->canvas, (int)(y % 1001), (int)(x % 1001));
		handle_input(a, (struct input){INPUT_RESIZE, 0, 0, 0});
	} else if (sscanf(line, "random %llu %llu", &x, &y) == 2) {
		monkey(a, x, y);
	} else if (sscanf(line, "bench %llu", &x) == 1) {
		bench(a, (unsigned)x);
	} else {
		return diag_set(d, path, number, 1,
				"expected :command, keys, click, wheel-up, wheel-down, resize, "
				"save, save-styles, random or bench");
	}
	draw_screen(a);
	return 0;
}

int script_play(struct app *a, const char *path, struct diag *d)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
	int number = 0, err = 0;
	char line[1024];

	if (f == NULL)
		return diag_set(d, path, 0, 0, "cannot be opened: %s", strerror(errno));
	draw_screen(a);
	while (err == 0 && !a->quit && fgets(line, sizeof line, f) != NULL)
		err = one_line(a, line, path, ++number, d);
	if (f != stdin)
		fclose(f);
	return err;
}
