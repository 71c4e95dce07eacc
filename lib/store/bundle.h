/* Git bundles: a header with the refs, and what has to be there already; then a pack. Source: gitformat-bundle(5).
 * Version 2 is written; version 3 is read too, if its objects are named by SHA-1.
 *
 * A bundle that is a backup of ours says more than git's header can: one more ref, CDB_BACKUP_REF, is a blob of text,
 * the note. Its lines:
 *
 *     chrondb backup 1
 *     head refs/heads/main                what HEAD names
 *     setting chrondb.NAME VALUE          what the configuration says
 *     base ID refs/heads/main             incremental: a ref as the backup that this one goes on from had it
 *     header                              the header again, line by line, without the note's own ref:
 *     # v2 git bundle                     git's format protects the pack by a checksum, but not the header
 *     ...
 */
#ifndef CDB_STORE_BUNDLE_H
#define CDB_STORE_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>

#include "util/arena.h"
#include "util/buf.h"
#include "util/oid.h"

#define CDB_BACKUP_REF        "refs/chrondb/backup"
#define CDB_BUNDLE_HEADER_MAX ((size_t)64 << 20)

struct cdb_bundle_line {
    struct cdb_oid oid;
    const char *text; /* a ref's name; a comment. In the bundle's memory */
};

struct cdb_bundle_list {
    struct cdb_bundle_line *list;
    size_t count, room;
};

struct cdb_bundle {
    struct cdb_bundle_list bases; /* commits that must be there */
    struct cdb_bundle_list refs;
    struct cdb_arena memory;
};

struct cdb_bundle_note {
    const char *head; /* or NULL */
    struct cdb_bundle_setting {
        const char *name, *value;
    } * settings;
    size_t setting_count, setting_room;
    struct cdb_bundle_list bases; /* refs */
    struct cdb_arena memory;
};

/* The length of the header, up to its empty line and with it: 0 if it does not end in these bytes. */
size_t cdb_bundle_measure(const char *text, size_t len);
/* Could these bytes, at least so many, begin a bundle? */
#define CDB_BUNDLE_SIGNATURE 16
bool cdb_bundle_begins(const char *text);

/* Parse a header of exactly `len` bytes. CHRONDB_EDAMAGED: it is none; "unsupported": a kind that we do not read. Names
 * are valid, and such that all refs can be there together. To be released in any case. */
int cdb_bundle_parse(struct cdb_bundle *out, const char *text, size_t len);
int cdb_bundle_add(struct cdb_bundle *bundle, struct cdb_bundle_list *list, const struct cdb_oid *oid,
                   const char *text);
/* The header of version 2. */
void cdb_bundle_encode(const struct cdb_bundle *bundle, struct cdb_buf *out);
/* NULL: there is no ref of that name. Names are looked up one by one. */
const struct cdb_bundle_line *cdb_bundle_find(const struct cdb_bundle_list *list, const char *name);
void cdb_bundle_release(struct cdb_bundle *bundle);

/* Is it a note, by its first line? */
bool cdb_bundle_is_note(const char *text, size_t len);
/* `header`: the bundle's, with the note's own ref or without. CHRONDB_EDAMAGED: it is no note, or not of this header.
 * To be released in any case. */
int cdb_bundle_parse_note(struct cdb_bundle_note *out, const char *text, size_t len, const char *header,
                          size_t header_len);
/* `header`: without the note's own ref. */
void cdb_bundle_encode_note(const struct cdb_bundle_note *note, const char *header, size_t header_len,
                            struct cdb_buf *out);
/* Git's name for a variable of ours: "chrondb.", then lower-case letters, digits, '-' and dots. */
bool cdb_bundle_is_setting(const char *name, size_t len);
int cdb_bundle_add_setting(struct cdb_bundle_note *note, const char *name, const char *value, size_t value_len);
int cdb_bundle_add_base(struct cdb_bundle_note *note, const struct cdb_oid *oid, const char *ref);
void cdb_bundle_release_note(struct cdb_bundle_note *note);

#endif
