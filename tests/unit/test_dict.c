/* SPDX-License-Identifier: MIT
 *
 * Dictionaries in files: what is found, before it, after it; of any size; and none of it when a byte is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "index/bytes.h"
#include "index/dict.h"
#include "random.h"
#include "util/array.h"
#include "util/fs.h"

struct word {
    char *text;
    size_t len;
};

/* A sorted list, in memory and as a dictionary. */
struct words {
    struct word *list;
    size_t count;
    unsigned char *data, *index;
    struct cdb_dict dict;
};

static int compare_words(const void *a, const void *b)
{
    const struct word *x = a, *y = b;
    return cdb_bytes_compare(x->text, x->len, y->text, y->len);
}

/* Any bytes; words share beginnings. */
static struct word random_word(struct random *random, size_t max)
{
    struct word word = {malloc(max + 1), random_below(random, random_chance(random, 2) ? max + 1 : 20)};

    for (size_t i = 0; i < word.len; i++)
        word.text[i] = (char)(random_chance(random, 95) ? 'a' + (char)random_below(random, i < 10 ? 2 : 4)
                                                        : (char)random_below(random, 256));
    return word;
}

static void words_make(struct words *words, struct random *random, size_t count, size_t max)
{
    size_t n = 0;

    words->list = calloc(count + 1, sizeof(*words->list));
    for (size_t i = 0; i < count; i++)
        words->list[i] = random_word(random, max);
    qsort(words->list, count, sizeof(*words->list), compare_words);
    for (size_t i = 0; i < count; i++) {
        if (n > 0 && compare_words(&words->list[n - 1], &words->list[i]) == 0)
            free(words->list[i].text);
        else
            words->list[n++] = words->list[i];
    }
    words->count = n;
}

/* The value of word i: its number, and some of them more. */
static size_t value_of(size_t i, unsigned char value[CDB_DICT_VALUE_MAX])
{
    size_t len = 4 + (i % 100 == 0 ? i % CDB_DICT_VALUE_MAX : 0);

    len = len > CDB_DICT_VALUE_MAX ? CDB_DICT_VALUE_MAX : len;
    memset(value, 0xff, len);
    cdb_le_put32(value, (uint32_t)i);
    return len;
}

static void words_write(struct words *words)
{
    struct cdb_dict_writer writer;
    struct cdb_sink sink;
    struct cdb_buf index = CDB_BUF_INIT;

    cdb_sink_init(&sink, -1, memfd_create("words", MFD_CLOEXEC));
    cdb_dict_writer_init(&writer, &sink);
    for (size_t i = 0; i < words->count; i++) {
        unsigned char value[CDB_DICT_VALUE_MAX];
        size_t len = value_of(i, value);

        assert_int_equal(cdb_dict_writer_add(&writer, words->list[i].text, words->list[i].len, value, len), 0);
    }
    assert_int_equal(cdb_dict_writer_finish(&writer, &index), 0);
    cdb_dict_writer_release(&writer);
    assert_int_equal(cdb_sink_flush(&sink), 0);
    words->data = malloc(sink.written > 0 ? sink.written : 1);
    words->index = malloc(index.len > 0 ? index.len : 1);
    assert_int_equal(cdb_fs_pread_full(sink.fd, words->data, sink.written, 0), sink.written);
    memcpy(words->index, cdb_buf_str(&index), index.len);
    words->dict = (struct cdb_dict){words->data, words->index, sink.written, index.len};
    cdb_sink_release(&sink);
    cdb_buf_release(&index);
}

static void words_release(struct words *words)
{
    for (size_t i = 0; i < words->count; i++)
        free(words->list[i].text);
    free(words->list);
    free(words->data);
    free(words->index);
}

/* The cursor is at word i; or the result says that there is none. */
static void expect(const struct words *words, const struct cdb_dict_cursor *cursor, int result, size_t i)
{
    unsigned char value[CDB_DICT_VALUE_MAX];

    if (i >= words->count) { /* also before the first one */
        assert_int_equal(result, 1);
        return;
    }
    assert_int_equal(result, 0);
    assert_int_equal(cursor->key_len, words->list[i].len);
    assert_memory_equal(cursor->key, words->list[i].text, words->list[i].len);
    assert_int_equal(cursor->key[cursor->key_len], 0);
    assert_int_equal(cursor->value_len, value_of(i, value));
    assert_memory_equal(cursor->value, value, cursor->value_len);
}

static void check_seek(const struct words *words, const struct word *word)
{
    struct cdb_dict_cursor cursor;
    size_t at = 0, high = words->count;

    while (at < high) {
        size_t middle = at + (high - at) / 2;
        if (compare_words(&words->list[middle], word) < 0)
            at = middle + 1;
        else
            high = middle;
    }
    bool there = at < words->count && compare_words(&words->list[at], word) == 0;
    expect(words, &cursor, cdb_dict_seek(&cursor, &words->dict, word->text, word->len), at);
    if (at < words->count) {
        expect(words, &cursor, cdb_dict_next(&cursor), at + 1);
        if (at + 1 < words->count)
            expect(words, &cursor, cdb_dict_previous(&cursor), at);
    }
    expect(words, &cursor, cdb_dict_seek_before(&cursor, &words->dict, word->text, word->len), at - 1);
    if (at > 0) {
        expect(words, &cursor, cdb_dict_previous(&cursor), at - 2);
        if (at > 1)
            expect(words, &cursor, cdb_dict_next(&cursor), at - 1);
    }
    assert_int_equal(cdb_dict_find(&cursor, &words->dict, word->text, word->len), there ? 0 : 1);
}

static void check_words(const struct words *words, struct random *random, size_t max)
{
    struct cdb_dict_cursor cursor;
    int result = cdb_dict_first(&cursor, &words->dict);

    for (size_t i = 0; i < words->count; i++, result = cdb_dict_next(&cursor))
        expect(words, &cursor, result, i);
    assert_int_equal(result, 1);
    result = cdb_dict_last(&cursor, &words->dict);
    for (size_t i = words->count; i-- > 0; result = cdb_dict_previous(&cursor))
        expect(words, &cursor, result, i);
    assert_int_equal(result, 1);
    for (int i = 0; i < 300; i++) {
        struct word word = random_word(random, max);

        check_seek(words, &word);
        free(word.text);
        if (words->count > 0)
            check_seek(words, &words->list[random_below(random, words->count)]);
    }
    check_seek(words, &(struct word){"", 0});
}

static void test_sizes(void **state)
{
    static const size_t sizes[] = {0, 1, 2, 15, 16, 17, 33, 100, 150, 200, 1000, 7000, 40000};
    struct random random = random_seed(3);

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (size_t max = 20; max <= CDB_DICT_KEY_MAX; max += CDB_DICT_KEY_MAX - 20) {
            struct words words;

            words_make(&words, &random, sizes[i], max);
            words_write(&words);
            check_words(&words, &random, max);
            words_release(&words);
        }
    }
}

static int pass_odd(void *context, size_t leaf)
{
    ++*(size_t *)context;
    return leaf % 2 == 1;
}

/* Leaves that are passed over. */
static void test_filter(void **state)
{
    struct random random = random_seed(4);
    struct cdb_dict_cursor cursor, all;
    size_t asked = 0;
    struct cdb_dict_filter filter = {pass_odd, &asked};
    struct words words;

    (void)state;
    words_make(&words, &random, 3000, 20);
    words_write(&words);
    for (int backward = 0; backward < 2; backward++) {
        int result = backward ? cdb_dict_last(&all, &words.dict) : cdb_dict_first(&all, &words.dict);
        cursor = all;
        cursor.filter = &filter;
        for (int moved = result; result == 0; result = backward ? cdb_dict_previous(&all) : cdb_dict_next(&all)) {
            if (all.number % 2 == 1 && (!backward || all.number + 1 < cdb_dict_leaves(&words.dict)))
                continue;
            assert_int_equal(moved, 0);
            assert_int_equal(cursor.key_len, all.key_len);
            assert_memory_equal(cursor.key, all.key, all.key_len);
            moved = backward ? cdb_dict_previous(&cursor) : cdb_dict_next(&cursor);
        }
    }
    assert_true(asked > 10);
    words_release(&words);
}

/* Whatever byte is wrong: what is said is right, or that it is damaged. */
static void test_damage(void **state)
{
    struct random random = random_seed(5);
    struct words words;

    (void)state;
    words_make(&words, &random, 700, 40);
    words_write(&words);
    assert_true(words.dict.index_len > 0);
    for (size_t at = 0; at < words.dict.data_len + words.dict.index_len; at++) {
        bool leaf = at < words.dict.data_len;
        unsigned char *byte = leaf ? words.data + at : words.index + (at - words.dict.data_len);
        unsigned char bit = (unsigned char)(1u << random_below(&random, 8));
        size_t number = random_below(&random, words.count), n = 0;
        struct cdb_dict_cursor cursor;

        *byte ^= bit;
        int result = cdb_dict_find(&cursor, &words.dict, words.list[number].text, words.list[number].len);
        if (result == 0)
            expect(&words, &cursor, 0, number);
        else
            assert_int_equal(result, CHRONDB_EDAMAGED);
        for (result = cdb_dict_first(&cursor, &words.dict); result == 0; result = cdb_dict_next(&cursor))
            n++;
        assert_int_equal(result, leaf ? CHRONDB_EDAMAGED : 1);
        assert_int_equal(n == words.count, !leaf);
        *byte ^= bit;
    }
    words_release(&words);
}

static void test_order(void **state)
{
    struct cdb_dict_writer writer;
    struct cdb_sink sink;
    static const char longest[CDB_DICT_KEY_MAX + 1];

    (void)state;
    cdb_sink_init(&sink, -1, -1);
    cdb_dict_writer_init(&writer, &sink);
    assert_int_equal(cdb_dict_writer_add(&writer, longest, sizeof(longest), NULL, 0), CHRONDB_EDAMAGED);
    assert_int_equal(cdb_dict_writer_add(&writer, "b", 1, NULL, 0), 0);
    assert_int_equal(cdb_dict_writer_add(&writer, "b", 1, NULL, 0), CHRONDB_EDAMAGED);
    assert_int_equal(cdb_dict_writer_add(&writer, "a", 1, NULL, 0), CHRONDB_EDAMAGED);
    assert_int_equal(cdb_dict_writer_add(&writer, "", 0, NULL, 0), CHRONDB_EDAMAGED);
    assert_int_equal(cdb_dict_writer_add(&writer, "b\x01", 2, NULL, 0), 0);
    assert_int_equal(cdb_dict_writer_add(&writer, "b\xff", 2, NULL, 0), 0);
    assert_int_equal(cdb_dict_writer_add(&writer, "b\x80", 2, NULL, 0), CHRONDB_EDAMAGED);
    cdb_dict_writer_release(&writer);
    cdb_sink_release(&sink);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_filter),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
