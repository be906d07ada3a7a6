#include "ui/tui/curses.h"

#include "ui/tui/term.h"

#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

/* The one terminal of the process. */
static struct {
	SCREEN *screen;
	bool on;
	int colors;
	struct canvas shown; /* what the terminal has */
	bool all; /* show everything, whatever was shown */
	struct termios before;
	volatile sig_atomic_t signal; /* that asked to end */
	attr_t attributes[NR_STYLES];
	short pair[NR_STYLES];
} term;

/* ---- signals ---- */

static void on_end(int sig)
{
	term.signal = sig;
}

/* The program is about to die of a bug: the terminal first, by what is safe in a handler. */
static void on_crash(int sig)
{
	static const char leave[] = "\033[?1000l\033[?1006l\033[0m\033[?25h\033[?1049l\r\n";

	if (term.on) {
		(void)!write(STDOUT_FILENO, leave, sizeof leave - 1);
		tcsetattr(STDIN_FILENO, TCSANOW, &term.before);
	}
	signal(sig, SIG_DFL);
	raise(sig);
}

static void catch_signals(void)
{
	static const int ends[] = {SIGHUP, SIGTERM, SIGINT, SIGQUIT},
			 crashes[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
	struct sigaction a = {.sa_handler = on_end};

	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
		sigaction(ends[i], &a, NULL);
	a.sa_handler = on_crash;
	a.sa_flags = (int)SA_RESETHAND;
	for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; i++)
		sigaction(crashes[i], &a, NULL);
}

void term_catch(void)
{
	if (term.on)
		catch_signals();
}

int term_signal(void)
{
	return term.signal;
}

/* ---- starting and stopping ---- */

static int colors_of(enum term_colors want)
{
	int has;

	if (want == TERM_MONO || (want == TERM_AUTO && getenv("NO_COLOR") != NULL) || !has_colors())
		return 0;
	start_color();
	use_default_colors();
	has = COLORS >= 256 ? 256 : COLORS >= 16 ? 16 : 8;
	if (want == TERM_8 || (want == TERM_16 && has >= 16) || (want == TERM_256 && has >= 256))
		return want == TERM_8 ? 8 : want == TERM_16 ? 16 : 256;
	return has;
}

static attr_t attributes_of(unsigned look)
{
	return ((look & LOOK_BOLD) != 0 ? A_BOLD : 0) |
	       ((look & LOOK_REVERSE) != 0 ? A_REVERSE : 0) |
	       ((look & LOOK_UNDERLINE) != 0 ? A_UNDERLINE : 0) |
	       ((look & LOOK_DIM) != 0 ? A_DIM : 0);
}

static void make_styles(void)
{
	for (unsigned s = 0; s < NR_STYLES; s++) {
		struct look l = style_look((enum style)s, term.colors);

		term.attributes[s] = attributes_of(l.attributes);
		term.pair[s] = 0;
		if (term.colors != 0 && (l.fg >= 0 || l.bg >= 0) &&
		    init_pair((short)(s + 1), l.fg, l.bg) != ERR)
			term.pair[s] = (short)(s + 1);
	}
}

/* Home and End as other terminals send them than TERM says, where that means nothing else. */
static void define_more_keys(void)
{
	static const struct {
		const char *sent;
		int key;
	} more[] = {{"\033[1~", KEY_HOME}, {"\033[7~", KEY_HOME}, {"\033[H", KEY_HOME},
		    {"\033OH", KEY_HOME},  {"\033[4~", KEY_END},  {"\033[8~", KEY_END},
		    {"\033[F", KEY_END},   {"\033OF", KEY_END}};

	for (size_t i = 0; i < sizeof more / sizeof more[0]; i++)
		if (key_defined(more[i].sent) == 0)
			define_key(more[i].sent, more[i].key);
}

static bool has_capability(const char *name)
{
	const char *s = tigetstr(name);

	return s != NULL && s != (const char *)-1;
}

/* Leaves an empty screen where there is none other to go back to. */
static void leave_screen(void)
{
	if (!has_capability("rmcup")) {
		erase();
		refresh();
	}
	endwin();
}

int term_start(enum term_colors colors, struct diag *d)
{
	const char *type = getenv("TERM");

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return diag_set(
			d, "", 0, 0,
			"standard input and output are no terminal, expected one to draw on");
	setlocale(LC_ALL, "");
	tcgetattr(STDIN_FILENO, &term.before);
	term.screen = newterm(type, stdout, stdin);
	if (term.screen == NULL)
		return diag_set(
			d, "", 0, 0,
			"terminal type '%s' is unknown, expected one such as xterm-256color "
			"in TERM",
			type != NULL ? type : "");
	set_term(term.screen);
	if (!has_capability("cup") || !has_capability("clear")) {
		endwin();
		delscreen(term.screen);
		term.screen = NULL;
		return diag_set(d, "", 0, 0,
				"a terminal of type '%s' cannot place its cursor, expected one "
				"such as xterm-256color in TERM",
				type != NULL ? type : "");
	}
	term.on = true;
	catch_signals();
	raw();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	define_more_keys();
	set_escdelay(25);
	curs_set(0);
	mousemask(BUTTON1_CLICKED | BUTTON1_PRESSED | BUTTON4_PRESSED | BUTTON5_PRESSED, NULL);
	mouseinterval(0);
	term.colors = colors_of(colors);
	make_styles();
	term.all = true;
	return 0;
}

void term_stop(void)
{
	if (!term.on)
		return;
	term.on = false;
	leave_screen();
	delscreen(term.screen);
	term.screen = NULL;
	canvas_finish(&term.shown);
}

/* ---- showing ---- */

void term_size(int *rows, int *cols)
{
	*rows = LINES;
	*cols = COLS;
}

void term_redraw(void)
{
	term.all = true;
}

/* A run of cells of one style. */
static void show_run(int y, int x, const struct cell *c, int n)
{
	wchar_t text[1001];

	for (int i = 0; i < n; i++)
		text[i] = (wchar_t)c[i].ch;
	text[n] = L'\0';
	attr_set(term.attributes[c->style], term.pair[c->style], NULL);
	mvaddnwstr(y, x, text, n);
}

static void show_row(const struct canvas *c, int y)
{
	const struct cell *row = &c->cell[y * c->cols];
	int x = 0;

	while (x < c->cols) {
		int n = 1;

		while (x + n < c->cols && row[x + n].style == row[x].style)
			n++;
		show_run(y, x, row + x, n);
		x += n;
	}
}

void term_show(const struct canvas *c)
{
	size_t row = (size_t)c->cols * sizeof *c->cell;
	bool all = term.all || term.shown.cell == NULL || term.shown.rows != c->rows ||
		   term.shown.cols != c->cols;

	if (!canvas_resize(&term.shown, c->rows, c->cols))
		return;
	if (all)
		clearok(stdscr, TRUE);
	for (int y = 0; y < c->rows; y++) {
		struct cell *was = &term.shown.cell[y * c->cols];

		if (!all && memcmp(was, &c->cell[y * c->cols], row) == 0)
			continue;
		show_row(c, y);
		memcpy(was, &c->cell[y * c->cols], row);
	}
	term.all = false;
	refresh();
}

/* ---- keys ---- */

#define DOUBLE_CLICK_NS 400000000

/* The second press on a cell in short time; ncurses would hold back the first to know. */
static bool is_second_press(int y, int x)
{
	static struct {
		int y, x;
		uint64_t at; /* 0: none to follow */
	} last;
	struct timespec t;
	uint64_t now;
	bool second;

	clock_gettime(CLOCK_MONOTONIC, &t);
	now = (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
	second = last.at != 0 && last.y == y && last.x == x && now - last.at < DOUBLE_CLICK_NS;
	last.y = y;
	last.x = x;
	last.at = second ? 0 : now;
	return second;
}

static struct input mouse_input(void)
{
	struct input in = {INPUT_NONE, 0, 0, 0};
	MEVENT e;

	if (getmouse(&e) != OK)
		return in;
	in = (struct input){INPUT_MOUSE, e.y, e.x, MOUSE_CLICK};
	if ((e.bstate & BUTTON4_PRESSED) != 0)
		in.mouse = MOUSE_WHEEL_UP;
	else if ((e.bstate & BUTTON5_PRESSED) != 0)
		in.mouse = MOUSE_WHEEL_DOWN;
	else if ((e.bstate & (BUTTON1_PRESSED | BUTTON1_CLICKED)) == 0)
		in.key = INPUT_NONE;
	else if (is_second_press(e.y, e.x))
		in.mouse = MOUSE_DOUBLE;
	return in;
}

static uint32_t special_key(wint_t k)
{
	static const struct {
		wint_t curses;
		uint32_t key;
	} of[] = {
		{KEY_UP, INPUT_UP},
		{KEY_DOWN, INPUT_DOWN},
		{KEY_LEFT, INPUT_LEFT},
		{KEY_RIGHT, INPUT_RIGHT},
		{KEY_PPAGE, INPUT_PGUP},
		{KEY_NPAGE, INPUT_PGDN},
		{KEY_HOME, INPUT_HOME},
		{KEY_END, INPUT_END},
		{KEY_BTAB, INPUT_BACKTAB},
		{KEY_DC, INPUT_DELETE},
		{KEY_BACKSPACE, INPUT_BACKSPACE},
		{KEY_ENTER, '\r'},
		{KEY_RESIZE, INPUT_RESIZE},
	};

	if (k >= KEY_F(1) && k <= KEY_F(12))
		return INPUT_F1 + (uint32_t)(k - KEY_F(1));
	for (size_t i = 0; i < sizeof of / sizeof of[0]; i++)
		if (of[i].curses == k)
			return of[i].key;
	return INPUT_NONE;
}

struct input term_input(int ms)
{
	wint_t k;
	int how;

	if (term.signal != 0)
		return (struct input){INPUT_HANGUP, 0, 0, 0};
	timeout(ms);
	how = get_wch(&k);
	if (term.signal != 0)
		return (struct input){INPUT_HANGUP, 0, 0, 0};
	if (how == ERR) {
		/* Waiting for ever and nothing came: the terminal is gone, or a signal woke us. */
		if (ms < 0 && !isatty(STDIN_FILENO))
			return (struct input){INPUT_HANGUP, 0, 0, 0};
		return (struct input){INPUT_NONE, 0, 0, 0};
	}
	if (how != KEY_CODE_YES)
		return (struct input){k < INPUT_NONE ? (uint32_t)k : INPUT_NONE, 0, 0, 0};
	if (k == KEY_MOUSE)
		return mouse_input();
	if (k == KEY_RESIZE)
		term.all = true;
	return (struct input){special_key(k), 0, 0, 0};
}

void term_suspend(void)
{
	if (!term.on)
		return;
	leave_screen();
	raise(SIGSTOP);
	term.all = true;
	refresh();
	curs_set(0);
}
