/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chrondb.h"
#include "store/key.h"
#include "util/error.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* xorshift64*: the same numbers on every machine. */
static uint64_t random_next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

static size_t random_below(uint64_t *state, size_t bound)
{
    return (size_t)(random_next(state) % bound);
}

/* In memory of exactly its size, so that a sanitizer sees a read behind it. */
static char *exact_copy(const char *text, size_t len)
{
    char *copy = malloc(len > 0 ? len : 1);

    assert_non_null(copy);
    memcpy(copy, text, len);
    return copy;
}

/* ---- the table of the design, and around it ---------------------------------------------------- */

static void paths(void **state)
{
    static const struct {
        const char *key, *dir, *file;
    } rows[] = {
        {"user:1", "user", "1.json"},
        {"user:a/b c", "user", "a%2Fb%20c.json"},
        {"order:2026:7", "order", "2026%3A7.json"},
        {"config", "_", "config.json"},
        {"_:x", "%5F", "x.json"},
        {"a:1", "%61", "1.json"},
        {"f:1", "%66", "1.json"},
        {"g:1", "g", "1.json"},
        {"0:1", "%30", "1.json"},
        {"9:1", "%39", "1.json"},
        {"A:1", "%41", "1.json"},
        {"F:1", "%46", "1.json"},
        {"G:1", "G", "1.json"},
        {"aa:1", "aa", "1.json"},
        {"__:1", "__", "1.json"},
        {"_a:1", "_a", "1.json"},
        {"-:1", "-", "1.json"},
        {".:1", "%2E", "1.json"},
        {"..:1", "%2E%2E", "1.json"},
        {".git:1", "%2Egit", "1.json"},
        {"a.b:c.d", "a%2Eb", "c.d.json"},
        {"a", "_", "a.json"},
        {"_", "_", "_.json"},
        {"t:_", "t", "_.json"},
        {"t:a", "t", "a.json"},
        {"t:.", "t", "%2E.json"},
        {"t:..", "t", "%2E..json"},
        {"t:.a.b.", "t", "%2Ea.b..json"},
        {".git", "_", "%2Egit.json"},
        {"t:x.json", "t", "x.json.json"},
        {"t::", "t", "%3A.json"},
        {"t:::", "t", "%3A%3A.json"},
        {"%61:%2F", "%2561", "%252F.json"},
        {"A b:C\tD", "A%20b", "C%09D.json"},
        {"a\\b:c~1", "a%5Cb", "c%7E1.json"},
        {"x:\x01\x1f\x7f\n", "x", "%01%1F%7F%0A.json"},
        {"x:!\"#$&'()*+,/;<=>?@[]^`{|}", "x",
         "%21%22%23%24%26%27%28%29%2A%2B%2C%2F%3B%3C%3D%3E%3F%40%5B%5D%5E%60%7B%7C%7D.json"},
        {"stra\xc3\x9f"
         "e:\xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x98\x80",
         "stra\xc3\x9f"
         "e",
         "\xe6\x97\xa5\xe6\x9c\xac%20\xf0\x9f\x98\x80.json"},
        {"\xc3\xa9:1", "\xc3\xa9", "1.json"},
        {"x:\xc2\x80\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf", "x",
         "\xc2\x80\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf.json"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct cdb_key key;
        struct cdb_buf table = CDB_BUF_INIT, id = CDB_BUF_INIT;
        bool untabled = false;

        if (cdb_key_parse(&key, rows[i].key, strlen(rows[i].key)) != 0)
            fail_msg("%s: %s", rows[i].key, chrondb_last_error()->message);
        assert_string_equal(key.dir, rows[i].dir);
        assert_string_equal(key.file, rows[i].file);
        assert_ptr_equal(key.key, rows[i].key);
        assert_int_equal(key.key_len, strlen(rows[i].key));

        assert_true(cdb_key_decode_dir(key.dir, strlen(key.dir), &table, &untabled));
        assert_int_equal(untabled, key.table == NULL);
        assert_int_equal(table.len, key.table_len);
        assert_memory_equal(cdb_buf_str(&table), key.table_len > 0 ? key.table : "", key.table_len);
        assert_true(cdb_key_decode_file(key.file, strlen(key.file), untabled, &id));
        assert_int_equal(id.len, key.id_len);
        assert_memory_equal(id.ptr, key.id, key.id_len);
        cdb_buf_release(&table);
        cdb_buf_release(&id);
    }
}

static void split(void **state)
{
    struct cdb_key key;

    (void)state;
    assert_int_equal(cdb_key_parse(&key, "order:2026:7", 12), 0);
    assert_ptr_equal(key.table, key.key);
    assert_int_equal(key.table_len, 5);
    assert_ptr_equal(key.id, key.key + 6);
    assert_int_equal(key.id_len, 6);
    assert_int_equal(cdb_key_parse(&key, "config:x", 6), 0);
    assert_null(key.table);
    assert_int_equal(key.table_len, 0);
    assert_ptr_equal(key.id, key.key);
    assert_int_equal(key.id_len, 6);
}

static void malformed(void **state)
{
    static const struct {
        const char *key;
        size_t len;
        const char *message;
    } rows[] = {
        {"", 0, "malformed key '': it is empty"},
        {":", 1, "malformed key ':': the table before ':' is empty"},
        {":x", 2, "malformed key ':x': the table before ':' is empty"},
        {"::", 2, "malformed key '::': the table before ':' is empty"},
        {"user:", 5, "malformed key 'user:': the id behind ':' is empty"},
        {"\0", 1, "malformed key '\\x00': it holds a NUL byte"},
        {"a\0b", 3, "malformed key 'a\\x00b': it holds a NUL byte"},
        {"a:b\0", 4, "malformed key 'a:b\\x00': it holds a NUL byte"},
        {"\x80", 1, "malformed key '\\x80': it is not valid UTF-8"},
        {"a\xc0\xaf", 3, "malformed key 'a\\xc0\\xaf': it is not valid UTF-8"},
        {"a:\xed\xa0\x80", 5, "malformed key 'a:\\xed\\xa0\\x80': it is not valid UTF-8"},
        {"a:\xe6\x97\xa5", 4, "malformed key 'a:\\xe6\\x97': it is not valid UTF-8"},
        {"\xff:1", 3, "malformed key '\\xff:1': it is not valid UTF-8"},
        {"x\n:", 3, "malformed key 'x\\x0a:': the id behind ':' is empty"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *copy = exact_copy(rows[i].key, rows[i].len);
        struct cdb_key key;

        assert_int_equal(cdb_key_parse(&key, copy, rows[i].len), CHRONDB_EUSAGE);
        assert_string_equal(chrondb_last_error()->name, "invalid_key");
        assert_int_equal(chrondb_last_error()->code, CHRONDB_EUSAGE);
        assert_string_equal(chrondb_last_error()->message, rows[i].message);
        free(copy);
    }
}

/* A key of a table and an id, of so many times a text each. */
static size_t repeat(char *out, const char *table, size_t table_count, const char *id, size_t id_count)
{
    char *to = out;

    for (; table_count > 0; table_count--, to += strlen(table))
        memcpy(to, table, strlen(table));
    *to++ = ':';
    for (; id_count > 0; id_count--, to += strlen(id))
        memcpy(to, id, strlen(id));
    return (size_t)(to - out);
}

static void too_long(void **state)
{
    static const struct {
        const char *table;
        size_t table_count;
        const char *id;
        size_t id_count;
        const char *reason; /* NULL: it fits */
    } rows[] = {
        {"t", 255, "i", 1, NULL},
        {"t", 256, "i", 1, "the table has more than 255 bytes when encoded"},
        {"t", 1000, "i", 1, "the table has more than 255 bytes when encoded"},
        {".", 85, "i", 1, NULL},
        {".", 86, "i", 1, "the table has more than 255 bytes when encoded"},
        {"t", 1, "i", 250, NULL},
        {"t", 1, "i", 251, "the id has more than 250 bytes when encoded"},
        {"t", 1, "/", 83, NULL},
        {"t", 1, "/", 84, "the id has more than 250 bytes when encoded"},
        {"t", 1, "\xf0\x9f\x98\x80", 62, NULL},
        {"t", 1, "\xf0\x9f\x98\x80", 63, "the id has more than 250 bytes when encoded"},
        {"t", 255, "i", 250, NULL},
        {"t", 256, "i", 251, "the table has more than 255 bytes when encoded"},
    };
    char text[2048];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t len = repeat(text, rows[i].table, rows[i].table_count, rows[i].id, rows[i].id_count);
        char *copy = exact_copy(text, len);
        struct cdb_key key;
        int result = cdb_key_parse(&key, copy, len);

        assert_int_equal(result, rows[i].reason == NULL ? 0 : CHRONDB_EUSAGE);
        if (rows[i].reason == NULL) {
            assert_true(strlen(key.dir) <= CDB_NAME_MAX);
            assert_true(strlen(key.file) <= CDB_NAME_MAX);
        } else {
            assert_string_equal(chrondb_last_error()->name, "invalid_key");
            assert_memory_equal(chrondb_last_error()->message, "key too long: '", 15);
            assert_non_null(strstr(chrondb_last_error()->message, rows[i].reason));
        }
        free(copy);
    }
}

/* ---- decoding ---------------------------------------------------------------------------------- */

static void no_directory_of_a_key(void **state)
{
    static const char *const names[] = {
        "",     "0",    "9",    "a",      "f",          "A",      "F",         ".",    "..",           ".git",
        "a.b",  "a b",  "a/b",  "a:b",    "a%3Ab",      "%3A",    "%",         "%6",   "%6g",          "%5f",
        "%2e",  "%67",  "%5F%", "%5F%5F", "%61%61",     "a%61",   "%61b",      "%00",  "a%00b",        "%FF",
        "%C3",  "\xff", "\xc3", "a\xc3",  "\xc3\xa9\n", "%C3%A9", "%25%32%35", "%%25", "a%2",          "x%2g",
        "x%G2", "_%5F", "%2D",  "%4a",    "%4A",        "x%7e",   "user.json", "a\\b", "\xed\xa0\x80", "%20%",
    };
    struct cdb_buf table = CDB_BUF_INIT;

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        char *copy = exact_copy(names[i], strlen(names[i]));
        bool untabled = true;

        if (cdb_key_decode_dir(copy, strlen(names[i]), &table, &untabled))
            fail_msg("'%s' was taken for a table", names[i]);
        assert_false(untabled);
        free(copy);
    }
    assert_int_equal(table.len, 0);
    cdb_buf_release(&table);
}

static void no_file_of_a_key(void **state)
{
    static const char *const names[] = {
        "",          ".json",       "json",     "a",         "a.jso",     "a.JSON",      "a.json ",      "a.jsonx",
        ".a.json",   "..json",      "a b.json", "a/b.json",  "a:b.json",  "%61.json",    "a%2Eb.json",   "%2f.json",
        "%.json",    "a%.json",     "a%2.json", "%00.json",  "\xff.json", "%C3%A9.json", "a%5F.json",    "%2.json",
        "a\tb.json", "%2E%2E.json", "a.json/",  "README.md", "%C3.json",  "%2.jsonjson", "%.jsonF.json",
    };
    struct cdb_buf id = CDB_BUF_INIT;

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        char *copy = exact_copy(names[i], strlen(names[i]));

        if (cdb_key_decode_file(copy, strlen(names[i]), false, &id) ||
            cdb_key_decode_file(copy, strlen(names[i]), true, &id))
            fail_msg("'%s' was taken for an id", names[i]);
        free(copy);
    }
    assert_int_equal(id.len, 0);
    cdb_buf_release(&id);
}

static void nul_in_a_name(void **state)
{
    struct cdb_buf out = CDB_BUF_INIT;
    bool untabled = true;

    (void)state;
    assert_false(cdb_key_decode_dir("a\0b", 3, &out, &untabled));
    assert_false(cdb_key_decode_dir("_\0", 2, &out, &untabled));
    assert_false(cdb_key_decode_file("a\0.json", 7, false, &out));
    assert_int_equal(out.len, 0);
    cdb_buf_release(&out);
}

/* "_/user%3A1.json" would otherwise be a second place of user:1. */
static void an_id_without_a_table_has_no_colon(void **state)
{
    struct cdb_buf id = CDB_BUF_INIT;

    (void)state;
    assert_false(cdb_key_decode_file("user%3A1.json", 13, true, &id));
    assert_int_equal(id.len, 0);
    assert_true(cdb_key_decode_file("user%3A1.json", 13, false, &id));
    assert_string_equal(cdb_buf_str(&id), "user:1");
    cdb_buf_release(&id);
}

static void decoding_appends(void **state)
{
    struct cdb_buf key = CDB_BUF_INIT;
    bool untabled = true;

    (void)state;
    assert_true(cdb_key_decode_dir("a%20b", 5, &key, &untabled));
    assert_false(untabled);
    cdb_buf_addc(&key, ':');
    assert_true(cdb_key_decode_file("x%2Fy.json", 10, false, &key));
    assert_string_equal(cdb_buf_str(&key), "a b:x/y");
    assert_true(cdb_key_decode_dir("_", 1, &key, &untabled));
    assert_true(untabled);
    assert_string_equal(cdb_buf_str(&key), "a b:x/y");
    cdb_buf_release(&key);
}

static void names_that_are_too_long(void **state)
{
    char name[1000];
    struct cdb_buf out = CDB_BUF_INIT;
    bool untabled = false;

    (void)state;
    memset(name, 'x', sizeof(name));
    assert_true(cdb_key_decode_dir(name, 255, &out, &untabled));
    assert_int_equal(out.len, 255);
    assert_false(cdb_key_decode_dir(name, 256, &out, &untabled));
    assert_false(cdb_key_decode_dir(name, sizeof(name), &out, &untabled));
    memcpy(name + 250, ".json", 5);
    assert_true(cdb_key_decode_file(name, 255, false, &out));
    assert_int_equal(out.len, 255 + 250);
    memcpy(name + 250, "x.json", 6);
    assert_false(cdb_key_decode_file(name, 256, false, &out));
    memcpy(name + sizeof(name) - 5, ".json", 5);
    assert_false(cdb_key_decode_file(name, sizeof(name), false, &out));
    cdb_buf_release(&out);
}

static void fan(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        char name[2] = {(char)byte, 'a'};
        bool expected = byte != 0 && strchr("0123456789abcdef", byte) != NULL;

        assert_int_equal(cdb_key_is_fan(name, 1), expected);
        assert_false(cdb_key_is_fan(name, 2));
        assert_false(cdb_key_is_fan(name, 0));
    }
}

static void utf8(void **state)
{
    static const struct {
        const char *text;
        size_t bad; /* the offset of the first bad byte, or the length */
        size_t len;
    } rows[] = {
        {"", 0, 0},
        {"abc", 3, 3},
        {"a\0b", 3, 3},
        {"\xc3\xa9", 2, 2},
        {"\xe2\x82\xac\xf0\x9f\x98\x80", 7, 7},
        {"ab\x80", 2, 3},
        {"ab\xc3", 2, 3},
        {"\xc1\xbf", 0, 2},
        {"\xe0\x9f\xbf", 0, 3},
        {"\xe0\xa0\x80", 3, 3},
        {"x\xed\xa0\x80", 1, 4},
        {"\xed\x9f\xbf", 3, 3},
        {"\xf0\x8f\xbf\xbf", 0, 4},
        {"\xf0\x90\x80\x80", 4, 4},
        {"\xf4\x8f\xbf\xbf", 4, 4},
        {"\xf4\x90\x80\x80", 0, 4},
        {"\xf5\x80\x80\x80", 0, 4},
        {"\xe2\x82", 0, 2},
        {"\xe2\x82x", 0, 3},
        {"\xf0\x9f\x98", 0, 3},
        {"\xc3\xa9\xc3\xa9\xff", 4, 5},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *copy = exact_copy(rows[i].text, rows[i].len);

        assert_int_equal(cdb_utf8_check(copy, rows[i].len), rows[i].bad);
        free(copy);
    }
}

/* Every code point is valid, in its one spelling; every surrogate is not. */
static void utf8_every_code_point(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x110000; c++) {
        unsigned char b[4];
        size_t len = 0;

        if (c < 0x80) {
            b[len++] = (unsigned char)c;
        } else if (c < 0x800) {
            b[len++] = (unsigned char)(0xc0 | c >> 6);
            b[len++] = (unsigned char)(0x80 | (c & 63));
        } else if (c < 0x10000) {
            b[len++] = (unsigned char)(0xe0 | c >> 12);
            b[len++] = (unsigned char)(0x80 | (c >> 6 & 63));
            b[len++] = (unsigned char)(0x80 | (c & 63));
        } else {
            b[len++] = (unsigned char)(0xf0 | c >> 18);
            b[len++] = (unsigned char)(0x80 | (c >> 12 & 63));
            b[len++] = (unsigned char)(0x80 | (c >> 6 & 63));
            b[len++] = (unsigned char)(0x80 | (c & 63));
        }
        assert_int_equal(cdb_utf8_check((const char *)b, len), c >= 0xd800 && c < 0xe000 ? 0 : len);
        assert_int_equal(cdb_utf8_check((const char *)b, len - 1), 0);
    }
}

/* ---- properties -------------------------------------------------------------------------------- */

/* What the manual says, written down once more: is the name of a table (or an id) this one? */
static void assert_encoded(bool is_table, const char *raw, size_t len, const char *name)
{
    static const char always[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char expected[4];

    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)raw[i];
        bool plain = byte >= 0x80 || strchr(always, byte) != NULL || (byte == '.' && !is_table && i > 0);
        int size = 0;

        if (is_table && len == 1 && strchr("_0123456789abcdefABCDEF", byte) != NULL)
            plain = false;
        size = snprintf(expected, sizeof(expected), plain ? "%c" : "%%%02X", plain ? raw[i] : byte);
        assert_memory_equal(name, expected, (size_t)size);
        name += size;
    }
    assert_string_equal(name, is_table ? "" : ".json");
}

/* No name that git refuses, and none with a '/', in lower case or upper. */
static void assert_name_is_harmless(const char *name)
{
    assert_true(name[0] != '\0' && name[0] != '.');
    for (const char *p = name; *p != '\0'; p++)
        assert_null(strchr("/\\:~ *?<>|\"\x7f", *p));
    for (const char *p = name; *p != '\0'; p++)
        assert_false((unsigned char)*p < 0x20);
}

static void check_round_trip(const struct cdb_key *key)
{
    struct cdb_buf raw = CDB_BUF_INIT;
    bool untabled = false;

    if (key->table != NULL)
        assert_encoded(true, key->table, key->table_len, key->dir);
    else
        assert_string_equal(key->dir, "_");
    assert_encoded(false, key->id, key->id_len, key->file);
    assert_name_is_harmless(key->dir);
    assert_name_is_harmless(key->file);
    assert_false(cdb_key_is_fan(key->dir, strlen(key->dir)));
    assert_null(strchr(key->dir, '.'));

    assert_true(cdb_key_decode_dir(key->dir, strlen(key->dir), &raw, &untabled));
    if (!untabled)
        cdb_buf_addc(&raw, ':');
    assert_true(cdb_key_decode_file(key->file, strlen(key->file), untabled, &raw));
    assert_int_equal(raw.len, key->key_len);
    assert_memory_equal(raw.ptr, key->key, key->key_len);
    cdb_buf_release(&raw);
}

static void every_key_of_up_to_three_bytes(void **state)
{
    size_t valid = 0;

    (void)state;
    for (unsigned value = 1; value < 128 * 128 * 128; value++) {
        char text[3] = {(char)(value & 127), (char)(value >> 7 & 127), (char)(value >> 14)};
        size_t len = value < 128 ? 1 : value < 128 * 128 ? 2 : 3;
        struct cdb_key key;
        bool nul = memchr(text, '\0', len) != NULL;
        bool expected = !nul && text[0] != ':' && memchr(text, ':', len) != text + len - 1;

        assert_int_equal(cdb_key_parse(&key, text, len) == 0, expected);
        if (expected && (len < 3 || value % 5 == 0))
            check_round_trip(&key);
        valid += expected ? 1 : 0;
    }
    /* 127 bytes of ASCII; the first and, when it is the first ':', the last must not be ':'. */
    assert_int_equal(valid, 126 + 126 * 126 + (126 * 127 * 126 + 126));
}

/* Keys that look like one another: few characters, those with a meaning above all. */
static size_t random_key(uint64_t *seed, char *out)
{
    static const char *const pieces[] = {":",
                                         ":",
                                         "_",
                                         "a",
                                         "f",
                                         "A",
                                         "0",
                                         "g",
                                         ".",
                                         "%",
                                         "%2E",
                                         "%61",
                                         "json",
                                         "/",
                                         "-",
                                         " ",
                                         "\n",
                                         "~",
                                         "5",
                                         "F",
                                         "\xc3\xa9",
                                         "\xe6\x97\xa5",
                                         "\xf0\x9f\x98\x80",
                                         ".json",
                                         "user",
                                         "\x7f"};
    size_t count = 1 + random_below(seed, random_below(seed, 50) == 0 ? 120 : 6);
    size_t len = 0;

    for (; count > 0; count--) {
        const char *piece = pieces[random_below(seed, COUNT(pieces))];

        memcpy(out + len, piece, strlen(piece));
        len += strlen(piece);
    }
    return len;
}

static void random_round_trip(void **state)
{
    uint64_t seed = 0x5eed;
    size_t valid = 0, rounds = 200000;
    char text[1024];

    (void)state;
    for (size_t i = 0; i < rounds; i++) {
        size_t len = random_key(&seed, text);
        struct cdb_key key;

        if (cdb_key_parse(&key, text, len) != 0) {
            assert_string_equal(chrondb_last_error()->name, "invalid_key");
            continue;
        }
        check_round_trip(&key);
        valid++;
    }
    assert_true(valid > rounds / 2);
}

struct place {
    char key[64];
    char path[2 * CDB_NAME_MAX + 2];
};

static int compare_paths(const void *a, const void *b)
{
    return strcmp(((const struct place *)a)->path, ((const struct place *)b)->path);
}

static void no_two_keys_share_a_path(void **state)
{
    enum { PLACES = 60000 };
    uint64_t seed = 0xacce55;
    struct place *places = calloc(PLACES, sizeof(*places));
    size_t count = 0, repeated = 0;
    char text[1024];

    (void)state;
    assert_non_null(places);
    while (count < PLACES) {
        size_t len = random_key(&seed, text);
        struct cdb_key key;

        if (len >= sizeof(places[0].key) || cdb_key_parse(&key, text, len) != 0)
            continue;
        memcpy(places[count].key, text, len);
        (void)snprintf(places[count].path, sizeof(places[count].path), "%s/%s", key.dir, key.file);
        count++;
    }
    qsort(places, PLACES, sizeof(*places), compare_paths);
    for (size_t i = 1; i < PLACES; i++)
        if (strcmp(places[i - 1].path, places[i].path) == 0) {
            assert_string_equal(places[i - 1].key, places[i].key);
            repeated++;
        }
    assert_true(repeated < PLACES / 2); /* else the test compared next to nothing */
    free(places);
}

/* The other direction: whatever decodes is the name that its key has. */
static void what_decodes_is_canonical(void **state)
{
    static const char *const pieces[] = {"a",        "_",    "%",   "2",   "E",   "e",   "5F",  "61",
                                         ".json",    ".",    "%2E", "%3A", "%25", "%20", "%0A", "%C3",
                                         "\xc3\xa9", "\xc3", "g",   "-",   "%00", " "};
    uint64_t seed = 0xdec0de;
    size_t dirs = 0, files = 0;

    (void)state;
    for (int i = 0; i < 300000; i++) {
        char name[256], text[600];
        size_t len = 0;
        struct cdb_buf raw = CDB_BUF_INIT;
        struct cdb_key key;
        bool untabled = false;

        for (size_t count = random_below(&seed, 6); count > 0; count--) {
            const char *piece = pieces[random_below(&seed, COUNT(pieces))];

            memcpy(name + len, piece, strlen(piece));
            len += strlen(piece);
        }
        if (cdb_key_decode_dir(name, len, &raw, &untabled)) {
            int size = untabled ? snprintf(text, sizeof(text), "x") : snprintf(text, sizeof(text), "%s:x", raw.ptr);

            assert_int_equal(cdb_key_parse(&key, text, (size_t)size), 0);
            assert_int_equal(strlen(key.dir), len);
            assert_memory_equal(key.dir, name, len);
            dirs++;
        }
        cdb_buf_clear(&raw);
        untabled = i % 2 == 0;
        memcpy(name + len, ".json", 5);
        if (cdb_key_decode_file(name, len + 5, untabled, &raw)) {
            int size = snprintf(text, sizeof(text), "%s%s", untabled ? "" : "t:", raw.ptr);

            assert_int_equal(cdb_key_parse(&key, text, (size_t)size), 0);
            assert_int_equal(key.table == NULL, untabled);
            assert_int_equal(strlen(key.file), len + 5);
            assert_memory_equal(key.file, name, len + 5);
            files++;
        }
        cdb_buf_release(&raw);
    }
    assert_true(dirs > 10000 && files > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths),
        cmocka_unit_test(split),
        cmocka_unit_test(malformed),
        cmocka_unit_test(too_long),
        cmocka_unit_test(no_directory_of_a_key),
        cmocka_unit_test(no_file_of_a_key),
        cmocka_unit_test(nul_in_a_name),
        cmocka_unit_test(an_id_without_a_table_has_no_colon),
        cmocka_unit_test(decoding_appends),
        cmocka_unit_test(names_that_are_too_long),
        cmocka_unit_test(fan),
        cmocka_unit_test(utf8),
        cmocka_unit_test(utf8_every_code_point),
        cmocka_unit_test(every_key_of_up_to_three_bytes),
        cmocka_unit_test(random_round_trip),
        cmocka_unit_test(no_two_keys_share_a_path),
        cmocka_unit_test(what_decodes_is_canonical),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
