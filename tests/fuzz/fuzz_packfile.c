/* SPDX-License-Identifier: MIT
 *
 * The first two bytes tell how long the index is, the rest is the pack. The checksums that an attacker would put right
 * are put right. Any bytes: whatever opens can be read within its bounds, each object is whole or an error. */
#include "fuzz/fuzz.h"
#include "store/packfile.h"

#define OBJECT_MAX ((size_t)1 << 20)
#define OBJECTS    64

static void check_object(struct cdb_packfile *file, uint32_t position)
{
    struct cdb_buf out = CDB_BUF_INIT;
    const char *why = NULL;
    struct cdb_oid oid;
    uint32_t crc, found;
    int type = CDB_ANY;
    uint64_t offset = cdb_packfile_offset(file, position);

    cdb_packfile_oid(file, position, &oid);
    cdb_packfile_find(file, &oid, &found);
    cdb_packfile_crc(file, position, &crc);
    if (offset == 0)
        return;
    int result = cdb_packfile_read(file, offset, OBJECT_MAX, NULL, &type, &out, &why);
    if (result == 0)
        CHECK(type >= CDB_COMMIT && type <= CDB_TAG && out.len <= OBJECT_MAX);
    else
        CHECK(result == CHRONDB_EDAMAGED && why != NULL && out.len == 0);
    cdb_buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    size_t cut = (data[0] + 256u * data[1]) % (size - 1);
    unsigned char *idx = malloc(cut + 1), *pack = malloc(size - 1 - cut);
    struct cdb_packfile *file = NULL;

    CHECK(idx != NULL && pack != NULL);
    memcpy(idx, data + 2, cut);
    memcpy(pack, data + 2 + cut, size - 2 - cut);
    if (cut >= 40 && size - 2 - cut >= 20)
        memcpy(idx + cut - 40, pack + size - 2 - cut - 20, 20);
    if (cdb_packfile_view(&file, idx, cut, pack, size - 2 - cut) == 0) {
        for (uint32_t i = 0; i < cdb_packfile_count(file) && i < OBJECTS; i++)
            check_object(file, i);
        cdb_packfile_release(file);
    } else {
        CHECK(chrondb_last_error()->code == CHRONDB_EDAMAGED);
    }
    free(idx);
    free(pack);
    return 0;
}
