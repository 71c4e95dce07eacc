/* SPDX-License-Identifier: MIT
 *
 * Lines of import: whatever they hold, a line is refused with a message or means an operation on a valid key with a
 * valid document, and means the same when it is read again. */
#include <stddef.h>

#include "db/line.h"
#include "doc/json.h"
#include "fuzz/fuzz.h"
#include "store/key.h"
#include "util/error.h"

#define MUST(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            abort();                                                                                                   \
    } while (0)

static struct cdb_line line, again;

static void check(const struct cdb_line *parsed)
{
    struct cdb_key key;
    if (parsed->op == CDB_LINE_NONE)
        MUST(parsed->key.len == 0);
    else
        MUST(cdb_key_parse(&key, cdb_buf_str(&parsed->key), parsed->key.len) == 0);
    if (parsed->op == CDB_LINE_PUT)
        MUST(cdb_json_check(parsed->value, parsed->value_len) == 0);
    for (size_t at = 0; at < parsed->meta.len; at += strlen(parsed->meta.ptr + at) + 1)
        MUST(strchr(parsed->meta.ptr + at, '=') != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cdb_error_clear();
    int result = cdb_line_parse(&line, (const char *)data, size);
    MUST(cdb_line_parse(&again, (const char *)data, size) == result);
    if (result != 0) {
        MUST(result == CHRONDB_EINVALID || result == CHRONDB_EUSAGE);
        MUST(chrondb_last_error()->message[0] != '\0');
        return 0;
    }
    check(&line);
    MUST(line.op == again.op && line.has_time == again.has_time && line.key.len == again.key.len);
    return 0;
}
