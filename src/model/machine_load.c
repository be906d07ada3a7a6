/*
 * Loading a machine: the file's tree, the variant laid over it, the --set
 * assignments, and then its parts in an order in which each finds what it
 * refers to.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "model/machine_build.h"
#include "model/machine_find.h"
#include "model/names.h"

#define F(word, member)                                                                            \
	{                                                                                          \
		.key = (word), .type = FIELD_NODE,                                                 \
		.offset = offsetof(struct machine_parts, member)                                   \
	}
static const struct field part_fields[] = {
	{.key = "machine",
	 .type = FIELD_NODE,
	 .offset = offsetof(struct machine_parts, machine),
	 .required = true,
	 .expected = "a block with name, word and so on"},
	{.key = "page",
	 .type = FIELD_NODE,
	 .offset = offsetof(struct machine_parts, page),
	 .required = true,
	 .expected = "a block with the page order"},
	{.key = "regions",
	 .type = FIELD_NODE,
	 .offset = offsetof(struct machine_parts, regions),
	 .required = true,
	 .expected = "a list of regions"},
	F("reserved", reserved),
	F("masters", masters),
	F("zones", zones),
	F("zonelist", zonelist),
	F("numa", numa),
	F("virtual", virtual),
	F("caches", caches),
	F("tlb", tlb),
	F("allocators", allocators),
	F("placement", placement),
	F("variants", variants),
	{0},
};
#undef F

static int (*const parts[])(struct build *) = {
	build_core,  build_caches,  build_regions, build_reserved, build_virtual,
	build_zones, build_numa,   build_masters, build_places,  build_allocs,   build_placement,
};

/* ---- variants ---- */

static int check_variants(const struct conf_node *n, struct diag *d)
{
	if (n->type != CONF_MAP)
		return conf_error(d, n, "expected variants by name, such as '1g: {...}'");
	for (size_t i = 0; i < n->nr; i++) {
		if (!fields_is_name(n->key[i]))
			return diag_set(
				d, n->file, n->key_line[i], n->key_col[i],
				"'%.64s', expected a variant's name: letters, digits, _ and "
				"-, at most 31",
				n->key[i]);
		if (n->item[i]->type != CONF_MAP && n->item[i]->type != CONF_NULL)
			return conf_error(d, n->item[i], "expected a variant: the keys it changes");
		if (conf_get(n->item[i], "variants") != NULL)
			return conf_error(d, conf_get(n->item[i], "variants"),
					  "variants in a variant, expected none");
	}
	return 0;
}

/* A variant describes itself as a machine does. */
static const char *variant_summary(const struct conf_node *overlay)
{
	const struct conf_node *n = conf_get(conf_get(overlay, "machine"), "summary");

	return n != NULL && n->type == CONF_SCALAR ? n->text : "";
}

static int no_variant(const struct conf_node *variants, const struct conf_node *root,
		      const char *name, struct diag *d)
{
	struct name_list l;

	names_begin(&l, name);
	for (size_t i = 0; variants != NULL && i < variants->nr; i++)
		names_add(&l, variants->key[i]);
	names_end(&l);
	return conf_error(d, variants != NULL ? variants : root,
			  "no variant '%.31s', expected one of %s%s", name, l.text, l.hint);
}

static int apply_variant(struct machine *m, const char *name, struct diag *d)
{
	const struct conf_node *root = conf_root(m->tree);
	const struct conf_node *variants = fields_get(root, "variants");

	m->variant = "";
	if (variants != NULL && check_variants(variants, d) != 0)
		return -1;
	if (name == NULL || name[0] == '\0')
		return 0;
	for (size_t i = 0; variants != NULL && i < variants->nr; i++) {
		if (strcasecmp(variants->key[i], name) != 0)
			continue;
		m->variant = variants->key[i];
		if (variants->item[i]->type == CONF_NULL)
			return 0;
		return conf_merge(m->tree, variants->item[i], d);
	}
	return no_variant(variants, root, name, d);
}

/* ---- the whole ---- */

static int build(struct machine *m, struct diag *d)
{
	struct build b = {.m = m, .root = conf_root(m->tree), .d = d};

	if (fields_read(b.root, "a machine file", part_fields, false, &b.part, d) != 0)
		return -1;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (parts[i](&b) != 0)
			return -1;
	build_hash(&b);
	return 0;
}

/* Assignments come after the variant: one to the list of variants would have no effect. */
static int apply_sets(struct conf_tree *t, const char *const *sets, size_t nr_sets, struct diag *d)
{
	for (size_t i = 0; i < nr_sets; i++) {
		size_t key = strcspn(sets[i], ".=");

		if (key == strlen("variants") && strncmp(sets[i], "variants", key) == 0)
			return diag_set(d, "--set", (int)i + 1, 1,
					"a variant is applied before --set, expected a key of the "
					"machine itself");
		if (conf_set(t, sets[i], d) != 0)
			return -1;
	}
	return 0;
}

/* Takes the tree, also on an error. */
static struct machine *from_tree(struct conf_tree *t, const char *variant, const char *const *sets,
				 size_t nr_sets, struct diag *d)
{
	struct machine *m = t != NULL ? calloc(1, sizeof *m) : NULL;
	int err;

	if (m == NULL) {
		diag_set(d, "", 0, 0, "out of memory");
		conf_free(t);
		return NULL;
	}
	m->tree = t;
	err = apply_variant(m, variant, d);
	if (err == 0)
		err = apply_sets(t, sets, nr_sets, d);
	if (err == 0)
		err = build(m, d);
	if (err == 0)
		return m;
	machine_free(m);
	return NULL;
}

struct machine *machine_load(const char *name, const char *variant, const char *const *sets,
			     size_t nr_sets, struct diag *d)
{
	char path[MACHINE_PATH];

	if (machine_find(name, path, d) != 0)
		return NULL;
	return from_tree(conf_read_file(path, d), variant, sets, nr_sets, d);
}

struct machine *machine_load_text(const char *text, size_t bytes, const char *name,
				  const char *variant, const char *const *sets, size_t nr_sets,
				  struct diag *d)
{
	return from_tree(conf_read_text(text, bytes, name, d), variant, sets, nr_sets, d);
}

void machine_free(struct machine *m)
{
	if (m == NULL)
		return;
	for (unsigned i = 0; i < m->nr_zones; i++)
		free(m->zones[i].ranges);
	free(m->regions);
	free(m->reserved);
	free(m->masters);
	free(m->zones);
	free(m->zonelist);
	free(m->distance);
	free(m->cpu_node);
	free(m->zonelists);
	free(m->node_cpus);
	free(m->caches);
	free(m->tlbs);
	free(m->allocs);
	free(m->placement);
	conf_free(m->tree);
	free(m);
}

int machine_variants(const char *name,
		     void (*fn)(void *ctx, const char *variant, const char *summary), void *ctx,
		     struct diag *d)
{
	const struct conf_node *variants;
	char path[MACHINE_PATH];
	struct conf_tree *t;
	int err = 0;

	if (machine_find(name, path, d) != 0)
		return -1;
	t = conf_read_file(path, d);
	if (t == NULL)
		return -1;
	variants = fields_get(conf_root(t), "variants");
	if (variants != NULL)
		err = check_variants(variants, d);
	for (size_t i = 0; variants != NULL && err == 0 && i < variants->nr; i++)
		fn(ctx, variants->key[i], variant_summary(variants->item[i]));
	conf_free(t);
	return err;
}
