/* SPDX-License-Identifier: MIT */
#include "cli/options.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cli/suggest.h"

/* The arguments that are still to be read. */
struct parser {
    const struct cli_option *const *tables;
    struct cli_error *error;
    int argc;
    char **argv;
    int next;
};

void cli_strings_release(struct cli_strings *strings)
{
    free(strings->items);
    *strings = (struct cli_strings){NULL, 0};
}

static bool add_string(struct cli_strings *strings, const char *string)
{
    const char **items = realloc(strings->items, (strings->count + 1) * sizeof *items);
    if (items == NULL)
        return false;
    items[strings->count++] = string;
    strings->items = items;
    return true;
}

bool cli_option_is_end(const struct cli_option *option)
{
    return option->name == NULL && option->letter == 0;
}

bool cli_option_takes_argument(const struct cli_option *option)
{
    return option->set == NULL;
}

static const struct cli_option *find_name(const struct parser *parser, const char *name, size_t size)
{
    for (int i = 0; i < CLI_OPTION_TABLES; i++)
        for (const struct cli_option *o = parser->tables[i]; o != NULL && !cli_option_is_end(o); o++)
            if (o->name != NULL && strlen(o->name) == size && memcmp(o->name, name, size) == 0)
                return o;
    return NULL;
}

static const struct cli_option *find_letter(const struct parser *parser, char letter)
{
    for (int i = 0; i < CLI_OPTION_TABLES; i++)
        for (const struct cli_option *o = parser->tables[i]; o != NULL && !cli_option_is_end(o); o++)
            if (o->letter == letter)
                return o;
    return NULL;
}

static const char *nearest_name(const struct parser *parser, const char *name)
{
    struct cli_suggestion best;
    cli_suggestion_init(&best, name);
    for (int i = 0; i < CLI_OPTION_TABLES; i++)
        for (const struct cli_option *o = parser->tables[i]; o != NULL && !cli_option_is_end(o); o++)
            if (o->name != NULL && o->help != NULL)
                cli_suggestion_offer(&best, o->name);
    return best.word;
}

/* ---- values ---- */

static int store_number(const struct parser *parser, const struct cli_option *option, const char *value)
{
    uint64_t number = 0;
    const char *p = value;
    for (; isdigit((unsigned char)*p); p++) {
        uint64_t digit = (uint64_t)(*p - '0');
        if (number > (UINT64_MAX - digit) / 10)
            break;
        number = number * 10 + digit;
    }
    if (p == value || *p != '\0')
        return cli_error_usage(parser->error, "--%s wants a number, not '%s'", option->name, value);
    *option->number = number;
    return 0;
}

static int store_milliseconds(const struct parser *parser, const struct cli_option *option, const char *value)
{
    char *end = NULL;
    double seconds = isdigit((unsigned char)*value) ? strtod(value, &end) : -1;
    if (end == NULL || *end != '\0' || !(seconds >= 0 && seconds <= INT_MAX / 1000))
        return cli_error_usage(parser->error, "--%s wants seconds, not '%s'", option->name, value);
    *option->milliseconds = (int)(seconds * 1000);
    return 0;
}

static int store_choice(const struct parser *parser, const struct cli_option *option, const char *value)
{
    struct cli_suggestion best;
    cli_suggestion_init(&best, value);
    for (const struct cli_choice *c = option->choices; c->word != NULL; c++) {
        if (strcmp(c->word, value) == 0) {
            *option->choice = c->value;
            return 0;
        }
        cli_suggestion_offer(&best, c->word);
    }
    if (best.word != NULL)
        return cli_error_usage(parser->error, "no such %s '%s'; did you mean '%s'?", option->name, value, best.word);
    return cli_error_usage(parser->error, "no such %s '%s' (--%s=%s)", option->name, value, option->name,
                           option->argument);
}

static int store(const struct parser *parser, const struct cli_option *option, const char *value)
{
    if (option->set != NULL)
        *option->set = true;
    else if (option->string != NULL)
        *option->string = value;
    else if (option->number != NULL)
        return store_number(parser, option, value);
    else if (option->milliseconds != NULL)
        return store_milliseconds(parser, option, value);
    else if (option->choice != NULL)
        return store_choice(parser, option, value);
    else if (!add_string(option->list, value))
        return cli_error_memory(parser->error);
    return 0;
}

/* ---- the two ways to write an option ---- */

static int parse_long(struct parser *parser, const char *text)
{
    const char *equals = strchr(text, '=');
    size_t size = equals != NULL ? (size_t)(equals - text) : strlen(text);
    const struct cli_option *option = find_name(parser, text, size);
    if (option == NULL) {
        struct cli_text name = {0};
        cli_text_add(&name, text, size);
        const char *near = nearest_name(parser, cli_text_string(&name));
        if (near != NULL)
            cli_error_usage(parser->error, "unknown option '--%s'; did you mean '--%s'?", cli_text_string(&name), near);
        else
            cli_error_usage(parser->error, "unknown option '--%s'", cli_text_string(&name));
        cli_text_release(&name);
        return parser->error->code;
    }
    if (!cli_option_takes_argument(option)) {
        if (equals != NULL)
            return cli_error_usage(parser->error, "--%s takes no argument", option->name);
        return store(parser, option, NULL);
    }
    if (equals != NULL)
        return store(parser, option, equals + 1);
    if (option->implied != NULL)
        return store(parser, option, option->implied);
    if (parser->next >= parser->argc)
        return cli_error_usage(parser->error, "--%s needs an argument: %s", option->name, option->argument);
    return store(parser, option, parser->argv[parser->next++]);
}

/* "-qv", "-mTEXT", "-m TEXT" */
static int parse_letters(struct parser *parser, const char *letters)
{
    for (const char *p = letters; *p != '\0'; p++) {
        const struct cli_option *option = find_letter(parser, *p);
        if (option == NULL)
            return cli_error_usage(parser->error, "unknown option '-%c'", *p);
        if (cli_option_takes_argument(option)) {
            if (p[1] != '\0')
                return store(parser, option, p + 1);
            if (parser->next >= parser->argc)
                return cli_error_usage(parser->error, "-%c needs an argument: %s", *p, option->argument);
            return store(parser, option, parser->argv[parser->next++]);
        }
        int result = store(parser, option, NULL);
        if (result != 0)
            return result;
    }
    return 0;
}

static bool is_argument(const char *text)
{
    return text[0] != '-' || text[1] == '\0' || isdigit((unsigned char)text[1]);
}

int cli_options_parse(const struct cli_option *const tables[CLI_OPTION_TABLES], bool stop, int argc, char **argv,
                      struct cli_args *args, struct cli_error *error)
{
    struct parser parser = {tables, error, argc, argv, 1};
    bool options = true;

    /* Arguments are moved to the front of argv, over what has been read. */
    *args = (struct cli_args){0, argc > 0 ? argv + 1 : argv, -1};
    while (parser.next < argc) {
        char *text = argv[parser.next];
        if (!options || is_argument(text)) {
            if (stop)
                options = false;
            args->values[args->count++] = text;
            parser.next++;
            continue;
        }
        parser.next++;
        if (strcmp(text, "--") == 0) {
            options = false;
            args->separator = args->count;
        } else if (text[1] == '-')
            parse_long(&parser, text + 2);
        else
            parse_letters(&parser, text + 1);
    }
    if (argc > 0)
        args->values[args->count] = NULL;
    if (args->separator < 0)
        args->separator = args->count;
    return error->code;
}
