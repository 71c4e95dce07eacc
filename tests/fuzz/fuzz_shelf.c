/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a branch's shelf, as they are and with the checksum put right: what is accepted makes sense, and is
 * written again as it was. */
#include "fuzz/fuzz.h"
#include "index/bytes.h"
#include "index/shelf.h"

static void check_plan(const struct cdb_shelf *shelf, bool all)
{
    size_t *chosen = calloc(shelf->segment_count + 1, sizeof(*chosen));

    CHECK(chosen != NULL);
    size_t count = cdb_shelf_plan(shelf->segments, shelf->segment_count, all, chosen);
    CHECK(count <= shelf->segment_count);
    for (size_t i = 0; i < count; i++)
        CHECK(chosen[i] < shelf->segment_count && (i == 0 || chosen[i] > chosen[i - 1]));
    free(chosen);
}

static void check(const unsigned char *data, size_t size)
{
    struct cdb_shelf shelf, again;
    struct cdb_buf written = CDB_BUF_INIT;
    int result = cdb_shelf_decode(&shelf, data, size);

    CHECK(result == 0 || result == 1);
    CHECK(!cdb_shelf_is_newer(data, size) || result == 1);
    if (result != 0) {
        CHECK(shelf.ref == NULL && shelf.segments == NULL && shelf.marks == NULL);
        return;
    }
    CHECK(shelf.end > 0 && shelf.mark_count > 0 && shelf.marks[0].position == shelf.end - 1);
    for (size_t i = 0; i < shelf.segment_count; i++)
        CHECK(shelf.segments[i].docs > 0 && shelf.segments[i].dead <= shelf.segments[i].docs);
    check_plan(&shelf, false);
    check_plan(&shelf, true);
    cdb_shelf_encode(&written, &shelf);
    CHECK(written.len == size);
    CHECK(cdb_shelf_decode(&again, written.ptr, written.len) == 0);
    cdb_shelf_release(&again);
    cdb_buf_release(&written);
    cdb_shelf_release(&shelf);
}

static void sign(unsigned char *data, size_t size)
{
    if (size < 64)
        return;
    memcpy(data, "CDBSRCH\n", 8);
    cdb_le_put32(data + 8, CDB_SHELF_VERSION);
    cdb_le_put32(data + 16, (uint32_t)size);
    cdb_le_put32(data + 12, cdb_index_crc(cdb_index_crc(0, data, 12), data + 16, size - 16));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_signed(data, size, check, sign);
    return 0;
}
