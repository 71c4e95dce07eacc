/* SPDX-License-Identifier: MIT
 *
 * Reading and merging columns of any bytes, of which all checksums are right. An input is the number of documents (2
 * bytes) and a column. It is tried as it is, and with the footer's numbers made to fit. */
#include "fuzz/fuzz.h"
#include "index/bytes.h"
#include "index/column_file.h"
#include "index/column_merge.h"

static bool is_answer(int result)
{
    return result == 0 || result == CHRONDB_EDAMAGED;
}

static void ask_values(const struct cdb_column *column, uint64_t choice)
{
    struct cdb_column_cursor cursor;
    struct cdb_ordinals ordinals;
    struct cdb_value value;
    uint32_t ordinal, seen = 0;
    bool equal;
    int result = cdb_column_cursor_init(&cursor, column, (uint32_t)(choice % column->values));

    while (result == 0 && (result = cdb_column_cursor_next(&cursor)) == 0) {
        CHECK(cursor.value.len > 0 && cursor.value.len <= CDB_VALUE_MAX && cursor.next <= column->values);
        seen++;
    }
    CHECK(is_answer(result == 1 ? 0 : result) && seen <= column->values);
    CHECK(is_answer(cdb_column_value(column, (uint32_t)(choice % column->values), &value)));
    cdb_value_string(&value, (const char *)&choice, choice % 8);
    CHECK(is_answer(cdb_column_seek(column, &value, &ordinal, &equal)));
    result = cdb_column_range(column, &value, true, &cursor.value, false, &ordinals);
    CHECK(is_answer(result));
    if (result == 0)
        CHECK(ordinals.first <= ordinals.last && ordinals.last <= column->values);
}

static void ask_docs(const struct cdb_column *column, uint64_t choice)
{
    uint32_t docs = column->docs, ordinals[16], count, found;
    uint64_t start;

    for (uint32_t doc = (uint32_t)(choice % 7); doc < docs; doc += 1 + docs / 16) {
        if (cdb_column_find(column, doc, &start, &count) == 0)
            CHECK(is_answer(cdb_column_list(column, start, count < 16 ? count : 16, ordinals)));
        CHECK(is_answer(cdb_column_least(column, doc, &found)));
        CHECK(is_answer(cdb_column_greatest(column, doc, &found)));
        CHECK(cdb_column_has(column, doc, 1, 3) <= 1);
        CHECK(is_answer(cdb_column_next(column, doc, &found)) && found <= docs);
    }
}

static void ask_run(const struct cdb_column *column, uint64_t choice)
{
    uint32_t doc = (uint32_t)(choice % column->docs), count = (uint32_t)(choice / 3 % (column->docs - doc + 1));
    uint32_t *ordinals = malloc(((size_t)count + 1) * 4), *counts = calloc(column->values, 4);
    uint64_t *bits = malloc(((size_t)count + 63) / 64 * 8 + 1);
    int result;

    CHECK(ordinals != NULL && counts != NULL && bits != NULL);
    for (enum cdb_column_end end = CDB_COLUMN_LEAST; end <= CDB_COLUMN_GREATEST; end++) {
        result = cdb_column_run(column, doc, count, end, ordinals);
        CHECK(is_answer(result));
        for (uint32_t i = 0; result == 0 && i < count; i++)
            CHECK(ordinals[i] < column->values || ordinals[i] == CDB_ORDINAL_NONE);
    }
    result = cdb_column_match(column, doc, count, 1, 5, bits);
    CHECK(is_answer(result));
    CHECK(is_answer(cdb_column_count(column, doc, count, result == 0 ? bits : NULL, counts)));
    CHECK(is_answer(cdb_column_count(column, 0, column->docs, NULL, counts)));
    free(ordinals);
    free(counts);
    free(bits);
}

static void ask_merge(const struct cdb_column *column, uint64_t choice)
{
    uint32_t *maps = malloc((size_t)column->docs * 2 * 4), next = 0;
    struct cdb_column_source sources[2] = {{column, maps}, {column, maps + column->docs}};
    struct cdb_sink sink;
    int result;

    CHECK(maps != NULL);
    for (uint32_t i = 0; i < column->docs; i++) {
        maps[i] = (choice >> i % 61 & 1) != 0 ? next++ : CDB_DOC_DROPPED;
        maps[column->docs + i] = (choice >> i % 59 & 1) != 0 ? next++ : CDB_DOC_DROPPED;
    }
    cdb_sink_init(&sink, -1, -1);
    result = cdb_column_merge(sources, 2, next, &sink);
    CHECK(is_answer(result == 1 ? 0 : result));
    cdb_sink_release(&sink);
    free(maps);
}

static void ask(const unsigned char *bytes, size_t len, uint32_t docs, uint64_t choice)
{
    size_t words = len / CDB_PAGE / 64 + 1;
    struct cdb_pages pages = {.content = bytes, .len = len, .checked = malloc(words * 8)};
    struct cdb_column column;
    int result;

    CHECK(pages.checked != NULL);
    memset(pages.checked, 0xff, words * 8);
    result = cdb_column_open(&column, &pages, 0, len, docs);
    CHECK(is_answer(result));
    if (result == 0) {
        ask_values(&column, choice);
        ask_docs(&column, choice);
        ask_run(&column, choice);
        ask_merge(&column, choice);
    }
    free(pages.checked);
}

/* The footer's numbers as they could be in a column of so many bytes; what is too much for it stays so. */
static void make_fit(unsigned char *bytes, size_t len, uint32_t docs)
{
    unsigned char *footer = bytes + len - CDB_COLUMN_FOOTER;
    struct cdb_column column = {.docs = docs,
                                .values = cdb_le_get32(footer + 4) % (uint32_t)(len / 2 + 1) + 1,
                                .rows = cdb_le_get32(footer + 8) % docs + 1,
                                .sparse = (footer[0] & CDB_COLUMN_SPARSE) != 0,
                                .multiple = (footer[0] & CDB_COLUMN_MULTIPLE) != 0,
                                .full = (footer[0] & 7) == CDB_COLUMN_FULL};
    uint64_t rest = CDB_COLUMN_FOOTER, blocks = (column.values - 1) / CDB_COLUMN_BLOCK + 1;

    footer[0] = (unsigned char)(footer[0] & (column.full ? CDB_COLUMN_FULL : 3));
    if (column.full)
        column.rows = docs;
    column.ordinals = column.rows + (column.multiple ? cdb_le_get64(footer + 16) % (len * 8) : 0);
    footer[1] = (unsigned char)cdb_column_list_width(&column);
    footer[2] = (unsigned char)cdb_column_docs_width(&column);
    footer[3] %= 12;
    rest += column.sparse ? cdb_packed_bytes(column.rows, footer[2]) : 0;
    if (column.multiple)
        rest += cdb_packed_bytes(cdb_column_rows(&column) + 1, footer[3]) + (cdb_column_rows(&column) / 64 + 1) * 8;
    rest += cdb_packed_bytes(column.multiple ? column.ordinals : cdb_column_rows(&column), footer[1]);
    for (uint64_t values_len = 0; rest < len && values_len <= len - rest; values_len++)
        if (values_len + cdb_packed_bytes(blocks, cdb_packed_width(values_len)) + rest == len)
            cdb_le_put64(footer + 24, values_len);
    cdb_le_put32(footer + 4, column.values);
    cdb_le_put32(footer + 8, column.rows);
    cdb_le_put32(footer + 12, docs);
    cdb_le_put64(footer + 16, column.ordinals);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t choice = size;
    unsigned char *bytes;
    uint32_t docs;

    if (size < 2)
        return 0;
    docs = cdb_le_get16(data) % 4096 + 1;
    size -= 2;
    bytes = malloc(size > 0 ? size : 1);
    CHECK(bytes != NULL);
    memcpy(bytes, data + 2, size);
    for (size_t i = 0; i < size; i++)
        choice = choice * 31 + bytes[i];
    ask(bytes, size, docs, choice);
    if (size >= CDB_COLUMN_FOOTER) {
        make_fit(bytes, size, docs);
        ask(bytes, size, docs, choice);
    }
    free(bytes);
    return 0;
}
