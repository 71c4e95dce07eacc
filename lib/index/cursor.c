/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "index/view.h"
#include "util/error.h"

struct cdb_catalog_cursor {
    struct cdb_source *sources;
    struct cdb_keys *keys;
    char *lower, *upper;
};

/* A copy, of which NULL stays NULL. */
static int copy_text(char **out, const char *text, size_t len)
{
    if (text == NULL)
        return 0;
    *out = malloc(len + 1);
    if (*out == NULL)
        return cdb_error_memory();
    memcpy(*out, text, len);
    (*out)[len] = '\0';
    return 0;
}

int cdb_catalog_cursor_open(struct cdb_catalog_cursor **out, struct cdb_catalog *catalog,
                            const struct cdb_catalog_range *range)
{
    struct cdb_catalog_cursor *cursor = calloc(1, sizeof(*cursor));
    struct cdb_catalog_range own = *range;
    size_t count = 0;
    int result;

    if (cursor == NULL)
        return cdb_error_memory();
    cursor->sources = calloc(catalog->segment_count + 1, sizeof(*cursor->sources));
    result =
        cursor->sources == NULL ? cdb_error_memory() : cdb_sources_get(catalog, range->end, cursor->sources, &count);
    if (result == 0)
        result = copy_text(&cursor->lower, range->lower, range->lower_len);
    if (result == 0)
        result = copy_text(&cursor->upper, range->upper, range->upper_len);
    own.lower = cursor->lower;
    own.upper = cursor->upper;
    if (result == 0)
        result = cdb_keys_open(&cursor->keys, cursor->sources, count, &own);
    if (result == 0)
        *out = cursor;
    else
        cdb_catalog_cursor_free(cursor);
    return result;
}

void cdb_catalog_cursor_free(struct cdb_catalog_cursor *cursor)
{
    if (cursor == NULL)
        return;
    cdb_keys_free(cursor->keys);
    free(cursor->sources);
    free(cursor->lower);
    free(cursor->upper);
    free(cursor);
}

/* The newest version of the key that counts: 0, or 1: there is none. */
static int newest(const struct cdb_keys *keys, struct cdb_catalog_version *out)
{
    int result = 1;

    for (size_t i = 0; result == 1 && i < keys->match_count; i++) {
        struct cdb_source_walk walk;

        result = cdb_source_walk(&walk, &keys->cursors[keys->matches[i]]);
        if (result == 0)
            result = cdb_source_walk_next(&walk, out);
    }
    return result;
}

int cdb_catalog_cursor_next(struct cdb_catalog_cursor *cursor, const char **key, size_t *key_len, struct cdb_oid *blob)
{
    struct cdb_catalog_version version;
    int result;

    do {
        result = cdb_keys_next(cursor->keys);
        if (result != 0)
            return result;
        result = newest(cursor->keys, &version);
        if (result < 0)
            return result;
    } while (result == 1 || cdb_oid_is_zero(&version.blob));
    *key = cursor->keys->key;
    *key_len = cursor->keys->key_len;
    *blob = version.blob;
    return 0;
}

/* ---- the versions of one key ---------------------------------------------------------------------- */

struct visit {
    int (*each)(void *context, const struct cdb_catalog_version *version);
    void *context;
    int stop; /* what ended the walk */
};

static int visit_source(const struct cdb_source *source, const char *key, size_t key_len, struct visit *visit)
{
    struct cdb_source_cursor cursor;
    struct cdb_source_walk walk;
    struct cdb_catalog_version version;
    int result = cdb_source_find(&cursor, source, key, key_len);

    if (result == 0)
        result = cdb_source_walk(&walk, &cursor);
    while (result == 0 && visit->stop == 0) {
        result = cdb_source_walk_next(&walk, &version);
        if (result == 0)
            visit->stop = visit->each(visit->context, &version);
    }
    return result == 1 ? 0 : result;
}

int cdb_catalog_versions(struct cdb_catalog *catalog, const char *key, size_t key_len, uint64_t end,
                         int (*each)(void *context, const struct cdb_catalog_version *version), void *context)
{
    struct cdb_source *sources = calloc(catalog->segment_count + 1, sizeof(*sources));
    struct visit visit = {each, context, 0};
    size_t count = 0;
    int result = sources == NULL ? cdb_error_memory() : cdb_sources_get(catalog, end, sources, &count);

    for (size_t i = count; result == 0 && visit.stop == 0 && i-- > 0;)
        result = visit_source(&sources[i], key, key_len, &visit);
    free(sources);
    return result == 0 ? visit.stop : result;
}
