/* SPDX-License-Identifier: MIT
 *
 * A JSON document as a list of its scalars, each with its path, in the order of the text. Elements of an array have
 * the array's path. Of members of an object with the same name only the last counts, as everywhere in chrondb; members
 * whose paths are the same by way of dots ("a.b" and "b" in "a") all count. No recursion; no allocation for a scalar
 * once the lists have grown.
 *
 * A document may be nothing but names, millions of them, and each path costs much more than its text. So they are
 * counted as they come: each name once at each path where it stands, one with dots as often as it has components. When
 * CDB_PATH_FIELDS have been counted, what is in any other name counts for the field that the name stands in (at the
 * top for that of scalars in no object), however deep it lies. What a document is does not depend on others that were
 * read with the same paths. */
#ifndef CDB_INDEX_DOCUMENT_H
#define CDB_INDEX_DOCUMENT_H

#include <stddef.h>
#include <stdint.h>

#include "doc/json.h"
#include "index/path.h"
#include "index/value.h"

struct cdb_scalar {
    const char *text; /* a string: decoded (lone surrogates as WTF-8), without quotes; others: as in the document */
    uint32_t len;
    uint32_t path; /* in the cdb_paths that it was read with */
    enum cdb_json_type type;
};

struct cdb_document {
    struct cdb_scalar *scalars;
    size_t count, room;
    struct cdb_buf decoded; /* strings that had escapes */
};

#define CDB_DOCUMENT_INIT                                                                                              \
    {                                                                                                                  \
        NULL, 0, 0, CDB_BUF_INIT                                                                                       \
    }

void cdb_document_release(struct cdb_document *document);

/* Read one; what the document held before is gone. The scalars point into `json` and into the document: valid until
 * the next reading, as long as `json` is. New paths are added to `paths`. 0; CHRONDB_EINVALID "invalid_json" if it is
 * not a document; CHRONDB_ESYSTEM without memory. After an error the document is empty; paths may have been added. */
int cdb_document_read(struct cdb_document *document, struct cdb_paths *paths, const char *json, size_t len);

static inline void cdb_scalar_value(const struct cdb_scalar *scalar, struct cdb_value *value)
{
    cdb_value_encode(value, scalar->type, scalar->text, scalar->len);
}

#endif
