/* SPDX-License-Identifier: MIT */
#include "index/column_writer.h"

#include <stdlib.h>
#include <string.h>

#include "index/bytes.h"
#include "index/column_encode.h"
#include "index/hash.h"
#include "util/array.h"
#include "util/error.h"

#define FIRST_SLOTS 16
#define SORT_MIN    64 /* values that are worth counting their bytes */
#define NUMBER_MASK UINT64_C(0xffffffff)

void cdb_column_writer_release(struct cdb_column_writer *writer)
{
    cdb_buf_release(&writer->values);
    cdb_buf_release(&writer->gaps);
    free(writer->offsets);
    free(writer->slots);
    free(writer->pairs);
    *writer = (struct cdb_column_writer)CDB_COLUMN_WRITER_INIT;
}

size_t cdb_column_writer_bytes(const struct cdb_column_writer *writer)
{
    size_t slots = writer->slots == NULL ? 0 : writer->slot_mask + 1;

    return writer->values.cap + writer->gaps.cap + writer->room * sizeof(*writer->offsets) +
           slots * sizeof(*writer->slots) + writer->pair_room * sizeof(*writer->pairs);
}

/* ---- distinct values ---------------------------------------------------------------------------- */

static const unsigned char *value_at(const struct cdb_column_writer *writer, uint32_t number)
{
    return (const unsigned char *)writer->values.ptr + writer->offsets[number];
}

static bool is_value(const struct cdb_column_writer *writer, uint32_t number, const struct cdb_value *value)
{
    const unsigned char *bytes = value_at(writer, number);

    return bytes[0] == value->len && memcmp(bytes + 1, value->bytes, value->len) == 0;
}

/* All values anew in a larger table. */
static int grow_slots(struct cdb_column_writer *writer)
{
    size_t mask = writer->slots == NULL ? FIRST_SLOTS - 1 : writer->slot_mask * 2 + 1;
    uint64_t *slots = calloc(mask + 1, sizeof(*slots));

    if (slots == NULL)
        return cdb_error_memory();
    if (writer->slots == NULL)
        writer->hash_key = cdb_hash_key();
    for (size_t i = 0; i < writer->count; i++) {
        const unsigned char *bytes = value_at(writer, (uint32_t)i);
        uint64_t hash = cdb_hash_bytes(writer->hash_key, bytes + 1, bytes[0]);
        size_t slot = (size_t)hash & mask;

        while (slots[slot] != 0)
            slot = (slot + 1) & mask;
        slots[slot] = (hash & ~NUMBER_MASK) | (i + 1);
    }
    free(writer->slots);
    writer->slots = slots;
    writer->slot_mask = mask;
    return 0;
}

static int add_value(struct cdb_column_writer *writer, const struct cdb_value *value)
{
    if (writer->count >= UINT32_MAX - 1 || writer->values.len > UINT32_MAX - sizeof(*value))
        return cdb_error(CHRONDB_ESYSTEM, "index_too_large", "too many different values for one part of the index");
    if (cdb_array_grow(&writer->offsets, &writer->room, writer->count, sizeof(*writer->offsets)) != 0)
        return CHRONDB_ESYSTEM;
    writer->offsets[writer->count++] = (uint32_t)writer->values.len;
    cdb_buf_addc(&writer->values, (char)value->len);
    cdb_buf_add(&writer->values, value->bytes, value->len);
    return cdb_buf_check(&writer->values);
}

static int find_value(struct cdb_column_writer *writer, const struct cdb_value *value, uint32_t *number)
{
    uint64_t hash;
    size_t slot;

    if (writer->count * 4 >= (writer->slot_mask + 1) * 3 || writer->slots == NULL)
        if (grow_slots(writer) != 0)
            return CHRONDB_ESYSTEM;
    hash = cdb_hash_bytes(writer->hash_key, value->bytes, value->len);
    for (slot = (size_t)hash & writer->slot_mask; writer->slots[slot] != 0; slot = (slot + 1) & writer->slot_mask) {
        *number = (uint32_t)(writer->slots[slot] & NUMBER_MASK) - 1;
        if (((writer->slots[slot] ^ hash) & ~NUMBER_MASK) == 0 && is_value(writer, *number, value))
            return 0;
    }
    *number = (uint32_t)writer->count;
    writer->slots[slot] = (hash & ~NUMBER_MASK) | (writer->count + 1);
    return add_value(writer, value);
}

/* ---- pairs -------------------------------------------------------------------------------------- */

static bool is_same_as_last(const struct cdb_column_writer *writer, const struct cdb_value *value)
{
    return writer->pair_count > 0 && is_value(writer, writer->pairs[writer->pair_count - 1], value);
}

int cdb_column_writer_add(struct cdb_column_writer *writer, uint32_t doc, const struct cdb_value *value)
{
    bool first = writer->pair_count == 0, again = is_same_as_last(writer, value);
    unsigned char gap[CDB_VARINT_MAX];
    uint32_t number;

    if (writer->values.failed || writer->gaps.failed)
        return cdb_error_memory();
    if (again && doc == writer->last_doc)
        return 0;
    if (again)
        number = writer->pairs[writer->pair_count - 1];
    else if (find_value(writer, value, &number) != 0)
        return CHRONDB_ESYSTEM;
    if (cdb_array_grow(&writer->pairs, &writer->pair_room, writer->pair_count, sizeof(*writer->pairs)) != 0)
        return CHRONDB_ESYSTEM;
    writer->pairs[writer->pair_count++] = number;
    if (first || doc != writer->last_doc)
        writer->rows++;
    cdb_buf_add(&writer->gaps, gap, (size_t)(cdb_varint_put(gap, doc - writer->last_doc) - gap));
    writer->last_doc = doc;
    return cdb_buf_check(&writer->gaps);
}

/* ---- order -------------------------------------------------------------------------------------- */

/* A value with some of its bytes as a number, which decides mostly: those behind what all values begin with. */
struct place {
    uint64_t start;
    uint32_t number;
};

static size_t common_start(const struct cdb_column_writer *writer)
{
    const unsigned char *first = value_at(writer, 0);
    size_t common = first[0];

    for (size_t i = 1; i < writer->count && common > 0; i++) {
        const unsigned char *bytes = value_at(writer, (uint32_t)i);
        size_t most = bytes[0] < common ? bytes[0] : common;

        for (common = 0; common < most && bytes[1 + common] == first[1 + common];)
            common++;
    }
    return common;
}

static uint64_t start_of(const unsigned char *bytes, size_t len, size_t common)
{
    uint64_t start = 0;

    for (size_t i = common; i < common + 8; i++)
        start = start << 8 | (i < len ? bytes[i] : 0);
    return start;
}

static int compare_places(const void *left, const void *right, void *context)
{
    const struct cdb_column_writer *writer = context;
    const struct place *a = left, *b = right;
    const unsigned char *x = value_at(writer, a->number), *y = value_at(writer, b->number);

    return cdb_bytes_compare((const char *)x + 1, x[0], (const char *)y + 1, y[0]);
}

/* By one byte of the numbers, keeping the order otherwise. False, and nothing done, if it is the same in all. */
static bool scatter(const struct place *from, struct place *to, size_t count, unsigned shift)
{
    size_t ends[256] = {0}, sum = 0;

    for (size_t i = 0; i < count; i++)
        ends[from[i].start >> shift & 0xff]++;
    if (ends[from[0].start >> shift & 0xff] == count)
        return false;
    for (size_t i = 0; i < 256; i++) {
        size_t some = ends[i];

        ends[i] = sum;
        sum += some;
    }
    for (size_t i = 0; i < count; i++)
        to[ends[from[i].start >> shift & 0xff]++] = from[i];
    return true;
}

/* By the numbers, byte for byte, the lowest first; then those with the same number by all their bytes, as few are at
 * once. `places` has twice the room; returns the half that has them. */
static struct place *sort_places(struct cdb_column_writer *writer, struct place *places)
{
    size_t count = writer->count, end;
    struct place *from = places, *to = places + count;

    for (unsigned shift = 0; count >= SORT_MIN && shift < 64; shift += 8) {
        if (scatter(from, to, count, shift)) {
            struct place *swap = from;

            from = to;
            to = swap;
        }
    }
    for (size_t i = 0; i < count; i = end) {
        for (end = i + 1; end < count && (from[end].start == from[i].start || count < SORT_MIN);)
            end++;
        if (end - i > 1)
            qsort_r(from + i, end - i, sizeof(*from), compare_places, writer);
    }
    return from;
}

/* Give the values to the encoder in order, and store their ordinals by number. */
static int sort_values(struct cdb_column_writer *writer, struct cdb_column_encoder *encoder, uint32_t *ordinals)
{
    struct place *places = reallocarray(NULL, writer->count, 2 * sizeof(*places));
    size_t common = common_start(writer);
    const struct place *sorted;

    if (places == NULL)
        return cdb_error_memory();
    for (size_t i = 0; i < writer->count; i++) {
        const unsigned char *bytes = value_at(writer, (uint32_t)i);

        places[i] = (struct place){start_of(bytes + 1, bytes[0], common), (uint32_t)i};
    }
    sorted = sort_places(writer, places);
    for (size_t i = 0; i < writer->count; i++) {
        const unsigned char *bytes = value_at(writer, sorted[i].number);

        ordinals[sorted[i].number] = (uint32_t)i;
        cdb_column_encoder_value(encoder, bytes + 1, bytes[0]);
    }
    free(places);
    return 0;
}

static int compare_ordinals(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

    return (a > b) - (a < b);
}

/* ---- documents ---------------------------------------------------------------------------------- */

/* Where in the writer's pairs an encoder is. */
struct reading {
    const struct cdb_column_writer *writer;
    const unsigned char *gaps;
    size_t pair, end; /* the current document's */
    uint32_t doc;
};

static int rewind_pairs(void *context)
{
    struct reading *reading = context;

    reading->gaps = (const unsigned char *)reading->writer->gaps.ptr;
    reading->pair = reading->end = 0;
    reading->doc = 0;
    return 0;
}

static int next_doc(void *context, uint32_t *doc)
{
    struct reading *reading = context;
    const struct cdb_column_writer *writer = reading->writer;
    const unsigned char *end = (const unsigned char *)writer->gaps.ptr + writer->gaps.len;
    uint64_t gap;

    reading->pair = reading->end;
    if (!cdb_varint_get(&reading->gaps, end, &gap))
        return 1;
    reading->doc += (uint32_t)gap;
    for (reading->end++; reading->gaps < end && *reading->gaps == 0; reading->end++)
        reading->gaps++;
    *doc = reading->doc;
    return 0;
}

static int take_piece(void *context, const uint32_t **ordinals, size_t *count)
{
    struct reading *reading = context;

    if (reading->pair == reading->end)
        return 1;
    *ordinals = reading->writer->pairs + reading->pair;
    *count = reading->end - reading->pair;
    reading->pair = reading->end;
    return 0;
}

/* Of each document the ordinals instead of the numbers, sorted, each once. */
static void settle_pairs(struct cdb_column_writer *writer, const uint32_t *ordinals)
{
    struct reading reading = {.writer = writer};
    unsigned char *gaps = (unsigned char *)writer->gaps.ptr, *gap_out = gaps;
    size_t out = 0;
    uint32_t doc;

    for (size_t i = 0; i < writer->pair_count; i++)
        writer->pairs[i] = ordinals[writer->pairs[i]];
    if (writer->rows == writer->pair_count)
        return;
    rewind_pairs(&reading);
    for (const unsigned char *gap = gaps; next_doc(&reading, &doc) == 0; gap = reading.gaps) {
        size_t count = reading.end - reading.pair, first = out;
        size_t len = (size_t)(reading.gaps - gap) - (count - 1); /* of the first gap */

        if (count > 1)
            qsort(writer->pairs + reading.pair, count, sizeof(*writer->pairs), compare_ordinals);
        memmove(gap_out, gap, len);
        gap_out += len;
        for (size_t i = reading.pair; i < reading.end; i++) {
            if (out > first && writer->pairs[out - 1] == writer->pairs[i])
                continue;
            if (out > first)
                *gap_out++ = 0;
            writer->pairs[out++] = writer->pairs[i];
        }
    }
    writer->pair_count = out;
    writer->gaps.len = (size_t)(gap_out - gaps);
}

int cdb_column_writer_finish(struct cdb_column_writer *writer, uint32_t docs, struct cdb_sink *sink)
{
    struct reading reading = {.writer = writer};
    struct cdb_column_rows rows = {rewind_pairs, next_doc, take_piece, &reading};
    struct cdb_column_encoder encoder;
    uint32_t *ordinals = reallocarray(NULL, writer->count, sizeof(*ordinals));
    int result;

    if (ordinals == NULL)
        return cdb_error_memory();
    cdb_column_encoder_init(&encoder, sink);
    result = sort_values(writer, &encoder, ordinals);
    if (result == 0) {
        settle_pairs(writer, ordinals);
        result = cdb_column_encoder_finish(&encoder, docs, writer->rows, writer->pair_count, &rows);
    }
    free(ordinals);
    cdb_column_encoder_release(&encoder);
    cdb_column_writer_release(writer);
    return result;
}
