/* SPDX-License-Identifier: MIT
 * What a key is, for those who have no database open. */
#include "store/key.h"

#include <string.h>

#include "db/handle.h"
#include "util/error.h"

int chrondb_key_check(const char *key)
{
    if (key == NULL)
        return cdb_error_null();
    struct cdb_key parsed;
    cdb_error_clear();
    return cdb_key_parse(&parsed, key, strlen(key));
}

int chrondb_key_path(const char *key, chrondb_buffer *path)
{
    if (key == NULL || path == NULL)
        return cdb_error_null();
    struct cdb_key parsed;
    struct cdb_buf text = CDB_BUF_INIT;
    cdb_error_clear();
    path->size = 0;
    int result = cdb_key_parse(&parsed, key, strlen(key));
    if (result == 0) {
        cdb_buf_addf(&text, "%s/%s", parsed.dir, parsed.file);
        result = cdb_buf_check(&text);
    }
    if (result == 0)
        result = cdb_buffer_set(path, text.ptr, text.len);
    cdb_buf_release(&text);
    return result;
}
