/* SPDX-License-Identifier: MIT */
#include "index/ft_impacts.h"

#include <string.h>

#include "index/bytes.h"

/* A pair that has a lower frequency than all before. */
static void append(struct cdb_impacts *out, uint32_t freq, unsigned char norm)
{
    if (out->count > 0 && norm >= out->pairs[out->count - 1].norm)
        return;
    if (out->count < CDB_FT_IMPACTS)
        out->pairs[out->count++] = (struct cdb_ft_impact){freq, norm};
    else /* the last one beats this one too then */
        out->pairs[out->count - 1].norm = norm;
}

/* Frequencies below SMALL, nearly all, are told apart; larger ones share a bucket with others that are alike. */
#define SMALL   16
#define BUCKETS (SMALL + 28 * 4)

static unsigned bucket_of(uint32_t freq)
{
    unsigned bits;

    if (freq < SMALL)
        return freq;
    bits = 31 - (unsigned)__builtin_clz(freq);
    return SMALL + (bits - 4) * 4 + (freq >> (bits - 2) & 3);
}

void cdb_impacts_of(struct cdb_impacts *out, const uint32_t *freqs, const unsigned char *norms, size_t count)
{
    unsigned char least[BUCKETS]; /* norms */
    uint32_t greatest[BUCKETS];   /* frequencies */
    uint64_t used[2] = {0};       /* buckets */

    out->count = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned bucket = bucket_of(freqs[i]);
        uint64_t bit = UINT64_C(1) << bucket % 64;

        if ((used[bucket / 64] & bit) == 0) {
            used[bucket / 64] |= bit;
            least[bucket] = norms[i];
            greatest[bucket] = freqs[i];
        }
        least[bucket] = norms[i] < least[bucket] ? norms[i] : least[bucket];
        greatest[bucket] = freqs[i] > greatest[bucket] ? freqs[i] : greatest[bucket];
    }
    for (unsigned half = 2; half-- > 0;) {
        while (used[half] != 0) {
            unsigned bit = 63 - (unsigned)__builtin_clzll(used[half]), bucket = half * 64 + bit;

            used[half] ^= UINT64_C(1) << bit;
            append(out, greatest[bucket], least[bucket]);
        }
    }
}

void cdb_impacts_add(struct cdb_impacts *impacts, const struct cdb_impacts *others)
{
    struct cdb_impacts merged = {.count = 0};
    size_t i = 0, k = 0;

    while (i < impacts->count || k < others->count) {
        const struct cdb_ft_impact *a = i < impacts->count ? &impacts->pairs[i] : NULL;
        const struct cdb_ft_impact *b = k < others->count ? &others->pairs[k] : NULL;
        bool first = b == NULL || (a != NULL && (a->freq > b->freq || (a->freq == b->freq && a->norm <= b->norm)));
        const struct cdb_ft_impact *next = first ? a : b;

        append(&merged, next->freq, next->norm);
        i += first;
        k += !first;
    }
    *impacts = merged;
}

unsigned char *cdb_impacts_put(unsigned char *p, const struct cdb_impacts *impacts)
{
    uint32_t before = 0;

    *p++ = (unsigned char)impacts->count;
    for (size_t i = impacts->count; i-- > 0; before = impacts->pairs[i].freq) {
        p = cdb_varint_put(p, impacts->pairs[i].freq - before);
        *p++ = impacts->pairs[i].norm;
    }
    return p;
}

bool cdb_impacts_get(const unsigned char **at, const unsigned char *end, struct cdb_impacts *out)
{
    const unsigned char *p = *at;
    uint64_t freq = 0, more;
    int norm = -1;

    if (p >= end || *p == 0 || *p > CDB_FT_IMPACTS)
        return false;
    out->count = *p++;
    for (size_t i = out->count; i-- > 0;) {
        if (!cdb_varint_get(&p, end, &more) || more == 0 || more > UINT32_MAX - freq || p >= end || *p <= norm)
            return false;
        freq += more;
        norm = *p++;
        out->pairs[i] = (struct cdb_ft_impact){(uint32_t)freq, (unsigned char)norm};
    }
    *at = p;
    return true;
}
