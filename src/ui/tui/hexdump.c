/* Bytes, with what they mean: the class as colour, the field's name beside. */
#include <ctype.h>

#include "ui/tui/atlas.h"
#include "ui/tui/fields.h"

unsigned hexdump_width(int cols)
{
	return cols >= 112 ? 16 : 8;
}

static const struct piece *piece_of(struct app *a, uint64_t pa)
{
	size_t i = moment_piece_at(a->t, pa), nr;
	const struct piece *p = moment_pieces(a->t, &nr);

	return i < nr && p[i].base <= pa ? &p[i] : NULL;
}

static enum style byte_style(struct app *a, uint64_t pa, uint64_t cursor)
{
	const struct piece *p = piece_of(a, pa);
	enum state st;

	if (pa == cursor)
		return STYLE_CURSOR;
	if (is_lit(a, pa, 1))
		return STYLE_LIT;
	if (p == NULL)
		return STYLE_PLAIN;
	st = piece_state(moment_system(a->t), p);
	if (p->slot != SLOT_NONE && pa >= p->base + live_size(moment_live(a->t, p->slot)))
		st = STATE_ROUNDING;
	return states[st].style;
}

/* The first fields that begin in [pa, pa + n), and what begins there. */
static void draw_meaning(struct app *a, struct box b, int y, int x, uint64_t pa, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const struct piece *p = piece_of(a, pa + i);
		struct field f;

		if (field_at(a, pa + i, &f) && f.base == pa + i) {
			x = put(b, y, x, STYLE_BOLD, "%s", f.name);
			x = put(b, y, x, STYLE_PLAIN, " = 0x%llx  ", (unsigned long long)f.value);
			i += f.bytes - 1;
		} else if (p != NULL && p->base == pa + i) {
			x = put(b, y, x, STYLE_DIM, "%s", p->what);
			if (p->slot != SLOT_NONE)
				x = put(b, y, x, STYLE_DIM, " #%u", p->slot);
			x = put_text(b, y, x, STYLE_DIM, "  ");
		}
	}
}

static void draw_line(struct app *a, struct box b, int y, uint64_t pa, unsigned n, uint64_t cursor)
{
	int x = put(b, y, 0, STYLE_DIM, "%08llx  ", (unsigned long long)pa),
	    text = x + (int)n * 3 + 1;

	for (unsigned i = 0; i < n; i++) {
		uint8_t byte;
		enum style s = byte_style(a, pa + i, cursor);

		if (!moment_read(a->t, pa + i, &byte, 1)) {
			put_text(b, y, x + (int)i * 3, STYLE_HOLE, "--");
			continue;
		}
		put(b, y, x + (int)i * 3, s, "%02x", byte);
		put_char(b, y, text + (int)i, STYLE_DIM, isprint(byte) ? byte : '.');
	}
	draw_meaning(a, b, y, text + (int)n + 2, pa, n);
}

void hexdump_draw(struct app *a, struct atlas *s, struct box b)
{
	unsigned n = hexdump_width(b.w);
	uint64_t line = s->at / n, h = b.h > 0 ? (uint64_t)b.h : 1, top;

	/* The cursor's line stays in the middle. */
	top = line > h / 2 ? line - h / 2 : 0;
	for (uint64_t y = 0; y < h; y++)
		draw_line(a, b, (int)y, (top + y) * n, n, s->at);
}
