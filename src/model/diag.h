/* One clear line about a bad input: where, what, and what was expected. */
#ifndef MODEL_DIAG_H
#define MODEL_DIAG_H

struct diag {
	char file[256]; /* as the user named it; "" when there is none */
	int line, col;  /* from 1; 0: unknown (then not printed) */
	char msg[512];  /* "unknown key 'siez', expected one of name, base, size, kind" */
};

#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

/* Fills *d (the first call wins: a later one on a filled diag is ignored) and returns -1. */
int diag_set(struct diag *d, const char *file, int line, int col, const char *fmt, ...)
	PRINTF_LIKE(5, 6);

/* "file:line:col: msg" into buf, leaving out what is unknown. */
void diag_text(const struct diag *d, char *buf, unsigned long bytes);

#endif
