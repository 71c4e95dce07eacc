/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a manifest, as they are and with the checksum put right: what is accepted names a contiguous range, and
 * is written again as it was. */
#include "fuzz/fuzz.h"
#include "index/bytes.h"
#include "index/manifest.h"

static void check(const unsigned char *data, size_t size)
{
    struct cdb_manifest manifest;
    struct cdb_buf again = CDB_BUF_INIT;
    uint64_t position = 0, generation;
    int result = cdb_manifest_decode(&manifest, data, size);

    CHECK(result == 0 || result == 1);
    CHECK(!cdb_manifest_is_newer(data, size) || result == 1);
    if (result != 0) {
        CHECK(manifest.ref == NULL && manifest.segments == NULL);
        return;
    }
    CHECK(cdb_manifest_peek(data, size, manifest.ref, &generation) && generation == manifest.generation);
    CHECK(!cdb_manifest_peek(data, size, "another", &generation));
    for (size_t i = 0; i < manifest.segment_count; i++) {
        const struct cdb_manifest_segment *segment = &manifest.segments[i];

        CHECK(segment->from == position && segment->from <= segment->until && segment->until <= segment->to);
        position = segment->until;
    }
    CHECK(position == manifest.count);
    cdb_manifest_encode(&again, &manifest);
    CHECK(again.len == size);
    /* What is reserved is not looked at, and written as zeros. */
    if (cdb_le_get32(data + 76) == 0 && data[75] < 0x80)
        CHECK(memcmp(again.ptr, data, size) == 0);
    cdb_buf_release(&again);
    cdb_manifest_release(&manifest);
}

static void sign(unsigned char *data, size_t size)
{
    if (size < 80)
        return;
    memcpy(data, "CDBMANI\n", 8);
    cdb_le_put32(data + 8, CDB_MANIFEST_VERSION);
    cdb_le_put32(data + 16, (uint32_t)size);
    cdb_le_put32(data + 12, cdb_index_crc(cdb_index_crc(0, data, 12), data + 16, size - 16));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_signed(data, size, check, sign);
    return 0;
}
