/* Rows of a fixed size in a section of a file: in blocks, each with a CRC-32 of its rows in front; the last block may
 * have fewer rows. */
#ifndef CDB_INDEX_ROWS_H
#define CDB_INDEX_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cdb_rows {
    const unsigned char *data; /* borrowed */
    size_t count, size, block_rows;
    size_t verified; /* number + 1 of the block that was looked at last */
};

/* False if `count` rows are not exactly what the section holds. */
bool cdb_rows_view(struct cdb_rows *out, const unsigned char *data, size_t len, uint64_t count, size_t size,
                   size_t block_rows);
/* Row `index`, which is less than the count. 0, or CHRONDB_EDAMAGED. */
int cdb_rows_get(struct cdb_rows *rows, size_t index, const unsigned char **out);

#endif
