/* SPDX-License-Identifier: MIT */
#include "index/ft_pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "index/bytes.h"
#include "index/files.h"
#include "util/error.h"

/* ---- reading ------------------------------------------------------------------------------------ */

static size_t page_count(uint64_t len)
{
    return (size_t)(len / CDB_PAGE + (len % CDB_PAGE != 0));
}

static int bad_header(void)
{
    return cdb_index_damaged("a file's header is not what was written");
}

static uint32_t head_crc(const unsigned char *head, const void *table, size_t table_len)
{
    uint32_t crc = cdb_index_crc(0, head, 12);

    crc = cdb_index_crc(crc, head + 16, CDB_PAGES_HEAD - 16);
    return cdb_index_crc(crc, table, table_len);
}

int cdb_pages_view(struct cdb_pages *out, const void *data, size_t len, const char *magic, uint32_t version)
{
    const unsigned char *p = data;
    uint64_t content;
    size_t pages;

    *out = (struct cdb_pages){.content = NULL};
    if (len < CDB_PAGES_HEAD || memcmp(p, magic, CDB_PAGES_MAGIC) != 0 || cdb_le_get32(p + 8) != version)
        return bad_header();
    content = cdb_le_get64(p + 32);
    if (cdb_le_get64(p + 16) != len || content > len - CDB_PAGES_HEAD)
        return bad_header();
    pages = page_count(content);
    if (len - CDB_PAGES_HEAD - content != pages * 4)
        return bad_header();
    if (head_crc(p, p + CDB_PAGES_HEAD + content, pages * 4) != cdb_le_get32(p + 12))
        return bad_header();
    out->checked = calloc(pages / 64 + 1, sizeof(uint64_t));
    if (out->checked == NULL)
        return cdb_error_memory();
    out->content = p + CDB_PAGES_HEAD;
    out->len = (size_t)content;
    out->table = out->content + content;
    out->number = cdb_le_get64(p + 24);
    out->file_len = len;
    return 0;
}

int cdb_pages_open(struct cdb_pages *out, int dir, const char *name, uint64_t number, const char *magic,
                   uint32_t version)
{
    uint64_t size = 0;
    void *data = MAP_FAILED;
    int fd;
    int result = cdb_file_open(dir, name, O_RDONLY, &fd, &size);

    *out = (struct cdb_pages){.content = NULL};
    if (result != 0)
        return result == 2 ? bad_header() : result;
    errno = 0;
    if (size >= CDB_PAGES_HEAD && size <= SIZE_MAX / 2)
        data = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED)
        result = errno == 0 ? bad_header() : cdb_error_errno(name, "cannot map '%s'", name);
    close(fd);
    if (result != 0)
        return result;
    result = cdb_pages_view(out, data, (size_t)size, magic, version);
    if (result == 0 && out->number != number) {
        free(out->checked);
        result = bad_header();
    }
    if (result != 0) {
        munmap(data, (size_t)size);
        *out = (struct cdb_pages){.content = NULL};
        return result;
    }
    out->mapped = true;
    return 0;
}

void cdb_pages_close(struct cdb_pages *pages)
{
    free(pages->checked);
    if (pages->mapped)
        munmap((void *)(uintptr_t)(pages->content - CDB_PAGES_HEAD), pages->file_len);
    *pages = (struct cdb_pages){.content = NULL};
}

static bool check_page(const struct cdb_pages *pages, uint64_t page)
{
    size_t start = (size_t)page * CDB_PAGE;
    size_t size = pages->len - start < CDB_PAGE ? pages->len - start : CDB_PAGE;

    if (cdb_index_crc(0, pages->content + start, size) != cdb_le_get32(pages->table + page * 4)) {
        cdb_index_set_damaged("a page of a file is not what was written");
        return false;
    }
    __atomic_fetch_or(&pages->checked[page / 64], UINT64_C(1) << page % 64, __ATOMIC_RELAXED);
    return true;
}

const unsigned char *cdb_pages_check(const struct cdb_pages *pages, uint64_t offset, uint64_t len)
{
    uint64_t last;

    if (offset > pages->len || len > pages->len - offset) {
        cdb_index_set_damaged("an offset in a file is outside of it");
        return NULL;
    }
    if (len == 0)
        return pages->content + offset;
    last = (offset + len - 1) >> CDB_PAGE_SHIFT;
    for (uint64_t page = offset >> CDB_PAGE_SHIFT; page <= last; page++) {
        if (page % 64 == 0 && last - page >= 64 &&
            __atomic_load_n(&pages->checked[page / 64], __ATOMIC_RELAXED) == UINT64_MAX)
            page += 63;
        else if (!cdb_pages_is_checked(pages, page) && !check_page(pages, page))
            return NULL;
    }
    return pages->content + offset;
}

/* ---- writing ------------------------------------------------------------------------------------ */

void cdb_pages_begin(struct cdb_sink *sink)
{
    static const unsigned char zeros[CDB_PAGES_HEAD];

    cdb_sink_add(sink, zeros, sizeof(zeros));
}

#define PIECE ((size_t)64 * CDB_PAGE)

/* The CRCs of the content, as the table has them. */
static int make_table(const struct cdb_sink *sink, uint64_t content, struct cdb_buf *table)
{
    unsigned char *piece = malloc(PIECE);
    int result = piece == NULL ? cdb_error_memory() : 0;

    for (uint64_t done = 0; result == 0 && done < content; done += PIECE) {
        size_t len = content - done < PIECE ? (size_t)(content - done) : PIECE;

        result = cdb_sink_read(sink, CDB_PAGES_HEAD + done, piece, len);
        for (size_t at = 0; result == 0 && at < len; at += CDB_PAGE) {
            unsigned char crc[4];

            cdb_le_put32(crc, cdb_index_crc(0, piece + at, len - at < CDB_PAGE ? len - at : CDB_PAGE));
            cdb_buf_add(table, crc, sizeof(crc));
        }
    }
    free(piece);
    return result == 0 ? cdb_buf_check(table) : result;
}

int cdb_pages_end(struct cdb_sink *sink, uint64_t number, const char *magic, uint32_t version)
{
    unsigned char head[CDB_PAGES_HEAD] = {0};
    struct cdb_buf table = CDB_BUF_INIT;
    uint64_t content = cdb_pages_offset(sink);
    int result = make_table(sink, content, &table);

    if (result == 0) {
        memcpy(head, magic, CDB_PAGES_MAGIC);
        cdb_le_put32(head + 8, version);
        cdb_le_put64(head + 16, CDB_PAGES_HEAD + content + table.len);
        cdb_le_put64(head + 24, number);
        cdb_le_put64(head + 32, content);
        cdb_le_put32(head + 12, head_crc(head, table.ptr, table.len));
        if (table.len > 0)
            cdb_sink_add(sink, table.ptr, table.len);
        cdb_sink_change(sink, 0, head, sizeof(head));
        result = cdb_sink_flush(sink);
    }
    cdb_buf_release(&table);
    return result;
}
