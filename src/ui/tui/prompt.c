#include "ui/tui/prompt.h"

#include <string.h>

static unsigned kind_of(const struct prompt *p)
{
	return p->kind == '/';
}

void prompt_open(struct prompt *p, char kind)
{
	p->on = true;
	p->kind = kind;
	p->nr = p->at = 0;
	p->text[0] = '\0';
	p->back = -1;
}

static void remember(struct prompt *p)
{
	char(*h)[PROMPT_BYTES] = p->history[kind_of(p)];
	unsigned *nr = &p->nr_history[kind_of(p)];

	if (p->nr == 0 || (*nr != 0 && strcmp(h[0], p->text) == 0))
		return;
	memmove(h[1], h[0], sizeof h[0] * (PROMPT_HISTORY - 1));
	memcpy(h[0], p->text, sizeof h[0]);
	if (*nr < PROMPT_HISTORY)
		++*nr;
}

static void set_text(struct prompt *p, const char *text)
{
	size_t n = strlen(text);

	n = n < PROMPT_BYTES ? n : PROMPT_BYTES - 1;
	memmove(p->text, text, n);
	p->text[n] = '\0';
	p->nr = p->at = n;
}

static void go_back(struct prompt *p, int by)
{
	int to = p->back + by, nr = (int)p->nr_history[kind_of(p)];

	if (to < -1 || to >= nr)
		return;
	p->back = to;
	set_text(p, to < 0 ? "" : p->history[kind_of(p)][to]);
}

static void insert(struct prompt *p, char c)
{
	if (p->nr + 1 >= PROMPT_BYTES)
		return;
	memmove(p->text + p->at + 1, p->text + p->at, p->nr - p->at + 1);
	p->text[p->at++] = c;
	p->nr++;
}

static void erase(struct prompt *p, size_t from, size_t to)
{
	memmove(p->text + from, p->text + to, p->nr - to + 1);
	p->nr -= to - from;
	p->at = from;
}

/* ---- completion ---- */

struct candidates {
	const char *word; /* what is there to begin with */
	char common[PROMPT_BYTES]; /* the longest beginning that all share */
	unsigned nr;
};

static void add_candidate(void *to, const char *word)
{
	struct candidates *c = to;
	size_t n = 0;

	if (strncmp(word, c->word, strlen(c->word)) != 0 || strlen(word) >= PROMPT_BYTES)
		return;
	if (c->nr++ == 0) {
		strcpy(c->common, word);
		return;
	}
	while (c->common[n] != '\0' && c->common[n] == word[n])
		n++;
	c->common[n] = '\0';
}

static void complete(struct prompt *p)
{
	struct candidates c = {.nr = 0};
	char word[PROMPT_BYTES];
	size_t from = 0;

	if (p->complete == NULL || p->kind != ':')
		return;
	p->text[p->nr] = '\0';
	memcpy(word, p->text, sizeof word);
	word[p->at] = '\0';
	/* The first call says where the word begins; the second gives words. */
	c.word = "\xff";
	p->complete(p->ctx, word, &from, add_candidate, &c);
	c = (struct candidates){.word = word + from};
	p->complete(p->ctx, word, &from, add_candidate, &c);
	if (c.nr == 0)
		return;
	while (p->at > from)
		erase(p, p->at - 1, p->at);
	for (const char *s = c.common; *s != '\0'; s++)
		insert(p, *s);
	if (c.nr == 1 && p->at == p->nr)
		insert(p, ' ');
}

/* ---- keys ---- */

static size_t word_start(const struct prompt *p)
{
	size_t i = p->at;

	while (i > 0 && p->text[i - 1] == ' ')
		i--;
	while (i > 0 && p->text[i - 1] != ' ')
		i--;
	return i;
}

static void edit(struct prompt *p, uint32_t key)
{
	switch (key) {
	case INPUT_LEFT:
	case 'B' & 0x1f:
		p->at -= p->at > 0;
		break;
	case INPUT_RIGHT:
	case 'F' & 0x1f:
		p->at += p->at < p->nr;
		break;
	case INPUT_HOME:
	case 'A' & 0x1f:
		p->at = 0;
		break;
	case INPUT_END:
	case 'E' & 0x1f:
		p->at = p->nr;
		break;
	case INPUT_DELETE:
	case 'D' & 0x1f:
		if (p->at < p->nr)
			erase(p, p->at, p->at + 1);
		break;
	case 'U' & 0x1f:
		erase(p, 0, p->at);
		break;
	case 'K' & 0x1f:
		p->text[p->nr = p->at] = '\0';
		break;
	case 'W' & 0x1f:
		erase(p, word_start(p), p->at);
		break;
	case INPUT_UP:
	case 'P' & 0x1f:
		go_back(p, 1);
		break;
	case INPUT_DOWN:
	case 'N' & 0x1f:
		go_back(p, -1);
		break;
	case '\t':
		complete(p);
		break;
	default:
		if (key >= 0x20 && key < 0x7f)
			insert(p, (char)key);
	}
}

enum prompt_end prompt_key(struct prompt *p, uint32_t key)
{
	switch (key) {
	case '\r':
	case '\n':
		remember(p);
		p->on = false;
		return PROMPT_DONE;
	case 27:
	case 'C' & 0x1f:
		p->on = false;
		return PROMPT_CANCELLED;
	case INPUT_BACKSPACE:
	case 'H' & 0x1f:
	case 127:
		if (p->nr == 0) {
			p->on = false;
			return PROMPT_CANCELLED;
		}
		if (p->at > 0)
			erase(p, p->at - 1, p->at);
		return PROMPT_OPEN;
	default:
		edit(p, key);
		return PROMPT_OPEN;
	}
}

void prompt_draw(const struct prompt *p, struct box row)
{
	int skip = (int)p->at > row.w - 3 ? (int)p->at - (row.w - 3) : 0;

	put_fill(row, 0, 0, row.w, STYLE_PLAIN, ' ');
	put_char(row, 0, 0, STYLE_BOLD, (uint32_t)(unsigned char)p->kind);
	put_text(row, 0, 1, STYLE_PLAIN, p->text + skip);
	put_style(row, 0, 1 + (int)p->at - skip, 1, STYLE_CURSOR);
}
