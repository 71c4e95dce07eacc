/* SPDX-License-Identifier: MIT */
#include "query/similarity.h"

#include <math.h>

#include "index/ft_segment.h"

double cdb_bm25_idf(uint64_t documents, uint64_t df)
{
    double n = (double)documents, d = df < documents ? (double)df : n;

    return log(1 + (n - d + 0.5) / (d + 0.5));
}

void cdb_similarity_init(struct cdb_similarity *similarity, float weight, float average_length)
{
    double average = average_length > 0 ? average_length : 1;

    similarity->weight = weight;
    similarity->average_length = average_length;
    for (unsigned norm = 0; norm < 256; norm++) {
        double length = cdb_ft_byte_to_length[norm];

        similarity->k[norm] = (float)(CDB_BM25_K1 * (1 - CDB_BM25_B + CDB_BM25_B * length / average));
        for (unsigned freq = 1; freq <= CDB_BM25_TABLE; freq++)
            similarity->table[freq - 1][norm] = cdb_similarity_any(similarity, freq, (unsigned char)norm);
    }
}
