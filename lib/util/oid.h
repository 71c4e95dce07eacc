/* Git object ids (SHA-1), types, and their text. */
#ifndef CDB_UTIL_OID_H
#define CDB_UTIL_OID_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define CDB_OID_SIZE 20
#define CDB_OID_HEX  40

struct cdb_oid {
    unsigned char id[CDB_OID_SIZE];
};

/* The numbers that git's packs use. */
enum cdb_type { CDB_ANY = 0, CDB_COMMIT = 1, CDB_TREE = 2, CDB_BLOB = 3, CDB_TAG = 4 };

static inline bool cdb_oid_equal(const struct cdb_oid *a, const struct cdb_oid *b)
{
    return memcmp(a->id, b->id, CDB_OID_SIZE) == 0;
}

static inline bool cdb_oid_is_zero(const struct cdb_oid *oid)
{
    static const struct cdb_oid zero;
    return cdb_oid_equal(oid, &zero);
}

/* 40 lower-case digits and a NUL. */
void cdb_oid_format(const struct cdb_oid *oid, char out[CDB_OID_HEX + 1]);
/* Exactly 40 digits at `hex` (either case); false if they are not. */
bool cdb_oid_parse(const char *hex, struct cdb_oid *out);
/* "commit", "tree" ...; NULL for a number that is no type. */
const char *cdb_type_name(int type);
int cdb_type_parse(const char *name, size_t len);

#endif
