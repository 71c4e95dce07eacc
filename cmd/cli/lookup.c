/* SPDX-License-Identifier: MIT */
#include "cli/lookup.h"

static int print_document(struct cli *cli, chrondb_snapshot *snapshot, const char *key)
{
    chrondb_buffer value = {0};
    int result = chrondb_get(snapshot, key, &value);
    if (result == 0)
        result = cli_output_document(cli->out, value.data, value.size);
    chrondb_buffer_free(&value);
    return result;
}

static int print_record(struct cli_output *out, const char *key, const chrondb_buffer *value)
{
    cli_output_begin(out);
    cli_output_string(out, "key", key);
    if (value != NULL)
        cli_output_json(out, "value", value->data, value->size);
    else
        cli_output_bool(out, "found", false);
    return cli_output_end(out);
}

static int print_records(struct cli *cli, chrondb_snapshot *snapshot, char **keys, int count)
{
    chrondb_buffer value = {0};
    bool missing = false;
    int result = 0;
    cli_output_kind(cli->out, CLI_MANY, "value");
    for (int i = 0; i < count && result == 0; i++) {
        result = chrondb_get(snapshot, keys[i], &value);
        missing |= result == CHRONDB_NOTFOUND;
        if (result >= 0)
            result = print_record(cli->out, keys[i], result == 0 ? &value : NULL);
    }
    chrondb_buffer_free(&value);
    return result == 0 && missing ? CLI_NO : result;
}

int cli_lookup(struct cli *cli, const char *when, char **keys, int count, bool records)
{
    chrondb_snapshot *snapshot = NULL;
    if (count > 1 && !records)
        return cli_error_usage(&cli->error, "several keys need --records");
    int result = cli_snapshot(cli, when, &snapshot);
    if (result == 0)
        result = records ? print_records(cli, snapshot, keys, count) : print_document(cli, snapshot, keys[0]);
    chrondb_snapshot_free(snapshot);
    return result;
}
