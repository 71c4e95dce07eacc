/* SPDX-License-Identifier: MIT */
#include "index/sink.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "index/files.h"
#include "util/error.h"
#include "util/fs.h"

#define PIECE ((size_t)256 << 10)

void cdb_sink_init(struct cdb_sink *sink, int dir, int fd)
{
    *sink = (struct cdb_sink){.dir = dir, .fd = fd, .buf = CDB_BUF_INIT};
}

void cdb_sink_release(struct cdb_sink *sink)
{
    if (sink->fd >= 0)
        close(sink->fd);
    cdb_buf_release(&sink->buf);
    sink->fd = -1;
}

static bool in_memory(const struct cdb_sink *sink)
{
    return sink->fd < 0 && sink->dir == -1;
}

static int make_file(struct cdb_sink *sink)
{
    char name[CDB_FILE_NAME_SIZE];
    int result = cdb_file_create(sink->dir, name, &sink->fd);

    if (result == 0)
        unlinkat(sink->dir, name, 0);
    return result;
}

int cdb_sink_flush(struct cdb_sink *sink)
{
    if (sink->result == 0 && sink->buf.failed)
        sink->result = cdb_error_memory();
    if (in_memory(sink))
        return sink->result;
    if (sink->result == 0 && sink->fd < 0)
        sink->result = make_file(sink);
    if (sink->result == 0 && cdb_fs_pwrite_full(sink->fd, sink->buf.ptr, sink->buf.len, (off_t)sink->written) != 0)
        sink->result = cdb_error_errno(NULL, "cannot write the index");
    sink->written += sink->buf.len;
    cdb_buf_clear(&sink->buf);
    return sink->result;
}

void cdb_sink_add(struct cdb_sink *sink, const void *data, size_t len)
{
    cdb_buf_add(&sink->buf, data, len);
    if (sink->buf.len >= PIECE && !in_memory(sink))
        cdb_sink_flush(sink);
}

uint64_t cdb_sink_size(const struct cdb_sink *sink)
{
    return sink->written + sink->buf.len;
}

void cdb_sink_add_sink(struct cdb_sink *sink, struct cdb_sink *from)
{
    uint64_t done = 0;

    if (sink->result == 0)
        sink->result = from->result;
    while (sink->result == 0 && done < from->written) {
        uint64_t left = from->written - done;
        size_t len = left < PIECE ? (size_t)left : PIECE;

        if (!cdb_buf_reserve(&sink->buf, len)) {
            sink->result = cdb_error_memory();
        } else if (cdb_fs_pread_full(from->fd, sink->buf.ptr + sink->buf.len, len, (off_t)done) != (ssize_t)len) {
            sink->result = cdb_error_errno(NULL, "cannot read the index");
        } else {
            sink->buf.len += len;
            cdb_sink_flush(sink);
        }
        done += len;
    }
    if (from->buf.len > 0)
        cdb_sink_add(sink, from->buf.ptr, from->buf.len);
}

int cdb_sink_read(const struct cdb_sink *sink, uint64_t offset, void *out, size_t len)
{
    size_t early = offset >= sink->written ? 0 : sink->written - offset < len ? (size_t)(sink->written - offset) : len;

    if (sink->result != 0 || sink->buf.failed)
        return sink->result != 0 ? sink->result : cdb_error_memory();
    if (early > 0 && cdb_fs_pread_full(sink->fd, out, early, (off_t)offset) != (ssize_t)early)
        return cdb_error_errno(NULL, "cannot read the index");
    if (early < len)
        memcpy((char *)out + early, sink->buf.ptr + (offset + early - sink->written), len - early);
    return 0;
}

void cdb_sink_change(struct cdb_sink *sink, uint64_t offset, const void *data, size_t len)
{
    if (sink->result != 0 || sink->buf.failed)
        return;
    if (offset >= sink->written) {
        memcpy(sink->buf.ptr + (offset - sink->written), data, len);
    } else if (cdb_sink_flush(sink) == 0 && cdb_fs_pwrite_full(sink->fd, data, len, (off_t)offset) != 0) {
        sink->result = cdb_error_errno(NULL, "cannot write the index");
    }
}
