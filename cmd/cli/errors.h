/* SPDX-License-Identifier: MIT
 *
 * Why a command failed, and how it is told. The library remembers its own failures (chrondb_last_error); a command
 * makes an error here when the failure is its own, or when the library's needs context. Printed only by main.
 */
#ifndef CLI_ERRORS_H
#define CLI_ERRORS_H

#include <stdbool.h>
#include <stddef.h>

#include "chrondb.h"
#include "cli/text.h"

/* What a command returns, besides 0, CHRONDB_NOTFOUND (told on stderr) and the library's negative codes. */
enum {
    CLI_NO = 2,          /* the answer is no, and has been told or needs no words: exit status 1 */
    CLI_DONE = 3,        /* a usage or a list was printed instead of the command's work: exit status 0 */
    CLI_INTERRUPTED = 4, /* a signal was noted, and the work stopped in good order: main ends by that signal */
    CLI_DAMAGED = 5      /* damage was found, which is the answer, and has been told: exit status 7 */
};

struct cli_error {
    int code;         /* CHRONDB_E* or CHRONDB_NOTFOUND; 0: no error */
    const char *name; /* stable, for programs */
    struct cli_text message;
    struct cli_text key, path, current; /* empty: none */
    size_t line, column;
    struct cli_text place; /* lines that show it to people; without control characters */
};

void cli_error_release(struct cli_error *error);

/* Set, unless there is an error already (the first counts). All return the error's code. Text from the user may be
 * formatted in as it is: printing escapes it. */
int cli_error_set(struct cli_error *error, int code, const char *name, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
int cli_error_usage(struct cli_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));
int cli_error_memory(struct cli_error *error);
/* "MESSAGE: strerror", by errno, about that file (or NULL). */
int cli_error_errno(struct cli_error *error, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Take over the library's last error if there is none yet. */
int cli_error_adopt(struct cli_error *error);
/* Take over likewise, then prefix "CONTEXT: ". */
int cli_error_context(struct cli_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cli_error_set_key(struct cli_error *error, const char *key);

/* One line on stderr: for people, with those that show the place behind it, or as a JSON object. */
void cli_error_print(const struct cli_error *error, bool json);

/* "chrondb: LEVEL: TEXT" on stderr. */
void cli_notice_print(const char *level, const char *text);

/* The exit status of a command's result. */
int cli_exit_status(int result);

#endif
