/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a pack from elsewhere; the checksum, which an attacker would put right, is put right. What is accepted
 * has as many objects as it says, each with an id and a type. */
#include "fuzz/fuzz.h"
#include "store/packcheck.h"
#include "store/sha1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cdb_packcheck check;
    unsigned char *pack = malloc(size + 20);
    CHECK(pack != NULL);
    memcpy(pack, data, size);
    mbedtls_sha1(pack, size, pack + size);
    int result = cdb_packcheck_run(&check, pack, size + 20, NULL, NULL, NULL);
    if (result == 0)
        result = cdb_packcheck_sort(&check);
    if (result == 0) {
        CHECK(check.count ==
              ((uint32_t)pack[8] << 24 | (uint32_t)pack[9] << 16 | (uint32_t)pack[10] << 8 | (uint32_t)pack[11]));
        for (size_t i = 0; i < check.count; i++)
            CHECK(check.list[i].type >= CDB_COMMIT && check.list[i].type <= CDB_TAG &&
                  cdb_packcheck_find(&check, &check.list[i].oid) == &check.list[i]);
        CHECK(check.outside_count == 0);
    } else {
        CHECK(chrondb_last_error()->code == CHRONDB_EDAMAGED);
    }
    cdb_packcheck_release(&check);
    free(pack);
    return 0;
}
