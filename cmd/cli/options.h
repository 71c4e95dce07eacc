/* SPDX-License-Identifier: MIT
 *
 * Options as rows: one row says how an option is written, where its value goes, and what it is for. Parsing, the
 * usage and the completions read the same rows.
 *
 * Exactly one of the pointers of a row is set. Their types are what the compiler checks: a row cannot store a
 * number into a string.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/errors.h"

/* The values of an option that may be given several times, in order. */
struct cli_strings {
    const char **items;
    size_t count;
};

void cli_strings_release(struct cli_strings *strings);

/* One value of an option that takes one of a few words. */
struct cli_choice {
    const char *word;
    int value;
    const char *help;
};

struct cli_option {
    bool *set;                /* no argument: becomes true */
    const char **string;      /* an argument, borrowed from argv */
    uint64_t *number;         /* a decimal number */
    int *milliseconds;        /* seconds, perhaps with a fraction */
    struct cli_strings *list; /* may be given several times */
    int *choice;              /* one of `choices` */
    const struct cli_choice *choices;
    const char *implied; /* the argument is optional (then given as --name=VALUE only), and this without one */

    char letter;          /* "-l", or 0 */
    const char *name;     /* "--name", or NULL */
    const char *argument; /* what the usage calls the argument */
    const char *help;     /* one line; NULL hides the option */
};

/* Ends a table of rows. */
#define CLI_OPTION_END                                                                                                 \
    {                                                                                                                  \
        .name = NULL                                                                                                   \
    }

/* Rows of one table; a command has two: its own and the global ones. */
#define CLI_OPTION_TABLES 2

/* What is left of the arguments. */
struct cli_args {
    int count;
    char **values; /* in argv's own memory, ends with NULL */
    int separator; /* how many of them stood before "--"; `count` if there was no "--" */
};

/* Reads argv[1] and on. Options and arguments may be mixed; "--" ends the options; "-", and what starts with "-" and a
 * digit, are arguments. With `stop` the first argument ends the options too. The values found are stored even after an
 * error (the first one is told), so that a --format behind it still says how to tell it. */
int cli_options_parse(const struct cli_option *const tables[CLI_OPTION_TABLES], bool stop, int argc, char **argv,
                      struct cli_args *args, struct cli_error *error);

bool cli_option_is_end(const struct cli_option *option);
bool cli_option_takes_argument(const struct cli_option *option);

#endif
