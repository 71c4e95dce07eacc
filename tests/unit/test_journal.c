/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>
#include <zlib.h>

#include "random.h"
#include "scratch.h"
#include "store.h"
#include "store/journal.h"

/* ---- records ----------------------------------------------------------------------------------- */

static struct cdb_oid oid_of(unsigned char byte)
{
    struct cdb_oid oid;

    memset(oid.id, byte, sizeof(oid.id));
    return oid;
}

static struct cdb_record sample(uint64_t generation, uint64_t sequence, uint32_t objects)
{
    return (struct cdb_record){.generation = generation,
                               .sequence = sequence,
                               .salt = UINT64_C(0x1122334455667788),
                               .before = oid_of(0xbe),
                               .after = oid_of(0xaf),
                               .time = {-5, 999999999},
                               .ref = "refs/heads/main",
                               .ref_len = 15,
                               .object_count = objects};
}

static void encode(struct cdb_buf *out, const struct cdb_record *record, const struct cdb_buf *objects)
{
    cdb_record_encode(out, record, objects);
    assert_false(out->failed);
}

/* The record with `objects` of a few bytes each. */
static void encode_sample(struct cdb_buf *out, uint64_t generation, uint64_t sequence, uint32_t objects)
{
    struct cdb_record record = sample(generation, sequence, objects);
    struct cdb_buf list = CDB_BUF_INIT;

    for (uint32_t i = 0; i < objects; i++) {
        struct cdb_oid oid = oid_of((unsigned char)i);
        cdb_record_add_object(&list, 1 + (int)(i % 3), &oid, "loose bytes", i % 12);
    }
    encode(out, &record, &list);
    cdb_buf_release(&list);
}

/* Decode from memory of exactly that size, so that a sanitizer sees a read behind it. */
static size_t decode(const void *data, size_t len, struct cdb_record *out)
{
    unsigned char *copy = malloc(len > 0 ? len : 1);
    struct cdb_record record;
    struct cdb_record_object object;

    assert_non_null(copy);
    memcpy(copy, data, len);
    size_t used = cdb_record_decode(&record, copy, len);
    if (used > 0) {
        const unsigned char *cursor = record.objects;
        uint32_t count = 0;
        assert_true(used <= len);
        while (cdb_record_object(&record, &cursor, &object)) {
            assert_true(object.loose >= copy && object.loose + object.loose_len <= copy + used);
            count++;
        }
        assert_int_equal(count, record.object_count);
        assert_true(record.ref >= (const char *)copy && record.ref + record.ref_len <= (const char *)copy + used);
        if (out != NULL)
            *out = record; /* numbers only: the views are gone */
    }
    free(copy);
    return used;
}

static void test_round_trip(void **state)
{
    static const size_t sizes[] = {0, 1, 24, 25, 26, 4096, 100000};
    struct cdb_buf objects = CDB_BUF_INIT, data = CDB_BUF_INIT;
    struct cdb_record record = sample(UINT64_MAX, UINT64_MAX, 7), read;
    struct cdb_record_object object;
    char *bytes = calloc(1, 100000);
    (void)state;

    assert_non_null(bytes);
    for (size_t i = 0; i < 7; i++) {
        struct cdb_oid oid = oid_of((unsigned char)(i + 1));
        memset(bytes, (int)i + 1, sizes[i]);
        cdb_record_add_object(&objects, 1 + (int)(i % 4), &oid, bytes, sizes[i]);
    }
    cdb_buf_adds(&data, "before");
    encode(&data, &record, &objects);
    size_t len = data.len - 6;
    cdb_buf_adds(&data, "behind");
    assert_int_equal(cdb_record_decode(&read, (unsigned char *)data.ptr + 6, len + 6), len);
    assert_true(read.generation == UINT64_MAX && read.sequence == UINT64_MAX);
    assert_true(read.salt == record.salt);
    assert_true(cdb_oid_equal(&read.before, &record.before) && cdb_oid_equal(&read.after, &record.after));
    assert_true(read.time.seconds == -5 && read.time.nanoseconds == 999999999);
    assert_true(read.ref_len == 15 && memcmp(read.ref, "refs/heads/main", 15) == 0);
    assert_int_equal(read.object_count, 7);
    const unsigned char *cursor = read.objects;
    for (size_t i = 0; i < 7; i++) {
        struct cdb_oid oid = oid_of((unsigned char)(i + 1));
        memset(bytes, (int)i + 1, sizes[i]);
        assert_true(cdb_record_object(&read, &cursor, &object));
        assert_int_equal(object.type, 1 + i % 4);
        assert_true(cdb_oid_equal(&object.oid, &oid));
        assert_int_equal(object.loose_len, sizes[i]);
        assert_memory_equal(object.loose, bytes, sizes[i]);
    }
    assert_false(cdb_record_object(&read, &cursor, &object));
    assert_true(cursor == read.end);
    free(bytes);
    cdb_buf_release(&objects);
    cdb_buf_release(&data);
}

/* The layout that journal.h promises, byte for byte: other programs may read it. */
static void test_layout(void **state)
{
    static const unsigned char head[] = {'C', 'D', 'B', 'R', 142, 0, 0, 0, 1, 0, 0, 0,
                                         0,   0,   0,   0,   2,   0, 0, 0, 0, 0, 0, 0};
    static const unsigned char salt[] = {0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11};
    struct cdb_record record = sample(1, 2, 1);
    struct cdb_buf objects = CDB_BUF_INIT, data = CDB_BUF_INIT;
    struct cdb_oid oid = oid_of(7);
    (void)state;

    cdb_record_add_object(&objects, CDB_BLOB, &oid, "xy", 2);
    encode(&data, &record, &objects);
    const unsigned char *p = (const unsigned char *)data.ptr;
    assert_int_equal(data.len, 142);
    assert_memory_equal(p, head, sizeof(head));
    assert_int_equal(p[28], 1); /* objects */
    assert_int_equal(p[32], 15);
    assert_int_equal(p[34] | p[35], 0);
    assert_memory_equal(p + 36, salt, sizeof(salt));
    assert_memory_equal(p + 48, record.before.id, 20);
    assert_memory_equal(p + 68, record.after.id, 20);
    assert_memory_equal(p + 88, "\xfb\xff\xff\xff\xff\xff\xff\xff\xff\xc9\x9a\x3b", 12); /* -5, 999999999 */
    assert_memory_equal(p + 100, "refs/heads/main", 15);
    assert_int_equal(p[115], CDB_BLOB);
    assert_memory_equal(p + 116, oid.id, 20);
    assert_memory_equal(p + 136, "\2\0\0\0xy", 6);
    uint32_t payload = (uint32_t)crc32(0, p + 48, 142 - 48), header = (uint32_t)crc32(0, p, 44);
    assert_memory_equal(p + 24, &payload, 4); /* this machine is little-endian, as all that we build for */
    assert_memory_equal(p + 44, &header, 4);
    cdb_buf_release(&objects);
    cdb_buf_release(&data);
}

static void test_truncated(void **state)
{
    struct cdb_buf data = CDB_BUF_INIT;
    (void)state;

    encode_sample(&data, 3, 4, 5);
    for (size_t len = 0; len < data.len; len++)
        assert_int_equal(decode(data.ptr, len, NULL), 0);
    assert_int_equal(decode(data.ptr, data.len, NULL), data.len);
    cdb_buf_release(&data);
}

static void test_flipped(void **state)
{
    struct cdb_buf data = CDB_BUF_INIT;
    (void)state;

    encode_sample(&data, 3, 4, 5);
    for (size_t i = 0; i < data.len; i++) {
        char right = data.ptr[i];
        for (unsigned mask = 1; mask < 256; mask++) {
            data.ptr[i] = (char)(right ^ (char)mask);
            assert_int_equal(cdb_record_decode(&(struct cdb_record){0}, (unsigned char *)data.ptr, data.len), 0);
        }
        data.ptr[i] = right;
    }
    assert_int_equal(decode(data.ptr, data.len, NULL), data.len);
    cdb_buf_release(&data);
}

/* Make both checksums right again. */
static void seal(struct cdb_buf *data, size_t payload_end)
{
    uint32_t crc = (uint32_t)crc32_z(0, (unsigned char *)data->ptr + 48, payload_end - 48);

    memcpy(data->ptr + 24, &crc, 4);
    crc = (uint32_t)crc32_z(0, (unsigned char *)data->ptr, 44);
    memcpy(data->ptr + 44, &crc, 4);
}

/* Set `size` bytes at an offset to a number, with right checksums. */
static size_t decode_with(size_t offset, size_t size, uint64_t value)
{
    struct cdb_buf data = CDB_BUF_INIT;

    encode_sample(&data, 3, 4, 5);
    memcpy(data.ptr + offset, &value, size);
    seal(&data, data.len);
    size_t used = decode(data.ptr, data.len, NULL);
    cdb_buf_release(&data);
    return used;
}

/* Checksums guard against damage, sizes against everything else. */
static void test_lying_sizes(void **state)
{
    static const uint32_t lengths[] = {0, 1, 47, 48, 99, 100, 114, 0x7fffffff, 0x80000000, 0xffffffff};
    (void)state;

    assert_true(decode_with(8, 8, 3) > 0);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
        assert_int_equal(decode_with(4, 4, lengths[i]), 0);
    assert_int_equal(decode_with(8, 8, 0), 0); /* generation */
    assert_int_equal(decode_with(28, 4, 4), 0);
    assert_int_equal(decode_with(28, 4, 6), 0);
    assert_int_equal(decode_with(28, 4, 0xffffffff), 0);
    assert_int_equal(decode_with(32, 2, 0xffff), 0);
    assert_int_equal(decode_with(32, 2, CDB_JOURNAL_REF_MAX + 1), 0);
    assert_int_equal(decode_with(32, 2, 14), 0);
    assert_int_equal(decode_with(32, 2, 16), 0);
    assert_int_equal(decode_with(CDB_RECORD_FIXED + 3, 1, 0), 0); /* a NUL in the ref's name */
    for (uint64_t len = 1; len < 64; len++)                       /* the first object's length, which was 0 */
        assert_int_equal(decode_with(CDB_RECORD_FIXED + 15 + 21, 4, len), 0);
    assert_int_equal(decode_with(CDB_RECORD_FIXED + 15 + 21, 4, 0xffffffff), 0);
    assert_int_equal(decode_with(CDB_RECORD_FIXED + 15 + 21, 4, 0xffffffe6), 0);
}

static void test_empty_record(void **state)
{
    struct cdb_buf data = CDB_BUF_INIT, none = CDB_BUF_INIT;
    struct cdb_record record = sample(1, 1, 0), read;
    (void)state;

    record.ref_len = 0;
    encode(&data, &record, &none);
    assert_int_equal(data.len, CDB_RECORD_FIXED);
    assert_int_equal(decode(data.ptr, data.len, &read), CDB_RECORD_FIXED);
    assert_int_equal(decode("", 0, NULL), 0);
    cdb_buf_release(&data);
}

/* A ref with a new name: both are in the record. */
static void test_renamed(void **state)
{
    struct cdb_buf data = CDB_BUF_INIT, none = CDB_BUF_INIT;
    struct cdb_record record = sample(1, 1, 0), read;
    (void)state;

    record.former = "refs/heads/former";
    record.former_len = 17;
    encode(&data, &record, &none);
    assert_int_equal(data.len, CDB_RECORD_FIXED + 15 + 17);
    assert_int_equal(decode(data.ptr, data.len, &read), data.len);
    assert_int_equal(cdb_record_decode(&read, (unsigned char *)data.ptr, data.len), data.len);
    assert_true(read.ref_len == 15 && memcmp(read.ref, "refs/heads/main", 15) == 0);
    assert_true(read.former_len == 17 && memcmp(read.former, "refs/heads/former", 17) == 0);
    assert_ptr_equal(read.objects, read.end);
    for (size_t len = 0; len < data.len; len++)
        assert_int_equal(cdb_record_decode(&read, (unsigned char *)data.ptr, len), 0);
    cdb_buf_release(&data);
}

static void test_longest_ref(void **state)
{
    char name[CDB_JOURNAL_REF_MAX];
    struct cdb_buf data = CDB_BUF_INIT, none = CDB_BUF_INIT;
    struct cdb_record record = sample(1, 1, 0), read;
    (void)state;

    memset(name, 'r', sizeof(name));
    record.ref = name;
    record.ref_len = sizeof(name);
    encode(&data, &record, &none);
    assert_int_equal(cdb_record_decode(&read, (unsigned char *)data.ptr, data.len), data.len);
    assert_int_equal(read.ref_len, sizeof(name));
    cdb_buf_release(&data);
}

/* ---- halves ------------------------------------------------------------------------------------ */

#define RECORDS 6

/* Records 10, 11, ... of generation 3 with 0, 1, ... objects, then what an earlier generation left; `ends` are where
 * the first ones end. */
static void fill_half(struct cdb_buf *data, size_t ends[RECORDS])
{
    struct cdb_buf old = CDB_BUF_INIT;

    for (uint32_t i = 0; i < 2 * RECORDS; i++)
        encode_sample(&old, 1, 1 + i, RECORDS);
    for (uint32_t i = 0; i < RECORDS; i++) {
        encode_sample(data, 3, 10 + i, i);
        ends[i] = data->len;
    }
    assert_true(old.len > data->len);
    cdb_buf_add(data, old.ptr + data->len, old.len - data->len);
    cdb_buf_release(&old);
}

static void scan(struct cdb_half *half, const void *data, size_t len)
{
    memset(half, 0xa5, sizeof(*half));
    half->data = malloc(len > 0 ? len : 1);
    assert_non_null(half->data);
    memcpy(half->data, data, len);
    half->len = len;
    cdb_half_scan(half);
}

/* Just the first `count` records of fill_half. */
static void expect_records(const void *data, size_t len, const size_t ends[RECORDS], size_t count)
{
    struct cdb_half half;
    struct cdb_record record;
    uint64_t offset = 0;

    scan(&half, data, len);
    assert_int_equal(half.tail, count > 0 ? ends[count - 1] : 0);
    assert_int_equal(half.generation, count > 0 ? 3 : 0);
    assert_int_equal(half.first, count > 0 ? 10 : 0);
    assert_int_equal(half.last, count > 0 ? 10 + count - 1 : 0);
    assert_int_equal(half.objects, count > 0 ? count * (count - 1) / 2 : 0);
    for (size_t i = 0; i < count; i++) {
        assert_true(cdb_half_record(&half, &offset, &record));
        assert_int_equal(record.sequence, 10 + i);
        assert_int_equal(record.object_count, i);
        assert_int_equal(offset, ends[i]);
    }
    assert_false(cdb_half_record(&half, &offset, &record));
    cdb_half_release(&half);
}

static size_t whole(const size_t ends[RECORDS], size_t len)
{
    size_t count = 0;

    while (count < RECORDS && ends[count] <= len)
        count++;
    return count;
}

static void test_half_truncated(void **state)
{
    struct cdb_buf data = CDB_BUF_INIT;
    size_t ends[RECORDS];
    (void)state;

    fill_half(&data, ends);
    for (size_t len = 0; len <= data.len; len++)
        expect_records(data.ptr, len, ends, whole(ends, len));
    cdb_buf_release(&data);
}

static void test_half_flipped(void **state)
{
    struct cdb_buf data = CDB_BUF_INIT;
    size_t ends[RECORDS];
    (void)state;

    fill_half(&data, ends);
    for (size_t i = 0; i < data.len; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            data.ptr[i] = (char)(data.ptr[i] ^ (1 << bit));
            expect_records(data.ptr, data.len, ends, whole(ends, i));
            data.ptr[i] = (char)(data.ptr[i] ^ (1 << bit));
        }
    }
    cdb_buf_release(&data);
}

/* A torn write: any number of zeros, or of 512-byte sectors that did not reach the disk. */
static void test_half_torn(void **state)
{
    struct cdb_buf data = CDB_BUF_INIT, torn = CDB_BUF_INIT;
    size_t ends[RECORDS];
    (void)state;

    fill_half(&data, ends);
    for (size_t at = 0; at < ends[RECORDS - 1]; at++) {
        cdb_buf_clear(&torn);
        cdb_buf_add(&torn, data.ptr, data.len);
        size_t len = data.len - at < 512 ? data.len - at : 512, changed = at;
        memset(torn.ptr + at, 0, len);
        while (changed < data.len && data.ptr[changed] == torn.ptr[changed])
            changed++;
        expect_records(torn.ptr, torn.len, ends, whole(ends, changed));
    }
    cdb_buf_release(&data);
    cdb_buf_release(&torn);
}

/* What does not continue the chain ends it: another generation, salt, or sequence number. */
static void test_half_chain(void **state)
{
    static const struct {
        uint64_t generation, sequence, salt;
    } next[] = {{2, 2, 0}, {4, 2, 0}, {3, 1, 0}, {3, 3, 0}, {3, 0, 0}, {3, 2, 1}};
    (void)state;

    for (size_t i = 0; i < sizeof(next) / sizeof(next[0]); i++) {
        struct cdb_buf data = CDB_BUF_INIT, none = CDB_BUF_INIT;
        struct cdb_record record = sample(3, 1, 0);
        struct cdb_half half;
        encode(&data, &record, &none);
        size_t end = data.len;
        record.generation = next[i].generation;
        record.sequence = next[i].sequence;
        record.salt += next[i].salt;
        encode(&data, &record, &none);
        scan(&half, data.ptr, data.len);
        assert_int_equal(half.tail, end);
        assert_true(half.generation == 3 && half.first == 1 && half.last == 1);
        cdb_half_release(&half);
        cdb_buf_release(&data);
    }
}

/* A document that holds a whole record is still a document. */
static void test_record_in_a_document(void **state)
{
    struct cdb_buf inner = CDB_BUF_INIT, objects = CDB_BUF_INIT, data = CDB_BUF_INIT;
    struct cdb_record record = sample(3, 1, 1);
    struct cdb_oid oid = oid_of(1);
    struct cdb_half half;
    (void)state;

    encode_sample(&inner, 3, 2, 1);
    cdb_record_add_object(&objects, CDB_BLOB, &oid, inner.ptr, inner.len);
    encode(&data, &record, &objects);
    scan(&half, data.ptr, data.len);
    assert_true(half.tail == data.len && half.last == 1 && half.objects == 1);
    cdb_half_release(&half);
    cdb_buf_release(&inner);
    cdb_buf_release(&objects);
    cdb_buf_release(&data);
}

static void test_random_bytes(void **state)
{
    struct random random = random_seed(1);
    unsigned char bytes[512];
    (void)state;

    for (int i = 0; i < 20000; i++) {
        size_t len = random_below(&random, sizeof(bytes));
        for (size_t k = 0; k < len; k++)
            bytes[k] = (unsigned char)random_bits(&random);
        if (len >= 4)
            memcpy(bytes, "CDBR", 4);
        assert_int_equal(decode(bytes, len, NULL), 0);
    }
}

/* ---- finding objects ----------------------------------------------------------------------------- */

static void add_document(struct cdb_buf *objects, struct cdb_deflater *deflater, const char *text, struct cdb_oid *oid)
{
    struct cdb_buf loose = CDB_BUF_INIT;

    assert_int_equal(cdb_object_hash(oid, CDB_BLOB, text, strlen(text)), 0);
    assert_int_equal(cdb_object_encode(deflater, CDB_BLOB, text, strlen(text), &loose), 0);
    cdb_record_add_object(objects, CDB_BLOB, oid, loose.ptr, loose.len);
    cdb_buf_release(&loose);
}

static void test_find(void **state)
{
    static const char *const texts[] = {"{}", "", "{\"a\":\"0123456789012345678901234567890123456789\"}"};
    struct cdb_deflater *deflater;
    struct cdb_buf data = CDB_BUF_INIT, found = CDB_BUF_INIT;
    struct cdb_oid oids[3], absent = oid_of(9);
    struct cdb_half half;
    int type = 0;
    (void)state;

    assert_int_equal(cdb_deflater_new(&deflater), 0);
    for (size_t i = 0; i < 3; i++) {
        struct cdb_buf objects = CDB_BUF_INIT;
        struct cdb_record record = sample(1, 1 + i, 1);
        add_document(&objects, deflater, texts[i], &oids[i]);
        encode(&data, &record, &objects);
        cdb_buf_release(&objects);
    }
    scan(&half, data.ptr, data.len);
    for (size_t i = 0; i < 3; i++) {
        cdb_buf_clear(&found);
        assert_int_equal(cdb_half_find(&half, &oids[i], &type, &found), 0);
        assert_int_equal(type, CDB_BLOB);
        assert_string_equal(cdb_buf_str(&found), texts[i]);
    }
    assert_int_equal(cdb_half_find(&half, &absent, &type, &found), 1);
    cdb_half_release(&half);
    cdb_deflater_free(deflater);
    cdb_buf_release(&data);
    cdb_buf_release(&found);
}

/* An object whose bytes are not what its id says is damage, whatever the checksums say. */
static void test_find_wrong_content(void **state)
{
    struct cdb_deflater *deflater;
    struct cdb_buf objects = CDB_BUF_INIT, data = CDB_BUF_INIT, found = CDB_BUF_INIT;
    struct cdb_record record = sample(1, 1, 2);
    struct cdb_oid oid, garbage = oid_of(3);
    struct cdb_half half;
    int type;
    (void)state;

    assert_int_equal(cdb_deflater_new(&deflater), 0);
    add_document(&objects, deflater, "{}", &oid);
    oid.id[0] ^= 1;
    memcpy(objects.ptr + 1, oid.id, sizeof(oid.id));
    cdb_record_add_object(&objects, CDB_BLOB, &garbage, "not a zlib stream", 17);
    encode(&data, &record, &objects);
    scan(&half, data.ptr, data.len);
    assert_int_equal(cdb_half_find(&half, &oid, &type, &found), CHRONDB_EDAMAGED);
    assert_int_equal(cdb_half_find(&half, &garbage, &type, &found), CHRONDB_EDAMAGED);
    assert_int_equal(found.len, 0);
    cdb_half_release(&half);
    cdb_deflater_free(deflater);
    cdb_buf_release(&objects);
    cdb_buf_release(&data);
    cdb_buf_release(&found);
}

/* ---- the file ------------------------------------------------------------------------------------ */

/* A journal whose halves are of these generations (0: zeros), cut at `len`. */
static void read_journal(struct store *store, uint64_t first, uint64_t second, size_t len, uint64_t generations[2],
                         int index[2])
{
    size_t half = (size_t)CDB_JOURNAL_HALF;
    char *bytes = calloc(2, half);
    struct cdb_buf data = CDB_BUF_INIT;
    struct cdb_half halves[2];

    assert_non_null(bytes);
    if (first > 0)
        encode_sample(&data, first, 1, 2);
    memcpy(bytes, cdb_buf_str(&data), data.len);
    cdb_buf_clear(&data);
    if (second > 0)
        encode_sample(&data, second, 2, 3);
    memcpy(bytes + half, cdb_buf_str(&data), data.len);
    scratch_write(store->path, CDB_JOURNAL_PATH, bytes, len);
    assert_int_equal(cdb_journal_read(store->dir, halves, index), 0);
    for (int i = 0; i < 2; i++) {
        generations[i] = halves[i].generation;
        cdb_half_release(&halves[i]);
    }
    free(bytes);
    cdb_buf_release(&data);
}

static void test_files(void **state)
{
    struct store store;
    struct cdb_half halves[2];
    uint64_t generations[2];
    size_t half = (size_t)CDB_JOURNAL_HALF;
    int index[2];
    (void)state;

    store_open(&store);
    assert_int_equal(cdb_journal_read(store.dir, halves, index), 0);
    assert_true(halves[0].generation == 0 && halves[1].generation == 0);
    assert_true(halves[0].data == NULL && halves[1].data == NULL);

    static const size_t lengths[] = {0, 1, 99};
    for (size_t i = 0; i < 3; i++) {
        read_journal(&store, 1, 0, lengths[i], generations, index);
        assert_true(generations[0] == 0 && generations[1] == 0);
    }
    read_journal(&store, 1, 0, 4096, generations, index);
    assert_true(generations[0] == 0 && generations[1] == 1 && index[1] == 0);
    read_journal(&store, 1, 2, 2 * half, generations, index);
    assert_true(generations[0] == 1 && generations[1] == 2 && index[0] == 0 && index[1] == 1);
    read_journal(&store, 3, 2, 2 * half, generations, index);
    assert_true(generations[0] == 2 && generations[1] == 3 && index[0] == 1 && index[1] == 0);
    read_journal(&store, 3, 2, half + 10, generations, index); /* the second half is cut */
    assert_true(generations[0] == 0 && generations[1] == 3 && index[1] == 0);
    read_journal(&store, 0, 7, 2 * half, generations, index);
    assert_true(generations[0] == 0 && generations[1] == 7 && index[1] == 1);
    store_close(&store);
}

/* What cannot be read is an error, not an empty journal. */
static void test_file_unreadable(void **state)
{
    struct store store;
    struct cdb_half halves[2];
    int index[2];
    (void)state;

    store_open(&store);
    assert_int_equal(symlinkat("journal", store.dir, CDB_JOURNAL_PATH), 0);
    assert_int_equal(cdb_journal_read(store.dir, halves, index), CHRONDB_ESYSTEM);
    assert_string_equal(chrondb_last_error()->path, CDB_JOURNAL_PATH);
    store_close(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_flipped),
        cmocka_unit_test(test_lying_sizes),
        cmocka_unit_test(test_empty_record),
        cmocka_unit_test(test_renamed),
        cmocka_unit_test(test_longest_ref),
        cmocka_unit_test(test_half_truncated),
        cmocka_unit_test(test_half_flipped),
        cmocka_unit_test(test_half_torn),
        cmocka_unit_test(test_half_chain),
        cmocka_unit_test(test_record_in_a_document),
        cmocka_unit_test(test_random_bytes),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_find_wrong_content),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_file_unreadable),
    };

    return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
