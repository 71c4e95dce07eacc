/* SPDX-License-Identifier: MIT */
#include "query/fuzzy.h"

#include "chrondb.h"
#include "query/point.h"

#define FAR 100 /* a distance above all that count */

int cdb_fuzzy_init(struct cdb_fuzzy *fuzzy, struct cdb_arena *arena, const char *word, size_t len, unsigned distance)
{
    size_t length = 0;

    for (size_t at = 0; at < len && length <= CDB_FUZZY_WORD_MAX; length++)
        cdb_point_next(word, len, &at);
    *fuzzy = (struct cdb_fuzzy){NULL, length, distance, NULL, 0};
    if (length > CDB_FUZZY_WORD_MAX)
        return 0;
    fuzzy->points = cdb_arena_alloc(arena, (length + 1) * sizeof(*fuzzy->points));
    fuzzy->rows = cdb_arena_alloc(arena, (length + distance + 1) * sizeof(*fuzzy->rows));
    if (fuzzy->points == NULL || fuzzy->rows == NULL)
        return CHRONDB_ESYSTEM;
    length = 0;
    for (size_t at = 0; at < len; length++)
        fuzzy->points[length] = cdb_point_next(word, len, &at);
    /* Cell c of row i is the distance of i characters of a word from the first i + c - distance of ours. */
    fuzzy->rows[0] = (struct cdb_fuzzy_row){0, 0, {0}, false};
    for (unsigned c = 0; c < 2 * distance + 1; c++)
        fuzzy->rows[0].cells[c] = (uint8_t)(c < distance || c - distance > length ? FAR : c - distance);
    fuzzy->count = 1;
    return 0;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* May the character of row `i` be the first one of an exchange that leads to a match? */
static bool may_exchange(const struct cdb_fuzzy *fuzzy, size_t i)
{
    const struct cdb_fuzzy_row *row = &fuzzy->rows[i];
    unsigned k = fuzzy->distance;

    for (unsigned c = 0; c < 2 * k + 1; c++)
        if (i + c > k && i + c - k < fuzzy->length && row[-1].cells[c] < k && fuzzy->points[i + c - k] == row->point)
            return true;
    return false;
}

/* The row after `i` rows, for the character in it. */
static void fill(const struct cdb_fuzzy *fuzzy, size_t i)
{
    struct cdb_fuzzy_row *row = &fuzzy->rows[i];
    const struct cdb_fuzzy_row *above = row - 1;
    unsigned k = fuzzy->distance, best = FAR;

    for (unsigned c = 0; c < 2 * k + 1; c++) {
        size_t j = i + c - k; /* wraps below 0: then it is above the length too */
        unsigned cost = FAR;

        if (i + c >= k && j <= fuzzy->length) {
            if (c < 2 * k)
                cost = above->cells[c + 1] + 1u; /* one more in the word */
            if (c > 0)
                cost = least(cost, row->cells[c - 1] + 1u); /* one less */
            if (j > 0)
                cost = least(cost, above->cells[c] + (fuzzy->points[j - 1] != row->point));
            if (j > 1 && i > 1 && fuzzy->points[j - 1] == above->point && fuzzy->points[j - 2] == row->point)
                cost = least(cost, above[-1].cells[c] + 1u);
        }
        row->cells[c] = (uint8_t)least(cost, FAR);
        best = least(best, cost);
    }
    row->dead = best > k && !may_exchange(fuzzy, i);
}

bool cdb_fuzzy_matches(struct cdb_fuzzy *fuzzy, const char *word, size_t len, size_t shared, size_t *dead)
{
    size_t rows = fuzzy->count, at;

    *dead = 0;
    if (fuzzy->rows == NULL)
        return false;
    while (rows > 1 && fuzzy->rows[rows - 1].end > shared)
        rows--;
    at = fuzzy->rows[rows - 1].end;
    while (!fuzzy->rows[rows - 1].dead && at < len && rows < fuzzy->length + fuzzy->distance + 1) {
        struct cdb_fuzzy_row *row = &fuzzy->rows[rows];

        row->point = cdb_point_next(word, len, &at);
        row->end = (uint32_t)at;
        fill(fuzzy, rows++);
    }
    fuzzy->count = rows;
    if (fuzzy->rows[rows - 1].dead) {
        *dead = fuzzy->rows[rows - 1].end;
        return false;
    }
    if (at < len) { /* longer than all that match */
        cdb_point_next(word, len, &at);
        *dead = at;
        return false;
    }
    /* The cell of our whole word in the row of the whole of this one. */
    if (fuzzy->length + fuzzy->distance < rows - 1 || rows - 1 + fuzzy->distance < fuzzy->length)
        return false;
    return fuzzy->rows[rows - 1].cells[fuzzy->length + fuzzy->distance - (rows - 1)] <= fuzzy->distance;
}
