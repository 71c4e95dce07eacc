/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/cli.h"
#include "cli/suggest.h"
#include "cli/write.h"

/* What stands behind the subcommand, or, without one, what would. */
struct request {
    struct cli *cli;
    const char *name, *value;
    bool shorthand; /* no subcommand was given */
};

struct subcommand {
    const char *word;
    int (*run)(const struct request *request);
    int arguments;
    const char *usage;
};

/* ---- list -------------------------------------------------------------------------------------- */

static void warn(struct cli *cli, const chrondb_setting *setting)
{
    struct cli_text text = {0};
    cli_text_addf(&text, "'%s' is set to '%s', which is not allowed; 'chrondb config get %s' tells what is",
                  setting->name, setting->value, setting->name);
    if (!cli->quiet)
        cli_notice_print("warning", cli_text_string(&text));
    cli_text_release(&text);
}

static int print_setting(void *context, const chrondb_setting *setting)
{
    struct cli *cli = context;
    struct cli_output *out = cli->out;
    if (!setting->is_valid)
        warn(cli, setting);
    cli_output_begin(out);
    cli_output_string(out, "name", setting->name);
    cli_output_string(out, "value", setting->value);
    cli_output_string(out, "default", setting->default_value);
    cli_output_bool(out, "set", setting->is_set != 0);
    cli_output_string(out, "description", setting->description);
    return cli_output_end(out);
}

static int run_list(const struct request *request)
{
    cli_output_kind(request->cli->out, CLI_MANY, "name");
    return chrondb_config_list(request->cli->db, print_setting, request->cli);
}

/* ---- get, set, unset --------------------------------------------------------------------------- */

static int print_record(struct cli_output *out, const char *name, const char *value, const char *status)
{
    cli_output_kind(out, CLI_ONE, "value");
    cli_output_begin(out);
    cli_output_string(out, "name", name);
    cli_output_string(out, "value", value);
    if (status != NULL)
        cli_output_string(out, "status", status);
    return cli_output_end(out);
}

/* The value is the answer; a record for who asks for a format. */
static int run_get(const struct request *request)
{
    struct cli *cli = request->cli;
    chrondb_buffer value = {0};
    int result = chrondb_config_get(cli->db, request->name, &value);
    if (result == 0 && cli->format == CLI_FORMAT_DEFAULT)
        result = cli_output_document(cli->out, value.data, value.size);
    else if (result == 0)
        result = print_record(cli->out, request->name, value.data, NULL);
    chrondb_buffer_free(&value);
    return result;
}

static int run_set(const struct request *request)
{
    enum chrondb_status status = CHRONDB_UNCHANGED;
    struct cli *cli = request->cli;
    int result = chrondb_config_set(cli->db, request->name, request->value, cli_lock_timeout(cli), &status);
    return result == 0 ? print_record(cli->out, request->name, request->value, cli_status_word(status)) : result;
}

static int run_unset(const struct request *request)
{
    enum chrondb_status status = CHRONDB_UNCHANGED;
    struct cli *cli = request->cli;
    chrondb_buffer value = {0};
    int result = chrondb_config_unset(cli->db, request->name, cli_lock_timeout(cli), &status);
    if (result == 0)
        result = chrondb_config_get(cli->db, request->name, &value);
    if (result == 0)
        result = print_record(cli->out, request->name, value.data, cli_status_word(status));
    chrondb_buffer_free(&value);
    return result;
}

/* ---- the command ------------------------------------------------------------------------------- */

static const struct subcommand subcommands[] = {
    {"get", run_get, 1, "get NAME"},
    {"set", run_set, 2, "set NAME VALUE"},
    {"unset", run_unset, 1, "unset NAME"},
    {"list", run_list, 0, "list"},
    {NULL, NULL, 0, NULL},
};

static const struct subcommand *find(const char *word)
{
    for (const struct subcommand *s = subcommands; s->word != NULL; s++)
        if (strcmp(s->word, word) == 0)
            return s;
    return NULL;
}

static void complain(struct cli *cli, const struct subcommand *subcommand, int count)
{
    const char *complaint = subcommand->arguments == 0      ? "takes no arguments"
                            : count > subcommand->arguments ? "takes fewer arguments"
                            : count == 0                    ? "needs an argument"
                                                            : "needs one more argument";
    cli_error_usage(&cli->error, "config %s %s: chrondb config %s", subcommand->word, complaint, subcommand->usage);
}

/* NULL with the error set. Settings have no names like the subcommands. */
static const struct subcommand *read_request(struct request *request, const struct cli_args *args)
{
    struct cli *cli = request->cli;
    const struct subcommand *found = find(args->values[0]);
    request->shorthand = found == NULL;
    int first = request->shorthand ? 0 : 1, count = args->count - first;
    if (found == NULL && count > 2) {
        cli_error_usage(&cli->error, "no such subcommand '%s': chrondb config get|set|unset|list", args->values[0]);
        return NULL;
    }
    if (found == NULL)
        found = find(count == 1 ? "get" : "set");
    if (count != found->arguments) {
        complain(cli, found, count);
        return NULL;
    }
    request->name = count > 0 ? args->values[first] : NULL;
    request->value = count > 1 ? args->values[first + 1] : NULL;
    return found;
}

struct nearest {
    struct cli_suggestion best;
    char word[64];
};

static int offer(void *context, const chrondb_setting *setting)
{
    struct nearest *nearest = context;
    size_t size = strlen(setting->name);
    const char *before = nearest->best.word;
    cli_suggestion_offer(&nearest->best, setting->name);
    if (nearest->best.word == before || size >= sizeof nearest->word)
        return 0;
    memcpy(nearest->word, setting->name, size + 1); /* the name is only lent to us */
    nearest->best.word = nearest->word;
    return 0;
}

/* Names the nearest name instead of all, if there is one. */
static int explain_unknown(const struct request *request, int result)
{
    struct cli *cli = request->cli;
    struct nearest nearest;
    cli_error_adopt(&cli->error);
    cli_suggestion_init(&nearest.best, request->name);
    for (const struct subcommand *s = subcommands; request->shorthand && s->word != NULL; s++)
        cli_suggestion_offer(&nearest.best, s->word);
    if (chrondb_config_list(cli->db, offer, &nearest) != 0 || nearest.best.word == NULL)
        return result;
    cli_text_clear(&cli->error.message);
    cli_text_addf(&cli->error.message, "no such setting '%s'; did you mean '%s'?", request->name, nearest.best.word);
    return result;
}

int cmd_config(struct cli *cli, int argc, char **argv)
{
    const struct cli_option options[] = {CLI_OPTION_END};
    struct cli_args args;
    struct request request = {.cli = cli};

    int result = cli_start(cli, options, argc, argv, &args);
    if (result != 0)
        return result;
    const struct subcommand *subcommand = read_request(&request, &args);
    if (subcommand == NULL)
        return cli->error.code;
    result = cli_open(cli);
    if (result == 0)
        result = subcommand->run(&request);
    if (result == CHRONDB_EUSAGE && cli->error.code == 0 && strcmp(chrondb_last_error()->name, "unknown_setting") == 0)
        result = explain_unknown(&request, result);
    return result;
}
