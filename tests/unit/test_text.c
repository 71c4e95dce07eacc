/* SPDX-License-Identifier: MIT
 *
 * What the words of a text are, how they are folded and stemmed, and where they stand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "text/analyzer.h"

struct example {
    const char *text, *expected;
};

static struct cdb_analyzer *make(const char *language)
{
    struct cdb_analyzer *analyzer;

    assert_int_equal(cdb_analyzer_new(&analyzer, language), 0);
    return analyzer;
}

enum show { FORMS, TERMS, PLACES };

/* "form form ...", or the terms, or "start-end start-end ...". */
static void analyse(struct cdb_analyzer *analyzer, const char *text, size_t len, enum show show, struct cdb_buf *out)
{
    struct cdb_token token;
    int rc;

    cdb_buf_clear(out);
    cdb_analyzer_begin(analyzer, text, len);
    while ((rc = cdb_analyzer_next(analyzer, &token)) == 0) {
        if (out->len > 0)
            cdb_buf_addc(out, ' ');
        if (show == FORMS)
            cdb_buf_add(out, token.form, token.form_len);
        else if (show == TERMS)
            cdb_buf_add(out, token.term, token.term_len);
        else
            cdb_buf_addf(out, "%zu-%zu", token.start, token.end);
    }
    assert_int_equal(rc, 1);
    assert_int_equal(cdb_analyzer_next(analyzer, &token), 1);
    assert_int_equal(cdb_buf_check(out), 0);
}

static void check(const char *language, const struct example *examples, size_t count, enum show show)
{
    struct cdb_analyzer *analyzer = make(language);
    struct cdb_buf out = CDB_BUF_INIT;

    for (size_t i = 0; i < count; i++) {
        analyse(analyzer, examples[i].text, strlen(examples[i].text), show, &out);
        if (strcmp(cdb_buf_str(&out), examples[i].expected) != 0)
            fail_msg("%s, \"%s\": \"%s\", not \"%s\"", language, examples[i].text, cdb_buf_str(&out),
                     examples[i].expected);
    }
    cdb_buf_release(&out);
    cdb_analyzer_free(analyzer);
}

#define CHECK(language, show, ...)                                                                                     \
    do {                                                                                                               \
        static const struct example examples[] = {__VA_ARGS__};                                                        \
        check(language, examples, sizeof(examples) / sizeof(examples[0]), show);                                       \
    } while (0)

static void ascii(void **state)
{
    (void)state;
    CHECK("none", FORMS, {"", ""}, {" \t\n.,;", ""}, {"a", "a"}, {"Hello, World!", "hello world"},
          {"foo-bar foo_bar", "foo bar foo bar"}, {"a.b@c.d", "a b c d"}, {"www.example.com", "www example com"},
          {"C++ C# .NET", "c c net"}, {"iPhone15 x86_64", "iphone15 x86 64"},
          {"ABCDEFGHIJKLMNOPQRSTUVWXYZ@[`{/:", "abcdefghijklmnopqrstuvwxyz"},
          {"don't Rock'N'Roll O'Reilly", "don't rock'n'roll o'reilly"}, {"'quoted' dogs' 'tis", "quoted dogs tis"},
          {"a''b 5'6 a'5 5'a", "a b 5 6 a 5 5 a"}, {"3.14 1,000 1,000.5 10.0.0.1", "3.14 1,000 1,000.5 10.0.0.1"},
          {"1. 2.x x.3 .5 1,,2 1, 2", "1 2 x x 3 5 1 2 1 2"}, {"v1.2.3-4~rc1+b5", "v1.2.3 4 rc1 b5"},
          {"2026-01-31T10:30:00.5Z", "2026 01 31t10 30 00.5z"},
          {"eightby8 eightby8x seven77 sixteenletters16 sixteenletters16x",
           "eightby8 eightby8x seven77 sixteenletters16 sixteenletters16x"});
}

static void latin(void **state)
{
    (void)state;
    /* Composed and decomposed are one. */
    CHECK("none", FORMS, {"Caf\u00e9 cafe\u0301 CAFE\u0301", "cafe cafe cafe"}, {"\u00e9t\u00e9", "ete"},
          {"Stra\u00dfe STRA\u1e9eE STRASSE", "strasse strasse strasse"},
          {"\u0130stanbul \u0131\u015f\u0131k", "istanbul isik"}, {"o\ufb03ce \ufb01n", "office fin"},
          {"\uff26\uff35\uff2c\uff2c\uff11\uff12", "full12"}, {"Vi\u1ec7t Nam \u1ea4n", "viet nam an"},
          {"\u00c6r\u00f8 \u0141\u00f3d\u017a \u00d0uro \u0110\u00e0 \u0152uvre \u00deor",
           "aero lodz duro da oeuvre thor"},
          {"don\u2019t don\uff07t", "don't don't"}, {"\u01c4 \u2168", "dz ix"}, {"H\u2082O x\u00b2 \u00bd", "h o x"},
          {"soft\u00adhyphen zero\u200bwidth non\u200cjoin", "softhyphen zero width nonjoin"},
          {"a\u00ad b\u00ad\u00ad-\u00adc \u00ad", "a b c"}, {"e\u00ad\u0301x", "ex"},
          {"no\u00a0break em\u2014dash", "no break em dash"}, {"\u0301abc x \u0301", "abc x"},
          {"\u0301'a a\u0301'b", "a a'b"}, {"\u2122Linux\u2122", "linux"}, {"1\ufe0f\u20e3", "1"}, {"\u017f", "s"},
          {"\u0149", "\u02bcn"});
}

static void scripts(void **state)
{
    (void)state;
    CHECK("none", FORMS,
          {"\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2 \u03a3\u0399\u03a3\u03a5\u03a6\u039f\u03a3",
           "\u03c3\u03b9\u03c3\u03c5\u03c6\u03bf\u03c3 \u03c3\u03b9\u03c3\u03c5\u03c6\u03bf\u03c3"},
          {"\u1fb4 \u03b1\u0345\u0301", "\u03b1\u03b9 \u03b1\u03b9"},
          {"\u041d\u043e\u0432\u044b\u0439 \u0401\u043b\u043a\u0430",
           "\u043d\u043e\u0432\u044b\u0438 \u0435\u043b\u043a\u0430"},
          /* Arabic: vowels, hamza above, tatweel, presentation forms, digits */
          {"\u0643\u0650\u062a\u064e\u0627\u0628 \u0623\u062d\u0645\u062f \u0643\u0640\u0640\u062a",
           "\u0643\u062a\u0627\u0628 \u0627\u062d\u0645\u062f \u0643\u062a"},
          {"\ufedb\ufe98\ufe8e\ufe8f \u0661\u0662\u0663\u066b\u0665", "\u0643\u062a\u0627\u0628 123 5"},
          {"\u0640\u0640", ""},
          {"\ufdfa", "\u0635\u0644\u0649\u0627\u0644\u0644\u0647\u0639\u0644\u064a\u0647\u0648\u0633\u0644\u0645"},
          {"\u05e9\u05b8\u05c1\u05dc\u05d5\u05b9\u05dd", "\u05e9\u05dc\u05d5\u05dd"},
          /* Thai is a run of letters, and keeps its vowels and tones. */
          {"\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 \u0e19\u0e49\u0e33",
           "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 \u0e19\u0e49\u0e4d\u0e32"},
          /* So do Indic scripts. */
          {"\u0939\u093f\u0928\u094d\u0926\u0940 \u0967\u0968", "\u0939\u093f\u0928\u094d\u0926\u0940 12"},
          {"\u0939\u093f\u0902\u0926\u0940\u200d\u092e", "\u0939\u093f\u0902\u0926\u0940\u092e"},
          {"\u0ba4\u0bae\u0bbf\u0bb4\u0bcd", "\u0ba4\u0bae\u0bbf\u0bb4\u0bcd"},
          {"a\U0001f600b \U0001f44d\U0001f3fd\u200d\U0001f525", "a b"}, {"\U0001d400\U0001d7d8", "a0"},
          {"\U00010400", "\U00010428"});
}

static void cjk(void **state)
{
    (void)state;
    CHECK("none", FORMS, {"\u6771", "\u6771"}, {"\u6771\u4eac", "\u6771\u4eac"},
          {"\u6771\u4eac\u90fd", "\u6771\u4eac \u4eac\u90fd"}, {"\u6771 \u4eac\u3001\u90fd", "\u6771 \u4eac \u90fd"},
          {"iPhone\u624b\u673a15", "iphone \u624b\u673a 15"},
          {"\u3068\u6771\u30ab\u30e1\u30e9\u30fc", "\u3068\u6771 \u6771\u30ab \u30ab\u30e1 \u30e1\u30e9 \u30e9\u30fc"},
          /* voicing: composed, decomposed, half width */
          {"\u30ac\u30b9 \u30ab\u3099\u30b9 \uff76\uff9e\uff7d", "\u30ac\u30b9 \u30ac\u30b9 \u30ac\u30b9"},
          {"\u30cf\u30d0\u30d1", "\u30cf\u30d0 \u30d0\u30d1"}, {"\u3099", ""}, {"\uff9ea", "\u3099a"},
          {"\ud55c\uad6d\uc5b4 \ud55c", "\ud55c\uad6d \uad6d\uc5b4 \ud55c"},
          {"\u1112\u1161\u11ab\u1100\u116e\u11a8", "\ud55c\uad6d"}, {"\u314b\u314b\u314b", "\u314b\u314b \u314b\u314b"},
          {"\u6771\ufe00\u4eac \u6771\u200d\u4eac", "\u6771\u4eac \u6771\u4eac"}, {"\uf900", "\u8c48"},
          {"\u3007\u3005", "\u3007\u3005"}, {"\U00020000\U00020001", "\U00020000\U00020001"});
    CHECK("english", TERMS, {"\u6771\u4eac\u90fd running", "\u6771\u4eac \u4eac\u90fd run"});
    CHECK("none", PLACES, {"x\u6771\u4eac\u90fdy", "0-1 1-7 4-10 10-11"}, {"\u6771", "0-3"},
          {"\uff76\uff9e\uff7d\u00ad!", "0-9"}, {"\u6771\u00ad\u4eac", "0-8"});
}

static void places(void **state)
{
    (void)state;
    CHECK("english", PLACES, {"", ""}, {"a", "0-1"}, {"  Hello, World!", "2-7 9-14"}, {"caf\u00e9s \u00e9", "0-6 7-9"},
          {"cafe\u0301 x", "0-6 7-8"}, {"don\u2019t 3.14.", "0-7 8-12"}, {"a\u00ad-b\u00ad", "0-1 4-5"},
          {"'a' (bcdefghijk)", "1-2 5-15"}, {"\u0301ab", "0-4"});
}

static void stemming(void **state)
{
    (void)state;
    CHECK("english", TERMS, {"Running runs ran happiness happily", "run run ran happi happili"},
          {"John's databases\u2019 generations", "john databas generat"}, {"caf\u00e9s 3.14 x1s", "cafe 3.14 x1s"});
    /* Stemmers see the letters of their language. */
    CHECK("german", TERMS, {"H\u00e4user H\u00c4USER Ha\u0308user", "haus haus haus"}, {"Stra\u00dfen", "strass"});
    CHECK("french", TERMS, {"aim\u00e9es l'avion aujourd\u2019hui", "aim l avion aujourd hui"});
    CHECK("spanish", TERMS, {"naci\u00f3n naciones NACI\u00d3N", "nacion nacion nacion"});
    CHECK("russian", TERMS,
          {"\u043d\u043e\u0432\u044b\u0439 \u043d\u043e\u0432\u0430\u044f \u041d\u041e\u0412\u042b\u0419 "
           "\u043d\u043e\u0432\u044b\u0438\u0306",
           "\u043d\u043e\u0432 \u043d\u043e\u0432 \u043d\u043e\u0432 \u043d\u043e\u0432"});
    /* The dotless i, and its capital; what follows an apostrophe. */
    CHECK("turkish", TERMS, {"I\u015e\u0131klar\u0131n \u0131\u015f\u0131klar\u0131n I\u015eIKLARIN", "isik isik isik"},
          {"\u0130stanbul'da I\u0307stanbul istanbul", "istanbul da istanbul istanbul"});
    /* With a comma below, as it is written, and with a cedilla, as it used to be. */
    CHECK("romanian", TERMS, {"na\u021biunilor na\u0163iunilor na\u021biune", "natiun natiun natiun"});
    CHECK("none", TERMS, {"Running caf\u00e9s", "running cafes"});
}

static void bytes_that_are_no_text(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        const char *forms, *places;
    } examples[] = {
        {"a\0b", 3, "a b", "0-1 2-3"},
        {"\0\0", 2, "", ""},
        {"ab\xff"
         "cd",
         5, "ab cd", "0-2 3-5"},
        {"\xc3", 1, "", ""},
        {"ab\xc3", 3, "ab", "0-2"},
        {"caf\xc3 x", 6, "caf x", "0-3 5-6"},
        {"\xed\xa0\x80x", 4, "x", "3-4"},     /* a surrogate */
        {"\xc0\xafx\xe2\x82", 5, "x", "2-3"}, /* overlong, cut */
        {"\xf4\x90\x80\x80x", 5, "x", "4-5"}, /* above U+10FFFF */
        {"e\xcc\x81\xcc"
         "f",
         5, "e f", "0-3 4-5"}, /* half a mark */
        {"\xe6\x9d\xb1\xe4\xba", 5, "\u6771", "0-3"},
        {"don\xe2\x80t", 6, "don t", "0-3 5-6"},
        {"1.\xff", 3, "1", "0-1"},
    };
    struct cdb_analyzer *analyzer = make("none");
    struct cdb_buf out = CDB_BUF_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        char *exact = malloc(examples[i].len); /* so that sanitizers see what lies behind */

        memcpy(exact, examples[i].text, examples[i].len);
        analyse(analyzer, exact, examples[i].len, FORMS, &out);
        assert_string_equal(cdb_buf_str(&out), examples[i].forms);
        analyse(analyzer, exact, examples[i].len, PLACES, &out);
        assert_string_equal(cdb_buf_str(&out), examples[i].places);
        free(exact);
    }
    cdb_buf_release(&out);
    cdb_analyzer_free(analyzer);
}

/* `count` times `unit`, and what comes of it: the lengths of the forms. */
static void check_long(const char *unit, size_t count, const char *expected)
{
    struct cdb_analyzer *analyzer = make("english");
    struct cdb_buf text = CDB_BUF_INIT, lengths = CDB_BUF_INIT, folded = CDB_BUF_INIT;
    struct cdb_token token;

    for (size_t i = 0; i < count; i++)
        cdb_buf_adds(&text, unit);
    cdb_analyzer_begin(analyzer, text.ptr, text.len);
    while (cdb_analyzer_next(analyzer, &token) == 0) {
        cdb_buf_addf(&lengths, "%s%zu", lengths.len > 0 ? " " : "", token.form_len);
        assert_in_range(token.term_len, 1, CDB_FORM_MAX);
        cdb_buf_clear(&folded);
        assert_int_equal(cdb_analyzer_fold(analyzer, text.ptr + token.start, token.end - token.start, &folded), 0);
        assert_int_equal(folded.len, token.form_len);
        assert_memory_equal(folded.ptr, token.form, token.form_len);
    }
    assert_string_equal(cdb_buf_str(&lengths), expected);
    cdb_buf_release(&text);
    cdb_buf_release(&lengths);
    cdb_buf_release(&folded);
    cdb_analyzer_free(analyzer);
}

static void long_words(void **state)
{
    (void)state;
    check_long("x", 255, "255");
    check_long("x", 256, "255 1");
    check_long("X", 600, "255 255 90");
    check_long("\u0436", 200, "254 146"); /* two bytes each: never half of one */
    check_long("\u00e9", 300, "255 45");
    check_long("\u1e9e", 128, "254 2");                   /* becomes ss */
    check_long("\ufdfa", 9, "240 30");                    /* becomes 15 letters of two bytes */
    check_long("ab\u0301\u0302\u0303\u0304", 100, "200"); /* diacritics are not counted ... */
    check_long("1.", 200, "255 143");                     /* a number; its last sign is no part of it */
    check_long("x'", 128, "255");
    /* ... but the stemmer is not given all there might be. */
    check_long("a\U0001e8d0\U0001e8d1\U0001e8d2\U0001e8d3\U0001e8d4", 60, "48 12");
}

/* More marks than any letter has: they are dropped, and it takes no time. */
static void many_marks(void **state)
{
    struct cdb_analyzer *analyzer = make("english");
    struct cdb_buf text = CDB_BUF_INIT, out = CDB_BUF_INIT;

    (void)state;
    cdb_buf_addc(&text, 'a');
    for (int i = 0; i < 500000; i++)
        cdb_buf_adds(&text, i % 2 != 0 ? "\u0e38" : "\u094d"); /* of different classes, both kept */
    cdb_buf_adds(&text, "b");
    analyse(analyzer, text.ptr, text.len, PLACES, &out);
    assert_string_equal(cdb_buf_str(&out), "0-1500002");
    analyse(analyzer, text.ptr, text.len, FORMS, &out);
    assert_int_equal(out.len, 1 + 16 * 3 + 1);
    cdb_buf_release(&text);
    cdb_buf_release(&out);
    cdb_analyzer_free(analyzer);
}

static void languages(void **state)
{
    const char *const *names = cdb_analyzer_languages();
    struct cdb_analyzer *analyzer;
    size_t count = 0;
    struct cdb_buf out = CDB_BUF_INIT;

    (void)state;
    assert_string_equal(names[0], "none");
    for (; names[count] != NULL; count++) {
        analyzer = make(names[count]);
        analyse(analyzer, "Some words \u00e9\u0447\u05d0\u6771\u4eac", 23, TERMS, &out);
        assert_true(out.len > 0);
        cdb_analyzer_free(analyzer);
    }
    assert_true(count > 15);
    assert_int_equal(cdb_analyzer_new(&analyzer, "klingon\n"), CHRONDB_EUSAGE);
    assert_null(analyzer);
    assert_string_equal(chrondb_last_error()->name, "unknown_language");
    assert_non_null(strstr(chrondb_last_error()->message, "'klingon\\x0a'"));
    assert_non_null(strstr(chrondb_last_error()->message, " none, "));
    assert_non_null(strstr(chrondb_last_error()->message, " english, "));
    cdb_analyzer_free(NULL);
    cdb_buf_release(&out);
}

static void patterns(void **state)
{
    static const struct example examples[] = {
        {"", ""},
        {"JOhn", "john"},
        {"\u00c9t\u00e9", "ete"},
        {"Stra\u00df", "strass"},
        {"\uff26\ufb01", "ffi"},
        {"foo-Bar_3.1", "foo-bar_3.1"},
        {"don\u2019", "don'"},
        {"\u30ab\u3099", "\u30ac"},
        {"\u1112\u1161\u11ab", "\ud55c"},
        {"so\u00adft", "soft"},
        {"\u00bd\u2122\u2160", "\u00bd\u2122i"},
        {"A\xff"
         "B\xc3",
         "a\ufffd"
         "b\ufffd"},
        {"\u0301", ""},
        {"\u0663", "3"},
    };
    struct cdb_analyzer *analyzer = make("english");
    struct cdb_buf out = CDB_BUF_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        cdb_buf_clear(&out);
        assert_int_equal(cdb_analyzer_fold(analyzer, examples[i].text, strlen(examples[i].text), &out), 0);
        assert_string_equal(cdb_buf_str(&out), examples[i].expected);
    }
    cdb_buf_release(&out);
    cdb_analyzer_free(analyzer);
}

/* A token is there until the next one is asked for, whatever else is folded. */
static void tokens_stay(void **state)
{
    struct cdb_analyzer *analyzer = make("english");
    struct cdb_buf out = CDB_BUF_INIT;
    struct cdb_token token;

    (void)state;
    cdb_analyzer_begin(analyzer, "Happiness lies \u00e9lan", 20);
    assert_int_equal(cdb_analyzer_next(analyzer, &token), 0);
    assert_int_equal(cdb_analyzer_fold(analyzer, "\u00d6ther", 6, &out), 0);
    assert_memory_equal(token.form, "happiness", 9);
    assert_memory_equal(token.term, "happi", token.term_len);
    assert_int_equal(cdb_analyzer_next(analyzer, &token), 0);
    assert_memory_equal(token.form, "lies", token.form_len);
    cdb_analyzer_begin(analyzer, "another", 7);
    assert_int_equal(cdb_analyzer_next(analyzer, &token), 0);
    assert_memory_equal(token.form, "another", token.form_len);
    assert_int_equal(cdb_analyzer_next(analyzer, &token), 1);
    cdb_buf_release(&out);
    cdb_analyzer_free(analyzer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ascii),
        cmocka_unit_test(latin),
        cmocka_unit_test(scripts),
        cmocka_unit_test(cjk),
        cmocka_unit_test(places),
        cmocka_unit_test(stemming),
        cmocka_unit_test(bytes_that_are_no_text),
        cmocka_unit_test(long_words),
        cmocka_unit_test(many_marks),
        cmocka_unit_test(languages),
        cmocka_unit_test(patterns),
        cmocka_unit_test(tokens_stay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
