/* SPDX-License-Identifier: MIT
 *
 * "Did you mean ...?": the nearest of the words offered, if it is near enough.
 */
#ifndef CLI_SUGGEST_H
#define CLI_SUGGEST_H

#include <stddef.h>

struct cli_suggestion {
    const char *typed;
    const char *word; /* the nearest so far, or NULL */
    size_t distance;  /* of `word`; before: the first distance that is too far */
};

void cli_suggestion_init(struct cli_suggestion *suggestion, const char *typed);
/* `word` must live as long as the suggestion. */
void cli_suggestion_offer(struct cli_suggestion *suggestion, const char *word);

/* Insertions, deletions, substitutions and swaps of neighbours between two words (Damerau-Levenshtein, optimal string
 * alignment). Words longer than 31 bytes are infinitely far (SIZE_MAX). */
size_t cli_edit_distance(const char *a, const char *b);

#endif
