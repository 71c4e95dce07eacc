/* SPDX-License-Identifier: MIT
 * One pack: the checksums of its files, and of each entry; every object put together and hashed, in the order in which
 * they lie, on all processors. */
#include <fcntl.h>
#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/check.h"
#include "store/packfile.h"
#include "store/sha1.h"
#include "util/error.h"
#include "util/fs.h"
#include "util/parallel.h"

#define BLOCK        ((size_t)1 << 20)
#define CHUNK        512
#define CACHE_SLOTS  2048
#define CACHED_MAX   ((size_t)32 << 10)
#define PATH_ROOM    512
#define PACK_TRAILER 20

/* ---- checksums of whole files ------------------------------------------------------------------ */

static int hash_start(int fd, size_t len, unsigned char out[20])
{
    mbedtls_sha1_context sha;
    unsigned char *block = malloc(BLOCK);
    int result = block != NULL ? 1 : cdb_error_memory();
    mbedtls_sha1_init(&sha);
    mbedtls_sha1_starts(&sha);
    for (size_t at = 0; at < len && result == 1;) {
        size_t want = len - at < BLOCK ? len - at : BLOCK;
        if (cdb_fs_pread_full(fd, block, want, (off_t)at) != (ssize_t)want)
            result = 0;
        else
            mbedtls_sha1_update(&sha, block, want);
        at += want;
    }
    mbedtls_sha1_finish(&sha, out);
    mbedtls_sha1_free(&sha);
    free(block);
    return result;
}

int cdb_check_trailer(int dir, const char *file)
{
    unsigned char actual[PACK_TRAILER], written[PACK_TRAILER];
    struct stat st;
    int result = 0, fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return cdb_fs_exists(dir, file) ? 0 : 2;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= PACK_TRAILER) {
        size_t len = (size_t)st.st_size - PACK_TRAILER;
        result = hash_start(fd, len, actual);
        if (result == 1)
            result = cdb_fs_pread_full(fd, written, sizeof(written), (off_t)len) == PACK_TRAILER &&
                     memcmp(written, actual, sizeof(written)) == 0;
    }
    close(fd);
    return result;
}

/* ---- the objects of a pack --------------------------------------------------------------------- */

struct entry {
    uint64_t offset;
    uint32_t position; /* in the index */
    unsigned flags;
};

struct cached {
    uint64_t offset; /* 0: free */
    int type;
    struct cdb_buf content;
};

/* What a thread keeps. */
struct worker {
    struct cached *cache; /* the objects put together last: others stand on them */
    struct libdeflate_decompressor *inflater;
    struct cdb_buf content, base;
    unsigned char *block;
    struct cdb_objects *objects;
};

struct pack {
    struct cdb_check *check;
    struct cdb_packfile *file;
    int fd; /* of the pack */
    uint64_t end;
    struct entry *entries; /* by offset */
    size_t count;
    struct worker workers[CDB_PARALLEL_MAX];
};

static struct cached *slot_of(struct worker *worker, uint64_t offset)
{
    return &worker->cache[(offset * UINT64_C(0x9e3779b97f4a7c15) >> 32) % CACHE_SLOTS];
}

static bool recall(void *context, uint64_t serial, uint64_t offset, int *type, struct cdb_buf *out)
{
    struct cached *cached = slot_of(context, offset);
    (void)serial;
    if (cached->offset != offset)
        return false;
    cdb_buf_add(out, cached->content.ptr, cached->content.len);
    *type = cached->type;
    return !out->failed;
}

static void remember(void *context, uint64_t serial, uint64_t offset, int type, const char *data, size_t len)
{
    struct cached *cached = slot_of(context, offset);
    (void)serial;
    if (len > CACHED_MAX || type == CDB_COMMIT || cached->offset == offset)
        return;
    cdb_buf_clear(&cached->content);
    cdb_buf_add(&cached->content, data, len);
    cached->type = type;
    cached->offset = cached->content.failed ? 0 : offset;
    if (cached->content.failed)
        cdb_buf_release(&cached->content);
}

/* What a delta stands on may be elsewhere, though git does not write such packs. */
static int read_base(void *context, const struct cdb_oid *oid, size_t max, int *type, struct cdb_buf *out)
{
    struct worker *worker = context;
    int result = cdb_objects_find(worker->objects, oid, max, type, &worker->base);
    if (result == 0)
        cdb_buf_add(out, worker->base.ptr, worker->base.len);
    return result == 0 ? cdb_buf_check(out) : result;
}

static int ready(struct pack *pack, struct worker *worker)
{
    if (worker->inflater != NULL)
        return 0;
    worker->objects = pack->check->objects;
    worker->cache = calloc(CACHE_SLOTS, sizeof(*worker->cache));
    worker->block = malloc(BLOCK);
    worker->inflater = libdeflate_alloc_decompressor();
    return worker->cache != NULL && worker->block != NULL && worker->inflater != NULL ? 0 : cdb_error_memory();
}

static void release(struct worker *worker)
{
    for (size_t i = 0; worker->cache != NULL && i < CACHE_SLOTS; i++)
        cdb_buf_release(&worker->cache[i].content);
    free(worker->cache);
    free(worker->block);
    libdeflate_free_decompressor(worker->inflater);
    cdb_buf_release(&worker->content);
    cdb_buf_release(&worker->base);
}

/* Are the bytes of the entry, which ends where the next one begins, those that the index has the checksum of? */
static bool crc_is_right(const struct pack *pack, struct worker *worker, size_t index)
{
    const struct entry *entry = &pack->entries[index];
    uint64_t end = index + 1 < pack->count ? pack->entries[index + 1].offset : pack->end;
    uint32_t written, crc = 0;
    if (!cdb_packfile_crc(pack->file, entry->position, &written))
        return true; /* the first version of indexes has none */
    for (uint64_t at = entry->offset; at < end;) {
        size_t want = end - at < BLOCK ? (size_t)(end - at) : BLOCK;
        if (cdb_fs_pread_full(pack->fd, worker->block, want, (off_t)at) != (ssize_t)want)
            return false;
        crc = libdeflate_crc32(crc, worker->block, want);
        at += want;
    }
    return crc == written;
}

static int check_object(struct pack *pack, struct worker *worker, size_t index)
{
    struct entry *entry = &pack->entries[index];
    const struct cdb_packfile_help help = {worker, worker->inflater, NULL, read_base, recall, remember};
    const char *why = NULL;
    struct cdb_oid oid;
    int type = CDB_ANY;
    cdb_buf_clear(&worker->content);
    if (cdb_packfile_oid(pack->file, entry->position, &oid) != 0 || entry->offset == 0) {
        entry->flags = CDB_SEEN_BAD;
        return 0;
    }
    int result = cdb_packfile_read(pack->file, entry->offset, CDB_CHECK_MAX, &help, &type, &worker->content, &why);
    if (result == 0)
        entry->flags = cdb_check_content(&oid, type, cdb_buf_str(&worker->content), worker->content.len);
    else if (result == CHRONDB_EDAMAGED)
        entry->flags = why != NULL && strcmp(why, CDB_TOO_LARGE) == 0 ? CDB_SEEN_LARGE : CDB_SEEN_BAD;
    else
        return result;
    if (!crc_is_right(pack, worker, index))
        entry->flags |= CDB_SEEN_BAD;
    return 0;
}

static int check_some(void *context, unsigned thread, size_t from, size_t to)
{
    struct pack *pack = context;
    struct worker *worker = &pack->workers[thread];
    int result = ready(pack, worker);
    for (size_t i = from; i < to && result == 0; i++)
        result = check_object(pack, worker, i);
    return result;
}

static int step(void *context, size_t taken)
{
    struct pack *pack = context;
    return pack->check->step(pack->check->context, "packed objects", taken, pack->count);
}

static int by_offset(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    return (a->offset > b->offset) - (a->offset < b->offset);
}

static int tell_object(struct pack *pack, const char *path, const struct entry *entry)
{
    struct cdb_oid oid;
    bool known = cdb_packfile_oid(pack->file, entry->position, &oid) == 0;
    int result = known ? cdb_check_note(pack->check, &oid, entry->flags) : 0;
    if (result == 0 && (entry->flags & CDB_SEEN_BAD) != 0)
        result = pack->check->tell(pack->check->context, path, known ? &oid : NULL,
                                   "the pack does not hold what its index says");
    return result;
}

static int check_objects(struct pack *pack, const char *path)
{
    const struct cdb_parallel parallel = {check_some, step, pack, CHUNK};
    pack->count = cdb_packfile_count(pack->file);
    pack->end = cdb_packfile_bytes(pack->file) - PACK_TRAILER;
    pack->entries = calloc(pack->count + 1, sizeof(*pack->entries));
    if (pack->entries == NULL)
        return cdb_error_memory();
    for (uint32_t i = 0; i < pack->count; i++)
        pack->entries[i] = (struct entry){cdb_packfile_offset(pack->file, i), i, 0};
    if (pack->count > 1)
        qsort(pack->entries, pack->count, sizeof(*pack->entries), by_offset);
    int result = cdb_parallel_run(&parallel, pack->count);
    for (size_t i = 0; i < pack->count && result == 0; i++)
        result = tell_object(pack, path, &pack->entries[i]);
    free(pack->entries);
    for (size_t i = 0; i < CDB_PARALLEL_MAX; i++)
        release(&pack->workers[i]);
    return result;
}

/* ---- the files --------------------------------------------------------------------------------- */

/* One that went away meanwhile is told by nobody. */
static int tell_file(struct cdb_check *check, int dir, const char *shown, const char *file, const char *message)
{
    char path[PATH_ROOM];
    snprintf(path, sizeof(path), "%s/%s", shown, file);
    return cdb_fs_exists(dir, file) ? check->tell(check->context, path, NULL, message) : 0;
}

/* What could not be opened. */
static int tell_failure(struct cdb_check *check, int dir, const char *shown, const char *file, int result)
{
    char message[256];
    if (cdb_check_is_memory())
        return result;
    snprintf(message, sizeof(message), "%s", chrondb_last_error()->message);
    return tell_file(check, dir, shown, file, message);
}

static int check_pack_file(struct cdb_check *check, int dir, const char *shown, const char *file,
                           struct cdb_packfile *open)
{
    char path[PATH_ROOM];
    struct pack *pack = calloc(1, sizeof(*pack));
    if (pack == NULL)
        return cdb_error_memory();
    *pack = (struct pack){.check = check, .file = open};
    snprintf(path, sizeof(path), "%s/%s", shown, file);
    int result = check->step(check->context, "checksums", 0, 0), good = 2;
    if (result == 0)
        good = cdb_check_trailer(dir, file);
    if (good < 0)
        result = good;
    if (result == 0 && good == 0)
        result = tell_file(check, dir, shown, file, "its checksum is not that of its content");
    pack->fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
    if (result == 0 && pack->fd >= 0)
        result = check_objects(pack, path);
    if (pack->fd >= 0)
        close(pack->fd);
    free(pack);
    return result;
}

int cdb_check_pack(struct cdb_check *check, int dir, const char *shown, const char *name)
{
    char idx[CDB_PACK_NAME_MAX + 8], pack[CDB_PACK_NAME_MAX + 8];
    struct cdb_packfile *file = NULL;
    if (strlen(name) > CDB_PACK_NAME_MAX)
        return 0;
    snprintf(idx, sizeof(idx), "%s.idx", name);
    snprintf(pack, sizeof(pack), "%s.pack", name);
    int result = cdb_packfile_open(&file, dir, name);
    if (result != 0)
        return result == 1 ? 0 : tell_failure(check, dir, shown, idx, result);
    int good = cdb_check_trailer(dir, idx);
    result = good < 0 ? good : 0;
    if (good == 0)
        result = tell_file(check, dir, shown, idx, "its checksum is not that of its content");
    int opened = result == 0 ? cdb_packfile_open_pack(file, dir) : 2;
    if (opened < 0)
        result = tell_failure(check, dir, shown, pack, opened);
    else if (opened == 1) /* an index goes first: if it is there still, the pack is missed */
        result = tell_file(check, dir, shown, idx, "its pack is missing");
    else if (opened == 0 && check->full)
        result = check_pack_file(check, dir, shown, pack, file);
    cdb_packfile_release(file);
    return result;
}
