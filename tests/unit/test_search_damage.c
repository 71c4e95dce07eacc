/* SPDX-License-Identifier: MIT
 *
 * Searches in segments with wrong bytes, with and without right checksums: an answer, or the word that the segment is
 * damaged; with checksums that were left as they are, the right answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "index/ft_build.h"
#include "index/ft_view.h"
#include "query/parse.h"
#include "query/search.h"
#include "random.h"
#include "search_random.h"
#include "text/analyzer.h"
#include "words_ask.h"

#define DOCS    400
#define QUERIES 40

struct question {
    struct cdb_arena arena;
    struct cdb_buf text;
    const struct cdb_query_node *tree;
    struct cdb_search_sort sort;
    struct cdb_search_facet facet;
    struct cdb_search_options options;
    uint64_t answer;
};

struct world {
    struct random random;
    struct cdb_analyzer *analyzer;
    struct cdb_buf file, json[DOCS];
    struct question questions[QUERIES];
    struct cdb_ends *ends;
};

static int give_document(void *context, size_t part, uint32_t doc, struct cdb_buf *json)
{
    const struct world *world = context;

    (void)part;
    cdb_buf_clear(json);
    cdb_buf_add(json, world->json[doc % DOCS].ptr, world->json[doc % DOCS].len);
    return 0;
}

static void make_question(struct world *world, struct question *question, size_t number)
{
    const char *field = random_search_field(&world->random);

    random_search_query(&world->random, &question->text);
    assert_int_equal(
        cdb_query_parse(&question->tree, &question->arena, question->text.ptr, question->text.len, CDB_QUERY_OR), 0);
    question->sort = (struct cdb_search_sort){field, strlen(field), number % 2 == 0};
    question->facet = (struct cdb_search_facet){field, strlen(field), 5};
    question->options = (struct cdb_search_options){.analyzer = world->analyzer,
                                                    .limit = 10,
                                                    .sort = &question->sort,
                                                    .sort_count = number % 3 == 0,
                                                    .facets = &question->facet,
                                                    .facet_count = number % 5 == 0,
                                                    .total = number % 4 == 0,
                                                    .explain = number % 7 == 0,
                                                    .document = give_document,
                                                    .document_context = world};
}

static void world_new(struct world *world)
{
    struct cdb_ft_builder *builder;

    memset(world, 0, sizeof(*world));
    world->random = random_seed(5);
    assert_int_equal(cdb_analyzer_new(&world->analyzer, "english"), 0);
    assert_int_equal(cdb_ft_builder_new(&builder, world->analyzer), 0);
    assert_int_equal(cdb_ends_new(&world->ends, DOCS), 0);
    for (unsigned i = 0; i < DOCS; i++) {
        char key[16];

        snprintf(key, sizeof(key), "user:%03u", i / 2);
        random_search_document(&world->random, &world->json[i]);
        assert_int_equal(cdb_ft_builder_add(builder, key, strlen(key), i, world->json[i].ptr, world->json[i].len), 0);
        if (i % 2 == 0)
            assert_int_equal(cdb_ends_set(world->ends, i, i + 1), 0);
    }
    assert_int_equal(cdb_ft_builder_finish(builder, &world->file), 0);
    cdb_ft_builder_free(builder);
    for (size_t i = 0; i < QUERIES; i++)
        make_question(world, &world->questions[i], i);
}

static void world_free(struct world *world)
{
    for (size_t i = 0; i < QUERIES; i++) {
        cdb_arena_release(&world->questions[i].arena);
        cdb_buf_release(&world->questions[i].text);
    }
    for (size_t i = 0; i < DOCS; i++)
        cdb_buf_release(&world->json[i]);
    cdb_ends_close(world->ends);
    cdb_buf_release(&world->file);
    cdb_analyzer_free(world->analyzer);
}

static void mix(uint64_t *hash, const char *text)
{
    for (; *text != '\0'; text++)
        *hash = (*hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
    *hash ^= UINT64_C(1) << 40;
}

/* What a search says, as a number. */
static int answer(struct world *world, struct question *question, struct cdb_ft_segment *segment, uint64_t *out)
{
    struct cdb_ft_part part = {segment, cdb_ft_docs(segment) == DOCS ? world->ends : NULL};
    struct cdb_ft_view view = {&part, 1, DOCS, true};
    struct cdb_search_result result;
    int code = cdb_search_run(&result, &view, question->tree, &question->options);

    *out = result.total;
    for (size_t i = 0; code == 0 && i < result.count; i++)
        mix(out, result.hits[i].key);
    for (size_t i = 0; code == 0 && question->options.facet_count > 0 && i < result.facets[0].count; i++)
        mix(out, result.facets[0].values[i].value);
    cdb_search_result_release(&result);
    return code;
}

/* The questions to a file; how many were answered. `right`: the answers must be. */
static size_t ask(struct world *world, const unsigned char *data, size_t len, bool right)
{
    struct cdb_ft_segment *segment;
    size_t answered = 0;

    if (cdb_ft_segment_view(&segment, data, len) != 0)
        return 0;
    for (size_t i = 0; i < QUERIES; i++) {
        uint64_t said;
        int code = answer(world, &world->questions[i], segment, &said);

        if (code != 0 && code != CHRONDB_EDAMAGED)
            fail_msg("%s: %s", world->questions[i].text.ptr, chrondb_last_error()->message);
        if (code == 0 && right && said != world->questions[i].answer)
            fail_msg("%s: another answer", world->questions[i].text.ptr);
        answered += code == 0;
    }
    cdb_ft_segment_close(segment);
    return answered;
}

static void test_damage(void **state)
{
    size_t files = random_rounds(150, 10000), answered = 0;
    struct cdb_ft_segment *segment;
    struct world world;

    (void)state;
    world_new(&world);
    assert_int_equal(cdb_ft_segment_view(&segment, world.file.ptr, world.file.len), 0);
    for (size_t i = 0; i < QUERIES; i++)
        assert_int_equal(answer(&world, &world.questions[i], segment, &world.questions[i].answer), 0);
    cdb_ft_segment_close(segment);
    for (size_t i = 0; i < files; i++) {
        size_t len = i % 10 == 0 ? random_below(&world.random, world.file.len) : world.file.len;
        unsigned char *copy = malloc(len + 1);
        bool repaired = i % 3 != 0;

        memcpy(copy, world.file.ptr, len);
        for (size_t change = 0; len > 0 && change < 1 + i % 40; change++)
            copy[random_below(&world.random, len)] = (unsigned char)random_bits(&world.random);
        if (repaired)
            repair_checksums(copy, len);
        answered += ask(&world, copy, len, !repaired);
        free(copy);
    }
    assert_true(answered > files); /* else nothing was looked at */
    world_free(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_damage)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
