/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/hits.h"
#include "cli/input.h"
#include "cli/progress.h"
#include "cli/range.h"

enum { FACET_VALUES = 10 };

/* The arguments, as they were given. */
struct request {
    struct cli *cli;
    int words;         /* arguments: at most one, */
    const char *query; /* the query; or, as JSON: */
    const char *ast;
    size_t ast_size;
    struct cli_input input;
    const char *when;
    chrondb_search_options options;
    struct cli_hits hits;
    struct cli_strings facets;
    bool exit_code;
};

/* ---- the query in JSON ------------------------------------------------------------------------------- */

/* JSON, @FILE or - */
static int read_ast(struct request *request)
{
    struct cli *cli = request->cli;
    const char *given = request->ast, *path = given[0] == '@' ? given + 1 : NULL;
    request->ast_size = strlen(given);
    if (path == NULL && strcmp(given, "-") != 0)
        return 0;
    int result = cli_input_open(&request->input, path, &cli->error);
    return result == 0 ? cli_input_all(&request->input, &request->ast, &request->ast_size) : result;
}

static int open_snapshot(struct request *request, chrondb_snapshot **snapshot)
{
    struct cli *cli = request->cli;
    chrondb_buffer branch = {0};
    const char *given = cli->branch;
    int result = CHRONDB_NOTFOUND;
    if (request->ast != NULL)
        result = chrondb_search_ast_branch(request->ast, request->ast_size, &branch);
    if (result == 0 && given == NULL)
        cli->branch = branch.data;
    if (result >= 0)
        result = cli_snapshot(cli, request->when, snapshot);
    cli->branch = given;
    chrondb_buffer_free(&branch);
    return result;
}

/* ---- running it --------------------------------------------------------------------------------------- */

/* The error is the query's: show where. */
static int tell_place(struct request *request)
{
    struct cli_error *error = &request->cli->error;
    const char *text = request->ast != NULL ? request->ast : request->query;
    size_t size = request->ast != NULL ? request->ast_size : strlen(text);
    chrondb_buffer place = {0};
    cli_error_adopt(error);
    if (strcmp(error->name, "invalid_query") != 0 || error->column == 0)
        return error->code;
    if (chrondb_search_mark(&place, text, size, error->line, error->column) == 0 && place.size > 0) {
        cli_text_add(&error->place, place.data, place.size);
        cli_text_addc(&error->place, '\n');
    }
    chrondb_buffer_free(&place);
    return error->code;
}

static int run(struct request *request, chrondb_snapshot *snapshot, bool *found)
{
    struct cli_progress progress;
    chrondb_search *search = NULL;
    chrondb_search_options *options = &request->options;
    cli_progress_start(&progress, request->cli, "documents", 0);
    options->progress = cli_progress_phase;
    options->progress_context = &progress;
    int result = request->ast != NULL
                     ? chrondb_search_open_ast(&search, snapshot, request->ast, request->ast_size, options)
                     : chrondb_search_open(&search, snapshot, request->query, options);
    cli_progress_stop(&progress);
    if (result == 0)
        result = cli_hits_print(request->cli, search, &request->hits, found);
    chrondb_search_free(search);
    return result;
}

/* Options that say the same thing, or contradict each other. */
static int settle(struct request *request, uint64_t limit)
{
    struct cli *cli = request->cli;
    struct cli_hits *hits = &request->hits;
    if (request->words > 1)
        return cli_error_usage(&cli->error, "the query is one argument: put it in quotes, as in "
                                            "chrondb search 'time travel'");
    if (request->query != NULL && request->ast != NULL)
        return cli_error_usage(&cli->error, "give a query or --ast, not both");
    if (request->query == NULL && request->ast == NULL)
        return cli_error_usage(&cli->error, "search needs a query: chrondb search QUERY");
    if (hits->highlight && (hits->keys || hits->none))
        return cli_error_usage(&cli->error, "--highlight shows where documents match: it does not go with %s",
                               hits->keys ? "--keys" : "--count");
    hits->none = hits->none || limit == 0;
    hits->facets = &request->facets;
    request->options.limit = limit != CLI_NO_LIMIT ? limit : 0;
    request->options.count_only = hits->none;
    request->options.total = hits->total;
    request->options.explain = hits->explain;
    request->options.keys_only = hits->keys || (hits->no_value && !hits->highlight);
    request->options.facets = request->facets.items;
    request->options.facet_count = request->facets.count;
    return request->ast != NULL ? read_ast(request) : 0;
}

static int search(struct request *request)
{
    chrondb_snapshot *snapshot = NULL;
    bool found = false;
    int result = open_snapshot(request, &snapshot);
    if (result == 0)
        result = run(request, snapshot, &found);
    if (result == CHRONDB_EUSAGE)
        result = tell_place(request);
    chrondb_snapshot_free(snapshot);
    return result == 0 && request->exit_code && !found ? CLI_NO : result;
}

int cmd_search(struct cli *cli, int argc, char **argv)
{
    static const struct cli_choice operators[] = {{"or", 0, "any of them"}, {"and", 1, "all of them"}, {NULL, 0, NULL}};
    struct request request = {
        .cli = cli, .input = {.fd = -1}, .options = {.size = sizeof request.options, .facet_limit = FACET_VALUES}};
    struct cli_hits *hits = &request.hits;
    uint64_t limit = CLI_NO_LIMIT;
    const struct cli_option options[] = {
        CLI_TABLE_OPTION(request.options),
        {.string = &request.when, .name = "at", .argument = "WHEN", .help = "what there was then"},
        {.number = &limit, .letter = 'n', .name = "limit", .argument = "N", .help = "at most so many (10)"},
        {.number = &request.options.offset, .name = "offset", .argument = "N", .help = "without the first so many"},
        {.string = &request.options.after,
         .name = "after",
         .argument = "CURSOR",
         .help = "go on behind another search"},
        {.string = &request.options.sort,
         .name = "sort",
         .argument = "FIELD[:desc],...",
         .help = "in the order of these, not of the score"},
        {.choice = &request.options.default_and,
         .choices = operators,
         .name = "default-op",
         .argument = "or|and",
         .help = "which words side by side must match"},
        {.set = &hits->count, .name = "count", .help = "only how many there are"},
        {.set = &hits->total, .name = "total", .help = "also how many there are"},
        {.list = &request.facets, .name = "facet", .argument = "FIELD", .help = "count its values; repeatable"},
        {.number = &request.options.facet_limit,
         .name = "facet-limit",
         .argument = "N",
         .help = "at most so many values of each (10)"},
        {.set = &hits->keys, .name = "keys", .help = "only the keys"},
        {.set = &hits->no_value, .name = "no-value", .help = "without the documents"},
        {.set = &hits->highlight, .name = "highlight", .help = "show what matches"},
        {.set = &hits->explain, .name = "explain", .help = "tell the plan, and where scores come from"},
        {.string = &request.ast, .name = "ast", .argument = "JSON|@FILE|-", .help = "the query as JSON"},
        {.set = &request.exit_code, .name = "exit-code", .help = "exit with 1 if nothing is found"},
        CLI_OPTION_END,
    };
    struct cli_args args;

    int result = cli_start(cli, options, argc, argv, &args);
    if (result == 0) {
        request.words = args.count;
        request.query = args.count > 0 ? args.values[0] : NULL;
        hits->none = hits->count;
        hits->total |= hits->count;
        result = settle(&request, limit);
    }
    if (result == 0)
        result = search(&request);
    cli_input_close(&request.input);
    cli_strings_release(&request.facets);
    return result;
}
