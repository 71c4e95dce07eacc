/* SPDX-License-Identifier: MIT
 * Writes of one document: batches of one operation. */
#include "db/batch.h"

static int commit_one(chrondb_batch *batch, int result, const char *key, const chrondb_write_options *options,
                      chrondb_result *out)
{
    if (result == 0)
        result = chrondb_batch_commit(batch, options);
    if (result == 0 && out != NULL) {
        *out = *chrondb_batch_result(batch, 0);
        out->key = key;
    }
    chrondb_batch_free(batch);
    return result;
}

int chrondb_put(chrondb *db, const char *key, const char *value, size_t size, const chrondb_condition *condition,
                const chrondb_write_options *options, chrondb_result *result)
{
    chrondb_batch *batch = NULL;
    int status = chrondb_batch_new(&batch, db);
    if (status == 0)
        status = chrondb_batch_put(batch, key, value, size, condition);
    return commit_one(batch, status, key, options, result);
}

int chrondb_patch(chrondb *db, const char *key, const char *patch, size_t size, const chrondb_condition *condition,
                  const chrondb_write_options *options, chrondb_result *result)
{
    chrondb_batch *batch = NULL;
    int status = chrondb_batch_new(&batch, db);
    if (status == 0)
        status = chrondb_batch_patch(batch, key, patch, size, condition);
    return commit_one(batch, status, key, options, result);
}

int chrondb_delete(chrondb *db, const char *key, const chrondb_condition *condition,
                   const chrondb_write_options *options, chrondb_result *result)
{
    chrondb_batch *batch = NULL;
    int status = chrondb_batch_new(&batch, db);
    if (status == 0)
        status = chrondb_batch_delete(batch, key, condition);
    return commit_one(batch, status, key, options, result);
}
