/* SPDX-License-Identifier: MIT */
#include "util/oid.h"

void cdb_oid_format(const struct cdb_oid *oid, char out[CDB_OID_HEX + 1])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < CDB_OID_SIZE; i++) {
        out[2 * i] = digits[oid->id[i] >> 4];
        out[2 * i + 1] = digits[oid->id[i] & 15];
    }
    out[CDB_OID_HEX] = '\0';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool cdb_oid_parse(const char *hex, struct cdb_oid *out)
{
    struct cdb_oid oid;
    for (int i = 0; i < CDB_OID_SIZE; i++) {
        int high = hex_digit(hex[2 * i]);
        int low = high < 0 ? -1 : hex_digit(hex[2 * i + 1]);
        if (low < 0)
            return false;
        oid.id[i] = (unsigned char)(high << 4 | low);
    }
    *out = oid;
    return true;
}

static const char *const names[] = {NULL, "commit", "tree", "blob", "tag"};

const char *cdb_type_name(int type)
{
    return type >= CDB_COMMIT && type <= CDB_TAG ? names[type] : NULL;
}

int cdb_type_parse(const char *name, size_t len)
{
    for (int type = CDB_COMMIT; type <= CDB_TAG; type++)
        if (strlen(names[type]) == len && memcmp(names[type], name, len) == 0)
            return type;
    return CDB_ANY;
}
