/* SPDX-License-Identifier: MIT */
#include "index/tail.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "index/bytes.h"
#include "index/dict.h"
#include "index/files.h"
#include "index/memory.h"
#include "util/array.h"
#include "util/error.h"
#include "util/fs.h"

#define MAGIC "CDBTAIL\n"

/* Generations are random: what another tail, or a key, holds never passes for a record of this one. */
static uint32_t seed(uint64_t generation)
{
    return (uint32_t)(generation ^ generation >> 32);
}

static void put_trailer(unsigned char *p, uint64_t generation, const struct cdb_oid *id, size_t len)
{
    memcpy(p, id->id, CDB_OID_SIZE);
    cdb_le_put32(p + 20, (uint32_t)len);
    cdb_le_put32(p + 24, cdb_index_crc(seed(generation), p, 24));
}

bool cdb_tail_get_trailer(const unsigned char *trailer, uint64_t generation, struct cdb_oid *id)
{
    if (cdb_index_crc(seed(generation), trailer, 24) != cdb_le_get32(trailer + 24))
        return false;
    memcpy(id->id, trailer, CDB_OID_SIZE);
    return true;
}

void cdb_tail_put_header(struct cdb_buf *out, uint64_t generation, uint64_t base, const struct cdb_oid *last)
{
    unsigned char p[CDB_TAIL_HEADER];

    memcpy(p, MAGIC, 8);
    cdb_le_put32(p + 8, CDB_TAIL_VERSION);
    cdb_le_put64(p + 16, generation);
    cdb_le_put64(p + 24, base);
    put_trailer(p + 32, generation, last, sizeof(p));
    cdb_le_put32(p + 12, cdb_index_crc(cdb_index_crc(0, p, 12), p + 16, sizeof(p) - 16));
    cdb_buf_add(out, p, sizeof(p));
}

bool cdb_tail_get_header(const unsigned char *data, size_t len, uint64_t generation, uint64_t *base,
                         struct cdb_oid *last)
{
    if (len < CDB_TAIL_HEADER || memcmp(data, MAGIC, 8) != 0 || cdb_le_get32(data + 8) != CDB_TAIL_VERSION)
        return false;
    if (cdb_index_crc(cdb_index_crc(0, data, 12), data + 16, CDB_TAIL_HEADER - 16) != cdb_le_get32(data + 12))
        return false;
    *base = cdb_le_get64(data + 24);
    return cdb_le_get64(data + 16) == generation && cdb_tail_get_trailer(data + 32, generation, last);
}

int cdb_tail_put_record(struct cdb_buf *out, uint64_t generation, const struct cdb_oid *before,
                        const struct cdb_catalog_commit *commit, const struct cdb_catalog_change *changes, size_t count)
{
    size_t len = CDB_TAIL_RECORD + CDB_TAIL_TRAILER;

    for (size_t i = 0; i < count && len <= CDB_TAIL_RECORD_MAX; i++)
        len += CDB_CHANGE_HEAD + (changes[i].key_len <= CDB_DICT_KEY_MAX ? changes[i].key_len : CDB_TAIL_RECORD_MAX);
    if (len > CDB_TAIL_RECORD_MAX)
        return 1;
    if (!cdb_buf_reserve(out, len))
        return 0; /* told by the buffer */
    unsigned char *p = (unsigned char *)out->ptr + out->len, *at = p + CDB_TAIL_RECORD;
    cdb_le_put32(p, (uint32_t)len);
    memcpy(p + 8, before->id, CDB_OID_SIZE);
    cdb_index_put_time(p + 28, commit->time, commit->merge);
    cdb_le_put32(p + 40, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        cdb_change_encode(at, &changes[i]);
        at += CDB_CHANGE_HEAD + changes[i].key_len;
    }
    put_trailer(at, generation, &commit->id, len);
    cdb_le_put32(p + 4, cdb_index_crc(seed(generation), p + 8, len - 8));
    out->len += len;
    out->ptr[out->len] = '\0';
    return 0;
}

void cdb_tail_copy_record(struct cdb_buf *out, uint64_t generation, const struct cdb_tail_record *record)
{
    if (!cdb_buf_reserve(out, record->len))
        return;
    unsigned char *p = (unsigned char *)out->ptr + out->len;
    memcpy(p, record->data, record->len);
    put_trailer(p + record->len - CDB_TAIL_TRAILER, generation, &record->commit.id, record->len);
    cdb_le_put32(p + 4, cdb_index_crc(seed(generation), p + 8, record->len - 8));
    out->len += record->len;
}

/* Are the changes whole, and their keys in order? */
static bool changes_are_sound(const struct cdb_tail_record *record)
{
    const unsigned char *at = record->changes, *before = NULL;

    for (uint32_t i = 0; i < record->change_count; i++) {
        size_t left = (size_t)(record->end - at);

        if (left < CDB_CHANGE_HEAD || cdb_change_size(at) > left || cdb_change_key_len(at) > CDB_DICT_KEY_MAX ||
            (at[2] & ~CDB_CHANGE_FLAGS) != 0)
            return false;
        if (before != NULL && cdb_bytes_compare(cdb_change_key(before), cdb_change_key_len(before), cdb_change_key(at),
                                                cdb_change_key_len(at)) >= 0)
            return false;
        before = at;
        at += cdb_change_size(at);
    }
    return at == record->end;
}

bool cdb_tail_get_record(struct cdb_tail_record *out, const unsigned char *data, size_t len, size_t at,
                         uint64_t generation)
{
    const unsigned char *p = data + at;
    size_t left = len - at, size;

    if (at > len || left < CDB_TAIL_RECORD + CDB_TAIL_TRAILER)
        return false;
    size = cdb_le_get32(p);
    if (size < CDB_TAIL_RECORD + CDB_TAIL_TRAILER || size > left || size > CDB_TAIL_RECORD_MAX ||
        cdb_index_crc(seed(generation), p + 8, size - 8) != cdb_le_get32(p + 4))
        return false;
    out->data = p;
    out->len = size;
    memcpy(out->before.id, p + 8, CDB_OID_SIZE);
    out->change_count = cdb_le_get32(p + 40);
    out->changes = p + CDB_TAIL_RECORD;
    out->end = p + size - CDB_TAIL_TRAILER;
    memcpy(out->commit.id.id, out->end, CDB_OID_SIZE);
    return cdb_index_get_time(p + 28, &out->commit.time, &out->commit.merge) && changes_are_sound(out);
}

int cdb_tail_create(int dir, const char *ref, uint64_t generation, const struct cdb_buf *data)
{
    char file[CDB_FILE_NAME_SIZE];
    int fd, result = 0;

    cdb_file_tail(file, ref, generation);
    fd = openat(dir, file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0)
        return cdb_error_errno(file, "cannot create '%s'", file);
    if (cdb_fs_write_full(fd, data->ptr, data->len) != 0)
        result = cdb_error_errno(file, "cannot write '%s'", file);
    if (close(fd) != 0 && result == 0)
        result = cdb_error_errno(file, "cannot write '%s'", file);
    if (result != 0)
        unlinkat(dir, file, 0);
    return result;
}
