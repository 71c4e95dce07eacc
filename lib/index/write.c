/* SPDX-License-Identifier: MIT
 *
 * Several sources as one segment: the memory that is saved, or segments that are merged, key by key. */
#include <stdlib.h>
#include <string.h>

#include "index/view.h"
#include "util/array.h"
#include "util/error.h"

struct job {
    struct cdb_catalog *catalog;
    struct cdb_segment_writer *writer;
    struct cdb_source *sources;
    size_t count;
    uint64_t from, to;
    bool drop_empty; /* tables without documents: no older segment mentions them */
};

/* ---- keys --------------------------------------------------------------------------------------- */

/* The key, if it has versions that count. */
static int write_key(struct job *job, const struct cdb_keys *keys, struct cdb_source_walk *walks)
{
    struct cdb_catalog_version version;
    size_t first = keys->match_count;
    bool existed = false;
    int result = 0;

    /* Whether it existed before is what the oldest source says that has a version of it. */
    for (size_t i = keys->match_count; result == 0 && i-- > 0 && first == keys->match_count;) {
        result = cdb_source_walk(&walks[i], &keys->cursors[keys->matches[i]]);
        if (result == 0 && cdb_source_walk_next(&walks[i], &version) == 0) {
            existed = walks[i].existed;
            first = i;
        }
    }
    if (result != 0 || first == keys->match_count)
        return result;
    result = cdb_segment_writer_key(job->writer, keys->key, keys->key_len, existed);
    for (size_t i = 0; result == 0 && i <= first; i++) {
        result = cdb_source_walk(&walks[i], &keys->cursors[keys->matches[i]]);
        while (result == 0 && (result = cdb_source_walk_next(&walks[i], &version)) == 0)
            result = cdb_segment_writer_version(job->writer, &version);
        if (result == 1)
            result = 0;
    }
    return result;
}

static int write_keys(struct job *job)
{
    static const struct cdb_catalog_range everything;
    struct cdb_source_walk *walks = malloc((job->count + 1) * sizeof(*walks));
    struct cdb_keys *keys = NULL;
    int result = walks == NULL ? cdb_error_memory() : cdb_keys_open(&keys, job->sources, job->count, &everything);

    while (result == 0 && (result = cdb_keys_next(keys)) == 0)
        result = write_key(job, keys, walks);
    cdb_keys_free(keys);
    free(walks);
    return result == 1 ? 0 : result;
}

/* ---- commits and ids ---------------------------------------------------------------------------- */

static int write_commits(struct job *job)
{
    struct cdb_catalog_commit commit;
    int result = 0;

    for (size_t i = 0; result == 0 && i < job->count; i++) {
        for (uint64_t position = job->sources[i].from; result == 0 && position < job->sources[i].limit; position++) {
            result = cdb_catalog_commit(job->catalog, position, &commit);
            if (result == 0)
                result = cdb_segment_writer_commit(job->writer, &commit);
        }
    }
    return result;
}

/* Ids of one source, in order. */
struct id_list {
    const struct cdb_source *source;
    uint64_t *sorted; /* memory: id's prefix, delta */
    size_t next, count;
    uint64_t current; /* prefix, delta from the job's beginning */
    bool there;
};

static int compare_ids(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static int open_ids(struct id_list *list, const struct cdb_source *source)
{
    const struct cdb_memory *memory = source->memory;

    *list = (struct id_list){.source = source};
    if (source->segment != NULL) {
        list->count = source->segment->ids.count;
        return 0;
    }
    list->count = (size_t)(source->limit - source->from);
    list->sorted = malloc(list->count * sizeof(*list->sorted));
    if (list->sorted == NULL)
        return cdb_error_memory();
    for (size_t i = 0; i < list->count; i++)
        list->sorted[i] = (uint64_t)cdb_segment_id_prefix(&memory->commits[i].id) << 32 | i;
    qsort(list->sorted, list->count, sizeof(*list->sorted), compare_ids);
    return 0;
}

/* To the next one that counts. */
static int next_id(const struct job *job, struct id_list *list)
{
    uint64_t shift = list->source->from - job->from;

    for (list->there = false; !list->there && list->next < list->count; list->next++) {
        uint32_t prefix, delta;

        if (list->sorted != NULL) {
            prefix = (uint32_t)(list->sorted[list->next] >> 32);
            delta = (uint32_t)list->sorted[list->next];
        } else {
            int result = cdb_segment_id(list->source->segment, list->next, &prefix, &delta);
            if (result != 0)
                return result;
        }
        if (list->source->from + delta >= list->source->limit)
            continue;
        list->current = (uint64_t)prefix << 32 | (delta + shift);
        list->there = true;
    }
    return 0;
}

static int merge_ids(struct job *job, struct id_list *lists)
{
    int result = 0;

    for (size_t i = 0; result == 0 && i < job->count; i++)
        result = next_id(job, &lists[i]);
    while (result == 0) {
        struct id_list *first = NULL;

        for (size_t i = 0; i < job->count; i++)
            if (lists[i].there && (first == NULL || lists[i].current < first->current))
                first = &lists[i];
        if (first == NULL)
            break;
        result = cdb_segment_writer_id(job->writer, (uint32_t)(first->current >> 32), (uint32_t)first->current);
        if (result == 0)
            result = next_id(job, first);
    }
    return result;
}

static int write_ids(struct job *job)
{
    struct id_list *lists = calloc(job->count + 1, sizeof(*lists));
    int result = lists == NULL ? cdb_error_memory() : 0;

    if (job->to - job->from > UINT32_MAX)
        result = cdb_error(CHRONDB_ESYSTEM, "io_error", "too many commits for one segment of the index");
    for (size_t i = 0; result == 0 && i < job->count; i++)
        result = open_ids(&lists[i], &job->sources[i]);
    if (result == 0)
        result = merge_ids(job, lists);
    for (size_t i = 0; lists != NULL && i < job->count; i++)
        free(lists[i].sorted);
    free(lists);
    return result;
}

/* ---- tables, and all together --------------------------------------------------------------------- */

static int write_table(void *context, const char *table, size_t len, uint64_t count)
{
    struct job *job = context;

    return count > 0 || !job->drop_empty ? cdb_segment_writer_table(job->writer, table, len, count) : 0;
}

static int write_all(struct job *job, size_t first, struct cdb_manifest_segment *out)
{
    struct cdb_segment_totals totals;
    const struct cdb_overlay *overlay;
    int result = write_keys(job);

    if (result == 0)
        result = write_commits(job);
    if (result == 0)
        result = write_ids(job);
    if (result == 0)
        result = cdb_overlay_get(job->catalog, job->to, &overlay);
    if (result == 0)
        result = cdb_overlay_walk(job->catalog, overlay, first < overlay->segments ? first : overlay->segments,
                                  write_table, job);
    if (result == 0) {
        totals = (struct cdb_segment_totals){overlay->documents, overlay->tables};
        result = cdb_segment_writer_finish(job->writer, &totals, &out->name, &out->bytes);
    }
    return result;
}

int cdb_catalog_write(struct cdb_catalog *catalog, int dir, size_t first, size_t last, struct cdb_manifest_segment *out)
{
    struct job job = {.catalog = catalog, .drop_empty = first == 0};
    size_t skipped = 0;
    int result;

    job.from = first < catalog->segment_count ? catalog->segments[first].segment->from : catalog->memory.from;
    job.to = last > catalog->segment_count ? cdb_catalog_count(catalog) : catalog->segments[last - 1].until;
    job.sources = calloc(catalog->segment_count + 1, sizeof(*job.sources));
    if (job.sources == NULL)
        return cdb_error_memory();
    result = cdb_sources_get(catalog, job.to, job.sources, &job.count);
    /* Those before `first` are left out; and those of no commits are not among them. */
    while (skipped < job.count && job.sources[skipped].from < job.from)
        skipped++;
    job.count -= skipped;
    memmove(job.sources, job.sources + skipped, job.count * sizeof(*job.sources));
    if (result == 0)
        result = cdb_segment_writer_new(&job.writer, dir, job.from);
    if (result == 0)
        result = write_all(&job, first, out);
    cdb_segment_writer_free(job.writer);
    free(job.sources);
    out->from = job.from;
    out->to = out->until = job.to;
    return result;
}
