/* SPDX-License-Identifier: MIT
 *
 * The documents themselves, for the few questions that segments do not answer: strings and numbers that are too long
 * to be kept there whole. */
#ifndef CDB_QUERY_DOCUMENTS_H
#define CDB_QUERY_DOCUMENTS_H

#include "index/document.h"
#include "query/plan.h"

struct cdb_search_options;

struct cdb_documents {
    const struct cdb_search_options *options;
    struct cdb_buf json;
    struct cdb_paths paths;
    struct cdb_document document;
    bool has_paths, is_read;
    size_t part; /* the document that was read last */
    uint32_t doc;
    uint64_t count; /* of those that were read */
};

void cdb_documents_init(struct cdb_documents *documents, const struct cdb_search_options *options);
void cdb_documents_release(struct cdb_documents *documents);

/* Read a document, unless it is the one that was read last. 0, or an error. */
int cdb_documents_read(struct cdb_documents *documents, size_t part, uint32_t doc);

/* Has the document a value within the interval in the field (ptr NULL: anywhere)? 1, 0, or an error. */
int cdb_documents_match(struct cdb_documents *documents, size_t part, uint32_t doc,
                        const struct cdb_query_string *field, const struct cdb_plan_interval *interval);

/* The least (or greatest) scalar of the document in the field; NULL in *out if it has none there. Valid until the next
 * document is read. */
int cdb_documents_end(struct cdb_documents *documents, size_t part, uint32_t doc, const struct cdb_query_string *field,
                      bool greatest, const struct cdb_scalar **out);

/* Calls `each` for each scalar in the field. */
int cdb_documents_each(struct cdb_documents *documents, size_t part, uint32_t doc, const struct cdb_query_string *field,
                       int (*each)(void *context, const struct cdb_scalar *scalar), void *context);

#endif
