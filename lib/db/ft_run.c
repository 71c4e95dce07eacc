/* SPDX-License-Identifier: MIT */
#include "db/ft_run.h"

#include <stdlib.h>
#include <string.h>

#include "chrondb.h"
#include "index/ft_build.h"
#include "text/analyzer.h"
#include "util/array.h"
#include "util/error.h"
#include "util/fault.h"

void cdb_ft_run_init(struct cdb_ft_run *run, const char *language)
{
    memset(run, 0, sizeof(*run));
    run->language = language;
}

static void half_release(struct cdb_ft_half *half)
{
    cdb_ft_builder_free(half->builder);
    cdb_analyzer_free(half->analyzer);
}

void cdb_ft_run_release(struct cdb_ft_run *run)
{
    half_release(&run->alive);
    half_release(&run->past);
    free(run->untils);
    memset(run, 0, sizeof(*run));
}

void cdb_ft_made_release(struct cdb_ft_made *made)
{
    cdb_ft_segment_close(made->segment);
    cdb_ends_close(made->ends);
    cdb_buf_release(&made->data);
    memset(made, 0, sizeof(*made));
}

/* ---- adding ------------------------------------------------------------------------------------ */

static uint32_t half_docs(const struct cdb_ft_half *half)
{
    return half->builder != NULL ? cdb_ft_builder_docs(half->builder) : 0;
}

static int half_begin(struct cdb_ft_half *half, const char *language)
{
    int result = half->analyzer == NULL ? cdb_analyzer_new(&half->analyzer, language) : 0;
    if (result == 0 && half->builder == NULL)
        result = cdb_ft_builder_new(&half->builder, half->analyzer);
    return result;
}

int cdb_ft_run_add(struct cdb_ft_run *run, const char *key, size_t key_len, uint32_t from, uint32_t until,
                   const char *json, size_t len)
{
    struct cdb_ft_half *half = until == CDB_ENDS_NONE ? &run->alive : &run->past;
    int result = half_begin(half, run->language);
    if (result == 0 && half == &run->past)
        result = cdb_array_grow(&run->untils, &run->until_room, run->until_count, sizeof(*run->untils));
    if (result != 0)
        return result;
    bool first = half_docs(half) == 0;
    result = cdb_ft_builder_add(half->builder, key, key_len, from, json, len);
    if (result == CHRONDB_EINVALID) {
        cdb_error_clear();
        result = cdb_ft_builder_add(half->builder, key, key_len, from, NULL, 0);
    }
    if (result != 0)
        return result;
    if (first || from < half->min_from)
        half->min_from = from;
    if (first || from > half->max_from)
        half->max_from = from;
    if (half == &run->past)
        run->untils[run->until_count++] = until;
    return 0;
}

uint64_t cdb_ft_run_docs(const struct cdb_ft_run *run)
{
    return (uint64_t)half_docs(&run->alive) + half_docs(&run->past);
}

size_t cdb_ft_run_bytes(const struct cdb_ft_run *run)
{
    size_t bytes = run->until_room * sizeof(*run->untils);
    bytes += run->alive.builder != NULL ? cdb_ft_builder_bytes(run->alive.builder) : 0;
    return bytes + (run->past.builder != NULL ? cdb_ft_builder_bytes(run->past.builder) : 0);
}

/* ---- finishing --------------------------------------------------------------------------------- */

static int make_ends(const struct cdb_ft_run *run, struct cdb_ft_made *made)
{
    int result = cdb_ends_new(&made->ends, made->named.docs);
    for (uint32_t doc = 0; result == 0 && doc < made->named.docs; doc++)
        result = cdb_ends_set(made->ends, doc, run->untils[doc]);
    return result;
}

static int half_finish(struct cdb_ft_half *half, int dir, struct cdb_ft_made *made)
{
    made->named = (struct cdb_shelf_segment){
        .docs = half_docs(half), .min_from = half->min_from, .max_from = half->max_from, .min_end = CDB_ENDS_NONE};
    if (dir >= 0) {
        int result = cdb_ft_builder_write(half->builder, dir, &made->named.name, &made->named.bytes);
        CDB_FAULT("search-run-written");
        return result;
    }
    int result = cdb_ft_builder_finish(half->builder, &made->data);
    if (result == 0)
        result = cdb_ft_segment_view(&made->segment, made->data.ptr, made->data.len);
    return result;
}

int cdb_ft_run_finish(struct cdb_ft_run *run, int dir, struct cdb_ft_made *out, size_t *count)
{
    struct cdb_ft_half *halves[] = {&run->alive, &run->past};
    int result = 0;
    for (int i = 0; result == 0 && i < 2; i++) {
        struct cdb_ft_made *made = &out[*count];
        if (half_docs(halves[i]) == 0)
            continue;
        memset(made, 0, sizeof(*made));
        result = half_finish(halves[i], dir, made);
        if (result == 0 && halves[i] == &run->past)
            result = make_ends(run, made);
        if (result == 0)
            ++*count;
        else
            cdb_ft_made_release(made);
    }
    run->until_count = 0;
    return result;
}
