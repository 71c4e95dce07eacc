/* Rows of a fixed size in a section of a file: in blocks, each with a CRC-32 of its rows in front; the last block may
 * have fewer rows. */
#ifndef CDB_INDEX_ROWS_H
#define CDB_INDEX_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CDB_ROWS_BLOCK_MAX 2052 /* bytes of a block, with its CRC */

struct cdb_rows {
    const unsigned char *data; /* borrowed */
    size_t count, size, block_rows;
    size_t verified; /* number + 1 of the block that was looked at last */
    int fd;          /* borrowed; -1: blocks are taken from `data`, else they are read to `block` */
    uint64_t offset; /* of the section in the file */
    unsigned char block[CDB_ROWS_BLOCK_MAX];
};

/* False if `count` rows are not exactly what the section holds. */
bool cdb_rows_view(struct cdb_rows *out, const unsigned char *data, size_t len, uint64_t count, size_t size,
                   size_t block_rows);
/* Take the blocks from the file itself, where the section begins at `offset`: those who want rows here and there in a
 * large mapping pay a page fault for each, ten times what reading a block costs. */
void cdb_rows_read_from(struct cdb_rows *rows, int fd, uint64_t offset);
/* Row `index`, which is less than the count; it stays until the next one is asked for. 0, or CHRONDB_EDAMAGED. */
int cdb_rows_get(struct cdb_rows *rows, size_t index, const unsigned char **out);

#endif
