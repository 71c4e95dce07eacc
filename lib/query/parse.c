/* SPDX-License-Identifier: MIT */
#include "query/parse.h"

#include "query/clause.h"
#include "query/lex.h"
#include "util/error.h"

/* What stands before a clause. */
enum mark { PLAIN, REQUIRED, PROHIBITED, NEGATED };

/* One of the things that OR, or nothing, joins. */
struct element {
    struct cdb_query_node *node;
    enum mark mark;
    bool after_or;
    size_t end; /* of its text */
    struct element *next;
};

/* What a list is read for: the target of its clauses, and where it is. */
struct context {
    struct cdb_query_target target;
    unsigned depth;
    bool is_group; /* in parentheses, */
    size_t open;   /* which began here */
};

static int read_list(struct cdb_query_reader *in, const struct context *context, struct cdb_query_node **out);

static void set_place(struct cdb_query_node *node, size_t start, size_t end)
{
    node->pos = (uint32_t)start;
    node->size = (uint32_t)(end - start);
}

static bool take_sign(struct cdb_query_reader *in, const char *sign)
{
    if (!cdb_query_at_sign(&in->lex, sign))
        return false;
    while (*sign++ != '\0')
        in->lex.at++;
    return true;
}

static bool take_word(struct cdb_query_reader *in, const char *word)
{
    return cdb_query_at_word(&in->lex, word) && take_sign(in, word);
}

static bool at_or(const struct cdb_query_reader *in)
{
    return cdb_query_at_word(&in->lex, "OR") || cdb_query_at_sign(&in->lex, "||");
}

static bool at_and(const struct cdb_query_reader *in)
{
    return cdb_query_at_word(&in->lex, "AND") || cdb_query_at_sign(&in->lex, "&&");
}

static bool at_list_end(const struct cdb_query_reader *in)
{
    return cdb_query_at_end(&in->lex) || cdb_query_peek(&in->lex, 0) == ')';
}

/* ---- one clause or group ----------------------------------------------------------------------- */

static int read_group(struct cdb_query_reader *in, const struct cdb_query_target *target, unsigned depth,
                      struct cdb_query_node **out)
{
    struct context inner = {*target, depth + 1, true, in->lex.at};
    int result;

    if (inner.depth > CDB_QUERY_MAX_DEPTH)
        return cdb_query_fail(&in->lex, in->lex.at, "more than %d parentheses within each other", CDB_QUERY_MAX_DEPTH);
    if (target->kind == CDB_QUERY_TARGET_EXISTS || target->kind == CDB_QUERY_TARGET_MISSING)
        return cdb_query_fail(&in->lex, in->lex.at,
                              "expected the name of one field; write (_exists_:a OR _exists_:b) for several");
    in->lex.at++;
    result = read_list(in, &inner, out);
    if (result != CHRONDB_OK)
        return result;
    in->lex.at++; /* the list ended at its ')' */
    if (cdb_query_peek(&in->lex, 0) == '~')
        return cdb_query_fail(&in->lex, in->lex.at, "only a word or a phrase can have a '~', not a group");
    return cdb_query_read_boost_suffix(in, *out);
}

static int read_primary(struct cdb_query_reader *in, const struct context *context, struct cdb_query_node **out)
{
    struct cdb_query_target target = context->target;
    size_t start = in->lex.at;
    bool named = false;
    int result;

    if (cdb_query_peek(&in->lex, 0) == '(')
        return read_group(in, &target, context->depth, out);
    result = cdb_query_read_target(in, &target, &named);
    if (result != CHRONDB_OK)
        return result;
    if (named && cdb_query_peek(&in->lex, 0) == '(')
        return read_group(in, &target, context->depth, out);
    return cdb_query_read_clause(in, &target, named, start, out);
}

/* ---- marks and operators ----------------------------------------------------------------------- */

/* NOTs cancel each other out in pairs, so that they need no depth. */
static enum mark read_nots(struct cdb_query_reader *in)
{
    enum mark mark = PLAIN;

    while (take_word(in, "NOT") || take_sign(in, "!")) {
        mark = mark == PLAIN ? NEGATED : PLAIN;
        cdb_query_skip_space(&in->lex);
    }
    return mark;
}

/* What stands here though no clause can; NULL if one can. */
static const char *find_obstacle(const struct cdb_query_reader *in)
{
    if (cdb_query_at_end(&in->lex))
        return "the query ends";
    if (cdb_query_peek(&in->lex, 0) == ')')
        return "there is a ')'";
    if (at_and(in))
        return cdb_query_peek(&in->lex, 0) == '&' ? "there is &&" : "there is AND";
    if (at_or(in))
        return cdb_query_peek(&in->lex, 0) == '|' ? "there is ||" : "there is OR";
    return NULL;
}

/* `after` names what the clause has to follow; NULL at the beginning of a query. */
static int require_clause(const struct cdb_query_reader *in, const char *after)
{
    const char *found = find_obstacle(in);

    if (found == NULL)
        return CHRONDB_OK;
    if (cdb_query_at_end(&in->lex) && after == NULL)
        return cdb_query_fail(&in->lex, in->lex.at, "it is empty; write *:* for every document");
    return cdb_query_fail(&in->lex, in->lex.at, "expected something to look for%s%s, but %s%s",
                          after != NULL ? " behind " : "", after != NULL ? after : "", found,
                          at_list_end(in) ? "" : "; put an operator in quotes to look for it as a word");
}

/* The sign is directly before what it marks, and the only mark. */
static int read_sign(struct cdb_query_reader *in, enum mark *mark)
{
    char sign = cdb_query_peek(&in->lex, 0);
    size_t place = in->lex.at++;
    char next = cdb_query_peek(&in->lex, 0);

    if (*mark != PLAIN || next == '+' || next == '-' || next == '!' || cdb_query_at_word(&in->lex, "NOT"))
        return cdb_query_fail(&in->lex, place,
                              "one of NOT, + and - is enough before a clause; write \\%c for the character", sign);
    if (cdb_query_at_end(&in->lex) || cdb_query_space(in->lex.text + in->lex.at, in->lex.len - in->lex.at) > 0)
        return cdb_query_fail(&in->lex, in->lex.at,
                              "expected something to look for directly behind '%c'; write \\%c for the character", sign,
                              sign);
    *mark = sign == '+' ? REQUIRED : PROHIBITED;
    return require_clause(in, sign == '+' ? "'+'" : "'-'");
}

static int read_operand(struct cdb_query_reader *in, const struct context *context, const char *after,
                        struct element *out)
{
    size_t start;
    int result;

    cdb_query_skip_space(&in->lex);
    start = in->lex.at;
    out->mark = read_nots(in);
    result = require_clause(in, in->lex.at > start ? "NOT" : after);
    if (result == CHRONDB_OK && (cdb_query_peek(&in->lex, 0) == '+' || cdb_query_peek(&in->lex, 0) == '-')) {
        if (in->lex.at > start)
            out->mark = NEGATED; /* also by two NOTs: a sign does not go with them */
        result = read_sign(in, &out->mark);
    }
    if (result == CHRONDB_OK)
        result = read_primary(in, context, &out->node);
    out->end = in->lex.at;
    return result;
}

/* Operands that AND joins, or with that default operator nothing. A single one keeps its mark. */
static int read_conjunction(struct cdb_query_reader *in, const struct context *context, const char *after,
                            struct element *out)
{
    struct cdb_query_items items = {0};
    struct element operand = {0};
    size_t start;
    bool more;
    int result;

    cdb_query_skip_space(&in->lex);
    start = in->lex.at;
    do {
        result = read_operand(in, context, after, &operand);
        if (result != CHRONDB_OK)
            return result;
        if (!cdb_query_items_add(in->builder, &items, operand.node,
                                 operand.mark == PLAIN || operand.mark == REQUIRED ? CDB_QUERY_MUST
                                                                                   : CDB_QUERY_MUST_NOT))
            return CHRONDB_ESYSTEM;
        cdb_query_skip_space(&in->lex);
        after = "AND";
        more = take_word(in, "AND") || take_sign(in, "&&");
        if (!more && in->default_op == CDB_QUERY_AND)
            more = !at_list_end(in) && !at_or(in);
    } while (more);
    *out = operand;
    if (items.first == items.last)
        return CHRONDB_OK;
    out->mark = PLAIN;
    out->node = cdb_query_new_boolean(in->builder, &items, 0);
    if (out->node == NULL)
        return CHRONDB_ESYSTEM;
    set_place(out->node, start, out->end);
    return CHRONDB_OK;
}

/* ---- lists ------------------------------------------------------------------------------------- */

/* "NOT x" is a clause of its own, everything else than x, where OR joins it to its neighbour; where it just stands in
 * the list it prohibits x, as -x does. */
static bool stands_alone(const struct element *element, bool is_first)
{
    return element->after_or || (is_first && element->next != NULL && element->next->after_or);
}

static struct cdb_query_node *negate(struct cdb_query_builder *builder, struct cdb_query_node *node)
{
    struct cdb_query_items items = {0};
    struct cdb_query_node *boolean;

    if (!cdb_query_items_add(builder, &items, node, CDB_QUERY_MUST_NOT))
        return NULL;
    boolean = cdb_query_new_boolean(builder, &items, 0);
    if (boolean != NULL)
        set_place(boolean, node->pos, node->pos + node->size);
    return boolean;
}

static struct cdb_query_node *finish_list(struct cdb_query_builder *builder, const struct element *first)
{
    struct cdb_query_items items = {0};

    for (const struct element *element = first; element != NULL; element = element->next) {
        struct cdb_query_node *node = element->node;
        enum cdb_query_occur occur = element->mark == REQUIRED ? CDB_QUERY_MUST
                                     : element->mark == PLAIN  ? CDB_QUERY_SHOULD
                                                               : CDB_QUERY_MUST_NOT;

        if (element->mark == NEGATED && stands_alone(element, element == first)) {
            node = negate(builder, node);
            occur = CDB_QUERY_SHOULD;
        }
        if (node == NULL || !cdb_query_items_add(builder, &items, node, occur))
            return NULL;
    }
    return cdb_query_new_boolean(builder, &items, cdb_query_default_minimum(&items));
}

/* Up to the end, or to the parenthesis that closes the list. */
static int read_list(struct cdb_query_reader *in, const struct context *context, struct cdb_query_node **out)
{
    struct element *first = NULL, **tail = &first;
    const char *after = context->is_group ? "'('" : NULL;
    bool after_or = false;
    size_t start, end;
    int result;

    cdb_query_skip_space(&in->lex);
    start = in->lex.at;
    do {
        struct element *element = cdb_arena_alloc(in->builder->arena, sizeof(*element));

        if (element == NULL)
            return CHRONDB_ESYSTEM;
        *element = (struct element){0};
        result = read_conjunction(in, context, after, element);
        if (result != CHRONDB_OK)
            return result;
        element->after_or = after_or;
        end = element->end;
        *tail = element;
        tail = &element->next;
        after_or = take_word(in, "OR") || take_sign(in, "||");
        after = "OR";
    } while (after_or || !at_list_end(in));
    if (cdb_query_at_end(&in->lex) && context->is_group)
        return cdb_query_fail(&in->lex, context->open,
                              "expected a ')' that closes this '('; write \\( for the character");
    *out = finish_list(in->builder, first);
    if (*out == NULL)
        return CHRONDB_ESYSTEM;
    if ((*out)->size == 0) /* it was made here */
        set_place(*out, start, end);
    return CHRONDB_OK;
}

int cdb_query_parse_within(struct cdb_query_node **out, struct cdb_query_builder *builder, const char *text, size_t len,
                           enum cdb_query_operator default_op, unsigned depth)
{
    struct cdb_query_reader in = {.builder = builder, .default_op = default_op};
    struct context context = {.depth = depth};
    const struct cdb_query_node *node = NULL;
    int result = cdb_query_lex_init(&in.lex, text, len);

    if (result == CHRONDB_OK)
        result = read_list(&in, &context, out);
    if (result != CHRONDB_OK)
        return result;
    if (!cdb_query_at_end(&in.lex))
        return cdb_query_fail(&in.lex, in.lex.at, "this ')' closes nothing; write \\) for the character");
    node = cdb_query_overboosted(*out);
    return node == NULL ? CHRONDB_OK
                        : cdb_query_fail(&in.lex, node->pos, "boosts within each other multiply to more than %d",
                                         CDB_QUERY_MAX_BOOST);
}

int cdb_query_parse(const struct cdb_query_node **out, struct cdb_arena *arena, const char *text, size_t len,
                    enum cdb_query_operator default_op)
{
    struct cdb_query_builder builder = {arena, 0};
    struct cdb_query_node *root = NULL;
    int result = cdb_query_parse_within(&root, &builder, text, len, default_op, 0);

    *out = root;
    return result;
}
