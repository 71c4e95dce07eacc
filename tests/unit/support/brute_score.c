/* SPDX-License-Identifier: MIT
 *
 * Numbers that a query needs (brute.h): BM25, phrases, patterns, distances. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <limits.h>
#include <math.h>

#include "brute.h"

/* ---- BM25: org.apache.lucene.util.SmallFloat and BM25Similarity ------------------------------------- */

static unsigned long_to_int4(uint64_t value)
{
    unsigned bits = 0;

    while (bits < 64 && value >> bits != 0)
        bits++;
    if (bits < 4)
        return (unsigned)value;
    unsigned shift = bits - 4;
    return ((unsigned)(value >> shift) & 7) | (shift + 1) << 3;
}

static uint64_t int4_to_long(unsigned value)
{
    uint64_t bits = value & 7;

    return value >> 3 == 0 ? bits : (bits | 8) << ((value >> 3) - 1);
}

static unsigned free_values(void)
{
    return 255 - long_to_int4(INT32_MAX);
}

unsigned brute_length_encode(unsigned length)
{
    return length < free_values() ? length : free_values() + long_to_int4(length - free_values());
}

unsigned brute_length_decode(unsigned byte)
{
    return byte < free_values() ? byte : free_values() + (unsigned)int4_to_long(byte - free_values());
}

double brute_idf(double documents, double df)
{
    return log(1 + (documents - df + 0.5) / (df + 0.5));
}

double brute_bm25(double boost, double idf, double tf, unsigned length, double average)
{
    double k1 = 1.2, b = 0.75;

    return boost * idf * tf / (tf + k1 * (1 - b + b * brute_length_decode(brute_length_encode(length)) / average));
}

/* ---- phrases ------------------------------------------------------------------------------------------ */

static bool is_word(const struct brute_scalar *scalar, size_t position, const struct brute_token *word)
{
    return position < scalar->count && strcmp(scalar->tokens[position].term, word->term) == 0;
}

/* The first position of the word that is not before `from`; SIZE_MAX: none. */
static size_t position_of(const struct brute_scalar *scalar, const struct brute_token *word, size_t from)
{
    for (; from < scalar->count; from++)
        if (is_word(scalar, from, word))
            return from;
    return SIZE_MAX;
}

/* Is there a choice of different positions, one for each word from number `word` on, that are at most `slop` apart? */
static bool is_near(const struct brute_scalar *scalar, const struct brute_token *words, size_t count, unsigned slop,
                    size_t word, long least, long most, size_t *chosen)
{
    if (word == count)
        return true;
    for (size_t at = 0; (at = position_of(scalar, &words[word], at)) != SIZE_MAX; at++) {
        long place = (long)at - (long)word, low = word > 0 && least < place ? least : place,
             high = word > 0 && most > place ? most : place;
        bool taken = false;
        for (size_t i = 0; i < word; i++)
            taken |= chosen[i] == at;
        chosen[word] = at;
        if (!taken && high - low <= (long)slop && is_near(scalar, words, count, slop, word + 1, low, high, chosen))
            return true;
    }
    return false;
}

static bool has_repeats(const struct brute_token *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(words[i].term, words[j].term) == 0)
                return true;
    return false;
}

/* The word whose place is the least; of equal ones the first. */
static size_t least_of(const long *places, size_t count)
{
    size_t least = 0;

    for (size_t i = 1; i < count; i++)
        if (places[i] < places[least])
            least = i;
    return least;
}

/* Lucene's SloppyPhraseMatcher, of words that are all different. */
static double sloppy(const struct brute_scalar *scalar, const struct brute_token *words, size_t count, unsigned slop)
{
    long *places = malloc(count * sizeof(*places)), end = LONG_MIN, length;
    double frequency = 0;
    size_t word, position;

    assert_non_null(places);
    for (size_t i = 0; i < count; i++) {
        position = position_of(scalar, &words[i], 0);
        if (position == SIZE_MAX)
            goto out;
        places[i] = (long)position - (long)i;
        end = places[i] > end ? places[i] : end;
    }
    for (;;) {
        word = least_of(places, count);
        length = end - places[word];
        long next = LONG_MAX;
        for (size_t i = 0; i < count; i++)
            if (i != word && places[i] < next)
                next = places[i];
        while ((position = position_of(scalar, &words[word], (size_t)(places[word] + (long)word + 1))) != SIZE_MAX) {
            places[word] = (long)position - (long)word;
            end = places[word] > end ? places[word] : end;
            if (places[word] > next)
                break;
            if (end - places[word] < length)
                length = end - places[word];
        }
        if (length <= (long)slop)
            frequency += 1 / (1 + (double)length);
        if (position == SIZE_MAX)
            break;
    }
out:
    free(places);
    return frequency;
}

bool brute_phrase(const struct brute_scalar *scalar, const struct brute_token *words, size_t count, unsigned slop,
                  double *frequency)
{
    *frequency = 0;
    if (slop > 0 && !has_repeats(words, count)) {
        *frequency = sloppy(scalar, words, count, slop);
        return *frequency > 0;
    }
    if (slop > 0) {
        size_t *chosen = malloc(count * sizeof(*chosen));
        assert_non_null(chosen);
        bool found = is_near(scalar, words, count, slop, 0, 0, 0, chosen);
        free(chosen);
        *frequency = NAN; /* what counts then depends on the way one looks */
        return found;
    }
    for (size_t at = 0; at < scalar->count; at++) {
        size_t same = 0;
        while (same < count && is_word(scalar, at + same, &words[same]))
            same++;
        *frequency += same == count;
    }
    return *frequency > 0;
}

/* ---- patterns and distances --------------------------------------------------------------------------- */

static size_t step(const char *text)
{
    size_t size = 1;

    while (((unsigned char)text[size] & 0xC0) == 0x80)
        size++;
    return size;
}

bool brute_pattern(const struct cdb_query_piece *pieces, size_t count, const char *text, size_t len)
{
    if (count == 0)
        return len == 0;
    if (pieces->kind == CDB_QUERY_LITERAL)
        return len >= pieces->text.len && memcmp(text, pieces->text.ptr, pieces->text.len) == 0 &&
               brute_pattern(pieces + 1, count - 1, text + pieces->text.len, len - pieces->text.len);
    if (pieces->kind == CDB_QUERY_ONE)
        return len > 0 && brute_pattern(pieces + 1, count - 1, text + step(text), len - step(text));
    for (size_t skip = 0; skip <= len; skip += skip < len ? step(text + skip) : 1)
        if (brute_pattern(pieces + 1, count - 1, text + skip, len - skip))
            return true;
    return false;
}

/* The characters of a text; how many. */
static size_t characters(const char *text, uint32_t *out)
{
    size_t count = 0;

    for (; *text != '\0'; text += step(text)) {
        out[count] = 0;
        for (size_t i = 0; i < step(text); i++)
            out[count] = out[count] << 8 | (unsigned char)text[i];
        count++;
    }
    return count;
}

bool brute_fuzzy(const char *a_text, const char *b_text, unsigned distance)
{
    enum { MOST = 300 };
    static uint32_t a[MOST], b[MOST];
    static unsigned table[MOST][MOST];

    assert_true(strlen(a_text) < MOST && strlen(b_text) < MOST);
    size_t m = characters(a_text, a), n = characters(b_text, b);
    if (m > n + distance || n > m + distance)
        return false;
    for (size_t i = 0; i <= m; i++)
        for (size_t j = 0; j <= n; j++) {
            unsigned best = (unsigned)(i > j ? i : j);
            if (i > 0 && j > 0) {
                best = table[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
                best = table[i - 1][j] + 1 < best ? table[i - 1][j] + 1 : best;
                best = table[i][j - 1] + 1 < best ? table[i][j - 1] + 1 : best;
            }
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && table[i - 2][j - 2] + 1 < best)
                best = table[i - 2][j - 2] + 1;
            table[i][j] = best;
        }
    return table[m][n] <= distance;
}
