/*
 * Tables of keys: what a mapping of a machine file may say, and where it goes.
 *
 * One table serves reading, the check for unknown keys and the "expected one of"
 * of its message.
 */
#ifndef MODEL_MACHINE_FIELDS_H
#define MODEL_MACHINE_FIELDS_H

#include "model/conf.h"

enum field_type {
	FIELD_NODE, /* const struct conf_node *: read elsewhere; null counts as absent */
	FIELD_TEXT, /* const char * */
	FIELD_NAME, /* const char *: letters, digits, _ and -, at most 31 */
	FIELD_SIZE, /* uint64_t: 64K, 0x10000 */
	FIELD_UINT, /* uint32_t: a plain number */
	FIELD_BOOL, /* bool */
	FIELD_CHOICE /* unsigned: index of the word in `choices` */
};

struct field {
	const char *key; /* NULL ends the table */
	enum field_type type;
	size_t offset; /* in the structure read into */
	bool required;
	uint64_t min, max; /* FIELD_SIZE, FIELD_UINT; max 0: any */
	const char *const *choices; /* FIELD_CHOICE; NULL ends it */
	const char *expected; /* in messages: "an address such as 0x24000000" */
};

/* A field of `struct_type` whose key is the member's name. */
#define FIELD(struct_type, member, field_type)                                                     \
	.key = #member, .type = (field_type), .offset = offsetof(struct_type, member)

/*
 * Reads the mapping `n` into `out`; a key that is absent or null leaves its
 * member as it is.  `what` is for messages: "a region".  With `open` other keys
 * are left alone.  0, or -1 with *d.
 */
int fields_read(const struct conf_node *n, const char *what, const struct field *fields, bool open,
		void *out, struct diag *d) MUST_USE;

/* The same for a key that is no member of the table: -1 with the list of those known. */
int fields_unknown(const struct conf_node *map, size_t i, const char *what,
		   const struct field *fields, struct diag *d);

/* NULL where the key is absent or null. */
const struct conf_node *fields_get(const struct conf_node *map, const char *key);

/* Is it a name: letters, digits, _ and -, one to 31 of them. */
bool fields_is_name(const char *text);

#endif
