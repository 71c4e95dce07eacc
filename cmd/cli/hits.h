/* SPDX-License-Identifier: MIT
 *
 * What a search found, as records; and what there is to say of all of them together.
 */
#ifndef CLI_HITS_H
#define CLI_HITS_H

#include "cli/cli.h"

struct cli_hits {
    bool keys;      /* nothing but the keys */
    bool no_value;  /* no documents */
    bool highlight; /* what made them hits */
    bool explain;
    bool count; /* nothing but how many there are */
    bool none;  /* no hits are to be printed */
    bool total; /* how many there are too */
    const struct cli_strings *facets;
};

/* Print the hits of the search. *found becomes whether there were any. */
int cli_hits_print(struct cli *cli, chrondb_search *search, const struct cli_hits *what, bool *found);

/* ---- explain.c ---- */

/* Append the plan, and how a score came about: as JSON, and as indented lines for people. */
void cli_explain_plan_json(struct cli_text *out, const chrondb_search *search);
void cli_explain_plan_text(struct cli_text *out, const chrondb_search *search);
void cli_explain_scores_json(struct cli_text *out, const chrondb_score *scores, size_t count);
void cli_explain_scores_text(struct cli_text *out, const chrondb_score *scores, size_t count);

#endif
