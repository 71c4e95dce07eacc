/* SPDX-License-Identifier: MIT */
#include "store/key.h"

#include <string.h>

#include "chrondb.h"
#include "util/error.h"
#include "util/utf8.h"

#define SUFFIX_LEN (sizeof(CDB_SUFFIX) - 1)
#define UNTABLED   "_" /* the directory of the keys without a table */

enum part { TABLE, ID, LONE_ID /* of a key without a table */ };

/* ---- characters -------------------------------------------------------------------------------- */

static bool is_alphanumeric(unsigned char byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
}

static bool is_hex_digit(unsigned char byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'F') || (byte >= 'a' && byte <= 'f');
}

/* The value of an upper case hexadecimal digit, or -1. */
static int upper_hex_value(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    return byte >= 'A' && byte <= 'F' ? byte - 'A' + 10 : -1;
}

/* Does the byte at `at` of a raw table or id stand for itself in the name? */
static bool is_plain(enum part part, const char *raw, size_t len, size_t at)
{
    unsigned char byte = (unsigned char)raw[at];

    /* The names "_" and those of the fan-out are taken; in either case, for file systems that fold it. */
    if (part == TABLE && len == 1 && (byte == '_' || is_hex_digit(byte)))
        return false;
    if (byte == '.')
        return part != TABLE && at > 0;
    return byte >= 0x80 || byte == '-' || byte == '_' || is_alphanumeric(byte);
}

size_t cdb_utf8_check(const char *text, size_t len)
{
    size_t at = 0;

    while (at < len) {
        size_t width = cdb_utf8_width(text + at, len - at);

        if (width == 0)
            break;
        at += width;
    }
    return at;
}

bool cdb_key_is_fan(const char *name, size_t len)
{
    return len == 1 && ((name[0] >= '0' && name[0] <= '9') || (name[0] >= 'a' && name[0] <= 'f'));
}

/* ---- encoding ---------------------------------------------------------------------------------- */

/* Writes the name with a NUL; false if it has more than `max` bytes. */
static bool encode(enum part part, const char *raw, size_t len, char *name, size_t max, size_t *name_len)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t used = 0;

    for (size_t at = 0; at < len; at++) {
        unsigned char byte = (unsigned char)raw[at];
        bool plain = is_plain(part, raw, len, at);

        if (max - used < (plain ? 1u : 3u))
            return false;
        if (plain) {
            name[used++] = raw[at];
        } else {
            name[used++] = '%';
            name[used++] = digits[byte >> 4];
            name[used++] = digits[byte & 15];
        }
    }
    name[used] = '\0';
    *name_len = used;
    return true;
}

static int malformed(const char *key, size_t len, const char *reason)
{
    char quoted[CDB_UTF8_QUOTE_SIZE];

    (void)cdb_utf8_quote(quoted, key, len);
    return cdb_error(CHRONDB_EUSAGE, "invalid_key", "malformed key %s: %s", quoted, reason);
}

static int too_long(const char *key, size_t len, const char *part, size_t max)
{
    char quoted[CDB_UTF8_QUOTE_SIZE];

    (void)cdb_utf8_quote(quoted, key, len);
    return cdb_error(CHRONDB_EUSAGE, "invalid_key", "key too long: %s: the %s has more than %zu bytes when encoded",
                     quoted, part, max);
}

static void split(struct cdb_key *out, const char *key, size_t len)
{
    const char *colon = memchr(key, ':', len);

    out->key = key;
    out->key_len = len;
    out->table = colon == NULL ? NULL : key;
    out->table_len = colon == NULL ? 0 : (size_t)(colon - key);
    out->id = colon == NULL ? key : colon + 1;
    out->id_len = len - (size_t)(out->id - key);
}

int cdb_key_parse(struct cdb_key *out, const char *key, size_t len)
{
    size_t name_len = 0;

    if (len == 0)
        return malformed("", 0, "it is empty");
    if (cdb_utf8_check(key, len) != len)
        return malformed(key, len, "it is not valid UTF-8");
    if (memchr(key, '\0', len) != NULL)
        return malformed(key, len, "it holds a NUL byte");
    split(out, key, len);
    if (out->table != NULL && out->table_len == 0)
        return malformed(key, len, "the table before ':' is empty");
    if (out->id_len == 0)
        return malformed(key, len, "the id behind ':' is empty");

    if (out->table == NULL)
        memcpy(out->dir, UNTABLED, sizeof(UNTABLED));
    else if (!encode(TABLE, out->table, out->table_len, out->dir, CDB_NAME_MAX, &name_len))
        return too_long(key, len, "table", CDB_NAME_MAX);
    if (!encode(ID, out->id, out->id_len, out->file, CDB_NAME_MAX - SUFFIX_LEN, &name_len))
        return too_long(key, len, "id", CDB_NAME_MAX - SUFFIX_LEN);
    memcpy(out->file + name_len, CDB_SUFFIX, SUFFIX_LEN + 1);
    return 0;
}

/* ---- decoding ---------------------------------------------------------------------------------- */

/* `raw` has room for `len` bytes. False at a '%' that no two digits of ours follow. */
static bool unescape(const char *name, size_t len, char *raw, size_t *raw_len)
{
    size_t used = 0;

    for (size_t at = 0; at < len; at++) {
        int high = 0, low = 0;

        if (name[at] != '%') {
            raw[used++] = name[at];
            continue;
        }
        if (len - at < 3)
            return false;
        high = upper_hex_value(name[at + 1]);
        low = upper_hex_value(name[at + 2]);
        if (high < 0 || low < 0)
            return false;
        raw[used++] = (char)(high << 4 | low);
        at += 2;
    }
    *raw_len = used;
    return true;
}

static bool may_be_part(enum part part, const char *raw, size_t len)
{
    if (len == 0 || cdb_utf8_check(raw, len) != len || memchr(raw, '\0', len) != NULL)
        return false;
    /* A key is split at its first ':', so that only an id behind a table can hold one. */
    return part == ID || memchr(raw, ':', len) == NULL;
}

/* `name` without its suffix; `max` is what it may have. Encoding again tells whether the spelling is the canonical. */
static bool decode(enum part part, const char *name, size_t len, size_t max, struct cdb_buf *out)
{
    char raw[CDB_NAME_MAX], again[CDB_NAME_MAX + 1];
    size_t raw_len = 0, again_len = 0;

    if (len > max || !unescape(name, len, raw, &raw_len) || !may_be_part(part, raw, raw_len))
        return false;
    if (!encode(part, raw, raw_len, again, max, &again_len) || again_len != len || memcmp(again, name, len) != 0)
        return false;
    if (out != NULL)
        cdb_buf_add(out, raw, raw_len);
    return true;
}

bool cdb_key_decode_dir(const char *name, size_t len, struct cdb_buf *table, bool *untabled)
{
    *untabled = len == sizeof(UNTABLED) - 1 && memcmp(name, UNTABLED, len) == 0;
    return *untabled || decode(TABLE, name, len, CDB_NAME_MAX, table);
}

bool cdb_key_decode_file(const char *name, size_t len, bool untabled, struct cdb_buf *id)
{
    size_t stem = 0;

    if (len <= SUFFIX_LEN)
        return false;
    stem = len - SUFFIX_LEN;
    return memcmp(name + stem, CDB_SUFFIX, SUFFIX_LEN) == 0 &&
           decode(untabled ? LONE_ID : ID, name, stem, CDB_NAME_MAX - SUFFIX_LEN, id);
}
