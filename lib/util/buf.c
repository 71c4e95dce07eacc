/* SPDX-License-Identifier: MIT */
#include "util/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chrondb.h"
#include "util/error.h"
#include "util/utf8.h"

#define SMALLEST ((size_t)64)

void cdb_buf_release(struct cdb_buf *buf)
{
    free(buf->ptr);
    *buf = (struct cdb_buf)CDB_BUF_INIT;
}

void cdb_buf_clear(struct cdb_buf *buf)
{
    buf->len = 0;
    if (buf->ptr != NULL)
        buf->ptr[0] = '\0';
}

static bool fail(struct cdb_buf *buf)
{
    cdb_buf_release(buf);
    buf->failed = true;
    return false;
}

bool cdb_buf_reserve(struct cdb_buf *buf, size_t extra)
{
    size_t need, cap;
    char *ptr;

    if (buf->failed)
        return false;
    if (extra > (size_t)PTRDIFF_MAX - 1 - buf->len)
        return fail(buf);
    need = buf->len + extra + 1;
    if (need <= buf->cap)
        return true;
    /* Half as much again, so that appending byte by byte costs O(n). */
    cap = buf->cap + buf->cap / 2;
    if (cap < SMALLEST)
        cap = SMALLEST;
    if (cap < need || cap > (size_t)PTRDIFF_MAX)
        cap = need;
    ptr = realloc(buf->ptr, cap);
    if (ptr == NULL)
        return fail(buf);
    ptr[buf->len] = '\0';
    buf->ptr = ptr;
    buf->cap = cap;
    return true;
}

void cdb_buf_add(struct cdb_buf *buf, const void *data, size_t len)
{
    if (len == 0 || !cdb_buf_reserve(buf, len))
        return;
    memcpy(buf->ptr + buf->len, data, len);
    buf->len += len;
    buf->ptr[buf->len] = '\0';
}

void cdb_buf_adds(struct cdb_buf *buf, const char *text)
{
    cdb_buf_add(buf, text, strlen(text));
}

void cdb_buf_addc(struct cdb_buf *buf, char byte)
{
    if (!cdb_buf_reserve(buf, 1))
        return;
    buf->ptr[buf->len++] = byte;
    buf->ptr[buf->len] = '\0';
}

void cdb_buf_addf(struct cdb_buf *buf, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    cdb_buf_vaddf(buf, format, args);
    va_end(args);
}

void cdb_buf_vaddf(struct cdb_buf *buf, const char *format, va_list args)
{
    va_list again;
    int len;

    /* Most texts fit into the first guess; the others are measured by it. */
    if (!cdb_buf_reserve(buf, SMALLEST))
        return;
    va_copy(again, args);
    len = vsnprintf(buf->ptr + buf->len, buf->cap - buf->len, format, again);
    va_end(again);
    if (len < 0) {
        fail(buf);
        return;
    }
    if ((size_t)len >= buf->cap - buf->len) {
        if (!cdb_buf_reserve(buf, (size_t)len))
            return;
        len = vsnprintf(buf->ptr + buf->len, buf->cap - buf->len, format, args);
        if (len < 0) {
            fail(buf);
            return;
        }
    }
    buf->len += (size_t)len;
}

void cdb_buf_add_quoted(struct cdb_buf *buf, const char *text, size_t len)
{
    char quoted[CDB_UTF8_QUOTE_SIZE];

    size_t quoted_len = cdb_utf8_quote(quoted, text, len);

    cdb_buf_add(buf, quoted, quoted_len);
}

int cdb_buf_check(const struct cdb_buf *buf)
{
    return buf->failed ? cdb_error_memory() : CHRONDB_OK;
}

const char *cdb_buf_str(const struct cdb_buf *buf)
{
    return buf->ptr == NULL ? "" : buf->ptr;
}

void chrondb_buffer_free(chrondb_buffer *buffer)
{
    if (buffer == NULL)
        return;
    free(buffer->data);
    *buffer = (chrondb_buffer){NULL, 0, 0};
}
