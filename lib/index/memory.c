/* SPDX-License-Identifier: MIT */
#include "index/memory.h"

#include <stdlib.h>

#include "util/array.h"
#include "util/error.h"

#define CHUNK_MIN  ((size_t)4 << 10)
#define CHUNK_MAX  ((size_t)1 << 20)
#define RUN_MIN    ((size_t)12)
#define HASH_AFTER ((size_t)64) /* so many commits are looked through one by one */

struct cdb_memory_chunk {
    struct cdb_memory_chunk *next;
    size_t used, room;
    unsigned char data[];
};

void cdb_change_encode(unsigned char *out, const struct cdb_catalog_change *change)
{
    cdb_le_put16(out, (uint32_t)change->key_len);
    out[2] = change->existed ? CDB_CHANGE_EXISTED : 0;
    memcpy(out + 3, change->blob.id, CDB_OID_SIZE);
    memcpy(out + CDB_CHANGE_HEAD, change->key, change->key_len);
}

void cdb_memory_init(struct cdb_memory *memory, uint64_t from)
{
    *memory = (struct cdb_memory){.from = from};
}

void cdb_memory_release(struct cdb_memory *memory)
{
    while (memory->chunks != NULL) {
        struct cdb_memory_chunk *next = memory->chunks->next;

        free(memory->chunks);
        memory->chunks = next;
    }
    free(memory->commits);
    free(memory->entries);
    free(memory->ids);
    cdb_memory_init(memory, memory->from);
}

size_t cdb_memory_bytes(const struct cdb_memory *memory)
{
    return memory->bytes + memory->commit_count * sizeof(*memory->commits) +
           memory->entry_count * sizeof(*memory->entries) + memory->id_room * sizeof(*memory->ids);
}

unsigned char *cdb_memory_alloc(struct cdb_memory *memory, size_t size)
{
    struct cdb_memory_chunk *chunk = memory->chunks;

    if (chunk == NULL || chunk->room - chunk->used < size) {
        size_t room = chunk == NULL ? CHUNK_MIN : chunk->room < CHUNK_MAX / 2 ? chunk->room * 2 : CHUNK_MAX;

        if (room < size)
            room = size;
        chunk = room <= PTRDIFF_MAX - sizeof(*chunk) ? malloc(sizeof(*chunk) + room) : NULL;
        if (chunk == NULL) {
            cdb_error_set_memory();
            return NULL;
        }
        *chunk = (struct cdb_memory_chunk){memory->chunks, 0, room};
        memory->chunks = chunk;
        memory->bytes += sizeof(*chunk) + room;
    }
    chunk->used += size;
    return chunk->data + chunk->used - size;
}

/* ---- commits ------------------------------------------------------------------------------------ */

int cdb_memory_add_commit(struct cdb_memory *memory, const struct cdb_catalog_commit *commit)
{
    struct cdb_memory_commit *added;
    int result;

    if (memory->commit_count >= UINT32_MAX - 1)
        return cdb_error_memory();
    result =
        cdb_array_grow((void *)&memory->commits, &memory->commit_room, memory->commit_count, sizeof(*memory->commits));
    if (result != 0)
        return result;
    added = &memory->commits[memory->commit_count++];
    added->id = commit->id;
    cdb_index_put_time(added->time, commit->time, commit->merge);
    return 0;
}

void cdb_memory_commit(const struct cdb_memory *memory, size_t index, struct cdb_catalog_commit *out)
{
    const struct cdb_memory_commit *commit = &memory->commits[index];

    out->id = commit->id;
    cdb_index_get_time(commit->time, &out->time, &out->merge);
}

static size_t slot_of(const struct cdb_memory *memory, const struct cdb_oid *id)
{
    return (size_t)cdb_le_get64(id->id) & (memory->id_room - 1);
}

static void put_id(struct cdb_memory *memory, size_t index)
{
    size_t slot = slot_of(memory, &memory->commits[index].id);

    while (memory->ids[slot] != 0)
        slot = (slot + 1) & (memory->id_room - 1);
    memory->ids[slot] = (uint32_t)index + 1;
}

/* All commits into the hash table, which stays at most half full. */
static int hash_commits(struct cdb_memory *memory)
{
    if (memory->commit_count * 2 > memory->id_room) {
        size_t room = HASH_AFTER * 2;

        while (room < memory->commit_count * 4)
            room *= 2;
        uint32_t *ids = calloc(room, sizeof(*ids));
        if (ids == NULL)
            return cdb_error_memory();
        free(memory->ids);
        memory->ids = ids;
        memory->id_room = room;
        memory->hashed = 0;
    }
    while (memory->hashed < memory->commit_count)
        put_id(memory, memory->hashed++);
    return 0;
}

static int find_in_row(const struct cdb_memory *memory, const struct cdb_oid *id, size_t *index)
{
    for (size_t i = memory->commit_count; i-- > 0;)
        if (cdb_oid_equal(&memory->commits[i].id, id)) {
            *index = i;
            return 0;
        }
    return 1;
}

int cdb_memory_find(struct cdb_memory *memory, const struct cdb_oid *id, size_t *index)
{
    int result;

    if (memory->commit_count <= HASH_AFTER)
        return find_in_row(memory, id, index);
    result = hash_commits(memory);
    if (result != 0)
        return result;
    for (size_t slot = slot_of(memory, id); memory->ids[slot] != 0; slot = (slot + 1) & (memory->id_room - 1)) {
        size_t i = memory->ids[slot] - 1;

        if (cdb_oid_equal(&memory->commits[i].id, id)) {
            *index = i;
            return 0;
        }
    }
    return 1;
}

/* ---- changes ------------------------------------------------------------------------------------ */

static uint32_t prefix_of(const unsigned char *change)
{
    size_t len = cdb_change_key_len(change);
    const unsigned char *key = change + CDB_CHANGE_HEAD;
    uint32_t prefix = 0;

    for (size_t i = 0; i < 4; i++)
        prefix = prefix << 8 | (i < len ? key[i] : 0);
    return prefix;
}

int cdb_memory_add_change(struct cdb_memory *memory, const unsigned char *change)
{
    int result =
        cdb_array_grow((void *)&memory->entries, &memory->entry_room, memory->entry_count, sizeof(*memory->entries));

    if (result == 0)
        memory->entries[memory->entry_count++] =
            (struct cdb_memory_entry){change, (uint32_t)(memory->commit_count - 1), prefix_of(change)};
    return result;
}

void cdb_memory_cut(struct cdb_memory *memory, size_t count)
{
    size_t kept = 0, sorted = 0;

    if (count >= memory->commit_count)
        return;
    for (size_t i = 0; i < memory->entry_count; i++) {
        if (memory->entries[i].delta >= count)
            continue;
        sorted += i < memory->sorted;
        memory->entries[kept++] = memory->entries[i];
    }
    memory->entry_count = kept;
    memory->sorted = sorted;
    memory->commit_count = count;
    free(memory->ids);
    memory->ids = NULL;
    memory->id_room = memory->hashed = 0;
}

static int compare(const struct cdb_memory_entry *a, const struct cdb_memory_entry *b)
{
    if (a->prefix != b->prefix)
        return a->prefix < b->prefix ? -1 : 1;
    return cdb_bytes_compare(cdb_change_key(a->change), cdb_change_key_len(a->change), cdb_change_key(b->change),
                             cdb_change_key_len(b->change));
}

/* ---- sorting: runs that are there already are merged; equal keys stay as they came ---------------- */

static size_t run_end(struct cdb_memory_entry *list, size_t start, size_t count)
{
    size_t end = start + 1;

    while (end < count && compare(&list[end - 1], &list[end]) <= 0)
        end++;
    for (; end < count && end - start < RUN_MIN; end++) {
        struct cdb_memory_entry entry = list[end];
        size_t at = end;

        for (; at > start && compare(&list[at - 1], &entry) > 0; at--)
            list[at] = list[at - 1];
        list[at] = entry;
    }
    return end;
}

static void merge_runs(const struct cdb_memory_entry *list, size_t start, size_t middle, size_t end,
                       struct cdb_memory_entry *out)
{
    size_t a = start, b = middle, n = start;

    while (a < middle && b < end)
        out[n++] = compare(&list[a], &list[b]) <= 0 ? list[a++] : list[b++];
    if (a < middle)
        memcpy(out + n, list + a, (middle - a) * sizeof(*out));
    else if (b < end)
        memcpy(out + n, list + b, (end - b) * sizeof(*out));
}

/* Merge neighbours pair by pair; `ends` are where the runs end. Which of the two lists has the result. */
static struct cdb_memory_entry *merge_all(struct cdb_memory_entry *list, struct cdb_memory_entry *other, size_t *ends,
                                          size_t runs)
{
    while (runs > 1) {
        struct cdb_memory_entry *merged = other;
        size_t start = 0, n = 0;

        for (size_t i = 0; i < runs; i += 2) {
            size_t middle = ends[i], end = i + 1 < runs ? ends[i + 1] : middle;

            merge_runs(list, start, middle, end, other);
            ends[n++] = start = end;
        }
        runs = n;
        other = list;
        list = merged;
    }
    return list;
}

static int sort_new(struct cdb_memory_entry *list, struct cdb_memory_entry *scratch, size_t count)
{
    size_t *ends = NULL, runs = 0, room = 0;
    int result = 0;

    for (size_t at = 0; result == 0 && at < count;) {
        result = cdb_array_grow((void *)&ends, &room, runs, sizeof(*ends));
        if (result == 0)
            ends[runs++] = at = run_end(list, at, count);
    }
    if (result == 0 && runs > 1 && merge_all(list, scratch, ends, runs) != list)
        memcpy(list, scratch, count * sizeof(*list));
    free(ends);
    return result;
}

int cdb_memory_sort(struct cdb_memory *memory)
{
    struct cdb_memory_entry *scratch;
    size_t first = memory->sorted, count = memory->entry_count;
    int result;

    while (first < count && (first == 0 || compare(&memory->entries[first - 1], &memory->entries[first]) <= 0))
        first++;
    if (first == count) {
        memory->sorted = count;
        return 0;
    }
    first = memory->sorted;
    scratch = malloc(count * sizeof(*scratch));
    if (scratch == NULL)
        return cdb_error_memory();
    result = sort_new(memory->entries + first, scratch, count - first);
    if (result == 0 && first > 0) {
        merge_runs(memory->entries, 0, first, count, scratch);
        free(memory->entries);
        memory->entries = scratch;
        memory->entry_room = count;
        scratch = NULL;
    }
    free(scratch);
    if (result == 0)
        memory->sorted = count;
    return result;
}

/* ---- looking up --------------------------------------------------------------------------------- */

size_t cdb_memory_seek(const struct cdb_memory *memory, const char *key, size_t len)
{
    size_t low = 0, high = memory->entry_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const unsigned char *change = memory->entries[middle].change;

        if (cdb_bytes_compare(cdb_change_key(change), cdb_change_key_len(change), key, len) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t cdb_memory_group_end(const struct cdb_memory *memory, size_t first)
{
    size_t step = 1, low = first, high;

    /* Strides that grow, then halves: a key may have very many versions. */
    while (low + step < memory->entry_count && compare(&memory->entries[first], &memory->entries[low + step]) == 0) {
        low += step;
        step *= 2;
    }
    high = low + step < memory->entry_count ? low + step : memory->entry_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (compare(&memory->entries[first], &memory->entries[middle]) == 0)
            low = middle;
        else
            high = middle;
    }
    return high;
}

size_t cdb_memory_group_start(const struct cdb_memory *memory, size_t last)
{
    const unsigned char *change = memory->entries[last].change;

    return last == 0 || compare(&memory->entries[last - 1], &memory->entries[last]) != 0
               ? last
               : cdb_memory_seek(memory, cdb_change_key(change), cdb_change_key_len(change));
}
