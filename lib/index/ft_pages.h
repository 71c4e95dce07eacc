/* SPDX-License-Identifier: MIT
 *
 * A file of the index whose bytes are checked page by page, when they are first used: a header, the content, and a
 * CRC-32 for each 4096 bytes of the content (the last page may be shorter). chrondb-index(5) has the layout. The
 * header's checksum covers the others, so that a page that passes is one that was written, at its place, into this
 * file.
 *
 * Works on a mapped file and on memory. Offsets are those in the content. What is checked is remembered. Any number of
 * threads may read. */
#ifndef CDB_INDEX_FT_PAGES_H
#define CDB_INDEX_FT_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "index/sink.h"

#define CDB_PAGE        4096
#define CDB_PAGE_SHIFT  12
#define CDB_PAGES_HEAD  64 /* bytes before the content */
#define CDB_PAGES_MAGIC 8

struct cdb_pages {
    const unsigned char *content;
    size_t len;                 /* of the content */
    const unsigned char *table; /* the CRCs */
    uint64_t *checked;          /* a bit for each page */
    uint64_t number;            /* that is the file's name; 0 in memory */
    size_t file_len;
    bool mapped;
};

/* ---- reading ---- */

/* Look at a file in memory, borrowed. The magic is CDB_PAGES_MAGIC bytes. 0; CHRONDB_EDAMAGED: it is none of ours, cut
 * off, or of another version; CHRONDB_ESYSTEM without memory. Close it also then, or never: nothing is held. */
int cdb_pages_view(struct cdb_pages *out, const void *data, size_t len, const char *magic, uint32_t version);
/* Map the file `name` in `dir`, which must say that its number is `number`. As above; 1: it is not there. */
int cdb_pages_open(struct cdb_pages *out, int dir, const char *name, uint64_t number, const char *magic,
                   uint32_t version);
void cdb_pages_close(struct cdb_pages *pages);

/* Whether the page has been checked. (Who sees that too late checks it again.) */
static inline bool cdb_pages_is_checked(const struct cdb_pages *pages, uint64_t page)
{
    return (__atomic_load_n(&pages->checked[page / 64], __ATOMIC_RELAXED) >> page % 64 & 1) != 0;
}

/* As cdb_pages_get, for what has not been checked, or is not there. */
const unsigned char *cdb_pages_check(const struct cdb_pages *pages, uint64_t offset, uint64_t len);

/* The `len` bytes at `offset`, whose pages are right; NULL, with the error CHRONDB_EDAMAGED set, if they are not, or
 * the bytes are not all there. The address is content + offset: valid until the pages are closed. Never NULL for len 0
 * within the content. */
static inline const unsigned char *cdb_pages_get(const struct cdb_pages *pages, uint64_t offset, uint64_t len)
{
    uint64_t page = offset >> CDB_PAGE_SHIFT;

    /* Nearly always: one page, and it is known. */
    if (len > 0 && offset < pages->len && len <= pages->len - offset && (offset + len - 1) >> CDB_PAGE_SHIFT == page &&
        cdb_pages_is_checked(pages, page))
        return pages->content + offset;
    return cdb_pages_check(pages, offset, len);
}

/* ---- writing ---- */

/* Leave room for the header in an empty sink. Then the content is added (and may be changed), in any way; the offset of
 * what comes next is cdb_pages_offset. */
void cdb_pages_begin(struct cdb_sink *sink);
static inline uint64_t cdb_pages_offset(const struct cdb_sink *sink)
{
    return cdb_sink_size(sink) - CDB_PAGES_HEAD;
}
/* Read the content back, add the CRCs, fill in the header. The sink is flushed. 0, or CHRONDB_ESYSTEM. */
int cdb_pages_end(struct cdb_sink *sink, uint64_t number, const char *magic, uint32_t version);

#endif
