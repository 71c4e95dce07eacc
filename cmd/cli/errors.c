/* SPDX-License-Identifier: MIT */
#include "cli/errors.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void cli_error_release(struct cli_error *error)
{
    cli_text_release(&error->message);
    cli_text_release(&error->key);
    cli_text_release(&error->path);
    cli_text_release(&error->current);
    cli_text_release(&error->place);
    *error = (struct cli_error){0};
}

static int set(struct cli_error *error, int code, const char *name, const char *format, va_list args)
{
    if (error->code != 0)
        return error->code;
    error->code = code;
    error->name = name;
    cli_text_vaddf(&error->message, format, args);
    return code;
}

int cli_error_set(struct cli_error *error, int code, const char *name, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int result = set(error, code, name, format, args);
    va_end(args);
    return result;
}

int cli_error_usage(struct cli_error *error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int result = set(error, CHRONDB_EUSAGE, "usage", format, args);
    va_end(args);
    return result;
}

int cli_error_memory(struct cli_error *error)
{
    return cli_error_set(error, CHRONDB_ESYSTEM, "out_of_memory", "out of memory");
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

int cli_error_errno(struct cli_error *error, const char *path, const char *format, ...)
{
    int number = errno;
    if (error->code != 0)
        return error->code;
    va_list args;
    va_start(args, format);
    set(error, CHRONDB_ESYSTEM, errno_name(number), format, args);
    va_end(args);
    cli_text_addf(&error->message, ": %s", strerror(number));
    if (path != NULL)
        cli_text_adds(&error->path, path);
    return error->code;
}

static void copy(struct cli_text *to, const char *from)
{
    cli_text_clear(to);
    if (from != NULL)
        cli_text_adds(to, from);
}

int cli_error_adopt(struct cli_error *error)
{
    const chrondb_error *last = chrondb_last_error();
    if (error->code != 0)
        return error->code;
    error->code = last->code;
    error->name = last->name;
    error->line = last->line;
    error->column = last->column;
    copy(&error->message, last->message);
    copy(&error->key, last->key);
    copy(&error->path, last->path);
    copy(&error->current, last->current);
    return error->code;
}

int cli_error_context(struct cli_error *error, const char *format, ...)
{
    struct cli_text message = {0};
    va_list args;
    cli_error_adopt(error);
    va_start(args, format);
    cli_text_vaddf(&message, format, args);
    va_end(args);
    cli_text_addf(&message, ": %s", cli_text_string(&error->message));
    cli_text_release(&error->message);
    error->message = message;
    return error->code;
}

void cli_error_set_key(struct cli_error *error, const char *key)
{
    copy(&error->key, key);
}

static void add_member(struct cli_text *line, const char *name, const struct cli_text *value)
{
    if (value->size == 0)
        return;
    cli_text_addf(line, ",\"%s\":", name);
    cli_text_add_json(line, value->data, value->size);
}

static void add_json(struct cli_text *line, const struct cli_error *error)
{
    cli_text_addf(line, "{\"error\":{\"code\":\"%s\",\"message\":", error->name);
    cli_text_add_json(line, cli_text_string(&error->message), error->message.size);
    add_member(line, "key", &error->key);
    add_member(line, "path", &error->path);
    if (error->line > 0)
        cli_text_addf(line, ",\"line\":%zu", error->line);
    if (error->column > 0)
        cli_text_addf(line, ",\"column\":%zu", error->column);
    add_member(line, "current", &error->current);
    if (error->code == CHRONDB_ECONFLICT && error->current.size == 0)
        cli_text_adds(line, ",\"current\":null");
    cli_text_adds(line, "}}\n");
}

/* One write, so that lines of parallel commands do not mix; nowhere to tell it if it fails. */
static void print_line(const struct cli_text *line)
{
    static const char no_memory[] = "chrondb: out of memory\n";
    ssize_t written = line->failed ? write(STDERR_FILENO, no_memory, sizeof no_memory - 1)
                                   : write(STDERR_FILENO, line->data, line->size);
    (void)written;
}

void cli_error_print(const struct cli_error *error, bool json)
{
    struct cli_text line = {0};
    if (json)
        add_json(&line, error);
    else {
        cli_text_adds(&line, "chrondb: ");
        cli_text_add_safe(&line, cli_text_string(&error->message), error->message.size);
        cli_text_addc(&line, '\n');
        cli_text_adds(&line, cli_text_string(&error->place));
    }
    line.failed |= error->message.failed;
    print_line(&line);
    cli_text_release(&line);
}

void cli_notice_print(const char *level, const char *text)
{
    struct cli_text line = {0};
    cli_text_addf(&line, "chrondb: %s: ", level);
    cli_text_add_safe(&line, text, strlen(text));
    cli_text_addc(&line, '\n');
    print_line(&line);
    cli_text_release(&line);
}

int cli_exit_status(int result)
{
    switch (result) {
    case 0:
    case CLI_DONE:
        return 0;
    case CHRONDB_NOTFOUND:
    case CLI_NO:
        return 1;
    case CLI_DAMAGED:
        return -CHRONDB_EDAMAGED;
    default:
        return result < 0 && result > -128 ? -result : -CHRONDB_ESYSTEM;
    }
}
