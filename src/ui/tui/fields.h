/* What a byte of metadata means: the field of the record that it belongs to. */
#ifndef UI_TUI_FIELDS_H
#define UI_TUI_FIELDS_H

#include "ui/tui/app.h"

struct field {
	char name[40]; /* "next free" */
	uint64_t base; /* its first byte */
	unsigned bytes;
	uint64_t value;
};

/* The field at physical address `pa`.  false: nobody knows one there. */
bool field_at(struct app *a, uint64_t pa, struct field *f);

#endif
