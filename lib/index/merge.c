/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "index/files.h"
#include "index/view.h"
#include "util/error.h"
#include "util/fault.h"

/* Which segments: the policy, or all of them. */
static size_t plan(const struct cdb_manifest *manifest, bool all, size_t *first)
{
    struct cdb_catalog_size *sizes;
    size_t count = manifest->segment_count;

    *first = 0;
    if (all)
        return count > 1 || (count == 1 && manifest->segments[0].until < manifest->segments[0].to) ? count : 0;
    sizes = calloc(count + 1, sizeof(*sizes));
    if (sizes == NULL)
        return 0;
    for (size_t i = 0; i < count; i++)
        sizes[i] = (struct cdb_catalog_size){manifest->segments[i].until - manifest->segments[i].from,
                                             manifest->segments[i].bytes};
    count = cdb_catalog_merge_plan(sizes, count, first);
    free(sizes);
    return count;
}

static int merge_range(struct cdb_catalog *catalog, int dir, struct cdb_manifest *manifest, size_t first, size_t count)
{
    struct cdb_manifest_segment merged;
    int result = cdb_catalog_write(catalog, dir, first, first + count, &merged);

    if (result != 0)
        return result;
    manifest->segments[first] = merged;
    manifest->segment_count -= count - 1;
    memmove(manifest->segments + first + 1, manifest->segments + first + count,
            (manifest->segment_count - first - 1) * sizeof(merged));
    CDB_FAULT("index-merged");
    return cdb_manifest_write(dir, manifest);
}

/* One step: 0; 1: there was nothing to do. */
static int merge_once(int dir, const char *ref, bool all)
{
    struct cdb_catalog *catalog = NULL;
    struct cdb_manifest manifest;
    size_t first, count;
    int result = cdb_manifest_read(&manifest, dir, ref);

    if (result != 0)
        return result;
    count = plan(&manifest, all, &first);
    result = count == 0 ? 1 : cdb_catalog_open(&catalog, dir, ref);
    if (result == 0 && catalog->segment_count != manifest.segment_count)
        result = 1;
    /* One of no commits behind them says what is right at their end. */
    while (result == 0 && first + count < manifest.segment_count &&
           manifest.segments[first + count].until == manifest.segments[first + count].from)
        count++;
    if (result == 0)
        result = merge_range(catalog, dir, &manifest, first, count);
    cdb_catalog_close(catalog);
    cdb_manifest_release(&manifest);
    return result;
}

int cdb_catalog_merge(int dir, const char *ref, bool all)
{
    int result = 0;

    while (result == 0)
        result = merge_once(dir, ref, all);
    return result == 1 ? 0 : result;
}
