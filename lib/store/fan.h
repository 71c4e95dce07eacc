/* One directory of the fan-out (chrondb-format(5), FAN-OUT), read and classified. */
#ifndef CDB_STORE_FAN_H
#define CDB_STORE_FAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/key.h"
#include "store/objects.h"
#include "store/timeline.h"
#include "store/tree.h"
#include "util/arena.h"

#define CDB_FAN_LIMIT 64 /* items that one directory lists */
#define CDB_FAN_DEPTH 40 /* hex digits of SHA-1 */

enum cdb_fan_kind {
    CDB_FAN_ROOT,    /* items are tables */
    CDB_FAN_TABLE,   /* items are documents of a table */
    CDB_FAN_UNTABLED /* items are documents without a table: no ':' in their ids */
};

enum cdb_entry_kind {
    CDB_ENTRY_ITEM,
    CDB_ENTRY_FAN,    /* a directory named by one hex digit */
    CDB_ENTRY_FOREIGN /* no key's path: kept, not counted */
};

/* The SHA-1 of an item's raw name; its hex digits choose the directories. */
struct cdb_fan_hash {
    unsigned char bytes[20];
};

struct cdb_fan_hash cdb_fan_hash(const char *name, size_t len);
/* Of the key's table, "" if it has none. */
struct cdb_fan_hash cdb_fan_table_hash(const struct cdb_key *key);

static inline unsigned cdb_fan_digit(const struct cdb_fan_hash *hash, unsigned depth)
{
    unsigned byte = hash->bytes[depth / 2];
    return depth % 2 == 0 ? byte >> 4 : byte & 15;
}

static inline void cdb_fan_set_digit(struct cdb_fan_hash *hash, unsigned depth, unsigned digit)
{
    unsigned char *byte = &hash->bytes[depth / 2];
    *byte = (unsigned char)(depth % 2 == 0 ? (*byte & 0x0f) | digit << 4 : (*byte & 0xf0) | digit);
}

/* A loaded directory. */
struct cdb_fan {
    struct cdb_buf content;
    struct cdb_tree_entry *entries; /* sorted as git sorts them */
    size_t count;
    size_t items, fans; /* how many of each kind */
};

/* `oid` zeros: an empty directory. Release in any case. */
int cdb_fan_load(struct cdb_fan *fan, struct cdb_objects *objects, const struct cdb_oid *oid, enum cdb_fan_kind kind);
void cdb_fan_release(struct cdb_fan *fan);
/* Is there anything in it that is neither an item nor a directory of the fan-out? */
static inline bool cdb_fan_has_foreign(const struct cdb_fan *fan)
{
    return fan->items + fan->fans < fan->count;
}

enum cdb_entry_kind cdb_fan_classify(const struct cdb_tree_entry *entry, enum cdb_fan_kind kind);
/* Append the raw name of an entry that could be an item (nothing for "_", with *untabled = true). False: it is no
 * key's. */
bool cdb_fan_decode(const struct cdb_tree_entry *entry, enum cdb_fan_kind kind, struct cdb_buf *raw, bool *untabled);
/* Is it an item, of the directory that the first `depth` digits of `path` lead to? Those that are not on their own way
 * are nobody's. `raw` is for its name, and empty after an allocation failed. */
bool cdb_fan_is_item(const struct cdb_tree_entry *entry, enum cdb_fan_kind kind, const struct cdb_fan_hash *path,
                     unsigned depth, struct cdb_buf *raw);
/* The digit of an entry of kind FAN. */
unsigned cdb_fan_entry_digit(const struct cdb_tree_entry *entry);
/* The entry with that name that is a directory (or is a file), or NULL. */
const struct cdb_tree_entry *cdb_fan_entry(const struct cdb_fan *fan, const char *name, bool directory);
/* The fan directory of a digit, or NULL. */
const struct cdb_tree_entry *cdb_fan_child(const struct cdb_fan *fan, unsigned digit);

/* The directories that a walk has met. In a fan-out each is met once: its items have the digits of one way only. Where
 * 16 entries are one directory, level upon level, there are more ways than anybody can walk: that is told as damage. */
struct cdb_visits {
    struct cdb_times seen; /* as a set */
    size_t repeats;
};

void cdb_visits_init(struct cdb_visits *visits, struct cdb_objects *objects);
void cdb_visits_release(struct cdb_visits *visits);
/* 0, or CHRONDB_EDAMAGED. */
int cdb_visits_add(struct cdb_visits *visits, const struct cdb_oid *oid);

/* Does a name belong into the directory that the first `depth` digits of `path` lead to? */
bool cdb_fan_on_way(const char *name, size_t len, const struct cdb_fan_hash *path, unsigned depth);

/* ---- items below a directory ---- */

/* A document or a table. */
struct cdb_item {
    const char *name; /* raw: the id, or the table ("" for the keys without one) */
    size_t name_len;
    bool untabled;  /* a table: the directory "_" */
    unsigned level; /* how deep it was found: of two with one name the deeper counts */
    struct cdb_oid oid;
};

struct cdb_items {
    struct cdb_item *items;
    size_t count, room;
    struct cdb_arena names;
    bool foreign; /* among them was what is nobody's */
};

void cdb_items_release(struct cdb_items *items);
/* Room for one more, zeroed, its name copied; NULL without memory. */
struct cdb_item *cdb_items_add(struct cdb_items *items, const char *name, size_t len);
/* Sort by name; of equal names the deepest first. */
void cdb_items_sort(struct cdb_items *items);
/* After sorting: drop all but the deepest of equal names. */
void cdb_items_unique(struct cdb_items *items);

/* Add every item below `tree`, whose own directories already used `depth` digits: those of `hash_path` (NULL when depth
 * is 0). Items in a directory of other digits than their hash's are nobody's and left out. Their level is base_level +
 * their depth. Stops early, with success, when more than `limit` were found (0: no limit). Not sorted. */
int cdb_fan_collect(struct cdb_objects *objects, const struct cdb_oid *tree, enum cdb_fan_kind kind, unsigned depth,
                    const struct cdb_fan_hash *hash_path, unsigned base_level, size_t limit, struct cdb_items *out);

#endif
