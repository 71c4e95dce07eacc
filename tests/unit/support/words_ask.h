/* SPDX-License-Identifier: MIT
 *
 * Asking a segment of words all that it can be asked, with bounds, whatever its bytes are; and putting right the
 * checksums of bytes that were made up. For the test of damage and the fuzzer, so all of it is here. */
#ifndef TESTS_WORDS_ASK_H
#define TESTS_WORDS_ASK_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "index/bytes.h"
#include "index/column.h"
#include "index/ft_inside.h"
#include "index/ft_postings.h"

/* Who hears the answers: a question has a name, and some numbers. */
struct words_ear {
    void (*question)(void *context, uint64_t name);
    void (*answer)(void *context, uint64_t value);
    void (*damaged)(void *context);
    void *context;
};

#define ASK_DOCS      3000
#define ASK_FIELDS    200
#define ASK_ENTRIES   2000
#define ASK_POSTINGS  2000
#define ASK_POSITIONS 500

/* Anything but an answer or the word that it is damaged is a mistake. */
static inline bool ask_ok(const struct words_ear *ear, int result)
{
    if (result != 0 && result != 1 && result != CHRONDB_EDAMAGED)
        abort();
    if (result < 0)
        ear->damaged(ear->context);
    return result == 0;
}

static inline void ask_text(const struct words_ear *ear, const char *text, size_t len)
{
    uint64_t hash = 14695981039346656037u;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)text[i]) * 1099511628211u;
    ear->answer(ear->context, hash);
}

static inline void ask_docs(const struct words_ear *ear, struct cdb_ft_segment *segment)
{
    uint32_t docs = cdb_ft_docs(segment), from, first, last, doc;
    struct cdb_ft_key key;

    for (uint32_t i = 0; i < docs && i < ASK_DOCS; i++) {
        ear->question(ear->context, i);
        if (!ask_ok(ear, cdb_ft_from(segment, i, &from)))
            continue;
        ear->answer(ear->context, from);
        if (!ask_ok(ear, cdb_ft_key(segment, i, &key)))
            continue;
        ask_text(ear, key.text, key.len);
        if (!ask_ok(ear, cdb_ft_find_key(segment, key.text, key.len, &first, &last)))
            continue;
        ear->answer(ear->context, first);
        ear->answer(ear->context, last);
        if (ask_ok(ear, cdb_ft_seek_key(segment, key.text, key.len / 2, &doc)))
            ear->answer(ear->context, doc);
    }
}

static inline void ask_column(const struct words_ear *ear, struct cdb_ft_segment *segment, uint32_t field)
{
    uint32_t docs = cdb_ft_docs(segment), ordinal;
    struct cdb_column column;
    struct cdb_value value;

    if (!ask_ok(ear, cdb_ft_column(segment, field, &column)))
        return;
    for (uint32_t i = 0; i < docs && i < ASK_DOCS; i++) {
        if (!ask_ok(ear, cdb_column_least(&column, i, &ordinal)))
            return;
        ear->answer(ear->context, ordinal);
        if (ordinal == CDB_ORDINAL_NONE)
            continue;
        if (!ask_ok(ear, cdb_column_value(&column, ordinal, &value)))
            return;
        ask_text(ear, (const char *)value.bytes, value.len);
    }
}

static inline void ask_field(const struct words_ear *ear, struct cdb_ft_segment *segment, uint32_t number)
{
    struct cdb_buf path = CDB_BUF_INIT;
    struct cdb_ft_field field;
    struct cdb_ft_range range;
    struct cdb_ft_norms norms;

    ear->question(ear->context, UINT64_C(1) << 32 | number);
    if (ask_ok(ear, cdb_ft_field(segment, number, &field))) {
        ear->answer(ear->context, field.docs);
        ear->answer(ear->context, field.length);
        ear->answer(ear->context, field.values);
        ear->answer(ear->context, field.end);
    }
    ear->question(ear->context, UINT64_C(2) << 32 | number);
    if (ask_ok(ear, cdb_ft_field_path(segment, number, &path))) {
        ask_text(ear, cdb_buf_str(&path), path.len);
        if (path.ptr != NULL && ask_ok(ear, cdb_ft_find_field(segment, path.ptr, path.len, &range)))
            ear->answer(ear->context, range.field);
    }
    cdb_buf_release(&path);
    ear->question(ear->context, UINT64_C(3) << 32 | number);
    if (ask_ok(ear, cdb_ft_norms_open(&norms, segment, number))) {
        for (uint32_t i = 0; i < cdb_ft_docs(segment) && i < ASK_DOCS; i++) {
            unsigned char norm = cdb_ft_norm(&norms, i);

            if (!ask_ok(ear, norms.result))
                break;
            ear->answer(ear->context, norm);
        }
    }
    ear->question(ear->context, UINT64_C(4) << 32 | number);
    ask_column(ear, segment, number);
}

static inline void ask_positions(const struct words_ear *ear, struct cdb_ft_postings *postings)
{
    struct cdb_ft_positions positions;
    uint32_t left = ASK_POSITIONS;

    cdb_ft_positions(&positions, postings);
    while (left-- > 0 && cdb_ft_position_next(&positions))
        ear->answer(ear->context, positions.position);
}

/* One document after the other, or leaping. */
static inline void ask_postings(const struct words_ear *ear, struct cdb_ft_segment *segment,
                                const struct cdb_ft_entry *entry, bool leap, bool positions)
{
    struct cdb_ft_postings postings;
    uint32_t left = ASK_POSTINGS, doc, step = 3;

    if (!ask_ok(ear, cdb_ft_postings_open(&postings, segment, entry)))
        return;
    for (doc = cdb_ft_next(&postings); doc != CDB_FT_END && left-- > 0;) {
        uint32_t freq = cdb_ft_freq(&postings);

        if (!ask_ok(ear, postings.result))
            return;
        if (doc >= cdb_ft_docs(segment) || freq == 0 || postings.doc != doc)
            abort();
        ear->answer(ear->context, doc);
        ear->answer(ear->context, freq);
        if (positions) {
            ask_positions(ear, &postings);
            if (!ask_ok(ear, postings.result))
                return;
        }
        if (leap) {
            uint32_t next = cdb_ft_advance(&postings, doc + step);

            if (next < doc + step)
                abort();
            doc = next;
            step = step * 2 % 1001;
        } else {
            uint32_t next = cdb_ft_next(&postings);

            if (next <= doc)
                abort();
            doc = next;
        }
    }
    ask_ok(ear, postings.result);
}

static inline void ask_impacts(const struct words_ear *ear, struct cdb_ft_segment *segment,
                               const struct cdb_ft_entry *entry, bool unnamed)
{
    struct cdb_ft_impact impacts[CDB_FT_IMPACTS];
    struct cdb_ft_postings postings;
    uint32_t target = 0, last, left = ASK_POSTINGS;
    size_t count;

    if (!ask_ok(ear, cdb_ft_postings_open(&postings, segment, entry)) ||
        !ask_ok(ear, cdb_ft_list_impacts(&postings, unnamed, impacts, &count)))
        return;
    for (size_t i = 0; i < count; i++)
        ear->answer(ear->context, (uint64_t)impacts[i].freq << 8 | impacts[i].norm);
    while (left-- > 0 && ask_ok(ear, cdb_ft_shallow(&postings, target, &last)) && last != CDB_FT_END) {
        ear->answer(ear->context, last);
        if (!ask_ok(ear, cdb_ft_impacts(&postings, unnamed, impacts, &count)))
            return;
        if (count == 0 || count > CDB_FT_IMPACTS)
            abort();
        for (size_t i = 0; i < count; i++)
            ear->answer(ear->context, (uint64_t)impacts[i].freq << 8 | impacts[i].norm);
        if (last < target)
            return;
        target = last + 1;
    }
}

static inline void ask_entry(const struct words_ear *ear, struct cdb_ft_segment *segment,
                             const struct cdb_ft_entry *entry, uint64_t name)
{
    ear->question(ear->context, name);
    ear->answer(ear->context, entry->df);
    ear->answer(ear->context, entry->total);
    ear->question(ear->context, name + 1);
    ask_postings(ear, segment, entry, false, false);
    ear->question(ear->context, name + 2);
    ask_postings(ear, segment, entry, false, true);
    ear->question(ear->context, name + 3);
    ask_postings(ear, segment, entry, true, true);
    for (int unnamed = 0; unnamed < 2; unnamed++) {
        ear->question(ear->context, name + 4 + unnamed);
        ask_impacts(ear, segment, entry, unnamed != 0);
    }
}

static inline void ask_forms(const struct words_ear *ear, struct cdb_ft_segment *segment)
{
    struct cdb_ft_range all;
    struct cdb_ft_walk walk;
    uint64_t name = UINT64_C(5) << 32;
    int result = cdb_ft_find_field(segment, NULL, 0, &all);

    if (result == 0)
        result = cdb_ft_walk_forms(&walk, segment, "", 0, &all);
    for (uint32_t left = ASK_ENTRIES; left > 0; left--, name += 8) {
        ear->question(ear->context, name);
        if (!ask_ok(ear, result))
            break;
        ask_text(ear, walk.text, walk.text_len);
        ear->answer(ear->context, walk.entry.field);
        ask_entry(ear, segment, &walk.entry, name + 1);
        result = cdb_ft_walk_next(&walk);
    }
}

/* Of the terms in the dictionary, and then by their texts. */
static inline void ask_terms(const struct words_ear *ear, struct cdb_ft_segment *segment)
{
    uint64_t name = UINT64_C(6) << 32;
    struct cdb_dict_cursor cursor;
    int result = cdb_dict_first(&cursor, &segment->terms);

    for (uint32_t left = ASK_ENTRIES; left > 0; left--, name += 8) {
        struct cdb_ft_range range;
        struct cdb_ft_walk walk;
        uint32_t field;
        size_t len;

        ear->question(ear->context, name);
        if (!ask_ok(ear, result) || !cdb_ft_split_key(segment, cursor.key, cursor.key_len, &len, &field))
            break;
        range = (struct cdb_ft_range){field, field + 1, field};
        if (field > 0 && ask_ok(ear, cdb_ft_walk_term(&walk, segment, cursor.key, len, &range))) {
            ear->answer(ear->context, walk.whole_df);
            ask_entry(ear, segment, &walk.entry, name + 1);
            ask_ok(ear, cdb_ft_walk_next(&walk));
        }
        result = cdb_dict_next(&cursor);
    }
}

static inline void ask_all(const struct words_ear *ear, struct cdb_ft_segment *segment)
{
    uint32_t fields = cdb_ft_info(segment)->fields;

    ask_docs(ear, segment);
    for (uint32_t i = 0; i <= fields && i < ASK_FIELDS; i++)
        ask_field(ear, segment, i);
    ask_forms(ear, segment);
    ask_terms(ear, segment);
}

/* ---- checksums ---------------------------------------------------------------------------------- */

static inline void repair_dict(unsigned char *content, size_t len, uint64_t offset, uint64_t size)
{
    if (offset > len || size > len - offset)
        return;
    for (uint64_t at = 0; at < size; at += CDB_DICT_BLOCK) {
        size_t block = size - at < CDB_DICT_BLOCK ? (size_t)(size - at) : CDB_DICT_BLOCK;

        if (block > 4)
            cdb_le_put32(content + offset + at, cdb_index_crc(0, content + offset + at + 4, block - 4));
    }
}

/* All checksums and lengths of what may be a segment of words. */
static inline void repair_checksums(unsigned char *data, size_t len)
{
    unsigned char *content = data + CDB_PAGES_HEAD;
    size_t size, pages;
    uint32_t crc, count;

    if (len < CDB_PAGES_HEAD + CDB_FT_HEAD)
        return;
    pages = (len - CDB_PAGES_HEAD + CDB_PAGE + 3) / (CDB_PAGE + 4);
    size = len - CDB_PAGES_HEAD - 4 * pages;
    memcpy(data, CDB_FT_MAGIC, 8);
    cdb_le_put32(data + 8, CDB_FT_VERSION);
    cdb_le_put64(data + 16, len);
    cdb_le_put64(data + 32, size);
    count = cdb_le_get32(content + 20) % 32;
    for (uint32_t i = 0; i < count && CDB_FT_HEAD + (i + (size_t)1) * CDB_FT_SECTION_ENTRY <= size; i++) {
        const unsigned char *entry = content + CDB_FT_HEAD + i * (size_t)CDB_FT_SECTION_ENTRY;
        uint32_t type = cdb_le_get32(entry);

        if (type >= CDB_FT_TERMS && type <= CDB_FT_FORMS_INDEX)
            repair_dict(content, size, cdb_le_get64(entry + 8), cdb_le_get64(entry + 16));
    }
    for (size_t i = 0; i < pages; i++)
        cdb_le_put32(
            content + size + 4 * i,
            cdb_index_crc(0, content + i * CDB_PAGE, size - i * CDB_PAGE < CDB_PAGE ? size - i * CDB_PAGE : CDB_PAGE));
    crc = cdb_index_crc(cdb_index_crc(0, data, 12), data + 16, CDB_PAGES_HEAD - 16);
    cdb_le_put32(data + 12, cdb_index_crc(crc, content + size, 4 * pages));
}

#endif
