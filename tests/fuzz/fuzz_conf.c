/*
 * Any bytes as a configuration, and as a machine with each of its variants.
 * What follows a zero byte is a --set assignment.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "model/conf.h"
#include "model/machine.h"

#define MAX_VARIANTS 4u

/* A diagnosis is there, and it is one line. */
static void expect_diag(const struct diag *d)
{
	if (d->msg[0] == '\0' || strchr(d->msg, '\n') != NULL)
		abort();
}

static void load(const char *text, size_t bytes, const char *variant, const char *set)
{
	struct diag d = {.msg = ""};
	struct machine *m = machine_load_text(text, bytes, "fuzz", variant, &set, set != NULL, &d);

	if (m == NULL)
		expect_diag(&d);
	else if (d.msg[0] != '\0')
		abort();
	machine_free(m);
}

static void load_all(const char *text, size_t bytes, const char *set)
{
	struct diag d = {.msg = ""};
	struct conf_tree *t = conf_read_text(text, bytes, "fuzz", &d);
	const struct conf_node *variants;

	if (t == NULL) {
		expect_diag(&d);
		return;
	}
	load(text, bytes, NULL, set);
	variants = conf_get(conf_root(t), "variants");
	for (size_t i = 0;
	     variants != NULL && variants->type == CONF_MAP && i < variants->nr && i < MAX_VARIANTS;
	     i++)
		load(text, bytes, variants->key[i], set);
	if (set != NULL && conf_set(t, set, &d) != 0)
		expect_diag(&d);
	conf_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	const uint8_t *zero = bytes != 0 ? memchr(data, 0, bytes) : NULL;
	size_t text = zero != NULL ? (size_t)(zero - data) : bytes;
	char *set = zero != NULL ? strndup((const char *)zero + 1, bytes - text - 1) : NULL;

	load_all((const char *)data, text, set);
	/* And with the zero bytes in it. */
	load((const char *)data, bytes, NULL, NULL);
	free(set);
	return 0;
}
