/* SPDX-License-Identifier: MIT */
#include "merge_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "doc/json.h"
#include "doc/merge.h"
#include "util/array.h"

#define SPELLINGS 4

static const char *const scalars[][SPELLINGS] = {
    {"null"},
    {"true"},
    {"false"},
    {"0", "-0", "0e5", "0.000"},
    {"1", "1.0", "10e-1", "0.1E1"},
    {"1.1", "1.10", "11e-1"},
    {"1e400", "10e399"},
    {"1e99999999999999999999", "10e99999999999999999998"},
    {"123456789012345678901234567890", "123456789012345678901234567890.0"},
    {"123456789012345678901234567891"},
    {"\"\""},
    {"\"x\"", "\"\\u0078\""},
    {"\"\xc3\xa9\"", "\"\\u00e9\"", "\"\\u00E9\""},
    {"\"\\ud800\"", "\"\\uD800\""},
    {"\"/\"", "\"\\/\""},
    {"\"1\""},
};
#define SCALARS (sizeof(scalars) / sizeof(scalars[0]))

/* With how each stands in a JSON pointer. */
static const struct {
    const char *spellings[SPELLINGS];
    const char *step;
} names[MERGE_NAMES] = {
    {{"\"a\"", "\"\\u0061\""}, "a"},
    {{"\"b\""}, "b"},
    {{"\"\""}, ""},
    {{"\"~/\"", "\"\\u007e\\/\""}, "~0~1"},
    {{"\"\xc3\xa9\"", "\"\\u00e9\""}, "\xc3\xa9"},
    {{"\"c d\""}, "c d"},
    {{"\"ab\"", "\"a\\u0062\""}, "ab"},
};

void merge_values_release(struct merge_values *values)
{
    for (size_t i = 0; i < values->count; i++)
        free(values->list[i]);
    free(values->list);
    *values = (struct merge_values){NULL, 0, 0};
}

static struct merge_value *new_value(struct merge_values *values, enum merge_type type)
{
    struct merge_value *value = calloc(1, sizeof(*value));

    assert_non_null(value);
    assert_int_equal(cdb_array_grow(&values->list, &values->room, values->count, sizeof(*values->list)), 0);
    values->list[values->count++] = value;
    value->type = type;
    return value;
}

/* ---- random values ----------------------------------------------------------------------------- */

const struct merge_value *merge_value_random(struct merge_values *values, struct random *random, unsigned depth)
{
    size_t kind = depth == 0 ? 0 : random_below(random, 10);
    struct merge_value *value = new_value(values, kind < 4 ? MERGE_SCALAR : kind < 5 ? MERGE_ARRAY : MERGE_OBJECT);

    value->scalar = (unsigned)random_below(random, SCALARS);
    if (value->type == MERGE_ARRAY)
        for (value->count = random_below(random, MERGE_ITEMS + 1); value->count > 0 && value->items[0] == NULL;)
            for (size_t i = 0; i < value->count; i++)
                value->items[i] = merge_value_random(values, random, depth - 1);
    for (size_t i = 0; value->type == MERGE_OBJECT && i < MERGE_NAMES; i++)
        if (random_chance(random, 50))
            value->items[i] = merge_value_random(values, random, depth - 1);
    return value;
}

const struct merge_value *merge_value_edit(struct merge_values *values, struct random *random,
                                           const struct merge_value *value)
{
    if (value->type == MERGE_SCALAR || random_chance(random, 5))
        return merge_value_random(values, random, 2);
    struct merge_value *copy = new_value(values, value->type);
    *copy = *value;
    if (value->type == MERGE_ARRAY) {
        if (copy->count == 0)
            copy->count = 1;
        copy->items[random_below(random, copy->count)] = merge_value_random(values, random, 1);
        return copy;
    }
    size_t name = random_below(random, MERGE_NAMES);
    if (copy->items[name] == NULL)
        copy->items[name] = merge_value_random(values, random, 2);
    else if (random_chance(random, 25))
        copy->items[name] = NULL;
    else
        copy->items[name] = merge_value_edit(values, random, copy->items[name]);
    return copy;
}

bool merge_value_equal(const struct merge_value *a, const struct merge_value *b)
{
    if (a == NULL || b == NULL || a->type != b->type)
        return a == b;
    if (a->type == MERGE_MARK)
        return true;
    if (a->type == MERGE_SCALAR)
        return a->scalar == b->scalar;
    size_t count = a->type == MERGE_ARRAY ? a->count : MERGE_NAMES;
    if (a->type == MERGE_ARRAY && a->count != b->count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!merge_value_equal(a->items[i], b->items[i]))
            return false;
    return true;
}

const struct merge_value *merge_value_find(const struct merge_value *value, const char *pointer)
{
    while (value != NULL && *pointer == '/') {
        size_t len = strcspn(++pointer, "/"), name = 0;
        while (name < MERGE_NAMES && (strlen(names[name].step) != len || strncmp(names[name].step, pointer, len) != 0))
            name++;
        value = value->type == MERGE_OBJECT && name < MERGE_NAMES ? value->items[name] : NULL;
        pointer += len;
    }
    return value;
}

/* ---- texts ------------------------------------------------------------------------------------- */

static void spell_one(struct random *random, const char *const spellings[SPELLINGS], struct cdb_buf *out)
{
    size_t count = 1;

    while (count < SPELLINGS && spellings[count] != NULL)
        count++;
    cdb_buf_adds(out, spellings[random_chance(random, 70) ? 0 : random_below(random, count)]);
}

static void space(struct random *random, struct cdb_buf *out)
{
    static const char *const spaces[] = {"", "", "", "", "", " ", "\n  ", "\t"};

    cdb_buf_adds(out, spaces[random_below(random, sizeof(spaces) / sizeof(spaces[0]))]);
}

static void spell_member(struct random *random, size_t name, const struct merge_value *value, bool first,
                         struct cdb_buf *out)
{
    if (!first)
        cdb_buf_addc(out, ',');
    space(random, out);
    spell_one(random, names[name].spellings, out);
    space(random, out);
    cdb_buf_addc(out, ':');
    space(random, out);
    if (value != NULL)
        merge_value_spell(random, value, out);
    else
        cdb_buf_adds(out, "[[]]"); /* a duplicate that does not count */
    space(random, out);
}

static void spell_object(struct random *random, const struct merge_value *value, struct cdb_buf *out)
{
    size_t order[MERGE_NAMES];
    bool first = true;

    for (size_t i = 0; i < MERGE_NAMES; i++)
        order[i] = i;
    for (size_t i = MERGE_NAMES; random_chance(random, 30) && i > 1; i--) {
        size_t other = random_below(random, i), swap = order[i - 1];
        order[i - 1] = order[other];
        order[other] = swap;
    }
    for (size_t i = 0; i < MERGE_NAMES; i++) {
        if (value->items[order[i]] == NULL)
            continue;
        if (random_chance(random, 4)) {
            spell_member(random, order[i], NULL, first, out);
            first = false;
        }
        spell_member(random, order[i], value->items[order[i]], first, out);
        first = false;
    }
}

void merge_value_spell(struct random *random, const struct merge_value *value, struct cdb_buf *out)
{
    if (value->type == MERGE_SCALAR) {
        spell_one(random, scalars[value->scalar], out);
        return;
    }
    cdb_buf_addc(out, value->type == MERGE_ARRAY ? '[' : '{');
    if (value->type == MERGE_OBJECT)
        spell_object(random, value, out);
    for (size_t i = 0; value->type == MERGE_ARRAY && i < value->count; i++) {
        if (i > 0)
            cdb_buf_addc(out, ',');
        space(random, out);
        merge_value_spell(random, value->items[i], out);
    }
    cdb_buf_addc(out, value->type == MERGE_ARRAY ? ']' : '}');
}

static bool is_text(const struct cdb_json *json, uint32_t node, const char *text)
{
    size_t len = json->nodes[node].end - json->nodes[node].start;

    return text != NULL && strlen(text) == len && memcmp(json->text + json->nodes[node].start, text, len) == 0;
}

static size_t read_name(const struct cdb_json *json, uint32_t node)
{
    for (size_t i = 0; i < MERGE_NAMES; i++)
        for (size_t k = 0; k < SPELLINGS; k++)
            if (is_text(json, node, names[i].spellings[k]))
                return i;
    fail_msg("no name of ours in %s", json->text);
    return 0;
}

static const struct merge_value *read_scalar(struct merge_values *values, const struct cdb_json *json, uint32_t node)
{
    struct merge_value *value = new_value(values, MERGE_SCALAR);

    if (is_text(json, node, CDB_MERGE_MARK_TEXT)) {
        value->type = MERGE_MARK;
        return value;
    }
    for (unsigned i = 0; i < SCALARS; i++)
        for (size_t k = 0; k < SPELLINGS; k++)
            if (is_text(json, node, scalars[i][k])) {
                value->scalar = i;
                return value;
            }
    fail_msg("no scalar of ours in %s", json->text);
    return NULL;
}

static const struct merge_value *read_node(struct merge_values *values, const struct cdb_json *json, uint32_t node)
{
    const struct cdb_json_node *at = &json->nodes[node];

    if (at->type != CDB_JSON_ARRAY && at->type != CDB_JSON_OBJECT)
        return read_scalar(values, json, node);
    struct merge_value *value = new_value(values, at->type == CDB_JSON_ARRAY ? MERGE_ARRAY : MERGE_OBJECT);
    for (uint32_t i = node + 1; i < at->next; i = json->nodes[i].next) {
        if (at->type == CDB_JSON_ARRAY) {
            assert_true(value->count < MERGE_ITEMS);
            value->items[value->count++] = read_node(values, json, i);
        } else {
            size_t name = read_name(json, i++);
            value->items[name] = read_node(values, json, i);
        }
    }
    return value;
}

const struct merge_value *merge_value_read(struct merge_values *values, const char *text, size_t len)
{
    struct cdb_json json;

    if (cdb_json_parse(&json, text, len) != 0)
        fail_msg("not JSON: %.*s", (int)len, text);
    const struct merge_value *value = read_node(values, &json, 0);
    cdb_json_release(&json);
    return value;
}

/* ---- merging ----------------------------------------------------------------------------------- */

static bool is_object(const struct merge_value *value)
{
    return value != NULL && value->type == MERGE_OBJECT;
}

static const struct merge_value *merge_members(struct merge_values *values, const struct merge_value *base,
                                               const struct merge_value *ours, const struct merge_value *theirs,
                                               enum merge_choice choice, const char *prefix, struct cdb_buf *path,
                                               struct cdb_buf *conflicts)
{
    struct merge_value *merged = new_value(values, MERGE_OBJECT);
    size_t len = path->len;

    for (size_t i = 0; i < MERGE_NAMES; i++) {
        cdb_buf_addf(path, "/%s", names[i].step);
        merged->items[i] = merge_model(values, base != NULL ? base->items[i] : NULL, ours->items[i], theirs->items[i],
                                       choice, prefix, path, conflicts);
        path->len = len;
        path->ptr[len] = '\0';
    }
    return merged;
}

const struct merge_value *merge_model(struct merge_values *values, const struct merge_value *base,
                                      const struct merge_value *ours, const struct merge_value *theirs,
                                      enum merge_choice choice, const char *prefix, struct cdb_buf *path,
                                      struct cdb_buf *conflicts)
{
    bool marked = base != NULL && base->type == MERGE_MARK;

    if (merge_value_equal(ours, theirs))
        return ours;
    if (!marked && merge_value_equal(theirs, base))
        return ours;
    if (!marked && merge_value_equal(ours, base))
        return theirs;
    if (is_object(ours) && is_object(theirs) && (base == NULL || is_object(base)))
        return merge_members(values, base, ours, theirs, choice, prefix, path, conflicts);
    cdb_buf_addf(conflicts, "%s%s\n", prefix, cdb_buf_str(path));
    if (choice == MERGE_TAKE_NONE)
        return new_value(values, MERGE_MARK);
    return choice == MERGE_TAKE_OURS ? ours : theirs;
}

static int compare_lines(const void *left, const void *right)
{
    const char *const *a = left, *const *b = right;

    return strcmp(*a, *b);
}

void merge_sort_lines(struct cdb_buf *lines)
{
    struct cdb_buf sorted = CDB_BUF_INIT;
    const char **list = calloc(lines->len + 1, sizeof(*list));
    size_t count = 0;

    assert_non_null(list);
    for (char *at = lines->ptr; at != NULL && *at != '\0';) {
        char *end = strchr(at, '\n');
        list[count++] = at;
        *end = '\0';
        at = end + 1;
    }
    qsort(list, count, sizeof(*list), compare_lines);
    for (size_t i = 0; i < count; i++)
        cdb_buf_addf(&sorted, "%s\n", list[i]);
    free(list);
    cdb_buf_release(lines);
    *lines = sorted;
}
