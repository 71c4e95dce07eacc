/* SPDX-License-Identifier: MIT
 *
 * Values that are too long for columns, where the order of two documents depends on all of them: read from the
 * documents, and remembered for a while. */
#ifndef CDB_QUERY_SORT_TEXT_H
#define CDB_QUERY_SORT_TEXT_H

#include "query/documents.h"

struct cdb_sort_text {
    uint32_t part, doc;
    uint32_t criterion; /* + 1; 0: a free slot */
    bool missing;
    enum cdb_json_type type;
    const char *text;
    size_t len;
};

struct cdb_sort_texts {
    struct cdb_documents *documents;
    struct cdb_arena arena;
    struct cdb_sort_text *slots;
    size_t count, room, bytes;
};

/* Where a document's value is asked for. */
struct cdb_sort_where {
    uint32_t part, doc;
};

void cdb_sort_texts_init(struct cdb_sort_texts *texts, struct cdb_documents *documents);
void cdb_sort_texts_release(struct cdb_sort_texts *texts);
/* The order of two documents by their least (or greatest) values in the field of criterion number `criterion`: *order
 * becomes <0, 0, >0. An error of reading documents, CHRONDB_ESYSTEM. */
int cdb_sort_texts_compare(struct cdb_sort_texts *texts, uint32_t criterion, const struct cdb_query_string *field,
                           bool greatest, struct cdb_sort_where a, struct cdb_sort_where b, int *order);

#endif
