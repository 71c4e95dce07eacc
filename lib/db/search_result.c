/* SPDX-License-Identifier: MIT
 * What a search found. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "db/handle.h"
#include "db/search.h"
#include "util/error.h"
#include "util/options.h"

int cdb_search_document(struct chrondb_search *search, const char *key_text, size_t len, struct cdb_buf *out)
{
    struct cdb_oid blob;
    int result = cdb_ft_reader_find(search->reader, key_text, len, &blob);
    if (result == 0)
        result = cdb_blob_document(search->db->repo, &blob, out);
    if (result != 0)
        cdb_error_about("cannot read", key_text);
    return result;
}

int cdb_search_tell_facets(struct chrondb_search *search)
{
    for (size_t i = 0; i < search->asked.facet_count; i++) {
        const struct cdb_search_facet_counts *found = &search->result.facets[i];
        chrondb_facet *values = cdb_arena_alloc(&search->arena, (found->count + 1) * sizeof(*values));
        if (values == NULL)
            return CHRONDB_ESYSTEM;
        for (size_t n = 0; n < found->count; n++)
            values[n] = (chrondb_facet){found->values[n].value, found->values[n].len, found->values[n].count};
        search->facets[i] = values;
    }
    return 0;
}

static int tell_scores(struct chrondb_search *search, const struct cdb_search_hit *found, chrondb_hit *hit)
{
    chrondb_score *scores = cdb_arena_alloc(&search->arena, (found->score_count + 1) * sizeof(*scores));
    if (scores == NULL)
        return CHRONDB_ESYSTEM;
    for (size_t i = 0; i < found->score_count; i++)
        scores[i] = (chrondb_score){found->scores[i].depth, found->scores[i].value, found->scores[i].text};
    hit->scores = scores;
    hit->score_count = found->score_count;
    return 0;
}

/* Were scores needed to find the hits? */
static bool has_scores(const struct chrondb_search *search)
{
    static const char name[] = "_score";
    bool has = search->asked.sort_count == 0;
    for (size_t i = 0; i < search->asked.sort_count; i++)
        has |= search->asked.sort[i].field_len == strlen(name) &&
               memcmp(search->asked.sort[i].field, name, strlen(name)) == 0;
    return has;
}

int chrondb_search_next(chrondb_search *search, chrondb_hit *hit)
{
    if (search == NULL || hit == NULL)
        return cdb_error_null();
    int result = cdb_enter(search->db->repo);
    if (result != 0 || search->next >= search->result.count)
        return result != 0 ? result : CHRONDB_END;
    const struct cdb_search_hit *found = &search->result.hits[search->next];
    *hit = (chrondb_hit){.key = found->key, .score = has_scores(search) ? (double)found->score : NAN};
    result = search->options.explain != 0 ? tell_scores(search, found, hit) : 0;
    if (result == 0 && search->options.keys_only == 0) {
        result = cdb_search_document(search, found->key, found->key_len, &search->value);
        hit->value = cdb_buf_str(&search->value);
        hit->value_size = search->value.len;
    }
    search->next += result == 0;
    return result;
}

uint64_t chrondb_search_total(const chrondb_search *search)
{
    return search != NULL && search->asked.total ? search->result.total : 0;
}

const char *chrondb_search_cursor(const chrondb_search *search)
{
    return search != NULL ? search->result.next : NULL;
}

const char *chrondb_search_commit(const chrondb_search *search)
{
    return search != NULL && search->commit[0] != '\0' ? search->commit : NULL;
}

size_t chrondb_search_facet(const chrondb_search *search, size_t index, const chrondb_facet **values,
                            uint64_t *distinct)
{
    if (values != NULL)
        *values = NULL;
    if (distinct != NULL)
        *distinct = 0;
    if (search == NULL || values == NULL || index >= search->asked.facet_count || search->result.facets == NULL)
        return 0;
    const struct cdb_search_facet_counts *found = &search->result.facets[index];
    *values = search->facets[index];
    if (distinct != NULL)
        *distinct = found->distinct;
    return found->count;
}

int chrondb_search_step(const chrondb_search *search, size_t index, chrondb_step *step)
{
    if (search == NULL || step == NULL)
        return cdb_error_null();
    if (search->options.explain == 0 || index >= search->result.plan_count)
        return CHRONDB_END;
    const struct cdb_search_step *at = &search->result.plan[index];
    *step = (chrondb_step){.depth = at->depth,
                           .kind = at->kind,
                           .text = at->text,
                           .how = at->how,
                           .df = at->df,
                           .documents = at->documents,
                           .weight = at->weight,
                           .average_length = at->average_length,
                           .forms = at->forms,
                           .postings = at->postings,
                           .blocks = at->blocks,
                           .skipped = at->skipped,
                           .verified = at->verified};
    return 0;
}

void chrondb_search_get_stats(const chrondb_search *search, chrondb_search_stats *stats)
{
    if (search == NULL || stats == NULL)
        return;
    chrondb_search_stats known = {.segments = search->reader->view.count, .caught_up = search->reader->caught_up};
    cdb_report_write(stats, &known, sizeof(known));
}

int chrondb_search_highlight(chrondb_search *search, const char *json, size_t size, const chrondb_mark **marks,
                             size_t *count)
{
    if (search == NULL || json == NULL || marks == NULL || count == NULL)
        return cdb_error_null();
    *count = 0;
    *marks = NULL;
    int result = cdb_enter(search->db->repo);
    if (result == 0)
        result = chrondb_json_check(json, size);
    if (result != 0)
        return result;
    free(search->marks);
    free(search->told_marks);
    search->marks = NULL;
    search->told_marks = NULL;
    result = cdb_highlight(&search->marks, count, search->query, search->analyzer, json, size);
    if (result != 0)
        return result;
    search->told_marks = calloc(*count + 1, sizeof(*search->told_marks));
    if (search->told_marks == NULL)
        return cdb_error_memory();
    for (size_t i = 0; i < *count; i++)
        search->told_marks[i] = (chrondb_mark){search->marks[i].start, search->marks[i].end};
    *marks = search->told_marks;
    return 0;
}
