/* SPDX-License-Identifier: MIT */
#include "index/ft_sums.h"

#include <stdlib.h>

#include "index/bytes.h"
#include "index/column_file.h"
#include "index/ft_inside.h"
#include "index/ft_postings.h"
#include "util/array.h"
#include "util/error.h"

#define OTHER      UINT64_C(0xd6e8feb86659fd93)
#define FORM       UINT64_C(0x9e3779b97f4a7c15)
#define VALUE      UINT64_C(0xbf58476d1ce4e5b9)
#define STEP_EVERY 4096 /* words */

/* A field as it is named, its number is the segment's own; and its norms. */
struct field {
    uint64_t hash;
    bool open;
    struct cdb_ft_norms norms;
};

struct summing {
    struct cdb_ft_segment *segment;
    uint64_t *sums;
    struct field *fields; /* by number */
    struct cdb_ft_norms unnamed;
    int (*step)(void *context);
    void *context;
    uint64_t words;
};

static uint64_t mix(uint64_t a, uint64_t b)
{
    a = (a ^ b) * OTHER;
    a = (a ^ a >> 32) * OTHER;
    return a ^ a >> 29;
}

static int name_fields(struct summing *it)
{
    struct cdb_buf path = CDB_BUF_INIT;
    uint32_t count = cdb_ft_info(it->segment)->fields;
    int result = 0;
    it->fields = calloc((size_t)count + 1, sizeof(*it->fields));
    if (it->fields == NULL)
        return cdb_error_memory();
    for (uint32_t i = 1; i <= count && result == 0; i++) {
        cdb_buf_clear(&path);
        result = cdb_ft_field_path(it->segment, i, &path);
        if (result == 0)
            result = cdb_buf_check(&path);
        if (result == 0)
            it->fields[i].hash = cdb_bytes_hash(cdb_buf_str(&path), path.len);
    }
    cdb_buf_release(&path);
    return result;
}

static int open_norms(struct summing *it, uint32_t number)
{
    struct field *field = &it->fields[number];
    int result = field->open ? 0 : cdb_ft_norms_open(&field->norms, it->segment, number);
    field->open = result == 0;
    field->norms.hint = 0; /* documents begin anew with each word */
    it->unnamed.hint = 0;
    return result;
}

/* A term in a field. */
static int add_term(struct summing *it, const struct cdb_ft_entry *entry, uint64_t text)
{
    struct cdb_ft_postings postings;
    struct cdb_ft_norms *norms = &it->fields[entry->field].norms;
    uint64_t word = mix(it->fields[entry->field].hash, text);
    int result = open_norms(it, entry->field);
    if (result == 0)
        result = cdb_ft_postings_open(&postings, it->segment, entry);
    if (result != 0)
        return result;
    for (uint32_t doc = cdb_ft_next(&postings); doc < cdb_ft_docs(it->segment); doc = cdb_ft_next(&postings)) {
        struct cdb_ft_positions positions;
        uint64_t here = mix(word, (uint64_t)cdb_ft_norm(norms, doc) << 8 | cdb_ft_norm(&it->unnamed, doc));
        it->sums[doc] += here;
        if (!postings.has_freqs)
            continue;
        cdb_ft_positions(&positions, &postings);
        while (cdb_ft_position_next(&positions))
            it->sums[doc] += mix(here, positions.position + 1);
    }
    return postings.result != 0 ? postings.result : norms->result != 0 ? norms->result : it->unnamed.result;
}

static int add_form(struct summing *it, const struct cdb_ft_entry *entry, uint64_t text)
{
    struct cdb_ft_postings postings;
    uint64_t word = mix(it->fields[entry->field].hash ^ FORM, text);
    int result = cdb_ft_postings_open(&postings, it->segment, entry);
    if (result != 0)
        return result;
    for (uint32_t doc = cdb_ft_next(&postings); doc < cdb_ft_docs(it->segment); doc = cdb_ft_next(&postings))
        it->sums[doc] += word;
    return postings.result;
}

static int count_word(struct summing *it)
{
    return it->step != NULL && it->words++ % STEP_EVERY == 0 ? it->step(it->context) : 0;
}

static int add_terms(struct summing *it)
{
    struct cdb_dict_cursor cursor;
    int result = cdb_dict_first(&cursor, &it->segment->terms);
    for (; result == 0; result = cdb_dict_next(&cursor)) {
        struct cdb_ft_entry entry;
        size_t len;
        uint32_t field;
        if (!cdb_ft_split_key(it->segment, cursor.key, cursor.key_len, &len, &field) ||
            field > cdb_ft_info(it->segment)->fields)
            return cdb_index_damaged("a word of a segment of words is not what was written");
        if (field > 0) {
            result = cdb_ft_entry_get(it->segment, false, cursor.value, cursor.value_len, &entry);
            entry.field = field;
            if (result == 0)
                result = add_term(it, &entry, cdb_bytes_hash(cursor.key, len));
        }
        if (result == 0)
            result = count_word(it);
        if (result != 0)
            return result;
    }
    return result == 1 ? 0 : result;
}

static int add_forms(struct summing *it)
{
    struct cdb_ft_walk *walk = malloc(sizeof(*walk));
    struct cdb_ft_range all;
    if (walk == NULL)
        return cdb_error_memory();
    int result = cdb_ft_find_field(it->segment, NULL, 0, &all);
    if (result == 0)
        result = cdb_ft_walk_forms(walk, it->segment, "", 0, &all);
    while (result == 0) {
        result = add_form(it, &walk->entry, cdb_bytes_hash(walk->text, walk->text_len));
        if (result == 0)
            result = count_word(it);
        if (result == 0 && (result = cdb_ft_walk_next(walk)) == 1)
            break;
    }
    free(walk);
    return result == 1 ? 0 : result;
}

/* A number for each value of a field, by ordinal. */
static int hash_values(const struct cdb_column *column, uint64_t field, uint64_t *hashes)
{
    struct cdb_column_cursor cursor;
    int result = cdb_column_cursor_init(&cursor, column, 0);
    while (result == 0 && (result = cdb_column_cursor_next(&cursor)) == 0)
        hashes[cursor.next - 1] =
            mix(field ^ VALUE, cdb_bytes_hash((const char *)cursor.value.bytes, cursor.value.len));
    return result == 1 ? 0 : result;
}

static int add_values(struct summing *it, const struct cdb_column *column, const uint64_t *hashes)
{
    struct cdb_column_walk *walk = malloc(sizeof(*walk));
    if (walk == NULL)
        return cdb_error_memory();
    int result = cdb_column_walk_init(walk, column, 0);
    while (result == 0 && (result = cdb_column_walk_next(walk)) == 0) {
        while ((result = cdb_column_walk_piece(walk)) == 0)
            for (size_t i = 0; i < walk->piece_len; i++)
                it->sums[walk->doc] += hashes[walk->piece[i]];
        result = result == 1 ? count_word(it) : result;
    }
    free(walk);
    return result == 1 ? 0 : result;
}

static int add_columns(struct summing *it)
{
    uint32_t count = cdb_ft_info(it->segment)->fields;
    int result = 0;
    for (uint32_t i = 1; i <= count && result == 0; i++) {
        struct cdb_column column;
        result = cdb_ft_column(it->segment, i, &column);
        if (result == 1) {
            result = 0;
            continue;
        }
        uint64_t *hashes = result == 0 ? calloc(column.values, sizeof(*hashes)) : NULL;
        if (result == 0 && hashes == NULL)
            result = cdb_error_memory();
        if (result == 0)
            result = hash_values(&column, it->fields[i].hash, hashes);
        if (result == 0)
            result = add_values(it, &column, hashes);
        free(hashes);
    }
    return result;
}

int cdb_ft_sums(struct cdb_ft_segment *segment, uint64_t *sums, int (*step)(void *context), void *context)
{
    struct summing it = {.segment = segment, .sums = sums, .step = step, .context = context};
    int result = cdb_ft_docs(segment) > 0 ? name_fields(&it) : 1;
    if (result == 0)
        result = cdb_ft_norms_open(&it.unnamed, segment, 0);
    if (result == 0)
        result = add_terms(&it);
    if (result == 0)
        result = add_forms(&it);
    if (result == 0)
        result = add_columns(&it);
    free(it.fields);
    return result == 1 ? 0 : result;
}
