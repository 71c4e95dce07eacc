/* SPDX-License-Identifier: MIT */
#include "query/phrase_fields.h"

#include <stdlib.h>
#include <string.h>

#include "index/bytes.h"
#include "util/error.h"

#define FIELDS 8 /* that are read as the search goes */

/* ---- positions ---------------------------------------------------------------------------------- */

int cdb_phrase_reader_init(struct cdb_phrase_reader *reader, struct cdb_run *run, const struct cdb_plan *plan)
{
    size_t n = plan->term_count;

    reader->arena = &run->arena;
    reader->terms = n;
    reader->positions = cdb_arena_alloc(&run->arena, n * sizeof(*reader->positions));
    reader->lists = cdb_arena_alloc(&run->arena, n * sizeof(*reader->lists));
    reader->rooms = cdb_arena_alloc(&run->arena, n * sizeof(*reader->rooms));
    if (reader->positions == NULL || reader->lists == NULL || reader->rooms == NULL)
        return CHRONDB_ESYSTEM;
    memset(reader->rooms, 0, n * sizeof(*reader->rooms));
    return cdb_phrase_init(&reader->phrase, &run->arena, plan->words, plan->word_count, plan->slop);
}

/* Candidates are often next to each other. */
static uint32_t advance(struct cdb_ft_postings *postings, uint32_t doc)
{
    for (unsigned i = 0; i < 4 && postings->count > 0 && postings->doc < doc; i++)
        cdb_ft_next(postings);
    return cdb_ft_advance(postings, doc);
}

static int read_positions(struct cdb_phrase_reader *reader, struct cdb_ft_postings *postings, size_t term, uint32_t doc)
{
    struct cdb_ft_positions positions;
    size_t count = 0;

    if (advance(postings, doc) != doc)
        return postings->result != 0 ? postings->result : cdb_index_damaged("a list of postings is not what it was");
    cdb_ft_positions(&positions, postings);
    while (cdb_ft_position_next(&positions)) {
        if (count == reader->rooms[term]) {
            size_t room = count == 0 ? 64 : 2 * count;
            uint64_t *list = cdb_arena_alloc(reader->arena, room * sizeof(*list));

            if (list == NULL)
                return CHRONDB_ESYSTEM;
            if (count > 0)
                memcpy(list, reader->lists[term], count * sizeof(*list));
            reader->lists[term] = list;
            reader->rooms[term] = room;
        }
        reader->lists[term][count++] = positions.position;
    }
    reader->positions[term] = (struct cdb_positions){reader->lists[term], count};
    return postings->result;
}

int cdb_phrase_read(struct cdb_phrase_reader *reader, struct cdb_ft_postings *places, uint32_t doc, float *freq)
{
    for (size_t t = 0; t < reader->terms; t++) {
        int result = read_positions(reader, &places[t], t, doc);

        if (result != 0)
            return result;
    }
    *freq = cdb_phrase_freq(&reader->phrase, reader->positions);
    return 0;
}

/* ---- which fields ------------------------------------------------------------------------------- */

/* The term's entry for a leaf field, or NULL. */
static const struct cdb_ft_entry *find_entry(const struct cdb_term_part *part, uint32_t field)
{
    size_t low = 0, high = part->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (part->entries[middle].field < field)
            low = middle + 1;
        else
            high = middle;
    }
    return low < part->count && part->entries[low].field == field ? &part->entries[low] : NULL;
}

static const struct cdb_ft_entry *entry_of(const struct cdb_run *run, const struct cdb_plan *plan, size_t term,
                                           uint32_t field)
{
    return find_entry(&plan->terms[term].parts[run->part], field);
}

/* The number of documents with the rarest word; 0 if one of them is not in the field. */
static uint32_t cost_of(const struct cdb_run *run, const struct cdb_plan *plan, uint32_t field)
{
    uint32_t cost = UINT32_MAX;

    for (size_t t = 0; t < plan->term_count; t++) {
        const struct cdb_ft_entry *entry = entry_of(run, plan, t, field);

        if (entry == NULL)
            return 0;
        cost = entry->df < cost ? entry->df : cost;
    }
    return cost;
}

static int compare_fields(const void *a, const void *b)
{
    const struct cdb_phrase_field *x = a, *y = b;

    if (x->cost != y->cost)
        return x->cost < y->cost ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

/* The one with most documents last. */
static int choose_fields(struct cdb_phrase_fields *fields, struct cdb_run *run, const struct cdb_plan *plan)
{
    const struct cdb_term_part *first = &plan->terms[0].parts[run->part];

    fields->list = cdb_arena_alloc(&run->arena, (first->count + 1) * sizeof(*fields->list));
    if (fields->list == NULL)
        return CHRONDB_ESYSTEM;
    for (size_t i = 0; i < first->count; i++) {
        uint32_t number = first->entries[i].field, cost = cost_of(run, plan, number);

        if (cost == 0)
            continue;
        fields->list[fields->count++] = (struct cdb_phrase_field){.cost = cost, .number = number};
        fields->cost += cost;
    }
    if (fields->count > 1)
        qsort(fields->list, fields->count, sizeof(*fields->list), compare_fields);
    return 0;
}

/* ---- opening ------------------------------------------------------------------------------------ */

static int open_field(struct cdb_phrase_field *field, struct cdb_run *run, const struct cdb_plan *plan)
{
    size_t n = plan->term_count;
    bool unnamed = plan->terms[0].parts[run->part].range.field == 0;
    int result = 0;

    field->lists = cdb_arena_alloc(&run->arena, n * sizeof(*field->lists));
    field->places = cdb_arena_alloc(&run->arena, n * sizeof(*field->places));
    field->order = cdb_arena_alloc(&run->arena, n * sizeof(*field->order));
    if (field->lists == NULL || field->places == NULL || field->order == NULL)
        return CHRONDB_ESYSTEM;
    for (size_t t = 0; result == 0 && t < n; t++) {
        const struct cdb_ft_entry *entry = entry_of(run, plan, t, field->number);
        size_t at = t;

        result = cdb_list_open(&field->lists[t], run, entry, unnamed);
        if (result == 0)
            result = cdb_ft_postings_open(&field->places[t], run->segment, entry);
        for (; at > 0 && field->lists[field->order[at - 1]].df > entry->df; at--)
            field->order[at] = field->order[at - 1];
        field->order[at] = (uint32_t)t;
    }
    return result;
}

/* ---- the pile ----------------------------------------------------------------------------------- */

/* How often the phrase is in each document of a field, added to sums. */
static int add_field(struct cdb_phrase_reader *reader, struct cdb_ft_postings *places, const struct cdb_run *run,
                     struct cdb_plan *plan, uint32_t number, float *sums)
{
    size_t n = plan->term_count, rarest = 0, agreed = 0;
    uint32_t doc = 0;
    int result = 0;

    for (size_t t = 0; result == 0 && t < n; t++) {
        result = cdb_ft_postings_open(&places[t], run->segment, entry_of(run, plan, t, number));
        rarest = places[t].df < places[rarest].df ? t : rarest;
    }
    /* Leap from the rarest on until all agree. */
    for (size_t t = rarest; result == 0; t = t + 1 < n ? t + 1 : 0) {
        uint32_t at = cdb_ft_advance(&places[t], doc);
        float freq;

        result = places[t].result;
        if (at == CDB_FT_END || result != 0)
            break;
        agreed = at == doc && agreed > 0 ? agreed + 1 : 1;
        doc = at;
        if (agreed < n)
            continue;
        result = cdb_phrase_read(reader, places, doc, &freq);
        if (result == 0)
            sums[doc] += freq;
        doc++;
        agreed = 0;
    }
    for (size_t t = 0; t < n; t++)
        plan->blocks += places[t].blocks_decoded;
    return result;
}

static int compress(struct cdb_phrase_pile *pile, struct cdb_arena *arena, const float *sums, uint32_t docs)
{
    for (uint32_t doc = 0; doc < docs; doc++)
        pile->count += sums[doc] > 0;
    pile->docs = cdb_arena_alloc(arena, (pile->count + 1) * sizeof(*pile->docs));
    pile->freqs = cdb_arena_alloc(arena, (pile->count + 1) * sizeof(*pile->freqs));
    if (pile->docs == NULL || pile->freqs == NULL)
        return CHRONDB_ESYSTEM;
    pile->count = 0;
    for (uint32_t doc = 0; doc < docs; doc++) {
        pile->docs[pile->count] = doc;
        pile->freqs[pile->count] = sums[doc];
        pile->count += sums[doc] > 0;
        pile->max = sums[doc] > pile->max ? sums[doc] : pile->max;
    }
    return 0;
}

/* Of the first `count` fields. */
static int make_pile(struct cdb_phrase_fields *fields, size_t count, struct cdb_phrase_reader *reader,
                     struct cdb_run *run, struct cdb_plan *plan)
{
    struct cdb_ft_postings *places = cdb_arena_alloc(&run->arena, plan->term_count * sizeof(*places));
    float *sums = calloc((size_t)run->docs + 1, sizeof(*sums));
    int result = places == NULL ? CHRONDB_ESYSTEM : sums == NULL ? cdb_error_memory() : 0;

    for (size_t i = 0; result == 0 && i < count; i++)
        result = add_field(reader, places, run, plan, fields->list[i].number, sums);
    if (result == 0)
        result = compress(&fields->pile, &run->arena, sums, run->docs);
    free(sums);
    return result;
}

int cdb_phrase_fields_open(struct cdb_phrase_fields *fields, struct cdb_phrase_reader *reader, struct cdb_run *run,
                           struct cdb_plan *plan)
{
    int result;

    memset(fields, 0, sizeof(*fields));
    result = choose_fields(fields, run, plan);
    if (result == 0 && fields->count > FIELDS) {
        result = make_pile(fields, fields->count - FIELDS, reader, run, plan);
        fields->list += fields->count - FIELDS;
        fields->count = FIELDS;
    }
    for (size_t i = 0; result == 0 && i < fields->count; i++)
        result = open_field(&fields->list[i], run, plan);
    return result;
}

uint32_t cdb_phrase_pile_next(const struct cdb_phrase_pile *pile, uint32_t target)
{
    size_t at = cdb_docs_seek(pile->docs, 0, pile->count, target);

    return at < pile->count ? pile->docs[at] : CDB_FT_END;
}
