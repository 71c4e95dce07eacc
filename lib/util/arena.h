/* Memory for short-lived structures that die together: pointers stay valid until the arena is released. */
#ifndef CDB_UTIL_ARENA_H
#define CDB_UTIL_ARENA_H

#include <stddef.h>

struct cdb_arena_chunk;

struct cdb_arena {
    struct cdb_arena_chunk *chunks;
    size_t used, room; /* in the newest chunk */
};

#define CDB_ARENA_INIT                                                                                                 \
    {                                                                                                                  \
        NULL, 0, 0                                                                                                     \
    }

/* Uninitialised, aligned for any type; NULL without memory (the error is set). */
void *cdb_arena_alloc(struct cdb_arena *arena, size_t size);
/* A copy with a NUL behind it. */
char *cdb_arena_copy(struct cdb_arena *arena, const void *data, size_t size);
void cdb_arena_release(struct cdb_arena *arena);

#endif
