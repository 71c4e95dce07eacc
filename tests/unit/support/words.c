/* SPDX-License-Identifier: MIT */
#include "words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "index/document.h"
#include "index/ft_build.h"
#include "util/array.h"

/* ---- documents ---------------------------------------------------------------------------------- */

void words_add(struct words *words, const char *key, uint32_t from, const char *json)
{
    assert_int_equal(cdb_array_grow(&words->docs, &words->doc_room, words->doc_count, sizeof(*words->docs)), 0);
    words->docs[words->doc_count++] = (struct words_doc){strdup(key), from, json != NULL ? strdup(json) : NULL};
}

static int compare_docs(const void *a, const void *b)
{
    const struct words_doc *x = a, *y = b;
    int order = strcmp(x->key, y->key);

    return order != 0 ? order : (x->from > y->from) - (x->from < y->from);
}

static char *copy(const char *text, size_t len)
{
    char *result = malloc(len + 1);

    memcpy(result, text, len);
    result[len] = '\0';
    return result;
}

static void add_tokens(struct words *words, struct cdb_analyzer *analyzer, const struct cdb_scalar *scalar,
                       uint32_t doc, uint64_t *position)
{
    struct cdb_token token;

    cdb_analyzer_begin(analyzer, scalar->text, scalar->len);
    while (cdb_analyzer_next(analyzer, &token) == 0) {
        assert_int_equal(cdb_array_grow(&words->tokens, &words->token_room, words->token_count, sizeof(*words->tokens)),
                         0);
        words->tokens[words->token_count++] = (struct words_token){
            copy(token.term, token.term_len), copy(token.form, token.form_len), scalar->path, 0, doc, (*position)++};
    }
}

static void add_document(struct words *words, struct cdb_analyzer *analyzer, uint32_t doc)
{
    struct cdb_document document = CDB_DOCUMENT_INIT;
    const char *json = words->docs[doc].json;
    uint64_t *positions;

    if (json == NULL)
        return;
    assert_int_equal(cdb_document_read(&document, &words->paths, json, strlen(json)), 0);
    positions = calloc(words->paths.count, sizeof(uint64_t));
    for (size_t i = 0; i < document.count; i++) {
        const struct cdb_scalar *scalar = &document.scalars[i];
        uint64_t position = positions[scalar->path];

        assert_int_equal(
            cdb_array_grow(&words->scalars, &words->scalar_room, words->scalar_count, sizeof(*words->scalars)), 0);
        words->scalars[words->scalar_count++] = (struct words_scalar){scalar->path, doc};
        if (scalar->type == CDB_JSON_STRING)
            add_tokens(words, analyzer, scalar, doc, &position);
        positions[scalar->path] = position + CDB_POSITION_GAP;
    }
    free(positions);
    cdb_document_release(&document);
}

static int compare_tokens(const void *a, const void *b)
{
    const struct words_token *x = a, *y = b;
    int order = strcmp(x->term, y->term);

    if (order != 0)
        return order;
    if (x->row != y->row)
        return x->row < y->row ? -1 : 1;
    if (x->doc != y->doc)
        return x->doc < y->doc ? -1 : 1;
    return (x->position > y->position) - (x->position < y->position);
}

void words_index(struct words *words, struct cdb_analyzer *analyzer)
{
    assert_int_equal(cdb_paths_init(&words->paths), 0);
    if (words->doc_count > 0)
        qsort(words->docs, words->doc_count, sizeof(*words->docs), compare_docs);
    for (uint32_t i = 0; i < words->doc_count; i++)
        add_document(words, analyzer, i);
    words->order = calloc(words->paths.count + 1, sizeof(uint32_t));
    words->row = calloc(words->paths.count + 1, sizeof(uint32_t));
    assert_int_equal(cdb_paths_sort(&words->paths, words->order), 0);
    for (size_t i = 0; i < words->scalar_count; i++)
        for (uint32_t path = words->scalars[i].path; path != CDB_PATH_ROOT; path = words->paths.paths[path].parent)
            words->row[path] = 1;
    for (uint32_t i = 0; i + 1 < words->paths.count; i++) {
        uint32_t path = words->order[i];

        if (words->row[path] == 0)
            continue;
        words->order[words->rows++] = path;
        words->row[path] = words->rows;
    }
    for (size_t i = 0; i < words->token_count; i++)
        words->tokens[i].row = words->row[words->tokens[i].path];
    if (words->token_count > 0)
        qsort(words->tokens, words->token_count, sizeof(*words->tokens), compare_tokens);
}

void words_release(struct words *words)
{
    for (size_t i = 0; i < words->doc_count; i++) {
        free(words->docs[i].key);
        free(words->docs[i].json);
    }
    for (size_t i = 0; i < words->token_count; i++) {
        free(words->tokens[i].term);
        free(words->tokens[i].form);
    }
    free(words->docs);
    free(words->tokens);
    free(words->scalars);
    free(words->order);
    free(words->row);
    cdb_paths_release(&words->paths);
    memset(words, 0, sizeof(*words));
}

/* ---- random ones -------------------------------------------------------------------------------- */

/* Some are forms of one stem, some have it only with their accents, some come in every document. */
static const char *const vocabulary[] = {
    "the",        "of",       "run",      "running",  "runs",   "design", "designs", "designing",
    "designed",   "résumé",   "resume",   "resumes",  "time",   "times",  "travel",  "Travels",
    "travelling", "éléphant", "elephant", "database", "日本語", "search", "1",       "3.14",
    "2026",       "don't",    "Größe",    "grosse",   "x",      "vast",   "history", "historic"};

static void add_text(struct cdb_buf *out, struct random *random, size_t words)
{
    cdb_buf_addc(out, '"');
    while (words-- > 0) {
        size_t kinds = sizeof(vocabulary) / sizeof(*vocabulary);
        size_t limit = random_chance(random, 50) ? 3 : kinds;

        if (random_chance(random, 4))
            cdb_buf_addf(out, "w%zu ", random_below(random, 400));
        else
            cdb_buf_addf(out, "%s ", vocabulary[random_below(random, limit)]);
    }
    cdb_buf_addc(out, '"');
}

static void add_scalar(struct cdb_buf *out, struct random *random)
{
    switch (random_below(random, 8)) {
    case 0:
        cdb_buf_addf(out, "%d", (int)random_below(random, 50));
        break;
    case 1:
        cdb_buf_adds(out, random_chance(random, 50) ? "true" : "null");
        break;
    case 2:
        cdb_buf_adds(out, "\"\"");
        break;
    default:
        add_text(out, random, 1 + random_below(random, random_chance(random, 5) ? 90 : 6));
    }
}

static const char *const members[] = {"a", "b", "name", "name-2", "a.b", "city", "", "tags"};

/* Depth is bounded. */
static void add_value(struct cdb_buf *out, struct random *random, unsigned depth)
{
    bool object = random_chance(random, 60);
    size_t count = random_below(random, 5);

    if (depth == 0 || random_chance(random, 50)) {
        add_scalar(out, random);
        return;
    }
    cdb_buf_addc(out, object ? '{' : '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            cdb_buf_addc(out, ',');
        if (object && random_chance(random, 3))
            cdb_buf_addf(out, "\"f%zu\":", random_below(random, 300));
        else if (object)
            cdb_buf_addf(out, "\"%s\":", members[random_below(random, sizeof(members) / sizeof(*members))]);
        add_value(out, random, depth - 1);
    }
    cdb_buf_addc(out, object ? '}' : ']');
}

char *words_random_json(struct random *random)
{
    struct cdb_buf out = CDB_BUF_INIT;

    if (random_chance(random, 8)) {
        add_value(&out, random, 2);
    } else {
        cdb_buf_adds(&out, "{\"text\":");
        add_text(&out, random, 1 + random_below(random, 30));
        if (random_chance(random, 70)) {
            cdb_buf_adds(&out, ",\"more\":");
            add_value(&out, random, 4);
        }
        cdb_buf_addc(&out, '}');
    }
    return out.ptr;
}

void words_random(struct words *words, struct random *random, size_t count)
{
    for (size_t i = 0; i < count;) {
        size_t versions = random_chance(random, 10) ? 1 + random_below(random, 40) : 1;
        uint32_t from = (uint32_t)random_below(random, 1000);
        char key[64];

        snprintf(key, sizeof(key), "%s%zu",
                 random_chance(random, 50) ? "user:" : "a-longer-table:", i * 7919 % 100003); /* none twice */
        for (; versions > 0 && i < count; versions--, i++) {
            char *json = random_chance(random, 98) ? words_random_json(random) : NULL;

            words_add(words, key, from, json);
            from += 1 + (uint32_t)random_below(random, 100);
            free(json);
        }
    }
}

/* ---- building ----------------------------------------------------------------------------------- */

void words_build(const struct words *words, size_t first, size_t last, struct cdb_analyzer *analyzer,
                 struct words_file *out)
{
    struct cdb_ft_builder *builder;

    *out = (struct words_file){CDB_BUF_INIT, NULL};
    assert_int_equal(cdb_ft_builder_new(&builder, analyzer), 0);
    for (size_t i = first; i < last; i++) {
        const struct words_doc *doc = &words->docs[i];

        assert_int_equal(cdb_ft_builder_add(builder, doc->key, strlen(doc->key), doc->from, doc->json,
                                            doc->json != NULL ? strlen(doc->json) : 0),
                         0);
    }
    assert_int_equal(cdb_ft_builder_docs(builder), last - first);
    assert_int_equal(cdb_ft_builder_finish(builder, &out->bytes), 0);
    assert_int_equal(cdb_ft_builder_docs(builder), 0);
    cdb_ft_builder_free(builder);
    assert_int_equal(cdb_ft_segment_view(&out->segment, out->bytes.ptr, out->bytes.len), 0);
}

void words_close(struct words_file *file)
{
    cdb_ft_segment_close(file->segment);
    cdb_buf_release(&file->bytes);
}
