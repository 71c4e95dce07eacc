/* SPDX-License-Identifier: MIT */
#include "index/ft_pack.h"

#include <string.h>

#include "index/bytes.h"

#define VECTORS (CDB_PACK_COUNT / 4)

/* What an exception costs beside its bytes: the time to patch it in. */
#define EXCEPTION_BIAS 1
#define EXCEPTIONS_MAX 32

typedef uint32_t vector __attribute__((vector_size(16)));

/* In files words are little-endian. */
static inline vector swap(vector v)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    for (int i = 0; i < 4; i++)
        v[i] = __builtin_bswap32(v[i]);
#endif
    return v;
}

static inline vector load(const void *p)
{
    vector v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static inline void store(void *p, vector v)
{
    memcpy(p, &v, sizeof(v));
}

/* ---- unpacking ---------------------------------------------------------------------------------- */

/* With a constant width all of this is straight-line code. */
__attribute__((always_inline)) static inline void unpack(const unsigned char *in, uint32_t *out, unsigned width)
{
    uint32_t mask = width == 32 ? UINT32_MAX : (UINT32_C(1) << width) - 1;
    vector masks = {mask, mask, mask, mask}, word = {0}, value;
    unsigned left = 0; /* bits of `word` that were not used */

#pragma GCC unroll 32
    for (int i = 0; i < VECTORS; i++) {
        if (left == 0) {
            word = swap(load(in));
            in += 16;
            value = word;
            left = 32 - width;
        } else if (left >= width) {
            value = word >> (32 - left);
            left -= width;
        } else {
            value = word >> (32 - left);
            word = swap(load(in));
            in += 16;
            value |= word << left;
            left += 32 - width;
        }
        store(out + 4 * i, value & masks);
    }
}

#define CASE(n)                                                                                                        \
    case n:                                                                                                            \
        unpack(in, out, n);                                                                                            \
        break;

static void unpack_width(const unsigned char *in, uint32_t *out, unsigned width)
{
    switch (width) {
    case 0:
        memset(out, 0, CDB_PACK_COUNT * sizeof(*out));
        break;
        CASE(1)
        CASE(2)
        CASE(3)
        CASE(4)
        CASE(5)
        CASE(6)
        CASE(7)
        CASE(8)
        CASE(9)
        CASE(10)
        CASE(11)
        CASE(12)
        CASE(13)
        CASE(14)
        CASE(15)
        CASE(16)
        CASE(17)
        CASE(18)
        CASE(19)
        CASE(20)
        CASE(21)
        CASE(22)
        CASE(23)
        CASE(24)
        CASE(25)
        CASE(26)
        CASE(27)
        CASE(28)
        CASE(29)
        CASE(30)
        CASE(31)
        CASE(32)
    default:
        break;
    }
}

/* The width and the number of exceptions; the packed words are before `end`. */
static bool get_head(const unsigned char **at, const unsigned char *end, unsigned *width, unsigned *exceptions)
{
    const unsigned char *p = *at;

    if (end - p < 2 || p[0] > 32 || p[1] > CDB_PACK_COUNT || end - p - 2 < 16 * p[0])
        return false;
    *width = p[0];
    *exceptions = p[1];
    *at = p + 2;
    return true;
}

/* An exception's place and its higher bits. */
static inline bool get_exception(const unsigned char **at, const unsigned char *end, unsigned width, unsigned *index,
                                 uint64_t *high)
{
    if (*at >= end)
        return false;
    *index = *(*at)++;
    return *index < CDB_PACK_COUNT && cdb_varint_get(at, end, high) && *high <= UINT32_MAX >> width;
}

bool cdb_pack_get(const unsigned char **at, const unsigned char *end, uint32_t out[CDB_PACK_COUNT])
{
    unsigned width, exceptions, index;
    const unsigned char *p = *at;
    uint64_t high;

    if (!get_head(&p, end, &width, &exceptions) || (width == 32 && exceptions > 0))
        return false;
    unpack_width(p, out, width);
    p += 16 * width;
    for (; exceptions > 0; exceptions--) {
        if (!get_exception(&p, end, width, &index, &high))
            return false;
        out[index] |= (uint32_t)(high << width);
    }
    *at = p;
    return true;
}

/* Are numbers that were made of any gaps in order? */
static bool ascend(const uint32_t *numbers)
{
    for (int i = 1; i < CDB_PACK_COUNT; i++)
        if (numbers[i] <= numbers[i - 1])
            return false;
    return true;
}

bool cdb_pack_sum(uint32_t numbers[CDB_PACK_COUNT], uint32_t base)
{
    const vector zero = {0}, one = {1, 1, 1, 1};
    vector last = {base, base, base, base}, any = {0};

    for (int i = 0; i < VECTORS; i++) {
        vector v = load(numbers + 4 * i);

        any |= v;
        v += one;
        v += __builtin_shufflevector(zero, v, 0, 4, 5, 6);
        v += __builtin_shufflevector(zero, v, 0, 1, 4, 5);
        v += last;
        store(numbers + 4 * i, v);
        last = __builtin_shufflevector(v, v, 3, 3, 3, 3);
    }
    /* Where no gap is large they cannot have wrapped around twice. */
    if ((any[0] | any[1] | any[2] | any[3]) < UINT32_C(1) << 24)
        return numbers[CDB_PACK_COUNT - 1] > numbers[0];
    return ascend(numbers);
}

/* ---- packing ------------------------------------------------------------------------------------ */

static unsigned bits_of(uint32_t value)
{
    return value == 0 ? 0 : 32 - (unsigned)__builtin_clz(value);
}

/* The width that takes the least room. */
static unsigned choose_width(const uint32_t *in)
{
    unsigned counts[33] = {0}, max = 0, best, exceptions = 0;
    size_t least;

    for (int i = 0; i < CDB_PACK_COUNT; i++)
        counts[bits_of(in[i])]++;
    for (unsigned bits = 1; bits <= 32; bits++)
        max = counts[bits] > 0 ? bits : max;
    best = max;
    least = (size_t)16 * max;
    for (unsigned width = max; width-- > 0;) {
        size_t cost = (size_t)16 * width;

        exceptions += counts[width + 1];
        if (exceptions > EXCEPTIONS_MAX)
            break;
        for (unsigned bits = width + 1; bits <= max; bits++)
            cost += counts[bits] * (1 + EXCEPTION_BIAS + (bits - width + 6) / 7);
        if (cost < least) {
            least = cost;
            best = width;
        }
    }
    return best;
}

static unsigned char *pack(unsigned char *p, const uint32_t *in, unsigned width)
{
    uint32_t mask = width == 32 ? UINT32_MAX : (UINT32_C(1) << width) - 1;
    vector masks = {mask, mask, mask, mask}, word = {0};
    unsigned used = 0;

    for (int i = 0; width > 0 && i < VECTORS; i++) {
        vector value = load(in + 4 * i) & masks;

        word |= value << used;
        used += width;
        if (used >= 32) {
            store(p, swap(word));
            p += 16;
            used -= 32;
            word = used > 0 ? value >> (width - used) : (vector){0};
        }
    }
    return p;
}

unsigned char *cdb_pack_put(unsigned char *p, const uint32_t in[CDB_PACK_COUNT])
{
    unsigned width = choose_width(in), exceptions = 0;
    unsigned char *head = p;

    p = pack(p + 2, in, width);
    for (unsigned i = 0; width < 32 && i < CDB_PACK_COUNT; i++) {
        if (in[i] >> width == 0)
            continue;
        *p++ = (unsigned char)i;
        p = cdb_varint_put(p, in[i] >> width);
        exceptions++;
    }
    head[0] = (unsigned char)width;
    head[1] = (unsigned char)exceptions;
    return p;
}
