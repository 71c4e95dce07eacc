/* SPDX-License-Identifier: MIT
 *
 * Between ft_postings.c and ft_positions.c. */
#ifndef CDB_INDEX_FT_POSITIONS_H
#define CDB_INDEX_FT_POSITIONS_H

#include "index/ft_postings.h"

/* The bytes of the positions of the current block. False, with the error set, if they are damaged. */
bool cdb_ft_find_chunks(struct cdb_ft_postings *postings, const unsigned char **at, const unsigned char **end);

#endif
