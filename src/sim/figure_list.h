/* Every figure of the report, as expressions name it. */
#ifndef SIM_FIGURE_LIST_H
#define SIM_FIGURE_LIST_H

struct figure_entry {
	const char *path, *unit, *meaning;
};

extern const struct figure_entry figure_list[]; /* ends with {NULL} */

#endif
