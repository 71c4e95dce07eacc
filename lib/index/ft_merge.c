/* SPDX-License-Identifier: MIT */
#include "index/ft_merge.h"

#include <stdlib.h>
#include <string.h>

#include "index/bytes.h"
#include "index/ft_merger.h"
#include "util/array.h"
#include "util/error.h"

/* ---- documents ---------------------------------------------------------------------------------- */

static bool is_kept(const struct cdb_ft_source *in, uint32_t doc)
{
    return in->keep == NULL || (in->keep[doc / 64] >> doc % 64 & 1) != 0;
}

/* How many are taken, and where they come from. */
static int survey(struct cdb_merger *merger)
{
    uint64_t docs = 0;
    int result = 0;

    merger->min_from = UINT32_MAX;
    for (size_t i = 0; i < merger->count; i++) {
        const struct cdb_ft_source *in = merger->sources[i].in;
        uint32_t count = cdb_ft_docs(in->segment), from;

        for (uint32_t doc = 0; result == 0 && doc < count; doc++) {
            if (!is_kept(in, doc)) {
                merger->filtered = true;
                continue;
            }
            result = cdb_ft_from(in->segment, doc, &from);
            docs++;
            merger->min_from = from < merger->min_from ? from : merger->min_from;
            merger->max_from = from > merger->max_from ? from : merger->max_from;
        }
    }
    if (result == 0 && docs > CDB_FT_DOCS_MAX)
        return cdb_error(CHRONDB_ESYSTEM, "index_too_large", "too many documents for one segment of the index");
    merger->docs = (uint32_t)docs;
    merger->min_from = docs == 0 ? 0 : merger->min_from;
    return result;
}

/* A source that is read document by document. */
struct run {
    struct cdb_merger_source *source;
    struct cdb_ft_keys keys;
    uint32_t from;
    bool ended;
};

/* To the next document that is taken. */
static int next_doc(struct run *run)
{
    int result;

    do {
        result = cdb_ft_keys_next(&run->keys);
        if (result == 0)
            run->source->map[run->keys.next - 1] = CDB_FT_END;
    } while (result == 0 && !is_kept(run->source->in, run->keys.next - 1));
    run->ended = result == 1;
    if (result == 0)
        result = cdb_ft_from(run->source->segment, run->keys.next - 1, &run->from);
    return result == 1 ? 0 : result;
}

static int compare_runs(const struct run *a, const struct run *b)
{
    int order = cdb_bytes_compare(a->keys.key.text, a->keys.key.len, b->keys.key.text, b->keys.key.len);

    return order != 0 ? order : (a->from > b->from) - (a->from < b->from);
}

/* The least of the runs but `other`; NULL if all have ended. */
static struct run *least_run(struct run *runs, size_t count, const struct run *other)
{
    struct run *least = NULL;

    for (size_t i = 0; i < count; i++)
        if (!runs[i].ended && &runs[i] != other && (least == NULL || compare_runs(&runs[i], least) < 0))
            least = &runs[i];
    return least;
}

/* Documents of one run, as long as they are below all others. */
static int write_run(struct cdb_merger *merger, struct run *run, const struct run *others)
{
    struct cdb_ft_writer *writer = &merger->writer;
    int order = others != NULL ? compare_runs(run, others) : -1, result = 0;

    if (order == 0)
        return cdb_index_damaged("two segments of words have the same document");
    while (result == 0 && !run->ended && order < 0) {
        run->source->map[run->keys.next - 1] = writer->docs;
        result = cdb_ft_writer_doc(writer, run->keys.key.text, run->keys.key.len, run->from);
        if (result == 0)
            result = next_doc(run);
        if (result == 0)
            result = cdb_merger_tick(merger);
        if (result == 0 && !run->ended && others != NULL)
            order = compare_runs(run, others);
    }
    return result;
}

/* Sources that come one after the other are nearly always what is merged. */
static bool is_shifted(const struct cdb_merger_source *source)
{
    uint32_t docs = cdb_ft_docs(source->segment);

    if (docs == 0 || source->map[0] == CDB_FT_END)
        return false;
    for (uint32_t i = 1; i < docs; i++)
        if (source->map[i] != source->map[0] + i)
            return false;
    return true;
}

static int write_docs(struct cdb_merger *merger)
{
    struct run *runs = calloc(merger->count + 1, sizeof(*runs)), *run;
    int result = runs == NULL ? cdb_error_memory() : 0;

    for (size_t i = 0; result == 0 && i < merger->count; i++) {
        runs[i].source = &merger->sources[i];
        result = cdb_ft_keys_init(&runs[i].keys, runs[i].source->segment, 0);
        if (result == 0)
            result = next_doc(&runs[i]);
    }
    while (result == 0 && (run = least_run(runs, merger->count, NULL)) != NULL)
        result = write_run(merger, run, least_run(runs, merger->count, run));
    free(runs);
    for (size_t i = 0; result == 0 && i < merger->count; i++)
        merger->sources[i].shifted = is_shifted(&merger->sources[i]);
    return result == 0 ? cdb_ft_writer_end_docs(&merger->writer) : result;
}

/* ---- all ---------------------------------------------------------------------------------------- */

static int init(struct cdb_merger *merger, const struct cdb_ft_source *sources, size_t count)
{
    merger->sources = calloc(count + 1, sizeof(*merger->sources));
    if (merger->sources == NULL)
        return cdb_error_memory();
    for (size_t i = 0; i < count; i++) {
        struct cdb_merger_source *source = &merger->sources[i];

        source->in = &sources[i];
        source->segment = sources[i].segment;
        source->map = malloc(((size_t)cdb_ft_docs(source->segment) + 1) * sizeof(uint32_t));
        merger->count++;
        if (source->map == NULL)
            return cdb_error_memory();
    }
    return 0;
}

static void release(struct cdb_merger *merger)
{
    for (size_t i = 0; i < merger->count; i++) {
        free(merger->sources[i].map);
        free(merger->sources[i].paths);
        free(merger->sources[i].rows);
        free(merger->sources[i].fields);
        free(merger->sources[i].norms);
    }
    free(merger->sources);
    cdb_paths_release(&merger->paths);
    cdb_sink_release(&merger->columns);
    free(merger->path);
    free(merger->number);
    free(merger->rows);
    free(merger->leaves);
    free(merger->stamps);
}

static int write_columns(struct cdb_merger *merger)
{
    uint64_t start;

    cdb_ft_writer_begin_columns(&merger->writer);
    start = cdb_pages_offset(&merger->writer.file);
    cdb_sink_add_sink(&merger->writer.file, &merger->columns);
    cdb_ft_writer_end_columns(&merger->writer);
    for (uint32_t i = 1; i <= merger->fields; i++) {
        struct cdb_ft_row *row = &merger->rows[i];

        row->column = row->leaf ? start + row->column : 0;
    }
    return 0;
}

static int write_all(struct cdb_merger *merger)
{
    int result = write_docs(merger);

    if (result == 0)
        result = cdb_merger_fields(merger);
    if (result == 0)
        result = cdb_merger_norms(merger);
    if (result == 0)
        result = cdb_merger_words(merger);
    if (result == 0)
        result = write_columns(merger);
    if (result == 0) {
        cdb_merger_sum_lengths(merger);
        cdb_ft_writer_fields(&merger->writer, merger->rows, merger->fields);
    }
    return result;
}

int cdb_ft_merge(const struct cdb_ft_source *sources, size_t count, int dir, int (*interrupted)(void *context),
                 void *context, struct cdb_ft_merged *out, uint32_t **maps)
{
    struct cdb_merger *merger = calloc(1, sizeof(*merger)); /* large */
    int result;

    if (merger == NULL)
        return cdb_error_memory();
    merger->interrupted = interrupted;
    merger->context = context;
    cdb_sink_init(&merger->columns, dir, -1);
    result = init(merger, sources, count);
    if (result == 0)
        result = survey(merger);
    if (result == 0) {
        result = cdb_ft_writer_init(&merger->writer, dir, merger->min_from, merger->max_from);
        if (result == 0)
            result = write_all(merger);
        if (result == 0)
            result = cdb_ft_writer_finish(&merger->writer, merger->fields, &out->number, &out->bytes);
        cdb_ft_writer_release(&merger->writer);
    }
    out->docs = merger->docs;
    out->min_from = merger->min_from;
    out->max_from = merger->max_from;
    for (size_t i = 0; result == 0 && maps != NULL && i < count; i++) {
        maps[i] = merger->sources[i].map;
        merger->sources[i].map = NULL;
    }
    release(merger);
    free(merger);
    return result;
}
