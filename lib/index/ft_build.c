/* SPDX-License-Identifier: MIT */
#include "index/ft_build.h"

#include <stdlib.h>
#include <string.h>

#include "index/bytes.h"
#include "index/ft_builder.h"
#include "text/analyzer.h"
#include "util/array.h"
#include "util/error.h"

#define KEY_HEAD 6

static int init(struct cdb_ft_builder *builder, struct cdb_analyzer *analyzer)
{
    int result;

    memset(builder, 0, sizeof(*builder));
    builder->analyzer = analyzer;
    result = cdb_paths_init(&builder->paths);
    if (result == 0)
        result = cdb_words_init(&builder->words);
    return result;
}

static void release(struct cdb_ft_builder *builder)
{
    for (size_t i = 0; i < builder->leaf_room; i++)
        if (builder->leaves[i] != NULL)
            cdb_column_writer_release(&builder->leaves[i]->column);
    cdb_document_release(&builder->document);
    cdb_buf_release(&builder->keys);
    cdb_paths_release(&builder->paths);
    cdb_words_release(&builder->words);
    cdb_arena_release(&builder->arena);
    free(builder->leaves);
    free(builder->touched);
}

int cdb_ft_builder_new(struct cdb_ft_builder **out, struct cdb_analyzer *analyzer)
{
    struct cdb_ft_builder *builder = malloc(sizeof(*builder));
    int result = builder == NULL ? cdb_error_memory() : init(builder, analyzer);

    *out = NULL;
    if (result == 0)
        *out = builder;
    else
        cdb_ft_builder_free(builder);
    return result;
}

void cdb_ft_builder_free(struct cdb_ft_builder *builder)
{
    if (builder == NULL)
        return;
    release(builder);
    free(builder);
}

/* As a new one. */
int cdb_ft_builder_reset(struct cdb_ft_builder *builder)
{
    struct cdb_analyzer *analyzer = builder->analyzer;

    release(builder);
    return init(builder, analyzer);
}

uint32_t cdb_ft_builder_docs(const struct cdb_ft_builder *builder)
{
    return builder->docs;
}

size_t cdb_ft_builder_bytes(const struct cdb_ft_builder *builder)
{
    /* Finishing takes norms, about a byte for each document and field it has, the order of words, and what they are
     * written as. */
    return builder->keys.cap + builder->arena_bytes + builder->column_bytes + cdb_paths_bytes(&builder->paths) +
           builder->leaf_room * sizeof(*builder->leaves) + cdb_words_bytes(&builder->words) +
           builder->words.form_count * 40 + (size_t)builder->docs * 16 +
           builder->document.room * sizeof(*builder->document.scalars);
}

/* ---- leaves ------------------------------------------------------------------------------------- */

/* The leaf of a path, new if need be; NULL without memory. */
static struct cdb_leaf *get_leaf(struct cdb_ft_builder *builder, uint32_t path)
{
    struct cdb_leaf *leaf;

    if (path >= builder->leaf_room) {
        size_t room = builder->paths.count + builder->paths.count / 2 + 16;
        struct cdb_leaf **leaves = realloc(builder->leaves, room * sizeof(struct cdb_leaf *));

        if (leaves == NULL) {
            cdb_error_set_memory();
            return NULL;
        }
        memset(leaves + builder->leaf_room, 0, (room - builder->leaf_room) * sizeof(struct cdb_leaf *));
        builder->leaves = leaves;
        builder->leaf_room = room;
    }
    leaf = builder->leaves[path];
    if (leaf == NULL) {
        leaf = cdb_arena_alloc(&builder->arena, sizeof(*leaf));
        if (leaf == NULL)
            return NULL;
        memset(leaf, 0, sizeof(*leaf));
        builder->arena_bytes += sizeof(*leaf);
        builder->leaves[path] = leaf;
        builder->leaf_count++;
    }
    return leaf;
}

/* The document has a scalar in the leaf. */
static int touch(struct cdb_ft_builder *builder, struct cdb_leaf *leaf, uint32_t path)
{
    int result;

    if (leaf->next_doc == builder->docs + 1) {
        leaf->position += CDB_POSITION_GAP;
        return 0;
    }
    result = cdb_array_grow(&builder->touched, &builder->touched_room, builder->touched_count, sizeof(uint32_t));
    if (result != 0)
        return result;
    builder->touched[builder->touched_count++] = path;
    leaf->next_doc = builder->docs + 1;
    leaf->length = 0;
    leaf->position = 0;
    leaf->values++;
    return 0;
}

static int add_text(struct cdb_ft_builder *builder, struct cdb_leaf *leaf, const struct cdb_scalar *scalar)
{
    struct cdb_token token;
    int result;

    cdb_analyzer_begin(builder->analyzer, scalar->text, scalar->len);
    while ((result = cdb_analyzer_next(builder->analyzer, &token)) == 0) {
        result = cdb_words_add(&builder->words, scalar->path, token.form, token.form_len, token.term, token.term_len,
                               builder->docs, leaf->position);
        if (result != 0)
            return result;
        leaf->position++;
        leaf->length++;
    }
    return result == 1 ? 0 : result;
}

static int add_scalar(struct cdb_ft_builder *builder, const struct cdb_scalar *scalar)
{
    struct cdb_leaf *leaf = get_leaf(builder, scalar->path);
    struct cdb_value value;
    int result = leaf == NULL ? CHRONDB_ESYSTEM : touch(builder, leaf, scalar->path);

    if (result != 0)
        return result;
    cdb_scalar_value(scalar, &value);
    result = cdb_column_writer_add(&leaf->column, builder->docs, &value);
    if (result == 0 && scalar->type == CDB_JSON_STRING)
        result = add_text(builder, leaf, scalar);
    return result;
}

/* What the document was like in a leaf, when all of it was read. */
static int end_leaf(struct cdb_ft_builder *builder, struct cdb_leaf *leaf)
{
    size_t bytes = cdb_column_writer_bytes(&leaf->column), *count = &builder->arena_bytes;

    builder->column_bytes += bytes - leaf->column_bytes;
    leaf->column_bytes = bytes;
    if (leaf->length == 0)
        return 0;
    if (!cdb_stream_put(&leaf->lengths, &builder->arena, count, builder->docs - leaf->next_length) ||
        !cdb_stream_put(&leaf->lengths, &builder->arena, count, leaf->length))
        return CHRONDB_ESYSTEM;
    leaf->next_length = builder->docs + 1;
    leaf->docs++;
    leaf->total += leaf->length;
    return 0;
}

/* ---- documents ---------------------------------------------------------------------------------- */

static bool is_in_order(const struct cdb_ft_builder *builder, const char *key, size_t len, uint32_t from)
{
    const char *last;
    int order;

    if (len > CDB_FT_KEY_MAX || from == UINT32_MAX)
        return false;
    if (builder->docs == 0)
        return true;
    last = builder->keys.ptr + builder->last_key;
    order = cdb_bytes_compare(last + KEY_HEAD, cdb_le_get16((const unsigned char *)last), key, len);
    return order < 0 || (order == 0 && builder->last_from < from);
}

static int add_key(struct cdb_ft_builder *builder, const char *key, size_t len, uint32_t from)
{
    unsigned char head[KEY_HEAD];

    builder->last_key = builder->keys.len;
    cdb_le_put16(head, (uint32_t)len);
    cdb_le_put32(head + 2, from);
    cdb_buf_add(&builder->keys, head, sizeof(head));
    cdb_buf_add(&builder->keys, key, len);
    builder->min_from = builder->docs == 0 || from < builder->min_from ? from : builder->min_from;
    builder->max_from = builder->docs == 0 || from > builder->max_from ? from : builder->max_from;
    builder->last_from = from;
    return cdb_buf_check(&builder->keys);
}

int cdb_ft_builder_add(struct cdb_ft_builder *builder, const char *key, size_t key_len, uint32_t from, const char *json,
                       size_t len)
{
    struct cdb_document *document = &builder->document;
    int result = 0;

    if (!is_in_order(builder, key, key_len, from))
        return cdb_index_damaged("the documents for a segment of words are not in order");
    if (builder->docs == CDB_FT_DOCS_MAX)
        return cdb_error(CHRONDB_ESYSTEM, "index_too_large", "too many documents for one segment of the index");
    document->count = 0;
    if (json != NULL)
        result = cdb_document_read(document, &builder->paths, json, len);
    if (result == 0)
        result = add_key(builder, key, key_len, from);
    builder->touched_count = 0;
    for (size_t i = 0; result == 0 && i < document->count; i++)
        result = add_scalar(builder, &document->scalars[i]);
    for (size_t i = 0; result == 0 && i < builder->touched_count; i++)
        result = end_leaf(builder, builder->leaves[builder->touched[i]]);
    if (result == 0)
        builder->docs++;
    return result;
}
