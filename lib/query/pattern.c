/* SPDX-License-Identifier: MIT */
#include "query/pattern.h"

#include <string.h>

#include "chrondb.h"
#include "query/point.h"

/* ---- building ----------------------------------------------------------------------------------- */

static size_t slot_of(const struct cdb_pattern *pattern, uint32_t point)
{
    size_t slot = (point * UINT32_C(2654435761)) & (pattern->slots - 1);

    while (pattern->characters[slot] != 0 && pattern->characters[slot] != point + 1)
        slot = (slot + 1) & (pattern->slots - 1);
    return slot;
}

static size_t mask_of(const struct cdb_pattern *pattern, uint32_t point)
{
    return point < 128 ? pattern->ascii[point] : pattern->mask_of[slot_of(pattern, point)];
}

static void set_bit(uint64_t *words, size_t bit)
{
    words[bit / 64] |= UINT64_C(1) << bit % 64;
}

static void *zeros(struct cdb_arena *arena, size_t count, size_t size)
{
    void *memory = cdb_arena_alloc(arena, count * size);

    if (memory != NULL)
        memset(memory, 0, count * size);
    return memory;
}

/* How many characters there are, but the stars; more than CDB_PATTERN_MAX is not counted to the end. */
static size_t count_characters(const struct cdb_query_pattern *pieces)
{
    size_t count = 0;

    for (size_t i = 0; i < pieces->count && count <= CDB_PATTERN_MAX; i++) {
        const struct cdb_query_piece *piece = &pieces->pieces[i];

        if (piece->kind == CDB_QUERY_ONE)
            count++;
        for (size_t at = 0; piece->kind == CDB_QUERY_LITERAL && at < piece->text.len; count++)
            cdb_point_next(piece->text.ptr, piece->text.len, &at);
    }
    return count;
}

static int allocate(struct cdb_pattern *pattern, struct cdb_arena *arena)
{
    size_t words = pattern->length / 64 + 1;

    for (pattern->slots = 16; pattern->slots < 2 * (pattern->length + 1);)
        pattern->slots *= 2;
    pattern->loops = zeros(arena, words, sizeof(uint64_t));
    pattern->any = zeros(arena, words, sizeof(uint64_t));
    pattern->masks = zeros(arena, (pattern->length + 1) * words, sizeof(uint64_t));
    pattern->state = zeros(arena, 2 * words, sizeof(uint64_t));
    pattern->characters = zeros(arena, pattern->slots, sizeof(uint32_t));
    pattern->mask_of = zeros(arena, pattern->slots, sizeof(uint16_t));
    if (pattern->loops == NULL || pattern->any == NULL || pattern->masks == NULL || pattern->state == NULL ||
        pattern->characters == NULL || pattern->mask_of == NULL)
        return CHRONDB_ESYSTEM;
    pattern->words = words;
    return 0;
}

static void add_character(struct cdb_pattern *pattern, uint32_t point, size_t state, uint16_t *distinct)
{
    size_t mask = mask_of(pattern, point);

    if (mask == 0) {
        mask = ++*distinct;
        if (point < 128) {
            pattern->ascii[point] = (uint16_t)mask;
        } else {
            size_t slot = slot_of(pattern, point);

            pattern->characters[slot] = point + 1;
            pattern->mask_of[slot] = (uint16_t)mask;
        }
    }
    set_bit(pattern->masks + mask * pattern->words, state);
}

int cdb_pattern_init(struct cdb_pattern *pattern, struct cdb_arena *arena, const struct cdb_query_pattern *pieces)
{
    const struct cdb_query_piece *last = &pieces->pieces[pieces->count - 1];
    size_t state = 0;
    uint16_t distinct = 0;

    memset(pattern, 0, sizeof(*pattern));
    pattern->length = count_characters(pieces);
    if (pieces->pieces[0].kind == CDB_QUERY_LITERAL)
        pattern->prefix = pieces->pieces[0].text;
    if (last->kind == CDB_QUERY_LITERAL)
        pattern->suffix = last->text;
    if (pattern->length > CDB_PATTERN_MAX)
        return 0;
    if (allocate(pattern, arena) != 0)
        return CHRONDB_ESYSTEM;
    for (size_t i = 0; i < pieces->count; i++) {
        const struct cdb_query_piece *piece = &pieces->pieces[i];

        if (piece->kind == CDB_QUERY_STAR)
            set_bit(pattern->loops, state);
        if (piece->kind == CDB_QUERY_ONE)
            set_bit(pattern->any, ++state);
        for (size_t at = 0; piece->kind == CDB_QUERY_LITERAL && at < piece->text.len;)
            add_character(pattern, cdb_point_next(piece->text.ptr, piece->text.len, &at), ++state, &distinct);
    }
    return 0;
}

/* ---- matching ----------------------------------------------------------------------------------- */

/* Nearly all patterns: one word of states. */
static bool matches_short(const struct cdb_pattern *pattern, const char *text, size_t len)
{
    uint64_t state = 1, any = pattern->any[0], loops = pattern->loops[0];

    for (size_t at = 0; at < len && state != 0;) {
        uint64_t mask = pattern->masks[mask_of(pattern, cdb_point_next(text, len, &at))] | any;

        state = (state << 1 & mask) | (state & loops);
    }
    return (state >> pattern->length & 1) != 0;
}

static bool matches_long(const struct cdb_pattern *pattern, const char *text, size_t len)
{
    uint64_t *state = pattern->state;
    size_t words = pattern->words;

    memset(state, 0, words * sizeof(*state));
    state[0] = 1;
    for (size_t at = 0; at < len;) {
        const uint64_t *mask = pattern->masks + mask_of(pattern, cdb_point_next(text, len, &at)) * words;
        uint64_t carry = 0;

        for (size_t i = 0; i < words; i++) {
            uint64_t old = state[i];

            state[i] = ((old << 1 | carry) & (mask[i] | pattern->any[i])) | (old & pattern->loops[i]);
            carry = old >> 63;
        }
    }
    return (state[pattern->length / 64] >> pattern->length % 64 & 1) != 0;
}

bool cdb_pattern_matches(const struct cdb_pattern *pattern, const char *text, size_t len)
{
    const struct cdb_query_string *prefix = &pattern->prefix, *suffix = &pattern->suffix;

    if (pattern->words == 0 || len < pattern->length || len < prefix->len || len < suffix->len)
        return false;
    if (prefix->len > 0 && memcmp(text, prefix->ptr, prefix->len) != 0)
        return false;
    if (suffix->len > 0 && memcmp(text + len - suffix->len, suffix->ptr, suffix->len) != 0)
        return false;
    return pattern->words == 1 ? matches_short(pattern, text, len) : matches_long(pattern, text, len);
}
