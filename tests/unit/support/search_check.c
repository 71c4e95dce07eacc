/* SPDX-License-Identifier: MIT */
#include "search_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "query/parse.h"
#include "search_question.h"
#include "search_random.h"

#define SORTS_MAX 4

/* A hit, as the number of its document. */
struct found {
    size_t document;
    double score;
};

/* ---- telling --------------------------------------------------------------------------------------- */

static void print_documents(const struct question *question)
{
    const struct brute *brute = question->check->brute;

    for (size_t d = 0; d < brute->count && brute->count < 300; d++)
        printf("%s {\"key\":\"%s\",\"value\":%.*s}\n", question->answer.matches[d] ? "+" : " ", brute->list[d].key,
               (int)brute->list[d].len, brute->list[d].json);
}

void search_differ(const struct question *question, const char *format, ...)
{
    char message[512];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    print_documents(question);
    printf("(+ are those that brute force finds) at %s\n", question->check->where);
    fail_msg("search '%s'%s%s%s%s%s%s: %s", cdb_buf_str(&question->query),
             question->options.default_and ? " --default-op and" : "", question->options.sort != NULL ? " --sort " : "",
             question->options.sort != NULL ? question->options.sort : "",
             question->options.table != NULL ? " --table " : "",
             question->options.table != NULL ? question->options.table : "",
             question->options.count_only ? " --count" : "", message);
    abort();
}

/* ---- asking ---------------------------------------------------------------------------------------- */

chrondb_search *search_ask(const struct question *question, const chrondb_search_options *options)
{
    chrondb_search *search = NULL;

    if (chrondb_search_open(&search, question->check->snapshot, question->query.ptr, options) != 0)
        search_differ(question, "%s", chrondb_last_error()->message);
    return search;
}

static size_t find_document(const struct question *question, const char *key)
{
    const struct brute *brute = question->check->brute;

    for (size_t first = 0, last = brute->count; first < last;) {
        size_t middle = first + (last - first) / 2;
        int order = strcmp(brute->list[middle].key, key);
        if (order == 0)
            return middle;
        if (order < 0)
            first = middle + 1;
        else
            last = middle;
    }
    search_differ(question, "'%s' is found, but is not there", key);
}

/* All hits of a search: how many. `hits` has room for all documents. */
static size_t read_hits(const struct question *question, chrondb_search *search, bool keys_only, struct found *hits,
                        size_t room)
{
    const struct brute *brute = question->check->brute;
    chrondb_hit hit;
    size_t count = 0;
    int status;

    while ((status = chrondb_search_next(search, &hit)) == 0) {
        size_t d = find_document(question, hit.key);
        if (count == room)
            search_differ(question, "there are more hits than should be: '%s'", hit.key);
        if (keys_only
                ? hit.value != NULL
                : hit.value_size != brute->list[d].len || memcmp(hit.value, brute->list[d].json, hit.value_size) != 0)
            search_differ(question, "'%s' has not its value", hit.key);
        hits[count++] = (struct found){d, hit.score};
    }
    if (status != CHRONDB_END)
        search_differ(question, "%s", chrondb_last_error()->message);
    return count;
}

/* ---- a random question ------------------------------------------------------------------------------- */

static bool in_table(const char *key, const char *table)
{
    const char *colon = strchr(key, ':');

    return table == NULL || (*table == '\0' ? colon == NULL
                                            : colon != NULL && strlen(table) == (size_t)(colon - key) &&
                                                  strncmp(key, table, strlen(table)) == 0);
}

static void think(struct question *question)
{
    const struct brute *brute = question->check->brute;

    question->total = 0;
    for (size_t d = 0; d < brute->count; d++) {
        question->answer.matches[d] &= in_table(brute->list[d].key, question->options.table);
        question->total += question->answer.matches[d];
    }
}

static void ask(struct question *question, struct search_check *check)
{
    static const char *const tables[] = {"user", "", "page", "none"};
    struct random *random = check->random;

    memset(question, 0, sizeof(*question));
    question->check = check;
    question->options.size = sizeof(question->options);
    random_search_query(random, &question->query);
    if (random_chance(random, 40)) {
        random_search_sort(random, &question->sort);
        question->options.sort = question->sort.ptr;
    }
    question->options.default_and = random_chance(random, 20);
    if (random_chance(random, 10))
        question->options.table = tables[random_below(random, sizeof(tables) / sizeof(tables[0]))];
    brute_answer_init(&question->answer, check->brute);
    if (cdb_query_parse(&question->tree, &question->arena, question->query.ptr, question->query.len,
                        question->options.default_and ? CDB_QUERY_AND : CDB_QUERY_OR) != 0)
        search_differ(question, "%s", chrondb_last_error()->message);
    brute_evaluate(check->brute, question->tree, &question->answer);
    think(question);
}

static void forget(struct question *question)
{
    brute_answer_release(&question->answer);
    cdb_arena_release(&question->arena);
    cdb_buf_release(&question->query);
    cdb_buf_release(&question->sort);
}

/* ---- orders ------------------------------------------------------------------------------------------ */

struct criterion {
    char *field;
    bool descending;
};

static size_t read_sort(const char *sort, struct criterion *out)
{
    size_t count = 0;
    char *copy = strdup(sort), *rest = copy, *part;

    assert_non_null(copy);
    while ((part = strsep(&rest, ",")) != NULL) {
        char *colon = strrchr(part, ':');
        assert_true(count < SORTS_MAX);
        out[count].descending = colon != NULL && strcmp(colon, ":desc") == 0;
        if (colon != NULL)
            *colon = '\0';
        out[count].field = strdup(part);
        assert_non_null(out[count++].field);
    }
    free(copy);
    return count;
}

static int compare_by(const struct question *question, const struct criterion *criterion, const struct found *a,
                      const struct found *b)
{
    const struct brute_document *left = &question->check->brute->list[a->document];
    const struct brute_document *right = &question->check->brute->list[b->document];
    int order;

    if (strcmp(criterion->field, "_score") == 0) {
        order = (a->score > b->score) - (a->score < b->score);
    } else if (strcmp(criterion->field, "_key") == 0) {
        order = strcmp(left->key, right->key);
    } else {
        const struct brute_scalar *x = brute_extreme(left, criterion->field, criterion->descending);
        const struct brute_scalar *y = brute_extreme(right, criterion->field, criterion->descending);
        if (x == NULL || y == NULL)
            return (x == NULL) - (y == NULL); /* missing ones last, either way */
        order = brute_compare(x, y);
    }
    return criterion->descending ? -order : order;
}

/* Every hit stands before the next one. */
static void check_order(const struct question *question, const struct found *hits, size_t count)
{
    struct criterion criteria[SORTS_MAX] = {{NULL, false}};
    size_t criterion_count = question->options.sort != NULL ? read_sort(question->options.sort, criteria) : 0;

    for (size_t i = 0; i + 1 < count; i++) {
        const struct found *a = &hits[i], *b = &hits[i + 1];
        int order = 0;
        for (size_t c = 0; order == 0 && c < criterion_count; c++)
            order = compare_by(question, &criteria[c], a, b);
        if (order == 0 && criterion_count == 0)
            order = (a->score < b->score) - (a->score > b->score);
        if (order == 0)
            order = a->document < b->document ? -1 : 1; /* in the order of keys */
        if (order > 0)
            search_differ(question, "'%s' (%.9g) stands before '%s' (%.9g)",
                          question->check->brute->list[a->document].key, a->score,
                          question->check->brute->list[b->document].key, b->score);
    }
    for (size_t c = 0; c < criterion_count; c++)
        free(criteria[c].field);
}

/* From which statistics a score comes. */
static void print_plan(const struct question *question)
{
    chrondb_search_options options = question->options;
    chrondb_search_stats stats = {.size = sizeof(stats)};
    chrondb_search *search = NULL;
    chrondb_step step;

    options.explain = 1;
    if (chrondb_search_open(&search, question->check->snapshot, question->query.ptr, &options) != 0)
        return;
    chrondb_search_get_stats(search, &stats);
    printf("%zu segments, %zu documents caught up\n", (size_t)stats.segments, (size_t)stats.caught_up);
    for (size_t i = 0; chrondb_search_step(search, i, &step) == 0; i++)
        printf("%*s%s %s: in %zu of %zu, %g words on average\n", (int)step.depth * 2, "", step.kind, step.text,
               (size_t)step.df, (size_t)step.documents, step.average_length);
    chrondb_search_free(search);
}

static void check_scores(const struct question *question, const struct found *hits, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        double expected = question->answer.scores[hits[i].document];
        if (isnan(expected) || fabs(hits[i].score - expected) <= 1e-4 * fabs(expected) + 1e-9)
            continue;
        print_plan(question);
        search_differ(question, "'%s' has the score %.9g instead of %.9g",
                      question->check->brute->list[hits[i].document].key, hits[i].score, expected);
    }
}

/* A score that nobody asked for is none. */
static bool same_score(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

/* ---- all hits, and parts of them ------------------------------------------------------------------------ */

static void check_all(const struct question *question, struct found *hits)
{
    const struct brute *brute = question->check->brute;
    chrondb_search_options options = question->options;

    options.limit = UINT64_MAX;
    options.total = 1;
    chrondb_search *search = search_ask(question, &options);
    size_t count = read_hits(question, search, false, hits, brute->count);
    bool *seen = calloc(brute->count + 1, sizeof(*seen));
    assert_non_null(seen);
    for (size_t i = 0; i < count; i++) {
        if (!question->answer.matches[hits[i].document])
            search_differ(question, "'%s' is found", brute->list[hits[i].document].key);
        if (seen[hits[i].document])
            search_differ(question, "'%s' is found twice", brute->list[hits[i].document].key);
        seen[hits[i].document] = true;
    }
    free(seen);
    if (count != question->total)
        search_differ(question, "%zu hits instead of %zu", count, question->total);
    if (chrondb_search_total(search) != question->total)
        search_differ(question, "the total is %zu instead of %zu", (size_t)chrondb_search_total(search),
                      question->total);
    if (chrondb_search_cursor(search) != NULL)
        search_differ(question, "there is a cursor behind the last hit");
    check_order(question, hits, count);
    if (question->check->exact && options.sort == NULL)
        check_scores(question, hits, count);
    chrondb_search_free(search);
}

static void expect_hits(const struct question *question, const struct found *expected, const struct found *hits,
                        size_t count, const char *what)
{
    for (size_t i = 0; i < count; i++)
        if (hits[i].document != expected[i].document || !same_score(hits[i].score, expected[i].score))
            search_differ(question, "%s: hit %zu is '%s' (%.9g) instead of '%s' (%.9g)", what, i,
                          question->check->brute->list[hits[i].document].key, hits[i].score,
                          question->check->brute->list[expected[i].document].key, expected[i].score);
}

/* A window of them. */
static void check_window(const struct question *question, const struct found *all, struct found *hits)
{
    struct random *random = question->check->random;
    chrondb_search_options options = question->options;
    size_t room = question->check->brute->count;

    options.offset = random_below(random, question->total + 3);
    options.limit = 1 + random_below(random, question->total + 3);
    options.keys_only = random_chance(random, 50);
    chrondb_search *search = search_ask(question, &options);
    size_t count = read_hits(question, search, options.keys_only, hits, room);
    size_t left = options.offset < question->total ? question->total - (size_t)options.offset : 0;
    if (count != (left < options.limit ? left : (size_t)options.limit))
        search_differ(question, "%zu hits from %zu on, at most %zu, of %zu", count, (size_t)options.offset,
                      (size_t)options.limit, question->total);
    expect_hits(question, all + (count > 0 ? options.offset : 0), hits, count, "a part of them");
    if ((chrondb_search_cursor(search) != NULL) != (left > count))
        search_differ(question, "%s cursor behind %zu of %zu", left > count ? "no" : "a", count, left);
    chrondb_search_free(search);
}

/* Page by page. */
static void check_pages(const struct question *question, const struct found *all, struct found *hits)
{
    struct search_check *check = question->check;
    chrondb_search_options options = question->options;
    char *cursor = NULL;
    size_t read = 0;

    do {
        options.after = cursor;
        options.limit = 1 + random_below(check->random, question->total / 2 + 2);
        options.total = random_chance(check->random, 30);
        chrondb_search *search = search_ask(question, &options);
        size_t count = read_hits(question, search, false, hits, check->brute->count - read);
        if (count > question->total - read)
            search_differ(question, "more hits than there are on the pages");
        expect_hits(question, all + read, hits, count, "a page");
        if (options.total && chrondb_search_total(search) != question->total)
            search_differ(question, "the total is %zu on a later page", (size_t)chrondb_search_total(search));
        read += count;
        free(cursor);
        cursor = chrondb_search_cursor(search) != NULL ? strdup(chrondb_search_cursor(search)) : NULL;
        if (count == 0 && cursor != NULL)
            search_differ(question, "an empty page, and a cursor");
        chrondb_search_free(search);
        if (check->meanwhile != NULL && random_chance(check->random, 5)) {
            check->meanwhile(check->context);
            check->exact = false; /* this is not the present any more */
        }
    } while (cursor != NULL);
    if (read != question->total)
        search_differ(question, "%zu hits on all pages", read);
}

static void check_count(const struct question *question)
{
    chrondb_search_options options = question->options;

    options.count_only = 1;
    chrondb_search *search = search_ask(question, &options);
    if (chrondb_search_total(search) != question->total)
        search_differ(question, "--count is %zu instead of %zu", (size_t)chrondb_search_total(search), question->total);
    chrondb_search_free(search);
}

/* The same query within one in JSON, which says the limit. */
static void check_ast(const struct question *question, const struct found *all, struct found *hits)
{
    size_t limit = 1 + random_below(question->check->random, question->total + 2);
    chrondb_search *search = NULL;
    struct cdb_buf ast = CDB_BUF_INIT;

    cdb_buf_adds(&ast, "{\"clauses\":[{\"type\":\"query\",\"value\":");
    cdb_json_quote(&ast, question->query.ptr, question->query.len);
    cdb_buf_addf(&ast, ",\"default-operator\":\"%s\"}],\"limit\":%zu}", question->options.default_and ? "and" : "or",
                 limit);
    if (chrondb_search_open_ast(&search, question->check->snapshot, ast.ptr, ast.len, &question->options) != 0)
        search_differ(question, "%s: %s", ast.ptr, chrondb_last_error()->message);
    size_t count = read_hits(question, search, false, hits, question->check->brute->count);
    if (count != (limit < question->total ? limit : question->total))
        search_differ(question, "%zu hits in JSON", count);
    expect_hits(question, all, hits, count, "in JSON");
    chrondb_search_free(search);
    cdb_buf_release(&ast);
}

/* ---- explanations and marks --------------------------------------------------------------------------- */

static void check_explained(const struct question *question, const struct found *all)
{
    chrondb_search_options options = question->options;
    const chrondb_mark *marks;
    chrondb_step step;
    chrondb_hit hit;
    size_t mark_count, end, index = 0;

    options.explain = 1;
    chrondb_search *search = search_ask(question, &options);
    if (chrondb_search_step(search, 0, &step) != 0 || step.depth != 0)
        search_differ(question, "there is no plan");
    for (; chrondb_search_next(search, &hit) == 0; index++) {
        if (strcmp(hit.key, question->check->brute->list[all[index].document].key) != 0 ||
            !same_score(hit.score, all[index].score))
            search_differ(question, "'%s' (%.9g) is another hit when explained", hit.key, hit.score);
        if (options.sort == NULL &&
            (hit.score_count == 0 || fabs(hit.scores[0].value - hit.score) > 1e-5 * fabs(hit.score) + 1e-9))
            search_differ(question, "the explanation of '%s' is not its score", hit.key);
        if (chrondb_search_highlight(search, hit.value, hit.value_size, &marks, &mark_count) != 0)
            search_differ(question, "%s", chrondb_last_error()->message);
        end = 0;
        for (size_t i = 0; i < mark_count; i++) {
            if (marks[i].start < end || marks[i].end <= marks[i].start || marks[i].end > hit.value_size)
                search_differ(question, "mark %zu of '%s' is %zu to %zu", i, hit.key, marks[i].start, marks[i].end);
            end = marks[i].end;
        }
    }
    chrondb_search_free(search);
}

void search_check(struct search_check *check, size_t count)
{
    struct found *all = calloc(check->brute->count + 1, sizeof(*all));
    struct found *hits = calloc(check->brute->count + 1, sizeof(*hits));

    assert_true(all != NULL && hits != NULL);
    for (; count > 0; count--) {
        struct question question;
        ask(&question, check);
        check_all(&question, all);
        check_count(&question);
        if (random_chance(check->random, 30))
            search_check_facet(&question);
        if (!check->damaged) /* else scores may be others the next time */
            check_window(&question, all, hits);
        if (random_chance(check->random, 20) && !check->damaged)
            check_ast(&question, all, hits);
        if (random_chance(check->random, 20) && !check->damaged)
            check_explained(&question, all);
        if (random_chance(check->random, 30) && !check->damaged)
            check_pages(&question, all, hits); /* the last: what is written meanwhile may change later scores */
        check->found += question.total;
        forget(&question);
    }
    free(all);
    free(hits);
}
