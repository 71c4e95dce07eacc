/* What those who make commits (batch, import) need beside their documents. */
#ifndef CDB_DB_BASE_H
#define CDB_DB_BASE_H

#include <stdbool.h>
#include <stddef.h>

#include "chrondb.h"
#include "store/repo.h"

/* The commit that a new one stands on. */
struct cdb_base {
    struct cdb_oid head; /* zeros: there is none */
    struct cdb_oid root;
    bool foreign;           /* another tool made it: what differs from `trusted` may not be canonical */
    struct cdb_oid trusted; /* the root of the nearest commit behind it that chrondb made; zeros: none */
    chrondb_time time;      /* effective */
};

/* `state` has times that are known (they cost a walk otherwise). */
int cdb_base_load(struct cdb_base *out, struct cdb_repo *repo, const struct cdb_oid *head,
                  const struct cdb_state *state);

/* "put user:1", "put 3, delete 1"; `verb` is "put" or what else brings documents. `first` is the only key, if there is
 * one only. */
void cdb_default_message(struct cdb_buf *out, const char *verb, const char *first, size_t puts, size_t deletes);

/* Is it "NAME=VALUE" in UTF-8? 0, or CHRONDB_EUSAGE "invalid_meta". */
int cdb_meta_check(const char *text, size_t len);

/* The id of a document that differs from this one by a final newline only: a change that is none. */
int cdb_document_other_id(const char *text, size_t size, struct cdb_buf *scratch, struct cdb_oid *out);

#endif
