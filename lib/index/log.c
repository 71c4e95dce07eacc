/* SPDX-License-Identifier: MIT
 *
 * A commit appended to a branch's tail: on the way of every put, so system calls are counted here. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "index/bytes.h"
#include "index/catalog.h"
#include "index/files.h"
#include "index/manifest.h"
#include "index/tail.h"
#include "util/error.h"
#include "util/fault.h"
#include "util/fs.h"

#define MANIFEST_USUAL 4096

/* The generation of the tail: 0; 1: there is no manifest that can be used. */
static int get_generation(int dir, const char *ref, uint64_t *generation)
{
    char file[CDB_FILE_NAME_SIZE];
    unsigned char head[MANIFEST_USUAL];
    struct cdb_buf whole = CDB_BUF_INIT;
    ssize_t n;
    int fd, result;

    cdb_file_manifest(file, ref);
    fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 1
                                                                     : cdb_error_errno(file, "cannot open '%s'", file);
    n = read(fd, head, sizeof(head));
    close(fd);
    if (n >= 0 && (size_t)n < sizeof(head))
        return cdb_manifest_peek(head, (size_t)n, ref, generation) ? 0 : 1;
    result = cdb_file_read(dir, file, CDB_MANIFEST_MAX, &whole);
    if (result == 0 && !cdb_manifest_peek(whole.ptr, whole.len, ref, generation))
        result = 1;
    cdb_buf_release(&whole);
    return result > 0 ? 1 : result;
}

/* The end of a tail that does not end in a trailer, because a writer died: cut off what it left. */
static int repair(int dir, const char *file, int fd, uint64_t generation, uint64_t *size, struct cdb_oid *last)
{
    struct cdb_buf data = CDB_BUF_INIT;
    struct cdb_tail_record record;
    uint64_t base;
    size_t at = CDB_TAIL_HEADER;
    int result = cdb_file_read(dir, file, CDB_TAIL_MAX, &data);
    const unsigned char *bytes = (const unsigned char *)data.ptr;

    if (result == 0 && !cdb_tail_get_header(bytes, data.len, generation, &base, last))
        result = 1;
    if (result == 0) {
        for (; cdb_tail_get_record(&record, bytes, data.len, at, generation); at += record.len)
            *last = record.commit.id;
        *size = at;
        if (ftruncate(fd, (off_t)at) != 0)
            result = cdb_error_errno(file, "cannot shorten '%s'", file);
    }
    cdb_buf_release(&data);
    return result > 0 ? 1 : result;
}

/* What the tail ends in. */
static int get_end(int dir, const char *file, int fd, uint64_t generation, uint64_t *size, struct cdb_oid *last)
{
    unsigned char trailer[CDB_TAIL_TRAILER];

    if (*size >= CDB_TAIL_HEADER) {
        ssize_t n = pread(fd, trailer, sizeof(trailer), (off_t)(*size - sizeof(trailer)));
        if (n < 0)
            return cdb_error_errno(file, "cannot read '%s'", file);
        if (n == (ssize_t)sizeof(trailer) && cdb_tail_get_trailer(trailer, generation, last))
            return 0;
    }
    return repair(dir, file, fd, generation, size, last);
}

static int append(const char *file, int fd, uint64_t size, const struct cdb_buf *record)
{
    int result = cdb_buf_check(record);

    if (result != 0)
        return result;
    CDB_FAULT("index-log");
    if (cdb_fs_pwrite_full(fd, record->ptr, record->len, (off_t)size) == 0)
        return 0;
    result = cdb_error_errno(file, "cannot write '%s'", file);
    if (ftruncate(fd, (off_t)size) != 0) {
        /* Half a record is passed over. */
    }
    return result;
}

/* The files of a branch that has none. */
static int begin(int dir, const char *ref, const struct cdb_catalog_commit *commit,
                 const struct cdb_catalog_change *changes, size_t count)
{
    static const struct cdb_oid none;
    struct cdb_manifest manifest = {.ref = (char *)(uintptr_t)ref};
    struct cdb_buf data = CDB_BUF_INIT;
    int result = cdb_file_random(&manifest.generation);

    if (result != 0)
        return result;
    cdb_tail_put_header(&data, manifest.generation, 0, &none);
    result = cdb_tail_put_record(&data, manifest.generation, &none, commit, changes, count);
    if (result == 0)
        result = cdb_buf_check(&data);
    if (result == 0)
        result = cdb_tail_create(dir, ref, manifest.generation, &data);
    if (result == 0)
        result = cdb_manifest_write(dir, &manifest);
    cdb_buf_release(&data);
    return result;
}

int cdb_catalog_log(int dir, const char *ref, const struct cdb_oid *before, const struct cdb_catalog_commit *commit,
                    const struct cdb_catalog_change *changes, size_t count, struct cdb_catalog_logged *logged)
{
    char file[CDB_FILE_NAME_SIZE];
    struct cdb_buf record = CDB_BUF_INIT;
    struct cdb_oid last;
    uint64_t generation, size;
    int fd, result = get_generation(dir, ref, &generation);

    if (logged != NULL)
        *logged = (struct cdb_catalog_logged){0, 0};
    if (result == 1 && cdb_oid_is_zero(before))
        return begin(dir, ref, commit, changes, count);
    if (result != 0)
        return result;
    cdb_file_tail(file, ref, generation);
    result = cdb_file_open(dir, file, O_RDWR, &fd, &size);
    if (result != 0)
        return result > 0 ? 1 : result;
    result = get_end(dir, file, fd, generation, &size, &last);
    if (result == 0 && (!cdb_oid_equal(&last, before) || size > CDB_TAIL_MAX - CDB_TAIL_RECORD_MAX))
        result = 1;
    if (result == 0)
        result = cdb_tail_put_record(&record, generation, before, commit, changes, count);
    if (result == 0)
        result = append(file, fd, size, &record);
    if (result == 0 && logged != NULL)
        *logged = (struct cdb_catalog_logged){size, size + record.len};
    CDB_FAULT("index-logged");
    close(fd);
    cdb_buf_release(&record);
    return result;
}
