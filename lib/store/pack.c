/* SPDX-License-Identifier: MIT */
#include "store/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libdeflate.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/sha1.h"
#include "util/error.h"
#include "util/fault.h"
#include "util/fs.h"

#define FLUSH_AT    ((size_t)256 << 10)
#define PUSH_AT     ((uint64_t)1 << 20)
#define LARGE       ((uint64_t)1 << 31) /* offsets from here on go into the index's table of 8-byte ones */
#define PACK_FOLDER "objects/pack"
#define OFS_DELTA   6
#define TRAILER     20
#define STORED_MAX  128 /* bytes of a delta that is stored, not deflated */

struct entry {
    struct cdb_oid oid;
    uint32_t crc;
    uint64_t offset : 56, depth : 8;
};

struct cdb_pack {
    int dir, fd;
    const char *stream;       /* what it is written to; NULL: files in `dir` */
    uint32_t announced;       /* objects of a stream */
    mbedtls_sha1_context sha; /* of what a stream has seen */
    char temporary[2][96];    /* of the pack, of the index */
    char name[CDB_OID_HEX + 6];
    struct cdb_deflater *deflater;
    struct cdb_buf pending; /* not yet written */
    uint64_t written;
    uint64_t pushed; /* of that is on its way to the disk */
    struct entry *entries;
    size_t count, room;
    bool sealed;
    unsigned char checksum[20];
    uint32_t *slots; /* open addressing over entries, index + 1 */
    size_t slot_count;
};

static void put_be32(unsigned char *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (unsigned char)(v >> (24 - 8 * i));
}

static void add_be32(struct cdb_buf *out, uint32_t v)
{
    unsigned char bytes[4];
    put_be32(bytes, v);
    cdb_buf_add(out, bytes, 4);
}

static int write_error(const char *path)
{
    return cdb_error_errno(path, "cannot write '%s'", path);
}

static void name_temporaries(char out[2][96], const char *role)
{
    snprintf(out[0], 96, PACK_FOLDER "/tmp_pack_chrondb_%.47s", role);
    snprintf(out[1], 96, PACK_FOLDER "/tmp_idx_chrondb_%.47s", role);
}

void cdb_pack_remove_temporary(int dir, const char *role)
{
    char names[2][96];
    name_temporaries(names, role);
    unlinkat(dir, names[0], 0);
    unlinkat(dir, names[1], 0);
}

int cdb_pack_new(struct cdb_pack **out, int dir, const char *role)
{
    struct cdb_pack *pack = calloc(1, sizeof(*pack));
    if (pack == NULL)
        return cdb_error_memory();
    pack->dir = dir;
    name_temporaries(pack->temporary, role);
    unlinkat(dir, pack->temporary[0], 0);
    pack->fd = openat(dir, pack->temporary[0], O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
    int result = pack->fd < 0 ? cdb_error_errno(pack->temporary[0], "cannot create '%s'", pack->temporary[0])
                              : cdb_deflater_new(&pack->deflater);
    cdb_buf_add(&pack->pending, "PACK\0\0\0\2\0\0\0\0", 12); /* the count is filled in at the end */
    if (result != 0) {
        cdb_pack_free(pack);
        return result;
    }
    *out = pack;
    return 0;
}

int cdb_pack_new_stream(struct cdb_pack **out, int fd, const char *path, uint32_t count)
{
    struct cdb_pack *pack = calloc(1, sizeof(*pack));
    if (pack == NULL)
        return cdb_error_memory();
    pack->dir = -1;
    pack->fd = fd;
    pack->stream = path;
    pack->announced = count;
    mbedtls_sha1_init(&pack->sha);
    mbedtls_sha1_starts(&pack->sha);
    cdb_buf_add(&pack->pending, "PACK\0\0\0\2", 8);
    add_be32(&pack->pending, count);
    int result = cdb_deflater_new(&pack->deflater);
    if (result != 0) {
        cdb_pack_free(pack);
        return result;
    }
    *out = pack;
    return 0;
}

/* ---- which objects are there already --------------------------------------------------------------- */

static size_t slot_of(const struct cdb_pack *pack, const struct cdb_oid *oid)
{
    size_t hash;
    memcpy(&hash, oid->id, sizeof(hash));
    return hash & (pack->slot_count - 1);
}

cdb_pack_entry cdb_pack_find(const struct cdb_pack *pack, const struct cdb_oid *oid)
{
    if (pack->slot_count == 0)
        return CDB_NO_ENTRY;
    for (size_t i = slot_of(pack, oid); pack->slots[i] != 0; i = (i + 1) & (pack->slot_count - 1))
        if (cdb_oid_equal(&pack->entries[pack->slots[i] - 1].oid, oid))
            return pack->slots[i] - 1;
    return CDB_NO_ENTRY;
}

size_t cdb_pack_count(const struct cdb_pack *pack)
{
    return pack->count;
}

unsigned cdb_pack_depth(const struct cdb_pack *pack, cdb_pack_entry entry)
{
    return pack->entries[entry].depth;
}

static void insert(struct cdb_pack *pack, size_t index)
{
    size_t i = slot_of(pack, &pack->entries[index].oid);
    while (pack->slots[i] != 0)
        i = (i + 1) & (pack->slot_count - 1);
    pack->slots[i] = (uint32_t)index + 1;
}

static int grow(struct cdb_pack *pack)
{
    size_t room = pack->room == 0 ? 256 : pack->room * 2;
    struct entry *entries = room > UINT32_MAX / 4 ? NULL : realloc(pack->entries, room * sizeof(*entries));
    if (entries == NULL)
        return cdb_error_memory();
    pack->entries = entries;
    uint32_t *slots = calloc(room * 2, sizeof(*slots));
    if (slots == NULL)
        return cdb_error_memory();
    free(pack->slots);
    pack->slots = slots;
    pack->slot_count = room * 2;
    pack->room = room;
    for (size_t i = 0; i < pack->count; i++)
        insert(pack, i);
    return 0;
}

/* ---- adding ------------------------------------------------------------------------------------ */

/* What is written goes to the disk little by little: the sync at the end would send all of it at once, and everybody
 * else's small writes, each of which waits for a sync of its own, would stand behind it. A hint: failing is no error.
 */
static void push_to_disk(struct cdb_pack *pack)
{
#ifdef SYNC_FILE_RANGE_WRITE
    if (pack->written - pack->pushed < PUSH_AT)
        return;
    if (pack->pushed >= PUSH_AT)
        sync_file_range(pack->fd, (off_t)(pack->pushed - PUSH_AT), PUSH_AT, SYNC_FILE_RANGE_WAIT_BEFORE);
    sync_file_range(pack->fd, (off_t)pack->pushed, (off_t)(pack->written - pack->pushed), SYNC_FILE_RANGE_WRITE);
    pack->pushed = pack->written;
#endif
}

static int flush(struct cdb_pack *pack)
{
    if (pack->pending.failed)
        return cdb_error_memory();
    if (cdb_fs_write_full(pack->fd, cdb_buf_str(&pack->pending), pack->pending.len) != 0)
        return write_error(pack->stream != NULL ? pack->stream : pack->temporary[0]);
    if (pack->stream != NULL)
        mbedtls_sha1_update(&pack->sha, (const unsigned char *)cdb_buf_str(&pack->pending), pack->pending.len);
    pack->written += pack->pending.len;
    cdb_buf_clear(&pack->pending);
    push_to_disk(pack);
    return 0;
}

/* Type and size: 4 bits of the size beside the type, then 7 bits a byte, the lowest first. */
static void add_entry_header(struct cdb_buf *out, int type, size_t size)
{
    unsigned char byte = (unsigned char)(type << 4 | (int)(size & 15));
    for (size >>= 4; size > 0; size >>= 7) {
        cdb_buf_addc(out, (char)(byte | 0x80));
        byte = size & 0x7f;
    }
    cdb_buf_addc(out, (char)byte);
}

/* How far before the entry its base begins: 7 bits a byte, the highest first, each continued one counted from 1. */
static void add_distance(struct cdb_buf *out, uint64_t distance)
{
    char bytes[10];
    size_t at = sizeof(bytes);
    bytes[--at] = (char)(distance & 0x7f);
    while (distance >>= 7)
        bytes[--at] = (char)(0x80 | (--distance & 0x7f));
    cdb_buf_add(out, bytes + at, sizeof(bytes) - at);
}

/* A new entry at the end of what is pending; its bytes follow, then end_entry. 1: the object is there already. */
static int begin_entry(struct cdb_pack *pack, const struct cdb_oid *oid, unsigned depth)
{
    int result = 0;
    if (cdb_pack_find(pack, oid) != CDB_NO_ENTRY)
        return 1;
    if (pack->count == pack->room && (result = grow(pack)) != 0)
        return result;
    struct entry *entry = &pack->entries[pack->count];
    entry->oid = *oid;
    entry->depth = depth & 0xff;
    entry->offset = (pack->written + pack->pending.len) & (((uint64_t)1 << 56) - 1);
    return 0;
}

static int end_entry(struct cdb_pack *pack)
{
    struct entry *entry = &pack->entries[pack->count];
    if (pack->pending.failed)
        return cdb_error_memory();
    size_t start = (size_t)(entry->offset - pack->written);
    entry->crc = libdeflate_crc32(0, pack->pending.ptr + start, pack->pending.len - start);
    insert(pack, pack->count++);
    return pack->pending.len >= FLUSH_AT ? flush(pack) : 0;
}

/* A zlib stream of one stored block: an entry's id and its like do not get smaller, and deflating costs more than all
 * the rest. Sources: RFC 1950, RFC 1951. */
static void add_stored(struct cdb_buf *out, const void *data, size_t len)
{
    unsigned char head[7] = {0x78, 0x01, 0x01, (unsigned char)len, (unsigned char)(len >> 8)};
    head[5] = (unsigned char)~head[3];
    head[6] = (unsigned char)~head[4];
    cdb_buf_add(out, head, sizeof(head));
    cdb_buf_add(out, data, len);
    add_be32(out, libdeflate_adler32(1, data, len));
}

static void add_delta_header(struct cdb_pack *pack, cdb_pack_entry base, size_t len)
{
    uint64_t distance = pack->entries[pack->count].offset - pack->entries[base].offset;
    add_entry_header(&pack->pending, OFS_DELTA, len);
    add_distance(&pack->pending, distance);
}

int cdb_pack_add(struct cdb_pack *pack, int type, const void *data, size_t len, const struct cdb_oid *oid)
{
    int result = begin_entry(pack, oid, 0);
    if (result != 0)
        return result < 0 ? result : 0;
    add_entry_header(&pack->pending, type, len);
    result = cdb_deflate(pack->deflater, data, len, &pack->pending);
    return result == 0 ? end_entry(pack) : result;
}

int cdb_pack_add_deflated(struct cdb_pack *pack, int type, size_t len, const void *stream, size_t stream_len,
                          const struct cdb_oid *oid)
{
    int result = begin_entry(pack, oid, 0);
    if (result != 0)
        return result < 0 ? result : 0;
    add_entry_header(&pack->pending, type, len);
    cdb_buf_add(&pack->pending, stream, stream_len);
    return end_entry(pack);
}

int cdb_pack_add_delta(struct cdb_pack *pack, const struct cdb_oid *oid, cdb_pack_entry base, const void *delta,
                       size_t len)
{
    int result = begin_entry(pack, oid, cdb_pack_depth(pack, base) + 1);
    if (result != 0)
        return result < 0 ? result : 0;
    add_delta_header(pack, base, len);
    if (len <= STORED_MAX)
        add_stored(&pack->pending, delta, len);
    else
        result = cdb_deflate(pack->deflater, delta, len, &pack->pending);
    return result == 0 ? end_entry(pack) : result;
}

int cdb_pack_add_deflated_delta(struct cdb_pack *pack, const struct cdb_oid *oid, cdb_pack_entry base, size_t len,
                                const void *stream, size_t stream_len)
{
    int result = begin_entry(pack, oid, cdb_pack_depth(pack, base) + 1);
    if (result != 0)
        return result < 0 ? result : 0;
    add_delta_header(pack, base, len);
    cdb_buf_add(&pack->pending, stream, stream_len);
    return end_entry(pack);
}

int cdb_pack_add_raw(struct cdb_pack *pack, const void *data, size_t len, uint32_t crc, const struct cdb_oid *oid)
{
    int result = begin_entry(pack, oid, 0);
    if (result != 0)
        return result < 0 ? result : 0;
    cdb_buf_add(&pack->pending, data, len);
    result = end_entry(pack);
    if (result == 0 && pack->entries[pack->count - 1].crc != crc)
        return cdb_error(CHRONDB_EDAMAGED, "damaged", "an entry of a pack does not match its checksum");
    return result;
}

const char *cdb_pack_name(const struct cdb_pack *pack)
{
    return pack->name;
}

/* ---- receiving --------------------------------------------------------------------------------- */

int cdb_pack_receive(struct cdb_pack *pack, const void *data, size_t len)
{
    if (pack->written == 0)
        cdb_buf_clear(&pack->pending); /* it brings a header of its own */
    if (cdb_fs_write_full(pack->fd, data, len) != 0)
        return write_error(pack->temporary[0]);
    pack->written += len;
    push_to_disk(pack);
    return 0;
}

int cdb_pack_file(const struct cdb_pack *pack)
{
    return pack->fd;
}

uint64_t cdb_pack_bytes(const struct cdb_pack *pack)
{
    return pack->written;
}

static int remove_trailer(struct cdb_pack *pack)
{
    pack->written -= TRAILER;
    if (ftruncate(pack->fd, (off_t)pack->written) != 0 || lseek(pack->fd, 0, SEEK_END) < 0)
        return write_error(pack->temporary[0]);
    return 0;
}

int cdb_pack_note(struct cdb_pack *pack, const struct cdb_oid *oid, uint64_t offset, uint32_t crc)
{
    int result = pack->count == 0 ? remove_trailer(pack) : 0;
    if (result == 0 && pack->count == pack->room)
        result = grow(pack);
    if (result != 0)
        return result;
    pack->entries[pack->count] =
        (struct entry){.oid = *oid, .crc = crc, .offset = offset & (((uint64_t)1 << 56) - 1), .depth = 0};
    insert(pack, pack->count++);
    return 0;
}

/* ---- finishing --------------------------------------------------------------------------------- */

/* The checksum of everything before it. */
static int finish_stream(struct cdb_pack *pack)
{
    unsigned char checksum[TRAILER];
    if (pack->count != pack->announced)
        return cdb_error(CHRONDB_ESYSTEM, "internal", "a pack of %" PRIu32 " objects has %zu", pack->announced,
                         pack->count);
    int result = flush(pack);
    if (result != 0)
        return result;
    mbedtls_sha1_finish(&pack->sha, checksum);
    pack->written += TRAILER;
    return cdb_fs_write_full(pack->fd, checksum, TRAILER) == 0 ? 0 : write_error(pack->stream);
}

/* Fill in the count and append the checksum of everything before it. */
static int seal(struct cdb_pack *pack, unsigned char checksum[20])
{
    unsigned char count[4];
    mbedtls_sha1_context sha;
    char *block = malloc(FLUSH_AT);
    int result = block == NULL ? cdb_error_memory() : flush(pack);
    mbedtls_sha1_init(&sha);
    mbedtls_sha1_starts(&sha);
    put_be32(count, (uint32_t)pack->count);
    if (result == 0 && cdb_fs_pwrite_full(pack->fd, count, 4, 8) != 0)
        result = write_error(pack->temporary[0]);
    for (uint64_t at = 0; result == 0 && at < pack->written;) {
        ssize_t n = cdb_fs_pread_full(pack->fd, block, FLUSH_AT, (off_t)at);
        if (n <= 0)
            result = cdb_error_errno(pack->temporary[0], "cannot read '%s'", pack->temporary[0]);
        else
            mbedtls_sha1_update(&sha, (const unsigned char *)block, (size_t)n);
        at += n > 0 ? (uint64_t)n : 0;
    }
    mbedtls_sha1_finish(&sha, checksum);
    mbedtls_sha1_free(&sha);
    if (result == 0 && (cdb_fs_write_full(pack->fd, checksum, 20) != 0 || fsync(pack->fd) != 0))
        result = write_error(pack->temporary[0]);
    free(block);
    return result;
}

static int by_oid(const void *left, const void *right)
{
    return memcmp(((const struct entry *)left)->oid.id, ((const struct entry *)right)->oid.id, CDB_OID_SIZE);
}

static void add_offsets(struct cdb_buf *out, const struct cdb_pack *pack)
{
    uint32_t large = 0;
    for (size_t i = 0; i < pack->count; i++) {
        bool is_large = pack->entries[i].offset >= LARGE;
        add_be32(out, is_large ? 0x80000000u | large : (uint32_t)pack->entries[i].offset);
        large += is_large;
    }
    for (size_t i = 0; large > 0 && i < pack->count; i++) {
        if (pack->entries[i].offset >= LARGE) {
            add_be32(out, (uint32_t)(pack->entries[i].offset >> 32));
            add_be32(out, (uint32_t)pack->entries[i].offset);
        }
    }
}

static int write_index(struct cdb_pack *pack, const unsigned char pack_checksum[20])
{
    struct cdb_buf index = CDB_BUF_INIT;
    unsigned char checksum[20];
    qsort(pack->entries, pack->count, sizeof(*pack->entries), by_oid);
    cdb_buf_add(&index, "\377tOc\0\0\0\2", 8);
    size_t below = 0;
    for (unsigned first = 0; first < 256; first++) {
        while (below < pack->count && pack->entries[below].oid.id[0] <= first)
            below++;
        add_be32(&index, (uint32_t)below);
    }
    for (size_t i = 0; i < pack->count; i++)
        cdb_buf_add(&index, pack->entries[i].oid.id, CDB_OID_SIZE);
    for (size_t i = 0; i < pack->count; i++)
        add_be32(&index, pack->entries[i].crc);
    add_offsets(&index, pack);
    cdb_buf_add(&index, pack_checksum, 20);
    int result = cdb_buf_check(&index);
    if (result == 0) {
        mbedtls_sha1_context sha;
        mbedtls_sha1_init(&sha);
        mbedtls_sha1_starts(&sha);
        mbedtls_sha1_update(&sha, (const unsigned char *)index.ptr, index.len);
        mbedtls_sha1_finish(&sha, checksum);
        mbedtls_sha1_free(&sha);
        cdb_buf_add(&index, checksum, 20);
        result = cdb_buf_check(&index);
    }
    if (result == 0) {
        unlinkat(pack->dir, pack->temporary[1], 0);
        result = cdb_fs_write_file(pack->dir, pack->temporary[1], index.ptr, index.len, true);
    }
    if (result == 0 && fchmodat(pack->dir, pack->temporary[1], 0444, 0) != 0)
        result = write_error(pack->temporary[1]);
    cdb_buf_release(&index);
    return result;
}

int cdb_pack_seal(struct cdb_pack *pack)
{
    if (pack->count == 0 || pack->sealed)
        return 0;
    int result = seal(pack, pack->checksum);
    CDB_FAULT("pack-sealed");
    if (result == 0)
        result = write_index(pack, pack->checksum);
    CDB_FAULT("pack-indexed");
    pack->sealed = result == 0;
    return result;
}

static int publish(struct cdb_pack *pack)
{
    char hex[CDB_OID_HEX + 1], path[96];
    struct cdb_oid name;
    memcpy(name.id, pack->checksum, CDB_OID_SIZE);
    cdb_oid_format(&name, hex);
    snprintf(path, sizeof(path), PACK_FOLDER "/pack-%s.pack", hex);
    if (renameat(pack->dir, pack->temporary[0], pack->dir, path) != 0)
        return write_error(path);
    CDB_FAULT("pack-before-index");
    snprintf(path, sizeof(path), PACK_FOLDER "/pack-%s.idx", hex);
    if (renameat(pack->dir, pack->temporary[1], pack->dir, path) != 0)
        return write_error(path);
    snprintf(pack->name, sizeof(pack->name), "pack-%s", hex);
    return cdb_fs_sync_dir(pack->dir, PACK_FOLDER);
}

int cdb_pack_finish(struct cdb_pack *pack)
{
    if (pack->stream != NULL)
        return finish_stream(pack);
    int result = cdb_pack_seal(pack);
    return result == 0 && pack->count > 0 ? publish(pack) : result;
}

void cdb_pack_free(struct cdb_pack *pack)
{
    if (pack == NULL)
        return;
    if (pack->stream != NULL) {
        mbedtls_sha1_free(&pack->sha);
    } else {
        if (pack->fd >= 0)
            close(pack->fd);
        unlinkat(pack->dir, pack->temporary[0], 0);
        unlinkat(pack->dir, pack->temporary[1], 0);
    }
    cdb_deflater_free(pack->deflater);
    cdb_buf_release(&pack->pending);
    free(pack->entries);
    free(pack->slots);
    free(pack);
}
