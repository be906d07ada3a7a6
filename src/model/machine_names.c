/* Lists of named entries, and references to them by name. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "model/machine_build.h"
#include "model/names.h"

static const char *text_of(const struct conf_node *map, const char *key)
{
	const struct conf_node *n = conf_get(map, key);

	return n != NULL && n->type == CONF_SCALAR ? n->text : NULL;
}

static int check_names(struct build *b, const struct conf_node *n, const char *what)
{
	for (size_t i = 0; i < n->nr; i++) {
		const char *name = text_of(n->item[i], "name");

		for (size_t j = 0; j < i && name != NULL; j++) {
			const char *before = text_of(n->item[j], "name");

			if (before != NULL && strcasecmp(name, before) == 0)
				return conf_error(b->d, conf_get(n->item[i], "name"),
						  "duplicate name '%.31s', expected a %s of its "
						  "own (line %d has it)",
						  name, what, n->item[j]->line);
		}
	}
	return 0;
}

int build_list(struct build *b, const struct conf_node *n, const char *what, unsigned max,
	       size_t bytes, void *out, unsigned *nr)
{
	void *array;

	*nr = 0;
	if (n == NULL)
		return 0;
	if (n->type != CONF_LIST)
		return conf_error(b->d, n, "expected a list, one '- name: ...' a %s", what);
	if (n->nr > max)
		return conf_error(b->d, n, "%zu entries, expected at most %u", n->nr, max);
	if (check_names(b, n, what) != 0)
		return -1;
	array = calloc(n->nr + 1, bytes);
	if (array == NULL)
		return conf_error(b->d, n, "out of memory");
	memcpy(out, &array, sizeof array);
	*nr = (unsigned)n->nr;
	return 0;
}

/* ---- references ---- */

static const char *const kind_names[] = {[NAME_REGION] = "region",
					 [NAME_ZONE] = "zone",
					 [NAME_MASTER] = "master",
					 [NAME_HEAP] = "heap"};

/* Name i of a kind; NULL behind the last one, "" for an entry that is no heap. */
static const char *name_at(const struct machine *m, enum name_kind kind, unsigned i)
{
	switch (kind) {
	case NAME_REGION:
		return i < m->nr_regions ? m->regions[i].name : NULL;
	case NAME_ZONE:
		return i < m->nr_zones ? m->zones[i].name : NULL;
	case NAME_MASTER:
		return i < m->nr_masters ? m->masters[i].name : NULL;
	case NAME_HEAP:
		break;
	}
	if (i >= m->nr_allocs)
		return NULL;
	if (m->allocs[i].group == GROUP_HEAP || m->allocs[i].group == GROUP_EXTRA_HEAP)
		return m->allocs[i].name;
	return "";
}

static int find_text(const struct machine *m, enum name_kind kind, const char *text)
{
	const char *name;

	for (unsigned i = 0; (name = name_at(m, kind, i)) != NULL; i++)
		if (name[0] != '\0' && strcasecmp(name, text) == 0)
			return (int)i;
	return -1;
}

int build_find(struct build *b, const struct conf_node *n, enum name_kind kind, unsigned *out)
{
	struct name_list l;
	const char *text, *name;
	int at;

	if (conf_string(n, &text, b->d) != 0)
		return -1;
	at = find_text(b->m, kind, text);
	if (at >= 0) {
		*out = (unsigned)at;
		return 0;
	}
	names_begin(&l, text);
	for (unsigned i = 0; (name = name_at(b->m, kind, i)) != NULL; i++)
		if (name[0] != '\0')
			names_add(&l, name);
	names_end(&l);
	return conf_error(b->d, n, "no %s '%.31s', expected one of %s%s", kind_names[kind], text,
			  l.text, l.hint);
}

static int add_bit(struct build *b, const struct conf_node *n, enum name_kind kind, uint64_t *out)
{
	unsigned at;

	if (build_find(b, n, kind, &at) != 0)
		return -1;
	if ((*out >> at & 1) != 0)
		return conf_error(b->d, n, "'%.31s' a second time, expected it once", n->text);
	*out |= 1ull << at;
	return 0;
}

int build_mask(struct build *b, const struct conf_node *n, enum name_kind kind, uint64_t *out)
{
	*out = 0;
	if (n->type == CONF_SCALAR && strcasecmp(n->text, "all") == 0) {
		for (unsigned i = 0; name_at(b->m, kind, i) != NULL; i++)
			*out |= 1ull << i;
		return 0;
	}
	if (n->type == CONF_SCALAR)
		return add_bit(b, n, kind, out);
	if (n->type != CONF_LIST || n->nr == 0)
		return conf_error(b->d, n, "expected a list of %ss such as [a, b], or all",
				  kind_names[kind]);
	for (size_t i = 0; i < n->nr; i++)
		if (add_bit(b, n->item[i], kind, out) != 0)
			return -1;
	return 0;
}

uint64_t build_overlap(uint64_t a, uint64_t na, uint64_t b, uint64_t nb)
{
	uint64_t lo = a > b ? a : b;
	uint64_t hi = a + na < b + nb ? a + na : b + nb;

	return lo < hi ? hi - lo : 0;
}

/* ---- lookups for users of the machine ---- */

int machine_region(const struct machine *m, const char *name)
{
	return find_text(m, NAME_REGION, name);
}

int machine_zone(const struct machine *m, const char *name)
{
	return find_text(m, NAME_ZONE, name);
}

int machine_master(const struct machine *m, const char *name)
{
	return find_text(m, NAME_MASTER, name);
}

const struct alloc_conf *machine_alloc(const struct machine *m, enum alloc_group group)
{
	for (unsigned i = 0; i < m->nr_allocs; i++)
		if (m->allocs[i].group == group)
			return &m->allocs[i];
	return NULL;
}

uint64_t machine_ram(const struct machine *m)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < m->nr_regions; i++)
		if (m->regions[i].kind == REGION_RAM)
			bytes += m->regions[i].bytes;
	return bytes;
}

unsigned machine_desc_bytes(const struct machine *m)
{
	unsigned ours = m->word == 4 ? 16 : 24; /* alloc/page.h */

	return m->desc_stride != 0 ? m->desc_stride : ours;
}
