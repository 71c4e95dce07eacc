/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chrondb.h"
#include "util/buf.h"
#include "util/error.h"
#include "util/utf8.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- buffers ----------------------------------------------------------------------------------- */

static void test_append(void **state)
{
    struct cdb_buf buf = CDB_BUF_INIT;

    (void)state;
    assert_string_equal(cdb_buf_str(&buf), "");
    cdb_buf_add(&buf, NULL, 0);
    assert_null(buf.ptr);
    cdb_buf_adds(&buf, "abc");
    cdb_buf_addc(&buf, 'd');
    cdb_buf_addf(&buf, "%d-%s", 42, "x");
    cdb_buf_add(&buf, "\0y", 2);
    assert_int_equal(buf.len, 10);
    assert_memory_equal(buf.ptr, "abcd42-x\0y", 11);
    assert_int_equal(cdb_buf_check(&buf), 0);
    cdb_buf_clear(&buf);
    assert_int_equal(buf.len, 0);
    assert_non_null(buf.ptr);
    assert_string_equal(cdb_buf_str(&buf), "");
    cdb_buf_release(&buf);
    assert_null(buf.ptr);
    cdb_buf_clear(&buf);
    cdb_buf_release(&buf);
}

static void test_grows(void **state)
{
    struct cdb_buf buf = CDB_BUF_INIT;
    size_t moves = 0;
    size_t cap = 0;

    (void)state;
    for (size_t i = 0; i < 100000; i++) {
        cdb_buf_addc(&buf, (char)('a' + i % 26));
        assert_true(buf.cap > buf.len);
        assert_int_equal(buf.ptr[buf.len], '\0');
        if (buf.cap != cap)
            moves++;
        cap = buf.cap;
    }
    assert_int_equal(buf.len, 100000);
    for (size_t i = 0; i < buf.len; i++)
        assert_int_equal(buf.ptr[i], 'a' + i % 26);
    assert_true(moves < 40);
    cdb_buf_release(&buf);
}

static void test_reserve(void **state)
{
    struct cdb_buf buf = CDB_BUF_INIT;
    char *before;

    (void)state;
    assert_true(cdb_buf_reserve(&buf, 0));
    assert_string_equal(buf.ptr, "");
    assert_true(cdb_buf_reserve(&buf, 1000));
    before = buf.ptr;
    memset(buf.ptr, 'x', 1000);
    buf.len = 1000;
    buf.ptr[1000] = '\0';
    assert_ptr_equal(buf.ptr, before);
    assert_true(cdb_buf_reserve(&buf, 0));
    assert_ptr_equal(buf.ptr, before);
    cdb_buf_release(&buf);
}

static void test_format_of_every_length(void **state)
{
    (void)state;
    for (int len = 0; len < 400; len++) {
        struct cdb_buf buf = CDB_BUF_INIT;

        cdb_buf_adds(&buf, "<");
        cdb_buf_addf(&buf, "%*s", len, "");
        cdb_buf_adds(&buf, ">");
        assert_int_equal(buf.len, len + 2);
        assert_int_equal(strlen(buf.ptr), len + 2);
        assert_int_equal(buf.ptr[len + 1], '>');
        cdb_buf_release(&buf);
    }
}

static void test_overflow_fails_and_stays_so(void **state)
{
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 4, (size_t)PTRDIFF_MAX, (size_t)PTRDIFF_MAX - 1};

    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct cdb_buf buf = CDB_BUF_INIT;

        cdb_buf_adds(&buf, "abc");
        assert_false(cdb_buf_reserve(&buf, sizes[i]));
        assert_true(buf.failed);
        assert_null(buf.ptr);
        assert_int_equal(buf.len, 0);
        cdb_buf_adds(&buf, "more");
        cdb_buf_addc(&buf, 'x');
        cdb_buf_addf(&buf, "%d", 1);
        cdb_buf_add_quoted(&buf, "q", 1);
        assert_int_equal(buf.len, 0);
        assert_string_equal(cdb_buf_str(&buf), "");
        cdb_buf_clear(&buf);
        assert_false(cdb_buf_reserve(&buf, 1));
        cdb_error_clear();
        assert_int_equal(cdb_buf_check(&buf), CHRONDB_ESYSTEM);
        assert_string_equal(chrondb_last_error()->name, "out_of_memory");
        assert_string_equal(chrondb_last_error()->message, "out of memory");
        cdb_buf_release(&buf);
        cdb_buf_adds(&buf, "again");
        assert_string_equal(cdb_buf_str(&buf), "again");
        cdb_buf_release(&buf);
    }
}

static void test_public_buffer(void **state)
{
    chrondb_buffer buffer = {NULL, 0, 0};

    (void)state;
    chrondb_buffer_free(NULL);
    chrondb_buffer_free(&buffer);
    buffer.data = malloc(10);
    buffer.capacity = 10;
    buffer.size = 3;
    chrondb_buffer_free(&buffer);
    assert_null(buffer.data);
    assert_int_equal(buffer.size, 0);
    assert_int_equal(buffer.capacity, 0);
}

/* ---- quoting ----------------------------------------------------------------------------------- */

#define TEXT(literal) literal, sizeof(literal) - 1

static void test_quoted(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        const char *quoted;
    } cases[] = {
        {TEXT(""), "''"},
        {TEXT("user:1"), "'user:1'"},
        {TEXT("it's"), "'it's'"},
        {TEXT("a\nb\tc\x1b[31m"), "'a\\x0ab\\x09c\\x1b[31m'"},
        {TEXT("\0"), "'\\x00'"},
        {TEXT("\x7f"), "'\\x7f'"},
        {TEXT("\xc3\xa9\xe6\xbc\xa2\xf0\x9f\x98\x80"), "'\xc3\xa9\xe6\xbc\xa2\xf0\x9f\x98\x80'"},
        {TEXT("\xc2\x9b"), "'\\xc2\\x9b'"},
        {TEXT("\xc2\xa0"), "'\xc2\xa0'"},
        {TEXT("\x80"), "'\\x80'"},
        {TEXT("a\xff"), "'a\\xff'"},
        {TEXT("\xc3"), "'\\xc3'"},
        {TEXT("\xe6\xbc"), "'\\xe6\\xbc'"},
        {TEXT("\xed\xa0\x80"), "'\\xed\\xa0\\x80'"},
        {TEXT("\xc0\xaf"), "'\\xc0\\xaf'"},
        {TEXT("\xf4\x90\x80\x80"), "'\\xf4\\x90\\x80\\x80'"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cdb_buf buf = CDB_BUF_INIT;

        cdb_buf_add_quoted(&buf, cases[i].text, cases[i].len);
        assert_string_equal(cdb_buf_str(&buf), cases[i].quoted);
        cdb_buf_release(&buf);
    }
}

static void test_quoted_is_cut(void **state)
{
    struct cdb_buf buf = CDB_BUF_INIT;
    char text[300];
    char expected[300];

    (void)state;
    memset(text, 'k', sizeof(text));
    cdb_buf_add_quoted(&buf, text, 200);
    assert_int_equal(buf.len, 202);
    cdb_buf_clear(&buf);
    cdb_buf_add_quoted(&buf, text, 201);
    memset(expected, 'k', 201);
    expected[0] = '\'';
    memcpy(expected + 201, "...'", 5);
    assert_string_equal(buf.ptr, expected);
    /* A character of two bytes over the edge goes as a whole. */
    memcpy(text + 199, "\xc3\xa9", 2);
    cdb_buf_clear(&buf);
    cdb_buf_add_quoted(&buf, text, sizeof(text));
    memcpy(expected + 200, "...'", 5);
    assert_string_equal(buf.ptr, expected);
    /* The worst: everything escaped. */
    memset(text, '\x01', sizeof(text));
    cdb_buf_clear(&buf);
    cdb_buf_add_quoted(&buf, text, sizeof(text));
    assert_int_equal(buf.len, 200 * 4 + 5);
    cdb_buf_release(&buf);
}

static void test_utf8_cut(void **state)
{
    static const char text[] = "a\xc3\xa9\xe6\xbc\xa2\xf0\x9f\x98\x80z"; /* begins at 0 1 3 6 10 */
    static const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};

    (void)state;
    for (size_t max = 0; max < COUNT(expected); max++)
        assert_int_equal(cdb_utf8_cut(text, sizeof(text) - 1, max), expected[max]);
    /* No character begins there: cut anywhere. */
    assert_in_range(cdb_utf8_cut("\x80\x80\x80\x80\x80\x80\x80\x80", 8, 6), 3, 6);
}

/* ---- errors ------------------------------------------------------------------------------------ */

static void test_error(void **state)
{
    const chrondb_error *error = chrondb_last_error();

    (void)state;
    cdb_error_clear();
    assert_int_equal(error->code, 0);
    assert_string_equal(error->message, "");
    assert_int_equal(cdb_error(CHRONDB_EBUSY, "busy", "the %s is taken by %d", "lock", 7), CHRONDB_EBUSY);
    assert_ptr_equal(chrondb_last_error(), error);
    assert_int_equal(error->code, CHRONDB_EBUSY);
    assert_string_equal(error->name, "busy");
    assert_string_equal(error->message, "the lock is taken by 7");
    assert_null(error->key);
    assert_null(error->path);
    assert_null(error->current);
    assert_int_equal(error->line, 0);
    assert_int_equal(error->column, 0);
}

static void test_error_gains_context(void **state)
{
    const chrondb_error *error = chrondb_last_error();

    (void)state;
    cdb_error_set(CHRONDB_EINVALID, "invalid_json", "not valid JSON at line %d", 3);
    cdb_error_set_position(3, 7);
    cdb_error_set_path("/tmp/x");
    cdb_error_set_current("0123456789012345678901234567890123456789");
    cdb_error_about("cannot put", "user:1\n\x1b");
    cdb_error_context("batch line %d", 9);
    assert_string_equal(error->message, "batch line 9: cannot put 'user:1\\x0a\\x1b': not valid JSON at line 3");
    assert_string_equal(error->key, "user:1\n\x1b");
    assert_string_equal(error->path, "/tmp/x");
    assert_string_equal(error->current, "0123456789012345678901234567890123456789");
    assert_int_equal(error->line, 3);
    assert_int_equal(error->column, 7);
    assert_int_equal(error->code, CHRONDB_EINVALID);
    assert_string_equal(error->name, "invalid_json");
    /* The next one starts afresh. */
    cdb_error_set(CHRONDB_NOTFOUND, "not_found", "no such key");
    assert_null(error->key);
    assert_null(error->path);
    assert_null(error->current);
    assert_int_equal(error->line, 0);
    assert_string_equal(error->message, "no such key");
}

static void test_error_may_quote_the_one_before(void **state)
{
    const chrondb_error *error = chrondb_last_error();

    (void)state;
    cdb_error_set(CHRONDB_ESYSTEM, "io_error", "first");
    cdb_error_set_path("some/path");
    cdb_error_about("reading", "k");
    cdb_error_set(CHRONDB_EDAMAGED, "damaged", "again: %s (%s, %s)", error->message, error->path, error->key);
    assert_string_equal(error->message, "again: reading 'k': first (some/path, k)");
    cdb_error_set_path("other");
    cdb_error_set_path(error->path);
    assert_string_equal(error->path, "other");
    cdb_error_set_path(NULL);
    assert_null(error->path);
    cdb_error_context("%s", error->message);
    assert_string_equal(error->message,
                        "again: reading 'k': first (some/path, k): again: reading 'k': first (some/path, k)");
}

static void test_error_messages_are_one_safe_line(void **state)
{
    const chrondb_error *error = chrondb_last_error();

    (void)state;
    cdb_error_set(CHRONDB_EUSAGE, "usage", "%s", "a\nb\x1b[0m\x7f \xc2\x9b \xc3\xa9 \xff \xc3");
    assert_string_equal(error->message, "a?b?[0m? ? \xc3\xa9 ? ?");
    cdb_error_context("%s", "c\rd");
    assert_string_equal(error->message, "c?d: a?b?[0m? ? \xc3\xa9 ? ?");
    cdb_error_set(CHRONDB_EUSAGE, "usage", "%s", "");
    assert_string_equal(error->message, "usage");
}

static void test_error_is_bounded(void **state)
{
    const chrondb_error *error = chrondb_last_error();
    static char text[10000];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    for (size_t i = 1; i + 2 < sizeof(text); i += 2)
        memcpy(text + i, "\xc3\xa9", 2);
    cdb_error_set(CHRONDB_EUSAGE, "usage", "%s", text);
    assert_in_range(strlen(error->message), 2044, 2047);
    assert_memory_equal(error->message + strlen(error->message) - 2, "\xc3\xa9", 2);
    /* Whatever the context, the cause stays. */
    cdb_error_set(CHRONDB_EUSAGE, "usage", "the cause");
    for (int i = 0; i < 3; i++) {
        cdb_error_set(CHRONDB_EUSAGE, "usage", "the cause");
        cdb_error_context("%s", text + i);
        assert_non_null(strstr(error->message, "\xc3\xa9: the cause"));
        assert_true(strlen(error->message) < 2048);
    }
    for (int i = 0; i < 10; i++)
        cdb_error_about("about", text);
    assert_true(strlen(error->message) < 2048);
    assert_int_equal(strlen(error->key), 1023); /* 1 + 2 * 511: the 1024th byte is half a character */
    cdb_error_set_path(text);
    assert_in_range(strlen(error->path), PATH_MAX - 2, PATH_MAX - 1);
    cdb_error_set_current(text);
    assert_in_range(strlen(error->current), 39, 40);
}

static void test_error_without_a_failure_gains_nothing(void **state)
{
    (void)state;
    cdb_error_clear();
    cdb_error_context("context");
    assert_string_equal(chrondb_last_error()->message, "");
    assert_int_equal(chrondb_last_error()->code, 0);
}

static void test_error_errno(void **state)
{
    static const struct {
        int number;
        const char *name;
    } cases[] = {
        {ENOSPC, "no_space"},
        {EDQUOT, "no_space"},
        {EACCES, "permission_denied"},
        {EPERM, "permission_denied"},
        {EROFS, "permission_denied"},
        {ENOMEM, "out_of_memory"},
        {EIO, "io_error"},
        {ENOENT, "io_error"},
        {0, "io_error"},
    };
    const chrondb_error *error = chrondb_last_error();
    char expected[256];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        errno = cases[i].number;
        assert_int_equal(cdb_error_errno("/a/b", "cannot write '%s'", "b"), CHRONDB_ESYSTEM);
        snprintf(expected, sizeof(expected), "cannot write 'b': %s",
                 strerror(cases[i].number != 0 ? cases[i].number : EIO));
        assert_string_equal(error->message, expected);
        assert_string_equal(error->name, cases[i].name);
        assert_string_equal(error->path, "/a/b");
        assert_int_equal(error->code, CHRONDB_ESYSTEM);
    }
    errno = EIO;
    cdb_error_set_errno(NULL, "reading");
    assert_null(error->path);
}

static void *fail_elsewhere(void *result)
{
    const chrondb_error *error = chrondb_last_error();

    if (error->code == 0 && error->message[0] == '\0' && error->name[0] == '\0') {
        cdb_error_set(CHRONDB_EBUSY, "busy", "elsewhere");
        *(int *)result = strcmp(chrondb_last_error()->message, "elsewhere") == 0;
    }
    return NULL;
}

static void test_error_belongs_to_the_thread(void **state)
{
    pthread_t thread;
    int good = 0;

    (void)state;
    cdb_error_set(CHRONDB_EUSAGE, "usage", "here");
    assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, &good), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(good);
    assert_string_equal(chrondb_last_error()->message, "here");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append),
        cmocka_unit_test(test_grows),
        cmocka_unit_test(test_reserve),
        cmocka_unit_test(test_format_of_every_length),
        cmocka_unit_test(test_overflow_fails_and_stays_so),
        cmocka_unit_test(test_public_buffer),
        cmocka_unit_test(test_quoted),
        cmocka_unit_test(test_quoted_is_cut),
        cmocka_unit_test(test_utf8_cut),
        cmocka_unit_test(test_error),
        cmocka_unit_test(test_error_gains_context),
        cmocka_unit_test(test_error_may_quote_the_one_before),
        cmocka_unit_test(test_error_messages_are_one_safe_line),
        cmocka_unit_test(test_error_is_bounded),
        cmocka_unit_test(test_error_without_a_failure_gains_nothing),
        cmocka_unit_test(test_error_errno),
        cmocka_unit_test(test_error_belongs_to_the_thread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
