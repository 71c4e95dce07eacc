/* The files of a branch's index, every byte of them that a checksum covers. What readers would notice when they come to
 * it is noticed here. */
#ifndef CDB_INDEX_CHECK_H
#define CDB_INDEX_CHECK_H

#include <stddef.h>
#include <stdint.h>

struct cdb_index_check {
    int dir; /* borrowed */
    /* A file is damaged. Borrowed. */
    int (*tell)(void *context, const char *file, const char *message);
    void *context;
    uint64_t *done; /* files that branches share are looked at once */
    size_t done_count, done_room;
};

/* What the manifest and the shelf of a branch name, and these themselves. What is not there is not damaged: the index
 * can be deleted at any moment. 0, what `tell` returned if it is not 0, or an error. */
int cdb_index_check(struct cdb_index_check *check, const char *ref);
void cdb_index_check_release(struct cdb_index_check *check);

#endif
