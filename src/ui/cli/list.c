/* memscape list: what there is. */
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "alloc/alloc.h"
#include "model/machine.h"
#include "sim/figure_list.h"
#include "sim/trace_format.h"
#include "ui/cli/cli.h"
#include "ui/cli/cli_options.h"
#include "ui/cli/outfile.h"

static const char help[] =
	"usage: memscape list allocators|machines|formats|figures [OPTION...]\n\n"
	"  allocators   every kind, what it serves, its parameters with defaults\n"
	"  machines     the machine files found, by the name that -c takes\n"
	"  formats      the trace formats that every command reads\n"
	"  figures      what a report contains, with the paths that expressions use\n\n"
	"      --json   the same as JSON\n"
	"  -h, --help   this text\n";

static const struct {
	unsigned bit;
	const char *word;
} serves[] = {{SERVES_PAGES, "pages"},     {SERVES_FIXED, "fixed"}, {SERVES_BYTES, "bytes"},
	      {SERVES_VIRTUAL, "virtual"}, {SERVES_STACK, "stack"}, {SERVES_BOOT, "boot"},
	      {SERVES_TASKS, "tasks"},     {SERVES_CMA, "cma"},     {SERVES_PERCPU, "percpu"}};

static const char *const param_types[] = {"number", "size", "bool", "choice", "sizes"};

/* ---- allocators ---- */

static json_t *param_json(const struct alloc_param *p)
{
	json_t *o = json_pack("{s:s, s:s, s:s}", "name", p->name, "type", param_types[p->type],
			      "help", p->help);

	if (p->type == PARAM_ENUM || p->type == PARAM_SIZES)
		json_object_set_new(o, "choices", json_string(p->choices));
	if (p->type != PARAM_SIZES)
		json_object_set_new(o, "default", json_integer((json_int_t)p->def));
	return o;
}

static json_t *kind_json(const struct alloc_ops *k)
{
	json_t *params = json_array(), *s = json_array();

	for (size_t i = 0; i < sizeof serves / sizeof serves[0]; i++)
		if ((k->serves & serves[i].bit) != 0)
			json_array_append_new(s, json_string(serves[i].word));
	for (unsigned i = 0; k->params[i].name != NULL; i++)
		json_array_append_new(params, param_json(&k->params[i]));
	return json_pack("{s:s, s:s, s:s, s:o, s:o}", "name", k->name, "summary", k->summary,
			 "unit", k->unit, "serves", s, "params", params);
}

static void print_default(const struct alloc_param *p)
{
	const char *w = p->choices;

	switch (p->type) {
	case PARAM_ENUM:
		for (msize_t i = 0; i < p->def; i++)
			w += strcspn(w, " ") + 1;
		printf("%.*s (of: %s)", (int)strcspn(w, " "), w, p->choices);
		break;
	case PARAM_SIZES:
		printf("[%s]", p->choices);
		break;
	case PARAM_BOOL:
		fputs(p->def ? "true" : "false", stdout);
		break;
	default:
		printf("%llu", (unsigned long long)p->def);
	}
}

static void print_kind(const struct alloc_ops *k)
{
	printf("%-12s %s\n             serves", k->name, k->summary);
	for (size_t i = 0; i < sizeof serves / sizeof serves[0]; i++)
		if ((k->serves & serves[i].bit) != 0)
			printf(" %s", serves[i].word);
	fputc('\n', stdout);
	for (unsigned i = 0; k->params[i].name != NULL; i++) {
		printf("             %s = ", k->params[i].name);
		print_default(&k->params[i]);
		printf(": %s\n", k->params[i].help);
	}
}

static json_t *list_allocators(bool json)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < alloc_checked8.nr_kinds; i++) {
		if (json)
			json_array_append_new(list, kind_json(alloc_checked8.kinds[i]));
		else
			print_kind(alloc_checked8.kinds[i]);
	}
	return list;
}

/* ---- machines ---- */

struct listing {
	json_t *list;
	bool json;
};

static void one_machine(void *ctx, const char *name, const char *path)
{
	struct listing *l = ctx;

	if (l->json)
		json_array_append_new(l->list, json_pack("{s:s}", "name", name));
	else
		printf("%-12s %s\n", name, path);
}

static json_t *list_machines(bool json)
{
	struct listing l = {json_array(), json};

	machine_list(one_machine, &l);
	return l.list;
}

/* ---- formats and figures ---- */

static json_t *list_formats(bool json)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < nr_trace_formats; i++) {
		const struct trace_format *f = trace_formats[i];

		if (json)
			json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "name", f->name,
							      "version", f->version, "summary",
							      f->summary));
		else
			printf("%-8s %-22s %s\n", f->name, f->version, f->summary);
	}
	return list;
}

static json_t *list_figures(bool json)
{
	struct listing l = {json_array(), json};

	for (const struct figure_entry *f = figure_list; f->path != NULL; f++) {
		if (json)
			json_array_append_new(l.list,
					      json_pack("{s:s, s:s, s:s}", "path", f->path, "unit",
							f->unit, "meaning", f->meaning));
		else
			printf("%-36s %-9s %s\n", f->path, f->unit, f->meaning);
	}
	return l.list;
}

static const struct {
	const char *name;
	json_t *(*make)(bool json); /* prints, unless `json` */
} lists[] = {{"allocators", list_allocators},
	     {"machines", list_machines},
	     {"formats", list_formats},
	     {"figures", list_figures}};

static int print_list(json_t *(*make)(bool json), bool json)
{
	json_t *list = make(json);
	struct diag d = {0};
	int err = json ? outfile_json("-", list, &d) : 0;

	json_decref(list);
	return err != 0 ? cli_bad_input(&d) : EXIT_RAN;
}

int cmd_list(int argc, char **argv)
{
	bool json = false;
	const struct cli_option table[] = {{"json", 0, CLI_FLAG, &json, 0, 0, NULL}, {0}};
	int status = cli_options("list", help, table, argc, argv);

	if (status >= 0)
		return status;
	for (size_t i = 0; optind == argc - 1 && i < sizeof lists / sizeof lists[0]; i++)
		if (strcmp(argv[optind], lists[i].name) == 0)
			return print_list(lists[i].make, json);
	return cli_usage("list", "expected one of: allocators, machines, formats, figures");
}
