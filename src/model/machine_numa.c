/*
 * `numa`: how far the nodes are from one another, and which CPUs are whose.
 *
 * Distances are those of the firmware's table (ACPI SLIT): 10 is the node itself, 20 is
 * twice as far.  A request goes to its node's zones first, the least precious one first,
 * then to the next nearest node's: the node-ordered zonelists of Linux.  Of nodes equally
 * far those above come before those below, as there.
 */
#include <stdlib.h>

#include "model/machine_build.h"

#define HERE     10u
#define FAR      20u
#define FARTHEST 254u /* 255 would be: not reachable */

struct numa_block {
	const struct conf_node *distances, *cpus;
};

#define F(member, type) FIELD(struct numa_block, member, type)
static const struct field numa_fields[] = {
	{F(distances, FIELD_NODE)},
	{F(cpus, FIELD_NODE)},
	{0},
};
#undef F

/* ---- distances ---- */

static int read_distance(struct build *b, const struct conf_node *n, bool same, uint8_t *out)
{
	uint64_t v;

	if (conf_uint(n, UINT32_MAX, &v, b->d) != 0)
		return -1;
	if (same && v != HERE)
		return conf_error(b->d, n, "distance %llu of a node to itself, expected 10",
				  (unsigned long long)v);
	if (!same && (v <= HERE || v > FARTHEST))
		return conf_error(b->d, n,
				  "distance %llu, expected 11 to 254 (10 is the node itself, 20 "
				  "twice as far)",
				  (unsigned long long)v);
	*out = (uint8_t)v;
	return 0;
}

static int read_distances(struct build *b, const struct conf_node *n)
{
	unsigned nodes = b->m->nodes;

	for (unsigned i = 0; i < nodes * nodes; i++)
		b->m->distance[i] = i / nodes == i % nodes ? HERE : FAR;
	if (n == NULL)
		return 0;
	if (n->type != CONF_LIST || n->nr != nodes)
		return conf_error(b->d, n,
				  "expected a row for each of %u nodes, as [[10, 21], [21, 10]]",
				  nodes);
	for (unsigned from = 0; from < nodes; from++) {
		const struct conf_node *row = n->item[from];

		if (row->type != CONF_LIST || row->nr != nodes)
			return conf_error(b->d, row, "expected a distance to each of %u nodes",
					  nodes);
		for (unsigned to = 0; to < nodes; to++)
			if (read_distance(b, row->item[to], from == to,
					  &b->m->distance[from * nodes + to]) != 0)
				return -1;
	}
	return 0;
}

/* ---- CPUs ---- */

static int read_cpus(struct build *b, const struct conf_node *n)
{
	struct machine *m = b->m;
	uint64_t node;

	for (unsigned cpu = 0; cpu < m->cpus; cpu++)
		m->cpu_node[cpu] = (uint8_t)(cpu * m->nodes / m->cpus);
	if (n != NULL && (n->type != CONF_LIST || n->nr != m->cpus))
		return conf_error(b->d, n, "expected the node of each of %u CPUs, as [0, 0, 1, 1]",
				  m->cpus);
	for (unsigned cpu = 0; n != NULL && cpu < m->cpus; cpu++) {
		if (conf_uint(n->item[cpu], UINT32_MAX, &node, b->d) != 0)
			return -1;
		if (node >= m->nodes)
			return conf_error(b->d, n->item[cpu],
					  "node %llu, expected less than the machine's %u "
					  "(machine.nodes)",
					  (unsigned long long)node, m->nodes);
		m->cpu_node[cpu] = (uint8_t)node;
	}
	for (unsigned cpu = 0; cpu < m->cpus; cpu++)
		m->node_cpus[m->cpu_node[cpu]]++;
	return 0;
}

/* ---- zonelists ---- */

/* Is node a to be tried before node b by requests of node `from`? */
static bool nearer(const struct machine *m, unsigned from, unsigned a, unsigned b)
{
	const uint8_t *far = &m->distance[from * m->nodes];

	if (far[a] != far[b])
		return far[a] < far[b];
	if ((a < from) != (b < from))
		return b < from;
	return a < b;
}

/* The zones of one node, in the machine's order; how many they are. */
static unsigned add_node(const struct machine *m, unsigned node, uint8_t *list)
{
	unsigned nr = 0;

	for (unsigned i = 0; i < m->nr_zones; i++)
		if (m->zones[m->zonelist[i]].node == node)
			list[nr++] = m->zonelist[i];
	return nr;
}

static void make_zonelist(struct machine *m, unsigned from)
{
	uint8_t order[64], *list = &m->zonelists[from * m->nr_zones];
	unsigned nr = 0;

	for (unsigned node = 0; node < m->nodes; node++) {
		unsigned at = node;

		for (; at > 0 && nearer(m, from, node, order[at - 1]); at--)
			order[at] = order[at - 1];
		order[at] = (uint8_t)node;
	}
	for (unsigned i = 0; i < m->nodes; i++)
		nr += add_node(m, order[i], list + nr);
}

int build_numa(struct build *b)
{
	struct machine *m = b->m;
	struct numa_block x = {0};

	if (b->part.numa != NULL && m->nodes == 1)
		return conf_error(
			b->d, b->part.numa,
			"numa on a machine of one node, expected machine.nodes of 2 or more");
	if (m->nodes == 1)
		return 0;
	if (b->part.numa != NULL &&
	    fields_read(b->part.numa, "numa", numa_fields, false, &x, b->d) != 0)
		return -1;
	m->distance = calloc(m->nodes, m->nodes);
	m->cpu_node = calloc(m->cpus, 1);
	m->node_cpus = calloc(m->nodes, sizeof *m->node_cpus);
	m->zonelists = calloc(m->nodes, m->nr_zones + 1);
	if (m->distance == NULL || m->cpu_node == NULL || m->node_cpus == NULL ||
	    m->zonelists == NULL)
		return conf_error(b->d, b->root, "out of memory");
	if (read_distances(b, x.distances) != 0 || read_cpus(b, x.cpus) != 0)
		return -1;
	for (unsigned node = 0; node < m->nodes; node++)
		make_zonelist(m, node);
	return 0;
}
