/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a key, as the name of a directory or file, and as two keys apart: the map from keys to paths is
 * injective, its inverse is its inverse, and names are such as git accepts. */
#include "fuzz/fuzz.h"
#include "store/key.h"

static void check_name(const char *name, bool is_file)
{
    size_t len = strlen(name);

    CHECK(len > 0 && len <= CDB_NAME_MAX);
    CHECK(name[0] != '.' && !cdb_key_is_fan(name, len));
    CHECK(cdb_utf8_check(name, len) == len);
    for (size_t i = 0; i < len; i++)
        CHECK((unsigned char)name[i] > 0x20 && strchr("/\\:~*?<>|\"\x7f", name[i]) == NULL);
    if (is_file)
        CHECK(len > 5 && strcmp(name + len - 5, ".json") == 0);
    else
        CHECK(strchr(name, '.') == NULL);
}

static void check_error(void)
{
    const chrondb_error *error = chrondb_last_error();
    size_t len = strlen(error->message);

    CHECK(error->code == CHRONDB_EUSAGE && strcmp(error->name, "invalid_key") == 0);
    CHECK(len > 0 && cdb_utf8_check(error->message, len) == len);
    for (size_t i = 0; i < len; i++)
        CHECK((unsigned char)error->message[i] >= 0x20 && error->message[i] != 0x7f);
}

/* Does the key of the path have these bytes? */
static void check_decoded(const struct cdb_key *key)
{
    struct cdb_buf raw = CDB_BUF_INIT;
    bool untabled = false;

    CHECK(cdb_key_decode_dir(key->dir, strlen(key->dir), &raw, &untabled));
    CHECK(untabled == (key->table == NULL));
    if (!untabled)
        cdb_buf_addc(&raw, ':');
    CHECK(cdb_key_decode_file(key->file, strlen(key->file), untabled, &raw));
    CHECK(raw.len == key->key_len && memcmp(raw.ptr, key->key, raw.len) == 0);
    cdb_buf_release(&raw);
}

static bool check_key(struct cdb_key *key, const char *text, size_t len)
{
    if (cdb_key_parse(key, text, len) != 0) {
        check_error();
        return false;
    }
    CHECK(len > 0 && cdb_utf8_check(text, len) == len && memchr(text, '\0', len) == NULL);
    CHECK(key->key == text && key->key_len == len && key->id_len > 0 && key->id + key->id_len == text + len);
    CHECK(key->table == NULL ? key->id == text : key->table == text && key->table_len > 0);
    CHECK(key->table == NULL ? memchr(text, ':', len) == NULL : memchr(text, ':', len) == key->id - 1);
    check_name(key->dir, false);
    check_name(key->file, true);
    check_decoded(key);
    return true;
}

/* What decodes as a directory is what the key of that table encodes to; "_" is nobody's. */
static void check_dir(const char *name, size_t len)
{
    struct cdb_buf text = CDB_BUF_INIT;
    struct cdb_key key;
    bool untabled = false;

    if (cdb_key_decode_dir(name, len, &text, &untabled)) {
        CHECK(!cdb_key_is_fan(name, len));
        CHECK(untabled == (len == 1 && name[0] == '_'));
        cdb_buf_adds(&text, untabled ? "x" : ":x");
        CHECK(check_key(&key, text.ptr, text.len));
        CHECK(strlen(key.dir) == len && memcmp(key.dir, name, len) == 0);
    } else {
        CHECK(!untabled && text.len == 0);
    }
    cdb_buf_release(&text);
}

static void check_file(const char *name, size_t len, bool untabled)
{
    struct cdb_buf text = CDB_BUF_INIT;
    struct cdb_key key;

    cdb_buf_adds(&text, untabled ? "" : "t:");
    if (cdb_key_decode_file(name, len, untabled, &text)) {
        CHECK(check_key(&key, text.ptr, text.len));
        CHECK((key.table == NULL) == untabled);
        CHECK(strlen(key.file) == len && memcmp(key.file, name, len) == 0);
    } else {
        CHECK(text.len == (untabled ? 0 : 2));
    }
    cdb_buf_release(&text);
}

static void check_two(const char *text, size_t len)
{
    const char *cut = memchr(text, '\n', len);
    struct cdb_key a, b;

    if (cut == NULL || !check_key(&a, text, (size_t)(cut - text)) ||
        !check_key(&b, cut + 1, len - (size_t)(cut + 1 - text)))
        return;
    if (strcmp(a.dir, b.dir) == 0 && strcmp(a.file, b.file) == 0)
        CHECK(a.key_len == b.key_len && memcmp(a.key, b.key, a.key_len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = size > 0 ? (const char *)data : "";
    size_t valid = cdb_utf8_check(text, size);
    struct cdb_key key;

    CHECK(valid <= size && cdb_utf8_check(text, valid) == valid);
    (void)check_key(&key, text, size);
    check_dir(text, size);
    check_file(text, size, true);
    check_file(text, size, false);
    check_two(text, size);
    return 0;
}
