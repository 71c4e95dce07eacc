/* SPDX-License-Identifier: MIT */
#include "query/documents.h"

#include <string.h>

#include "query/interval.h"
#include "query/search.h"
#include "util/error.h"

/* Paths of documents that were read before are kept up to so many bytes. */
#define PATHS_MAX ((size_t)1 << 20)

void cdb_documents_init(struct cdb_documents *documents, const struct cdb_search_options *options)
{
    memset(documents, 0, sizeof(*documents));
    documents->options = options;
}

void cdb_documents_release(struct cdb_documents *documents)
{
    cdb_buf_release(&documents->json);
    cdb_document_release(&documents->document);
    if (documents->has_paths)
        cdb_paths_release(&documents->paths);
    documents->has_paths = documents->is_read = false;
}

static int fresh_paths(struct cdb_documents *documents)
{
    if (documents->has_paths && cdb_paths_bytes(&documents->paths) <= PATHS_MAX)
        return 0;
    if (documents->has_paths)
        cdb_paths_release(&documents->paths);
    documents->has_paths = false;
    if (cdb_paths_init(&documents->paths) != 0)
        return CHRONDB_ESYSTEM;
    documents->has_paths = true;
    return 0;
}

int cdb_documents_read(struct cdb_documents *documents, size_t part, uint32_t doc)
{
    const struct cdb_search_options *options = documents->options;
    int result;

    if (documents->is_read && documents->part == part && documents->doc == doc)
        return 0;
    documents->is_read = false;
    cdb_buf_clear(&documents->json);
    result = fresh_paths(documents);
    if (result == 0)
        result = options->document(options->document_context, part, doc, &documents->json);
    if (result == 0)
        result = cdb_buf_check(&documents->json);
    if (result == 0)
        result = cdb_document_read(&documents->document, &documents->paths, cdb_buf_str(&documents->json),
                                   documents->json.len);
    if (result != 0)
        return result > 0 ? CHRONDB_EDAMAGED : result;
    documents->part = part;
    documents->doc = doc;
    documents->is_read = true;
    documents->count++;
    return 0;
}

int cdb_documents_each(struct cdb_documents *documents, size_t part, uint32_t doc, const struct cdb_query_string *field,
                       int (*each)(void *context, const struct cdb_scalar *scalar), void *context)
{
    int result = cdb_documents_read(documents, part, doc);
    uint32_t path = CDB_PATH_ROOT;

    if (result != 0)
        return result;
    if (field->ptr != NULL)
        path = cdb_paths_find(&documents->paths, field->ptr, field->len);
    if (path == CDB_PATH_NONE)
        return 0;
    for (size_t i = 0; result == 0 && i < documents->document.count; i++)
        if (cdb_paths_is_within(&documents->paths, documents->document.scalars[i].path, path))
            result = each(context, &documents->document.scalars[i]);
    return result;
}

/* ---- intervals ---------------------------------------------------------------------------------- */

static int is_within(void *context, const struct cdb_scalar *scalar)
{
    const struct cdb_plan_interval *const *interval = context;

    return cdb_interval_has(*interval, scalar->type, scalar->text, scalar->len);
}

int cdb_documents_match(struct cdb_documents *documents, size_t part, uint32_t doc,
                        const struct cdb_query_string *field, const struct cdb_plan_interval *interval)
{
    return cdb_documents_each(documents, part, doc, field, is_within, &interval);
}

/* ---- the least and the greatest ----------------------------------------------------------------- */

struct end {
    const struct cdb_scalar *best;
    bool greatest;
};

static int take_better(void *context, const struct cdb_scalar *scalar)
{
    struct end *end = context;
    int order = end->best == NULL ? 0
                                  : cdb_scalar_compare(scalar->type, scalar->text, scalar->len, end->best->type,
                                                       end->best->text, end->best->len);

    if (end->best == NULL || (end->greatest ? order > 0 : order < 0))
        end->best = scalar;
    return 0;
}

int cdb_documents_end(struct cdb_documents *documents, size_t part, uint32_t doc, const struct cdb_query_string *field,
                      bool greatest, const struct cdb_scalar **out)
{
    struct end end = {NULL, greatest};
    int result = cdb_documents_each(documents, part, doc, field, take_better, &end);

    *out = end.best;
    return result;
}
