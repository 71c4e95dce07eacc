/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "index/view.h"
#include "util/array.h"
#include "util/error.h"

int cdb_sources_get(struct cdb_catalog *catalog, uint64_t end, struct cdb_source *out, size_t *count)
{
    struct cdb_memory *memory = &catalog->memory;
    size_t n = 0;

    for (size_t i = 0; i < catalog->segment_count; i++) {
        const struct cdb_catalog_segment *at = &catalog->segments[i];
        uint64_t limit = at->until < end ? at->until : end;

        if (at->segment->from < limit)
            out[n++] = (struct cdb_source){at->segment, NULL, at->segment->from, limit, 0};
    }
    *count = n;
    if (end <= memory->from || memory->commit_count == 0)
        return 0;
    uint64_t top = memory->from + memory->commit_count;
    out[(*count)++] = (struct cdb_source){NULL, memory, memory->from, top < end ? top : end, 0};
    return cdb_memory_sort(memory);
}

/* ---- one source --------------------------------------------------------------------------------- */

/* Show the group of entries that begins at `first`, or is before `last`. */
static int show_memory(struct cdb_source_cursor *cursor, size_t first, size_t last)
{
    const struct cdb_memory *memory = cursor->source->memory;
    const unsigned char *change;

    if (first >= last)
        return 1;
    cursor->first = first;
    cursor->last = last;
    change = memory->entries[first].change;
    cursor->key = cdb_change_key(change);
    cursor->key_len = cdb_change_key_len(change);
    return 0;
}

static int show_forward(struct cdb_source_cursor *cursor, size_t first)
{
    const struct cdb_memory *memory = cursor->source->memory;

    return first >= memory->entry_count ? 1 : show_memory(cursor, first, cdb_memory_group_end(memory, first));
}

static int show_backward(struct cdb_source_cursor *cursor, size_t last)
{
    return last == 0 ? 1 : show_memory(cursor, cdb_memory_group_start(cursor->source->memory, last - 1), last);
}

/* Is all of a leaf newer or older than what counts? */
static int is_outside_of(void *context, size_t leaf)
{
    const struct cdb_source *source = context;
    uint64_t lowest, highest;
    int result = cdb_segment_span(source->segment, leaf, &lowest, &highest);

    return result == 0 ? lowest >= source->limit || highest < source->since : result;
}

static int show_segment(struct cdb_source_cursor *cursor, int result)
{
    const struct cdb_source *source = cursor->source;

    cursor->filter = (struct cdb_dict_filter){is_outside_of, (void *)(uintptr_t)source};
    if (source->limit < source->segment->to || source->since > source->segment->from)
        cursor->dict.filter = &cursor->filter;
    cursor->key = cursor->dict.key;
    cursor->key_len = cursor->dict.key_len;
    return result;
}

static int seek(struct cdb_source_cursor *cursor, const struct cdb_source *source, const char *key, size_t len)
{
    cursor->source = source;
    if (source->segment == NULL)
        return show_forward(cursor, key == NULL ? 0 : cdb_memory_seek(source->memory, key, len));
    if (key == NULL)
        return show_segment(cursor, cdb_dict_first(&cursor->dict, &source->segment->key_dict));
    return show_segment(cursor, cdb_dict_seek(&cursor->dict, &source->segment->key_dict, key, len));
}

/* To the last key before `key`, or of all. */
static int seek_before(struct cdb_source_cursor *cursor, const struct cdb_source *source, const char *key, size_t len)
{
    cursor->source = source;
    if (source->segment == NULL)
        return show_backward(cursor,
                             key == NULL ? source->memory->entry_count : cdb_memory_seek(source->memory, key, len));
    if (key == NULL)
        return show_segment(cursor, cdb_dict_last(&cursor->dict, &source->segment->key_dict));
    return show_segment(cursor, cdb_dict_seek_before(&cursor->dict, &source->segment->key_dict, key, len));
}

static int advance(struct cdb_source_cursor *cursor, bool reverse)
{
    if (cursor->source->segment == NULL)
        return reverse ? show_backward(cursor, cursor->first) : show_forward(cursor, cursor->last);
    return show_segment(cursor, reverse ? cdb_dict_previous(&cursor->dict) : cdb_dict_next(&cursor->dict));
}

int cdb_source_find(struct cdb_source_cursor *cursor, const struct cdb_source *source, const char *key, size_t len)
{
    int result = seek(cursor, source, key, len);

    return result == 0 && cdb_bytes_compare(cursor->key, cursor->key_len, key, len) != 0 ? 1 : result;
}

/* How many of the entries first .. last - 1 are of commits below the limit. */
static size_t count_below(const struct cdb_source_cursor *cursor)
{
    const struct cdb_source *source = cursor->source;
    size_t low = cursor->first, high = cursor->last;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (source->from + source->memory->entries[middle].delta < source->limit)
            low = middle + 1;
        else
            high = middle;
    }
    return low - cursor->first;
}

int cdb_source_walk(struct cdb_source_walk *walk, const struct cdb_source_cursor *cursor)
{
    const struct cdb_source *source = cursor->source;
    struct cdb_segment_key key;
    int result;

    walk->cursor = cursor;
    if (source->segment == NULL) {
        walk->left = count_below(cursor);
        walk->existed = cdb_change_existed(source->memory->entries[cursor->first].change);
        return 0;
    }
    result = cdb_segment_key(source->segment, &cursor->dict, &key);
    if (result != 0)
        return result;
    walk->existed = key.existed;
    cdb_segment_walk(&walk->segment, source->segment, &key, source->limit);
    return 0;
}

int cdb_source_walk_next(struct cdb_source_walk *walk, struct cdb_catalog_version *out)
{
    const struct cdb_source_cursor *cursor = walk->cursor;
    const struct cdb_memory_entry *entry;

    if (cursor->source->segment != NULL)
        return cdb_segment_walk_next(&walk->segment, out);
    if (walk->left == 0)
        return 1;
    entry = &cursor->source->memory->entries[cursor->first + --walk->left];
    out->position = cursor->source->from + entry->delta;
    cdb_change_blob(entry->change, &out->blob);
    return 0;
}

/* ---- all sources: a heap, whose first cursor is at the next key, of equal ones the newest ----------- */

static bool comes_before(const struct cdb_keys *keys, size_t a, size_t b)
{
    const struct cdb_source_cursor *x = &keys->cursors[a], *y = &keys->cursors[b];
    int order = cdb_bytes_compare(x->key, x->key_len, y->key, y->key_len);

    if (order == 0)
        return a > b;
    return keys->reverse ? order > 0 : order < 0;
}

static void sift_up(struct cdb_keys *keys, size_t at)
{
    size_t *heap = keys->heap, moved = heap[at];

    for (; at > 0 && comes_before(keys, moved, heap[(at - 1) / 2]); at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = moved;
}

static void sift_down(struct cdb_keys *keys)
{
    size_t *heap = keys->heap, count = keys->heap_count, at = 0, moved = heap[0];

    for (size_t child = 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && comes_before(keys, heap[child + 1], heap[child]))
            child++;
        if (!comes_before(keys, heap[child], moved))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moved;
}

static bool is_outside(const struct cdb_keys *keys, const struct cdb_source_cursor *cursor)
{
    if (keys->bound == NULL)
        return false;
    int order = cdb_bytes_compare(cursor->key, cursor->key_len, keys->bound, keys->bound_len);
    return keys->reverse ? order < 0 : order >= 0;
}

/* The cursor moved: `result` says where. */
static int push(struct cdb_keys *keys, size_t index, int result)
{
    if (result < 0)
        return result;
    if (result == 0 && !is_outside(keys, &keys->cursors[index])) {
        keys->heap[keys->heap_count++] = index;
        sift_up(keys, keys->heap_count - 1);
    }
    return 0;
}

static size_t pop(struct cdb_keys *keys)
{
    size_t first = keys->heap[0];

    keys->heap[0] = keys->heap[--keys->heap_count];
    if (keys->heap_count > 0)
        sift_down(keys);
    return first;
}

int cdb_keys_open(struct cdb_keys **out, const struct cdb_source *sources, size_t count,
                  const struct cdb_catalog_range *range)
{
    struct cdb_keys *keys = malloc(sizeof(*keys));
    int result = 0;

    if (keys == NULL)
        return cdb_error_memory();
    memset(keys, 0, offsetof(struct cdb_keys, key));
    keys->reverse = range->reverse;
    keys->bound = range->reverse ? range->lower : range->upper;
    keys->bound_len = range->reverse ? range->lower_len : range->upper_len;
    keys->cursors = malloc((count + 1) * sizeof(*keys->cursors));
    keys->heap = malloc((count + 1) * 2 * sizeof(*keys->heap));
    if (keys->cursors == NULL || keys->heap == NULL)
        result = cdb_error_memory();
    keys->matches = keys->heap == NULL ? NULL : keys->heap + count + 1;
    for (size_t i = 0; result == 0 && i < count; i++)
        result = push(keys, i,
                      range->reverse ? seek_before(&keys->cursors[i], &sources[i], range->upper, range->upper_len)
                                     : seek(&keys->cursors[i], &sources[i], range->lower, range->lower_len));
    if (result == 0)
        *out = keys;
    else
        cdb_keys_free(keys);
    return result;
}

void cdb_keys_free(struct cdb_keys *keys)
{
    if (keys == NULL)
        return;
    free(keys->cursors);
    free(keys->heap);
    free(keys);
}

int cdb_keys_next(struct cdb_keys *keys)
{
    const struct cdb_source_cursor *first;
    int result = 0, order;

    for (size_t i = 0; result == 0 && i < keys->match_count; i++)
        result = push(keys, keys->matches[i], advance(&keys->cursors[keys->matches[i]], keys->reverse));
    keys->match_count = 0;
    if (result != 0 || keys->heap_count == 0)
        return result == 0 ? 1 : result;
    first = &keys->cursors[keys->heap[0]];
    order = cdb_bytes_compare(first->key, first->key_len, keys->key, keys->key_len);
    if (keys->started && (keys->reverse ? order >= 0 : order <= 0))
        return cdb_index_damaged("keys are not in order");
    keys->started = true;
    memcpy(keys->key, first->key, first->key_len);
    keys->key_len = first->key_len;
    keys->key[keys->key_len] = '\0';
    while (keys->heap_count > 0) {
        first = &keys->cursors[keys->heap[0]];
        if (cdb_bytes_compare(first->key, first->key_len, keys->key, keys->key_len) != 0)
            break;
        keys->matches[keys->match_count++] = pop(keys);
    }
    return 0;
}
