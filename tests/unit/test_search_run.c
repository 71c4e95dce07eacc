/* SPDX-License-Identifier: MIT
 *
 * Searches over segments that are made here, beside brute force over the same versions of documents: several segments,
 * dead versions, the present and the past, every way to ask. Another seed: CHRONDB_TEST_SEED. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "brute.h"
#include "index/ft_build.h"
#include "index/ft_view.h"
#include "query/parse.h"
#include "query/search.h"
#include "random.h"
#include "search_random.h"

#define PARTS_MAX 4

/* A version; its number is that of the document in the brute force. */
struct version {
    uint32_t from, until;
    size_t part;
    uint32_t doc;
};

/* What documents are like. */
enum kind {
    MIXED,
    MAPS,  /* objects with ids as names of members, so with very many fields */
    SPARSE /* small, and few of them have the word that is looked for: in fields, and so lists, of different lengths */
};

struct world {
    struct random random;
    enum kind kind;
    struct cdb_analyzer *analyzer;
    struct brute brute;
    struct version *versions;
    struct cdb_ft_part parts[PARTS_MAX];
    struct cdb_buf files[PARTS_MAX];
    struct cdb_ft_view view;
    uint32_t numbers[PARTS_MAX];
    size_t *by_doc[PARTS_MAX]; /* versions */
};

/* ---- the world ---------------------------------------------------------------------------------- */

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static size_t make_keys(struct world *world, char **keys, size_t count, size_t ids)
{
    size_t distinct = 0;

    for (size_t i = 0; i < count; i++) {
        struct cdb_buf key = CDB_BUF_INIT;

        random_search_key(&world->random, ids, &key);
        keys[i] = key.ptr;
    }
    qsort(keys, count, sizeof(*keys), compare_texts);
    for (size_t i = 0; i < count; i++) {
        if (distinct > 0 && strcmp(keys[distinct - 1], keys[i]) == 0)
            free(keys[i]);
        else
            keys[distinct++] = keys[i];
    }
    return distinct;
}

static void random_map(struct random *random, struct cdb_buf *out)
{
    cdb_buf_addf(out, "{\"a\":\"%s %s\",\"m\":{\"x\":\"%s\"", random_search_word(random), random_search_word(random),
                 random_chance(random, 20) ? random_search_long(random) : "red");
    for (size_t i = random_below(random, 5); i > 0; i--)
        cdb_buf_addf(out, ",\"id%zu\":{\"t\":[\"red blue red\",\"%s\",\"%s\"],\"n\":%zu}", random_below(random, 90),
                     random_chance(random, 50) ? "blue red" : "green",
                     random_chance(random, 10) ? random_search_long(random) : "red", random_below(random, 9));
    cdb_buf_adds(out, "}}");
}

static void random_sparse(struct random *random, struct cdb_buf *out)
{
    cdb_buf_adds(out, "{\"a\":\"some\",\"m\":\"");
    for (size_t i = random_below(random, 80) == 0 ? 1 + random_below(random, 3) : 0; i > 0; i--)
        cdb_buf_adds(out, "rare ");
    for (size_t i = random_below(random, 4) * random_below(random, 4); i > 0; i--)
        cdb_buf_adds(out, "word ");
    cdb_buf_addf(out, "\",\"b\":\"%s\"}", random_below(random, 900) == 0 ? "a rare one" : "none");
}

static void add_version(struct world *world, const char *key, uint32_t from, uint32_t until, size_t parts)
{
    struct cdb_buf json = CDB_BUF_INIT;
    struct version *version = &world->versions[world->brute.count];

    if (world->kind == MAPS)
        random_map(&world->random, &json);
    else if (world->kind == SPARSE)
        random_sparse(&world->random, &json);
    else
        random_search_document(&world->random, &json);
    *version = (struct version){from, until, random_below(&world->random, parts), 0};
    version->doc = world->numbers[version->part]++;
    brute_add(&world->brute, &(chrondb_entry){key, json.ptr, json.len});
    cdb_buf_release(&json);
}

/* Up to three versions of each key; most are not deleted. */
static void make_versions(struct world *world, size_t count, size_t ids, size_t parts, uint32_t last)
{
    char **keys = malloc(count * sizeof(*keys));
    size_t distinct = make_keys(world, keys, count, ids);

    world->versions = calloc(3 * distinct + 1, sizeof(*world->versions));
    for (size_t i = 0; i < distinct; i++) {
        uint32_t from = (uint32_t)random_below(&world->random, last / 2);

        for (size_t v = random_below(&world->random, 3); v < 3; v++) {
            uint32_t until = from + 1 + (uint32_t)random_below(&world->random, last / 6);
            bool newest = v == 2 && random_chance(&world->random, 80);

            add_version(world, keys[i], from, newest ? CDB_ENDS_NONE : until, parts);
            from = until;
        }
        free(keys[i]);
    }
    free(keys);
}

static void build_part(struct world *world, size_t part)
{
    struct cdb_ft_builder *builder;

    world->by_doc[part] = calloc(world->numbers[part] + 1, sizeof(size_t));
    assert_int_equal(cdb_ft_builder_new(&builder, world->analyzer), 0);
    for (size_t i = 0; i < world->brute.count; i++) {
        const struct brute_document *document = &world->brute.list[i];

        if (world->versions[i].part != part)
            continue;
        world->by_doc[part][world->versions[i].doc] = i;
        assert_int_equal(cdb_ft_builder_add(builder, document->key, strlen(document->key), world->versions[i].from,
                                            document->json, document->len),
                         0);
    }
    assert_int_equal(cdb_ft_builder_finish(builder, &world->files[part]), 0);
    cdb_ft_builder_free(builder);
    assert_int_equal(cdb_ft_segment_view(&world->parts[part].segment, world->files[part].ptr, world->files[part].len),
                     0);
    assert_int_equal(cdb_ends_new(&world->parts[part].ends, world->numbers[part]), 0);
    for (size_t i = 0; i < world->brute.count; i++)
        if (world->versions[i].part == part && world->versions[i].until != CDB_ENDS_NONE)
            assert_int_equal(cdb_ends_set(world->parts[part].ends, world->versions[i].doc, world->versions[i].until),
                             0);
    if (world->parts[part].ends->dead == 0) {
        cdb_ends_close(world->parts[part].ends);
        world->parts[part].ends = NULL;
    }
}

static void world_new(struct world *world, uint64_t seed, size_t keys, size_t ids, size_t parts, enum kind kind)
{
    uint32_t last = 60;

    memset(world, 0, sizeof(*world));
    world->kind = kind;
    world->random = random_seed(seed);
    assert_int_equal(cdb_analyzer_new(&world->analyzer, seed % 3 == 0 ? "none" : "english"), 0);
    world->brute.analyzer = world->analyzer;
    make_versions(world, keys, ids, parts, last);
    for (size_t i = 0; i < parts; i++)
        build_part(world, i);
    world->view = (struct cdb_ft_view){world->parts, parts, 2 * last, true};
}

static void world_free(struct world *world)
{
    for (size_t i = 0; i < world->view.count; i++) {
        cdb_ft_segment_close(world->parts[i].segment);
        cdb_ends_close(world->parts[i].ends);
        cdb_buf_release(&world->files[i]);
        free(world->by_doc[i]);
    }
    brute_close(&world->brute);
    free(world->versions);
    cdb_analyzer_free(world->analyzer);
}

static bool is_alive(const struct world *world, size_t version)
{
    return world->versions[version].from < world->view.end &&
           (world->versions[version].until == CDB_ENDS_NONE || world->view.end <= world->versions[version].until);
}

static size_t find_version(const struct world *world, size_t part, uint32_t doc)
{
    assert_true(part < world->view.count && doc < world->numbers[part]);
    return world->by_doc[part][doc];
}

static int give_document(void *context, size_t part, uint32_t doc, struct cdb_buf *json)
{
    const struct world *world = context;
    const struct brute_document *document = &world->brute.list[find_version(world, part, doc)];

    cdb_buf_clear(json);
    cdb_buf_add(json, document->json, document->len);
    return 0;
}

/* ---- one question ------------------------------------------------------------------------------- */

struct question {
    struct world *world;
    struct cdb_arena arena;
    struct cdb_buf text;
    const struct cdb_query_node *tree;
    struct brute_answer answer;
    size_t total;
    struct cdb_search_options options;
    struct cdb_search_sort sort[3];
    char names[3][64];
};

static bool in_table(const char *key, const char *table)
{
    size_t len = table != NULL ? strlen(table) : 0;

    return table == NULL || (len == 0 ? strchr(key, ':') == NULL : strncmp(key, table, len) == 0 && key[len] == ':');
}

static const char *random_field(struct world *world)
{
    static const char *const fields[] = {"m", "m", "m.id1", "m.id2.t", "a", "b"};

    return world->kind != MIXED ? fields[random_below(&world->random, 6)] : random_search_field(&world->random);
}

static void random_query(struct world *world, struct cdb_buf *out)
{
    static const char *const queries[] = {"red",        "m:red",          "\"red blue\"",    "m:\"blue red\"~3",
                                          "_exists_:m", "_exists_:m.id1", "m:[2 TO 4]",      "m:>5",
                                          "m:3",        "m:=green",       "m:=\"blue red\"", "m:bl*",
                                          "m:gren~",    "m.id2:red",      "_missing_:m.id3", "time",
                                          "a:data",     "m:[a TO h]"};
    static const char *const sparse[] = {"rare", "rare", "rare", "m:rare", "rare AND none"};

    if (world->kind == MIXED) {
        random_search_query(&world->random, out);
        return;
    }
    if (world->kind == SPARSE) {
        cdb_buf_adds(out, sparse[random_below(&world->random, 5)]);
        return;
    }
    for (size_t i = random_below(&world->random, 3) + 1; i > 0; i--)
        cdb_buf_addf(out, "%s%s ", &"\0+\0-\0\0"[2 * random_below(&world->random, 4)],
                     queries[random_below(&world->random, sizeof(queries) / sizeof(queries[0]))]);
}

/* "field:desc,field" as a list. */
static void choose_sort(struct question *question)
{
    static const char *const special[] = {"_score", "_key"};
    struct random *random = &question->world->random;

    question->options.sort = question->sort;
    question->options.sort_count = random_chance(random, 50) ? 0 : 1 + random_below(random, 3);
    for (size_t i = 0; i < question->options.sort_count; i++) {
        const char *field =
            random_chance(random, 25) ? special[random_below(random, 2)] : random_field(question->world);

        snprintf(question->names[i], sizeof(question->names[i]), "%s", field);
        question->sort[i] =
            (struct cdb_search_sort){question->names[i], strlen(question->names[i]), random_chance(random, 50)};
    }
}

static void ask(struct question *question, struct world *world)
{
    static const char *const tables[] = {"user", "", "page", "none"};

    memset(question, 0, sizeof(*question));
    question->world = world;
    random_query(world, &question->text);
    if (cdb_query_parse(&question->tree, &question->arena, question->text.ptr, question->text.len,
                        random_chance(&world->random, 50) ? CDB_QUERY_OR : CDB_QUERY_AND) != 0)
        fail_msg("%s: %s", question->text.ptr, chrondb_last_error()->message);
    question->options = (struct cdb_search_options){
        .analyzer = world->analyzer, .limit = SIZE_MAX, .document = give_document, .document_context = world};
    if (random_chance(&world->random, 20))
        question->options.table = tables[random_below(&world->random, 4)];
    choose_sort(question);
    brute_answer_init(&question->answer, &world->brute);
    brute_evaluate(&world->brute, question->tree, &question->answer);
    for (size_t i = 0; i < world->brute.count; i++) {
        question->answer.matches[i] = question->answer.matches[i] && is_alive(world, i) &&
                                      in_table(world->brute.list[i].key, question->options.table);
        question->total += question->answer.matches[i];
    }
}

static void question_free(struct question *question)
{
    brute_answer_release(&question->answer);
    cdb_buf_release(&question->text);
    cdb_arena_release(&question->arena);
}

#define differ(question, ...)                                                                                          \
    do {                                                                                                               \
        printf("search '%s' at %llu%s%s: ", (question)->text.ptr, (unsigned long long)(question)->world->view.end,     \
               (question)->options.table != NULL ? " in " : "",                                                        \
               (question)->options.table != NULL ? (question)->options.table : "");                                    \
        for (size_t differ_ = 0; differ_ < (question)->options.sort_count; differ_++)                                  \
            printf("%s%s ", (question)->names[differ_], (question)->sort[differ_].descending ? ":desc" : "");          \
        fail_msg(__VA_ARGS__);                                                                                         \
    } while (0)

static void run(struct question *question, const struct cdb_search_options *options, struct cdb_search_result *result)
{
    if (cdb_search_run(result, &question->world->view, question->tree, options) != 0)
        differ(question, "%s", chrondb_last_error()->message);
}

/* ---- what must be true -------------------------------------------------------------------------- */

static bool is_close(double a, double b)
{
    return fabs(a - b) <= 1e-5 * fmax(fabs(a), fabs(b)) + 1e-9;
}

/* The order of two hits, as far as their scores are the library's. */
static int compare_hits(const struct question *question, const struct cdb_search_hit *a, const struct cdb_search_hit *b)
{
    const struct world *world = question->world;
    const struct brute_document *x = &world->brute.list[find_version(world, a->part, a->doc)];
    const struct brute_document *y = &world->brute.list[find_version(world, b->part, b->doc)];
    int order = 0;

    if (question->options.sort_count == 0 && a->score != b->score)
        return a->score > b->score ? -1 : 1;
    for (size_t i = 0; order == 0 && i < question->options.sort_count; i++) {
        const struct cdb_search_sort *by = &question->sort[i];

        if (strcmp(by->field, "_score") == 0) {
            order = a->score < b->score ? -1 : a->score > b->score;
        } else if (strcmp(by->field, "_key") == 0) {
            order = strcmp(x->key, y->key);
        } else {
            const struct brute_scalar *u = brute_extreme(x, by->field, by->descending);
            const struct brute_scalar *v = brute_extreme(y, by->field, by->descending);

            if (u == NULL || v == NULL) {
                order = (u == NULL) - (v == NULL);
                if (order != 0)
                    return order;
                continue;
            }
            order = brute_compare(u, v);
        }
        order = by->descending ? -order : order;
    }
    return order != 0 ? order : strcmp(a->key, b->key);
}

static bool has_scores(const struct question *question)
{
    bool any = question->options.sort_count == 0;

    for (size_t i = 0; i < question->options.sort_count; i++)
        any = any || strcmp(question->sort[i].field, "_score") == 0;
    return any;
}

static void check_all(struct question *question, const struct cdb_search_result *result)
{
    const struct world *world = question->world;

    if (result->count != question->total)
        for (size_t i = 0; i < world->brute.count; i++) {
            bool found = false;

            for (size_t h = 0; h < result->count; h++)
                found = found || find_version(world, result->hits[h].part, result->hits[h].doc) == i;
            if (found != question->answer.matches[i])
                printf("%s: %s %s\n", found ? "not a hit" : "not found", world->brute.list[i].key,
                       world->brute.list[i].json);
        }
    if (result->count != question->total)
        differ(question, "%zu hits, not %zu", result->count, question->total);
    for (size_t h = 0; h < result->count; h++) {
        const struct cdb_search_hit *hit = &result->hits[h];
        size_t version = find_version(world, hit->part, hit->doc);

        if (!question->answer.matches[version] || strcmp(hit->key, world->brute.list[version].key) != 0 ||
            hit->from != world->versions[version].from)
            differ(question, "'%s' is no hit", hit->key);
        if (has_scores(question) && !isnan(question->answer.scores[version]) &&
            !is_close((double)hit->score, question->answer.scores[version]))
            differ(question, "'%s' scores %.9g, not %.9g", hit->key, (double)hit->score,
                   question->answer.scores[version]);
        if (h > 0 && compare_hits(question, &result->hits[h - 1], hit) >= 0)
            differ(question, "'%s' is behind '%s'", hit->key, result->hits[h - 1].key);
    }
}

/* A page is a part of the whole, whatever is passed over to find it. */
static void check_page(struct question *question, const struct cdb_search_result *all, size_t start,
                       const struct cdb_search_options *options)
{
    struct cdb_search_result page;
    size_t left = all->count > start ? all->count - start : 0;

    run(question, options, &page);
    if (page.count != (left < options->limit ? left : options->limit))
        differ(question, "%zu hits from %zu of %zu on", page.count, start, all->count);
    for (size_t h = 0; h < page.count; h++) {
        const struct cdb_search_hit *expected = &all->hits[start + h], *hit = &page.hits[h];

        if (strcmp(hit->key, expected->key) != 0 || hit->score != expected->score)
            differ(question, "hit %zu of the page from %zu on is '%s' with %.9g, not '%s' with %.9g", h, start,
                   hit->key, (double)hit->score, expected->key, (double)expected->score);
    }
    if ((page.next != NULL) != (left > options->limit && options->limit > 0))
        differ(question, "page of %zu from %zu of %zu: next is %s", options->limit, start, all->count,
               page.next != NULL ? page.next : "none");
    if (options->total && page.total != question->total)
        differ(question, "total %llu, not %zu", (unsigned long long)page.total, question->total);
    cdb_search_result_release(&page);
}

static void check_paging(struct question *question, const struct cdb_search_result *all)
{
    struct cdb_search_options options = question->options;
    char *after = NULL;
    size_t start = 0;

    options.limit = 1 + random_below(&question->world->random, 7 + all->count / 8);
    do {
        struct cdb_search_result page;

        options.after = after;
        check_page(question, all, start, &options);
        run(question, &options, &page);
        free(after);
        after = page.next != NULL ? strdup(page.next) : NULL;
        start += page.count;
        cdb_search_result_release(&page);
    } while (after != NULL);
    assert_int_equal(start, all->count);
}

static void check_facet(struct question *question)
{
    struct world *world = question->world;
    const char *field = random_field(world);
    struct cdb_search_facet facet = {field, strlen(field), 0};
    struct cdb_search_options options = question->options;
    struct cdb_search_result result;

    options.limit = random_chance(&world->random, 50) ? 5 : 0;
    options.facets = &facet;
    options.facet_count = 1;
    run(question, &options, &result);
    assert_int_equal(result.total, question->total);
    for (size_t f = 0; f < result.facets[0].count && f < 40; f++) {
        const struct cdb_search_count *count = &result.facets[0].values[f];
        struct brute_document asked = {0};
        struct brute one = {.analyzer = world->analyzer};
        size_t hits = 0;

        brute_add(&one, &(chrondb_entry){"k", count->value, count->len});
        asked = one.list[0];
        assert_int_equal(asked.count, 1);
        for (size_t i = 0; i < world->brute.count; i++) {
            bool has = false;

            for (size_t s = 0; s < world->brute.list[i].count; s++)
                has = has || (brute_within(&world->brute.list[i].scalars[s], field, strlen(field)) &&
                              brute_compare(&world->brute.list[i].scalars[s], &asked.scalars[0]) == 0);
            hits += has && question->answer.matches[i];
        }
        if (hits != count->count)
            differ(question, "facet %s: %llu of %s, not %zu", field, (unsigned long long)count->count, count->value,
                   hits);
        assert_true(f == 0 || count[-1].count >= count->count);
        brute_close(&one);
    }
    cdb_search_result_release(&result);
}

static void check_explained(struct question *question, const struct cdb_search_result *all)
{
    struct cdb_search_options options = question->options;
    struct cdb_search_result result;

    options.limit = 5;
    options.explain = true;
    run(question, &options, &result);
    assert_true(result.plan_count > 0 && result.plan[0].depth == 0);
    for (size_t h = 0; h < result.count; h++) {
        assert_string_equal(result.hits[h].key, all->hits[h].key);
        assert_true(result.hits[h].score_count > 0);
        if (has_scores(question) && (float)result.hits[h].scores[0].value != result.hits[h].score)
            differ(question, "'%s' is explained as %.9g, not %.9g", result.hits[h].key, result.hits[h].scores[0].value,
                   (double)result.hits[h].score);
    }
    cdb_search_result_release(&result);
}

static void check(struct question *question)
{
    struct cdb_search_options options = question->options;
    struct cdb_search_result all;
    struct random *random = &question->world->random;

    run(question, &options, &all);
    check_all(question, &all);
    for (size_t i = 0; i < 3; i++) {
        options.limit = random_below(random, 12);
        options.offset = random_chance(random, 50) ? random_below(random, 12) : 0;
        options.total = random_chance(random, 50);
        check_page(question, &all, options.offset, &options);
    }
    check_paging(question, &all);
    check_facet(question);
    check_explained(question, &all);
    cdb_search_result_release(&all);
}

/* ---- the tests ---------------------------------------------------------------------------------- */

/* So many questions to a world; how many hits they have. */
static size_t examine(struct world *world, size_t questions)
{
    size_t found = 0;

    for (size_t q = 0; q < questions; q++) {
        struct question question;

        world->view.present = q % 3 != 0;
        world->view.end = world->view.present ? 120 : 1 + random_below(&world->random, 60);
        ask(&question, world);
        check(&question);
        found += question.total;
        question_free(&question);
    }
    return found;
}

static void test_worlds(void **state)
{
    size_t worlds = random_rounds(16, 100), found = 0;

    (void)state;
    for (size_t w = 0; w < worlds; w++) {
        struct world world;

        world_new(&world, 100 + w, 4 + w * 12, 1 + w * 5, 1 + w % PARTS_MAX, MIXED);
        found += examine(&world, 60);
        world_free(&world);
    }
    assert_true(found > worlds * 60);
}

/* Several windows of documents, lists of several blocks. */
static void test_many_documents(void **state)
{
    size_t questions = random_rounds(20, 200);
    struct world world;

    (void)state;
    world_new(&world, 1, 3500, 2000, 2, MIXED);
    assert_true(examine(&world, questions) > questions * 50);
    world_free(&world);
}

/* Windows as wide as the blocks of a list. */
static void test_rare_word(void **state)
{
    struct world world;

    (void)state;
    world_new(&world, 1, 8000, 9000, 1, SPARSE);
    assert_true(examine(&world, 6) > 300);
    world_free(&world);
}

static void test_many_fields(void **state)
{
    size_t found = 0;

    (void)state;
    for (size_t w = 0; w < 6; w++) {
        struct world world;

        world_new(&world, 200 + w, 30 + 40 * w, 100, 1 + w % 3, MAPS);
        found += examine(&world, 60);
        world_free(&world);
    }
    assert_true(found > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_worlds), cmocka_unit_test(test_many_documents),
                                       cmocka_unit_test(test_rare_word), cmocka_unit_test(test_many_fields)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
