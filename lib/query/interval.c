/* SPDX-License-Identifier: MIT */
#include "query/interval.h"

static int compare_bound(const struct cdb_plan_bound *bound, enum cdb_json_type type, const char *text, size_t len)
{
    return cdb_scalar_compare(type, text, len, bound->type, bound->text.ptr, bound->text.len);
}

bool cdb_interval_has(const struct cdb_plan_interval *interval, enum cdb_json_type type, const char *text, size_t len)
{
    struct cdb_value value;
    int order;

    if (interval->all)
        return true;
    cdb_value_encode(&value, type, text, len);
    if (interval->lower.open) {
        if (cdb_value_compare(&value, &interval->floor) < 0)
            return false;
    } else {
        order = compare_bound(&interval->lower, type, text, len);
        if (order < 0 || (order == 0 && !interval->lower.included))
            return false;
    }
    if (interval->upper.open)
        return cdb_value_compare(&value, &interval->ceiling) < 0;
    order = compare_bound(&interval->upper, type, text, len);
    return order < 0 || (order == 0 && interval->upper.included);
}
