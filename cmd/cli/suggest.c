/* SPDX-License-Identifier: MIT */
#include "cli/suggest.h"

#include <stdint.h>
#include <string.h>

enum { MAX_WORD = 31 };

static size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Insertions, deletions, substitutions and swaps of neighbours between two words (Damerau-Levenshtein, optimal string
 * alignment). Words longer than MAX_WORD are infinitely far (SIZE_MAX). */
static size_t edit_distance(const char *a, const char *b)
{
    size_t rows = strlen(a), columns = strlen(b);
    size_t d[MAX_WORD + 1][MAX_WORD + 1];
    if (rows > MAX_WORD || columns > MAX_WORD)
        return SIZE_MAX;
    for (size_t i = 0; i <= rows; i++)
        d[i][0] = i;
    for (size_t j = 0; j <= columns; j++)
        d[0][j] = j;
    for (size_t i = 1; i <= rows; i++)
        for (size_t j = 1; j <= columns; j++) {
            size_t replaced = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            d[i][j] = min(replaced, min(d[i - 1][j], d[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = min(d[i][j], d[i - 2][j - 2] + 1);
        }
    return d[rows][columns];
}

void cli_suggestion_init(struct cli_suggestion *suggestion, const char *typed)
{
    /* One slip in a short word, two from five letters on, three from eight. */
    *suggestion = (struct cli_suggestion){typed, NULL, 2 + (strlen(typed) >= 5) + (strlen(typed) >= 8)};
}

void cli_suggestion_offer(struct cli_suggestion *suggestion, const char *word)
{
    size_t typed = strlen(suggestion->typed);
    size_t distance = edit_distance(suggestion->typed, word);
    /* An abbreviation is closer than its missing letters say: nothing in it is wrong. */
    if (typed >= 2 && strncmp(word, suggestion->typed, typed) == 0)
        distance = 0;
    /* Nothing of the word is left if every letter has to change. */
    if (distance < suggestion->distance && distance < strlen(word)) {
        suggestion->word = word;
        suggestion->distance = distance;
    }
}
