/* A sorted dictionary in a file: keys with a value each, in blocks that a key finds through a tree of index blocks.
 *
 * Two sections of bytes: `data` holds the leaves, `index` the blocks above them. Blocks are CDB_DICT_BLOCK bytes each,
 * the last one of a section may be shorter. A block:
 *
 *     0  4  CRC-32 of all that follows in the block
 *     4  2  number of entries, at least 1
 *     6  2  level: 0 for leaves, an index block is one above its children
 *     8  4  index blocks: the number of the first child; entry i leads to child first + i. Leaves: 0
 *    12     the entries; zeros; the offsets (2 each) of entries 0, 16, 32 ...
 *
 * An entry is three varints, SHARED, REST, LENGTH, then REST bytes of the key and LENGTH of the value: the key begins
 * with SHARED bytes of the key before it (0 for entries 0, 16, 32 ...). A key in an index block is not above the first
 * one of its child, and above all that lie before the child. The children of level 1 are leaves; those of a higher
 * level lie before it in `index`. The last block of `index` is the root; with a single leaf there is none. */
#ifndef CDB_INDEX_DICT_H
#define CDB_INDEX_DICT_H

#include <stddef.h>
#include <stdint.h>

#include "index/sink.h"

#define CDB_DICT_BLOCK     4096
#define CDB_DICT_KEY_MAX   1024
#define CDB_DICT_VALUE_MAX 1024

/* ---- reading ---- */

/* Sections in memory; borrowed. */
struct cdb_dict {
    const unsigned char *data, *index;
    size_t data_len, index_len;
};

/* Which leaves a cursor passes over when it moves on to the next or previous one: 1 to pass over, 0, or an error. */
struct cdb_dict_filter {
    int (*passes)(void *context, size_t leaf);
    void *context;
};

/* A place in it. What it shows is valid until the cursor moves. */
struct cdb_dict_cursor {
    const struct cdb_dict *dict;
    const struct cdb_dict_filter *filter;    /* or NULL: as after each seek; may be set then */
    size_t number;                           /* of the leaf */
    const unsigned char *block, *next, *end; /* the block, behind the entry, behind all entries */
    size_t entry, entries;
    size_t key_len, value_len;
    const unsigned char *value;
    char key[CDB_DICT_KEY_MAX + 1];
};

/* All return 0 with the cursor at an entry, 1 if there is none, or CHRONDB_EDAMAGED. After anything but 0 only a seek
 * may follow. */
int cdb_dict_first(struct cdb_dict_cursor *cursor, const struct cdb_dict *dict);
int cdb_dict_last(struct cdb_dict_cursor *cursor, const struct cdb_dict *dict);
/* The first entry that is not below the key. */
int cdb_dict_seek(struct cdb_dict_cursor *cursor, const struct cdb_dict *dict, const char *key, size_t len);
/* The last entry below the key. */
int cdb_dict_seek_before(struct cdb_dict_cursor *cursor, const struct cdb_dict *dict, const char *key, size_t len);
/* The entry with the key itself. */
int cdb_dict_find(struct cdb_dict_cursor *cursor, const struct cdb_dict *dict, const char *key, size_t len);
int cdb_dict_next(struct cdb_dict_cursor *cursor);
int cdb_dict_previous(struct cdb_dict_cursor *cursor);
/* Are all blocks what was written? 0, or CHRONDB_EDAMAGED. */
int cdb_dict_check(const struct cdb_dict *dict);
/* How many leaves there are. */
size_t cdb_dict_leaves(const struct cdb_dict *dict);

/* ---- writing ---- */

struct cdb_dict_builder {
    unsigned char block[CDB_DICT_BLOCK];
    size_t used, entries;
    uint16_t restarts[CDB_DICT_BLOCK / 32];
    size_t last_len;
    char last[CDB_DICT_KEY_MAX];
};

struct cdb_dict_writer {
    struct cdb_sink *data;     /* borrowed; what it held before is not ours */
    struct cdb_buf separators; /* of the leaves: length (2), bytes */
    uint64_t leaves, keys;     /* leaves that are complete */
    struct cdb_dict_builder builder;
};

void cdb_dict_writer_init(struct cdb_dict_writer *writer, struct cdb_sink *data);
void cdb_dict_writer_release(struct cdb_dict_writer *writer);
/* In ascending order. CHRONDB_EDAMAGED if it is not (the source is damaged then), or too long. */
int cdb_dict_writer_add(struct cdb_dict_writer *writer, const char *key, size_t len, const unsigned char *value,
                        size_t value_len);
/* The leaf that the last entry went to. */
static inline uint64_t cdb_dict_writer_leaf(const struct cdb_dict_writer *writer)
{
    return writer->leaves;
}
/* Complete `data`, and append the other section to `index`. */
int cdb_dict_writer_finish(struct cdb_dict_writer *writer, struct cdb_buf *index);

#endif
