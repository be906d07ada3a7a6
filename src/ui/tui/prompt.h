/* The line at the bottom in which commands and searches are typed. */
#ifndef UI_TUI_PROMPT_H
#define UI_TUI_PROMPT_H

#include "ui/tui/canvas.h"
#include "ui/tui/keys.h"

#define PROMPT_BYTES   256u
#define PROMPT_HISTORY 32u

struct prompt {
	bool on;
	char kind; /* ':' or '/' */
	char text[PROMPT_BYTES];
	size_t nr, at; /* bytes; cursor */
	char history[2][PROMPT_HISTORY][PROMPT_BYTES]; /* by kind, the last first */
	unsigned nr_history[2];
	int back; /* how far back in history one is; -1: at what was typed */
	/* Completion: calls add for each candidate of the word that begins at `from`. */
	void (*complete)(void *ctx, const char *text, size_t *from,
			 void (*add)(void *to, const char *word), void *to);
	void *ctx;
};

enum prompt_end { PROMPT_OPEN, PROMPT_DONE, PROMPT_CANCELLED };

/* Begins a line; `kind` is ':' or '/'. */
void prompt_open(struct prompt *p, char kind);
/* PROMPT_DONE: p->text is what was typed, and is in the history. */
enum prompt_end prompt_key(struct prompt *p, uint32_t key);
void prompt_draw(const struct prompt *p, struct box row);

#endif
