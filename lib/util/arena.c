/* SPDX-License-Identifier: MIT */
#include "util/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/error.h"

#define CHUNK_MIN ((size_t)4 << 10)
#define CHUNK_MAX ((size_t)1 << 20)

struct cdb_arena_chunk {
    struct cdb_arena_chunk *next;
    alignas(max_align_t) char bytes[];
};

static void *take(struct cdb_arena *arena, size_t size, size_t alignment)
{
    size_t start = (arena->used + alignment - 1) & ~(alignment - 1);
    if (arena->chunks == NULL || start > arena->room || arena->room - start < size) {
        size_t room = arena->room * 2;
        room = room < CHUNK_MIN ? CHUNK_MIN : room > CHUNK_MAX ? CHUNK_MAX : room;
        room = room < size ? size : room;
        struct cdb_arena_chunk *chunk = size > SIZE_MAX / 2 ? NULL : malloc(sizeof(*chunk) + room);
        if (chunk == NULL) {
            cdb_error_set_memory();
            return NULL;
        }
        chunk->next = arena->chunks;
        arena->chunks = chunk;
        arena->room = room;
        start = 0;
    }
    arena->used = start + size;
    return arena->chunks->bytes + start;
}

void *cdb_arena_alloc(struct cdb_arena *arena, size_t size)
{
    return take(arena, size, alignof(max_align_t));
}

char *cdb_arena_copy(struct cdb_arena *arena, const void *data, size_t size)
{
    char *copy = take(arena, size + 1, 1);
    if (copy == NULL)
        return NULL;
    if (size > 0)
        memcpy(copy, data, size);
    copy[size] = '\0';
    return copy;
}

void cdb_arena_release(struct cdb_arena *arena)
{
    while (arena->chunks != NULL) {
        struct cdb_arena_chunk *next = arena->chunks->next;
        free(arena->chunks);
        arena->chunks = next;
    }
    arena->used = arena->room = 0;
}
