/* Finds members of a tree's objects by name in O(log n), also where somebody chose the names to be slow: each object's
 * members are sorted by the hash of the decoded name, then by the name. */
#ifndef CDB_DOC_NAMES_H
#define CDB_DOC_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "doc/json.h"

struct cdb_names_entry {
    uint64_t hash;
    uint32_t object;
    uint32_t name;
};

struct cdb_names {
    const struct cdb_json *json; /* borrowed */
    struct cdb_names_entry *entries;
    uint32_t count;
    uint32_t *slots; /* one a node. An object's: its first entry. A name's: its mate, or CDB_NAMES_SHADOWED */
};

#define CDB_NAMES_INIT                                                                                                 \
    {                                                                                                                  \
        NULL, NULL, 0, NULL                                                                                            \
    }
#define CDB_NAMES_SHADOWED UINT32_MAX

/* 0, or CHRONDB_ESYSTEM without memory. */
int cdb_names_build(struct cdb_names *names, const struct cdb_json *json);
void cdb_names_release(struct cdb_names *names);

/* The last member of `object` with the same name as that of `name` in the tree `other`: the node of its name, 0 if
 * there is none. */
uint32_t cdb_names_find(const struct cdb_names *names, uint32_t object, const struct cdb_json *other, uint32_t name);

/* Does a later member of the object have this name too? Then this one does not count. */
static inline bool cdb_names_is_shadowed(const struct cdb_names *names, uint32_t name)
{
    return names->slots[name] == CDB_NAMES_SHADOWED;
}

/* The member's counterpart in another tree, as the caller noted it; 0 at first. Only for names that are not shadowed.
 */
static inline uint32_t cdb_names_mate(const struct cdb_names *names, uint32_t name)
{
    return names->slots[name];
}

static inline void cdb_names_set_mate(struct cdb_names *names, uint32_t name, uint32_t mate)
{
    names->slots[name] = mate;
}

#endif
