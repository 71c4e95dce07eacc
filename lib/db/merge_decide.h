/* What somebody decided about keys in conflict, before a merge. */
#ifndef CDB_DB_MERGE_DECIDE_H
#define CDB_DB_MERGE_DECIDE_H

#include "db/merge.h"

struct cdb_decision {
    const char *key;
    size_t key_len;
    struct cdb_merge_value value; /* nothing: it is to be deleted */
    bool used;
};

/* Zero-initialise. */
struct cdb_decisions {
    struct cdb_decision *list; /* sorted by key, once _sort was called */
    size_t count, room;
};

/* Copied into `memory`. A `text` of NULL deletes. CHRONDB_EUSAGE "invalid_key", CHRONDB_EINVALID. */
int cdb_decisions_add(struct cdb_decisions *decisions, struct cdb_arena *memory, const char *key, const char *text,
                      size_t size);
/* The same in JSON: {"key":K,"value":V} or {"key":K,"delete":true}. CHRONDB_EINVALID "invalid_decision" too. */
int cdb_decisions_add_json(struct cdb_decisions *decisions, struct cdb_arena *memory, const char *line, size_t size);
/* CHRONDB_EUSAGE "invalid_decision": a key has two. */
int cdb_decisions_sort(struct cdb_decisions *decisions);
/* NULL: there is none. */
struct cdb_decision *cdb_decisions_find(const struct cdb_decisions *decisions, const char *key, size_t key_len);
/* Does each that was not used say what the key is in `state` anyway? CHRONDB_EUSAGE "invalid_decision". */
int cdb_decisions_check(const struct cdb_decisions *decisions, struct cdb_merging *it,
                        const struct cdb_merge_state *state);
void cdb_decisions_release(struct cdb_decisions *decisions);

#endif
