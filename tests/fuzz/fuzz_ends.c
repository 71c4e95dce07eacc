/* SPDX-License-Identifier: MIT
 *
 * Any bytes as ends of a segment, as they are and with all checksums put right: what is accepted gives an end, or says
 * that it is damaged, for each document; the same after ends were added, and cut. */
#include "fuzz/fuzz.h"
#include "index/bytes.h"
#include "index/ends.h"
#include "index/ft_pages.h"

#define DOCS_MAX (1u << 20)

static int from_of(void *context, uint32_t doc, uint32_t *position)
{
    (void)context;
    *position = doc % 50;
    return 0;
}

static void ask(struct cdb_ends *ends)
{
    uint32_t dead = 0, until, min, max;

    for (uint32_t doc = 0; doc < ends->docs; doc++) {
        int result = cdb_ends_until(ends, doc, &until);

        CHECK(result == 0 || result == CHRONDB_EDAMAGED);
        CHECK(cdb_ends_has(ends, doc) || (result == 0 && until == CDB_ENDS_NONE));
        dead += cdb_ends_has(ends, doc);
    }
    CHECK(dead == ends->dead);
    int result = cdb_ends_span(ends, &min, &max);
    CHECK(result == 0 || result == CHRONDB_EDAMAGED);
}

static void check(const unsigned char *data, size_t size)
{
    struct cdb_ends *ends = NULL;
    uint32_t docs = size >= CDB_PAGES_HEAD + 4 ? cdb_le_get32(data + CDB_PAGES_HEAD) : 1;
    int result = cdb_ends_view(&ends, data, size, docs < DOCS_MAX ? docs : DOCS_MAX);

    CHECK(result == 0 || result == CHRONDB_EDAMAGED);
    if (result != 0)
        return;
    ask(ends);
    for (uint32_t doc = 0; doc < ends->docs; doc += 7)
        if (!cdb_ends_has(ends, doc))
            CHECK(cdb_ends_set(ends, doc, doc) == 0);
    ask(ends);
    result = cdb_ends_cut(ends, 25, from_of, NULL);
    CHECK(result == 0 || result == CHRONDB_EDAMAGED);
    ask(ends);
    cdb_ends_close(ends);
}

static void sign(unsigned char *data, size_t size)
{
    uint64_t content, pages;
    uint32_t crc;

    if (size < CDB_PAGES_HEAD)
        return;
    content = (size - CDB_PAGES_HEAD) * CDB_PAGE / (CDB_PAGE + 4);
    while (CDB_PAGES_HEAD + content + (content + CDB_PAGE - 1) / CDB_PAGE * 4 < size)
        content++;
    pages = (content + CDB_PAGE - 1) / CDB_PAGE;
    if (CDB_PAGES_HEAD + content + pages * 4 != size)
        return;
    memcpy(data, "CDBENDS\n", 8);
    cdb_le_put32(data + 8, 1);
    cdb_le_put64(data + 16, size);
    cdb_le_put64(data + 32, content);
    unsigned char *table = data + CDB_PAGES_HEAD + content;
    for (uint64_t page = 0; page < pages; page++) {
        uint64_t left = content - page * CDB_PAGE;

        cdb_le_put32(table + page * 4, cdb_index_crc(0, data + CDB_PAGES_HEAD + page * CDB_PAGE,
                                                     left < CDB_PAGE ? (size_t)left : CDB_PAGE));
    }
    crc = cdb_index_crc(cdb_index_crc(0, data, 12), data + 16, CDB_PAGES_HEAD - 16);
    cdb_le_put32(data + 12, cdb_index_crc(crc, table, (size_t)pages * 4));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_signed(data, size, check, sign);
    return 0;
}
