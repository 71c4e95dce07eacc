/* SPDX-License-Identifier: MIT */
#include "index/bytes.h"

#include <libdeflate.h>

#include "util/error.h"

#define NANOSECONDS 1000000000u
#define FLAG        0x80000000u

uint32_t cdb_index_crc(uint32_t crc, const void *data, size_t len)
{
    return libdeflate_crc32(crc, data, len);
}

void cdb_index_put_time(unsigned char *p, chrondb_time time, bool flag)
{
    cdb_le_put64(p, (uint64_t)time.seconds);
    cdb_le_put32(p + 8, (uint32_t)time.nanoseconds | (flag ? FLAG : 0));
}

bool cdb_index_get_time(const unsigned char *p, chrondb_time *time, bool *flag)
{
    uint32_t fraction = cdb_le_get32(p + 8);

    *flag = (fraction & FLAG) != 0;
    fraction &= ~FLAG;
    time->seconds = (int64_t)cdb_le_get64(p);
    time->nanoseconds = (int32_t)(fraction % NANOSECONDS);
    return fraction < NANOSECONDS;
}

void cdb_index_set_damaged(const char *what)
{
    cdb_error_set(CHRONDB_EDAMAGED, "damaged", "the index is damaged: %s", what);
}
