/* SPDX-License-Identifier: MIT */
#include "store/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "store/objects.h"
#include "util/error.h"
#include "util/fs.h"

#define OBJECT_HEADER 25

static void put_u16(unsigned char *p, uint16_t v)
{
    p[0] = (unsigned char)v;
    p[1] = (unsigned char)(v >> 8);
}

static void put_u32(unsigned char *p, uint32_t v)
{
    put_u16(p, (uint16_t)v);
    put_u16(p + 2, (uint16_t)(v >> 16));
}

static void put_u64(unsigned char *p, uint64_t v)
{
    put_u32(p, (uint32_t)v);
    put_u32(p + 4, (uint32_t)(v >> 32));
}

static uint16_t get_u16(const unsigned char *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t get_u32(const unsigned char *p)
{
    return (uint32_t)get_u16(p) | (uint32_t)get_u16(p + 2) << 16;
}

static uint64_t get_u64(const unsigned char *p)
{
    return get_u32(p) | (uint64_t)get_u32(p + 4) << 32;
}

static uint32_t checksum(const unsigned char *data, size_t len)
{
    return (uint32_t)crc32_z(0, data, len);
}

void cdb_record_add_object(struct cdb_buf *out, int type, const struct cdb_oid *oid, const void *loose, size_t len)
{
    unsigned char header[OBJECT_HEADER];
    header[0] = (unsigned char)type;
    memcpy(header + 1, oid->id, CDB_OID_SIZE);
    put_u32(header + 21, (uint32_t)len);
    cdb_buf_add(out, header, OBJECT_HEADER);
    cdb_buf_add(out, loose, len);
}

void cdb_record_encode(struct cdb_buf *out, const struct cdb_record *record, const struct cdb_buf *objects)
{
    size_t names = record->ref_len + record->former_len, len = CDB_RECORD_FIXED + names + objects->len;
    if (!cdb_buf_reserve(out, len))
        return;
    unsigned char *p = (unsigned char *)out->ptr + out->len;
    memcpy(p, "CDBR", 4);
    put_u32(p + 4, (uint32_t)len);
    put_u64(p + 8, record->generation);
    put_u64(p + 16, record->sequence);
    put_u32(p + 28, record->object_count);
    put_u16(p + 32, (uint16_t)record->ref_len);
    put_u16(p + 34, (uint16_t)record->former_len);
    put_u64(p + 36, record->salt);
    memcpy(p + 48, record->before.id, CDB_OID_SIZE);
    memcpy(p + 68, record->after.id, CDB_OID_SIZE);
    put_u64(p + 88, (uint64_t)record->time.seconds);
    put_u32(p + 96, (uint32_t)record->time.nanoseconds);
    memcpy(p + CDB_RECORD_FIXED, record->ref, record->ref_len);
    if (record->former_len > 0)
        memcpy(p + CDB_RECORD_FIXED + record->ref_len, record->former, record->former_len);
    if (objects->len > 0)
        memcpy(p + CDB_RECORD_FIXED + names, objects->ptr, objects->len);
    put_u32(p + 24, checksum(p + CDB_RECORD_HEADER, len - CDB_RECORD_HEADER));
    put_u32(p + 44, checksum(p, 44));
    out->len += len;
}

static bool objects_fit(const struct cdb_record *record)
{
    const unsigned char *cursor = record->objects;
    struct cdb_record_object object;
    uint32_t count = 0;
    while (cdb_record_object(record, &cursor, &object))
        count++;
    return cursor == record->end && count == record->object_count;
}

size_t cdb_record_peek(struct cdb_record *out, const unsigned char header[CDB_RECORD_HEADER])
{
    if (memcmp(header, "CDBR", 4) != 0 || get_u32(header + 44) != checksum(header, 44))
        return 0;
    size_t total = get_u32(header + 4);
    size_t ref_len = get_u16(header + 32), former_len = get_u16(header + 34);
    *out = (struct cdb_record){.generation = get_u64(header + 8),
                               .sequence = get_u64(header + 16),
                               .salt = get_u64(header + 36),
                               .ref_len = ref_len,
                               .former_len = former_len,
                               .object_count = get_u32(header + 28)};
    bool sound = ref_len <= CDB_JOURNAL_REF_MAX && former_len <= CDB_JOURNAL_REF_MAX && out->generation > 0;
    return sound && total >= CDB_RECORD_FIXED + ref_len + former_len ? total : 0;
}

/* Everything but the checksum of the payload and the sizes in it. */
static size_t decode(struct cdb_record *out, const unsigned char *data, size_t len)
{
    size_t total = len < CDB_RECORD_FIXED ? 0 : cdb_record_peek(out, data);
    if (total == 0 || total > len)
        return 0;
    memcpy(out->before.id, data + 48, CDB_OID_SIZE);
    memcpy(out->after.id, data + 68, CDB_OID_SIZE);
    out->time = (chrondb_time){(int64_t)get_u64(data + 88), (int32_t)get_u32(data + 96)};
    out->ref = (const char *)data + CDB_RECORD_FIXED;
    out->former = out->ref + out->ref_len;
    out->objects = data + CDB_RECORD_FIXED + out->ref_len + out->former_len;
    out->end = data + total;
    return total;
}

size_t cdb_record_decode(struct cdb_record *out, const unsigned char *data, size_t len)
{
    struct cdb_record record;
    size_t total = decode(&record, data, len);
    if (total == 0 || get_u32(data + 24) != checksum(data + CDB_RECORD_HEADER, total - CDB_RECORD_HEADER) ||
        memchr(record.ref, '\0', record.ref_len + record.former_len) != NULL || !objects_fit(&record))
        return 0;
    *out = record;
    return total;
}

bool cdb_record_object(const struct cdb_record *record, const unsigned char **cursor, struct cdb_record_object *out)
{
    const unsigned char *p = *cursor;
    if (record->end - p < OBJECT_HEADER)
        return false;
    uint32_t len = get_u32(p + 21);
    if ((size_t)(record->end - p) - OBJECT_HEADER < len)
        return false;
    out->type = p[0];
    memcpy(out->oid.id, p + 1, CDB_OID_SIZE);
    out->loose = p + OBJECT_HEADER;
    out->loose_len = len;
    *cursor = p + OBJECT_HEADER + len;
    return true;
}

void cdb_half_scan(struct cdb_half *half)
{
    struct cdb_record record;
    size_t len;
    half->tail = half->last_at = half->generation = half->salt = half->first = half->last = 0;
    half->objects = 0;
    while ((len = cdb_record_decode(&record, half->data + half->tail, half->len - half->tail)) != 0) {
        if (half->generation == 0) {
            half->generation = record.generation;
            half->salt = record.salt;
            half->first = record.sequence;
        } else if (record.generation != half->generation || record.salt != half->salt ||
                   record.sequence != half->last + 1) {
            break;
        }
        half->last = record.sequence;
        half->last_at = half->tail;
        half->objects += record.object_count;
        half->tail += len;
    }
}

bool cdb_half_record(const struct cdb_half *half, uint64_t *offset, struct cdb_record *out)
{
    if (*offset >= half->tail)
        return false;
    size_t len = decode(out, half->data + *offset, half->tail - *offset); /* the scan has checked it */
    *offset += len;
    return len > 0;
}

static int read_half(int fd, int number, struct cdb_half *half)
{
    struct stat st;
    uint64_t start = (uint64_t)number * CDB_JOURNAL_HALF;
    if (fstat(fd, &st) != 0)
        return cdb_error_errno(CDB_JOURNAL_PATH, "cannot examine '%s'", CDB_JOURNAL_PATH);
    uint64_t size = st.st_size > 0 ? (uint64_t)st.st_size : 0;
    if (size <= start)
        return 0;
    half->len = size - start < CDB_JOURNAL_HALF ? size - start : CDB_JOURNAL_HALF;
    half->data = malloc(half->len);
    if (half->data == NULL)
        return cdb_error_memory();
    ssize_t n = cdb_fs_pread_full(fd, half->data, half->len, (off_t)start);
    if (n < 0)
        return cdb_error_errno(CDB_JOURNAL_PATH, "cannot read '%s'", CDB_JOURNAL_PATH);
    half->len = (size_t)n;
    cdb_half_scan(half);
    return 0;
}

int cdb_journal_read(int dir, struct cdb_half halves[2], int index[2])
{
    struct cdb_half read[2];
    memset(read, 0, sizeof(read));
    memset(halves, 0, 2 * sizeof(halves[0]));
    index[0] = 0;
    index[1] = 1;
    int fd = openat(dir, CDB_JOURNAL_PATH, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : cdb_error_errno(CDB_JOURNAL_PATH, "cannot open '%s'", CDB_JOURNAL_PATH);
    int result = read_half(fd, 0, &read[0]);
    if (result == 0)
        result = read_half(fd, 1, &read[1]);
    close(fd);
    if (result != 0) {
        cdb_half_release(&read[0]);
        cdb_half_release(&read[1]);
        return result;
    }
    if (read[0].generation > read[1].generation) {
        index[0] = 1;
        index[1] = 0;
    }
    halves[0] = read[index[0]];
    halves[1] = read[index[1]];
    return 0;
}

void cdb_half_release(struct cdb_half *half)
{
    free(half->data);
    memset(half, 0, sizeof(*half));
}

int cdb_half_find(const struct cdb_half *half, const struct cdb_oid *oid, int *type, struct cdb_buf *out)
{
    struct cdb_record record = {.objects = NULL};
    struct cdb_record_object object;
    for (uint64_t offset = 0; cdb_half_record(half, &offset, &record);) {
        const unsigned char *cursor = record.objects;
        while (cdb_record_object(&record, &cursor, &object))
            if (cdb_oid_equal(&object.oid, oid))
                return cdb_object_decode(oid, object.loose, object.loose_len, CDB_TREE_MAX, type, out);
    }
    return 1;
}
