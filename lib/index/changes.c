/* SPDX-License-Identifier: MIT
 *
 * What a range of commits changed, key by key. */
#include <stdlib.h>

#include "index/view.h"
#include "util/array.h"
#include "util/error.h"

struct cdb_catalog_changes {
    struct cdb_source *sources;
    struct cdb_keys *keys;
    uint64_t from;
    struct cdb_catalog_version *versions; /* of the key at hand */
    size_t count, room;
};

int cdb_catalog_changes_open(struct cdb_catalog_changes **out, struct cdb_catalog *catalog, uint64_t from, uint64_t end)
{
    struct cdb_catalog_changes *changes = calloc(1, sizeof(*changes));
    struct cdb_catalog_range all = {.end = end};
    size_t count = 0, kept = 0;
    int result;

    if (changes == NULL)
        return cdb_error_memory();
    changes->from = from;
    changes->sources = calloc(catalog->segment_count + 1, sizeof(*changes->sources));
    result = changes->sources == NULL ? cdb_error_memory() : cdb_sources_get(catalog, end, changes->sources, &count);
    for (size_t i = 0; i < count; i++) {
        changes->sources[kept] = changes->sources[i];
        changes->sources[kept].since = from;
        kept += changes->sources[i].limit > from;
    }
    if (result == 0)
        result = cdb_keys_open(&changes->keys, changes->sources, kept, &all);
    if (result == 0)
        *out = changes;
    else
        cdb_catalog_changes_free(changes);
    return result;
}

void cdb_catalog_changes_free(struct cdb_catalog_changes *changes)
{
    if (changes == NULL)
        return;
    cdb_keys_free(changes->keys);
    free(changes->sources);
    free(changes->versions);
    free(changes);
}

static int add(struct cdb_catalog_changes *changes, const struct cdb_catalog_version *version)
{
    int result = cdb_array_grow((void *)&changes->versions, &changes->room, changes->count, sizeof(*version));

    if (result == 0)
        changes->versions[changes->count++] = *version;
    return result;
}

/* The key's versions in one source: 0, or 1: one that is older than the range was met, *existed says what it was. */
static int collect(struct cdb_catalog_changes *changes, const struct cdb_source_cursor *cursor, bool *existed)
{
    struct cdb_source_walk walk;
    struct cdb_catalog_version version;
    int result = cdb_source_walk(&walk, cursor);

    while (result == 0 && (result = cdb_source_walk_next(&walk, &version)) == 0) {
        if (version.position < changes->from) {
            *existed = !cdb_oid_is_zero(&version.blob);
            return 1;
        }
        result = add(changes, &version);
        *existed = walk.existed;
    }
    return result == 1 ? 0 : result;
}

int cdb_catalog_changes_next(struct cdb_catalog_changes *changes, struct cdb_catalog_key_changes *out)
{
    struct cdb_keys *keys = changes->keys;
    int result = 0;

    for (changes->count = 0; changes->count == 0;) {
        result = cdb_keys_next(keys);
        if (result != 0)
            return result;
        out->existed = false;
        for (size_t i = 0; result == 0 && i < keys->match_count; i++)
            result = collect(changes, &keys->cursors[keys->matches[i]], &out->existed);
        if (result < 0)
            return result;
    }
    out->key = keys->key;
    out->key_len = keys->key_len;
    out->versions = changes->versions;
    out->count = changes->count;
    return 0;
}
