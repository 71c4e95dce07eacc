/* SPDX-License-Identifier: MIT
 *
 * Segments of words with a byte that is wrong, cut short, or written by somebody hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/array.h"
#include "words.h"
#include "words_ask.h"

/* The answers to a question. */
struct record {
    uint64_t name;
    size_t first, last; /* in `answers` */
};

struct records {
    struct record *list;
    size_t count, room;
    uint64_t *answers;
    size_t answer_count, answer_room;
    size_t damaged;
};

static void hear_question(void *context, uint64_t name)
{
    struct records *records = context;

    assert_int_equal(cdb_array_grow(&records->list, &records->room, records->count, sizeof(*records->list)), 0);
    records->list[records->count++] = (struct record){name, records->answer_count, records->answer_count};
}

static void hear_answer(void *context, uint64_t value)
{
    struct records *records = context;

    assert_int_equal(cdb_array_grow(&records->answers, &records->answer_room, records->answer_count, sizeof(uint64_t)),
                     0);
    records->answers[records->answer_count++] = value;
    records->list[records->count - 1].last++;
}

static void hear_damaged(void *context)
{
    ((struct records *)context)->damaged++;
}

/* Is what was said the beginning of what should be? Both are in the order of the questions. */
static void compare(const struct records *said, const struct records *right)
{
    size_t k = 0;

    for (size_t i = 0; i < said->count; i++) {
        const struct record *a = &said->list[i], *b;

        while (k < right->count && right->list[k].name != a->name)
            k++;
        assert_true(k < right->count);
        b = &right->list[k];
        assert_true(a->last - a->first <= b->last - b->first);
        if (a->last > a->first)
            assert_memory_equal(said->answers + a->first, right->answers + b->first,
                                (a->last - a->first) * sizeof(uint64_t));
    }
    if (said->damaged == 0) {
        assert_int_equal(said->count, right->count);
        assert_int_equal(said->answer_count, right->answer_count);
    }
}

static void ask(struct cdb_ft_segment *segment, struct records *records)
{
    const struct words_ear ear = {hear_question, hear_answer, hear_damaged, records};

    records->count = records->answer_count = records->damaged = 0;
    ask_all(&ear, segment);
}

/* Small, but with some of everything: lists with several blocks, words in several leaves, forms of the same stem. */
static void make_file(struct words_file *file)
{
    struct cdb_analyzer *analyzer;
    struct words words = {.docs = NULL};

    assert_int_equal(cdb_analyzer_new(&analyzer, "english"), 0);
    for (unsigned i = 0; i < 200; i++) {
        char key[24], json[160];

        snprintf(key, sizeof(key), "table:key%03u", i / 2 * 7);
        if (i % 4 == 0)
            snprintf(json, sizeof(json),
                     "{\"a\":\"run word%u runs résumé run\",\"b\":{\"c\":[\"run\",%u,\"other%u\"],\"d\":\"x\"}}",
                     i % 64, i, i);
        else
            snprintf(json, sizeof(json), "{\"a\":\"run\"}");
        words_add(&words, key, i, i % 50 == 49 ? NULL : json);
    }
    words_index(&words, analyzer);
    words_build(&words, 0, words.doc_count, analyzer, file);
    words_release(&words);
    cdb_analyzer_free(analyzer);
}

/* A copy in memory of exactly its size. */
static unsigned char *copy_file(const struct words_file *file, size_t len)
{
    unsigned char *copy = malloc(len > 0 ? len : 1);

    memcpy(copy, file->bytes.ptr, len);
    return copy;
}

static void test_flips(void **state)
{
    struct random random = random_seed(1);
    struct records right = {.list = NULL}, said = {.list = NULL};
    struct words_file file;
    struct cdb_ft_segment *segment;
    size_t opened = 0, noticed = 0;
    unsigned char *copy;

    (void)state;
    make_file(&file);
    ask(file.segment, &right);
    assert_int_equal(right.damaged, 0);
    assert_true(right.answer_count > 1000);
    copy = copy_file(&file, file.bytes.len);
    for (size_t at = 0; at < file.bytes.len; at++) {
        unsigned char bit = (unsigned char)(1u << random_below(&random, 8));
        int result;

        copy[at] ^= bit;
        result = cdb_ft_segment_view(&segment, copy, file.bytes.len);
        if (result == 0) {
            ask(segment, &said);
            compare(&said, &right);
            cdb_ft_segment_close(segment);
            opened++;
            noticed += said.damaged > 0;
        } else {
            assert_int_equal(result, CHRONDB_EDAMAGED);
        }
        copy[at] ^= bit;
    }
    /* Nothing is in the file that nobody looks at. */
    assert_true(opened > 1000); /* the first page is looked at when it is opened */
    assert_true(noticed > opened * 9 / 10);
    free(copy);
    free(right.list);
    free(right.answers);
    free(said.list);
    free(said.answers);
    words_close(&file);
}

static void test_truncations(void **state)
{
    struct words_file file;

    (void)state;
    make_file(&file);
    for (size_t len = 0; len < file.bytes.len; len++) {
        struct cdb_ft_segment *segment;
        unsigned char *copy = copy_file(&file, len);

        assert_int_equal(cdb_ft_segment_view(&segment, copy, len), CHRONDB_EDAMAGED);
        assert_null(segment);
        free(copy);
    }
    words_close(&file);
}

/* Checksums are right, numbers are not: all questions end, and touch nothing outside. */
static void test_hostile(void **state)
{
    struct random random = random_seed(2);
    struct records said = {.list = NULL};
    struct words_file file;
    size_t opened = 0;

    (void)state;
    make_file(&file);
    for (size_t at = 0; at < file.bytes.len; at += 1 + random_below(&random, 8)) {
        unsigned char *copy = copy_file(&file, file.bytes.len);
        struct cdb_ft_segment *segment;
        int result;

        for (size_t n = random_below(&random, 3) + 1; n > 0; n--) {
            static const unsigned char values[] = {0, 1, 0x7f, 0x80, 0xff};
            size_t place = n == 1 ? at : random_below(&random, file.bytes.len);

            copy[place] = random_chance(&random, 50) ? values[random_below(&random, sizeof(values))]
                                                     : (unsigned char)random_bits(&random);
        }
        repair_checksums(copy, file.bytes.len);
        result = cdb_ft_segment_view(&segment, copy, file.bytes.len);
        if (result == 0) {
            ask(segment, &said);
            cdb_ft_segment_close(segment);
            opened++;
        } else {
            assert_int_equal(result, CHRONDB_EDAMAGED);
        }
        free(copy);
    }
    assert_true(opened > 100);
    free(said.list);
    free(said.answers);
    words_close(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flips),
        cmocka_unit_test(test_truncations),
        cmocka_unit_test(test_hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
