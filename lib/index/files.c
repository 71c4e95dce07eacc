/* SPDX-License-Identifier: MIT */
#include "index/files.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chrondb.h"
#include "util/array.h"
#include "util/error.h"
#include "util/fs.h"

#define DIGITS 16
/* Leaves room for "~", a hash, "-", a generation and the suffix. */
#define NAME_MAX_PLAIN 190

/* As byte number `n`. */
static bool is_plain(size_t n, unsigned char c)
{
    return (c < 0x80 && isalnum(c)) || c == '_' || c == '-' || (c == '.' && n > 0);
}

void cdb_file_ref(char out[CDB_FILE_NAME_SIZE], const char *ref)
{
    static const char heads[] = "refs/heads/";
    static const char hex[] = "0123456789ABCDEF";
    const char *at = ref;
    size_t n = 0;

    if (strncmp(ref, heads, sizeof(heads) - 1) == 0)
        at += sizeof(heads) - 1;
    else
        out[n++] = '+';
    for (; *at != '\0' && n < NAME_MAX_PLAIN; at++) {
        unsigned char c = (unsigned char)*at;

        if (is_plain(n, c)) {
            out[n++] = *at;
        } else {
            out[n++] = '%';
            out[n++] = hex[c >> 4];
            out[n++] = hex[c & 15];
        }
    }
    out[n] = '\0';
    if (*at != '\0')
        snprintf(out + n, CDB_FILE_NAME_SIZE - n, "~%016llx", (unsigned long long)cdb_bytes_hash(ref, strlen(ref)));
}

static void name_for_ref(char out[CDB_FILE_NAME_SIZE], const char *ref, const char *suffix)
{
    size_t n;

    cdb_file_ref(out, ref);
    n = strlen(out);
    snprintf(out + n, CDB_FILE_NAME_SIZE - n, "%s", suffix);
}

void cdb_file_manifest(char out[CDB_FILE_NAME_SIZE], const char *ref)
{
    name_for_ref(out, ref, CDB_FILE_MANIFEST);
}

void cdb_file_search(char out[CDB_FILE_NAME_SIZE], const char *ref)
{
    name_for_ref(out, ref, CDB_FILE_SEARCH);
}

void cdb_file_tail(char out[CDB_FILE_NAME_SIZE], const char *ref, uint64_t generation)
{
    size_t n;

    cdb_file_ref(out, ref);
    n = strlen(out);
    snprintf(out + n, CDB_FILE_NAME_SIZE - n, "-%016llx" CDB_FILE_TAIL, (unsigned long long)generation);
}

void cdb_file_segment(char out[CDB_FILE_NAME_SIZE], uint64_t name)
{
    cdb_file_numbered(out, name, CDB_FILE_SEGMENT);
}

void cdb_file_numbered(char out[CDB_FILE_NAME_SIZE], uint64_t number, const char *suffix)
{
    snprintf(out, CDB_FILE_NAME_SIZE, "%016llx%s", (unsigned long long)number, suffix);
}

bool cdb_file_ends(const char *file, const char *suffix)
{
    size_t len = strlen(file), suffix_len = strlen(suffix);

    return len >= suffix_len && memcmp(file + len - suffix_len, suffix, suffix_len) == 0;
}

bool cdb_file_number(const char *file, const char *suffix, uint64_t *number)
{
    size_t len = strlen(file), suffix_len = strlen(suffix);
    uint64_t value = 0;

    if (len < suffix_len + DIGITS || !cdb_file_ends(file, suffix))
        return false;
    for (const char *p = file + len - suffix_len - DIGITS; p < file + len - suffix_len; p++) {
        if (!((*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'f')))
            return false;
        value = value << 4 | (uint64_t)(*p <= '9' ? *p - '0' : *p - 'a' + 10);
    }
    *number = value;
    return true;
}

int cdb_file_random(uint64_t *out)
{
    do {
        if (getrandom(out, sizeof(*out), 0) != (ssize_t)sizeof(*out))
            return cdb_error_errno(NULL, "cannot get random bytes");
    } while (*out == 0);
    return 0;
}

int cdb_file_create(int dir, char name[CDB_FILE_NAME_SIZE], int *fd)
{
    uint64_t random;
    int result = cdb_file_random(&random);

    if (result != 0)
        return result;
    snprintf(name, CDB_FILE_NAME_SIZE, "%016llx" CDB_FILE_TEMPORARY, (unsigned long long)random);
    *fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    return *fd >= 0 ? 0 : cdb_error_errno(name, "cannot create '%s'", name);
}

int cdb_file_replace(int dir, const char *name, const void *data, size_t len)
{
    char temporary[CDB_FILE_NAME_SIZE];
    int fd = -1;
    int result = cdb_file_create(dir, temporary, &fd);

    if (result != 0)
        return result;
    /* With its blocks allocated now, ext4 has nothing to flush when the file replaces another (auto_da_alloc). Where
     * that fails nothing is lost. */
    (void)fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)len);
    if (cdb_fs_write_full(fd, data, len) != 0)
        result = cdb_error_errno(name, "cannot write '%s'", name);
    if (close(fd) != 0 && result == 0)
        result = cdb_error_errno(name, "cannot write '%s'", name);
    if (result == 0 && renameat(dir, temporary, dir, name) != 0)
        result = cdb_error_errno(name, "cannot rename '%s' to '%s'", temporary, name);
    if (result != 0)
        unlinkat(dir, temporary, 0);
    return result;
}

int cdb_file_open(int dir, const char *name, int flags, int *fd, uint64_t *size)
{
    struct stat st;

    /* A FIFO would block. */
    *fd = openat(dir, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (*fd < 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            return 1;
        return errno == ELOOP || errno == EISDIR || errno == ENXIO ? 2
                                                                   : cdb_error_errno(name, "cannot open '%s'", name);
    }
    if (fstat(*fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= 0) {
        *size = (uint64_t)st.st_size;
        return 0;
    }
    close(*fd);
    *fd = -1;
    return 2;
}

int cdb_file_read(int dir, const char *name, uint64_t max, struct cdb_buf *out)
{
    uint64_t size;
    int fd;
    int result = cdb_file_open(dir, name, O_RDONLY, &fd, &size);

    if (result != 0)
        return result;
    if (size > max) {
        result = 2;
    } else if (!cdb_buf_reserve(out, (size_t)size)) {
        result = cdb_error_memory();
    } else {
        ssize_t n = size > 0 ? cdb_fs_pread_full(fd, out->ptr + out->len, (size_t)size, 0) : 0;

        if (n < 0)
            result = cdb_error_errno(name, "cannot read '%s'", name);
        else
            out->len += (size_t)n;
    }
    close(fd);
    return result;
}
