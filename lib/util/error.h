/* The calling thread's last error. It is set once where the failure happens and gains context as it unwinds:
 *     cdb_error(CHRONDB_EINVALID, "invalid_json", "not valid JSON at line 3 ...");
 *     cdb_error_context("cannot put %s", quoted_key);   ->  "cannot put 'user:1': not valid JSON at line 3 ..."
 * Formats take no data that could hold control characters unless it went through cdb_buf_add_quoted or %s of a
 * sanitised string; cdb_error() itself replaces control characters in the finished message by '?'. */
#ifndef CDB_UTIL_ERROR_H
#define CDB_UTIL_ERROR_H

#include <stddef.h>

#include "chrondb.h"

/* Set code, stable name and message; clears key, path, current and position. Returns `code`, so that
 * `return cdb_error(...)` is the idiom. (Macros, so that compilers and analysers see which code comes back.) */
#define cdb_error(code, ...) (cdb_error_set((code), __VA_ARGS__), (code))
void cdb_error_set(int code, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* "SUBJECT: strerror" with the right code and name for errno: ENOSPC/EDQUOT "no_space", EACCES/EPERM/EROFS
 * "permission_denied", ENOMEM "out_of_memory", else "io_error"; all CHRONDB_ESYSTEM. `path` is remembered, may be
 * NULL. Reads errno first. */
#define cdb_error_errno(...) (cdb_error_set_errno(__VA_ARGS__), CHRONDB_ESYSTEM)
void cdb_error_set_errno(const char *path, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "out of memory" */
#define cdb_error_memory() (cdb_error_set_memory(), CHRONDB_ESYSTEM)
void cdb_error_set_memory(void);
/* A caller of the library gave no pointer where one is needed. */
#define cdb_error_null() (cdb_error_set_null(), CHRONDB_EUSAGE)
void cdb_error_set_null(void);
/* Prefix the message: "CONTEXT: MESSAGE". */
void cdb_error_context(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Prefix "CONTEXT 'key': " with the key quoted safely, and remember the key. */
void cdb_error_about(const char *context, const char *key);
void cdb_error_set_path(const char *path);
void cdb_error_set_position(size_t line, size_t column);
void cdb_error_set_current(const char *commit);
void cdb_error_clear(void);
/* What another thread's error says is the calling thread's. */
void cdb_error_copy(const chrondb_error *other);

#endif
