/* Writing objects that are there already into one new pack: those of packs, loose ones, those of the journal. Entries
 * of packs are copied as they are, checked by their CRC; what changed from one commit to the next becomes a delta
 * (pairs.h). Nothing is removed here. */
#ifndef CDB_STORE_REWRITE_H
#define CDB_STORE_REWRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/objects.h"

struct cdb_rewrite;

/* `dir` is the database's directory. Both are borrowed. */
int cdb_rewrite_new(struct cdb_rewrite **out, int dir, struct cdb_objects *objects);
void cdb_rewrite_free(struct cdb_rewrite *rewrite);

/* All objects of "objects/pack/NAME". 0; 1: it is not there; CHRONDB_EDAMAGED: it is malformed, nothing was added. */
int cdb_rewrite_add_pack(struct cdb_rewrite *rewrite, const char *name);
/* A loose object. One that turns out damaged is passed over. */
int cdb_rewrite_add_loose(struct cdb_rewrite *rewrite, const struct cdb_oid *oid);
/* An object in its loose form, borrowed. One that turns out damaged is an error. */
int cdb_rewrite_add_encoded(struct cdb_rewrite *rewrite, const struct cdb_oid *oid, const void *loose, size_t len);

/* An object, wherever it is. One that is missing or damaged everywhere is an error. */
int cdb_rewrite_add_object(struct cdb_rewrite *rewrite, const struct cdb_oid *oid, int type);

/* Which objects of packs to take; set before the first is added. */
struct cdb_rewrite_choice {
    void *context;
    bool (*wants)(void *context, const struct cdb_oid *oid);
    void (*took)(void *context, const struct cdb_oid *oid); /* told of all that were taken, once a pack is added */
};
void cdb_rewrite_choose(struct cdb_rewrite *rewrite, const struct cdb_rewrite_choice *choice);

/* Told how far it has come: of `total` steps; nonzero cancels. */
typedef int (*cdb_rewrite_progress)(void *context, const char *phase, uint64_t done, uint64_t total);

/* Write the pack (`role`: pack.h), durable when it returns 0. CHRONDB_EDAMAGED: cdb_rewrite_culprit tells whose fault
 * it is; whatever `progress` returned (may be NULL). */
int cdb_rewrite_run(struct cdb_rewrite *rewrite, const char *role, cdb_rewrite_progress progress, void *context);

/* The same to a stream, in two steps: first all that can be done before anything is written, then the pack
 * (cdb_pack_new_stream). Entries of packs that turn out damaged are made anew, if the object is elsewhere too. Nothing
 * is synced. */
int cdb_rewrite_plan(struct cdb_rewrite *rewrite, cdb_rewrite_progress progress, void *context);
int cdb_rewrite_stream(struct cdb_rewrite *rewrite, int fd, const char *path);
/* How many objects there are to write, once it is planned. */
size_t cdb_rewrite_count(const struct cdb_rewrite *rewrite);
/* And how many bytes the stream has. */
uint64_t cdb_rewrite_bytes(const struct cdb_rewrite *rewrite);

/* "pack-<40 hex digits>" after success; "" if there was nothing to write. */
const char *cdb_rewrite_name(const struct cdb_rewrite *rewrite);
/* After CHRONDB_EDAMAGED: the pack that has a damaged object, or NULL. */
const char *cdb_rewrite_culprit(const struct cdb_rewrite *rewrite);
/* Is the object in the new pack? */
bool cdb_rewrite_wrote(const struct cdb_rewrite *rewrite, const struct cdb_oid *oid);

#endif
