/* SPDX-License-Identifier: MIT */
#include "index/dict.h"

#include <string.h>

#include "index/bytes.h"
#include "util/array.h"
#include "util/error.h"

#define HEAD          12
#define RESTART_EVERY ((size_t)16)
#define LEVELS_MAX    16
#define RESTARTS(n)   (((n) + RESTART_EVERY - 1) / RESTART_EVERY)

static int damaged(void)
{
    return cdb_index_damaged("a block of a dictionary is not what was written");
}

/* ---- blocks ------------------------------------------------------------------------------------- */

static size_t block_count(size_t len)
{
    return len / CDB_DICT_BLOCK + (len % CDB_DICT_BLOCK != 0);
}

/* Point the cursor before the first entry of a block, whose checksum is right. */
static int load(struct cdb_dict_cursor *cursor, const unsigned char *section, size_t len, size_t number)
{
    size_t offset = number * CDB_DICT_BLOCK, size;

    if (number >= block_count(len))
        return damaged();
    size = len - offset < CDB_DICT_BLOCK ? len - offset : CDB_DICT_BLOCK;
    cursor->block = section + offset;
    if (size < HEAD || cdb_index_crc(0, cursor->block + 4, size - 4) != cdb_le_get32(cursor->block))
        return damaged();
    cursor->entries = cdb_le_get16(cursor->block + 4);
    if (cursor->entries == 0 || RESTARTS(cursor->entries) * 2 > size - HEAD)
        return damaged();
    cursor->end = cursor->block + size - RESTARTS(cursor->entries) * 2;
    return 0;
}

int cdb_dict_check(const struct cdb_dict *dict)
{
    struct cdb_dict_cursor cursor = {.dict = dict};
    int result = 0;

    for (size_t i = 0; i < block_count(dict->data_len) && result == 0; i++)
        result = load(&cursor, dict->data, dict->data_len, i);
    for (size_t i = 0; i < block_count(dict->index_len) && result == 0; i++)
        result = load(&cursor, dict->index, dict->index_len, i);
    return result;
}

static int load_leaf(struct cdb_dict_cursor *cursor, size_t number)
{
    int result = load(cursor, cursor->dict->data, cursor->dict->data_len, number);

    cursor->number = number;
    return result == 0 && cdb_le_get16(cursor->block + 6) != 0 ? damaged() : result;
}

struct entry {
    size_t shared, rest, value_len;
    const unsigned char *bytes; /* `rest` of the key, then the value */
};

static int decode(const unsigned char **at, const unsigned char *end, struct entry *out)
{
    uint64_t shared, rest, value_len;
    const unsigned char *p = *at;

    if (end - p >= 3 && (p[0] | p[1] | p[2]) < 0x80) { /* nearly always */
        shared = p[0];
        rest = p[1];
        value_len = p[2];
        p += 3;
    } else if (!cdb_varint_get(&p, end, &shared) || !cdb_varint_get(&p, end, &rest) ||
               !cdb_varint_get(&p, end, &value_len)) {
        return damaged();
    }
    if (shared > CDB_DICT_KEY_MAX || rest > CDB_DICT_KEY_MAX - shared || value_len > CDB_DICT_VALUE_MAX ||
        rest + value_len > (uint64_t)(end - p))
        return damaged();
    *out = (struct entry){(size_t)shared, (size_t)rest, (size_t)value_len, p};
    *at = p + rest + value_len;
    return 0;
}

/* The entry at cursor->next becomes entry number `entry`. */
static int take(struct cdb_dict_cursor *cursor, size_t entry)
{
    struct entry e;
    int result = decode(&cursor->next, cursor->end, &e);

    if (result != 0)
        return result;
    if (e.shared > (entry % RESTART_EVERY == 0 ? 0 : cursor->key_len))
        return damaged();
    memcpy(cursor->key + e.shared, e.bytes, e.rest);
    cursor->key_len = e.shared + e.rest;
    cursor->key[cursor->key_len] = '\0';
    cursor->value = e.bytes + e.rest;
    cursor->value_len = e.value_len;
    cursor->entry = entry;
    return 0;
}

static int restart_at(const struct cdb_dict_cursor *cursor, size_t restart, const unsigned char **at)
{
    size_t offset = cdb_le_get16(cursor->end + restart * 2);

    if (offset < HEAD || offset >= (size_t)(cursor->end - cursor->block))
        return damaged();
    *at = cursor->block + offset;
    return 0;
}

/* To an entry of the block. */
static int go(struct cdb_dict_cursor *cursor, size_t entry)
{
    size_t restart = entry / RESTART_EVERY;
    int result = restart_at(cursor, restart, &cursor->next);

    for (size_t i = restart * RESTART_EVERY; result == 0 && i <= entry; i++)
        result = take(cursor, i);
    return result;
}

/* To the last restart whose key is not above `key`, or the first one. */
static int search_restarts(struct cdb_dict_cursor *cursor, const char *key, size_t len)
{
    size_t low = 0, high = RESTARTS(cursor->entries);
    const unsigned char *at;
    struct entry e;
    int result = 0;

    while (result == 0 && high - low > 1) {
        size_t middle = low + (high - low) / 2;

        result = restart_at(cursor, middle, &at);
        if (result == 0)
            result = decode(&at, cursor->end, &e);
        if (result == 0 && e.shared != 0)
            result = damaged();
        if (result == 0 && cdb_bytes_compare((const char *)e.bytes, e.rest, key, len) <= 0)
            low = middle;
        else
            high = middle;
    }
    return result == 0 ? go(cursor, low * RESTART_EVERY) : result;
}

static int compare(const struct cdb_dict_cursor *cursor, const char *key, size_t len)
{
    return cdb_bytes_compare(cursor->key, cursor->key_len, key, len);
}

/* To the first entry of the block that is not below the key: 0; 1: all are below, the cursor is at the last one. */
static int search_block(struct cdb_dict_cursor *cursor, const char *key, size_t len)
{
    int result = search_restarts(cursor, key, len);

    while (result == 0 && compare(cursor, key, len) < 0)
        result = cursor->entry + 1 < cursor->entries ? take(cursor, cursor->entry + 1) : 1;
    return result;
}

/* ---- the tree ----------------------------------------------------------------------------------- */

/* Which child of an index block may hold the key. */
static int choose_child(struct cdb_dict_cursor *cursor, const char *key, size_t len, size_t *child)
{
    size_t first = cdb_le_get32(cursor->block + 8), chosen;
    int result = search_block(cursor, key, len);

    if (result < 0)
        return result;
    chosen = cursor->entry;
    if (result == 0 && chosen > 0 && compare(cursor, key, len) != 0)
        chosen--;
    *child = first + chosen;
    return 0;
}

/* Load the leaf that may hold the key. */
static int descend(struct cdb_dict_cursor *cursor, const char *key, size_t len)
{
    const struct cdb_dict *dict = cursor->dict;
    size_t number = block_count(dict->index_len), level = LEVELS_MAX + 1;
    int result = 0;

    if (number == 0)
        return load_leaf(cursor, 0);
    number--;
    while (result == 0 && level > 1) {
        size_t above = level;

        result = load(cursor, dict->index, dict->index_len, number);
        if (result != 0)
            return result;
        level = cdb_le_get16(cursor->block + 6);
        /* Each step leads down: this ends, whatever the blocks say. */
        if (level == 0 || level >= above || (above <= LEVELS_MAX && level != above - 1))
            return damaged();
        result = choose_child(cursor, key, len, &number);
    }
    return result == 0 ? load_leaf(cursor, number) : result;
}

static void attach(struct cdb_dict_cursor *cursor, const struct cdb_dict *dict)
{
    cursor->dict = dict;
    cursor->filter = NULL;
    cursor->key_len = 0;
}

int cdb_dict_first(struct cdb_dict_cursor *cursor, const struct cdb_dict *dict)
{
    int result;

    attach(cursor, dict);
    if (dict->data_len == 0)
        return 1;
    result = load_leaf(cursor, 0);
    return result == 0 ? go(cursor, 0) : result;
}

int cdb_dict_last(struct cdb_dict_cursor *cursor, const struct cdb_dict *dict)
{
    int result;

    attach(cursor, dict);
    if (dict->data_len == 0)
        return 1;
    result = load_leaf(cursor, block_count(dict->data_len) - 1);
    return result == 0 ? go(cursor, cursor->entries - 1) : result;
}

size_t cdb_dict_leaves(const struct cdb_dict *dict)
{
    return block_count(dict->data_len);
}

/* The next leaf from `leaf` on, in the direction of `step`, that the filter lets through: 0, or 1 at the end. */
static int load_next(struct cdb_dict_cursor *cursor, size_t leaf, size_t step)
{
    size_t leaves = cdb_dict_leaves(cursor->dict);
    int passes = 1;

    for (; leaf < leaves; leaf += step) { /* down from 0 it is very large */
        passes = cursor->filter != NULL ? cursor->filter->passes(cursor->filter->context, leaf) : 0;
        if (passes <= 0)
            break;
    }
    return passes == 0 ? load_leaf(cursor, leaf) : passes;
}

int cdb_dict_next(struct cdb_dict_cursor *cursor)
{
    int result;

    if (cursor->entry + 1 < cursor->entries)
        return take(cursor, cursor->entry + 1);
    result = load_next(cursor, cursor->number + 1, 1);
    return result == 0 ? go(cursor, 0) : result;
}

int cdb_dict_previous(struct cdb_dict_cursor *cursor)
{
    int result;

    if (cursor->entry > 0)
        return go(cursor, cursor->entry - 1);
    result = load_next(cursor, cursor->number - 1, (size_t)0 - 1);
    return result == 0 ? go(cursor, cursor->entries - 1) : result;
}

int cdb_dict_seek(struct cdb_dict_cursor *cursor, const struct cdb_dict *dict, const char *key, size_t len)
{
    int result;

    attach(cursor, dict);
    if (dict->data_len == 0)
        return 1;
    result = descend(cursor, key, len);
    if (result == 0)
        result = search_block(cursor, key, len);
    return result == 1 ? cdb_dict_next(cursor) : result;
}

int cdb_dict_seek_before(struct cdb_dict_cursor *cursor, const struct cdb_dict *dict, const char *key, size_t len)
{
    int result;

    attach(cursor, dict);
    if (dict->data_len == 0)
        return 1;
    result = descend(cursor, key, len);
    if (result == 0)
        result = search_block(cursor, key, len);
    if (result == 1) /* all of the block are below, and what lies behind it is not */
        return 0;
    return result == 0 ? cdb_dict_previous(cursor) : result;
}

int cdb_dict_find(struct cdb_dict_cursor *cursor, const struct cdb_dict *dict, const char *key, size_t len)
{
    int result = cdb_dict_seek(cursor, dict, key, len);

    return result == 0 && compare(cursor, key, len) != 0 ? 1 : result;
}

/* ---- writing ------------------------------------------------------------------------------------ */

static void start_block(struct cdb_dict_builder *builder)
{
    memset(builder->block, 0, sizeof(builder->block));
    builder->used = HEAD;
    builder->entries = 0;
}

/* All of it, or only what is used if it is the last. */
static size_t end_block(struct cdb_dict_builder *builder, unsigned level, uint64_t first_child, bool last)
{
    size_t restarts = RESTARTS(builder->entries);
    size_t size = last ? builder->used + restarts * 2 : CDB_DICT_BLOCK;

    for (size_t i = 0; i < restarts; i++)
        cdb_le_put16(builder->block + size - (restarts - i) * 2, builder->restarts[i]);
    cdb_le_put16(builder->block + 4, (uint32_t)builder->entries);
    cdb_le_put16(builder->block + 6, level);
    cdb_le_put32(builder->block + 8, (uint32_t)first_child);
    cdb_le_put32(builder->block, cdb_index_crc(0, builder->block + 4, size - 4));
    return size;
}

static size_t common(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t n = 0, max = a_len < b_len ? a_len : b_len;

    while (n < max && a[n] == b[n])
        n++;
    return n;
}

/* False if the block has no room for it. */
static bool put_entry(struct cdb_dict_builder *builder, const char *key, size_t len, size_t shared,
                      const unsigned char *value, size_t value_len)
{
    bool restart = builder->entries % RESTART_EVERY == 0;
    unsigned char head[3 * CDB_VARINT_MAX], *p = head;

    if (restart)
        shared = 0;
    p = cdb_varint_put(p, shared);
    p = cdb_varint_put(p, len - shared);
    p = cdb_varint_put(p, value_len);
    size_t head_len = (size_t)(p - head), size = head_len + len - shared + value_len;
    if (builder->used + size + RESTARTS(builder->entries + 1) * 2 > CDB_DICT_BLOCK)
        return false;
    if (restart)
        builder->restarts[builder->entries / RESTART_EVERY] = (uint16_t)builder->used;
    p = builder->block + builder->used;
    memcpy(p, head, head_len);
    memcpy(p + head_len, key + shared, len - shared);
    if (value_len > 0)
        memcpy(p + head_len + len - shared, value, value_len);
    builder->used += size;
    builder->entries++;
    memcpy(builder->last, key, len);
    builder->last_len = len;
    return true;
}

static void add_separator(struct cdb_buf *separators, const char *key, size_t len)
{
    unsigned char head[2];

    cdb_le_put16(head, (uint32_t)len);
    cdb_buf_add(separators, head, sizeof(head));
    cdb_buf_add(separators, key, len);
}

void cdb_dict_writer_init(struct cdb_dict_writer *writer, struct cdb_sink *data)
{
    writer->data = data;
    writer->separators = (struct cdb_buf)CDB_BUF_INIT;
    writer->leaves = 0;
    writer->keys = 0;
    writer->builder.last_len = 0;
    start_block(&writer->builder);
}

void cdb_dict_writer_release(struct cdb_dict_writer *writer)
{
    cdb_buf_release(&writer->separators);
}

static void finish_leaf(struct cdb_dict_writer *writer, bool last)
{
    size_t size = end_block(&writer->builder, 0, 0, last);

    cdb_sink_add(writer->data, writer->builder.block, size);
    start_block(&writer->builder);
    writer->leaves++;
}

int cdb_dict_writer_add(struct cdb_dict_writer *writer, const char *key, size_t len, const unsigned char *value,
                        size_t value_len)
{
    struct cdb_dict_builder *builder = &writer->builder;
    size_t shared = common(builder->last, builder->last_len, key, len);

    if (len > CDB_DICT_KEY_MAX || value_len > CDB_DICT_VALUE_MAX)
        return cdb_index_damaged("an entry of a dictionary is too long");
    if (writer->keys > 0 && (shared == len || (shared < builder->last_len &&
                                               (unsigned char)builder->last[shared] > (unsigned char)key[shared])))
        return cdb_index_damaged("the entries of a dictionary are not in order");
    if (builder->entries > 0 && !put_entry(builder, key, len, shared, value, value_len))
        finish_leaf(writer, false);
    if (builder->entries == 0) {
        add_separator(&writer->separators, key, writer->keys == 0 ? 0 : shared + 1);
        put_entry(builder, key, len, 0, value, value_len);
    }
    writer->keys++;
    return 0;
}

static void finish_index_block(struct cdb_dict_builder *builder, unsigned level, uint64_t *first, bool last,
                               struct cdb_buf *out)
{
    size_t entries = builder->entries;

    cdb_buf_add(out, builder->block, end_block(builder, level, *first, last));
    *first += entries;
    start_block(builder);
}

/* The blocks of a level above children with these separators; `above` gets those of its own. */
static void write_level(struct cdb_dict_builder *builder, unsigned level, uint64_t first,
                        const struct cdb_buf *separators, struct cdb_buf *above, struct cdb_buf *out)
{
    const char *at = separators->ptr, *end = separators->ptr + separators->len;
    size_t blocks = 0;

    start_block(builder);
    builder->last_len = 0;
    while (at < end) {
        size_t len = cdb_le_get16((const unsigned char *)at);
        const char *key = at + 2;
        size_t shared = common(builder->last, builder->last_len, key, len);

        if (builder->entries > 0 && !put_entry(builder, key, len, shared, NULL, 0)) {
            finish_index_block(builder, level, &first, false, out);
            blocks++;
        }
        if (builder->entries == 0) {
            add_separator(above, key, len);
            put_entry(builder, key, len, 0, NULL, 0);
        }
        at = key + len;
    }
    finish_index_block(builder, level, &first, blocks == 0, out); /* the only one is the root */
}

/* How many there are. */
static size_t separator_count(const struct cdb_buf *separators)
{
    size_t count = 0;

    for (size_t at = 0; at < separators->len; count++)
        at += 2 + cdb_le_get16((const unsigned char *)separators->ptr + at);
    return count;
}

int cdb_dict_writer_finish(struct cdb_dict_writer *writer, struct cdb_buf *index)
{
    struct cdb_buf above = CDB_BUF_INIT;
    size_t start = index->len;
    uint64_t first = 0;
    int result = 0;

    if (writer->builder.entries > 0)
        finish_leaf(writer, true);
    for (unsigned level = 1; result == 0 && separator_count(&writer->separators) > 1; level++) {
        size_t level_start = (index->len - start) / CDB_DICT_BLOCK;

        write_level(&writer->builder, level, first, &writer->separators, &above, index);
        first = level_start;
        cdb_buf_release(&writer->separators);
        writer->separators = above;
        above = (struct cdb_buf)CDB_BUF_INIT;
        if (level > LEVELS_MAX || writer->leaves > UINT32_MAX)
            result = cdb_error(CHRONDB_ESYSTEM, "io_error", "too many keys for one segment of the index");
        else
            result = cdb_buf_check(&writer->separators);
    }
    return result == 0 ? cdb_buf_check(index) : result;
}
