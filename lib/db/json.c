/* SPDX-License-Identifier: MIT */
/* The public face of lib/doc. */
#include "doc/json.h"

#include <stdbool.h>
#include <stdint.h>

#include "chrondb.h"
#include "util/buf.h"
#include "util/error.h"

int chrondb_json_check(const char *text, size_t size)
{
    if (text == NULL && size > 0)
        return cdb_error_null();
    return cdb_json_check(text, size);
}

static bool is_inside(const chrondb_buffer *buffer, const char *text)
{
    uintptr_t start = (uintptr_t)buffer->data;

    return buffer->data != NULL && (uintptr_t)text >= start && (uintptr_t)text - start < buffer->capacity;
}

/* The buffer's memory to write into, unless an input lies there. */
static struct cdb_buf begin(chrondb_buffer *out, bool aliased)
{
    struct cdb_buf buf = CDB_BUF_INIT;

    if (aliased)
        return buf;
    buf.ptr = out->data;
    buf.cap = out->capacity;
    *out = (chrondb_buffer){NULL, 0, 0};
    cdb_buf_clear(&buf);
    return buf;
}

/* After a failure the buffer is empty. */
static int finish(chrondb_buffer *out, struct cdb_buf *buf, int result)
{
    if (result == CHRONDB_OK)
        result = cdb_buf_check(buf);
    if (result != CHRONDB_OK)
        cdb_buf_clear(buf);
    chrondb_buffer_free(out);
    *out = (chrondb_buffer){buf->ptr, buf->len, buf->cap};
    return result;
}

int chrondb_json_format(chrondb_buffer *out, const char *text, size_t size, unsigned flags)
{
    if (out == NULL || (text == NULL && size > 0))
        return cdb_error_null();
    struct cdb_buf buf = begin(out, is_inside(out, text));
    int result = cdb_json_check(text, size);

    if (result == CHRONDB_OK)
        cdb_json_format(&buf, text, size, flags);
    return finish(out, &buf, result);
}

int chrondb_json_merge_patch(chrondb_buffer *out, const char *target, size_t target_size, const char *patch,
                             size_t patch_size)
{
    if (out == NULL || (target == NULL && target_size > 0) || (patch == NULL && patch_size > 0))
        return cdb_error_null();
    struct cdb_buf buf = begin(out, is_inside(out, target) || is_inside(out, patch));
    int result = cdb_json_merge_patch(&buf, target, target_size, patch, patch_size);

    return finish(out, &buf, result);
}
