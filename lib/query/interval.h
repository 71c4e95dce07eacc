/* SPDX-License-Identifier: MIT
 *
 * Is a scalar within an interval of a plan, exactly? */
#ifndef CDB_QUERY_INTERVAL_H
#define CDB_QUERY_INTERVAL_H

#include "query/plan.h"

/* A string's text is decoded, without quotes. */
bool cdb_interval_has(const struct cdb_plan_interval *interval, enum cdb_json_type type, const char *text, size_t len);

#endif
