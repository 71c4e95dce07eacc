/* SPDX-License-Identifier: MIT
 *
 * Segments of words, built from random documents, against an inverted index in plain memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "index/ft_build.h"
#include "index/ft_inside.h"
#include "index/ft_postings.h"
#include "words.h"

static void check_random(struct random *random, const char *language, size_t count)
{
    struct cdb_analyzer *analyzer;
    struct words words = {.docs = NULL};
    struct words_file file;

    assert_int_equal(cdb_analyzer_new(&analyzer, language), 0);
    words_random(&words, random, count);
    words_index(&words, analyzer);
    words_build(&words, 0, words.doc_count, analyzer, &file);
    words_check(&words, file.segment, random);
    if (strcmp(language, "none") == 0)
        assert_int_equal(file.segment->forms.data_len, 0);
    words_close(&file);
    words_release(&words);
    cdb_analyzer_free(analyzer);
}

static void test_random(void **state)
{
    struct random random = random_seed(1);
    static const size_t sizes[] = {0, 1, 2, 31, 32, 33, 60, 128, 129, 256, 300, 700};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
        check_random(&random, "english", sizes[i]);
}

static void test_no_stems(void **state)
{
    struct random random = random_seed(2);

    (void)state;
    check_random(&random, "none", 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_no_stems),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
