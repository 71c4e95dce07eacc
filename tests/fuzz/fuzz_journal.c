/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a record, as a half of the journal, and as what a record is made of: what is accepted lies within its
 * bytes and is written again as it was; nothing behind the chain's end is taken. */
#include <zlib.h>

#include "fuzz/fuzz.h"
#include "store/journal.h"
#include "store/objects.h"

static uint32_t get_u32(const unsigned char *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put_u32(unsigned char *p, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        p[i] = (unsigned char)(value >> 8 * i);
}

static uint32_t checksum(const unsigned char *data, size_t len)
{
    return (uint32_t)crc32_z(0, data, len);
}

/* A copy in memory of exactly its size, so that a byte too far is seen. */
static unsigned char *copy_of(const unsigned char *data, size_t len)
{
    unsigned char *copy = calloc(len > 0 ? len : 1, 1);

    CHECK(copy != NULL);
    if (len > 0)
        memcpy(copy, data, len);
    return copy;
}

/* ---- one record ---------------------------------------------------------------------------------- */

/* Take the objects out and put them in again. */
static void check_objects(const struct cdb_record *record, struct cdb_buf *again)
{
    const unsigned char *cursor = record->objects, *before = cursor;
    struct cdb_record_object object;
    uint32_t count = 0;

    for (; cdb_record_object(record, &cursor, &object); before = cursor) {
        CHECK(object.loose > before && object.loose + object.loose_len == cursor && cursor <= record->end);
        cdb_record_add_object(again, object.type, &object.oid, object.loose, object.loose_len);
        count++;
    }
    CHECK(cursor == record->end && count == record->object_count);
    CHECK(!cdb_record_object(record, &cursor, &object) && cursor == record->end);
}

static void check_record(const struct cdb_record *record, const unsigned char *data, size_t len)
{
    struct cdb_buf objects = CDB_BUF_INIT, again = CDB_BUF_INIT;
    struct cdb_record peeked;

    CHECK(record->generation > 0 && record->ref_len <= CDB_JOURNAL_REF_MAX);
    CHECK((const unsigned char *)record->ref == data + CDB_RECORD_FIXED);
    CHECK(record->former == record->ref + record->ref_len && record->former_len <= CDB_JOURNAL_REF_MAX);
    CHECK(record->objects == data + CDB_RECORD_FIXED + record->ref_len + record->former_len);
    CHECK(record->end == data + len);
    CHECK(memchr(record->ref, '\0', record->ref_len + record->former_len) == NULL);
    CHECK(cdb_record_peek(&peeked, data) == len);
    CHECK(peeked.generation == record->generation && peeked.sequence == record->sequence);
    CHECK(peeked.salt == record->salt);
    check_objects(record, &objects);
    cdb_record_encode(&again, record, &objects);
    CHECK(again.len == len && !again.failed && memcmp(again.ptr, data, len) == 0);
    cdb_buf_release(&objects);
    cdb_buf_release(&again);
}

/* Damaged anywhere it is no record, nor cut short. */
static void check_damage(unsigned char *data, size_t len)
{
    struct cdb_record record;
    size_t at = get_u32(data + 24) % len; /* somewhere: what the payload decides */

    data[at] ^= 0x10;
    CHECK(cdb_record_decode(&record, data, len) == 0);
    data[at] ^= 0x10;
    CHECK(cdb_record_decode(&record, data, len - 1) == 0);
    CHECK(cdb_record_decode(&record, data, len) == len);
}

static void check_decode(const unsigned char *data, size_t size)
{
    unsigned char *copy = copy_of(data, size);
    struct cdb_record record;
    size_t len = cdb_record_decode(&record, copy, size);

    CHECK(len == 0 || (len >= CDB_RECORD_FIXED && len <= size));
    if (len > 0) {
        check_record(&record, copy, len);
        check_damage(copy, len);
    }
    free(copy);
}

/* ---- a half ------------------------------------------------------------------------------------- */

/* Every object of the last record is found, or it is damaged, and then that is told. */
static void check_find(const struct cdb_half *half)
{
    struct cdb_record record;
    struct cdb_record_object object;
    struct cdb_buf content = CDB_BUF_INIT;
    struct cdb_oid id;
    uint64_t offset = half->last_at;
    int type = CDB_ANY;

    CHECK(cdb_half_record(half, &offset, &record) && offset == half->tail);
    for (const unsigned char *cursor = record.objects; cdb_record_object(&record, &cursor, &object);) {
        cdb_buf_clear(&content);
        int status = cdb_half_find(half, &object.oid, &type, &content);
        CHECK(status == 0 || status == CHRONDB_EDAMAGED);
        if (status == 0)
            CHECK(cdb_object_hash(&id, type, content.ptr, content.len) == 0 && cdb_oid_equal(&id, &object.oid));
    }
    cdb_buf_release(&content);
}

static void check_half(const unsigned char *data, size_t size)
{
    struct cdb_half half = {.data = copy_of(data, size), .len = size};
    struct cdb_record record, checked;
    uint64_t offset = 0, before = 0, sequence;
    uint32_t objects = 0;

    cdb_half_scan(&half);
    CHECK(half.tail <= size && (half.tail == 0) == (half.generation == 0));
    for (sequence = half.first; cdb_half_record(&half, &offset, &record); before = offset, sequence++) {
        CHECK(offset <= half.tail);
        CHECK(cdb_record_decode(&checked, half.data + before, size - before) == offset - before);
        CHECK(record.generation == half.generation && record.salt == half.salt && record.sequence == sequence);
        CHECK(record.ref == checked.ref && record.objects == checked.objects && record.end == checked.end);
        CHECK(memcmp(&record.after, &checked.after, sizeof(record.after)) == 0);
        objects += record.object_count;
        if (offset == half.tail)
            CHECK(before == half.last_at && record.sequence == half.last);
    }
    CHECK(offset == half.tail && objects == half.objects);
    CHECK(!cdb_half_record(&half, &offset, &record));
    if (half.tail < size && cdb_record_decode(&record, half.data + half.tail, size - half.tail) > 0 && half.tail > 0)
        CHECK(record.generation != half.generation || record.salt != half.salt || record.sequence != half.last + 1);
    if (half.tail > 0)
        check_find(&half);
    cdb_half_release(&half);
}

/* Put the checksums right, of as many records as there seem to be: behind them there is more to get wrong. */
static void sign(unsigned char *data, size_t size)
{
    for (size_t at = 0; size - at >= CDB_RECORD_FIXED;) {
        unsigned char *record = data + at;
        size_t len = get_u32(record + 4);

        if (len < CDB_RECORD_FIXED || len > size - at)
            len = size - at;
        memcpy(record, "CDBR", 4);
        put_u32(record + 4, (uint32_t)len);
        put_u32(record + 24, checksum(record + CDB_RECORD_HEADER, len - CDB_RECORD_HEADER));
        put_u32(record + 44, checksum(record, 44));
        at += len;
    }
}

/* ---- from parts --------------------------------------------------------------------------------- */

/* Any bytes as a ref and objects: cut at each newline. */
static void check_built(const unsigned char *data, size_t size)
{
    struct cdb_buf objects = CDB_BUF_INIT, out = CDB_BUF_INIT;
    struct cdb_record decoded, record = {.generation = size + 1, .sequence = size, .salt = size * 77, .time = {-1, 5}};
    const unsigned char *end = data + size, *at = memchr(data, '\n', size);

    record.ref = (const char *)data;
    record.ref_len = at != NULL ? (size_t)(at - data) : size;
    if (record.ref_len > CDB_JOURNAL_REF_MAX || memchr(record.ref, '\0', record.ref_len) != NULL)
        record.ref_len = 0;
    for (; at != NULL && at < end; record.object_count++) {
        const unsigned char *start = at + 1;
        at = memchr(start, '\n', (size_t)(end - start));
        cdb_record_add_object(&objects, (int)(size & 7), &record.after, start,
                              (size_t)((at != NULL ? at : end) - start));
    }
    cdb_record_encode(&out, &record, &objects);
    const unsigned char *bytes = (const unsigned char *)out.ptr;
    CHECK(cdb_record_decode(&decoded, bytes, out.len) == out.len);
    CHECK(decoded.ref_len == record.ref_len && memcmp(decoded.ref, record.ref, record.ref_len) == 0);
    CHECK(decoded.time.seconds == -1 && decoded.time.nanoseconds == 5);
    CHECK(decoded.sequence == record.sequence && decoded.object_count == record.object_count);
    check_record(&decoded, bytes, out.len);
    cdb_buf_release(&objects);
    cdb_buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char *bytes = copy_of(data, size);

    check_decode(bytes, size);
    check_half(bytes, size);
    check_built(bytes, size);
    sign(bytes, size);
    check_decode(bytes, size);
    check_half(bytes, size);
    free(bytes);
    return 0;
}
