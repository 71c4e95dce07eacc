/* SPDX-License-Identifier: MIT
 *
 * The norms of a segment of words: how long documents are in a field, in a byte. */
#include "index/bytes.h"
#include "index/ft_inside.h"
#include "index/packed.h"

/* ---- Lucene's SmallFloat.intToByte4 ------------------------------------------------------------- */

#define FREE_VALUES 24 /* lengths that need no float: 255 - the float of the largest int */

const uint32_t cdb_ft_byte_to_length[256] = {
    0,          1,          2,          3,          4,          5,          6,          7,          8,
    9,          10,         11,         12,         13,         14,         15,         16,         17,
    18,         19,         20,         21,         22,         23,         24,         25,         26,
    27,         28,         29,         30,         31,         32,         33,         34,         35,
    36,         37,         38,         39,         40,         42,         44,         46,         48,
    50,         52,         54,         56,         60,         64,         68,         72,         76,
    80,         84,         88,         96,         104,        112,        120,        128,        136,
    144,        152,        168,        184,        200,        216,        232,        248,        264,
    280,        312,        344,        376,        408,        440,        472,        504,        536,
    600,        664,        728,        792,        856,        920,        984,        1048,       1176,
    1304,       1432,       1560,       1688,       1816,       1944,       2072,       2328,       2584,
    2840,       3096,       3352,       3608,       3864,       4120,       4632,       5144,       5656,
    6168,       6680,       7192,       7704,       8216,       9240,       10264,      11288,      12312,
    13336,      14360,      15384,      16408,      18456,      20504,      22552,      24600,      26648,
    28696,      30744,      32792,      36888,      40984,      45080,      49176,      53272,      57368,
    61464,      65560,      73752,      81944,      90136,      98328,      106520,     114712,     122904,
    131096,     147480,     163864,     180248,     196632,     213016,     229400,     245784,     262168,
    294936,     327704,     360472,     393240,     426008,     458776,     491544,     524312,     589848,
    655384,     720920,     786456,     851992,     917528,     983064,     1048600,    1179672,    1310744,
    1441816,    1572888,    1703960,    1835032,    1966104,    2097176,    2359320,    2621464,    2883608,
    3145752,    3407896,    3670040,    3932184,    4194328,    4718616,    5242904,    5767192,    6291480,
    6815768,    7340056,    7864344,    8388632,    9437208,    10485784,   11534360,   12582936,   13631512,
    14680088,   15728664,   16777240,   18874392,   20971544,   23068696,   25165848,   27263000,   29360152,
    31457304,   33554456,   37748760,   41943064,   46137368,   50331672,   54525976,   58720280,   62914584,
    67108888,   75497496,   83886104,   92274712,   100663320,  109051928,  117440536,  125829144,  134217752,
    150994968,  167772184,  184549400,  201326616,  218103832,  234881048,  251658264,  268435480,  301989912,
    335544344,  369098776,  402653208,  436207640,  469762072,  503316504,  536870936,  603979800,  671088664,
    738197528,  805306392,  872415256,  939524120,  1006632984, 1073741848, 1207959576, 1342177304, 1476395032,
    1610612760, 1744830488, 1879048216, 2013265944,
};

unsigned char cdb_ft_length_to_byte(uint32_t length)
{
    uint32_t rest;
    unsigned shift;

    if (length < FREE_VALUES)
        return (unsigned char)length;
    rest = (length > INT32_MAX ? INT32_MAX : length) - FREE_VALUES;
    if (rest < 8)
        return (unsigned char)length;
    shift = cdb_packed_width(rest) - 4;
    return (unsigned char)(FREE_VALUES + ((shift + 1) << 3 | (rest >> shift & 7)));
}

/* ---- reading ------------------------------------------------------------------------------------ */

static int bad_norms(void)
{
    return cdb_index_damaged("the norms of a segment of words are not what was written");
}

int cdb_ft_norms_open(struct cdb_ft_norms *norms, const struct cdb_ft_segment *segment, uint32_t field)
{
    const struct cdb_ft_section *section = &segment->sections[CDB_FT_NORMS];
    const unsigned char *row = cdb_ft_get(segment, CDB_FT_FIELDS, (uint64_t)field * CDB_FT_ROW, CDB_FT_ROW);
    uint64_t offset, size;

    *norms = (struct cdb_ft_norms){.pages = &segment->pages, .docs = segment->info.docs};
    if (row == NULL)
        return CHRONDB_EDAMAGED;
    norms->count = cdb_le_get32(row + 24);
    if (norms->count == 0)
        return 0;
    norms->dense = (cdb_le_get32(row + 12) & CDB_FT_ROW_DENSE) != 0;
    offset = cdb_le_get64(row + 40);
    size = norms->dense ? norms->docs : norms->count * (uint64_t)5;
    if (norms->count > norms->docs || offset > section->len || size > section->len - offset)
        return bad_norms();
    norms->offset = section->offset + offset;
    return 0;
}

/* Document number `index` of sparse norms; 0 after damage. */
static uint32_t sparse_doc(struct cdb_ft_norms *norms, uint32_t index)
{
    const unsigned char *p = cdb_pages_get(norms->pages, norms->offset + (uint64_t)index * 4, 4);

    if (p == NULL)
        norms->result = CHRONDB_EDAMAGED;
    return p != NULL ? cdb_le_get32(p) : 0;
}

/* The first place in [low, high) whose document is not below `doc`, or high. */
static uint32_t sparse_search(struct cdb_ft_norms *norms, uint32_t low, uint32_t high, uint32_t doc)
{
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (sparse_doc(norms, middle) < doc)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint32_t sparse_place(struct cdb_ft_norms *norms, uint32_t doc)
{
    uint32_t low = norms->hint, step = 1;

    if (low >= norms->count || sparse_doc(norms, low) > doc)
        return sparse_search(norms, 0, norms->count, doc);
    while (norms->count - low > step && sparse_doc(norms, low + step) < doc) {
        low += step;
        step *= 2;
    }
    return sparse_search(norms, low, norms->count - low > step ? low + step + 1 : norms->count, doc);
}

unsigned char cdb_ft_norm_slow(struct cdb_ft_norms *norms, uint32_t doc)
{
    const unsigned char *p;
    uint64_t at = norms->offset + doc;

    if (doc >= norms->docs || norms->count == 0)
        return 0;
    if (!norms->dense) {
        uint32_t place = sparse_place(norms, doc);

        if (place >= norms->count)
            return 0;
        norms->hint = place;
        if (sparse_doc(norms, place) != doc)
            return 0;
        at = norms->offset + (uint64_t)norms->count * 4 + place;
    }
    p = cdb_pages_get(norms->pages, at, 1);
    if (p == NULL)
        norms->result = CHRONDB_EDAMAGED;
    return p != NULL ? *p : 0;
}

int cdb_ft_norms_get(struct cdb_ft_norms *norms, const uint32_t *docs, size_t count, unsigned char *out)
{
    /* Documents that are close together: their pages are looked at once. */
    if (norms->dense && count > 1 && docs[count - 1] < norms->docs && docs[count - 1] - docs[0] < CDB_PAGE) {
        const unsigned char *p = cdb_pages_get(norms->pages, norms->offset + docs[0], docs[count - 1] - docs[0] + 1);

        if (p == NULL)
            return norms->result = CHRONDB_EDAMAGED;
        for (size_t i = 0; i < count; i++)
            out[i] = p[docs[i] - docs[0]];
        return norms->result;
    }
    for (size_t i = 0; i < count; i++)
        out[i] = cdb_ft_norm(norms, docs[i]);
    return norms->result;
}
