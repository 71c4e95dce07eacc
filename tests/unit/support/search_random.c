/* SPDX-License-Identifier: MIT */
#include "search_random.h"

#include <string.h>

#include "doc/json.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* The first ones are the common ones. */
static const char *const words[] = {
    "time",
    "the",
    "travel",
    "web",
    "server",
    "data",
    "run",
    "alice",
    "house",
    "runs",
    "traveling",
    "servers",
    "database",
    "running",
    "travelled",
    "Bob",
    "universal",
    "university",
    "universities",
    "Time",
    "RUNNING",
    "café",
    "cafe",
    "Café",
    "CAFE\xcc\x81",
    "naïve",
    "Straße",
    "STRASSE",
    "strasse",
    "don't",
    "x86_64",
    "foo.bar@example.com",
    "3.14",
    "25",
    "30",
    "true",
    "null",
    "web-server",
    "C++",
    "ﬁne",
    "Ⅷ",
    "Ελλάδα",
    "ελλας",
    "Москва",
    "москвы",
    "東京都",
    "京都",
    "東",
    "日本語テスト",
    "서울",
    "서울시",
    "ไทย",
    "हिन्दी",
    "عربي",
    "İstanbul",
    "ıssız",
    "🦀",
    "a",
    "I",
    "o'clock",
    "ǅ",
    "𝔘𝔫𝔦",
    "２５",
    "wordwordwordwordwordwordwordwordwordwordwordwordwordwordwordwordwordwordwordwordwordwordwordwordwordwordwordword",
};

static const char *const numbers[] = {
    "25",
    "30",
    "0",
    "1",
    "-5",
    "3.14",
    "1.0",
    "1e0",
    "-0",
    "-0.0",
    "10",
    "1E1",
    "0.1",
    "0.10",
    "25.0",
    "2.5e1",
    "100",
    "9007199254740991",
    "9007199254740992",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
    "1.7976931348623157e308",
    "1e309",
    "-1e309",
    "5e-324",
    "1e-400",
    "-1e-400",
    "123456789012345678901234567890",
    "123456789012345678901234567890.5",
    "1e9999999999",
    "1e-9999999999",
    "0.30000000000000004",
    "0.3",
    "2",
    "3",
    "7",
    "42",
};

static const char *const dates[] = {"2026-01-01", "2026-01-15T10:00:00Z", "2026-02-01", "2025-12-31T23:59:59Z",
                                    "2026-01-01T00:00:00Z"};

static const char *const longs[] = {
    "https://example.org/a/long/way/to/go/1", "https://example.org/a/long/way/to/go/2",
    "https://example.org/a/long/way/to/go",   "https://example.org/a/long/way/",
    "https://example.org/a/long/way/t",       "https://example.org/a/long/way/to/go/1 and more",
};

static const char *const fields[] = {
    "name",        "bio",
    "tags",        "age",
    "address",     "address.city",
    "items",       "items.sku",
    "items.qty",   "price",
    "joined",      "active",
    "note",        "a",
    "a.b",         "address.geo.lat",
    "a.b.c",       "é",
    "名前",        "x-y",
    "nothing",     "with space",
    "address.zip", "b",
    "A",
};

const char *random_search_word(struct random *random)
{
    size_t first = random_below(random, COUNT(words)), second = random_below(random, COUNT(words));

    return words[first < second ? first : second];
}

const char *random_search_number(struct random *random)
{
    size_t first = random_below(random, COUNT(numbers)), second = random_below(random, COUNT(numbers));

    return numbers[first < second ? first : second];
}

const char *random_search_date(struct random *random)
{
    return dates[random_below(random, COUNT(dates))];
}

const char *random_search_long(struct random *random)
{
    return longs[random_below(random, COUNT(longs))];
}

const char *random_search_field(struct random *random)
{
    size_t first = random_below(random, COUNT(fields)), second = random_below(random, COUNT(fields));

    return fields[first < second ? first : second];
}

void random_search_key(struct random *random, size_t ids, struct cdb_buf *out)
{
    static const char *const tables[] = {"user:", "user:1", "use:", "page:", "", "é:"};

    cdb_buf_addf(out, "%s%zu", tables[random_below(random, COUNT(tables))], random_below(random, ids));
}

/* ---- documents ----------------------------------------------------------------------------------- */

static void add_name(struct cdb_buf *out, const char *name)
{
    cdb_json_quote(out, name, strlen(name));
    cdb_buf_addc(out, ':');
}

static void add_text(struct random *random, struct cdb_buf *out, size_t most)
{
    static const char *const gaps[] = {" ", " ", " ", " ", ", ", ". ", "\n", " - ", "/", "\xe2\x80\x89", "\xc2\xa0"};
    struct cdb_buf text = CDB_BUF_INIT;

    for (size_t left = random_below(random, most + 1); left > 0; left--) {
        cdb_buf_adds(&text, random_search_word(random));
        if (left > 1)
            cdb_buf_adds(&text, gaps[random_below(random, COUNT(gaps))]);
    }
    cdb_json_quote(out, cdb_buf_str(&text), text.len);
    cdb_buf_release(&text);
}

static void add_string(struct cdb_buf *out, const char *text)
{
    cdb_json_quote(out, text, strlen(text));
}

/* What a careless writer leaves. */
static void add_awkward(struct random *random, struct cdb_buf *out)
{
    static const char *const strings[] = {
        "\"\"",
        "\" \"",
        "\"!?\"",
        "\"\\ud800\"",
        "\"time\\ud800travel\"",
        "\"time\\u0000travel\"",
        "\"caf\\u00e9\"",
        "\"\\ud83e\\udd80 data\"",
        "\"\\u0000\"",
        "\"true\"",
        "\"null\"",
        "\"25\"",
        "\"25.0\"",
        "\"-5\"",
        "\"\\\\ \\\" *\"",
    };

    cdb_buf_adds(out, strings[random_below(random, COUNT(strings))]);
}

static void add_scalar(struct random *random, struct cdb_buf *out)
{
    static const char *const literals[] = {"true", "false", "null"};
    size_t chance = random_below(random, 100);

    if (chance < 40)
        add_text(random, out, 5);
    else if (chance < 65)
        cdb_buf_adds(out, random_search_number(random));
    else if (chance < 75)
        cdb_buf_adds(out, literals[random_below(random, COUNT(literals))]);
    else if (chance < 83)
        add_string(out, random_search_date(random));
    else if (chance < 92)
        add_string(out, random_search_long(random));
    else
        add_awkward(random, out);
}

static void add_value(struct random *random, struct cdb_buf *out, unsigned levels);

static void add_array(struct random *random, struct cdb_buf *out, unsigned levels)
{
    size_t count = random_below(random, 5);

    cdb_buf_addc(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            cdb_buf_addc(out, ',');
        add_value(random, out, levels - 1);
    }
    cdb_buf_addc(out, ']');
}

/* The parts of the names of fields; one may stand twice. */
static void add_object(struct random *random, struct cdb_buf *out, unsigned levels)
{
    static const char *const names[] = {"a",    "b",   "c",   "city", "sku", "qty", "geo", "lat",
                                        "name", "a.b", "zip", "",     "é",   "x-y", "A"};
    size_t count = random_below(random, 4);

    cdb_buf_addc(out, '{');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            cdb_buf_addc(out, ',');
        add_name(out, names[random_below(random, COUNT(names))]);
        add_value(random, out, levels - 1);
    }
    cdb_buf_addc(out, '}');
}

static void add_value(struct random *random, struct cdb_buf *out, unsigned levels)
{
    size_t chance = levels > 0 ? random_below(random, 100) : 0;

    if (chance < 70)
        add_scalar(random, out);
    else if (chance < 85)
        add_array(random, out, levels);
    else
        add_object(random, out, levels);
}

static void begin_member(struct cdb_buf *out, bool *first, const char *name)
{
    if (!*first)
        cdb_buf_addc(out, ',');
    *first = false;
    add_name(out, name);
}

static void add_address(struct random *random, struct cdb_buf *out)
{
    cdb_buf_adds(out, "{\"city\":");
    add_text(random, out, 2);
    if (random_chance(random, 50))
        cdb_buf_addf(out, ",\"geo\":{\"lat\":%s}", random_search_number(random));
    if (random_chance(random, 30))
        cdb_buf_addf(out, ",\"zip\":\"%zu\"", 10000 + random_below(random, 5));
    cdb_buf_addc(out, '}');
}

static void add_items(struct random *random, struct cdb_buf *out)
{
    size_t count = random_below(random, 4);

    cdb_buf_addc(out, '[');
    for (size_t i = 0; i < count; i++) {
        cdb_buf_addf(out, "%s{\"qty\":%s,\"sku\":", i > 0 ? "," : "", random_search_number(random));
        add_text(random, out, 3);
        cdb_buf_addc(out, '}');
    }
    cdb_buf_addc(out, ']');
}

/* What most documents of a table have. */
static void add_usual(struct random *random, struct cdb_buf *out, bool *first)
{
    begin_member(out, first, "name");
    add_text(random, out, 3);
    if (random_chance(random, 70)) {
        begin_member(out, first, "age");
        cdb_buf_adds(out, random_search_number(random));
    }
    if (random_chance(random, 60)) {
        begin_member(out, first, "bio");
        add_text(random, out, random_chance(random, 5) ? 400 : 20);
    }
    if (random_chance(random, 40)) {
        begin_member(out, first, "tags");
        add_array(random, out, 1);
    }
    if (random_chance(random, 40)) {
        begin_member(out, first, "address");
        add_address(random, out);
    }
    if (random_chance(random, 30)) {
        begin_member(out, first, "items");
        add_items(random, out);
    }
    if (random_chance(random, 40)) {
        begin_member(out, first, "joined");
        add_string(out, random_search_date(random));
    }
    if (random_chance(random, 40)) {
        begin_member(out, first, "active");
        cdb_buf_adds(out, random_chance(random, 50) ? "true" : "false");
    }
}

void random_search_document(struct random *random, struct cdb_buf *out)
{
    bool first = true;

    if (random_chance(random, 5)) {
        add_value(random, out, 3);
        return;
    }
    cdb_buf_addc(out, '{');
    if (random_chance(random, 85))
        add_usual(random, out, &first);
    for (size_t left = random_below(random, 3); left > 0; left--) {
        const char *name = random_search_field(random);
        begin_member(out, &first, name);
        add_value(random, out, 3);
    }
    cdb_buf_addc(out, '}');
}
