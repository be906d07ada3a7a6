/*
 * Fuzz target: a kernel's files.  The first byte says which one the rest is; what reads
 * without an error goes through the whole comparison.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sim/parity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef int parser(struct kernel_snapshot *k, const char *text, const char *file, struct diag *d);

static const struct {
	char first;
	parser *parse;
} parsers[] = {
	{'z', kernel_read_zoneinfo}, {'b', kernel_read_buddyinfo}, {'s', kernel_read_slabinfo},
	{'e', kernel_read_extfrag},  {'u', kernel_read_unusable},  {'p', kernel_read_pagetypeinfo},
};

/* Files follow one another, each begun by a line of '@' and its letter. */
static int read_files(struct kernel_snapshot *k, char *text, struct diag *d)
{
	char *next;

	for (; text != NULL; text = next) {
		char *body = *text != '\0' ? text + 1 : text;

		next = strstr(text, "\n@");
		if (next != NULL) {
			next[1] = '\0';
			next += 2;
		}
		for (size_t i = 0; i < sizeof parsers / sizeof *parsers; i++)
			if (parsers[i].first == *text && parsers[i].parse(k, body, "fuzz", d) != 0)
				return -1;
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kernel_snapshot *k = kernel_snapshot_new();
	char *text = malloc(size + 1);
	struct diag d = {0};
	struct parity p;

	if (k == NULL || text == NULL || size > 1 << 16) {
		kernel_snapshot_free(k);
		free(text);
		return 0;
	}
	memcpy(text, data, size);
	text[size] = '\0';
	if (read_files(k, text, &d) == 0) {
		kernel_snapshot_settle(k);
		if (parity_compare(&p, k, alloc_fast8.rules, &d) != 0)
			abort();
		if (p.nr_figures != parity_total(&p, PARITY_EQUAL) +
					    parity_total(&p, PARITY_DIFFERS) +
					    parity_total(&p, PARITY_OPEN))
			abort();
		parity_finish(&p);
	} else if (d.msg[0] == '\0' || d.line < 0 || d.col < 0) {
		abort();
	}
	kernel_snapshot_free(k);
	free(text);
	return 0;
}
