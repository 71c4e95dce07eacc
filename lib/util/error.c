/* SPDX-License-Identifier: MIT */
#include "util/error.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "util/utf8.h"

#define MESSAGE_SIZE ((size_t)2048)
#define CONTEXT_SIZE ((size_t)1024) /* less, so that the cause stays in sight however long the context is */
#define KEY_SIZE     ((size_t)1025)
#define PATH_SIZE    ((size_t)PATH_MAX)

/* Fixed storage: an error must be told when there is no memory. */
struct last_error {
    chrondb_error error; /* its pointers are NULL, literals, or point at the arrays below */
    char message[MESSAGE_SIZE];
    char key[KEY_SIZE];
    char path[PATH_SIZE];
    char current[CHRONDB_HEX_SIZE + 1];
};

static _Thread_local struct last_error last;

const chrondb_error *chrondb_last_error(void)
{
    if (last.error.message == NULL)
        cdb_error_clear();
    return &last.error;
}

void cdb_error_clear(void)
{
    memset(&last.error, 0, sizeof(last.error));
    last.message[0] = '\0';
    last.error.name = "";
    last.error.message = last.message;
}

/* What vsnprintf left in `text` of `size` bytes: one line of valid UTF-8, cut between characters. */
static void sanitise(char *text, size_t size)
{
    size_t len = strnlen(text, size - 1);
    size_t out = 0;

    for (size_t in = 0; in < len;) {
        size_t width = cdb_utf8_width(text + in, len - in);
        bool cut = width == 0 && len == size - 1 && len - in < 4 && (text[in] & 0xc0) == 0xc0;

        if (cut)
            break;
        if (width == 0 || cdb_utf8_is_control(text + in, width)) {
            text[out++] = '?';
            in += width > 0 ? width : 1;
        } else {
            memmove(text + out, text + in, width);
            out += width;
            in += width;
        }
    }
    text[out] = '\0';
}

static void format_safely(char *out, size_t size, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

static void format_safely(char *out, size_t size, const char *format, va_list args)
{
    out[0] = '\0';
    if (vsnprintf(out, size, format, args) < 0)
        out[0] = '\0';
    sanitise(out, size);
}

/* Copy at most size - 1 bytes, cut between characters. `from` may be the copy itself. */
static const char *remember(char *to, size_t size, const char *from)
{
    size_t len;

    if (from == NULL)
        return NULL;
    len = cdb_utf8_cut(from, strlen(from), size - 1);
    memmove(to, from, len);
    to[len] = '\0';
    return to;
}

/* The message is built aside by the callers, since it may quote the message before. */
static void set(int code, const char *name, const char *message)
{
    cdb_error_clear();
    last.error.code = code;
    last.error.name = name;
    remember(last.message, sizeof(last.message), message[0] != '\0' ? message : name);
}

void cdb_error_set(int code, const char *name, const char *format, ...)
{
    char message[MESSAGE_SIZE];
    va_list args;

    va_start(args, format);
    format_safely(message, sizeof(message), format, args);
    va_end(args);
    set(code, name, message);
}

static const char *errno_name(int number)
{
    switch (number) {
    case ENOSPC:
    case EDQUOT:
        return "no_space";
    case EACCES:
    case EPERM:
    case EROFS:
        return "permission_denied";
    case ENOMEM:
        return "out_of_memory";
    default:
        return "io_error";
    }
}

static void prefix(const char *context)
{
    char message[MESSAGE_SIZE];
    size_t len = strnlen(context, CONTEXT_SIZE);

    if (last.error.code == 0)
        return;
    memcpy(message, context, len);
    memcpy(message + len, ": ", 2);
    remember(message + len + 2, sizeof(message) - len - 2, last.message);
    remember(last.message, sizeof(last.message), message);
}

void cdb_error_set_errno(const char *path, const char *format, ...)
{
    int number = errno != 0 ? errno : EIO;
    char subject[CONTEXT_SIZE];
    char buffer[256];
    va_list args;

    va_start(args, format);
    format_safely(subject, sizeof(subject), format, args);
    va_end(args);
    set(CHRONDB_ESYSTEM, errno_name(number), strerror_r(number, buffer, sizeof(buffer)));
    prefix(subject);
    cdb_error_set_path(path);
}

void cdb_error_set_null(void)
{
    cdb_error_set(CHRONDB_EUSAGE, "usage", "an argument of the call is NULL that must not be");
}

void cdb_error_set_memory(void)
{
    set(CHRONDB_ESYSTEM, "out_of_memory", "out of memory");
}

void cdb_error_context(const char *format, ...)
{
    char context[CONTEXT_SIZE];
    va_list args;

    va_start(args, format);
    format_safely(context, sizeof(context), format, args);
    va_end(args);
    prefix(context);
}

void cdb_error_about(const char *context, const char *key)
{
    char quoted[CDB_UTF8_QUOTE_SIZE];

    cdb_utf8_quote(quoted, key, strlen(key));
    cdb_error_context("%s %s", context, quoted);
    last.error.key = remember(last.key, sizeof(last.key), key);
}

void cdb_error_set_path(const char *path)
{
    last.error.path = remember(last.path, sizeof(last.path), path);
}

void cdb_error_set_position(size_t line, size_t column)
{
    last.error.line = line;
    last.error.column = column;
}

void cdb_error_set_current(const char *commit)
{
    last.error.current = remember(last.current, sizeof(last.current), commit);
}

void cdb_error_copy(const chrondb_error *other)
{
    cdb_error_clear();
    last.error.code = other->code;
    last.error.name = other->name;
    last.error.key = remember(last.key, sizeof(last.key), other->key);
    last.error.path = remember(last.path, sizeof(last.path), other->path);
    last.error.current = remember(last.current, sizeof(last.current), other->current);
    last.error.line = other->line;
    last.error.column = other->column;
    remember(last.message, sizeof(last.message), other->message);
}
