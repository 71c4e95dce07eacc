/* SPDX-License-Identifier: MIT
 *
 * The documents of a segment of words: their keys, and where they come from. */
#include <string.h>

#include "index/bytes.h"
#include "index/ft_inside.h"
#include "index/packed.h"
#include "util/array.h"

int cdb_ft_from(const struct cdb_ft_segment *segment, uint32_t doc, uint32_t *from)
{
    uint64_t bit = (uint64_t)doc * segment->from_bits;
    const unsigned char *p;
    uint64_t delta;

    *from = segment->info.min_from;
    if (doc >= segment->info.docs)
        return cdb_index_damaged("a document's number is none");
    if (segment->from_bits == 0)
        return 0;
    p = cdb_ft_get(segment, CDB_FT_FROMS, bit / 8, 8);
    if (p == NULL)
        return CHRONDB_EDAMAGED;
    delta = cdb_packed_at(p, bit % 8, segment->from_bits);
    if (delta > segment->info.max_from - segment->info.min_from)
        return cdb_index_damaged("a document comes from a commit that is none");
    *from += (uint32_t)delta;
    return 0;
}

static int bad_keys(void)
{
    return cdb_index_damaged("the keys of a segment of words are not what was written");
}

static uint32_t block_count(const struct cdb_ft_segment *segment)
{
    return segment->info.docs / CDB_FT_KEY_BLOCK + (segment->info.docs % CDB_FT_KEY_BLOCK != 0);
}

/* The bytes of a block. */
static int get_block(const struct cdb_ft_segment *segment, uint32_t block, const unsigned char **at,
                     const unsigned char **end)
{
    bool last = block + 1 == block_count(segment);
    const unsigned char *p = cdb_ft_get(segment, CDB_FT_KEY_BLOCKS, (uint64_t)block * 8, last ? 8 : 16);
    uint64_t from, to;

    if (p == NULL)
        return CHRONDB_EDAMAGED;
    from = cdb_le_get64(p);
    to = last ? segment->sections[CDB_FT_KEYS].len : cdb_le_get64(p + 8);
    if (from > to || to - from > CDB_FT_KEY_BLOCK_BYTES)
        return bad_keys();
    *at = cdb_ft_get(segment, CDB_FT_KEYS, from, to - from);
    *end = *at != NULL ? *at + (to - from) : NULL;
    return *at != NULL ? 0 : CHRONDB_EDAMAGED;
}

int cdb_ft_keys_next(struct cdb_ft_keys *keys)
{
    uint64_t shared = 0, rest;
    int result;

    if (keys->next >= keys->segment->info.docs)
        return 1;
    if (keys->next % CDB_FT_KEY_BLOCK == 0) {
        result = get_block(keys->segment, keys->next / CDB_FT_KEY_BLOCK, &keys->at, &keys->end);
        if (result != 0)
            return result;
        keys->key.len = 0;
    } else if (!cdb_varint_get(&keys->at, keys->end, &shared)) {
        return bad_keys();
    }
    if (!cdb_varint_get(&keys->at, keys->end, &rest) || shared > keys->key.len || rest > CDB_FT_KEY_MAX - shared ||
        rest > (uint64_t)(keys->end - keys->at))
        return bad_keys();
    memcpy(keys->key.text + shared, keys->at, (size_t)rest);
    keys->at += rest;
    keys->key.len = (size_t)(shared + rest);
    keys->key.text[keys->key.len] = '\0';
    keys->next++;
    return 0;
}

int cdb_ft_keys_init(struct cdb_ft_keys *keys, const struct cdb_ft_segment *segment, uint32_t doc)
{
    int result = 0;

    keys->segment = segment;
    keys->next = doc / CDB_FT_KEY_BLOCK * CDB_FT_KEY_BLOCK;
    keys->key.len = 0;
    while (result == 0 && keys->next < doc)
        result = cdb_ft_keys_next(keys);
    return result == 1 ? 0 : result;
}

int cdb_ft_key(const struct cdb_ft_segment *segment, uint32_t doc, struct cdb_ft_key *key)
{
    struct cdb_ft_keys keys;
    int result = cdb_ft_keys_init(&keys, segment, doc);

    if (result == 0)
        result = cdb_ft_keys_next(&keys);
    if (result != 0)
        return result == 1 ? bad_keys() : result;
    key->len = keys.key.len;
    memcpy(key->text, keys.key.text, keys.key.len + 1);
    return 0;
}

/* Is the first key of the block below `key`? */
static int starts_below(const struct cdb_ft_segment *segment, uint32_t block, const char *key, size_t len, bool *below)
{
    const unsigned char *at, *end;
    uint64_t first_len;
    int result = get_block(segment, block, &at, &end);

    if (result != 0)
        return result;
    if (!cdb_varint_get(&at, end, &first_len) || first_len > (uint64_t)(end - at))
        return bad_keys();
    *below = cdb_bytes_compare((const char *)at, (size_t)first_len, key, len) < 0;
    return 0;
}

/* On to the first key that is not below `key`: 0, or 1. keys->next is one more than its document, or their number. */
static int seek(struct cdb_ft_keys *keys, const struct cdb_ft_segment *segment, const char *key, size_t len)
{
    uint32_t low = 0, high = block_count(segment);
    int result = 0;

    /* The last block that starts below. */
    while (result == 0 && high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        bool below = false;

        result = starts_below(segment, middle, key, len, &below);
        if (below)
            low = middle;
        else
            high = middle;
    }
    if (result == 0)
        result = cdb_ft_keys_init(keys, segment, low * CDB_FT_KEY_BLOCK);
    do {
        if (result == 0)
            result = cdb_ft_keys_next(keys);
    } while (result == 0 && cdb_bytes_compare(keys->key.text, keys->key.len, key, len) < 0);
    return result;
}

int cdb_ft_seek_key(const struct cdb_ft_segment *segment, const char *key, size_t len, uint32_t *doc)
{
    struct cdb_ft_keys keys;
    int result = seek(&keys, segment, key, len);

    *doc = result == 0 ? keys.next - 1 : segment->info.docs;
    return result == 1 ? 0 : result;
}

int cdb_ft_find_key(const struct cdb_ft_segment *segment, const char *key, size_t len, uint32_t *first, uint32_t *last)
{
    struct cdb_ft_keys keys;
    int result = seek(&keys, segment, key, len);

    *first = *last = result == 0 ? keys.next - 1 : segment->info.docs;
    while (result == 0 && keys.key.len == len && memcmp(keys.key.text, key, len) == 0) {
        *last = keys.next;
        result = cdb_ft_keys_next(&keys);
    }
    return result == 1 ? 0 : result;
}
