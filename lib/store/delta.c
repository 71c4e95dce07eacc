/* SPDX-License-Identifier: MIT */
#include "store/delta.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "chrondb.h"
#include "store/tree.h"

#define COPY_BIT    0x80u
#define COPY_MAX    ((size_t)0xffffff)
#define COPY_ZERO   ((size_t)0x10000) /* what a size of no bytes means */
#define COPY_WORTH  ((size_t)8)       /* an instruction to copy may take as many bytes */
#define INSERT_MAX  ((size_t)127)
#define VARINT_BITS 63
#define WINDOW      ((size_t)8) /* bytes that must agree for a match to be seen */
#define SLOTS_MAX   ((size_t)1 << 18)

/* ---- the instructions ---------------------------------------------------------------------------- */

/* The delta so far tells target[0, done). What follows it: `insert` bytes to be inserted, then `copy` bytes that the
 * base has at `from`; both may still grow. */
struct writer {
    struct cdb_buf *out;
    const char *target;
    size_t done, insert, copy, from;
};

static void add_varint(struct cdb_buf *out, size_t value)
{
    for (; value > 0x7f; value >>= 7)
        cdb_buf_addc(out, (char)(0x80 | (value & 0x7f)));
    cdb_buf_addc(out, (char)value);
}

/* A byte that tells which of the 4 bytes of the offset and the 3 of the size follow: those that are not zero. */
static void add_copy(struct cdb_buf *out, size_t from, size_t len)
{
    unsigned char bytes[8] = {COPY_BIT};
    size_t used = 1, size = len == COPY_ZERO ? 0 : len;
    for (unsigned i = 0; i < 7; i++) {
        unsigned char byte = (unsigned char)(i < 4 ? from >> (8 * i) : size >> (8 * (i - 4)));
        if (byte == 0)
            continue;
        bytes[0] |= (unsigned char)(1u << i);
        bytes[used++] = byte;
    }
    cdb_buf_add(out, bytes, used);
}

static void write_insert(struct writer *writer)
{
    while (writer->insert > 0) {
        size_t len = writer->insert < INSERT_MAX ? writer->insert : INSERT_MAX;
        cdb_buf_addc(writer->out, (char)len);
        cdb_buf_add(writer->out, writer->target + writer->done, len);
        writer->done += len;
        writer->insert -= len;
    }
}

/* The copy will not grow any more. A short one costs as much as its bytes: it becomes part of what is inserted. */
static void settle(struct writer *writer)
{
    if (writer->copy < COPY_WORTH) {
        writer->insert += writer->copy;
        writer->copy = 0;
        return;
    }
    write_insert(writer);
    while (writer->copy > 0) {
        size_t len = writer->copy < COPY_MAX ? writer->copy : COPY_MAX;
        add_copy(writer->out, writer->from, len);
        writer->from += len;
        writer->done += len;
        writer->copy -= len;
    }
}

static void insert(struct writer *writer, size_t len)
{
    settle(writer);
    writer->insert += len;
}

static void copy(struct writer *writer, size_t from, size_t len)
{
    if (from > UINT32_MAX || len > UINT32_MAX - from) { /* no instruction reaches there */
        insert(writer, len);
        return;
    }
    if (writer->copy == 0 || writer->from + writer->copy != from) {
        settle(writer);
        writer->from = from;
    }
    writer->copy += len;
}

static struct writer begin(struct cdb_buf *out, size_t base_len, const char *target, size_t target_len)
{
    add_varint(out, base_len);
    add_varint(out, target_len);
    return (struct writer){.out = out, .target = target};
}

static void finish(struct writer *writer)
{
    settle(writer);
    write_insert(writer);
}

/* ---- making ------------------------------------------------------------------------------------ */

/* Eight bytes at a time, then those in which the difference lies. */
static size_t common_start(const char *a, const char *b, size_t max)
{
    size_t n = 0;
    uint64_t x, y;
    for (; n + sizeof(x) <= max; n += sizeof(x)) {
        memcpy(&x, a + n, sizeof(x));
        memcpy(&y, b + n, sizeof(y));
        if (x != y)
            break;
    }
    while (n < max && a[n] == b[n])
        n++;
    return n;
}

/* The same from behind; `a` and `b` point to the ends. */
static size_t common_end(const char *a, const char *b, size_t max)
{
    size_t n = 0;
    uint64_t x, y;
    for (; n + sizeof(x) <= max; n += sizeof(x)) {
        memcpy(&x, a - n - sizeof(x), sizeof(x));
        memcpy(&y, b - n - sizeof(y), sizeof(y));
        if (x != y)
            break;
    }
    while (n < max && a[-(ptrdiff_t)n - 1] == b[-(ptrdiff_t)n - 1])
        n++;
    return n;
}

void cdb_delta_edges(struct cdb_buf *out, const void *base, size_t base_len, const void *target, size_t target_len)
{
    const char *from = base_len > 0 ? base : "", *to = target_len > 0 ? target : "";
    size_t shorter = base_len < target_len ? base_len : target_len;
    size_t start = common_start(from, to, shorter);
    size_t end = common_end(from + base_len, to + target_len, shorter - start);
    struct writer writer = begin(out, base_len, to, target_len);
    if (start > 0)
        copy(&writer, 0, start);
    insert(&writer, target_len - start - end);
    if (end > 0)
        copy(&writer, base_len - end, end);
    finish(&writer);
}

/* One entry of the target; `old` is the base's of that name, `old_len` its bytes, or 0. */
static void tell_entry(struct writer *writer, const char *base, const char *old, size_t old_len, const char *entry,
                       size_t len)
{
    size_t head = len - CDB_OID_SIZE;
    if (old_len != len || memcmp(old, entry, head) != 0) {
        insert(writer, len);
    } else if (memcmp(old + head, entry + head, CDB_OID_SIZE) == 0) {
        copy(writer, (size_t)(old - base), len);
    } else {
        copy(writer, (size_t)(old - base), head);
        insert(writer, CDB_OID_SIZE);
    }
}

/* Both in git's order: one walk through both finds all that they share. False: one of them is no tree. (Where the
 * order is wrong less is found, and what is found is right.) */
static bool tell_tree(struct writer *writer, const char *base, size_t base_len, size_t target_len)
{
    struct cdb_tree_cursor old_cursor = {base, base + base_len}, cursor = {writer->target, writer->target + target_len};
    struct cdb_tree_entry old, entry;
    const char *old_start = base;
    int more = cdb_tree_next(&old_cursor, &old), status;
    for (const char *start = cursor.at; (status = cdb_tree_next(&cursor, &entry)) == 1; start = cursor.at) {
        int order = 1;
        while (more == 1 && (order = cdb_tree_compare(&old, &entry)) < 0) {
            old_start = old_cursor.at;
            more = cdb_tree_next(&old_cursor, &old);
        }
        size_t old_len = more == 1 && order == 0 ? (size_t)(old_cursor.at - old_start) : 0;
        tell_entry(writer, base, old_start, old_len, start, (size_t)(cursor.at - start));
    }
    return status == 0 && more >= 0;
}

void cdb_delta_tree(struct cdb_buf *out, const void *base, size_t base_len, const void *target, size_t target_len)
{
    size_t start = out->len;
    const char *from = base_len > 0 ? base : "", *to = target_len > 0 ? target : "";
    struct writer writer = begin(out, base_len, to, target_len);
    if (tell_tree(&writer, from, base_len, target_len)) {
        finish(&writer);
        return;
    }
    if (!out->failed)
        out->len = start;
    cdb_delta_edges(out, base, base_len, target, target_len);
}

/* ---- matching ------------------------------------------------------------------------------------ */

/* Where in the base a window of bytes occurs: one place for each hash, the first, counted from 1. */
struct windows {
    const char *base;
    size_t base_len, mask;
    uint32_t *slots;
};

static size_t hash_window(const struct windows *windows, const char *at)
{
    uint64_t bytes;
    memcpy(&bytes, at, sizeof(bytes));
    return (size_t)((bytes * UINT64_C(0x9e3779b97f4a7c15)) >> 40) & windows->mask;
}

static bool index_windows(struct windows *windows, const char *base, size_t base_len)
{
    size_t room = 64, step = base_len / SLOTS_MAX + 1;
    while (room < base_len && room < SLOTS_MAX)
        room *= 2;
    *windows = (struct windows){base, base_len, room - 1, calloc(room, sizeof(uint32_t))};
    if (windows->slots == NULL)
        return false;
    for (size_t at = (base_len - WINDOW) / step * step + step; at > 0; at -= step)
        windows->slots[hash_window(windows, base + at - step)] = (uint32_t)(at - step) + 1;
    return true;
}

/* What the base has of target[at, end), and of the bytes just before, which were to be inserted. The length of what
 * follows `at`; 0: nothing. */
static size_t match_at(struct writer *writer, const struct windows *windows, size_t at, size_t end)
{
    uint32_t found = windows->slots[hash_window(windows, writer->target + at)];
    if (found == 0 || memcmp(windows->base + found - 1, writer->target + at, WINDOW) != 0)
        return 0;
    size_t from = found - 1, room = windows->base_len - from, back = 0;
    size_t len = common_start(windows->base + from, writer->target + at, room < end - at ? room : end - at);
    if (writer->copy == 0)
        back = common_end(windows->base + from, writer->target + at, from < writer->insert ? from : writer->insert);
    writer->insert -= back;
    copy(writer, from - back, len + back);
    return len;
}

static void tell_matches(struct writer *writer, const struct windows *windows, size_t start, size_t end)
{
    size_t at = start;
    while (end - at >= WINDOW) {
        size_t len = match_at(writer, windows, at, end);
        if (len == 0)
            insert(writer, 1);
        at += len > 0 ? len : 1;
    }
    insert(writer, end - at);
}

void cdb_delta_match(struct cdb_buf *out, const void *base, size_t base_len, const void *target, size_t target_len)
{
    struct windows windows;
    const char *from = base, *to = target;
    size_t shorter = base_len < target_len ? base_len : target_len;
    if (shorter < WINDOW || base_len > UINT32_MAX || !index_windows(&windows, from, base_len)) {
        cdb_delta_edges(out, base, base_len, target, target_len);
        return;
    }
    size_t start = common_start(from, to, shorter);
    size_t end = common_end(from + base_len, to + target_len, shorter - start);
    struct writer writer = begin(out, base_len, to, target_len);
    if (start > 0)
        copy(&writer, 0, start);
    tell_matches(&writer, &windows, start, target_len - end);
    if (end > 0)
        copy(&writer, base_len - end, end);
    finish(&writer);
    free(windows.slots);
}

/* ---- applying ---------------------------------------------------------------------------------- */

struct reader {
    const unsigned char *at, *end;
};

static bool read_varint(struct reader *reader, size_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; reader->at < reader->end && shift < VARINT_BITS; shift += 7) {
        unsigned char byte = *reader->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            *out = (size_t)value;
            return value <= SIZE_MAX;
        }
    }
    return false;
}

static bool read_head(struct reader *reader, size_t base_len, size_t *size)
{
    size_t base = 0;
    return read_varint(reader, &base) && base == base_len && read_varint(reader, size);
}

bool cdb_delta_size(const void *delta, size_t len, size_t base_len, size_t *size)
{
    struct reader reader = {delta, (const unsigned char *)delta + len};
    return len > 0 && read_head(&reader, base_len, size);
}

static bool read_copy(struct reader *reader, unsigned char command, size_t *from, size_t *len)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 7; i++) {
        if ((command & 1u << i) == 0)
            continue;
        if (reader->at == reader->end)
            return false;
        value |= (uint64_t)*reader->at++ << (8 * i);
    }
    *from = (size_t)(value & UINT32_MAX);
    *len = (size_t)(value >> 32) == 0 ? COPY_ZERO : (size_t)(value >> 32);
    return true;
}

/* One instruction; `room` bytes are left at `out`. How many it made; 0: it is none that fits. */
static size_t apply_one(struct reader *reader, const char *base, size_t base_len, char *out, size_t room)
{
    unsigned char command = *reader->at++;
    size_t from = 0, len = command;
    if ((command & COPY_BIT) != 0) {
        if (!read_copy(reader, command, &from, &len) || len > room || from > base_len || len > base_len - from)
            return 0;
        memcpy(out, base + from, len);
        return len;
    }
    if (len == 0 || len > room || len > (size_t)(reader->end - reader->at))
        return 0;
    memcpy(out, reader->at, len);
    reader->at += len;
    return len;
}

int cdb_delta_apply(struct cdb_buf *out, const void *base, size_t base_len, const void *delta, size_t len, size_t max)
{
    struct reader reader = {delta, (const unsigned char *)delta + len};
    size_t size, made = 0, step = 1;
    if (len == 0 || !read_head(&reader, base_len, &size) || size > max)
        return CHRONDB_EDAMAGED;
    if (!cdb_buf_reserve(out, size))
        return cdb_buf_check(out);
    char *to = out->ptr + out->len;
    for (; reader.at < reader.end && step > 0; made += step)
        step = apply_one(&reader, base, base_len, to + made, size - made);
    if (step == 0 || made != size) {
        to[0] = '\0';
        return CHRONDB_EDAMAGED;
    }
    out->len += size;
    out->ptr[out->len] = '\0';
    return 0;
}
