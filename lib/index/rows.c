/* SPDX-License-Identifier: MIT */
#include "index/rows.h"

#include <unistd.h>

#include "index/bytes.h"

bool cdb_rows_view(struct cdb_rows *out, const unsigned char *data, size_t len, uint64_t count, size_t size,
                   size_t block_rows)
{
    uint64_t blocks = count / block_rows + (count % block_rows != 0);

    *out = (struct cdb_rows){.data = data, .count = (size_t)count, .size = size, .block_rows = block_rows, .fd = -1};
    return count <= len && len == count * size + blocks * 4;
}

void cdb_rows_read_from(struct cdb_rows *rows, int fd, uint64_t offset)
{
    if (4 + rows->block_rows * rows->size <= sizeof(rows->block))
        rows->fd = fd;
    rows->offset = offset;
}

/* A block with so many rows that are asked for, once: its rows stand behind the CRC. */
static const unsigned char *get_block(struct cdb_rows *rows, size_t number, size_t count)
{
    size_t stride = 4 + rows->block_rows * rows->size, len = 4 + count * rows->size;
    const unsigned char *block = rows->fd < 0 ? rows->data + number * stride : rows->block;

    if (rows->verified == number + 1)
        return block;
    rows->verified = 0;
    if (rows->fd >= 0 && pread(rows->fd, rows->block, len, (off_t)(rows->offset + number * stride)) != (ssize_t)len)
        return NULL;
    if (cdb_index_crc(0, block + 4, len - 4) != cdb_le_get32(block))
        return NULL;
    rows->verified = number + 1;
    return block;
}

int cdb_rows_get(struct cdb_rows *rows, size_t index, const unsigned char **out)
{
    size_t number = index / rows->block_rows, first = number * rows->block_rows;
    size_t count = rows->count - first < rows->block_rows ? rows->count - first : rows->block_rows;
    const unsigned char *block = get_block(rows, number, count);

    if (block == NULL)
        return cdb_index_damaged("a block of rows is not what was written");
    *out = block + 4 + (index - first) * rows->size;
    return 0;
}
