/* Keys and their paths in git trees: architecture "Key -> path", chrondb-format(5). Pure functions.
 *
 * A key is "table:id", split at the first ':', or an id alone. Each part is encoded into a file name:
 * plain are ASCII letters, digits, '-', '_', every non-ASCII character, and in an id '.' except as its first byte.
 * Every other byte is %XX (upper case). The document's file is <id>.json in the directory of its table, or in "_" for
 * a key without a table. A table of one byte that is '_' or a hexadecimal digit has that byte encoded ("_" is "%5F",
 * "a" is "%61"): these names mean the keys without a table and the fan-out. Fan-out directories are of lower case
 * only, but 'A' to 'F' are encoded too ("A" is "%41"): checked out on a file system that ignores case, "A" and a
 * fan-out "a" would be one directory, and git would add a new document of table "A" below "a". (Two tables or ids that
 * differ only in case still meet on such a file system; in the repository they never do.)
 *
 * The map is injective, and its inverse accepts no other spelling: what decodes, encodes to the very same bytes.
 */
#ifndef CDB_STORE_KEY_H
#define CDB_STORE_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "util/buf.h"

#define CDB_NAME_MAX 255
#define CDB_SUFFIX   ".json"

/* A key taken apart; views into `key`, and its encoded names. */
struct cdb_key {
    const char *key;
    size_t key_len;
    const char *table; /* raw; NULL for a key without a table */
    size_t table_len;
    const char *id; /* raw */
    size_t id_len;
    char dir[CDB_NAME_MAX + 1];  /* encoded table */
    char file[CDB_NAME_MAX + 1]; /* encoded id with ".json" */
};

/* Check and encode. 0, or CHRONDB_EUSAGE "invalid_key" (empty, empty table or id, not UTF-8, NUL inside), message like
 * "malformed key 'x:': the id behind ':' is empty"; or, when the encoded table has more than 255 bytes or the encoded
 * id more than 250 (255 with its suffix), "key too long: ...". The key must stay valid as long as `out`. */
int cdb_key_parse(struct cdb_key *out, const char *key, size_t len);

/* Does a directory name (of a table) or a file name (of a document) belong to a key, in its only canonical
 * spelling? Appends the raw table (nothing for "_", with *untabled = true) or id. `untabled` of a file: it lies below
 * "_", where an id with a ':' is no key's, since that key would have a table. False: it is no key's name; nothing is
 * appended. The buffer may be NULL for those who only ask. */
bool cdb_key_decode_dir(const char *name, size_t len, struct cdb_buf *table, bool *untabled);
bool cdb_key_decode_file(const char *name, size_t len, bool untabled, struct cdb_buf *id);

/* Is this the name of a fan-out directory: one of 0-9a-f? */
bool cdb_key_is_fan(const char *name, size_t len);

/* Strict UTF-8 (also used for messages and names): offset of the first bad byte, or len. */
size_t cdb_utf8_check(const char *text, size_t len);

#endif
