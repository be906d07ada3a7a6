#include "ui/tui/canvas.h"

#include <stdarg.h>
#include <stdlib.h>

bool canvas_resize(struct canvas *c, int rows, int cols)
{
	struct cell *p;

	rows = rows < 1 ? 1 : rows > 1000 ? 1000 : rows;
	cols = cols < 1 ? 1 : cols > 1000 ? 1000 : cols;
	if (c->cell != NULL && rows == c->rows && cols == c->cols)
		return true;
	p = realloc(c->cell, (size_t)rows * (size_t)cols * sizeof *p);
	if (p == NULL)
		return false;
	c->cell = p;
	c->rows = rows;
	c->cols = cols;
	canvas_clear(c);
	return true;
}

void canvas_finish(struct canvas *c)
{
	free(c->cell);
	*c = (struct canvas){0};
}

void canvas_clear(struct canvas *c)
{
	for (int i = 0; i < c->rows * c->cols; i++)
		c->cell[i] = (struct cell){' ', STYLE_PLAIN};
}

struct box canvas_box(struct canvas *c)
{
	return (struct box){c, 0, 0, c->rows, c->cols};
}

static int clamp(int v, int lo, int hi)
{
	return v < lo ? lo : v > hi ? hi : v;
}

struct box box_rows(struct box b, int y, int h)
{
	int top = clamp(y, 0, b.h < 0 ? 0 : b.h);

	h = h < 0 ? b.h - top : h;
	return (struct box){b.c, b.y + top, b.x, clamp(h, 0, b.h - top), b.w};
}

struct box box_cols(struct box b, int x, int w)
{
	int left = clamp(x, 0, b.w < 0 ? 0 : b.w);

	w = w < 0 ? b.w - left : w;
	return (struct box){b.c, b.y, b.x + left, b.h, clamp(w, 0, b.w - left)};
}

uint32_t glyph(const struct canvas *c, enum glyph g)
{
	static const struct {
		uint32_t utf8;
		char ascii;
	} of[NR_GLYPHS] = {
		[GLYPH_FULL] = {0x2588, '#'},       [GLYPH_EMPTY] = {0xb7, '.'},
		[GLYPH_UP] = {0x25b4, '^'},         [GLYPH_DOWN] = {0x25be, 'v'},
		[GLYPH_RIGHT] = {0x25b8, '>'},      [GLYPH_VERTICAL] = {0x2502, '|'},
		[GLYPH_HORIZONTAL] = {0x2500, '-'}, [GLYPH_DOT] = {0xb7, '.'},
		[GLYPH_ELLIPSIS] = {0x2026, '~'},
	};

	return c->utf8 ? of[g].utf8 : (uint32_t)(unsigned char)of[g].ascii;
}

static struct cell *cell_at(struct box b, int y, int x)
{
	if (y < 0 || x < 0 || y >= b.h || x >= b.w)
		return NULL;
	return &b.c->cell[(b.y + y) * b.c->cols + b.x + x];
}

/* What the terminal could take for more than one column, or for an order, is shown as '?'. */
static uint32_t harmless(const struct canvas *c, uint32_t ch)
{
	if (ch < 0x20 || ch == 0x7f || (ch >= 0x80 && ch < 0xa0))
		return '?';
	if (ch >= 0x80 && !c->utf8)
		return '?';
	return ch >= 0x300 && !(ch >= 0x2000 && ch < 0x2e00) ? '?' : ch;
}

void put_char(struct box b, int y, int x, enum style s, uint32_t ch)
{
	struct cell *c = cell_at(b, y, x);

	if (c != NULL)
		*c = (struct cell){harmless(b.c, ch), s};
}

/* The character at *p, which moves on; a broken sequence is one '?' a byte. */
static uint32_t next_char(const char **p)
{
	const unsigned char *s = (const unsigned char *)*p;
	unsigned n = s[0] < 0x80 ? 0 : s[0] >= 0xf0 ? 3 : s[0] >= 0xe0 ? 2 : s[0] >= 0xc0 ? 1 : 9;
	uint32_t ch = n == 0 ? s[0] : n < 9 ? s[0] & (0x3fu >> n) : '?';

	for (unsigned i = 1; n < 9 && i <= n; i++) {
		if ((s[i] & 0xc0) != 0x80) {
			*p += i;
			return '?';
		}
		ch = ch << 6 | (s[i] & 0x3f);
	}
	*p += n < 9 ? n + 1 : 1;
	return ch;
}

int put_text(struct box b, int y, int x, enum style s, const char *text)
{
	while (*text != '\0')
		put_char(b, y, x++, s, next_char(&text));
	return x;
}

int put(struct box b, int y, int x, enum style s, const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	return put_text(b, y, x, s, line);
}

static int width_of(const char *text)
{
	int n = 0;

	while (*text != '\0') {
		next_char(&text);
		n++;
	}
	return n;
}

void put_right(struct box b, int y, int x, enum style s, const char *text)
{
	put_text(b, y, x - width_of(text), s, text);
}

void put_fill(struct box b, int y, int x, int w, enum style s, uint32_t ch)
{
	for (int i = 0; i < w && x + i < b.w; i++)
		put_char(b, y, x + i, s, ch);
}

void put_style(struct box b, int y, int x, int w, enum style s)
{
	for (int i = 0; i < w && x + i < b.w; i++) {
		struct cell *c = cell_at(b, y, x + i);

		if (c != NULL)
			c->style = s;
	}
}

void put_bar(struct box b, int y, int x, int w, uint64_t part, uint64_t whole, enum style s)
{
	int full = whole == 0 ? 0 : (int)((double)part / (double)whole * w + 0.5);

	/* Something is not nothing. */
	if (part != 0 && full == 0)
		full = 1;
	full = clamp(full, 0, w);
	put_fill(b, y, x, full, s, glyph(b.c, GLYPH_FULL));
	put_fill(b, y, x + full, w - full, STYLE_DIM, glyph(b.c, GLYPH_EMPTY));
}

static void save_char(FILE *out, uint32_t ch)
{
	if (ch < 0x80) {
		fputc((int)ch, out);
	} else if (ch < 0x800) {
		fputc((int)(0xc0 | ch >> 6), out);
		fputc((int)(0x80 | (ch & 0x3f)), out);
	} else {
		fputc((int)(0xe0 | ch >> 12), out);
		fputc((int)(0x80 | (ch >> 6 & 0x3f)), out);
		fputc((int)(0x80 | (ch & 0x3f)), out);
	}
}

void canvas_save(const struct canvas *c, FILE *out, bool styles)
{
	for (int y = 0; y < c->rows; y++) {
		const struct cell *row = &c->cell[y * c->cols];
		int n = c->cols;

		while (n > 0 && (styles ? row[n - 1].style == STYLE_PLAIN : row[n - 1].ch == ' '))
			n--;
		for (int x = 0; x < n; x++)
			save_char(out, styles ? (uint32_t)style_letter((enum style)row[x].style)
					      : row[x].ch);
		fputc('\n', out);
	}
}
