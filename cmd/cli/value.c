/* SPDX-License-Identifier: MIT */
#include "cli/value.h"

#include <string.h>
#include <unistd.h>

#include "cli/fields.h"
#include "cli/input.h"
#include "cli/write.h"

struct value {
    const char *data; /* valid JSON, borrowed until release */
    size_t size;
    struct cli_input input;
    struct cli_text fields;
};

static int read_input(struct cli *cli, struct value *source, const char *path)
{
    int result = cli_input_open(&source->input, path, &cli->error);
    if (result == 0)
        result = cli_input_all(&source->input, &source->data, &source->size);
    if (result == 0 && source->size == 0)
        result = cli_error_set(&cli->error, CHRONDB_EINVALID, "invalid_json", "there is nothing %s %s%s%s",
                               source->input.path != NULL ? "in" : "on", cli_input_quote(&source->input),
                               cli_input_name(&source->input), cli_input_quote(&source->input));
    if (result == 0 && chrondb_json_check(source->data, source->size) != 0)
        result = cli_error_adopt(&cli->error);
    return result;
}

static int read_fields(struct cli *cli, struct value *source, char **args, int count)
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

static int read_argument(struct cli *cli, struct value *source, const char *argument)
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

static int read_value(struct cli *cli, struct value *source, char **args, int count)
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

/* Find and check the value that `args` (what follows the key) give. Errors name the key and what was wanted with it:
 * CHRONDB_EUSAGE, CHRONDB_EINVALID, CHRONDB_ESYSTEM. Release in any case. */
static int value_read(struct cli *cli, struct value *source, const char *key, char **args, int count)
{
    int result = read_value(cli, source, args, count);
    if (result != 0) {
        cli_error_context(&cli->error, "cannot %s '%s'", cli->command->name, key);
        cli_error_set_key(&cli->error, key);
    }
    return result;
}

static void value_release(struct value *source)
{
    cli_input_close(&source->input);
    cli_text_release(&source->fields);
}

int cli_write_value(struct cli *cli, int argc, char **argv,
                    int (*add)(chrondb_batch *batch, const char *key, const char *value, size_t size,
                               const chrondb_condition *condition),
                    const char *if_exists_help)
{
    struct cli_write write = {0};
    struct cli_precondition precondition = {0};
    const struct cli_option options[] = {
        CLI_PRECONDITION_OPTIONS(precondition, if_exists_help),
        CLI_WRITE_OPTIONS(write),
        CLI_OPTION_END,
    };
    struct cli_args args;
    struct value value = {.input = {.fd = -1}};
    chrondb_batch *batch = NULL;

    int result = cli_start(cli, options, argc, argv, &args);
    if (result != 0)
        goto out;
    const char *key = args.values[0];
    chrondb_condition condition = cli_condition(&precondition);

    if ((result = chrondb_key_check(key)) != 0 ||
        (result = value_read(cli, &value, key, args.values + 1, args.count - 1)) != 0 ||
        (result = cli_batch_new(cli, &batch)) != 0 ||
        (result = add(batch, key, value.data, value.size, &condition)) != 0 ||
        (result = cli_batch_commit(cli, batch, &write)) != 0)
        goto out;
    result = cli_print_results(cli, batch, CLI_ONE);
out:
    chrondb_batch_free(batch);
    value_release(&value);
    cli_write_release(&write);
    return result;
}
