/*
 * The rule language's objects: strings, tables whose parts double, closures, boxed
 * values.  What rules make is garbage soon; a mark-and-sweep collection runs when
 * what was allocated has doubled since the last one.
 */
#include "firmware.h"

#include <string.h>

#define RULES   24
#define GLOBALS 64

enum object_kind { OBJECT_STRING, OBJECT_TABLE, OBJECT_CLOSURE };

struct object {
	ref_t next; /* of all objects */
	uint8_t kind, marked;
	uint16_t bytes; /* of a string's text */
	ref_t array, hash, code;
	uint32_t nr_array, max_array, nr_hash, max_hash;
};

static ref_t objects, globals[GLOBALS], rules[RULES];
static uint32_t allocated, collect_at = 12000;

static ref_t object_new(enum object_kind kind, uint32_t bytes)
{
	ref_t r = fw_alloc(bytes);
	struct object *o = at(r);

	memset(o, 0, bytes);
	o->next = objects;
	o->kind = (uint8_t)kind;
	objects = r;
	allocated += bytes;
	return r;
}

/* A string is its object's first words, then its text. */
static ref_t string_new(uint32_t length)
{
	ref_t r = object_new(OBJECT_STRING, 17 + length < sizeof(struct object)
						    ? sizeof(struct object)
						    : 17 + length);

	((struct object *)at(r))->bytes = (uint16_t)length;
	return r;
}

static void grow(ref_t *part, uint32_t *max, uint32_t item_bytes, uint32_t first)
{
	uint32_t more = *max == 0 ? first : *max * 2;

	*part = fw_resize(*part, (size_t)more * item_bytes);
	allocated += (more - *max) * item_bytes;
	*max = more;
}

static void table_append(ref_t table, ref_t value)
{
	struct object *t = at(table);
	ref_t array = t->array;
	uint32_t max = t->max_array;

	if (t->nr_array == max) {
		grow(&array, &max, 8, 4);
		t->array = array;
		t->max_array = max;
	}
	((ref_t *)at(t->array))[2 * t->nr_array++] = value;
}

static void table_set(ref_t table, ref_t key, ref_t value)
{
	struct object *t = at(table);
	ref_t hash = t->hash;
	uint32_t max = t->max_hash;

	if (t->nr_hash == max) {
		grow(&hash, &max, 20, 2);
		t->hash = hash;
		t->max_hash = max;
	}
	memcpy((char *)at(t->hash) + (size_t)t->nr_hash * 20, &key, sizeof key);
	memcpy((char *)at(t->hash) + (size_t)t->nr_hash * 20 + 4, &value, sizeof value);
	t->nr_hash++;
}

/* ---- collection ---- */

/* Tables hold strings and closures only, so marking goes no deeper than one step. */
static void mark(ref_t r)
{
	struct object *o = r == 0 ? NULL : at(r);

	if (o == NULL || o->marked)
		return;
	o->marked = 1;
	for (uint32_t i = 0; i < o->nr_array; i++)
		((struct object *)at(((ref_t *)at(o->array))[2 * i]))->marked = 1;
	for (uint32_t i = 0; i < 2 * o->nr_hash; i++) {
		ref_t held;

		memcpy(&held, (char *)at(o->hash) + (size_t)(i / 2) * 20 + (i % 2) * 4,
		       sizeof held);
		((struct object *)at(held))->marked = 1;
	}
}

static uint32_t sweep(void)
{
	uint32_t kept = 0;

	for (ref_t *link = &objects; *link != 0;) {
		ref_t r = *link;
		struct object *o = at(r);

		if (o->marked) {
			o->marked = 0;
			kept += (uint32_t)sizeof *o + o->bytes + o->max_array * 8 +
				o->max_hash * 20;
			link = &o->next;
			continue;
		}
		*link = o->next;
		fw_free(o->array);
		fw_free(o->hash);
		fw_free(o->code);
		fw_free(r);
	}
	return kept;
}

static void collect(void)
{
	for (int i = 0; i < GLOBALS; i++)
		mark(globals[i]);
	for (int i = 0; i < RULES; i++)
		mark(rules[i]);
	allocated = sweep();
	collect_at = 2 * allocated;
}

/* ---- rules ---- */

static ref_t rule_new(void)
{
	ref_t r = object_new(OBJECT_CLOSURE, sizeof(struct object));
	ref_t code = fw_alloc(4 * (size_t)between(20, 120));

	((struct object *)at(r))->code = code;
	return r;
}

/* A rule makes a few temporaries; now and then it keeps a history, or replaces one. */
static void run_rule(uint32_t sensor, int32_t value)
{
	uint32_t global = (sensor * 7 + (uint32_t)value) % GLOBALS;
	ref_t record = object_new(OBJECT_TABLE, sizeof(struct object));

	for (uint32_t i = between(1, 4); i > 0; i--) {
		ref_t key = string_new(between(3, 14)), text = string_new(between(2, 40));

		table_set(record, key, text);
	}
	if (globals[global] == 0 || one_in(12))
		globals[global] = record;
	else if (((struct object *)at(globals[global]))->nr_array < 24)
		table_append(globals[global], string_new(between(4, 24)));
}

void script_event(uint32_t sensor, int32_t value)
{
	for (uint32_t i = between(1, 3); i > 0; i--)
		run_rule(sensor + i, value);
	if (allocated > collect_at)
		collect();
}

void script_start(void)
{
	for (int i = 0; i < RULES; i++)
		rules[i] = rule_new();
}
