/* Growable bytes. Appending never fails at once: after an allocation failed, or a size overflowed, the buffer is
 * empty and stays so, `failed` is set, and the owner checks it once, at the end (cdb_buf_check). */
#ifndef CDB_UTIL_BUF_H
#define CDB_UTIL_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cdb_buf {
    char *ptr; /* NUL-terminated when not NULL; the NUL is not counted */
    size_t len;
    size_t cap;
    bool failed;
};

#define CDB_BUF_INIT                                                                                                   \
    {                                                                                                                  \
        NULL, 0, 0, false                                                                                              \
    }

void cdb_buf_release(struct cdb_buf *buf);
void cdb_buf_clear(struct cdb_buf *buf); /* len 0, memory kept */
/* Room for `extra` more bytes; false (and failed) if there is none. */
bool cdb_buf_reserve(struct cdb_buf *buf, size_t extra);
void cdb_buf_add(struct cdb_buf *buf, const void *data, size_t len);
void cdb_buf_adds(struct cdb_buf *buf, const char *text);
void cdb_buf_addc(struct cdb_buf *buf, char byte);
void cdb_buf_addf(struct cdb_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cdb_buf_vaddf(struct cdb_buf *buf, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
/* Text for a message: control characters and invalid bytes as \xNN, quoted with '...', cut after 200 bytes. */
void cdb_buf_add_quoted(struct cdb_buf *buf, const char *text, size_t len);
/* 0, or CHRONDB_ESYSTEM with the error set ("out of memory") if an append failed. */
int cdb_buf_check(const struct cdb_buf *buf);
/* "" instead of NULL. */
const char *cdb_buf_str(const struct cdb_buf *buf);

#endif
