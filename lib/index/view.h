/* The inside of a catalog: what its functions share. */
#ifndef CDB_INDEX_VIEW_H
#define CDB_INDEX_VIEW_H

#include "index/catalog.h"
#include "index/manifest.h"
#include "index/memory.h"
#include "index/segment.h"

/* A table whose count is not the one that the newest segment says. */
struct cdb_overlay_table {
    char *name;
    size_t len;
    uint64_t hash;
    uint64_t base; /* what the segments say */
    int64_t change;
};

/* The tables at an end: those of the segments below `segments`, but for these. */
struct cdb_overlay {
    uint64_t end;
    size_t segments;
    uint64_t documents, tables;
    struct cdb_overlay_table *list; /* by name, when it is built */
    size_t count, room;
};

struct cdb_catalog_segment {
    struct cdb_segment *segment;
    uint64_t until;
};

struct cdb_catalog {
    char *ref;
    struct cdb_catalog_segment *segments; /* oldest first */
    size_t segment_count, segment_room;
    struct cdb_memory memory; /* from where the last segment counts to */
    chrondb_time last_time;   /* of the last commit, if there is one */
    uint64_t tail_bytes;      /* what was replayed */
    struct cdb_overlay overlay;
    bool has_overlay;
    struct cdb_manifest_segment prepared;
    bool has_prepared; /* a segment of all that is in memory */
    bool was_cut;      /* since it was opened or saved: the tail goes on with what was cut off */
};

/* ---- the view (catalog.c) ---- */

/* Add a segment at the end (taken over; also after an error): the memory must be empty, and the segment go on where the
 * view ends, or CHRONDB_EDAMAGED. */
int cdb_catalog_attach(struct cdb_catalog *catalog, struct cdb_segment *segment, uint64_t until);
/* Read `tail` (taken over) into memory as far as it is whole. */
int cdb_catalog_replay(struct cdb_catalog *catalog, uint64_t generation, struct cdb_buf *tail);
/* After every change of it. */
void cdb_catalog_changed(struct cdb_catalog *catalog);
/* The id of the last commit, zeros if there is none. */
int cdb_catalog_last(struct cdb_catalog *catalog, struct cdb_oid *out);

/* ---- sources: segments and the memory (source.c) ---- */

struct cdb_source {
    struct cdb_segment *segment; /* or NULL: */
    struct cdb_memory *memory;   /* sorted */
    uint64_t from, limit;        /* what of it counts */
    uint64_t since;              /* keys without versions from here on may be left out */
};

/* What takes part in the state after `end` commits, oldest first; there is room for segment_count + 1. Their number, or
 * an error. */
int cdb_sources_get(struct cdb_catalog *catalog, uint64_t end, struct cdb_source *out, size_t *count);

struct cdb_source_cursor {
    const struct cdb_source *source;
    struct cdb_dict_cursor dict;
    struct cdb_dict_filter filter; /* of the leaves that are newer than what counts */
    size_t first, last;            /* memory: the entries of the key are first .. last - 1 */
    const char *key;
    size_t key_len;
};

/* The versions of a cursor's key that count, newest first. */
struct cdb_source_walk {
    struct cdb_segment_walk segment;
    const struct cdb_source_cursor *cursor;
    size_t left;  /* memory */
    bool existed; /* was the key there before all its versions here? */
};

/* To the key itself: 0, or 1: it is not there. */
int cdb_source_find(struct cdb_source_cursor *cursor, const struct cdb_source *source, const char *key, size_t len);
int cdb_source_walk(struct cdb_source_walk *walk, const struct cdb_source_cursor *cursor);
int cdb_source_walk_next(struct cdb_source_walk *walk, struct cdb_catalog_version *out);

/* All keys of several sources, in order. */
struct cdb_keys {
    struct cdb_source_cursor *cursors; /* one a source */
    size_t *heap, heap_count;
    size_t *matches, match_count; /* those that have the key, newest first */
    const char *bound;            /* the range's last key is before it (reverse: not before it); or NULL */
    size_t bound_len;
    bool reverse, started;
    size_t key_len;
    char key[CDB_DICT_KEY_MAX + 1];
};

/* The sources (oldest first) and the range's texts are borrowed. */
int cdb_keys_open(struct cdb_keys **out, const struct cdb_source *sources, size_t count,
                  const struct cdb_catalog_range *range);
/* 0, or 1 at the end. Keys without versions that count come too. */
int cdb_keys_next(struct cdb_keys *keys);
void cdb_keys_free(struct cdb_keys *keys);

/* ---- tables (tables.c) ---- */

/* The overlay for an end; it belongs to the catalog, until the next one is asked for. */
int cdb_overlay_get(struct cdb_catalog *catalog, uint64_t end, const struct cdb_overlay **out);
void cdb_overlay_release(struct cdb_overlay *overlay);
/* Every table that the segments first .. overlay->segments - 1 or the overlay mention, with counts of 0 too. */
int cdb_overlay_walk(struct cdb_catalog *catalog, const struct cdb_overlay *overlay, size_t first,
                     int (*each)(void *context, const char *table, size_t len, uint64_t count), void *context);

/* ---- writing (write.c) ---- */

/* Write what is between `first` (a segment's number; segment_count: the memory only) and the end at `last` (behind the
 * last segment's number; segment_count + 1: the memory too) as one segment. */
int cdb_catalog_write(struct cdb_catalog *catalog, int dir, size_t first, size_t last,
                      struct cdb_manifest_segment *out);
/* The manifest of the segments; its texts and lists are the manifest's. */
int cdb_catalog_manifest(struct cdb_catalog *catalog, struct cdb_manifest *out);

#endif
