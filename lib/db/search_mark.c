/* SPDX-License-Identifier: MIT
 *
 * Where a query is wrong, for people. */
#include "chrondb.h"
#include "query/lex.h"
#include "util/error.h"

int chrondb_search_mark(chrondb_buffer *out, const char *query, size_t size, size_t line, size_t column)
{
    if (out == NULL || query == NULL)
        return cdb_error_null();
    struct cdb_buf text = CDB_BUF_INIT;

    cdb_query_mark(&text, query, size, line, column);
    int result = cdb_buf_check(&text);
    chrondb_buffer_free(out);
    *out = (chrondb_buffer){text.ptr, text.len, text.cap};
    return result;
}
