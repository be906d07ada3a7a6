/*
 * A hash of what a machine file says once variant and --set are applied: it does
 * not depend on the order of keys, on comments, layout or file names.
 *
 *   scalar   H("s" text)          list   H("l" hashes of the entries)
 *   mapping  H("m" sum of H(key, hash of the value)); null counts as absent
 */
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "model/machine_build.h"

struct sum {
	uint64_t hi, lo;
};

static struct sum hash_bytes(const void *p, size_t bytes)
{
	XXH128_hash_t h = XXH3_128bits(p, bytes);

	return (struct sum){h.high64, h.low64};
}

/* H(tag, text, x). */
static struct sum hash_text(char tag, const char *text, struct sum x)
{
	struct sum part[2] = {hash_bytes(text, strlen(text)), x};
	unsigned char buf[1 + sizeof part];

	buf[0] = (unsigned char)tag;
	memcpy(buf + 1, part, sizeof part);
	return hash_bytes(buf, sizeof buf);
}

static struct sum hash_node(const struct conf_node *n, bool top)
{
	struct sum all = {0, 0};

	if (n->type == CONF_SCALAR || n->type == CONF_NULL)
		return hash_text('s', n->text, all);
	for (size_t i = 0; i < n->nr; i++) {
		struct sum h;

		if (n->type == CONF_MAP && n->item[i]->type == CONF_NULL)
			continue;
		if (top && strcmp(n->key[i], "variants") == 0)
			continue;
		h = hash_node(n->item[i], false);
		if (n->type == CONF_LIST) {
			all = hash_text('l', "",
					(struct sum){all.hi * 31 + h.hi, all.lo * 31 + h.lo});
			continue;
		}
		h = hash_text('k', n->key[i], h);
		all = (struct sum){all.hi + h.hi, all.lo + h.lo};
	}
	return hash_text(n->type == CONF_LIST ? 'l' : 'm', "", all);
}

void build_hash(struct build *b)
{
	struct sum h = hash_node(b->root, true);

	snprintf(b->m->hash, sizeof b->m->hash, "%016llx%016llx", (unsigned long long)h.hi,
		 (unsigned long long)h.lo);
}
