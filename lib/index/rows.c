/* SPDX-License-Identifier: MIT */
#include "index/rows.h"

#include "index/bytes.h"

bool cdb_rows_view(struct cdb_rows *out, const unsigned char *data, size_t len, uint64_t count, size_t size,
                   size_t block_rows)
{
    uint64_t blocks = count / block_rows + (count % block_rows != 0);

    *out = (struct cdb_rows){data, (size_t)count, size, block_rows, 0};
    return count <= len && len == count * size + blocks * 4;
}

int cdb_rows_get(struct cdb_rows *rows, size_t index, const unsigned char **out)
{
    size_t number = index / rows->block_rows, first = number * rows->block_rows;
    size_t count = rows->count - first < rows->block_rows ? rows->count - first : rows->block_rows;
    const unsigned char *block = rows->data + number * (4 + rows->block_rows * rows->size);

    if (rows->verified != number + 1) {
        if (cdb_index_crc(0, block + 4, count * rows->size) != cdb_le_get32(block))
            return cdb_index_damaged("a block of rows is not what was written");
        rows->verified = number + 1;
    }
    *out = block + 4 + (index - first) * rows->size;
    return 0;
}
