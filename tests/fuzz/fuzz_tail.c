/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a tail, as they are and with the checksums put right: what is read is a chain, each record whole, and
 * what it changed can be asked for. */
#include "fuzz/fuzz.h"
#include "index/bytes.h"
#include "index/tail.h"
#include "index/view.h"
#include "util/time.h"

#define GENERATION UINT64_C(0x0123456789abcdef)

/* Each record is the same one in a tail of another generation. */
static void check_records(const unsigned char *data, size_t size)
{
    struct cdb_tail_record record, copied;
    struct cdb_oid id;

    for (size_t at = 0; cdb_tail_get_record(&record, data, size, at, GENERATION); at += record.len) {
        struct cdb_buf copy = CDB_BUF_INIT, back = CDB_BUF_INIT;

        CHECK(record.len > 0 && record.len <= size - at);
        cdb_tail_copy_record(&copy, 77, &record);
        CHECK(!cdb_tail_get_record(&copied, (unsigned char *)copy.ptr, copy.len, 0, GENERATION));
        CHECK(cdb_tail_get_record(&copied, (unsigned char *)copy.ptr, copy.len, 0, 77));
        CHECK(cdb_tail_get_trailer(copied.end, 77, &id) && cdb_oid_equal(&id, &record.commit.id));
        CHECK(!cdb_tail_get_record(&copied, (unsigned char *)copy.ptr, copy.len - 1, 0, 77));
        cdb_tail_copy_record(&back, GENERATION, &copied);
        CHECK(cdb_tail_get_record(&copied, (unsigned char *)back.ptr, back.len, 0, GENERATION));
        CHECK(copied.change_count == record.change_count && copied.len == record.len);
        cdb_buf_release(&copy);
        cdb_buf_release(&back);
    }
}

static void check_keys(struct cdb_catalog *catalog, uint64_t end, bool reverse)
{
    struct cdb_catalog_range range = {.end = end, .reverse = reverse};
    struct cdb_catalog_cursor *cursor;
    const char *key;
    size_t len;
    struct cdb_oid blob;
    int result;

    CHECK(cdb_catalog_cursor_open(&cursor, catalog, &range) == 0);
    while ((result = cdb_catalog_cursor_next(cursor, &key, &len, &blob)) == 0)
        CHECK(len <= CDB_DICT_KEY_MAX && key[len] == '\0' && !cdb_oid_is_zero(&blob));
    CHECK(result == 1);
    cdb_catalog_cursor_free(cursor);
}

static void check_view(struct cdb_catalog *catalog)
{
    uint64_t count = cdb_catalog_count(catalog), position, documents, tables;
    struct cdb_catalog_commit commit, before;

    for (uint64_t i = 0; i < count; i++, before = commit) {
        CHECK(cdb_catalog_commit(catalog, i, &commit) == 0);
        CHECK(i == 0 || cdb_time_compare(before.time, commit.time) < 0);
        CHECK(cdb_catalog_at(catalog, commit.time, &position) == 0 && position == i);
        CHECK(cdb_catalog_find(catalog, &commit.id, &position) == 0);
    }
    for (int i = 0; i < 3; i++) {
        check_keys(catalog, count * (uint64_t)i / 2, i == 1);
        int result = cdb_catalog_totals(catalog, count * (uint64_t)i / 2, &documents, &tables);
        CHECK(result == 0 || result == CHRONDB_EDAMAGED);
    }
}

static void check(const unsigned char *data, size_t size)
{
    struct cdb_buf tail = CDB_BUF_INIT;
    struct cdb_catalog *catalog;

    check_records(data, size);
    if (size > CDB_TAIL_HEADER)
        check_records(data + CDB_TAIL_HEADER, size - CDB_TAIL_HEADER);
    cdb_buf_add(&tail, data, size);
    CHECK(cdb_catalog_new(&catalog, "refs/heads/main") == 0);
    CHECK(cdb_catalog_replay(catalog, GENERATION, &tail) == 0);
    check_view(catalog);
    CHECK(cdb_catalog_cut(catalog, cdb_catalog_count(catalog) / 2) == 0);
    check_view(catalog);
    cdb_catalog_close(catalog);
    cdb_buf_release(&tail);
}

/* A record's checksums: how long it is. */
static size_t sign_record(unsigned char *p, size_t left)
{
    size_t len = cdb_le_get32(p);
    uint32_t seed = (uint32_t)(GENERATION ^ GENERATION >> 32);

    if (len < CDB_TAIL_RECORD + CDB_TAIL_TRAILER || len > left)
        len = left;
    cdb_le_put32(p, (uint32_t)len);
    unsigned char *trailer = p + len - CDB_TAIL_TRAILER;
    cdb_le_put32(trailer + 20, (uint32_t)len);
    cdb_le_put32(trailer + 24, cdb_index_crc(seed, trailer, 24));
    cdb_le_put32(p + 4, cdb_index_crc(seed, p + 8, len - 8));
    return len;
}

static void sign(unsigned char *data, size_t size)
{
    static const struct cdb_oid none;
    struct cdb_buf header = CDB_BUF_INIT;
    const unsigned char *last = none.id;

    if (size < CDB_TAIL_HEADER)
        return;
    cdb_tail_put_header(&header, GENERATION, 0, &none);
    memcpy(data, header.ptr, CDB_TAIL_HEADER);
    cdb_buf_release(&header);
    for (size_t at = CDB_TAIL_HEADER; size - at >= CDB_TAIL_RECORD + CDB_TAIL_TRAILER;) {
        memcpy(data + at + 8, last, CDB_OID_SIZE);
        at += sign_record(data + at, size - at);
        last = data + at - CDB_TAIL_TRAILER;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_signed(data, size, check, sign);
    return 0;
}
