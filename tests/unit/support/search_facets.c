/* SPDX-License-Identifier: MIT
 *
 * Facets, beside counting by hand (search_check.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "search_question.h"
#include "search_random.h"

struct value_count {
    const struct brute_scalar *value;
    size_t count, last; /* documents; the last one */
};

static int by_count(const void *left, const void *right)
{
    const struct value_count *a = left, *b = right;

    return a->count != b->count ? (a->count < b->count ? 1 : -1) : brute_compare(a->value, b->value);
}

static size_t count_values(const struct question *question, const char *field, struct value_count **out)
{
    const struct brute *brute = question->check->brute;
    size_t count = 0, room = 0;

    *out = NULL;
    for (size_t d = 0; d < brute->count; d++)
        for (size_t i = 0; i < brute->list[d].count && question->answer.matches[d]; i++) {
            const struct brute_scalar *scalar = &brute->list[d].scalars[i];
            size_t at = 0;
            if (!brute_within(scalar, field, strlen(field)))
                continue;
            while (at < count && brute_compare((*out)[at].value, scalar) != 0)
                at++;
            if (at == room)
                assert_non_null(*out = realloc(*out, (room = room * 2 + 8) * sizeof(**out)));
            if (at == count)
                (*out)[count++] = (struct value_count){scalar, 1, d};
            else if ((*out)[at].last != d)
                (*out)[at] = (struct value_count){(*out)[at].value, (*out)[at].count + 1, d};
        }
    if (count > 0)
        qsort(*out, count, sizeof(**out), by_count);
    return count;
}

static bool is_value(const chrondb_facet *facet, const struct brute_scalar *value)
{
    struct cdb_json json = CDB_JSON_INIT;
    struct cdb_buf text = CDB_BUF_INIT;

    assert_int_equal(cdb_json_parse(&json, facet->value, facet->value_size), 0);
    struct brute_scalar read = {.type = json.nodes[0].type};
    if (read.type == CDB_JSON_STRING)
        cdb_json_string(&json, 0, &text);
    else
        cdb_buf_add(&text, facet->value, facet->value_size);
    read.text = (char *)(uintptr_t)cdb_buf_str(&text);
    read.len = text.len;
    bool same = brute_compare(&read, value) == 0;
    cdb_buf_release(&text);
    cdb_json_release(&json);
    return same;
}

void search_check_facet(const struct question *question)
{
    struct random *random = question->check->random;
    chrondb_search_options options = question->options;
    const char *field = random_search_field(random);
    const chrondb_facet *values;
    struct value_count *expected;
    uint64_t distinct;

    options.facets = &field;
    options.facet_count = 1;
    options.facet_limit = random_below(random, 4);
    options.count_only = random_chance(random, 50);
    chrondb_search *search = search_ask(question, &options);
    size_t count = chrondb_search_facet(search, 0, &values, &distinct);
    size_t all = count_values(question, field, &expected);
    if (distinct != all)
        search_differ(question, "--facet '%s' has %zu values instead of %zu", field, (size_t)distinct, all);
    if (count != (options.facet_limit == 0 || all < options.facet_limit ? all : options.facet_limit))
        search_differ(question, "--facet '%s' shows %zu of %zu values", field, count, all);
    for (size_t i = 0; i < count; i++)
        if (values[i].count != expected[i].count || !is_value(&values[i], expected[i].value))
            search_differ(question, "--facet '%s': value %zu is %.*s (%zu times) instead of %.*s (%zu times)", field, i,
                          (int)values[i].value_size, values[i].value, (size_t)values[i].count,
                          (int)expected[i].value->len, expected[i].value->text, expected[i].count);
    free(expected);
    chrondb_search_free(search);
}
