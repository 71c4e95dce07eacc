/* SPDX-License-Identifier: MIT */
#include "index/ends.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chrondb.h"
#include "index/bytes.h"
#include "index/files.h"
#include "index/ft_pages.h"
#include "util/array.h"
#include "util/error.h"
#include "util/fault.h"

#define MAGIC   "CDBENDS\n"
#define VERSION 1
#define HEAD    16
#define LIST    0 /* the documents with an end, ascending */
#define BITMAP  1

struct cdb_ends_file {
    struct cdb_pages pages;
    uint64_t ends_at; /* an end (4 bytes) for each marked document */
    uint32_t count;
};

static size_t word_count(uint32_t docs)
{
    return ((size_t)docs + 63) / 64;
}

int cdb_ends_new(struct cdb_ends **out, uint32_t docs)
{
    struct cdb_ends *ends = calloc(1, sizeof(*ends));

    if (ends == NULL)
        return cdb_error_memory();
    ends->docs = docs;
    ends->bits = calloc(word_count(docs) + 1, sizeof(*ends->bits));
    if (ends->bits == NULL) {
        free(ends);
        return cdb_error_memory();
    }
    *out = ends;
    return 0;
}

static void drop_file(struct cdb_ends *ends)
{
    if (ends->file != NULL)
        cdb_pages_close(&ends->file->pages);
    free(ends->file);
    free(ends->ranks);
    ends->file = NULL;
    ends->ranks = NULL;
}

void cdb_ends_close(struct cdb_ends *ends)
{
    if (ends == NULL)
        return;
    drop_file(ends);
    free(ends->bits);
    free(ends->extra);
    free(ends);
}

/* ---- reading ------------------------------------------------------------------------------------ */

static int read_list(struct cdb_ends *ends, const unsigned char *marks, uint32_t count)
{
    uint32_t next = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t doc = cdb_le_get32(marks + (size_t)i * 4);
        if (doc < next || doc >= ends->docs)
            return cdb_index_damaged("ends are not in order");
        ends->bits[doc / 64] |= UINT64_C(1) << doc % 64;
        next = doc + 1;
    }
    return 0;
}

static int read_bitmap(struct cdb_ends *ends, const unsigned char *marks, uint32_t count)
{
    size_t words = word_count(ends->docs);
    uint64_t total = 0;

    for (size_t i = 0; i < words; i++) {
        ends->bits[i] = cdb_le_get64(marks + i * 8);
        total += cdb_bits_count(ends->bits[i]);
    }
    if (total != count || (ends->docs % 64 != 0 && ends->bits[words - 1] >> ends->docs % 64 != 0))
        return cdb_index_damaged("ends are marked that are not there");
    return 0;
}

static int make_ranks(struct cdb_ends *ends)
{
    size_t words = word_count(ends->docs), per = CDB_ENDS_RANK / 64;
    uint32_t before = 0;

    ends->ranks = malloc((words / per + 1) * sizeof(*ends->ranks));
    if (ends->ranks == NULL)
        return cdb_error_memory();
    for (size_t i = 0; i < words; i++) {
        if (i % per == 0)
            ends->ranks[i / per] = before;
        before += cdb_bits_count(ends->bits[i]);
    }
    return 0;
}

static int read_marks(struct cdb_ends *ends)
{
    struct cdb_ends_file *file = ends->file;
    const unsigned char *head = cdb_pages_get(&file->pages, 0, HEAD), *marks;

    if (head == NULL)
        return CHRONDB_EDAMAGED;
    uint32_t form = cdb_le_get32(head + 8);
    file->count = cdb_le_get32(head + 4);
    uint64_t len = form == LIST ? (uint64_t)file->count * 4 : (uint64_t)word_count(ends->docs) * 8;
    file->ends_at = HEAD + len;
    if (cdb_le_get32(head) != ends->docs || file->count > ends->docs || form > BITMAP ||
        file->ends_at + (uint64_t)file->count * 4 != file->pages.len)
        return cdb_index_damaged("ends are not those of their segment");
    marks = cdb_pages_get(&file->pages, HEAD, len);
    if (marks == NULL)
        return CHRONDB_EDAMAGED;
    int result = form == LIST ? read_list(ends, marks, file->count) : read_bitmap(ends, marks, file->count);
    ends->dead = file->count;
    return result == 0 ? make_ranks(ends) : result;
}

/* With a file (taken over). */
static int new_with_file(struct cdb_ends **out, struct cdb_ends_file *file, uint32_t docs)
{
    struct cdb_ends *ends = NULL;
    int result = cdb_ends_new(&ends, docs);

    if (result != 0) {
        cdb_pages_close(&file->pages);
        free(file);
        return result;
    }
    ends->file = file;
    result = read_marks(ends);
    if (result == 0)
        *out = ends;
    else
        cdb_ends_close(ends);
    return result;
}

int cdb_ends_view(struct cdb_ends **out, const void *data, size_t len, uint32_t docs)
{
    struct cdb_ends_file *file = calloc(1, sizeof(*file));

    if (file == NULL)
        return cdb_error_memory();
    int result = cdb_pages_view(&file->pages, data, len, MAGIC, VERSION);
    if (result == 0)
        return new_with_file(out, file, docs);
    free(file);
    return result;
}

int cdb_ends_open(struct cdb_ends **out, int dir, uint64_t number, uint32_t docs)
{
    char name[CDB_FILE_NAME_SIZE];
    struct cdb_ends_file *file = calloc(1, sizeof(*file));

    if (file == NULL)
        return cdb_error_memory();
    cdb_file_numbered(name, number, CDB_FILE_ENDS);
    int result = cdb_pages_open(&file->pages, dir, name, number, MAGIC, VERSION);
    if (result == 0)
        return new_with_file(out, file, docs);
    free(file);
    return result;
}

/* How many of the ends in memory are of documents below `doc`. */
static size_t extra_below(const struct cdb_ends *ends, uint32_t doc)
{
    size_t low = 0, high = ends->extra_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (ends->extra[middle].doc < doc)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The marks before it in its block, less those of ends in memory. */
static uint32_t rank_of(const struct cdb_ends *ends, uint32_t doc, size_t below)
{
    uint32_t block = doc / CDB_ENDS_RANK, start = block * CDB_ENDS_RANK;
    uint32_t rank = ends->ranks[block];

    for (uint32_t word = start / 64; word < doc / 64; word++)
        rank += cdb_bits_count(ends->bits[word]);
    rank += cdb_bits_count(ends->bits[doc / 64] & ((UINT64_C(1) << doc % 64) - 1));
    return below == 0 ? rank : rank - (uint32_t)(below - extra_below(ends, start));
}

int cdb_ends_until(struct cdb_ends *ends, uint32_t doc, uint32_t *until)
{
    size_t below = 0;

    *until = CDB_ENDS_NONE;
    if (!cdb_ends_has(ends, doc))
        return 0;
    if (ends->extra_count > 0) {
        below = extra_below(ends, doc);
        if (below < ends->extra_count && ends->extra[below].doc == doc) {
            *until = ends->extra[below].until;
            return 0;
        }
    }
    /* What is marked and not in memory is in the file. */
    const struct cdb_ends_file *file = ends->file;
    const unsigned char *at = cdb_pages_get(&file->pages, file->ends_at + (uint64_t)rank_of(ends, doc, below) * 4, 4);
    if (at == NULL)
        return CHRONDB_EDAMAGED;
    *until = cdb_le_get32(at);
    return 0;
}

/* Call `each` for every end. */
static int for_ends(struct cdb_ends *ends, int (*each)(void *context, uint32_t doc, uint32_t until), void *context)
{
    int result = 0;

    for (size_t word = 0; word < word_count(ends->docs); word++)
        for (uint64_t bits = ends->bits[word]; result == 0 && bits != 0; bits &= bits - 1) {
            uint32_t until, doc = (uint32_t)(word * 64) + (uint32_t)__builtin_ctzll(bits);

            result = cdb_ends_until(ends, doc, &until);
            if (result == 0)
                result = each(context, doc, until);
        }
    return result;
}

struct span {
    uint32_t min, max;
};

static int widen(void *context, uint32_t doc, uint32_t until)
{
    struct span *span = context;

    (void)doc;
    if (until < span->min)
        span->min = until;
    if (until > span->max)
        span->max = until;
    return 0;
}

int cdb_ends_span(struct cdb_ends *ends, uint32_t *min, uint32_t *max)
{
    struct span span = {CDB_ENDS_NONE, 0};
    int result = for_ends(ends, widen, &span);

    *min = span.min;
    *max = span.max;
    return result;
}

/* ---- changing ----------------------------------------------------------------------------------- */

int cdb_ends_set(struct cdb_ends *ends, uint32_t doc, uint32_t until)
{
    size_t at = extra_below(ends, doc);
    int result = cdb_array_grow((void *)&ends->extra, &ends->extra_room, ends->extra_count, sizeof(*ends->extra));

    if (result != 0)
        return result;
    memmove(ends->extra + at + 1, ends->extra + at, (ends->extra_count - at) * sizeof(*ends->extra));
    ends->extra[at] = (struct cdb_ends_extra){doc, until};
    ends->extra_count++;
    ends->bits[doc / 64] |= UINT64_C(1) << doc % 64;
    ends->dead++;
    return 0;
}

/* What is left of a document's end. */
static int cut_one(struct cdb_ends *old, uint32_t doc, uint32_t count, uint32_t from, uint32_t *until)
{
    int result = cdb_ends_until(old, doc, until);

    if (from >= count)
        *until = 0;
    else if (*until >= count)
        *until = CDB_ENDS_NONE;
    return result;
}

int cdb_ends_cut(struct cdb_ends *ends, uint32_t count, int (*from)(void *context, uint32_t doc, uint32_t *position),
                 void *context)
{
    struct cdb_ends *cut = NULL;
    int result = cdb_ends_new(&cut, ends->docs);

    for (uint32_t doc = 0; result == 0 && doc < ends->docs; doc++) {
        uint32_t position, until;

        result = from(context, doc, &position);
        if (result == 0)
            result = cut_one(ends, doc, count, position, &until);
        if (result == 0 && until != CDB_ENDS_NONE)
            result = cdb_ends_set(cut, doc, until);
    }
    if (result != 0) {
        cdb_ends_close(cut);
        return result;
    }
    struct cdb_ends old = *ends;
    *ends = *cut;
    *cut = old;
    cdb_ends_close(cut);
    return 0;
}

/* ---- writing ------------------------------------------------------------------------------------ */

static int add_doc(void *context, uint32_t doc, uint32_t until)
{
    unsigned char bytes[4];

    (void)until;
    cdb_le_put32(bytes, doc);
    cdb_sink_add(context, bytes, sizeof(bytes));
    return 0;
}

static int add_end(void *context, uint32_t doc, uint32_t until)
{
    unsigned char bytes[4];

    (void)doc;
    cdb_le_put32(bytes, until);
    cdb_sink_add(context, bytes, sizeof(bytes));
    return 0;
}

static int fill(struct cdb_sink *sink, struct cdb_ends *ends)
{
    unsigned char head[HEAD] = {0}, bytes[8];
    size_t words = word_count(ends->docs);
    bool list = (uint64_t)ends->dead * 4 < (uint64_t)words * 8;
    int result = 0;

    cdb_le_put32(head, ends->docs);
    cdb_le_put32(head + 4, ends->dead);
    cdb_le_put32(head + 8, list ? LIST : BITMAP);
    cdb_sink_add(sink, head, sizeof(head));
    if (list)
        result = for_ends(ends, add_doc, sink);
    for (size_t i = 0; !list && i < words; i++) {
        cdb_le_put64(bytes, ends->bits[i]);
        cdb_sink_add(sink, bytes, sizeof(bytes));
    }
    return result == 0 ? for_ends(ends, add_end, sink) : result;
}

int cdb_ends_write(struct cdb_ends *ends, int dir, uint64_t *number, uint64_t *bytes)
{
    char temporary[CDB_FILE_NAME_SIZE], name[CDB_FILE_NAME_SIZE];
    struct cdb_sink sink;
    int fd, result = cdb_file_random(number);

    if (result == 0)
        result = cdb_file_create(dir, temporary, &fd);
    if (result != 0)
        return result;
    cdb_sink_init(&sink, dir, fd);
    cdb_pages_begin(&sink);
    result = fill(&sink, ends);
    if (result == 0)
        result = cdb_pages_end(&sink, *number, MAGIC, VERSION);
    *bytes = cdb_sink_size(&sink);
    cdb_sink_release(&sink);
    cdb_file_numbered(name, *number, CDB_FILE_ENDS);
    if (result == 0 && renameat(dir, temporary, dir, name) != 0)
        result = cdb_error_errno(name, "cannot rename '%s' to '%s'", temporary, name);
    if (result != 0)
        unlinkat(dir, temporary, 0);
    CDB_FAULT("search-ends-written");
    return result;
}
