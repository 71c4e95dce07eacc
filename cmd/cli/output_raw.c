/* SPDX-License-Identifier: MIT
 *
 * Values only, a line each: one member of a record, or all of them if the command names none. Null is an empty line.
 */
#include <string.h>

#include "cli/output_format.h"

static void begin(struct cli_output *out)
{
    (void)out;
}

static bool is_wanted(const struct cli_output *out, const char *name)
{
    return out->depth == 0 && (out->raw_member == NULL || strcmp(out->raw_member, name) == 0);
}

static void member(struct cli_output *out, const char *name, enum cli_value type, const char *value, size_t size)
{
    size_t mark;
    if (!is_wanted(out, name))
        return;
    if (out->line.size > 0)
        cli_text_addc(&out->line, '\n');
    if (type == CLI_VALUE_JSON)
        value = cli_output_compact(out, value, &size, &type, &mark);
    if (type == CLI_VALUE_NULL)
        return;
    if (out->terminal)
        cli_text_add_safe(&out->line, value, size);
    else
        cli_text_add(&out->line, value, size);
}

static void open_bracket(struct cli_output *out, const char *name, char bracket)
{
    (void)out, (void)name, (void)bracket;
}

static void close_bracket(struct cli_output *out, char bracket)
{
    (void)out, (void)bracket;
}

static void end(struct cli_output *out)
{
    if (out->line.failed || out->error->code != 0)
        return;
    cli_output_write(out, cli_text_string(&out->line), out->line.size);
    cli_output_write(out, "\n", 1);
}

static void finish(struct cli_output *out, bool complete)
{
    (void)out, (void)complete;
}

const struct cli_output_format cli_output_as_raw = {begin, member, open_bracket, close_bracket, end, finish};
