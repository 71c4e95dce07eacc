/* SPDX-License-Identifier: MIT */
#include "index/path.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "chrondb.h"
#include "index/hash.h"
#include "util/array.h"
#include "util/error.h"

#define FIRST_SLOTS 64

uint64_t cdb_hash_key(void)
{
    struct timespec now;
    uint64_t key;

    if (getrandom(&key, sizeof(key), GRND_NONBLOCK) == (ssize_t)sizeof(key))
        return key;
    clock_gettime(CLOCK_MONOTONIC, &now); /* a system that has just started: better than nothing */
    return cdb_hash_fold((uint64_t)now.tv_nsec, (uint64_t)(uintptr_t)&now);
}

/* ---- numbering ---------------------------------------------------------------------------------- */

int cdb_paths_init(struct cdb_paths *paths)
{
    *paths = (struct cdb_paths){.names = CDB_BUF_INIT, .hash_key = cdb_hash_key(), .slot_mask = FIRST_SLOTS - 1};
    paths->slots = calloc(FIRST_SLOTS, sizeof(*paths->slots));
    if (paths->slots == NULL || cdb_array_grow(&paths->paths, &paths->room, 0, sizeof(*paths->paths)) != 0 ||
        cdb_array_grow(&paths->members, &paths->member_room, 0, sizeof(*paths->members)) != 0) {
        cdb_paths_release(paths);
        return cdb_error_memory();
    }
    paths->paths[0] = (struct cdb_path){.parent = CDB_PATH_ROOT};
    paths->members[0] = (struct cdb_path_member){.parent = CDB_PATH_NONE};
    paths->count = 1;
    paths->member_count = 1;
    return 0;
}

void cdb_paths_release(struct cdb_paths *paths)
{
    free(paths->paths);
    free(paths->members);
    free(paths->slots);
    cdb_buf_release(&paths->names);
    *paths = (struct cdb_paths){.names = CDB_BUF_INIT};
}

size_t cdb_paths_bytes(const struct cdb_paths *paths)
{
    return paths->room * sizeof(*paths->paths) + paths->member_room * sizeof(*paths->members) +
           (paths->slot_mask + 1) * sizeof(*paths->slots) + paths->names.cap;
}

static size_t slot_of(const struct cdb_paths *paths, uint32_t parent, const char *name, size_t len)
{
    return (size_t)cdb_hash_bytes(paths->hash_key ^ (uint64_t)parent << 32, name, len) & paths->slot_mask;
}

static const char *name_of(const struct cdb_paths *paths, const struct cdb_path_member *member)
{
    return paths->names.ptr + member->name;
}

static bool is_member(const struct cdb_paths *paths, uint32_t number, uint32_t parent, const char *name, size_t len)
{
    const struct cdb_path_member *member = &paths->members[number];

    return member->parent == parent && member->name_len == len && memcmp(name_of(paths, member), name, len) == 0;
}

/* The slot of the member, or the free one where it belongs. */
static uint32_t *find_slot(const struct cdb_paths *paths, uint32_t parent, const char *name, size_t len)
{
    size_t slot = slot_of(paths, parent, name, len);

    while (paths->slots[slot] != 0 && !is_member(paths, paths->slots[slot], parent, name, len))
        slot = (slot + 1) & paths->slot_mask;
    return &paths->slots[slot];
}

static int grow_slots(struct cdb_paths *paths)
{
    size_t mask = paths->slot_mask * 2 + 1;
    uint32_t *slots = calloc(mask + 1, sizeof(*slots));

    if (slots == NULL)
        return cdb_error_memory();
    free(paths->slots);
    paths->slots = slots;
    paths->slot_mask = mask;
    for (size_t i = 1; i < paths->member_count; i++) {
        const struct cdb_path_member *member = &paths->members[i];
        size_t slot = slot_of(paths, member->parent, name_of(paths, member), member->name_len);

        while (slots[slot] != 0)
            slot = (slot + 1) & mask;
        slots[slot] = (uint32_t)i;
    }
    return 0;
}

/* Room for one path and one member more, with a name of `len` bytes. */
static int reserve(struct cdb_paths *paths, size_t len)
{
    if (paths->count >= CDB_PATH_NONE || paths->member_count >= CDB_PATH_NONE ||
        len > UINT32_MAX - paths->names.len - 1)
        return cdb_error_memory();
    if (!cdb_buf_reserve(&paths->names, len))
        return cdb_buf_check(&paths->names);
    if (paths->member_count > paths->slot_mask / 2 && grow_slots(paths) != 0)
        return CHRONDB_ESYSTEM;
    if (cdb_array_grow(&paths->members, &paths->member_room, paths->member_count, sizeof(*paths->members)) != 0)
        return CHRONDB_ESYSTEM;
    return cdb_array_grow(&paths->paths, &paths->room, paths->count, sizeof(*paths->paths));
}

static uint32_t add_member(struct cdb_paths *paths, uint32_t parent, const char *name, size_t len, uint32_t path,
                           unsigned parts, bool clamped)
{
    uint32_t *slot = find_slot(paths, parent, name, len);

    *slot = (uint32_t)paths->member_count++;
    paths->members[*slot] = (struct cdb_path_member){.parent = parent,
                                                     .name = (uint32_t)paths->names.len,
                                                     .name_len = (uint32_t)len,
                                                     .path = path,
                                                     .parts = (uint16_t)(parts > 0 ? parts : 1),
                                                     .clamped = clamped};
    cdb_buf_add(&paths->names, name, len);
    return *slot;
}

/* The child with the component, which has no dot, in a path that is not too deep: the number of its member, or 0. */
static uint32_t child(struct cdb_paths *paths, uint32_t parent, const char *name, size_t len)
{
    uint32_t number = *find_slot(paths, parent, name, len);
    uint32_t depth = paths->paths[parent].depth + 1;

    if (number != 0)
        return number;
    if (reserve(paths, len) != 0)
        return 0;
    number = add_member(paths, parent, name, len, (uint32_t)paths->count, 1, false);
    paths->paths[paths->count++] = (struct cdb_path){parent, depth, paths->members[number].name, (uint32_t)len};
    return number;
}

/* A member that is not there yet. */
static uint32_t make_member(struct cdb_paths *paths, uint32_t parent, const char *name, size_t len)
{
    const char *at = name, *end = name + len, *dot = memchr(name, '.', len);
    uint32_t path = parent, number;
    unsigned parts = 0;

    if (dot == NULL && paths->paths[parent].depth < CDB_PATH_DEPTH)
        return child(paths, parent, name, len);
    for (; at <= end && paths->paths[path].depth < CDB_PATH_DEPTH; at = dot + 1) {
        dot = memchr(at, '.', (size_t)(end - at));
        if (dot == NULL)
            dot = end;
        number = child(paths, path, at, (size_t)(dot - at));
        if (number == 0)
            return 0;
        path = paths->members[number].path;
        parts++;
    }
    return reserve(paths, len) == 0 ? add_member(paths, parent, name, len, path, parts, at <= end) : 0;
}

uint32_t cdb_paths_member(struct cdb_paths *paths, uint32_t parent, const char *name, size_t len, uint32_t after)
{
    uint32_t number;

    if (paths->names.failed) { /* what it held is gone */
        cdb_error_set_memory();
        return 0;
    }
    number = paths->members[after].follows;
    if (number != 0 && is_member(paths, number, parent, name, len))
        return number;
    number = *find_slot(paths, parent, name, len);
    if (number == 0)
        number = make_member(paths, parent, name, len);
    paths->members[after].follows = number;
    return number;
}

uint32_t cdb_paths_known_member(const struct cdb_paths *paths, uint32_t parent, const char *name, size_t len)
{
    return *find_slot(paths, parent, name, len);
}

/* ---- asking ------------------------------------------------------------------------------------- */

uint32_t cdb_paths_find(const struct cdb_paths *paths, const char *text, size_t len)
{
    const char *at = text, *end = text + len, *dot;
    uint32_t path = CDB_PATH_ROOT, number;

    for (; at <= end && paths->paths[path].depth < CDB_PATH_DEPTH; at = dot + 1) {
        dot = at < end ? memchr(at, '.', (size_t)(end - at)) : NULL;
        if (dot == NULL)
            dot = end;
        number = *find_slot(paths, path, at, (size_t)(dot - at));
        if (number == 0)
            return CDB_PATH_NONE;
        path = paths->members[number].path;
    }
    return path;
}

bool cdb_paths_is_within(const struct cdb_paths *paths, uint32_t path, uint32_t ancestor)
{
    while (paths->paths[path].depth > paths->paths[ancestor].depth)
        path = paths->paths[path].parent;
    return path == ancestor;
}

static void add_component(const struct cdb_paths *paths, uint32_t path, struct cdb_buf *text)
{
    const struct cdb_path *last = &paths->paths[path];

    if (last->depth > 1)
        cdb_buf_addc(text, '.');
    cdb_buf_add(text, paths->names.ptr + last->name, last->name_len);
}

/* Append the components below `above`, of which there are at most CDB_PATH_DEPTH. */
static void add_below(const struct cdb_paths *paths, uint32_t above, uint32_t path, struct cdb_buf *text)
{
    uint32_t chain[CDB_PATH_DEPTH];
    size_t count = 0;

    for (; path != above; path = paths->paths[path].parent)
        chain[count++] = path;
    while (count-- > 0)
        add_component(paths, chain[count], text);
}

void cdb_paths_text(const struct cdb_paths *paths, uint32_t path, struct cdb_buf *out)
{
    add_below(paths, CDB_PATH_ROOT, path, out);
}

/* ---- order -------------------------------------------------------------------------------------- */

static int compare_siblings(const void *left, const void *right, void *context)
{
    const struct cdb_paths *paths = context;
    const struct cdb_path *a = &paths->paths[*(const uint32_t *)left], *b = &paths->paths[*(const uint32_t *)right];

    if (a->parent != b->parent)
        return a->parent < b->parent ? -1 : 1;
    return cdb_bytes_compare(paths->names.ptr + a->name, a->name_len, paths->names.ptr + b->name, b->name_len);
}

int cdb_paths_sort(const struct cdb_paths *paths, uint32_t *order)
{
    size_t count = paths->count - 1, done = 0;
    uint32_t *sorted = calloc(count + 1, sizeof(*sorted)); /* siblings together, in order */
    uint32_t *next = calloc(count + 1, sizeof(*next));     /* by path: where in `sorted` its next child is */
    uint32_t path = CDB_PATH_ROOT;

    if (sorted == NULL || next == NULL) {
        free(sorted);
        free(next);
        return cdb_error_memory();
    }
    for (size_t i = 0; i < count; i++)
        sorted[i] = (uint32_t)i + 1;
    qsort_r(sorted, count, sizeof(*sorted), compare_siblings, (void *)paths);
    for (size_t i = count; i-- > 0;)
        next[paths->paths[sorted[i]].parent] = (uint32_t)i + 1; /* 0: none */
    while (done < count) {
        uint32_t at = next[path];

        if (at != 0) { /* down to the next child */
            uint32_t following = at < count && paths->paths[sorted[at]].parent == path ? at + 1 : 0;

            next[path] = following;
            path = sorted[at - 1];
            order[done++] = path;
        } else {
            path = paths->paths[path].parent;
        }
    }
    free(sorted);
    free(next);
    return 0;
}

size_t cdb_paths_step(const struct cdb_paths *paths, uint32_t previous, uint32_t path, struct cdb_buf *text)
{
    const struct cdb_path *list = paths->paths;
    uint32_t above = list[path].parent;
    size_t shared;

    if (text->failed)
        return 0;
    /* Up from `previous` to the nearest that both have above them. */
    while (!cdb_paths_is_within(paths, above, previous)) {
        text->len -= list[previous].name_len + (list[previous].depth > 1);
        previous = list[previous].parent;
    }
    shared = text->len;
    add_below(paths, previous, path, text);
    return shared;
}
