/* SPDX-License-Identifier: MIT */
#include "cli/hits.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "cli/highlights.h"

/* ---- a hit ---------------------------------------------------------------------------------------- */

static int find_marks(void *search, const char *json, size_t size, const chrondb_mark **marks, size_t *count)
{
    return chrondb_search_highlight(search, json, size, marks, count);
}

/* For programs: the marks beside the document. */
static void print_highlights(struct cli *cli, chrondb_search *search, const chrondb_hit *hit)
{
    struct cli_text text = {0};
    chrondb_buffer compact = {0};
    const chrondb_mark *marks;
    size_t count;
    if (chrondb_json_format(&compact, hit->value, hit->value_size, 0) != 0 ||
        chrondb_search_highlight(search, compact.data, compact.size, &marks, &count) != 0)
        cli_text_adds(&text, "[]"); /* a file of other tools that is no JSON has no words */
    else
        cli_highlights_add(&text, compact.data, compact.size, marks, count);
    if (text.failed)
        cli_error_memory(&cli->error);
    else
        cli_output_json(cli->out, "highlights", text.data, text.size);
    chrondb_buffer_free(&compact);
    cli_text_release(&text);
}

static void print_members(struct cli *cli, chrondb_search *search, const struct cli_hits *what, const chrondb_hit *hit)
{
    struct cli_output *out = cli->out;
    struct cli_text text = {0};
    bool paint = what->highlight && cli_output_paints(out);
    cli_output_string(out, "key", hit->key);
    if (!what->keys)
        cli_output_real(out, "score", hit->score);
    if (hit->value != NULL && !what->no_value) {
        if (paint)
            cli_output_marked(out, "value", hit->value, hit->value_size, find_marks, search);
        else
            cli_output_json(out, "value", hit->value, hit->value_size);
    }
    if (hit->value != NULL && what->highlight && !paint)
        print_highlights(cli, search, hit);
    if (what->explain && cli->format != CLI_TEXT) {
        cli_explain_scores_json(&text, hit->scores, hit->score_count);
        if (text.failed)
            cli_error_memory(&cli->error);
        else
            cli_output_json(out, "explain", text.data, text.size);
        cli_text_release(&text);
    }
}

/* ---- all of them together ------------------------------------------------------------------------- */

static void add_facets(struct cli_text *out, const chrondb_search *search, const struct cli_strings *fields)
{
    cli_text_addc(out, '{');
    for (size_t f = 0; f < fields->count; f++) {
        const chrondb_facet *values;
        uint64_t distinct;
        size_t count = chrondb_search_facet(search, f, &values, &distinct);
        cli_text_adds(out, f > 0 ? "," : "");
        cli_text_add_json(out, fields->items[f], strlen(fields->items[f]));
        cli_text_addf(out, ":{\"distinct\":%" PRIu64 ",\"values\":[", distinct);
        for (size_t i = 0; i < count; i++) {
            cli_text_adds(out, i > 0 ? ",{\"value\":" : "{\"value\":");
            cli_text_add(out, values[i].value, values[i].value_size);
            cli_text_addf(out, ",\"count\":%" PRIu64 "}", values[i].count);
        }
        cli_text_adds(out, "]}");
    }
    cli_text_addc(out, '}');
}

static void print_json(struct cli *cli, const char *name, struct cli_text *text)
{
    if (text->failed)
        cli_error_memory(&cli->error);
    else
        cli_output_json(cli->out, name, text->data, text->size);
    cli_text_clear(text);
}

static void print_summary(struct cli *cli, const chrondb_search *search, const struct cli_hits *what)
{
    chrondb_search_stats stats = {.size = sizeof stats};
    struct cli_text text = {0};
    if (what->total)
        cli_output_number(cli->out, "total", chrondb_search_total(search));
    if (what->facets->count > 0) {
        add_facets(&text, search, what->facets);
        print_json(cli, "facets", &text);
    }
    if (what->explain) {
        cli_explain_plan_json(&text, search);
        print_json(cli, "plan", &text);
        chrondb_search_get_stats(search, &stats);
        cli_output_number(cli->out, "segments", stats.segments);
        cli_output_number(cli->out, "caught_up", stats.caught_up);
    }
    if (!what->none)
        cli_output_string(cli->out, "next", chrondb_search_cursor(search));
    cli_text_release(&text);
}

static bool has_summary(const struct cli_hits *what)
{
    return what->total || what->facets->count > 0 || what->explain;
}

/* ---- for people: text ------------------------------------------------------------------------------ */

static void add_facets_text(struct cli_text *out, const chrondb_search *search, const struct cli_strings *fields)
{
    for (size_t f = 0; f < fields->count; f++) {
        const chrondb_facet *values;
        uint64_t distinct;
        size_t count = chrondb_search_facet(search, f, &values, &distinct);
        cli_text_add_safe(out, fields->items[f], strlen(fields->items[f]));
        cli_text_addf(out, " (%" PRIu64 " different)\n", distinct);
        for (size_t i = 0; i < count; i++) {
            cli_text_addf(out, "  %8" PRIu64 "  ", values[i].count);
            cli_text_add_safe(out, values[i].value, values[i].value_size);
            cli_text_addc(out, '\n');
        }
    }
}

/* It stands before the table: that is where one looks. */
static void print_summary_text(struct cli *cli, const chrondb_search *search, const struct cli_hits *what)
{
    chrondb_search_stats stats = {.size = sizeof stats};
    struct cli_text text = {0};
    const char *next = chrondb_search_cursor(search);
    if (what->total)
        cli_text_addf(&text, "total %" PRIu64 "\n", chrondb_search_total(search));
    if (!what->none && next != NULL)
        cli_text_addf(&text, "next  %s\n", next);
    add_facets_text(&text, search, what->facets);
    if (what->explain) {
        cli_explain_plan_text(&text, search);
        chrondb_search_get_stats(search, &stats);
        cli_text_addf(&text, "segments %" PRIu64 ", caught up %" PRIu64 "\n", stats.segments, stats.caught_up);
    }
    if (text.failed)
        cli_error_memory(&cli->error);
    else if (text.size > 0) {
        cli_text_adds(&text, what->none ? "" : "\n");
        cli_output_text(cli->out, text.data, text.size);
    }
    cli_text_release(&text);
}

/* Each hit with how its score came about. */
static int print_explained(struct cli *cli, const chrondb_hit *hit)
{
    struct cli_text text = {0};
    cli_text_add_safe(&text, hit->key, strlen(hit->key));
    cli_text_addf(&text, isfinite(hit->score) ? "  %.6g\n" : "\n", hit->score);
    cli_explain_scores_text(&text, hit->scores, hit->score_count);
    int result = text.failed ? cli_error_memory(&cli->error) : cli_output_text(cli->out, text.data, text.size);
    cli_text_release(&text);
    return result;
}

/* ---- in the four formats ----------------------------------------------------------------------------- */

/* {"hits":[...],...} */
static int print_object(struct cli *cli, chrondb_search *search, const struct cli_hits *what, bool *found)
{
    struct cli_output *out = cli->out;
    chrondb_hit hit;
    int result = CHRONDB_END;
    cli_output_kind(out, CLI_ONE, NULL);
    cli_output_begin(out);
    if (!what->count)
        cli_output_open_array(out, "hits");
    while (!what->none && (result = chrondb_search_next(search, &hit)) == 0) {
        *found = true;
        cli_output_open_object(out, NULL);
        print_members(cli, search, what, &hit);
        cli_output_close(out);
    }
    if (result != CHRONDB_END)
        return result;
    if (!what->count)
        cli_output_close(out);
    print_summary(cli, search, what);
    return cli_output_end(out);
}

static int print_record(struct cli *cli, chrondb_search *search, const struct cli_hits *what, const chrondb_hit *hit)
{
    if (what->explain && cli->format == CLI_TEXT)
        return print_explained(cli, hit);
    cli_output_begin(cli->out);
    print_members(cli, search, what, hit);
    return cli_output_end(cli->out);
}

static int print_records(struct cli *cli, chrondb_search *search, const struct cli_hits *what, bool *found)
{
    chrondb_hit hit;
    int result = 0;
    cli_output_kind(cli->out, CLI_MANY, what->keys || what->no_value ? "key" : "value");
    if (cli->format == CLI_TEXT && has_summary(what))
        print_summary_text(cli, search, what);
    while (result == 0 && (result = chrondb_search_next(search, &hit)) == 0) {
        *found = true;
        result = print_record(cli, search, what, &hit);
    }
    if (result != CHRONDB_END || cli->format == CLI_TEXT || cli->format == CLI_RAW || !has_summary(what))
        return result == CHRONDB_END ? 0 : result;
    cli_output_begin(cli->out);
    print_summary(cli, search, what);
    return cli_output_end(cli->out);
}

int cli_hits_print(struct cli *cli, chrondb_search *search, const struct cli_hits *what, bool *found)
{
    *found = what->none && chrondb_search_total(search) > 0;
    if (what->none && cli->format == CLI_TEXT) {
        print_summary_text(cli, search, what);
        return cli->error.code;
    }
    if (cli->format == CLI_JSON)
        return print_object(cli, search, what, found);
    if (!what->none)
        return print_records(cli, search, what, found);
    if (!has_summary(what))
        return 0;
    cli_output_kind(cli->out, CLI_ONE, "total");
    cli_output_begin(cli->out);
    print_summary(cli, search, what);
    return cli_output_end(cli->out);
}
