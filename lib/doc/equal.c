/* SPDX-License-Identifier: MIT */
#include "doc/equal.h"

#include <stdlib.h>
#include <string.h>

#include "chrondb.h"
#include "doc/decimal.h"
#include "doc/string.h"
#include "util/error.h"

/* Two arrays or two objects that are being compared. */
struct pair {
    uint32_t a, b;           /* the containers */
    uint32_t a_next, b_next; /* the elements, or the member of `a`, to look at next */
};

struct comparison {
    const struct cdb_names *a_names, *b_names;
    const struct cdb_json *a, *b;
    enum cdb_equality equality;
    struct pair pairs[CHRONDB_MAX_DEPTH];
    unsigned depth;
};

/* ---- scalars ----------------------------------------------------------------------------------- */

static bool same_text(const struct comparison *it, uint32_t a, uint32_t b)
{
    const struct cdb_json_node *x = &it->a->nodes[a];
    const struct cdb_json_node *y = &it->b->nodes[b];
    size_t len = x->end - x->start;

    return len == y->end - y->start && memcmp(it->a->text + x->start, it->b->text + y->start, len) == 0;
}

static bool same_scalar(const struct comparison *it, uint32_t a, uint32_t b)
{
    const struct cdb_json_node *x = &it->a->nodes[a];
    const struct cdb_json_node *y = &it->b->nodes[b];
    struct cdb_decimal p, q;

    if (same_text(it, a, b))
        return true;
    if (it->equality == CDB_EQUAL_TEXTS)
        return false;
    if (x->type == CDB_JSON_STRING)
        return cdb_json_string_compare(it->a->text + x->start, x->end - x->start, it->b->text + y->start,
                                       y->end - y->start) == 0;
    if (x->type != CDB_JSON_NUMBER)
        return false;
    cdb_decimal_read(&p, it->a->text + x->start, x->end - x->start);
    cdb_decimal_read(&q, it->b->text + y->start, y->end - y->start);
    return cdb_decimal_compare(&p, &q) == 0;
}

/* ---- containers -------------------------------------------------------------------------------- */

static bool is_container(const struct cdb_json_node *node)
{
    return node->type == CDB_JSON_ARRAY || node->type == CDB_JSON_OBJECT;
}

static uint32_t count_names(const struct cdb_names *names, uint32_t object)
{
    const struct cdb_json_node *nodes = names->json->nodes;
    uint32_t count = 0;

    for (uint32_t name = object + 1; name < nodes[object].next; name = nodes[name + 1].next)
        count += !cdb_names_is_shadowed(names, name);
    return count;
}

/* Two values: equal as far as can be told without their contents, which are left to do. */
static bool compare_values(struct comparison *it, uint32_t a, uint32_t b)
{
    const struct cdb_json_node *x = &it->a->nodes[a];

    if (x->type != it->b->nodes[b].type)
        return false;
    if (!is_container(x))
        return same_scalar(it, a, b);
    if (x->type == CDB_JSON_OBJECT && count_names(it->a_names, a) != count_names(it->b_names, b))
        return false;
    it->pairs[it->depth++] = (struct pair){a, b, a + 1, b + 1};
    return true;
}

static bool compare_next_member(struct comparison *it, struct pair *pair)
{
    uint32_t name = pair->a_next;
    uint32_t mate;

    if (name == it->a->nodes[pair->a].next) {
        it->depth--; /* both have as many names */
        return true;
    }
    pair->a_next = it->a->nodes[name + 1].next;
    if (cdb_names_is_shadowed(it->a_names, name))
        return true;
    mate = cdb_names_find(it->b_names, pair->b, it->a, name);
    return mate != 0 && compare_values(it, name + 1, mate + 1);
}

static bool compare_next_element(struct comparison *it, struct pair *pair)
{
    uint32_t a = pair->a_next;
    uint32_t b = pair->b_next;
    bool a_ended = a == it->a->nodes[pair->a].next;
    bool b_ended = b == it->b->nodes[pair->b].next;

    if (a_ended || b_ended) {
        it->depth--;
        return a_ended && b_ended;
    }
    pair->a_next = it->a->nodes[a].next;
    pair->b_next = it->b->nodes[b].next;
    return compare_values(it, a, b);
}

bool cdb_json_equal(const struct cdb_names *a_names, uint32_t a, const struct cdb_names *b_names, uint32_t b,
                    enum cdb_equality equality)
{
    struct comparison it;
    bool equal;

    it.a_names = a_names;
    it.b_names = b_names;
    it.a = a_names->json;
    it.b = b_names->json;
    it.equality = equality;
    it.depth = 0;
    if (same_text(&it, a, b))
        return true;
    equal = compare_values(&it, a, b);
    while (equal && it.depth > 0) {
        struct pair *pair = &it.pairs[it.depth - 1];

        if (it.a->nodes[pair->a].type == CDB_JSON_OBJECT)
            equal = compare_next_member(&it, pair);
        else
            equal = compare_next_element(&it, pair);
    }
    return equal;
}

/* ---- hashes ------------------------------------------------------------------------------------ */

/* The finalizer of MurmurHash3 (Austin Appleby, public domain). */
static uint64_t mix(uint64_t hash)
{
    hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdu;
    hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53u;
    return hash ^ hash >> 33;
}

static uint64_t hash_number(const char *text, size_t len)
{
    struct cdb_decimal decimal;
    const char *at;
    uint64_t hash;

    cdb_decimal_read(&decimal, text, len);
    if (decimal.at == decimal.end)
        return 0;
    at = decimal.at;
    hash = (uint64_t)cdb_decimal_exponent(&decimal) * 2 + decimal.negative;
    for (int digit = cdb_decimal_digit(&decimal, &at); digit >= 0; digit = cdb_decimal_digit(&decimal, &at))
        hash = (hash ^ (uint64_t)digit) * 1099511628211u;
    return hash;
}

static uint64_t hash_object(const struct cdb_names *names, uint32_t object, const uint64_t *hashes)
{
    const struct cdb_json *json = names->json;
    uint64_t sum = 0;

    for (uint32_t name = object + 1; name < json->nodes[object].next; name = json->nodes[name + 1].next) {
        const struct cdb_json_node *node = &json->nodes[name];

        if (!cdb_names_is_shadowed(names, name))
            sum += mix(cdb_json_string_hash(json->text + node->start, node->end - node->start) + mix(hashes[name + 1]));
    }
    return sum;
}

static uint64_t hash_array(const struct cdb_json *json, uint32_t array, const uint64_t *hashes)
{
    uint64_t hash = 0;

    for (uint32_t element = array + 1; element < json->nodes[array].next; element = json->nodes[element].next)
        hash = mix(hash + 1) ^ hashes[element];
    return hash;
}

static uint64_t hash_of(const struct cdb_names *names, uint32_t index, const uint64_t *hashes)
{
    const struct cdb_json *json = names->json;
    const struct cdb_json_node *node = &json->nodes[index];

    switch (node->type) {
    case CDB_JSON_NUMBER:
        return hash_number(json->text + node->start, node->end - node->start);
    case CDB_JSON_STRING:
        return cdb_json_string_hash(json->text + node->start, node->end - node->start);
    case CDB_JSON_ARRAY:
        return hash_array(json, index, hashes);
    case CDB_JSON_OBJECT:
        return hash_object(names, index, hashes);
    default:
        return 0;
    }
}

uint64_t *cdb_json_hashes(const struct cdb_names *names)
{
    const struct cdb_json *json = names->json;
    uint64_t *hashes = calloc(json->count, sizeof(*hashes));

    if (hashes == NULL) {
        cdb_error_set_memory();
        return NULL;
    }
    for (uint32_t i = json->count; i-- > 0;) /* what is inside has higher indexes */
        hashes[i] = mix(hash_of(names, i, hashes) + json->nodes[i].type * 0x9e3779b97f4a7c15u);
    return hashes;
}

/* ---- documents --------------------------------------------------------------------------------- */

int cdb_json_same(const char *a, size_t a_len, const char *b, size_t b_len, bool *same)
{
    struct cdb_json x = CDB_JSON_INIT, y = CDB_JSON_INIT;
    struct cdb_names x_names = CDB_NAMES_INIT, y_names = CDB_NAMES_INIT;

    *same = a_len == b_len && memcmp(a, b, a_len) == 0;
    if (*same)
        return 0;
    int result = cdb_json_parse(&x, a, a_len);
    if (result == 0)
        result = cdb_json_parse(&y, b, b_len);
    if (result == 0)
        result = cdb_names_build(&x_names, &x);
    if (result == 0)
        result = cdb_names_build(&y_names, &y);
    if (result == 0)
        *same = cdb_json_equal(&x_names, 0, &y_names, 0, CDB_EQUAL_VALUES);
    cdb_names_release(&x_names);
    cdb_names_release(&y_names);
    cdb_json_release(&x);
    cdb_json_release(&y);
    if (result == CHRONDB_EINVALID) {
        cdb_error_clear();
        return 0;
    }
    return result;
}
