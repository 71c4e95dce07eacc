/* SPDX-License-Identifier: MIT
 *
 * Impacts: the pairs (frequency, norm) of some postings that no other pair of them beats in both. */
#ifndef CDB_INDEX_FT_IMPACTS_H
#define CDB_INDEX_FT_IMPACTS_H

#include <stdbool.h>
#include <stddef.h>

#include "index/ft_postings.h"

#define CDB_IMPACTS_MAX (2 * (1 + CDB_FT_IMPACTS * 6)) /* bytes of a block's, at most */

/* Pairs by descending frequency and norm. Zeros are none. */
struct cdb_impacts {
    struct cdb_ft_impact pairs[CDB_FT_IMPACTS];
    size_t count;
};

/* Those of `count` (1 to 128) postings. Where there are more than fit, some are replaced by one that beats them. */
void cdb_impacts_of(struct cdb_impacts *out, const uint32_t *freqs, const unsigned char *norms, size_t count);
/* Add others. */
void cdb_impacts_add(struct cdb_impacts *impacts, const struct cdb_impacts *others);

/* Behind what was written. */
unsigned char *cdb_impacts_put(unsigned char *p, const struct cdb_impacts *impacts);
/* False if these are no such bytes. */
bool cdb_impacts_get(const unsigned char **at, const unsigned char *end, struct cdb_impacts *out);

#endif
