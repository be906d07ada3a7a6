/*
 * Encodes events as they come, in one pass, so that a recorder pays little:
 *
 *   1. An event's *shape* is its template if everything but slot and time is in it.
 *      A shape met for the second time becomes a template (while there is room), and
 *      the block's most used ones begin the next block.
 *   2. Otherwise the template leaves the size to an operand and the large fields to misc.
 *   3. Otherwise the widest: everything open.  There is one for each (operation, flags,
 *      kind of slot), and the block ends when there is no room for a new one.
 *
 * Plain events (an operation, flags, context, slot and size; malloc and free are)
 * have a shorter way to the same choice, by a key of 64 bits instead of a shape.
 * Malloc and free have a shorter one still: a table by size for each of the latest contexts.
 *
 * The same events always give the same bytes, whichever way they take.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/trace_block.h"
#include "sim/trace_ops.h"

#define CELLS       1024u /* of the table of templates, at most a quarter full */
#define SEEN_CELLS  4096u /* shapes met once, by hash */
#define PLAIN_BITS  11u
#define PLAIN_CELLS (1u << PLAIN_BITS) /* latest choices for plain events, by key */
#define NEAR        4u /* contexts with a table */
#define NEAR_SIZES  1024u
#define CARRIED     128u /* templates a block passes on to the next */
#define CARRY_USES  8u /* uses that make one worth it */

/* Room that rarer kinds of template leave to the more necessary ones. */
#define ROOM_SHAPES   184u /* all fields in the template */
#define ROOM_REDUCED  212u /* size and large fields open */
#define ROOM_CONTEXTS 240u /* the context too: programs of many threads */

/* A template as it is looked up: an event with these two in its slot and time. */
struct shape {
	struct trace_event ev; /* open fields are 0 */
	uint32_t hash;
	uint16_t open;
	uint8_t how;
};

/* A choice made before in this block: the template and its `how` for a key; key 0: none. */
struct plain_choice {
	uint64_t key;
	uint8_t index, how;
};

/*
 * Choices for malloc and free in one context, template | how << 8, that hold until the block
 * ends; 0: none.
 */
struct near_choices {
	uint32_t ctx; /* + 1; 0: unused */
	uint16_t free[5]; /* by width of the slot's operand */
	uint16_t malloc[NEAR_SIZES];
};

struct block_encoder {
	struct near_choices near[NEAR];
	struct plain_choice plain[PLAIN_CELLS];
	struct shape dict[BLOCK_TEMPLATES];
	uint32_t uses[BLOCK_TEMPLATES];
	uint16_t cells[CELLS]; /* index in dict + 1; 0 empty */
	uint32_t seen[SEEN_CELLS];
	uint32_t nr_templates, nr_events;
	uint32_t slot;
	uint64_t time;
	uint8_t tokens[BLOCK_EVENTS];
	uint8_t slots[BLOCK_EVENTS * 4 + 8], *slots_at;
	uint8_t sizes[BLOCK_EVENTS * 8 + 8], *sizes_at;
	uint8_t misc[BLOCK_MISC], *misc_at;
	uint8_t dict_bytes[BLOCK_TEMPLATES * TEMPLATE_BYTES];
};

#define NO_TEMPLATE UINT32_MAX

uint64_t trace_field_get(const struct trace_event *ev, unsigned bit)
{
	switch (bit) {
#define X(field, b)                                                                                \
	case b:                                                                                    \
		return ev->field;
		TRACE_FIELDS(X)
#undef X
	default:
		return 0;
	}
}

bool trace_field_set(struct trace_event *ev, unsigned bit, uint64_t value)
{
	switch (bit) {
#define X(field, b)                                                                                \
	case b:                                                                                    \
		ev->field = (__typeof__(ev->field))value;                                          \
		return ev->field == value;
		TRACE_FIELDS(X)
#undef X
	default:
		return false;
	}
}

struct block_encoder *block_encoder_create(void)
{
	struct block_encoder *b = calloc(1, sizeof *b);

	if (b == NULL)
		return NULL;
	b->slots_at = b->slots;
	b->sizes_at = b->sizes;
	b->misc_at = b->misc;
	return b;
}

void block_encoder_destroy(struct block_encoder *b)
{
	free(b);
}

uint32_t block_encoder_events(const struct block_encoder *b)
{
	return b->nr_events;
}

/* ---- templates ---- */

static uint32_t hash_shape(const struct trace_event *ev, uint32_t how, uint32_t open)
{
	uint64_t w[7], h = how | (uint64_t)open << 32;

	memcpy(w, ev, sizeof w);
	h = (h ^ w[1]) * UINT64_C(0x9e3779b97f4a7c15) +
	    (w[5] ^ w[2]) * UINT64_C(0xc2b2ae3d27d4eb4f);
	h += (w[3] ^ w[4] << 1) * UINT64_C(0xff51afd7ed558ccd) +
	     w[6] * UINT64_C(0x165667b19e3779f9);
	return (uint32_t)(h >> 32 ^ h >> 15);
}

static uint32_t find_template(const struct block_encoder *b, const struct shape *s)
{
	for (uint32_t c = s->hash % CELLS; b->cells[c] != 0; c = (c + 1) % CELLS) {
		const struct shape *t = &b->dict[b->cells[c] - 1];

		if (t->hash == s->hash && t->how == s->how && t->open == s->open &&
		    memcmp(&t->ev, &s->ev, sizeof t->ev) == 0)
			return b->cells[c] - 1u;
	}
	return NO_TEMPLATE;
}

static void index_template(struct block_encoder *b, uint32_t i)
{
	uint32_t c = b->dict[i].hash % CELLS;

	while (b->cells[c] != 0)
		c = (c + 1) % CELLS;
	b->cells[c] = (uint16_t)(i + 1);
}

static uint32_t find_or_add(struct block_encoder *b, const struct shape *s, uint32_t room)
{
	uint32_t i = find_template(b, s);

	if (i != NO_TEMPLATE || b->nr_templates >= room)
		return i;
	i = b->nr_templates++;
	b->dict[i] = *s;
	b->uses[i] = 0;
	index_template(b, i);
	return i;
}

/* The template's open fields leave the shape. */
static void open_fields(struct shape *s, unsigned fields)
{
	for (unsigned rest = fields & ~(unsigned)TF_time_ns; rest != 0; rest &= rest - 1)
		trace_field_set(&s->ev, (unsigned)__builtin_ctz(rest), 0);
	s->open = (uint16_t)((s->open & TF_time_ns) | (fields & ~(unsigned)(TF_size | TF_time_ns)));
	s->hash = hash_shape(&s->ev, s->how, s->open);
}

/* Bytes of the operand for a difference of slots: 0 ... 4. */
static unsigned slot_width(uint32_t difference)
{
	int32_t d = (int32_t)difference;
	uint32_t bits = (uint32_t)(d < 0 ? ~d : d) << 1; /* as wide as d and its sign */

	return d == 0 ? 0 : (39u - (unsigned)__builtin_clz(bits | 1)) / 8;
}

/* Size operands as `how` counts them: 1 2 3 4 for 1 2 4 8 bytes. */
static unsigned size_how(uint64_t size)
{
	return size < 256 ? 1 : size < 65536 ? 2 : size <= UINT32_MAX ? 3 : 4;
}

/* The large fields of an event that are not 0. */
static unsigned large_fields(const struct trace_event *ev)
{
	return (ev->arg ? TF_arg : 0u) | (ev->slot2 ? TF_slot2 : 0u) | (ev->site ? TF_site : 0u) |
	       (ev->gfp ? TF_gfp : 0u) | (ev->tag ? TF_tag : 0u);
}

/* Finds or makes the event's template; NO_TEMPLATE: the block has no room for it. */
static uint32_t choose_template(struct block_encoder *b, struct shape *s)
{
	uint32_t i = find_template(b, s), *seen = &b->seen[s->hash / CELLS % SEEN_CELLS];
	uint64_t size = s->ev.size;
	unsigned large = large_fields(&s->ev); /* opening them makes them 0 */

	if (i != NO_TEMPLATE)
		return i;
	if (*seen == s->hash || (size == 0 && large == 0)) {
		i = find_or_add(b, s, ROOM_SHAPES);
		if (i != NO_TEMPLATE)
			return i;
	}
	*seen = s->hash;
	s->how = (uint8_t)(s->how | (size ? size_how(size) << 3 : 0));
	open_fields(s, large | TF_size);
	i = find_or_add(b, s, ROOM_REDUCED);
	if (i != NO_TEMPLATE)
		return i;
	open_fields(s, large | TF_size | TF_ctx);
	i = find_or_add(b, s, ROOM_CONTEXTS);
	if (i != NO_TEMPLATE)
		return i;
	if ((s->how & 7) >= HOW_OPERAND)
		s->how = HOW_OPERAND + 4;
	s->how = (uint8_t)((s->how & 7) | 4u << 3);
	open_fields(s, TF_ALL);
	return find_or_add(b, s, BLOCK_TEMPLATES);
}

/* ---- plain events ---- */

#define PLAIN_SIZE_MOST ((UINT64_C(1) << 24) - 1)
#define PLAIN_SIZED     (UINT64_C(1) << 31) /* the template leaves the size to an operand */

/* Context, operation, flags, size and how in one number, not 0; 0: not a plain event. */
static uint64_t plain_key(const struct trace_event *ev, uint32_t how)
{
	uint64_t w[7];

	memcpy(w, ev, sizeof w);
	if ((w[2] | w[3] >> 32 | w[4] | (uint32_t)w[5] | w[6]) != 0 || (ev->flags & EV_HAS_TIME) ||
	    ev->size > PLAIN_SIZE_MOST)
		return 0;
	return (w[5] & ~UINT64_C(0xffffffff)) | ev->size << 7 | (uint64_t)how << 1 | 1;
}

/* As hash_shape, of the fields that a plain event has. */
static uint32_t plain_hash(uint64_t key, uint64_t size, uint32_t how)
{
	uint64_t h = (how ^ size) * UINT64_C(0x9e3779b97f4a7c15) +
		     (key & ~UINT64_C(0xffffffff)) * UINT64_C(0xc2b2ae3d27d4eb4f);

	return (uint32_t)(h >> 32 ^ h >> 15);
}

static struct plain_choice *plain_cell(struct block_encoder *b, uint64_t key)
{
	return &b->plain[(key * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - PLAIN_BITS)];
}

/* The key of the template that a size not met before leaves to an operand. */
static uint64_t plain_sized_key(uint64_t key, uint64_t size, uint32_t how)
{
	return (key & ~UINT64_C(0xffffffff)) | PLAIN_SIZED | (uint64_t)size_how(size) << 10 |
	       (uint64_t)how << 1 | 1;
}

/* Is there a template with this hash?  (Then the long way finds out whether it is the one.) */
static bool hash_is_known(const struct block_encoder *b, uint32_t hash)
{
	for (uint32_t c = hash % CELLS; b->cells[c] != 0; c = (c + 1) % CELLS)
		if (b->dict[b->cells[c] - 1].hash == hash)
			return true;
	return false;
}

/* What choose_template would choose, if that is known already; NULL: take the long way. */
static const struct plain_choice *choose_plain(struct block_encoder *b, uint64_t key, uint64_t size,
					       uint32_t how)
{
	const struct plain_choice *choice = plain_cell(b, key);
	uint32_t hash, *seen;

	if (choice->key == key)
		return choice;
	hash = plain_hash(key, size, how);
	seen = &b->seen[hash / CELLS % SEEN_CELLS];
	key = plain_sized_key(key, size, how);
	choice = plain_cell(b, key);
	if (size == 0 || choice->key != key || *seen == hash || hash_is_known(b, hash))
		return NULL;
	*seen = hash;
	return choice;
}

/*
 * Keeps the long way's choice.  A size that is left to an operand because there is no room
 * for its own template stays so to the block's end; one that was met for the first time does
 * not.
 */
static void remember_plain(struct block_encoder *b, uint64_t key, uint64_t size, uint32_t how,
			   const struct shape *s, uint32_t index)
{
	struct plain_choice choice = {key, (uint8_t)index, s->how};

	if (s->open != 0)
		return;
	if (s->how == how || b->nr_templates >= ROOM_SHAPES)
		*plain_cell(b, key) = choice;
	if (s->how != how) {
		choice.key = plain_sized_key(key, size, how);
		*plain_cell(b, choice.key) = choice;
	}
}

/* ---- events ---- */

/* How the event names its object; *difference is its slot operand. */
static uint32_t slot_how(const struct block_encoder *b, const struct trace_event *ev,
			 uint32_t *difference)
{
	*difference = 0;
	if (ev->slot == SLOT_NONE)
		return HOW_NO_SLOT;
	if (trace_op_births(ev->op, ev->flags))
		return HOW_BIRTH;
	*difference = ev->slot - b->slot;
	return HOW_OPERAND + slot_width(*difference);
}

static void make_shape(const struct trace_event *ev, uint32_t how, struct shape *s)
{
	s->ev = *ev;
	s->ev.time_ns = 0;
	s->ev.slot = 0;
	s->open = ev->flags & EV_HAS_TIME ? TF_time_ns : 0;
	s->how = (uint8_t)how;
	s->hash = hash_shape(&s->ev, s->how, s->open);
}

/* The long way: *how and *open become the template's. */
static uint32_t choose_shape(struct block_encoder *b, const struct trace_event *ev, uint64_t key,
			     uint32_t *how, uint32_t *open)
{
	struct shape s;
	uint32_t i;

	make_shape(ev, *how, &s);
	i = choose_template(b, &s);
	if (key != 0 && i != NO_TEMPLATE)
		remember_plain(b, key, ev->size, *how, &s, i);
	*how = s.how;
	*open = s.open;
	return i;
}

static void put_misc(struct block_encoder *b, const struct trace_event *ev, unsigned open)
{
	if (open & TF_time_ns) {
		b->misc_at = varint_put(b->misc_at, zigzag(ev->time_ns - b->time));
		b->time = ev->time_ns;
	}
	for (unsigned rest = open & ~1u; rest != 0; rest &= rest - 1)
		b->misc_at =
			varint_put(b->misc_at, trace_field_get(ev, (unsigned)__builtin_ctz(rest)));
}

/* A difference of slots in excess form: the middle of the operand's range is 0. */
static void put_slot(struct block_encoder *b, uint32_t difference, unsigned width)
{
	uint32_t operand = width ? difference + (1u << (8 * width - 1)) : 0;

	memcpy(b->slots_at, &operand, sizeof operand);
	b->slots_at += width;
}

/* Token and operands; the fields of misc come after. */
static void append(struct block_encoder *b, uint32_t i, uint32_t how, uint32_t slot,
		   uint32_t difference, uint64_t size)
{
	b->uses[i]++;
	b->tokens[b->nr_events++] = (uint8_t)i;
	if ((how & 7) >= HOW_OPERAND) {
		put_slot(b, difference, (how & 7u) - HOW_OPERAND);
		b->slot = slot;
	}
	memcpy(b->sizes_at, &size, sizeof size);
	b->sizes_at += how >> 3 ? 1 << ((how >> 3) - 1) : 0;
}

static bool has_room(const struct block_encoder *b)
{
	return b->nr_events < BLOCK_EVENTS &&
	       b->misc_at - b->misc <= BLOCK_MISC - 13 * VARINT_BYTES;
}

bool block_encoder_put(struct block_encoder *b, const struct trace_event *ev)
{
	const struct plain_choice *known;
	uint32_t difference, i, open = 0, how = slot_how(b, ev, &difference);
	uint64_t key = plain_key(ev, how);

	if (!has_room(b))
		return false;
	known = key == 0 ? NULL : choose_plain(b, key, ev->size, how);
	i = known != NULL ? known->index : choose_shape(b, ev, key, &how, &open);
	if (i == NO_TEMPLATE)
		return false;
	if (known != NULL)
		how = known->how;
	append(b, i, how, ev->slot, difference, ev->size);
	if (open != 0)
		put_misc(b, ev, open);
	return true;
}

/* The choice for such an event, template | how << 8; 0: it takes the long way. */
static uint32_t choose_heap(struct block_encoder *b, const struct heap_event *ev, uint32_t how,
			    uint16_t *keep)
{
	uint64_t key = (uint64_t)(ev->ctx | (uint32_t)ev->op << 16) << 32 | ev->size << 7 |
		       how << 1 | 1;
	const struct plain_choice *known = choose_plain(b, key, ev->size, how);
	uint16_t choice;

	if (known == NULL)
		return 0;
	choice = (uint16_t)(known->index | known->how << 8);
	if (keep != NULL && known->key == key)
		*keep = choice;
	return choice;
}

bool block_encoder_heap(struct block_encoder *b, const struct heap_event *ev, uint32_t most)
{
	struct near_choices *near = &b->near[ev->ctx % NEAR];
	uint32_t choice, difference = 0, how = HOW_BIRTH;
	uint16_t *keep = ev->size < NEAR_SIZES ? &near->malloc[ev->size] : NULL;

	if (ev->size > PLAIN_SIZE_MOST || b->nr_events >= most || !has_room(b))
		return false;
	if (near->ctx != ev->ctx + 1u) {
		memset(near, 0, sizeof *near);
		near->ctx = ev->ctx + 1u;
	}
	if (ev->op == OP_FREE) {
		difference = ev->slot - b->slot;
		how = HOW_OPERAND + slot_width(difference);
		keep = &near->free[how - HOW_OPERAND];
	}
	choice = keep == NULL ? 0 : *keep;
	if (choice == 0)
		choice = choose_heap(b, ev, how, keep);
	if (choice == 0)
		return false;
	append(b, choice & 0xff, choice >> 8, ev->slot, difference, ev->size);
	return true;
}

/* ---- the finished block ---- */

/* Drops templates without a use: dict is compacted, tokens renamed. */
static void drop_unused(struct block_encoder *b)
{
	uint8_t name[BLOCK_TEMPLATES];
	uint32_t nr = 0;

	for (uint32_t i = 0; i < b->nr_templates; i++) {
		name[i] = (uint8_t)nr;
		if (b->uses[i] == 0)
			continue;
		if (nr != i) {
			b->dict[nr] = b->dict[i];
			b->uses[nr] = b->uses[i];
		}
		nr++;
	}
	if (nr == b->nr_templates)
		return;
	b->nr_templates = nr;
	for (uint32_t i = 0; i < b->nr_events; i++)
		b->tokens[i] = name[b->tokens[i]];
}

static uint8_t *put_template(uint8_t *p, const struct shape *s)
{
	unsigned present = 0;

	for (unsigned bit = 1; bit < 13; bit++)
		if (trace_field_get(&s->ev, bit) != 0)
			present |= 1u << bit;
	*p++ = s->ev.op;
	*p++ = s->ev.flags;
	*p++ = s->how;
	p = varint_put(varint_put(p, s->open), present);
	for (unsigned rest = present; rest != 0; rest &= rest - 1)
		p = varint_put(p, trace_field_get(&s->ev, (unsigned)__builtin_ctz(rest)));
	return p;
}

/* An empty block whose dictionary begins with the most used templates of the last. */
static void begin_next(struct block_encoder *b)
{
	uint32_t kept = 0;

	memset(b->near, 0, sizeof b->near);
	memset(b->plain, 0, sizeof b->plain);
	memset(b->cells, 0, sizeof b->cells);
	memset(b->seen, 0, sizeof b->seen);
	for (uint32_t i = 0; i < b->nr_templates && kept < CARRIED; i++)
		if (b->uses[i] >= CARRY_USES)
			b->dict[kept++] = b->dict[i];
	for (uint32_t i = 0; i < kept; i++)
		index_template(b, i);
	memset(b->uses, 0, sizeof b->uses);
	b->nr_templates = kept;
	b->nr_events = 0;
	b->slot = 0;
	b->time = 0;
	b->slots_at = b->slots;
	b->sizes_at = b->sizes;
	b->misc_at = b->misc;
}

static uint8_t *put_column(uint8_t *p, const uint8_t *column, size_t bytes)
{
	memcpy(p, column, bytes);
	return p + bytes;
}

size_t block_encoder_take(struct block_encoder *b, uint8_t *out)
{
	uint8_t *const dict = b->dict_bytes;
	size_t slots = (size_t)(b->slots_at - b->slots), sizes = (size_t)(b->sizes_at - b->sizes);
	size_t misc = (size_t)(b->misc_at - b->misc);
	uint8_t *p = dict, *o = out;

	drop_unused(b);
	for (uint32_t i = 0; i < b->nr_templates; i++)
		p = put_template(p, &b->dict[i]);
	o = varint_put(varint_put(o, b->nr_templates), (uint64_t)(p - dict));
	o = varint_put(varint_put(varint_put(o, slots), sizes), misc);
	o = put_column(o, dict, (size_t)(p - dict));
	o = put_column(o, b->tokens, b->nr_events);
	o = put_column(o, b->slots, slots);
	o = put_column(o, b->sizes, sizes);
	o = put_column(o, b->misc, misc);
	begin_next(b);
	return (size_t)(o - out);
}
