/* SPDX-License-Identifier: MIT
 *
 * Cursors: where a page of hits ended, as text for URLs and command lines. It is the base64 (RFC 4648, section 5, not
 * padded) of
 *
 *     version (1), the commit's id (20), hash of query, order and table (8), score of the last hit (4),
 *     number of weights (varint), each weight (4) and average length (4), key of the last hit, CRC-32 of all that (4)
 *
 * with numbers in little-endian order, scores as IEEE 754 floats. The weights are those that the first page was scored
 * with, so that the next pages continue it although segments were merged meanwhile; the order's values of the last hit
 * are found by its key. It is no secret and no proof: whoever makes one up gets the hits that it describes. */
#ifndef CDB_QUERY_CURSOR_H
#define CDB_QUERY_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "query/stats.h"
#include "util/arena.h"
#include "util/buf.h"
#include "util/oid.h"

#define CDB_CURSOR_MAX ((size_t)128 * 1024) /* characters */

struct cdb_search_options;

struct cdb_cursor {
    struct cdb_oid commit;
    uint64_t hash;
    float score;
    struct cdb_weight *weights;
    size_t weight_count;
    const char *key; /* NUL-terminated */
    size_t key_len;
};

/* Append the text. */
void cdb_cursor_encode(struct cdb_buf *out, const struct cdb_cursor *cursor);
/* What it says lives in the arena. CHRONDB_EUSAGE "invalid_cursor": it is none, or cut off, or altered. Weights and
 * score are finite and not negative then. CHRONDB_ESYSTEM without memory. */
int cdb_cursor_decode(struct cdb_cursor *cursor, struct cdb_arena *arena, const char *text);

/* What a cursor must agree on: the query's meaning, the order, the table. */
uint64_t cdb_cursor_hash(const struct cdb_query_node *query, const struct cdb_search_options *options);

#endif
