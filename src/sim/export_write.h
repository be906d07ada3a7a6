/* The writers of each format, for the table of formats. */
#ifndef SIM_EXPORT_WRITE_H
#define SIM_EXPORT_WRITE_H

#include "sim/export.h"

/* Each writes what q asks for to q->out.  0, or -1 with *d: the results cannot be read so. */
int export_csv(const struct export_request *q, struct diag *d) MUST_USE;
int export_json(const struct export_request *q, struct diag *d) MUST_USE;
int export_junit(const struct export_request *q, struct diag *d) MUST_USE;
int export_markdown(const struct export_request *q, struct diag *d) MUST_USE;
int export_github(const struct export_request *q, struct diag *d) MUST_USE;
int export_bencher(const struct export_request *q, struct diag *d) MUST_USE;

/* "holds", "broken", "not-run", "no-baseline", "no-figure", "no-point". */
const char *export_verdict(enum gate_verdict verdict);

/* "ledger.peak.metadata is 25,421, expected <= 25,420 (baseline v1): 1 more". */
void export_check_text(const struct gate_check *c, const struct baseline *b, char *out,
		       size_t room);

#endif
