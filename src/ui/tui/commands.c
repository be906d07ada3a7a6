/* Commands behind ':', and searches behind '/'. */
#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ui/tui/names.h"
#include "ui/tui/views.h"

/* ---- numbers ---- */

/* 1234, 0x4d2, 4K; the rest must be blank. */
static bool read_size(const char *text, uint64_t *out)
{
	char *end;
	uint64_t n;

	if (!isdigit((unsigned char)*text))
		return false;
	n = strtoull(text, &end, text[0] == '0' && (text[1] | 32) == 'x' ? 16 : 10);
	switch (toupper((unsigned char)*end)) {
	case 'K':
		n <<= 10, end++;
		break;
	case 'M':
		n <<= 20, end++;
		break;
	case 'G':
		n <<= 30, end++;
		break;
	default:
		break;
	}
	while (*end == ' ')
		end++;
	*out = n;
	return *end == '\0';
}

/* ":50%", ":12.5%", ":1234", ":+100", ":-100". */
static bool is_moment(struct app *a, const char *text)
{
	char *end;
	double percent = strtod(text, &end);
	uint64_t n;

	if (isdigit((unsigned char)*text) && *end == '%' && percent <= 100) {
		go_to(a, (uint64_t)((double)timeline_total(a->t) * percent / 100));
		return true;
	}
	if ((*text == '+' || *text == '-') && read_size(text + 1, &n) && n < INT64_MAX) {
		step_by(a, *text == '+' ? (int64_t)n : -(int64_t)n);
		return true;
	}
	if (!read_size(text, &n))
		return false;
	go_to(a, n);
	return true;
}

/* ---- commands ---- */

static void cmd_quit(struct app *a, const char *arg)
{
	(void)arg;
	a->quit = true;
}

static void cmd_start(struct app *a, const char *arg)
{
	(void)arg;
	go_to(a, 0);
}

static void cmd_end(struct app *a, const char *arg)
{
	(void)arg;
	go_to(a, UINT64_MAX);
}

static void cmd_peak(struct app *a, const char *arg)
{
	struct diag d = {0};
	uint64_t best = 0, event = 0;
	const struct series *s = timeline_series(a->t);

	(void)arg;
	if (timeline_finish(a->t, &d) != TIMELINE_THERE) {
		say(a, STYLE_WARN, "stopped");
		return;
	}
	for (unsigned i = 0; i < s->nr; i++)
		if (s->v[i].event != 0 && s->v[i].live_max > best) {
			best = s->v[i].live_max;
			event = s->v[i].event;
		}
	/* The figures at the end of that span know the exact event. */
	go_to(a, event);
	go_to(a, moment_figures(a->t)->peak_event);
}

static void cmd_run(struct app *a, const char *arg)
{
	const char *what = *arg != '\0' ? arg : a->condition;

	if (*what == '\0') {
		say(a, STYLE_WARN, "run to what? as :run event.failed");
		return;
	}
	run_to(a, what, true);
}

static void cmd_back(struct app *a, const char *arg)
{
	const char *what = *arg != '\0' ? arg : a->condition;

	if (*what == '\0') {
		say(a, STYLE_WARN, "back to what? as :back largest(d1_axi) < 8K");
		return;
	}
	run_to(a, what, false);
}

static void cmd_goto(struct app *a, const char *arg)
{
	uint64_t pa;

	if (!read_size(arg, &pa)) {
		say(a, STYLE_WARN, "expected an address, as :goto 0x24000000");
		return;
	}
	show_address(a, pa);
}

static void cmd_walk(struct app *a, const char *arg)
{
	uint64_t va;

	if (!read_size(arg, &va)) {
		say(a, STYLE_WARN, "expected a virtual address, as :walk 0xf8801234");
		return;
	}
	show_walk(a, va);
}

static void cmd_view(struct app *a, const char *arg)
{
	unsigned i = view_index(arg);

	if (i == UINT_MAX)
		say(a, STYLE_WARN, "no view '%s'; Tab shows the next one", arg);
	else
		show_view(a, i);
}

static void cmd_find(struct app *a, const char *arg)
{
	if (*arg == '\0') {
		say(a, STYLE_WARN, "find what? #id, 0xaddress, a size or a call site");
		return;
	}
	snprintf(a->search, sizeof a->search, "%s", arg);
	run_search(a, arg, true);
}

static void cmd_compare(struct app *a, const char *arg)
{
	if (*arg == '\0') {
		say(a, STYLE_WARN, "compare with what? as :compare first_fit, or :compare x86_32");
		return;
	}
	if (open_other(a, arg))
		show_view(a, view_index("compare"));
}

static void cmd_memory(struct app *a, const char *arg)
{
	size_t nr;
	uint64_t bytes = timeline_bytes(a->t, &nr);
	char used[SHORT_SIZE], most[SHORT_SIZE];

	(void)arg;
	say(a, STYLE_PLAIN, "%zu checkpoints and the index take %s of %s bytes", nr,
	    short_size(bytes, used),
	    short_size(a->q->memory ? a->q->memory : TIMELINE_MEMORY, most));
}

static void cmd_hash(struct app *a, const char *arg)
{
	struct image_hash h = moment_hash(a->t);

	(void)arg;
	say(a, STYLE_PLAIN, "image hash %016llx%016llx", (unsigned long long)h.hi,
	    (unsigned long long)h.lo);
}

static void cmd_keys(struct app *a, const char *arg)
{
	(void)arg;
	a->help = true;
	a->help_top = 0;
}

static void cmd_speed(struct app *a, const char *arg)
{
	uint64_t want;

	if (!read_size(arg, &want)) {
		say(a, STYLE_WARN, "expected events a second, as :speed 1000");
		return;
	}
	a->speed = 0;
	while (a->speed + 1 < nr_speeds() && run_speed(a) < (double)want)
		a->speed++;
	say(a, STYLE_PLAIN, "%.0f events a second", run_speed(a));
}

static void write_file(struct app *a, const char *path, void (*fn)(struct app *a, FILE *out))
{
	FILE *f = *path != '\0' ? fopen(path, "w") : NULL;

	if (f == NULL) {
		say(a, STYLE_BAD, "cannot write '%s'", path);
		return;
	}
	fn(a, f);
	if (fclose(f) != 0)
		say(a, STYLE_BAD, "cannot write '%s'", path);
	else
		say(a, STYLE_PLAIN, "wrote %s", path);
}

static void save_text(struct app *a, FILE *out)
{
	canvas_save(&a->canvas, out, false);
}

static void save_style(struct app *a, FILE *out)
{
	canvas_save(&a->canvas, out, true);
}

static void save_report(struct app *a, FILE *out)
{
	json_t *r = timeline_report(a->t, MEMSCAPE_VERSION);

	json_dumpf(r, out, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
	fputc('\n', out);
	json_decref(r);
}

static void cmd_save_display(struct app *a, const char *arg)
{
	say(a, STYLE_PLAIN, "%s", "");
	draw_screen(a);
	write_file(a, arg, save_text);
}

static void cmd_save_styles(struct app *a, const char *arg)
{
	say(a, STYLE_PLAIN, "%s", "");
	draw_screen(a);
	write_file(a, arg, save_style);
}

static void cmd_report(struct app *a, const char *arg)
{
	write_file(a, arg, save_report);
}

static const struct command {
	const char *name;
	void (*run)(struct app *a, const char *arg);
} commands[] = {
	{"back", cmd_back},
	{"compare", cmd_compare},
	{"end", cmd_end},
	{"find", cmd_find},
	{"goto", cmd_goto},
	{"hash", cmd_hash},
	{"help", cmd_keys},
	{"keys", cmd_keys},
	{"memory", cmd_memory},
	{"peak", cmd_peak},
	{"quit", cmd_quit},
	{"report", cmd_report},
	{"run", cmd_run},
	{"save-display", cmd_save_display},
	{"save-styles", cmd_save_styles},
	{"speed", cmd_speed},
	{"start", cmd_start},
	{"view", cmd_view},
	{"walk", cmd_walk},
};

#define NR_COMMANDS (sizeof commands / sizeof commands[0])

/* The command of that name, or the only one that begins so. */
static const struct command *find_command(const char *name, size_t n)
{
	const struct command *found = NULL;

	for (size_t i = 0; i < NR_COMMANDS; i++) {
		if (strncmp(commands[i].name, name, n) != 0)
			continue;
		if (commands[i].name[n] == '\0')
			return &commands[i];
		if (found != NULL && n > 1)
			return NULL;
		found = found == NULL ? &commands[i] : found;
	}
	return found;
}

void run_command(struct app *a, const char *text)
{
	const struct command *c;
	size_t n;

	while (*text == ' ' || *text == ':')
		text++;
	if (*text == '\0' || is_moment(a, text))
		return;
	n = strcspn(text, " ");
	c = strcmp(text, "q") == 0 ? find_command("quit", 4) : find_command(text, n);
	if (c == NULL) {
		say(a, STYLE_WARN, "no command '%.*s'; Tab completes, ? lists some", (int)n, text);
		return;
	}
	text += n;
	while (*text == ' ')
		text++;
	c->run(a, text);
}

/* ---- completion ---- */

typedef void add_fn(void *to, const char *word);

static void complete_condition(const struct app *a, add_fn *add, void *to)
{
	static const char *const words[] = {"event.failed",  "event.size",     "event.op",
					    "event.site",    "event.id",       "event.order",
					    "event.address", "event.fallback", "event.finding",
					    "events.failed", "count(failures)"};
	const struct machine *m = a->machine;
	char buf[128];

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		add(to, words[i]);
	for (unsigned i = 0; i < m->nr_regions; i++) {
		snprintf(buf, sizeof buf, "largest(%s)", m->regions[i].name);
		if (m->regions[i].kind == REGION_RAM)
			add(to, buf);
	}
	for (unsigned i = 0; i < m->nr_zones; i++) {
		snprintf(buf, sizeof buf, "zones.%s.free_pages", m->zones[i].name);
		add(to, buf);
		snprintf(buf, sizeof buf, "unusable(%s, ", m->zones[i].name);
		add(to, buf);
	}
}

struct candidates {
	add_fn *add;
	void *to;
};

static void add_machine(void *ctx, const char *name, const char *path)
{
	struct candidates *c = ctx;

	(void)path;
	c->add(c->to, name);
}

static void complete_kinds(const struct app *a, add_fn *add, void *to)
{
	const struct alloc_instance *in = moment_system(a->t)->checked;
	struct candidates c = {add, to};

	for (unsigned i = 0; i < in->nr_kinds; i++)
		if (in->kinds[i]->bytes != NULL)
			add(to, in->kinds[i]->name);
	add(to, "allocators.heap.bytes=");
	machine_list(add_machine, &c);
}

void complete_command(void *ctx, const char *text, size_t *from, add_fn *add, void *to)
{
	const struct app *a = ctx;
	const char *blank = strrchr(text, ' ');

	*from = blank != NULL ? (size_t)(blank - text) + 1 : 0;
	if (blank == NULL) {
		for (size_t i = 0; i < NR_COMMANDS; i++)
			add(to, commands[i].name);
	} else if (strncmp(text, "run ", 4) == 0 || strncmp(text, "back ", 5) == 0) {
		complete_condition(a, add, to);
	} else if (strncmp(text, "view ", 5) == 0) {
		for (unsigned i = 0; i < nr_views; i++)
			add(to, views[i]->name);
	} else if (strncmp(text, "compare ", 8) == 0) {
		complete_kinds(a, add, to);
	}
}

/* ---- searching ---- */

/* The string that a call site's beginning, or any part of it, names; 0: none. */
static uint32_t find_string(const struct app *a, const char *text)
{
	uint32_t nr = timeline_nr_strings(a->t);

	for (uint32_t i = 1; i <= nr; i++)
		if (strcmp(timeline_string(a->t, i), text) == 0)
			return i;
	for (uint32_t i = 1; i <= nr; i++)
		if (strcasestr(timeline_string(a->t, i), text) != NULL)
			return i;
	return 0;
}

void run_search(struct app *a, const char *text, bool forward)
{
	struct touch q = {.kind = TOUCH_ID};
	char condition[96];
	uint64_t n;

	a->last_was_condition = false;
	if (text[0] == '#' && read_size(text + 1, &n) && n < SLOT_NONE) {
		q.value = n;
	} else if (text[0] == '0' && (text[1] | 32) == 'x' && read_size(text, &n)) {
		q = (struct touch){.kind = TOUCH_MEMORY, .lo = n, .hi = n + 1};
	} else if (read_size(text, &n)) {
		snprintf(condition, sizeof condition, "event.size == %llu", (unsigned long long)n);
		run_to(a, condition, forward);
		a->last_was_condition = false;
		return;
	} else {
		q.kind = TOUCH_SITE;
		q.value = find_string(a, text);
		if (q.value == 0) {
			say(a, STYLE_WARN,
			    "no call site has '%s' in it; #12 searches an id, 0x10 an address, 100 "
			    "a size",
			    text);
			return;
		}
	}
	find_touch(a, &q, forward);
}
