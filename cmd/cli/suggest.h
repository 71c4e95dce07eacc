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

#endif
