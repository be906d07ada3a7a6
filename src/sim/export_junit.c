/* JUnit XML.  No times: the same results are the same file. */
#include <stdlib.h>
#include <string.h>

#include "sim/export_write.h"

struct junit {
	const struct export_request *q;
	const char *sweep;
	FILE *cases; /* test cases, which come after their count */
	unsigned tests, failures;
};

/* What XML forbids, too: control characters become '?'. */
static void xml(FILE *out, const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '&')
			fputs("&amp;", out);
		else if (c == '<')
			fputs("&lt;", out);
		else if (c == '>')
			fputs("&gt;", out);
		else if (c == '"')
			fputs("&quot;", out);
		else
			fputc(c < 32 ? '?' : c, out);
	}
}

static void test_case(struct junit *j, const char *group, const char *name, const char *type,
		      const char *failure)
{
	fputs("    <testcase classname=\"", j->cases);
	xml(j->cases, group);
	fputs("\" name=\"", j->cases);
	xml(j->cases, name);
	j->tests++;
	if (failure == NULL) {
		fputs("\"/>\n", j->cases);
		return;
	}
	j->failures++;
	fprintf(j->cases, "\">\n      <failure type=\"%s\" message=\"", type);
	xml(j->cases, failure);
	fputs("\"/>\n    </testcase>\n", j->cases);
}

static void on_check(void *ctx, const struct gate_check *c)
{
	struct junit *j = ctx;
	char text[1024], name[1024];

	export_check_text(c, j->q->baseline, text, sizeof text);
	snprintf(name, sizeof name, "%s: %s", c->point, c->rule->name);
	test_case(j, j->sweep, name, export_verdict(c->verdict),
		  c->verdict == GATE_HOLDS ? NULL : text);
}

static int on_row(void *ctx, const struct export_row *r)
{
	struct junit *j = ctx;
	bool ok = strcmp(r->row->status, "ok") == 0;

	test_case(j, j->sweep, r->row->point, r->row->status, ok ? NULL : r->row->message);
	return 0;
}

int export_junit(const struct export_request *q, struct diag *d)
{
	struct junit j = {.q = q};
	struct export_table t;
	struct gate_sum sum;
	char *text = NULL;
	size_t bytes = 0;
	int err;

	if (export_table_open(&t, q, d) != 0)
		return -1;
	j.sweep = json_string_value(json_object_get(t.definition, "name"));
	j.cases = open_memstream(&text, &bytes);
	if (j.cases == NULL)
		err = diag_set(d, "", 0, 0, "out of host memory");
	else if (q->gate != NULL)
		err = gate_run(q->gate, q->baseline, q->db, false, on_check, &j, &sum, d);
	else
		err = export_each(&t, on_row, &j, d);
	if (j.cases != NULL)
		fclose(j.cases);
	if (err == 0) {
		fprintf(q->out,
			"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"%u\" "
			"failures=\"%u\" errors=\"0\">\n  <testsuite name=\"",
			j.tests, j.failures);
		xml(q->out, q->gate != NULL ? q->gate->name : j.sweep);
		fprintf(q->out,
			"\" tests=\"%u\" failures=\"%u\" errors=\"0\" skipped=\"0\">\n%s  "
			"</testsuite>\n</testsuites>\n",
			j.tests, j.failures, text);
	}
	free(text);
	export_table_close(&t);
	return err;
}
