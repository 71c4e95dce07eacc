/* SPDX-License-Identifier: MIT */
#include "cli/versions.h"

#include <string.h>

const char *cli_op_word(enum chrondb_op op)
{
    switch (op) {
    case CHRONDB_OP_CREATE:
        return "create";
    case CHRONDB_OP_UPDATE:
        return "update";
    case CHRONDB_OP_DELETE:
        return "delete";
    }
    return "unknown";
}

static size_t name_size(const char *meta)
{
    return strcspn(meta, "=");
}

/* An object has a name once; of repeated ones the last counts. */
static bool is_repeated_later(const chrondb_version_info *version, size_t index)
{
    const char *meta = version->meta[index];
    size_t size = name_size(meta);
    for (size_t i = index + 1; i < version->meta_count; i++)
        if (name_size(version->meta[i]) == size && memcmp(version->meta[i], meta, size) == 0)
            return true;
    return false;
}

/* Can an object tell the same? */
static bool is_object(const chrondb_version_info *version)
{
    for (size_t i = 0; i < version->meta_count; i++)
        if (strchr(version->meta[i], '=') == NULL || is_repeated_later(version, i))
            return false;
    return true;
}

static void output_array(struct cli_output *out, const chrondb_version_info *version)
{
    cli_output_open_array(out, "meta");
    for (size_t i = 0; i < version->meta_count; i++)
        cli_output_string(out, NULL, version->meta[i]);
    cli_output_close(out);
}

static void output_object(struct cli_output *out, const chrondb_version_info *version)
{
    struct cli_text name = {0};
    cli_output_open_object(out, "meta");
    for (size_t i = 0; i < version->meta_count; i++) {
        const char *meta = version->meta[i];
        size_t size = name_size(meta);
        if (is_repeated_later(version, i))
            continue;
        cli_text_clear(&name);
        cli_text_add(&name, meta, size);
        cli_output_string(out, cli_text_string(&name), meta[size] == '=' ? meta + size + 1 : "");
    }
    cli_output_close(out);
    cli_text_release(&name);
}

void cli_output_meta(struct cli_output *out, const chrondb_version_info *version, bool exact)
{
    if (version->meta_count == 0)
        return;
    if (exact && !is_object(version))
        output_array(out, version);
    else
        output_object(out, version);
}

void cli_output_version(struct cli_output *out, const chrondb_version_info *version)
{
    cli_output_commit(out, "commit", version->commit);
    cli_output_time(out, "time", version->time);
    cli_output_string(out, "author", version->author);
    cli_output_string(out, "message", version->message);
    cli_output_meta(out, version, false);
}
