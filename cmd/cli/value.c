/* SPDX-License-Identifier: MIT */
#include "cli/value.h"

#include <string.h>
#include <unistd.h>

#include "cli/fields.h"

static int read_input(struct cli *cli, struct cli_value_source *source, const char *path)
{
    int result = cli_input_open(&source->input, path, &cli->error);
    if (result == 0)
        result = cli_input_all(&source->input, &source->data, &source->size);
    if (result == 0 && source->size == 0)
        result = cli_error_set(&cli->error, CHRONDB_EINVALID, "invalid_json", "there is nothing in '%s'",
                               path != NULL && strcmp(path, "-") != 0 ? path : "standard input");
    if (result == 0 && chrondb_json_check(source->data, source->size) != 0)
        result = cli_error_adopt(&cli->error);
    return result;
}

static int read_fields(struct cli *cli, struct cli_value_source *source, char **args, int count)
{
    for (int i = 0; i < count; i++)
        if (!cli_field_is(args[i]))
            return cli_error_usage(&cli->error, "'%s' is not a field (NAME=TEXT or NAME:=JSON)", args[i]);
    int result = cli_fields_build(&source->fields, args, count, &cli->error);
    if (result == 0 && chrondb_json_check(source->fields.data, source->fields.size) != 0)
        result = cli_error_adopt(&cli->error); /* nested too deep, or too large */
    source->data = source->fields.data;
    source->size = source->fields.size;
    return result;
}

static int read_argument(struct cli *cli, struct cli_value_source *source, const char *argument)
{
    source->data = argument;
    source->size = strlen(argument);
    if (chrondb_json_check(source->data, source->size) == 0)
        return 0;
    cli_error_adopt(&cli->error);
    if (strpbrk(argument, "\"{}[]") == NULL) /* meant as text, or as a field */
        cli_text_adds(&cli->error.message, "; text wants quotes: '\"...\"', a field NAME=TEXT or NAME:=JSON");
    return cli->error.code;
}

static int read_value(struct cli *cli, struct cli_value_source *source, char **args, int count)
{
    if (count == 0 && isatty(STDIN_FILENO))
        return cli_error_usage(&cli->error, "there is no value: give JSON, NAME=TEXT fields, @FILE, or - for standard "
                                            "input");
    if (count == 0)
        return read_input(cli, source, NULL);
    if (count > 1)
        return read_fields(cli, source, args, count);
    if (strcmp(args[0], "-") == 0)
        return read_input(cli, source, NULL);
    if (args[0][0] == '@')
        return read_input(cli, source, args[0] + 1);
    if (cli_field_is(args[0]))
        return read_fields(cli, source, args, count);
    return read_argument(cli, source, args[0]);
}

int cli_value_read(struct cli *cli, struct cli_value_source *source, const char *verb, const char *key, char **args,
                   int count)
{
    *source = (struct cli_value_source){.input = {.fd = -1}};
    int result = read_value(cli, source, args, count);
    if (result != 0) {
        cli_error_context(&cli->error, "cannot %s '%s'", verb, key);
        cli_error_set_key(&cli->error, key);
    }
    return result;
}

void cli_value_release(struct cli_value_source *source)
{
    cli_input_close(&source->input);
    cli_text_release(&source->fields);
}
