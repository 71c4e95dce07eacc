/* SPDX-License-Identifier: MIT
 *
 * BM25 as Lucene 8 has it (Robertson et al., "Okapi at TREC-3", 1994; org.apache.lucene.search.similarities.
 * BM25Similarity): weight * tf / (tf + k1 * (1 - b + b * dl / avgdl)), with dl from the one-byte length. */
#ifndef CDB_QUERY_SIMILARITY_H
#define CDB_QUERY_SIMILARITY_H

#include <stdbool.h>
#include <stdint.h>

#define CDB_BM25_K1 1.2
#define CDB_BM25_B  0.75

#define CDB_BM25_TABLE 4 /* frequencies whose scores are worked out beforehand */

/* The score of one term or phrase in one field, by frequency and norm. */
struct cdb_similarity {
    float weight;         /* boost * idf */
    float average_length; /* of the field */
    float k[256];         /* by norm: k1 * (1 - b + b * dl / avgdl) */
    float table[CDB_BM25_TABLE][256];
};

/* ln(1 + (documents - df + 0.5) / (df + 0.5)); df counts as at most `documents`. */
double cdb_bm25_idf(uint64_t documents, uint64_t df);

/* `weight` and `average_length` are finite and not negative. */
void cdb_similarity_init(struct cdb_similarity *similarity, float weight, float average_length);

/* Grows with the frequency, falls with the norm, also in its last bit. */
static inline float cdb_similarity_any(const struct cdb_similarity *similarity, double freq, unsigned char norm)
{
    return (float)(similarity->weight * (freq / (freq + (double)similarity->k[norm])));
}

static inline float cdb_similarity_score(const struct cdb_similarity *similarity, uint32_t freq, unsigned char norm)
{
    if (freq - 1 < CDB_BM25_TABLE)
        return similarity->table[freq - 1][norm];
    return cdb_similarity_any(similarity, freq, norm);
}

#endif
