#include "ui/tui/keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const struct action_info actions[NR_ACTIONS] = {{"none", "", ""},
#define X(NAME, word, keys, help) {word, keys, help},
						ACTIONS(X)
#undef X
};

static const struct {
	const char *name;
	uint32_t key;
} names[] = {
	{"Enter", '\r'},
	{"Esc", 27},
	{"Tab", '\t'},
	{"S-Tab", INPUT_BACKTAB},
	{"Space", ' '},
	{"BS", INPUT_BACKSPACE},
	{"Del", INPUT_DELETE},
	{"Up", INPUT_UP},
	{"Down", INPUT_DOWN},
	{"Left", INPUT_LEFT},
	{"Right", INPUT_RIGHT},
	{"PgUp", INPUT_PGUP},
	{"PgDn", INPUT_PGDN},
	{"Home", INPUT_HOME},
	{"End", INPUT_END},
	{"lt", '<'},
	{"Resize", INPUT_RESIZE},
};

#define NR_NAMES (sizeof names / sizeof names[0])

/* <C-x> and <F1> ... <F12>. */
static uint32_t computed_key(const char *name)
{
	if (strncasecmp(name, "C-", 2) == 0 && name[2] != '\0' && name[3] == '\0')
		return (uint32_t)(name[2] & 0x1f);
	if ((name[0] == 'F' || name[0] == 'f') && atoi(name + 1) >= 1 && atoi(name + 1) <= 12)
		return INPUT_F1 + (uint32_t)atoi(name + 1) - 1;
	return 0;
}

static uint32_t named_key(const char *name)
{
	for (size_t i = 0; i < NR_NAMES; i++)
		if (strcasecmp(names[i].name, name) == 0)
			return names[i].key;
	return computed_key(name);
}

uint32_t key_parse(const char **text)
{
	const char *end;
	char name[16];
	uint32_t key;

	if (**text == '\0')
		return 0;
	end = **text == '<' ? strchr(*text, '>') : NULL;
	if (end != NULL && (size_t)(end - *text - 1) < sizeof name) {
		memcpy(name, *text + 1, (size_t)(end - *text - 1));
		name[end - *text - 1] = '\0';
		key = named_key(name);
		if (key != 0) {
			*text = end + 1;
			return key;
		}
	}
	return (uint32_t)(unsigned char)*(*text)++;
}

static const char *name_of_key(uint32_t key, char buf[16])
{
	for (size_t i = 0; i < NR_NAMES; i++)
		if (names[i].key == key && key != '<') {
			snprintf(buf, 16, "%s", names[i].name);
			return buf;
		}
	if (key < 0x20)
		snprintf(buf, 16, "^%c", (char)(key + 64));
	else if (key >= INPUT_F1 && key <= INPUT_F12)
		snprintf(buf, 16, "F%u", key - INPUT_F1 + 1);
	else
		snprintf(buf, 16, "%c", key < 0x7f ? (char)key : '?');
	return buf;
}

static bool bind(struct keymap *m, uint32_t key, enum action a)
{
	for (unsigned i = 0; i < m->nr; i++)
		if (m->v[i].key == key) {
			m->v[i].action = a;
			return true;
		}
	if (m->nr == MAX_BINDINGS)
		return false;
	m->v[m->nr++] = (struct binding){key, a};
	return true;
}

void keymap_default(struct keymap *m)
{
	m->nr = 0;
	for (unsigned a = 1; a < NR_ACTIONS; a++)
		for (const char *k = actions[a].keys; *k != '\0';) {
			bind(m, key_parse(&k), (enum action)a);
			while (*k == ' ')
				k++;
		}
	/* What other terminals send for the same keys. */
	bind(m, '\n', ACTION_ENTER);
	bind(m, 127, ACTION_BACK);
}

enum action keymap_action(const struct keymap *m, uint32_t key)
{
	for (unsigned i = 0; i < m->nr; i++)
		if (m->v[i].key == key)
			return m->v[i].action;
	return ACTION_NONE;
}

const char *keymap_key(const struct keymap *m, enum action a, char buf[16])
{
	for (unsigned i = 0; i < m->nr; i++)
		if (m->v[i].action == a)
			return name_of_key(m->v[i].key, buf);
	buf[0] = '\0';
	return buf;
}

static bool find_action(const char *word, enum action *a)
{
	for (unsigned i = 0; i < NR_ACTIONS; i++)
		if (strcmp(actions[i].word, word) == 0) {
			*a = (enum action)i;
			return true;
		}
	return false;
}

static int read_line(struct keymap *m, char *line, const char *path, int number, struct diag *d)
{
	char *save = NULL, *verb = strtok_r(line, " \t\r\n", &save);
	const char *key = strtok_r(NULL, " \t\r\n", &save),
		   *word = strtok_r(NULL, " \t\r\n", &save);
	enum action a = ACTION_NONE;
	uint32_t k;

	if (verb == NULL || verb[0] == '#')
		return 0;
	if (strcmp(verb, "bind") != 0 && strcmp(verb, "unbind") != 0)
		return diag_set(d, path, number, 1,
				"unknown '%s', expected 'bind KEY ACTION' or 'unbind KEY'", verb);
	k = key != NULL ? key_parse(&key) : 0;
	if (k == 0 || *key != '\0')
		return diag_set(d, path, number, 1,
				"expected one key, as x, <C-x>, <F5>, <Tab>, <Space> or <lt>");
	if (verb[0] == 'b' && (word == NULL || !find_action(word, &a)))
		return diag_set(d, path, number, 1,
				"unknown action '%s'; ':keys' in 'memscape view' lists them",
				word != NULL ? word : "");
	return bind(m, k, a) ? 0 : diag_set(d, path, number, 1, "more than %u keys", MAX_BINDINGS);
}

int keymap_read(struct keymap *m, const char *path, struct diag *d)
{
	FILE *f = fopen(path, "r");
	char line[512];
	int number = 0, err = 0;

	if (f == NULL)
		return errno == ENOENT || errno == ENOTDIR
			       ? 0
			       : diag_set(d, path, 0, 0, "cannot be read: %s", strerror(errno));
	while (err == 0 && fgets(line, sizeof line, f) != NULL)
		err = read_line(m, line, path, ++number, d);
	fclose(f);
	return err;
}

bool keymap_path(char *buf, size_t bytes)
{
	const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	int n;

	if (base != NULL && base[0] == '/')
		n = snprintf(buf, bytes, "%s/memscape/keys", base);
	else if (home != NULL)
		n = snprintf(buf, bytes, "%s/.config/memscape/keys", home);
	else
		return false;
	return n > 0 && (size_t)n < bytes;
}
