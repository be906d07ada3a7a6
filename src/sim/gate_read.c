/* Reading gate files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/conf.h"
#include "sim/gate.h"
#include "sim/sweep_parse.h"

static int read_rule(struct gate *g, const struct conf_node *n, struct diag *d)
{
	static const char *const keys[] = {"check", "where", "name", NULL};
	struct gate_rule *r = &g->rule[g->nr_rules];
	bool map = n->type == CONF_MAP;
	const struct conf_node *check = map ? conf_get(n, "check") : n,
			       *where = map ? conf_get(n, "where") : NULL,
			       *name = map ? conf_get(n, "name") : NULL;
	const char *text, *label;

	if (map && sweep_check_keys(n, "a rule", keys, d) != 0)
		return -1;
	if (check == NULL || check->type != CONF_SCALAR)
		return conf_error(d, n,
				  "expected a rule, as 'events.failed == 0' or {check: "
				  "peak.footprint_bytes <= baseline, where: heap == 'tlsf'}");
	g->nr_rules++;
	r->check = sweep_expression(check, d);
	if (r->check == NULL || conf_string(check, &text, d) != 0)
		return -1;
	label = text;
	if (name != NULL && conf_string(name, &label, d) != 0)
		return -1;
	r->text = strdup(text);
	r->name = strdup(label);
	if (r->text == NULL || r->name == NULL)
		return conf_error(d, n, "out of host memory");
	if (where == NULL)
		return 0;
	r->where = sweep_expression(where, d);
	return r->where != NULL ? 0 : -1;
}

/* Beside the gate file. */
static char *beside(const struct conf_node *n, const char *name)
{
	const char *slash = strrchr(n->file, '/');
	char *path = NULL;

	if (name[0] == '/' || slash == NULL)
		return strdup(name);
	return asprintf(&path, "%.*s/%s", (int)(slash - n->file), n->file, name) < 0 ? NULL : path;
}

static int read_all(struct gate *g, const struct conf_node *root, struct diag *d)
{
	static const char *const keys[] = {"gate", "baseline", "rules", NULL};
	const struct conf_node *name, *rules, *baseline;
	const char *text;

	if (root == NULL || root->type != CONF_MAP)
		return diag_set(d, root != NULL ? root->file : "", 0, 0,
				"expected a gate: a mapping with gate and rules");
	if (sweep_check_keys(root, "a gate", keys, d) != 0)
		return -1;
	name = conf_get(root, "gate");
	rules = conf_get(root, "rules");
	baseline = conf_get(root, "baseline");
	if (name == NULL)
		return conf_error(d, root, "expected the gate's name, as gate: ram-budget");
	if (conf_string(name, &text, d) != 0)
		return -1;
	g->name = strdup(text);
	if (baseline != NULL) {
		if (conf_string(baseline, &text, d) != 0)
			return -1;
		g->baseline = beside(baseline, text);
	}
	if (rules == NULL || rules->type != CONF_LIST || rules->nr == 0)
		return conf_error(d, rules != NULL ? rules : root,
				  "expected rules, as rules: ['events.failed == 0']");
	if (rules->nr > GATE_MAX_RULES)
		return conf_error(d, rules, "more than %u rules", GATE_MAX_RULES);
	g->rule = calloc(rules->nr, sizeof *g->rule);
	if (g->rule == NULL || g->name == NULL || (baseline != NULL && g->baseline == NULL))
		return conf_error(d, root, "out of host memory");
	for (size_t i = 0; i < rules->nr; i++)
		if (read_rule(g, rules->item[i], d) != 0)
			return -1;
	return 0;
}

static struct gate *from_tree(struct conf_tree *t, struct diag *d)
{
	struct gate *g = t != NULL ? calloc(1, sizeof *g) : NULL;
	int err;

	if (g == NULL) {
		diag_set(d, "", 0, 0, "out of host memory");
		conf_free(t);
		return NULL;
	}
	err = read_all(g, conf_root(t), d);
	conf_free(t);
	if (err == 0)
		return g;
	gate_free(g);
	return NULL;
}

struct gate *gate_read(const char *path, struct diag *d)
{
	return from_tree(conf_read_file(path, d), d);
}

struct gate *gate_read_text(const char *text, size_t bytes, const char *name, struct diag *d)
{
	return from_tree(conf_read_text(text, bytes, name, d), d);
}

void gate_free(struct gate *g)
{
	if (g == NULL)
		return;
	for (unsigned i = 0; i < g->nr_rules; i++) {
		expr_free(g->rule[i].check);
		expr_free(g->rule[i].where);
		free(g->rule[i].text);
		free(g->rule[i].name);
	}
	free(g->rule);
	free(g->name);
	free(g->baseline);
	free(g);
}
