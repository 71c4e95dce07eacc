/* SPDX-License-Identifier: MIT */
#include "store/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/error.h"

#define DESCRIPTORS_MAX 256 /* where their numbers end, files are mapped: a repository may have thousands of packs */

int cdb_bytes_map(struct cdb_bytes *bytes, const char *path)
{
    if (bytes->data != NULL || bytes->len == 0)
        return 0;
    void *data = mmap(NULL, bytes->len, PROT_READ, MAP_SHARED, bytes->fd, 0);
    if (data == MAP_FAILED)
        return cdb_error_errno(path, "cannot map '%s'", path);
    bytes->data = data;
    bytes->mapped = true;
    close(bytes->fd);
    bytes->fd = -1;
    return 0;
}

int cdb_bytes_open(struct cdb_bytes *out, int dir, const char *path)
{
    struct stat st;
    int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), result = 0;
    *out = (struct cdb_bytes)CDB_BYTES_NONE;
    if (fd < 0)
        return errno == ENOENT ? 1 : cdb_error_errno(path, "cannot open '%s'", path);
    if (fstat(fd, &st) != 0)
        result = cdb_error_errno(path, "cannot examine '%s'", path);
    if (result != 0 || !S_ISREG(st.st_mode) || st.st_size <= 0) {
        close(fd);
        return result;
    }
    out->fd = fd;
    out->len = (size_t)st.st_size;
    if (fd >= DESCRIPTORS_MAX)
        result = cdb_bytes_map(out, path);
    if (result != 0)
        cdb_bytes_close(out);
    return result;
}

void cdb_bytes_view(struct cdb_bytes *out, const void *data, size_t len)
{
    *out = (struct cdb_bytes){data, len, -1, false};
}

void cdb_bytes_close(struct cdb_bytes *bytes)
{
    if (bytes->mapped)
        munmap((void *)(uintptr_t)bytes->data, bytes->len);
    if (bytes->fd >= 0)
        close(bytes->fd);
    *bytes = (struct cdb_bytes)CDB_BYTES_NONE;
}

static bool read_all(int fd, uint64_t offset, size_t len, unsigned char *out)
{
    for (size_t done = 0; done < len;) {
        ssize_t count = pread(fd, out + done, len - done, (off_t)(offset + done));
        if (count <= 0 && !(count < 0 && errno == EINTR))
            return false;
        done += count > 0 ? (size_t)count : 0;
    }
    return true;
}

const unsigned char *cdb_bytes_get(const struct cdb_bytes *bytes, uint64_t offset, size_t len, unsigned char *scratch)
{
    if (offset > bytes->len || len > bytes->len - offset)
        return NULL;
    if (bytes->data != NULL)
        return bytes->data + offset;
    return bytes->fd >= 0 && read_all(bytes->fd, offset, len, scratch) ? scratch : NULL;
}
