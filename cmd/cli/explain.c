/* SPDX-License-Identifier: MIT
 *
 * Plans and scores are lists of lines that are parts of each other by their depths.
 */
#include <inttypes.h>
#include <string.h>

#include "cli/hits.h"

/* ---- JSON: parts within parts -------------------------------------------------------------------- */

struct nesting {
    struct cli_text *out;
    unsigned depth; /* of the line before */
    bool any;
};

/* Before a line of that depth: close those that are no parents of it. A line is at most one deeper than the one before;
 * if it claims to be more, it is taken as that. */
static void nest(struct nesting *nesting, unsigned depth)
{
    struct cli_text *out = nesting->out;
    if (!nesting->any)
        depth = 0;
    else if (depth > nesting->depth) {
        depth = nesting->depth + 1;
        cli_text_adds(out, ",\"parts\":[");
    } else {
        cli_text_addc(out, '}');
        for (unsigned i = depth; i < nesting->depth; i++)
            cli_text_adds(out, "]}");
        cli_text_addc(out, ',');
    }
    nesting->depth = depth;
    nesting->any = true;
}

static void close_all(struct nesting *nesting)
{
    if (!nesting->any)
        return;
    cli_text_addc(nesting->out, '}');
    for (unsigned i = 0; i < nesting->depth; i++)
        cli_text_adds(nesting->out, "]}");
}

static void add_string(struct cli_text *out, const char *name, const char *value)
{
    cli_text_addf(out, "\"%s\":", name);
    cli_text_add_json(out, value, strlen(value));
}

void cli_explain_scores_json(struct cli_text *out, const chrondb_score *scores, size_t count)
{
    struct nesting nesting = {.out = out};
    cli_text_addc(out, '[');
    for (size_t i = 0; i < count; i++) {
        nest(&nesting, scores[i].depth);
        cli_text_addf(out, "{\"value\":%.7g,", scores[i].value);
        add_string(out, "text", scores[i].text);
    }
    close_all(&nesting);
    cli_text_addc(out, ']');
}

/* The numbers that tell something. */
struct number {
    const char *name;
    uint64_t value;
};

static size_t numbers_of(const chrondb_step *step, struct number numbers[8])
{
    const struct number all[] = {{"df", step->df},
                                 {"documents", step->documents},
                                 {"forms", step->forms},
                                 {"postings", step->postings},
                                 {"blocks", step->blocks},
                                 {"skipped", step->skipped},
                                 {"verified", step->verified}};
    size_t count = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].value > 0)
            numbers[count++] = all[i];
    return count;
}

void cli_explain_plan_json(struct cli_text *out, const chrondb_search *search)
{
    struct nesting nesting = {.out = out};
    struct number numbers[8];
    chrondb_step step;
    cli_text_addc(out, '[');
    for (size_t i = 0; chrondb_search_step(search, i, &step) == 0; i++) {
        nest(&nesting, step.depth);
        cli_text_addc(out, '{');
        add_string(out, "kind", step.kind);
        if (*step.text != '\0') {
            cli_text_addc(out, ',');
            add_string(out, "text", step.text);
        }
        if (*step.how != '\0') {
            cli_text_addc(out, ',');
            add_string(out, "how", step.how);
        }
        size_t count = numbers_of(&step, numbers);
        for (size_t n = 0; n < count; n++)
            cli_text_addf(out, ",\"%s\":%" PRIu64, numbers[n].name, numbers[n].value);
        if (step.weight != 0)
            cli_text_addf(out, ",\"weight\":%.7g", step.weight);
        if (step.average_length != 0)
            cli_text_addf(out, ",\"average_length\":%.7g", step.average_length);
    }
    close_all(&nesting);
    cli_text_addc(out, ']');
}

/* ---- text ----------------------------------------------------------------------------------------- */

static void indent(struct cli_text *out, unsigned depth)
{
    cli_text_pad(out, 2 + 2 * (size_t)(depth < 40 ? depth : 40));
}

void cli_explain_scores_text(struct cli_text *out, const chrondb_score *scores, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        indent(out, scores[i].depth);
        cli_text_addf(out, "%-10.6g ", scores[i].value);
        cli_text_add_safe(out, scores[i].text, strlen(scores[i].text));
        cli_text_addc(out, '\n');
    }
}

void cli_explain_plan_text(struct cli_text *out, const chrondb_search *search)
{
    struct number numbers[8];
    chrondb_step step;
    cli_text_adds(out, "plan\n");
    for (size_t i = 0; chrondb_search_step(search, i, &step) == 0; i++) {
        indent(out, step.depth);
        cli_text_adds(out, step.kind);
        if (*step.text != '\0') {
            cli_text_addc(out, ' ');
            cli_text_add_safe(out, step.text, strlen(step.text));
        }
        if (*step.how != '\0')
            cli_text_addf(out, " (%s)", step.how);
        size_t count = numbers_of(&step, numbers);
        for (size_t n = 0; n < count; n++)
            cli_text_addf(out, "%s%s %" PRIu64, n == 0 ? ": " : ", ", numbers[n].name, numbers[n].value);
        if (step.weight != 0)
            cli_text_addf(out, "%sweight %.6g", count == 0 ? ": " : ", ", step.weight);
        if (step.average_length != 0)
            cli_text_addf(out, ", average length %.6g", step.average_length);
        cli_text_addc(out, '\n');
    }
}
