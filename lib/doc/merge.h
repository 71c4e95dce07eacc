/* SPDX-License-Identifier: MIT
 *
 * Three-way merge of JSON documents: inside of objects by field, recursively; everything else as a whole. */
#ifndef CDB_DOC_MERGE_H
#define CDB_DOC_MERGE_H

#include <stdbool.h>
#include <stddef.h>

#include "util/buf.h"

/* A text; NULL: there is none. */
struct cdb_text {
    const char *ptr;
    size_t len;
};

/* What becomes of a value that both sides changed. */
enum cdb_merge_side {
    CDB_MERGE_OURS,
    CDB_MERGE_THEIRS,
    CDB_MERGE_MARK /* neither: CDB_MERGE_MARK_TEXT stands there */
};

/* A string that nobody writes. In a base that two bases were merged into it stands for what they disagree on: it is the
 * same as nothing, not even as itself. */
#define CDB_MERGE_MARK_TEXT "\"\\u0000chrondb: in conflict\\u0000\""

bool cdb_merge_is_mark(const char *text, size_t len);

/* A value that both sides changed, differently. Borrowed during the call. */
struct cdb_merge_conflict {
    struct cdb_text path;               /* where: a JSON pointer (RFC 6901); "" is the whole document */
    struct cdb_text base, ours, theirs; /* their texts; NULL: not there (or the base's is marked) */
};

struct cdb_merge_rules {
    enum cdb_merge_side prefer;
    /* Told of each conflict, however it is resolved; may be NULL. A result other than 0 ends the merge. */
    int (*conflict)(void *context, const struct cdb_merge_conflict *conflict);
    void *context;
};

/* Append the merged document. A value that one side changed is that side's; one that both changed to the same is ours;
 * objects (with an object for a base, or none) are merged member by member. Else it is in conflict, also where one side
 * changed what the other removed. Other spellings of a value (the order of members, the digits of a number, escapes)
 * are no change. The text is ours, with theirs where it comes in; when nothing comes in it is ours byte for byte.
 * `base` may be no text: then everything is new on both sides. *conflicts is how many there were.
 *
 * 0; CHRONDB_EINVALID: a document is not JSON (the message says whose), or the result would be too large for one;
 * CHRONDB_ESYSTEM; or what `conflict` returned. */
int cdb_json_merge(struct cdb_buf *out, struct cdb_text base, struct cdb_text ours, struct cdb_text theirs,
                   const struct cdb_merge_rules *rules, size_t *conflicts);

#endif
