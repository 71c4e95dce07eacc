/* What the functions of libchrondb.h do, on chrondb.h. Arguments may be anything. */
#ifndef GRAAL_OPERATIONS_H
#define GRAAL_OPERATIONS_H

#include "bindings/graal/isolates.h"

int operation_open(struct call *call, const char *data_path, const char *index_path);
char *operation_put(struct call *call, const char *id, const char *json, const char *branch);
char *operation_get(struct call *call, const char *id, const char *branch);
/* 0, 1: not there, -1. */
int operation_delete(struct call *call, const char *id, const char *branch);
char *operation_list_by_prefix(struct call *call, const char *prefix, const char *branch);
char *operation_list_by_table(struct call *call, const char *table, const char *branch);
char *operation_history(struct call *call, const char *id, const char *branch);
char *operation_query(struct call *call, const char *query, const char *branch);

#endif
