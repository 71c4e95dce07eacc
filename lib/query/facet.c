/* SPDX-License-Identifier: MIT */
#include "query/facet.h"

#include <stdlib.h>
#include <string.h>

#include "util/array.h"
#include "util/error.h"

int cdb_facets_init(struct cdb_facets *facets, struct cdb_arena *arena, struct cdb_documents *documents,
                    const struct cdb_search_options *options)
{
    *facets = (struct cdb_facets){.arena = arena, .documents = documents};
    if (options->facet_count == 0)
        return 0;
    facets->list = cdb_arena_alloc(arena, options->facet_count * sizeof(*facets->list));
    if (facets->list == NULL)
        return CHRONDB_ESYSTEM;
    memset(facets->list, 0, options->facet_count * sizeof(*facets->list));
    facets->count = options->facet_count;
    for (size_t i = 0; i < facets->count; i++) {
        facets->list[i].asked = &options->facets[i];
        facets->list[i].field = (struct cdb_query_string){options->facets[i].field, options->facets[i].field_len};
    }
    return 0;
}

void cdb_facets_release(struct cdb_facets *facets)
{
    for (size_t i = 0; i < facets->count; i++) {
        free(facets->list[i].values);
        free(facets->list[i].slots);
    }
    facets->count = 0;
}

/* ---- values ------------------------------------------------------------------------------------- */

static bool is_same(const struct cdb_facet_value *a, const struct cdb_facet_value *b)
{
    if (cdb_value_compare(&a->value, &b->value) != 0)
        return false;
    return a->text == NULL || cdb_scalar_compare(a->type, a->text, a->len, b->type, b->text, b->len) == 0;
}

/* Numbers that are inexact may be equal and spelt differently. */
static uint64_t hash_of(const struct cdb_facet_value *value)
{
    if (value->text != NULL && value->type == CDB_JSON_STRING)
        return cdb_bytes_hash(value->text, value->len);
    return cdb_bytes_hash((const char *)value->value.bytes, value->value.len);
}

static uint32_t *find_slot(const struct cdb_facet *facet, const struct cdb_facet_value *value)
{
    size_t at = (size_t)hash_of(value) & (facet->slot_room - 1);

    while (facet->slots[at] != 0 && !is_same(&facet->values[facet->slots[at] - 1], value))
        at = (at + 1) & (facet->slot_room - 1);
    return &facet->slots[at];
}

static int grow_slots(struct cdb_facet *facet)
{
    size_t room = facet->slot_room == 0 ? 64 : 2 * facet->slot_room;
    uint32_t *slots = calloc(room, sizeof(*slots));

    if (slots == NULL)
        return cdb_error_memory();
    free(facet->slots);
    facet->slots = slots;
    facet->slot_room = room;
    for (size_t i = 0; i < facet->count; i++)
        *find_slot(facet, &facet->values[i]) = (uint32_t)(i + 1);
    return 0;
}

int cdb_facet_find(struct cdb_facets *facets, struct cdb_facet *facet, const struct cdb_facet_value *value,
                   struct cdb_facet_value **out)
{
    uint32_t *slot;

    if (2 * facet->count >= facet->slot_room && grow_slots(facet) != 0)
        return CHRONDB_ESYSTEM;
    slot = find_slot(facet, value);
    if (*slot == 0) {
        if (facet->count >= UINT32_MAX - 1)
            return cdb_error_memory();
        if (cdb_array_grow(&facet->values, &facet->room, facet->count, sizeof(*facet->values)) != 0)
            return CHRONDB_ESYSTEM;
        facet->values[facet->count] = *value;
        if (value->text != NULL) {
            facet->values[facet->count].text = cdb_arena_copy(facets->arena, value->text, value->len);
            if (facet->values[facet->count].text == NULL)
                return CHRONDB_ESYSTEM;
        }
        *slot = (uint32_t)++facet->count;
    }
    *out = &facet->values[*slot - 1];
    return 0;
}

/* Once for each document. */
static int count_once(struct cdb_facets *facets, struct cdb_facet *facet, const struct cdb_facet_value *value)
{
    struct cdb_facet_value *found;
    int result = cdb_facet_find(facets, facet, value, &found);

    if (result != 0)
        return result;
    found->count += found->document != facets->document;
    found->document = facets->document;
    return 0;
}

/* ---- segments ----------------------------------------------------------------------------------- */

/* Which ordinals have inexact values? */
static int note_inexact(struct cdb_run *run, struct cdb_facet_column *column)
{
    struct cdb_column_cursor cursor;
    size_t words = column->column.values / 64 + 1;
    int result = cdb_column_cursor_init(&cursor, &column->column, 0);

    while (result == 0 && (result = cdb_column_cursor_next(&cursor)) == 0) {
        if (cdb_value_is_exact(cursor.value.bytes, cursor.value.len))
            continue;
        if (column->inexact == NULL) {
            column->inexact = cdb_arena_alloc(&run->arena, words * sizeof(*column->inexact));
            if (column->inexact == NULL)
                return CHRONDB_ESYSTEM;
            memset(column->inexact, 0, words * sizeof(*column->inexact));
        }
        column->inexact[(cursor.next - 1) / 64] |= UINT64_C(1) << (cursor.next - 1) % 64;
    }
    return result < 0 ? result : 0;
}

static int open_column(struct cdb_run *run, struct cdb_facet *facet, uint32_t number)
{
    struct cdb_facet_column *column = &facet->columns[facet->column_count];
    int result = cdb_ft_column(run->segment, number, &column->column);

    if (result != 0)
        return result < 0 ? result : 0;
    column->inexact = NULL;
    column->counts = NULL;
    facet->column_count++;
    return 0;
}

/* Of the only column. */
static int prepare_counts(struct cdb_run *run, struct cdb_facet_column *column)
{
    column->counts = cdb_arena_alloc(&run->arena, column->column.values * sizeof(*column->counts));
    if (column->counts == NULL)
        return CHRONDB_ESYSTEM;
    memset(column->counts, 0, column->column.values * sizeof(*column->counts));
    return note_inexact(run, column);
}

int cdb_facets_begin(struct cdb_facets *facets, struct cdb_run *run)
{
    facets->run = run;
    for (size_t i = 0; i < facets->count; i++) {
        struct cdb_facet *facet = &facets->list[i];
        struct cdb_ft_range range;
        int result = cdb_ft_find_field(run->segment, facet->field.ptr, facet->field.len, &range);

        facet->column_count = 0;
        if (result < 0)
            return result;
        if (result != 0)
            continue;
        facet->columns = cdb_arena_alloc(&run->arena, (range.last - range.first) * sizeof(*facet->columns));
        if (facet->columns == NULL)
            return CHRONDB_ESYSTEM;
        for (uint32_t number = range.first; result == 0 && number < range.last; number++)
            result = open_column(run, facet, number);
        if (result == 0 && facet->column_count == 1)
            result = prepare_counts(run, &facet->columns[0]);
        facet->hits.words = NULL;
        if (result == 0 && facet->column_count > 1)
            result = cdb_docset_need(&facet->hits, &run->arena, run->docs);
        if (result != 0)
            return result;
    }
    return 0;
}

/* A scalar of a document that has long ones. */
struct counting {
    struct cdb_facets *facets;
    struct cdb_facet *facet;
};

static int count_inexact(void *context, const struct cdb_scalar *scalar)
{
    struct counting *counting = context;
    struct cdb_facet_value value = {.type = scalar->type, .text = scalar->text, .len = scalar->len};

    cdb_scalar_value(scalar, &value.value);
    if (cdb_value_is_exact(value.value.bytes, value.value.len))
        return 0; /* counted by its ordinal */
    return count_once(counting->facets, counting->facet, &value);
}

int cdb_facet_add_inexact(struct cdb_facets *facets, struct cdb_facet *facet, uint32_t doc)
{
    struct counting counting = {facets, facet};

    facets->document++;
    return cdb_documents_each(facets->documents, facets->run->part, doc, &facet->field, count_inexact, &counting);
}

/* One document of the only column, which has long values. */
static int add_document(struct cdb_facets *facets, struct cdb_facet *facet, uint32_t doc)
{
    struct cdb_facet_column *column = &facet->columns[0];
    bool inexact = false;
    uint64_t start;
    uint32_t count;
    int result = cdb_column_find(&column->column, doc, &start, &count);

    for (uint32_t i = 0; result == 0 && i < count; i++) {
        uint32_t ordinal;

        result = cdb_column_list(&column->column, start + i, 1, &ordinal);
        if (result != 0 || ordinal >= column->column.values)
            return result;
        if ((column->inexact[ordinal / 64] >> ordinal % 64 & 1) != 0)
            inexact = true;
        else
            column->counts[ordinal]++;
    }
    return result == 0 && inexact ? cdb_facet_add_inexact(facets, facet, doc) : result;
}

int cdb_facets_add(struct cdb_facets *facets, const uint32_t *docs, size_t count)
{
    uint64_t bits[CDB_WINDOW / 64] = {0};
    uint32_t from = count > 0 ? docs[0] : 0;
    int result = 0;

    if (facets->count == 0 || count == 0)
        return 0;
    for (size_t i = 0; i < count; i++)
        bits[(docs[i] - from) / 64] |= UINT64_C(1) << (docs[i] - from) % 64;
    for (size_t f = 0; result == 0 && f < facets->count; f++) {
        struct cdb_facet *facet = &facets->list[f];

        if (facet->column_count == 1 && facet->columns[0].inexact == NULL) {
            result = cdb_column_count(&facet->columns[0].column, from, docs[count - 1] - from + 1, bits,
                                      facet->columns[0].counts);
            continue;
        }
        for (size_t i = 0; facet->column_count > 1 && i < count; i++)
            cdb_docset_add(&facet->hits, docs[i]);
        for (size_t i = 0; result == 0 && facet->column_count == 1 && i < count; i++)
            result = add_document(facets, facet, docs[i]);
    }
    return result;
}

/* What was counted by ordinals. */
static int add_counts(struct cdb_facets *facets, struct cdb_facet *facet)
{
    struct cdb_facet_column *column = &facet->columns[0];
    struct cdb_column_cursor cursor;
    int result = cdb_column_cursor_init(&cursor, &column->column, 0);

    while (result == 0 && (result = cdb_column_cursor_next(&cursor)) == 0) {
        struct cdb_facet_value value = {.value = cursor.value}, *found;

        if (column->counts[cursor.next - 1] == 0)
            continue;
        result = cdb_facet_find(facets, facet, &value, &found);
        if (result == 0)
            found->count += column->counts[cursor.next - 1];
    }
    return result < 0 ? result : 0;
}

int cdb_facets_end(struct cdb_facets *facets)
{
    int result = 0;

    for (size_t i = 0; result == 0 && i < facets->count; i++) {
        if (facets->list[i].column_count == 1)
            result = add_counts(facets, &facets->list[i]);
        else if (facets->list[i].column_count > 1)
            result = cdb_facet_end_many(facets, &facets->list[i]);
    }
    return result;
}

/* ---- the answer --------------------------------------------------------------------------------- */

static int compare_values(const void *a, const void *b)
{
    const struct cdb_facet_value *x = a, *y = b;
    int order;

    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    order = cdb_value_compare(&x->value, &y->value);
    if (order != 0 || x->text == NULL || y->text == NULL)
        return order;
    return cdb_scalar_compare(x->type, x->text, x->len, y->type, y->text, y->len);
}

static int finish_value(struct cdb_facets *facets, const struct cdb_facet_value *value, struct cdb_search_count *out)
{
    struct cdb_buf json = CDB_BUF_INIT;
    int result;

    if (value->text == NULL)
        cdb_value_format(&json, value->value.bytes, value->value.len);
    else if (value->type == CDB_JSON_STRING)
        cdb_json_quote(&json, value->text, value->len);
    else
        cdb_buf_add(&json, value->text, value->len);
    result = cdb_buf_check(&json);
    if (result == 0) {
        *out = (struct cdb_search_count){cdb_arena_copy(facets->arena, json.ptr, json.len), json.len, value->count};
        result = out->value == NULL ? CHRONDB_ESYSTEM : 0;
    }
    cdb_buf_release(&json);
    return result;
}

static int finish_facet(struct cdb_facets *facets, struct cdb_facet *facet, struct cdb_search_facet_counts *out)
{
    size_t limit = facet->asked->limit;
    struct cdb_search_count *values;
    int result = 0;

    if (facet->count > 1)
        qsort(facet->values, facet->count, sizeof(*facet->values), compare_values);
    out->distinct = facet->count;
    out->count = limit == 0 || facet->count < limit ? facet->count : limit;
    out->values = values = cdb_arena_alloc(facets->arena, (out->count + 1) * sizeof(*values));
    if (values == NULL)
        return CHRONDB_ESYSTEM;
    for (size_t i = 0; result == 0 && i < out->count; i++)
        result = finish_value(facets, &facet->values[i], &values[i]);
    return result;
}

int cdb_facets_finish(struct cdb_facets *facets, struct cdb_search_facet_counts **out)
{
    int result = 0;

    *out = cdb_arena_alloc(facets->arena, (facets->count + 1) * sizeof(**out));
    if (*out == NULL)
        return CHRONDB_ESYSTEM;
    for (size_t i = 0; result == 0 && i < facets->count; i++)
        result = finish_facet(facets, &facets->list[i], &(*out)[i]);
    return result;
}
