/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a segment, as they are and with all checksums put right: every question about it ends, within its bytes,
 * with an answer or with the word that it is damaged. */
#include "fuzz/fuzz.h"
#include "index/bytes.h"
#include "index/view.h"

static bool is_answer(int result)
{
    return result == 0 || result == 1 || result == CHRONDB_EDAMAGED;
}

/* ---- questions ---------------------------------------------------------------------------------- */

static void ask_commits(struct cdb_catalog *catalog, uint64_t from, uint64_t to)
{
    struct cdb_catalog_commit commit;
    uint64_t position;

    for (uint64_t i = from; i < to; i++) {
        int result = cdb_catalog_commit(catalog, i, &commit);

        CHECK(result == 0 || result == CHRONDB_EDAMAGED);
        if (result != 0)
            continue;
        result = cdb_catalog_find(catalog, &commit.id, &position);
        CHECK(is_answer(result) && (result != 0 || (position >= from && position < to)));
        result = cdb_catalog_at(catalog, commit.time, &position);
        CHECK(is_answer(result) && (result != 0 || (position >= from && position < to)));
    }
}

struct last {
    uint64_t position, count;
};

static int take_version(void *context, const struct cdb_catalog_version *version)
{
    struct last *last = context;

    CHECK(last->count == 0 || version->position < last->position);
    last->position = version->position;
    last->count++;
    return 0;
}

/* All keys of a state, in order, with what came before. */
static void ask_keys(struct cdb_catalog *catalog, uint64_t end, bool reverse)
{
    struct cdb_catalog_range range = {.end = end, .reverse = reverse};
    struct cdb_catalog_cursor *cursor;
    char before[CDB_DICT_KEY_MAX];
    size_t before_len = 0, count = 0, len;
    struct cdb_oid blob;
    const char *key;
    int result = cdb_catalog_cursor_open(&cursor, catalog, &range);

    CHECK(is_answer(result));
    if (result != 0)
        return;
    while ((result = cdb_catalog_cursor_next(cursor, &key, &len, &blob)) == 0) {
        struct last last = {0, 0};

        CHECK(len <= CDB_DICT_KEY_MAX && key[len] == '\0' && !cdb_oid_is_zero(&blob));
        int order = memcmp(before, key, before_len < len ? before_len : len);
        order = order != 0 ? order : (before_len > len) - (before_len < len);
        CHECK(count == 0 || (reverse ? order > 0 : order < 0));
        memcpy(before, key, len);
        before_len = len;
        if (count++ % 16 == 0)
            CHECK(is_answer(cdb_catalog_versions(catalog, key, len, end, take_version, &last)));
    }
    CHECK(is_answer(result));
    cdb_catalog_cursor_free(cursor);
}

static int take_table(void *context, const char *table, size_t len, uint64_t count)
{
    CHECK(len <= CDB_DICT_KEY_MAX && table[len] == '\0' && count > 0);
    ++*(size_t *)context;
    return 0;
}

static void ask_tables(struct cdb_catalog *catalog, uint64_t end)
{
    uint64_t documents, tables;
    size_t count = 0;

    CHECK(is_answer(cdb_catalog_totals(catalog, end, &documents, &tables)));
    CHECK(is_answer(cdb_catalog_tables(catalog, end, take_table, &count)));
    CHECK(is_answer(cdb_catalog_table_count(catalog, end, "user", 4, &tables)));
}

static void ask(const unsigned char *data, size_t size, uint64_t choice)
{
    struct cdb_segment *segment = malloc(sizeof(*segment));
    struct cdb_catalog *catalog;

    CHECK(segment != NULL && cdb_catalog_new(&catalog, "refs/heads/main") == 0);
    int result = cdb_segment_view(segment, data, size);
    CHECK(result == 0 || result == CHRONDB_EDAMAGED);
    if (result != 0) {
        free(segment);
        cdb_catalog_close(catalog);
        return;
    }
    uint64_t from = segment->from, to = segment->to, length = to - from + 1;
    cdb_memory_init(&catalog->memory, from);
    result = cdb_catalog_attach(catalog, segment, to);
    CHECK(is_answer(result));
    if (result == 0) {
        ask_commits(catalog, from, to);
        for (int i = 0; i < 3; i++, choice /= 3) {
            uint64_t end = i == 0 ? to : from + choice % length;

            ask_keys(catalog, end, choice % 2 == 0);
            ask_tables(catalog, end);
        }
        /* Of the first segment nothing can be cut off but all. */
        if (from < to && cdb_catalog_cut(catalog, from + 1 + choice % (length - 1)) == 0) {
            ask_keys(catalog, cdb_catalog_count(catalog), false);
            ask_tables(catalog, cdb_catalog_count(catalog));
        }
    }
    cdb_catalog_close(catalog);
}

/* ---- checksums, put right ------------------------------------------------------------------------- */

static void sign_blocks(unsigned char *data, size_t len, size_t block)
{
    for (size_t at = 0; at < len; at += block) {
        size_t size = len - at < block ? len - at : block;

        if (size >= 4)
            cdb_le_put32(data + at, cdb_index_crc(0, data + at + 4, size - 4));
    }
}

static size_t block_of(uint32_t type)
{
    switch (type) {
    case CDB_SECTION_COMMITS:
        return 4 + CDB_COMMIT_ROW * CDB_COMMIT_BLOCK;
    case CDB_SECTION_IDS:
        return 4 + CDB_ID_ROW * CDB_ID_BLOCK;
    case CDB_SECTION_SPANS:
        return 4 + CDB_SPAN_ROW * CDB_SPAN_BLOCK;
    default:
        return CDB_DICT_BLOCK;
    }
}

static void sign(unsigned char *data, size_t size)
{
    uint32_t count;

    if (size < CDB_SEGMENT_HEAD)
        return;
    memcpy(data, CDB_SEGMENT_MAGIC, 8);
    cdb_le_put32(data + 8, CDB_SEGMENT_VERSION);
    cdb_le_put64(data + 24, size);
    count = cdb_le_get32(data + 20);
    if (count > (size - CDB_SEGMENT_HEAD) / CDB_SEGMENT_ENTRY)
        count = (uint32_t)((size - CDB_SEGMENT_HEAD) / CDB_SEGMENT_ENTRY);
    count = count > 32 ? 32 : count;
    cdb_le_put32(data + 20, count);
    uint32_t head = CDB_SEGMENT_HEAD + count * CDB_SEGMENT_ENTRY;
    cdb_le_put32(data + 16, head);
    for (uint32_t i = 0; i < count; i++) {
        const unsigned char *entry = data + CDB_SEGMENT_HEAD + i * CDB_SEGMENT_ENTRY;
        uint64_t offset = cdb_le_get64(entry + 8), len = cdb_le_get64(entry + 16);

        if (offset >= head && offset <= size && len <= size - offset)
            sign_blocks(data + offset, (size_t)len, block_of(cdb_le_get32(entry)));
    }
    cdb_le_put32(data + 12, cdb_index_crc(cdb_index_crc(0, data, 12), data + 16, head - 16));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char *bytes = calloc(size > 0 ? size : 1, 1);
    uint64_t choice = size;

    CHECK(bytes != NULL);
    if (size > 0)
        memcpy(bytes, data, size);
    for (size_t i = 0; i < size; i++)
        choice = choice * 31 + data[i];
    ask(bytes, size, choice);
    sign(bytes, size);
    ask(bytes, size, choice);
    free(bytes);
    return 0;
}
