/* The function symbols of an ELF file (64-bit, this machine's byte order). */
#ifndef RECORD_SYMBOLS_H
#define RECORD_SYMBOLS_H

#include <stdint.h>

struct symbols;

/* NULL: not such a file, or it cannot be read. */
struct symbols *symbols_open(const char *path);
void symbols_close(struct symbols *s); /* NULL is fine */

/* The function that covers an offset in the file, and how far into it; NULL: none. */
const char *symbols_at(const struct symbols *s, uint64_t file_offset, uint64_t *into);

#endif
