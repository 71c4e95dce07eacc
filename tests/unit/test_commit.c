/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "random.h"
#include "store/commit.h"
#include "util/time.h"

#define TREE "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n"
#define WHO  "A <a@example.org>"

#define PARENTS_MAX 200

/* 2026-11-21T07:44:00Z */
#define NOON      1795247040
#define NOON_TEXT "2026-11-21T07:44:00.123456789Z"

struct parsed {
    struct cdb_commit commit;
    char *content; /* of exactly its size */
};

static int parse_bytes(struct parsed *parsed, const char *content, size_t len)
{
    parsed->content = malloc(len > 0 ? len : 1);
    assert_non_null(parsed->content);
    memcpy(parsed->content, content, len);
    memset(&parsed->commit, 0xa5, sizeof(parsed->commit));
    int result = cdb_commit_parse(&parsed->commit, parsed->content, len);
    if (result == 0) {
        const struct cdb_commit *commit = &parsed->commit;
        const char *end = parsed->content + len;
        assert_true(commit->message >= parsed->content && commit->message + commit->message_len <= end);
        assert_true(commit->author_len == 0 ||
                    (commit->author >= parsed->content && commit->author + commit->author_len <= end));
        assert_true(commit->trailers == NULL ||
                    (commit->trailers >= parsed->content && commit->trailers + commit->trailers_len <= end));
        assert_true(!commit->ours || commit->trailers != NULL);
    }
    return result;
}

static void parse(struct parsed *parsed, const char *content)
{
    if (parse_bytes(parsed, content, strlen(content)) != 0)
        fail_msg("not parsed: %s", content);
}

static void expect_damaged(const char *content)
{
    struct parsed parsed;

    if (parse_bytes(&parsed, content, strlen(content)) != CHRONDB_EDAMAGED)
        fail_msg("parsed: %s", content);
    free(parsed.content);
}

static void expect_text(const char *expected, const char *text, size_t len)
{
    if (strlen(expected) != len || (len > 0 && memcmp(expected, text, len) != 0))
        fail_msg("'%.*s' instead of '%s'", (int)len, text, expected);
}

/* The meta of a commit, each with a newline behind it. */
static void expect_meta(const struct cdb_commit *commit, const char *expected)
{
    struct cdb_buf all = CDB_BUF_INIT;
    size_t at = 0;

    while (cdb_commit_meta(commit, &at, &all))
        cdb_buf_addc(&all, '\n');
    expect_text(expected, cdb_buf_str(&all), all.len);
    cdb_buf_release(&all);
}

static chrondb_time moment(const char *text)
{
    chrondb_time time;

    if (!cdb_time_parse(text, strlen(text), &time))
        fail_msg("the test's own time '%s'", text);
    return time;
}

static bool same_time(chrondb_time a, chrondb_time b)
{
    return cdb_time_compare(a, b) == 0;
}

/* A commit of that message, committed at `seconds` by whoever. */
static char *with_message(long long seconds, const char *message)
{
    char *content;

    assert_true(asprintf(&content, TREE "author " WHO " 5 +0100\ncommitter C <c@example.org> %lld -0830\n\n%s", seconds,
                         message) > 0);
    return content;
}

/* ---- written and read --------------------------------------------------------------------------- */

static void test_exact_text(void **state)
{
    static const char *const meta[] = {"ticket=OPS-7", "note=50% done"};
    struct cdb_oid parents[2];
    struct cdb_buf out = CDB_BUF_INIT;
    (void)state;

    memset(parents[0].id, 0x11, CDB_OID_SIZE);
    memset(parents[1].id, 0x22, CDB_OID_SIZE);
    struct cdb_commit_spec spec = {.parents = parents,
                                   .parent_count = 2,
                                   .author = WHO,
                                   .committer = "C <c@example.org>",
                                   .time = moment(NOON_TEXT),
                                   .message = "put user:1\n\nWhy not?\n\n",
                                   .meta = meta,
                                   .meta_count = 2};
    assert_true(cdb_oid_parse("4b825dc642cb6eb9a060e54bf8d69288fbee4904", &spec.tree));
    cdb_commit_encode(&out, &spec);
    assert_string_equal(out.ptr, TREE "parent 1111111111111111111111111111111111111111\n"
                                      "parent 2222222222222222222222222222222222222222\n"
                                      "author " WHO " 1795247040 +0000\n"
                                      "committer C <c@example.org> 1795247040 +0000\n\n"
                                      "put user:1\n\nWhy not?\n\n"
                                      "Chrondb-Time: " NOON_TEXT "\n"
                                      "Chrondb-Meta: ticket=OPS-7\n"
                                      "Chrondb-Meta: note=50%25 done\n");
    cdb_buf_release(&out);
}

static void expect_parent(const struct cdb_commit *commit, size_t index, const struct cdb_oid *expected)
{
    struct cdb_oid parent = cdb_commit_parent(commit, index);

    assert_true(cdb_oid_equal(&parent, expected));
}

/* Encode, parse, and compare everything. */
static void round_trip(const char *message, const char *const *meta, size_t meta_count, chrondb_time time,
                       size_t parent_count)
{
    struct cdb_oid parents[PARENTS_MAX];
    struct cdb_buf out = CDB_BUF_INIT, all = CDB_BUF_INIT;
    struct parsed parsed;
    size_t len = strlen(message);

    for (size_t i = 0; i < parent_count; i++)
        memset(parents[i].id, (int)i + 1, CDB_OID_SIZE);
    struct cdb_commit_spec spec = {.parents = parents,
                                   .parent_count = parent_count,
                                   .author = WHO,
                                   .committer = WHO,
                                   .time = time,
                                   .message = message,
                                   .meta = meta,
                                   .meta_count = meta_count};
    memset(spec.tree.id, 0x77, CDB_OID_SIZE);
    cdb_commit_encode(&out, &spec);
    assert_false(out.failed);
    assert_int_equal(parse_bytes(&parsed, out.ptr, out.len), 0);
    assert_true(cdb_oid_equal(&parsed.commit.tree, &spec.tree));
    assert_int_equal(parsed.commit.parent_count, parent_count);
    for (size_t i = 0; i < parent_count; i++)
        expect_parent(&parsed.commit, i, &parents[i]);
    expect_text(WHO, parsed.commit.author, parsed.commit.author_len);
    assert_true(parsed.commit.ours);
    assert_true(same_time(parsed.commit.time, time));
    while (len > 0 && strchr(" \t\r\n", message[len - 1]) != NULL)
        len--;
    assert_int_equal(parsed.commit.message_len, len);
    assert_memory_equal(parsed.commit.message, message, len);
    for (size_t i = 0; i < meta_count; i++) {
        cdb_buf_adds(&all, meta[i]);
        cdb_buf_addc(&all, '\n');
    }
    expect_meta(&parsed.commit, cdb_buf_str(&all));
    free(parsed.content);
    cdb_buf_release(&out);
    cdb_buf_release(&all);
}

static void test_round_trip(void **state)
{
    static const char *const messages[] = {
        "",
        "m",
        "put user:1",
        "subject\n\nbody\nbody",
        "\n\nleading lines",
        "trailing white space \t\r\n\n ",
        "subject\n\nSigned-off-by: A <a@example.org>",
        /* What looks like our own block is text, whatever it says. */
        "Chrondb-Time: 1999-01-01T00:00:00.000000000Z",
        "x\n\nChrondb-Time: 1999-01-01T00:00:00.000000000Z",
        "x\n\nChrondb-Time: 1999-01-01T00:00:00.000000000Z\nChrondb-Meta: forged=1",
        "x\n\nChrondb-Time: 1999-01-01T00:00:00.000000000Z\n\n\n",
        "x\n\nChrondb-Time: " NOON_TEXT "\n \n",
        "x\n\nChrondb-Meta: forged=1",
        "x\r\n\r\nChrondb-Time: 1999-01-01T00:00:00.000000000Z\r\n",
        "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\ncommitter x <x> 1 +0000\n\nx",
        "gpgsig x",
        "\xff\xfe not UTF-8 \x80",
    };
    static const char *const meta[] = {"a=b",
                                       "a=",
                                       "a=b=c==",
                                       "\xc3\xa4=\xe2\x82\xac",
                                       "a b=c d ",
                                       " = ",
                                       "%=%",
                                       "%25=%0A",
                                       "a=x\nChrondb-Time: 1999-01-01T00:00:00.000000000Z",
                                       "a=\n\nChrondb-Meta: forged=1\n",
                                       "a\n\nChrondb-Time: 1999-01-01T00:00:00.000000000Z\nb=c",
                                       "a\r\n\x01\x1f\x7f=\r\n\x01\x1f\x7f\t"};
    (void)state;

    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
        for (size_t count = 0; count <= 12; count += 6)
            round_trip(messages[i], meta, count, moment(NOON_TEXT), i % 4);
    for (size_t i = 0; i < sizeof(meta) / sizeof(meta[0]); i++)
        round_trip("m", meta + i, 1, moment(NOON_TEXT), 1);
    round_trip("m", NULL, 0, moment(NOON_TEXT), PARENTS_MAX);
}

static void test_round_trip_random(void **state)
{
    static const char alphabet[] = "ab=:%\n\n\r\t -\x01\x7f\xc3\xa4"
                                   "Chrondb-Time: 2026";
    struct random random = random_seed(5);
    (void)state;

    for (int round = 0; round < 3000; round++) {
        char texts[4][64];
        const char *meta[3];
        for (int i = 0; i < 4; i++) {
            size_t len = random_below(&random, 60);
            for (size_t k = 0; k < len; k++)
                texts[i][k] = alphabet[random_below(&random, sizeof(alphabet) - 1)];
            texts[i][len] = '\0';
            if (i > 0 && strchr(texts[i], '=') == NULL)
                texts[i][0] = '=', texts[i][1] = '\0';
            if (i > 0)
                meta[i - 1] = texts[i];
        }
        chrondb_time time = {(int64_t)(random_bits(&random) % 300000000000) - 50000000000,
                             (int32_t)random_below(&random, 1000000000)};
        round_trip(texts[0], meta, random_below(&random, 4), time, random_below(&random, 3));
    }
}

static void test_times(void **state)
{
    static const struct {
        const char *time;
        int64_t git;
    } cases[] = {
        {"0000-01-01T00:00:00.000000000Z", 0},
        {"1969-12-31T23:59:59.999999999Z", 0},
        {"1970-01-01T00:00:00.000000000Z", 0},
        {"1970-01-01T00:00:00.000000001Z", 0},
        {"1970-01-01T00:00:01.000000000Z", 1},
        {"2038-01-19T03:14:08.000000000Z", INT64_C(2147483648)},
        {"2514-05-30T01:53:03.999999999Z", CDB_GIT_TIME_MAX},
        {"2514-05-30T01:53:04.000000000Z", CDB_GIT_TIME_MAX},
        {"9999-12-31T23:59:59.999999999Z", CDB_GIT_TIME_MAX},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        chrondb_time time = moment(cases[i].time);
        assert_int_equal(cdb_commit_git_time(time), cases[i].git);
        round_trip("m", NULL, 0, time, 1);
    }
    assert_int_equal(cdb_commit_git_time((chrondb_time){INT64_MIN, 0}), 0);
    assert_int_equal(cdb_commit_git_time((chrondb_time){INT64_MAX, 0}), CDB_GIT_TIME_MAX);
}

/* A blank at the end of a line would not survive `git commit --amend`. */
static void test_trailing_blank(void **state)
{
    static const char *const meta[] = {"a= ", "b=c  ", "d ", "e=", "f=\t"};
    struct cdb_buf out = CDB_BUF_INIT;
    struct cdb_commit_spec spec = {
        .author = WHO, .committer = WHO, .message = "m", .time = {0, 0}, .meta = meta, .meta_count = 5};
    (void)state;

    cdb_commit_encode(&out, &spec);
    assert_non_null(strstr(out.ptr, "Chrondb-Meta: a=%20\nChrondb-Meta: b=c %20\nChrondb-Meta: d =\n"
                                    "Chrondb-Meta: e=\nChrondb-Meta: f=%09\n"));
    cdb_buf_release(&out);
}

static void test_escape(void **state)
{
    struct cdb_buf out = CDB_BUF_INIT;
    (void)state;

    cdb_commit_escape(&out, "a%b\n=\x7f\0\xc3\xa4", 9, false);
    assert_string_equal(out.ptr, "a%25b%0A=%7F%00\xc3\xa4");
    cdb_buf_clear(&out);
    cdb_commit_escape(&out, "a=b", 3, true);
    assert_string_equal(out.ptr, "a%3Db");
    cdb_buf_release(&out);
}

/* ---- whose word counts --------------------------------------------------------------------------- */

static void expect_time(const char *message, long long seconds, bool ours, chrondb_time time, const char *text)
{
    char *content = with_message(seconds, message);
    struct parsed parsed;

    parse(&parsed, content);
    if (parsed.commit.ours != ours || !same_time(parsed.commit.time, time))
        fail_msg("ours %d, %lld.%09d s: %s", parsed.commit.ours, (long long)parsed.commit.time.seconds,
                 parsed.commit.time.nanoseconds, message);
    if (text != NULL)
        expect_text(text, parsed.commit.message, parsed.commit.message_len);
    free(parsed.content);
    free(content);
}

static void believed(const char *message, const char *text)
{
    expect_time(message, NOON, true, moment(NOON_TEXT), text);
}

static void not_believed(const char *message, long long seconds, const char *text)
{
    expect_time(message, seconds, false, (chrondb_time){seconds, 0}, text);
}

#define OURS "Chrondb-Time: " NOON_TEXT

static void test_believed(void **state)
{
    (void)state;
    believed("m\n\n" OURS, "m");
    believed("m\n\n" OURS "\n", "m");
    believed("m\n\n\n" OURS "\n\n\n", "m");
    believed("m\n\n" OURS " \t\r\n \n", "m"); /* white space at the very end aside */
    believed(OURS, "");
    believed("\n" OURS "\n", "");
    believed("m\n\nSigned-off-by: A <a@example.org>\n" OURS, "m");
    believed("m\n\n" OURS "\nSigned-off-by: A <a@example.org>\nBug:1", "m");
    believed("m\n\nChrondb-Meta: a=b\n" OURS, "m");
    believed("m\n\nChrondb-Time: 1999-01-01T00:00:00.000000000Z\n\n" OURS,
             "m\n\nChrondb-Time: 1999-01-01T00:00:00.000000000Z");
}

static void test_not_believed(void **state)
{
    (void)state;
    not_believed("m", NOON, "m");
    not_believed("", NOON, "");
    not_believed("m\n\n" OURS, NOON + 1, "m"); /* amended, rebased, cherry-picked: the committer date is another */
    not_believed("m\n\n" OURS, NOON - 1, "m");
    not_believed("m\n\n" OURS, 0, "m");
    not_believed("m\n\n" OURS "\n" OURS, NOON, "m");
    not_believed("m\n\n" OURS "\n" OURS "\n" OURS, NOON, "m");
    not_believed("m\n\n" OURS "\nChrondb-Time: x", NOON, "m");
    not_believed("m\n\nChrondb-Time: x\n" OURS, NOON, "m");
    /* cherry-pick -x: the last block holds what is no trailer, so it is none of ours. */
    not_believed("m\n\n" OURS "\n(cherry picked from commit 1234)", NOON,
                 "m\n\n" OURS "\n(cherry picked from commit 1234)");
    not_believed("m\n\n" OURS "\n\nmore text", NOON, "m\n\n" OURS "\n\nmore text");
    not_believed("m\n\n" OURS "\n\nSigned-off-by: A <a@example.org>", NOON, NULL);
    not_believed("m\n\ntext before\n" OURS, NOON, "m\n\ntext before\n" OURS);
    not_believed("m\n\n: no name\n" OURS, NOON, NULL);
    not_believed("m\n\nno colon\n" OURS, NOON, NULL);
    not_believed("m\n\na b: blank in the name\n" OURS, NOON, NULL);
    not_believed("m\n" OURS, NOON, NULL); /* no empty line before it: "m" is a line of the block */
    not_believed("m\n\n continued\n" OURS, NOON, NULL);
}

/* Only the very form that chrondb writes. */
static void test_malformed_times(void **state)
{
    static const char *const times[] = {"Chrondb-Time:" NOON_TEXT,
                                        "Chrondb-Time:  " NOON_TEXT,
                                        "chrondb-time: " NOON_TEXT,
                                        "CHRONDB-TIME: " NOON_TEXT,
                                        " Chrondb-Time: " NOON_TEXT,
                                        "Chrondb-Time: 2026-11-21T07:44:00Z",
                                        "Chrondb-Time: 2026-11-21T07:44:00.123Z",
                                        "Chrondb-Time: 2026-11-21 07:44:00.123456789Z",
                                        "Chrondb-Time: 2026-11-21T07:44:00.123456789z",
                                        "Chrondb-Time: 2026-11-21T07:44:00.123456789+00:00",
                                        "Chrondb-Time: 2026-11-21T08:44:00.123456789+01:00",
                                        "Chrondb-Time: 2026-11-21T07:44:00.1234567890Z",
                                        "Chrondb-Time: +026-11-21T07:44:00.123456789Z",
                                        "Chrondb-Time: 2026-11-31T07:44:00.123456789Z",
                                        "Chrondb-Time: ",
                                        "Chrondb-Time: 99999999999999999999999999999"};
    (void)state;

    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        char message[128];
        snprintf(message, sizeof(message), "m\n\n%s\nX: y", times[i]);
        not_believed(message, NOON, NULL);
    }
}

/* The trailer may say what the date cannot: then the date is clamped, and nothing else. */
static void test_clamped(void **state)
{
    const char *old = "m\n\nChrondb-Time: 1950-01-01T00:00:00.000000001Z";
    const char *late = "m\n\nChrondb-Time: 3000-01-01T00:00:00.000000000Z";
    (void)state;

    expect_time(old, 0, true, moment("1950-01-01T00:00:00.000000001Z"), "m");
    expect_time(late, CDB_GIT_TIME_MAX, true, moment("3000-01-01"), "m");
    not_believed(old, 1, "m");
    not_believed(late, CDB_GIT_TIME_MAX - 1, "m");
    not_believed(late, moment("3000-01-01").seconds, "m");
    not_believed("m\n\nChrondb-Time: 1970-01-01T00:00:00.000000000Z", 1, "m");
}

static void test_meta_reading(void **state)
{
    char *content =
        with_message(NOON, "m\n\n" OURS "\nChrondb-Meta: a%3Db=%41%0a%0A%\n"
                           "Chrondb-Meta: no equals sign\nX-Other: a=b\nChrondb-Meta: \n"
                           "chrondb-meta: a=b\nChrondb-Meta:a=b\nChrondb-Meta: %zz=%4\nChrondb-Meta: last=1");
    struct parsed parsed;
    (void)state;

    parse(&parsed, content);
    assert_true(parsed.commit.ours);
    expect_meta(&parsed.commit, "a=b=A%0a\n%\nno equals sign\n\n%zz=%4\nlast=1\n");
    free(parsed.content);
    free(content);

    content = with_message(NOON + 5, "m\n\n" OURS "\nChrondb-Meta: kept=1"); /* amended */
    parse(&parsed, content);
    assert_false(parsed.commit.ours);
    expect_meta(&parsed.commit, "kept=1\n");
    free(parsed.content);
    free(content);

    content = with_message(NOON, "m\n\nChrondb-Meta: a=b"); /* no block of ours without a time */
    parse(&parsed, content);
    expect_meta(&parsed.commit, "");
    expect_text("m\n\nChrondb-Meta: a=b", parsed.commit.message, parsed.commit.message_len);
    free(parsed.content);
    free(content);
}

/* ---- commits of others, and of nobody ---------------------------------------------------------- */

static void test_dates(void **state)
{
    static const struct {
        const char *committer;
        int64_t seconds;
    } cases[] = {
        {"C <c@example.org> 1234 +0000", 1234},
        {"C <c@example.org> 1234", 1234},
        {"C <c@example.org> 1234 nonsense", 1234},
        {"C <c@example.org>   1234 +0000", 1234},
        {"C <c@example.org>1234 +0000", 1234},
        {"<> 1234 +0000", 1234},
        {"C <c@example.org> -1234 +0000", 0},
        {"C <c@example.org> +1234 +0000", 0},
        {"C <c@example.org>", 0},
        {"C <c@example.org> ", 0},
        {"C <c@example.org> tomorrow", 0},
        {"C c@example.org 1234 +0000", 0},
        {"", 0},
        {"C <c> 9> 7 +0000", 7},
        {"C <c> 253402300799 +0000", INT64_C(253402300799)},
        {"C <c> 253402300800 +0000", INT64_C(253402300799)},
        {"C <c> 18446744073709551616 +0000", INT64_C(253402300799)},
        {"C <c> 99999999999999999999999999999999999999999999999999999999 +0000", INT64_C(253402300799)},
        {"C <c> -99999999999999999999999999999999999999999999999999999999 +0000", 0},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char content[512];
        struct parsed parsed;
        snprintf(content, sizeof(content), TREE "author " WHO " 1 +0000\ncommitter %s\n\nm\n", cases[i].committer);
        parse(&parsed, content);
        if (parsed.commit.time.seconds != cases[i].seconds || parsed.commit.time.nanoseconds != 0)
            fail_msg("%lld: %s", (long long)parsed.commit.time.seconds, cases[i].committer);
        assert_false(parsed.commit.ours);
        free(parsed.content);
    }
}

static void test_headers(void **state)
{
    static const char *const headers[] = {
        "author " WHO " 1 +0000\ncommitter C <c> 7 +0000\nencoding ISO-8859-1\n\nm",
        "author " WHO " 1 +0000\ncommitter C <c> 7 +0000\ngpgsig -----BEGIN\n \n x\n -----END\n\nm",
        "author " WHO " 1 +0000\ncommitter C <c> 7 +0000\nmergetag object 1\n author X <x> 9 +0000\n \n y\n\nm\n",
        "author " WHO " 1 +0000\ncommitter C <c> 7 +0000\nunknown\nauthor X <x> 2\ncommitter X <x> 9\n\nm\n",
        "author " WHO " 1 +0000\nodd line\ncommitter C <c> 7 +0000\n\nm\n",
        "author " WHO "\ncommitter C <c> 7 +0000\n\n\n\nm\n\n",
    };
    (void)state;

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        char content[512];
        struct parsed parsed;
        snprintf(content, sizeof(content), TREE "%s", headers[i]);
        parse(&parsed, content);
        expect_text(WHO, parsed.commit.author, parsed.commit.author_len);
        assert_int_equal(parsed.commit.time.seconds, 7);
        assert_true(parsed.commit.message_len > 0 && parsed.commit.message[parsed.commit.message_len - 1] == 'm');
        free(parsed.content);
    }
}

/* Git reads commits that do not say who made them; their documents are as good as any. */
static void test_nobody(void **state)
{
    static const char *const headers[] = {
        "",
        "\nm",
        "committer C <c> 7 +0000\n\nm",
        "author " WHO " 1 +0000\n\nm",
        "author " WHO " 1 +0000",
        "author\ncommitter\n\nm",
    };
    static const int64_t seconds[] = {0, 0, 7, 0, 0, 0};
    (void)state;

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        char content[512];
        struct parsed parsed;
        snprintf(content, sizeof(content), TREE "%s", headers[i]);
        parse(&parsed, content);
        expect_text(strncmp(headers[i], "author ", 7) == 0 ? WHO : "", parsed.commit.author, parsed.commit.author_len);
        assert_int_equal(parsed.commit.time.seconds, seconds[i]);
        free(parsed.content);
    }
}

static void test_damaged(void **state)
{
    (void)state;
    expect_damaged("");
    expect_damaged("\n");
    expect_damaged("tree");
    expect_damaged("tree \n");
    expect_damaged("tree 4b825dc642cb6eb9a060e54bf8d69288fbee490\nauthor a <a> 1\ncommitter a <a> 1\n\n");
    expect_damaged("tree 4b825dc642cb6eb9a060e54bf8d69288fbee49044\nauthor a <a> 1\ncommitter a <a> 1\n\n");
    expect_damaged("tree 4b825dc642cb6eb9a060e54bf8d69288fbee490x\nauthor a <a> 1\ncommitter a <a> 1\n\n");
    expect_damaged("Tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor a <a> 1\ncommitter a <a> 1\n\n");
    expect_damaged("author a <a> 1\ncommitter a <a> 1\n\nm");
    expect_damaged(TREE "parent \nauthor a <a> 1\ncommitter a <a> 1\n\n");
    expect_damaged(TREE "parent 4b825dc642cb6eb9a060e54bf8d69288fbee490g\nauthor a <a> 1\ncommitter a <a> 1\n\n");
    expect_damaged(TREE "parent 4b825dc642cb6eb9a060e54bf8d69288fbee4904 \nauthor a <a> 1\ncommitter a <a> 1\n\n");
}

/* Behind another line a parent is none: git would not read it there either. */
static void test_parents(void **state)
{
    struct cdb_buf content = CDB_BUF_INIT;
    struct parsed parsed;
    (void)state;

    cdb_buf_adds(&content, TREE "author a <a> 1\ncommitter a <a> 1\n"
                                "parent 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n\n");
    parse(&parsed, content.ptr);
    assert_int_equal(parsed.commit.parent_count, 0);
    free(parsed.content);
    cdb_buf_release(&content);
}

static void test_cut_anywhere(void **state)
{
    char *content = with_message(NOON, "m\n\n" OURS "\nChrondb-Meta: a=%41");
    (void)state;

    for (size_t len = 0; len <= strlen(content); len++) {
        struct parsed parsed;
        int result = parse_bytes(&parsed, content, len);
        assert_true(result == 0 || result == CHRONDB_EDAMAGED);
        assert_int_equal(result == 0, len >= strlen(TREE) - 1);
        if (result == 0) {
            struct cdb_buf meta = CDB_BUF_INIT;
            size_t at = 0;
            while (cdb_commit_meta(&parsed.commit, &at, &meta))
                ;
            cdb_buf_release(&meta);
        }
        free(parsed.content);
    }
    free(content);
}

static void test_nul_in_message(void **state)
{
    static const char content[] = TREE "author " WHO " 1 +0000\ncommitter C <c> 7 +0000\n\na\0b\n\nX: y";
    struct parsed parsed;
    (void)state;

    assert_int_equal(parse_bytes(&parsed, content, sizeof(content) - 1), 0);
    assert_int_equal(parsed.commit.message_len, 9);
    assert_memory_equal(parsed.commit.message, "a\0b\n\nX: y", 9);
    free(parsed.content);
}

/* ---- effective times ----------------------------------------------------------------------------- */

static void test_effective(void **state)
{
    chrondb_time parent = {100, 999999999};
    (void)state;

    assert_true(same_time(cdb_time_effective((chrondb_time){5, 6}, NULL), (chrondb_time){5, 6}));
    assert_true(same_time(cdb_time_effective((chrondb_time){101, 1}, &parent), (chrondb_time){101, 1}));
    assert_true(same_time(cdb_time_effective((chrondb_time){101, 0}, &parent), (chrondb_time){101, 0}));
    assert_true(same_time(cdb_time_effective(parent, &parent), (chrondb_time){101, 0}));
    assert_true(same_time(cdb_time_effective((chrondb_time){100, 0}, &parent), (chrondb_time){101, 0}));
    assert_true(same_time(cdb_time_effective((chrondb_time){-5, 0}, &parent), (chrondb_time){101, 0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_text),        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_round_trip_random), cmocka_unit_test(test_times),
        cmocka_unit_test(test_trailing_blank),    cmocka_unit_test(test_escape),
        cmocka_unit_test(test_believed),          cmocka_unit_test(test_not_believed),
        cmocka_unit_test(test_malformed_times),   cmocka_unit_test(test_clamped),
        cmocka_unit_test(test_meta_reading),      cmocka_unit_test(test_dates),
        cmocka_unit_test(test_headers),           cmocka_unit_test(test_nobody),
        cmocka_unit_test(test_damaged),           cmocka_unit_test(test_parents),
        cmocka_unit_test(test_cut_anywhere),      cmocka_unit_test(test_nul_in_message),
        cmocka_unit_test(test_effective),
    };

    return cmocka_run_group_tests_name("commit", tests, NULL, NULL);
}
